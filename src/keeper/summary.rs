//! A repository in a nutshell, for Workers KV: what the overview of all repositories and the metrics are made of, with
//! one list and no Keeper woken. All but the insights is metadata, which may have 1,024 bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::names::RepoName;
use crate::time::Millis;

use super::insights::{CauseSums, Insights};
use super::outage_view::OutageSums;
use super::retention::WINDOW_DAYS;
use super::store::statistics::{Figures, ORDINALS, Reruns, RerunsOf, Totals};

/// Workers KV takes 1,024.
const METADATA_BYTES: usize = 1_000;
const MESSAGE_CHARS: usize = 120;
const MESSAGE_CHARS_IF_NEED_BE: usize = 30;
/// What goes on now is worth more than what was weeks ago.
const DAYS_BESIDE_AN_OUTAGE: usize = 20;
/// And these are worth more than the days before.
const CAUSES_BESIDE_DAYS: usize = 4;

pub const PREFIX: &str = "repositories/";

pub fn key(repository: &RepoName) -> String {
    format!("{PREFIX}{}", repository.key())
}

/// Names are short for the sake of the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    #[serde(rename = "n")]
    pub repository: RepoName,
    #[serde(rename = "t")]
    pub at: Millis,
    #[serde(rename = "c")]
    pub totals: Totals,
    #[serde(rename = "d")]
    pub days: Vec<Day>,
    /// What the re-runs of the window brought, as it was then; `None`: by a version that did not say.
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub reruns: Option<RerunSums>,
    /// Re-runs that the policy allows in a day.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<u64>,
    #[serde(rename = "z", default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// What GitHub said when it refused the credentials.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Why nothing can be done in this repository.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub repository_problem: Option<String>,
    /// What is wrong with the policy file.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub policy_problem: Option<String>,
    /// `None`: there is none.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub outages: Option<OutageSums>,
    /// When a webhook came last: those that are ignored count once a day. `None`: by a version that did not say.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub last_webhook: Option<Millis>,
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub last_decision: Option<Millis>,
    /// What attempts failed with in the four weeks before [`Self::at`], as far as there was room.
    #[serde(rename = "k", default, skip_serializing_if = "CauseSums::is_empty")]
    pub causes: CauseSums,
    /// Not in metadata ([`Self::metadata`]). `None`: by a version that did not say.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub insights: Option<Insights>,
}

/// Re-runs made, rescued and wasted: of a run's first ones, its second ones, its third ones and later ones; and by policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RerunSums {
    #[serde(rename = "o")]
    pub by_ordinal: [(u64, u64, u64); ORDINALS],
    /// `None`: there was no room for it. Re-runs of which no policy is on record are under an empty name.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub by_policy: Option<BTreeMap<String, (u64, u64, u64)>>,
}

impl RerunSums {
    pub fn of(reruns: &[RerunsOf]) -> Self {
        let mut by_ordinal = [Reruns::default(); ORDINALS];
        let mut by_policy: BTreeMap<String, Reruns> = BTreeMap::new();
        for of in reruns {
            for (sum, reruns) in by_ordinal.iter_mut().zip(of.by_ordinal) {
                *sum = sum.plus(reruns);
            }
            let sum = by_policy.entry(of.policy.clone().unwrap_or_default()).or_default();
            *sum = of.by_ordinal.into_iter().fold(*sum, Reruns::plus);
        }
        let numbers = |Reruns { made, rescued, wasted }: Reruns| (made, rescued, wasted);
        let by_policy = by_policy.into_iter().map(|(policy, reruns)| (policy, numbers(reruns))).collect();
        Self { by_ordinal: by_ordinal.map(numbers), by_policy: Some(by_policy) }
    }

    /// If either does not know it by policy, neither does the sum.
    pub fn plus(&self, other: &Self) -> Self {
        let sum = |a: (u64, u64, u64), b: (u64, u64, u64)| (a.0 + b.0, a.1 + b.1, a.2 + b.2);
        let mut by_ordinal = self.by_ordinal;
        by_ordinal.iter_mut().zip(other.by_ordinal).for_each(|(all, more)| *all = sum(*all, more));
        let by_policy = self.by_policy.clone().zip(other.by_policy.as_ref()).map(|(mut all, more)| {
            for (policy, reruns) in more {
                let of_it = all.entry(policy.clone()).or_default();
                *of_it = sum(*of_it, *reruns);
            }
            all
        });
        Self { by_ordinal, by_policy }
    }

    fn none() -> Self {
        Self { by_policy: Some(BTreeMap::new()), ..Self::default() }
    }
}

/// The day before `at` by so many, then what it brought: rescued, exhausted, re-runs, runner seconds, seconds saved.
pub type Day = (i64, u64, u64, u64, u64, u64);

