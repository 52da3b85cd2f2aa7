//! Which token a call is made with, and when another is fetched.

use super::*;

#[test]
fn without_an_app_there_is_only_the_token() {
    let mut settings = Settings::read(|_| None);
    settings.github_token = Some(Secret::new("t"));
    let github = Scripted::new([]);
    let expected = Ok(Authorization::Token(Secret::new("t")));
    assert_eq!(ask(&Credentials::new(Rc::new(settings)), &github), expected);
    let none = ask(&Credentials::new(Rc::new(Settings::read(|_| None))), &github);
    assert!(matches!(none, Err(Error::Credentials { .. })));
}

#[test]
fn who_writes() {
    let repository = RepoName::parse("octo/widgets").unwrap();
    let author = |credentials: &Credentials, github: &Scripted| now(credentials.author(github, &repository));
    let mut settings = Settings::read(|_| None);
    settings.github_token = Some(Secret::new("t"));
    let of_token = Credentials::new(Rc::new(settings));
    let github = Scripted::new([message(502, ""), reply(200, json!({ "id": 7, "login": "me" }))]);
    assert!(matches!(author(&of_token, &github), Err(Error::Inconclusive { .. })));
    for _ in 0..2 {
        assert_eq!(author(&of_token, &github), Ok(Author::User(7)));
    }
    github.was_asked(&["/user", "/user"]);

    let credentials = credentials(Some("t"));
    let github =
        Scripted::new([message(404, "Not Found"), reply(200, json!({ "id": 7 })), installed(7), token("a", 60)]);
    assert_eq!(author(&credentials, &github), Ok(Author::User(7)), "where the App is not installed");
    github.now.set(NOW + NOT_INSTALLED_FOR);
    assert_eq!(author(&credentials, &github), Ok(Author::App("1".to_owned())));
    github.was_asked(&[LOOKED_UP, "/user", LOOKED_UP, TOKEN]);
}

#[test]
fn a_token_is_kept_until_shortly_before_it_expires() {
    let credentials = credentials(None);
    let github = Scripted::new([installed(7), token("first", 60), token("second", 120)]);
    assert_eq!(ask(&credentials, &github), installation("first"));
    github.now.set(NOW + Span::minutes(54));
    assert_eq!(ask(&credentials, &github), installation("first"));
    github.now.set(NOW + Span::minutes(55));
    assert_eq!(ask(&credentials, &github), installation("second"));
    github.was_asked(&[LOOKED_UP, TOKEN, TOKEN]);
}

#[test]
fn an_app_from_before_pull_requests_were_looked_at() {
    let not_granted = || message(422, "The permissions requested are not granted to this installation.");
    let credentials = credentials(None);
    let granted = |permissions| reply(200, json!({ "id": 7, "permissions": permissions }));
    let old = || granted(json!({ "actions": "write", "checks": "read", "contents": "write" }));
    let github = Scripted::new([installed(7), not_granted(), old(), token("less", 60)]);
    assert_eq!(ask(&credentials, &github), installation("less"));
    github.was_asked(&[LOOKED_UP, TOKEN, LOOKED_UP, TOKEN]);
    let bodies: Vec<bool> =
        github.bodies.borrow().iter().flatten().map(|body| body.contains("pull_requests")).collect();
    assert_eq!(bodies, [true, false]);
    // What it lacks besides is named in full.
    let credentials = self::credentials(None);
    let refused = Scripted::new([installed(7), not_granted(), old(), not_granted()]);
    let narrow = granted(json!({ "actions": "read", "checks": "read", "contents": "read", "pull_requests": "read" }));
    let narrow = Scripted::new([installed(7), not_granted(), narrow]);
    for github in [refused, narrow] {
        let Err(Error::Credentials { message }) = ask(&self::credentials(None), &github) else { panic!("a token") };
        assert!(message.contains("actions: write") && message.contains("pull_requests: read"), "{message}");
    }
    drop(credentials);
    // That GitHub does not answer is no lack of anything.
    let lost = Scripted::new([installed(7), not_granted(), message(502, "")]);
    let less_lost = Scripted::new([installed(7), not_granted(), old(), message(502, "")]);
    for github in [lost, less_lost] {
        let answer = ask(&self::credentials(None), &github);
        assert!(matches!(answer, Err(Error::Inconclusive { .. })), "{answer:?}");
    }
}

