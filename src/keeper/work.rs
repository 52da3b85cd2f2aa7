//! A Keeper at work: a webhook received, and what is due done, over a [`Platform`] that gives it a clock, an alarm and a
//! way out. The Durable Object is one platform; the simulation, with virtual time, is the other.

use crate::github::{Call, Response};
use crate::names::RunId;
use crate::policy::RerunSettings;
use crate::time::{Millis, Span};
use crate::webhook::command::CommandEvent;
use crate::webhook::event::RunEvent;

use super::command_log::CommandLine;
use super::context::Context;
use super::on_webhook::{on_webhook, receipt};
use super::step::{LEASE, Receipt, ReceiptKind, Record};
use super::store::{Sql, StoreError};
use super::summary::Summary;
use super::tasks::{errand::Errand, notify::Notification, sweep::Sweep};
use super::tracked_run::TrackedRun;
use super::{HandOver, Keeper, StepResult, Task, subrequests};

/// The alarm for the case that the work ends in the middle goes off after this at the earliest, and after [`LEASE`] at the latest.
const LEASE_LEAST: Span = Span::seconds(10);

/// What a Keeper needs of the place it runs in.
#[expect(async_fn_in_trait, reason = "both platforms are in this project, and neither needs its futures to be Send")]
pub trait Platform {
    fn now(&self) -> Millis;
    /// In `0.0..1.0`.
    fn chance(&self) -> f64;
    /// What the alarm is known to be set for.
    fn armed(&self) -> Option<Millis>;
    /// Sets the alarm; `None` removes it. There is one, and setting it replaces it.
    async fn arm(&self, due: Option<Millis>) -> Result<(), StoreError>;
    async fn call(&self, call: &Call) -> Response;
    /// Writes a run's count to Workers KV. Whether it could.
    async fn publish(&self, tracked: &TrackedRun) -> bool;
    /// Writes the repository's summary to Workers KV. Whether it could.
    async fn summarize(&self, summary: &Summary) -> bool;
    /// Sends a message beside all else; what became of it goes to [`Keeper::finish_notification`].
    fn notify(&self, notification: Notification);
    /// Does it beside all else ([`Errand::run`]); what became of it goes to [`Keeper::finish_errand`].
    fn errand(&self, errand: Errand);
    /// Has the Keeper of the repository's present name go on with a run. Whether it has stored that.
    async fn hand_over(&self, what: &HandOver) -> bool;
    /// Says whether GitHub takes the credentials: its message if not.
    async fn credentials(&self, refusal: Option<&str>);
    /// Says in Workers KV whether the repository's policy re-runs what was cancelled. Whether it could.
    async fn want_cancelled(&self, wanted: bool) -> bool;
    async fn wait(&self, span: Span);
    fn log_decision(&self, run_id: RunId, record: &Record);
    fn log_command(&self, line: &CommandLine);
    /// Of something that the repository's owners should know.
    fn log_warning(&self, what: &str);
}

/// What a webhook's receipt comes with.
#[derive(Debug)]
pub struct Received {
    pub receipt: Receipt,
    /// Whether something is due: [`work`] is to be done now, unless it is being done. The alarm is set for the case that it ends
    /// in the middle.
    pub is_due: bool,
}

impl<S: Sql> Keeper<S> {
    /// Stores a webhook. When this has returned, nothing of it can be lost.
    pub fn receive(&self, event: &RunEvent, cx: &Context) -> Result<(Receipt, Vec<Record>), StoreError> {
        self.step(|| self.on_delivery(event, cx))
    }

