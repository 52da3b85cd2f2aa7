//! Commands in comments on pull requests: who may give them and who may not, whatever they write, and what they are about. How
//! they are answered is in `command_answers`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::{Value, json};
use simulator::webhooks::signature as sign;
use simulator::{
    Association, Conclusion, Delivery, DeliveryResult, Endpoint, EventKind, Job, Repository, Run, Trigger, Workflow,
};

use crate::delivery::Delivery as Sent;
use crate::stage::{PATIENCE, SECRET, Stage, trials};
use crate::steps::{comments_when, decision, fails_once, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "commands",
        a_collaborator_has_it_re_run_once,
        an_author_has_it_re_run_where_the_policy_says_so,
        nobody_where_the_policy_does_not_say_so,
        outsiders_programs_and_texts,
        an_edited_comment,
        a_comment_that_is_delivered_again,
        a_comment_of_another_repository,
        a_forged_association,
        a_closed_pull_request,
        only_the_newest_commit,
        what_waits_for_approval_is_not_released,
        a_branch_of_the_repository_itself,
        some_workflows,
        a_branch_of_two_pull_requests,
        a_hostile_glob,
    )
}

/// Long enough for anything that was scheduled to have happened.
pub const A_WHILE: Duration = Duration::from_secs(3);
/// By the rules nothing is re-run.
pub const COLLABORATORS: &str = "max_reruns: 0\ncommands: { who: collaborators }\n";
pub const AUTHORS: &str = "max_reruns: 0\ncommands: { who: authors }\n";

pub async fn repository(stage: &Stage, name: &str, policy: &str) -> Repository {
    let events = runs().and(EventKind::IssueComment);
    let repository = stage.repository(&format!("commands/{name}"), events).await;
    repository.file(".github/rerunner.yml", policy).await;
    repository
}

/// A run of a pull request that has failed, and was left by the rules.
pub async fn failed(stage: &Stage, repository: &Repository, workflow: Workflow, number: u64) -> Run {
    let run = repository.run_on(workflow, Trigger::pull_request(number, "ada")).await;
    assert_eq!(run.ends(1).await, Conclusion::Failure);
    decision(stage.worker().await, &run, |event| event["outcome"] == "left").await;
    run
}

pub fn reactions(repository: &Repository, comment: u64) -> Vec<&'static str> {
    repository.reactions(comment).iter().map(|reaction| reaction.content).collect()
}

