//! Commands in comments on pull requests.

use super::*;
use crate::webhook::command::{Command, CommandEvent, GivenBy};

const COLLABORATORS: &str = "max_reruns: 1\ncommands: { who: collaborators }\n";
const AUTHORS: &str = "max_reruns: 1\ncommands: { who: authors }\n";

fn sha() -> String {
    "0123456789abcdef0123456789abcdef01234567".to_owned()
}

fn pull() -> PullRequest {
    PullRequest {
        number: 3,
        open: true,
        merged: false,
        head_branch: "main".to_owned(),
        head_sha: sha(),
        base_sha: "b".to_owned(),
        head_owner: Some("octo".to_owned()),
        head_repository: Some(1),
        is_own: true,
        base_branch: "release".to_owned(),
        is_from_default_branch: false,
        updated: None,
    }
}

fn comment_id(id: u64) -> CommentId {
    CommentId::new(id).unwrap()
}

fn rerun(workflows: Option<&str>) -> Command {
    Command::Rerun { workflows: workflows.map(str::to_owned) }
}

/// With a run of a pull request that failed, was re-run, and failed again; by the rules that is all.
fn exhausted(policy: &str) -> Play {
    let play = failed_once(policy);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(10));
    play.reruns(&[1]);
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::seconds(10));
    play.stands(RunOutcome::Exhausted, 1);
    play
}

/// The same, of which nobody has heard.
fn failed_once(policy: &str) -> Play {
    let play = Play::with_policy(policy);
    play.keeper.set_repository(&repository()).unwrap();
    {
        let mut github = play.github.borrow_mut();
        github.sha = Some(sha());
        github.event = "pull_request".to_owned();
        github.pull = Some(pull());
        github.pulls = vec![pull()];
    }
    play
}

/// GitHub's list has the run like this.
fn lists(play: &Play, conclusion: Option<Conclusion>) {
    let run = Run { conclusion, ..play.github.borrow().run(run_id()) };
    play.github.borrow_mut().listed = vec![run];
}

impl Play {
    fn comments(&self, id: u64, command: Command, by: GivenBy) -> Receipt {
        let event = CommandEvent {
            repository: repository(),
            repository_id: None,
            installation: None,
            comment_id: comment_id(id),
            pull: 3,
            command,
            login: "ann".to_owned(),
            by,
        };
        self.keeper.receive_command(&event, &self.cx()).unwrap()
    }

    fn reactions(&self) -> Vec<(u64, Reaction)> {
        self.github.borrow().reactions.iter().map(|(id, reaction)| (id.get(), *reaction)).collect()
    }

    #[track_caller]
    fn answered(&self, expected: &[&str]) {
        let answers = self.github.borrow().answers.clone();
        assert_eq!(answers.len(), expected.len(), "{answers:#?}");
        for (answer, part) in answers.iter().zip(expected) {
            assert!(answer.contains(part), "{answer:?} does not say {part:?}");
        }
    }

    fn rows(&self, table: &str) -> i64 {
        let rows = self.keeper.store.sql.exec(&format!("SELECT COUNT(*) FROM {table}"), vec![]).unwrap();
        let [store::Value::Integer(count)] = rows[0][..] else { panic!("{rows:?}") };
        count
    }

    fn last_record(&self) -> Record {
        self.keeper.run(run_id()).unwrap().unwrap().1.pop().unwrap()
    }
}

#[test]
fn a_run_is_re_run_once_whatever_the_rules_say() {
    let play = exhausted(COLLABORATORS);
    let receipt = play.comments(1, rerun(None), GivenBy::Collaborator);
    assert_eq!(receipt.kind, ReceiptKind::Scheduled, "{}", receipt.reason);
    play.pass_working(Span::seconds(30));
    play.reruns(&[1, 2]);
    play.stands(RunOutcome::Rerunning, 2);
    let record = play.last_record();
    assert_eq!(record.run_attempt, Some(attempt(2)));
    let by = "Attempt 2 failed in job \"test\" at step \"Run tests\": re-run by the command of \"ann\".";
    assert_eq!(record.reason, by);
    assert_eq!(record.detail.unwrap().policy.as_deref(), Some("command"));
    assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Rocket)]);
    play.answered(&[]);
    // It was taken from the budget, and counted.
    assert_eq!(play.rows("reruns"), 2);
    assert_eq!(play.rows("rerun_days WHERE policy = 'command' AND made_2 = 1"), 1);
    // Its end goes by the rules.
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(3));
    play.pass_working(Span::hours(12));
    play.reruns(&[1, 2]);
    play.stands(RunOutcome::Exhausted, 2);
    play.rests();
}

