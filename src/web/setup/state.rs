//! What goes to GitHub and comes back with its reader: that the return belongs to a visit of the page here, of less than
//! an hour ago. The time and a nonce are signed with a key that is derived from `ADMIN_TOKEN`, so that nothing is stored
//! until it comes back; and then that it has, as it is good once ([`crate::keeper::store::once`]).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::settings::Secret;
use crate::time::{Millis, Span};

/// A manifest's code lasts as long.
const GOOD_FOR: Span = Span::hours(1);

/// One that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// What was signed: the same however the signature is written.
    pub id: String,
    /// From then on it would not be taken anyway.
    pub until: Millis,
}

/// `TIME.NONCE.SIGNATURE`, which needs no encoding in an address.
pub fn issue(admin_token: &Secret, nonce: &str, now: Millis) -> Option<String> {
    let text = format!("{}.{nonce}", now.0);
    let signature = mac(admin_token, &text)?.finalize().into_bytes();
    Some(format!("{text}.{}", hex::encode(signature)))
}

/// The state, if it was issued here, and within the hour.
pub fn parse(admin_token: &Secret, state: &str, now: Millis) -> Option<State> {
    let (text, signature) = state.rsplit_once('.')?;
    let issued = text.split_once('.').and_then(|(time, _)| time.parse().ok()).map(Millis)?;
    let until = issued + GOOD_FOR;
    let signature = hex::decode(signature).ok()?;
    // In constant time.
    let is_signed = mac(admin_token, text)?.verify_slice(&signature).is_ok();
    (is_signed && issued <= now && now < until).then(|| State { id: text.to_owned(), until })
}

fn mac(admin_token: &Secret, text: &str) -> Option<Hmac<Sha256>> {
    // A key of its own, so that no signature made elsewhere with ADMIN_TOKEN is one of these. Any length will do.
    let mut key = Hmac::<Sha256>::new_from_slice(admin_token.reveal().as_bytes()).ok()?;
    key.update(b"rerunner: the state of a GitHub App's set-up");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.finalize().into_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_446_245_000);

    #[test]
    fn only_ours_only_whole_and_only_for_an_hour() {
        let token = Secret::new("the-admin-token");
        let state = issue(&token, "n0nce", NOW).unwrap();
        let is_ours = |token: &Secret, state: &str, now| parse(token, state, now).is_some();
        assert!(is_ours(&token, &state, NOW));
        assert!(is_ours(&token, &state, NOW + Span::minutes(59)));
        assert!(!is_ours(&token, &state, NOW + Span::minutes(60)));
        assert!(!is_ours(&token, &state, Millis(NOW.0 - 1)), "of the future");
        assert!(!is_ours(&Secret::new("another"), &state, NOW));
        for (from, to) in [("n0nce", "nonce"), (".", ""), ("1795446245", "1795446246")] {
            assert!(!is_ours(&token, &state.replacen(from, to, 1), NOW), "{from} → {to}");
        }
        let cut = &state[..state.len() - 2];
        for bad in ["", ".", "..", cut, "x.y.z"] {
            assert!(!is_ours(&token, bad, NOW), "{bad}");
        }
        let parsed = parse(&token, &state, NOW).unwrap();
        assert_eq!(parsed, State { id: "1795446245000.n0nce".to_owned(), until: NOW + Span::minutes(60) });
        let (text, signature) = state.rsplit_once('.').unwrap();
        let shouted = format!("{text}.{}", signature.to_uppercase());
        assert_eq!(parse(&token, &shouted, NOW), Some(parsed), "another spelling is no other state");
        assert!(state.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'), "{state}");
    }
}
