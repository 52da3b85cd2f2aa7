use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::cell::RefCell;
use std::collections::BTreeMap;

use futures_util::FutureExt;
use serde_json::{Value, json};

use super::examine::examine;
use super::redeliver::{Redelivered, everything};
use super::*;
use crate::github::ReplyHeaders;
use crate::github::support::{message, reply};
use crate::time::{Millis, Span};

const NOW: Millis = Millis(1_795_446_245_000);
const URL: &str = "https://rerunner.example.workers.dev/";

/// Answers by path; 404 for anything else.
#[derive(Default)]
struct Scripted {
    answers: BTreeMap<String, Reply>,
    posted: RefCell<Vec<String>>,
}

impl Scripted {
    fn with(mut self, path: &str, status: u16, body: &Value) -> Self {
        self.answers.insert(path.to_owned(), reply(status, body));
        self
    }

    fn header(mut self, path: &str, set: impl FnOnce(&mut ReplyHeaders)) -> Self {
        set(&mut self.answers.get_mut(path).unwrap().headers);
        self
    }
}

impl GitHub for Scripted {
    async fn call(&self, _: Who<'_>, method: Method, path: &str) -> Result<Reply, github::Error> {
        if method == Method::Get {
            return Ok(self.answers.get(path).cloned().unwrap_or_else(|| message(404, "Not Found")));
        }
        self.posted.borrow_mut().push(path.to_owned());
        Ok(reply(202, json!({})))
    }
}

fn site(has_app: bool, has_token: bool) -> Site {
    Site {
        has_app,
        has_token,
        webhook_url: URL.to_owned(),
        web_url: "https://github.com".to_owned(),
        policy_file: FilePath::parse(".github/rerunner.yml"),
        settings: RerunSettings::from(&crate::settings::Settings::read(|_| None)),
        needed: Needed::default(),
    }
}

fn repository() -> RepoName {
    RepoName::parse("octo/widgets").unwrap()
}

#[track_caller]
fn finds(github: &Scripted, site: &Site, check: &str, state: State, part: &str) {
    let findings = examine(github, site, &[repository()]).now_or_never().unwrap();
    let found = findings.iter().find(|one| one.check == check && one.state == state && one.finding.contains(part));
    assert!(found.is_some(), "{check}: {state:?} {part:?} is not in {findings:#?}");
}

fn hook(url: &str, events: &[&str], active: bool, secret: Option<&str>) -> Value {
    let config = json!({ "url": url, "content_type": "form", "secret": secret });
    json!([{ "id": 5, "active": active, "events": events, "config": config }])
}

fn delivery(id: u64, guid: &str, status_code: u16) -> Value {
    let at = Millis(NOW.0 - Span::hours(1).as_millis()).to_rfc3339();
    json!({ "id": id, "guid": guid, "delivered_at": at, "status_code": status_code, "event": "workflow_run" })
}

#[test]
fn tokens() {
    let user = |scopes: Option<&str>| {
        let github = Scripted::default().with("/user", 200, &json!({ "login": "ann" }));
        github.header("/user", |headers| headers.oauth_scopes = scopes.map(str::to_owned))
    };
    let site = site(false, true);
    finds(&user(Some("repo, gist")), &site, "token", State::Ok, "ann");
    finds(&user(Some("public_repo")), &site, "token", State::Warning, "public repositories only");
    finds(&user(Some("gist")), &site, "token", State::Wrong, "lacks the scope repo");
    finds(&user(Some("")), &site, "token", State::Wrong, "none");
    finds(&user(None), &site, "token", State::Ok, "fine-grained");
    let refused = Scripted::default().with("/user", 401, &json!({ "message": "Bad credentials" }));
    finds(&refused, &site, "token", State::Wrong, "401 Bad credentials");
}

