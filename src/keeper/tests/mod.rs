//! The state machine and the store together, on a native SQLite: a small play for each rule.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::context::Context;
use super::run_filter::RunFilter;
use super::step::{LEASE, Receipt, ReceiptKind, Record};
use super::store::Fact;
use super::summary::Summary;
use super::tasks::comment::Comment;
use super::tasks::errand::Errand;
use super::tasks::errand_answer::Warning;
use super::tasks::notify::Notification;
use super::tracked_run::TrackedRun;
use super::*;
use crate::github::Failing;
use crate::github::calls::annotations::Annotation;
use crate::github::calls::pull_requests::PULLS_PER_PAGE;
use crate::github::{
    self, Call, CommandCall, CommandReply, CommentAnswer, CommentCall, FetchedPolicy, ListedRun, Page, Reaction,
    RerunAnswer, Response, StatusCall,
};
use crate::names::{CommentId, Conclusion, DeliveryId, FilePath, JobId, RepoName, RunAttempt, RunId, WorkflowId};
use crate::policy::evidence::{Job, LogTail, Step};
use crate::policy::run::{Fork, Origin, PullRequest, Run};
use crate::policy::{RerunSettings, RunOutcome, Scope};
use crate::settings::Settings;
use crate::time::{Millis, Span};
use crate::webhook::event::{RunEvent, RunEventKind};

mod bases;
mod budgets;
mod command_ends;
mod command_floods;
mod commanded;
mod commands;
mod comments;
mod commit_status_contexts;
mod commit_statuses;
mod commit_statuses_kept;
mod content;
mod due_list;
mod edges;
mod evidence;
mod fake_github;
mod fake_issues;
mod features;
mod finding;
mod flaky_issues;
mod flaky_issues_bounded;
mod flaky_issues_kept;
mod forks;
mod history;
mod judgement;
mod looking;
mod lost_calls;
mod messages;
mod missing;
mod names;
mod organizations;
mod outages;
mod policies;
mod pulls;
mod reruns;
mod second_looks;
mod stops;
mod stored;
mod sweeps;
mod tasks;
mod times;
mod trouble;
mod work;
mod workflows;

#[path = "../../../tests/simulation/schedule/native_sql.rs"]
pub mod native_sql;
mod undo;
mod undo_20;
use fake_github::{GitHub, lost};
use native_sql::NativeSql;
use undo::{UNDO_COMMANDS, UNDO_DUE_COMMANDS, UNDO_TO_10, UNDO_TO_15, UNDO_TO_17, UNDO_TO_18};
use undo_20::UNDO_TO_19;

impl Keeper<NativeSql> {
    /// A run and the decisions on it.
    fn run(&self, run_id: RunId) -> Result<Option<(TrackedRun, Vec<Record>)>, StoreError> {
        match self.store.run(run_id)? {
            Some(tracked) => Ok(Some((tracked, self.store.records(run_id)?))),
            None => Ok(None),
        }
    }
}

/// A Keeper, a clock, and one run on GitHub.
struct Play {
    keeper: Keeper<NativeSql>,
    now: Cell<Millis>,
    settings: RerunSettings,
    github: RefCell<GitHub>,
    /// What `/healthz` was told of the credentials: GitHub's message when it refused them, `None` when it took them.
    refusals: RefCell<Vec<Option<String>>>,
    /// What another Keeper was told.
    handed_over: RefCell<Vec<HandOver>>,
    /// What the log was told of the policy file, and of calls that came to nothing.
    warnings: RefCell<Vec<String>>,
    /// What it was told of the policy file by errands.
    of_policy: RefCell<Vec<String>>,
    /// What Workers KV was told of cancelled runs.
    cancelled: RefCell<Vec<bool>>,
    /// Whether it can be told of them.
    writes_cancelled: Cell<bool>,
    /// What people were told, or were tried to be.
    messages: RefCell<Vec<String>>,
    /// Whether they can be.
    takes_messages: Cell<bool>,
}

const START: Millis = Millis(1_795_446_245_000);

fn attempt(n: u32) -> RunAttempt {
    RunAttempt::new(n).unwrap()
}

fn repository() -> RepoName {
    RepoName::parse("octo/widgets").unwrap()
}

fn run_id() -> RunId {
    RunId::new(7).unwrap()
}

fn policy_path() -> FilePath {
    FilePath::parse(".github/rerunner.yml").unwrap()
}

/// The same Keeper, with comments on pull requests.
fn with_comments(keeper: Keeper<NativeSql>) -> Keeper<NativeSql> {
    Keeper { comments: Some("https://github.com".to_owned()), ..keeper }
}

/// A job on Linux that failed at a step after a minute.
fn failed_job(id: u64, name: &str, step: &str) -> Job {
    Job {
        job_id: JobId::new(id).unwrap(),
        name: name.to_owned(),
        conclusion: Some(Conclusion::Failure),
        started: Some(START),
        completed: Some(START + Span::minutes(1)),
        runner: Some("GitHub Actions 1".to_owned()),
        labels: vec!["ubuntu-latest".to_owned()],
        steps: vec![Step { name: step.to_owned(), conclusion: Some(Conclusion::Failure), going: false }],
        workflow: Some("ci".to_owned()),
    }
}

impl Play {
    fn new() -> Self {
        let keeper = Keeper::open(NativeSql::open().unwrap()).unwrap();
        let settings = RerunSettings { sweep_interval: Span::ZERO, ..RerunSettings::from(&Settings::read(|_| None)) };
        let github = GitHub {
            attempt: 1,
            conclusion: Some(Conclusion::Failure),
            workflow: "ci".to_owned(),
            event: "push".to_owned(),
            default_branch: "main".to_owned(),
            jobs: vec![failed_job(1, "test", "Run tests")],
            annotations: vec!["Process completed with exit code 1.".to_owned()],
            ..GitHub::default()
        };
        Self {
            keeper,
            now: Cell::new(START),
            settings,
            github: RefCell::new(github),
            refusals: RefCell::default(),
            handed_over: RefCell::default(),
            cancelled: RefCell::default(),
            writes_cancelled: Cell::new(true),
            messages: RefCell::default(),
            warnings: RefCell::default(),
            of_policy: RefCell::default(),
            takes_messages: Cell::new(true),
        }
    }

