//! A platform in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::doctor::{GitHub, Who};
use crate::github::http::Method;
use crate::github::support::message;
use crate::github::{self, Reply};
use crate::keeper::store::once::Once;
use crate::keeper::summary::Summary;
use crate::keeper::views::Question;
use crate::names::RepoName;
use crate::settings::{Secret, Settings};
use crate::time::Millis;
use crate::web::access::failed_logins::FailedLogins;
use crate::web::access::team_keys::{TeamKey, TeamKeys};
use crate::web::backend::{Backend, Fault, KeeperAnswer, SummaryList};
use crate::web::setup::manifest::{Code, NewApp};
use crate::web::{Request, Response, handle};

pub const NOW: Millis = Millis(1_795_446_245_000);
pub const TOKEN: (&str, &str) = ("authorization", "Bearer the-admin-token");
/// The one repository that a Keeper knows.
pub const REPOSITORY: &str = "octo/widgets";

#[derive(Default)]
pub struct Memory {
    pub settings: Vec<(&'static str, &'static str)>,
    /// Whatever can fail does.
    pub fails: Cell<bool>,
    /// The rate limiter has counted too many.
    pub is_limited: Cell<bool>,
    pub refusal: RefCell<Option<String>>,
    pub lists: RefCell<Vec<Result<SummaryList, Fault>>>,
    /// What can be read one by one.
    pub published: RefCell<Vec<Summary>>,
    pub asked: RefCell<Vec<(String, Question)>>,
    pub networks: RefCell<Vec<String>>,
    pub cursors: RefCell<Vec<Option<String>>>,
    pub examined: RefCell<Vec<String>>,
    pub logged: RefCell<Vec<String>>,
    spent: RefCell<BTreeSet<String>>,
    failed_logins: RefCell<FailedLogins>,
    team_keys: RefCell<TeamKeys>,
    /// What the team's domain answers, and where it was asked.
    pub certs: RefCell<String>,
    pub certs_read: RefCell<Vec<String>>,
}

impl Memory {
    pub fn with(settings: &[(&'static str, &'static str)]) -> Self {
        Self { settings: settings.to_vec(), ..Self::default() }
    }

    pub fn settings(&self) -> Settings {
        let base = [("WEBHOOK_SECRET", "s"), ("GITHUB_TOKEN", "t"), ("ADMIN_TOKEN", "the-admin-token")];
        Settings::read(|name| {
            let mut all = self.settings.iter().chain(&base);
            all.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let header = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let url = format!("https://rerunner.example{path}");
        let request = Request { method, url: &url, header: &header, address: "192.0.2.1" };
        handle(&request, &self.settings(), self).now_or_never().unwrap()
    }

    /// With `ADMIN_TOKEN`.
    pub fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[TOKEN])
    }

    pub fn post(&self, path: &str) -> Response {
        self.send("POST", path, &[TOKEN])
    }

    fn or_fails<T>(&self, value: T) -> Result<T, Fault> {
        if self.fails.get() { Err("octo/secret-plans broke".to_owned()) } else { Ok(value) }
    }
}