#[test]
fn rate_limits() {
    let left = |remaining: u64| {
        let limit = json!({ "rate": { "limit": 5_000, "remaining": remaining } });
        Scripted::default().with("/user", 200, &json!({ "login": "ann" })).with("/rate_limit", 200, &limit)
    };
    finds(&left(500), &site(false, true), "token: rate limit", State::Ok, "500 of 5000");
    finds(&left(499), &site(false, true), "token: rate limit", State::Warning, "499 of 5000");
    finds(&left(0), &site(false, true), "token: rate limit", State::Warning, "0 of 5000");
    let none = Scripted::default().with("/user", 200, &json!({ "login": "ann" }));
    finds(&none, &site(false, true), "token: rate limit", State::Ok, "there is none");
}

/// Seen to fail when all are sent to the page of classic tokens.
#[test]
fn where_a_token_is_mended() {
    let user = |scopes: Option<&str>| {
        let github = Scripted::default().with("/user", 200, &json!({ "login": "ann" }));
        github.header("/user", |headers| headers.oauth_scopes = scopes.map(str::to_owned))
    };
    for (scopes, page) in [(Some("repo"), "/settings/tokens"), (None, "/settings/personal-access-tokens")] {
        let findings = examine(&user(scopes), &site(false, true), &[repository()]).now_or_never().unwrap();
        let runs = findings.iter().find(|finding| finding.check == "octo/widgets: workflow runs").unwrap();
        assert!(runs.remedy.as_ref().is_some_and(|remedy| remedy.ends_with(page)), "{runs:?}");
    }
}

#[test]
fn webhooks() {
    let check = "octo/widgets: webhook";
    let with = |hooks: &Value| Scripted::default().with("/repos/octo/widgets/hooks?per_page=100", 200, hooks);
    let site = site(false, true);
    let runs = &["workflow_run"];
    finds(&with(&hook(URL, runs, true, Some("*"))), &site, check, State::Ok, "as form");
    finds(&with(&hook(URL.trim_end_matches('/'), runs, true, Some("*"))), &site, check, State::Ok, "");
    finds(&with(&hook(URL, &["*"], true, Some("*"))), &site, check, State::Ok, "");
    finds(&with(&hook(URL, &["push"], true, Some("*"))), &site, check, State::Wrong, "not Workflow runs");
    finds(&with(&hook(URL, runs, false, Some("*"))), &site, check, State::Wrong, "not active");
    finds(&with(&hook(URL, runs, true, None)), &site, check, State::Wrong, "no secret");
    finds(&with(&hook("https://elsewhere.example/", runs, true, Some("*"))), &site, check, State::Warning, "none to");
    finds(&with(&json!([])), &site, check, State::Warning, "organization");
    finds(&Scripted::default(), &site, check, State::Warning, "may not see webhooks");
}

#[test]
fn last_deliveries() {
    let check = "octo/widgets: deliveries";
    let with = |deliveries: &Value| {
        Scripted::default()
            .with("/repos/octo/widgets/hooks?per_page=100", 200, &hook(URL, &["workflow_run"], true, Some("*")))
            .with("/repos/octo/widgets/hooks/5/deliveries?per_page=30", 200, deliveries)
    };
    let site = site(false, true);
    finds(&with(&json!([delivery(1, "a", 202)])), &site, check, State::Ok, "the last 1 arrived");
    finds(
        &with(&json!([delivery(2, "b", 202), delivery(1, "a", 503)])),
        &site,
        check,
        State::Warning,
        "1 of the last 2",
    );
    finds(&with(&json!([delivery(2, "b", 401), delivery(1, "a", 202)])), &site, check, State::Wrong, "(401)");
    finds(&with(&json!([delivery(1, "a", 0)])), &site, check, State::Wrong, "no answer");
    finds(&with(&json!([])), &site, check, State::Warning, "none yet");
}

