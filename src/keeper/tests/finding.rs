//! Runs are found among many; and what is published says that a repository is alive, and what fails in it.

use super::super::views::{RunSlice, RunsView};
use super::*;
use crate::keeper::store::{LOOKED_AT, Value};

const RUNS: u64 = 1_300;

/// Its first failure was seen so many hours after the first run's; each 97th, and a batch of them, were seen five days late.
fn created(run: u64) -> Millis {
    let late = if run.is_multiple_of(97) || (630..670).contains(&run) { 120 } else { 0 };
    START + Span::hours(i64::try_from(run).unwrap() + late)
}

/// Runs of all kinds, one in ten of the workflow `nightly`; one in fifty failed of the network.
fn many() -> Play {
    let play = Play::new();
    play.keeper.set_repository(&repository()).unwrap();
    let sql = &play.keeper.store.sql;
    for run in 1..=RUNS {
        let workflow = if run.is_multiple_of(10) { "nightly" } else { "ci" };
        // Some are open.
        let (place, outcome) = if run.is_multiple_of(300) { (-1, "waiting") } else { (1, "exhausted") };
        let branch = format!("release/{}", run % 7);
        let place = place * i64::try_from(run).unwrap();
        let bindings = vec![place.into(), outcome.into(), created(run).into(), workflow.into(), branch.into()];
        let statement =
            "INSERT INTO runs (run_id, outcome, reason, run_attempt, decided_attempt, calling_again, reruns, failed_at,
             complete, tries, created, updated, published, workflow, head_branch)
             VALUES (?1, ?2, 'Gave up.', 2, 2, 0, 1, ?3, 1, 0, ?3, ?3, 1, ?4, ?5)";
        sql.exec(statement, bindings).unwrap();
        let class = if run.is_multiple_of(50) { "network" } else { "test" };
        let detail = format!(
            r#"{{"jobs":[{{"name":"build {}","rule":"{class}s","cause":{{"id":"x","class":"{class}"}}}}]}}"#,
            run % 3
        );
        let statement = "INSERT INTO run_decisions (run_id, number, run_attempt, decided, outcome, reason, detail)
             VALUES (?, 1, 1, ?, 'exhausted', 'Gave up.', ?)";
        sql.exec(statement, vec![run.into(), created(run).into(), detail.into()]).unwrap();
    }
    play
}

fn page(play: &Play, filter: &RunFilter, outcome: Option<RunOutcome>, before: Option<RunId>) -> RunsView {
    let slice = RunSlice { outcome, before, limit: 20, filter: filter.clone() };
    play.keeper.runs_view(repository(), &slice).unwrap()
}

/// All pages, one after the other; and how many runs were looked through.
fn all(play: &Play, filter: &RunFilter, outcome: Option<RunOutcome>) -> (Vec<u64>, u64) {
    let (mut found, mut looked, mut before) = (Vec::new(), 0, None);
    for _ in 0..200 {
        let RunsView { runs, looked_through, next_cursor, .. } = page(play, filter, outcome, before);
        found.extend(runs.iter().map(|run| run.run_id.get()));
        let looked_through = looked_through.expect("a search");
        assert!(runs.len() <= 20 && looked_through <= LOOKED_AT as u64, "{looked_through}");
        looked += looked_through;
        let Some(next) = next_cursor else { return (found, looked) };
        before = RunId::new(next.parse().unwrap());
    }
    panic!("it never ends: {found:?}");
}

fn newest_first(is_one: impl Fn(u64) -> bool) -> Vec<u64> {
    (1..=RUNS).rev().filter(|run| is_one(*run)).collect()
}

