//! What a Keeper has to do, one task at a time: each file says when its task is due, claims it, and finishes it.
//!
//! The list of tasks ([`list`]) stands once: the next thing to do and the next alarm are both made of it.
//!
//! A task is *claimed* before it is done: should its end never be stored, it is due again later. What was decided on a run
//! is stored in one step, and what follows from that made due: its count, the repository's statistics and summary, a
//! notification, a comment.

mod carry_out;
pub mod command;
pub mod command_reply;
mod commanded;
pub mod comment;
pub(super) mod comment_text;
pub mod commit_status;
mod decide;
pub mod errand;
pub mod errand_answer;
pub mod flaky_issue;
mod flaky_issue_text;
mod hand_over;
mod leave;
pub mod notify;
mod outage;
mod publish;
mod rerun;
pub mod sweep;

use serde::{Deserialize, Serialize};

use crate::github::{Call, Response};
use crate::names::RunId;
use crate::policy::{RerunSettings, RunOutcome};
use crate::time::{Millis, Span};
use crate::webhook::event::RunEvent;

use super::Keeper;
use super::circuit_breaker::TripReason;
use super::content_budget::Content;
use super::context::Context;
use super::on_webhook::look_once_more;
use super::repository_state::CredentialsChange;
use super::retention::PRUNE_EVERY;
use super::step::{Record, Step};
use super::store::ledger::Unstored;
use super::store::notices::NoticeKind;
use super::store::{Fact, Sql, StoreError};
use super::summary::Summary;
use super::tracked_run::TrackedRun;
use errand::Errand;
use notify::Notification;

/// GitHub's clock and ours may differ by so much.
const CLOCKS_APART: Span = Span::minutes(10);

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
    Notify(Notification),
    /// Beside all else.
    Errand(Errand),
    /// The repository has another name now: its Keeper is to go on with a run.
    HandOver(Box<HandOver>),
    /// Do nothing for so long, then ask again.
    Wait(Span),
}

impl Task {
    pub fn requests(&self) -> u32 {
        match self {
            Self::Call(call) => call.requests(),
            Self::Errand(errand) => errand.requests(),
            Self::Publish(_) | Self::WantCancelled(_) | Self::Summarize(_) | Self::Notify(_) | Self::HandOver(_) => 1,
            Self::Wait(_) => 0,
        }
    }
}

/// A run for the Keeper of the repository's present name, as a webhook would report it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
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
    pub credentials: CredentialsChange,
    /// Something that the repository's owners should know, for the log.
    pub warning: Option<String>,
}

struct Kind<S> {
    manner: Manner,
    due: fn(&Keeper<S>, &RerunSettings) -> Result<Option<Millis>, StoreError>,
    claim: fn(&Keeper<S>, &Context) -> Result<Option<Task>, StoreError>,
}

struct Manner {
    /// Whether it calls GitHub: not while the circuit breaker is open.
    calls: bool,
    /// Whether it waits while the repository is paused.
    pauses: bool,
    /// Whether it is an errand: those are begun one after the other.
    is_errand: bool,
    /// What it writes for people, at the most urgent.
    content: Option<Content>,
}

const HERE: Manner = Manner { calls: false, pauses: false, is_errand: false, content: None };
const RERUN: Manner = Manner { calls: true, pauses: true, ..HERE };

const fn errand(content: Content) -> Manner {
    Manner { calls: true, pauses: true, is_errand: true, content: Some(content) }
}

/// What somebody waits for: a command is answered in a pause as well, and what a run came to in one is said.
const fn answer(content: Content) -> Manner {
    Manner { pauses: false, ..errand(content) }
}

const COMMAND: Manner = Manner { calls: true, pauses: false, is_errand: true, content: None };
const STATUS: Content = Content::FinalStatus { of_fork: false };

