//! Whether what could not be read could have kept a run from being re-run: then it is left, unless the policy says otherwise.
//!
//! A condition on absent evidence does not hold, which alone would let a run pass a rule that says `leave`. So each rule that
//! may match, for all that anybody can tell, is looked at as if it did.

use crate::policy::evidence::{EarlierAttempt, Fetched, Job};
use crate::policy::file::{Action, LeaveOrRerun};
use crate::policy::matching::{RuleMatch, RuleMatches, UncertainMatch, Unknown};
use crate::policy::wording::{Cause, Doubt, clean, quoted};

use super::detail::MOST_SOURCES;
use super::failed_attempt::FailedAttempt;

impl<'a> FailedAttempt<'a> {
    /// The first doubt that there is. Every decision that needs no evidence was made before.
    pub(super) fn doubt(&self) -> Option<Doubt<'a>> {
        self.doubt_of_rules().or_else(|| self.doubt_of_count()).or_else(|| self.doubt_of_repetition()).or_else(|| {
            let unknown = Unknown::Jobs(self.unlisted?);
            self.policy.budget.minutes_per_day.map(|_| Doubt { cause: Cause::MinutesPerDay, unknown })
        })
    }

    fn doubt_of_rules(&self) -> Option<Doubt<'a>> {
        let reruns = |rule_match: &RuleMatch| rule_match.action == Action::Rerun && !self.is_spent(rule_match);
        let other = |uncertain: &&UncertainMatch| !reruns(&uncertain.rule_match);
        let stays = |uncertain: &&UncertainMatch| other(uncertain) && uncertain.rule_match.action != Action::Ignore;
        let doubt = |uncertain: &UncertainMatch<'a>| {
            Some(Doubt { cause: Cause::Rule(uncertain.rule_match.rule?), unknown: uncertain.unknown })
        };
        let mut all = self.matches();
        let left = all.clone().find_map(|matches| matches.uncertain.iter().find(stays));
        if let Some(uncertain) = left.filter(|_| self.policy.mixed == LeaveOrRerun::Leave) {
            return doubt(uncertain);
        }
        // One job that is re-run whatever was not read is enough.
        let is_sure = |matches: &RuleMatches| !matches.uncertain.iter().any(|uncertain| other(&uncertain));
        let mut rerun = all.clone().filter(|matches| matches.certain().is_some_and(|certain| reruns(&certain)));
        if rerun.any(is_sure) {
            return None;
        }
        all.find_map(|matches| matches.uncertain.iter().find(other)).and_then(doubt)
    }

    fn doubt_of_count(&self) -> Option<Doubt<'a>> {
        let most = self.policy.max_failed_jobs? as usize;
        let cause = Cause::MaxFailedJobs;
        if let Some(why) = self.unlisted {
            return Some(Doubt { cause, unknown: Unknown::Jobs(why) });
        }
        let counts = |uncertain: &&UncertainMatch| uncertain.rule_match.action != Action::Ignore;
        let is_ignored = |certain: RuleMatch| certain.action == Action::Ignore;
        let (ignored, counted): (Vec<_>, Vec<_>) =
            self.matches().partition(|matches| matches.certain().is_some_and(is_ignored));
        let mut uncertain = ignored.iter().filter_map(|matches| matches.uncertain.iter().find(counts));
        let many = counted.len() + uncertain.clone().count() > most;
        uncertain.next().filter(|_| many).map(|first| Doubt { cause, unknown: first.unknown })
    }

    fn doubt_of_repetition(&self) -> Option<Doubt<'a>> {
        let most = self.policy.stop_when_repeated? as usize;
        let now = self.unknown_of_fingerprint();
        let fingerprint = self.detail().fingerprint;
        let is_same = |earlier: &&EarlierAttempt| fingerprint.is_some() && earlier.fingerprint == fingerprint;
        let may_be_same = |earlier: &&EarlierAttempt| now.is_some() || earlier.partial || is_same(earlier);
        let earlier = || self.earlier_attempts().any(|earlier| earlier.partial);
        let unknown = now.or_else(|| earlier().then_some(Unknown::Annotations("of an earlier attempt")))?;
        let many = 1 + self.earlier_attempts().filter(may_be_same).count() >= most;
        many.then_some(Doubt { cause: Cause::StopWhenRepeated, unknown })
    }

    /// What is absent that belongs to the fingerprint.
    pub(super) fn unknown_of_fingerprint(&self) -> Option<Unknown<'a>> {
        let of_job = |job: &Job| match self.evidence.annotations_of(job) {
            Fetched::Absent(why) => Some(why),
            Fetched::NotYet | Fetched::Present(_) => self.evidence.annotations_cut.get(&job.job_id),
        };
        let of_jobs = || self.jobs().find_map(of_job).map(|why| Unknown::Annotations(why));
        self.unlisted.map(Unknown::Jobs).or_else(of_jobs)
    }

    /// Each rule that may have matched, for the record.
    pub(super) fn doubts_on_record(&self) -> Vec<String> {
        let of_job = |(job, matches): &(Option<&'a Job>, RuleMatches<'a>)| {
            let job = job.map_or_else(|| "jobs that GitHub does not list".to_owned(), |job| clean(&job.name));
            let line = |uncertain: &UncertainMatch| {
                let rule = uncertain.rule_match.rule.map_or_else(String::new, |rule| quoted(&rule.name));
                format!("rule {rule} of {job}: {}", uncertain.unknown.noun())
            };
            matches.uncertain.iter().map(line).collect::<Vec<_>>()
        };
        self.failed.iter().flat_map(of_job).take(MOST_SOURCES).collect()
    }
}