#[test]
fn a_run_that_is_rescued_counts_as_such() {
    let play = exhausted(COLLABORATORS);
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::seconds(30));
    play.ends(Conclusion::Success);
    play.on_webhook(RunEventKind::RunSucceeded, Some(3));
    play.pass_working(Span::hours(12));
    play.stands(RunOutcome::Rescued, 2);
    let totals = play.keeper.store.totals().unwrap();
    assert_eq!((totals.waiting, totals.rerunning, totals.reruns_passed), (0, 0, 1), "{totals:?}");
    assert_eq!(play.rows("rerun_days WHERE policy = 'command' AND rescued_2 = 1"), 1);
    play.rests();
}

#[test]
fn a_run_that_waits_for_its_delay_waits_no_longer() {
    let play = failed_once("delay: 1h\ncommands: { who: collaborators }\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(5));
    play.reruns(&[]);
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    assert!(play.last_record().reason.contains("by the command of"));
}

#[test]
fn a_run_that_nobody_has_heard_of_is_re_run_too() {
    let play = failed_once("max_reruns: 0\ncommands: { who: collaborators }\n");
    play.comments(1, rerun(Some("CI")), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Rocket)]);
}

#[test]
fn who_may_not_gets_nothing_done_nor_stored() {
    for (policy, by) in [
        ("", GivenBy::Collaborator),
        ("commands: {}\n", GivenBy::Collaborator),
        ("commands: { who: nobody }\n", GivenBy::Collaborator),
        ("commands: { who: nobody }\n", GivenBy::Author),
        ("commands: { who: collaborators }\n", GivenBy::Author),
        // A file that is not valid lets nobody.
        ("commands: { who: authors, what: x }\n", GivenBy::Collaborator),
        ("extends: careful\n", GivenBy::Collaborator),
    ] {
        for is_known in [true, false] {
            let play = exhausted(COLLABORATORS);
            play.github.borrow_mut().file = Some(policy.to_owned());
            play.pass(Span::minutes(10));
            if is_known {
                play.comments(2, rerun(None), by);
                play.pass_working(Span::seconds(10));
            }
            let attempts = play.github.borrow().attempt;
            let receipt = play.comments(1, rerun(None), by);
            assert_eq!(receipt.kind == ReceiptKind::Ignored, is_known, "{policy} {by:?}: {receipt:?}");
            play.pass_working(Span::hours(12));
            assert_eq!(play.github.borrow().attempt, attempts, "{policy} {by:?}");
            assert_eq!(play.rows("commands"), 0, "{policy} {by:?}");
            assert_eq!(play.reactions(), []);
            play.answered(&[]);
        }
    }
}

#[test]
fn the_organizations_file_says_who() {
    for (organizations, is_done) in [(COLLABORATORS, true), ("commands: { who: nobody }\n", false)] {
        let play = exhausted(COLLABORATORS);
        play.github.borrow_mut().file = Some("extends: organization\nmax_reruns: 1\n".to_owned());
        play.github.borrow_mut().organizations_file = Some(organizations.to_owned());
        play.pass(Span::minutes(10));
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.pass_working(Span::minutes(10));
        play.reruns(if is_done { &[1, 2] } else { &[1] });
    }
}

