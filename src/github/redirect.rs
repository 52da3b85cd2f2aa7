//! Where a redirect of GitHub's leads. Pure.
//!
//! GitHub answers calls for a repository by a name that it had before with a redirect to the repository's id (GitHub Docs,
//! "Best practices for using the REST API", "Follow redirects"). What is called next is built from what was asked for and
//! from that id or name, and not taken from the answer.

use url::Url;

use crate::names::{RepoName, RepositoryId};

/// A repository as a call's path names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryPath {
    Name(RepoName),
    Id(RepositoryId),
}

impl RepositoryPath {
    /// The beginning of a path.
    pub fn path(&self) -> String {
        match self {
            Self::Name(name) => format!("/repos/{name}"),
            Self::Id(id) => format!("/repositories/{id}"),
        }
    }

    /// The repository of a path, and the rest of it.
    fn split(path: &str) -> Option<(Self, &str)> {
        let rest_at = |slashes: usize| path.match_indices('/').nth(slashes).map_or(path.len(), |(at, _)| at);
        let (place, at) = if let Some(id) = path.strip_prefix("/repositories/") {
            let at = rest_at(2);
            let digits = id.get(..at - "/repositories/".len())?;
            (Self::Id(RepositoryId::new(number(digits)?)?), at)
        } else {
            let name = path.strip_prefix("/repos/")?;
            let at = rest_at(3);
            (Self::Name(RepoName::parse(name.get(..at - "/repos/".len())?).ok()?), at)
        };
        let rest = path.get(at..)?;
        Some((place, rest))
    }
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The repository that a redirect of `path` names: only on the same API, and only if it is the same call there. `None`: not
/// to be followed, as the token goes nowhere else.
pub fn follow(api: &str, path: &str, location: &str) -> Option<RepositoryPath> {
    let api = Url::parse(&format!("{api}/")).ok()?;
    let target = api.join(location).ok()?;
    if target.origin() != api.origin() || !target.username().is_empty() || target.password().is_some() {
        return None;
    }
    let base = api.path().trim_end_matches('/');
    let asked = path.split('?').next().unwrap_or_default();
    let (_, rest) = RepositoryPath::split(asked)?;
    let (place, there) = RepositoryPath::split(target.path().strip_prefix(base)?)?;
    // GitHub may spell what it escapes in another way.
    (decoded(there) == decoded(rest)).then_some(place)
}

/// The path at another place, with its query.
pub fn at(place: &RepositoryPath, path: &str) -> Option<String> {
    let (_, rest) = RepositoryPath::split(path.split('?').next().unwrap_or_default())?;
    let query = path.find('?').and_then(|at| path.get(at..)).unwrap_or_default();
    Some(format!("{}{rest}{query}", place.path()))
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "https://github.example/api/v3";
    const RUN: &str = "/repos/octo/old/actions/runs/7";

    fn id(id: u64) -> Option<RepositoryPath> {
        RepositoryId::new(id).map(RepositoryPath::Id)
    }

    #[test]
    fn a_renamed_repository_is_found() {
        let name = RepoName::parse("octo/new").ok().map(RepositoryPath::Name);
        for (path, location, expected) in [
            (RUN, "https://github.example/api/v3/repositories/5/actions/runs/7", id(5)),
            (RUN, "/api/v3/repositories/5/actions/runs/7", id(5)),
            (RUN, "https://github.example:443/api/v3/repos/octo/new/actions/runs/7", name),
            ("/repos/octo/old", "https://github.example/api/v3/repositories/5", id(5)),
            ("/repos/octo/old/pulls?state=all", "/api/v3/repositories/5/pulls?state=all", id(5)),
            ("/repos/octo/old/pulls?state=all", "/api/v3/repositories/5/pulls", id(5)),
            ("/repos/o/old/contents/a%20b", "/api/v3/repositories/5/contents/a%20b", id(5)),
        ] {
            assert_eq!(follow(API, path, location), expected, "{path} → {location}");
        }
    }

    #[test]
    fn nothing_else_is_followed() {
        for location in [
            "https://elsewhere.example/api/v3/repositories/5/actions/runs/7",
            "http://github.example/api/v3/repositories/5/actions/runs/7",
            "https://github.example:8443/api/v3/repositories/5/actions/runs/7",
            "https://user@github.example/api/v3/repositories/5/actions/runs/7",
            "https://github.example/repositories/5/actions/runs/7",
            "//elsewhere.example/api/v3/repositories/5/actions/runs/7",
            "/api/v3/repositories/5/actions/runs/8",
            "/api/v3/repositories/5/../6/actions/runs/8",
            "/api/v3/repositories/x/actions/runs/7",
            "/api/v3/repositories/0/actions/runs/7",
            "/api/v3/repositories/+5/actions/runs/7",
            "/api/v3/repositories",
            "/api/v3/repos/octo",
            "/api/v3/user",
            "https://github.example/login",
            "",
            "http://[",
        ] {
            assert_eq!(follow(API, RUN, location), None, "{location}");
        }
        assert_eq!(follow(API, "/app", "/api/v3/repositories/5"), None);
    }

    #[test]
    fn the_same_call_at_another_place() {
        let place = id(5).unwrap();
        for (path, expected) in [
            (RUN, Some("/repositories/5/actions/runs/7")),
            ("/repos/octo/old/pulls?head=a:b/c&state=all", Some("/repositories/5/pulls?head=a:b/c&state=all")),
            ("/repos/octo/old", Some("/repositories/5")),
            ("/repositories/4/installation", Some("/repositories/5/installation")),
            ("/app/installations/7/access_tokens", None),
        ] {
            assert_eq!(at(&place, path).as_deref(), expected, "{path}");
        }
    }
}
