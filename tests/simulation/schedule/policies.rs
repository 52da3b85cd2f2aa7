//! Policy files, and what each permits, said apart from the code that is under test.

use simulator::model::{Job, Outcome};

/// A policy file, and what it permits.
#[derive(Debug)]
pub struct Drawn {
    pub text: Option<&'static str>,
    /// `None`: as `MAX_RERUNS` says.
    pub limit: Option<u32>,
    /// What some rule raises that to.
    pub rules_limit: u32,
    /// Whether a failed job may be run again.
    pub may: fn(&Job) -> bool,
    /// Whether some failure is left alone that is below the limit.
    pub leaves: bool,
    pub budget: Budget,
    pub cancelled: bool,
    pub skips_superseded: bool,
    pub forks: bool,
    /// Whether runs of a workflow of that name may be run again.
    pub workflows: fn(&str) -> bool,
    /// It says nothing else than that the organization's file holds.
    pub is_organizations: bool,
    /// Nothing is done by it.
    pub is_broken: bool,
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
    is_broken: false,
};

pub static NONE: Drawn = DEFAULT;
/// A file in which nothing is said.
pub static EMPTY: Drawn = Drawn { text: Some("version: 1\n"), ..DEFAULT };

/// Of those that wait for the end of an outage.
const GUARDED: Drawn = Drawn {
    text: Some("outage: { runs: 3, within: 1h, probe_every: 5m, for_at_most: 2h }\nmax_reruns: 5\n"),
    limit: Some(5),
    ..DEFAULT
};
pub static ALWAYS_GUARDED: Drawn = GUARDED;
pub static NEVER_GUARDED: Drawn = Drawn { text: Some("max_reruns: 5\n"), limit: Some(5), ..DEFAULT };

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

const BROKEN_FILE: Drawn = Drawn { limit: Some(0), leaves: true, is_broken: true, ..DEFAULT };

pub static BROKEN: Drawn = BROKEN_FILE;

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
pub static PRESETS: [(&str, Drawn); 3] = [
    ("everything", DEFAULT),
    ("infrastructure", Drawn { text: None, ..INFRASTRUCTURE }),
    ("careful", Drawn { text: None, ..CAREFUL }),
];

pub static ALL: [Drawn; 29] = [
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
    Drawn { text: Some("max_rerun: 3\n"), ..BROKEN_FILE },
    Drawn { text: Some("rules: [\n"), ..BROKEN_FILE },
];

/// The file of an organization that extends itself.
pub static ITSELF: Drawn = Drawn { text: Some("extends: organization\n"), ..BROKEN_FILE };
