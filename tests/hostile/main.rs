//! Hostile input: the fuzzers' targets on their corpus, on every real payload and on mutations of both; and properties
//! of signatures. `npm run fuzz` is the long form.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod targets;

use std::path::{Path, PathBuf};

use rerunner::settings::Settings;
use rerunner::webhook::Event;
use rerunner::webhook::payload::EVENTS;
use rerunner::webhook::signature::macs;
use rerunner::webhook::{Answer, headers, read};
use serde_json::{Value, json};
use simulator::webhooks::signature as sign;

const SECRET: &str = "the-webhook-secret";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The seeds that fuzzing starts from, and what it found worth keeping.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = root().join("tests/fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Every example of the kinds of webhooks that are read, by its place in the list of events.
fn real_payloads() -> Vec<(u8, String)> {
    let folder = root().join("node_modules/@octokit/webhooks-examples/api.github.com/index.json");
    let kinds: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(folder).unwrap()).unwrap();
    let mut payloads = Vec::new();
    for (number, event) in (0..).zip(EVENTS) {
        let kind = kinds.iter().find(|kind| kind["name"] == event).unwrap();
        payloads.extend(kind["examples"].as_array().unwrap().iter().map(|example| (number, example.to_string())));
    }
    assert!(payloads.len() > 10);
    payloads
}

fn mutate(bytes: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.usize(1..6) {
        if bytes.is_empty() {
            break;
        }
        let at = random.usize(0..bytes.len());
        match random.u8(0..6) {
            0 => bytes[at] = random.u8(..),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, *random.choice(b"{}[]\":,\\0-eu\xff%&=+/").unwrap()),
            3 => bytes.truncate(at),
            4 => {
                let piece: Vec<u8> = bytes[at..].iter().take(random.usize(1..60)).copied().collect();
                bytes.splice(at..at, piece);
            }
            _ => bytes[at] ^= 1 << random.u8(0..8),
        }
    }
    bytes
}

#[test]
fn the_corpus_and_its_mutations() {
    let mut random = fastrand::Rng::with_seed(1);
    for (name, target) in targets::TARGETS {
        for seed in corpus(name) {
            target(&seed);
            for _ in 0..50 {
                target(&mutate(&seed, &mut random));
            }
        }
    }
}

#[test]
fn real_payloads_and_their_mutations() {
    let mut random = fastrand::Rng::with_seed(2);
    for (event, payload) in real_payloads() {
        let json = [&[event], payload.as_bytes()].concat();
        let form = form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload).finish();
        let form = [&[event], form.as_bytes()].concat();
        targets::json_payload(&json);
        targets::form_payload(&form);
        for _ in 0..40 {
            targets::json_payload(&mutate(&json, &mut random));
            targets::form_payload(&mutate(&form, &mut random));
        }
    }
}

fn read_webhook(event: &str, signature: &str, body: &[u8]) -> Result<Event, Answer> {
    let settings = Settings::read(|name| match name {
        "WEBHOOK_SECRET" => Some(SECRET.to_owned()),
        "GITHUB_TOKEN" => Some("the-token".to_owned()),
        _ => None,
    });
    let header = |name: &str| match name {
        "content-type" => Some("application/json".to_owned()),
        "x-github-event" => Some(event.to_owned()),
        "x-hub-signature-256" => Some(signature.to_owned()),
        _ => None,
    };
    let headers = headers::check(&settings, header)?;
    read(&settings, &headers, &macs(&settings.webhook_secrets, body), || body)
}

fn answered(result: Result<Event, Answer>) -> Answer {
    result.expect_err("an answer, not an event")
}