    /// In a repository with this policy file.
    fn with_policy(text: &str) -> Self {
        let Self { keeper, github, .. } = Self::new();
        github.borrow_mut().file = Some(text.to_owned());
        Self { keeper: Keeper { policy_path: Some(policy_path()), ..keeper }, github, ..Self::new() }
    }

    fn cx(&self) -> Context<'_> {
        Context::new(&self.settings, self.now.get(), 0.5)
    }

    fn pass(&self, span: Span) {
        self.now.set(self.now.get() + span);
    }

    fn on_webhook(&self, kind: RunEventKind, run_attempt: Option<u32>) -> Receipt {
        let event = RunEvent::new(repository(), run_id(), run_attempt.map(attempt), kind);
        self.keeper.receive(&event, &self.cx()).unwrap().0
    }

    #[track_caller]
    fn webhook(&self, kind: RunEventKind, run_attempt: Option<u32>, expected: ReceiptKind) {
        let receipt = self.on_webhook(kind, run_attempt);
        assert_eq!(receipt.kind, expected, "{}", receipt.reason);
    }

    /// Does what is due now.
    fn work(&self) {
        let mut task = None;
        while let Some(next) = task.take().or_else(|| self.keeper.next(true, &self.cx()).unwrap()) {
            if let Task::Call(call) = &next
                && self.github.borrow().deadly.is_some_and(|of| of(call))
            {
                self.github.borrow_mut().calls.push(call.clone());
                return;
            }
            task = self.carry_out(next);
        }
    }

    /// Does one thing. Answers what comes right after it.
    fn carry_out(&self, task: Task) -> Option<Task> {
        match task {
            Task::Wait(span) => self.pass(span),
            Task::Publish(tracked) => self.keeper.finish_publish(&tracked, true, self.now.get()).unwrap(),
            Task::Summarize(_) => self.keeper.finish_summary(true, self.now.get()).unwrap(),
            Task::Errand(errand) => {
                let mut run = Box::pin(errand.run(async |call| self.answer(&call)));
                let std::task::Poll::Ready(finished) =
                    run.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
                else {
                    panic!("it waits for nothing")
                };
                match self.keeper.finish_errand(finished, &self.cx()).unwrap() {
                    Some(Warning::Trouble(what)) => self.warnings.borrow_mut().push(what),
                    Some(Warning::Policy(what)) => self.of_policy.borrow_mut().push(what),
                    None => {}
                }
            }
            Task::Notify(notice) => {
                self.keeper.finish_notification(&notice, self.takes_messages.get(), self.now.get()).unwrap();
                self.messages.borrow_mut().push(notice.text);
            }
            Task::HandOver(what) => {
                self.keeper.finish_hand_over(&what, &self.cx()).unwrap();
                self.handed_over.borrow_mut().push(*what);
            }
            Task::WantCancelled(wanted) => {
                self.cancelled.borrow_mut().push(wanted);
                self.keeper.finish_cancelled(wanted, self.writes_cancelled.get(), self.now.get()).unwrap();
            }
            Task::Call(call) => {
                let answer = self.answer(&call);
                let result = self.keeper.answered(&call, answer, &self.cx()).unwrap();
                self.refusals.borrow_mut().extend(result.credentials.map(Result::err));
                self.warnings.borrow_mut().extend(result.warning);
                return result.task;
            }
        }
        None
    }

    /// Does what is due up to a re-run, which is asked for and not made.
    fn until_rerun(&self) -> Call {
        self.until(|call| matches!(call, Call::Rerun { .. }))
    }

    fn until(&self, last: fn(&Call) -> bool) -> Call {
        let mut task = self.keeper.next(true, &self.cx()).unwrap();
        loop {
            match task {
                Some(Task::Call(call)) if last(&call) => return call,
                Some(Task::Call(call)) => {
                    task = self.keeper.answered(&call, self.answer(&call), &self.cx()).unwrap().task;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Lets time pass from alarm to alarm until nothing is due within `span`.
    fn pass_working(&self, span: Span) {
        let end = self.now.get() + span;
        for _ in 0..10_000 {
            match self.keeper.next_alarm(&self.settings).unwrap() {
                Some(alarm) if alarm <= end => {
                    self.now.set(self.now.get().max(alarm));
                    self.work();
                }
                _ => {
                    self.now.set(end);
                    return;
                }
            }
        }
        panic!("it never comes to rest");
    }

    fn ends(&self, conclusion: Conclusion) {
        self.github.borrow_mut().conclusion = Some(conclusion);
    }

    fn tracked(&self) -> TrackedRun {
        self.keeper.run(run_id()).unwrap().unwrap().0
    }

    #[track_caller]
    fn reruns(&self, attempts: &[u32]) {
        assert_eq!(self.github.borrow().reruns, attempts, "{:#?}", self.tracked());
    }

    #[track_caller]
    fn stands(&self, outcome: RunOutcome, reruns: u32) {
        let tracked = self.tracked();
        assert_eq!((tracked.outcome, tracked.reruns), (outcome, reruns), "{tracked:#?}");
    }

    #[track_caller]
    fn rests(&self) {
        assert_eq!(self.keeper.next_alarm(&self.settings).unwrap(), None, "{:#?}", self.tracked());
    }
}
