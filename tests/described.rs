//! Whatever GitHub's descriptions allow, the Worker reads: what they call nullable or optional is so here, for each
//! answer and webhook that is read, on GitHub and on the oldest and the newest Enterprise Server. Seen to fail when a run's
//! `pull_requests` are required: it names `/pull_requests is null`.

#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use rerunner::doctor::hooks::Delivery;
use rerunner::github::calls::pull_requests;
use rerunner::github::{Author, Call, CommentCall, FailedRuns, Failing, IssueCall, Reply, ReplyHeaders, app};
use rerunner::names::{JobId, RunAttempt, RunId};
use rerunner::settings::Needed;
use rerunner::time::Millis;
use rerunner::webhook::headers::Content;
use rerunner::webhook::payload;
use serde_json::{Value, json};
use simulator::model::Caller;
use simulator::payload as github;
use simulator::{Described, EventKind, GitHub, Grant, Hosts, Job, Trigger, Workflow};

const START: u64 = 1_795_446_245_000;
const NOW: u64 = START + 300_000;
const REPO: &str = "/repos/octo/widgets";

fn reply(status: u16, payload: &Value) -> Reply {
    Reply { status, headers: ReplyHeaders::default(), body: payload.to_string().into_bytes() }
}

/// A repository in which a pull request's run has failed and was re-run.
struct Scene {
    model: GitHub,
    hosts: Hosts,
    run: simulator::RunId,
    pull: u64,
    events: Vec<simulator::model::Event>,
}

impl Scene {
    fn new() -> Scene {
        let mut model = GitHub::new(1);
        model.add_token("t", Grant::full("mona"));
        let repository = model.add_repository("octo/widgets", START - 86_400_000);
        let workflow = model.add_workflow(repository, Workflow::new("ci").job(Job::new("test").always_fails()));
        let pull = model.open_pull_request(repository, "changes", "mona", false, START);
        let run = model.start_run(repository, workflow, Trigger::pull_request(pull, "mona"), START);
        model.advance(START + 100_000);
        model.press_rerun_failed(run, "hubot", START + 200_000).expect("it has failed");
        model.advance(NOW);
        let events = model.take_events();
        Scene { model, hosts: Hosts::default(), run, pull, events }
    }

    fn run(&self) -> Value {
        github::run(&self.hosts, &self.model.snapshot(self.run))
    }

    fn jobs(&mut self) -> Value {
        let page = self.model.list_jobs(Caller::new("t"), "octo/widgets", self.run, Some(1), 100, 1, NOW).unwrap();
        let jobs: Vec<Value> = page.jobs.iter().map(|job| github::job(&self.hosts, job)).collect();
        json!({ "total_count": jobs.len(), "jobs": jobs })
    }

    fn pull(&mut self) -> Value {
        let pull = self.model.pull_request(Caller::new("t"), "octo/widgets", self.pull, NOW).unwrap();
        github::listed_pull_request(&self.hosts, &pull, &self.identity())
    }

    fn comment(&mut self) -> Value {
        let body = "<!-- ours -->";
        let comment = self.model.create_comment(Caller::new("t"), "octo/widgets", self.pull, body, NOW).unwrap();
        github::comment(&self.hosts, &self.identity(), &comment)
    }

    fn issue(&mut self) -> Value {
        let new = simulator::model::IssueChange {
            title: Some("Flaky job".to_owned()),
            body: Some("<!-- ours -->".to_owned()),
            ..simulator::model::IssueChange::default()
        };
        let issue = self.model.create_issue(Caller::new("t"), "octo/widgets", &new, NOW).unwrap();
        github::issue(&self.hosts, &self.identity(), &issue)
    }

    fn identity(&self) -> std::sync::Arc<simulator::model::RepositoryIdentity> {
        self.model.repository(self.model.find_repository("octo/widgets").unwrap()).identity.clone()
    }

