//! The way through [`read`], a table for each rule.

use serde_json::{Value, json};
use simulator::webhooks::signature as sign;

use super::*;
use crate::names::{InstallationId, RunAttempt, RunId};
use crate::webhook::event::RunEventKind;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let base = [("WEBHOOK_SECRET", "current"), ("WEBHOOK_SECRET_PREVIOUS", "previous"), ("GITHUB_TOKEN", "t")];
    Settings::read(|name| pairs.iter().chain(&base).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
}

struct Delivery {
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Delivery {
    fn new(event: &str, payload: &Value) -> Self {
        let body = payload.to_string().into_bytes();
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("x-hub-signature-256", sign("current", &body)),
            ("x-github-event", event.to_owned()),
            ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned()),
        ];
        Self { headers, body }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(key, _)| *key != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| *key != name);
        self
    }

    /// Another body, signed again.
    fn body(self, body: &[u8]) -> Self {
        let signed = sign("current", body);
        Self { body: body.to_vec(), ..self }.with("x-hub-signature-256", &signed)
    }

    fn read(&self, settings: &Settings) -> Result<RunEvent, Answer> {
        let header = |name: &str| self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let headers = headers::check(settings, header)?;
        read(settings, &headers, &signature::macs(&settings.webhook_secrets, &self.body), || &self.body)
    }

    #[track_caller]
    fn answers(&self, status: u16, outcome: Outcome, reason: &str) {
        self.answers_with(&settings(&[]), status, outcome, reason);
    }

    #[track_caller]
    fn answers_with(&self, settings: &Settings, status: u16, outcome: Outcome, reason: &str) {
        let Err(answer) = self.read(settings) else { panic!("an event, not an answer") };
        assert_eq!((answer.status, answer.outcome), (status, outcome), "{}", answer.reason);
        assert!(answer.reason.contains(reason), "{:?} does not say {reason:?}", answer.reason);
    }

    #[track_caller]
    fn events(&self, run_id: u64, run_attempt: Option<u32>, kind: RunEventKind) {
        let event = self.read(&settings(&[])).expect("an event, not an answer");
        assert_eq!(event.repository.as_str(), "octo/widgets");
        assert_eq!(event.run_id, RunId::new(run_id).unwrap());
        assert_eq!(event.run_attempt, run_attempt.and_then(RunAttempt::new));
        assert_eq!(event.kind, kind);
        assert!(event.delivery.is_some());
    }
}

fn run(conclusion: &str, attempt: u32) -> Value {
    json!({
        "action": "completed",
        "repository": { "full_name": "octo/widgets" },
        "workflow_run": {
            "id": 7, "run_attempt": attempt, "conclusion": conclusion,
            "actor": { "login": "ann" }, "triggering_actor": { "login": "bob" },
        },
    })
}

fn job(conclusion: &str) -> Value {
    json!({
        "action": "completed",
        "repository": { "full_name": "octo/widgets" },
        "sender": { "login": "ann" },
        "workflow_job": { "run_id": 7, "run_attempt": 2, "conclusion": conclusion },
    })
}

fn check(conclusion: &str) -> Value {
    json!({
        "action": "completed",
        "repository": { "full_name": "octo/widgets" },
        "sender": { "login": "ann" },
        "check_run": {
            "conclusion": conclusion,
            "details_url": "https://github.example/octo/widgets/actions/runs/7/job/9",
            "app": { "slug": "github-actions" },
        },
    })
}

#[test]
fn an_apps_webhook_names_its_installation() {
    for (event, mut payload) in
        [("workflow_run", run("failure", 1)), ("workflow_job", job("failure")), ("check_run", check("failure"))]
    {
        let installation = |payload: &Value| match Delivery::new(event, payload).read(&settings(&[])) {
            Ok(event) => event.installation.map(InstallationId::get),
            Err(answer) => panic!("{event}: {}", answer.reason),
        };
        assert_eq!(installation(&payload), None);
        payload["installation"] = json!({ "id": 70, "node_id": "MDIz" });
        assert_eq!(installation(&payload), Some(70), "{event}");
        payload["installation"]["id"] = "70/../71".into();
        Delivery::new(event, &payload).answers(400, Outcome::Rejected, "malformed");
    }
}