    fn on_delivery(&self, event: &RunEvent, cx: &Context) -> Result<(Receipt, Vec<Record>), StoreError> {
        let before = self.store.run(event.run_id)?;
        let seen = before.as_ref().map_or(&[][..], |before| &before.seen);
        if let Some(id) = &event.delivery
            && (seen.contains(id) || self.store.has_delivery_of_before(id, cx.now)?)
        {
            let reason = "this delivery was received before";
            return Ok((receipt(ReceiptKind::Recorded, reason, event.run_attempt, None), vec![]));
        }
        self.note_webhook(cx.now)?;
        if let Some(sweep) = Sweep::after_webhook(self.sweep()?.as_ref(), cx.now, cx.settings.sweep_interval) {
            self.set_sweep(Some(&sweep))?;
        }
        let cx = &Context { first_look: self.policy(cx.settings)?.first_look(cx.settings), ..*cx };
        let mut step = on_webhook(before.clone(), event, cx);
        if let (Some(tracked), Some(workflow)) = (&mut step.tracked, &event.workflow) {
            let before = tracked.attempts();
            tracked.set_workflow(workflow);
            if tracked.published && tracked.attempts() != before {
                tracked.publish = Some(cx.now);
            }
        }
        if let (Some(tracked), Some(names)) = (&mut step.tracked, &event.names) {
            tracked.set_names(names);
        }
        if let Some(tracked) = &step.tracked {
            let mut heard = self.heard_meanwhile.borrow_mut();
            if tracked.due.is_none() {
                // So that there are no more of them than runs that are due.
                heard.remove(&event.run_id);
            } else if event.run_attempt.is_none() {
                heard.insert(event.run_id);
            }
        }
        if step.tracked != before
            && let Some(tracked) = &mut step.tracked
        {
            if let Some(id) = &event.delivery {
                tracked.saw(id);
            }
            self.store_run(tracked, &step.records, cx)?;
        }
        if step.receipt.due.is_some() && self.paused()?.is_some() {
            let reason = "the repository is paused";
            step.receipt = receipt(ReceiptKind::Recorded, reason, step.receipt.run_attempt, None);
        }
        Ok((step.receipt, step.records))
    }
}

/// Stores a webhook and sees to it that there is an alarm for what is due.
pub async fn receive<S: Sql>(
    keeper: &Keeper<S>,
    settings: &RerunSettings,
    platform: &impl Platform,
    event: &RunEvent,
) -> Result<Received, StoreError> {
    let now = platform.now();
    let (receipt, records) = keeper.receive(event, &Context::new(settings, now, platform.chance()))?;
    log_commands(keeper, platform);
    let is_due = arm(keeper, settings, platform).await?;
    for record in &records {
        platform.log_decision(event.run_id, record);
    }
    Ok(Received { receipt, is_due })
}

/// The same, of a command.
pub async fn receive_command<S: Sql>(
    keeper: &Keeper<S>,
    settings: &RerunSettings,
    platform: &impl Platform,
    event: &CommandEvent,
) -> Result<Received, StoreError> {
    let now = platform.now();
    let receipt = keeper.receive_command(event, &Context::new(settings, now, platform.chance()))?;
    log_commands(keeper, platform);
    let is_due = arm(keeper, settings, platform).await?;
    Ok(Received { receipt, is_due })
}

/// A webhook was ignored, the first one today. That the repository is alive is stored, in one row, and published.
pub async fn hear<S: Sql>(
    keeper: &Keeper<S>,
    settings: &RerunSettings,
    platform: &impl Platform,
) -> Result<(), StoreError> {
    let cx = Context::new(settings, platform.now(), platform.chance());
    let Some(summary) = keeper.sign_of_life(&cx)? else { return Ok(()) };
    let written = platform.summarize(&summary).await;
    keeper.finish_sign_of_life(written, platform.now())
}

/// Sees to it that there is an alarm for what is due next. Whether something is due now: it is done without an alarm of its own.
async fn arm<S: Sql>(
    keeper: &Keeper<S>,
    settings: &RerunSettings,
    platform: &impl Platform,
) -> Result<bool, StoreError> {
    let (due, now) = (keeper.next_alarm(settings)?, platform.now());
    let is_due = due.is_some_and(|due| due <= now);
    if is_due {
        arm_lease(platform, now).await?;
    } else {
        platform.arm(due).await?;
    }
    Ok(is_due)
}

