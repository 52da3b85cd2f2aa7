//! What people are to be told: that a run was given up, or that GitHub refuses the credentials. Once for each run, stored in
//! the step that decided it, tried until it is taken, and never more than a number of messages an hour: what there is
//! beyond that goes out as one summary.
//!
//! A message is sent beside all else ([`super::work::Platform::notify`]), so that no re-run waits for it. Whoever takes it
//! may have taken it although the answer was lost: then it comes twice.

use serde::{Deserialize, Serialize};

use crate::escape::{bounded, chat};
use crate::names::{RepoName, RunId, lengths};
use crate::policy::RunOutcome;
use crate::policy::{Action, FailedJob};
use crate::time::{Millis, Span};

use super::Keeper;
use super::state_machine::LEASE;
use super::store::notices::{NoticeKey, NoticeKind};
use super::store::{Fact, Sql, StoreError};

const HOUR: Span = Span::hours(1);
const AGAIN: Span = Span::seconds(30);
const AGAIN_MOST: Span = Span::hours(1);
/// After that, nobody is helped by it any more.
const TRIED_FOR: Span = Span::days(3);
/// Of a summary, by name; the rest as a number.
const RUNS_NAMED: usize = 10;
const JOBS_NAMED: usize = 10;
/// Discord takes 2,000 characters, and refuses a message that is longer; the others take more.
const MESSAGE_CHARS: usize = 1_900;

/// How notifications are to be sent; `None` where a Keeper has it: not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notices {
    pub per_hour: u32,
    /// Where GitHub's pages are, without a trailing slash.
    pub web_url: String,
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    /// What it is about.
    about: Vec<NoticeKey>,
}

impl Notice {
    pub fn about(&self) -> impl Iterator<Item = NoticeKey> {
        self.about.iter().copied()
    }
}

/// When messages were sent within the last hour, oldest first.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Sent(Vec<Millis>);

impl Sent {
    fn within_the_hour(self, now: Millis) -> Self {
        Self(self.0.into_iter().filter(|sent| *sent + HOUR > now).collect())
    }

    /// When the next one may go, if not at once.
    fn full_until(&self, per_hour: u32) -> Option<Millis> {
        let too_many = self.0.len().checked_sub(per_hour as usize)?;
        self.0.get(too_many).map(|sent| *sent + HOUR)
    }
}

impl<S: Sql> Keeper<S> {
    /// Puts a message about a run into the outbox, unless there was one.
    pub(super) fn notice(&self, run_id: RunId, kind: NoticeKind, now: Millis) -> Result<(), StoreError> {
        if self.notices.is_none() {
            return Ok(());
        }
        self.store.add_notice((run_id, kind), now)
    }

    /// When the next message is to be sent.
    pub(super) fn next_notice_due(&self) -> Result<Option<Millis>, StoreError> {
        let Some(notices) = &self.notices else { return Ok(None) };
        let Some(due) = self.store.first_notice_due()? else { return Ok(None) };
        let sent: Sent = self.store.fact(Fact::NoticesSent)?.unwrap_or_default();
        let free = sent.within_the_hour(due).full_until(notices.per_hour);
        Ok(Some(free.map_or(due, |free| free.max(due))))
    }

    /// The next message to be sent now, claimed: if nothing is heard of it, it is due again after [`LEASE`].
    pub(super) fn next_notice(&self, now: Millis) -> Result<Option<Notice>, StoreError> {
        let Some(notices) = &self.notices else { return Ok(None) };
        if self.next_notice_due()?.is_none_or(|due| due > now) {
            return Ok(None);
        }
        let Some(repository) = self.repository()? else { return Ok(None) };
        let sent = self.store.fact::<Sent>(Fact::NoticesSent)?.unwrap_or_default().within_the_hour(now);
        let last_one = sent.0.len() + 1 >= notices.per_hour as usize;
        let mut about = self.store.due_notices(now)?;
        if !last_one {
            about.truncate(1);
        }
        let text = match about.as_slice() {
            [] => return Ok(None),
            [(run_id, kind)] => self.message(&repository, notices, *run_id, *kind)?,
            several => summary(&repository, notices, several),
        };
        for key in &about {
            self.store.claim_notice(*key, now + LEASE)?;
        }
        // Counted before it is sent: it may arrive although nothing is heard of it.
        let sent = Sent(sent.0.into_iter().chain([now]).collect());
        self.store.set_fact(Fact::NoticesSent, Some(&sent))?;
        Ok(Some(Notice { text, about }))
    }

    /// What became of a message.
    pub fn noticed(&self, notice: &Notice, taken: bool, now: Millis) -> Result<(), StoreError> {
        for key in &notice.about {
            let Some((tries, created)) = self.store.notice_tries(*key)? else { continue };
            let again = || now + AGAIN.doubled(tries.saturating_sub(1), AGAIN_MOST);
            self.store.set_notice_due(*key, (!taken && now < created + TRIED_FOR).then(again))?;
        }
        Ok(())
    }