#[test]
fn candidates() {
    Delivery::new("workflow_run", &run("failure", 1)).events(7, Some(1), RunEventKind::RunFailed);
    Delivery::new("workflow_run", &run("timed_out", 4)).events(7, Some(4), RunEventKind::RunFailed);
    Delivery::new("workflow_run", &run("success", 2)).events(7, Some(2), RunEventKind::RunSucceeded);
    Delivery::new("workflow_run", &run("skipped", 2)).events(7, Some(2), RunEventKind::RunEnded);
    Delivery::new("workflow_run", &run("cancelled", 1)).events(7, Some(1), RunEventKind::RunCancelled);
    Delivery::new("workflow_run", &run("cancelled", 2)).events(7, Some(2), RunEventKind::RunCancelled);
    Delivery::new("workflow_job", &job("failure")).events(7, Some(2), RunEventKind::JobFailed);
    Delivery::new("check_run", &check("timed_out")).events(7, None, RunEventKind::JobFailed);
    let mut nothing_concluded = run("failure", 1);
    nothing_concluded["workflow_run"]["conclusion"] = Value::Null;
    Delivery::new("workflow_run", &nothing_concluded).events(7, Some(1), RunEventKind::RunFailed);
    let mut old_server = job("failure");
    old_server["workflow_job"].as_object_mut().unwrap().remove("run_attempt");
    Delivery::new("workflow_job", &old_server).events(7, None, RunEventKind::JobFailed);
}

#[test]
fn left_alone() {
    for conclusion in ["success", "cancelled", "action_required", "startup_failure", "skipped", "stale", "neutral"] {
        if conclusion != "cancelled" {
            Delivery::new("workflow_run", &run(conclusion, 1)).answers(200, Outcome::Ignored, conclusion);
        }
        Delivery::new("workflow_job", &job(conclusion)).answers(200, Outcome::Ignored, conclusion);
        Delivery::new("check_run", &check(conclusion)).answers(200, Outcome::Ignored, conclusion);
    }
    Delivery::new("workflow_run", &run("invented_next_year", 1)).answers(200, Outcome::Ignored, "unknown");
    for event in ["workflow_run", "workflow_job", "check_run"] {
        let mut payload = run("failure", 1);
        for (key, value) in job("failure").as_object().unwrap().iter().chain(check("failure").as_object().unwrap()) {
            payload[key] = value.clone();
        }
        payload["action"] = json!("requested");
        Delivery::new(event, &payload).answers(200, Outcome::Ignored, "action");
    }
    Delivery::new("push", &json!({})).answers(200, Outcome::Ignored, "event");
    Delivery::new("ping", &json!({ "zen": "Keep it logically awesome." })).answers(200, Outcome::Pong, "signature");
    let mut of_another_app = check("failure");
    of_another_app["check_run"]["app"]["slug"] = json!("circleci");
    Delivery::new("check_run", &of_another_app).answers(200, Outcome::Ignored, "not of GitHub Actions");
}

#[test]
fn answers_name_the_run() {
    let Err(answer) = Delivery::new("workflow_run", &run("success", 1)).read(&settings(&[])) else {
        panic!("an event, not an answer")
    };
    let expected = json!({
        "outcome": "ignored", "reason": "the run's conclusion is success",
        "repository": "octo/widgets", "run_id": 7, "run_attempt": 1,
    });
    assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
    let due = Some("2026-11-23T15:04:05Z".to_owned());
    assert_eq!(serde_json::to_value(answer.due(due)).unwrap()["due"], "2026-11-23T15:04:05Z");
}

