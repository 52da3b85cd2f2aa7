//! `ping`, and the API's other answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::common::{Hosts, account, full_repository, in_address, node_id, time, user};
use crate::model::{Annotation, CommitStatus, File, Invalid, RepositoryIdentity};

/// What GitHub sends when a webhook is set up.
pub fn ping(hosts: &Hosts, repository: &RepositoryIdentity, hook_id: u64, sender: &str, config: &Value) -> Value {
    json!({
        "zen": "Anything added dilutes everything else.",
        "hook_id": hook_id,
        "hook": hook(hosts, repository, hook_id, config),
        "repository": full_repository(hosts, repository, false),
        "sender": user(hosts, sender),
    })
}

/// A repository's webhook. `config`: its events and where it goes, as [`crate::Hook`] shows them.
pub fn hook(hosts: &Hosts, repository: &RepositoryIdentity, id: u64, config: &Value) -> Value {
    let url = format!("{}/hooks/{id}", hosts.api_repo(&repository.name));
    let created = time(repository.created_at);
    json!({
        "type": "Repository",
        "id": id,
        "name": "web",
        "active": true,
        "events": config["events"],
        "config": config["config"],
        "updated_at": created,
        "created_at": created,
        "url": url,
        "test_url": format!("{url}/test"),
        "ping_url": format!("{url}/pings"),
        "deliveries_url": format!("{url}/deliveries"),
        "last_response": { "code": null, "status": "unused", "message": null },
    })
}

pub fn status(hosts: &Hosts, repository: &RepositoryIdentity, status: &CommitStatus) -> Value {
    let creator = user(hosts, status.creator.as_str());
    let created = time(status.created_at);
    json!({
        "url": format!("{}/statuses/{}", hosts.api_repo(&repository.name), status.sha),
        "avatar_url": creator["avatar_url"],
        "id": status.id,
        "node_id": node_id("SC", status.id),
        "state": status.state.as_str(),
        "description": status.description,
        "target_url": status.target_url,
        "context": status.context,
        "created_at": created,
        "updated_at": created,
        "creator": creator,
    })
}

/// One of the errors of an answer.
pub fn invalid(wrong: &Invalid) -> Value {
    let mut shown = json!({ "resource": wrong.resource, "code": wrong.code });
    if !wrong.message.is_empty() {
        shown["message"] = wrong.message.as_str().into();
    }
    if let Some(field) = wrong.field {
        shown["field"] = field.into();
    }
    shown
}

pub fn annotation(annotation: &Annotation) -> Value {
    json!({
        "path": &*annotation.path,
        "start_line": annotation.start_line,
        "start_column": null,
        "end_line": annotation.start_line,
        "end_column": null,
        "annotation_level": annotation.level.as_str(),
        "title": annotation.title,
        "message": annotation.message,
        "raw_details": "",
        "blob_href": "",
    })
}

pub fn contents(hosts: &Hosts, repository: &RepositoryIdentity, path: &str, file: &File) -> Value {
    let encoded = STANDARD.encode(&file.content);
    // GitHub breaks the lines of the encoded text, and decoders must cope.
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(60).map(|line| std::str::from_utf8(line).expect("base64 is ASCII")).collect();
    let branch = &repository.default_branch;
    let place = in_address(path);
    let url = format!("{}/contents/{place}?ref={branch}", hosts.api_repo(&repository.name));
    let git = format!("{}/git/blobs/{}", hosts.api_repo(&repository.name), file.sha);
    let html = format!("{}/blob/{branch}/{place}", hosts.web_repo(&repository.name));
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
        "download_url": format!("https://raw.githubusercontent.com/{}/{branch}/{place}", repository.name),
        "_links": { "self": url, "git": git, "html": html },
    })
}

/// As "Get a repository" has it.
pub fn repository(hosts: &Hosts, identity: &RepositoryIdentity) -> Value {
    let mut repository = full_repository(hosts, identity, false);
    repository["organization"] = account(hosts, identity.name.owner(), "Organization");
    repository["has_discussions"] = false.into();
    repository["network_count"] = 0.into();
    repository["subscribers_count"] = 3.into();
    repository
}