/// Waits for the last of them.
pub async fn reacts(repository: &Repository, comment: u64, expected: &[&str]) {
    let as_expected = async {
        while reactions(repository, comment) != expected {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, as_expected).await;
    assert!(
        in_time.is_ok(),
        "{:?}, not {expected:?}\n{}",
        reactions(repository, comment),
        repository.github().history()
    );
}

/// The comments, and edits of them, are all that there were: each was answered, and nothing is done.
async fn is_left_alone(repository: &Repository, run: &Run, comments: &[u64]) {
    are_ignored(repository, comments.len()).await;
    run.expect_no_rerun_for(A_WHILE).await;
    assert_eq!(run.attempt(), 1);
    for comment in comments {
        assert_eq!(reactions(repository, *comment), [""; 0], "of comment {comment}");
    }
}

async fn are_ignored(repository: &Repository, at_least: usize) {
    let of_it = |one: &Delivery| one.event == "issue_comment" && one.repository.to_string() == repository.name();
    let answered = || repository.github().deliveries().into_iter().filter(of_it).collect::<Vec<_>>();
    let all = async {
        while answered().len() < at_least {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, all).await.is_ok(), "{}", repository.github().history());
    for delivery in answered() {
        let DeliveryResult::Answered { status, body } = &delivery.result else {
            panic!("{}: {:?}", delivery.id, delivery.result)
        };
        assert!(*status == 200 && body.contains("\"ignored\""), "{status} {body}");
    }
}

/// Seen to fail when it is not asked whether a run has failed (another answer).
async fn a_collaborator_has_it_re_run_once(stage: Arc<Stage>) {
    let repository = repository(&stage, "collaborator", COLLABORATORS).await;
    let number = repository.pull_request("feature", "ada").await;
    let run = failed(&stage, &repository, fails_once(), number).await;
    let comment = repository.comment_as(number, "carl", Association::Collaborator, "/rerun\r\nthe mirror is back");
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_reruns(1).await;
    reacts(&repository, comment, &["eyes", "rocket"]).await;
    let made = decision(stage.worker().await, &run, |event| event["outcome"] == "rerunning").await;
    assert!(made["reason"].as_str().is_some_and(|why| why.contains("re-run requested by \"carl\"")), "{made}");
    assert_eq!(repository.comments(number).len(), 1, "nothing but the command");
    // What has passed is not re-run.
    let again = repository.comment_as(number, "carl", Association::Member, "/rerun");
    reacts(&repository, again, &["eyes", "confused"]).await;
    let comments = comments_when(&repository, number, |all| all.len() == 3).await;
    assert!(comments[2].body.contains("Nothing was re-run"), "{comments:#?}");
    run.expect_reruns(1).await;
}

/// Seen to fail when `who` is not asked (the author has it re-run where only collaborators may).
async fn an_author_has_it_re_run_where_the_policy_says_so(stage: Arc<Stage>) {
    let repository = repository(&stage, "author", COLLABORATORS).await;
    let number = repository.pull_request_from_fork("feature", "ada").await;
    let run = failed(&stage, &repository, fails_once(), number).await;
    let too_early = repository.comment_as(number, "ada", Association::FirstTimeContributor, "/rerun");
    is_left_alone(&repository, &run, &[too_early]).await;

    let repository = self::repository(&stage, "authors", AUTHORS).await;
    let number = repository.pull_request_from_fork("feature", "ada").await;
    let run = failed(&stage, &repository, fails_once(), number).await;
    let comment = repository.comment_as(number, "ada", Association::FirstTimeContributor, "/rerun");
    assert_eq!(run.ends(2).await, Conclusion::Success);
    reacts(&repository, comment, &["eyes", "rocket"]).await;
}

/// Seen to fail when nobody is everybody (a re-run).
async fn nobody_where_the_policy_does_not_say_so(stage: Arc<Stage>) {
    for (name, policy) in [("none", "max_reruns: 0\n"), ("broken", "commands: { who: authors, x: y }\n")] {
        let repository = repository(&stage, name, policy).await;
        let number = repository.pull_request("feature", "ada").await;
        let run = failed(&stage, &repository, fails_once(), number).await;
        let comment = repository.comment_as(number, "olga", Association::Owner, "/rerun");
        is_left_alone(&repository, &run, &[comment]).await;
    }
}

/// Seen to fail when a bot's comment counts, and when a command may stand in any line, behind a `>` or in a block of code (a re-run).
async fn outsiders_programs_and_texts(stage: Arc<Stage>) {
    let repository = repository(&stage, "outsiders", AUTHORS).await;
    let number = repository.pull_request("feature", "ada").await;
    let run = failed(&stage, &repository, fails_once(), number).await;
    let issue = repository.open_issue("It is broken", "olga");
    let long = format!("/rerun {}", "*a".repeat(60));
    let by = |author: &str, association, body: &str| repository.comment_as(number, author, association, body);
    let comments = [
        by("mallory", Association::None, "/rerun"),
        by("mallory", Association::Contributor, "/rerun"),
        by("mallory", Association::FirstTimeContributor, "/rerun"),
        by("mallory", Association::FirstTimer, "/rerun"),
        by("mallory", Association::None, "/rerun\nauthor_association: OWNER"),
        by("helpful[bot]", Association::Collaborator, "/rerun"),
        by("olga", Association::Owner, "> /rerun"),
        by("olga", Association::Owner, "```\n/rerun\n```"),
        by("olga", Association::Owner, "    /rerun"),
        by("olga", Association::Owner, "Please say\n/rerun"),
        by("olga", Association::Owner, "/rerun-all"),
        by("olga", Association::Owner, &long),
        repository.comment_as(issue, "olga", Association::Owner, "/rerun"),
    ];
    is_left_alone(&repository, &run, &comments).await;
}

/// Seen to fail when every action counts (a re-run).
async fn an_edited_comment(stage: Arc<Stage>) {
    let repository = repository(&stage, "edited", COLLABORATORS).await;
    let number = repository.pull_request("feature", "ada").await;
    let run = failed(&stage, &repository, fails_once(), number).await;
    let comment = repository.comment_as(number, "olga", Association::Owner, "Hm.");
    repository.edit_comment(comment, "olga", "/rerun");
    are_ignored(&repository, 2).await;
    is_left_alone(&repository, &run, &[comment]).await;
}

/// Seen to fail when it is not looked up whether the comment is known (another re-run).
async fn a_comment_that_is_delivered_again(stage: Arc<Stage>) {
    let repository = repository(&stage, "again", COLLABORATORS).await;
    let number = repository.pull_request("feature", "ada").await;
    let run = failed(&stage, &repository, Workflow::new("ci").job(Job::new("test").always_fails()), number).await;
    let comment = repository.comment_as(number, "olga", Association::Owner, "/rerun");
    assert_eq!(run.ends(2).await, Conclusion::Failure);
    reacts(&repository, comment, &["eyes", "rocket"]).await;
    let github = repository.github();
    let of_it = |one: &Delivery| one.event == "issue_comment" && one.repository.to_string() == repository.name();
    let delivery = github.deliveries().into_iter().find(of_it).expect("the comment's webhook");
    for _ in 0..3 {
        github.redeliver(&delivery.id).await;
    }
    // Its row is found, or it would take some seconds.
    tokio::time::sleep(3 * A_WHILE).await;
    run.expect_reruns(1).await;
    assert_eq!(reactions(&repository, comment), ["eyes", "rocket"]);
}

/// Its pull request has the number of one here.
/// Seen to fail when it is taken for one of this repository (no reaction there).
async fn a_comment_of_another_repository(stage: Arc<Stage>) {
    let repository = repository(&stage, "mine", COLLABORATORS).await;
    let number = repository.pull_request("feature", "ada").await;
    let run = failed(&stage, &repository, fails_once(), number).await;
    let theirs = self::repository(&stage, "theirs", COLLABORATORS).await;
    assert_eq!(theirs.pull_request("feature", "mallory").await, number);
    let comment = theirs.comment_as(number, "mallory", Association::Owner, "/rerun");
    reacts(&theirs, comment, &["eyes", "confused"]).await;
    is_left_alone(&repository, &run, &[]).await;
}

/// What a webhook says of a comment.
fn payload(repository: &str, number: u64, comment: u64, association: &str) -> Value {
    json!({
        "action": "created",
        "repository": { "full_name": repository },
        "issue": { "number": number, "state": "open", "user": { "id": 1, "login": "ada" }, "pull_request": {} },
        "comment": {
            "id": comment, "body": "/rerun", "author_association": association,
            "user": { "id": 2, "login": "mallory", "type": "User" },
        },
    })
}

/// Seen to fail when any signature will do (no 401).
async fn a_forged_association(stage: Arc<Stage>) {
    let repository = repository(&stage, "forged", COLLABORATORS).await;
    let number = repository.pull_request("feature", "ada").await;
    let run = failed(&stage, &repository, fails_once(), number).await;
    let comment = repository.comment_as(number, "mallory", Association::None, "/rerun");
    let name = repository.name();
    let url = &stage.worker().await.url;
    let told = payload(&name, number, comment, "NONE");
    Sent::json("issue_comment", &told).send(url).await.is(200, "ignored", "neither");
    let forged = payload(&name, number, comment, "OWNER");
    let signature = sign(SECRET, told.to_string().as_bytes());
    let with = |signature: &str| Sent::json("issue_comment", &forged).with("x-hub-signature-256", signature);
    with(&signature).send(url).await.is(401, "rejected", "signature");
    with(&sign("another", forged.to_string().as_bytes())).send(url).await.is(401, "rejected", "signature");
    let unsigned = Sent::json("issue_comment", &forged).without("x-hub-signature-256");
    unsigned.send(url).await.is(401, "rejected", "");
    is_left_alone(&repository, &run, &[comment]).await;
}

/// Seen to fail when the payload's word is not looked at (the comment is not ignored).
async fn a_closed_pull_request(stage: Arc<Stage>) {
    let repository = repository(&stage, "closed", COLLABORATORS).await;
    let number = repository.pull_request("feature", "ada").await;
    let run = failed(&stage, &repository, fails_once(), number).await;
    repository.close_pull_request(number).await;
    let comment = repository.comment_as(number, "olga", Association::Owner, "/rerun");
    is_left_alone(&repository, &run, &[comment]).await;
    // The payload is older than that.
    let told = payload(&repository.name(), number, comment + 1_000_000, "OWNER");
    Sent::json("issue_comment", &told).send(&stage.worker().await.url).await.is(202, "scheduled", "a command");
    run.expect_no_rerun_for(A_WHILE).await;
    assert_eq!(run.attempt(), 1);
    assert_eq!(repository.comments(number).len(), 1, "nobody is answered");
}

/// Seen to fail when runs of any commit are listed and meant (one is refused).
async fn only_the_newest_commit(stage: Arc<Stage>) {
    let repository = repository(&stage, "newest", AUTHORS).await;
    let number = repository.pull_request_from_fork("feature", "ada").await;
    let older = failed(&stage, &repository, fails_once(), number).await;
    repository.push_to_pull_request(number).await;
    let newer = failed(&stage, &repository, fails_once(), number).await;
    let comment = repository.comment(number, "ada", "/rerun");
    assert_eq!(newer.ends(2).await, Conclusion::Success);
    reacts(&repository, comment, &["eyes", "rocket"]).await;
    older.expect_no_rerun_for(A_WHILE).await;
    assert_eq!(older.attempt(), 1);
}

/// Seen to fail when it is not asked whether a run has failed (another answer).
async fn what_waits_for_approval_is_not_released(stage: Arc<Stage>) {
    let repository = repository(&stage, "approval", AUTHORS).await;
    let number = repository.pull_request_from_fork("feature", "ada").await;
    let workflow = fails_once().action_required();
    let waits = repository.run_on(workflow, Trigger::pull_request(number, "ada")).await;
    let comment = repository.comment(number, "ada", "/rerun");
    reacts(&repository, comment, &["eyes", "confused"]).await;
    let comments = comments_when(&repository, number, |all| all.len() == 2).await;
    assert!(comments[1].body.contains("waiting for approval"), "{comments:#?}");
    assert_eq!(waits.reruns().len(), 0);
    assert_eq!(asked(&stage, &repository, Endpoint::RerunFailedJobs).await, 0);
}

pub async fn asked(stage: &Stage, repository: &Repository, endpoint: Endpoint) -> usize {
    let name = Some(repository.name());
    let of_it = |call: &&simulator::Call| call.endpoint == Some(endpoint) && call.repository == name;
    stage.github().await.calls().iter().filter(of_it).count()
}

/// Anybody can open a pull request from any branch of the repository, and has no say about what runs there.
/// Seen to fail when the branch's owner is not looked at (another reaction).
async fn a_branch_of_the_repository_itself(stage: Arc<Stage>) {
    let repository = repository(&stage, "pushed", AUTHORS).await;
    let number = repository.pull_request("release", "mallory").await;
    let checks = failed(&stage, &repository, fails_once(), number).await;
    let deploys = Workflow::new("deploy").path(".github/workflows/deploy.yml").job(Job::new("deploy").fails(1));
    let pushed = repository.run_on(deploys, Trigger::push("release", "olga")).await;
    assert_eq!(pushed.ends(1).await, Conclusion::Failure);
    let comment = repository.comment(number, "mallory", "/rerun");
    reacts(&repository, comment, &["eyes", "confused"]).await;
    checks.expect_no_rerun_for(A_WHILE).await;
    assert_eq!((checks.attempt(), pushed.attempt()), (1, 1));
    assert_eq!(asked(&stage, &repository, Endpoint::RerunFailedJobs).await, 0);
}

/// Seen to fail when `commands.workflows` is not looked at (the deployment is re-run).
async fn some_workflows(stage: Arc<Stage>) {
    let policy = "max_reruns: 0\ncommands: { who: collaborators, workflows: { exclude: [deploy*] } }\n";
    let repository = repository(&stage, "globs", policy).await;
    let number = repository.pull_request("feature", "ada").await;
    let workflow = |name: &str| {
        let path = format!(".github/workflows/{}.yml", name.replace(' ', "-"));
        Workflow::new(name).path(&path).job(Job::new("job").fails(1))
    };
    let lint = failed(&stage, &repository, workflow("lint @octo/all"), number).await;
    let test = failed(&stage, &repository, workflow("unit tests"), number).await;
    let deploy = failed(&stage, &repository, workflow("deploy"), number).await;
    let second = repository.comment_as(number, "olga", Association::Owner, "/rerun Unit*");
    reacts(&repository, second, &["eyes", "rocket"]).await;
    assert_eq!(test.ends(2).await, Conclusion::Success);
    assert_eq!(lint.attempt(), 1);
    let third = repository.comment_as(number, "olga", Association::Owner, "/rerun");
    reacts(&repository, third, &["eyes", "confused"]).await;
    assert_eq!(lint.ends(2).await, Conclusion::Success);
    let ours = |comment: &&simulator::Comment| comment.body.starts_with("<!-- rerunner command ");
    let all = comments_when(&repository, number, |all| all.iter().filter(ours).count() == 1).await;
    let answer = all.iter().find(ours).expect("there is one");
    assert!(answer.body.contains("`deploy`") && answer.body.contains("excludes"), "{answer:#?}");
    assert_eq!(deploy.reruns().len(), 0);
}

/// Whoever opens another pull request from the same commit has its checks in common with the first.
/// Seen to fail when what is shared is anybody's (a re-run).
async fn a_branch_of_two_pull_requests(stage: Arc<Stage>) {
    let repository = repository(&stage, "shared", AUTHORS).await;
    let number = repository.pull_request_from_fork("feature", "ada").await;
    let run = failed(&stage, &repository, fails_once(), number).await;
    let second = repository.pull_request_from_fork("feature", "ada").await;
    let comment = repository.comment(second, "ada", "/rerun");
    reacts(&repository, comment, &["eyes", "confused"]).await;
    let comments = comments_when(&repository, second, |all| all.len() == 2).await;
    assert!(comments[1].body.contains("several pull requests have its branch"), "{comments:#?}");
    run.expect_no_rerun_for(A_WHILE).await;
    // A collaborator may.
    let comment = repository.comment_as(second, "olga", Association::Owner, "/rerun");
    assert_eq!(run.ends(2).await, Conclusion::Success);
    reacts(&repository, comment, &["eyes", "rocket"]).await;
}

/// As long as one can be, and with as many stars; one that is longer is no command.
/// Seen to fail when globs may be longer (a reaction).
async fn a_hostile_glob(stage: Arc<Stage>) {
    let repository = repository(&stage, "hostile", AUTHORS).await;
    let number = repository.pull_request_from_fork("feature", "ada").await;
    let name = "a".repeat(90);
    let workflow = Workflow::new(&name).path(".github/workflows/a.yml").job(Job::new("job").fails(1));
    let run = failed(&stage, &repository, workflow, number).await;
    for hostile in [format!("/rerun {}b", "*a".repeat(49)), format!("/rerun {}", "?*".repeat(50))] {
        let begun = Instant::now();
        let comment = repository.comment(number, "ada", &hostile);
        let expected: &[&str] = if hostile.ends_with('b') { &["eyes", "confused"] } else { &["eyes", "rocket"] };
        reacts(&repository, comment, expected).await;
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }
    run.expect_reruns(1).await;
    let others = asked(&stage, &repository, Endpoint::CreateReaction).await;
    let too_long = repository.comment(number, "ada", &format!("/rerun {}", "*".repeat(101)));
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(
        (reactions(&repository, too_long), asked(&stage, &repository, Endpoint::CreateReaction).await),
        (vec![], others)
    );
}
