//! Issues for flaky jobs: one for each job that re-runs have rescued often, with its figures and its last failures. It is
//! edited once a day at most, closed when the job has not failed for long, and opened again when it fails flakily again.
//!
//! It is found again by who wrote it and a mark that readers do not see: after an answer that was lost, and when all that is
//! stored was. What people do to it holds: one that somebody closed stays closed until the job fails flakily after that, and one that
//! somebody deleted or moved elsewhere is not made again for long.
//!
//! In a run's step nothing is written but the list of jobs of which there is something new to say ([`Fact::FlakyJobs`]), and
//! that only until it is taken up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::github::{self, Call, IssueAnswer, IssueCall, Response};
use crate::keeper::feature::Feature;
use crate::keeper::store::statistics::{JobFigures, WorkflowJob};
use crate::keeper::store::{Fact, FlakyIssueRow};
use crate::keeper::subrequests::ISSUE_PAGES;
use crate::keeper::tracked_run::TrackedRun;
use crate::names::RepoName;
use crate::policy::{FlakyIssues, RerunSettings};
use crate::time::{Millis, Span};

use super::errand_answer::Tries;
use super::flaky_issue_text::{self as text, Text};
use super::{Context, Keeper, Sql, StoreError};

/// What happens within this time is one edit.
const TOGETHER: Span = Span::seconds(5);
const EDITED_EVERY: Span = Span::days(1);
/// New ones of a repository, a day.
const NEW_A_DAY: u64 = 10;
/// Jobs that have an issue or wait for one.
const MOST: u64 = 200;
/// Jobs of which there is something new, until they are taken up.
const JOBS_NOTED: usize = 50;
/// One that somebody has deleted is not made again for so long.
const SILENT: Span = Span::days(30);
/// Longer than finding and writing can take.
const CLAIM: Span = Span::minutes(2);
/// Then it is given up until there is news.
const TRIES: Tries = Tries::FOR_A_DAY;
/// Of a job, the newest.
const FAILURES_SHOWN: usize = 5;

/// Jobs of which there is something new to say, by their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    due: Millis,
    jobs: BTreeMap<String, WorkflowJob>,
}

/// An issue to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlakyIssue {
    pub repository: RepoName,
    pub key: String,
    pub number: Option<u64>,
    pub label: String,
    pub text: Text,
    /// Whether the job has not failed for so long that it is closed.
    pub closes: bool,
    /// When the job last failed and then passed.
    pub failed: Option<Millis>,
    /// If nothing happens until then, it is closed.
    pub closes_at: Millis,
    /// Up to when what happened is in the text.
    pub noted: Millis,
    /// An earlier try may have opened it.
    may_be_there: bool,
}

/// How the issue is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Open {
        number: u64,
    },
    Closed {
        number: u64,
    },
    /// Somebody else has closed it: nothing was written.
    LeftClosed {
        number: u64,
    },
    /// Somebody has deleted it, or moved it to another repository.
    Gone,
}

