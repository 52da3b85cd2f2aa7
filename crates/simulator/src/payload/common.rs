//! Users, repositories, times, ids.

use chrono::DateTime;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::model::{Millis, PullRequestRef, RepoName, mix};
use crate::model::{RepositoryIdentity, Visibility};

/// Where the addresses in payloads point to.
#[derive(Debug, Clone)]
pub struct Hosts {
    /// For people.
    pub web: String,
    /// For programs.
    pub api: String,
}

impl Default for Hosts {
    fn default() -> Hosts {
        Hosts { web: "https://github.com".to_owned(), api: "https://api.github.com".to_owned() }
    }
}

impl Hosts {
    /// An Enterprise Server's.
    pub fn enterprise(host: &str) -> Hosts {
        Hosts { web: format!("https://{host}"), api: format!("https://{host}/api/v3") }
    }

    /// The host, if it is an Enterprise Server's.
    pub fn enterprise_host(&self) -> Option<&str> {
        self.api.strip_suffix("/api/v3")?.strip_prefix("https://")
    }

    pub(super) fn api_repo(&self, name: &RepoName) -> String {
        format!("{}/repos/{name}", self.api)
    }

    pub(super) fn web_repo(&self, name: &RepoName) -> String {
        format!("{}/{name}", self.web)
    }
}

/// `2026-11-23T15:04:05Z`
pub fn time(at: Millis) -> String {
    formatted(at, "%Y-%m-%dT%H:%M:%SZ")
}

/// `Mon, 23 Nov 2026 15:04:05 GMT`
pub fn http_date(at: Millis) -> String {
    formatted(at, "%a, %d %b %Y %H:%M:%S GMT")
}

/// `2026-11-23T15:04:05.000Z`, as steps and workflows have it.
pub(super) fn time_with_millis(at: Millis) -> String {
    formatted(at, "%Y-%m-%dT%H:%M:%S%.3fZ")
}

fn formatted(at: Millis, format: &str) -> String {
    let at = i64::try_from(at).ok().and_then(DateTime::from_timestamp_millis).expect("a time within chrono's range");
    at.format(format).to_string()
}

/// A time or a date, as `created=` has them.
pub fn parse_time(text: &str) -> Option<Millis> {
    let full = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    DateTime::parse_from_rfc3339(&full).ok().and_then(|at| Millis::try_from(at.timestamp_millis()).ok())
}

/// A name or a path as a part of an address.
pub(super) fn in_address(text: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
    utf8_percent_encode(text, KEPT).to_string()
}

/// A number of the size of GitHub's ids that always belongs to this text.
pub(super) fn id_of(text: &str) -> u64 {
    let hash = text.bytes().fold(7, |hash, byte| mix(&[hash, u64::from(byte)]));
    20_000_000 + hash % 150_000_000
}

pub(super) fn node_id(prefix: &str, id: u64) -> String {
    format!("{prefix}_kwDO{id:012X}")
}

pub(super) fn user(hosts: &Hosts, login: &str) -> Value {
    account(hosts, login, if login.ends_with("[bot]") { "Bot" } else { "User" })
}

pub(super) fn account(hosts: &Hosts, login: &str, kind: &str) -> Value {
    let id = id_of(login);
    let api = format!("{}/users/{}", hosts.api, in_address(login));
    let html = match login.strip_suffix("[bot]") {
        Some(app) => format!("{}/apps/{app}", hosts.web),
        None => format!("{}/{login}", hosts.web),
    };
    json!({
        "login": login,
        "id": id,
        "node_id": node_id("U", id),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"),
        "gravatar_id": "",
        "url": api,
        "html_url": html,
        "followers_url": format!("{api}/followers"),
        "following_url": format!("{api}/following{{/other_user}}"),
        "gists_url": format!("{api}/gists{{/gist_id}}"),
        "starred_url": format!("{api}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{api}/subscriptions"),
        "organizations_url": format!("{api}/orgs"),
        "repos_url": format!("{api}/repos"),
        "events_url": format!("{api}/events{{/privacy}}"),
        "received_events_url": format!("{api}/received_events"),
        "type": kind,
        "site_admin": false,
    })
}

pub(super) fn organization(hosts: &Hosts, login: &str) -> Value {
    let id = id_of(login);
    let api = format!("{}/orgs/{login}", hosts.api);
    json!({
        "login": login,
        "id": id,
        "node_id": node_id("O", id),
        "url": api,
        "repos_url": format!("{api}/repos"),
        "events_url": format!("{api}/events"),
        "hooks_url": format!("{api}/hooks"),
        "issues_url": format!("{api}/issues"),
        "members_url": format!("{api}/members{{/member}}"),
        "public_members_url": format!("{api}/public_members{{/member}}"),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"),
        "description": "",
    })
}

