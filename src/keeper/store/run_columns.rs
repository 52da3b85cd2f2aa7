//! A run's row: its columns, and what they say.

use crate::keeper::open_rerun::OpenRerun;
use crate::keeper::tracked_run::{Begun, Commanded, Held, PendingRerun, Refusal, TrackedRun};
use crate::names::json::from_text;
use crate::names::{CommitSha, DeliveryId, RunId, WorkflowId};
use crate::policy::RunOutcome;

use super::open_runs::is_open;
use super::{Row, StoreError, Value, json};

pub const COLUMNS: &str = "run_id, outcome, rerunning, reason, run_attempt, decided_attempt, \
     calling_attempt, calling_since, calling_again, reruns, due, failed_at, complete, tries, trouble_since, workflow, \
     created, updated, looked, publish, published, detail, event, head_branch, actor, run_number, title, evidence_since, \
     refused, refused_attempt, refused_since, workflow_id, workflow_path, gathering_attempt, gathering_times, \
     held, held_attempt, held_since, head_sha, in_short, commanded, pull, seen, open_rerun, reserved";

pub type Values = Vec<(&'static str, Value)>;

/// Where it stands: see [`super::open_runs`].
pub fn place(run_id: RunId, is_open: bool) -> i64 {
    let id = i64::try_from(run_id.get()).unwrap_or(i64::MAX);
    if is_open { -id } else { id }
}

/// The outcome, and whether it is being re-run: while a run is open, its outcome does not change, for which the index would change
/// too.
pub fn stored_outcome(outcome: RunOutcome) -> (RunOutcome, bool) {
    match outcome {
        RunOutcome::Rerunning => (RunOutcome::Waiting, true),
        outcome => (outcome, false),
    }
}

/// In the order of [`COLUMNS`].
pub fn values(tracked: &TrackedRun) -> Result<Values, StoreError> {
    let text = |text: &Option<String>| Value::from(text.as_deref());
    let (pending, refusal) = (tracked.pending, tracked.refusal.as_ref());
    let (outcome, is_rerunning) = stored_outcome(tracked.outcome);
    let values = [
        place(tracked.run_id, is_open(tracked)).into(),
        outcome.as_str().into(),
        is_rerunning.then_some(true).into(),
        tracked.reason.as_str().into(),
        tracked.run_attempt.into(),
        tracked.decided_attempt.into(),
        pending.map(|pending| pending.run_attempt).into(),
        pending.map(|pending| pending.since).into(),
        pending.is_some_and(|pending| pending.again).into(),
        tracked.reruns.into(),
        tracked.due.into(),
        tracked.failed_at.into(),
        tracked.complete.into(),
        tracked.tries.into(),
        tracked.trouble_since.into(),
        text(&tracked.workflow),
        tracked.created.into(),
        tracked.updated.into(),
        tracked.looked.into(),
        tracked.publish.into(),
        tracked.published.into(),
        json(tracked.detail.as_deref())?,
        text(&tracked.event),
        text(&tracked.head_branch),
        text(&tracked.actor),
        tracked.run_number.and_then(|number| i64::try_from(number).ok()).into(),
        text(&tracked.title),
        tracked.evidence_since.into(),
        refusal.map(|refusal| refusal.message.as_str()).into(),
        refusal.map(|refusal| refusal.run_attempt).into(),
        refusal.map(|refusal| refusal.since).into(),
        tracked.workflow_id.into(),
        text(&tracked.workflow_path),
        tracked.collecting.map(|begun| begun.run_attempt).into(),
        tracked.collecting.map(|begun| begun.times).into(),
        tracked.held.as_ref().and_then(|held| held.key.as_deref()).into(),
        tracked.held.as_ref().map(|held| held.run_attempt).into(),
        tracked.held.as_ref().map(|held| held.since).into(),
        tracked.commit.as_ref().map(CommitSha::as_str).into(),
        text(&tracked.in_short),
        json(tracked.commanded.as_deref())?,
        tracked.pull.into(),
        json(Some(&tracked.seen).filter(|seen| !seen.is_empty()))?,
        json(tracked.open_rerun.as_deref())?,
        tracked.reserved.into(),
    ];
    Ok(COLUMNS.split(", ").zip(values).collect())
}

pub fn tracked_run(mut row: Row) -> Result<TrackedRun, StoreError> {
    Ok(TrackedRun {
        run_id: row.placed_run_id()?,
        outcome: outcome(&mut row)?,
        reason: row.text()?,
        run_attempt: row.optional_attempt()?,
        decided_attempt: row.optional_attempt()?,
        pending: pending(&mut row)?,
        reruns: row.count()?,
        due: row.optional_millis()?,
        failed_at: row.millis()?,
        complete: row.flag()?,
        tries: row.count()?,
        trouble_since: row.optional_millis()?,
        workflow: row.optional_text()?,
        created: row.millis()?,
        updated: row.millis()?,
        looked: row.optional_millis()?,
        publish: row.optional_millis()?,
        published: row.flag()?,
        detail: row.detail()?,
        event: row.optional_text()?,
        head_branch: row.optional_text()?,
        actor: row.optional_text()?,
        run_number: row.optional_integer()?.and_then(|number| u64::try_from(number).ok()),
        title: row.optional_text()?,
        evidence_since: row.optional_millis()?,
        refusal: refusal(&mut row)?,
        workflow_id: row.optional_integer()?.and_then(|id| WorkflowId::new(u64::try_from(id).ok()?)),
        workflow_path: row.optional_text()?,
        collecting: collecting(&mut row)?,
        held: held(&mut row)?,
        commit: row.optional_text()?.as_deref().and_then(CommitSha::parse),
        in_short: row.optional_text()?,
        commanded: commanded(&mut row)?,
        pull: row.optional_integer()?.and_then(|number| u64::try_from(number).ok()),
        seen: seen(&mut row)?,
        open_rerun: open_rerun(&mut row)?,
        reserved: row.optional_integer()?.and_then(|seconds| u64::try_from(seconds).ok()),
    })
}

fn outcome(row: &mut Row) -> Result<RunOutcome, StoreError> {
    let outcome = row.outcome()?;
    let is_rerunning = row.optional_integer()? == Some(1);
    Ok(if is_rerunning { RunOutcome::Rerunning } else { outcome })
}

fn seen(row: &mut Row) -> Result<Vec<DeliveryId>, StoreError> {
    let Some(text) = row.optional_text()? else { return Ok(vec![]) };
    from_text(&text).map_err(|error| StoreError(format!("a run's deliveries: {error}")))
}

fn open_rerun(row: &mut Row) -> Result<Option<Box<OpenRerun>>, StoreError> {
    let Some(text) = row.optional_text()? else { return Ok(None) };
    from_text(&text).map(Some).map_err(|error| StoreError(format!("a run's re-run: {error}")))
}

fn pending(row: &mut Row) -> Result<Option<PendingRerun>, StoreError> {
    let (run_attempt, since, again) = (row.optional_attempt()?, row.optional_millis()?, row.flag()?);
    Ok(run_attempt.zip(since).map(|(run_attempt, since)| PendingRerun { run_attempt, since, again }))
}

fn refusal(row: &mut Row) -> Result<Option<Refusal>, StoreError> {
    let (message, run_attempt, since) = (row.optional_text()?, row.optional_attempt()?, row.optional_millis()?);
    let refusal = message.zip(run_attempt).zip(since);
    Ok(refusal.map(|((message, run_attempt), since)| Refusal { run_attempt, message, since }))
}

fn held(row: &mut Row) -> Result<Option<Held>, StoreError> {
    let (key, run_attempt, since) = (row.optional_text()?, row.optional_attempt()?, row.optional_millis()?);
    Ok(run_attempt.zip(since).map(|(run_attempt, since)| Held { key, run_attempt, since }))
}

fn commanded(row: &mut Row) -> Result<Option<Box<Commanded>>, StoreError> {
    let Some(text) = row.optional_text()? else { return Ok(None) };
    from_text(&text).map(Some).map_err(|error| StoreError(format!("a run's command: {error}")))
}

fn collecting(row: &mut Row) -> Result<Option<Begun>, StoreError> {
    let (run_attempt, times) = (row.optional_attempt()?, row.optional_integer()?);
    let times = times.and_then(|times| u32::try_from(times).ok());
    Ok(run_attempt.zip(times).map(|(run_attempt, times)| Begun { run_attempt, times }))
}
