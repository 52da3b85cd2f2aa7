//! How fast the model is, and that it does not grow: `cargo run --release -p simulator --example speed`.

use std::time::Instant;

use simulator::model::{Caller, GitHub, Grant, RunAction, What};
use simulator::{Conclusion, Job, Trigger, Workflow};

fn main() {
    const RUNS: u32 = 1_000_000;
    let mut github = GitHub::new(1);
    github.set_records_calls(false);
    github.add_token("t", Grant::full("rerunner-bot").hourly(u64::MAX));
    let repository = github.add_repository("octo/widgets", 0);
    let workflow = Workflow::new("ci")
        .job(Job::new("lint"))
        .job(Job::new("test").needs(&["lint"]).flaky(0.2))
        .job(Job::new("deploy").needs(&["test"]));
    let workflow = github.add_workflow(repository, workflow);
    let from = Instant::now();
    let (mut now, mut events, mut reruns) = (0, 0_u64, 0_u64);
    for _ in 0..RUNS {
        now += 10;
        github.start_run(repository, workflow, Trigger::push("main", "mona"), now);
        for event in github.take_events() {
            events += 1;
            if let What::WorkflowRun(RunAction::Completed) = event.what {
                if event.run.conclusion == Some(Conclusion::Failure) && event.run.attempt < 4 {
                    let answer = github.rerun_failed_jobs(Caller::new("t"), "octo/widgets", event.run.id(), false, now);
                    reruns += u64::from(answer.is_ok());
                } else {
                    github.forget_run(event.run.id());
                }
            }
        }
    }
    println!("{RUNS} runs, {reruns} re-runs, {events} events in {:?}", from.elapsed());
}
