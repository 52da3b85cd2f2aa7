//! The pages, made of views with names as bad as they can be. `PAGES_DIR=somewhere cargo test --test pages` leaves them
//! there, to be looked at.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use rerunner::policy::RunOutcome;
use rerunner::policy::{Action, FailedJob};
use rerunner::settings::{Secret, Settings};
use rerunner::time::{Millis, Span};
use rerunner::web::pages::{self, RunList};
use rerunner::web::repositories::RepositoryEntry;
use rerunner::web::setup;
use rerunner::web::setup::manifest::{NewApp, Organization};

mod judgement;
mod outages;
mod states;
mod views;
use judgement::unknown;
use views::{ago, entry, failed_job, find, flaky, list, one_run, paused_run, repository, run, waiting_run};

const NOW: Millis = Millis(1_795_446_245_000);
const WEB: &str = "https://github.com";

/// Settings with which nothing is wrong.
fn fine() -> Settings {
    let given = ["WEBHOOK_SECRET", "GITHUB_TOKEN", "ADMIN_TOKEN"];
    Settings::read(|name| given.contains(&name).then(|| "x".to_owned()))
}

/// The same, with nothing re-run.
fn dry() -> Settings {
    Settings { dry_run: true, ..fine() }
}

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

fn every_page() -> Vec<(&'static str, String)> {
    let mut entries: Vec<RepositoryEntry> =
        [("acme/website", 3), ("acme/database", 1), ("acme/compiler", 12), ("acme/handbook", 0)]
            .map(|(name, scale)| entry(name, scale))
            .into();
    let lively = pages::overview(&entries, &fine(), &find(), None, NOW);
    entries[1].paused = true;
    entries[2].credentials_refused = Some("401 Bad credentials".to_owned());
    entries[3].repository_problem = Some("the App is not installed on acme/handbook".to_owned());
    entries[0].policy_problem = Some("line 4, column 3: unknown key `rulez`".to_owned());
    let unset = Settings::read(|_| None);
    let troubled = pages::overview(&entries, &unset, &find(), Some("a b&c"), NOW);
    let mut paused = repository(2, 9);
    paused.paused_since = Some(ago(Span::minutes(20)));
    paused.policy_problem = Some("line 4, column 3: unknown key `rulez`".to_owned());
    let (settings, octo) = (Settings::read(|_| Some("x".to_owned())), Organization::parse("octo-org"));
    let of_one = RunList { outcome: Some(RunOutcome::Rescued), is_continued: true, ..list() };
    let mut pages = vec![
        ("glossary", pages::glossary()),
        ("home", pages::home(&Settings::read(|_| Some("x".to_owned())))),
        ("overview-empty", pages::overview(&[], &fine(), &find(), None, NOW)),
        ("overview", lively),
        ("overview-troubled", troubled),
        ("repository-empty", pages::repository(&repository(0, 0), &list(), &fine())),
        ("repository-one", pages::repository(&repository(0, 1), &list(), &fine())),
        ("repository", pages::repository(&repository(4, 50), &list(), &fine())),
        ("repository-paused", pages::repository(&paused, &of_one, &fine())),
        ("run", pages::run(&one_run(), &fine())),
        ("run-waiting", pages::run(&waiting_run(), &fine())),
        ("run-paused", pages::run(&paused_run(), &fine())),
        (
            "setup-choose",
            setup::pages::choose(&settings, settings.needed(), "https://rerunner.octo.workers.dev", "the.state"),
        ),
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
    pages::repository(&view, &list(), &fine())
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
    pages::run(&view, &fine())
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
        let is_ours = |script: &&str| **script == format!(">{}", include_str!("../../src/web/page.js"));
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
    assert!(paused.contains("on resume") && !paused.contains("Waiting until"));
    assert!(paused.contains("aria-current=\"true\"") && paused.contains("Newest runs"));
    assert!(pages["repository"].contains("Pause re-runs") && pages["repository"].contains("Older runs"));
    assert!(pages["overview-empty"].contains("Nothing has been recorded yet"));
}

/// Seen to fail when a dry run has no banner, and when the runs that it left alone are not counted.
#[test]
fn a_dry_run_is_said_on_top() {
    let pages: std::collections::BTreeMap<_, _> = every_page().into_iter().collect();
    for name in ["overview-dry", "repository-dry", "run-dry"] {
        let page = text(&pages[name]);
        let (_, rest) = page.split_once("Dry run: nothing is re-run.").unwrap_or_else(|| panic!("{name}: {page}"));
        assert!(
            !pages[name][..pages[name].find("Dry run").unwrap()].contains("<h1")
                && rest.contains("rerunner setup --yes --dry-run=false"),
            "{page}"
        );
        let counted = rest.contains("So far, 7 failed runs were left alone");
        assert_eq!(counted, name == "overview-dry", "{page}");
    }
    assert!(text(&pages["overview-dry"]).contains("|none re-run|"));
    assert!(text(&pages["repository-dry"]).contains("In 30 days, 30 failed runs were left alone"));
    assert!(!pages["overview"].contains("Dry run") && !pages["repository"].contains("Dry run"));
}

/// Seen to fail when runs come last, and when the runs in progress are all said to be decided on.
#[test]
fn a_repositorys_page_begins_with_its_runs() {
    let pages: std::collections::BTreeMap<_, _> = every_page().into_iter().collect();
    let page = &pages["repository"];
    let place = |heading: &str| page.find(&format!("<h2 id=\"{heading}\"")).unwrap_or_else(|| panic!("no {heading}"));
    let order =
        ["outages", "waiting", "last-30-days", "runs", "precision", "flaky-jobs", "unknown-failures"].map(place);
    assert!(order.is_sorted(), "{order:?}");
    assert!(page.contains("href=\"/insights\""));
    let mut view = repository(1, 10);
    view.due = [0, 1, 8, 9]
        .map(run)
        .map(|run| rerunner::keeper::views::RunView { due: Some(NOW + Span::seconds(20)), ..run })
        .into();
    let page = text(&pages::repository(&view, &list(), &fine()));
    for expected in ["decides |in 20 s", "asks GitHub |in 20 s", "tries again |in 20 s", "checks again |in 20 s"] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    assert!(
        page.contains("|In progress|") && page.contains("|Jobs that fail most|") && !page.contains("|Flaky jobs|"),
        "{page}"
    );
}

/// Seen to fail when a preset is not named, and when what is held is said to be re-run.
#[test]
fn a_decision_says_which_policy_it_went_by() {
    let mut view = one_run();
    for decision in &mut view.one.decisions {
        decision.detail.policy = Some("everything".to_owned());
    }
    let decided = |view: &rerunner::keeper::run_page::RunPageView| text(&pages::run(view, &fine()));
    assert!(decided(&view).contains("Policy: preset |everything| (|DEFAULT_POLICY|)|By rule |"), "{}", decided(&view));
    let detail = &mut view.one.decisions[0].detail;
    detail.rules.clear();
    detail.jobs.truncate(1);
    detail.jobs[0].rule = None;
    assert!(decided(&view).contains("|everything| (|DEFAULT_POLICY|); no rule matched|"), "{}", decided(&view));
    view.one.decisions[0].detail.policy = Some("careful".to_owned());
    assert!(decided(&view).contains("Policy: preset |careful|; no rule matched|"), "{}", decided(&view));
    assert!(!decided(&view).contains("once the outage is over"));
    view.one.decisions[0].outcome = RunOutcome::Waiting;
    assert!(decided(&view).contains("|re-run, once the outage is over|"), "{}", decided(&view));
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
        "Re-runs that passed|67%|of 156 re-runs with a known result",
        "Re-runs|180|104 passed, 52 failed again",
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
    assert!(none.contains("Re-runs that passed|unknown|no re-run has ended yet"), "{none}");
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
    let rescued = text(&pages::run(&rescued, &fine()));
    assert!(rescued.contains("→ |Attempt 4| passed.") && rescued.contains("→ |Attempt 3| did not pass."), "{rescued}");
    let waiting = text(&pages["run-waiting"]);
    assert!(waiting.contains("tests| |#1200|"), "{waiting}");
    assert!(waiting.contains("reads what failed and decides |in 4 s|"), "{waiting}");
    let mut of_pull = waiting_run();
    of_pull.one.run.event = Some("pull_request".to_owned());
    assert!(pages::run(&of_pull, &fine()).contains("/pulls?q=is%3Apr+0123456789"));
    let paused = text(&pages["run-paused"]);
    assert!(
        pages["run-paused"].contains("href=\"/glossary#paused\"")
            && paused.contains(" paused|")
            && paused.contains("have been paused since"),
        "{paused}"
    );
    assert!(!paused.contains("decides |in"), "nothing is next: {paused}");
}