/// Nothing is done by what is only remembered of the policy.
#[test]
fn a_policy_that_cannot_be_read_lets_nobody() {
    let play = exhausted(COLLABORATORS);
    play.pass(Span::minutes(10));
    play.github.borrow_mut().policy_answers = vec![Err(lost()); 5];
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    assert_eq!(play.reactions(), []);
    play.pass_working(Span::hours(2));
    play.reruns(&[1, 2]);
    // Nor by one that is never read.
    let play = exhausted(COLLABORATORS);
    play.pass(Span::minutes(10));
    play.github.borrow_mut().policy_answers = vec![Err(lost()); 500];
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::hours(12));
    play.reruns(&[1]);
    assert_eq!((play.rows("commands"), play.reactions()), (0, vec![]));
    play.rests();
}

#[test]
fn the_file_that_was_taken_away_lets_nobody() {
    let play = exhausted(COLLABORATORS);
    play.pass(Span::minutes(10));
    play.github.borrow_mut().file = None;
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::hours(1));
    assert_eq!((play.rows("commands"), play.reactions()), (0, vec![]));
    play.reruns(&[1]);
}

#[test]
fn a_comment_acts_once() {
    let play = exhausted(COLLABORATORS);
    for _ in 0..3 {
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.pass_working(Span::seconds(20));
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.pass_working(Span::days(1));
        play.ends(Conclusion::Failure);
        play.on_webhook(RunEventKind::RunFailed, Some(3));
        play.pass_working(Span::hours(12));
    }
    play.reruns(&[1, 2]);
    assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Rocket)]);
    assert_eq!(play.rows("commands"), 1);
    // Another comment is another command.
    play.comments(2, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1, 2, 3]);
    // What GitHub does not send again any more is forgotten.
    play.pass(Span::days(9));
    play.keeper.store.prune(play.now.get()).unwrap();
    assert_eq!(play.rows("commands"), 0);
}

/// Whatever was claimed when the object died is done later, and once.
#[test]
fn crashes() {
    for answers in [false, true] {
        let mut tasks = 0;
        for dies_at in 0.. {
            let play = exhausted(COLLABORATORS);
            if answers {
                lists(&play, Some(Conclusion::Success));
            }
            play.comments(1, rerun(None), GivenBy::Collaborator);
            let mut done = 0;
            let mut task = None;
            loop {
                let Some(next) = task.take().or_else(|| play.keeper.next(true, &play.cx()).unwrap()) else { break };
                if done == dies_at {
                    break;
                }
                done += 1;
                task = play.carry_out(next);
            }
            // In the new object.
            let (keeper, now, github) = (play.keeper, play.now, play.github);
            let mut keeper = Keeper::open(keeper.store.sql).unwrap();
            keeper.policy_path = Some(policy_path());
            let play = Play { keeper, now, github, ..Play::new() };
            play.pass_working(Span::minutes(30));
            if answers {
                play.reruns(&[1]);
                play.answered(&["Nothing was re-run"]);
                assert_eq!(play.reactions().last(), Some(&(1, Reaction::Confused)), "died at {dies_at}");
            } else {
                play.reruns(&[1, 2]);
                play.answered(&[]);
                assert!(play.reactions().contains(&(1, Reaction::Rocket)), "died at {dies_at}: {:?}", play.reactions());
            }
            tasks = done;
            if done < dies_at {
                break;
            }
        }
        assert!(tasks > 4, "only {tasks} tasks");
    }
}

#[test]
fn lost_answers() {
    for took_effect in [true, false] {
        // Of the re-run.
        let play = exhausted(COLLABORATORS);
        play.github.borrow_mut().rerun_answers = vec![Err(lost())];
        play.github.borrow_mut().lost_after_effect = took_effect;
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.pass_working(Span::minutes(5));
        play.reruns(&[1, 2]);
        assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Rocket)]);
        // Of the reaction, and of the answer.
        let play = exhausted(COLLABORATORS);
        play.github.borrow_mut().reply_problems = vec![(lost(), took_effect); 4];
        lists(&play, None);
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.pass_working(Span::hours(1));
        play.answered(&["Nothing was re-run"]);
        assert!(play.reactions().contains(&(1, Reaction::Confused)));
        play.reruns(&[1]);
    }
}

