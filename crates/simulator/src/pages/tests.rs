//! What the pages show, and that nothing that somebody wrote becomes HTML.

use super::page;
use crate::model::{Association, Caller, GitHub, Grant, IssueChange, JobSpec, Login, NewStatus, Trigger, Workflow};

const TOKEN: &str = "token";

fn caller() -> Caller<'static> {
    Caller { token: Some(TOKEN), user_agent: Some("rerunner"), stale_by: 0, in_flight: 1 }
}

#[track_caller]
fn html(github: &GitHub, path: &str) -> String {
    let (status, html) = page(github, path);
    assert_eq!(status, 200, "{path}: {html}");
    assert!(html.contains("Simulated GitHub") && html.contains("not of GitHub"), "{path}");
    html
}

#[track_caller]
fn says(html: &str, all: &[&str]) {
    for words in all {
        assert!(html.contains(words), "{words:?} is not in {html}");
    }
}

fn github() -> GitHub {
    let mut github = GitHub::new(1);
    github.add_token(TOKEN, Grant::full("rerunner-bot"));
    let repository = github.add_repository("acme/website", 0);
    assert_eq!(github.open_pull_request(repository, "feature", "ada", false, 1_000), 1);
    let workflow = github.add_workflow(repository, Workflow::new("ci").job(JobSpec::new("test").fails(1)));
    github.start_run(repository, workflow, Trigger::pull_request(1, "ada"), 2_000);
    github
}

#[test]
fn a_pull_request_with_comments_reactions_and_statuses() {
    let mut github = github();
    let repository = github.find_repository("acme/website").unwrap();
    let ada = (Login::from("ada"), Association::Contributor);
    let comment = github.comment_by(repository, 1, ada, "/rerun\nplease", 3_000);
    for reaction in ["eyes", "rocket"] {
        github.create_reaction(caller(), "acme/website", comment, reaction, 4_000).unwrap();
    }
    let answer = "<!-- a mark -->\n**Rerunner** did:\n- `test` at `Run <b>`";
    github.create_comment(caller(), "acme/website", 1, answer, 5_000).unwrap();
    let head = github.repository(repository).pull(1).unwrap().head_sha;
    let status = NewStatus {
        state: "pending".to_owned(),
        context: Some("rerunner / ci".to_owned()),
        description: Some("Attempt 1 failed".to_owned()),
        target_url: Some("http://127.0.0.1/run".to_owned()),
    };
    github.create_status(caller(), "acme/website", &head.to_string(), &status, 6_000).unwrap();

    let pull = html(&github, "/acme/website/pull/1");
    says(&pull, &["Work on feature", "/rerun<br />\nplease", "👀 rerunner-bot", "🚀 rerunner-bot", "contributor"]);
    says(&pull, &["<strong>Rerunner</strong> did:", "<li><code>test</code> at <code>Run &lt;b&gt;</code></li>"]);
    says(
        &pull,
        &["<strong>rerunner / ci</strong> Attempt 1 failed <a href=\"http://127.0.0.1/run\">Details</a>", "ci #1"],
    );
    assert!(!pull.contains("a mark"), "{pull}");
    assert_eq!(html(&github, "/acme/website/issues/1"), pull, "as GitHub leads there");

    says(&html(&github, &format!("/acme/website/commit/{head}")), &["rerunner / ci", "Attempt 1 failed", "ci #1"]);
    let run = github.repository(repository).runs()[0];
    says(&html(&github, &format!("/acme/website/actions/runs/{run}")), &["ci #1", "Attempt 1", "rerunner / ci"]);
}