#[test]
fn apps() {
    let permissions = json!({
        "actions": "write", "checks": "read", "contents": "read", "metadata": "read", "pull_requests": "read",
    });
    let app = |permissions: &Value, events: &[&str]| {
        let owner = json!({ "login": "octo", "type": "Organization" });
        let body = json!({
            "name": "Mine", "slug": "mine", "html_url": "https://github.com/apps/mine", "owner": owner, "permissions": permissions, "events": events,
        });
        Scripted::default().with("/app", 200, &body).with("/app/hook/config", 200, &json!({ "url": URL }))
    };
    let site = site(true, false);
    let good = app(&permissions, &["workflow_run"]);
    finds(&good, &site, "App", State::Ok, "Mine");
    finds(&good, &site, "App: webhook", State::Ok, "workflow_run");
    finds(&good, &site, "octo/widgets: App", State::Wrong, "not installed");
    let installed = |permissions: &Value, suspended: Option<&str>| {
        let body = json!({ "id": 7, "suspended_at": suspended, "permissions": permissions });
        app(permissions, &["workflow_run"]).with("/repos/octo/widgets/installation", 200, &body)
    };
    finds(&installed(&permissions, None), &site, "octo/widgets: App", State::Ok, "installation 7");
    finds(&installed(&permissions, None), &site, "octo/widgets: webhook", State::Ok, "the App's");
    finds(&installed(&permissions, Some("2026-11-23")), &site, "octo/widgets: App", State::Wrong, "suspended");
    // By GitHub's description an App may have no slug, and its owner be an enterprise, which has no login.
    let bare = json!({
        "name": "Mine", "html_url": "https://github.com/apps/mine", "owner": { "slug": "corp" },
        "permissions": permissions, "events": ["push"],
    });
    let bare = Scripted::default().with("/app", 200, &bare).with("/app/hook/config", 200, &json!({ "url": URL }));
    finds(&bare, &site, "App", State::Ok, "Mine");
    let narrow = json!({ "actions": "read", "contents": "read" });
    finds(&installed(&narrow, None), &site, "octo/widgets: App", State::Wrong, "actions: write, checks: read");
    finds(&app(&narrow, &["workflow_run"]), &site, "App: permissions", State::Wrong, "actions: write, checks: read");
    finds(&app(&permissions, &["push"]), &site, "App: webhook", State::Wrong, "does not subscribe");
    let elsewhere = good.with("/app/hook/config", 200, &json!({ "url": "https://elsewhere.example/" }));
    finds(&elsewhere, &site, "App: webhook", State::Wrong, "elsewhere.example");
    let undecoded =
        Scripted::default().with("/app", 401, &json!({ "message": "A JSON web token could not be decoded" }));
    finds(&undecoded, &site, "App", State::Wrong, "GITHUB_APP_PRIVATE_KEY");
}

/// Each feature that is switched on, by settings or by a policy file, has a word on what it lacks.
#[test]
fn features() {
    let base = json!({
        "actions": "write", "checks": "read", "contents": "read", "metadata": "read", "pull_requests": "read",
    });
    let with = |granted: &Value, events: &[&str]| {
        let body = json!({
            "name": "Mine", "slug": "mine", "html_url": "https://github.com/apps/mine", "permissions": granted, "events": events,
        });
        Scripted::default().with("/app", 200, &body).with("/app/hook/config", 200, &json!({ "url": URL })).with(
            "/repos/octo/widgets/installation",
            200,
            &json!({ "id": 7, "permissions": granted }),
        )
    };
    let all = Needed { comments: true, commit_status: true, commands: false, flaky_issues: false };
    let app = Site { needed: all, ..site(true, false) };
    let lacks = "statuses: write (COMMIT_STATUS)";
    finds(&with(&base, &["workflow_run"]), &app, "App: permissions", State::Wrong, lacks);
    finds(&with(&base, &["workflow_run"]), &app, "octo/widgets: App", State::Wrong, lacks);
    let lacks = "pull_requests: write (COMMENT_ON_PULL_REQUESTS)";
    finds(&with(&base, &["workflow_run"]), &app, "App: permissions", State::Wrong, lacks);
    let mut granted = base.clone();
    (granted["statuses"], granted["pull_requests"]) = (json!("write"), json!("write"));
    finds(&with(&granted, &["workflow_run"]), &app, "App: permissions", State::Ok, "statuses: write");

    let user = |scopes: Option<&str>| {
        let github = Scripted::default().with("/user", 200, &json!({ "login": "ann" }));
        github.header("/user", |headers| headers.oauth_scopes = scopes.map(str::to_owned))
    };
    let token = Site { needed: all, ..site(false, true) };
    let check = "octo/widgets: COMMIT_STATUS";
    finds(&user(Some("repo")), &token, check, State::Ok, "the token may write statuses");
    finds(&user(None), &token, check, State::Warning, "it needs statuses: write");
}

