//! The month, written into a [`GitHub`]: pushes, runs, and people who press "re-run".

use super::failures::{BROKEN_BASE, FLAKY, Failure, INFRASTRUCTURE, REAL};
use super::times::{DAY, Times};
use super::workflows::{FILES, Script, names_of_jobs, workflow};
use super::{Past, PastPlan, PastRun, Why};
use crate::model::{
    Conclusion, EventKinds, GitHub, Millis, Outage, Outcome, RepositoryId, RunId, Timing, Trigger, fraction, mix,
};

const MINUTE: Millis = 60_000;
const PEOPLE: [&str; 5] = ["ada", "grace", "linus", "mona", "dependabot[bot]"];
/// As many pull requests are worked on at once.
const OPEN_PULLS: usize = 6;
/// From one new pull request to the next.
const RUNS_OF_A_PULL: usize = 25;
/// A script is no longer than this: what has not passed by then never will.
const MOST_ATTEMPTS: usize = 8;

/// A run that is to be.
struct Planned {
    at: Millis,
    why: Option<Why>,
    /// Its place among those of the same kind.
    nth: usize,
}

impl PastPlan {
    /// Writes the month that ends at `until`. Panics if the repository exists.
    pub fn write(&self, github: &mut GitHub, until: Millis) -> Past {
        let times = Times::new(self.days, until);
        let repository = github.add_repository(&self.repository, times.span.start - 400 * DAY);
        let timing = github.timing();
        github.set_timing(Timing::default());
        github.set_emits(repository, EventKinds::NONE);
        github.add_outage(Outage::of_registry(times.outage.start, times.outage.end).within(&[repository]));
        let mut writing = Writing { plan: self, github, repository, times: &times, until, pulls: vec![] };
        let planned = self.planned(&times);
        let runs = planned.iter().enumerate().map(|(number, planned)| writing.run(number, planned)).collect();
        github.set_emits(repository, EventKinds::ALL);
        github.set_timing(timing);
        Past { repository, runs, outage: times.outage, broken_base: times.broken_base }
    }

    /// In the order of time.
    fn planned(&self, times: &Times) -> Vec<Planned> {
        let mix_of = self.mix;
        let ordinary = [
            (Some(Why::Infrastructure), mix_of.infrastructure),
            (Some(Why::Flaky), mix_of.flaky),
            (Some(Why::Real), mix_of.real),
            (None, self.passed),
        ];
        let of_kind = |(why, count): (Option<Why>, usize)| (0..count).map(move |nth| (why, nth));
        let mut kinds: Vec<(Option<Why>, usize)> = ordinary.into_iter().flat_map(of_kind).collect();
        kinds.sort_by_key(|(why, nth)| mix(&[self.seed, *nth as u64, why.map_or(9, |why| why as u64)]));
        let mut planned: Vec<Planned> = times
            .between(mix(&[self.seed, 11]), kinds.len())
            .into_iter()
            .zip(kinds)
            .map(|(at, (why, nth))| Planned { at, why, nth })
            .collect();
        let windows = [
            (Why::BrokenBase, times.in_broken_base(mix(&[self.seed, 12]), mix_of.broken_base)),
            (Why::Outage, times.in_outage(mix(&[self.seed, 13]), mix_of.outage)),
        ];
        for (why, times) in windows {
            planned.extend(times.into_iter().enumerate().map(|(nth, at)| Planned { at, why: Some(why), nth }));
        }
        planned.sort_by_key(|planned| planned.at);
        planned
    }
}

struct Writing<'a> {
    plan: &'a PastPlan,
    github: &'a mut GitHub,
    repository: RepositoryId,
    times: &'a Times,
    until: Millis,
    /// Those that are open.
    pulls: Vec<u64>,
}