    /// About one run: what failed, and what was tried.
    fn message(
        &self,
        repository: &RepoName,
        notices: &Notices,
        run_id: RunId,
        kind: NoticeKind,
    ) -> Result<String, StoreError> {
        let Some(view) = self.run_view(repository.clone(), run_id, Millis(0))? else {
            return Ok(format!("{repository}: run {run_id} was {}.", kind.as_str()));
        };
        let run = view.run;
        let workflow = run.workflow.as_deref().map_or_else(|| "a run".to_owned(), named);
        let link = link(repository, notices, run_id);
        let repository = chat(repository.as_str());
        let head = match kind {
            NoticeKind::Exhausted => format!("{repository}: {workflow} failed for good. {link}"),
            NoticeKind::Refused => {
                format!("{repository}: GitHub refuses the credentials, and nothing is re-run. {workflow}: {link}")
            }
        };
        let mut lines = vec![head, chat(&run.reason)];
        let last = view.decisions.iter().rev().find(|decision| !decision.detail.jobs.is_empty());
        if let Some(last) = last {
            lines.push(format!("Failed jobs: {}.", jobs(&last.detail.jobs)));
        }
        let tried = view.decisions.iter().filter(|decision| decision.outcome == RunOutcome::Rerunning);
        for decision in tried {
            lines.push(format!("Tried: {}", chat(&decision.reason)));
        }
        Ok(message_of(&lines))
    }
}

fn summary(repository: &RepoName, notices: &Notices, about: &[NoticeKey]) -> String {
    let refused = about.iter().filter(|(_, kind)| *kind == NoticeKind::Refused).count();
    let exhausted = about.len() - refused;
    let mut parts = Vec::new();
    if exhausted > 0 {
        parts.push(format!("{exhausted} more {} for good", if exhausted == 1 { "run failed" } else { "runs failed" }));
    }
    if refused > 0 {
        parts.push(format!("GitHub refused the credentials for {refused}"));
    }
    let mut lines = vec![format!("{}: {}.", chat(repository.as_str()), parts.join(", and "))];
    lines.extend(about.iter().take(RUNS_NAMED).map(|(run_id, _)| link(repository, notices, *run_id)));
    if let Some(rest) = about.len().checked_sub(RUNS_NAMED).filter(|rest| *rest > 0) {
        lines.push(format!("and {rest} more"));
    }
    message_of(&lines)
}

fn link(repository: &RepoName, notices: &Notices, run_id: RunId) -> String {
    format!("{}/{repository}/actions/runs/{run_id}", notices.web_url)
}

fn jobs(jobs: &[FailedJob]) -> String {
    let by_themselves: Vec<&FailedJob> = jobs.iter().filter(|job| job.action != Some(Action::Ignore)).collect();
    let named = by_themselves.iter().take(JOBS_NAMED).map(|job| match &job.step {
        Some(step) => format!("{} (at {})", named(&job.name), named(step)),
        None => named(&job.name),
    });
    let named = named.collect::<Vec<_>>().join(", ");
    match by_themselves.len().checked_sub(JOBS_NAMED) {
        Some(rest) if rest > 0 => format!("{named} and {rest} more"),
        _ => named,
    }
}

/// A name from outside.
fn named(name: &str) -> String {
    chat(&bounded(name, lengths::IN_MESSAGE))
}

/// Whole lines, as many as fit.
fn message_of(lines: &[String]) -> String {
    let mut message = String::new();
    let mut left = MESSAGE_CHARS;
    for line in lines {
        let chars = line.chars().count() + 1;
        if chars > left {
            message.push_str("\n…");
            break;
        }
        left -= chars;
        if !message.is_empty() {
            message.push('\n');
        }
        message.push_str(line);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_no_longer_than_a_chat_takes() {
        let lines = |count: usize| vec!["x".repeat(499); count];
        assert_eq!(message_of(&lines(3)), lines(3).join("\n"));
        let cut = message_of(&lines(50));
        assert!(cut.chars().count() <= MESSAGE_CHARS + 2 && cut.ends_with("\n…"), "{cut}");
    }

    #[test]
    fn an_hour_is_full() {
        let at = |minutes: i64| Millis(0) + Span::minutes(minutes);
        let sent = || Sent(vec![at(0), at(10), at(50)]);
        assert_eq!(sent().full_until(4), None);
        assert_eq!(sent().full_until(3), Some(at(60)));
        assert_eq!(sent().full_until(2), Some(at(70)));
        assert_eq!(sent().within_the_hour(at(61)).full_until(2), Some(at(70)));
    }
}
