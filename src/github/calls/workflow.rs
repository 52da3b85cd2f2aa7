//! "Get a workflow": its name.

use serde::Deserialize;

use crate::names::{RepoName, WorkflowId};

use super::{Error, Reply, Request};

pub fn request(repository: &RepoName, workflow_id: WorkflowId) -> Request {
    Request::get(format!("/repos/{repository}/actions/workflows/{workflow_id}"))
}

pub fn read(reply: &Reply) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Wire {
        name: String,
    }
    reply.ok(Error::of_optional_read)?.json("a workflow").map(|Wire { name }| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::support;
    use serde_json::json;

    #[test]
    fn what_is_asked_for_and_answered() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let request = request(&repository, WorkflowId::new(5).unwrap()).in_short();
        assert_eq!(request, "Get /repos/octo/widgets/actions/workflows/5");
        assert_eq!(read(&support::reply(200, json!({ "id": 5, "name": "ci" }))), Ok("ci".to_owned()));
        assert!(matches!(read(&support::reply(200, json!({ "id": 5 }))), Err(Error::Inconclusive { .. })));
        assert_eq!(read(&support::message(404, "Not Found")), Err(Error::NotFound));
    }
}
