//! A repository's storage is bounded, however long it lives: 75 days of deliveries through the Keeper, on SQLite.
//!
//! `npm run retention` is the long form, with 50,000 deliveries a day (`RETENTION_DELIVERIES`).

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use rerunner::github::{Call, Page, RerunAnswer, Response};
use rerunner::keeper::context::Context;
use rerunner::keeper::store::{Sql, Value};
use rerunner::keeper::{Keeper, Task};
use rerunner::names::{Conclusion, DeliveryId, JobId, RepoName, RunAttempt, RunId, WorkflowId};
use rerunner::policy::RerunSettings;
use rerunner::policy::evidence::{Job, Step};
use rerunner::policy::{run::Origin, run::Run};
use rerunner::settings::Settings;
use rerunner::time::{Millis, Span};
use rerunner::webhook::{event::RunEvent, event::RunEventKind};

#[path = "simulation/schedule/native_sql.rs"]
mod native_sql;
use native_sql::NativeSql;

/// Past this, every day forgets as much as it brings.
const FULL: u64 = 37;
const DAYS: u64 = 75;
const START: Millis = Millis(1_795_446_245_000);
/// Of a failing run of four jobs that is rescued, all three kinds of webhooks being sent.
const DELIVERIES_A_RUN: u64 = 8;

struct Repository {
    sql: NativeSql,
    keeper: Keeper<NativeSql>,
    settings: RerunSettings,
    now: Millis,
    deliveries: u64,
}

impl Repository {
    fn new() -> Self {
        let sql = NativeSql::open().unwrap();
        let settings = RerunSettings {
            delay: Span::ZERO,
            sweep_interval: Span::ZERO,
            ..RerunSettings::from(&Settings::read(|_| None))
        };
        let keeper = Keeper::open(sql.clone()).unwrap();
        Self { sql, keeper, settings, now: START, deliveries: 0 }
    }

    fn on_webhook(&mut self, run_id: RunId, attempt: u32, kind: RunEventKind) {
        self.deliveries += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", self.deliveries);
        let event = RunEvent {
            delivery: DeliveryId::parse(&id),
            ..RunEvent::new(RepoName::parse("octo/widgets").unwrap(), run_id, RunAttempt::new(attempt), kind)
        };
        self.keeper.receive(&event, &Context::new(&self.settings, self.now, 0.5)).unwrap();
    }

    /// What an alarm does: all that is due, with GitHub answering at once.
    fn work(&mut self, attempt: u32, conclusion: Conclusion) {
        loop {
            let cx = Context::new(&self.settings, self.now, 0.5);
            match self.keeper.next(true, &cx).unwrap() {
                None => break,
                Some(Task::Wait(span)) => self.now = self.now + span,
                Some(Task::WantCancelled(_)) => panic!("there is no policy"),
                Some(Task::Publish(tracked)) => self.keeper.finish_publish(&tracked, true, self.now).unwrap(),
                Some(Task::Summarize(_)) => self.keeper.finish_summary(true, self.now).unwrap(),
                Some(Task::Errand(errand)) => panic!("{errand:?}"),
                Some(Task::HandOver(what)) => panic!("{what:?}"),
                Some(Task::Notify(notice)) => panic!("{notice:?}"),
                Some(Task::Call(call)) => self.call(call, attempt, conclusion),
            }
        }
        self.keeper.prune(self.now).unwrap();
    }

    fn call(&mut self, call: Call, attempt: u32, conclusion: Conclusion) {
        let mut next = Some(Task::Call(call));
        while let Some(Task::Call(call)) = next {
            let answer = match &call {
                Call::ReadRun { run_id } => Response::Run(Ok(Box::new(run(*run_id, attempt, conclusion)))),
                Call::ListJobs { .. } => Response::Jobs(Ok(Page { items: jobs(), full: false, total: None })),
                _ => Response::Rerun(Ok(RerunAnswer::Accepted)),
            };
            next = self.keeper.answered(&call, answer, &Context::new(&self.settings, self.now, 0.5)).unwrap().task;
        }
    }

    fn number(&self, statement: &str) -> u64 {
        match self.sql.exec(statement, vec![]).unwrap()[0][0] {
            Value::Integer(number) => number.try_into().unwrap(),
            ref other => panic!("{other:?}"),
        }
    }

