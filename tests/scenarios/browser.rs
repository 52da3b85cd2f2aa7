//! The pages in a real browser: headless Chromium, by way of `tests/browser/look.mjs`.
//!
//! Without a Chromium (`scripts/setup-browser.mjs` installs Debian's) it is skipped, and says so. `SCREENSHOTS=folder`
//! keeps the pictures.

use std::path::PathBuf;
use std::sync::Arc;

use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options, root};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use simulator::organization::{self, Organization};
use simulator::{Job, Workflow};

use crate::http::eventually;
use crate::size::keepers;
use crate::stage::{ADMIN_TOKEN, Stage, trial};
use crate::steps::{fails_once, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    let found = has_chromium();
    if !found {
        eprintln!(
            "No Chromium was found, and the pages are not looked at: node scripts/setup-browser.mjs installs one."
        );
    }
    vec![
        trial(stage, "browser::pages_as_people_see_them", pages_as_people_see_them).with_ignored_flag(!found),
        trial(stage, "browser::what_people_look_for_is_found", what_people_look_for_is_found).with_ignored_flag(!found),
    ]
}

fn has_chromium() -> bool {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::var_os("CHROMIUM").is_some()
        || std::env::split_paths(&path).any(|folder| names.iter().any(|name| folder.join(name).exists()))
}

/// Seen to fail when green is a little lighter, or two regions have one name (`color-contrast`, `landmark-unique`).
/// Seen to fail when rows do not become cards ("narrow-light: cut off: Repositories, …"), when a refresh takes over whole forms (what
/// was typed is ""), when it does not scroll back to what was there (the place moves from 20 to 259), and when the button pauses at
/// once (there is no `summary` to click).
async fn pages_as_people_see_them(stage: Arc<Stage>) {
    let storage = tempfile::tempdir().expect("a folder");
    let options =
        || Options { storage: Some(storage.path().to_owned()), ..Options::default().setting("MAX_RERUNS", "2") };
    let github = stage.github().await;
    let mut organization = organization::fill(github, 7).await;
    let worker = stage.worker_with(options()).await;
    send_webhooks_to(&organization, &worker).await;
    // Each of its workflows, and the organization's own runs in all of them.
    let mut last = None;
    for _ in 0..14 {
        last = Some(organization.start_next().await);
    }
    last.expect("a run").ends(1).await;
    fail_once_in_each(&organization).await;
    // With the handbook, which is known by its webhooks alone.
    eventually(&worker, "/api/v1/repositories", |answer| answer["repositories"].as_array().map(Vec::len) == Some(4))
        .await;
    worker.stop().await;
    for (number, database) in keepers(storage.path()).iter().enumerate() {
        age(&Connection::open(database).expect("SQLite"), number as i64).expect("rows");
    }

    let worker = stage.worker_with(options()).await;
    send_webhooks_to(&organization, &worker).await;
    let repository = organization.repositories()[0].clone();
    let run = repository.run(Workflow::new("release").job(Job::new("sign the packages").fails(2))).await;
    for _ in 0..14 {
        organization.start_next().await;
    }
    fail_once_in_each(&organization).await;
    run.ends(3).await;
    let path = format!("/api/v1/repositories/{}/runs/{}", repository.name(), run.id().0);
    eventually(&worker, &path, |answer| answer["outcome"] == "rescued").await;
    eventually(&worker, "/api/v1/repositories", |answer| {
        let all = answer["repositories"].as_array().expect("repositories");
        let rescued = all.iter().map(|one| one["last_30_days"]["rescued"].as_u64().unwrap_or_default());
        rescued.filter(|rescued| *rescued > 30).count() == 3
    })
    .await;

    let temporary = tempfile::tempdir().expect("a folder");
    let folder = std::env::var_os("SCREENSHOTS").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let asked = json!({
        "url": worker.url, "token": ADMIN_TOKEN, "repository": repository.name(), "run": run.id().0, "folder": folder,
    });
    let found = in_chromium("look.mjs", &asked).await;
    assert_eq!(found["looked"], 35, "pages that were looked at");
    worker.stop().await;
}

