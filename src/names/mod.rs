//! Names and ids that come from outside, valid by construction: the URL that is called on GitHub is built from
//! these and from nothing else. [`order`] sorts what has them; [`nearest()`] is the name that was probably meant.

mod ids;
pub mod json;
pub mod lengths;
mod nearest;
pub mod order;
mod string_enum;

pub use ids::{CommentId, InstallationId, JobId, RepositoryId, RunAttempt, RunId, WorkflowId};
pub use nearest::nearest;
pub(crate) use string_enum::string_enum;
pub use string_enum::{StringEnum, TextVisitor};

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

string_enum! {
    /// What a workflow run, a job or a check run came to. GitHub's words.
    pub enum Conclusion {
        Success = "success",
        Failure = "failure",
        TimedOut = "timed_out",
        Cancelled = "cancelled",
        ActionRequired = "action_required",
        StartupFailure = "startup_failure",
        Skipped = "skipped",
        Stale = "stale",
        Neutral = "neutral",
        ;
        /// One that GitHub has added since: never a failure.
        Unknown = "unknown" for the rest,
    }
}

impl Conclusion {
    /// Whether the default rule re-runs it.
    pub fn may_be_rerun(self) -> bool {
        matches!(self, Self::Failure | Self::TimedOut)
    }

    /// Whether a policy can have it re-run.
    pub fn may_be_rerun_by_policy(self) -> bool {
        self.may_be_rerun() || self == Self::Cancelled
    }
}

/// Whether a login is one of these. Logins are compared without regard to case, as GitHub does.
pub fn has_login(logins: &[String], login: &str) -> bool {
    logins.iter().any(|one| one.eq_ignore_ascii_case(login))
}

/// `owner/name` of a repository, as GitHub spells it.
///
/// GitHub compares both parts without regard to case; [`RepoName::key`] is the spelling to compare by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoName {
    full: String,
    slash: usize,
}

impl RepoName {
    /// Accepts what GitHub allows: an owner of up to 39 letters, digits, `-` and `_` (Enterprise managed users have
    /// an underscore), and a name of up to 100 letters, digits, `-`, `_` and `.`, other than `.` and `..`.
    pub fn parse(full: &str) -> Result<Self, InvalidRepoName> {
        let (owner, name) = full.split_once('/').ok_or(InvalidRepoName)?;
        let owner_fits = (1..=39).contains(&owner.len())
            && owner.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let name_fits = (1..=100).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && name != "."
            && name != "..";
        let name = || Self { full: full.to_owned(), slash: owner.len() };
        (owner_fits && name_fits).then(name).ok_or(InvalidRepoName)
    }

    pub fn as_str(&self) -> &str {
        &self.full
    }

    pub fn owner(&self) -> &str {
        self.full.get(..self.slash).unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.full.get(self.slash + 1..).unwrap_or_default()
    }

    /// Whether it is `OWNER/.github`, which has what an owner's repositories share.
    pub fn is_organizations(&self) -> bool {
        self.name().eq_ignore_ascii_case(".github")
    }