    /// Without the pages that are free to be used again.
    fn bytes(&self) -> u64 {
        let pages = self.number("PRAGMA page_count") - self.number("PRAGMA freelist_count");
        pages * self.number("PRAGMA page_size")
    }
}

fn run(run_id: RunId, attempt: u32, conclusion: Conclusion) -> Run {
    Run {
        run_id,
        repository: None,
        run_attempt: RunAttempt::new(attempt).unwrap(),
        conclusion: Some(conclusion),
        workflow_id: WorkflowId::new(1),
        workflow: None,
        path: Some(".github/workflows/ci.yml".to_owned()),
        event: "push".to_owned(),
        head_branch: Some("main".to_owned()),
        run_number: Some(1_234),
        title: Some("Make the tests of the parser less flaky (#1234)".to_owned()),
        head_sha: "0123456789012345678901234567890123456789".to_owned(),
        actors: vec!["mona".to_owned()],
        head_commit: None,
        origin: Origin::Own,
        created: None,
        pull_request_heads: vec![],
        pull_request_base: None,
        pull_request: None,
    }
}

/// Four jobs, one of which failed.
fn jobs() -> Vec<Job> {
    let job = |id: u64, conclusion| Job {
        job_id: JobId::new(id).unwrap(),
        name: format!("test (ubuntu-latest, 3.{id})"),
        conclusion: Some(conclusion),
        started: Some(START),
        completed: Some(START + Span::minutes(5)),
        runner: Some("GitHub Actions 1000001234".to_owned()),
        labels: vec!["ubuntu-latest".to_owned()],
        steps: vec![Step { name: "Run the tests".to_owned(), conclusion: Some(conclusion), going: false }],
        workflow: Some("continuous integration".to_owned()),
    };
    [Conclusion::Success, Conclusion::Failure, Conclusion::Success, Conclusion::Success]
        .into_iter()
        .zip(1..)
        .map(|(conclusion, id)| job(id, conclusion))
        .collect()
}

#[test]
fn storage_is_bounded() {
    let a_day: u64 = std::env::var("RETENTION_DELIVERIES").map_or(400, |text| text.parse().expect("a number"));
    let runs_a_day = a_day / DELIVERIES_A_RUN;
    let mut repository = Repository::new();
    let (mut bytes_when_full, mut most) = (0, 0);
    for day in 0..DAYS {
        for number in 0..runs_a_day {
            let into_day =
                Span::days(1).as_millis() * i64::try_from(number).unwrap() / i64::try_from(runs_a_day).unwrap();
            repository.now = repository.now.max(START + Span::days(day.cast_signed()) + Span::millis(into_day));
            let run_id = RunId::new(19_000_000_000 + day * runs_a_day + number).unwrap();
            for _ in 0..DELIVERIES_A_RUN - 2 {
                repository.on_webhook(run_id, 1, RunEventKind::JobFailed);
            }
            repository.on_webhook(run_id, 1, RunEventKind::RunFailed);
            repository.work(1, Conclusion::Failure);
            repository.now = repository.now + Span::seconds(1);
            repository.on_webhook(run_id, 2, RunEventKind::RunSucceeded);
            repository.work(2, Conclusion::Success);
        }
        let bytes = repository.bytes();
        if day == FULL {
            bytes_when_full = bytes;
        } else if day > FULL {
            most = most.max(bytes);
        }
    }
    let runs = repository.number("SELECT COUNT(*) FROM runs");
    let decisions = repository.number("SELECT COUNT(*) FROM run_decisions");
    let ids = repository.number("SELECT SUM(json_array_length(seen)) FROM runs");
    println!(
        "{} deliveries of {} failing runs in {DAYS} days: {runs} runs, {decisions} decisions and {ids} delivery ids are \
         kept, in {:.1} MB on day {FULL} and at most {:.1} MB after it ({} bytes a run)",
        repository.deliveries,
        runs_a_day * DAYS,
        bytes_when_full as f64 / 1e6,
        most as f64 / 1e6,
        most / runs
    );
    assert!(runs <= runs_a_day * 37, "{runs} runs");
    assert!(decisions <= runs * 4, "{decisions} decisions");
    assert!(ids <= runs * DELIVERIES_A_RUN, "{ids} delivery ids");
    assert!(most <= bytes_when_full + bytes_when_full / 20, "{most} bytes after {bytes_when_full}");
}
