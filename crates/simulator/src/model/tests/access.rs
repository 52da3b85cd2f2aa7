use super::*;

/// A failed run in a setting with this token, and what a read and a re-run with it are answered.
fn answers(grant: Grant) -> [Option<(u16, String)>; 2] {
    let mut setting = Setting::new();
    setting.github.add_token("other", grant);
    let run = setting.run(Workflow::new("ci").job(JobSpec::new("a").fails(1)));
    setting.settle();
    let caller = Caller::new("other");
    let short = |error: ApiError| (error.status, error.message);
    let read = setting.github.read_run(caller, REPO, run, setting.now).err().map(short);
    let rerun = setting.github.rerun_failed_jobs(caller, REPO, run, false, setting.now).err().map(short);
    [read, rerun]
}

#[test]
fn permissions() {
    let full = || Grant::full("someone");
    let read = || full().actions(Permission::Read);
    let refused = |status: u16, message: &str| Some((status, message.to_owned()));
    let fine = "Resource not accessible by personal access token";
    let app = "Resource not accessible by integration";
    let classic = "Must have admin rights to Repository.";
    let cases = [
        (full(), None, None),
        (read(), None, refused(403, fine)),
        (full().actions(Permission::None), refused(403, fine), refused(403, fine)),
        (read().kind(TokenKind::App), None, refused(403, app)),
        (read().kind(TokenKind::Classic), None, refused(403, classic)),
        (full().only(&["octo/other"]), refused(404, "Not Found"), refused(404, "Not Found")),
        (full().only(&["Octo/Widgets"]), None, None),
        (Grant { revoked: true, ..full() }, refused(401, "Bad credentials"), refused(401, "Bad credentials")),
    ];
    for (grant, on_read, on_rerun) in cases {
        assert_eq!(answers(grant.clone()), [on_read, on_rerun], "{grant:?}");
    }
}

#[test]
fn a_refusal_says_which_permission_would_do() {
    let mut setting = Setting::new();
    setting.github.grant_mut(TOKEN).actions = Permission::Read;
    let run = setting.run(Workflow::new("ci").job(JobSpec::new("a").fails(1)));
    let error = setting.rerun_failed(run).unwrap_err();
    assert_eq!(error.headers, [("x-accepted-github-permissions".to_owned(), "actions=write".to_owned())]);
}

#[test]
fn callers_without_token_or_user_agent() {
    let mut setting = Setting::new();
    let run = setting.run(Workflow::new("ci"));
    let mut status =
        |caller| setting.github.read_run(caller, REPO, run, setting.now).map_err(|error| error.status).err();
    let good = Caller::new(TOKEN);
    assert_eq!(status(good), None);
    assert_eq!(status(Caller { user_agent: None, ..good }), Some(403));
    assert_eq!(status(Caller { token: None, ..good }), Some(401));
    assert_eq!(status(Caller::new("unknown")), Some(401));
    let unknown = setting.github.read_run(good, REPO, RunId(1), setting.now);
    assert_eq!(unknown.unwrap_err(), ApiError::not_found());
    let statuses: Vec<u16> = setting.github.calls().iter().map(|call| call.status).collect();
    assert_eq!(statuses, [200, 403, 401, 401, 404]);
}

#[test]
fn a_run_belongs_to_its_repository() {
    let mut setting = Setting::new();
    setting.github.add_repository("octo/other", START);
    let run = setting.run(Workflow::new("ci"));
    let read = setting.github.read_run(Caller::new(TOKEN), "octo/other", run, setting.now);
    assert_eq!(read.unwrap_err().status, 404);
}

