//! From when on a schedule's repositories have which policy files, and what those permit together.

use rerunner::policy::RunOutcome;
use rerunner::time::{Millis, Span};
use simulator::model::{Conclusion, Job};

use super::extras::{Commanders, Extras};
use super::kind::Emphasis;
use super::policies::{ALL, ALWAYS_GUARDED, BROKEN, Budget, Drawn, EMPTY, ITSELF, NEVER_GUARDED, NONE, PRESETS};
use super::settings::Deployed;

/// The files that bear on a repository.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    pub own: &'a Plan,
    pub organizations: &'a Plan,
}

/// What a repository has at one path over one schedule: from when on which file.
#[derive(Debug)]
pub struct Plan(pub Vec<Version>);

/// A file, from then on.
#[derive(Debug, Clone, Copy)]
pub struct Version {
    pub from: Millis,
    pub drawn: &'static Drawn,
    pub extras: Extras,
}

impl Version {
    const fn new(from: Millis, drawn: &'static Drawn) -> Self {
        Self { from, drawn, extras: Extras::NONE }
    }

    /// `None`: there is no file.
    pub fn text(&self) -> Option<String> {
        self.drawn.text.map(|text| format!("{text}{}", self.extras.text()))
    }
}

impl Plan {
    pub fn none() -> Self {
        Self(vec![Version::new(Millis(0), &NONE)])
    }

    /// The organization's: none, or some that follow each other, of which one may be that there is none.
    pub fn draw_organizations(random: &mut fastrand::Rng, start: Millis, lasts: Span) -> Self {
        let one = |random: &mut fastrand::Rng| match random.usize(0..4) {
            0 => &NONE,
            _ => &ALL[random.usize(0..ALL.len())],
        };
        let mut versions = vec![Version::new(Millis(0), if random.bool() { &NONE } else { one(random) })];
        for _ in 0..random.usize(0..4) {
            let at = start + Span::millis(random.i64(0..lasts.as_millis()));
            versions.push(Version::new(at, one(random)));
        }
        versions.sort_by_key(|version| version.from);
        // It cannot begin with itself.
        for version in versions.iter_mut().filter(|version| version.drawn.is_organizations) {
            version.drawn = &ITSELF;
        }
        Self(versions)
    }

    /// None, one all the time, or one that is changed in the middle.
    pub fn draw(random: &mut fastrand::Rng, emphasis: Option<Emphasis>, start: Millis, lasts: Span) -> Self {
        if emphasis == Some(Emphasis::Budgets) {
            let limited = |drawn: &&Drawn| drawn.budget.daily.or(drawn.budget.minutes_a_day.map(|_| 0)).is_some();
            let all: Vec<&'static Drawn> = ALL.iter().filter(limited).collect();
            return Self(vec![Version::new(Millis(0), all[random.usize(0..all.len())])]);
        }
        if emphasis == Some(Emphasis::Cancellations) {
            let later = start + Span::millis(lasts.as_millis() / 2);
            let wanting = ALL.iter().filter(|drawn| drawn.cancelled).map(|drawn| Version::new(later, drawn));
            return Self([Version::new(Millis(0), &NONE)].into_iter().chain(wanting).collect());
        }
        match emphasis {
            Some(Emphasis::Outages) => return Self(vec![Version::new(Millis(0), &ALWAYS_GUARDED)]),
            Some(Emphasis::UnguardedOutages) => return Self(vec![Version::new(Millis(0), &NEVER_GUARDED)]),
            _ => {}
        }
        let one = |random: &mut fastrand::Rng| match random.usize(0..3) {
            0 => &NONE,
            _ => &ALL[random.usize(0..ALL.len())],
        };
        match random.usize(0..4) {
            0 | 1 => Self::none(),
            2 => Self(vec![Version::new(Millis(0), &ALL[random.usize(0..ALL.len())])]),
            _ => {
                let (first, then) = (one(random), one(random));
                let at = start + Span::millis(random.i64(0..lasts.as_millis()));
                Self(vec![Version::new(Millis(0), first), Version::new(at, then)])
            }
        }
    }

    /// Those that were there by then: whoever was told of a file may go by it for as long as GitHub does not answer.
    fn versions(&self, until: Millis) -> impl Iterator<Item = Version> {
        self.0.iter().filter(move |version| version.from <= until).copied()
    }

    /// The same with what is said beside re-runs. Where that is something, there is a file.
    pub fn with_extras(mut self, apart: &mut fastrand::Rng, emphasis: Option<Emphasis>) -> Self {
        for version in &mut self.0 {
            version.extras = Extras::draw(apart, emphasis);
            if version.drawn.text.is_none() && version.extras != Extras::NONE {
                version.drawn = &EMPTY;
            }
        }
        self
    }

    /// Whether every version leaves what its pull request has moved on from.
    pub fn skips_superseded(&self) -> bool {
        self.0.iter().all(|version| version.drawn.skips_superseded)
    }

    /// The most that any version leaves to all re-runs, if each leaves no more than something.
    pub fn budget(&self) -> Budget {
        fn most<T: Ord>(plan: &Plan, of: impl Fn(&Budget) -> Option<T>) -> Option<T> {
            let of_each: Option<Vec<T>> = plan.0.iter().map(|version| of(&version.drawn.budget)).collect();
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
        self.0.iter().find(|version| version.drawn.cancelled).map(|version| version.from)
    }
}

impl Files<'_> {
    /// What may have held by then: each version of the repository's file with each of the organization's.
    fn versions(self, settings: &Deployed, until: Millis) -> Vec<Version> {
        let preset =
            || PRESETS.iter().find(|(name, _)| *name == settings.default_policy).map_or(&NONE, |(_, drawn)| drawn);
        let organizations = |otherwise: &'static Drawn| {
            let otherwise = Version::new(Millis(0), otherwise);
            let held = self.organizations.versions(until).map(move |version| match version.drawn.text {
                Some(_) => version,
                None => otherwise,
            });
            if settings.organizations { held.collect() } else { vec![otherwise] }
        };
        let of = |own: Version| match own.drawn.text {
            None => organizations(preset()),
            Some(_) if own.drawn.is_organizations => {
                let said = |held: Version| Version { extras: own.extras.or(held.extras), ..held };
                organizations(&BROKEN).into_iter().map(said).collect()
            }
            Some(_) => vec![own],
        };
        self.own.versions(until).flat_map(of).collect()
    }

    /// Who may have been let give commands by then, by each of what may have held; `None`: nobody.
    pub fn commanders(self, settings: &Deployed, until: Millis) -> Vec<Option<Commanders>> {
        let of = |version: Version| version.extras.commands.filter(|_| !version.drawn.is_broken);
        self.versions(settings, until).into_iter().map(of).collect()
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
        let versions = self.versions(settings, at);
        let objections: Option<Vec<String>> = versions.into_iter().map(|version| of(version.drawn)).collect();
        objections.map(|objections| objections.join("; "))
    }

    /// Whether a failed attempt that was not re-run may have ended so by the policy.
    pub fn explains(self, settings: &Deployed, at: Millis, outcome: RunOutcome, attempt: u32) -> bool {
        let mut versions = self.versions(settings, at).into_iter().map(|version| version.drawn);
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
