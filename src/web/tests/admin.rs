//! What is for whoever has `ADMIN_TOKEN`.

use serde_json::json;

use crate::keeper::run_filter::RunFilter;
use crate::keeper::summary::Summary;
use crate::keeper::views::{Question, RunSlice};
use crate::names::{RepoName, RunId};
use crate::policy::RunOutcome;
use crate::web::backend::{Fault, SummaryList};

use super::memory::{Memory, NOW, REPOSITORY, TOKEN};

#[test]
fn what_the_keeper_is_asked() {
    let run = RunId::new(7).unwrap();
    let slice =
        |outcome, before, limit| RunSlice { outcome, before: RunId::new(before), limit, filter: RunFilter::default() };
    let filter = || RunFilter { branch: Some("main".to_owned()), since: Some(1), ..RunFilter::default() };
    let (api, page) = ("/api/v1/repositories/octo/widgets", "/overview/octo/widgets");
    for (method, path, question) in [
        ("GET", page.to_owned(), Question::Repository(slice(None, 0, 50))),
        ("GET", format!("{page}?outcome=left&cursor=9"), Question::Repository(slice(Some(RunOutcome::Left), 9, 50))),
        (
            "GET",
            format!("{page}?branch=main&job=&since=1970-01-02"),
            Question::Repository(RunSlice { filter: filter(), ..slice(None, 0, 50) }),
        ),
        (
            "GET",
            format!("{api}/runs?since=1970-01-02&branch=main"),
            Question::Runs(RunSlice { filter: filter(), ..slice(None, 0, 50) }),
        ),
        ("GET", format!("{page}/runs/7"), Question::RunPage(run)),
        ("GET", api.to_owned(), Question::Status),
        ("GET", format!("{api}/runs"), Question::Runs(slice(None, 0, 50))),
        ("GET", format!("{api}/runs?limit=3&cursor=&outcome="), Question::Runs(slice(None, 0, 3))),
        ("GET", format!("{api}/runs/7"), Question::Run(run)),
        ("GET", format!("{api}/flaky-jobs?cursor=20&limit=5"), Question::FlakyJobs { skip: 20, limit: 5 }),
        ("GET", format!("{api}/precision"), Question::Precision),
        ("POST", format!("{api}/pause"), Question::Pause),
        ("POST", format!("{api}/resume"), Question::Resume),
    ] {
        let memory = Memory::default();
        let response = memory.send(method, &path, &[TOKEN]);
        assert_eq!((response.status, response.header("x-rows-read")), (200, "12"), "{path}");
        assert_eq!(*memory.asked.borrow(), [(REPOSITORY.to_owned(), question)], "{path}");
        let elsewhere = memory.send(method, &path.replace("widgets", "unknown"), &[TOKEN]);
        assert_eq!(elsewhere.status, 404, "{path}");
        assert!(elsewhere.text().contains("no record"), "{}", elsewhere.text());
        memory.fails.set(true);
        let fault = memory.send(method, &path, &[TOKEN]);
        assert_eq!(fault.status, 503, "{path}");
        assert!(!fault.text().contains("secret-plans"), "{path}: what went wrong is for the log");
        assert_eq!(*memory.logged.borrow(), ["the Keeper: octo/secret-plans broke"], "{path}");
    }
}

#[test]
fn a_form_is_sent_back_to_its_page() {
    let memory = Memory::default();
    let form = [TOKEN, ("content-type", "application/x-www-form-urlencoded")];
    let response = memory.send("POST", "/api/v1/repositories/octo/widgets/pause", &form);
    assert_eq!((response.status, response.header("location")), (303, "/overview/octo/widgets"));
    assert_eq!(memory.send("POST", "/api/v1/repositories/octo/unknown/pause", &form).status, 404);
}

fn list(names: &[&str], cursor: Option<&str>) -> Result<SummaryList, Fault> {
    let summary = |name: &&str| Summary::new(RepoName::parse(name).unwrap(), NOW, Default::default(), &[]);
    Ok(SummaryList { summaries: names.iter().map(summary).collect(), cursor: cursor.map(str::to_owned) })
}

#[test]
fn lists_go_on_at_their_cursor() {
    for path in ["/overview", "/api/v1/repositories", "/insights"] {
        let memory = Memory::default();
        memory.lists.borrow_mut().push(list(&["octo/a"], Some("bmV4dA==")));
        let response = memory.get(&format!("{path}?cursor=dGhpcw%3D%3D"));
        assert_eq!(*memory.cursors.borrow(), [Some("dGhpcw==".to_owned())], "{path}");
        let text = response.text();
        // Where nothing is to be said of it, its name is not.
        assert!((text.contains("octo/a") || path == "/insights") && text.contains("bmV4dA"), "{text}");
        memory.lists.borrow_mut().push(Err("KV GET failed: 400 Bad Request".to_owned()));
        let refused = memory.get(&format!("{path}?cursor=AAAA"));
        assert_eq!(refused.status, 400, "{path}: Workers KV does not know it");
        assert!(refused.text().contains("cursor: expected"), "{}", refused.text());
        assert_eq!(memory.get(&format!("{path}?cursor=%22")).status, 400);
        assert_eq!(memory.cursors.borrow().len(), 2, "{path}: Workers KV is not asked for what is no cursor");
        memory.fails.set(true);
        assert_eq!(memory.get(path).status, 503, "{path}");
    }
}

