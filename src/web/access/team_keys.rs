//! The keys that a team's tokens are signed with: read from Cloudflare when needed, and kept for a while.
//!
//! Whoever makes tokens up can name keys that there are none of: how often they are read for that has a bound.

use std::collections::VecDeque;

use serde::Deserialize;

use crate::time::{Millis, Span};

/// Where they are, below the team's domain.
pub const PATH: &str = "/cdn-cgi/access/certs";
/// Of the whole answer, which is about 8 kB.
pub const MAX_BYTES: usize = 64 * 1024;

/// There are two: the present one, and the one before.
const MAX_KEYS: usize = 16;
/// Keys change every six weeks, and an old one is good for a week more.
const FRESH: Span = Span::hours(1);
/// For as long as no newer ones can be read.
const KEPT: Span = Span::hours(24);
/// Between two looks for a key that is not among fresh ones.
const LOOK_AGAIN: Span = Span::minutes(1);
/// Reads within [`LOOK_AGAIN`], whatever for: several can be under way at once.
const READS: usize = 10;

/// As RFC 7517 has it; `n` and `e` are in base64url.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TeamKey {
    kid: String,
    kty: String,
    pub n: String,
    pub e: String,
}

#[derive(Debug, Default)]
pub struct TeamKeys {
    keys: Vec<TeamKey>,
    read: Option<Millis>,
    /// When reads were begun, of late.
    begun: VecDeque<Millis>,
}

/// What to do about a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Key(TeamKey),
    /// There is none of that name.
    Unknown,
    /// The keys have to be read first: that counts as begun.
    Read,
    /// They would have to be, and were too often.
    NotNow,
}

impl TeamKeys {
    pub fn find(&mut self, key_id: &str, now: Millis) -> Found {
        let age = self.read.map(|read| now - read);
        let known = self.keys.iter().find(|key| key.kid == key_id);
        let may_read = age.is_none_or(|age| age >= if known.is_some() { FRESH } else { LOOK_AGAIN });
        if may_read && self.begin(now) {
            return Found::Read;
        }
        self.known(key_id, now)
    }

    /// Without reading them, as after a read that failed.
    pub fn known(&self, key_id: &str, now: Millis) -> Found {
        match self.read {
            Some(read) if now - read < KEPT => {
                let known = self.keys.iter().find(|key| key.kid == key_id);
                known.cloned().map_or(Found::Unknown, Found::Key)
            }
            _ => Found::NotNow,
        }
    }

    fn begin(&mut self, now: Millis) -> bool {
        self.begun.retain(|begun| now - *begun < LOOK_AGAIN);
        let may = self.begun.len() < READS;
        if may {
            self.begun.push_back(now);
        }
        may
    }

    /// What was read. An error is a phrase.
    pub fn put(&mut self, body: &[u8], now: Millis) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(body).map_err(|error| format!("is not a set of keys: {error}"))?;
        let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value::<TeamKey>(key).ok());
        let keys: Vec<_> = keys.filter(|key| key.kty == "RSA").take(MAX_KEYS).collect();
        if keys.is_empty() {
            return Err("has no RSA keys".to_owned());
        }
        (self.keys, self.read) = (keys, Some(now));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Millis = Millis(1_795_446_245_000);

    fn set(ids: &[&str]) -> Vec<u8> {
        let key =
            |kid: &&str| json!({ "kid": kid, "kty": "RSA", "alg": "RS256", "use": "sig", "e": "AQAB", "n": "xx" });
        let keys: Vec<_> = ids.iter().map(key).collect();
        json!({ "keys": keys, "public_cert": {}, "public_certs": [] }).to_string().into_bytes()
    }

    fn with(ids: &[&str]) -> TeamKeys {
        let mut keys = TeamKeys::default();
        keys.put(&set(ids), NOW).unwrap();
        keys
    }

    fn is_key(found: &Found, kid: &str) -> bool {
        matches!(found, Found::Key(key) if key.kid == kid)
    }

    #[test]
    fn are_read_when_needed() {
        let mut keys = TeamKeys::default();
        assert_eq!(keys.find("a", NOW), Found::Read);
        keys.put(&set(&["a", "b"]), NOW).unwrap();
        assert!(is_key(&keys.find("a", NOW), "a") && is_key(&keys.find("b", NOW + Span::minutes(59)), "b"));
        assert_eq!(keys.find("a", NOW + FRESH), Found::Read);
        // As long as there are no newer ones, these hold.
        assert!(is_key(&keys.known("a", NOW + FRESH), "a"));
        assert_eq!(keys.known("a", NOW + KEPT), Found::NotNow);
    }

    #[test]
    fn made_up_names_are_looked_for_once_a_minute() {
        let mut keys = with(&["a"]);
        for made_up in 0..1_000 {
            assert_eq!(keys.find(&format!("x{made_up}"), NOW + Span::seconds(59)), Found::Unknown);
        }
        let later = NOW + LOOK_AGAIN;
        assert_eq!(keys.find("b", later), Found::Read);
        keys.put(&set(&["a", "b"]), later).unwrap();
        assert!(is_key(&keys.find("b", later), "b"));
    }

    #[test]
    fn reads_have_a_bound_while_there_is_no_answer() {
        let mut keys = TeamKeys::default();
        let reads = |keys: &mut TeamKeys, now| (0..1_000).filter(|_| keys.find("a", now) == Found::Read).count();
        assert_eq!(reads(&mut keys, NOW), READS);
        assert_eq!(reads(&mut keys, NOW + Span::seconds(59)), 0);
        assert_eq!(keys.find("a", NOW), Found::NotNow);
        assert_eq!(reads(&mut keys, NOW + LOOK_AGAIN), READS);
        let mut old = with(&["a"]);
        assert_eq!(reads(&mut old, NOW + FRESH), READS);
        assert!(is_key(&old.find("a", NOW + FRESH), "a"), "the ones before hold meanwhile");
    }

    #[test]
    fn what_is_no_set_of_keys_changes_nothing() {
        let mut keys = with(&["a"]);
        for bad in [
            &b""[..],
            b"<html>",
            b"[]",
            b"{}",
            br#"{"keys":[]}"#,
            br#"{"keys":[{"kid":"a","kty":"EC","n":"","e":""}]}"#,
            br#"{"keys":[{"kid":"a","kty":"RSA"}]}"#,
        ] {
            assert!(keys.put(bad, NOW).is_err(), "{}", String::from_utf8_lossy(bad));
            assert!(is_key(&keys.find("a", NOW), "a"));
        }
        // One of a kind that is not known yet is no reason to do without the others.
        keys.put(br#"{"keys":[{"kty":"OKP"},{"kid":"c","kty":"RSA","n":"x","e":"y"}]}"#, NOW).unwrap();
        assert!(is_key(&keys.find("c", NOW), "c"));
        let many: Vec<_> = (0..100).map(|n| format!("k{n}")).collect();
        keys.put(&set(&many.iter().map(String::as_str).collect::<Vec<_>>()), NOW).unwrap();
        assert_eq!(keys.keys.len(), MAX_KEYS);
    }
}
