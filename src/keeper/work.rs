//! A Keeper at work: a webhook received, and what is due done, over a [`Platform`] that gives it a clock, an alarm and a
//! way out. The Durable Object is one host; the simulation, with virtual time, is the other.

use crate::github::Call;
use crate::names::{RepoName, RunId};
use crate::policy::Rules;
use crate::time::{Millis, Span};
use crate::webhook::event::RunEvent;

use super::comments::Comment;
use super::notices::Notice;
use super::state_machine::{LEASE, Receipt, Record};
use super::store::{Sql, StoreError};
use super::summary::Summary;
use super::tracked_run::TrackedRun;
use super::{Answer, Keeper, StepResult, Task, context, subrequests};

/// Something due for longer than this means that its alarm was lost.
const OVERDUE: Span = Span::seconds(30);

/// What a Keeper needs of the place it runs in.
#[expect(async_fn_in_trait, reason = "both hosts are in this project, and neither needs its futures to be Send")]
pub trait Platform {
    fn now(&self) -> Millis;
    /// In `0.0..1.0`.
    fn chance(&self) -> f64;
    /// Sets the alarm; `None` removes it. There is one, and setting it replaces it.
    async fn arm(&self, due: Option<Millis>) -> Result<(), StoreError>;
    async fn call(&self, call: &Call) -> Answer;
    /// Writes a run's count to Workers KV. Whether it could.
    async fn publish(&self, tracked: &TrackedRun) -> bool;
    /// Writes the repository's summary to Workers KV. Whether it could.
    async fn summarize(&self, summary: &Summary) -> bool;
    /// Sends a message beside all else; [`Keeper::noticed`] is told what became of it.
    fn notify(&self, notice: Notice);
    /// Writes a comment beside all else ([`super::comments::write`]); [`Keeper::commented`] is told what became of it.
    fn comment(&self, comment: Comment);
    /// Has the Keeper of the repository's present name go on with a run. Whether it has stored that.
    async fn hand_over(&self, to: &RepoName, event: &RunEvent, records: &[Record]) -> bool;
    /// Says whether GitHub takes the credentials: its message if not.
    async fn credentials(&self, refusal: Option<&str>);
    /// Says in Workers KV whether the repository's policy re-runs what was cancelled. Whether it could.
    async fn want_cancelled(&self, wanted: bool) -> bool;
    async fn wait(&self, span: Span);
    /// For the log.
    fn decided(&self, run_id: RunId, record: &Record);
    /// For the log: something that the repository's owners should know.
    fn notice(&self, what: &str);
}

/// What a webhook's receipt comes with.
#[derive(Debug)]
pub struct Received {
    pub receipt: Receipt,
    /// Whether something should have been done long since: the alarm was lost, and [`work`] should be done now.
    pub overdue: bool,
}

/// Stores a webhook and sees to it that there is an alarm for what is due.
pub async fn receive<S: Sql>(
    keeper: &Keeper<S>,
    rules: &Rules,
    host: &impl Platform,
    event: &RunEvent,
) -> Result<Received, StoreError> {
    let now = host.now();
    let (receipt, records) = keeper.receive(event, &context(rules, now, host.chance()))?;
    let due = keeper.next_alarm(rules)?;
    host.arm(due).await?;
    for record in &records {
        host.decided(event.run_id, record);
    }
    Ok(Received { receipt, overdue: due.is_some_and(|due| due + OVERDUE < now) })
}

/// Does what is due, up to a number of requests, and sets the alarm for the rest. `may_call`: no setting is wrong.
pub async fn work<S: Sql>(
    keeper: &Keeper<S>,
    rules: &Rules,
    may_call: bool,
    host: &impl Platform,
) -> Result<(), StoreError> {
    // First of all, so that there is an alarm whatever happens below: the platform's own retries end after six.
    host.arm(Some(host.now() + LEASE)).await?;
    let mut task = None;
    let mut left = subrequests::AT_ONCE;
    // What one run has taken so far, and the most that one has: another is not begun with less, as what is gathered
    // for a decision that cannot be finished is lost.
    let (mut taken, mut most) = (0, subrequests::RUN);
    loop {
        let next = match task.take() {
            // An intention that was stored is carried out.
            Some(task @ Task::Call(Call::Rerun { .. })) => Some(task),
            Some(Task::Call(call)) if call.is_evidence() && left < call.requests() + subrequests::DECISION => {
                if let Some(run_id) = call.run_id() {
                    keeper.let_go(run_id, host.now())?;
                }
                None
            }
            _ if left == 0 => None,
            Some(task) => Some(task),
            None => {
                (taken, most) = (0, most.max(taken));
                keeper.next(may_call && left >= most, &context(rules, host.now(), host.chance()))?
            }
        };
        match next {
            None => break,
            Some(Task::Wait(span)) => host.wait(span).await,
            Some(Task::Publish(tracked)) => {
                left = left.saturating_sub(1);
                let written = host.publish(&tracked).await;
                keeper.published(&tracked, host.now(), written)?;
            }
            Some(Task::Summarize(summary)) => {
                left = left.saturating_sub(1);
                let written = host.summarize(&summary).await;
                keeper.summarized(written, host.now())?;
            }
            Some(Task::Notify(notice)) => {
                left = left.saturating_sub(1);
                host.notify(notice);
            }
            Some(Task::Comment(comment)) => {
                left = left.saturating_sub(subrequests::COMMENT);
                host.comment(comment);
            }
            Some(Task::HandOver(what)) => {
                left = left.saturating_sub(1);
                if host.hand_over(&what.to, &what.event, &what.records).await
                    && let Some(record) = keeper.handed_over(&what, &context(rules, host.now(), host.chance()))?
                {
                    host.decided(what.event.run_id, &record);
                }
            }
            Some(Task::WantCancelled(wanted)) => {
                left = left.saturating_sub(1);
                let written = host.want_cancelled(wanted).await;
                keeper.told_of_cancelled(wanted, host.now(), written)?;
            }
            Some(Task::Call(call)) => {
                left = left.saturating_sub(call.requests());
                taken += call.run_id().map_or(0, |_| call.requests());
                let answer = host.call(&call).await;
                let settled = keeper.answered(&call, answer, &context(rules, host.now(), host.chance()))?;
                let StepResult { task: next, records, credentials, notice } = settled;
                task = next;
                for (run_id, record) in &records {
                    host.decided(*run_id, record);
                }
                if let Some(notice) = notice {
                    host.notice(&notice);
                }
                if let Some(credentials) = credentials {
                    left = left.saturating_sub(1);
                    host.credentials(credentials.err().as_deref()).await;
                }
            }
        }
    }
    keeper.prune(host.now())?;
    let due = keeper.next_alarm(rules)?;
    // Settings that are wrong are mended by a deployment, which starts the Keeper anew.
    let soonest = if may_call { host.now() } else { host.now() + LEASE };
    host.arm(due.map(|due| due.max(soonest))).await
}
