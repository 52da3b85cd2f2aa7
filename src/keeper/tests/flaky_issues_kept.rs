//! Issues for flaky jobs: what people do to them, and where there can be none.

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};

use super::flaky_issues::{POLICY, keeping};
use super::*;
use crate::keeper::store::statistics::SubjectKind;

/// Seen to fail when it is opened again with the next edit.
#[test]
fn what_somebody_closes_stays_closed_until_it_fails_again() {
    let play = keeping(POLICY);
    play.flakes_thrice(11);
    play.flakes(14);
    play.pass_working(Span::hours(1));
    play.set_open(false);
    play.pass_working(Span::days(2));
    assert!(!play.issue().open, "that failure was before");
    assert_eq!(play.changes(), 0);
    // One that is mended by nobody is no flaky one.
    for n in 1..=4 {
        play.hears(15, n, Conclusion::Failure);
        play.pass_working(Span::minutes(1));
    }
    play.pass_working(Span::days(2));
    assert!(!play.issue().open);
    play.flakes(16);
    play.pass_working(Span::minutes(1));
    assert!(play.issue().open);
    // And what somebody opens again stays open, as long as it would.
    play.pass_working(Span::days(8));
    assert!(!play.issue().open);
    play.set_open(true);
    let changes = play.changes();
    play.pass_working(Span::days(20));
    assert!(play.issue().open);
    assert_eq!(play.changes(), changes);
}

/// Seen to fail when it is made again with the next failure.
#[test]
fn what_somebody_deletes_or_moves_is_not_made_again_for_long() {
    let moved = RepoName::parse("octo/elsewhere").unwrap();
    for moved in [None, Some(moved)] {
        let play = keeping(POLICY);
        play.flakes_thrice(11);
        match moved {
            Some(to) => play.github.borrow_mut().issues.repository = Some(to),
            None => play.github.borrow_mut().issues.all.clear(),
        }
        for run in 20..=48 {
            play.flakes(run);
            play.pass_working(Span::days(1));
        }
        assert_eq!(play.github.borrow().issues.opened.len(), 1);
        assert!(play.github.borrow().issues.calls < 12, "{}", play.github.borrow().issues.calls);
        play.github.borrow_mut().issues.repository = None;
        play.github.borrow_mut().issues.all.clear();
        for run in 50..=53 {
            play.flakes(run);
            play.pass_working(Span::days(1));
        }
        assert_eq!(play.github.borrow().issues.opened.len(), 2);
    }
}

/// It is said once, and tried again after some hours; nothing else stops.
#[test]
fn without_the_permission_or_without_issues() {
    for (refusal, said) in [
        (
            github::Error::Credentials { message: "403 Resource not accessible by integration".to_owned() },
            "Issues for flaky jobs do not work, and will not be tried again for 6 h: GitHub refused the credentials: 403 ",
        ),
        (
            github::Error::Refused { message: "410 Issues are disabled for this repo".to_owned() },
            "Issues for flaky jobs do not work, and will not be tried again for 6 h: GitHub refused: 410 Issues are disabled",
        ),
    ] {
        let play = keeping(POLICY);
        play.github.borrow_mut().issues.refusal = Some(refusal);
        play.flakes_thrice(11);
        for run in 14..=18 {
            play.flakes(run);
            play.pass_working(Span::hours(1));
        }
        assert_eq!(play.github.borrow().issues.calls, 1);
        assert_eq!(*play.refusals.borrow(), [], "the token re-runs");
        play.pass_working(Span::days(3));
        assert!(play.github.borrow().issues.calls <= 13, "{}", play.github.borrow().issues.calls);
        let warnings = play.warnings.borrow().clone();
        assert!(warnings.len() == 1 && warnings[0].starts_with(said), "{warnings:?}");
        play.github.borrow_mut().issues.refusal = None;
        play.pass_working(Span::hours(7));
        assert_eq!(play.issues().len(), 1);
    }
}

#[test]
fn it_is_given_up_in_the_end_and_rate_limits_are_everybodys() {
    let play = keeping(POLICY);
    play.github.borrow_mut().issues.refusal = Some(lost());
    play.flakes_thrice(11);
    play.pass_working(Span::days(4));
    assert!((20..=32).contains(&play.github.borrow().issues.calls), "{}", play.github.borrow().issues.calls);
    play.rests();
    // News is tried anew.
    play.github.borrow_mut().issues.refusal = Some(github::Error::RateLimited { wait: Some(Span::minutes(10)) });
    play.flakes(14);
    play.pass_working(Span::seconds(20));
    assert!(play.keeper.breaker().unwrap().is_some());
    play.github.borrow_mut().issues.refusal = None;
    play.pass_working(Span::hours(2));
    assert!(play.issue().body.contains("[run 14]"));
}