#[test]
fn policy_files() {
    let check = "octo/widgets: .github/rerunner.yml";
    let readable = || Scripted::default().with("/repos/octo/widgets/actions/runs?per_page=1", 200, &json!({}));
    let file = |content: &str| {
        let content = STANDARD.encode(content);
        let (first, second) = content.split_at(content.len() / 2);
        let body = json!({ "content": format!("{first}\n{second}\n") });
        readable().with("/repos/octo/widgets/contents/.github/rerunner.yml", 200, &body)
    };
    let site = site(false, true);
    finds(&file("version: 1\nmax_reruns: 2\n"), &site, check, State::Ok, "valid");
    finds(&file("version: 1\nmax_rerun: 2\n"), &site, check, State::Wrong, "line 2");
    finds(&readable(), &site, check, State::Ok, "there is none: the preset everything");
    // Seen to fail when what is not to be seen is taken for what is not there.
    finds(&Scripted::default(), &site, check, State::Warning, "not checked: the repository cannot be read");
    let both = |own: Option<&str>, organizations: &str| {
        let github = own.map_or_else(readable, &file);
        let body = json!({ "content": STANDARD.encode(organizations) });
        github.with("/repos/octo/.github/contents/.github/rerunner.yml", 200, &body)
    };
    let organizations = "octo/.github: .github/rerunner.yml";
    finds(&both(None, "max_reruns: 2\n"), &site, check, State::Ok, "there is none: the organization's applies");
    finds(&both(None, "max_rerun: 2\n"), &site, organizations, State::Wrong, "line 1");
    let extends = Some("version: 1\nextends: organization\n");
    finds(&both(extends, "max_reruns: 2\n"), &site, check, State::Ok, "valid");
    finds(&both(extends, "max_reruns: 2\n"), &site, organizations, State::Ok, "valid");
    finds(&both(extends, "max_rerun: 2\n"), &site, check, State::Wrong, "line 2");
    finds(&file("extends: organization\n"), &site, check, State::Wrong, "there is no organization's policy file");
    // Where it does not matter, it is not looked at.
    let own = both(Some("max_reruns: 2\n"), "max_rerun: 2\n");
    let findings = examine(&own, &site, &[repository()]).now_or_never().unwrap();
    assert!(findings.iter().all(|finding| finding.check != organizations), "{findings:#?}");
}

#[test]
fn every_page_of_failed_deliveries_is_sent_again() {
    let all = "/app/hook/deliveries?per_page=100";
    let github = Scripted::default()
        .with(all, 200, &json!([delivery(9, "arrived", 202), delivery(8, "lost", 0)]))
        .header(all, |headers| headers.link = Some("<https://x/y?cursor=a%3D>; rel=\"next\"".to_owned()))
        .with("/app/hook/deliveries?per_page=100&cursor=a%3D", 200, &json!([delivery(3, "unstored", 503)]));
    let done = everything(&github, &site(true, false), &[repository()], NOW).now_or_never().unwrap();
    assert_eq!(done, Ok(Redelivered { redelivered: 2, left: 0 }));
    assert_eq!(*github.posted.borrow(), ["/app/hook/deliveries/3/attempts", "/app/hook/deliveries/8/attempts"]);
    // With a token, webhooks that may not be seen are a matter to tell.
    let refused = everything(&Scripted::default(), &site(false, true), &[repository()], NOW).now_or_never().unwrap();
    assert_eq!(refused, Err(github::Error::NotFound));
}
