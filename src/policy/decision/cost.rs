//! What a re-run costs in runner time, estimated from the jobs of the attempt before it.

use crate::policy::evidence::Job;
use crate::time::Span;

/// How many minutes GitHub bills for one ("About billing for GitHub Actions").
pub fn multiplier(job: &Job) -> i64 {
    let any = |starts: &[&str]| {
        let names = job.labels.iter().map(String::as_str).chain(job.runner.as_deref());
        names.map(str::to_ascii_lowercase).any(|name| starts.iter().any(|start| name.starts_with(start)))
    };
    match () {
        () if any(&["self-hosted"]) => 0,
        () if any(&["macos", "mac-"]) => 10,
        () if any(&["windows", "win-"]) => 2,
        () => 1,
    }
}

/// How long the job took; zero if that is not known.
pub fn duration(job: &Job) -> Option<Span> {
    Some(job.completed? - job.started?)
}

/// What running it once more is expected to take.
pub fn of(job: &Job) -> Span {
    let took = duration(job).unwrap_or_default();
    Span::millis(took.as_millis().saturating_mul(multiplier(job)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::JobId;
    use crate::time::Millis;

    #[test]
    fn minutes_count_as_github_bills_them() {
        for (labels, runner, expected) in [
            (&["ubuntu-latest"][..], "GitHub Actions 2", 60),
            (&["windows-2025"], "GitHub Actions 2", 120),
            (&["macos-15-xlarge"], "GitHub Actions 2", 600),
            (&["self-hosted", "macOS", "ARM64"], "rack-3", 0),
            (&["Self-Hosted"], "rack-3", 0),
            (&["big-ones"], "Windows-pool_1", 120),
            (&[], "", 60),
        ] {
            let job = Job {
                job_id: JobId::new(1).unwrap(),
                name: String::new(),
                conclusion: None,
                started: Some(Millis(0)),
                completed: Some(Millis(60_000)),
                runner: Some(runner.to_owned()),
                labels: labels.iter().map(|&label| label.to_owned()).collect(),
                steps: vec![],
                workflow: None,
            };
            assert_eq!(of(&job), Span::seconds(expected), "{labels:?}");
            assert_eq!(of(&Job { completed: None, ..job }), Span::ZERO);
        }
    }
}
