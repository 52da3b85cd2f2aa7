use base64::prelude::{BASE64_STANDARD, Engine};

use super::failed_logins::FAILURES;
use super::*;
use crate::time::Span;

const NOW: Millis = Millis(1_795_446_245_000);

fn basic(pair: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

fn checked(authorization: Option<&str>, origin: &Origin) -> Result<(), Denied> {
    let token = Secret::new("to:ken");
    check_credentials(Some(&token), authorization, origin, &mut FailedLogins::default(), "192.0.2.1", NOW)
}

#[test]
fn tokens() {
    let get = Origin::of(Care::Costs);
    for good in ["Bearer to:ken", "bearer  to:ken ", &basic("any:to:ken"), &basic(":to:ken"), "BASIC OnRvOmtlbg=="] {
        assert_eq!(checked(Some(good), &get), Ok(()), "{good}");
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
        assert_eq!(checked(Some(wrong), &get), Err(Denied::Wrong), "{wrong}");
    }
    assert_eq!(checked(None, &get), Err(Denied::Absent));
    let nobody = check_credentials(None, Some("Bearer "), &get, &mut FailedLogins::default(), "", NOW);
    assert_eq!(nobody, Err(Denied::NotSet));
}

impl Origin<'_> {
    /// By a program.
    fn of(care: Care) -> Self {
        Self { care, fetch_site: None, fetch_mode: None, fetch_dest: None, origin: None, own: OWN }
    }
}

const OWN: &str = "https://rerunner.example";
const EVIL: Option<&str> = Some("https://evil.example");

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
    Sent { what: "a program", fetch: None, origin: None, shows: true, costs: true, changes: false },
];

#[test]
fn a_remembered_password_is_of_no_use_to_other_sites() {
    let (basic, bearer) = (basic("any:to:ken"), "Bearer to:ken".to_owned());
    for Sent { what, fetch, origin, shows, costs, changes } in SENT {
        let (site, mode, dest) = fetch.map_or((None, None, None), |(s, m, d)| (Some(s), Some(m), Some(d)));
        for (care, welcome) in [(Care::Shows, shows), (Care::Costs, costs), (Care::Changes, changes)] {
            let from = Origin { care, fetch_site: site, fetch_mode: mode, fetch_dest: dest, origin: *origin, own: OWN };
            let expected = if *welcome { Ok(()) } else { Err(Denied::CrossSite) };
            assert_eq!(checked(Some(&basic), &from), expected, "{what}, to what {care:?}");
            assert_eq!(checked(Some(&bearer), &from), Ok(()), "{what}, with a bearer token");
        }
    }
}

#[test]
fn guessing_is_slowed_down() {
    let token = Secret::new("token");
    let mut failures = FailedLogins::default();
    let mut guess = |address: &str, given: &str, now| {
        check_credentials(Some(&token), Some(given), &Origin::of(Care::Costs), &mut failures, address, now)
    };
    for _ in 0..FAILURES {
        assert_eq!(guess("192.0.2.1", "Bearer x", NOW), Err(Denied::Wrong));
    }
    let wait = Denied::TooMany { retry_after_seconds: 301 };
    assert_eq!(guess("192.0.2.1", "Bearer x", NOW), Err(wait));
    assert_eq!(guess("192.0.2.1", "Bearer token", NOW), Err(wait), "the right one neither, or it would be no limit");
    assert_eq!(guess("192.0.2.2", "Bearer token", NOW), Ok(()), "others are not held up");
    assert_eq!(guess("192.0.2.1", "Bearer token", NOW + Span::minutes(5)), Ok(()));
    for host in 0..FAILURES {
        assert_eq!(guess(&format!("2001:db8::{host}"), "Bearer x", NOW), Err(Denied::Wrong));
    }
    assert_eq!(guess("2001:db8::ffff", "Bearer x", NOW), Err(wait), "one network");
}

#[test]
fn keys_of_a_block_and_more_are_no_other_text() {
    let long = "t".repeat(100);
    let token = Secret::new(long.clone());
    for (given, expected) in [(long.clone(), true), (format!("{long}\0"), false), (long[..64].to_owned(), false)] {
        assert_eq!(is_same(&token, &given), expected, "{given}");
    }
}
