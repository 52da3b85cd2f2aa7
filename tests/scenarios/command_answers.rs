//! How commands are answered: once, by reactions and a comment, whatever is lost; in a pause, in a dry run, past the ceiling, and
//! where GitHub does not let them be answered. What they cost.

use std::sync::Arc;

use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options};
use serde_json::Value;
use simulator::{
    Association, Comment, Conclusion, Endpoint, EventKind, Fault, Job, Permission, Repository, Run, Trigger, Workflow,
};

use crate::commands::{A_WHILE, AUTHORS, COLLABORATORS, asked, failed, reactions, reacts, repository};
use crate::costs::Metered;
use crate::http::post;
use crate::stage::{PATIENCE, Stage, trials};
use crate::steps::{comments_when, decision, fails_once, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "commands",
        status_and_stop,
        a_lost_answer_to_a_reaction,
        a_lost_answer_to_an_answer,
        without_its_permission_it_is_said_once,
        the_log_says_what_became_of_it,
        in_a_pause,
        in_a_dry_run,
        past_the_ceiling,
        so_many_an_hour,
        what_one_costs,
    )
}

/// Webhooks of others would run into GitHub's ten seconds beside it.
pub fn flood_trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "commands", a_thousand_comments)
}

fn ours(comment: &&Comment) -> bool {
    comment.body.starts_with("<!-- rerunner command ")
}

fn always_fails() -> Workflow {
    Workflow::new("ci").job(Job::new("test").always_fails())
}

fn by_olga(repository: &Repository, number: u64, body: &str) -> u64 {
    repository.comment_as(number, "olga", Association::Owner, body)
}

/// With a Worker of its own.
async fn of_worker(stage: &Stage, name: &str, worker: &LocalWorker) -> (Repository, u64, Run) {
    let repository = stage.repository_of(name, runs().and(EventKind::IssueComment), &worker.url).await;
    repository.file(".github/rerunner.yml", COLLABORATORS).await;
    let number = repository.pull_request("feature", "ada").await;
    let run = repository.run_on(always_fails(), Trigger::pull_request(number, "ada")).await;
    assert_eq!(run.ends(1).await, Conclusion::Failure);
    decision(worker, &run, |event| event["outcome"] == "left").await;
    (repository, number, run)
}

/// Seen to fail when nobody asks for stops (a re-run).
async fn status_and_stop(stage: Arc<Stage>) {
    let repository = repository(&stage, "stop", "max_reruns: 5\ncommands: { who: collaborators }\n").await;
    let number = repository.pull_request_from_fork("feature", "ada").await;
    let stop = repository.comment_as(number, "olga", Association::Owner, "/rerun stop");
    reacts(&repository, stop, &["eyes", "rocket"]).await;
    let run = failed(&stage, &repository, Workflow::new("ci").job(Job::new("test").always_fails()), number).await;
    run.expect_no_rerun_for(A_WHILE).await;
    let status = repository.comment_as(number, "olga", Association::Owner, "/rerun status");
    reacts(&repository, status, &["eyes", "rocket"]).await;
    let comments = comments_when(&repository, number, |all| all.len() == 3).await;
    assert!(comments[2].body.contains("has stopped re-runs of pull request"), "{comments:#?}");
    let rerun = repository.comment_as(number, "olga", Association::Owner, "/rerun");
    reacts(&repository, rerun, &["eyes", "rocket"]).await;
    assert_eq!(run.ends(2).await, Conclusion::Failure);
    run.expect_reruns(1).await;
    tokio::time::sleep(A_WHILE).await;
    run.expect_reruns(1).await;
}

