//! The Keeper: the one writer for a repository. It holds every tracked run as a row in SQLite, and one alarm for the
//! earliest thing due.
//!
//! - [`tracked`]: what a row says of a run. [`on_webhook`], [`machine`], [`on_failure`], [`second_look`]: how it changes (pure). [`breaker`]: when nothing is
//!   called. [`sweep`]: what finds failures that no webhook told of (pure).
//! - [`policy_file`], [`gather`]: what a decision needs beside the run (pure). [`judge`]: the decision is asked for.
//! - [`rename`]: what becomes of runs whose repository is called otherwise now.
//! - [`repository_state`]: what is known of the repository as a whole. [`store`]: its rows, all the SQL, and what is counted.
//!   [`retention`]: how long things are kept. This file: the machine and the store put together, still without Workers.
//! - [`views`]: what those who look are told. [`summary`]: a repository in a nutshell, for Workers KV. [`notices`],
//!   [`comments`]: what people are told without looking.
//! - [`work`]: a webhook received, and what is due done, over a host. [`object`]: the host on Workers, a Durable Object.
//!
//! Each function here runs between two awaits, so that what it stores is stored together. The order in which a
//! webhook is stored matters only if a statement fails in the middle: the run first, the delivery's id after it, so
//! that no delivery counts as seen whose work was not stored.

pub mod attempts;
pub mod circuit_breaker;
pub mod comments;
pub mod evidence_collector;
mod judge;
pub mod notices;
mod on_failure;
pub mod on_webhook;
pub mod policy_cache;
mod rename;
pub mod repository_state;
pub mod retention;
mod second_look;
pub mod state_machine;
pub mod store;
mod subrequests;
pub mod summary;
pub mod sweep;
pub mod tracked_run;
pub mod views;
pub mod work;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::github::request::{FailedRuns, Failing};
use crate::github::{
    Call, Commented, Found, ListAnswer, Page, PolicyAnswer, Problem, ReadAnswer, RepositoryAnswer, RerunAnswer,
};
use crate::names::{FilePath, RepoName, RunId};
use crate::policy::Rules;
use crate::policy::RunOutcome;
use crate::policy::evidence::{Job, LogTail, Need};
use crate::policy::run::PullRequest;
use crate::time::{Millis, Span};
use crate::webhook::{event::RunEvent, event::RunEventKind};

use circuit_breaker::{Cause, CircuitBreaker, TripReason};
use comments::Comment;
use evidence_collector::{EvidenceCollector, Missing};
use notices::{Notice, Notices};
use policy_cache::PolicyCache;
use repository_state::Trouble;
use retention::PRUNE_EVERY;
use state_machine::{Context, LEASE, Receipt, ReceiptKind, Record, Step};
use store::notices::NoticeKind;
use store::statistics::Change;
use store::{Fact, Sql, Store, StoreError};
use summary::{Summary, Writing};
use sweep::{After, Sweep};
use tracked_run::TrackedRun;

/// A failed write to Workers KV is tried again after this.
const PUBLISH_AGAIN: Span = Span::minutes(1);
/// The longer it fails, the longer it is left: the free plan has 1,000 writes a day for all repositories.
const PUBLISH_AGAIN_MOST: Span = Span::hours(1);
/// "Make requests that create content no more than once a second" (GitHub Docs, "Best practices for using the REST
/// API").
const RERUNS_APART: Span = Span::seconds(1);

/// Runs ended in one go when their repository is served no longer.
const RETIRED_AT_ONCE: usize = 200;

pub struct Keeper<S> {
    store: Store<S>,
    /// Where the repository keeps its rules; `None`: repositories have none of their own.
    policy_path: Option<FilePath>,
    /// When a re-run was last asked for. Only paces: it may be forgotten.
    last_rerun: Cell<Option<Millis>>,
    /// What is stored of the policy file, and what it means. `None`: not looked at yet.
    policy: RefCell<Option<Rc<PolicyCache>>>,
    /// Runs for which a policy file was asked for that GitHub no longer shows.
    doubted: RefCell<BTreeMap<RunId, FilePath>>,
    /// Evidence for the decisions being made.
    collectors: RefCell<BTreeMap<RunId, EvidenceCollector>>,
    /// What decisions wait for that GitHub did not have. If it is forgotten, it is asked for once more.
    missing: RefCell<BTreeMap<RunId, BTreeMap<Need, Missing>>>,
    /// What is stored of cancelled runs, once it was looked at: every task asks.
    cancelled: Cell<Option<Option<Millis>>>,
    /// Workers KV is not told of cancelled runs before this, after it could not be.
    tell_kv: Cell<Option<Millis>>,
    /// What is stored of trouble with the repository, once it was looked at: every answer asks.
    trouble: RefCell<Option<Option<Trouble>>>,
    notices: Option<Notices>,
    /// Where GitHub's pages are, if pull requests get a comment.
    comments: Option<String>,
}

