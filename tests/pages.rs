//! The pages, made of views with names as bad as they can be. `PAGES_DIR=somewhere cargo test --test pages` leaves them
//! there, to be looked at.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

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
use rerunner::settings::{Secret, Settings};
use rerunner::time::{Millis, Span};
use rerunner::web::api::RepositoryEntry;
use rerunner::web::pages::{self, Find, Shown, Sort};
use rerunner::web::setup;
use rerunner::web::setup::manifest::{NewApp, Organization};

#[path = "pages/judgement.rs"]
mod judgement;
#[path = "pages/outages.rs"]
mod outages;
#[path = "pages/states.rs"]
mod states;
use judgement::{precision, unknown, unknown_failures};

const NOW: Millis = Millis(1_795_446_245_000);
const WEB: &str = "https://github.com";

/// What an attacker would call a job.
fn hostile() -> [String; 5] {
    [
        "<script>alert(1)</script>".to_owned(),
        "\"' onmouseover=alert(1) x=\"".to_owned(),
        "main\u{202e}gnp.exe\u{2066}".to_owned(),
        "</bdi></td></table><h1>".to_owned(),
        "x".repeat(10_000),
    ]
}

fn ago(span: Span) -> Millis {
    Millis(NOW.0 - span.as_millis())
}

fn days(scale: u64) -> Vec<Figures> {
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

fn run(number: u64) -> RunView {
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
        RunOutcome::Waiting => "Waiting for the time to re-run it.",
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

fn flaky(number: u64, job: &str, step: &str) -> FlakyJob {
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

fn repository(scale: u64, runs: u64) -> RepositoryView {
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

fn failed_job(name: &str, step: Option<&str>, action: Action, rule: Option<&str>) -> FailedJob {
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

fn one_run() -> RunPageView {
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
                "Attempt 3 was re-run: the answer was lost, but attempt 4 is there.",
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
fn waiting_run() -> RunPageView {
    let mut view = one_run();
    view.one.run = run(0);
    view.one.decisions.clear();
    (view.pull_request, view.rules) = (None, vec![]);
    view
}

fn paused_run() -> RunPageView {
    RunPageView { paused_since: Some(ago(Span::minutes(20))), ..waiting_run() }
}

fn entry(name: &str, scale: u64) -> RepositoryEntry {
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

fn shown() -> Shown<'static> {
    Shown { outcome: None, filter: RunFilter::default(), is_continued: false, problems: &[], web_url: WEB }
}

fn find() -> Find {
    Find { name: None, sort: Sort::Name }
}

fn every_page() -> Vec<(&'static str, String)> {
    let mut entries: Vec<RepositoryEntry> =
        [("acme/website", 3), ("acme/database", 1), ("acme/compiler", 12), ("acme/handbook", 0)]
            .map(|(name, scale)| entry(name, scale))
            .into();
    let lively = pages::overview(&entries, &[], &find(), None, NOW);
    entries[1].paused = true;
    entries[2].credentials_refused = Some("401 Bad credentials".to_owned());
    entries[3].repository_problem = Some("the App is not installed on acme/handbook".to_owned());
    entries[0].policy_problem = Some("line 4, column 3: unknown key `rulez`".to_owned());
    let problems = Settings::read(|_| None).problems;
    let troubled = pages::overview(&entries, &problems, &find(), Some("a b&c"), NOW);
    let mut paused = repository(2, 9);
    paused.paused_since = Some(ago(Span::minutes(20)));
    paused.policy_problem = Some("line 4, column 3: unknown key `rulez`".to_owned());
    let (settings, octo) = (Settings::read(|_| Some("x".to_owned())), Organization::parse("octo-org"));
    let of_one = Shown { outcome: Some(RunOutcome::Rescued), is_continued: true, ..shown() };
    let mut pages = vec![
        ("glossary", pages::glossary()),
        ("home", pages::home(&Settings::read(|_| Some("x".to_owned())))),
        ("overview-empty", pages::overview(&[], &[], &find(), None, NOW)),
        ("overview", lively),
        ("overview-troubled", troubled),
        ("repository-empty", pages::repository(&repository(0, 0), &shown())),
        ("repository-one", pages::repository(&repository(0, 1), &shown())),
        ("repository", pages::repository(&repository(4, 50), &shown())),
        ("repository-paused", pages::repository(&paused, &of_one)),
        ("run", pages::run(&one_run(), &[], WEB)),
        ("run-waiting", pages::run(&waiting_run(), &[], WEB)),
        ("run-paused", pages::run(&paused_run(), &[], WEB)),
        (
            "setup",
            setup::pages::start(&settings, settings.needed(), "https://rerunner.octo.workers.dev", None, "the.state"),
        ),
        (
            "setup-organization",
            setup::pages::start(&settings, settings.needed(), "http://127.0.0.1:8787", octo.as_ref(), "the.state"),
        ),
        ("setup-created", setup::pages::created(&settings, &new_app())),
        ("setup-configured", setup::pages::configured()),
        ("setup-failed", setup::pages::not_created("This return from GitHub is not one of ours.")),
        ("hostile-repository", hostile_repository()),
        ("hostile-run", hostile_run()),
    ];
    pages.extend(states::pages());
    pages
}

fn new_app() -> NewApp {
    let [name, ..] = hostile();
    let (pem, webhook_secret) = ("-----BEGIN\n".to_owned() + &"x".repeat(1_600), "the-apps-webhook-secret");
    let (pem, webhook_secret) = (Secret::new(pem), Secret::new(webhook_secret));
    NewApp { id: 12_345, name, page: format!("{WEB}/apps/rerunner-for-octo-org"), pem, webhook_secret }
}

fn hostile_repository() -> String {
    let mut view = repository(1, 5);
    for (place, name) in hostile().into_iter().enumerate() {
        view.runs[place].workflow = Some(name.clone());
        view.runs[place].reason = name.clone();
        view.runs[place].title = Some(name.clone());
        view.runs[place].branch = Some(name.clone());
        view.runs[place].actor = Some(name.clone());
        view.flaky_jobs.push(flaky(1, &name, &name));
        view.unknown_failures.flaky.push(unknown(1, &name, &name, 3, 1));
        view.unknown_failures.never_helped.push(unknown(1, &name, &name, 12, 0));
        view.precision.by_rule[0].rule = Some(name.clone());
        view.precision.by_rule[1].policy = Some(name.clone());
        view.bad_runners[0].runner.clone_from(&name);
        view.policy_problem = Some(name);
    }
    pages::repository(&view, &shown())
}

fn hostile_run() -> String {
    let mut view = one_run();
    for name in hostile() {
        view.one.run.workflow = Some(name.clone());
        view.one.run.title = Some(name.clone());
        view.one.run.branch = Some(name.clone());
        view.one.run.event = Some(name.clone());
        let detail = &mut view.one.decisions[0].detail;
        detail.jobs.push(FailedJob {
            runner: Some(name.clone()),
            ..failed_job(&name, Some(&name), Action::Leave, Some(&name))
        });
        detail.rules.push(name.clone());
        detail.absent.push(name);
    }
    pages::run(&view, &[], WEB)
}

#[test]
fn pages_are_whole_and_small() {
    let folder = std::env::var_os("PAGES_DIR");
    for (name, page) in every_page() {
        if let Some(folder) = &folder {
            std::fs::write(std::path::Path::new(folder).join(format!("{name}.html")), &page).unwrap();
        }
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"), "{name}");
        assert!(page.len() < 100_000, "{name}: {} bytes", page.len());
        assert!(!page.contains(" style="), "{name}: not by its Content-Security-Policy");
        let scripts: Vec<&str> =
            page.split("<script").skip(1).filter_map(|rest| rest.split("</script>").next()).collect();
        let is_ours = |script: &&str| **script == format!(">{}", include_str!("../src/web/page.js"));
        assert!(scripts.iter().all(is_ours) && scripts.len() <= 1, "{name}: not by its Content-Security-Policy");
        assert_eq!(page.matches("<main").count(), 1, "{name}");
        assert_eq!(page.matches("<h1").count(), 1, "{name}");
        let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let mut once = ids.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(ids.len(), once.len(), "{name}: an id twice: {ids:?}");
    }
}

#[test]
fn names_of_others_stay_text() {
    for page in [hostile_repository(), hostile_run()] {
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(!page.contains("onmouseover=alert(1) x=\""), "an attribute was broken out of");
        assert!(!page.contains('\u{202e}') && !page.contains('\u{2066}'));
        assert!(!page.contains(&"x".repeat(1_000)));
        assert_eq!(page.matches("<bdi>").count(), page.matches("</bdi>").count());
    }
}

#[test]
fn what_is_wrong_stands_on_top_with_its_remedy() {
    let pages: std::collections::BTreeMap<_, _> = every_page().into_iter().collect();
    let troubled = &pages["overview-troubled"];
    for expected in [
        "WEBHOOK_SECRET",
        "GitHub refuses the credentials",
        "wrangler secret put GITHUB_TOKEN",
        "unknown key `rulez`",
        "Paused: ",
        "?cursor=a+b%26c",
    ] {
        assert!(troubled.contains(expected), "{expected}");
    }
    assert!(troubled.find("GitHub refuses the credentials") < troubled.find("<h1"));
    let paused = &pages["repository-paused"];
    assert!(paused.contains("Paused since") && paused.contains("Resume re-runs") && paused.contains("/resume\""));
    assert!(paused.contains("on resume") && !paused.contains("Waiting for the time"));
    assert!(paused.contains("aria-current=\"true\"") && paused.contains("Newest runs"));
    assert!(pages["repository"].contains("Pause re-runs") && pages["repository"].contains("Older runs"));
    assert!(pages["overview-empty"].contains("Nothing has been recorded yet"));
}

/// The text of a page, with bars between its parts.
fn text(page: &str) -> String {
    let parts = page.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    parts.collect::<Vec<_>>().join("|").replace("||", "|").replace("||", "|")
}

/// Seen to fail when a figure that is not known is shown as 0.
#[test]
fn what_reruns_brought_is_shown_and_what_is_not_known_is_said_to_be() {
    let pages: std::collections::BTreeMap<_, _> = every_page().into_iter().collect();
    let page = text(&pages["repository"]);
    for expected in [
        "Precision|67%|of 156 with a known result",
        "Re-runs|180|104 rescued, 52 wasted",
        "First re-run of a run|124|96|20|8|83%",
        "preset |careful|96|76|16|4|83%",
        "the repository's file|72|28|36|8|44%",
        "|unknown|12|0|0|12|unknown|",
        "otherwise|: no rule matched|",
        "Never helped by a re-run",
        "Re-run ten times or more, and never passed",
        "- name: \"leave lint: Check the formatting of \\\"src\\\"\"\n  if: { workflow: \"tests\", job: \"lint\", step: ",
    ] {
        let page = page.replace("&quot;", "\"");
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    assert!(!page.contains("leave docs"), "six times in vain may be bad luck");
    assert!(!page.contains("Fourth or later"), "there was none");
    let none = text(&pages["repository-empty"]);
    assert!(none.contains("Precision|unknown|no re-run has ended yet"), "{none}");
    assert!(!none.contains("Unrecognized failures") && !none.contains("Results of re-runs"));
    let overview = text(&pages["overview"]);
    assert!(overview.contains("Not known for 1 repository."), "{overview}");
    assert!(overview.contains("First re-run of a run|300|270|15|15|"), "{overview}");
}

/// Seen to fail when a job has no link, when a rule has none, and when what came of a re-run is looked for in its own decision.
#[test]
fn a_runs_page_leads_to_github_and_says_what_came_of_what() {
    let pages: std::collections::BTreeMap<_, _> = every_page().into_iter().collect();
    let page = &pages["run"];
    let run = one_run().one.run.run_id;
    for link in [
        format!("href=\"{WEB}/acme/website/actions/runs/{run}\""),
        format!("href=\"{WEB}/acme/website/actions/runs/{run}/attempts/3\""),
        format!("href=\"{WEB}/acme/website/actions/runs/{run}/job/54000000001\""),
        format!("href=\"{WEB}/acme/website/commit/{}\"", "0123456789".repeat(4)),
        format!("href=\"{WEB}/acme/website/pull/104\""),
        format!("href=\"{WEB}/acme/website/blob/HEAD/.github/rerunner.yml#L12\""),
    ] {
        assert!(page.contains(&link), "{link}");
    }
    let page = text(page);
    assert_eq!(page.matches("did not pass.").count(), 3, "{page}");
    assert!(page.contains("|2 matrix jobs failed|"), "{page}");
    let mut rescued = one_run();
    rescued.one.decisions[3].outcome = RunOutcome::Rescued;
    let rescued = text(&pages::run(&rescued, &[], WEB));
    assert!(rescued.contains("→ |Attempt 4| passed.") && rescued.contains("→ |Attempt 3| did not pass."), "{rescued}");
    let waiting = text(&pages["run-waiting"]);
    assert!(waiting.contains("tests| |#1200|"), "{waiting}");
    assert!(waiting.contains("reads what failed and decides |in 4 s|"), "{waiting}");
    let mut of_pull = waiting_run();
    of_pull.one.run.event = Some("pull_request".to_owned());
    assert!(pages::run(&of_pull, &[], WEB).contains("/pulls?q=is%3Apr+0123456789"));
    let paused = text(&pages["run-paused"]);
    assert!(
        pages["run-paused"].contains("href=\"/glossary#paused\"")
            && paused.contains(" paused|")
            && paused.contains("have been paused since"),
        "{paused}"
    );
    assert!(!paused.contains("decides |in"), "nothing is next: {paused}");
}
