//! What Cloudflare Access says of whoever asks: a signed JSON Web Token in a header ("Validate JWTs", Cloudflare Access).
//!
//! The token is for this Worker if the team's issuer made it, for one of the applications that `ACCESS_AUD` names, and it is
//! within its time. All of that is worth what its signature is worth, which [`super::team_keys`] has the key for.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::settings::Access;
use crate::time::{Millis, Span};

/// The cookie of the same content is not looked at: it does not always get here.
pub const HEADER: &str = "cf-access-jwt-assertion";

/// A token is about 1 kB, and more with an identity provider's claims.
const MAX_BYTES: usize = 16 * 1024;
/// How far clocks may be apart.
const LEEWAY: Span = Span::seconds(60);

#[derive(Debug)]
pub struct Assertion {
    pub key_id: String,
    /// What was signed.
    pub signed: String,
    pub signature: Vec<u8>,
    claims: Claims,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    /// In seconds, as `nbf`.
    exp: i64,
    nbf: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

impl Assertion {
    /// `None`: it is none that Access could have made.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = part(header)?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        let is_right = header.alg == "RS256";
        is_right.then_some(())?;
        Some(Self { key_id: header.kid, signed: signed.to_owned(), signature, claims: part(claims)? })
    }

    /// Whether it speaks of this Worker and of now, if it is signed.
    pub fn is_for(&self, access: &Access, now: Millis) -> bool {
        let at = |seconds: i64| seconds.checked_mul(1_000).map(Millis);
        let is_over = at(self.claims.exp).is_none_or(|end| end <= now);
        let has_begun = self.claims.nbf.is_none_or(|start| at(start).is_some_and(|start| start <= now + LEEWAY));
        let audience = self.claims.aud.as_slice();
        let is_ours = access.audiences.iter().any(|ours| audience.contains(ours));
        self.claims.iss == access.issuer && is_ours && has_begun && !is_over
    }
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
pub mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Millis = Millis(1_795_446_245_000);
    const SECONDS: i64 = NOW.0 / 1_000;

    fn encoded(value: &Value) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
    }

    /// With a signature that is these bytes.
    pub fn token(header: &Value, claims: &Value, signature: &[u8]) -> String {
        format!("{}.{}.{}", encoded(header), encoded(claims), BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    pub fn access() -> Access {
        Access {
            issuer: "https://team.cloudflareaccess.com".to_owned(),
            audiences: vec!["a1".to_owned(), "b2".to_owned()],
        }
    }

    pub fn claims() -> Value {
        json!({
            "iss": "https://team.cloudflareaccess.com", "aud": ["b2"], "exp": SECONDS + 60, "nbf": SECONDS, "iat": SECONDS,
            "email": "ann@example.com", "type": "app", "sub": "u-1", "country": "DE", "identity_nonce": "n",
        })
    }

    pub fn header() -> Value {
        json!({ "alg": "RS256", "kid": "k1", "typ": "JWT" })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    #[test]
    fn whom_it_speaks_of() {
        for (claims, expected) in [
            (claims(), true),
            (with("aud", json!("a1")), true),
            (with("aud", json!(["x", "a1"])), true),
            (with("aud", json!([])), false),
            (with("aud", json!("b22")), false),
            (with("aud", json!(["A1"])), false),
            (with("iss", json!("https://other.cloudflareaccess.com")), false),
            (with("iss", json!("https://team.cloudflareaccess.com/")), false),
            (with("iss", json!("")), false),
            (with("exp", json!(SECONDS)), false),
            (with("exp", json!(SECONDS + 1)), true),
            (with("exp", json!(-1)), false),
            (with("exp", json!(i64::MAX)), false),
            (with("nbf", json!(SECONDS + 60)), true),
            (with("nbf", json!(SECONDS + 61)), false),
            (with("nbf", json!(i64::MIN)), false),
            (with("nbf", Value::Null), true),
        ] {
            let assertion = Assertion::parse(&token(&header(), &claims, b"s")).unwrap();
            assert_eq!(assertion.is_for(&access(), NOW), expected, "{claims}");
        }
    }

    #[test]
    fn what_is_none() {
        let good = token(&header(), &claims(), b"s");
        let parsed = Assertion::parse(&good).unwrap();
        assert_eq!((parsed.key_id.as_str(), parsed.signature.as_slice()), ("k1", b"s".as_slice()));
        assert_eq!(parsed.signed, good.rsplit_once('.').unwrap().0);
        let long = format!("{}{good}", " ".repeat(MAX_BYTES));
        for bad in [
            "",
            ".",
            "..",
            "...",
            "a.b.c",
            &good.replace('.', ""),
            &format!("{good}.x"),
            &format!("{good}="),
            &format!("{good} "),
            &long,
            &token(&json!({ "alg": "none", "kid": "k1" }), &claims(), b""),
            &token(&json!({ "alg": "HS256", "kid": "k1" }), &claims(), b"s"),
            &token(&json!({ "alg": "RS256" }), &claims(), b"s"),
            &token(&json!(["RS256"]), &claims(), b"s"),
            &token(&header(), &json!({ "iss": "x", "aud": "y" }), b"s"),
            &token(&header(), &with("exp", json!("9999999999")), b"s"),
            &token(&header(), &with("exp", json!(9.9e18)), b"s"),
            &token(&header(), &with("aud", json!([1])), b"s"),
        ] {
            assert!(Assertion::parse(bad).is_none(), "{bad}");
        }
    }
}