/// Whether GitHub takes the credentials, when that has just changed: the message if not.
pub type Credentials = Option<Result<(), String>>;

/// What is to be done outside, one thing at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    Call(Call),
    /// Write a run's count to Workers KV.
    Publish(Box<TrackedRun>),
    /// Say in Workers KV whether the policy re-runs what was cancelled.
    WantCancelled(bool),
    /// Write the repository's summary to Workers KV.
    Summarize(Box<Summary>),
    /// Tell people, beside all else.
    Notify(Notice),
    /// Write a comment on a pull request, beside all else.
    Comment(Comment),
    /// The repository has another name now: its Keeper is to go on with a run.
    HandOver(Box<HandOver>),
    /// Do nothing for so long, then ask again.
    Wait(Span),
}

/// A run that the Keeper of the repository's present name is told of, as a webhook would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    pub to: RepoName,
    pub event: RunEvent,
    /// What was decided on the run so far.
    pub records: Vec<Record>,
}

/// What came of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StepResult {
    /// What is to be done for the same run next.
    pub task: Option<Task>,
    pub records: Vec<(RunId, Record)>,
    pub credentials: Credentials,
    /// Something that the repository's owners should know, for the log.
    pub notice: Option<String>,
}

/// What GitHub answered to an task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Read(ReadAnswer),
    Repository(RepositoryAnswer),
    Rerun(RerunAnswer),
    List(ListAnswer),
    Policy(PolicyAnswer),
    Workflow(Found<String>),
    Jobs(Found<Page<Job>>),
    Annotations(Found<Page<String>>),
    Log(Found<LogTail>),
    Pulls(Found<Page<PullRequest>>),
    Comment(Commented),
}

impl Answer {
    /// Whether it proves that GitHub shows the repository.
    fn shows_repository(&self) -> bool {
        match self {
            Self::Read(answer) => matches!(answer, ReadAnswer::Run(_)),
            Self::Repository(answer) => *answer == RepositoryAnswer::There,
            Self::Rerun(answer) => matches!(answer, RerunAnswer::Accepted | RerunAnswer::AlreadyRunning),
            Self::List(answer) => matches!(answer, ListAnswer::Runs(_) | ListAnswer::TooLong),
            Self::Policy(answer) => matches!(answer, PolicyAnswer::File { .. } | PolicyAnswer::Same),
            Self::Workflow(found) => matches!(found, Found::There(_)),
            Self::Jobs(found) => matches!(found, Found::There(_)),
            Self::Annotations(found) => matches!(found, Found::There(_)),
            Self::Log(found) => matches!(found, Found::There(_)),
            Self::Pulls(found) => matches!(found, Found::There(_)),
            Self::Comment(answer) => matches!(answer, Commented::There(_)),
        }
    }

    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Read(ReadAnswer::Problem(problem))
            | Self::Repository(RepositoryAnswer::Problem(problem))
            | Self::Rerun(RerunAnswer::Problem(problem))
            | Self::List(ListAnswer::Problem(problem))
            | Self::Policy(PolicyAnswer::Problem(problem)) => Some(problem),
            Self::Workflow(found) => found.problem(),
            Self::Jobs(found) => found.problem(),
            Self::Annotations(found) => found.problem(),
            Self::Log(found) => found.problem(),
            Self::Pulls(found) => found.problem(),
            Self::Comment(Commented::Problem(problem)) => Some(problem),
            Self::Read(_)
            | Self::Repository(_)
            | Self::Rerun(_)
            | Self::List(_)
            | Self::Policy(_)
            | Self::Comment(_) => None,
        }
    }
}