/// Makes the calls that it takes: each is answered before the next.
pub async fn write(issue: &FlakyIssue, call: impl AsyncFn(Call) -> Response) -> Result<Written, github::Error> {
    let ask = async |what| match call(Call::Issue(what)).await {
        Response::Issue(answer) => answer,
        _ => Err(github::Error::other_answer()),
    };
    let known = match issue.number {
        Some(number) => ask(IssueCall::Read { number }).await?,
        None => find(issue, &ask).await?,
    };
    let there = match known {
        IssueAnswer::There(there) => there,
        IssueAnswer::NotThere | IssueAnswer::NotOnThisPage if issue.number.is_some() => return Ok(Written::Gone),
        IssueAnswer::NotThere | IssueAnswer::NotOnThisPage => {
            let Text { title, open: body, .. } = issue.text.clone();
            return match ask(IssueCall::Open { title, body, label: issue.label.clone() }).await? {
                IssueAnswer::There(new) => Ok(Written::Open { number: new.number }),
                IssueAnswer::NotThere | IssueAnswer::NotOnThisPage => Ok(Written::Gone),
            };
        }
    };
    // GitHub follows what was moved, and knows the repository by the names that it had.
    if there.repository.is_some_and(|name| name.key() != issue.repository.key()) {
        return Ok(Written::Gone);
    }
    let number = there.number;
    let failed_since = there.closed.zip(issue.failed).is_some_and(|(closed, failed)| failed > closed);
    let (body, open) = match (there.open, issue.closes) {
        (true, true) => (&issue.text.closed, Some(false)),
        (true, false) => (&issue.text.open, None),
        (false, false) if failed_since => (&issue.text.open, Some(true)),
        (false, _) => return Ok(Written::LeftClosed { number }),
    };
    match ask(IssueCall::Change { number, body: body.clone(), open }).await? {
        IssueAnswer::There(_) if issue.closes => Ok(Written::Closed { number }),
        IssueAnswer::There(_) => Ok(Written::Open { number }),
        IssueAnswer::NotThere | IssueAnswer::NotOnThisPage => Ok(Written::Gone),
    }
}

/// By its label; and, as people can take that away, among the issues that changed last.
async fn find(
    issue: &FlakyIssue,
    ask: &impl AsyncFn(IssueCall) -> Result<IssueAnswer, github::Error>,
) -> Result<IssueAnswer, github::Error> {
    let mark = || issue.text.mark.clone();
    for page in 1..=ISSUE_PAGES {
        match ask(IssueCall::Find { mark: mark(), label: Some(issue.label.clone()), page }).await? {
            IssueAnswer::There(found) => return Ok(IssueAnswer::There(found)),
            IssueAnswer::NotOnThisPage => {}
            IssueAnswer::NotThere => break,
        }
    }
    ask(IssueCall::Find { mark: mark(), label: None, page: 1 }).await
}

impl<S: Sql> Keeper<S> {
    /// A re-run of these jobs, by what they are counted as, is known to have passed.
    pub(super) fn jobs_passed(&self, run: &TrackedRun, passed: &[i64], cx: &Context) -> Result<(), StoreError> {
        let policy = self.policy(cx.settings)?;
        let policy = policy.policy();
        // Outsiders choose what their forks run, and what its jobs are called.
        let counts = !passed.is_empty() && !run.may_be_of_fork();
        let Some(flaky) = policy.flaky_issues.as_ref().filter(|_| counts) else { return Ok(()) };
        let before: Option<Noted> = self.store.fact(Fact::FlakyJobs)?;
        let mut noted = before.clone().unwrap_or(Noted { due: cx.now + TOGETHER, jobs: BTreeMap::new() });
        for id in passed {
            let Some(job) = self.store.job_of_subject(*id)? else { continue };
            let key = job.key();
            let has_room = noted.jobs.len() < JOBS_NOTED && !noted.jobs.contains_key(&key);
            if has_room && self.is_news(&key, &job, flaky, cx.now)? {
                noted.jobs.insert(key, job);
            }
        }
        let is_new = before.map_or(0, |before| before.jobs.len()) < noted.jobs.len();
        if is_new { self.store.set_fact(Fact::FlakyJobs, Some(&noted)) } else { Ok(()) }
    }

    /// Whether its issue is to be looked at sooner than it would be.
    fn is_news(&self, key: &str, job: &WorkflowJob, flaky: &FlakyIssues, now: Millis) -> Result<bool, StoreError> {
        let row = self.store.flaky_issue(key)?;
        if row.as_ref().and_then(|row| row.claimed_until).is_some_and(|until| until > now) {
            return Ok(true);
        }
        if let Some(row) = row.as_ref().filter(|row| row.number.is_some()) {
            return Ok(row.due.is_none_or(|due| next_edit(row, now) < due));
        }
        let waits = row.as_ref().is_some_and(|row| row.due.is_some());
        let silent = row.as_ref().and_then(|row| row.silent_until).is_some_and(|until| until > now);
        if waits || silent || self.store.job_figures(job, now)?.passed < u64::from(flaky.after) {
            return Ok(false);
        }
        Ok(row.is_some() || self.store.count_flaky_issues()? < MOST)
    }

