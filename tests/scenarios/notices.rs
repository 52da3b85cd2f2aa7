//! Word when it matters: what `NOTIFY_URL` gets.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use local_worker::Options;
use simulator::{Chat, Comment, Endpoint, Fault, Job, Trigger, Trouble, Workflow};

use crate::stage::{PATIENCE, Stage, trials};
use crate::steps::{comments_when, fails_once, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "notices",
        once_for_each_run_and_until_it_is_taken,
        no_more_than_so_many_an_hour,
        a_refused_token,
        one_comment_on_a_pull_request
    )
}

const A_WHILE: Duration = Duration::from_secs(3);

fn always_fails() -> Workflow {
    Workflow::new("ci").job(Job::new("<!channel> test").always_fails())
}

/// Waits until so many messages were taken.
async fn taken(chat: &Chat, count: usize) -> Vec<String> {
    let enough = async {
        while chat.texts().len() < count {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, enough).await;
    assert!(in_time.is_ok(), "{count} messages were expected: {:#?}", chat.messages());
    chat.texts()
}

/// Seen to fail when a second end replaces the first message (two messages).
async fn once_for_each_run_and_until_it_is_taken(stage: Arc<Stage>) {
    let chat = Chat::start().await;
    // The first message is refused; the next try is a minute later.
    chat.trouble(Trouble::Status(503));
    let options = Options::default().setting("NOTIFY_URL", chat.url()).setting("MAX_RERUNS", "1");
    let worker = stage.worker_with(options).await;
    let repository = stage.repository_of("octo/told", runs(), &worker.url).await;
    let run = repository.run(always_fails()).await;
    let rescued = repository.run(Workflow::new("other").job(Job::new("test").fails(1))).await;
    run.ends(2).await;
    rescued.ends(2).await;
    let texts = taken(&chat, 1).await;
    assert!(texts[0].contains("octo/told: ci failed for good."), "{texts:?}");
    assert!(texts[0].contains(&format!("/octo/told/actions/runs/{}", run.id().0)), "{texts:?}");
    assert!(!texts[0].contains("<!channel>"), "a name calls nobody: {texts:?}");
    // A person's re-run fails too: that the run was given up is known.
    run.press_rerun_failed("ann");
    run.ends(3).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(chat.texts().len(), 1, "{:#?}", chat.messages());
    let log = format!("{:?}", worker.log().events());
    assert!(log.contains("was answered 503") && !log.contains("secret-part"), "the URL is a secret: {log}");
    worker.stop().await;
}

/// Seen to fail when the limit for an hour is never reached (6 messages instead of 2).
async fn no_more_than_so_many_an_hour(stage: Arc<Stage>) {
    let chat = Chat::start().await;
    // Slow: no re-run waits for it.
    chat.trouble(Trouble::Late(Duration::from_secs(8)));
    let options = Options::default()
        .setting("NOTIFY_URL", chat.url())
        .setting("MAX_RERUNS", "1")
        .setting("NOTIFICATIONS_PER_HOUR", "2");
    let worker = stage.worker_with(options).await;
    let repository = stage.repository_of("octo/storm", runs(), &worker.url).await;
    let mut all = vec![];
    for _ in 0..6 {
        all.push(repository.run(always_fails()).await);
    }
    for run in &all {
        run.ends(2).await;
    }
    taken(&chat, 2).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(chat.messages().len(), 2, "{:#?}", chat.messages());
    worker.stop().await;
}

/// Seen to fail when redirects are followed (no message where the URL says).
async fn a_refused_token(stage: Arc<Stage>) {
    let chat = Chat::start().await;
    let worker = stage.worker_with(Options::default().setting("NOTIFY_URL", chat.url())).await;
    let repository = stage.repository_of("octo/refused-and-told", runs(), &worker.url).await;
    let github = stage.github().await;
    let fault = github.fault(Fault::status(401).in_repository("octo/refused-and-told"));
    // A redirect is not followed: where it leads to was not set.
    chat.trouble(Trouble::Redirect);
    let run = repository.run(fails_once()).await;
    run.ends(1).await;
    let texts = taken(&chat, 1).await;
    assert!(texts[0].contains("GitHub refuses the credentials"), "{texts:?}");
    assert!(chat.messages().iter().all(|message| message.path == "/hook/secret-part"));
    github.clear_fault(fault);
    worker.stop().await;
}

/// Seen to fail when the comment is never found again (two comments, none of them edited).
async fn one_comment_on_a_pull_request(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default().setting("COMMENT_ON_PULL_REQUESTS", "true")).await;
    let repository = stage.repository_of("octo/commented", runs(), &worker.url).await;
    let github = stage.github().await;
    // The comment is made, and nothing is heard of it: the next try, a minute later, finds it.
    let lost = Fault::lose_answer().on(Endpoint::CreateComment).in_repository("octo/commented").times(1);
    github.fault(lost);
    let number = repository.pull_request("feature/dark-mode", "ada").await;
    let run = repository.run_on(always_fails(), Trigger::pull_request(number, "ada")).await;
    run.ends(4).await;
    let says_all = |body: &str| body.contains("failed for good") && body.contains("re-run 3 of at most 3");
    let found_again = |all: &[Comment]| all.iter().any(|comment| comment.edits > 0 && says_all(&comment.body));
    let comments = comments_when(&repository, number, found_again).await;
    assert_eq!(comments.len(), 1, "{comments:#?}");
    assert!(comments[0].body.starts_with("<!-- rerunner -->"), "{comments:#?}");
    assert!(comments[0].body.contains("`<!channel> test`"), "a name is code: {comments:#?}");
    worker.stop().await;
}
