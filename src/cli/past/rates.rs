//! What re-runs of a job had come to by some time: the rescue rate that the Worker would have known.

use std::collections::BTreeMap;

use rerunner::names::{Conclusion, JobId};
use rerunner::policy::evidence::{Job, RescueRate};
use rerunner::time::{Millis, Span};

use super::attempts::{PastAttempt, PastRun};

/// As far back as the Worker's statistics go.
const BACK: Span = Span::days(30);

/// Re-runs of a job that failed at a step: when each ended, and whether the job passed.
#[derive(Default)]
pub struct Rates(BTreeMap<Place, Vec<(Millis, bool)>>);

/// A workflow, by its id or file; a job; the first step that failed.
type Place = (String, String, Option<String>);

impl Rates {
    pub fn new(runs: &[PastRun]) -> Self {
        let mut rates = Self::default();
        for run in runs {
            for attempt in &run.attempts {
                let Some(next) = run.next(attempt.run.run_attempt) else { continue };
                for job in attempt.failed_jobs() {
                    if let Some((ended, passed)) = next.ended.zip(passed(next, job)) {
                        rates.0.entry(place(attempt, job)).or_default().push((ended, passed));
                    }
                }
            }
        }
        rates
    }

    /// Of re-runs that had ended by then.
    pub fn at(&self, attempt: &PastAttempt, job_id: JobId, at: Millis) -> RescueRate {
        let job = attempt.jobs.present().and_then(|jobs| jobs.iter().find(|job| job.job_id == job_id));
        let reruns = job.and_then(|job| self.0.get(&place(attempt, job))).map(Vec::as_slice).unwrap_or_default();
        let mut rate = RescueRate::default();
        for (_, passed) in reruns.iter().filter(|(ended, _)| *ended <= at && at - *ended < BACK) {
            rate.judged += 1;
            rate.passed += u64::from(*passed);
        }
        rate
    }
}

fn place(attempt: &PastAttempt, job: &Job) -> Place {
    let run = &attempt.run;
    let workflow = run.workflow_id.map(|id| id.to_string()).or_else(|| run.path.clone()).unwrap_or_default();
    (workflow, job.name.clone(), job.failed_steps().next().map(|step| step.name.clone()))
}

fn passed(next: &PastAttempt, job: &Job) -> Option<bool> {
    match next.jobs.present()?.iter().find(|again| again.name == job.name)?.conclusion? {
        Conclusion::Success => Some(true),
        Conclusion::Failure | Conclusion::TimedOut => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::attempts::support::{attempt, job};
    use super::*;

    #[test]
    fn only_what_had_ended_by_then() {
        let day = |n: i64| Millis(Span::days(n).as_millis());
        let run = |id: u64, ended: i64, passes: Conclusion| PastRun {
            attempts: vec![
                attempt(
                    id,
                    1,
                    Conclusion::Failure,
                    day(0),
                    vec![job(id * 10, "test", "Run tests", Conclusion::Failure)],
                ),
                attempt(id, 2, passes, day(ended), vec![job(id * 10 + 1, "test", "Run tests", passes)]),
            ],
        };
        let runs = [
            run(1, 1, Conclusion::Success),
            run(2, 2, Conclusion::Failure),
            run(3, 3, Conclusion::Success),
            run(4, 3, Conclusion::Cancelled),
        ];
        let rates = Rates::new(&runs);
        let failed = &runs[0].attempts[0];
        let at = |time: Millis| {
            let rate = rates.at(failed, JobId::new(10).unwrap(), time);
            (rate.judged, rate.passed)
        };
        assert_eq!([day(0), day(1), day(2), day(3)].map(at), [(0, 0), (1, 1), (2, 1), (3, 2)]);
        assert_eq!(at(day(32)), (1, 1), "thirty days back");
        let other = attempt(9, 1, Conclusion::Failure, day(0), vec![job(90, "test", "Build", Conclusion::Failure)]);
        assert_eq!(rates.at(&other, JobId::new(90).unwrap(), day(3)).judged, 0, "another step");
    }
}