impl Response {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value.as_ref())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn body(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Backend for Memory {
    fn now(&self) -> Millis {
        NOW
    }

    fn nonce(&self) -> String {
        "n0nce".to_owned()
    }

    fn failed_logins(&self) -> &RefCell<FailedLogins> {
        &self.failed_logins
    }

    async fn exceeds_failed_logins(&self, network: &str) -> Result<bool, Fault> {
        self.networks.borrow_mut().push(network.to_owned());
        self.or_fails(self.is_limited.get())
    }

    fn team_keys(&self) -> &RefCell<TeamKeys> {
        &self.team_keys
    }

    async fn read_team_keys(&self, url: &str) -> Result<Vec<u8>, Fault> {
        self.certs_read.borrow_mut().push(url.to_owned());
        self.or_fails(self.certs.borrow().clone().into_bytes())
    }

    /// A signature is the modulus, here.
    async fn is_signed(&self, key: &TeamKey, _: &[u8], signature: &[u8]) -> Result<bool, Fault> {
        Ok(key.n.as_bytes() == signature)
    }

    async fn ask(&self, repository: &RepoName, question: Question) -> Result<Option<KeeperAnswer>, Fault> {
        let run = json!({
            "run_id": 7, "run_attempt": 1, "workflow": "ci", "run_number": 1, "title": null, "branch": "main",
            "event": "push", "actor": "mona", "outcome": "rescued", "reason": "it passed", "reruns": 1, "due": null, "held_since": null,
            "created": "2026-11-23T15:04:05Z", "updated": "2026-11-23T15:04:05Z", "at": "2026-11-23T15:04:05Z",
            "repository": repository, "decisions": [],
        });
        let view = match question {
            Question::Run(_) => run,
            Question::RunPage(_) => json!({
                "one": run, "commit": null, "pull_request": null, "paused_since": null, "rules": [],
            }),
            Question::Repository(_) => json!({
                "repository": repository, "at": "2026-11-23T15:04:05Z", "paused_since": null, "credentials_refused": null,
                "repository_problem": null, "policy_problem": null, "outages": [], "waiting": 0, "rerunning": 0, "reruns_today": 0,
                "reruns_per_day": null, "last_30_days": crate::keeper::store::statistics::Figures::default(), "by_day": [],
                "precision": crate::keeper::judgement::Precision::default(),
                "unknown_failures": crate::keeper::judgement::UnknownFailures::default(),
                "due": [], "flaky_jobs": [], "bad_runners": [], "runs": [run], "looked_through": null, "next_cursor": "7",
            }),
            Question::Status
            | Question::Runs(_)
            | Question::FlakyJobs { .. }
            | Question::Precision
            | Question::Pause
            | Question::Resume => json!({}),
        };
        self.asked.borrow_mut().push((repository.to_string(), question));
        let answer = KeeperAnswer { json: view.to_string().into_bytes(), rows_read: 12 };
        self.or_fails((repository.as_str() == REPOSITORY).then_some(answer))
    }

    async fn spend(&self, once: &Once) -> Result<bool, Fault> {
        self.or_fails(self.spent.borrow_mut().insert(once.id.clone()))
    }

    async fn summary(&self, repository: &RepoName) -> Result<Option<Summary>, Fault> {
        if let Some(summary) = self.published.borrow().iter().find(|summary| summary.repository == *repository) {
            return self.or_fails(Some(summary.clone()));
        }
        let summary = Summary::new(repository.clone(), NOW, Default::default(), &[]);
        self.or_fails((repository.as_str() == REPOSITORY).then_some(summary))
    }

    async fn summaries(&self, cursor: Option<&str>) -> Result<SummaryList, Fault> {
        self.cursors.borrow_mut().push(cursor.map(str::to_owned));
        self.or_fails(())?;
        self.lists.borrow_mut().pop().unwrap_or(Ok(SummaryList { summaries: vec![], cursor: None }))
    }

    async fn credentials_refusal(&self) -> Result<Option<String>, Fault> {
        self.or_fails(self.refusal.borrow().clone())
    }

    fn github(&self, repositories: &[RepoName]) -> impl GitHub {
        self.examined.borrow_mut().extend(repositories.iter().map(RepoName::to_string));
        NoGitHub
    }

    async fn convert(&self, code: &Code) -> Result<NewApp, github::Error> {
        if self.fails.get() || code.path().contains("unknown") {
            return Err(github::Error::NotFound);
        }
        Ok(NewApp {
            id: 7,
            name: "Mine".to_owned(),
            page: "https://github.com/apps/mine".to_owned(),
            pem: Secret::new("-----BEGIN\nkey\n-----END\n"),
            webhook_secret: Secret::new("hush"),
        })
    }

    fn log_fault(&self, place: &'static str, what: &str) {
        self.logged.borrow_mut().push(format!("{place}: {what}"));
    }
}

/// It refuses the credentials.
struct NoGitHub;

impl GitHub for NoGitHub {
    async fn call(&self, _: Who<'_>, _: Method, _: &str) -> Result<Reply, github::Error> {
        Ok(message(401, "Bad credentials"))
    }
}
