//! The policy files of a schedule's repositories, and what each permits, said apart from the code that is under test.

use rerunner::policy::RunOutcome;
use rerunner::time::{Millis, Span};
use simulator::model::{Conclusion, Job, Outcome};

use super::kind::Emphasis;
use super::settings::Deployed;

/// A policy file, and what it permits.
#[derive(Debug)]
pub struct Drawn {
    pub text: Option<&'static str>,
    /// `None`: as `MAX_RERUNS` says.
    limit: Option<u32>,
    /// What some rule raises that to.
    rules_limit: u32,
    /// Whether a failed job may be run again.
    may: fn(&Job) -> bool,
    /// Whether some failure is left alone that is below the limit.
    leaves: bool,
    pub budget: Budget,
    pub cancelled: bool,
    skips_superseded: bool,
    forks: bool,
    /// Whether runs of a workflow of that name may be run again.
    workflows: fn(&str) -> bool,
    /// It says nothing else than that the organization's file holds.
    is_organizations: bool,
}

/// What all re-runs of a repository may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub hourly: Option<usize>,
    pub daily: Option<usize>,
    pub minutes_a_day: Option<u32>,
}

const UNLIMITED: Budget = Budget { hourly: None, daily: None, minutes_a_day: None };

const DEFAULT: Drawn = Drawn {
    text: None,
    limit: None,
    rules_limit: 0,
    may: |_| true,
    leaves: false,
    budget: UNLIMITED,
    cancelled: false,
    skips_superseded: true,
    forks: true,
    workflows: |_| true,
    is_organizations: false,
};

static NONE: Drawn = DEFAULT;

/// Of those that wait for the end of an outage.
const GUARDED: Drawn = Drawn {
    text: Some("outage: { runs: 3, within: 1h, probe_every: 5m, for_at_most: 2h }\nmax_reruns: 5\n"),
    limit: Some(5),
    ..DEFAULT
};
static ALWAYS_GUARDED: Drawn = GUARDED;
static NEVER_GUARDED: Drawn = Drawn { text: Some("max_reruns: 5\n"), limit: Some(5), ..DEFAULT };

/// What a job's own step writes when it fails.
fn is_the_steps(job: &Job) -> bool {
    matches!(job.outcome, Some(Outcome::Failure(_))) && !is_infrastructure(job)
}

/// A runner that was lost, or what a registry's outage leaves in the log.
fn is_infrastructure(job: &Job) -> bool {
    match &job.outcome {
        Some(Outcome::LostRunner(_)) => true,
        Some(Outcome::Failure(failure)) => failure.log.contains("E503"),
        _ => false,
    }
}

const BROKEN_FILE: Drawn = Drawn { limit: Some(0), leaves: true, ..DEFAULT };

static BROKEN: Drawn = BROKEN_FILE;

/// Gates are ignored.
const INFRASTRUCTURE: Drawn = Drawn {
    text: Some("extends: infrastructure\n"),
    may: |job| is_infrastructure(job) || &*job.name == "all-green",
    leaves: true,
    ..DEFAULT
};

/// What was often rescued can be any job.
const CAREFUL: Drawn = Drawn { text: Some("extends: careful\n"), leaves: true, ..DEFAULT };

/// By their names in `DEFAULT_POLICY`.
static PRESETS: [(&str, Drawn); 3] = [
    ("everything", DEFAULT),
    ("infrastructure", Drawn { text: None, ..INFRASTRUCTURE }),
    ("careful", Drawn { text: None, ..CAREFUL }),
];

