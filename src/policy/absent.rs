//! Whether what could not be read could have kept a run from being re-run: then it is left, unless the policy says otherwise.
//!
//! A condition on absent evidence does not hold, which alone would let a run pass a rule that says `leave`. So each rule that
//! may match, for all that anybody can tell, is looked at as if it did.

use std::fmt;

use super::detail::MOST_SOURCES;
use super::evidence::{Job, Read};
use super::failed_attempt::FailedAttempt;
use super::format::{Action, Mixed, Rule};
use super::judge::{Doubt, Missing, Outlook, RuleMatch};
use super::words::{clean, quoted};

/// What may have kept a run from being re-run, and what is absent that would tell.
pub struct Doubted<'a> {
    by: By<'a>,
    missing: Missing<'a>,
}

enum By<'a> {
    Rule(&'a Rule),
    MaxFailedJobs,
    StopWhenRepeated,
    MinutesPerDay,
}

impl<'a> FailedAttempt<'a> {
    /// The first of those there are. Every decision that needs no evidence was made before.
    pub(super) fn doubt(&self) -> Option<Doubted<'a>> {
        self.doubt_of_rules().or_else(|| self.doubt_of_count()).or_else(|| self.doubt_of_repetition()).or_else(|| {
            let missing = Missing::Jobs(self.unlisted?);
            self.policy.budget.minutes_per_day.map(|_| Doubted { by: By::MinutesPerDay, missing })
        })
    }

    fn doubt_of_rules(&self) -> Option<Doubted<'a>> {
        let reruns = |rule_match: &RuleMatch| rule_match.then == Action::Rerun && !self.is_spent(rule_match);
        let other = |doubt: &&Doubt| !reruns(&doubt.rule_match);
        let stays = |doubt: &&Doubt| other(doubt) && doubt.rule_match.then != Action::Ignore;
        let doubted =
            |doubt: &Doubt<'a>| Some(Doubted { by: By::Rule(doubt.rule_match.rule?), missing: doubt.missing });
        let mut outlooks = self.failed.iter().map(|(_, outlook)| outlook);
        if self.policy.mixed == Mixed::Leave
            && let Some(doubt) = outlooks.clone().find_map(|outlook| outlook.doubts.iter().find(stays))
        {
            return doubted(doubt);
        }
        // One job that is re-run whatever was not read is enough.
        let is_sure = |outlook: &Outlook| !outlook.doubts.iter().any(|doubt| other(&doubt));
        let mut rerun = outlooks.clone().filter(|outlook| outlook.certain().is_some_and(|certain| reruns(&certain)));
        if rerun.any(is_sure) {
            return None;
        }
        outlooks.find_map(|outlook| outlook.doubts.iter().find(other)).and_then(doubted)
    }

    fn doubt_of_count(&self) -> Option<Doubted<'a>> {
        let most = usize::try_from(self.policy.max_failed_jobs?).unwrap_or(usize::MAX);
        let by = By::MaxFailedJobs;
        if let Some(why) = self.unlisted {
            return Some(Doubted { by, missing: Missing::Jobs(why) });
        }
        let counts = |doubt: &&Doubt| doubt.rule_match.then != Action::Ignore;
        let ignored = |outlook: &&Outlook| outlook.certain().is_some_and(|certain| certain.then == Action::Ignore);
        let outlooks = || self.failed.iter().map(|(_, outlook)| outlook);
        let doubts: Vec<_> =
            outlooks().filter(ignored).filter_map(|ignored| ignored.doubts.iter().find(counts)).collect();
        let counted = outlooks().filter(|outlook| !ignored(outlook)).count() + doubts.len();
        doubts.first().filter(|_| counted > most).map(|doubt| Doubted { by, missing: doubt.missing })
    }

    fn doubt_of_repetition(&self) -> Option<Doubted<'a>> {
        let most = usize::try_from(self.policy.stop_when_repeated?).unwrap_or(usize::MAX);
        let now = self.missing_of_fingerprint();
        let earlier = self.history.attempts.iter().filter(|earlier| earlier.run_attempt < self.run.run_attempt);
        let earlier: Vec<_> = earlier.collect();
        let print = self.detail().fingerprint;
        let may_be_same = earlier
            .iter()
            .filter(|earlier| now.is_some() || earlier.partial || (print.is_some() && earlier.fingerprint == print));
        let missing = now.or_else(|| {
            earlier.iter().any(|earlier| earlier.partial).then_some(Missing::Annotations("of an earlier attempt"))
        })?;
        (1 + may_be_same.count() >= most).then_some(Doubted { by: By::StopWhenRepeated, missing })
    }

    /// What is absent that belongs to the fingerprint.
    pub(super) fn missing_of_fingerprint(&self) -> Option<Missing<'a>> {
        let of_job = |job: &'a Job| match self.evidence.annotations.get(&job.job_id) {
            Some(Read::Absent(why)) => Some(Missing::Annotations(why)),
            _ => self.evidence.annotations_cut.get(&job.job_id).map(|why| Missing::Annotations(why)),
        };
        let of_jobs = || self.failed.iter().filter_map(|(job, _)| *job).find_map(of_job);
        self.unlisted.map(Missing::Jobs).or_else(of_jobs)
    }

    /// Each rule that may have matched, for the record.
    pub(super) fn doubts_on_record(&self) -> Vec<String> {
        let of_job = |(job, outlook): &(Option<&'a Job>, Outlook<'a>)| {
            let job = job.map_or_else(|| "jobs that are not known".to_owned(), |job| clean(&job.name));
            let told = |doubt: &Doubt| {
                let rule = doubt.rule_match.rule.map_or_else(String::new, |rule| quoted(&rule.name));
                format!("rule {rule} of {job}: {}", doubt.missing.noun())
            };
            outlook.doubts.iter().map(told).collect::<Vec<_>>()
        };
        self.failed.iter().flat_map(of_job).take(MOST_SOURCES).collect()
    }
}