    pub(super) fn flaky_issue_due(&self, settings: &RerunSettings) -> Result<Option<Millis>, StoreError> {
        if self.policy(settings)?.policy().flaky_issues.is_none() {
            return Ok(None);
        }
        let noted: Option<Noted> = self.store.fact(Fact::FlakyJobs)?;
        let first = self.store.first_flaky_issue_due()?;
        let due = noted.map(|noted| noted.due).into_iter().chain(first).min();
        if due.is_none() || self.repository()?.is_none() {
            return Ok(None);
        }
        self.feature_due(Feature::FlakyIssues, due)
    }

    pub(super) fn claim_flaky_issue(&self, cx: &Context) -> Result<Option<FlakyIssue>, StoreError> {
        let (policy, now) = (self.policy(cx.settings)?, cx.now);
        let policy = policy.policy();
        let Some((repository, flaky)) = self.repository()?.zip(policy.flaky_issues.as_ref()) else { return Ok(None) };
        self.take_up_news(now)?;
        for _ in 0..MOST {
            let Some(row) = self.store.next_flaky_issue(now)? else { break };
            let figures = self.store.job_figures(&row.job, now)?;
            let closes_at = figures.last_failed.map_or(Millis(0), |failed| failed + flaky.close_after);
            match self.put_off(&row, &figures, closes_at, flaky, now)? {
                Some(due) => self.store.put_flaky_issue(&FlakyIssueRow { due, claimed_until: None, ..row }, now)?,
                None => return self.begin(&repository, row, &figures, closes_at, flaky, now).map(Some),
            }
        }
        Ok(None)
    }

    /// The list of jobs of which there is something new becomes their rows.
    fn take_up_news(&self, now: Millis) -> Result<(), StoreError> {
        let Some(noted) = self.store.fact::<Noted>(Fact::FlakyJobs)? else { return Ok(()) };
        for (key, job) in noted.jobs {
            let row = self.store.flaky_issue(&key)?.unwrap_or(FlakyIssueRow {
                job: job.clone(),
                number: None,
                is_open: false,
                opened: None,
                written: None,
                noted: now,
                claimed_until: None,
                due: None,
                failures: 0,
                silent_until: None,
            });
            let next = next_edit(&row, now);
            let due = Some(row.due.map_or(next, |due| due.min(next)));
            self.store.put_flaky_issue(&FlakyIssueRow { job, noted: now, due, failures: 0, ..row }, now)?;
        }
        self.store.set_fact::<Noted>(Fact::FlakyJobs, None)
    }

    /// When it is looked at instead, if there is nothing to do for it now; `Some(None)`: not until there is news.
    fn put_off(
        &self,
        row: &FlakyIssueRow,
        figures: &JobFigures,
        closes_at: Millis,
        flaky: &FlakyIssues,
        now: Millis,
    ) -> Result<Option<Option<Millis>>, StoreError> {
        if row.number.is_none() {
            let day = now.minus(Span::days(1));
            let is_counted = row.opened.is_some_and(|opened| opened > day);
            let (opened, first) = self.store.flaky_issues_opened_since(day)?;
            return Ok(if figures.passed < u64::from(flaky.after) || now >= closes_at {
                Some(None)
            } else if opened >= NEW_A_DAY && !is_counted {
                Some(Some(first.unwrap_or(now) + Span::days(1)))
            } else {
                None
            });
        }
        if figures.last_failed.is_none() {
            // Its job has made way for others: how often it fails is not known, nor that it does not.
            return Ok(Some(Some(now + flaky.close_after).filter(|_| row.is_open)));
        }
        let is_news = row.written.is_none_or(|written| row.noted > written);
        if is_news || (row.is_open && now >= closes_at) {
            return Ok(None);
        }
        // It has failed meanwhile, if only for good reason.
        Ok(Some(Some(closes_at).filter(|_| row.is_open)))
    }