static ALL: [Drawn; 29] = [
    Drawn { text: Some("extends: everything\nmax_reruns: 1\n"), limit: Some(1), ..DEFAULT },
    INFRASTRUCTURE,
    CAREFUL,
    Drawn {
        // The rule stands in the preset's place, before nothing that re-runs.
        text: Some(
            "extends: [infrastructure, careful]\nrules:\n  - name: often rescued\n    if: { job: '*' }\n    then: leave\n",
        ),
        ..INFRASTRUCTURE
    },
    Drawn { text: Some("extends: organization\n"), is_organizations: true, leaves: true, ..DEFAULT },
    Drawn { text: Some("extends: [careful, organisation]\n"), ..BROKEN_FILE },
    Drawn { text: Some("skip_superseded: false\n"), skips_superseded: false, ..DEFAULT },
    Drawn { text: Some("forks: leave\n"), leaves: true, forks: false, ..DEFAULT },
    Drawn { text: Some("version: 1\nmax_reruns: 1\n"), limit: Some(1), ..DEFAULT },
    Drawn { text: Some("max_reruns: 6\ndelay: 20s\nbackoff: 2\n"), limit: Some(6), ..DEFAULT },
    Drawn { text: Some("max_reruns: 0\n"), limit: Some(0), leaves: true, ..DEFAULT },
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
        rules_limit: 2,
        may: |job| matches!(job.outcome, Some(Outcome::LostRunner(_))),
        leaves: true,
        ..DEFAULT
    },
    Drawn {
        text: Some(
            "rules:\n  - name: as if by chance\n    if: { log: the step failed, exit_code: 1 }\n    then: rerun\n\
             otherwise: leave\n",
        ),
        may: |job| is_the_steps(job) || &*job.name == "all-green",
        leaves: true,
        ..DEFAULT
    },
    Drawn {
        // A lost runner took its log along: nobody knows what stood in it.
        text: Some("rules:\n  - name: the author's\n    if: { log: the step failed }\n    then: leave\n"),
        may: |job| !is_the_steps(job) && !matches!(job.outcome, Some(Outcome::LostRunner(_))),
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
        budget: Budget { hourly: Some(2), ..UNLIMITED },
        ..DEFAULT
    },
    Drawn {
        text: Some("budget: { reruns_per_day: 3 }\n"),
        leaves: true,
        budget: Budget { daily: Some(3), ..UNLIMITED },
        ..DEFAULT
    },
    Drawn {
        text: Some("budget: { minutes_per_day: 5 }\n"),
        leaves: true,
        budget: Budget { minutes_a_day: Some(5), ..UNLIMITED },
        ..DEFAULT
    },
    Drawn { text: Some("conclusions: [failure, timed_out, cancelled]\n"), cancelled: true, ..DEFAULT },
    Drawn { text: Some("scope: all_jobs\ndebug_logging: last\nstop_when_repeated: 3\n"), leaves: true, ..DEFAULT },
    Drawn {
        text: Some("rules: [{ name: infrastructure, if: { cause: infrastructure }, then: rerun }]\notherwise: leave\n"),
        may: is_infrastructure,
        leaves: true,
        ..DEFAULT
    },
    Drawn {
        text: Some("rules: [{ name: hopeless, if: { rescue_rate: '< 30' }, then: leave }]\n"),
        leaves: true,
        ..DEFAULT
    },
    Drawn {
        text: Some("rules: [{ name: broken base, if: { base_failed: true }, then: leave }]\n"),
        leaves: true,
        ..DEFAULT
    },
    Drawn {
        text: Some(
            "rules:\n  - { name: compiler, if: { source_annotation: true, cause: [test, compile] }, then: leave }\n\
             outage: { runs: 3, within: 30m }\nmixed: rerun\n",
        ),
        leaves: true,
        ..DEFAULT
    },
    GUARDED,
    Drawn { text: Some("max_rerun: 3\n"), limit: Some(0), leaves: true, ..DEFAULT },
    Drawn { text: Some("rules: [\n"), limit: Some(0), leaves: true, ..DEFAULT },
];

/// The files that bear on a repository.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    pub own: &'a Plan,
    pub organizations: &'a Plan,
}