impl<S: Sql> Keeper<S> {
    pub fn open(sql: S) -> Result<Self, StoreError> {
        Store::open(sql).map(|store| Self {
            store,
            policy_path: None,
            last_rerun: Cell::default(),
            policy: RefCell::default(),
            doubted: RefCell::default(),
            collectors: RefCell::default(),
            missing: RefCell::default(),
            cancelled: Cell::default(),
            tell_kv: Cell::default(),
            trouble: RefCell::default(),
            notices: None,
            comments: None,
        })
    }

    /// Goes by the rules that the repository keeps there.
    pub fn reading(self, policy_path: Option<FilePath>) -> Self {
        Self { policy_path, ..self }
    }

    /// The same, telling people.
    pub fn with_notices(self, notices: Option<Notices>) -> Self {
        Self { notices, ..self }
    }

    /// The same, commenting on pull requests. `web_url`: where GitHub's pages are.
    pub fn with_comments(self, web_url: Option<String>) -> Self {
        Self { comments: web_url, ..self }
    }

    pub fn store(&self) -> &Store<S> {
        &self.store
    }

    /// What it keeps, for another Keeper to go on with.
    #[cfg(test)]
    fn into_sql(self) -> S {
        self.store.into_sql()
    }

    /// Stores a webhook. When this has returned, nothing of it can be lost.
    pub fn receive(&self, event: &RunEvent, cx: &Context) -> Result<(Receipt, Vec<Record>), StoreError> {
        if let Some(id) = &event.delivery
            && self.store.has_delivery(id, cx.now)?
        {
            let receipt = Receipt {
                kind: ReceiptKind::Recorded,
                reason: "this delivery was received before".to_owned(),
                run_attempt: event.run_attempt,
                due: None,
            };
            return Ok((receipt, vec![]));
        }
        if let Some(sweep) = Sweep::noted(self.sweep()?.as_ref(), cx.now, cx.rules.sweep_interval) {
            self.store.set_fact(Fact::Sweep, Some(&sweep))?;
        }
        let cx = &Context { first_look: self.known(cx.rules)?.first_look(cx.rules), ..*cx };
        let mut noted = on_webhook::on_webhook(self.store.run(event.run_id)?, event, cx);
        if let (Some(tracked), Some(workflow)) = (&mut noted.tracked, &event.workflow) {
            let before = tracked.attempts();
            tracked.is_told_of(workflow);
            if tracked.published && tracked.attempts() != before {
                tracked.publish = Some(cx.now);
            }
        }
        if let Some(tracked) = &noted.tracked {
            self.keep(tracked, &noted.records, cx.now)?;
            if let Some(id) = &event.delivery {
                self.store.add_delivery(id, cx.now)?;
            }
        }
        if noted.receipt.due.is_some() && self.paused()?.is_some() {
            noted.receipt = Receipt {
                kind: ReceiptKind::Recorded,
                reason: "the repository is paused".to_owned(),
                due: None,
                ..noted.receipt
            };
        }
        Ok((noted.receipt, noted.records))
    }

    /// Stores a run and what was decided on it, and counts both.
    fn keep(&self, after: &TrackedRun, records: &[Record], now: Millis) -> Result<(), StoreError> {
        let before = self.store.run(after.run_id)?;
        let mut after = Cow::Borrowed(after);
        // Its name can be learned after its count was published, by a webhook that comes late.
        let renamed = before.as_ref().is_some_and(|before| before.shown_workflow() != after.shown_workflow());
        if renamed && after.published && after.publish.is_none() {
            after.to_mut().publish = Some(now);
        }
        let after = &*after;
        self.store.put(after)?;
        for record in records {
            self.store.record(after.run_id, record)?;
            if record.outcome == RunOutcome::Exhausted {
                self.notice(after.run_id, NoticeKind::Exhausted, now)?;
            }
        }
        if self.store.count(&Change { before: before.as_ref(), after, records }, now)? {
            self.summary_changed(now)?;
        }
        if after.reruns > 0 && !records.is_empty() {
            self.comment_changed(after.run_id, now)?;
        }
        Ok(())
    }

