//! "List check run annotations". A job's check run has the job's id.

use serde::Deserialize;

use crate::names::{JobId, RepoName};

use super::{Error, Page, Reply, Request};

/// A message is shortened to this many characters: what people look for is at its beginning.
const MESSAGE_MOST: usize = 2_000;

/// Pages are counted from 1.
pub fn request(repository: &RepoName, job_id: JobId, per_page: u32, page: u32) -> Request {
    Request::get(format!("/repos/{repository}/check-runs/{job_id}/annotations?per_page={per_page}&page={page}"))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    pub message: String,
    /// Whether it says that something failed at a file of the repository.
    pub at_source: bool,
}

pub fn read(reply: &Reply, per_page: u32) -> Result<Page<Annotation>, Error> {
    let list: Vec<Wire> = reply.ok(Error::of_optional_read)?.json("a list of annotations")?;
    Ok(Page::of(list, per_page, |annotation| {
        let at_source = annotation.is_at_source();
        Some(Annotation { message: annotation.message?.chars().take(MESSAGE_MOST).collect(), at_source })
    }))
}

#[derive(Deserialize)]
struct Wire {
    message: Option<String>,
    path: Option<String>,
    annotation_level: Option<String>,
}

impl Wire {
    /// The runner's own are at `.github`, which is no file; an action's without a file as well.
    fn is_at_source(&self) -> bool {
        let is_file = |path: &String| !path.is_empty() && path != ".github";
        self.annotation_level.as_deref() == Some("failure") && self.path.as_ref().is_some_and(is_file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::support;
    use serde_json::json;

    #[test]
    fn what_is_asked_for() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let request = request(&repository, JobId::new(9).unwrap(), 100, 1).in_short();
        assert_eq!(request, "Get /repos/octo/widgets/check-runs/9/annotations?per_page=100&page=1");
    }

    #[test]
    fn what_is_nullable_or_optional_may_be_either() {
        let annotations = support::reply(200, json!([{ "message": null, "title": null }, {}, { "message": "x" }]));
        let page = read(&annotations, 100).unwrap();
        assert_eq!(page.items, [Annotation { message: "x".to_owned(), at_source: false }]);
    }

    #[test]
    fn which_are_at_a_file() {
        for (level, path, expected) in [
            (json!("failure"), json!("src/lib.rs"), true),
            (json!("failure"), json!(".github/workflows/ci.yml"), true),
            (json!("warning"), json!("src/lib.rs"), false),
            (json!("failure"), json!(".github"), false),
            (json!("failure"), json!(""), false),
            (json!("failure"), json!(null), false),
            (json!(null), json!("src/lib.rs"), false),
        ] {
            let list = json!([{ "message": "x", "annotation_level": level, "path": path }]);
            let page = read(&support::reply(200, &list), 100).unwrap();
            assert_eq!(page.items.first().map(|annotation| annotation.at_source), Some(expected), "{list}");
        }
    }

    #[test]
    fn a_full_page_has_a_next_one() {
        let list = |n: usize| json!(vec![json!({ "message": "Process completed with exit code 1." }); n]);
        for (n, per_page, expected) in
            [(0, 100, false), (99, 100, false), (100, 100, true), (49, 50, false), (50, 50, true)]
        {
            let page = read(&support::reply(200, list(n)), per_page).unwrap();
            assert_eq!((page.items.len(), page.full), (n, expected));
        }
    }

    #[test]
    fn what_one_refusal_is_about() {
        let of = |status, message: &str| read(&support::message(status, message), 100);
        for (status, message, said) in [
            (
                403,
                "Resource not accessible by personal access token",
                "403 Resource not accessible by personal access token",
            ),
            (410, "Gone", "410 Gone"),
        ] {
            assert_eq!(of(status, message), Err(Error::Refused { message: said.to_owned() }));
        }
        assert_eq!(of(403, "Something new"), Err(Error::UnclearRefusal { message: "Something new".to_owned() }));
        assert_eq!(of(404, "Not Found"), Err(Error::NotFound));
        // These concern more than this.
        assert_eq!(of(401, "Bad credentials"), Err(Error::Credentials { message: "401 Bad credentials".to_owned() }));
        assert_eq!(of(403, "API rate limit exceeded"), Err(Error::RateLimited { wait: None }));
        assert_eq!(of(451, "No"), Err(Error::Repository { message: "451 No".to_owned() }));
        assert_eq!(of(502, ""), Err(Error::inconclusive("GitHub answered 502")));
    }
}