/// Seen to fail when a fork's run counts like any other.
#[test]
fn a_forks_run_counts_for_none() {
    let play = keeping(POLICY);
    play.github.borrow_mut().of_fork = true;
    for run in 11..=20 {
        play.flakes(run);
    }
    assert!(play.issues().is_empty());
    play.github.borrow_mut().of_fork = false;
    play.flakes(21);
    play.flakes(22);
    play.pass_working(Span::minutes(1));
    assert!(play.issues().is_empty(), "twice of its own");
    play.flakes(23);
    play.pass_working(Span::minutes(1));
    let body = play.issue().body;
    assert!(body.contains("- failures: 3") && !body.contains("[run 20]"), "{body}");
    // Nor once it is there: it is neither edited nor kept open by it.
    play.github.borrow_mut().of_fork = true;
    play.pass_working(Span::days(2));
    play.flakes(24);
    play.pass_working(Span::days(2));
    assert_eq!((play.issue().body, play.changes()), (body, 0));
    for run in 25..=27 {
        play.pass_working(Span::days(1));
        play.flakes(run);
    }
    assert!(!play.issue().open);
    // Nor opened again.
    play.flakes(28);
    play.pass_working(Span::days(2));
    assert!(!play.issue().open);
    play.github.borrow_mut().of_fork = false;
    play.flakes(29);
    play.pass_working(Span::days(2));
    assert!(play.issue().open);
    // The pages show all.
    let (jobs, _) = play.keeper.store.subjects(SubjectKind::Job).unwrap().most_failed(0, 10, play.now.get());
    assert_eq!((jobs[0].failed, jobs[0].passed), (19, 19));
}

/// What Markdown makes of it beside code.
fn besides_code(markdown: &str) -> String {
    let mut options = Options::default();
    options.extension.autolink = true;
    let arena = Arena::new();
    let nodes = parse_document(&arena, markdown, &options).descendants();
    let text = nodes.map(|node| match &node.data.borrow().value {
        NodeValue::Text(text) => text.to_string(),
        NodeValue::Link(link) => format!("<{}>", link.url),
        NodeValue::HtmlInline(html) => html.clone(),
        NodeValue::HtmlBlock(html) => html.literal.clone(),
        NodeValue::Strong | NodeValue::Emph => "*".to_owned(),
        _ => String::new(),
    });
    text.collect()
}

/// Seen to fail when the workflow's name or the step stands in the text as it is.
#[test]
fn names_are_code_and_titles_are_short() {
    let play = keeping(POLICY);
    let name = format!("@octo/all <!-- `x` #1 {}", "y".repeat(500));
    let workflow = Some(format!("**ci** @team {}", "z".repeat(150)));
    let job = Job { workflow, ..failed_job(1, &name, "https://evil.example @ann") };
    play.github.borrow_mut().jobs = vec![job];
    play.flakes_thrice(11);
    let issue = play.issue();
    assert!(issue.title.chars().count() <= 256, "{}", issue.title);
    assert!(issue.title.starts_with("Flaky job: ``@octo/all <!-- `x` #1 y"), "{}", issue.title);
    assert!(issue.body.contains(", most often at `https://evil.example @ann`\n"), "{}", issue.body);
    for text in [&issue.title, &issue.body] {
        let shown = besides_code(text).replace("<https://github.com/octo/widgets/actions/runs/", "");
        for bad in ["@", "https:", "*", "octo", "yyy"] {
            assert!(!shown.contains(bad), "{bad}: {shown}");
        }
    }
    assert!(besides_code(&issue.body).contains("most often at "), "{}", issue.body);
    assert!(issue.body.len() < 5_000, "{}", issue.body.len());
}

#[test]
fn a_pause_and_a_policy_without_it_stop_it() {
    let play = keeping(POLICY);
    play.flakes(11);
    play.flakes(12);
    play.fails_once(13);
    play.keeper.pause(play.now.get()).unwrap();
    play.passes_again(13);
    play.pass_working(Span::days(1));
    assert!(play.issues().is_empty());
    play.keeper.resume(play.now.get()).unwrap();
    play.pass_working(Span::minutes(1));
    assert!(play.issue().open);
    // The key is gone: what is there stays as it is.
    play.github.borrow_mut().file = Some("max_reruns: 3\n".to_owned());
    play.flakes(14);
    play.pass_working(Span::days(20));
    assert!(play.issue().open);
    assert_eq!(play.changes(), 0);
    play.rests();
}

/// Storage of the version before has no such table.
#[test]
fn storage_of_the_version_before_is_brought_up_to_date() {
    let play = keeping(POLICY);
    play.flakes(11);
    play.flakes(12);
    let sql = play.keeper.store.sql;
    let fourteenth = ["DROP TABLE flaky_issues", "UPDATE schema SET version = 14"];
    for statement in UNDO_TO_19.into_iter().chain(UNDO_TO_18).chain(UNDO_TO_15).chain(fourteenth) {
        sql.exec(statement, vec![]).unwrap();
    }
    let keeper = Keeper { policy_path: Some(policy_path()), ..Keeper::open(sql).unwrap() };
    let play = Play { keeper, ..play };
    play.flakes(13);
    play.pass_working(Span::minutes(1));
    assert!(play.issue().open);
}

/// Seen to fail when the end of writing forgets what came meanwhile.
#[test]
fn news_while_it_is_written_is_for_the_next_day() {
    let play = keeping(POLICY);
    for run in 11..=12 {
        play.flakes(run);
    }
    play.fails_once(13);
    play.hears(13, 2, Conclusion::Success);
    play.pass(Span::seconds(10));
    let issue = play.until_issue();
    play.flakes(14);
    play.carry_out(Task::Errand(Errand::FlakyIssue(Box::new(issue))));
    assert!(!play.issue().body.contains("[run 14]"));
    play.pass_working(Span::hours(23));
    assert_eq!(play.changes(), 0);
    play.pass_working(Span::hours(2));
    assert!(play.issue().body.contains("[run 14]"), "{}", play.issue().body);
    assert_eq!(play.changes(), 1);
}