#[test]
fn no_re_run_waits_for_a_reaction() {
    let play = exhausted(COLLABORATORS);
    let refused = github::Error::Credentials { message: "403 Resource not accessible by integration".to_owned() };
    play.github.borrow_mut().reply_problems = vec![(refused, false); 100];
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1, 2]);
    let said = || play.warnings.borrow().iter().filter(|what| what.contains("Commands on pull requests")).count();
    assert_eq!(said(), 1, "{:?}", play.warnings.borrow());
    let tries = 100 - play.github.borrow().reply_problems.len();
    assert_eq!(tries, 1, "not tried again for a while");
    // With the permission it works.
    play.github.borrow_mut().reply_problems.clear();
    play.pass_working(Span::hours(7));
    assert_eq!(play.reactions(), [(1, Reaction::Rocket)]);
}

#[test]
fn so_many_an_hour_and_one_answer_to_the_rest() {
    let play = exhausted("max_reruns: 1\ncommands: { who: collaborators, per_hour: 3 }\n");
    let kinds: Vec<_> = (1..=1_000).map(|id| play.comments(id, Command::Status, GivenBy::Collaborator).kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == ReceiptKind::Scheduled).count(), 3);
    assert_eq!(play.rows("commands"), 4);
    play.pass_working(Span::minutes(10));
    let answers = play.github.borrow().answers.clone();
    assert_eq!(answers.len(), 4, "{answers:#?}");
    assert_eq!(answers.iter().filter(|answer| answer.contains("may have 3 commands an hour")).count(), 1);
    // An hour later there is room again.
    play.pass_working(Span::hours(1));
    let receipt = play.comments(2_000, Command::Status, GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    assert_eq!(play.github.borrow().answers.len(), 5, "{receipt:?}");
}

#[test]
fn a_flood_before_the_policy_is_read_is_bounded() {
    let play = exhausted(COLLABORATORS);
    play.pass(Span::minutes(10));
    for id in 1..=1_000 {
        play.comments(id, rerun(None), GivenBy::Collaborator);
    }
    assert_eq!(play.rows("commands"), 10);
    play.pass_working(Span::minutes(30));
    play.reruns(&[1, 2]);
    let reads = play.github.borrow().calls.iter().filter(|call| matches!(call, Call::Command(_))).count();
    assert!(reads < 100, "{reads} calls");
}

#[test]
fn of_a_repository_only_so_many_are_open() {
    let play = exhausted(COLLABORATORS);
    for pull in 1..=1_000 {
        let event = CommandEvent {
            repository: repository(),
            repository_id: None,
            installation: None,
            comment_id: comment_id(pull),
            pull,
            command: rerun(None),
            login: "ann".to_owned(),
            by: GivenBy::Collaborator,
        };
        play.keeper.receive_command(&event, &play.cx()).unwrap();
    }
    assert_eq!(play.rows("commands"), 200);
}

#[test]
fn stop_leaves_its_runs_alone_until_a_command_says_otherwise() {
    let play = failed_once("max_reruns: 5\ncommands: { who: collaborators }\n");
    play.comments(1, Command::Stop, GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Rocket)]);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.reruns(&[]);
    let left = "Left alone: \"ann\" has stopped re-runs of pull request 3 by a command.";
    assert_eq!(play.last_record().reason, left);
    // Once, and no more.
    play.comments(2, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    assert_eq!(play.last_record().reason, left);
}

#[test]
fn stop_is_about_one_pull_request() {
    for (change, is_stopped) in [
        ((|_: &mut GitHub| {}) as fn(&mut GitHub), true),
        (|github| github.event = "push".to_owned(), false),
        (
            |github| {
                github.event = "push".to_owned();
                github.pull_request = Some(3);
            },
            true,
        ),
        // A fork's branch of the same name.
        (
            |github| {
                github.pull.as_mut().unwrap().is_own = false;
                github.pull.as_mut().unwrap().head_repository = Some(9);
            },
            false,
        ),
        // Another pull request from the same branch, at the run's commit.
        (|github| github.pulls[0].number = 4, false),
    ] {
        let play = failed_once("commands: { who: collaborators }\n");
        change(&mut play.github.borrow_mut());
        play.comments(1, Command::Stop, GivenBy::Collaborator);
        play.pass_working(Span::minutes(1));
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::minutes(1));
        play.reruns(if is_stopped { &[] } else { &[1] });
    }
}