    /// The next thing to do now, claimed: if its answer never comes, it is due again after [`LEASE`].
    ///
    /// Without `may_call` GitHub is left alone: some setting is wrong.
    pub fn next(&self, may_call: bool, cx: &Context) -> Result<Option<Task>, StoreError> {
        let now = cx.now;
        if let Some(mut tracked) = self.store.next_to_publish(now)? {
            tracked.publish = Some(now + publish_again(now - tracked.updated));
            // Also if its answer is lost: it may be there.
            tracked.published = true;
            self.store.put(&tracked)?;
            return Ok(Some(Task::Publish(Box::new(tracked))));
        }
        if let Some(wanted) =
            self.untold_of_cancelled(cx.rules)?.filter(|_| self.tell_kv.get().is_none_or(|at| at <= now))
        {
            return Ok(Some(Task::WantCancelled(wanted)));
        }
        if let Some(writing) = self.store.fact::<Writing>(Fact::Summary)?
            && writing.due.is_some_and(|due| due <= now)
            && let Some(summary) = self.summary(cx.rules, now)?
        {
            self.store.set_fact(Fact::Summary, Some(&writing.begun(now + PUBLISH_AGAIN)))?;
            return Ok(Some(Task::Summarize(Box::new(summary))));
        }
        if let Some(notice) = self.next_notice(now)? {
            return Ok(Some(Task::Notify(notice)));
        }
        if !may_call || self.paused()?.is_some() || self.is_shut(now)? {
            return Ok(None);
        }
        if let Some(comment) = self.next_comment(now)? {
            return Ok(Some(Task::Comment(comment)));
        }
        if let Some(sweep) = self.sweep()?
            && sweep.due(cx.rules.sweep_interval).is_some_and(|due| due <= now)
        {
            let call = sweep.start(now);
            self.store.set_fact(Fact::Sweep, Some(&sweep.postponed(now + LEASE)))?;
            return Ok(Some(Task::Call(call)));
        }
        let Some(mut tracked) = self.store.next_due(now)? else { return Ok(None) };
        if let Some(wait) =
            self.last_rerun.get().map(|last| RERUNS_APART.minus(now - last)).filter(|wait| *wait > Span::ZERO)
        {
            return Ok(Some(Task::Wait(wait)));
        }
        tracked.due = Some(now + LEASE);
        if self.collectors.borrow_mut().remove(&tracked.run_id).is_some() {
            // It was given up, but nothing has died of it.
            tracked.collecting = None;
        }
        self.store.put(&tracked)?;
        self.begin(tracked.run_id, cx).map(|call| Some(Task::Call(call)))
    }

    /// GitHub's answer to a call that [`Keeper::next`] or this function asked for.
    pub fn answered(&self, call: &Call, answer: Answer, cx: &Context) -> Result<StepResult, StoreError> {
        let credentials = self.pass_gate(&answer, cx.now)?;
        let run_id = match call {
            Call::ListFailedRuns(asked) => return self.listed(asked, answer, credentials, cx),
            _ => call.run_id().ok_or_else(other_answer)?,
        };
        let Some(tracked) = self.store.run(run_id)? else {
            return Ok(StepResult { credentials, ..StepResult::default() });
        };
        if !matches!(call, Call::Rerun { .. }) && (self.paused()?.is_some() || self.is_shut(cx.now)?) {
            // Paused while GitHub was asked, or a comment has met a rate limit: the run stays due, and is decided on when
            // that ends.
            self.collectors.borrow_mut().remove(&run_id);
            let credentials = self.heed(answer.problem(), credentials, cx)?;
            return Ok(StepResult { credentials, ..StepResult::default() });
        }
        match (call, answer) {
            (Call::ReadPolicy { path, .. }, Answer::Policy(answer)) => {
                self.policy_answered(tracked, path, (answer, false), credentials, cx)
            }
            (Call::ReadRun { .. }, answer) => self.run_answered(tracked, answer, credentials, cx),
            (Call::Rerun { run_attempt, .. }, Answer::Rerun(answer)) => {
                let (tracked, answer) = self.second_look(tracked, answer, cx)?;
                self.carry_out(state_machine::rerun_answered(tracked, *run_attempt, answer, cx), credentials, cx)
            }
            (Call::ReadRepository { .. }, Answer::Repository(answer)) => {
                self.repository_answered(tracked, answer, credentials, cx)
            }
            (call, answer) if call.is_evidence() => self.evidence_answered(tracked, call, answer, credentials, cx),
            _ => Err(other_answer()),
        }
    }

