//! Whether what could not be read could have kept a run from being re-run: then it is left, unless the policy says otherwise.
//!
//! A condition on absent evidence does not hold, which alone would let a run pass a rule that says `leave`. So each rule that
//! may match, for all that anybody can tell, is looked at as if it did.

use crate::policy::evidence::{Fetched, Job};
use crate::policy::file::{Action, Mixed};
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
        let mut all = self.failed.iter().map(|(_, matches)| matches);
        if self.policy.mixed == Mixed::Leave
            && let Some(uncertain) = all.clone().find_map(|matches| matches.uncertain.iter().find(stays))
        {
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
        let most = usize::try_from(self.policy.max_failed_jobs?).unwrap_or(usize::MAX);
        let cause = Cause::MaxFailedJobs;
        if let Some(why) = self.unlisted {
            return Some(Doubt { cause, unknown: Unknown::Jobs(why) });
        }
        let counts = |uncertain: &&UncertainMatch| uncertain.rule_match.action != Action::Ignore;
        let ignored =
            |matches: &&RuleMatches| matches.certain().is_some_and(|certain| certain.action == Action::Ignore);
        let all = || self.failed.iter().map(|(_, matches)| matches);
        let uncertain: Vec<_> =
            all().filter(ignored).filter_map(|matches| matches.uncertain.iter().find(counts)).collect();
        let counted = all().filter(|matches| !ignored(matches)).count() + uncertain.len();
        uncertain.first().filter(|_| counted > most).map(|first| Doubt { cause, unknown: first.unknown })
    }

    fn doubt_of_repetition(&self) -> Option<Doubt<'a>> {
        let most = usize::try_from(self.policy.stop_when_repeated?).unwrap_or(usize::MAX);
        let now = self.unknown_of_fingerprint();
        let earlier = || self.earlier_attempts();
        let fingerprint = self.detail().fingerprint;
        let may_be_same = earlier().filter(|earlier| {
            now.is_some() || earlier.partial || (fingerprint.is_some() && earlier.fingerprint == fingerprint)
        });
        let unknown = now.or_else(|| {
            earlier().any(|earlier| earlier.partial).then_some(Unknown::Annotations("of an earlier attempt"))
        })?;
        (1 + may_be_same.count() >= most).then_some(Doubt { cause: Cause::StopWhenRepeated, unknown })
    }

    /// What is absent that belongs to the fingerprint.
    pub(super) fn unknown_of_fingerprint(&self) -> Option<Unknown<'a>> {
        let of_job = |job: &'a Job| match self.evidence.annotations.get(&job.job_id) {
            Some(Fetched::Absent(why)) => Some(Unknown::Annotations(why)),
            None | Some(Fetched::NotYet | Fetched::Present(_)) => {
                self.evidence.annotations_cut.get(&job.job_id).map(|why| Unknown::Annotations(why))
            }
        };
        self.unlisted.map(Unknown::Jobs).or_else(|| self.jobs().find_map(of_job))
    }

    /// Each rule that may have matched, for the record.
    pub(super) fn doubts_on_record(&self) -> Vec<String> {
        let of_job = |(job, matches): &(Option<&'a Job>, RuleMatches<'a>)| {
            let job = job.map_or_else(|| "jobs that are not known".to_owned(), |job| clean(&job.name));
            let line = |uncertain: &UncertainMatch| {
                let rule = uncertain.rule_match.rule.map_or_else(String::new, |rule| quoted(&rule.name));
                format!("rule {rule} of {job}: {}", uncertain.unknown.noun())
            };
            matches.uncertain.iter().map(line).collect::<Vec<_>>()
        };
        self.failed.iter().flat_map(of_job).take(MOST_SOURCES).collect()
    }
}
