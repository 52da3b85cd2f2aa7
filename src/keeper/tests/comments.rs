//! The comment on a pull request that the merge queue tests.

use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const CAUSES: &str = "rules: [{ name: outside, if: { cause: infrastructure }, then: rerun }]\notherwise: leave\n";

/// Pull request 104 is tested in the queue.
fn queued(policy: &str) -> Play {
    let play = if policy.is_empty() { Play::new() } else { Play::with_policy(policy) };
    play.github.borrow_mut().event = "merge_group".to_owned();
    play.github.borrow_mut().head_branch = Some(format!("gh-readonly-queue/release/1.x/pr-104-{COMMIT}"));
    let play = Play { keeper: with_comments(play.keeper), ..play };
    play.keeper.set_repository(&repository()).unwrap();
    play
}

fn ends(play: &Play, conclusion: Conclusion, n: u32) {
    play.ends(conclusion);
    let kind = if conclusion == Conclusion::Success { RunEventKind::RunSucceeded } else { RunEventKind::RunFailed };
    play.on_webhook(kind, Some(n));
    play.pass_working(Span::seconds(20));
}

fn comments(play: &Play) -> Vec<String> {
    play.github.borrow().comments.iter().map(|(_, body)| body.clone()).collect()
}

#[track_caller]
fn says(play: &Play, lines: &[&str]) {
    let comments = comments(play);
    assert_eq!(comments.len(), 1, "{comments:#?}");
    for line in lines {
        assert!(comments[0].lines().any(|said| said == *line), "{line}\n{}", comments[0]);
    }
}

/// Seen to fail when only runs that were re-run are told of, and when infrastructure is taken for its contrary.
#[test]
fn it_says_what_removed_it_from_the_queue_and_whether_that_was_infrastructure() {
    let again = "- A re-run does not put it back: add it to the queue again.";
    for (log, why, then) in [
        ("Nobody knows this.", "cause unknown", again),
        ("npm error code ECONNRESET", "infrastructure (`registry`)", again),
        (
            "error[E0308]: mismatched types",
            "not infrastructure (`compile`)",
            "- A re-run does not put it back: add it to the queue again once that is fixed.",
        ),
    ] {
        let play = queued(CAUSES);
        play.github.borrow_mut().log = vec![log.to_owned()];
        ends(&play, Conclusion::Failure, 1);
        let by = "- If this check is required, the pull request was removed from the merge queue, because of:";
        says(&play, &[by, &format!("  - `test` at `Run tests`: {why}"), then]);
        let asked = play
            .github
            .borrow()
            .calls
            .iter()
            .any(|call| matches!(call, Call::Comment(CommentCall::Create { pull: 104, .. })));
        assert!(asked, "on the pull request of the branch");
    }
}

#[test]
fn a_run_that_is_left_alone_is_told_of_too() {
    for (policy, named) in [
        ("rules: [{ name: queue, if: { event: merge_group }, then: leave }]\n", true),
        ("events: { exclude: [merge_group] }\n", false),
    ] {
        let play = queued(policy);
        ends(&play, Conclusion::Failure, 1);
        play.reruns(&[]);
        let by = match named {
            true => "- If this check is required, the pull request was removed from the merge queue, because of:",
            false => "- If this check is required, the pull request was removed from the merge queue.",
        };
        let first = "**Rerunner**: a merge-queue run of this pull request failed.";
        says(&play, &[first, by, "- A re-run does not put it back: add it to the queue again."]);
        assert!(
            comments(&play)[0].contains(" in the merge queue: failed, and is left alone\n"),
            "{:?}",
            comments(&play)
        );
        play.pass_working(Span::days(1));
        assert_eq!(play.github.borrow().writes, 1);
    }
}

#[test]
fn one_that_passes_when_it_is_re_run_is_out_all_the_same() {
    let play = queued("");
    ends(&play, Conclusion::Failure, 1);
    play.reruns(&[1]);
    says(&play, &["- A re-run does not put it back: add it to the queue again."]);
    ends(&play, Conclusion::Success, 2);
    says(
        &play,
        &[
            "**Rerunner** re-ran failed jobs of this pull request.",
            "- If this check is required, the pull request was removed from the merge queue, because of:",
            "- It has since passed, but the pull request was not put back: add it to the queue again.",
        ],
    );
    assert_eq!(play.github.borrow().writes, 2);
}

/// Seen to fail when any run of the event counts.
#[test]
fn what_removes_nothing_from_the_queue_says_nothing() {
    type Change = fn(&mut fake_github::GitHub);
    let changes: [(Conclusion, Change); 4] = [
        // The queue makes a group anew, and cancels what it had begun.
        (Conclusion::Cancelled, |_| ()),
        (Conclusion::Failure, |github| github.head_branch = Some("gh-readonly-queue/main/pr-104-abc".to_owned())),
        // Whoever may push can name a branch so.
        (Conclusion::Failure, |github| github.event = "push".to_owned()),
        (Conclusion::Failure, |github| github.head_branch = Some(format!("queue/main/pr-104-{COMMIT}"))),
    ];
    for (conclusion, change) in changes {
        let play = queued("max_reruns: 0\n");
        change(&mut play.github.borrow_mut());
        ends(&play, conclusion, 1);
        play.pass_working(Span::days(1));
        assert_eq!(comments(&play), [""; 0], "{conclusion:?} {:?}", play.github.borrow().head_branch);
    }
}

/// Both speak in the one comment that there is.
#[test]
fn the_queues_run_and_the_pull_requests_own_share_the_comment() {
    let play = queued("");
    let other = RunId::new(8).unwrap();
    play.github.borrow_mut().others.insert(other, (1, Some(Conclusion::Failure)));
    {
        let mut github = play.github.borrow_mut();
        (github.event, github.head_branch, github.pull_request) = ("pull_request".to_owned(), None, Some(104));
    }
    let event = RunEvent::new(repository(), other, Some(attempt(1)), RunEventKind::RunFailed);
    play.keeper.receive(&event, &play.cx()).unwrap();
    play.pass_working(Span::seconds(20));
    {
        let mut github = play.github.borrow_mut();
        github.event = "merge_group".to_owned();
        github.head_branch = Some(format!("gh-readonly-queue/main/pr-104-{COMMIT}"));
    }
    ends(&play, Conclusion::Failure, 1);
    let comments = comments(&play);
    assert_eq!(comments.len(), 1);
    assert_eq!(comments[0].matches(" in the merge queue: ").count(), 1, "{}", comments[0]);
    assert!(comments[0].contains("[run 8](") && comments[0].contains("[run 7]("), "{}", comments[0]);
}

/// Names are whatever somebody chose.
#[test]
fn names_of_jobs_are_shown_and_do_nothing() {
    let play = queued("");
    play.github.borrow_mut().jobs = vec![failed_job(1, "@octo/all `x` #1", "[a](http://b) <img>")];
    ends(&play, Conclusion::Failure, 1);
    let line = "  - ``@octo/all `x` #1`` at `[a](http://b) <img>`: cause unknown";
    says(&play, &[line]);
}