#[test]
fn settings_filter() {
    let elsewhere = settings(&[("REPOSITORIES", "octo/gadgets,acme/*")]);
    for (event, payload) in
        [("workflow_run", run("failure", 1)), ("workflow_job", job("failure")), ("check_run", check("failure"))]
    {
        Delivery::new(event, &payload).answers_with(&elsewhere, 200, Outcome::Ignored, "REPOSITORIES");
        let without_ann = settings(&[("NO_RERUN_ACTORS", "dependabot[bot],ANN")]);
        Delivery::new(event, &payload).answers_with(&without_ann, 200, Outcome::Ignored, "NO_RERUN_ACTORS");
    }
    let without_bob = settings(&[("NO_RERUN_ACTORS", "bob")]);
    Delivery::new("workflow_run", &run("failure", 2)).answers_with(
        &without_bob,
        200,
        Outcome::Ignored,
        "NO_RERUN_ACTORS",
    );
}

#[test]
fn forms() {
    let payload = run("failure", 1).to_string();
    let form: String = form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload).finish();
    let delivery =
        || Delivery::new("workflow_run", &Value::Null).with("content-type", "application/x-www-form-urlencoded");
    delivery().body(form.as_bytes()).events(7, Some(1), RunEventKind::RunFailed);
    // Somebody else's text in a signed JSON body is not a form.
    let comment = json!({ "comment": { "body": format!("nice &{form}&") } }).to_string();
    for body in ["other=1", &format!("a=1&{form}"), &format!("{form}&a=1"), &format!(" {form}"), &comment] {
        delivery().body(body.as_bytes()).answers(400, Outcome::Rejected, "payload");
    }
}

#[test]
fn a_delivery_is_known_by_what_was_signed() {
    let id = |delivery: Delivery| match delivery.read(&settings(&[])) {
        Ok(event) => event.delivery.unwrap(),
        Err(answer) => panic!("{answer:?}"),
    };
    let of = |attempt| Delivery::new("workflow_run", &run("failure", attempt));
    assert_eq!(id(of(1)), id(of(1).with("x-github-delivery", "another")));
    assert_ne!(id(of(1)), id(of(2)));
}

#[test]
fn signatures() {
    let delivery = || Delivery::new("workflow_run", &run("success", 1));
    let body = delivery().body;
    let right = sign("current", &body);
    let rejected = |header: &str| delivery().with("x-hub-signature-256", header).answers(401, Outcome::Rejected, "");
    delivery().without("x-hub-signature-256").answers(401, Outcome::Rejected, "missing");
    delivery().without("x-hub-signature-256").with("x-hub-signature", "sha1=00").answers(
        401,
        Outcome::Rejected,
        "missing",
    );
    rejected(&right[..right.len() - 1]);
    rejected(&right[7..]);
    for algorithm in ["sha1", "sha512", "SHA256"] {
        rejected(&right.replace("sha256", algorithm));
    }
    rejected(&sign("another", &body));
    rejected(&sign("", &body));
    let accepted =
        |header: &str| delivery().with("x-hub-signature-256", header).answers(200, Outcome::Ignored, "success");
    accepted(&right);
    accepted(&format!("sha256={}", right[7..].to_uppercase()));
    accepted(&sign("previous", &body));
}

#[test]
fn nothing_is_parsed_before_the_signature() {
    let nonsense =
        Delivery::new("workflow_run", &Value::Null).body(b"{").with("x-hub-signature-256", &sign("wrong", b"{"));
    nonsense.without("x-github-event").answers(401, Outcome::Rejected, "signature");
}

#[test]
fn heads() {
    let delivery = || Delivery::new("workflow_run", &run("success", 1));
    delivery().answers_with(&settings(&[("WEBHOOK_SECRET", "")]), 503, Outcome::Unavailable, "WEBHOOK_SECRET");
    for content_type in ["text/plain", "", "application/jsonx", "multipart/form-data; boundary=x"] {
        delivery().with("content-type", content_type).answers(415, Outcome::Rejected, "content type");
    }
    delivery().without("content-type").answers(415, Outcome::Rejected, "content type");
    delivery().with("content-type", "Application/JSON; charset=utf-8").answers(200, Outcome::Ignored, "");
    for length in ["26214401", "99999999999999999999", "18446744073709551615"] {
        let expected =
            if length == "99999999999999999999" { (200, Outcome::Ignored) } else { (413, Outcome::Rejected) };
        delivery().with("content-length", length).answers(expected.0, expected.1, "");
    }
    delivery().with("content-length", "26214400").answers(200, Outcome::Ignored, "");
    delivery().without("x-github-event").answers(400, Outcome::Rejected, "X-GitHub-Event");
    delivery().with("x-github-event", "").answers(400, Outcome::Rejected, "X-GitHub-Event");
}