/// All kinds of tasks, in the order in which they are done.
///
/// Two more have no time of their own: a run is handed over where it would be re-run ([`hand_over`]), and what is old is
/// forgotten after whatever else an alarm did ([`Keeper::prune`]).
fn list<S: Sql>() -> [Kind<S>; 12] {
    [
        Kind { manner: HERE, due: Keeper::publish_due, claim: Keeper::claim_publish },
        Kind { manner: HERE, due: Keeper::cancelled_due, claim: Keeper::claim_cancelled },
        Kind { manner: HERE, due: Keeper::summary_due, claim: Keeper::claim_summary },
        Kind { manner: HERE, due: Keeper::notification_due, claim: Keeper::claim_notification },
        Kind { manner: errand(Content::Comment), due: Keeper::comment_due, claim: Keeper::comment_errand },
        Kind { manner: answer(Content::Reply), due: Keeper::reply_due, claim: Keeper::reply_errand },
        Kind { manner: COMMAND, due: Keeper::command_due, claim: Keeper::command_errand },
        Kind { manner: errand(Content::FlakyIssue), due: Keeper::flaky_issue_due, claim: Keeper::flaky_issue_errand },
        Kind { manner: RERUN, due: Keeper::sweep_due, claim: Keeper::claim_sweep },
        Kind { manner: RERUN, due: Keeper::probe_due, claim: Keeper::claim_probe },
        Kind { manner: RERUN, due: Keeper::rerun_due, claim: Keeper::claim_rerun },
        // After all re-runs, which it would take connections from.
        Kind { manner: answer(STATUS), due: Keeper::commit_status_due, claim: Keeper::commit_status_errand },
    ]
}

impl<S: Sql> Keeper<S> {
    /// The next thing to do now, claimed.
    ///
    /// Without `may_call` GitHub is left alone: some setting is wrong.
    pub fn next(&self, may_call: bool, cx: &Context) -> Result<Option<Task>, StoreError> {
        self.step(|| {
            for kind in list::<S>().into_iter().filter(|kind| may_call || !kind.manner.calls) {
                if self.due(&kind, cx.settings)?.is_some_and(|due| due <= cx.now)
                    && let Some(task) = (kind.claim)(self, cx)?
                {
                    if let Task::Errand(errand) = &task {
                        self.last_errand.set(Some(cx.now));
                        if errand.writes() {
                            self.take_content(cx.now)?;
                        }
                    }
                    return Ok(Some(task));
                }
            }
            Ok(None)
        })
    }

    /// When the next thing is due; `None` when nothing is.
    pub fn next_alarm(&self, settings: &RerunSettings) -> Result<Option<Millis>, StoreError> {
        let due: Vec<_> = list::<S>().iter().map(|kind| self.due(kind, settings)).collect::<Result<_, _>>()?;
        Ok(due.into_iter().flatten().min())
    }

    /// When a kind of task is due, with what holds it up.
    fn due(&self, kind: &Kind<S>, settings: &RerunSettings) -> Result<Option<Millis>, StoreError> {
        let apart = |due: Millis| self.last_errand.get().map_or(due, |last| due.max(last + errand::APART));
        let Manner { calls, pauses, is_errand, content } = kind.manner;
        let Some(due) = (kind.due)(self, settings)? else { return Ok(None) };
        if pauses && self.paused()?.is_some() {
            return Ok(None);
        }
        let room_from = content.map_or(Ok(Millis(0)), |content| self.content_from(content))?;
        let due = if is_errand { apart(due).max(room_from) } else { due };
        let breaker = if calls { self.breaker()? } else { None };
        Ok(Some(breaker.map_or(due, |breaker| breaker.until.max(due))))
    }

