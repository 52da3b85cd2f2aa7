//! Webhooks.

use simulator::{EventKinds, Hosts, Job, LostRunner, Outcome, Trigger, Workflow};

use crate::{assert_conforms, assert_covered, github};

#[tokio::test]
async fn webhooks() {
    webhooks_from(Hosts::default()).await;
}

#[tokio::test]
async fn webhooks_of_an_enterprise_server() {
    webhooks_from(Hosts::enterprise("ghe.example")).await;
}

async fn webhooks_from(hosts: Hosts) {
    let (github, receiver) = github(hosts).await;
    let app = github.app("Rerunner");
    app.hook(|hook| {
        hook.url = Some(receiver.url().to_owned());
        hook.events = EventKinds::ALL;
    });
    app.install(&["octo/widgets"]);
    let repository = github.repository("octo/widgets").await;
    repository.hook(|hook| hook.events = EventKinds::ALL).await;
    let (own, fork) = (repository.pull_request("a", "mona").await, repository.pull_request_from_fork("b", "eve").await);
    let every_end = [
        Outcome::Success,
        Outcome::failure("Run tests"),
        Outcome::TimedOut,
        Outcome::ExceededTime { cancelled: true },
        Outcome::ExceededTime { cancelled: false },
        Outcome::Cancelled,
        Outcome::Skipped,
        Outcome::LostRunner(LostRunner::Hosted),
        Outcome::LostRunner(LostRunner::SelfHosted),
        Outcome::LostRunner(LostRunner::NeverAcquired),
    ];
    let mut jobs = Workflow::new("every end");
    for (number, end) in every_end.into_iter().enumerate() {
        jobs = jobs.job(Job::new(&format!("job {number}")).script([end]).duration(5));
    }
    jobs = jobs.job(Job::new("needs").needs(&["job 1"]));
    let triggers = [
        Trigger::push("main", "mona"),
        Trigger::push("main", "dependabot[bot]"),
        Trigger::pull_request(own, "mona"),
        Trigger::pull_request(fork, "eve"),
        Trigger::pull_request(fork, "eve").event("pull_request_target"),
    ];
    let mut runs = vec![];
    for trigger in triggers {
        runs.push(repository.run_on(jobs.clone(), trigger).await);
    }
    runs.push(repository.run(Workflow::new("broken").startup_failure()).await);
    runs.push(repository.run(Workflow::new("waits").action_required()).await);
    for run in &runs {
        run.ends(1).await;
    }
    runs[0].press_rerun_failed("hubot");
    runs[0].ends(2).await;
    let going = repository.run(Workflow::new("long").job(Job::new("test").duration(60_000))).await;
    github.expect("it goes", |_| going.jobs(1).iter().any(|job| job.started_at.is_some())).await;
    going.cancel();
    going.ends(1).await;
    repository.ping().await;
    github.expect("the cancelled run's webhook", |github| github.deliveries().len() > 50).await;

    assert_conforms(&github);
    assert_covered(
        &github.covered(),
        &[
            "webhook check_run.completed",
            "webhook check_run.created",
            "webhook ping",
            "webhook workflow_job.completed",
            "webhook workflow_job.in_progress",
            "webhook workflow_job.queued",
            "webhook workflow_run.completed",
            "webhook workflow_run.in_progress",
            "webhook workflow_run.requested",
        ],
    );
}
