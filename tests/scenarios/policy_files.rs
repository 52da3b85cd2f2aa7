//! Where the rules come from: the file, its ETag, a token that may not read it, and settings that bear on it. Each with
//! a Worker of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use local_worker::Options;
use simulator::{Conclusion, Endpoint, Grant, Job, Outcome, Permission, Workflow};

use crate::stage::{Stage, trials};
use crate::steps::{decision, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "policy_files", a_file_that_changes, a_token_that_may_not_read, dry_run_and_no_rules)
}

const A_WHILE: Duration = Duration::from_secs(2);
const FILE: &str = ".github/rerunner.yml";

fn ci(job: Job) -> Workflow {
    Workflow::new("ci").job(job)
}

async fn a_file_that_changes(stage: Arc<Stage>) {
    let storage = tempfile::tempdir().expect("a folder");
    let options = || Options { storage: Some(storage.path().to_owned()), ..Options::default() };
    let worker = stage.worker_with(options()).await;
    let repository = stage.repository_of("octo/changing", runs(), &worker.url).await;
    repository.file(FILE, "max_reruns: 0\n").await;
    let run = repository.run(ci(Job::new("test").fails(1))).await;
    let decided = decision(&worker, &run, |_| true).await;
    assert!(decided["reason"].as_str().is_some_and(|reason| reason.contains("max_reruns")), "{decided}");
    // What was read holds for five minutes, and longer if GitHub says that it is the same.
    repository.file(FILE, "max_reruns: 1\n").await;
    let run = repository.run(ci(Job::new("test").fails(1))).await;
    assert_eq!(decision(&worker, &run, |_| true).await["outcome"], "left");
    repository.file(FILE, "max_reruns: 0\n").await;
    worker.stop().await;
    six_minutes_pass(storage.path());
    let worker = stage.worker_with(options()).await;
    repository.hook(|hook| hook.url = Some(format!("{}/", worker.url))).await;
    let run = repository.run(ci(Job::new("test").fails(1))).await;
    assert_eq!(decision(&worker, &run, |_| true).await["outcome"], "left");
    worker.stop().await;
    six_minutes_pass(storage.path());
    repository.file(FILE, "max_reruns: 1\n").await;
    let worker = stage.worker_with(options()).await;
    repository.hook(|hook| hook.url = Some(format!("{}/", worker.url))).await;
    let run = repository.run(ci(Job::new("test").fails(1))).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    worker.stop().await;
    let calls = stage.github().await.calls();
    let of_file = |call: &&simulator::Call| {
        call.endpoint == Some(Endpoint::Contents) && call.repository.as_deref() == Some("octo/changing")
    };
    let statuses: Vec<_> = calls.iter().filter(of_file).map(|call| call.status).collect();
    assert_eq!(statuses, [Some(200), Some(304), Some(200)]);
}

/// As far as what is stored of the policy files can tell.
fn six_minutes_pass(storage: &Path) {
    let mut changed = 0;
    for file in databases(storage) {
        let database = rusqlite::Connection::open(file).expect("SQLite");
        let earlier = "UPDATE repository SET value = json_set(value, '$.read', json_extract(value, '$.read') - 360000)
                       WHERE name = 'policy'";
        // Workers KV and the alarms have files of their own, without that table.
        changed += database.execute(earlier, []).unwrap_or_default();
    }
    assert_eq!(changed, 1, "one policy file is kept");
}

fn databases(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let of = |path: PathBuf| if path.is_dir() { databases(&path) } else { vec![path] };
    entries.flat_map(of).filter(|path| path.extension().is_some_and(|extension| extension == "sqlite")).collect()
}

async fn a_token_that_may_not_read(stage: Arc<Stage>) {
    let may_rerun = Grant { contents: Permission::None, checks: Permission::None, ..Grant::full("rerunner-bot") };
    stage.github().await.add_token("may-only-rerun", may_rerun);
    let worker = stage.worker_with(Options::default().setting("GITHUB_TOKEN", "may-only-rerun")).await;
    let repository = stage.repository_of("octo/unreadable", runs(), &worker.url).await;
    repository.file(FILE, "max_reruns: 0\n").await;
    for _ in 0..2 {
        let run = repository.run(ci(Job::new("test").fails(1))).await;
        assert_eq!(run.ends(2).await, Conclusion::Success, "as if there were no file");
    }
    let events = worker.log().events();
    let said: Vec<_> = events.iter().filter(|event| event["event"] == "policy").collect();
    assert!(
        said.len() == 1 && said[0]["reason"].as_str().is_some_and(|why| why.contains("Contents: read")),
        "{said:?}"
    );
    worker.stop().await;
}

async fn dry_run_and_no_rules(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default().setting("DRY_RUN", "true")).await;
    let repository = stage.repository_of("octo/dry-policy", runs(), &worker.url).await;
    repository
        .file(FILE, "rules:\n  - { name: network, if: { log: ECONNRESET }, then: rerun }\notherwise: leave\n")
        .await;
    let network = Job::new("test").ends_first(1, Outcome::failure_with("Run tests", 1, "ECONNRESET"));
    let would = repository.run(Workflow::new("would").job(network)).await;
    let would_not = repository.run(Workflow::new("would-not").job(Job::new("test").fails(1))).await;
    for (run, said) in [(&would, "DRY_RUN is on"), (&would_not, "no rule of the policy file re-runs")] {
        let decided = decision(&worker, run, |_| true).await;
        assert!(decided["reason"].as_str().is_some_and(|reason| reason.contains(said)), "{decided}");
        run.expect_no_rerun_for(A_WHILE).await;
    }
    let calls = stage.github().await.calls();
    let of_it = calls.iter().filter(|call| call.repository.as_deref() == Some("octo/dry-policy"));
    assert!(of_it.clone().count() >= 6 && of_it.clone().all(|call| call.method == "GET"), "reads only");
    worker.stop().await;

    let worker = stage.worker_with(Options::default().setting("POLICY_FILE", "")).await;
    let repository = stage.repository_of("octo/ruleless", runs(), &worker.url).await;
    repository.file(FILE, "max_reruns: 0\n").await;
    let run = repository.run(ci(Job::new("test").fails(1))).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    worker.stop().await;
    let calls = stage.github().await.calls();
    let read = |call: &simulator::Call| {
        call.endpoint == Some(Endpoint::Contents) && call.repository.as_deref() == Some("octo/ruleless")
    };
    assert!(!calls.iter().any(read), "nobody asked for the file");
}
