//! Issues for flaky jobs.

use super::fake_issues::FakeIssue;
use super::*;
use crate::keeper::tasks::flaky_issue::FlakyIssue;

pub(super) const POLICY: &str = "flaky_issues: { after: 3, label: flaky, close_after: 7d }\n";

pub(super) fn keeping(policy: &str) -> Play {
    let play = Play::with_policy(policy);
    play.keeper.set_repository(&repository()).unwrap();
    play
}

impl Play {
    /// A run fails, is re-run and passes; all of it takes a minute.
    pub(super) fn flakes(&self, run: u64) {
        self.fails_once(run);
        self.passes_again(run);
    }

    pub(super) fn fails_once(&self, run: u64) {
        self.hears(run, 1, Conclusion::Failure);
        self.pass_working(Span::seconds(30));
        assert_eq!(self.github.borrow().others_rerun.last(), Some(&RunId::new(run).unwrap()));
    }

    pub(super) fn passes_again(&self, run: u64) {
        self.hears(run, 2, Conclusion::Success);
        self.pass_working(Span::seconds(30));
    }

    pub(super) fn hears(&self, run: u64, n: u32, conclusion: Conclusion) {
        let run_id = RunId::new(run).unwrap();
        self.github.borrow_mut().others.insert(run_id, (n, Some(conclusion)));
        let kind = if conclusion == Conclusion::Success { RunEventKind::RunSucceeded } else { RunEventKind::RunFailed };
        let event = RunEvent::new(repository(), run_id, Some(attempt(n)), kind);
        self.keeper.receive(&event, &self.cx()).unwrap();
    }

    /// Up to an issue of its own.
    pub(super) fn flakes_thrice(&self, first: u64) {
        for run in first..first + 3 {
            self.flakes(run);
        }
        self.pass_working(Span::minutes(1));
    }

    pub(super) fn issues(&self) -> Vec<FakeIssue> {
        self.github.borrow().issues.all.clone()
    }

    #[track_caller]
    pub(super) fn issue(&self) -> FakeIssue {
        let issues = self.issues();
        assert_eq!(issues.len(), 1, "{issues:#?}");
        issues[0].clone()
    }

    pub(super) fn changes(&self) -> usize {
        self.github.borrow().issues.changed.len()
    }

    /// A person's doing.
    pub(super) fn set_open(&self, open: bool) {
        let now = self.now.get();
        self.github.borrow_mut().issues.all[0].set_open(open, now);
    }

    /// Does what is due until an issue is begun, which is not written yet.
    pub(super) fn until_issue(&self) -> FlakyIssue {
        let mut task = None;
        loop {
            match task.take().or_else(|| self.keeper.next(true, &self.cx()).unwrap()) {
                Some(Task::Errand(Errand::FlakyIssue(issue))) => return *issue,
                Some(other) => task = self.carry_out(other),
                None => panic!("none is due"),
            }
        }
    }

    /// It is written, and nothing is heard of that.
    pub(super) fn is_written_and_lost(&self, issue: FlakyIssue) {
        let run = Errand::FlakyIssue(Box::new(issue)).run(async |call| self.answer(&call));
        let mut run = Box::pin(run);
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(run.as_mut().poll(&mut cx).is_ready());
    }
}

/// Seen to fail when the step is no code, or one rescue is enough.
#[test]
fn a_job_that_was_rescued_so_often_gets_one_issue() {
    let play = keeping(POLICY);
    play.flakes(11);
    play.flakes(12);
    // One that fails for good is no flaky failure.
    play.hears(13, 1, Conclusion::Failure);
    play.pass_working(Span::minutes(1));
    for n in 2..=4 {
        play.hears(13, n, Conclusion::Failure);
        play.pass_working(Span::minutes(1));
    }
    assert!(play.issues().is_empty());
    play.github.borrow_mut().annotations = vec!["A secret of the log.".to_owned()];
    play.flakes(14);
    play.pass_working(Span::minutes(1));
    let issue = play.issue();
    assert_eq!(issue.title, "Flaky job: `test` of `ci`");
    assert_eq!(issue.label.as_deref(), Some("flaky"));
    let lines: Vec<&str> = issue.body.lines().collect();
    assert!(lines[0].starts_with("<!-- rerunner flaky job "), "{}", issue.body);
    for line in [
        "The job `test` of the workflow `ci` fails, and passes when it is re-run. In the last 30 days:",
        "- failures: 7, most often at `Run tests`",
        "- finished re-runs: 6",
        "- of these, passed: 3 (50%)",
        "- 2026-11-23: [run 14](https://github.com/octo/widgets/actions/runs/14), attempt 1 failed at `Run tests`, attempt 2 \
         passed",
    ] {
        assert!(lines.contains(&line), "{line}\n{}", issue.body);
    }
    let listed: Vec<bool> = (11..=14).map(|run| issue.body.contains(&format!("[run {run}]"))).collect();
    assert_eq!(listed, [true, true, false, true], "{}", issue.body);
    assert!(!issue.body.contains("secret"), "{}", issue.body);
    play.pass_working(Span::days(2));
    assert_eq!((play.issues().len(), play.changes()), (1, 0));
}

/// Another job of the same run passed, while this one failed on.
#[test]
fn what_passes_is_the_job_and_not_the_run() {
    let play = keeping(POLICY);
    for run in 11..=13 {
        let run_id = RunId::new(run).unwrap();
        let both = vec![failed_job(1, "test", "Run tests"), failed_job(2, "lint", "Lint")];
        play.github.borrow_mut().jobs_of.insert(run_id, both);
        play.fails_once(run);
        play.github.borrow_mut().jobs_of.insert(run_id, vec![failed_job(2, "lint", "Lint")]);
        for n in 2..=4 {
            play.hears(run, n, Conclusion::Failure);
            play.pass_working(Span::minutes(1));
        }
    }
    assert_eq!(play.issue().title, "Flaky job: `test` of `ci`");
    assert!(play.issue().body.contains("attempt 1 failed at `Run tests`, attempt 2 passed"), "{}", play.issue().body);
}

