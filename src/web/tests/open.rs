//! What is open to everybody.

use serde_json::json;

use super::memory::{Memory, TOKEN};

#[test]
fn home_says_whether_it_is_set_up() {
    assert!(Memory::default().send("GET", "/", &[]).text().contains("It is set up"));
    assert!(Memory::with(&[("MAX_RERUNS", "many")]).send("GET", "/", &[]).text().contains("MAX_RERUNS"));
}

#[test]
fn health_says_more_to_whoever_has_the_token() {
    let memory = Memory::default();
    *memory.refusal.borrow_mut() = Some("401 Bad credentials".to_owned());
    let (short, detail) = (memory.send("GET", "/healthz", &[]), memory.get("/healthz"));
    assert_eq!((short.status, detail.status), (503, 503));
    assert!(!short.text().contains("Bad credentials") && detail.text().contains("Bad credentials"));
    assert_eq!((&short.body()["repositories"], &detail.body()["repositories"]), (&json!(null), &json!([])));
    *memory.refusal.borrow_mut() = None;
    assert_eq!(memory.send("GET", "/healthz", &[]).status, 200);
    assert_eq!(memory.send("GET", "/healthz", &[("authorization", "Bearer guess")]).status, 401);
    let closed = Memory::with(&[("ADMIN_TOKEN", "")]).send("GET", "/healthz", &[TOKEN]);
    assert_eq!((closed.status, &closed.body()["repositories"]), (200, &json!(null)), "there is none to know");
}

#[test]
fn badges_are_for_repositories_that_a_setting_names() {
    let memory = Memory::with(&[("BADGE_REPOSITORIES", "octo/*")]);
    let badge = |path: &str| memory.send("GET", path, &[]);
    assert!(badge("/badge/octo/widgets.svg").text().contains("CI rescued: no failures"));
    assert_eq!(badge("/badge/octo/unknown.svg").status, 200, "nothing has failed there yet");
    assert_eq!(badge("/badge/other/widgets.svg").status, 404);
    memory.fails.set(true);
    let fault = badge("/badge/octo/widgets.svg");
    assert_eq!((fault.status, fault.header("content-type")), (503, "text/plain; charset=utf-8"));
    assert!(!fault.text().contains("secret-plans"));
}