#[test]
fn status_says_what_was_decided() {
    let play = exhausted(COLLABORATORS);
    play.comments(1, Command::Status, GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.answered(&["Gave up\\: attempt 2 failed in job `test`"]);
    assert!(play.github.borrow().answers[0].starts_with("<!-- rerunner command 1 -->\n"));
    assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Rocket)]);
    play.reruns(&[1]);
    // Nothing was decided on a newer commit.
    play.github.borrow_mut().pull.as_mut().unwrap().head_sha = "f".repeat(40);
    play.comments(2, Command::Status, GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.answered(&["Gave up", "Nothing was decided"]);
}

#[test]
fn never_past_the_ceiling() {
    let play = exhausted(COLLABORATORS);
    play.github.borrow_mut().attempt = 11;
    play.on_webhook(RunEventKind::RunFailed, Some(11));
    play.pass_working(Span::minutes(1));
    let before = play.tracked();
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    play.answered(&["a run is re-run at most 10 times"]);
    assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Confused)]);
    let after = play.tracked();
    assert_eq!((after.outcome, &after.reason, after.due), (before.outcome, &before.reason, None));
    play.rests();
}

#[test]
fn what_did_not_fail_is_not_touched() {
    for (conclusion, words) in [
        (Some(Conclusion::ActionRequired), "1 is waiting for approval"),
        (None, "1 is not over yet"),
        (Some(Conclusion::Success), "has failed."),
        (Some(Conclusion::Cancelled), "has failed."),
        (Some(Conclusion::StartupFailure), "has failed."),
    ] {
        let play = exhausted("max_reruns: 1\nconclusions: [failure, cancelled]\ncommands: { who: collaborators }\n");
        play.github.borrow_mut().conclusion = conclusion;
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.pass_working(Span::minutes(1));
        play.reruns(&[1]);
        play.answered(&[words]);
        // Nor if it is so only when it is read again.
        let play = exhausted(COLLABORATORS);
        lists(&play, Some(Conclusion::Failure));
        play.github.borrow_mut().conclusion = conclusion;
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.pass_working(Span::minutes(5));
        play.reruns(&[1]);
        assert_eq!(play.reactions().last(), Some(&(1, Reaction::Confused)));
    }
}

#[test]
fn only_the_newest_run_of_a_workflow_and_event() {
    let play = failed_once(COLLABORATORS);
    let newer = RunId::new(8).unwrap();
    play.github.borrow_mut().others.insert(newer, (1, Some(Conclusion::Success)));
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[]);
    play.answered(&["Nothing was re-run"]);
}

#[test]
fn what_has_moved_on_is_not_touched() {
    type Change = fn(&mut GitHub);
    let moved: [(Change, &str); 4] = [
        (|github| github.pulls[0].head_sha = "f".repeat(40), "moved on to another commit"),
        (|github| github.pulls[0].open = false, "was closed"),
        (
            |github| {
                github.event = "pull_request_target".to_owned();
                github.pulls[0].head_sha = "f".repeat(40);
            },
            "moved on to another commit",
        ),
        (
            |github| {
                github.event = "pull_request_target".to_owned();
                github.pulls.clear();
            },
            "is not known",
        ),
    ];
    for (change, words) in moved {
        let play = exhausted("max_reruns: 1\nskip_superseded: false\ncommands: { who: collaborators }\n");
        change(&mut play.github.borrow_mut());
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.pass_working(Span::minutes(1));
        play.reruns(&[1]);
        play.answered(&[words]);
        play.rests();
    }
}

#[test]
fn nothing_is_done_on_a_pull_request_that_is_closed() {
    for command in [rerun(None), Command::Status, Command::Stop] {
        let play = exhausted(COLLABORATORS);
        play.github.borrow_mut().pull.as_mut().unwrap().open = false;
        play.comments(1, command, GivenBy::Collaborator);
        play.pass_working(Span::hours(1));
        play.reruns(&[1]);
        play.answered(&[]);
        assert_eq!((play.reactions(), play.rows("stopped_pulls")), (vec![(1, Reaction::Eyes)], 0));
        play.rests();
    }
}

