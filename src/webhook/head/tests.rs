//! What is said by the head is what is said by the whole.

use serde_json::Value;

use super::super::tests::{Delivery, job, run, settings};
use super::super::{Event, Outcome, headers::Content, payload};
use super::*;

fn of_head(event: &str, body: &str) -> Option<Payload> {
    read(&settings(&[]), event, body.as_bytes())
}

/// Seen to fail when the rest of the body is parsed whatever the action is (400, as it is malformed).
#[test]
fn what_says_first_that_it_is_not_over_is_ignored_whatever_follows() {
    for event in ["workflow_run", "workflow_job", "check_run", "issue_comment"] {
        for body in [
            r#"{"action":"queued"}"#,
            r#"{"action":"in_progress","workflow_job":{"id":"#,
            " {\n \"action\" : \"requested\" , \"x\" : }",
            r#"{"action":"queued","repository":[[[[],"#,
        ] {
            Delivery::new(event, &Value::Null).body(body.as_bytes()).answers(200, Outcome::Ignored, "action");
        }
        assert_eq!(of_head(event, r#"{"action":"","x":"#), Some(unwanted_action(event)));
    }
}

/// Seen to fail when nothing is said by the head of what is completed, when what stands behind the fields is read, and when
/// a text ends with an escape in it.
#[test]
fn what_ended_well_says_so_in_a_few_fields() {
    let job = r#"{"action":"completed","workflow_job":{"run_id":7,"name":"\"}\\","x":["}",{"conclusion":"failure"}],"run_attempt":2,
        "conclusion":"success","steps":[{"name":"\\\"}"}]},"repository":{"name":"x","full_name":"octo/widgets","#;
    let Some(Payload::Job(seen)) = of_head("workflow_job", job) else { panic!("a job") };
    assert_eq!((seen.run_id, seen.run_attempt), (RunId::new(7).unwrap(), RunAttempt::new(2)));
    assert_eq!((seen.repository.as_str(), seen.conclusion), ("octo/widgets", Some(Conclusion::Success)));
    let run = r#"{"action":"completed","repository":{"full_name":"octo/widgets"},"workflow_run":{"id":7,
        "run_attempt":null,"conclusion":"skipped","#;
    let Some(Payload::Run(seen)) = of_head("workflow_run", run) else { panic!("a run") };
    assert_eq!((seen.run_attempt, seen.conclusion), (None, Some(Conclusion::Skipped)));
}

/// Seen to fail, each time at its own row, when the next key is not looked at, and when a second repository, a second id, a
/// conclusion or an attempt that matters is passed over.
#[test]
fn what_is_not_plain_or_may_matter_is_left_to_the_whole() {
    let whole = run("success", 1).to_string();
    let plain = r#"{"action":"completed","repository":{"full_name":"octo/widgets"},"workflow_run":{"id":7,"run_attempt":1,"conclusion":"success"}}"#;
    assert!(of_head("workflow_run", &whole).is_some() && of_head("workflow_run", plain).is_some());
    for (from, to) in [
        (r#""action":"completed""#, r#""x":1,"action":"completed""#),
        (r#""action":"completed""#, r#""\u0061ction":"queued""#),
        (r#""action":"completed""#, r#""action":"que\u0075ed""#),
        (r#""action":"completed""#, r#""action":"queued","action":"completed""#),
        (r#""action":"completed""#, r#""action":["queued"]"#),
        (r#""repository":{"#, r#""repository":{"full_name":"a/b"},"repository":{"#),
        (r#""repository":{"#, r#""\u0072epository":{"#),
        ("octo/widgets", "octo/.."),
        ("octo/widgets", r"octo\/widgets"),
        (r#""id":7"#, r#""id":7,"id":8"#),
        (r#""id":7"#, r#""id":"7""#),
        (r#""id":7"#, r#""id":0"#),
        (r#""id":7"#, r#""id":07"#),
        (r#""id":7"#, r#""id":7.5"#),
        (r#""id":7"#, r#""id":9007199254740992"#),
        (r#""run_attempt":1"#, r#""run_attempt":2"#),
        (r#""run_attempt":1"#, r#""run_attempt":4294967297"#),
        ("success", "failure"),
        ("success", "timed_out"),
        ("success", "cancelled"),
        (r#""success""#, "null"),
        (r#""success""#, "7"),
        ("success", r"su\u0063cess"),
    ] {
        let other = plain.replace(from, to);
        assert_ne!(other, plain);
        assert_eq!(of_head("workflow_run", &other), None, "{other}");
    }
    assert_eq!(read(&settings(&[("NO_RERUN_ACTORS", "ann")]), "workflow_run", plain.as_bytes()), None);
    assert_eq!(of_head("workflow_job", &job("failure").to_string()), None);
    for end in 0..plain.len() - 2 {
        assert_eq!(of_head("workflow_run", &plain[..end]), None, "{}", &plain[..end]);
    }
}

/// Payloads with their fields in any order, with escapes, white space and much between them. Seen to fail when whoever is left
/// alone by the settings is not asked for, and when conclusions that matter are passed over.
#[test]
fn it_says_what_the_whole_says() {
    let mut random = fastrand::Rng::with_seed(7);
    let all = [settings(&[]), settings(&[("REPOSITORIES", "octo/gadgets")]), settings(&[("NO_RERUN_ACTORS", "ann")])];
    let (mut by_head, mut well_formed) = (0, 0);
    for _ in 0..40_000 {
        let event = payload::EVENTS[random.usize(..4)];
        let body = payload_of(event, &mut random);
        let settings = &all[random.usize(..3)];
        let said = read(settings, event, body.as_bytes());
        let whole = payload::parse(event, Content::Json, body.as_bytes());
        well_formed += u32::from(whole.is_ok());
        let Some(said) = said else { continue };
        by_head += 1;
        let Err(answer) = filter::apply(settings, said) else { panic!("an event, by the head alone: {body}") };
        assert_eq!((answer.status, answer.outcome), (200, Outcome::Ignored));
        if let Ok(whole) = whole {
            let whole: Result<Event, _> = filter::apply(settings, whole);
            assert_eq!(whole, Err(answer), "{body}");
        }
    }
    assert!(by_head > 4_000 && well_formed > 10_000, "{by_head} by the head, {well_formed} well-formed");
}

fn one<'a>(random: &mut fastrand::Rng, of: &[&'a str]) -> &'a str {
    of[random.usize(..of.len())]
}

const JUNK: [&str; 12] = [
    "null",
    "7",
    "-1.5e3",
    "true",
    r#""""#,
    r#""}\"{""#,
    r#""\\""#,
    r#""full_name\\\"""#,
    "[]",
    r#"[{"conclusion":"failure","id":9},"]"]"#,
    r#"{"full_name":"a/b","x":{"action":"queued"}}"#,
    r#""ünï\u0063ode""#,
];

fn object(mut fields: Vec<(String, String)>, random: &mut fastrand::Rng) -> String {
    for number in 0..random.usize(..3) {
        let at = random.usize(..=fields.len());
        fields.insert(at, (format!("x{number}"), one(random, &JUNK).to_owned()));
    }
    let space =
        |random: &mut fastrand::Rng| if random.u8(..8) == 0 { one(random, &[" ", "\n", "\r\n", "\t "]) } else { "" };
    let mut text = String::from("{");
    for (number, (key, value)) in fields.into_iter().enumerate() {
        let key = if random.u8(..200) == 0 { key.replacen('i', r"\u0069", 1) } else { key };
        let comma = if number > 0 { "," } else { "" };
        let spaces = [(); 4].map(|()| space(random));
        text += &format!("{comma}{}\"{key}\"{}:{}{value}{}", spaces[0], spaces[1], spaces[2], spaces[3]);
    }
    text + "}"
}

fn payload_of(event: &str, random: &mut fastrand::Rng) -> String {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut subject = vec![
        field(
            "conclusion",
            one(
                random,
                &[
                    r#""success""#,
                    r#""success""#,
                    r#""failure""#,
                    r#""cancelled""#,
                    r#""new""#,
                    r#""s\u0075ccess""#,
                    "null",
                ],
            ),
        ),
        field("run_attempt", one(random, &["1", "1", "2", "null", "1.0", "-1"])),
        field("id", one(random, &["7", "19000000000", "\"7\"", "9007199254740992"])),
        field("run_id", one(random, &["7", "19000000000", "0"])),
        field("number", "3"),
        field("actor", r#"{"login":"ann"}"#),
    ];
    random.shuffle(&mut subject);
    subject.truncate(random.usize(3..12).min(subject.len()));
    let repository = vec![
        field("id", "1"),
        field("full_name", one(random, &[r#""octo/widgets""#, r#""octo\/widgets""#, r#""octo/..""#])),
    ];
    let mut fields = vec![
        field(event, &object(subject, random)),
        field("repository", &object(repository, random)),
        field("sender", r#"{"login":"ann"}"#),
        field("installation", r#"{"id":3}"#),
        field("issue", r#"{"number":3,"state":"open"}"#),
        field("comment", r#"{"id":3,"body":"/rerun"}"#),
    ];
    random.shuffle(&mut fields);
    let twice = fields[0].clone();
    if random.u8(..20) == 0 {
        fields.push(twice);
    }
    let action =
        one(random, &[r#""completed""#, r#""completed""#, r#""created""#, r#""queued""#, r#""q\u0075eued""#, "null"]);
    fields.insert(if random.u8(..10) == 0 { 2 } else { 0 }, field("action", action));
    object(fields, random)
}