#[test]
fn any_flipped_byte_of_body_or_signature_is_refused() {
    let mut random = fastrand::Rng::with_seed(3);
    for (event, payload) in real_payloads() {
        let event = EVENTS[usize::from(event)];
        let body = payload.as_bytes();
        let signature = sign(SECRET, body);
        for at in 0..body.len() {
            // Each byte, but of a long body only some: hashing it takes a while.
            if body.len() > 2_000 && random.usize(0..body.len()) > 500 {
                continue;
            }
            let mut flipped = body.to_vec();
            flipped[at] ^= random.u8(1..=255);
            assert_eq!(answered(read_webhook(event, &signature, &flipped)).status, 401, "byte {at} of the body");
        }
        for at in 0..signature.len() {
            let mut flipped = signature.clone().into_bytes();
            // Not by the bit that is the difference between a digit's two spellings.
            flipped[at] ^= *random.choice(&[1, 2, 4, 8, 16]).unwrap();
            let flipped = String::from_utf8_lossy(&flipped).into_owned();
            assert_eq!(answered(read_webhook(event, &flipped, body)).status, 401, "{flipped}");
        }
    }
}

/// What is signed, and is no webhook: a clear status, and quickly.
#[test]
fn strange_json() {
    let failed = json!({
        "action": "completed", "repository": { "full_name": "octo/widgets" },
        "workflow_run": { "id": 7, "run_attempt": 1, "conclusion": "failure", "deep": 0, "actor": { "login": "ann" } },
    })
    .to_string();
    let deep =
        |depth: usize| failed.replace("\"deep\":0", &format!("\"deep\":{}{}", "[".repeat(depth), "]".repeat(depth)));
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("deep, where nothing is read", deep(1_000).into_bytes(), 202),
        ("very deep, where nothing is read", deep(5_000_000).into_bytes(), 202),
        ("very deep, where something is", failed.replace("\"ann\"", &"[".repeat(5_000_000)).into_bytes(), 400),
        ("never closed", b"{\"a\":[".repeat(1_000_000), 400),
        (
            "a huge number in passing",
            failed.replace("\"deep\":0", &format!("\"deep\":{}", "9".repeat(400))).into_bytes(),
            202,
        ),
        ("a huge id", failed.replace("\"id\":7", "\"id\":99999999999999999999999").into_bytes(), 400),
        ("an id with an exponent", failed.replace("\"id\":7", "\"id\":7e0").into_bytes(), 400),
        ("a huge attempt", failed.replace("\"run_attempt\":1", "\"run_attempt\":4294967296").into_bytes(), 400),
        ("an id twice", failed.replace("\"id\":7", "\"id\":7,\"id\":8").into_bytes(), 400),
        (
            "a repository twice",
            failed.replace("{\"full_name\"", "{\"full_name\":\"a/b\",\"full_name\"").into_bytes(),
            400,
        ),
        ("another key twice", failed.replace("\"deep\":0", "\"deep\":0,\"deep\":1").into_bytes(), 202),
        ("invalid UTF-8 in a name", replace(&failed, "octo/widgets", b"octo/wid\xffgets"), 400),
        ("invalid UTF-8 in a login", replace(&failed, "ann", b"a\xc3\x28nn"), 400),
        ("half of a surrogate pair", failed.replace("\"ann\"", "\"\\ud800\"").into_bytes(), 400),
        ("a null character in a name", failed.replace("octo/widgets", "octo/wid\\u0000gets").into_bytes(), 400),
        ("UTF-16", failed.encode_utf16().flat_map(u16::to_le_bytes).collect(), 400),
        ("something after the end", format!("{failed} x").into_bytes(), 400),
        ("25 MiB of white space", format!("{}{failed}", " ".repeat(26_214_400 - failed.len())).into_bytes(), 202),
        (
            "25 MiB of one login",
            failed.replace("\"ann\"", &format!("\"{}\"", "a".repeat(26_000_000))).into_bytes(),
            202,
        ),
    ];
    for (what, body, expected) in cases {
        let status =
            read_webhook("workflow_run", &sign(SECRET, &body), &body).map_or_else(|answer| answer.status, |_| 202);
        assert_eq!(status, expected, "{what}");
    }
}

fn replace(text: &str, from: &str, to: &[u8]) -> Vec<u8> {
    let (before, after) = text.split_once(from).unwrap();
    [before.as_bytes(), to, after.as_bytes()].concat()
}

#[test]
fn arbitrary_bytes() {
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..20_000 {
        let length = random.usize(0..200);
        let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
        for (_, target) in targets::TARGETS {
            target(&bytes);
        }
    }
}
