//! Who may use the admin routes: whoever has `ADMIN_TOKEN`, as a bearer token or as the password of HTTP Basic. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::prelude::{BASE64_STANDARD, Engine};
use ctutils::CtEq;
use sha2::{Digest, Sha256};

use crate::settings::Secret;
use crate::time::{Millis, Span};
use crate::web::routes::Care;

/// Wrong credentials from one address, before it has to wait.
const FAILURES: u32 = 10;
const FAILURES_WITHIN: Span = Span::minutes(5);
/// As long as the period that the platform counts wrong credentials by.
const LOCKED_FOR: Span = Span::minutes(1);
/// Addresses that are remembered: memory is bounded however many there are.
const ADDRESSES: usize = 1_000;

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// There is no `ADMIN_TOKEN`.
    NotSet,
    Absent,
    Wrong,
    TooMany {
        retry_after_seconds: i64,
    },
    /// Another site made the browser send it, with the credentials that the browser remembers.
    CrossSite,
}

impl Denied {
    pub fn http_status(self) -> u16 {
        match self {
            Self::NotSet | Self::CrossSite => 403,
            Self::Absent | Self::Wrong => 401,
            Self::TooMany { .. } => 429,
        }
    }

    pub fn reason(self) -> &'static str {
        match self {
            Self::NotSet => {
                "ADMIN_TOKEN is not set; choose a long random one and set it with `npx wrangler secret put ADMIN_TOKEN`"
            }
            Self::Absent => {
                "this takes ADMIN_TOKEN, as a bearer token or as the password of HTTP Basic with any user name"
            }
            Self::Wrong => "this is not ADMIN_TOKEN",
            Self::TooMany { .. } => "too many wrong passwords; wait a little",
            Self::CrossSite => {
                "the page of another site asked for this; open it by itself or from this Worker's own pages, and in a \
                 program send the token as a bearer token"
            }
        }
    }
}

/// What of a request tells where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// What is asked for.
    pub care: Care,
    /// `Sec-Fetch-Site`, which every browser of today sends.
    pub fetch_site: Option<&'a str>,
    /// `Sec-Fetch-Mode`.
    pub fetch_mode: Option<&'a str>,
    /// `Sec-Fetch-Dest`.
    pub fetch_dest: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// Of the request's own URL: scheme, host and port.
    pub own: &'a str,
}

/// How the token was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Bearer,
    /// A browser adds it by itself, whoever made it send the request.
    Basic,
}

/// Checks one request.
pub fn check(
    token: Option<&Secret>,
    authorization: Option<&str>,
    origin: &Origin,
    failures: &mut Failures,
    address: &str,
    now: Millis,
) -> Result<(), Denied> {
    let token = token.ok_or(Denied::NotSet)?;
    let authorization = authorization.ok_or(Denied::Absent)?;
    if let Some(wait) = failures.wait(address, now) {
        return Err(Denied::TooMany { retry_after_seconds: wait.as_millis() / 1_000 + 1 });
    }
    let Some((scheme, _)) = given(authorization).filter(|(_, given)| is_same(token, given)) else {
        failures.add(address, now);
        return Err(Denied::Wrong);
    };
    // A bearer token is sent by programs: no page of another site can add it, as this Worker allows no such request.
    if scheme == Scheme::Basic && !origin.is_welcome() {
        return Err(Denied::CrossSite);
    }
    Ok(())
}

impl Origin<'_> {
    fn is_welcome(&self) -> bool {
        // Not within a page, where nobody sees that it was asked for.
        let is_visit = (self.fetch_mode, self.fetch_dest) == (Some("navigate"), Some("document"));
        match (self.care, self.fetch_site, self.origin) {
            (_, Some("same-origin"), _) => true,
            (Care::Shows, Some(_), _) if is_visit => true,
            // Typed, or a bookmark.
            (Care::Shows | Care::Costs, Some("none"), _) => true,
            (_, Some(_), _) => false,
            (_, None, Some(origin)) => origin == self.own,
            // No browser.
            (Care::Shows | Care::Costs, None, None) => true,
            // A program can send a bearer token.
            (Care::Changes, None, None) => false,
        }
    }
}

fn given(authorization: &str) -> Option<(Scheme, String)> {
    let blank = [' ', '\t'];
    let (scheme, rest) = authorization.trim_matches(blank).split_once(blank)?;
    let rest = rest.trim_matches(blank);
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some((Scheme::Bearer, rest.to_owned()));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
        return pair.split_once(':').map(|(_, password)| (Scheme::Basic, password.to_owned()));
    }
    None
}

/// Takes the same time wherever the first difference is: digests are compared. Each is of the text as a message, as two
/// keys of an HMAC are the same when they differ by zeros at their end.
fn is_same(token: &Secret, given: &str) -> bool {
    Sha256::digest(token.reveal()).as_slice().ct_eq(Sha256::digest(given).as_slice()).to_bool()
}

/// Wrong credentials of late, by address. Each isolate has its own; across the isolates of one location the platform
/// counts too ([`Failures::lock`]). A brake, and no wall: what keeps guessers out is a long token.
#[derive(Debug, Default)]
pub struct Failures(BTreeMap<String, Tries>);

#[derive(Debug)]
struct Tries {
    count: u32,
    until: Millis,
}

