//! The workflows, and the script of one run.

use super::failures::Failure;
use crate::model::{JobSpec, Outcome, Plan, Workflow};

const MINUTE: u64 = 60_000;

/// Where runs that pass are from, and those of the outage.
pub const FILES: [&str; 4] = ["ci.yml", "integration.yml", "docs.yml", "release.yml"];

/// How the failure ends in each attempt; the last repeats.
pub struct Script<'a> {
    pub failure: &'a Failure,
    pub outcomes: Vec<Outcome>,
}

/// The workflow of that file, with jobs that pass but for the script's.
pub fn workflow(file: &str, script: Option<&Script<'_>>) -> Workflow {
    let job = |name: &str, minutes: u64, steps: [&str; 2]| {
        let steps = ["Set up job", "Run actions/checkout@v5", steps[0], steps[1], "Complete job"];
        let job = JobSpec::new(name).steps(&steps).duration(minutes * MINUTE).spread(minutes * MINUTE / 2);
        scripted(job, script)
    };
    match file {
        "ci.yml" => {
            let test = JobSpec::new("test").matrix(3).no_fail_fast().needs(&["build"]);
            let steps = ["Set up job", "Run actions/checkout@v5", "Install", "Run tests", "Complete job"];
            let test = test.steps(&steps).duration(5 * MINUTE).spread(3 * MINUTE);
            Workflow::new("CI")
                .job(job("lint", 2, ["Install", "Lint"]))
                .job(job("build", 4, ["Install", "Build"]))
                .job(scripted(test, script))
                .job(JobSpec::gate("all-green", &["lint", "build", "test"]).duration(5_000))
        }
        "integration.yml" => Workflow::new("Integration")
            .job(job("services", 9, ["Pull images", "Run integration tests"]).labels(&["self-hosted", "linux", "big"]))
            .job(scripted(browser(), script)),
        "docs.yml" => Workflow::new("Docs").job(job("site", 2, ["Install", "Build site"])),
        _ => Workflow::new("Release").job(job("publish", 6, ["Build image", "Push image"])),
    }
    .path(&format!(".github/workflows/{file}"))
}

fn browser() -> JobSpec {
    let steps = ["Set up job", "Run actions/checkout@v5", "Install browsers", "Run browser tests", "Complete job"];
    JobSpec::new("browser").steps(&steps).duration(7 * MINUTE).spread(3 * MINUTE)
}

fn scripted(job: JobSpec, script: Option<&Script<'_>>) -> JobSpec {
    let Some(script) = script.filter(|script| script.failure.job == &*job.name) else { return job };
    match script.failure.members {
        [] => job.script(script.outcomes.clone()),
        members => members.iter().fold(job, |job, member| job.member(*member, Plan::Script(script.outcomes.clone()))),
    }
}

/// As GitHub names them.
pub fn names_of_jobs(failure: &Failure) -> Vec<String> {
    match failure.members {
        [] => vec![failure.job.to_owned()],
        members => members.iter().map(|member| format!("{} ({member})", failure.job)).collect(),
    }
}