/// A feature that lacks its permission stops nothing else.
#[test]
fn a_token_is_for_what_is_switched_on_as_far_as_it_is_granted() {
    let not_granted = || message(422, "The permissions requested are not granted to this installation.");
    let credentials = credentials(None);
    credentials.set_also_needed(Needed { commands: true, flaky_issues: true, ..Needed::default() });
    let all =
        json!({ "actions": "write", "checks": "read", "contents": "read", "pull_requests": "read", "issues": "write" });
    let granted = reply(200, json!({ "id": 7, "permissions": all }));
    let github = Scripted::new([installed(7), not_granted(), granted, token("less", 60), token("all", 60)]);
    assert_eq!(ask(&credentials, &github), installation("less"));
    let asked = |github: &Scripted| {
        let bodies = github.bodies.borrow();
        let body: serde_json::Value = serde_json::from_str(bodies.last().unwrap().as_deref().unwrap()).unwrap();
        body["permissions"].clone()
    };
    let mut expected = all;
    expected["metadata"] = json!("read");
    assert_eq!(asked(&github), expected);
    // Nothing is fetched anew for what is known.
    credentials.set_also_needed(Needed { commands: true, flaky_issues: true, ..Needed::default() });
    assert_eq!(ask(&credentials, &github), installation("less"));
    credentials.set_also_needed(Needed { commands: true, ..Needed::default() });
    assert_eq!(ask(&credentials, &github), installation("all"));
    assert_eq!(asked(&github)["pull_requests"], "write");
    assert_eq!(asked(&github)["issues"], json!(null));
}

#[test]
fn many_calls_at_once_fetch_it_once() {
    let credentials = credentials(None);
    let github = Scripted { slow: 3, ..Scripted::new([installed(7), token("one", 60)]) };
    let repository = RepoName::parse("octo/widgets").unwrap();
    let both = futures_util::future::join(
        credentials.authorization(&github, &repository),
        credentials.authorization(&github, &repository),
    );
    assert_eq!(now(both), (installation("one"), installation("one")));
    github.was_asked(&[LOOKED_UP, TOKEN]);
}

#[test]
fn a_token_is_for_the_repository_whatever_it_is_called() {
    let credentials = credentials(None);
    credentials.set_repository(RepositoryId::new(5).unwrap());
    let github = Scripted::new([installed(7), token("t", 60)]);
    assert_eq!(ask(&credentials, &github), installation("t"));
    let body = github.bodies.borrow().last().cloned().flatten().unwrap();
    assert!(body.contains(r#""repository_ids":[5]"#), "{body}");
}

#[test]
fn what_is_known_of_one_repository_is_not_used_for_another_of_its_name() {
    let credentials = credentials(None);
    let (five, six) = (RepositoryId::new(5).unwrap(), RepositoryId::new(6).unwrap());
    credentials.set_repository(five);
    credentials.on_installation(InstallationId::new(7).unwrap());
    let github = Scripted::new([token("of 5", 60), token("of 6", 60)]);
    assert_eq!(ask(&credentials, &github), installation("of 5"));
    credentials.set_moved_to(RepositoryPath::Id(five));
    credentials.set_repository(five);
    assert_eq!(
        (ask(&credentials, &github), credentials.moved_to()),
        (installation("of 5"), Some(RepositoryPath::Id(five)))
    );
    credentials.set_repository(six);
    assert_eq!((ask(&credentials, &github), credentials.moved_to()), (installation("of 6"), None));
}

#[test]
fn the_installation_of_a_webhook_is_not_looked_up() {
    let credentials = credentials(None);
    credentials.on_installation(InstallationId::new(7).unwrap());
    let github = Scripted::new([token("t", 60)]);
    assert_eq!(ask(&credentials, &github), installation("t"));
    github.was_asked(&[TOKEN]);
}

#[test]
fn an_installation_that_is_gone_is_looked_up_again() {
    let credentials = credentials(None);
    credentials.on_installation(InstallationId::new(6).unwrap());
    let github = Scripted::new([message(404, "Not Found"), installed(7), token("t", 60)]);
    assert_eq!(ask(&credentials, &github), installation("t"));
    github.was_asked(&["/app/installations/6/access_tokens", LOOKED_UP, TOKEN]);
}

#[test]
fn where_it_is_not_installed_the_token_stands_in_for_a_while() {
    let credentials = credentials(Some("t"));
    let github = Scripted::new([message(404, "Not Found"), installed(7), token("app", 60)]);
    assert_eq!(ask(&credentials, &github), Ok(Authorization::Token(Secret::new("t"))));
    assert_eq!(ask(&credentials, &github), Ok(Authorization::Token(Secret::new("t"))));
    assert!(!credentials.use_the_app());
    github.now.set(NOW + NOT_INSTALLED_FOR);
    assert_eq!(ask(&credentials, &github), installation("app"));
    assert!(credentials.use_the_app());
    github.was_asked(&[LOOKED_UP, LOOKED_UP, TOKEN]);
}
