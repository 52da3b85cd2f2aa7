//! Runs of pull requests, a fork's too, which GitHub does not name with them: what is closed, merged, or at another commit
//! is not re-run; and what rules say of forks.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use simulator::{Conclusion, Endpoint, Fault, Job, Repository, Run, Shows, Trigger, Workflow};

use crate::stage::{PATIENCE, Stage, trials};
use crate::steps::{decision, rescued, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "pulls",
        an_open_one_is_rerun,
        a_fork_that_moved_on,
        closed_and_merged_ones,
        one_that_is_closed_while_its_rerun_waits,
        a_target_run_by_its_pull_requests_commit,
        a_target_run_by_its_bases_commit,
        a_target_run_that_names_nothing_but_its_base,
        a_target_run_whatever_the_policy_says,
        a_fork_that_was_deleted,
        a_look_that_fails_is_made_again,
        a_token_that_may_not_look,
        rules_tell_a_fork,
        a_push_is_of_no_pull_request,
        a_number_of_another_repository,
    )
}

/// Long enough for anything that was scheduled to have happened.
const A_WHILE: Duration = Duration::from_secs(2);

async fn repository(stage: &Stage, name: &str, policy: &str) -> Repository {
    let repository = stage.repository(&format!("pulls/{name}"), runs()).await;
    if !policy.is_empty() {
        repository.file(".github/rerunner.yml", policy).await;
    }
    repository
}

/// Takes long enough for something to happen to its pull request.
fn flaky(name: &str) -> Workflow {
    Workflow::new(name).job(Job::new("test").duration(800).fails(1))
}

/// What the first attempt came to instead.
async fn is_not(stage: &Stage, run: &Run, outcome: &str, reason: &str) {
    assert_eq!(run.ends(1).await, Conclusion::Failure);
    let logged = decision(stage.worker().await, run, |event| event["outcome"] != "waiting").await;
    let said = logged["reason"].as_str().unwrap_or_default();
    assert!(logged["outcome"] == outcome && said.contains(reason), "not {outcome} with {reason:?}: {logged}");
    run.expect_no_rerun_for(A_WHILE).await;
}

/// How often pull requests of the repository were listed.
async fn looks(stage: &Stage, repository: &Repository) -> usize {
    let calls = stage.github().await.calls();
    let name = Some(repository.name().to_string());
    calls.iter().filter(|call| call.endpoint == Some(Endpoint::ListPullRequests) && call.repository == name).count()
}

/// Seen to fail when pull requests are not looked for (none was listed).
async fn an_open_one_is_rerun(stage: Arc<Stage>) {
    let repository = repository(&stage, "open", "").await;
    let own = repository.pull_request("feature", "ann").await;
    let fork = repository.pull_request_from_fork("feature", "cara").await;
    let of = |name: &str, number| repository.run_on(flaky(name), Trigger::pull_request(number, "ann"));
    rescued(&of("own", own).await).await;
    assert_ne!(looks(&stage, &repository).await, 0);
    rescued(&of("fork", fork).await).await;
    // Another's branch of the same name is another branch.
    repository.close_pull_request(own).await;
    rescued(&of("again", fork).await).await;
}

/// Seen to fail when pull requests are not looked for (a re-run instead of `superseded`).
async fn a_fork_that_moved_on(stage: Arc<Stage>) {
    let repository = repository(&stage, "moved", "").await;
    let number = repository.pull_request_from_fork("feature/ü&#?", "cara").await;
    let older = repository.run_on(flaky("ci"), Trigger::pull_request(number, "cara")).await;
    repository.push_to_pull_request(number).await;
    let newer = repository.run_on(flaky("ci"), Trigger::pull_request(number, "cara")).await;
    is_not(&stage, &older, "superseded", "moved on").await;
    rescued(&newer).await;
}

/// Seen to fail when pull requests are not looked for (a re-run instead of `superseded`).
async fn closed_and_merged_ones(stage: Arc<Stage>) {
    let repository = repository(&stage, "closed", "").await;
    for (branch, from_fork, merged) in [("a", false, false), ("b", false, true), ("c", true, false), ("d", true, true)]
    {
        let number = match from_fork {
            true => repository.pull_request_from_fork(branch, "cara").await,
            false => repository.pull_request(branch, "ann").await,
        };
        let run = repository.run_on(flaky(branch), Trigger::pull_request(number, "ann")).await;
        match merged {
            true => repository.merge_pull_request(number).await,
            false => repository.close_pull_request(number).await,
        }
        is_not(&stage, &run, "superseded", if merged { "was merged" } else { "was closed" }).await;
    }
}