/// The last reaction is there; that it was made is not known, and it is made again, which changes nothing.
/// Seen to fail when a reaction is tried once (two were asked for).
async fn a_lost_answer_to_a_reaction(stage: Arc<Stage>) {
    let repository = repository(&stage, "lost-reaction", COLLABORATORS).await;
    let number = repository.pull_request("feature", "ada").await;
    let run = failed(&stage, &repository, fails_once(), number).await;
    let lost = Fault::lose_answer().on(Endpoint::CreateReaction).in_repository(&repository.name());
    repository.github().fault(lost.after(1).times(1));
    let comment = by_olga(&repository, number, "/rerun");
    assert_eq!(run.ends(2).await, Conclusion::Success);
    reacts(&repository, comment, &["eyes", "rocket"]).await;
    asked_at_least(&stage, &repository, Endpoint::CreateReaction, 3).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(asked(&stage, &repository, Endpoint::CreateReaction).await, 3);
    assert_eq!(reactions(&repository, comment), ["eyes", "rocket"]);
    run.expect_reruns(1).await;
    assert_eq!(repository.comments(number).len(), 1, "nothing but the command");
}

/// Seen to fail when none is looked for before it is written again.
async fn a_lost_answer_to_an_answer(stage: Arc<Stage>) {
    let repository = repository(&stage, "lost-answer", COLLABORATORS).await;
    let number = repository.pull_request("feature", "ada").await;
    failed(&stage, &repository, fails_once(), number).await;
    let lost = Fault::lose_answer().on(Endpoint::CreateComment).in_repository(&repository.name()).times(1);
    repository.github().fault(lost);
    let comment = by_olga(&repository, number, "/rerun status");
    reacts(&repository, comment, &["eyes", "rocket"]).await;
    // It is looked for a minute later.
    asked_at_least(&stage, &repository, Endpoint::ListComments, 1).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(repository.comments(number).iter().filter(ours).count(), 1, "{:#?}", repository.comments(number));
    let [looked, written] =
        [Endpoint::ListComments, Endpoint::CreateComment].map(|one| asked(&stage, &repository, one));
    assert_eq!((looked.await, written.await), (1, 1));
}

/// Waits for so many calls.
async fn asked_at_least(stage: &Stage, repository: &Repository, endpoint: Endpoint, times: usize) {
    let all = async {
        while asked(stage, repository, endpoint).await < times {
            tokio::time::sleep(A_WHILE).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, all).await.is_ok(), "{}", repository.github().history());
}

/// Seen to fail when a refusal is forgotten (more tries).
async fn without_its_permission_it_is_said_once(stage: Arc<Stage>) {
    let github = stage.github().await;
    let (app, name) = (github.app("commands-denied"), "commands/denied");
    let installation = app.install(&[name]);
    app.grant(installation, "pull_requests", Permission::Read);
    app.grant(installation, "issues", Permission::None);
    app.hook(|hook| hook.events = hook.events.and(EventKind::IssueComment));
    let worker = stage.worker_of_app(&app, Options::default()).await;
    let repository = stage.repository_of_app(name).await;
    repository.file(".github/rerunner.yml", COLLABORATORS).await;
    let number = repository.pull_request("feature", "ada").await;
    let run = repository.run_on(always_fails(), Trigger::pull_request(number, "ada")).await;
    assert_eq!(run.ends(1).await, Conclusion::Failure);
    decision(&worker, &run, |event| event["outcome"] == "left").await;
    let first = by_olga(&repository, number, "/rerun");
    assert_eq!(run.ends(2).await, Conclusion::Failure);
    // Nothing else stops.
    let second = by_olga(&repository, number, "/rerun");
    assert_eq!(run.ends(3).await, Conclusion::Failure);
    tokio::time::sleep(A_WHILE).await;
    let words = "Answers to commands do not work, and will not be tried again for 6 h: ";
    let said = worker.log().lines().iter().filter(|line| line.contains(words)).count();
    assert_eq!(said, 1, "{}", worker.log().lines().join("\n"));
    // GitHub may not know a new token for some seconds.
    let tries = asked(&stage, &repository, Endpoint::CreateReaction).await;
    assert!((1..=3).contains(&tries), "{}", github.history());
    assert_eq!((reactions(&repository, first), reactions(&repository, second)), (vec![], vec![]));
    worker.stop().await;
}

