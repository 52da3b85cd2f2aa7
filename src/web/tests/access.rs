//! Who gets in by Cloudflare Access.

use serde_json::{Value, json};

use super::memory::{Memory, TOKEN};
use crate::web::access::assertion::HEADER;
use crate::web::access::assertion::tests::{claims, header, token};

const TAG: &str = "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2";

fn memory(more: &[(&'static str, &'static str)]) -> Memory {
    let access = [("ACCESS_TEAM_DOMAIN", "team.cloudflareaccess.com"), ("ACCESS_AUD", TAG)];
    let memory = Memory::with(&[&access, more].concat());
    let key = json!({ "kid": "k1", "kty": "RSA", "alg": "RS256", "use": "sig", "n": "k1's", "e": "AQAB" });
    *memory.certs.borrow_mut() = json!({ "keys": [key] }).to_string();
    memory
}

fn ours() -> Value {
    let mut claims = claims();
    claims["aud"] = json!([TAG]);
    claims
}

fn good() -> String {
    token(&header(), &ours(), b"k1's")
}

#[test]
fn whoever_access_has_let_in_sees_it() {
    let memory = memory(&[("ADMIN_TOKEN", "")]);
    for _ in 0..3 {
        assert_eq!(memory.send("GET", "/overview", &[(HEADER, &good())]).status, 200);
    }
    let expected = ["https://team.cloudflareaccess.com/cdn-cgi/access/certs"];
    assert_eq!(*memory.certs_read.borrow(), expected, "once");
    let outside = memory.send("GET", "/overview", &[]);
    assert_eq!(outside.status, 403);
    assert!(outside.text().contains("through Cloudflare Access"), "{}", outside.text());
    let detail = memory.send("GET", "/healthz", &[(HEADER, &good())]);
    assert_eq!(detail.body()["repositories"], json!([]));
}

#[test]
fn nobody_else_does() {
    for (what, text) in [
        ("another key", token(&json!({ "alg": "RS256", "kid": "k2" }), &ours(), b"k1's")),
        ("another signature", token(&header(), &ours(), b"k2's")),
        ("none", token(&json!({ "alg": "none", "kid": "k1" }), &ours(), b"")),
        ("another application", token(&header(), &claims(), b"k1's")),
        ("no token", "x".to_owned()),
    ] {
        let memory = memory(&[]);
        for path in ["/overview", "/healthz"] {
            assert_eq!(memory.send("GET", path, &[(HEADER, &text)]).status, 403, "{what}");
        }
        assert_eq!(memory.networks.borrow().len(), 2, "{what}: counted as a failed login");
    }
    // Where the setting is not there, the header is as good as none.
    assert_eq!(Memory::default().send("GET", "/overview", &[(HEADER, &good())]).status, 401);
}

#[test]
fn the_admin_token_goes_before() {
    let memory = memory(&[]);
    assert_eq!(memory.get("/overview").status, 200);
    assert_eq!(memory.send("GET", "/overview", &[TOKEN, (HEADER, "x")]).status, 200);
    assert_eq!(memory.send("GET", "/overview", &[("authorization", "Bearer x"), (HEADER, &good())]).status, 401);
    assert_eq!(*memory.certs_read.borrow(), [] as [&str; 0]);
}

#[test]
fn guesses_have_a_bound() {
    let memory = memory(&[]);
    let guess = |kid: usize| {
        let header = json!({ "alg": "RS256", "kid": format!("x{kid}") });
        memory.send("GET", "/overview", &[(HEADER, &token(&header, &ours(), b"s"))]).status
    };
    let statuses: Vec<_> = (0..12).map(guess).collect();
    assert_eq!((&statuses[..10], &statuses[10..]), ([403; 10].as_slice(), [429; 2].as_slice()));
    assert_eq!(memory.certs_read.borrow().len(), 1, "made-up keys are looked for once");
    assert_eq!(memory.send("GET", "/overview", &[(HEADER, &good())]).status, 429);
}

#[test]
fn a_browser_adds_it_for_whoever_makes_it_ask() {
    let memory = memory(&[]);
    let good = good();
    let pause = |more: &[(&str, &str)]| {
        memory.send("POST", "/api/v1/repositories/octo/widgets/pause", &[&[(HEADER, good.as_str())], more].concat())
    };
    assert_eq!(pause(&[("sec-fetch-site", "cross-site")]).status, 403);
    assert_eq!(pause(&[("sec-fetch-site", "same-origin")]).status, 200);
}

#[test]
fn without_its_keys_nobody_gets_in() {
    let memory = memory(&[]);
    memory.fails.set(true);
    for _ in 0..20 {
        assert_eq!(memory.send("GET", "/overview", &[(HEADER, &good())]).status, 503);
    }
    assert_eq!(memory.certs_read.borrow().len(), 10);
    assert!(memory.logged.borrow()[0].starts_with("Cloudflare Access: "), "{:?}", memory.logged);
    memory.fails.set(false);
    *memory.certs.borrow_mut() = "<html>".to_owned();
    assert_eq!(memory.send("GET", "/overview", &[(HEADER, &good())]).status, 503);
}
