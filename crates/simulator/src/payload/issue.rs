//! Issues, comments, reactions; `issue_comment`.

use serde_json::{Value, json};

use super::app::{ShownApp, app};
use super::common::{Hosts, full_repository, id_of, node_id, organization, time, user};
use crate::model::{
    Comment, CommentAction, CommentEvent, IssueSnapshot, Login, Millis, REACTIONS, Reaction, RepositoryIdentity, mix,
};

impl CommentEvent {
    /// The webhook's body.
    pub fn payload(&self, hosts: &Hosts) -> Value {
        let mut payload = json!({
            "action": self.action.as_str(),
            "issue": issue(hosts, &self.repository, &self.issue),
            "comment": comment(hosts, &self.repository, &self.comment),
            "repository": full_repository(hosts, &self.repository, false),
            "organization": organization(hosts, self.repository.name.owner()),
            "sender": user(hosts, self.sender.as_str()),
        });
        if let CommentAction::Edited { before } = &self.action {
            payload["changes"] = json!({ "body": { "from": before } });
        }
        payload
    }
}

/// An issue, or a pull request as one.
pub fn issue(hosts: &Hosts, repository: &RepositoryIdentity, snapshot: &IssueSnapshot) -> Value {
    let (issue, name) = (&snapshot.issue, &repository.name);
    let (api, number) = (hosts.api_repo(name), issue.number);
    let url = format!("{api}/issues/{number}");
    let web = hosts.web_repo(name);
    let place = if snapshot.pull.is_some() { "pull" } else { "issues" };
    let html = format!("{web}/{place}/{number}");
    let id = id_of(&format!("{name}#{number}")) + 2_000_000_000;
    let labels: Vec<Value> = issue.labels.iter().map(|label| shown_label(&api, label)).collect();
    let mut shown = json!({
        "id": id,
        "node_id": node_id("I", id),
        "url": url,
        "repository_url": api,
        "labels_url": format!("{url}/labels{{/name}}"),
        "comments_url": format!("{url}/comments"),
        "events_url": format!("{url}/events"),
        "timeline_url": format!("{url}/timeline"),
        "html_url": html,
        "number": number,
        "title": issue.title,
        "user": user(hosts, issue.author.as_str()),
        "labels": labels,
        "state": if issue.open { "open" } else { "closed" },
        "state_reason": issue.state_reason.map(|reason| reason.as_str()),
        "locked": false,
        "assignee": null,
        "assignees": [],
        "milestone": null,
        "comments": snapshot.comments,
        "created_at": time(issue.created_at),
        "updated_at": time(issue.updated_at),
        "closed_at": issue.closed_at.map(time),
        "author_association": issue.association.as_str(),
        "active_lock_reason": null,
        "body": issue.body,
        "closed_by": issue.closed_by.as_ref().map(|by| user(hosts, by.as_str())),
        "performed_via_github_app": issue.app.map(|id| via(hosts, id, &issue.author, issue.created_at)),
        "reactions": reactions(&url, &[]),
    });
    if let Some(pull) = snapshot.pull {
        shown["draft"] = pull.draft.into();
        shown["pull_request"] = json!({
            "url": format!("{api}/pulls/{number}"),
            "html_url": html,
            "diff_url": format!("{html}.diff"),
            "patch_url": format!("{html}.patch"),
            "merged_at": pull.merged_at.map(time),
        });
    }
    shown
}

fn shown_label(api: &str, label: &str) -> Value {
    let id = label.bytes().fold(11, |hash, byte| mix(&[hash, u64::from(byte)])) % 1_000_000_000;
    json!({
        "id": id,
        "node_id": node_id("LA", id),
        "url": format!("{api}/labels/{}", super::common::in_address(label)),
        "name": label,
        "color": "ededed",
        "default": false,
        "description": null,
    })
}

/// A comment on a pull request or an issue.
pub fn comment(hosts: &Hosts, repository: &RepositoryIdentity, comment: &Comment) -> Value {
    let api = hosts.api_repo(&repository.name);
    let place = if comment.on_pull { "pull" } else { "issues" };
    let html = format!("{}/{place}/{}", hosts.web_repo(&repository.name), comment.number);
    let url = format!("{api}/issues/comments/{}", comment.id);
    json!({
        "id": comment.id,
        "node_id": node_id("IC", comment.id),
        "url": url,
        "html_url": format!("{html}#issuecomment-{}", comment.id),
        "issue_url": format!("{api}/issues/{}", comment.number),
        "body": comment.body,
        "user": user(hosts, comment.author.as_str()),
        "created_at": time(comment.created_at),
        "updated_at": time(comment.updated_at),
        "author_association": comment.association.as_str(),
        "performed_via_github_app": comment.app.map(|id| via(hosts, id, &comment.author, comment.created_at)),
        "reactions": reactions(&url, &comment.reactions),
    })
}

/// The App that wrote it.
fn via(hosts: &Hosts, id: u64, author: &Login, created_at: Millis) -> Value {
    let slug = author.as_str().trim_end_matches("[bot]").to_owned();
    let (name, owner) = (slug.clone(), "octo".to_owned());
    app(hosts, &ShownApp { id, slug, name, owner, permissions: json!({}), events: json!([]), created_at })
}

/// How many there are of each.
fn reactions(of: &str, all: &[Reaction]) -> Value {
    let mut shown = json!({ "url": format!("{of}/reactions"), "total_count": all.len() });
    for content in REACTIONS {
        shown[content] = all.iter().filter(|one| one.content == content).count().into();
    }
    shown
}

pub fn reaction(hosts: &Hosts, reaction: &Reaction) -> Value {
    json!({
        "id": reaction.id,
        "node_id": node_id("REA", reaction.id),
        "user": user(hosts, reaction.by.as_str()),
        "content": reaction.content,
        "created_at": time(reaction.created_at),
    })
}