#[test]
fn malformed_payloads_are_named_by_place_and_never_quoted() {
    #[track_caller]
    fn bad(event: &str, body: &str, reason: &str) {
        let delivery = Delivery::new(event, &Value::Null).body(body.as_bytes());
        delivery.answers(400, Outcome::Rejected, reason);
        let Err(answer) = delivery.read(&settings(&[])) else { unreachable!() };
        assert!(!answer.reason.contains("hunter2"), "{}", answer.reason);
    }
    bad("workflow_run", "", "ends early");
    bad("workflow_run", "{", "line 1, column 1");
    bad("workflow_run", "hunter2", "not JSON");
    bad("workflow_run", "[]", "");
    bad("workflow_run", "{}", "the field action is missing");
    bad("workflow_run", "\u{feff}{}", "not JSON");
    bad("workflow_run", &"[".repeat(100_000), "");
    bad(
        "workflow_run",
        &run("failure", 1).to_string().replace("\"id\":7", "\"id\":\"hunter2\""),
        "wrong type, expected u64",
    );
    for id in ["-1", "0", "1.5", "9007199254740992", "1e400"] {
        bad("workflow_run", &run("failure", 1).to_string().replace("\"id\":7", &format!("\"id\":{id}")), "column");
    }
    bad("workflow_run", &run("failure", 1).to_string().replace("\"run_attempt\":1", "\"run_attempt\":0"), "column");
    bad("workflow_run", &run("failure", 1).to_string().replace("\"failure\"", "{\"a\":\"hunter2\"}"), "column");
    bad("workflow_run", &run("failure", 1).to_string().replace("octo/widgets", "hunter2"), "column");
    for name in ["../../x", "o/r?x=1", "o/r/../../y", "o", ""] {
        bad("workflow_job", &job("failure").to_string().replace("octo/widgets", name), "column");
    }
    for url in [
        "",
        "https://h/octo/widgets/actions/runs/x/job/1",
        "https://h/octo/widgets/actions/runs/",
        "https://h/octo/widgets/runs/7",
        "https://h/octo/widgets/checks/runs/7",
        "https://h/octo/widgets/actions/jobs/7",
        "https://h/octo/widgets/actions/runs/0",
        "javascript:7",
        "https://h/octo/widgets/actions/runs/+7",
        // Numbers of another repository.
        "https://h/octo/gadgets/actions/runs/7/job/9",
        "https://h/mallory/widgets/actions/runs/7/job/9",
        "https://h/octo/widgets/../gadgets/actions/runs/7",
    ] {
        let mut payload = check("failure");
        payload["check_run"]["details_url"] = json!(url);
        Delivery::new("check_run", &payload).answers(200, Outcome::Ignored, "details_url");
    }
}

#[test]
fn details_urls_of_other_hosts_and_shapes() {
    for url in [
        "https://ghe.example/octo/widgets/actions/runs/7/job/9",
        "http://ghe/Octo/Widgets/actions/runs/7",
        "https://h/octo/widgets/actions/runs/7?pr=1",
    ] {
        let mut payload = check("failure");
        payload["check_run"]["details_url"] = json!(url);
        Delivery::new("check_run", &payload).events(7, None, RunEventKind::JobFailed);
    }
}

#[test]
fn escapes_in_names_are_read() {
    let escaped = run("failure", 1).to_string().replace("\"ann\"", "\"a\\u006en\"");
    let delivery = Delivery::new("workflow_run", &Value::Null).body(escaped.as_bytes());
    delivery.answers_with(&settings(&[("NO_RERUN_ACTORS", "ann")]), 200, Outcome::Ignored, "NO_RERUN_ACTORS");
}

