use super::*;

fn read(pairs: &[(&str, &str)]) -> Settings {
    let base = [("WEBHOOK_SECRET", "s"), ("GITHUB_TOKEN", "t")];
    Settings::read(|name| pairs.iter().chain(&base).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
}

#[test]
fn defaults() {
    let settings = read(&[]);
    assert_eq!(settings.problems, []);
    assert_eq!(settings.github_api_url, "https://api.github.com");
    assert_eq!(settings.max_reruns, 3);
    assert_eq!(settings.rerun_delay, Span::seconds(5));
    assert!(!settings.dry_run);
    assert!(settings.serves(&RepoName::parse("any/thing").unwrap()));
    assert!(!settings.excludes_actor("anyone"));
}

#[test]
fn every_bad_value_is_named_and_none_is_shown() {
    #[track_caller]
    fn bad(setting: &str, value: &str) {
        let problems = read(&[(setting, value)]).problems;
        assert_eq!(problems.len(), 1, "{setting}={value}: {problems:?}");
        assert_eq!(problems[0].setting, setting);
        assert!(!problems[0].problem.contains("hunter2"), "{}", problems[0].problem);
    }
    bad("WEBHOOK_SECRET", " ");
    bad("GITHUB_TOKEN", "");
    bad("GITHUB_TOKEN", "hunter2\nhunter2");
    for value in ["-1", "50", "3.5", "hunter2", "0x3"] {
        bad("MAX_RERUNS", value);
        bad("MAX_RERUNS_CEILING", value);
    }
    for value in ["5", "5 s", "5d", "-5s", "25h", "s", "hunter2", "99999999999999999999s", "é", "5é"] {
        bad("RERUN_DELAY", value);
    }
    for value in ["59s", "hunter2", "-1m"] {
        bad("SWEEP_INTERVAL", value);
    }
    for value in ["yes", "1", "TRUE", "hunter2"] {
        bad("DRY_RUN", value);
    }
    for value in ["0", "1001", "many", "hunter2"] {
        bad("NOTIFICATIONS_PER_HOUR", value);
    }
    // Seen to fail when each is taken for a pattern that may match something.
    for setting in ["REPOSITORIES", "BADGE_REPOSITORIES"] {
        for value in ["hunter2", "a/b, hunter2", "a/b c/hunter2", "a/b/hunter2", "a/b;c/d*hunter2 x", "a/?\nb"] {
            bad(setting, value);
        }
    }
    for value in ["a hunter2", "ann, bob hunter2", "ann\nhunter2"] {
        bad("NO_RERUN_ACTORS", value);
    }
    bad("COMMENT_ON_PULL_REQUESTS", "hunter2");
    for value in [&"x".repeat(51), "hunter2\nhunter2", "a\u{202e}b", "\u{1f680}"] {
        bad("COMMIT_STATUS", value);
    }
    for value in
        ["http://hooks.example/hunter2", "hunter2", "https://hunter2:x@hooks.example/", "https://hünter2.example/"]
    {
        bad("NOTIFY_URL", value);
    }
    for value in ["/hunter2", "hunter2/../x", "hunter2/", "hunter2//x"] {
        bad("POLICY_FILE", value);
    }
    for value in [
        "api.example",
        "http://api.example",
        "ftp://x",
        "https://hunter2:hunter2@x/",
        "https://x/?q=1",
        "file:///x",
        "https://hünter2/",
    ] {
        bad("GITHUB_API_URL", value);
    }
}

#[test]
fn good_values() {
    assert_eq!(read(&[("GITHUB_API_URL", "https://ghe.example/api/v3/")]).github_api_url, "https://ghe.example/api/v3");
    assert_eq!(read(&[("GITHUB_API_URL", "http://127.0.0.1:8080")]).github_api_url, "http://127.0.0.1:8080");
    assert_eq!(read(&[("MAX_RERUNS", "0")]).max_reruns, 0);
    assert_eq!(read(&[("MAX_RERUNS", "49")]).max_reruns, 49);
    for (max_reruns, ceiling, expected) in [("3", "10", 10), ("3", "5", 5), ("3", "0", 3), ("20", "10", 20)] {
        let settings = read(&[("MAX_RERUNS", max_reruns), ("MAX_RERUNS_CEILING", ceiling)]);
        assert_eq!(settings.max_reruns_ceiling, expected, "{max_reruns} {ceiling}");
    }
    assert_eq!(read(&[("RERUN_DELAY", "0s")]).rerun_delay, Span::ZERO);
    assert_eq!(read(&[("RERUN_DELAY", "24h")]).rerun_delay, Span::hours(24));
    assert!(read(&[("DRY_RUN", "true")]).dry_run);
    assert_eq!(read(&[]).policy_file.unwrap().as_str(), ".github/rerunner.yml");
    assert_eq!(read(&[("POLICY_FILE", " ci/rules.yml ")]).policy_file.unwrap().as_str(), "ci/rules.yml");
    assert_eq!(read(&[("POLICY_FILE", "")]).policy_file, None);
    assert_eq!(read(&[]).sweep_interval, Span::minutes(15));
    assert_eq!(read(&[("NOTIFY_URL", "https://hooks.example/services/x?y=z")]).problems, []);
    assert_eq!(read(&[("NOTIFY_URL", "http://127.0.0.1:9/x")]).problems, []);
    assert_eq!(read(&[("NOTIFY_URL", "https://xn--hnter2-3ya.example/")]).problems, []);
    let repository = RepoName::parse("octo/widgets").unwrap();
    assert_eq!(read(&[]).github_web_url(), "https://github.com");
    let server = read(&[("GITHUB_API_URL", "https://ghe.example/api/v3")]);
    assert_eq!(server.github_web_url(), "https://ghe.example");
    assert!(!read(&[]).has_badge(&repository));
    assert!(read(&[("BADGE_REPOSITORIES", "octo/*")]).has_badge(&repository));
    assert_eq!(read(&[("SWEEP_INTERVAL", "0")]).sweep_interval, Span::ZERO);
    for value in ["*", "octo*", "*/widgets, octo/?", "octo/*-x,", "a/b,,c/d"] {
        assert_eq!(read(&[("REPOSITORIES", value), ("BADGE_REPOSITORIES", value)]).problems, [], "{value}");
    }
    let settings = read(&[("REPOSITORIES", "octo/*, Other/one"), ("NO_RERUN_ACTORS", "dependabot[bot], Ann")]);
    for (name, served) in
        [("octo/x", true), ("OCTO/y", true), ("other/ONE", true), ("other/two", false), ("x/octo", false)]
    {
        assert_eq!(settings.serves(&RepoName::parse(name).unwrap()), served, "{name}");
    }
    assert!(
        settings.excludes_actor("Dependabot[bot]") && settings.excludes_actor("ann") && !settings.excludes_actor("bob")
    );
}

#[test]
fn access_takes_both_of_its_settings() {
    let tags = ["a1".repeat(32), "b2".repeat(32)];
    let both = |domain: &'static str, tags: &str| read(&[("ACCESS_TEAM_DOMAIN", domain), ("ACCESS_AUD", tags)]);
    for domain in
        ["team.cloudflareaccess.com", "https://team.cloudflareaccess.com", "https://Team.cloudflareaccess.com/"]
    {
        let settings = both(domain, &tags.join(" , "));
        assert_eq!(settings.problems, [], "{domain}");
        let issuer = "https://team.cloudflareaccess.com".to_owned();
        assert_eq!(settings.access, Some(Access { issuer, audiences: tags.to_vec() }));
    }
    assert_eq!(read(&[]).access, None);
    for (domain, tag, wrong) in [
        ("team.cloudflareaccess.com", "", "ACCESS_AUD"),
        ("", tags[0].as_str(), "ACCESS_TEAM_DOMAIN"),
        ("team.cloudflareaccess.com", "hunter2", "ACCESS_AUD"),
        ("http://team.cloudflareaccess.com", &tags[0], "ACCESS_TEAM_DOMAIN"),
        ("team.cloudflareaccess.com/x", &tags[0], "ACCESS_TEAM_DOMAIN"),
        ("https://hunter2@team.cloudflareaccess.com", &tags[0], "ACCESS_TEAM_DOMAIN"),
        ("https://team.cloudflareaccess.com?hunter2", &tags[0], "ACCESS_TEAM_DOMAIN"),
        ("hunter 2", &tags[0], "ACCESS_TEAM_DOMAIN"),
    ] {
        let settings = read(&[("ACCESS_TEAM_DOMAIN", domain), ("ACCESS_AUD", tag)]);
        assert_eq!(settings.access, None, "{domain} {tag}");
        let problems: Vec<_> = settings.problems.iter().map(|problem| problem.setting).collect();
        assert_eq!(problems, [wrong], "{domain} {tag}");
        assert!(!settings.problems[0].problem.contains("hunter"));
    }
}

#[test]
fn what_is_switched_on_is_needed() {
    let needed = |pairs| read(pairs).needed().to_string();
    let base = "actions: write, checks: read, contents: read, metadata: read, pull_requests: ";
    assert_eq!(needed(&[]), format!("{base}read"));
    assert_eq!(needed(&[("COMMIT_STATUS", "rerunner")]), format!("{base}read, statuses: write"));
    assert_eq!(needed(&[("COMMENT_ON_PULL_REQUESTS", "true")]), format!("{base}write"));
    let flaky = Needed { flaky_issues: true, ..Needed::default() };
    assert_eq!(read(&[]).needed().and(flaky).to_string(), format!("{base}read, issues: write"));
    let commands = Needed { commands: true, ..Needed::default() };
    assert_eq!(commands.to_string(), format!("{base}write"));
    assert_eq!(commands.events().collect::<Vec<_>>(), ["workflow_run", "issue_comment"]);
    assert_eq!(read(&[("COMMIT_STATUS", "ci / ünï")]).commit_status.as_deref(), Some("ci / ünï"));
    assert_eq!(read(&[("COMMIT_STATUS", " ")]).commit_status, None);
}

#[test]
fn an_app_a_token_or_both_and_no_half_of_one() {
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMAMCAQA=\n-----END RSA PRIVATE KEY-----";
    let app = [("GITHUB_APP_ID", "12345"), ("GITHUB_APP_PRIVATE_KEY", pem)];
    let problems = |pairs: &[(&str, &str)]| -> Vec<&'static str> {
        read(pairs).problems.iter().map(|problem| problem.setting).collect()
    };
    let alone = read(&[app.as_slice(), &[("GITHUB_TOKEN", "")]].concat());
    assert_eq!(alone.problems, []);
    assert!(alone.github_app.is_some_and(|app| app.id == "12345") && alone.github_token.is_none());
    assert_eq!(problems(&app), [] as [&str; 0], "both");
    assert_eq!(problems(&[("GITHUB_APP_ID", "Iv1.0123example"), app[1]]), [] as [&str; 0]);
    for (half, missing) in [(&app[..1], "GITHUB_APP_PRIVATE_KEY"), (&app[1..], "GITHUB_APP_ID")] {
        assert_eq!(problems(half), [missing]);
        assert_eq!(problems(&[half, &[("GITHUB_TOKEN", "")]].concat()), [missing]);
        assert!(read(half).has_app());
    }
    assert_eq!(problems(&[("GITHUB_APP_ID", "hunter2/"), app[1]]), ["GITHUB_APP_ID"]);
    assert_eq!(problems(&[app[0], ("GITHUB_APP_PRIVATE_KEY", "hunter2")]), ["GITHUB_APP_PRIVATE_KEY"]);
    assert!(!read(&[]).has_app());
}

#[test]
fn rotation_needs_a_current_secret() {
    assert_eq!(read(&[("WEBHOOK_SECRET_PREVIOUS", "old")]).webhook_secrets.len(), 2);
    assert_eq!(read(&[("WEBHOOK_SECRET", ""), ("WEBHOOK_SECRET_PREVIOUS", "old")]).webhook_secrets.len(), 0);
}

#[test]
fn a_secret_is_not_printed() {
    assert_eq!(format!("{:?}", read(&[("GITHUB_TOKEN", "hush")]).github_token), "Some(Secret(…))");
}
