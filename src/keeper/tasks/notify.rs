//! People are notified that a run was given up, or that GitHub refuses the credentials: once for each run, stored in the step
//! that decided it, tried until it is accepted, and never more than a number of messages an hour. What there is beyond that
//! goes out as one message. Runs of forks come last, and have half of the hour's messages: so many as outsiders make fail, people hear
//! of the repository's own.
//!
//! A message is sent beside all else ([`Platform::notify`](super::super::work::Platform::notify)), so that no re-run waits
//! for it. It may have arrived although the answer was lost: then it comes twice.

use crate::escape::{bounded, chat};
use crate::keeper::Notifications;
use crate::keeper::step::LEASE;
use crate::keeper::store::notices::{NoticeKey, NoticeKind};
use crate::names::{RepoName, RunId, lengths};
use crate::policy::{Action, FailedJob, RerunSettings, RunOutcome};
use crate::time::{Millis, Span};

use super::{Context, Fact, Keeper, Sql, StoreError, Task};

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    pub text: String,
    pub about: Vec<NoticeKey>,
}

/// Of the times at which messages were sent, oldest first.
fn within_the_hour(sent: Vec<Millis>, now: Millis) -> Vec<Millis> {
    sent.into_iter().filter(|sent| *sent + HOUR > now).collect()
}

/// When the next message may go, if not at once.
fn full_until(sent_within_the_hour: &[Millis], per_hour: u32) -> Option<Millis> {
    let too_many = sent_within_the_hour.len().checked_sub(per_hour as usize)?;
    sent_within_the_hour.get(too_many).map(|sent| *sent + HOUR)
}

/// Messages about forks' runs alone, an hour.
fn of_forks(per_hour: u32) -> u32 {
    (per_hour / 2).max(1)
}

impl<S: Sql> Keeper<S> {
    /// People are to be notified about a run, unless they were.
    pub(super) fn queue_notification(&self, run_id: RunId, kind: NoticeKind, now: Millis) -> Result<(), StoreError> {
        if self.notifications.is_some() { self.store.add_notice((run_id, kind), now) } else { Ok(()) }
    }

    pub(super) fn notification_due(&self, _: &RerunSettings) -> Result<Option<Millis>, StoreError> {
        let Some(settings) = &self.notifications else { return Ok(None) };
        let Some(due) = self.store.first_notice_due()? else { return Ok(None) };
        let free = |due: Millis| -> Result<Millis, StoreError> {
            let free = full_until(&within_the_hour(self.sent(Fact::NoticesSent)?, due), settings.per_hour);
            Ok(free.map_or(due, |free| free.max(due)))
        };
        // While forks' runs have had their share, the first that is due may be one of them.
        let sent = within_the_hour(self.sent(Fact::ForksNoticesSent)?, due);
        let Some(forks) = full_until(&sent, of_forks(settings.per_hour)) else { return free(due).map(Some) };
        let own = self.store.first_own_notice_due()?;
        free(own.map_or(forks, |own| own.min(forks)).max(due)).map(Some)
    }

    /// What the next message is about, and how much of that is of runs that may be forks'.
    fn next_notices(
        &self,
        per_hour: u32,
        sent: usize,
        sent_of_forks: usize,
        now: Millis,
    ) -> Result<(Vec<NoticeKey>, usize), StoreError> {
        let (first, more) = self.store.first_due_notice(now)?;
        let Some(first) = first else { return Ok((vec![], 0)) };
        let due = if more {
            self.store.due_notices(now)?
        } else {
            vec![(first, self.store.run(first.0)?.is_some_and(|run| run.may_be_of_fork()))]
        };
        let share = of_forks(per_hour) as usize;
        let is_of_forks = due.first().is_some_and(|(_, of_fork)| *of_fork);
        if is_of_forks && sent_of_forks >= share {
            return Ok((vec![], 0));
        }
        let is_last = sent + 1 >= per_hour as usize || (is_of_forks && sent_of_forks + 1 >= share);
        let about: Vec<_> = due.into_iter().take(if is_last { usize::MAX } else { 1 }).collect();
        let of_forks = about.iter().filter(|(_, of_fork)| *of_fork).count();
        Ok((about.into_iter().map(|(key, _)| key).collect(), of_forks))
    }

    pub(super) fn claim_notification(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        let (Some(settings), Some(repository)) = (&self.notifications, self.repository()?) else { return Ok(None) };
        let mut sent = within_the_hour(self.sent(Fact::NoticesSent)?, cx.now);
        let mut sent_of_forks = within_the_hour(self.sent(Fact::ForksNoticesSent)?, cx.now);
        let (about, of_forks) = self.next_notices(settings.per_hour, sent.len(), sent_of_forks.len(), cx.now)?;
        let text = match about.as_slice() {
            [] => return Ok(None),
            [(run_id, kind)] => self.message(&repository, settings, *run_id, *kind)?,
            several => summary(&repository, settings, several, of_forks),
        };
        for key in &about {
            self.store.claim_notice(*key, cx.now + LEASE)?;
        }
        // Counted before it is sent: it may arrive although the answer is lost.
        sent.push(cx.now);
        self.store.set_fact(Fact::NoticesSent, Some(&sent))?;
        if of_forks == about.len() {
            sent_of_forks.push(cx.now);
            self.store.set_fact(Fact::ForksNoticesSent, Some(&sent_of_forks))?;
        }
        Ok(Some(Task::Notify(Notification { text, about })))
    }

