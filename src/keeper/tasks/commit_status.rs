//! What a commit shows of its failed runs: one status for each workflow, pending while a run may still be re-run, then what it
//! came to. Written beside all else, so that no re-run waits for it, and only when it says something new. Writing it again
//! does no harm, so that an answer that was lost needs no looking up.
//!
//! Runs of one workflow for one event share a context at their commit, as they share a name on GitHub's pages: the newest that
//! has failed is shown. All others have a context of their own, whatever they are called.

use crate::github::calls::commit_status::{MOST_CONTEXT, MOST_DESCRIPTION, MOST_STATUSES, Shown, StatusState, fitting};
use crate::github::{self, Call, Response, StatusCall};
use crate::keeper::content_budget::Content;
use crate::keeper::due_list::{CLAIM, NOTED};
use crate::keeper::feature::Feature;
use crate::keeper::store::commit_statuses::CommitStatus;
use crate::names::RunId;
use crate::policy::{RerunSettings, RunOutcome};
use crate::time::Millis;

use super::errand_answer::Tries;
use super::{Context, Keeper, Sql, StoreError, TrackedRun};

const TRIES: Tries = Tries::FOR_A_DAY;
/// Of a commit. There is one for each workflow that failed, and whoever opens a pull request can add workflows.
const MOST_OF_A_COMMIT: usize = 100;
/// Of a commit and context: the rest of what GitHub takes is for ends, so that none stays pending.
const MOST_PENDING: u32 = 600;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatusErrand {
    pub call: StatusCall,
    /// Where it leads.
    run_id: RunId,
    /// Which write of its context it is: an earlier one's answer says nothing of a later one.
    written: u32,
}

pub async fn write(status: &CommitStatusErrand, call: impl AsyncFn(Call) -> Response) -> Result<(), github::Error> {
    match call(Call::CommitStatus(status.call.clone())).await {
        Response::CommitStatus(answer) => answer,
        _ => Err(github::Error::other_answer()),
    }
}

/// What a run says of itself. `None`: it has not failed, or nothing was decided on it yet.
fn said_of(tracked: &TrackedRun) -> Option<Shown> {
    tracked.commit.as_ref()?;
    let (state, text) = match tracked.ended() {
        Some(RunOutcome::Rescued) => (StatusState::Success, &tracked.reason),
        Some(_) => (StatusState::Failure, &tracked.reason),
        // On view until the credentials are taken again.
        None if tracked.outcome == RunOutcome::Failed => (StatusState::Pending, &tracked.reason),
        None => (StatusState::Pending, tracked.in_short.as_ref()?),
    };
    Some(Shown { state, description: fitting(text, MOST_DESCRIPTION) })
}

impl CommitStatus {
    /// Whether GitHub shows it as pending, or may.
    fn may_be_pending(&self) -> bool {
        self.begun || self.shown.as_ref().is_some_and(|shown| shown.state == StatusState::Pending)
    }

    fn is_of(&self, tracked: &TrackedRun) -> bool {
        // Storage of before has the event alone of a fork's, too.
        self.workflow == workflow_of(tracked) && (self.event == event_of(tracked) || self.run_id == tracked.run_id)
    }
}

/// A fork's is told from all others: at the same commit, its run says nothing of somebody else's.
fn event_of(tracked: &TrackedRun) -> String {
    let event = tracked.event.as_deref().unwrap_or_default();
    let owner = tracked.head_branch.as_deref().and_then(|branch| branch.split_once(':'));
    owner.map_or_else(|| event.to_owned(), |(owner, _)| format!("{event} of {owner}"))
}

fn workflow_of(tracked: &TrackedRun) -> String {
    let other = || tracked.workflow_path.clone().or_else(|| tracked.workflow.clone()).unwrap_or_default();
    tracked.workflow_id.map_or_else(other, |id| id.to_string())
}

