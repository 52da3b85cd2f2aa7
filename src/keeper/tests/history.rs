//! Storage that version 19 has left, in the middle of schedules of the simulation: this version's pages, API and statistics say
//! the same of it, word for word, and go on from there.

use serde_json::{Map, Value as Json, json};

use super::*;
use crate::keeper::views::RunSlice;

const HISTORIES: [(&str, &str); 2] = [
    (include_str!("../../../tests/storage/history-19-a.sql"), include_str!("../../../tests/storage/history-19-a.json")),
    (include_str!("../../../tests/storage/history-19-b.sql"), include_str!("../../../tests/storage/history-19-b.json")),
];
const OUTCOMES: [&str; 7] = ["waiting", "rerunning", "rescued", "exhausted", "left", "failed", "superseded"];

fn open(sql: &NativeSql) -> Keeper<NativeSql> {
    Keeper::open(sql.clone()).unwrap()
}

fn stored(history: &str) -> NativeSql {
    let sql = NativeSql::open().unwrap();
    for statement in history.lines().filter(|line| !line.starts_with("--")) {
        sql.exec(statement, vec![]).unwrap();
    }
    sql
}

/// All that people and programs can be told.
fn told(keeper: &Keeper<NativeSql>, now: Millis) -> Json {
    let settings = RerunSettings::from(&Settings::read(|_| None));
    let name = keeper.repository().unwrap().unwrap();
    let slice = |outcome| RunSlice { outcome, before: None, limit: 50, filter: RunFilter::default() };
    let mut views = Map::new();
    let mut add = |name: &str, view: Json| views.insert(name.to_owned(), view);
    add("now", json!(now.0));
    add("repository", json!(keeper.repository_view(name.clone(), &slice(None), &settings, now).unwrap()));
    add("precision", json!(keeper.precision_view(name.clone(), now).unwrap()));
    add("flaky_jobs", json!(keeper.flaky_jobs_view(name.clone(), 0, 100, now).unwrap()));
    let mut runs = vec![];
    for outcome in OUTCOMES {
        let view = keeper.runs_view(name.clone(), &slice(RunOutcome::parse(outcome))).unwrap();
        let one = |run_id| json!(keeper.run_view(name.clone(), run_id, now).unwrap().unwrap());
        runs.extend(view.runs.iter().map(|run| one(run.run_id)));
        add(outcome, json!(view));
    }
    add("runs", json!(runs));
    Json::Object(views)
}

/// Seen to fail when today's figures are read from the ledger and from their row (twice as many).
#[test]
fn what_was_said_of_it_is_said_of_it_still() {
    for (history, said) in HISTORIES {
        let said: Json = serde_json::from_str(said).unwrap();
        let now = Millis(said["now"].as_i64().unwrap());
        let sql = stored(history);
        for _ in 0..2 {
            let told = told(&open(&sql), now);
            for (view, told) in told.as_object().unwrap() {
                assert_eq!(*told, said[view], "{view}");
            }
        }
    }
}

/// A run fails and is rescued: what is told then is what was told before, and one run more. So it is by a Keeper that has
/// counted since its start, and by one that has only just read it; on that day and on the next.
#[test]
fn and_it_goes_on_from_there() {
    for (history, said) in HISTORIES {
        let said: Json = serde_json::from_str(said).unwrap();
        let then = Millis(said["now"].as_i64().unwrap());
        for later in [Span::ZERO, Span::days(1)] {
            let sql = stored(history);
            let play = Play { keeper: open(&sql), now: Cell::new(then + later), ..Play::new() };
            let name = play.keeper.repository().unwrap().unwrap();
            let event =
                |kind, of| RunEvent::new(name.clone(), RunId::new(77_000_000_000).unwrap(), Some(attempt(of)), kind);
            play.keeper.receive(&event(RunEventKind::RunFailed, 1), &play.cx()).unwrap();
            play.keeper.store.flush_all().unwrap();
            let rescued = |keeper: &Keeper<NativeSql>| {
                told(keeper, play.now.get())["repository"]["last_30_days"]["rescued"].clone()
            };
            let before = rescued(&play.keeper).as_u64().unwrap();
            let mut tracked = play.keeper.run(RunId::new(77_000_000_000).unwrap()).unwrap().unwrap().0;
            tracked.decided_attempt = Some(attempt(1));
            play.keeper.store.put(&tracked).unwrap();
            play.keeper.receive(&event(RunEventKind::RunSucceeded, 2), &play.cx()).unwrap();
            assert_eq!(rescued(&play.keeper), json!(before + 1));
            assert_eq!(told(&open(&sql), play.now.get()), told(&play.keeper, play.now.get()));
        }
    }
}