/// Runs a script, which finds no problem. What it found beside.
async fn in_chromium(script: &str, asked: &Value) -> Value {
    let output = tokio::process::Command::new(root().join("node_modules/.bin/node"))
        .arg(root().join("tests/browser").join(script))
        .arg(asked.to_string())
        .kill_on_drop(true)
        .output()
        .await
        .expect("Node.js");
    let told = String::from_utf8_lossy(&output.stdout);
    let found: Option<Value> = told.lines().last().and_then(|line| serde_json::from_str(line).ok());
    let found = found.unwrap_or_else(|| panic!("{told}{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(found["problems"], json!([]), "{found:#}");
    found
}

/// Seen to fail, each time at its own step, when a name leaves no repository out, when `sort=webhook` sorts by nothing, when a
/// workflow leaves no run out, and when a repository publishes no jobs for `/insights`.
async fn what_people_look_for_is_found(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default()).await;
    let busy = stage.repository_of("acme/busy-bee", runs(), &worker.url).await;
    for workflow in ["ci", "release", "ci"] {
        busy.run(Workflow::new(workflow).job(Job::new("sign the packages").fails(1))).await.ends(2).await;
    }
    // Nothing fails here: it is known by its webhooks alone.
    let healthy = stage.repository_of("acme/handbook", runs(), &worker.url).await;
    healthy.run(Workflow::new("ci").job(Job::new("test"))).await.ends(1).await;
    eventually(&worker, "/api/v1/repositories", |answer| {
        let all = answer["repositories"].as_array().expect("repositories");
        let rescued = all.iter().map(|one| one["last_30_days"]["rescued"].as_u64().unwrap_or_default()).sum::<u64>();
        all.len() == 2 && rescued == 3 && all.iter().all(|one| one["last_webhook"].is_string())
    })
    .await;
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = std::env::var_os("SCREENSHOTS").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let asked = json!({
        "url": worker.url, "token": ADMIN_TOKEN, "busy": busy.name(), "healthy": healthy.name(), "folder": folder,
    });
    let found = in_chromium("find.mjs", &asked).await;
    assert_eq!(found["steps"], 12, "what was looked for");
    worker.stop().await;
}

/// But in the handbook, where nothing ever does. What else fails is chance.
async fn fail_once_in_each(organization: &Organization) {
    for repository in organization.repositories().iter().filter(|repository| !repository.name().ends_with("/handbook"))
    {
        repository.run(fails_once()).await.ends(2).await;
    }
}

async fn send_webhooks_to(organization: &Organization, worker: &LocalWorker) {
    for repository in organization.repositories() {
        let url = format!("{}/", worker.url);
        repository
            .hook(|hook| {
                hook.url = Some(url);
                hook.events = runs();
                hook.concurrent = true;
            })
            .await;
    }
}

/// Gives a Keeper the statistics of a month, so that the charts are as they are in use.
fn age(database: &Connection, number: i64) -> rusqlite::Result<()> {
    const DAY: i64 = 86_400_000;
    let last = database.query_row("SELECT MAX(updated) FROM runs", [], |row| row.get::<_, Option<i64>>(0))?;
    let Some(now) = last else { return Ok(()) };
    for ago in 1..30 {
        // Fewer at weekends, and never the same.
        let busy = if (now / DAY - ago + 4) % 7 < 2 { 2 } else { 9 + 4 * number };
        let rescued = busy * (5 + (ago * 7 + number * 3) % 6) / 8;
        let exhausted = if (ago * 5 + number * 3) % 7 < 2 { 1 + ago % 3 } else { 0 };
        let reruns = rescued + rescued / 3 + 3 * exhausted;
        database.execute(
            "INSERT OR IGNORE INTO days VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?)",
            params![now / DAY - ago, rescued, exhausted, ago % 4, ago % 2, reruns, reruns * 210, rescued * 840],
        )?;
    }
    database.execute(
        "WITH RECURSIVE n (ago) AS (SELECT 29 UNION ALL SELECT ago - 1 FROM n WHERE ago > 1)
         UPDATE subjects SET days = (SELECT json_group_array(json(counted)) FROM
             (SELECT json_array(?1 - ago, 1 + (ago * ago + subject_id) % 4, 2, 1 + ago % 2) AS counted
              FROM n WHERE (ago + subject_id) % 3 > 0
              UNION ALL SELECT value FROM json_each(days)))",
        params![now / DAY],
    )?;
    // The next change is written to Workers KV at once.
    database
        .execute("UPDATE repository SET value = json_set(value, '$.summary', json('{}')) WHERE name = 'ledger'", [])
        .map(|_| ())
}