/// `rerunner / ci`, or where another has that at this commit, with what tells it from that one.
fn new_context(prefix: &str, tracked: &TrackedRun, taken: &[CommitStatus]) -> String {
    let name = fitting(tracked.shown_workflow().unwrap_or_default(), MOST_CONTEXT);
    let name = if name.is_empty() { "a workflow" } else { &name };
    let event = tracked.event.as_ref().map_or_else(|| "unknown event".to_owned(), |_| event_of(tracked));
    let file = tracked.workflow_path.as_deref().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let all = [String::new(), format!(" ({event})"), format!(" ({file}, {event})")];
    let numbered = (2..).map(|n| format!(" ({file}, {event}, {n})"));
    let of = |more: String| {
        let more = fitting(&more, MOST_CONTEXT / 3);
        let more = if more.is_empty() { more } else { format!(" {more}") };
        let rest = MOST_CONTEXT.saturating_sub(more.chars().count());
        format!("{}{more}", fitting(&format!("{prefix} / {name}"), rest))
    };
    let is_taken = |context: &String| taken.iter().any(|one| one.context.to_lowercase() == context.to_lowercase());
    // More numbers are tried than contexts can be taken.
    let found = all.into_iter().chain(numbered.take(MOST_OF_A_COMMIT)).map(of).find(|context| !is_taken(context));
    found.unwrap_or_else(|| prefix.to_owned())
}

impl<S: Sql> Keeper<S> {
    /// Something was stored of a run: if that changes what its commit is to show, that is due.
    pub(super) fn commit_status_changed(
        &self,
        before: Option<&TrackedRun>,
        after: &TrackedRun,
        now: Millis,
    ) -> Result<(), StoreError> {
        let is_same = |before: &TrackedRun| {
            said_of(before) == said_of(after) && before.commit == after.commit && before.ended() == after.ended()
        };
        if before.is_some_and(is_same) {
            return Ok(());
        }
        let prefix = self.commit_statuses.context.as_ref().filter(|_| !self.retired.get());
        if prefix.is_none() && !self.store.has_commit_statuses()? {
            return Ok(());
        }
        let Some(sha) = after.commit.as_ref().or_else(|| before?.commit.as_ref()) else { return Ok(()) };
        let of_commit = self.store.commit_statuses_of(sha, MOST_OF_A_COMMIT)?;
        let of_commit: Vec<_> = of_commit.into_iter().map(|status| self.seen(status)).collect();
        let known = of_commit.iter().find(|status| status.is_of(after));
        let status = match known {
            // A newer run has failed.
            Some(known) if known.run_id > after.run_id => return Ok(()),
            // Nor does a newer one take the place that says nothing yet: it may be forgotten before it does.
            Some(known) if known.run_id < after.run_id && said_of(after).is_none() => return Ok(()),
            Some(known) => known.clone(),
            None => {
                let Some(prefix) = prefix.filter(|_| of_commit.len() < MOST_OF_A_COMMIT) else { return Ok(()) };
                CommitStatus {
                    sha: sha.clone(),
                    context: new_context(prefix, after, &of_commit),
                    workflow: workflow_of(after),
                    event: event_of(after),
                    run_id: after.run_id,
                    due: None,
                    shown: None,
                    leads_to: None,
                    begun: false,
                    failures: 0,
                    written: 0,
                }
            }
        };
        let status = self.noted(CommitStatus { run_id: after.run_id, ..status }, after, now);
        if known == Some(&status) || (known.is_none() && status.due.is_none()) {
            return Ok(());
        }
        self.store.put_commit_status(&status)
    }

    /// To be written now, if it shows something else. What is due is left its time: what is to be shown is asked for then.
    fn noted(&self, status: CommitStatus, tracked: &TrackedRun, now: Millis) -> CommitStatus {
        if status.due.is_some() || self.to_show(&status, Some(tracked)).is_none() {
            return status;
        }
        self.statuses.note(status.key(), now);
        CommitStatus { due: Some(now + NOTED), failures: 0, written: status.written + 1, ..status }
    }

    /// With what its row does not say: what is due may have been begun by whoever has noted it.
    fn seen(&self, stored: CommitStatus) -> CommitStatus {
        let begun = stored.begun || (stored.due.is_some() && !self.statuses.is_fresh(&stored.key()));
        CommitStatus { begun, ..stored }
    }

    /// What is to be written. `None`: it is there, or is nothing to be said.
    fn to_show(&self, status: &CommitStatus, tracked: Option<&TrackedRun>) -> Option<Shown> {
        let tracked = tracked?;
        let taken_back = || {
            // It passed, and what was said of it was never so.
            let ended = tracked.ended().filter(|_| tracked.commit.is_none() && status.may_be_pending());
            let description = fitting(&tracked.reason, MOST_DESCRIPTION);
            ended.map(|_| Shown { state: StatusState::Success, description })
        };
        let shown = said_of(tracked).or_else(taken_back)?;
        let is_on = self.commit_statuses.context.is_some() && !self.retired.get();
        let is_wanted = match shown.state {
            StatusState::Pending => is_on && status.written < MOST_PENDING,
            StatusState::Success | StatusState::Failure => {
                (is_on || status.may_be_pending()) && status.written < MOST_STATUSES
            }
        };
        // One that says the same of an earlier run leads there.
        let is_there = !status.begun && status.leads_to == Some(tracked.run_id);
        Some(shown).filter(|shown| is_wanted && !(is_there && status.shown.as_ref() == Some(shown)))
    }