/// Seen to fail with four.
#[test]
fn the_last_five_failures_are_shown_newest_first_at_whatever_step() {
    let play = keeping("flaky_issues: { after: 7 }\n");
    for run in 11..=17 {
        let step = if run % 3 == 0 { "Set up" } else { "Run tests" };
        play.github.borrow_mut().jobs = vec![failed_job(1, "test", step)];
        play.flakes(run);
    }
    play.pass_working(Span::minutes(1));
    let body = play.issue().body;
    let listed: Vec<&str> = body.split("[run ").skip(1).map(|rest| rest.split(']').next().unwrap()).collect();
    assert_eq!(listed, ["17", "16", "15", "14", "13"], "{body}");
    assert!(body.contains("- failures: 7, most often at `Run tests`\n"), "{body}");
    assert!(body.contains("runs/15), attempt 1 failed at `Set up`"), "{body}");
}

/// Seen to fail when an edit is due at once.
#[test]
fn it_is_edited_once_a_day_at_most() {
    let play = keeping(POLICY);
    for run in 11..=100 {
        play.flakes(run);
        play.pass_working(Span::minutes(59));
    }
    play.pass_working(Span::days(1));
    let (opened, changed) = {
        let github = play.github.borrow();
        (github.issues.opened.clone(), github.issues.changed.clone())
    };
    assert_eq!((opened.len(), changed.len()), (1, 4), "{changed:?}");
    let all: Vec<Millis> = opened.into_iter().chain(changed).collect();
    assert!(all.windows(2).all(|two| two[1] - two[0] >= Span::days(1)), "{all:?}");
    assert!(play.issue().body.contains("- of these, passed: 90 (100%)\n"), "{}", play.issue().body);
}

/// Seen to fail without the word.
#[test]
fn it_is_closed_with_a_word_and_opened_again() {
    let play = keeping(POLICY);
    play.flakes_thrice(11);
    let number = play.issue().number;
    play.pass_working(Span::days(5));
    // A failure of another kind: it is not closed a week after the first ones.
    play.hears(14, 1, Conclusion::Failure);
    play.pass_working(Span::minutes(1));
    play.pass_working(Span::days(6));
    assert!(play.issue().open);
    play.pass_working(Span::days(2));
    let issue = play.issue();
    assert!(!issue.open, "{}", issue.body);
    let word = "**Closed**: the job has not failed since 2026-11-28, for 7 days or longer.";
    assert!(issue.body.lines().nth(1) == Some(word), "{}", issue.body);
    play.pass_working(Span::days(10));
    assert_eq!(play.changes(), 1);
    // Three of them are older than 30 days by the end.
    play.flakes(20);
    play.pass_working(Span::minutes(1));
    let issue = play.issue();
    assert!(issue.open && issue.number == number, "{issue:?}");
    assert!(!issue.body.contains("**Closed**") && issue.body.contains("[run 20]"), "{}", issue.body);
    play.pass_working(Span::days(8));
    assert!(!play.issue().open);
}

/// Seen to fail when it is not looked for again.
#[test]
fn a_crash_makes_no_second_one_and_loses_none() {
    for written in [false, true] {
        let play = keeping(POLICY);
        for run in 11..=12 {
            play.flakes(run);
        }
        play.fails_once(13);
        play.hears(13, 2, Conclusion::Success);
        play.pass(Span::seconds(10));
        let issue = play.until_issue();
        if written {
            play.is_written_and_lost(issue);
        }
        // News in between is no reason to begin once more.
        play.flakes(14);
        assert_eq!(play.issues().len(), usize::from(written));
        play.pass_working(Span::minutes(5));
        assert_eq!(play.issues().len(), 1);
        play.pass_working(Span::days(2));
        assert!(play.issue().body.contains("[run 14]"), "{}", play.issue().body);
    }
}

#[test]
fn an_answer_that_is_lost_makes_no_second_one() {
    let play = keeping(POLICY);
    play.github.borrow_mut().issues.problems = vec![(lost(), false), (lost(), true), (lost(), true)];
    play.flakes_thrice(11);
    play.flakes(14);
    play.pass_working(Span::hours(1));
    assert_eq!(play.issues().len(), 1);
    assert!(play.warnings.borrow()[0].starts_with("the issue of a flaky job: "), "{:?}", play.warnings.borrow());
    // Of a closing, too.
    play.github.borrow_mut().issues.problems = vec![(lost(), true)];
    play.pass_working(Span::days(9));
    assert!(!play.issue().open);
    play.rests();
}

/// Seen to fail when only its number tells that it is there.
#[test]
fn it_is_found_again_when_all_that_was_stored_is_lost() {
    for labelled in [true, false] {
        let play = keeping(POLICY);
        play.flakes_thrice(11);
        if !labelled {
            play.github.borrow_mut().issues.all[0].label = None;
        }
        let mark = play.issue().body.lines().next().unwrap().to_owned();
        // Somebody else's, with the same mark.
        let forged = FakeIssue { number: 7, body: format!("{mark}\nMine."), ours: false, ..play.issue() };
        play.github.borrow_mut().issues.all.push(forged);
        let Play { github, now, .. } = play;
        let play = Play { github, now, ..keeping(POLICY) };
        play.flakes_thrice(21);
        let issues = play.issues();
        assert_eq!(issues.len(), 2, "{issues:#?}");
        assert!(issues[0].body.contains("[run 23]") && issues[1].body.ends_with("Mine."), "{issues:#?}");
    }
}