impl Doubted<'_> {
    /// For the sentence of a re-run.
    pub fn in_spite(&self) -> String {
        format!(", although {self}; absent_evidence says so")
    }
}

/// `rule "tests" may say to leave it: its log could not be read (GitHub has none (404))`.
impl fmt::Display for Doubted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.by {
            By::Rule(rule) => {
                let says = match rule.then {
                    Action::Leave => "may say to leave it",
                    Action::Ignore => "may say to ignore it",
                    Action::Rerun => "may be the one for it, and its re-runs are used up",
                };
                write!(f, "rule {} {says}", quoted(&rule.name))?;
            }
            By::MaxFailedJobs => f.write_str("more jobs may have failed than max_failed_jobs of the policy file")?,
            By::StopWhenRepeated => f.write_str("it may have failed in the same way as before")?,
            By::MinutesPerDay => f.write_str("its re-run may take more than what is left of minutes_per_day")?,
        }
        write!(f, ": {}", self.missing)
    }
}

impl Missing<'_> {
    fn noun(self) -> &'static str {
        match self {
            Self::Jobs(_) => "its jobs",
            Self::Annotations(_) => "its annotations",
            Self::Log(_) => "its log",
            Self::Workflow(_) => "the name of its workflow",
            Self::Branch | Self::Fork => "its branch",
            Self::Event => "its event",
            Self::Actor => "who started it",
        }
    }
}

/// `its log could not be read (GitHub has none (404))`.
impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = self.noun();
        match self {
            Self::Jobs(why) | Self::Annotations(why) | Self::Log(why) | Self::Workflow(why) => {
                write!(f, "{noun} could not be read ({})", clean(why))
            }
            Self::Branch | Self::Fork | Self::Event | Self::Actor => write!(
                f,
                "GitHub does not say {}",
                match self {
                    Self::Actor => "who started it",
                    Self::Event => "what started it",
                    Self::Fork => "whose fork its branch was in, which is gone",
                    _ => "what its branch is",
                }
            ),
        }
    }
}