    /// The webhook of this kind that says so.
    fn webhook(&self, kind: EventKind, action: &str) -> Value {
        let event = self.events.iter().find(|event| event.kind() == kind && event.action() == action);
        event.expect("the event").payload(&self.hosts)
    }
}

/// Everything that the descriptions allow in the place of the payload is read.
#[track_caller]
fn is_read(described: &Described, payload: &Value, read: impl Fn(&Value) -> Result<(), String>) {
    assert!(described.allows(payload), "what this begins with is not as described: {payload}");
    read(payload).unwrap_or_else(|error| panic!("as it is: {error}"));
    let variants = described.variants(payload);
    assert!(variants.len() > 2, "nothing may be otherwise: {payload}");
    let refused =
        variants.iter().filter_map(|one| read(&one.payload).err().map(|error| format!("{}: {error}", one.what)));
    let refused: Vec<String> = refused.collect();
    assert!(refused.is_empty(), "{} of {} are not read:\n{}", refused.len(), variants.len(), refused.join("\n"));
}

/// Whether an answer was understood.
fn understood<T: std::fmt::Debug>(is_good: bool, answer: T) -> Result<(), String> {
    if is_good { Ok(()) } else { Err(format!("{answer:?}")) }
}

/// Whether the reply is read as what the call is for.
fn answers(call: &Call, reply: Reply) -> Result<(), String> {
    let response = call.response(Ok(reply), Some(&Author::User(7)));
    understood(response.error().is_none(), response)
}

#[test]
fn runs() {
    let (scene, run_id) = (Scene::new(), RunId::new(7).unwrap());
    is_read(&Described::answer("GET", &format!("{REPO}/actions/runs/7"), 200), &scene.run(), |payload| {
        answers(&Call::ReadRun { run_id }, reply(200, payload))
    });
    let list = json!({ "total_count": 1, "workflow_runs": [scene.run()] });
    is_read(&Described::answer("GET", &format!("{REPO}/actions/runs"), 200), &list, |payload| {
        let (created_from, started) = (Millis(0), Millis(0));
        let page = FailedRuns { failing: Failing::Failure, created_from, skip: 0, per_page: 50, asked: 0, started };
        answers(&Call::ListFailedRuns(page), reply(200, payload))
    });
}

#[test]
fn evidence() {
    let (jobs, run_id, per_page, page) = (Scene::new().jobs(), RunId::new(7).unwrap(), 100, 1);
    is_read(&Described::answer("GET", &format!("{REPO}/actions/runs/7/attempts/1/jobs"), 200), &jobs, |payload| {
        let call = Call::ListJobs { run_id, run_attempt: RunAttempt::FIRST, per_page, page };
        answers(&call, reply(200, payload))
    });
    let annotation = simulator::Annotation::by_runner("exit code 1");
    let list = json!([github::annotation(&annotation)]);
    is_read(&Described::answer("GET", &format!("{REPO}/check-runs/7/annotations"), 200), &list, |payload| {
        let call = Call::ListAnnotations { run_id, job_id: JobId::new(7).unwrap(), per_page, page };
        answers(&call, reply(200, payload))
    });
}

#[test]
fn pull_requests_and_comments() {
    let mut scene = Scene::new();
    let list = json!([scene.pull()]);
    is_read(&Described::answer("GET", &format!("{REPO}/pulls"), 200), &list, |payload| {
        let list = pull_requests::read(&reply(200, payload));
        understood(list.is_ok(), list)
    });
    let comment = scene.comment();
    is_read(&Described::answer("POST", &format!("{REPO}/issues/1/comments"), 201), &comment, |payload| {
        let create = CommentCall::Create { pull: 1, body: String::new() };
        answers(&Call::Comment(create), reply(201, payload))
    });
    let list = json!([comment]);
    is_read(&Described::answer("GET", &format!("{REPO}/issues/1/comments"), 200), &list, |payload| {
        let find = CommentCall::Find { pull: 1, since: Millis(0), page: 1 };
        answers(&Call::Comment(find), reply(200, payload))
    });
}

