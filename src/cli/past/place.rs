//! A run's address on GitHub's pages.

use rerunner::names::{RepoName, RunAttempt, RunId};
use url::Url;

use crate::cli::report::Failure;

/// `https://github.com/OWNER/REPO/actions/runs/ID`, or with `/attempts/N` of one of its attempts.
#[derive(Debug, PartialEq)]
pub struct RunPlace {
    pub repository: RepoName,
    pub run_id: RunId,
    pub attempt: Option<RunAttempt>,
}

impl RunPlace {
    /// `pages`: where GitHub's are. An address elsewhere may be anybody's, and the token is not for them.
    pub fn parse(text: &str, pages: &str) -> Result<Self, Failure> {
        let refused = |why: &str| Failure(format!("not a run's address: {why}"));
        let url = Url::parse(text).map_err(|_| refused("it is not an address at all"))?;
        let pages = Url::parse(pages).map_err(|_| refused("neither is GITHUB_API_URL"))?;
        if url.origin() != pages.origin() || !url.username().is_empty() || url.password().is_some() {
            let why = "for a GitHub Enterprise Server, set GITHUB_API_URL=https://HOST/api/v3";
            return Err(refused(&format!("expected one at {pages}, where GITHUB_API_URL says that GitHub is; {why}")));
        }
        let form = || refused("expected OWNER/REPO/actions/runs/ID, or with /attempts/N");
        let segments: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
        let segments: Vec<&str> = segments.into_iter().filter(|segment| !segment.is_empty()).collect();
        let [owner, name, "actions", "runs", run_id, rest @ ..] = segments.as_slice() else { return Err(form()) };
        let repository = RepoName::parse(&format!("{owner}/{name}")).map_err(|_| form())?;
        let run_id = run_id.parse().ok().and_then(RunId::new).ok_or_else(form)?;
        let attempt = match rest {
            [] | ["job" | "jobs", ..] => None,
            ["attempts", number, ..] => Some(number.parse().ok().and_then(RunAttempt::new).ok_or_else(form)?),
            _ => return Err(form()),
        };
        Ok(Self { repository, run_id, attempt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let parse = |text: &str| RunPlace::parse(text, "https://github.com");
        for (text, attempt) in [
            ("https://github.com/octo/widgets/actions/runs/7", None),
            ("https://github.com/octo/widgets/actions/runs/7/", None),
            ("https://github.com/octo/widgets/actions/runs/7/job/9?pr=4#step:3:1", None),
            ("https://github.com/octo/widgets/actions/runs/7/attempts/2", Some(2)),
        ] {
            let place = parse(text).unwrap_or_else(|Failure(why)| panic!("{text}: {why}"));
            let expected = (RepoName::parse("octo/widgets").unwrap(), RunId::new(7).unwrap(), attempt);
            assert_eq!((place.repository, place.run_id, place.attempt.map(RunAttempt::get)), expected);
        }
        for text in [
            "https://github.com.evil.example/octo/widgets/actions/runs/7",
            "https://evil.example/octo/widgets/actions/runs/7",
            "http://github.com/octo/widgets/actions/runs/7",
            "https://github.com@evil.example/octo/widgets/actions/runs/7",
            "https://user:hush@github.com/octo/widgets/actions/runs/7",
            "https://github.com:8443/octo/widgets/actions/runs/7",
            "https://github.com/octo/widgets/actions/runs/0",
            "https://github.com/octo/widgets/actions/runs/7/attempts/x",
            "https://github.com/octo/widgets/actions/runs/7/logs",
            "https://github.com/octo/../widgets/actions/runs/7",
            "https://github.com/octo/wid%2Fgets/actions/runs/7",
            "https://github.com/octo/widgets/actions",
            "://",
        ] {
            let Err(Failure(why)) = parse(text) else { panic!("{text}") };
            assert!(!why.contains("hush") && why.starts_with("not a run's address: "), "{text}: {why}");
        }
        let enterprise = RunPlace::parse("http://127.0.0.1:8080/o/r/actions/runs/7", "http://127.0.0.1:8080");
        assert!(enterprise.is_ok());
    }
}