    fn begin(
        &self,
        repository: &RepoName,
        row: FlakyIssueRow,
        figures: &JobFigures,
        closes_at: Millis,
        flaky: &FlakyIssues,
        now: Millis,
    ) -> Result<FlakyIssue, StoreError> {
        let until = Some(now + CLAIM);
        let is_counted = row.opened.is_some_and(|opened| opened > now.minus(Span::days(1)));
        // Each try may be the one that opens it.
        let opened = if row.number.is_none() { Some(now) } else { row.opened };
        let row = FlakyIssueRow { due: until, claimed_until: until, opened, ..row };
        self.store.put_flaky_issue(&row, now)?;
        let failures = self.store.passed_failures(&row.job, FAILURES_SHOWN)?;
        Ok(FlakyIssue {
            repository: repository.clone(),
            key: row.job.key(),
            number: row.number,
            label: flaky.label.clone(),
            text: text::text(&row.job, figures, &failures, flaky, &format!("{}/{repository}", self.web_url)),
            closes: row.number.is_some() && now >= closes_at,
            failed: failures.first().map(|failure| failure.failed),
            closes_at,
            noted: row.noted,
            may_be_there: is_counted,
        })
    }

    /// It is written, or was left as it is, or is tried again.
    pub(in crate::keeper) fn finish_flaky_issue(
        &self,
        issue: &FlakyIssue,
        answer: Result<Written, github::Error>,
        cx: &Context,
    ) -> Result<Option<String>, StoreError> {
        let now = cx.now;
        let Some(mut row) = self.store.flaky_issue(&issue.key)? else { return Ok(None) };
        row.claimed_until = None;
        let warning = self.note_answer(Feature::FlakyIssues, "the issue of a flaky job", &answer, cx)?;
        match answer {
            Ok(written) => {
                row.failures = 0;
                let more = (row.noted > issue.noted).then_some(now + EDITED_EVERY);
                if more.is_some() {
                    // It came while this was written, which does not say it.
                    row.noted = now + Span::millis(1);
                }
                match written {
                    Written::Open { number } => {
                        (row.number, row.is_open, row.written) = (Some(number), true, Some(now));
                        row.due = Some(more.unwrap_or(issue.closes_at.max(now + EDITED_EVERY)));
                    }
                    Written::Closed { number } => {
                        (row.number, row.is_open, row.written, row.due) = (Some(number), false, Some(now), more);
                    }
                    Written::LeftClosed { number } => {
                        (row.number, row.is_open, row.due) = (Some(number), false, more);
                    }
                    Written::Gone => {
                        (row.number, row.is_open, row.opened, row.written) = (None, false, None, None);
                        (row.due, row.silent_until) = (None, Some(now + SILENT));
                    }
                }
            }
            Err(error) => {
                // Whether a new one is there is not known of an answer that was lost alone, nor of what an earlier try has done.
                let is_unknown = issue.may_be_there || matches!(error, github::Error::Inconclusive { .. });
                if row.number.is_none() && !is_unknown {
                    row.opened = None;
                }
                // News makes it no sooner: what a lost call has written may not be found yet.
                row.claimed_until = Some(now + TRIES.wait(row.failures));
                row.due = TRIES.failed(&mut row.failures, now);
            }
        }
        self.store.put_flaky_issue(&row, now)?;
        Ok(warning)
    }

    /// Nothing that was stored of issues holds any more.
    pub(super) fn forget_flaky_issues(&self) -> Result<(), StoreError> {
        self.store.set_fact::<Noted>(Fact::FlakyJobs, None)?;
        self.store.delete_flaky_issues()
    }
}

/// The soonest that it may be written: once a day, and not while it is being written.
fn next_edit(row: &FlakyIssueRow, now: Millis) -> Millis {
    let edit = row.written.map_or(now, |written| written + EDITED_EVERY);
    edit.max(row.claimed_until.unwrap_or(now)).max(now)
}