impl Summary {
    pub fn new(repository: RepoName, at: Millis, totals: Totals, days: &[(i64, Figures)]) -> Self {
        let day = |(day, figures): &(i64, Figures)| {
            let Figures { rescued, exhausted, reruns, runner_seconds, saved_seconds, .. } = *figures;
            (at.day() - day, rescued, exhausted, reruns, runner_seconds, saved_seconds)
        };
        let brought_something = |day: &Day| (day.1, day.2, day.3, day.4, day.5) != (0, 0, 0, 0, 0);
        let days = days.iter().map(day).filter(brought_something).collect();
        Self {
            repository,
            at,
            totals,
            days,
            reruns: None,
            budget: None,
            paused: false,
            refusal: None,
            repository_problem: None,
            policy_problem: None,
            outages: None,
            last_webhook: None,
            last_decision: None,
            causes: CauseSums::default(),
            insights: None,
        }
    }

    /// What a list of all repositories has of it.
    pub fn metadata(&self) -> Self {
        Self { insights: None, ..self.clone() }
    }

    /// Shortened until its metadata fits.
    pub fn fitted(mut self) -> Self {
        let insights = self.insights.take();
        Self { insights, ..self.shortened() }
    }

    fn shortened(mut self) -> Self {
        let mut most = MESSAGE_CHARS;
        loop {
            let messages = [&mut self.refusal, &mut self.repository_problem, &mut self.policy_problem];
            for message in messages.into_iter().flatten() {
                if message.chars().count() > most {
                    *message = message.chars().take(most.saturating_sub(1)).chain(['…']).collect();
                }
            }
            if serde_json::to_vec(&self).map_or(0, |text| text.len()) <= METADATA_BYTES {
                return self;
            }
            if most == MESSAGE_CHARS {
                most = MESSAGE_CHARS_IF_NEED_BE;
                continue;
            }
            let took = self.took_outage(1)
                || self.took_policies()
                || self.took_day(DAYS_BESIDE_AN_OUTAGE)
                || self.causes.took_least(CAUSES_BESIDE_DAYS)
                || self.took_outage(0)
                || self.causes.took_least(0)
                || self.took_day(1)
                || self.took_times()
                || self.took_day(0);
            if !took {
                return self;
            }
        }
    }

    /// The oldest.
    fn took_day(&mut self, but: usize) -> bool {
        let is_one_too_many = self.days.len() > but;
        if is_one_too_many {
            self.days.remove(0);
        }
        is_one_too_many
    }

    /// Of each that is taken it is still known that it is there.
    fn took_outage(&mut self, but: usize) -> bool {
        let first = self.outages.as_mut().map(|outages| &mut outages.first);
        first.filter(|first| first.len() > but).is_some_and(|first| first.pop().is_some())
    }

    fn took_times(&mut self) -> bool {
        self.last_webhook.take().is_some() | self.last_decision.take().is_some()
    }

    fn took_policies(&mut self) -> bool {
        self.reruns.as_mut().is_some_and(|reruns| reruns.by_policy.take().is_some())
    }

    /// What re-runs brought in the window. What is over since this was written cannot be told apart, until all of it is.
    pub fn reruns(&self, now: Millis) -> Option<RerunSums> {
        let is_over = now.day() - self.at.day() >= WINDOW_DAYS;
        self.reruns.as_ref().map(|reruns| if is_over { RerunSums::none() } else { reruns.clone() })
    }