/// What a repository has at one path over one schedule: from when on which file.
#[derive(Debug)]
pub struct Plan(pub Vec<(Millis, &'static Drawn)>);

impl Plan {
    pub fn none() -> Self {
        Self(vec![(Millis(0), &NONE)])
    }

    /// The organization's: none, or some that follow each other, of which one may be that there is none.
    pub fn draw_organizations(random: &mut fastrand::Rng, start: Millis, lasts: Span) -> Self {
        let one = |random: &mut fastrand::Rng| match random.usize(0..4) {
            0 => &NONE,
            _ => &ALL[random.usize(0..ALL.len())],
        };
        let mut versions = vec![(Millis(0), if random.bool() { &NONE } else { one(random) })];
        for _ in 0..random.usize(0..4) {
            let at = start + Span::millis(random.i64(0..lasts.as_millis()));
            versions.push((at, one(random)));
        }
        versions.sort_by_key(|(at, _)| *at);
        // It cannot begin with itself.
        for (_, version) in versions.iter_mut().filter(|(_, version)| version.is_organizations) {
            *version = &ITSELF;
        }
        Self(versions)
    }

    /// None, one all the time, or one that is changed in the middle.
    pub fn draw(random: &mut fastrand::Rng, emphasis: Option<Emphasis>, start: Millis, lasts: Span) -> Self {
        if emphasis == Some(Emphasis::Budgets) {
            let limited = |drawn: &&Drawn| drawn.budget.daily.or(drawn.budget.minutes_a_day.map(|_| 0)).is_some();
            let all: Vec<&'static Drawn> = ALL.iter().filter(limited).collect();
            return Self(vec![(Millis(0), all[random.usize(0..all.len())])]);
        }
        if emphasis == Some(Emphasis::Cancellations) {
            let later = start + Span::millis(lasts.as_millis() / 2);
            let wanting = ALL.iter().filter(|drawn| drawn.cancelled).map(|drawn| (later, drawn));
            return Self([(Millis(0), &NONE)].into_iter().chain(wanting).collect());
        }
        match emphasis {
            Some(Emphasis::Outages) => return Self(vec![(Millis(0), &ALWAYS_GUARDED)]),
            Some(Emphasis::UnguardedOutages) => return Self(vec![(Millis(0), &NEVER_GUARDED)]),
            _ => {}
        }
        let one = |random: &mut fastrand::Rng| match random.usize(0..3) {
            0 => &NONE,
            _ => &ALL[random.usize(0..ALL.len())],
        };
        match random.usize(0..4) {
            0 | 1 => Self::none(),
            2 => Self(vec![(Millis(0), &ALL[random.usize(0..ALL.len())])]),
            _ => {
                let (first, then) = (one(random), one(random));
                let at = start + Span::millis(random.i64(0..lasts.as_millis()));
                Self(vec![(Millis(0), first), (at, then)])
            }
        }
    }

    /// Those that were there by then: whoever was told of a file may go by it for as long as GitHub does not answer.
    fn versions(&self, until: Millis) -> impl Iterator<Item = &'static Drawn> {
        self.0.iter().filter(move |(from, _)| *from <= until).map(|(_, version)| *version)
    }

    /// Whether every version leaves what its pull request has moved on from.
    pub fn skips_superseded(&self) -> bool {
        self.0.iter().all(|(_, version)| version.skips_superseded)
    }

    /// The most that any version leaves to all re-runs, if each leaves no more than something.
    pub fn budget(&self) -> Budget {
        fn most<T: Ord>(plan: &Plan, of: impl Fn(&Budget) -> Option<T>) -> Option<T> {
            let of_each: Option<Vec<T>> = plan.0.iter().map(|(_, version)| of(&version.budget)).collect();
            of_each.and_then(|all| all.into_iter().max())
        }
        Budget {
            hourly: most(self, |budget| budget.hourly),
            daily: most(self, |budget| budget.daily),
            minutes_a_day: most(self, |budget| budget.minutes_a_day),
        }
    }

    /// From when on some version re-runs what was cancelled; `None`: none does.
    pub fn wants_cancelled_from(&self) -> Option<Millis> {
        self.0.iter().find(|(_, version)| version.cancelled).map(|(from, _)| *from)
    }
}

/// The file of an organization that extends itself.
static ITSELF: Drawn = Drawn { text: Some("extends: organization\n"), ..BROKEN_FILE };

impl Files<'_> {
    /// What may have held by then: each version of the repository's file with each of the organization's.
    fn versions(self, settings: &Deployed, until: Millis) -> Vec<&'static Drawn> {
        let preset =
            || PRESETS.iter().find(|(name, _)| *name == settings.default_policy).map_or(&NONE, |(_, drawn)| drawn);
        let organizations = |otherwise: &'static Drawn| {
            let held = self.organizations.versions(until).map(move |version| match version.text {
                Some(_) => version,
                None => otherwise,
            });
            if settings.organizations { held.collect() } else { vec![otherwise] }
        };
        let of = |own: &'static Drawn| match own.text {
            None => organizations(preset()),
            Some(_) if own.is_organizations => organizations(&BROKEN),
            Some(_) => vec![own],
        };
        self.own.versions(until).flat_map(of).collect()
    }

    /// Why a re-run of this attempt at that time is against everything that may have held.
    #[expect(clippy::too_many_arguments, reason = "what a file can look at in an attempt")]
    pub fn objection(
        self,
        settings: &Deployed,
        at: Millis,
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
            let limit = version.limit.unwrap_or(settings.max_reruns).max(version.rules_limit);
            if attempt > limit {
                return Some(format!("its limit is {limit}"));
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
        let objections: Option<Vec<String>> = self.versions(settings, at).into_iter().map(of).collect();
        objections.map(|objections| objections.join("; "))
    }

    /// Whether a failed attempt that was not re-run may have ended so by the policy.
    pub fn explains(self, settings: &Deployed, at: Millis, outcome: RunOutcome, attempt: u32) -> bool {
        let mut versions = self.versions(settings, at).into_iter();
        match outcome {
            RunOutcome::Exhausted => {
                versions.any(|version| attempt > version.limit.unwrap_or(settings.max_reruns) || version.leaves)
            }
            RunOutcome::Left => {
                versions.any(|version| version.leaves || (version.limit.is_none() && settings.max_reruns == 0))
            }
            _ => false,
        }
    }
}
