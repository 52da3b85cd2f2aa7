//! A Worker of this version on storage that the version before has written: a Durable Object's SQLite is a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use libtest_mimic::Trial;
use local_worker::Options;
use rusqlite::Connection;
use simulator::Conclusion;

use crate::http::get;
use crate::stage::{Stage, trials};
use crate::steps::{fails_once, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "storage", what_the_version_before_has_stored_is_gone_on_with)
}

const STORED: &str = include_str!("../storage/schema-9.sql");
/// When that was written, in milliseconds since 1970.
const THEN: i64 = 1_795_533_196_000;
/// The run that it had just heard of.
const WAITING: &str = "1010";
const DAY: i64 = 24 * 60 * 60 * 1_000;

async fn what_the_version_before_has_stored_is_gone_on_with(stage: Arc<Stage>) {
    let storage = tempfile::tempdir().expect("a folder");
    let options =
        || Options { storage: Some(storage.path().to_owned()), ..Options::default().setting("RERUN_DELAY", "6s") };
    // This version makes the object, and sets its alarm.
    let worker = stage.worker_with(options()).await;
    let repository = stage.repository_of("octo/before", runs(), &worker.url).await;
    let run = repository.run(fails_once()).await;
    let stored = worker.log().wait_for(Duration::from_secs(20), |event| event["outcome"] == "scheduled").await;
    assert!(stored.is_some(), "the webhook was not stored");
    worker.kill().await;
    replace(storage.path(), &run.id().0.to_string());
    let worker = stage.worker_with(options()).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_reruns(1).await;
    let path = "/api/v1/repositories/octo/before";
    let listed = get(&worker, &format!("{path}/runs")).await.json();
    let of = |id: u64| {
        let mut runs = listed["runs"].as_array().into_iter().flatten();
        runs.find(|run| run["run_id"] == id).map_or(&serde_json::Value::Null, |run| &run["outcome"])
    };
    let outcomes = [of(1001), of(1002), of(1003), of(run.id().0)];
    assert_eq!(outcomes, ["rescued", "exhausted", "left", "rerunning"], "{listed:#}");
    let flaky = get(&worker, &format!("{path}/flaky-jobs")).await.json();
    let job = &flaky["flaky_jobs"][0];
    assert_eq!([&job["failed"], &job["reruns"], &job["passed"]], [7, 4, 2], "{flaky:#}");
    worker.stop().await;
}

/// Puts the version before's tables in the place of those of the only object that has a run.
fn replace(storage: &Path, run_id: &str) {
    let has_run = |path: &PathBuf| {
        let count = "SELECT COUNT(*) FROM runs";
        Connection::open(path).and_then(|object| object.query_row(count, (), |row| row.get(0))) == Ok(1)
    };
    let path = files(storage).into_iter().find(has_run).expect("the object's file");
    let object = Connection::open(path).expect("SQLite");
    let text = |statement: &str| object.query_row(statement, (), |row| row.get::<_, String>(0));
    let identity = text("SELECT value FROM repository WHERE name = 'identity'").expect("an identity");
    // The runtime's own tables stay: the alarm is in them.
    let table = r"SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\_%' ESCAPE '\' LIMIT 1";
    while let Ok(table) = text(table) {
        object.execute_batch(&format!("DROP TABLE {table}")).expect("the table is dropped");
    }
    object.execute_batch(&moved(STORED).replace(&format!("({WAITING},"), &format!("({run_id},"))).expect("SQL");
    object.execute("UPDATE repository SET value = ? WHERE name = 'identity'", [identity]).expect("an update");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "sqlite"));
    files.chain(folders.iter().flat_map(|folder| self::files(folder))).collect()
}

/// The text as if it had been written yesterday, at the same time of day.
fn moved(text: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_millis();
    let days = (i64::try_from(now).expect("milliseconds") - THEN).div_euclid(DAY) - 1;
    let mut moved = String::new();
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let number = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let by = match number.parse::<i64>() {
            Ok(time) if (time - THEN).abs() < 30 * DAY => days * DAY,
            Ok(day) if (day - THEN / DAY).abs() < 30 => days,
            _ => 0,
        };
        match number.parse::<i64>() {
            Ok(time) if by != 0 => moved.push_str(&word.replacen(number, &(time + by).to_string(), 1)),
            _ => moved.push_str(word),
        }
    }
    moved
}