#[test]
fn issues() {
    let mut scene = Scene::new();
    let issue = scene.issue();
    let text = String::new;
    is_read(&Described::answer("POST", &format!("{REPO}/issues"), 201), &issue, |payload| {
        let open = IssueCall::Open { title: text(), body: text(), label: text() };
        answers(&Call::Issue(open), reply(201, payload))
    });
    let number = 7;
    is_read(&Described::answer("GET", &format!("{REPO}/issues/7"), 200), &issue, |payload| {
        answers(&Call::Issue(IssueCall::Read { number }), reply(200, payload))
    });
    is_read(&Described::answer("PATCH", &format!("{REPO}/issues/7"), 200), &issue, |payload| {
        let change = IssueCall::Change { number, body: text(), open: Some(true) };
        answers(&Call::Issue(change), reply(200, payload))
    });
    is_read(&Described::answer("GET", &format!("{REPO}/issues"), 200), &json!([issue]), |payload| {
        let find = IssueCall::Find { mark: "<!-- ours -->".to_owned(), label: None, page: 1 };
        answers(&Call::Issue(find), reply(200, payload))
    });
}

#[test]
fn apps() {
    let permissions = json!({ "actions": "write", "checks": "read", "contents": "read" });
    let app = github::ShownApp {
        id: 9,
        slug: "rerunner".to_owned(),
        name: "Rerunner".to_owned(),
        owner: "octo".to_owned(),
        permissions: permissions.clone(),
        events: json!(["workflow_run"]),
        created_at: NOW,
    };
    let installation = github::ShownInstallation {
        id: 7,
        account: "octo".to_owned(),
        has_selected: true,
        permissions: permissions.clone(),
        created_at: NOW,
        suspended_at: None,
    };
    let installation = github::installation(&Hosts::default(), &app, &installation);
    is_read(&Described::answer("GET", &format!("{REPO}/installation"), 200), &installation, |payload| {
        let answer = app::read_installation(&reply(200, payload));
        understood(matches!(answer, Ok(Some(_))), answer)
    });
    let token = json!({
        "token": "not-a-real-one", "expires_at": "2026-11-23T15:04:05Z",
        "permissions": permissions, "repository_selection": "selected",
    });
    is_read(&Described::answer("POST", "/app/installations/7/access_tokens", 201), &token, |payload| {
        let answer = app::read_token(&reply(201, payload), Needed::default());
        understood(matches!(answer, Ok(Some(_))), answer)
    });
    let delivery = json!([{
        "id": 1, "guid": "0b989ba4-242f-11e5-81e1-c7b6966d2516", "delivered_at": "2026-11-23T15:04:05Z",
        "redelivery": false, "duration": 0.1, "status": "OK", "status_code": 200, "event": "workflow_run",
        "action": "completed", "installation_id": 7, "repository_id": 8, "throttled_at": null,
    }]);
    for path in ["/app/hook/deliveries".to_owned(), format!("{REPO}/hooks/7/deliveries")] {
        is_read(&Described::answer("GET", &path, 200), &delivery, |payload| {
            understood(Delivery::list(&reply(200, payload)).is_some(), payload)
        });
    }
}

#[test]
fn webhooks() {
    let scene = Scene::new();
    let read = |event: &'static str| {
        move |body: &Value| {
            let body = body.to_string();
            payload::parse(event, Content::Json, body.as_bytes()).map(|_| ()).map_err(|error| error.to_string())
        }
    };
    for (kind, actions) in [
        (EventKind::WorkflowRun, ["requested", "completed"]),
        (EventKind::WorkflowJob, ["queued", "completed"]),
        (EventKind::CheckRun, ["created", "completed"]),
    ] {
        for action in actions {
            let name = format!("{}-{action}", kind.as_str().replace('_', "-"));
            is_read(&Described::webhook(&name), &scene.webhook(kind, action), read(kind.as_str()));
        }
    }
}