#[test]
fn the_hourly_limit() {
    let mut setting = Setting::new();
    setting.github.grant_mut(TOKEN).hourly = 3;
    let run = setting.run(Workflow::new("ci"));
    for used in 1..=3 {
        setting.github.read_run(Caller::new(TOKEN), REPO, run, setting.now).unwrap();
        let limit = setting.github.rate_limit(TOKEN).unwrap();
        assert_eq!((limit.used, limit.remaining()), (used, 3 - used));
    }
    let error = setting.github.read_run(Caller::new(TOKEN), REPO, run, setting.now).unwrap_err();
    assert_eq!(error.status, 403);
    assert!(error.headers.contains(&("x-ratelimit-remaining".to_owned(), "0".to_owned())), "{:?}", error.headers);
    let reset = setting.github.rate_limit(TOKEN).unwrap().reset;
    setting.now = reset * 1_000;
    setting.github.read_run(Caller::new(TOKEN), REPO, run, setting.now).unwrap();
}

#[test]
fn secondary_limits() {
    let mut setting = Setting::new();
    let limits = SecondaryLimits { content_creating_a_minute: Some(2), ..SecondaryLimits::default() };
    setting.github.set_secondary_limits(limits);
    let runs: Vec<RunId> = (0..4)
        .map(|number| setting.run(Workflow::new(&format!("w{number}")).job(JobSpec::new("a").fails(1))))
        .collect();
    setting.settle();
    setting.rerun_failed(runs[0]).unwrap();
    setting.rerun_failed(runs[1]).unwrap();
    let error = setting.rerun_failed(runs[2]).unwrap_err();
    assert_eq!((error.status, error.headers), (403, vec![("retry-after".to_owned(), "60".to_owned())]));
    setting.github.read_run(Caller::new(TOKEN), REPO, runs[2], setting.now).unwrap();
    setting.pass(60_000);
    setting.rerun_failed(runs[2]).unwrap();
    setting.github.set_secondary_limits(SecondaryLimits { concurrent: Some(5), ..SecondaryLimits::default() });
    let crowded = Caller { in_flight: 6, ..Caller::new(TOKEN) };
    assert_eq!(setting.github.read_run(crowded, REPO, runs[0], setting.now).unwrap_err().status, 403);
}

/// "This endpoint can be used without authentication or the aforementioned permissions if only public resources are
/// requested", as GitHub's documentation says of most reads.
#[test]
fn a_token_for_another_repository_reads_what_is_public() {
    const POLICY: &str = ".github/rerunner.yml";
    let mut setting = Setting::new();
    let organization = setting.github.add_repository("octo/.github", START);
    setting.github.write_file(organization, POLICY, "version: 1\n");
    let scoped = Grant::full("rerunner[bot]").kind(TokenKind::App).only(&[REPO]);
    setting.github.add_token("scoped", scoped.clone());
    setting.github.add_token("poor", Grant { contents: Permission::None, ..scoped });
    let read = |setting: &mut Setting, token| {
        let answer = setting.github.contents(Caller::new(token), "octo/.github", POLICY, None, setting.now);
        answer.map_err(|error| error.status).map(|_| ())
    };
    assert_eq!(read(&mut setting, "scoped"), Err(404), "a private one does not exist for it");
    assert_eq!(read(&mut setting, TOKEN), Ok(()), "one that was let in");
    setting.github.set_visibility(organization, Visibility::Public);
    for token in ["scoped", "poor", TOKEN] {
        assert_eq!(read(&mut setting, token), Ok(()), "{token}");
    }
    let workflow = setting.github.add_workflow(organization, Workflow::new("ci").job(JobSpec::new("a").fails(1)));
    let run = setting.github.start_run(organization, workflow, Trigger::push("main", "mona"), setting.now);
    setting.settle();
    let (caller, now) = (Caller::new("scoped"), setting.now);
    setting.github.read_run(caller, "octo/.github", run, now).unwrap();
    let refused = setting.github.rerun_failed_jobs(caller, "octo/.github", run, false, now).unwrap_err();
    assert_eq!((refused.status, refused.message.as_str()), (403, "Resource not accessible by integration"));
    setting.github.rerun_failed_jobs(Caller::new(TOKEN), "octo/.github", run, false, now).unwrap();
}
