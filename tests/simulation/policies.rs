//! The policy files of a schedule's repositories, and what each permits, said apart from the code that is under test.

use rerunner::attempts::RunOutcome;
use rerunner::time::{Millis, Span};
use simulator::model::{Conclusion, Job, Outcome};

use crate::schedule::MAX_RERUNS;

/// How far any file may raise the limit.
pub const CEILING: u32 = 8;

/// A policy file, and what it permits.
#[derive(Debug)]
pub struct Drawn {
    pub text: Option<&'static str>,
    limit: u32,
    /// Whether a failed job may be run again.
    may: fn(&Job) -> bool,
    /// Whether some failure is left alone that is below the limit.
    leaves: bool,
    pub hourly: Option<usize>,
    pub cancelled: bool,
    skips_superseded: bool,
    forks: bool,
    /// Whether runs of a workflow of that name may be run again.
    workflows: fn(&str) -> bool,
}

const DEFAULT: Drawn = Drawn {
    text: None,
    limit: MAX_RERUNS,
    may: |_| true,
    leaves: false,
    hourly: None,
    cancelled: false,
    skips_superseded: true,
    forks: true,
    workflows: |_| true,
};

static NONE: Drawn = DEFAULT;

static ALL: [Drawn; 16] = [
    Drawn { text: Some("skip_superseded: false\n"), skips_superseded: false, ..DEFAULT },
    Drawn { text: Some("forks: leave\n"), leaves: true, forks: false, ..DEFAULT },
    Drawn { text: Some("version: 1\nmax_reruns: 1\n"), limit: 1, ..DEFAULT },
    Drawn { text: Some("max_reruns: 6\ndelay: 20s\nbackoff: 2\n"), limit: 6, ..DEFAULT },
    Drawn { text: Some("max_reruns: 0\n"), limit: 0, leaves: true, ..DEFAULT },
    Drawn {
        text: Some(
            "rules:\n  - name: builds\n    if: { job: [build, early, late] }\n    then: rerun\n  - name: gates\n    \
             if: { job: all-green }\n    then: ignore\notherwise: leave\n",
        ),
        may: |job| ["build", "early", "late", "all-green"].contains(&&*job.name),
        leaves: true,
        ..DEFAULT
    },
    Drawn {
        text: Some(
            "rules:\n  - name: lost runners\n    if: { lost_runner: true }\n    then: rerun\n    max_reruns: 2\n    \
             delay: 1m\notherwise: leave\n",
        ),
        may: |job| matches!(job.outcome, Some(Outcome::LostRunner(_))),
        leaves: true,
        ..DEFAULT
    },
    Drawn {
        text: Some(
            "rules:\n  - name: as if by chance\n    if: { log: the step failed, exit_code: 1 }\n    then: rerun\n\
             otherwise: leave\n",
        ),
        may: |job| matches!(job.outcome, Some(Outcome::Failure(_))) || &*job.name == "all-green",
        leaves: true,
        ..DEFAULT
    },
    Drawn {
        // A lost runner took its log along: nobody knows what stood in it.
        text: Some("rules:\n  - name: the author's\n    if: { log: the step failed }\n    then: leave\n"),
        may: |job| !matches!(job.outcome, Some(Outcome::Failure(_) | Outcome::LostRunner(_))),
        leaves: true,
        ..DEFAULT
    },
    Drawn {
        text: Some("rules:\n  - name: the author's\n    if: { exit_code: '>= 1', job: '*' }\n    then: leave\n"),
        may: |job| !matches!(job.outcome, Some(Outcome::Failure(_))),
        leaves: true,
        ..DEFAULT
    },
    Drawn {
        text: Some("workflows: { exclude: [red, CI] }\n"),
        workflows: |name| !["red", "ci"].contains(&name),
        leaves: true,
        ..DEFAULT
    },
    Drawn {
        text: Some("budget: { reruns_per_hour: 2, minutes_per_day: 3000 }\n"),
        leaves: true,
        hourly: Some(2),
        ..DEFAULT
    },
    Drawn { text: Some("conclusions: [failure, timed_out, cancelled]\n"), cancelled: true, ..DEFAULT },
    Drawn { text: Some("scope: all_jobs\ndebug_logging: last\nstop_when_repeated: 3\n"), leaves: true, ..DEFAULT },
    Drawn { text: Some("max_rerun: 3\n"), limit: 0, leaves: true, ..DEFAULT },
    Drawn { text: Some("rules: [\n"), limit: 0, leaves: true, ..DEFAULT },
];

/// A repository's policy file over one schedule.
#[derive(Debug)]
pub struct Plan {
    pub first: &'static Drawn,
    pub then: Option<(Millis, &'static Drawn)>,
}

impl Plan {
    pub fn none() -> Self {
        Self { first: &NONE, then: None }
    }

    /// None, one all the time, or one that is changed in the middle.
    pub fn draw(random: &mut fastrand::Rng, start: Millis, lasts: Span) -> Self {
        let one = |random: &mut fastrand::Rng| match random.usize(0..3) {
            0 => &NONE,
            _ => &ALL[random.usize(0..ALL.len())],
        };
        match random.usize(0..4) {
            0 | 1 => Self::none(),
            2 => Self { first: &ALL[random.usize(0..ALL.len())], then: None },
            _ => {
                let (first, then) = (one(random), one(random));
                Self { first, then: Some((start + Span::millis(random.i64(0..lasts.as_millis())), then)) }
            }
        }
    }

    fn versions(&self) -> impl Iterator<Item = &'static Drawn> {
        [Some(self.first), self.then.map(|(_, then)| then)].into_iter().flatten()
    }

    /// Why a re-run of this attempt is against every version of the file.
    pub fn objection(
        &self,
        attempt: u32,
        conclusion: Option<Conclusion>,
        jobs: &[Job],
        of_fork: bool,
        workflow: &str,
    ) -> Option<String> {
        let failed = |job: &&Job| {
            matches!(job.conclusion(), Some(Conclusion::Failure | Conclusion::TimedOut)) && !job.spec.continue_on_error
        };
        let of = |version: &Drawn| {
            if attempt > version.limit {
                return Some(format!("its limit is {}", version.limit));
            }
            if conclusion == Some(Conclusion::Cancelled) && !version.cancelled {
                return Some("cancelled runs are left".to_owned());
            }
            if of_fork && !version.forks {
                return Some("forks are left".to_owned());
            }
            if !(version.workflows)(workflow) {
                return Some(format!("the workflow {workflow} is left"));
            }
            let left = jobs.iter().filter(failed).find(|job| !(version.may)(job))?;
            Some(format!("the failed job {} is left", left.name))
        };
        let objections: Option<Vec<String>> = self.versions().map(of).collect();
        objections.map(|objections| objections.join("; "))
    }

    /// Whether a failed attempt that was not re-run may have ended so by the policy.
    pub fn explains(&self, outcome: RunOutcome, attempt: u32) -> bool {
        match outcome {
            RunOutcome::Exhausted => self.versions().any(|version| attempt > version.limit || version.leaves),
            RunOutcome::Left => self.versions().any(|version| version.leaves),
            _ => false,
        }
    }

    /// Whether every version leaves what its pull request has moved on from.
    pub fn skips_superseded(&self) -> bool {
        self.versions().all(|version| version.skips_superseded)
    }

    /// Re-runs in an hour at most, if every version says so.
    pub fn hourly(&self) -> Option<usize> {
        let of_each: Option<Vec<usize>> = self.versions().map(|version| version.hourly).collect();
        of_each.and_then(|hourly| hourly.into_iter().max())
    }
}
