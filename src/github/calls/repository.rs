//! "Get a repository": whether it is there at all; and its default branch.

use serde::Deserialize;

use crate::names::RepoName;

use super::{Error, Reply, Request};

pub fn request(repository: &RepoName) -> Request {
    Request::get(format!("/repos/{repository}"))
}

pub fn read(reply: &Reply) -> Result<(), Error> {
    match reply.status {
        200 if !reply.is_page() => Ok(()),
        _ => Err(Error::of_basic_read(reply)),
    }
}

/// Its default branch.
pub fn read_default_branch(reply: &Reply) -> Result<String, Error> {
    let Wire { default_branch } = reply.ok(Error::of_optional_read)?.json("a repository")?;
    Ok(default_branch)
}

#[derive(Deserialize)]
struct Wire {
    default_branch: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::support;

    #[test]
    fn the_default_branch() {
        let of = |body| read_default_branch(&support::reply(200, &body));
        assert_eq!(of(serde_json::json!({ "default_branch": "trunk" })), Ok("trunk".to_owned()));
        for broken in [serde_json::json!({}), serde_json::json!({ "default_branch": null }), serde_json::json!([])] {
            assert!(matches!(of(broken), Err(Error::Inconclusive { .. })));
        }
    }

    #[test]
    fn what_is_asked_for_and_answered() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        assert_eq!(request(&repository).in_short(), "Get /repos/octo/widgets");
        let there = support::message(200, "");
        assert_eq!(read(&there), Ok(()));
        let mut page = there;
        page.headers.content_type = Some("text/html".to_owned());
        assert_eq!(read(&page), Err(Error::inconclusive("GitHub answered 200")));
        assert_eq!(read(&support::message(404, "Not Found")), Err(Error::NotFound));
        let refused = Error::Credentials { message: "403 Something new".to_owned() };
        assert_eq!(read(&support::message(403, "Something new")), Err(refused));
    }
}