    pub(in crate::keeper) fn commit_status_due(&self, _: &RerunSettings) -> Result<Option<Millis>, StoreError> {
        let first = self.statuses.first(|at_most| self.store.commit_statuses_due(at_most))?;
        self.feature_due(Feature::CommitStatus, first)
    }

    pub(super) fn claim_commit_status(&self, cx: &Context) -> Result<Option<CommitStatusErrand>, StoreError> {
        let now = cx.now;
        self.let_others_write_first(now)?;
        let Some((key, repository)) = self.statuses.next(now).zip(self.repository()?) else { return Ok(None) };
        let stored = self.store.commit_status(&key)?.filter(|status| status.due.is_some());
        let Some(status) = stored.map(|status| self.seen(status)) else {
            self.statuses.set(key, None);
            return Ok(None);
        };
        let tracked = self.store.run(status.run_id)?;
        let Some(shown) = self.to_show(&status, tracked.as_ref()) else {
            self.statuses.set(key, None);
            self.store.put_commit_status(&CommitStatus { due: None, ..status })?;
            return Ok(None);
        };
        let mut written = status.written;
        if self.statuses.is_claimed(&key, status.due, now) {
            self.statuses.set(key, status.due);
        } else {
            written += 1;
            self.statuses.set(key, Some(now + CLAIM));
            let claimed = CommitStatus { due: Some(now + CLAIM), begun: true, written, ..status.clone() };
            self.store.put_commit_status(&claimed)?;
        }
        let CommitStatus { sha, context, run_id, .. } = status;
        let target_url = format!("{}/{repository}/actions/runs/{run_id}", self.commit_statuses.web_url);
        let call = StatusCall { sha, context, shown, target_url };
        Ok(Some(CommitStatusErrand { call, run_id, written }))
    }

    /// When much was written within the hour, what matters less makes way.
    fn let_others_write_first(&self, now: Millis) -> Result<(), StoreError> {
        if self.content_from(Content::PendingStatus { of_fork: true })? <= now {
            return Ok(());
        }
        while let Some(key) = self.statuses.next(now) {
            let Some(status) = self.store.commit_status(&key)?.map(|status| self.seen(status)) else { break };
            let tracked = self.store.run(status.run_id)?;
            let Some(shown) = self.to_show(&status, tracked.as_ref()) else { break };
            let of_fork = tracked.is_none_or(|tracked| tracked.may_be_of_fork());
            let from = self.content_from(match shown.state {
                StatusState::Pending => Content::PendingStatus { of_fork },
                StatusState::Success | StatusState::Failure => Content::FinalStatus { of_fork },
            })?;
            if from <= now {
                break;
            }
            self.statuses.set(key, Some(from));
        }
        Ok(())
    }

    /// It is there, or is tried again.
    pub(in crate::keeper) fn finish_commit_status(
        &self,
        errand: &CommitStatusErrand,
        answer: Result<(), github::Error>,
        cx: &Context,
    ) -> Result<Option<String>, StoreError> {
        let (now, StatusCall { sha, context, shown, .. }) = (cx.now, &errand.call);
        let warning = self.note_answer(Feature::CommitStatus, &format!("the status of commit {sha}"), &answer, cx)?;
        let key = (sha.clone(), context.clone());
        let stored = self.store.commit_status(&key)?;
        let Some(status) = stored.filter(|stored| stored.written == errand.written) else { return Ok(warning) };
        let status = match answer {
            Ok(()) => {
                let (shown, leads_to) = (Some(shown.clone()), Some(errand.run_id));
                let status = CommitStatus { shown, leads_to, due: None, begun: false, failures: 0, ..status };
                self.statuses.set(key, None);
                let tracked = self.store.run(status.run_id)?;
                tracked.map_or(status.clone(), |tracked| self.noted(status, &tracked, now))
            }
            Err(_) => {
                let mut failures = status.failures;
                let due = TRIES.failed(&mut failures, now);
                self.statuses.set(key, due);
                CommitStatus { due, begun: true, failures, ..status }
            }
        };
        self.store.put_commit_status(&status)?;
        Ok(warning)
    }
}
