//! What the pages are made of: repositories, runs, decisions.

use rerunner::keeper::judgement::UnknownFailures;
use rerunner::keeper::run_filter::RunFilter;
use rerunner::keeper::run_page::{RulePlace, RunPageView};
use rerunner::keeper::store::statistics::{Figures, Totals};
use rerunner::keeper::summary::{RerunSums, Summary};
use rerunner::keeper::views::{BadRunner, DecisionView, FlakyJob, OneRunView, Rate, RepositoryView, RunView};
use rerunner::names::Conclusion;
use rerunner::names::{CommitSha, FilePath, JobId, RepoName, RunAttempt, RunId};
use rerunner::policy::RunOutcome;
use rerunner::policy::catalogue::{Class, Finding};
use rerunner::policy::evidence::RescueRate;
use rerunner::policy::{Action, Detail, FailedJob};
use rerunner::time::{Millis, Span};
use rerunner::web::pages::{Find, RunList, Sort};
use rerunner::web::repositories::RepositoryEntry;

use super::judgement::{precision, unknown_failures};
use super::{NOW, outages};

pub fn ago(span: Span) -> Millis {
    Millis(NOW.0 - span.as_millis())
}

pub fn days(scale: u64) -> Vec<Figures> {
    let day = |n: u64| {
        let rescued = (n * 7 + n * n % 11) % 13 * scale;
        let exhausted = if n % 4 == 1 { n % 3 * scale } else { 0 };
        Figures {
            rescued,
            exhausted,
            left: n % 3,
            reruns: rescued + 3 * exhausted,
            runner_seconds: (rescued + 3 * exhausted) * 260,
            saved_seconds: rescued * 900,
            ..Figures::default()
        }
    };
    (0..30).map(day).collect()
}

pub fn run(number: u64) -> RunView {
    let outcome = [
        RunOutcome::Waiting,
        RunOutcome::Rerunning,
        RunOutcome::Rescued,
        RunOutcome::Rescued,
        RunOutcome::Exhausted,
        RunOutcome::Rescued,
        RunOutcome::Left,
        RunOutcome::Superseded,
        RunOutcome::Failed,
    ][number as usize % 9];
    let reason = match outcome {
        RunOutcome::Waiting => "Waiting until its re-run is due.",
        RunOutcome::Rerunning => "Attempt 1 failed: re-run 1 of at most 3.",
        RunOutcome::Rescued => "Attempt 2 succeeded.",
        RunOutcome::Exhausted => "Gave up: attempt 4 failed, and a run is re-run at most 3 times.",
        RunOutcome::Left => "Left alone: its actor is in NO_RERUN_ACTORS.",
        RunOutcome::Superseded => "Left alone: its pull request has moved on to another commit.",
        RunOutcome::Failed => {
            "GitHub refused: Unable to retry this workflow run because it was created over a month ago"
        }
    };
    RunView {
        run_id: RunId::new(19_400_000_000 - number * 1_234).unwrap(),
        run_attempt: RunAttempt::new(if outcome == RunOutcome::Exhausted { 4 } else { 2 }),
        workflow: Some(["tests", "integration", "nightly benchmarks"][number as usize % 3].to_owned()),
        run_number: Some(1_200 - number),
        title: Some(["Retry the half-open socket", "Bump the toolchain", "Dark mode"][number as usize % 3].to_owned()),
        branch: Some(["main", "feature/dark-mode"][number as usize % 2].to_owned()),
        event: Some("push".to_owned()),
        actor: Some("ada".to_owned()),
        outcome,
        reason: reason.to_owned(),
        reruns: if outcome == RunOutcome::Exhausted { 3 } else { 1 },
        held_since: (outcome == RunOutcome::Waiting && number == 9).then(|| ago(Span::minutes(12))),
        due: (outcome == RunOutcome::Waiting).then(|| NOW + Span::seconds(4 + number.cast_signed())),
        created: ago(Span::minutes(12 + 7 * number.cast_signed())),
        updated: ago(Span::minutes(7 * number.cast_signed())),
    }
}