#[test]
fn metrics_are_of_ten_lists_at_most() {
    let memory = Memory::with(&[("MAX_RERUNS", "many")]);
    *memory.lists.borrow_mut() = vec![list(&["octo/b"], None), list(&["octo/a"], Some("AA"))];
    let text = memory.get("/metrics").text();
    assert!(text.contains("rerunner_runs_waiting{repository=\"octo/a\"} 0\n") && text.contains("octo/b"), "{text}");
    assert!(text.contains("rerunner_settings_problems 1\n") && text.contains("rerunner_dry_run 0\n"));
    assert_eq!(*memory.cursors.borrow(), [None, Some("AA".to_owned())]);

    let endless = Memory::default();
    *endless.lists.borrow_mut() = (0..20).map(|_| list(&[], Some("AA"))).collect();
    assert_eq!(endless.get("/metrics").status, 200);
    assert_eq!(endless.cursors.borrow().len(), 10);
}

#[test]
fn the_doctor_and_redelivery_go_by_repository() {
    let memory = Memory::default();
    let named = "repository=octo/widgets&repository=octo/gadgets";
    let doctor = memory.get(&format!("/api/v1/doctor?{named}"));
    assert_eq!(doctor.body()["findings"][0]["check"], "token");
    assert_eq!(*memory.examined.borrow(), ["octo/widgets", "octo/gadgets"]);
    let refused = memory.post(&format!("/api/v1/redeliver?{named}"));
    assert_eq!((refused.status, &refused.body()["outcome"]), (502, &json!("rejected")));
    assert_eq!(memory.post("/api/v1/redeliver").body(), json!({ "redelivered": 0, "left": 0 }));
    assert_eq!(memory.get(&format!("/api/v1/doctor?{}", ["repository=o/r"; 6].join("&"))).status, 400);
}

/// The state of the form on `/setup`.
fn state(memory: &Memory) -> String {
    let page = memory.get("/setup?organization=").text();
    page.split("state=").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[test]
fn an_app_is_made_once_for_each_visit() {
    let memory = Memory::default();
    let start = memory.get("/setup?organization=octo-org");
    assert!(start.text().contains("https://github.com/organizations/octo-org/settings/apps/new?state="));
    assert!(start.header("content-security-policy").contains("form-action 'self' https://github.com;"));
    assert_eq!(memory.get("/setup?organization=a%2Fb").status, 400);
    assert!(!start.text().contains("issue_comment"));
    let ticked = memory.get("/setup?organization=octo-org&commands=on&flaky_issues=on").text();
    assert!(ticked.contains("issue_comment") && ticked.contains("issues: write"), "{ticked}");
    assert_eq!(memory.get("/setup?commands=off").status, 400);
    // First comes the choice, and a way on for whoever wants none of it.
    let (first, own) = (memory.get("/setup").text(), memory.get("/setup?organization=&commands=on").text());
    let (choice, at_once) = first.split_once("Or at once").unwrap();
    assert!(choice.contains("Next") && !choice.contains("Continue on GitHub"), "{choice}");
    assert!(at_once.contains("https://github.com/settings/apps/new?state=") && !at_once.contains("issue_comment"));
    assert!(own.contains("https://github.com/settings/apps/new?state=") && own.contains("issue_comment"), "{own}");

    let state = state(&memory);
    for bad in ["", "?code=abc", &format!("?state={state}"), &format!("?code=a%2Fb&state={state}"), "?code=abc&state=x"]
    {
        let response = memory.get(&format!("/setup/created{bad}"));
        assert_eq!(response.status, 400, "{bad}");
        assert!(response.text().contains("code") && response.text().contains("state"), "{bad}: {}", response.text());
    }
    let created = memory.get(&format!("/setup/created?code=abc&state={state}"));
    assert_eq!(created.status, 200);
    assert!(created.text().contains("-----BEGIN\\nkey\\n-----END") && created.text().contains("hush"));
    let again = memory.get(&format!("/setup/created?code=abc&state={state}"));
    assert_eq!(again.status, 400);
    assert!(!again.text().contains("hush"));
}

#[test]
fn an_app_that_is_not_made_is_logged_and_one_that_is_there_stays() {
    let memory = Memory::default();
    let state = state(&memory);
    let refused = memory.get(&format!("/setup/created?code=unknown&state={state}"));
    assert_eq!((refused.status, memory.logged.borrow().len()), (502, 1));
    assert!(refused.text().contains("Start again"));

    let has_app = Memory::with(&[("GITHUB_APP_ID", "7")]);
    for path in ["/setup", &format!("/setup/created?code=abc&state={state}")] {
        assert_eq!(has_app.get(path).status, 409, "{path}");
    }
}