impl Failures {
    /// How long this address has to wait.
    fn wait(&self, address: &str, now: Millis) -> Option<Span> {
        let tries = self.0.get(&network(address)).filter(|tries| tries.count >= FAILURES)?;
        Some(tries.until - now).filter(|wait| *wait > Span::ZERO)
    }

    fn add(&mut self, address: &str, now: Millis) {
        self.tries(address, now).count += 1;
    }

    /// The platform has counted too many.
    pub fn lock(&mut self, address: &str, now: Millis) -> Denied {
        let tries = self.tries(address, now);
        *tries = Tries { count: tries.count.max(FAILURES), until: tries.until.max(now + LOCKED_FOR) };
        Denied::TooMany { retry_after_seconds: (tries.until - now).as_millis() / 1_000 + 1 }
    }

    fn tries(&mut self, address: &str, now: Millis) -> &mut Tries {
        self.0.retain(|_, tries| tries.until > now);
        let network = network(address);
        // Those that have to wait are forgotten last: that others fail once each must not let them try again.
        if self.0.len() >= ADDRESSES
            && !self.0.contains_key(&network)
            && let Some(least) =
                self.0.iter().min_by_key(|(_, tries)| (tries.count, tries.until)).map(|(known, _)| known.clone())
        {
            self.0.remove(&least);
        }
        self.0.entry(network).or_insert(Tries { count: 0, until: now + FAILURES_WITHIN })
    }
}

/// What wrong credentials are counted by. Of IPv6 it is the most that a provider gives to one customer (RIPE-690).
pub fn network(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(v6)) => v6.segments().iter().take(3).map(|part| format!("{part:x}:")).collect(),
        Ok(IpAddr::V4(v4)) => v4.to_string(),
        Err(_) => address.chars().take(45).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_446_245_000);

    fn basic(pair: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(pair))
    }

    fn checked(authorization: Option<&str>, origin: &Origin) -> Result<(), Denied> {
        let token = Secret::new("to:ken");
        check(Some(&token), authorization, origin, &mut Failures::default(), "192.0.2.1", NOW)
    }

    #[test]
    fn tokens() {
        let get = Origin::of(Care::Costs);
        for good in ["Bearer to:ken", "bearer  to:ken ", &basic("any:to:ken"), &basic(":to:ken"), "BASIC OnRvOmtlbg=="]
        {
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
        let nobody = check(None, Some("Bearer "), &get, &mut Failures::default(), "", NOW);
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
                let from =
                    Origin { care, fetch_site: site, fetch_mode: mode, fetch_dest: dest, origin: *origin, own: OWN };
                let expected = if *welcome { Ok(()) } else { Err(Denied::CrossSite) };
                assert_eq!(checked(Some(&basic), &from), expected, "{what}, to what {care:?}");
                assert_eq!(checked(Some(&bearer), &from), Ok(()), "{what}, with a bearer token");
            }
        }
    }

    #[test]
    fn guessing_is_slowed_down() {
        let token = Secret::new("token");
        let mut failures = Failures::default();
        let mut guess = |address: &str, given: &str, now| {
            check(Some(&token), Some(given), &Origin::of(Care::Costs), &mut failures, address, now)
        };
        for _ in 0..FAILURES {
            assert_eq!(guess("192.0.2.1", "Bearer x", NOW), Err(Denied::Wrong));
        }
        let wait = Denied::TooMany { retry_after_seconds: 301 };
        assert_eq!(guess("192.0.2.1", "Bearer x", NOW), Err(wait));
        assert_eq!(
            guess("192.0.2.1", "Bearer token", NOW),
            Err(wait),
            "the right one neither, or it would be no limit"
        );
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

    #[test]
    fn memory_is_bounded_and_those_who_wait_are_not_forgotten_for_others() {
        let mut failures = Failures::default();
        for _ in 0..FAILURES {
            failures.add("192.0.2.1", NOW);
        }
        failures.lock("192.0.2.2", NOW);
        for address in 0..10 * ADDRESSES {
            failures.add(&format!("address {address}"), NOW + Span::millis(address as i64));
        }
        assert_eq!(failures.0.len(), ADDRESSES);
        for address in ["192.0.2.1", "192.0.2.2"] {
            assert!(failures.wait(address, NOW + Span::seconds(59)).is_some(), "{address}");
        }
        // Where all have to wait, still no more are remembered.
        for address in 0..2 * ADDRESSES {
            failures.lock(&format!("locked {address}"), NOW);
        }
        assert_eq!(failures.0.len(), ADDRESSES);
    }

    #[test]
    fn what_the_platform_has_counted_locks_for_a_while() {
        let mut failures = Failures::default();
        assert_eq!(failures.lock("192.0.2.1", NOW), Denied::TooMany { retry_after_seconds: 301 });
        assert_eq!(failures.wait("192.0.2.1", NOW + Span::seconds(299)), Some(Span::seconds(1)));
        assert_eq!(failures.wait("192.0.2.1", NOW + FAILURES_WITHIN), None);
    }

    #[test]
    fn networks() {
        for (address, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2::1", "2001:db8:1:"),
            ("2001:db8:1:ffff::", "2001:db8:1:"),
            ("", ""),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(network(address), expected);
        }
    }
}
