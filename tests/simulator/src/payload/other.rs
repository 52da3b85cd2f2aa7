//! `ping`, and the API's other answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::common::{Hosts, full_repository, id_of, node_id, organization, time, user};
use crate::model::{Annotation, Comment, File, PullRequestSnapshot, RepositoryIdentity};

/// What GitHub sends when a webhook is set up.
pub fn ping(hosts: &Hosts, repository: &RepositoryIdentity, hook_id: u64, sender: &str, hook: Value) -> Value {
    let url = format!("{}/hooks/{hook_id}", hosts.api_repo(&repository.name));
    let created = time(repository.created_at);
    json!({
        "zen": "Anything added dilutes everything else.",
        "hook_id": hook_id,
        "hook": {
            "type": "Repository",
            "id": hook_id,
            "name": "web",
            "active": true,
            "events": hook["events"],
            "config": hook["config"],
            "updated_at": created,
            "created_at": created,
            "url": url,
            "test_url": format!("{url}/test"),
            "ping_url": format!("{url}/pings"),
            "deliveries_url": format!("{url}/deliveries"),
            "last_response": { "code": null, "status": "unused", "message": null },
        },
        "repository": full_repository(hosts, repository),
        "sender": user(hosts, sender),
    })
}

/// A comment on a pull request.
pub fn comment(hosts: &Hosts, comment: &Comment) -> Value {
    json!({
        "id": comment.id,
        "node_id": node_id("IC", comment.id),
        "body": comment.body,
        "user": user(hosts, comment.author.as_str()),
        "created_at": time(comment.created_at),
        "updated_at": time(comment.updated_at),
        "author_association": "COLLABORATOR",
        "performed_via_github_app": comment.app.map(|id| json!({
            "id": id,
            "client_id": format!("Iv1.{id:016x}"),
            "slug": comment.author.as_str().trim_end_matches("[bot]"),
        })),
    })
}

pub fn annotation(annotation: &Annotation) -> Value {
    json!({
        "path": ".github",
        "start_line": 1,
        "start_column": null,
        "end_line": 1,
        "end_column": null,
        "annotation_level": annotation.level,
        "title": "",
        "message": annotation.message,
        "raw_details": "",
        "blob_href": "",
    })
}

pub fn pull_request(hosts: &Hosts, snapshot: &PullRequestSnapshot, repository: &RepositoryIdentity) -> Value {
    let pull = &snapshot.pull;
    let url = format!("{}/pulls/{}", hosts.api_repo(&repository.name), pull.number);
    let full = full_repository(hosts, repository);
    let id = id_of(&format!("{}#{}", repository.name, pull.number)) + 1_000_000_000;
    json!({
        "id": id,
        "node_id": node_id("PR", id),
        "number": pull.number,
        "url": url,
        "html_url": format!("{}/pull/{}", hosts.web_repo(&repository.name), pull.number),
        "state": if pull.open { "open" } else { "closed" },
        "locked": false,
        "title": format!("Work on {}", pull.head_branch),
        "user": user(hosts, pull.author.as_str()),
        "body": null,
        "draft": false,
        "merged": false,
        "head": {
            "label": format!("{}:{}", pull.author, pull.head_branch),
            "ref": &*pull.head_branch,
            "sha": pull.head_sha.to_string(),
            "user": user(hosts, pull.author.as_str()),
            "repo": if pull.from_fork { Value::Null } else { full.clone() },
        },
        "base": {
            "label": format!("{}:{}", repository.name.owner(), snapshot.base_branch),
            "ref": snapshot.base_branch,
            "sha": snapshot.base_sha.to_string(),
            "user": user(hosts, repository.name.owner()),
            "repo": full,
        },
        "created_at": time(repository.created_at),
        "updated_at": time(repository.created_at),
    })
}

pub fn contents(hosts: &Hosts, repository: &RepositoryIdentity, path: &str, file: &File) -> Value {
    let encoded = STANDARD.encode(&file.content);
    // GitHub breaks the lines of the encoded text, and decoders must cope.
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(60).map(|line| std::str::from_utf8(line).expect("base64 is ASCII")).collect();
    let branch = &repository.default_branch;
    let url = format!("{}/contents/{path}?ref={branch}", hosts.api_repo(&repository.name));
    let git = format!("{}/git/blobs/{}", hosts.api_repo(&repository.name), file.sha);
    let html = format!("{}/blob/{branch}/{path}", hosts.web_repo(&repository.name));
    json!({
        "type": "file",
        "encoding": "base64",
        "size": file.content.len(),
        "name": path.rsplit('/').next(),
        "path": path,
        "content": lines.iter().map(|line| format!("{line}\n")).collect::<String>(),
        "sha": file.sha,
        "url": url,
        "git_url": git,
        "html_url": html,
        "download_url": format!("https://raw.githubusercontent.com/{}/{branch}/{path}", repository.name),
        "_links": { "self": url, "git": git, "html": html },
    })
}

/// As "Get a repository" has it.
pub fn repository(hosts: &Hosts, identity: &RepositoryIdentity) -> Value {
    let mut repository = full_repository(hosts, identity);
    repository["organization"] = organization(hosts, identity.name.owner());
    repository["network_count"] = 0.into();
    repository["subscribers_count"] = 3.into();
    repository
}