/// Also of a run for which it was refused.
/// Seen to fail when runs have no line.
async fn the_log_says_what_became_of_it(stage: Arc<Stage>) {
    let policy = "max_reruns: 0\ncommands: { who: collaborators, workflows: { exclude: [deploy] } }\n";
    let repository = repository(&stage, "logged", policy).await;
    let number = repository.pull_request("feature", "ada").await;
    let deploy = Workflow::new("deploy").path(".github/workflows/deploy.yml").job(Job::new("job").fails(1));
    let run = failed(&stage, &repository, deploy, number).await;
    let comment = by_olga(&repository, number, "/rerun");
    reacts(&repository, comment, &["eyes", "confused"]).await;
    let log = stage.worker().await.log();
    let of_it = |event: &Value, outcome: &str| {
        event["event"] == "command" && event["outcome"] == outcome && event["repository"] == repository.name()
    };
    for (outcome, of_run, why) in
        [("accepted", false, "carried out"), ("refused", true, "excludes under"), ("refused", false, "Not re-run")]
    {
        let is = |event: &Value| {
            let run_id = if of_run { run.id().0.into() } else { Value::Null };
            of_it(event, outcome)
                && (&event["comment"], &event["run_id"]) == (&comment.into(), &run_id)
                && event["reason"].as_str().is_some_and(|reason| reason.contains(why))
        };
        let line = log.wait_for(PATIENCE, is).await.unwrap_or_else(|| panic!("{}", log.lines().join("\n")));
        assert_eq!((&line["login"], &line["pull"]), (&"olga".into(), &number.into()));
    }
}

/// Seen to fail when a command waits for the end of the pause (no second reaction).
async fn in_a_pause(stage: Arc<Stage>) {
    let worker = stage.worker().await;
    let repository = repository(&stage, "paused", COLLABORATORS).await;
    let number = repository.pull_request("feature", "ada").await;
    let run = failed(&stage, &repository, fails_once(), number).await;
    let act =
        async |what: &str| post(worker, &format!("/api/v1/repositories/{}/{what}", repository.name())).await.status;
    assert_eq!(act("pause").await, 200);
    let comment = by_olga(&repository, number, "/rerun");
    reacts(&repository, comment, &["eyes", "confused"]).await;
    let comments = comments_when(&repository, number, |all| all.len() == 2).await;
    assert!(comments[1].body.contains("re-runs in this repository are paused"), "{comments:#?}");
    let stop = by_olga(&repository, number, "/rerun stop");
    reacts(&repository, stop, &["eyes", "rocket"]).await;
    assert_eq!(act("resume").await, 200);
    run.expect_no_rerun_for(A_WHILE).await;
    assert_eq!(run.attempt(), 1);
}

/// Seen to fail when the command is carried out by its verdict alone (another reaction).
async fn in_a_dry_run(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default().setting("DRY_RUN", "true")).await;
    let (repository, number, run) = of_worker(&stage, "commands/dry", &worker).await;
    let comment = by_olga(&repository, number, "/rerun");
    reacts(&repository, comment, &["eyes", "confused"]).await;
    let comments = comments_when(&repository, number, |all| all.len() == 2).await;
    let says = |part: &str| comments[1].body.contains(part);
    assert!(says("`DRY_RUN` is on") && says("re-run requested by `olga`"), "{comments:#?}");
    run.expect_no_rerun_for(A_WHILE).await;
    assert_eq!(asked(&stage, &repository, Endpoint::RerunFailedJobs).await, 0);
    worker.stop().await;
}

/// Seen to fail when the ceiling is not looked at (a re-run).
async fn past_the_ceiling(stage: Arc<Stage>) {
    let settings = Options::default().setting("MAX_RERUNS", "1").setting("MAX_RERUNS_CEILING", "1");
    let worker = stage.worker_with(settings).await;
    let (repository, number, run) = of_worker(&stage, "commands/ceiling", &worker).await;
    let first = by_olga(&repository, number, "/rerun");
    assert_eq!(run.ends(2).await, Conclusion::Failure);
    reacts(&repository, first, &["eyes", "rocket"]).await;
    let second = by_olga(&repository, number, "/rerun");
    reacts(&repository, second, &["eyes", "confused"]).await;
    let comments = comments_when(&repository, number, |all| all.len() == 3).await;
    assert!(comments[2].body.contains("a run is re-run at most once"), "{comments:#?}");
    run.expect_reruns(1).await;
    assert_eq!(asked(&stage, &repository, Endpoint::RerunFailedJobs).await, 1);
    worker.stop().await;
}