impl Writing<'_> {
    fn chance(&self, number: usize, of: u64) -> f64 {
        fraction(mix(&[self.plan.seed, number as u64, of]))
    }

    fn pick<T: Copy>(&self, number: usize, of: u64, among: &[T]) -> T {
        among[(self.chance(number, of) * among.len() as f64) as usize]
    }

    fn run(&mut self, number: usize, planned: &Planned) -> PastRun {
        let failure = self.failure(planned);
        let file = match failure {
            Some(failure) => failure.workflow,
            // Its jobs install something, or need one that does.
            None if planned.why == Some(Why::Outage) => self.pick(number, 1, &FILES[..2]),
            None => self.pick(number, 1, &FILES),
        };
        let script = failure.map(|failure| self.script(number, planned, failure));
        let passes_with = match (&script, planned.why) {
            (Some(script), _) => script.outcomes.iter().position(|outcome| *outcome == Outcome::Success),
            (None, Some(_)) => Some(1),
            (None, None) => Some(0),
        };
        let workflow = workflow(file, script.as_ref());
        let id = match self.github.find_workflow(self.repository, &workflow.path) {
            Some(known) => {
                self.github.replace_workflow(self.repository, known, workflow);
                known
            }
            None => self.github.add_workflow(self.repository, workflow),
        };
        let trigger = self.trigger(number, planned, file);
        let run = self.github.start_run(self.repository, id, trigger, planned.at);
        self.settle(run);
        let jobs = failure.map_or_else(|| self.failed_jobs(run), names_of_jobs);
        let pressed = if self.plan.people { self.press(number, planned, run) } else { 0 };
        PastRun { id: run, why: planned.why, jobs, passes_with: passes_with.map(|with| with as u32), pressed }
    }

    fn failure(&self, planned: &Planned) -> Option<&'static Failure> {
        let of = |all: &'static [Failure]| all.get(planned.nth % all.len());
        match planned.why? {
            Why::Infrastructure => of(INFRASTRUCTURE),
            Why::Flaky => of(FLAKY),
            Why::Real => of(REAL),
            Why::BrokenBase => {
                let window = self.times.broken_base.iter().position(|window| window.contains(&planned.at))?;
                BROKEN_BASE.get(window % BROKEN_BASE.len())
            }
            Why::Outage => None,
        }
    }

    fn script<'f>(&self, number: usize, planned: &Planned, failure: &'f Failure) -> Script<'f> {
        let never = matches!(planned.why, Some(Why::Real | Why::BrokenBase));
        let fails =
            |attempt: &usize| never || self.chance(number, 100 + *attempt as u64) * 100.0 >= failure.rate as f64;
        let noisy = never && number.is_multiple_of(6);
        let failures = 1 + (1..MOST_ATTEMPTS).take_while(fails).count();
        let mut outcomes = vec![failure.outcome(mix(&[self.plan.seed, number as u64]), noisy); failures];
        if failures < MOST_ATTEMPTS {
            outcomes.push(Outcome::Success);
        }
        Script { failure, outcomes }
    }

    fn trigger(&mut self, number: usize, planned: &Planned, file: &str) -> Trigger {
        let (github, repository, at) = (&mut *self.github, self.repository, planned.at);
        if number.is_multiple_of(RUNS_OF_A_PULL) || self.pulls.is_empty() {
            let nth = number / RUNS_OF_A_PULL;
            let author = PEOPLE[nth % PEOPLE.len()];
            // One of the forks works on its own `main`, as many do.
            let branch = if nth % 12 == 6 { "main".to_owned() } else { format!("change-{nth}") };
            self.pulls.push(github.open_pull_request(repository, &branch, author, nth.is_multiple_of(6), at));
            if self.pulls.len() > OPEN_PULLS {
                github.merge_pull_request(repository, self.pulls.remove(0), at);
            }
        }
        let on_main = match planned.why {
            // Whoever breaks something for good does it on a branch; but the base is broken by what is on it.
            Some(Why::Real) => false,
            Some(Why::BrokenBase) => planned.nth.is_multiple_of(4) || self.is_first_in_window(at),
            _ => self.chance(number, 2) < 0.4,
        };
        if on_main || file == "release.yml" {
            self.github.push(repository, "main", at);
            return Trigger::push("main", self.pick(number, 3, &PEOPLE));
        }
        let pull = self.pick(number, 4, &self.pulls.clone());
        self.github.push_to_pull_request(repository, pull, at);
        let author = self.github.repository(repository).pull(pull).map(|pull| pull.author.clone());
        Trigger::pull_request(pull, author.unwrap_or_else(|| "mona".into()))
    }

    fn is_first_in_window(&self, at: Millis) -> bool {
        let runs = self.plan.mix.broken_base.max(1) as Millis;
        let windows = &self.times.broken_base;
        let whole: Millis = windows.iter().map(|window| window.end - window.start).sum();
        windows.iter().any(|window| window.contains(&at) && at - window.start < 2 * whole / runs)
    }

    /// When its latest attempt ended.
    fn settle(&mut self, run: RunId) -> Millis {
        loop {
            if let Some(at) = self.github.run(run).latest().completed_at {
                return at;
            }
            let next = self.github.next_change_at().expect("a run that goes on has something that happens next");
            self.github.advance(next);
        }
    }

    fn failed_jobs(&self, run: RunId) -> Vec<String> {
        let jobs = self.github.run(run).latest().jobs.iter();
        let failed = jobs.filter(|job| job.conclusion() == Some(Conclusion::Failure) && &*job.name != "all-green");
        let mut names: Vec<String> = failed.map(|job| job.name.to_string()).collect();
        names.sort();
        names
    }

    /// How often people pressed "re-run failed jobs".
    fn press(&mut self, number: usize, planned: &Planned, run: RunId) -> u32 {
        let Some(why) = planned.why else { return 0 };
        let (share, most) = match why {
            Why::Infrastructure => (0.6, 2),
            Why::Flaky => (0.7, 3),
            Why::Real => (0.25, 1),
            Why::BrokenBase => (0.2, 1),
            Why::Outage => (0.6, 4),
        };
        if self.chance(number, 5) >= share {
            return 0;
        }
        for press in 0..most {
            let ended = self.settle(run);
            if self.github.run(run).latest().conclusion == Some(Conclusion::Success) {
                return press;
            }
            let wait = 5 * MINUTE + (self.chance(number, 6 + u64::from(press)) * 85.0) as Millis * MINUTE;
            let at = if why == Why::Outage { ended + wait } else { self.times.outside_of_outage(ended + wait) };
            let person = self.pick(number, 20 + u64::from(press), &PEOPLE[..4]);
            if at + 60 * MINUTE > self.until || self.github.press_rerun_failed(run, person, at).is_err() {
                return press;
            }
        }
        self.settle(run);
        most
    }
}
