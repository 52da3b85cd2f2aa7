//! What a refusal means.

use super::*;

#[test]
fn a_refused_token_is_fetched_again() {
    let credentials = credentials(None);
    let github = Scripted::new([installed(7), token("revoked", 60), token("new", 60)]);
    let revoked = ask(&credentials, &github).unwrap();
    credentials.on_accepted(&revoked);
    let refusal = message(401, "Bad credentials");
    let refused = |with: &Authorization, reply: &Reply| credentials.on_refused(with, reply, 1, github.now());
    assert_eq!(refused(&revoked, &message(403, "Resource not accessible by integration")), Refusal::Final);
    assert_eq!(refused(&revoked, &message(404, "Not Found")), Refusal::Final);
    assert_eq!(ask(&credentials, &github).unwrap(), revoked);
    assert_eq!(refused(&revoked, &refusal), Refusal::TokenExpired);
    assert_eq!(ask(&credentials, &github), installation("new"));
    // A late word on the old one does the new one no harm.
    assert_eq!(refused(&revoked, &refusal), Refusal::TokenExpired);
    assert_eq!(ask(&credentials, &github), installation("new"));
    assert_eq!(refused(&Authorization::Token(Secret::new("t")), &refusal), Refusal::Final);
    github.was_asked(&[LOOKED_UP, TOKEN, TOKEN]);
}

#[test]
fn a_new_token_is_tried_again_before_a_refusal_is_believed() {
    for refusal in [
        message(401, "Bad credentials"),
        message(403, "Resource not accessible by integration"),
        message(404, "Not Found"),
    ] {
        let credentials = credentials(None);
        let github = Scripted::new([installed(7), token("new", 60), token("another", 60)]);
        let new = ask(&credentials, &github).unwrap();
        assert!(credentials.are_unproven());
        let waits: Vec<Refusal> = (1..=4).map(|n| credentials.on_refused(&new, &refusal, n, github.now())).collect();
        let after = |seconds| Refusal::RetryAfter(Span::seconds(seconds));
        assert_eq!(waits, [after(1), after(2), after(4), Refusal::Final], "{}", refusal.status);
        // One that GitHub does not know at all is not kept.
        let next = if refusal.status == 401 { "another" } else { "new" };
        assert_eq!(ask(&credentials, &github), installation(next));
    }
}

#[test]
fn a_token_is_new_until_it_is_taken_or_some_time_has_passed() {
    let credentials = credentials(None);
    let github = Scripted::new([installed(7), token("new", 60)]);
    let new = ask(&credentials, &github).unwrap();
    let refusal = message(404, "Not Found");
    let refused = |reply: &Reply, at| credentials.on_refused(&new, reply, 1, at);
    assert_eq!(refused(&refusal, NOW + NEW_FOR), Refusal::Final);
    // What is no refusal of the token is not waited for.
    for other in [message(403, "This workflow run cannot be retried"), message(403, "API rate limit exceeded")] {
        assert_eq!(refused(&other, NOW), Refusal::Final);
    }
    assert_eq!(refused(&message(403, "This installation has been suspended"), NOW), Refusal::Final);
    let github = Scripted::new([token("newer", 60)]);
    let newer = ask(&credentials, &github).unwrap();
    assert!(credentials.are_unproven());
    credentials.on_accepted(&new);
    assert!(credentials.are_unproven(), "that was the one before");
    credentials.on_accepted(&newer);
    assert!(!credentials.are_unproven());
    assert_eq!(credentials.on_refused(&newer, &refusal, 1, NOW), Refusal::Final);
}

#[test]
fn a_webhook_of_the_app_is_news_where_it_was_wanting() {
    let credentials = credentials(None);
    let suspended = reply(200, json!({ "id": 7, "suspended_at": "2026-11-23T15:04:05Z" }));
    let github = Scripted::new([message(404, "Not Found"), suspended, token("t", 60)]);
    let id = InstallationId::new(7).unwrap();
    assert!(matches!(ask(&credentials, &github), Err(Error::Repository { .. })));
    assert!(matches!(ask(&credentials, &github), Err(Error::Credentials { .. })));
    assert!(credentials.on_installation(id));
    assert!(!credentials.on_installation(id));
    assert_eq!(ask(&credentials, &github), installation("t"));
    assert!(!credentials.on_installation(id));
}

#[test]
fn a_suspension_is_noticed_by_a_token_that_was_good() {
    let credentials = credentials(None);
    let github = Scripted::new([installed(7), token("first", 60), token("second", 60)]);
    let first = ask(&credentials, &github).unwrap();
    let suspended = message(403, "This installation has been suspended");
    assert_eq!(credentials.on_refused(&first, &suspended, 1, NOW), Refusal::Final);
    assert!(credentials.on_installation(InstallationId::new(7).unwrap()));
    assert_eq!(ask(&credentials, &github), installation("second"));
    github.was_asked(&[LOOKED_UP, TOKEN, TOKEN]);
}

#[test]
fn the_token_does_not_replace_a_suspended_app() {
    let credentials = credentials(Some("t"));
    let suspended = message(403, "This installation has been suspended");
    credentials.on_installation(InstallationId::new(7).unwrap());
    let refused = ask(&credentials, &Scripted::new([suspended]));
    assert!(matches!(refused, Err(Error::Credentials { message }) if message.contains("suspended")));
}

#[test]
fn githubs_clock_is_believed() {
    let credentials = credentials(None);
    let mut refused = message(401, "'Expiration time' claim ('exp') is too far in the future");
    refused.headers.date = Some("Mon, 23 Nov 2026 14:44:05 GMT".to_owned());
    let github = Scripted::new([refused, installed(7), token("t", 40)]);
    assert_eq!(ask(&credentials, &github), installation("t"));
    assert_eq!(credentials.state.borrow().clock_ahead, -20 * 60 * 1_000);
    // By GitHub's clock it has 60 minutes.
    github.now.set(NOW + Span::minutes(54));
    assert_eq!(ask(&credentials, &github), installation("t"));
    github.was_asked(&[LOOKED_UP, LOOKED_UP, TOKEN]);
}

#[test]
fn a_wrong_key_is_not_tried_over_and_over() {
    let mut refused = message(401, "A JSON web token could not be decoded");
    refused.headers.date = Some("Mon, 23 Nov 2026 15:04:05 GMT".to_owned());
    let github = Scripted::new([refused]);
    assert!(matches!(ask(&credentials(None), &github), Err(Error::Credentials { .. })));
    github.was_asked(&[LOOKED_UP]);
}