pub fn flaky(number: u64, job: &str, step: &str) -> FlakyJob {
    let failed = 40 / (number + 1);
    FlakyJob {
        workflow: "tests".to_owned(),
        job: job.to_owned(),
        step: step.to_owned(),
        failed,
        reruns: failed,
        passed: failed * 4 / 5,
        rescue_rate: Rate::of(failed * 4 / 5, failed),
        last_seen: ago(Span::hours(number.cast_signed() * 5 + 1)),
        last_run_id: 19_400_000_000,
        by_day: (0..30).map(|day| if day % (number + 2) == 0 { day % 5 } else { 0 }).collect(),
    }
}

pub fn repository(scale: u64, runs: u64) -> RepositoryView {
    let by_day = if scale == 0 { vec![Figures::default(); 30] } else { days(scale) };
    let runs: Vec<RunView> = (0..runs).map(run).collect();
    let jobs = [
        ("browser tests", "Run browser tests"),
        ("test (ubuntu-24.04, 3.12, postgres)", "Run pytest"),
        ("replication", ""),
        ("build", "Install"),
    ];
    RepositoryView {
        repository: RepoName::parse("acme/website").unwrap(),
        at: NOW,
        paused_since: None,
        credentials_refused: None,
        repository_problem: None,
        policy_problem: None,
        last_webhook: Some(ago(Span::minutes(3))),
        last_decision: (scale > 0).then(|| ago(Span::hours(2))),
        outages: if scale == 0 { vec![] } else { outages::views() },
        waiting: runs.iter().filter(|run| run.outcome == RunOutcome::Waiting).count() as u64,
        rerunning: runs.iter().filter(|run| run.outcome == RunOutcome::Rerunning).count() as u64,
        reruns_today: by_day[29].reruns,
        reruns_per_day: (scale > 0).then_some(200),
        last_30_days: by_day.iter().copied().fold(Figures::default(), Figures::plus),
        by_day,
        due: runs.iter().filter(|run| run.due.is_some()).cloned().collect(),
        flaky_jobs: if scale == 0 {
            vec![]
        } else {
            jobs.iter().zip(0..).map(|((job, step), number)| flaky(number, job, step)).collect()
        },
        precision: precision(scale),
        unknown_failures: if scale == 0 { UnknownFailures::default() } else { unknown_failures() },
        bad_runners: if scale == 0 {
            vec![]
        } else {
            vec![BadRunner {
                runner: "big-03".to_owned(),
                failed: 17,
                failed_on_all: 21,
                last_seen: ago(Span::hours(3)),
            }]
        },
        looked_through: None,
        next_cursor: (runs.len() >= 50).then(|| "19399940000".to_owned()),
        runs,
    }
}

pub fn failed_job(name: &str, step: Option<&str>, action: Action, rule: Option<&str>) -> FailedJob {
    FailedJob {
        name: name.to_owned(),
        job_id: JobId::new(54_000_000_001),
        step: step.map(str::to_owned),
        conclusion: Some(Conclusion::Failure),
        exit_code: Some(1),
        interruption: None,
        runner: Some("big-03".to_owned()),
        labels: vec!["self-hosted".to_owned()],
        duration_seconds: Some(312),
        action: Some(action),
        rule: rule.map(str::to_owned),
        line: Some(4_711),
        cause: None,
        rescue_rate: None,
        base_failed: None,
        source_annotation: None,
    }
}