#[test]
fn a_glob_means_some_workflows() {
    for (glob, is_meant) in [
        ("ci", true),
        ("C?", true),
        ("ci.yml", true),
        (".github/workflows/*", true),
        ("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", false),
        ("lint", false),
    ] {
        let play = exhausted(COLLABORATORS);
        play.comments(1, rerun(Some(glob)), GivenBy::Collaborator);
        play.pass_working(Span::minutes(1));
        play.reruns(if is_meant { &[1, 2] } else { &[1] });
        play.answered(if is_meant { &[] } else { &["no run of the newest commit that failed is of"] });
        if !is_meant {
            play.stands(RunOutcome::Exhausted, 1);
            play.rests();
        }
    }
    // One that is tracked for nothing else is forgotten, and not left to the rules.
    let play = failed_once("max_reruns: 3\ncommands: { who: collaborators }\n");
    play.comments(1, rerun(Some("lint")), GivenBy::Collaborator);
    play.pass_working(Span::hours(1));
    play.reruns(&[]);
    assert_eq!((play.rows("runs"), play.keeper.store.totals().unwrap().waiting), (0, 0));
    // Unless a webhook has told of it.
    let play = failed_once("max_reruns: 3\ncommands: { who: collaborators }\n");
    play.comments(1, rerun(Some("lint")), GivenBy::Collaborator);
    play.until_read();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(1));
    play.reruns(&[1]);
    assert!(!play.last_record().reason.contains("command"));
}

impl Play {
    /// Does what is due until a run is to be read.
    fn until_read(&self) {
        loop {
            match self.keeper.next(true, &self.cx()).unwrap() {
                Some(Task::Call(Call::ReadRun { .. })) => return,
                Some(task) => assert_eq!(self.carry_out(task), None),
                None => panic!("nothing is due"),
            }
        }
    }
}

#[test]
fn the_policys_workflows_hold() {
    let policy = "max_reruns: 1\ncommands: { who: collaborators, workflows: { exclude: [ci] } }\n";
    let play = exhausted(policy);
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    play.answered(&["excludes under"]);
}

/// A pull request can be from any branch of the repository, whoever opens it.
#[test]
fn an_author_gets_only_the_pull_requests_own_checks_re_run() {
    type Change = fn(&mut GitHub);
    let default: Change = |github| github.pull.as_mut().unwrap().is_from_default_branch = true;
    let same: Change = |_| {};
    for (event, by, change, is_done) in [
        ("pull_request", GivenBy::Author, same, true),
        ("pull_request", GivenBy::Author, default, true),
        ("push", GivenBy::Author, same, false),
        ("push", GivenBy::Collaborator, same, true),
        ("push", GivenBy::Collaborator, default, false),
        ("workflow_dispatch", GivenBy::Collaborator, same, false),
        ("deployment", GivenBy::Collaborator, same, false),
        ("schedule", GivenBy::Collaborator, same, false),
    ] {
        let play = exhausted(AUTHORS);
        play.github.borrow_mut().event = event.to_owned();
        change(&mut play.github.borrow_mut());
        play.comments(1, rerun(None), by);
        play.pass_working(Span::minutes(1));
        play.reruns(if is_done { &[1, 2] } else { &[1] });
    }
    // Of another branch at the same commit.
    let play = exhausted(AUTHORS);
    play.github.borrow_mut().pull.as_mut().unwrap().head_branch = "fix".to_owned();
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
}