    /// Stores a run and what was decided on it, and counts both.
    pub(in crate::keeper) fn store_run(
        &self,
        after: &TrackedRun,
        records: &[Record],
        cx: &Context,
    ) -> Result<(), StoreError> {
        let now = cx.now;
        let before = self.store.run(after.run_id)?;
        let mut after = after.clone();
        // Its name can be learned after its count was published, by a webhook that comes late.
        let renamed = before.as_ref().is_some_and(|before| before.shown_workflow() != after.shown_workflow());
        if renamed && after.published && after.publish.is_none() {
            after.publish = Some(now);
        }
        self.settle_command(&mut after, records, now)?;
        let counted = self.store.count(before.as_ref(), &mut after, records, now)?;
        if !records.is_empty() {
            self.store.change_ledger(Unstored::Something, |ledger| {
                (ledger.last_decision, ledger.last_decided) = (Some(now), Some(after.run_id));
            })?;
        }
        self.store.spend(before.as_ref(), &mut after, records, now)?;
        let after = &after;
        self.store.put(after)?;
        for record in records {
            self.store.record(after.run_id, record)?;
            if record.outcome == RunOutcome::Exhausted {
                self.queue_notification(after.run_id, NoticeKind::Exhausted, now)?;
            }
        }
        let standing = |run: &TrackedRun| (run.ended().is_some(), run.outcome == RunOutcome::Rerunning);
        if counted.something {
            self.summary_changed(now)?;
        } else if before.as_ref().map(standing) != Some(standing(after)) && self.repository()?.is_some() {
            self.change_summary_schedule(|schedule| schedule.changed_a_little(now))?;
        }
        if !counted.passed.is_empty() {
            self.jobs_passed(after, &counted.passed, cx)?;
        }
        self.tell_outages(before.as_ref(), after, now)?;
        if !records.is_empty() && comment::tells_of(after.reruns, after.event.as_deref()) {
            self.comment_changed(after, now)?;
        }
        self.commit_status_changed(before.as_ref(), after, now)?;
        Ok(())
    }

    /// Stores a step, but for what it says of the repository. Answers its records.
    fn store_step(&self, step: &Step, cx: &Context) -> Result<Vec<(RunId, Record)>, StoreError> {
        let run_id = step.tracked.run_id;
        self.store_run(&step.tracked, &step.records, cx)?;
        Ok(step.records.iter().map(|record| (run_id, record.clone())).collect())
    }

    /// Stores a step, and goes on with its call.
    fn carry_out(&self, mut step: Step, cx: &Context) -> Result<StepResult, StoreError> {
        if step.tracked.due.is_none() && self.heard_meanwhile.borrow_mut().remove(&step.tracked.run_id) {
            step.tracked.due = Some(look_once_more(&step.tracked, cx.now));
        }
        let mut records = self.store_step(&step, cx)?;
        let reason = step.breaker.as_ref().map(|breaker| breaker.reason.clone());
        let credentials = self.trip(step.breaker, cx)?;
        match reason {
            Some(TripReason::Credentials { .. }) => {
                if step.records.iter().any(|record| record.outcome == RunOutcome::Failed) {
                    self.queue_notification(step.tracked.run_id, NoticeKind::Refused, cx.now)?;
                }
            }
            Some(TripReason::Repository { .. }) => records.extend(self.end_if_gone(cx)?),
            Some(TripReason::RateLimit | TripReason::NoAnswer) | None => {}
        }
        if matches!(step.call, Some(Call::Rerun { .. })) {
            self.last_rerun.set(Some(cx.now));
        }
        Ok(StepResult { task: step.call.map(Task::Call), records, credentials, warning: None })
    }

    /// Forgets what is too old to matter: once a day, and a bounded number of rows at a time. It sets no alarm: a repository
    /// where nothing happens stores nothing new.
    pub fn prune(&self, now: Millis) -> Result<(), StoreError> {
        self.step(|| {
            let due: Option<Millis> = self.store.fact(Fact::Prune)?;
            if due.is_some_and(|due| due > now) {
                return Ok(());
            }
            let more = self.store.prune(now)?;
            self.store.set_fact(Fact::Prune, Some(&if more { now } else { now + PRUNE_EVERY }))
        })
    }

    /// GitHub's answer to a call that [`Keeper::next`] or this function asked for.
    pub fn answered(&self, call: &Call, response: Response, cx: &Context) -> Result<StepResult, StoreError> {
        self.step(|| {
            let credentials = self.on_answer(&response, cx.now)?;
            let result = match (call, call.run_id()) {
                (Call::ListFailedRuns(asked), _) => self.finish_sweep_page(asked, response, cx)?,
                (_, Some(run_id)) => self.on_run_answer(run_id, call, response, cx)?,
                (_, None) => return Err(other_answer()),
            };
            Ok(StepResult { credentials: result.credentials.or(credentials), ..result })
        })
    }
}

fn other_answer() -> StoreError {
    StoreError("an answer to another call".to_owned())
}
