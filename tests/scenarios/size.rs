//! Pages and API of a repository with a long history.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options};
use rusqlite::{Connection, params};

use crate::http::{eventually, get};
use crate::stage::{Stage, trials};
use crate::steps::{fails_once, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "size", fifty_thousand_runs)
}

const RUNS: i64 = 50_000;
const JOBS: i64 = 500;
const DAY: i64 = 86_400_000;
/// Of the fastest of many: what the Worker takes, and not what else the machine does meanwhile.
const WITHIN: Duration = Duration::from_millis(100);
/// Whatever the history: 50 runs, all 500 jobs and 500 runners, 30 days, 21 rows of each of what re-runs brought, and some single ones.
const ROWS: u64 = 2_500;
/// The newest 500 runs, or those of a day; or 190, and 380 of their decisions; and where a day begins, by halving.
const ROWS_OF_SEARCH: u64 = 800;
/// What policies and rules of a day are counted one by one, and all others.
const LABELS_A_DAY: i64 = 21;

/// Seen to fail when jobs are listed in an order that no index has (4,546 rows read for a page, of 2,000 then).
async fn fifty_thousand_runs(stage: Arc<Stage>) {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Some(folder.path().to_owned());
    let worker = stage.worker_with(Options { storage: storage.clone(), ..Options::default() }).await;
    let repository = stage.repository_of("octo/long-history", runs(), &worker.url).await;
    let run = repository.run(fails_once()).await;
    run.ends(2).await;
    let path = format!("/api/v1/repositories/octo/long-history/runs/{}", run.id().0);
    eventually(&worker, &path, |answer| answer["outcome"] == "rescued").await;
    worker.stop().await;
    let database = keepers(folder.path()).into_iter().next().expect("the Keeper's storage");
    let now = fill(&Connection::open(database).expect("SQLite")).expect("rows");

    let worker = stage.worker_with(Options { storage, ..Options::default() }).await;
    let one = "/api/v1/repositories/octo/long-history";
    let page = get(&worker, "/overview/octo/long-history").await;
    assert!(page.text.contains("Older runs"), "{}", page.text);
    for path in [
        "/overview/octo/long-history".to_owned(),
        "/overview/octo/long-history?outcome=exhausted&cursor=30000".to_owned(),
        format!("/overview/octo/long-history/runs/{}", run.id().0),
        format!("{one}/runs"),
        format!("{one}/runs?limit=50&outcome=left&cursor=25000"),
        format!("{one}/flaky-jobs?limit=15"),
        "/overview/octo/long-history?job=nothing".to_owned(),
    ] {
        measure(&worker, &path, ROWS).await;
    }
    let (since, until) = (date(now - 20 * DAY), date(now - 19 * DAY));
    for filter in
        ["workflow=nothing", "job=nothing&outcome=left", &format!("since={since}&until={until}"), "until=2020-01-01"]
    {
        measure(&worker, &format!("{one}/runs?{filter}"), ROWS_OF_SEARCH).await;
    }
    measure(&worker, "/overview", ROWS).await;
    worker.stop().await;
}

fn date(at: i64) -> String {
    rerunner::time::Millis(at).to_rfc3339()[..10].to_owned()
}

async fn measure(worker: &LocalWorker, path: &str, at_most: u64) {
    let (mut times, mut most) = (vec![], 0);
    for _ in 0..30 {
        let since = Instant::now();
        let answered = get(worker, path).await;
        times.push(since.elapsed());
        assert_eq!(answered.status, 200, "{path}: {}", answered.text);
        let rows = answered.header("x-rows-read");
        let rows: u64 = if rows.is_empty() { 0 } else { rows.parse().expect("a number") };
        assert!(rows <= at_most, "{path} read {rows} rows");
        most = most.max(rows);
    }
    times.sort_unstable();
    println!("{path}: {most} rows, {:?}, and {:?} in the middle", times[0], times[times.len() / 2]);
    assert!(times[0] < WITHIN, "{path}: {times:?}");
}

/// The databases of Durable Objects, as wrangler keeps them.
pub fn keepers(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(keepers(&path));
        } else if path.to_string_lossy().contains("KeeperObject")
            && path.extension().is_some_and(|extension| extension == "sqlite")
            && path.file_name().is_some_and(|name| name != "metadata.sqlite")
        {
            found.push(path);
        }
    }
    found
}

/// Runs of 35 days, each with two decisions; as many jobs as are kept, each failing every day.
fn fill(database: &Connection) -> rusqlite::Result<i64> {
    let now: i64 = database.query_row("SELECT MAX(updated) FROM runs", [], |row| row.get(0))?;
    let transaction = database.unchecked_transaction()?;
    {
        let mut run = database.prepare(
            "INSERT OR IGNORE INTO runs (run_id, outcome, reason, run_attempt, decided_attempt, calling_again, reruns,
             failed_at, complete, tries, workflow, created, updated, published)
             VALUES (?1, ?2, 'Attempt 2 succeeded.', 2, 2, 0, 1, ?3, 1, 0, 'ci', ?3, ?3, 1)",
        )?;
        let mut decision = database.prepare(
            "INSERT INTO run_decisions (run_id, number, run_attempt, decided, outcome, reason)
             VALUES (?1, ?2, ?2, ?3, ?4, 'Attempt 2 succeeded.')",
        )?;
        for number in 1..=RUNS {
            let at = now - 35 * DAY + number * 35 * DAY / RUNS;
            let outcome = ["rescued", "exhausted", "left", "rescued"][number as usize % 4];
            run.execute(params![number, outcome, at])?;
            decision.execute(params![number, 1, at, "rerunning"])?;
            decision.execute(params![number, 2, at, outcome])?;
        }
        let mut subject =
            database.prepare("INSERT INTO subjects VALUES (?2, ?1, NULL, 'ci', ?3, 'Run tests', ?4, ?4, 1, ?5)")?;
        let days: Vec<String> = (0..35).rev().map(|ago| format!("[{},1,1,1,1,1]", now / DAY - ago)).collect();
        let days = format!("[{}]", days.join(","));
        let mut day_total =
            database.prepare("INSERT OR IGNORE INTO days VALUES (?, 900, 300, 200, 0, 0, 1500, 90000, 900000)")?;
        let mut reruns =
            database.prepare("INSERT INTO rerun_days (day, policy, rules, made_1) VALUES (?, '', ?, 9)")?;
        for (ago, label) in (0..35).flat_map(|ago| (0..LABELS_A_DAY).map(move |label| (ago, label))) {
            reruns.execute(params![now / DAY - ago, format!("[\"rule {ago}-{label}\"]")])?;
        }
        for number in 1..=JOBS {
            for (id, kind) in [(number, "job"), (number + JOBS, "runner")] {
                subject.execute(params![id, kind, format!("{kind} {number}"), now, days])?;
            }
        }
        for ago in 0..400 {
            day_total.execute(params![now / DAY - ago])?;
        }
    }
    transaction.commit()?;
    Ok(now)
}
