//! The workflows of a schedule's repositories, and what is told of them.

use simulator::model::{EventKind, EventKinds, JobSpec, Outcome, Workflow};

pub fn draw_kinds(random: &mut fastrand::Rng) -> EventKinds {
    let mut kinds = EventKinds::NONE;
    while kinds == EventKinds::NONE {
        for kind in [EventKind::WorkflowRun, EventKind::WorkflowJob, EventKind::CheckRun] {
            if random.bool() {
                kinds = kinds.and(kind);
            }
        }
    }
    kinds
}

/// A repository's workflows: of every shape that has ever confused a service like this one.
pub fn draw_workflows(random: &mut fastrand::Rng) -> Vec<Workflow> {
    const SECOND: u64 = 1_000;
    let flaky = [0.2, 0.5, 0.8][random.usize(0..3)];
    let staged = Workflow::new("ci")
        .job(JobSpec::new("build").duration(40 * SECOND).flaky(0.1))
        .job(JobSpec::new("test").needs(&["build"]).matrix(3).duration(60 * SECOND).spread(90 * SECOND).flaky(flaky))
        .job(JobSpec::gate("all-green", &["test"]).duration(20 * SECOND));
    vec![
        staged,
        // Over within seconds: what GitHub showed of it a moment ago may be two attempts behind.
        Workflow::new("quick").job(JobSpec::new("test").duration(3 * SECOND).fails(random.u32(1..6))),
        Workflow::new("green").job(JobSpec::new("test").duration(60 * SECOND)),
        Workflow::new("red").job(JobSpec::new("test").duration(45 * SECOND).always_fails()),
        Workflow::new("slow")
            .job(JobSpec::new("early").duration(30 * SECOND).fails(random.u32(1..4)))
            .job(JobSpec::new("late").duration(1_800 * SECOND)),
        Workflow::new("lost")
            .job(JobSpec::new("test").duration(120 * SECOND).loses_runner(random.u32(1..3)))
            .conclude_delay(600 * SECOND),
        Workflow::new("hangs")
            .job(JobSpec::new("test").duration(300 * SECOND).ends_first(random.u32(1..6), Outcome::TimedOut)),
        Workflow::new("lenient").job(JobSpec::new("test").duration(60 * SECOND).flaky(0.5).continue_on_error()),
        Workflow::new("broken").startup_failure(),
        Workflow::new("waits").action_required().job(JobSpec::new("test").duration(60 * SECOND).fails(1)),
    ]
}

/// More jobs than may have a new issue in a day.
pub fn many_flaky_jobs() -> Workflow {
    Workflow::new("many").job(JobSpec::new("case").matrix(13).no_fail_fast().duration(30_000).fails(1))
}