    /// The window as it is seen on a later day: a number of figures, oldest first, the last of today.
    pub fn window(&self, now: Millis) -> Vec<Figures> {
        let mut window = vec![Figures::default(); usize::try_from(WINDOW_DAYS).unwrap_or_default()];
        let passed = now.day() - self.at.day();
        for &(ago, rescued, exhausted, reruns, runner_seconds, saved_seconds) in &self.days {
            let place = WINDOW_DAYS - 1 - ago - passed;
            if let Some(day) = usize::try_from(place).ok().and_then(|place| window.get_mut(place)) {
                *day = Figures { rescued, exhausted, reruns, runner_seconds, saved_seconds, ..Figures::default() };
            }
        }
        window
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::insights::JobSums;
    use crate::names::{RunAttempt, RunId};
    use crate::policy::catalogue::Class;
    use crate::time::Span;

    const NOW: Millis = Millis(1_795_446_245_000);

    fn days(figure: u64) -> Vec<(i64, Figures)> {
        let figures = Figures {
            rescued: figure,
            exhausted: figure,
            reruns: figure,
            runner_seconds: figure * 100,
            saved_seconds: figure * 100,
            ..Figures::default()
        };
        (0..WINDOW_DAYS).map(|ago| (NOW.day() - ago, figures)).rev().collect()
    }

    #[test]
    fn it_fits_into_the_metadata_whatever_it_holds() {
        for (figure, owner, message) in [(3, 5, 10), (100, 39, 500), (u64::from(u32::MAX), 39, 500)] {
            let repository = RepoName::parse(&format!("{}/{}", "o".repeat(owner), "r".repeat(100))).unwrap();
            let totals = Totals { rescued: u64::MAX, saved_seconds: u64::MAX, ..Totals::default() };
            let mut summary = Summary::new(repository, NOW, totals, &days(figure));
            summary.refusal = Some("ü".repeat(message));
            summary.repository_problem = Some("\u{1}".repeat(message));
            summary.policy_problem = Some("\"".repeat(message));
            let by_policy = ["", "careful", "everything", "infrastructure", "organization", "repository"];
            let by_policy = by_policy.map(|policy| (policy.to_owned(), (figure, figure, figure))).into();
            let sums = RerunSums { by_ordinal: [(figure, figure, figure); ORDINALS], by_policy: Some(by_policy) };
            summary.reruns = Some(sums.clone());
            let run = RunId::new(u64::MAX >> 12).zip(RunAttempt::new(u32::MAX));
            let outage = ("cause ".to_owned() + &"x".repeat(60), -86_400, u64::MAX, run, 86_400, 86_400);
            summary.outages = Some(OutageSums { count: 20, held: u64::MAX, first: vec![outage; 3] });
            (summary.last_webhook, summary.last_decision) = (Some(NOW), Some(NOW));
            let weeks = |class: &Class| (class.as_str().to_owned(), vec![figure; 4]);
            summary.causes = CauseSums(Class::ALL.iter().map(weeks).collect());
            let jobs = vec![JobSums { job: "j".repeat(100), ..JobSums::default() }; 10];
            let insights = Some(Insights { flaky: jobs.clone(), never_helped: jobs });
            summary.insights.clone_from(&insights);
            let whole = summary.fitted();
            assert_eq!(whole.insights, insights, "its value has room for them");
            let fitted = whole.metadata();
            assert!(serde_json::from_str::<Summary>(&serde_json::to_string(&whole).unwrap()).unwrap() == whole);
            let text = serde_json::to_string(&fitted).unwrap();
            assert!(text.len() <= 1_024, "{}: {text}", text.len());
            assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), fitted);
            assert_eq!(fitted.window(NOW).last().unwrap().rescued, figure, "today is kept: {text}");
            let outages = fitted.outages.as_ref().unwrap();
            assert_eq!((outages.count, outages.held), (20, u64::MAX), "that they are there is kept: {text}");
            assert_eq!(fitted.reruns.as_ref().map(|reruns| reruns.by_ordinal), Some(sums.by_ordinal));
        }
    }

    /// Seen to fail when the outage makes way for days (none instead of one).
    #[test]
    fn an_outage_is_told_of_a_busy_repository() {
        let mut summary = Summary::new(RepoName::parse("octo/widgets").unwrap(), NOW, Totals::default(), &days(30));
        let run = RunId::new(19_400_000_000).zip(RunAttempt::new(1));
        let outage = ("cause npm-network".to_owned(), -7_200, 140, run, 600, 14_400);
        summary.outages = Some(OutageSums { count: 2, held: 150, first: vec![outage; 2] });
        summary.reruns = Some(RerunSums { by_ordinal: [(90, 60, 30); ORDINALS], by_policy: Some(BTreeMap::new()) });
        let fitted = summary.fitted();
        let outages = fitted.outages.unwrap();
        assert_eq!((outages.first.len(), outages.count, outages.held), (1, 2, 150));
        assert!(fitted.days.len() >= 24, "{}", fitted.days.len());
    }

    /// Workers KV has what the versions before have written; and those read on, where a deployment is taken back.
    #[test]
    fn what_the_version_before_wrote_does_not_know_what_reruns_brought() {
        let summary = Summary::new(RepoName::parse("o/r").unwrap(), NOW, Totals::default(), &days(1));
        let text = serde_json::to_string(&summary).unwrap();
        assert!(!["\"j\"", "\"w\"", "\"l\"", "\"k\"", "\"i\""].iter().any(|key| text.contains(key)), "{text}");
        assert_eq!(serde_json::from_str::<Summary>(&text).unwrap().reruns(NOW), None);
        let by_policy = Some([("careful".to_owned(), (3, 2, 1))].into());
        let sums = RerunSums { by_ordinal: [(3, 2, 1), (0, 0, 0), (0, 0, 0), (0, 0, 0)], by_policy };
        let summary = Summary { reruns: Some(sums.clone()), ..summary };
        let text = serde_json::to_string(&summary).unwrap();
        assert!(text.contains(r#""j":{"o":[[3,2,1],[0,0,0],[0,0,0],[0,0,0]],"p":{"careful":[3,2,1]}}"#), "{text}");
        assert_eq!(serde_json::from_str::<Summary>(&text).unwrap().reruns(NOW + Span::days(29)), Some(sums));
        assert_eq!(summary.reruns(NOW + Span::days(30)), Some(RerunSums::none()), "none is in the window any more");
    }

    #[test]
    fn days_grow_old() {
        let repository = RepoName::parse("o/r").unwrap();
        let summary = Summary::new(repository, NOW, Totals::default(), &days(2));
        let rescued =
            |later: i64| -> u64 { summary.window(NOW + Span::days(later)).iter().map(|figures| figures.rescued).sum() };
        assert_eq!([0, 1, 29, 30, 100].map(rescued), [60, 58, 2, 0, 0]);
    }
}
