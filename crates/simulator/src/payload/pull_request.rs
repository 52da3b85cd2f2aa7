//! Pull requests, as the API shows them.

use serde_json::{Value, json};

use super::common::{Hosts, full_repository, id_of, node_id, time, user};
use crate::model::{PullRequestSnapshot, RepoName, RepositoryIdentity};

/// One, with all that is known of it.
pub fn pull_request(hosts: &Hosts, snapshot: &PullRequestSnapshot, repository: &RepositoryIdentity) -> Value {
    let mut pull = listed_pull_request(hosts, snapshot, repository);
    let more = json!({
        "merged": snapshot.pull.merged,
        "mergeable": null,
        "rebaseable": null,
        "mergeable_state": "unknown",
        "merged_by": null,
        "comments": 0,
        "review_comments": 0,
        "maintainer_can_modify": snapshot.pull.from_fork,
        "commits": 1,
        "additions": 12,
        "deletions": 3,
        "changed_files": 2,
    });
    if let (Value::Object(pull), Value::Object(more)) = (&mut pull, more) {
        pull.extend(more);
    }
    pull
}

/// One of a list: whether it can be merged, and what it changes, is not in it.
pub fn listed_pull_request(hosts: &Hosts, snapshot: &PullRequestSnapshot, repository: &RepositoryIdentity) -> Value {
    let (pull, name) = (&snapshot.pull, &repository.name);
    let api = hosts.api_repo(name);
    let url = format!("{api}/pulls/{}", pull.number);
    let issue = format!("{api}/issues/{}", pull.number);
    let html = format!("{}/pull/{}", hosts.web_repo(name), pull.number);
    let statuses = format!("{api}/statuses/{}", pull.head_sha);
    let id = id_of(&format!("{name}#{}", pull.number)) + 1_000_000_000;
    let base = full_repository(hosts, repository, false);
    let head = if pull.fork_deleted {
        Value::Null
    } else if pull.from_fork {
        full_repository(hosts, &fork(snapshot, repository), true)
    } else {
        base.clone()
    };
    let closed = pull.closed_at.map(time);
    let link = |href: &str| json!({ "href": href });
    let links = json!({
        "self": link(&url),
        "html": link(&html),
        "issue": link(&issue),
        "comments": link(&format!("{issue}/comments")),
        "review_comments": link(&format!("{url}/comments")),
        "review_comment": link(&format!("{api}/pulls/comments{{/number}}")),
        "commits": link(&format!("{url}/commits")),
        "statuses": link(&statuses),
    });
    json!({
        "id": id,
        "node_id": node_id("PR", id),
        "number": pull.number,
        "url": url,
        "html_url": html,
        "diff_url": format!("{html}.diff"),
        "patch_url": format!("{html}.patch"),
        "issue_url": issue,
        "commits_url": format!("{url}/commits"),
        "review_comments_url": format!("{url}/comments"),
        "review_comment_url": format!("{api}/pulls/comments{{/number}}"),
        "comments_url": format!("{issue}/comments"),
        "statuses_url": statuses,
        "state": if pull.open { "open" } else { "closed" },
        "locked": false,
        "active_lock_reason": null,
        "title": pull.title(),
        "user": user(hosts, pull.author.as_str()),
        "body": null,
        "labels": [],
        "milestone": null,
        "assignee": null,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "draft": pull.draft,
        "author_association": pull.association().as_str(),
        "auto_merge": null,
        "merge_commit_sha": null,
        "created_at": time(pull.created_at),
        "updated_at": time(pull.updated_at),
        "closed_at": closed,
        "merged_at": pull.closed_at.filter(|_| pull.merged).map(time),
        "head": {
            "label": format!("{}:{}", head["owner"]["login"].as_str().unwrap_or("unknown"), pull.head_branch),
            "ref": &*pull.head_branch,
            "sha": pull.head_sha.to_string(),
            "user": head["owner"],
            "repo": head,
        },
        "base": {
            "label": format!("{}:{}", name.owner(), snapshot.base_branch),
            "ref": snapshot.base_branch,
            "sha": snapshot.base_sha.to_string(),
            "user": base["owner"],
            "repo": base,
        },
        "_links": links,
    })
}

/// The author's own copy.
fn fork(snapshot: &PullRequestSnapshot, of: &RepositoryIdentity) -> RepositoryIdentity {
    let name = RepoName::new(&format!("{}/{}", snapshot.pull.author, of.name.name()));
    let number = id_of(name.as_str());
    RepositoryIdentity { name, number, ..of.clone() }
}