/// The command's own row, from its receipt to its end, but for what is written of the run; and the hour's budget of what is
/// written for people, which is taken three at a time.
const ROWS: u64 = 12;

/// Seen to fail when each change sets the key (16 rows).
async fn what_one_costs(stage: Arc<Stage>) {
    let metered = Metered::new(&stage, "commands/costs", runs().and(EventKind::IssueComment)).await;
    let repository = &metered.repository;
    repository.file(".github/rerunner.yml", COLLABORATORS).await;
    let number = repository.pull_request("feature", "ada").await;
    let run = repository.run_on(always_fails(), Trigger::pull_request(number, "ada")).await;
    assert_eq!(run.ends(1).await, Conclusion::Failure);
    decision(&metered.worker, &run, |event| event["outcome"] == "left").await;
    // The first makes what is there once: the policy as it was read, say.
    let mut rows = vec![];
    for _ in 0..2 {
        let before = metered.settled().await;
        let comment = by_olga(repository, number, "/rerun stop");
        reacts(repository, comment, &["eyes", "rocket"]).await;
        rows.push(metered.settled().await.since(&before).rows_written);
    }
    println!("costs: a command that is about no run: {rows:?} rows written");
    assert!(rows[1] <= ROWS, "{rows:?}");
    metered.worker.stop().await;
}

/// Seen to fail when `per_hour` is not looked at (three are carried out).
async fn so_many_an_hour(stage: Arc<Stage>) {
    let policy = "max_reruns: 0\ncommands: { who: authors, per_hour: 2 }\n";
    let repository = repository(&stage, "per-hour", policy).await;
    let number = repository.pull_request_from_fork("feature", "ada").await;
    let run = failed(&stage, &repository, fails_once(), number).await;
    for expected in [&["eyes", "rocket"][..], &["eyes", "rocket"], &["confused"]] {
        let comment = repository.comment(number, "ada", "/rerun stop");
        reacts(&repository, comment, expected).await;
    }
    let comments = comments_when(&repository, number, |all| all.len() == 4).await;
    assert!(comments[3].body.contains("may have at most 2 commands an hour"), "{comments:#?}");
    let one_more = repository.comment(number, "ada", "/rerun stop");
    tokio::time::sleep(A_WHILE).await;
    assert_eq!((reactions(&repository, one_more), repository.comments(number).len()), (vec![], 5));
    // Nobody takes away what a collaborator may have, who outweighs the author.
    let comment = repository.comment_as(number, "carl", Association::Member, "/rerun");
    reacts(&repository, comment, &["eyes", "rocket"]).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
}

/// Seen to fail when `per_hour` is not looked at (more answers).
async fn a_thousand_comments(stage: Arc<Stage>) {
    let repository = repository(&stage, "flood", AUTHORS).await;
    let number = repository.pull_request_from_fork("feature", "ada").await;
    let run = failed(&stage, &repository, fails_once(), number).await;
    let comments: Vec<u64> = (0..1_000).map(|_| repository.comment(number, "ada", "/rerun status")).collect();
    let count = |all: &[Comment]| all.iter().filter(ours).count();
    comments_when(&repository, number, |all| count(all) == 11).await;
    tokio::time::sleep(A_WHILE).await;
    let all = repository.comments(number);
    let refused =
        all.iter().filter(ours).filter(|one| one.body.contains("may have at most 10 commands an hour")).count();
    assert_eq!((count(&all), refused), (11, 1));
    let reacted = comments.iter().filter(|comment| !repository.reactions(**comment).is_empty()).count();
    assert_eq!(reacted, 11);
    // Others are served all the same.
    let another = repository.pull_request("feature", "carl").await;
    let after = repository.comment(another, "carl", "/rerun status");
    reacts(&repository, after, &["eyes", "rocket"]).await;
    assert_eq!(run.reruns().len(), 0);
}