    /// A page of the sweep: each run on it is taken for a webhook that says that it failed.
    fn listed(
        &self,
        asked: &FailedRuns,
        answer: Answer,
        credentials: Credentials,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let Answer::List(answer) = answer else { return Err(other_answer()) };
        let Some(sweep) = self.sweep()? else { return Ok(StepResult::default()) };
        let (runs, listed) = match answer {
            ListAnswer::Runs(runs) => {
                let listed = runs.len();
                (runs, Some(listed))
            }
            ListAnswer::TooLong => (vec![], None),
            ListAnswer::Problem(problem) => {
                self.store.set_fact(Fact::Sweep, Some(&sweep.failed(cx.now)))?;
                let breaker = TripReason::of(&problem).map(|closing| CircuitBreaker::close(closing, 0, cx));
                let credentials = self.close_gate(breaker, credentials, cx)?;
                let records = self.give_up_repository(cx)?;
                return Ok(StepResult { records, credentials, ..StepResult::default() });
            }
        };
        let known = self.known(cx.rules)?;
        let cx = &Context { first_look: known.first_look(cx.rules), ..*cx };
        let mut records = Vec::new();
        let cancelled_since = self.cancelled_since()?.filter(|_| known.wants_cancelled());
        let since = cancelled_since.filter(|_| asked.failing == Failing::Cancelled);
        for run in runs.into_iter().filter(|run| sweep.covers(run.updated, since)) {
            let event = RunEvent {
                run_id: run.run_id,
                run_attempt: Some(run.run_attempt),
                kind: RunEventKind::RunFailed,
                delivery: None,
                workflow: None,
            };
            let before = self.store.run(run.run_id)?;
            let noted = on_webhook::on_webhook(before.clone(), &event, cx);
            if noted.tracked != before
                && let Some(tracked) = &noted.tracked
            {
                self.keep(tracked, &noted.records, cx.now)?;
                records.extend(noted.records.into_iter().map(|record| (tracked.run_id, record)));
            }
        }
        let After { next, passed_over } = Sweep::after(asked, listed, cancelled_since.is_some());
        // A comment has met a rate limit meanwhile.
        let next = if self.is_shut(cx.now)? && next.is_some() {
            self.store.set_fact(Fact::Sweep, Some(&sweep.failed(cx.now)))?;
            return Ok(StepResult { records, credentials, ..StepResult::default() });
        } else {
            next
        };
        let sweep = match &next {
            Some(next) => sweep.going_on(next.clone(), cx.now),
            None => sweep.done(asked.started, cx.now, cx.rules.sweep_interval),
        };
        self.store.set_fact(Fact::Sweep, Some(&sweep))?;
        // Between, what is due has its turn.
        let task = next.filter(Sweep::goes_on_at_once).map(|next| Task::Call(Call::ListFailedRuns(next)));
        Ok(StepResult { task, records, credentials, notice: passed_over })
    }

    fn carry_out(&self, step: Step, credentials: Credentials, cx: &Context) -> Result<StepResult, StoreError> {
        let calls_for_rerun = matches!(step.call, Some(Call::Rerun { .. }));
        self.keep(&step.tracked, &step.records, cx.now)?;
        if let Some(spends) = step.spends {
            self.store.spend(step.tracked.run_id, spends, cx.now)?;
        }
        let refused = step.breaker.as_ref().is_some_and(|breaker| matches!(breaker.cause, Cause::Credentials { .. }));
        if refused && step.records.iter().any(|record| record.outcome == RunOutcome::Failed) {
            self.notice(step.tracked.run_id, NoticeKind::Refused, cx.now)?;
        }
        let of_repository =
            step.breaker.as_ref().is_some_and(|breaker| matches!(breaker.cause, Cause::Repository { .. }));
        let credentials = self.close_gate(step.breaker, credentials, cx)?;
        let given_up = if of_repository { self.give_up_repository(cx)? } else { vec![] };
        let run_id = step.tracked.run_id;
        if calls_for_rerun {
            self.last_rerun.set(Some(cx.now));
        }
        Ok(StepResult {
            task: step.call.map(Task::Call),
            records: step.records.into_iter().map(|record| (run_id, record)).chain(given_up).collect(),
            credentials,
            notice: None,
        })
    }