/// Seen to fail when pull requests are not looked for (a re-run instead of `superseded`).
async fn one_that_is_closed_while_its_rerun_waits(stage: Arc<Stage>) {
    let repository = repository(&stage, "waits", "delay: 4s\n").await;
    let number = repository.pull_request("feature", "ann").await;
    let run = repository.run_on(flaky("ci"), Trigger::pull_request(number, "ann")).await;
    assert_eq!(run.ends(1).await, Conclusion::Failure);
    let github = stage.github().await;
    // It was read, and its re-run waits.
    let read = |github: &simulator::SimulatedGitHub| {
        let calls = github.calls();
        calls.iter().any(|call| call.run == Some(run.id()) && call.status == Some(200)).then_some(())
    };
    github.expectation("the run is read", PATIENCE).until(read).await;
    assert_eq!(looks(&stage, &repository).await, 0);
    repository.close_pull_request(number).await;
    is_not(&stage, &run, "superseded", "was closed").await;
    assert_ne!(looks(&stage, &repository).await, 0);
}

/// One that is open, one at another commit, and one that is closed.
async fn target_runs(stage: &Stage, repository: &Repository, shows: Shows) {
    let pull = async |branch: &str| {
        let number = repository.pull_request_from_fork(branch, "cara").await;
        (number, repository.run_on(flaky(branch), Trigger::pull_request_target(number, "cara", shows)).await)
    };
    let (_, open) = pull("open").await;
    let (number, moved) = pull("moved").await;
    repository.push_to_pull_request(number).await;
    let (number, closed) = pull("closed").await;
    repository.close_pull_request(number).await;
    rescued(&open).await;
    // What GitHub names may be an earlier commit of the base, if it names no other.
    let (outcome, why) = if shows == Shows::Head { ("left", "is not known") } else { ("superseded", "moved on") };
    is_not(stage, &moved, outcome, why).await;
    is_not(stage, &closed, "superseded", "was closed").await;
}

/// Seen to fail when pull requests are not looked for (a re-run of what moved on).
async fn a_target_run_by_its_pull_requests_commit(stage: Arc<Stage>) {
    let repository = repository(&stage, "target-head", "").await;
    target_runs(&stage, &repository, Shows::Head).await;
}

/// Seen to fail when pull requests are not looked for, or `head_commit` is not looked at (a re-run of what moved on; no
/// re-run of what did not).
async fn a_target_run_by_its_bases_commit(stage: Arc<Stage>) {
    let repository = repository(&stage, "target-base", "").await;
    target_runs(&stage, &repository, Shows::Base).await;
    // The same in the repository itself, whose runs name the pull request, with its head.
    let number = repository.pull_request("feature", "ann").await;
    let run = repository.run_on(flaky("own"), Trigger::pull_request_target(number, "ann", Shows::Base)).await;
    rescued(&run).await;
}

/// Seen to fail when pull requests are not looked for (a re-run instead of `left`).
async fn a_target_run_that_names_nothing_but_its_base(stage: Arc<Stage>) {
    let repository = repository(&stage, "target-base-alone", "").await;
    let untouched = repository.pull_request_from_fork("untouched", "cara").await;
    let touched = repository.pull_request_from_fork("touched", "cara").await;
    // GitHub counts in whole seconds.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let run = async |number| {
        let name = format!("of-{number}");
        repository.run_on(flaky(&name), Trigger::pull_request_target(number, "cara", Shows::BaseAlone)).await
    };
    let (first, second) = (run(untouched).await, run(touched).await);
    repository.touch_pull_request(touched).await;
    rescued(&first).await;
    is_not(&stage, &second, "left", "is not known").await;
}

/// Seen to fail when pull requests are not looked for (a re-run of what moved on).
async fn a_target_run_whatever_the_policy_says(stage: Arc<Stage>) {
    let repository = repository(&stage, "target-policy", "skip_superseded: false\n").await;
    let number = repository.pull_request_from_fork("feature", "cara").await;
    let target = Trigger::pull_request_target(number, "cara", Shows::Base);
    let (target, other) = (
        repository.run_on(flaky("target"), target).await,
        repository.run_on(flaky("other"), Trigger::pull_request(number, "cara")).await,
    );
    repository.push_to_pull_request(number).await;
    is_not(&stage, &target, "superseded", "moved on").await;
    rescued(&other).await;
}