#[test]
fn runs_are_found_page_by_page() {
    let play = many();
    let filter = |text: &str| serde_json::from_str::<RunFilter>(text).unwrap();
    let nightly = filter(r#"{"workflow":"Nightly"}"#);
    assert_eq!(all(&play, &nightly, None), (newest_first(|run| run.is_multiple_of(10)), RUNS));
    let nothing = page(&play, &filter(r#"{"branch":"main"}"#), None, None);
    assert_eq!((nothing.runs.len(), nothing.looked_through), (0, Some(LOOKED_AT as u64)));
    assert_eq!(nothing.next_cursor.as_deref(), Some("801"), "it goes on from there");
    let of_jobs = filter(r#"{"job":"build 1","cause":"infrastructure","rule":"network*"}"#);
    let expected = newest_first(|run| run.is_multiple_of(50) && run % 3 == 1);
    assert_eq!(all(&play, &of_jobs, None).0, expected);
    let waiting = all(&play, &filter(r#"{"branch":"release/*"}"#), Some(RunOutcome::Waiting));
    assert_eq!(waiting, (newest_first(|run| run.is_multiple_of(300)), 4));
}

/// Seen to fail when it begins at the newest run (all are looked through).
/// Seen to fail when what is above a batch that was seen late is not looked at: 6 of 24 runs of a day.
#[test]
fn a_range_of_days_is_found_at_once() {
    let play = many();
    let day = START.day();
    let days_of_the_batch = (20..34).map(|day| (day, day));
    for (since, until) in
        [(10, 12), (0, 0), (30, 40), (53, 60), (54, 54), (-9, -1), (80, 90)].into_iter().chain(days_of_the_batch)
    {
        let filter = RunFilter { since: Some(day + since), until: Some(day + until), ..RunFilter::default() };
        let expected = newest_first(|run| (day + since..=day + until).contains(&created(run).day()));
        let (found, looked) = all(&play, &filter, None);
        assert_eq!(found, expected, "{since} to {until}");
        assert!(looked <= 600 + found.len() as u64, "{since} to {until}: {looked} were looked through");
    }
    let open_end = RunFilter { until: Some(day + 2), ..RunFilter::default() };
    assert_eq!(all(&play, &open_end, None).0, newest_first(|run| created(run).day() <= day + 2));
}

/// Seen to fail when only runs that are over say where a day ends.
#[test]
fn a_run_that_is_open_for_days_is_found_by_its_first() {
    let play = many();
    let sql = &play.keeper.store.sql;
    sql.exec(
        "UPDATE runs SET run_id = -2000, outcome = 'waiting', created = ? WHERE run_id = 1299",
        vec![START.into()],
    )
    .unwrap();
    let first_day = RunFilter { until: Some(START.day()), ..RunFilter::default() };
    assert_eq!(all(&play, &first_day, None).0.first(), Some(&2_000));
}

fn rows_written(play: &Play) -> i64 {
    match play.keeper.store.sql.exec("SELECT total_changes()", vec![]).unwrap()[0][0] {
        Value::Integer(changes) => changes,
        ref other => panic!("{other:?}"),
    }
}

/// Seen to fail when each is the first one.
#[test]
fn a_sign_of_life_is_one_row_a_day() {
    let play = Play::new();
    play.keeper.set_repository(&repository()).unwrap();
    for day in 0..3 {
        let before = rows_written(&play);
        let summary = play.keeper.sign_of_life(&play.cx()).unwrap().expect("the first one today");
        assert_eq!((summary.last_webhook, summary.last_decision), (Some(play.now.get()), None), "{day}");
        play.keeper.finish_sign_of_life(true, play.now.get()).unwrap();
        let first = play.now.get();
        play.pass(Span::minutes(5));
        assert_eq!(play.keeper.sign_of_life(&play.cx()).unwrap(), None);
        // Also where the Keeper went away meanwhile.
        let again = Keeper::open(play.keeper.store.sql.clone()).unwrap();
        assert_eq!(again.sign_of_life(&play.cx()).unwrap(), None);
        assert_eq!(again.last_heard().unwrap().0, Some(play.now.get()));
        assert_eq!(Keeper::open(play.keeper.store.sql.clone()).unwrap().last_heard().unwrap().0, Some(first));
        assert_eq!(rows_written(&play) - before, 1, "on day {day}");
        play.rests();
        play.pass(Span::hours(24));
    }
}

/// Seen to fail when a summary that could not be written is taken for written.
#[test]
fn a_sign_of_life_that_was_not_published_is_with_the_next_work() {
    let play = Play::new();
    play.keeper.set_repository(&repository()).unwrap();
    play.keeper.sign_of_life(&play.cx()).unwrap().expect("the first one today");
    play.keeper.finish_sign_of_life(false, play.now.get()).unwrap();
    assert_eq!(play.keeper.next_alarm(&play.settings).unwrap(), Some(play.now.get()));
}

const CAUSES: &str = "rules:\n  - name: network\n    if: { cause: network }\n    then: rerun\notherwise: rerun\n";

/// Seen to fail when a day that is over is forgotten.
#[test]
fn what_attempts_failed_with_is_published_by_week() {
    let play = Play::with_policy(CAUSES);
    play.keeper.set_repository(&repository()).unwrap();
    let fails = |run: u64, log: &str| {
        play.github.borrow_mut().attempt = 1;
        play.ends(Conclusion::Failure);
        play.github.borrow_mut().jobs = (1..=3).map(|id| failed_job(id, &format!("test {id}"), "Run npm ci")).collect();
        play.github.borrow_mut().log = vec![log.to_owned()];
        let event = RunEvent::new(repository(), RunId::new(run).unwrap(), Some(attempt(1)), RunEventKind::RunFailed);
        play.keeper.receive(&event, &play.cx()).unwrap();
        play.pass_working(Span::seconds(30));
        play.ends(Conclusion::Success);
        let event = RunEvent::new(repository(), RunId::new(run).unwrap(), Some(attempt(2)), RunEventKind::RunSucceeded);
        play.keeper.receive(&event, &play.cx()).unwrap();
        play.pass_working(Span::minutes(5));
    };
    let network = "npm error network request to https://registry.example/left-pad failed, reason: getaddrinfo EAI_AGAIN registry.example";
    fails(1, network);
    fails(2, network);
    play.pass(Span::days(8));
    fails(3, network);
    fails(4, "nobody has seen this");
    play.pass(Span::days(1));
    let decided = play.now.get();
    fails(5, network);
    play.pass(Span::days(1));
    let summary = play.keeper.sign_of_life(&play.cx()).unwrap().expect("another day");
    let class = summary.causes.0.keys().find(|name| *name != "unknown").cloned().unwrap();
    assert_eq!(summary.causes.0[&class], [2, 2], "{:?}", summary.causes);
    assert_eq!(summary.causes.0["unknown"], [1]);
    let insights = summary.insights.unwrap();
    let flaky: Vec<_> =
        insights.flaky.iter().map(|job| (job.job.as_str(), job.failed, job.reruns, job.passed)).collect();
    assert_eq!(flaky.len(), 3);
    assert!(flaky.iter().all(|job| (job.1, job.2, job.3) == (5, 5, 5)), "{flaky:?}");
    assert!(insights.never_helped.is_empty());
    assert!(summary.last_decision.is_some_and(|at| at > decided), "the success was the last one");
}