    /// It was accepted where it was sent, or is tried again.
    pub fn finish_notification(&self, sent: &Notification, accepted: bool, now: Millis) -> Result<(), StoreError> {
        self.step(|| {
            for key in &sent.about {
                let Some((tries, created)) = self.store.notice_tries(*key)? else { continue };
                let again = || now + AGAIN.doubled(tries.saturating_sub(1), AGAIN_MOST);
                self.store.set_notice_due(*key, (!accepted && now < created + TRIED_FOR).then(again))?;
            }
            Ok(())
        })
    }

    fn sent(&self, which: Fact) -> Result<Vec<Millis>, StoreError> {
        Ok(self.store.fact(which)?.unwrap_or_default())
    }

    /// About one run: what failed, and what was tried.
    fn message(
        &self,
        repository: &RepoName,
        settings: &Notifications,
        run_id: RunId,
        kind: NoticeKind,
    ) -> Result<String, StoreError> {
        let Some(view) = self.run_view(repository.clone(), run_id, Millis(0))? else {
            return Ok(format!("{repository}: run {run_id} was {}.", kind.as_str()));
        };
        let run = view.run;
        let workflow = run.workflow.as_deref().map_or_else(|| "a run".to_owned(), named);
        let link = link(repository, settings, run_id);
        let repository = chat(repository.as_str());
        let head = match kind {
            NoticeKind::Exhausted => format!("{repository}: {workflow} failed for good. {link}"),
            NoticeKind::Outage => {
                format!("{repository}: many runs are failing, and their re-runs are held. {workflow}: {link}")
            }
            NoticeKind::Refused => {
                format!("{repository}: GitHub refuses the credentials, and nothing is re-run. {workflow}: {link}")
            }
        };
        let mut lines = vec![head, chat(&run.reason)];
        let last = view.decisions.iter().rev().find(|decision| !decision.detail.jobs.is_empty());
        lines.extend(last.map(|last| format!("Failed jobs: {}.", jobs(&last.detail.jobs))));
        let tried = view.decisions.iter().filter(|decision| decision.outcome == RunOutcome::Rerunning);
        lines.extend(tried.map(|decision| format!("Tried: {}", chat(&decision.reason))));
        Ok(message_of(&lines))
    }
}

/// The repository's own come first.
fn summary(repository: &RepoName, settings: &Notifications, about: &[NoticeKey], of_forks: usize) -> String {
    let refused = about.iter().filter(|(_, kind)| *kind == NoticeKind::Refused).count();
    let outages = about.iter().filter(|(_, kind)| *kind == NoticeKind::Outage).count();
    let exhausted = about.len() - refused - outages;
    let mut parts = Vec::new();
    if exhausted > 0 {
        parts.push(format!("{exhausted} more {} for good", if exhausted == 1 { "run failed" } else { "runs failed" }));
    }
    if refused > 0 {
        parts.push(format!("GitHub refused the credentials for {refused}"));
    }
    if outages > 0 {
        parts
            .push(format!("re-runs are held because of {outages} {}", if outages == 1 { "outage" } else { "outages" }));
    }
    let mut lines = vec![format!("{}: {}.", chat(repository.as_str()), parts.join(", and "))];
    if of_forks > 0 {
        let many = if of_forks == about.len() { "All".to_owned() } else { of_forks.to_string() };
        lines.push(format!("{many} of them {} of forks.", if of_forks == 1 { "is" } else { "are" }));
    }
    lines.extend(about.iter().take(RUNS_NAMED).map(|(run_id, _)| link(repository, settings, *run_id)));
    if let Some(rest) = about.len().checked_sub(RUNS_NAMED).filter(|rest| *rest > 0) {
        lines.push(format!("and {rest} more"));
    }
    message_of(&lines)
}

fn link(repository: &RepoName, settings: &Notifications, run_id: RunId) -> String {
    format!("{}/{repository}/actions/runs/{run_id}", settings.web_url)
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
        let sent = || vec![at(0), at(10), at(50)];
        assert_eq!(full_until(&sent(), 4), None);
        assert_eq!(full_until(&sent(), 3), Some(at(60)));
        assert_eq!(full_until(&sent(), 2), Some(at(70)));
        assert_eq!(full_until(&within_the_hour(sent(), at(61)), 2), Some(at(70)));
    }
}
