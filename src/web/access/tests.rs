use base64::prelude::{BASE64_STANDARD, Engine};

use super::failed_logins::FAILURES;
use super::*;
use crate::time::Span;

const NOW: Millis = Millis(1_795_446_245_000);

fn basic(pair: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

fn settings(token: &str) -> Settings {
    Settings::read(|name| (name == "ADMIN_TOKEN").then(|| token.to_owned()))
}

const TOKEN: &str = "to:ken";
const OWN: &str = "https://rerunner.example";
const EVIL: Option<&str> = Some("https://evil.example");

/// What becomes of a request with these headers, of those that there are.
fn asked(
    headers: &[(&str, Option<&str>)],
    care: Care,
    failures: &mut FailedLogins,
    address: &str,
    now: Millis,
) -> Result<(), Rejection> {
    let header = |name: &str| headers.iter().find(|(key, _)| *key == name)?.1.map(str::to_owned);
    let request = Request { method: "GET", url: &format!("{OWN}/x"), header: &header, address };
    check_credentials(&settings(TOKEN), &request, care, failures, now)
}

/// By a program.
fn checked(authorization: Option<&str>) -> Result<(), Rejection> {
    let headers = [("authorization", authorization)];
    asked(&headers, Care::Costs, &mut FailedLogins::default(), "192.0.2.1", NOW)
}

#[test]
fn tokens() {
    for good in ["Bearer to:ken", "bearer  to:ken ", &basic("any:to:ken"), &basic(":to:ken"), "BASIC OnRvOmtlbg=="] {
        assert_eq!(checked(Some(good)), Ok(()), "{good}");
    }
    for wrong in [
        "",
        "Bearer",
        "Bearer to:ke",
        "Bearer to:ken2",
        "Bearer to:ken\0",
        "Bearer to:ken\0\0",
        "Bearer \0to:ken",
        "Bearer to:ken\u{a0}",
        "Bearer to:ken\u{b}",
        &basic("any:to:ken\0"),
        &basic("any:to:ken "),
        &basic("any: to:ken"),
        // Its digest as a key that is too long would be.
        &format!("Bearer {}", String::from_utf8_lossy(&Sha256::digest("to:ken"))),
        "Bearer TO:KEN",
        "to:ken",
        "Token to:ken",
        "Basic to:ken",
        &basic("to:ken"),
        &basic("to"),
        "Basic !!!",
    ] {
        assert_eq!(checked(Some(wrong)), Err(Rejection::WrongCredentials), "{wrong}");
    }
    assert_eq!(checked(None), Err(Rejection::NoCredentials));
    let request = Request { method: "GET", url: OWN, header: &|_| Some("Bearer ".to_owned()), address: "" };
    let nobody = check_credentials(&settings(""), &request, Care::Costs, &mut FailedLogins::default(), NOW);
    assert_eq!(nobody, Err(Rejection::NoAdminToken));
}

/// A request as a browser or a program sends it, and to which care it is welcome.
struct Sent {
    what: &'static str,
    /// Site, mode and destination.
    fetch: Option<(&'static str, &'static str, &'static str)>,
    origin: Option<&'static str>,
    shows: bool,
    costs: bool,
    changes: bool,
}

#[rustfmt::skip]
const SENT: &[Sent] = &[
    Sent { what: "a form of ours", fetch: Some(("same-origin", "navigate", "document")), origin: Some(OWN), shows: true, costs: true, changes: true },
    Sent { what: "a link of ours", fetch: Some(("same-origin", "navigate", "document")), origin: None, shows: true, costs: true, changes: true },
    Sent { what: "an address that was typed", fetch: Some(("none", "navigate", "document")), origin: None, shows: true, costs: true, changes: false },
    Sent { what: "a link elsewhere", fetch: Some(("cross-site", "navigate", "document")), origin: None, shows: true, costs: false, changes: false },
    Sent { what: "a link of a neighbour", fetch: Some(("same-site", "navigate", "document")), origin: None, shows: true, costs: false, changes: false },
    Sent { what: "a form elsewhere", fetch: Some(("cross-site", "navigate", "document")), origin: EVIL, shows: true, costs: false, changes: false },
    Sent { what: "a form elsewhere that says it is ours", fetch: Some(("cross-site", "navigate", "document")), origin: Some(OWN), shows: true, costs: false, changes: false },
    Sent { what: "a frame elsewhere", fetch: Some(("cross-site", "navigate", "iframe")), origin: None, shows: false, costs: false, changes: false },
    Sent { what: "an image elsewhere", fetch: Some(("cross-site", "no-cors", "image")), origin: None, shows: false, costs: false, changes: false },
    Sent { what: "a script elsewhere", fetch: Some(("cross-site", "no-cors", "empty")), origin: EVIL, shows: false, costs: false, changes: false },
    Sent { what: "a neighbour's script", fetch: Some(("same-site", "cors", "empty")), origin: Some("https://other.example"), shows: false, costs: false, changes: false },
    Sent { what: "an older browser's form of ours", fetch: None, origin: Some(OWN), shows: true, costs: true, changes: true },
    Sent { what: "an older browser's form elsewhere", fetch: None, origin: EVIL, shows: false, costs: false, changes: false },
    Sent { what: "a form of a page without an address", fetch: None, origin: Some("null"), shows: false, costs: false, changes: false },
    Sent { what: "a program", fetch: None, origin: None, shows: true, costs: true, changes: true },
];

#[test]
fn a_remembered_password_is_of_no_use_to_other_sites() {
    let (basic, bearer) = (basic("any:to:ken"), "Bearer to:ken".to_owned());
    for Sent { what, fetch, origin, shows, costs, changes } in SENT {
        let (site, mode, dest) = fetch.map_or((None, None, None), |(s, m, d)| (Some(s), Some(m), Some(d)));
        for (care, welcome) in [(Care::Shows, shows), (Care::Costs, costs), (Care::Changes, changes)] {
            let sent = |authorization: &str| {
                let headers = [
                    ("authorization", Some(authorization)),
                    ("sec-fetch-site", site),
                    ("sec-fetch-mode", mode),
                    ("sec-fetch-dest", dest),
                    ("origin", *origin),
                ];
                asked(&headers, care, &mut FailedLogins::default(), "192.0.2.1", NOW)
            };
            let expected = if *welcome { Ok(()) } else { Err(Rejection::CrossSite) };
            assert_eq!(sent(&basic), expected, "{what}, to what {care:?}");
            assert_eq!(sent(&bearer), Ok(()), "{what}, with a bearer token");
        }
    }
}

#[test]
fn guessing_is_slowed_down() {
    let (wrong, right) = ("Bearer x", "Bearer to:ken");
    let mut failures = FailedLogins::default();
    let mut guess = |address: &str, given: &str, now| {
        asked(&[("authorization", Some(given))], Care::Costs, &mut failures, address, now)
    };
    for _ in 0..FAILURES {
        assert_eq!(guess("192.0.2.1", wrong, NOW), Err(Rejection::WrongCredentials));
    }
    let wait = || Err(Rejection::TooManyAttempts { retry_after_seconds: 301 });
    assert_eq!(guess("192.0.2.1", wrong, NOW), wait());
    assert_eq!(guess("192.0.2.1", right, NOW), wait(), "the right one neither, or it would be no limit");
    assert_eq!(guess("192.0.2.2", right, NOW), Ok(()), "others are not held up");
    assert_eq!(guess("192.0.2.1", right, NOW + Span::minutes(5)), Ok(()));
    for host in 0..FAILURES {
        assert_eq!(guess(&format!("2001:db8::{host}"), wrong, NOW), Err(Rejection::WrongCredentials));
    }
    assert_eq!(guess("2001:db8::ffff", wrong, NOW), wait(), "one network");
}

#[test]
fn keys_of_a_block_and_more_are_no_other_text() {
    let long = "t".repeat(100);
    let token = Secret::new(long.clone());
    for (given, expected) in [(long.clone(), true), (format!("{long}\0"), false), (long[..64].to_owned(), false)] {
        assert_eq!(is_same(&token, &given), expected, "{given}");
    }
}