#[test]
fn an_issue() {
    let mut github = github();
    let new = IssueChange {
        title: Some("Flaky job: `` `x` <img> `` of `ci`".to_owned()),
        body: Some("<!-- a mark -->\n- 2 of **3** <script>alert(1)</script> [run](javascript:alert(1))\n".to_owned()),
        labels: Some(vec!["flaky".to_owned()]),
        ..IssueChange::default()
    };
    github.create_issue(caller(), "acme/website", &new, 3_000).unwrap();
    let issue = html(&github, "/acme/website/issues/2");
    says(&issue, &["Flaky job: <code>`x` &lt;img&gt;</code> of <code>ci</code>", "<span class=\"label\">flaky</span>"]);
    says(&issue, &["2 of <strong>3</strong>", "Open"]);
    for bad in ["<script", "javascript:", "<img", "a mark"] {
        assert!(!issue.contains(bad), "{bad:?} is in {issue}");
    }
    let closed = IssueChange { state: Some("closed".to_owned()), ..IssueChange::default() };
    github.edit_issue(caller(), "acme/website", 2, &closed, 4_000).unwrap();
    says(&html(&github, "/acme/website/issues/2"), &["Closed", "rerunner-bot"]);
}

#[test]
fn all_is_found_from_the_first_page() {
    let github = github();
    says(&html(&github, "/"), &["href=\"/acme/website\""]);
    says(
        &html(&github, "/acme/website"),
        &["/acme/website/pull/1\"", "/acme/website/actions/runs/", "/acme/website/commit/"],
    );
    assert_eq!(html(&github, "/acme/website/actions"), html(&github, "/acme/website"));
}

/// Seen to fail when a commit is known by its runs and statuses alone (that of a new pull request).
#[test]
fn every_link_leads_to_a_page() {
    let mut github = github();
    let repository = github.find_repository("acme/website").unwrap();
    assert_eq!(github.open_pull_request(repository, "typo", "passer-by", true, 3_000), 2);
    let of_before = github.repository(repository).pull(1).unwrap().head_sha;
    github.push_to_pull_request(repository, 1, 4_000);
    assert_ne!(github.repository(repository).pull(1).unwrap().head_sha, of_before);
    let run = github.repository(repository).runs()[0];
    // As the Worker has them.
    let mut paths = vec![
        "/".to_owned(),
        format!("/acme/website/actions/runs/{run}/attempts/1"),
        "/acme/website/actions".to_owned(),
    ];
    let mut looked = 0;
    while let Some(path) = paths.get(looked).cloned() {
        looked += 1;
        let html = html(&github, &path);
        let links = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let new: Vec<String> = links
            .filter(|link| link.starts_with('/') && !paths.iter().any(|path| path == link))
            .map(str::to_owned)
            .collect();
        paths.extend(new);
    }
    for end in ["/pull/1", "/pull/2", &format!("/commit/{of_before}"), &format!("/runs/{run}")] {
        assert!(paths.iter().any(|path| path.ends_with(end)), "{end} is not among {paths:?}");
    }
}

/// Seen to fail when lines are counted from 0.
#[test]
fn a_file_has_its_lines_by_number() {
    let mut github = github();
    let repository = github.find_repository("acme/website").unwrap();
    github.write_file(repository, ".github/rerunner.yml", "rules:\n  - <b>\n");
    let file = html(&github, "/acme/website/blob/HEAD/.github/rerunner.yml");
    says(&file, &["<span id=\"L1\">rules:\n</span>", "<span id=\"L2\">  - &lt;b&gt;\n</span>"]);
}

#[test]
fn what_is_not_there() {
    let github = github();
    let sha = "0".repeat(40);
    for path in [
        "/acme".to_owned(),
        "/acme/nothing".to_owned(),
        "/acme/website/pull/7".to_owned(),
        "/acme/website/pull/one".to_owned(),
        "/acme/website/actions/runs/7".to_owned(),
        "/acme/website/blob/HEAD/nothing.yml".to_owned(),
        format!("/acme/website/commit/{sha}"),
        "/repos/acme/website".to_owned(),
    ] {
        assert_eq!(page(&github, &path).0, 404, "{path}");
    }
}

#[test]
fn titles() {
    let cases = [
        ("plain *text* <b>", "plain *text* &lt;b&gt;"),
        ("`a` and ``b ` c``", "<code>a</code> and <code>b ` c</code>"),
        ("`` `a` ``!", "<code>`a`</code>!"),
        ("one ` alone", "one ` alone"),
        ("``a`", "``a`"),
        ("", ""),
    ];
    for (text, expected) in cases {
        assert_eq!(super::parts::title(text).into_string(), expected, "{text}");
    }
}