/// Whoever is told 400 sends it again and again. Where nothing would be done, fields that are not needed then may hold
/// anything.
#[test]
fn what_leads_to_nothing_is_never_malformed() {
    #[track_caller]
    fn ignored(settings: &Settings, event: &str, payload: &Value, reason: &str) {
        Delivery::new(event, payload).answers_with(settings, 200, Outcome::Ignored, reason);
        let form: String =
            form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
        let form = Delivery::new(event, &Value::Null).body(form.as_bytes());
        form.with("content-type", "application/x-www-form-urlencoded").answers_with(
            settings,
            200,
            Outcome::Ignored,
            reason,
        );
    }
    let all = &settings(&[]);
    let events =
        [("workflow_run", run("failure", 1)), ("workflow_job", job("failure")), ("check_run", check("failure"))];
    let junk = [json!(null), json!([]), json!(7), json!("x"), json!({}), json!({ "id": "7", "run_id": [] })];
    for (event, whole) in &events {
        // An action of which nothing is needed.
        for action in ["queued", "requested", "in_progress", ""] {
            for junk in &junk {
                ignored(all, event, &json!({ "action": action, *event: junk }), "action");
                ignored(
                    all,
                    event,
                    &json!({ *event: junk, "repository": junk, "sender": junk, "action": action }),
                    "action",
                );
            }
        }
        // A repository that is not served, and an actor that is left alone.
        let elsewhere = settings(&[("REPOSITORIES", "octo/gadgets")]);
        for junk in &junk {
            let mut payload = whole.clone();
            payload[*event] = junk.clone();
            ignored(&elsewhere, event, &payload, if *event == "check_run" { "" } else { "REPOSITORIES" });
            if *event == "workflow_job" {
                ignored(&settings(&[("NO_RERUN_ACTORS", "ann")]), event, &payload, "NO_RERUN_ACTORS");
            }
        }
        // A conclusion that nothing is done for.
        let mut payload = whole.clone();
        payload[*event]["conclusion"] = json!("success");
        payload[*event]["id"] = json!("7");
        payload[*event]["run_id"] = json!(-7);
        payload["installation"] = json!({ "id": "x" });
        payload["repository"] = json!(null);
        ignored(all, event, &payload, "success");
    }
    let mut by_ann = run("failure", 1);
    by_ann["workflow_run"]["id"] = json!(null);
    ignored(&settings(&[("NO_RERUN_ACTORS", "ann")]), "workflow_run", &by_ann, "NO_RERUN_ACTORS");
    let mut of_another_app = check("failure");
    of_another_app["check_run"]["app"]["slug"] = json!("circleci");
    of_another_app["check_run"]["details_url"] = json!(7);
    of_another_app["repository"] = json!(null);
    ignored(all, "check_run", &of_another_app, "not of GitHub Actions");
}

/// The event's name is not signed: where something would be done, a body has the shape of its event, or is refused.
#[test]
fn what_might_lead_to_something_is_whole_or_refused() {
    #[track_caller]
    fn refused(event: &str, payload: &Value) {
        Delivery::new(event, payload).answers(400, Outcome::Rejected, "malformed");
    }
    for (event, whole) in
        [("workflow_run", run("failure", 1)), ("workflow_job", job("failure")), ("check_run", check("failure"))]
    {
        for (place, bad) in [
            ("/action", json!(null)),
            ("/action", json!(["queued"])),
            ("/repository", json!(null)),
            ("/repository/full_name", json!("octo/..")),
            (&format!("/{event}"), json!(null)),
            (&format!("/{event}/conclusion"), json!(7)),
        ] {
            let mut payload = whole.clone();
            *payload.pointer_mut(place).unwrap() = bad;
            refused(event, &payload);
        }
        // Of another event.
        for (other, _) in [("workflow_run", ()), ("workflow_job", ()), ("check_run", ())] {
            if other != event {
                refused(other, &whole);
            }
        }
    }
    // It might be a rescue.
    let mut which_attempt = run("success", 1);
    which_attempt["workflow_run"]["run_attempt"] = json!("2");
    refused("workflow_run", &which_attempt);
    let two_actions = r#"{"action":"queued","action":"completed","workflow_job":null}"#;
    Delivery::new("workflow_job", &Value::Null).body(two_actions.as_bytes()).answers(
        400,
        Outcome::Rejected,
        "malformed",
    );
}