/// The short form, as inside a `workflow_run`.
pub(super) fn repository(hosts: &Hosts, name: &RepoName, id: u64, visibility: Visibility, fork: bool) -> Value {
    let api = hosts.api_repo(name);
    let mut repository = json!({
        "id": id,
        "node_id": node_id("R", id),
        "name": name.name(),
        "full_name": name.as_str(),
        "private": visibility == Visibility::Private,
        "owner": account(hosts, name.owner(), if fork { "User" } else { "Organization" }),
        "html_url": hosts.web_repo(name),
        "description": null,
        "fork": fork,
        "url": api,
    });
    const PLACES: [(&str, &str); 36] = [
        ("archive_url", "/{archive_format}{/ref}"),
        ("assignees_url", "/assignees{/user}"),
        ("blobs_url", "/git/blobs{/sha}"),
        ("branches_url", "/branches{/branch}"),
        ("collaborators_url", "/collaborators{/collaborator}"),
        ("comments_url", "/comments{/number}"),
        ("commits_url", "/commits{/sha}"),
        ("compare_url", "/compare/{base}...{head}"),
        ("contents_url", "/contents/{+path}"),
        ("contributors_url", "/contributors"),
        ("deployments_url", "/deployments"),
        ("downloads_url", "/downloads"),
        ("events_url", "/events"),
        ("forks_url", "/forks"),
        ("git_commits_url", "/git/commits{/sha}"),
        ("git_refs_url", "/git/refs{/sha}"),
        ("git_tags_url", "/git/tags{/sha}"),
        ("hooks_url", "/hooks"),
        ("issue_comment_url", "/issues/comments{/number}"),
        ("issue_events_url", "/issues/events{/number}"),
        ("issues_url", "/issues{/number}"),
        ("keys_url", "/keys{/key_id}"),
        ("labels_url", "/labels{/name}"),
        ("languages_url", "/languages"),
        ("merges_url", "/merges"),
        ("milestones_url", "/milestones{/number}"),
        ("notifications_url", "/notifications{?since,all,participating}"),
        ("pulls_url", "/pulls{/number}"),
        ("releases_url", "/releases{/id}"),
        ("stargazers_url", "/stargazers"),
        ("statuses_url", "/statuses/{sha}"),
        ("subscribers_url", "/subscribers"),
        ("subscription_url", "/subscription"),
        ("tags_url", "/tags"),
        ("teams_url", "/teams"),
        ("trees_url", "/git/trees{/sha}"),
    ];
    for (key, place) in PLACES {
        repository[key] = format!("{api}{place}").into();
    }
    repository
}

/// The long form, as at the top of every payload.
pub(super) fn full_repository(hosts: &Hosts, identity: &RepositoryIdentity, fork: bool) -> Value {
    let name = &identity.name;
    let mut long = repository(hosts, name, identity.number, identity.visibility, fork);
    let created = time(identity.created_at);
    let web = hosts.web_repo(name);
    let host = hosts.web.trim_start_matches("https://");
    let visibility = if identity.visibility == Visibility::Private { "private" } else { "public" };
    let more = json!({
        "created_at": created, "updated_at": created, "pushed_at": created,
        "git_url": format!("git://{host}/{name}.git"),
        "ssh_url": format!("git@{host}:{name}.git"),
        "clone_url": format!("{web}.git"),
        "svn_url": web,
        "homepage": null, "language": "Rust", "license": null, "mirror_url": null,
        "size": 512, "stargazers_count": 3, "watchers_count": 3, "watchers": 3,
        "forks": 0, "forks_count": 0, "open_issues": 1, "open_issues_count": 1,
        "has_issues": identity.has_issues, "has_projects": true, "has_downloads": true, "has_wiki": true, "has_pages": false,
        "archived": false, "disabled": false, "is_template": false, "web_commit_signoff_required": false,
        "topics": [], "visibility": visibility, "custom_properties": {},
        "default_branch": &*identity.default_branch,
    });
    if let (Value::Object(long), Value::Object(more)) = (&mut long, more) {
        long.extend(more);
    }
    long
}

/// `pull_requests` of a run or check run.
pub(super) fn pull_requests(hosts: &Hosts, identity: &RepositoryIdentity, pull: Option<&PullRequestRef>) -> Value {
    let Some(pull) = pull else { return json!([]) };
    let url = hosts.api_repo(&identity.name);
    let repo = json!({ "id": identity.number, "url": url, "name": identity.name.name() });
    json!([{
        "url": format!("{url}/pulls/{}", pull.number),
        "id": id_of(&format!("{}#{}", identity.name, pull.number)) + 1_000_000_000,
        "number": pull.number,
        "head": { "ref": &*pull.head_branch, "sha": pull.head_sha.to_string(), "repo": repo },
        "base": { "ref": &*pull.base_branch, "sha": pull.base_sha.to_string(), "repo": repo },
    }])
}