#[test]
fn what_nobody_answers_is_given_up_and_acts_no_more() {
    let play = exhausted(COLLABORATORS);
    play.github.borrow_mut().pull_problems = vec![lost(); 500];
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::hours(8));
    play.reruns(&[1]);
    play.answered(&["it could not be done for six hours"]);
    // The run itself cannot be read.
    let play = exhausted(COLLABORATORS);
    let before = play.tracked();
    play.github.borrow_mut().read_problems = vec![lost(); 500];
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::hours(8));
    play.github.borrow_mut().read_problems.clear();
    play.pass_working(Span::days(3));
    play.reruns(&[1]);
    play.answered(&["it could not be done for six hours"]);
    assert_eq!((play.tracked().outcome, play.tracked().reason), (before.outcome, before.reason));
    play.rests();
}

#[test]
fn a_pause_holds_for_commands() {
    let play = exhausted(COLLABORATORS);
    play.keeper.pause(play.now.get()).unwrap();
    let receipt = play.comments(1, rerun(None), GivenBy::Collaborator);
    assert_eq!(receipt.kind, ReceiptKind::Recorded);
    play.pass_working(Span::hours(1));
    play.reruns(&[1]);
    play.keeper.resume(play.now.get()).unwrap();
    play.pass_working(Span::minutes(1));
    play.reruns(&[1, 2]);
}

#[test]
fn the_workers_settings_hold_for_commands() {
    let play = exhausted(COLLABORATORS);
    let rules = Rules { dry_run: true, ..play.rules.clone() };
    let play = Play { rules, ..play };
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    play.answered(&["`DRY_RUN` is on"]);
    let play = exhausted(COLLABORATORS);
    let rules = Rules { excluded_actors: vec!["ann".to_owned()], ..play.rules.clone() };
    let play = Play { rules, ..play };
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
}

#[test]
fn two_commands_at_once_are_carried_out_one_after_the_other() {
    let play = exhausted(COLLABORATORS);
    play.comments(1, rerun(Some("lint")), GivenBy::Collaborator);
    play.comments(2, rerun(Some("ci")), GivenBy::Collaborator);
    play.pass_working(Span::minutes(2));
    play.reruns(&[1, 2]);
    assert!(play.reactions().contains(&(2, Reaction::Rocket)), "{:?}", play.reactions());
}

#[test]
fn names_in_answers_do_nothing() {
    let play = exhausted("max_reruns: 1\ncommands: { who: collaborators, workflows: { exclude: ['*'] } }\n");
    play.github.borrow_mut().workflow = "@octo/all #1 <img src=x> [x](http://evil)".to_owned();
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    let answers = play.github.borrow().answers.clone();
    let [answer] = &answers[..] else { panic!("{answers:?}") };
    for line in answer.lines().skip(1) {
        let outside: String = line.split('`').step_by(2).collect();
        assert!(!outside.contains('@') && !outside.contains("<img") && !outside.contains("evil"), "{line}");
    }
    // The glob is shown as well.
    let play = exhausted(COLLABORATORS);
    play.comments(1, rerun(Some("@octo/all`` <img>")), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.answered(&["```@octo/all`` <img>```"]);
}

#[test]
fn another_repository_of_the_name_knows_nothing_of_them() {
    let play = exhausted(COLLABORATORS);
    let identity =
        |id| repository_state::Identity { id: crate::names::RepositoryId::new(id).unwrap(), installation: None };
    play.keeper.identify(identity(1), &play.cx()).unwrap();
    play.comments(1, Command::Stop, GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.comments(2, rerun(None), GivenBy::Collaborator);
    play.keeper.identify(identity(2), &play.cx()).unwrap();
    assert_eq!((play.rows("commands"), play.rows("stopped_pulls")), (0, 0));
    play.pass_working(Span::hours(1));
    play.reruns(&[1]);
}

#[test]
fn storage_of_the_version_before() {
    let play = exhausted(COLLABORATORS);
    let sql = play.keeper.store.sql;
    for statement in UNDO_COMMANDS.into_iter().chain(["UPDATE schema SET version = version - 1"]) {
        sql.exec(statement, vec![]).unwrap();
    }
    let keeper = Keeper { policy_path: Some(policy_path()), ..Keeper::open(sql).unwrap() };
    let play = Play { keeper, now: play.now, github: play.github, ..Play::new() };
    play.stands(RunOutcome::Exhausted, 1);
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1, 2]);
}
