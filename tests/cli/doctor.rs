//! `doctor`, and whom else the command talks to over the network.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::{rerunner, rerunner_with};

/// A server on this machine that answers each request alike; what it was sent.
fn server(answer: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (answer, heard) = (answer.to_owned(), Arc::new(Mutex::new(Vec::new())));
    let requests = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming().take(20) {
            let mut stream = stream.unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => request.extend_from_slice(&buffer[..read]),
                }
            }
            requests.lock().unwrap().push(String::from_utf8_lossy(&request).to_lowercase());
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, heard)
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

const KEPT: &str = "RERUNNER_URL=\"https://mine.example\"\nADMIN_TOKEN=\"the-kept-token\"\n";

#[test]
fn the_doctor_sends_no_token_in_the_clear_nor_anywhere_but_where_it_belongs() {
    for address in
        ["http://mine.example", "http://127.0.0.1.evil.example", "http://localhost@evil.example", "ftp://mine.example"]
    {
        let ran = rerunner_with(&[("ADMIN_TOKEN", "hush")], &[(".deployed.vars", KEPT)], "", &["doctor", address]);
        assert_eq!(ran.code, 2, "{address}: {} {}", ran.out, ran.err);
        assert!(ran.err.contains("not an address to check") && !ran.err.contains("hush"), "{}", ran.err);
        let ran = rerunner(&[], "", &["setup", "--yes", "--no-deploy", "--url", address]);
        assert!(ran.code == 2 && ran.err.contains("not an address to check"), "{address}: {} {}", ran.out, ran.err);
    }
    // Another Worker, on this machine: the kept token is not its own.
    let health = r#"{"status":"ok","version":"0.1.0","problems":[]}"#;
    let (url, heard) = server(&answer("200 OK", health));
    let ran = rerunner(&[(".deployed.vars", KEPT)], "", &["doctor", &url]);
    assert!(ran.out.contains("ADMIN_TOKEN is not set here"), "{} {}", ran.out, ran.err);
    // Where it goes when it is meant to.
    rerunner(&[(".dev.vars", "ADMIN_TOKEN=\"the-local-token\"\n")], "", &["doctor", &url]);
    let heard = heard.lock().unwrap();
    assert!(!heard.is_empty() && heard.iter().any(|request| request.contains("bearer the-local-token")), "{heard:#?}");
    assert!(!heard.iter().any(|request| request.contains("the-kept-token")), "{heard:#?}");
}

#[test]
fn the_doctor_follows_no_redirect() {
    let (elsewhere, heard_elsewhere) = server(&answer("200 OK", "{}"));
    let (url, heard) = server(&answer(&format!("307 Temporary Redirect\r\nlocation: {elsewhere}/healthz"), ""));
    let ran = rerunner_with(&[("ADMIN_TOKEN", "hush")], &[], "", &["doctor", &url]);
    assert_eq!(ran.code, 1, "{} {}", ran.out, ran.err);
    assert!(!heard.lock().unwrap().is_empty());
    assert_eq!(*heard_elsewhere.lock().unwrap(), [""; 0]);
}

#[test]
fn the_doctor_shows_control_characters_as_text() {
    let hostile = "\u{1b}]8;;https://evil.example\u{7}x\u{1b}[2J\u{9b}31m\u{202e}\n✓ all is well\r";
    let problem = json!({ "setting": "GITHUB_TOKEN", "problem": hostile });
    let health = json!({ "status": "unhealthy", "version": hostile, "problems": vec![problem; 5_000] });
    let (url, _) = server(&answer("503 Unavailable", &health.to_string()));
    for format in [&["doctor", &*url][..], &["doctor", &*url, "--json"]] {
        let ran = rerunner(&[], "", format);
        let shown = format!("{}{}", ran.out, ran.err);
        let obeyed = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!shown.contains(obeyed), "{shown:?}");
        assert!(!shown.lines().any(|line| line.starts_with("✓ all is well")), "{shown}");
        assert!(shown.contains(r"\u{1b}") || shown.contains(r"\u001b"), "{shown}");
        assert!(shown.len() < 300_000, "{} bytes", shown.len());
    }
}

/// All that does not stay on this machine goes by the proxy that the environment names, and nothing that does.
/// Seen to fail without the proxy's agent, and without `NO_PROXY`.
#[test]
fn a_proxy_is_asked_for_a_tunnel() {
    let (proxy, heard) = server(&answer("403 Forbidden", ""));
    let with_user = proxy.replace("http://", "http://ann:p%40ss@");
    let ran = rerunner_with(&[("HTTPS_PROXY", &with_user)], &[], "", &["doctor", "https://rerunner.invalid"]);
    assert!(ran.code == 1 && ran.err.contains("the proxy answered 403"), "{} {}", ran.out, ran.err);
    let asked = heard.lock().unwrap().clone();
    assert!(asked.iter().all(|request| request.starts_with("connect rerunner.invalid:443 http/1.1\r\n")), "{asked:#?}");
    // "ann:p@ss", in lower case as all that was heard.
    let credentials = "proxy-authorization: basic yw5uonbac3m=\r\n";
    assert!(!asked.is_empty() && asked.iter().all(|request| request.contains(credentials)), "{asked:#?}");

    let without = [("HTTPS_PROXY", &*proxy), ("NO_PROXY", "localhost, .invalid")];
    let ran = rerunner_with(&without, &[], "", &["doctor", "https://rerunner.invalid"]);
    assert!(ran.code == 1 && !ran.err.contains("proxy"), "{} {}", ran.out, ran.err);
    let (here, heard_here) = server(&answer("200 OK", "{}"));
    rerunner_with(&[("ALL_PROXY", &proxy)], &[], "", &["doctor", &here]);
    assert!(!heard_here.lock().unwrap().is_empty());
    assert_eq!(heard.lock().unwrap().len(), asked.len(), "nothing more went to the proxy");
}