/// So that there is an alarm whatever happens to the work that is done now: the platform's own retries end after six.
/// Keepers of one isolate end together when one of them panics. Each comes back at a time of its own: together they would meet the
/// same panic again.
async fn arm_lease(platform: &impl Platform, now: Millis) -> Result<(), StoreError> {
    let is_armed = platform.armed().is_some_and(|at| at > now && at <= now + LEASE);
    let apart = LEASE.minus(LEASE_LEAST).part(platform.chance());
    if is_armed { Ok(()) } else { platform.arm(Some(now + LEASE_LEAST + apart)).await }
}

/// What became of commands meanwhile. Between two awaits: whatever was stored is said.
pub fn log_commands<S: Sql>(keeper: &Keeper<S>, platform: &impl Platform) {
    for line in keeper.take_command_lines() {
        platform.log_command(&line);
    }
}

/// Does what is due, up to a number of requests, and sets the alarm for the rest. `may_call`: no setting is wrong.
pub async fn work<S: Sql>(
    keeper: &Keeper<S>,
    settings: &RerunSettings,
    may_call: bool,
    platform: &impl Platform,
) -> Result<(), StoreError> {
    log_commands(keeper, platform);
    // First of all.
    arm_lease(platform, platform.now()).await?;
    let cx = || Context::new(settings, platform.now(), platform.chance());
    let mut task = None;
    let mut left = subrequests::AT_ONCE;
    // What one run has taken so far, and the most that one has: another is not begun with less, as what is collected
    // for a decision that cannot be finished is lost.
    let (mut taken, mut most) = (0, subrequests::RUN);
    loop {
        let next = match task.take() {
            // An intention that was stored is carried out.
            Some(task @ Task::Call(Call::Rerun { .. })) => Some(task),
            Some(Task::Call(call)) if call.is_evidence() && left < call.requests() + subrequests::DECISION => {
                if let Some(run_id) = call.run_id() {
                    keeper.give_up_decision(run_id, platform.now())?;
                }
                None
            }
            _ if left == 0 => None,
            Some(task) => Some(task),
            None => {
                (taken, most) = (0, most.max(taken));
                keeper.next(may_call && left >= most, &cx())?
            }
        };
        log_commands(keeper, platform);
        let Some(next) = next else { break };
        left = left.saturating_sub(next.requests());
        match next {
            Task::Wait(span) => platform.wait(span).await,
            Task::Publish(tracked) => {
                let written = platform.publish(&tracked).await;
                keeper.finish_publish(&tracked, written, platform.now())?;
            }
            Task::Summarize(summary) => {
                let written = platform.summarize(&summary).await;
                keeper.finish_summary(written, platform.now())?;
            }
            Task::Notify(notification) => platform.notify(notification),
            Task::Errand(errand) => platform.errand(errand),
            Task::HandOver(what) => {
                if platform.hand_over(&what).await
                    && let Some(record) = keeper.finish_hand_over(&what, &cx())?
                {
                    log_commands(keeper, platform);
                    platform.log_decision(what.event.run_id, &record);
                }
            }
            Task::WantCancelled(wanted) => {
                let written = platform.want_cancelled(wanted).await;
                keeper.finish_cancelled(wanted, written, platform.now())?;
            }
            Task::Call(call) => {
                taken += call.run_id().map_or(0, |_| call.requests());
                let answer = platform.call(&call).await;
                let result = keeper.answered(&call, answer, &cx())?;
                log_commands(keeper, platform);
                let StepResult { task: next, records, credentials, warning } = result;
                task = next;
                for (run_id, record) in &records {
                    platform.log_decision(*run_id, record);
                }
                if let Some(warning) = warning {
                    platform.log_warning(&warning);
                }
                if let Some(credentials) = credentials {
                    left = left.saturating_sub(1);
                    platform.credentials(credentials.err().as_deref()).await;
                }
            }
        }
    }
    keeper.prune(platform.now())?;
    keeper.store.flush_all()?;
    let due = keeper.next_alarm(settings)?;
    // Settings that are wrong are mended by a deployment, which starts the Keeper anew.
    let soonest = if may_call { platform.now() } else { platform.now() + LEASE };
    platform.arm(due.map(|due| due.max(soonest))).await
}