pub fn one_run() -> RunPageView {
    let detail = Detail {
        jobs: vec![
            FailedJob {
                cause: Some(Finding { id: "dns-resolution".into(), class: Class::Network, line: Some(812) }),
                rescue_rate: Some(RescueRate { judged: 10, passed: 3 }),
                base_failed: Some(true),
                source_annotation: Some(true),
                ..failed_job("browser tests", Some("Run browser tests"), Action::Rerun, Some("network"))
            },
            failed_job("all-green", Some("Check"), Action::Ignore, Some("gates fail because others did")),
            failed_job("build (linux, 3.12)", Some("Install"), Action::Rerun, Some("network")),
            failed_job("build (mac, 3.12)", Some("Install"), Action::Rerun, Some("network")),
        ],
        fetched: vec!["jobs".to_owned(), "log of browser tests".to_owned()],
        absent: vec!["annotations of browser tests: 403".to_owned()],
        rules: vec!["network".to_owned()],
        policy: Some("repository".to_owned()),
        runner_seconds: 312,
        ..Detail::default()
    };
    let decision = |attempt, minutes, outcome, reason: &str, detail| DecisionView {
        run_attempt: RunAttempt::new(attempt),
        decided: ago(Span::minutes(minutes)),
        outcome,
        reason: reason.to_owned(),
        detail,
    };
    let one = OneRunView {
        repository: RepoName::parse("acme/website").unwrap(),
        at: NOW,
        run: run(4),
        decisions: vec![
            decision(1, 60, RunOutcome::Rerunning, "Attempt 1 failed: re-run 1 of at most 3.", detail.clone()),
            decision(2, 40, RunOutcome::Rerunning, "Attempt 2 failed: re-run 2 of at most 3.", detail.clone()),
            decision(
                3,
                20,
                RunOutcome::Rerunning,
                "Attempt 3 was re-run: the answer was lost, but attempt 4 has started.",
                Detail::default(),
            ),
            decision(
                4,
                5,
                RunOutcome::Exhausted,
                "Gave up: attempt 4 failed, and a run is re-run at most 3 times.",
                Detail { rules: vec![], ..detail },
            ),
        ],
    };
    let place = RulePlace {
        rule: "network".to_owned(),
        repository: one.repository.clone(),
        path: FilePath::parse(".github/rerunner.yml").unwrap(),
        line: 12,
    };
    let commit = CommitSha::parse(&"0123456789".repeat(4));
    RunPageView { one, commit, pull_request: Some(104), paused_since: None, rules: vec![place] }
}

/// It has failed just now, and waits.
pub fn waiting_run() -> RunPageView {
    let mut view = one_run();
    view.one.run = run(0);
    view.one.decisions.clear();
    (view.pull_request, view.rules) = (None, vec![]);
    view
}

pub fn paused_run() -> RunPageView {
    RunPageView { paused_since: Some(ago(Span::minutes(20))), ..waiting_run() }
}

pub fn entry(name: &str, scale: u64) -> RepositoryEntry {
    let days: Vec<(i64, Figures)> = (0..30).map(|n| NOW.day() - 29 + n).zip(days(scale)).collect();
    let totals = Totals { waiting: scale, rerunning: 1, ..Totals::default() };
    let mut summary = Summary::new(RepoName::parse(name).unwrap(), ago(Span::minutes(3)), totals, &days);
    summary.budget = (scale > 2).then_some(200);
    let by_policy = [("careful".to_owned(), (30 * scale, 22 * scale, 5 * scale)), (String::new(), (2 * scale, 0, 0))];
    let by_ordinal = [(20, 18, 1), (9, 4, 3), (3, 0, 1), (0, 0, 0)].map(|(a, b, c)| (a * scale, b * scale, c * scale));
    summary.reruns = (scale != 1).then(|| RerunSums { by_ordinal, by_policy: Some(by_policy.into()) });
    summary.outages = (scale == 12).then(outages::sums);
    summary.last_webhook = (scale > 1).then(|| ago(Span::seconds(13)));
    summary.last_decision = (scale > 2).then(|| ago(Span::minutes(48)));
    RepositoryEntry::of(summary, NOW)
}

pub fn list() -> RunList {
    RunList { outcome: None, filter: RunFilter::default(), is_continued: false }
}

pub fn find() -> Find {
    Find { name: None, sort: Sort::Name }
}