/// Seen to fail when pull requests are not looked for (a re-run of the target run).
async fn a_fork_that_was_deleted(stage: Arc<Stage>) {
    let repository = repository(&stage, "deleted", "workflows: { exclude: [none] }\n").await;
    let number = repository.pull_request_from_fork("main", "cara").await;
    let run = repository.run_on(flaky("ci"), Trigger::pull_request(number, "cara")).await;
    let target = Trigger::pull_request_target(number, "cara", Shows::Head);
    let target = repository.run_on(flaky("target"), target).await;
    repository.delete_fork(number).await;
    is_not(&stage, &target, "left", "is not known").await;
    rescued(&run).await;
}

/// Seen to fail when pull requests are not looked for, or `head_commit` is not looked at (none was listed; no re-run).
async fn a_look_that_fails_is_made_again(stage: Arc<Stage>) {
    let repository = repository(&stage, "trouble", "").await;
    let fault = Fault::status(502).on(Endpoint::ListPullRequests).in_repository("pulls/trouble").times(2);
    let fault = stage.github().await.fault(fault);
    let number = repository.pull_request_from_fork("feature", "cara").await;
    let target = Trigger::pull_request_target(number, "cara", Shows::Base);
    rescued(&repository.run_on(flaky("ci"), target).await).await;
    assert!(looks(&stage, &repository).await > 2);
    stage.github().await.clear_fault(fault);
}

/// Seen to fail when pull requests are not looked for (a re-run of the target run).
async fn a_token_that_may_not_look(stage: Arc<Stage>) {
    let repository = repository(&stage, "denied", "").await;
    let denied = Fault::answer(403, "Resource not accessible by personal access token");
    let fault = stage.github().await.fault(denied.on(Endpoint::ListPullRequests).in_repository("pulls/denied"));
    let number = repository.pull_request_from_fork("feature", "cara").await;
    let run = repository.run_on(flaky("ci"), Trigger::pull_request(number, "cara")).await;
    let target = Trigger::pull_request_target(number, "cara", Shows::Base);
    let target = repository.run_on(flaky("target"), target).await;
    is_not(&stage, &target, "left", "Resource not accessible").await;
    rescued(&run).await;
    stage.github().await.clear_fault(fault);
}

/// Seen to fail when a fork's branch has the name of one of our own (a re-run instead of `left`).
async fn rules_tell_a_fork(stage: Arc<Stage>) {
    let left = "forks: leave\n";
    let main = "branches: { include: [main] }\n";
    let theirs = "branches: { exclude: ['cara:*'] }\n";
    let rule = "rules: [{ name: outsiders, if: { fork: true }, then: leave }]\n";
    for (name, policy, says) in [
        ("fork-left", left, "a fork"),
        ("fork-main", main, "does not include under branches"),
        ("fork-excluded", theirs, "excludes under branches"),
        ("fork-rule", rule, "outsiders"),
    ] {
        let repository = repository(&stage, name, policy).await;
        let number = repository.pull_request_from_fork("main", "cara").await;
        let fork = repository.run_on(flaky("ci"), Trigger::pull_request(number, "cara")).await;
        let own = repository.run_on(flaky("own"), Trigger::push("main", "ann")).await;
        is_not(&stage, &fork, "left", says).await;
        rescued(&own).await;
    }
}

/// Seen to fail when a push is taken for a pull request's (no re-run).
async fn a_push_is_of_no_pull_request(stage: Arc<Stage>) {
    let repository = repository(&stage, "push", "").await;
    let number = repository.pull_request("feature", "ann").await;
    let run = repository.run_on(flaky("ci"), Trigger::push("feature", "ann")).await;
    repository.close_pull_request(number).await;
    rescued(&run).await;
    assert_eq!(looks(&stage, &repository).await, 0);
}

/// Seen to fail when `base.repo` is not looked at (comments on number 92 were listed and made).
async fn a_number_of_another_repository(stage: Arc<Stage>) {
    let options = local_worker::Options::default().setting("COMMENT_ON_PULL_REQUESTS", "true");
    let worker = stage.worker_with(options).await;
    let name = "pulls/upstream";
    let repository = stage.repository_of(name, runs(), &worker.url).await;
    let trigger = Trigger::push("feature", "ann").with_upstream(92);
    let run = repository.run_on(flaky("ci"), trigger).await;
    rescued(&run).await;
    // Comments are written some seconds later.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let calls = stage.github().await.calls();
    let commented = calls.iter().filter(|call| {
        let of_comments = [Endpoint::ListComments, Endpoint::CreateComment];
        call.repository.as_deref() == Some(name)
            && call.endpoint.is_some_and(|endpoint| of_comments.contains(&endpoint))
    });
    assert_eq!(commented.count(), 0);
    assert!(repository.comments(92).is_empty());
    worker.stop().await;
}