    /// The lower-case spelling: the name of the repository's Keeper, and the key under which its counts are kept.
    pub fn key(&self) -> String {
        self.full.to_ascii_lowercase()
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

impl TryFrom<String> for RepoName {
    type Error = InvalidRepoName;

    fn try_from(full: String) -> Result<Self, InvalidRepoName> {
        Self::parse(&full)
    }
}

impl From<RepoName> for String {
    fn from(name: RepoName) -> Self {
        name.full
    }
}

/// What [`RepoName::parse`] says of anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a repository (expected owner/name)")]
pub struct InvalidRepoName;

/// What tells a delivery from others: `X-GitHub-Delivery` in the log, and the body's signature where it matters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct DeliveryId(String);

impl DeliveryId {
    /// Up to 64 letters, digits and dashes; what is longer or stranger is no delivery id of GitHub's.
    pub fn parse(id: &str) -> Option<Self> {
        let fits = (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        fits.then(|| Self(id.to_owned()))
    }

    /// The first half of it: 128 bits that nobody without the secret can choose.
    pub fn of_signature(digest: &[u8; 32]) -> Self {
        let (half, _) = digest.split_at(16);
        Self(hex::encode(half))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DeliveryId {
    type Error = &'static str;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::parse(&id).ok_or("not a delivery id")
    }
}

/// The SHA of a commit, in small letters: 40 hexadecimal digits, or 64 where Git uses SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct CommitSha(String);

impl CommitSha {
    pub fn parse(sha: &str) -> Option<Self> {
        let fits = matches!(sha.len(), 40 | 64) && sha.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| Self(sha.to_ascii_lowercase()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CommitSha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CommitSha {
    type Error = &'static str;

    fn try_from(sha: String) -> Result<Self, Self::Error> {
        Self::parse(&sha).ok_or("not the SHA of a commit")
    }
}

/// A file in a repository: relative to its root, without `.` and `..`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct FilePath(String);

impl FilePath {
    pub fn parse(path: &str) -> Option<Self> {
        let segment = |segment: &str| {
            !matches!(segment, "" | "." | "..") && !segment.chars().any(|c| c.is_control() || c == '\\')
        };
        (path.len() <= 255 && path.split('/').all(segment)).then(|| Self(path.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For a URL's path.
    pub fn encoded(&self) -> String {
        const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');
        utf8_percent_encode(&self.0, PLAIN).to_string()
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for FilePath {
    type Error = &'static str;

    fn try_from(path: String) -> Result<Self, Self::Error> {
        Self::parse(&path).ok_or("not the path of a file in a repository")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names() {
        for good in ["o/r", "octo-org/hello.world", "a_corp/x_y-z", "O/.github"] {
            assert_eq!(RepoName::parse(good).map(|n| n.to_string()), Ok(good.to_owned()));
        }
        let long_owner = format!("{}/r", "o".repeat(40));
        let long_name = format!("o/{}", "r".repeat(101));
        for bad in [
            "",
            "o",
            "/",
            "o/",
            "/r",
            "o/r/x",
            "o/..",
            "o/.",
            "o r/x",
            "o/r?",
            "o/r#",
            "o/%2e",
            "ö/r",
            "o.o/r",
            &long_owner,
            &long_name,
        ] {
            assert_eq!(RepoName::parse(bad), Err(InvalidRepoName), "{bad}");
        }
        let name = RepoName::parse("Octo/Hello").unwrap();
        assert_eq!((name.owner(), name.name(), name.key().as_str()), ("Octo", "Hello", "octo/hello"));
    }

    #[test]
    fn paths_of_files() {
        for (path, encoded) in [
            (".github/rerunner.yml", ".github/rerunner.yml"),
            ("a b/ü?#%.yml", "a%20b/%C3%BC%3F%23%25.yml"),
            ("...", "..."),
        ] {
            assert_eq!(FilePath::parse(path).map(|path| path.encoded()).as_deref(), Some(encoded), "{path}");
        }
        for bad in ["", "/", "/etc/passwd", "a//b", "a/", "../x", "a/../b", "./a", "a\\b", "a\nb", &"x".repeat(256)] {
            assert_eq!(FilePath::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn shas_of_commits() {
        let sha = "0123456789abcdef".repeat(4);
        for good in [&sha[..40], &sha, &sha.to_uppercase()] {
            assert_eq!(CommitSha::parse(good).unwrap().as_str(), good.to_lowercase());
        }
        for bad in ["", "main", &sha[..39], &sha[..41], &format!("{}/", &sha[..39]), &format!("{}g", &sha[..39])] {
            assert_eq!(CommitSha::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn ids_have_bounds() {
        assert_eq!(RunId::new(0), None);
        assert_eq!(RunId::new(1 << 53), None);
        assert_eq!(RunId::new((1 << 53) - 1).map(RunId::get), Some(9_007_199_254_740_991));
        assert_eq!(RunAttempt::new(0), None);
        assert_eq!(DeliveryId::parse("x'; drop"), None);
        assert!(DeliveryId::parse("72d3162e-cc78-11e3-81ab-4c9367dc0958").is_some());
    }
}
