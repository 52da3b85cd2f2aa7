//! What must hold for any bytes. Shared by the fuzzers (`tests/fuzz`) and by `tests/hostile`, which plays their corpus.

use rerunner::names::Conclusion;
use rerunner::settings::Settings;
use rerunner::webhook::command::Command;
use rerunner::webhook::event::RunEvent;
use rerunner::webhook::filter;
use rerunner::webhook::head;
use rerunner::webhook::headers::{self, Content};
use rerunner::webhook::payload::{self, EVENTS, Payload};
use rerunner::webhook::signature::macs;
use rerunner::webhook::{Headers, read};
use serde_json::Value;

type Target = fn(&[u8]);

/// A target's name, and what it does with some bytes. It panics where something does not hold.
pub const TARGETS: [(&str, Target); 4] = [
    ("signature", signature),
    ("json_payload", json_payload),
    ("form_payload", form_payload),
    ("details_url", details_url),
];

fn settings() -> Settings {
    Settings::read(|name| match name {
        "WEBHOOK_SECRET" => Some("the-webhook-secret".to_owned()),
        "GITHUB_TOKEN" => Some("the-token".to_owned()),
        _ => None,
    })
}

fn headers_with(settings: &Settings, signature: &str) -> Option<Headers> {
    let header = |name: &str| match name {
        "content-type" => Some("application/json".to_owned()),
        "x-github-event" => Some("workflow_run".to_owned()),
        "x-hub-signature-256" => Some(signature.to_owned()),
        _ => None,
    };
    headers::check(settings, header).ok()
}

/// A header that nobody signed lets nothing in, and only `sha256=` and 64 hex digits is looked at.
pub fn signature(bytes: &[u8]) {
    let header = String::from_utf8_lossy(bytes);
    let settings = settings();
    let well_formed = header
        .strip_prefix("sha256=")
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let headers = headers_with(&settings, &header);
    assert_eq!(headers.is_some(), well_formed, "{header:?}");
    if let Some(headers) = headers {
        let body = br#"{"action":"completed"}"#;
        let read = read(&settings, &headers, &macs(&settings.webhook_secrets, body), || body);
        let answer = read.expect_err("an answer to an unsigned body");
        assert_eq!(answer.status, 401, "{header:?}");
    }
}

/// The first byte says which event it is of; the rest is the body.
pub fn json_payload(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let event = EVENTS[usize::from(*first) % EVENTS.len()];
    let payload = payload::parse(event, Content::Json, body);
    by_its_head(event, body, &payload);
    let Ok(payload) = payload else { return };
    // What was understood is what a parser that knows nothing of webhooks reads there. It keeps the last of two keys of
    // one name, where ours refuses them; so whatever ours takes has none among the keys that matter.
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        // Ours skips what it does not need, and so takes numbers and strings there that the other will not hold.
        Err(_) => return,
    };
    let (run, of_run) = match &payload {
        Payload::Command(given) => {
            assert_eq!((&value["action"], &value["issue"]["state"]), (&"created".into(), &"open".into()));
            assert_eq!(value["repository"]["full_name"], given.repository.as_str());
            assert_eq!(value["comment"]["id"].as_u64(), Some(given.comment_id.get()));
            assert!(!value["issue"]["pull_request"].is_null(), "on an issue");
            let text = value["comment"]["body"].as_str().expect("a text");
            assert_eq!(Command::of(text).as_ref(), Some(&given.command), "{text:?}");
            return;
        }
        Payload::Run(run) => (run, true),
        Payload::Job(run) => (run, false),
        Payload::Ping | Payload::Unwanted(_) => return,
    };
    assert_eq!(value["action"], "completed");
    assert_eq!(value["repository"]["full_name"], run.repository.as_str());
    let subject = &value[event];
    if event != "check_run" {
        let id = if of_run { &subject["id"] } else { &subject["run_id"] };
        assert_eq!(id.as_u64(), Some(run.run_id.get()));
        assert_eq!(subject["run_attempt"].as_u64(), run.run_attempt.map(|attempt| attempt.get().into()));
    }
    let conclusion = subject["conclusion"].as_str();
    match run.conclusion {
        None => assert!(subject["conclusion"].is_null()),
        Some(Conclusion::Unknown) => assert!(conclusion.is_some()),
        Some(known) => assert_eq!(conclusion, Some(known.as_str())),
    }
}

/// What its head says leads to nothing, and what the whole says of it is the same.
fn by_its_head(event: &str, body: &[u8], whole: &Result<Payload, payload::Malformed>) {
    let settings = settings();
    let Some(payload) = head::read(&settings, event, body) else { return };
    let answer = filter::apply(&settings, payload).expect_err("nothing is done by the head alone");
    assert_eq!(answer.status, 200);
    if let Ok(Payload::Run(whole) | Payload::Job(whole)) = whole {
        assert!(answer.reason.ends_with(whole.conclusion.expect("it has one").as_str()), "{}", answer.reason);
        assert_eq!(answer.subject.map(|subject| subject.run_id), Some(whole.run_id));
    } else if let Ok(whole) = whole {
        let unwanted = payload::unwanted_action(event);
        assert_eq!(
            (whole, answer),
            (&unwanted, filter::apply(&settings, payload::unwanted_action(event)).expect_err("as well"))
        );
    }
}

/// A form says what its one field `payload` says as JSON, and nothing else is a form.
pub fn form_payload(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let event = EVENTS[usize::from(*first) % EVENTS.len()];
    let of_form = payload::parse(event, Content::Form, body);
    let fields: Vec<_> = form_urlencoded::parse(body).collect();
    match fields.as_slice() {
        [(name, json)] if name == "payload" && body.starts_with(b"payload=") && !body.contains(&b'&') => {
            assert_eq!(of_form, payload::parse(event, Content::Json, json.as_bytes()));
        }
        _ => assert!(of_form.is_err()),
    }
}

/// A run is only ever taken from the place that GitHub writes it in.
pub fn details_url(bytes: &[u8]) {
    let url = String::from_utf8_lossy(bytes);
    let body = serde_json::json!({
        "action": "completed",
        "repository": { "full_name": "octo/widgets" },
        "check_run": { "conclusion": "failure", "details_url": url, "app": { "slug": "github-actions" } },
    });
    match payload::parse("check_run", Content::Json, body.to_string().as_bytes()) {
        Ok(Payload::Job(run)) => {
            let path = format!("/actions/runs/{}", run.run_id);
            let padded = url.split("/actions/runs/").nth(1).is_some_and(|rest| rest.starts_with('0'));
            assert!(url.contains(&path) || padded, "{url:?} -> {}", run.run_id);
            assert!(url.starts_with("https://") || url.starts_with("http://"), "{url:?}");
            assert_eq!(run.repository.as_str(), "octo/widgets", "the repository is the payload's");
            assert!(url.to_ascii_lowercase().contains("/octo/widgets/actions/runs/"), "{url:?} is another's");
            // What crosses to the Keeper comes back the same.
            let event =
                RunEvent::new(run.repository, run.run_id, None, rerunner::webhook::event::RunEventKind::JobFailed);
            let text = serde_json::to_string(&event).expect("plain data");
            assert_eq!(serde_json::from_str::<RunEvent>(&text).expect("the same"), event);
        }
        Ok(Payload::Unwanted(_)) => {}
        other => panic!("{other:?}"),
    }
}
