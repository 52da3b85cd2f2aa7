//! Identifiers, time, and the one hash that stands in for randomness.

use std::fmt;
use std::sync::Arc;

/// Milliseconds since the Unix epoch, in the model's own time.
pub type Millis = u64;

/// A workflow run's id. It stays the same over all attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// A job's id, which is also the id of its check run. A job copied into a new attempt has a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Names a repository inside one [`super::GitHub`]; cheaper than its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryId(pub(super) u32);

/// Names a workflow of one repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkflowId(pub(super) u32);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `owner/name`, compared without regard to case as GitHub does.
#[derive(Debug, Clone)]
pub struct RepoName(Arc<str>);

impl RepoName {
    /// Panics unless `name` is `owner/name`: names come from tests.
    #[track_caller]
    pub fn new(name: &str) -> RepoName {
        let parts: Vec<&str> = name.split('/').collect();
        assert!(parts.len() == 2 && parts.iter().all(|part| !part.is_empty()), "{name:?} is not owner/name");
        RepoName(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn owner(&self) -> &str {
        self.0.split_once('/').expect("checked when made").0
    }

    pub fn name(&self) -> &str {
        self.0.split_once('/').expect("checked when made").1
    }
}

impl PartialEq for RepoName {
    fn eq(&self, other: &RepoName) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for RepoName {}

/// Whether two names are of one repository.
impl PartialEq<str> for RepoName {
    fn eq(&self, other: &str) -> bool {
        self.as_str().eq_ignore_ascii_case(other)
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A user's or an App's login.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Login(Arc<str>);

impl Login {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Login {
    fn from(login: &str) -> Login {
        Login(login.into())
    }
}

impl From<&Login> for Login {
    fn from(login: &Login) -> Login {
        login.clone()
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A commit's id; shown as 40 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha([u8; 20]);

impl Sha {
    /// The id of the `nth` commit on a branch: any 20 bytes that always come out the same will do.
    pub fn of(seed: u64, repository: &str, branch: &str, nth: u64) -> Sha {
        let base = mix(&[seed, text(repository), text(branch), nth]);
        let mut bytes = [0; 20];
        for (i, chunk) in bytes.chunks_mut(8).enumerate() {
            chunk.copy_from_slice(&mix(&[base, i as u64]).to_be_bytes()[..chunk.len()]);
        }
        Sha(bytes)
    }

    /// Of 40 hex digits.
    pub fn parse(text: &str) -> Option<Sha> {
        let mut bytes = [0; 20];
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| Sha(bytes))
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Mixes the parts into one well-spread number (SplitMix64's finalizer over a running state). The model's chances are
/// all taken from this, so that they depend on what is asked and not on the order in which it is asked.
pub fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// A text as a part for [`mix`] (FNV-1a).
pub(crate) fn text(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A number in [0, 1) from a hash.
pub(crate) fn fraction(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1u64 << 53) as f64
}
