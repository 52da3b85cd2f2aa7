//! Commands in comments on pull requests: who may give them, once, and how many; what becomes of the answers.

use super::*;
use crate::keeper::store::ledger::Ledger;
use crate::keeper::store::statistics::{ORDINALS, Reruns};
use crate::webhook::command::{Command, CommandEvent, GivenBy};

pub const COLLABORATORS: &str = "max_reruns: 1\ncommands: { who: collaborators }\n";
pub const AUTHORS: &str = "max_reruns: 1\ncommands: { who: authors }\n";

pub fn sha() -> String {
    "0123456789abcdef0123456789abcdef01234567".to_owned()
}

pub fn pull() -> PullRequest {
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

pub fn comment_id(id: u64) -> CommentId {
    CommentId::new(id).unwrap()
}

pub fn rerun(workflows: Option<&str>) -> Command {
    Command::Rerun { workflows: workflows.map(str::to_owned) }
}

/// With a run of a pull request that failed, was re-run, and failed again; by the rules that is all.
pub fn exhausted(policy: &str) -> Play {
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
pub fn failed_once(policy: &str) -> Play {
    let play = Play::with_policy(policy);
    play.keeper.set_repository(&repository()).unwrap();
    {
        let mut github = play.github.borrow_mut();
        github.head_sha = Some(sha());
        github.event = "pull_request".to_owned();
        github.pull = Some(pull());
        github.pulls = vec![pull()];
    }
    play
}

/// The pull request and its runs are.
pub fn is_of_a_fork(github: &mut GitHub) {
    let fork = PullRequest {
        is_own: false,
        head_owner: Some("ann".to_owned()),
        head_repository: Some(2),
        ..github.pull.clone().unwrap()
    };
    github.of_fork = true;
    (github.pull, github.pulls) = (Some(fork.clone()), vec![fork]);
}

/// GitHub's list has the run like this.
pub fn lists(play: &Play, conclusion: Option<Conclusion>) {
    let run = Run { conclusion, ..play.github.borrow().run(run_id()) };
    play.github.borrow_mut().listed = vec![run];
}

impl Play {
    pub fn comments(&self, id: u64, command: Command, by: GivenBy) -> Receipt {
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

    /// What is to be done within a minute: what people see is done one thing after the other.
    pub fn next_soon(&self) -> Option<Task> {
        let until = self.now.get() + Span::minutes(1);
        loop {
            if let Some(task) = self.keeper.next(true, &self.cx()).unwrap() {
                return Some(task);
            }
            let alarm = self.keeper.next_alarm(&self.settings).unwrap().filter(|alarm| *alarm < until)?;
            self.now.set(self.now.get().max(alarm));
        }
    }

    pub fn reactions(&self) -> Vec<(u64, Reaction)> {
        self.github.borrow().reactions.iter().map(|(id, reaction)| (id.get(), *reaction)).collect()
    }

    #[track_caller]
    pub fn answered(&self, expected: &[&str]) {
        let answers = self.github.borrow().answers.clone();
        assert_eq!(answers.len(), expected.len(), "{answers:#?}");
        for (answer, part) in answers.iter().zip(expected) {
            assert!(answer.contains(part), "{answer:?} does not say {part:?}");
        }
    }

    pub fn ledger<T>(&self, of: impl FnOnce(&Ledger) -> T) -> T {
        self.keeper.store.ledger(of).unwrap()
    }

    /// What the re-runs of a policy brought on the ledger's day.
    pub fn of_policy_today(&self, policy: &str) -> [Reruns; ORDINALS] {
        let of = |ledger: &Ledger| ledger.reruns.iter().find(|(label, _)| label.policy == policy).map(|(_, of)| *of);
        self.ledger(of).unwrap()
    }

    pub fn rows(&self, table: &str) -> i64 {
        let rows = self.keeper.store.sql.exec(&format!("SELECT COUNT(*) FROM {table}"), vec![]).unwrap();
        let [store::Value::Integer(count)] = rows[0][..] else { panic!("{rows:?}") };
        count
    }

    pub fn last_record(&self) -> Record {
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
    let by = "Attempt 2 failed in job \"test\" at step \"Run tests\": re-run requested by \"ann\".";
    assert_eq!(record.reason, by);
    assert_eq!(record.detail.unwrap().policy.as_deref(), Some("command"));
    assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Rocket)]);
    play.answered(&[]);
    // It was not taken from the rules' budget, and counted.
    assert_eq!(play.ledger(|ledger| ledger.spent.within_a_day(play.now.get()).reruns_last_day), 1);
    assert_eq!(play.of_policy_today("command")[1], Reruns { made: 1, rescued: 0, wasted: 0 });
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
    assert_eq!(play.of_policy_today("command")[1], Reruns { made: 1, rescued: 1, wasted: 0 });
    play.rests();
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

/// Whoever kept the delivery of a comment may send it again at any time.
/// Seen to fail when a comment of which there is no row is new (a re-run, and the pull request is left alone).
#[test]
fn a_comment_that_is_forgotten_acts_no_more() {
    let play = exhausted(COLLABORATORS);
    play.comments(10, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(5));
    play.reruns(&[1, 2]);
    play.comments(11, Command::Stop, GivenBy::Collaborator);
    play.pass_working(Span::minutes(5));
    // They come late, and in another order than they were given.
    play.comments(14, Command::Status, GivenBy::Collaborator);
    play.pass_working(Span::days(4));
    play.comments(13, rerun(None), GivenBy::Collaborator);
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(3));
    play.pass_working(Span::minutes(5));
    play.reruns(&[1, 2, 3]);
    assert_eq!(play.rows("commands"), 4);
    play.pass_working(Span::days(4));
    play.keeper.prune(play.now.get()).unwrap();
    assert_eq!(play.rows("commands"), 1, "of the last four days");
    play.keeper.store.sql.exec("DELETE FROM stopped_pulls", vec![]).unwrap();
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(4));
    play.pass_working(Span::minutes(5));
    let sql = play.keeper.store.sql.clone();
    let before = sql.exec("SELECT total_changes()", vec![]).unwrap();
    // Also where the Keeper starts anew.
    let keeper = Keeper { policy_path: Some(policy_path()), ..Keeper::open(sql.clone()).unwrap() };
    let play = Play { keeper, ..play };
    for (id, command) in [(10, rerun(None)), (11, Command::Stop), (12, rerun(None)), (14, Command::Stop)] {
        let receipt = play.comments(id, command, GivenBy::Collaborator);
        assert_eq!((receipt.kind, receipt.due), (ReceiptKind::Recorded, None), "{id}");
        assert_eq!(receipt.reason, "this command was received before", "{id}");
    }
    assert_eq!(sql.exec("SELECT total_changes()", vec![]).unwrap(), before);
    play.pass_working(Span::minutes(5));
    play.reruns(&[1, 2, 3]);
    assert_eq!(play.rows("stopped_pulls"), 0);
    // A new one acts.
    play.comments(15, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(5));
    play.reruns(&[1, 2, 3, 4]);
    let stored = sql.exec("SELECT value FROM repository WHERE name = 'forgotten command'", vec![]).unwrap();
    assert_eq!(stored, [[store::Value::Text("14".to_owned())]]);
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
            while let Some(next) = task.take().or_else(|| play.next_soon()) {
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
        assert!(tasks >= 4, "only {tasks} tasks");
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
    let said = || play.warnings.borrow().iter().filter(|what| what.contains("Answers to commands")).count();
    assert_eq!(said(), 1, "{:?}", play.warnings.borrow());
    let tries = 100 - play.github.borrow().reply_problems.len();
    assert_eq!(tries, 1, "not tried again for a while");
    // With the permission it works.
    play.github.borrow_mut().reply_problems.clear();
    play.pass_working(Span::hours(7));
    assert_eq!(play.reactions(), [(1, Reaction::Rocket)]);
}

/// Whether a policy file that is not shown is there cannot be asked: GitHub wants to be left alone. Seen to fail when that
/// answer is lost sight of (a reaction meanwhile).
#[test]
fn a_limit_that_is_met_beside_the_policy_holds_for_all_else() {
    let play = exhausted(COLLABORATORS);
    play.pass(Span::minutes(10));
    {
        let mut hub = play.github.borrow_mut();
        hub.policy_answers = vec![Err(github::Error::NotFound)];
        hub.pull_problems = vec![github::Error::RateLimited { wait: Some(Span::minutes(10)) }];
    }
    play.comments(1, Command::Status, GivenBy::Collaborator);
    play.pass_working(Span::minutes(9));
    assert_eq!((play.reactions(), play.github.borrow().pull_problems.len()), (vec![], 0));
    play.pass_working(Span::minutes(10));
    assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Rocket)]);
}