    /// A run's count is in Workers KV, or could not be written, which is tried again by itself.
    pub fn published(&self, published: &TrackedRun, now: Millis, written: bool) -> Result<(), StoreError> {
        let Some(mut tracked) = self.store.run(published.run_id)? else { return Ok(()) };
        if written {
            // Changed meanwhile: KV takes one write a second for a key.
            let current = tracked.attempts() == published.attempts();
            tracked.publish = (!current).then_some(now + Span::seconds(1));
            self.store.put(&tracked)?;
        }
        Ok(())
    }

    /// The Keeper has been started anew, perhaps with another token: what waits for one need not wait on.
    pub fn started(&self, now: Millis) -> Result<(), StoreError> {
        if self.refusal()?.is_none() && self.trouble()?.is_none() {
            return Ok(());
        }
        let waits =
            |breaker: &CircuitBreaker| matches!(breaker.cause, Cause::Credentials { .. } | Cause::Repository { .. });
        if let Some(breaker) = self.breaker()?.filter(waits) {
            self.set_gate(Some(&CircuitBreaker { until: now, ..breaker }))?;
        }
        self.store.retry_refused(now)
    }

    /// The repository is served no longer: what is due for it is ended, and nothing is looked for any more.
    pub fn retire(&self, cx: &Context) -> Result<Vec<(RunId, Record)>, StoreError> {
        self.end_all(|tracked| state_machine::retire(tracked, cx), cx)
    }

    /// Ends what is due, so many runs at once, and looks for nothing more.
    pub(super) fn end_all(
        &self,
        end: impl Fn(TrackedRun) -> Step,
        cx: &Context,
    ) -> Result<Vec<(RunId, Record)>, StoreError> {
        self.store.set_fact::<Sweep>(Fact::Sweep, None)?;
        let mut records = Vec::new();
        for _ in 0..RETIRED_AT_ONCE {
            let Some(tracked) = self.store.next_due(Millis(i64::MAX))? else { break };
            let step = end(tracked);
            self.keep(&step.tracked, &step.records, cx.now)?;
            if let Some(spends) = step.spends {
                self.store.spend(step.tracked.run_id, spends, cx.now)?;
            }
            records.extend(step.records.into_iter().map(|record| (step.tracked.run_id, record)));
        }
        Ok(records)
    }

    /// When the next thing is due; `None` when nothing is.
    pub fn next_alarm(&self, rules: &Rules) -> Result<Option<Millis>, StoreError> {
        let (due, publish) = self.store.first_times()?;
        let (paused, summary) =
            (self.paused()?, self.store.fact::<Writing>(Fact::Summary)?.and_then(|writing| writing.due));
        let notice = self.next_notice_due()?;
        let sweep = self.sweep()?.and_then(|sweep| sweep.due(rules.sweep_interval));
        let calls = [due, sweep, self.next_comment_due()?].into_iter().flatten().min().filter(|_| paused.is_none());
        let calls = match (calls, self.breaker()?) {
            (Some(calls), Some(breaker)) => Some(calls.max(breaker.until)),
            (calls, _) => calls,
        };
        Ok([calls, publish, summary, notice].into_iter().flatten().min())
    }

    /// Forgets what is too old to matter, once a day and a bounded number of rows at a time.
    pub fn prune(&self, now: Millis) -> Result<(), StoreError> {
        let due: Option<Millis> = self.store.fact(Fact::Prune)?;
        if due.is_some_and(|due| due > now) {
            return Ok(());
        }
        let more = self.store.prune(now)?;
        self.store.set_fact(Fact::Prune, Some(&if more { now } else { now + PRUNE_EVERY }))
    }

    /// A run and the decisions on it, for those who look.
    pub fn run(&self, run_id: RunId) -> Result<Option<(TrackedRun, Vec<Record>)>, StoreError> {
        match self.store.run(run_id)? {
            Some(tracked) => Ok(Some((tracked, self.store.records(run_id)?))),
            None => Ok(None),
        }
    }
}

/// How long until a count is written again whose run last changed so long ago.
fn publish_again(since: Span) -> Span {
    Span::millis(since.as_millis() / 2).clamp(PUBLISH_AGAIN, PUBLISH_AGAIN_MOST)
}

fn other_answer() -> StoreError {
    StoreError("an answer to another call".to_owned())
}

/// What decisions go by, for a Keeper's transitions.
pub fn context(rules: &Rules, now: Millis, chance: f64) -> Context<'_> {
    Context { now, rules, first_look: rules.delay, chance }
}
