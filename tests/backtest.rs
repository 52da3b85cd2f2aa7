//! `rerunner backtest --repo` and `rerunner explain URL`, as built, against the simulated GitHub.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulator::past::{self, Mix, Past, PastPlan};
use simulator::{Conclusion, Fault, Grant, Job, Options, Outcome, SimulatedGitHub, Workflow};
use tempfile::TempDir;

const TOKEN: &str = "the-simulated-token";

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

/// A simulated GitHub, and a folder to work in.
struct Stage {
    github: SimulatedGitHub,
    folder: TempDir,
}

impl Stage {
    async fn new() -> Stage {
        let options = Options { token: TOKEN.to_owned(), ..Options::default() };
        Stage { github: SimulatedGitHub::start(options).await, folder: TempDir::new().unwrap() }
    }

    async fn with_past(plan: &PastPlan) -> (Stage, Past) {
        let stage = Stage::new().await;
        let (_, past) = past::fill(&stage.github, plan).await;
        (stage, past)
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn start(&self, arguments: &[&str]) -> Child {
        local_worker::command()
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("GITHUB_API_URL", self.github.url())
            .env("GITHUB_TOKEN", TOKEN)
            .env("XDG_CACHE_HOME", self.cache())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// To its end. Whatever it says, it does not say the token.
    async fn run(&self, arguments: &[&str]) -> Ran {
        ended(self.start(arguments)).await
    }

    async fn backtest(&self, more: &[&str]) -> Value {
        let ran = self.run(&[&["backtest", "--repo", "acme/engine", "--json"], more].concat()).await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
        ran.json()
    }

    /// What GitHub gave, by what was asked for.
    fn given(&self) -> BTreeMap<String, usize> {
        let mut given = BTreeMap::new();
        for call in self.github.calls() {
            if matches!(call.status, Some(200 | 302 | 404)) {
                *given.entry(call.path).or_default() += 1;
            }
        }
        given
    }

    async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let since = Instant::now();
        while !holds() {
            assert!(since.elapsed() < Duration::from_secs(60), "{what}; {} calls", self.github.calls().len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn ended(child: Child) -> Ran {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ran = Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) };
    assert!(!ran.out.contains(TOKEN) && !ran.err.contains(TOKEN), "{} {}", ran.out, ran.err);
    ran
}

fn small() -> PastPlan {
    let mix = Mix { infrastructure: 14, flaky: 12, real: 10, broken_base: 4, outage: 0 };
    PastPlan { mix, passed: 60, ..PastPlan::default() }
}

/// Re-runs that followed a failed attempt, by how they ended, for as many re-runs of a run as the default rule makes.
fn reruns_of(stage: &Stage, past: &Past) -> (u64, u64, u64) {
    let (mut rescued, mut wasted, mut unknown) = (0, 0, 0);
    for known in past.failed() {
        let ends: Vec<Option<Conclusion>> = stage
            .github
            .with_model(|model, _| model.run(known.id).attempts.iter().map(|attempt| attempt.state().1).collect());
        for at in 0..ends.len().min(3) {
            if ends[at] == Some(Conclusion::Failure) {
                match ends.get(at + 1) {
                    Some(Some(Conclusion::Success)) => rescued += 1,
                    Some(Some(Conclusion::Failure)) => wasted += 1,
                    _ => unknown += 1,
                }
            }
        }
    }
    (rescued, wasted, unknown)
}

/// 1,200 runs, of which 500 failed, through limits and errors; more than one search lists.
#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_read_and_counted() {
    let (stage, past) = Stage::with_past(&PastPlan::default()).await;
    stage.github.fault(Fault::retry_after(429, 1).after(100).every(900));
    stage.github.fault(Fault::rate_limit_exhausted(Duration::from_secs(2)).after(200).times(1));
    stage.github.fault(Fault::status(502).every(97));
    stage.github.fault(Fault::close().after(50).every(401));
    let since = Instant::now();
    stage.file("all.yml", "skip_superseded: false\n");
    let json = stage.backtest(&["--policy", "all.yml"]).await;
    eprintln!("{} requests in {:?}", json["requests"], since.elapsed());
    assert_eq!(json["runs"]["listed"], past.runs.len());
    assert_eq!((&json["runs_not_read"], &json["stopped"]), (&json!(0), &json!(null)));
    let total = &json["policies"][0]["total"];
    let count = |key: &str| total[key].as_u64().unwrap();
    assert_eq!(count("failed_runs"), past.failed().count() as u64);
    assert_eq!((count("rescued"), count("wasted"), count("not_known")), reruns_of(&stage, &past));
    assert_eq!(count("reruns"), count("rescued") + count("wasted") + count("not_known"));
    assert!(
        count("runner_minutes") > 0 && count("red_seconds_median") > 0 && count("minutes_not_known") == 0,
        "{total:#}"
    );
    // What had moved on by then would have been left.
    let by_default = stage.backtest(&[]).await;
    assert_eq!(by_default["requests"], 0);
    let left =
        by_default["policies"][0]["attempts"].as_array().unwrap().iter().filter(|one| one["outcome"] == "superseded");
    assert!(left.count() > 10, "{:#}", by_default["policies"][0]["total"]);
    // And each policy of the documents, of what is there.
    let presets = include_str!("../docs/policies/README.md");
    for file in files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policies"))) {
        if file.extension().is_none_or(|extension| extension != "yml") {
            continue;
        }
        let json = stage.backtest(&["--policy", file.to_str().unwrap()]).await;
        let total = &json["policies"][0]["total"];
        eprintln!("{}: {total}", file.display());
        let count = |key: &str| total[key].as_u64().unwrap();
        assert_eq!((count("failed_runs"), &json["requests"]), (past.failed().count() as u64, &json!(0)));
        assert_eq!(count("reruns"), count("rescued") + count("wasted") + count("not_known"));
        // As docs/policies/README.md has it, and README of it. Minutes depend on the second at which the past begins.
        let name = file.file_stem().unwrap().to_string_lossy();
        if let Some(row) = presets.lines().find_map(|line| line.strip_prefix(&format!("| {name} | "))) {
            let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
            let counts = ["reruns", "rescued", "wasted", "not_known"].map(|key| count(key).to_string());
            assert_eq!(cells[..4], counts, "{name}: {total}");
            let said = cells[5].replace(',', "").parse::<u64>().unwrap();
            assert!(said.abs_diff(count("runner_minutes")) <= 5, "{name}: {said} minutes and {total}");
        }
    }
    let twice: Vec<_> = stage.given().into_iter().filter(|(_, times)| *times > 1).collect();
    assert_eq!(twice, [], "nothing is given twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_are_compared() {
    let (stage, _) = Stage::with_past(&small()).await;
    stage.file("infra.yml", "rules:\n  - name: gate\n    if: { job: all-green }\n    then: ignore\n  - name: infra\n    if: { cause: infrastructure }\n    then: rerun\notherwise: leave\n");
    stage.file("never.yml", "max_reruns: 0\noutage: { runs: 3, within: 15m }\n");
    let json = stage.backtest(&["--policy", "infra.yml", "--compare", "never.yml"]).await;
    let [infra, never] = json["policies"].as_array().unwrap().as_slice() else { panic!("{json:#}") };
    assert_eq!((&infra["policy"], &never["policy"]), (&json!("infra.yml"), &json!("never.yml")));
    assert_eq!((&infra["not_replayed"], &never["not_replayed"]), (&json!([]), &json!(["outage"])));
    let total = |policy: &Value, key: &str| policy["total"][key].as_u64();
    assert!(total(infra, "rescued") > Some(5) && total(infra, "reruns") > Some(0), "{infra:#}");
    let precision = infra["total"]["precision"].as_f64().unwrap();
    assert!(precision > 0.8, "{precision}");
    assert_eq!((total(never, "reruns"), &never["total"]["precision"]), (Some(0), &json!(null)));
    assert!(total(never, "missed_rescues") > total(infra, "missed_rescues"), "{json:#}");
    assert_eq!(infra["by_rule"].as_object().unwrap().keys().collect::<Vec<_>>(), ["infra"]);
    assert!(infra["by_rerun"]["first"]["reruns"].as_u64() > infra["by_rerun"]["second"]["reruns"].as_u64());
    assert!(!json["runs_that_differ"].as_array().unwrap().is_empty());
    let unknown = &infra["unknown"];
    assert!(unknown["flaky"]["rows"].is_array() && unknown["never_helped"]["rows"].is_array(), "{unknown:#}");

    let both = ["backtest", "--repo", "acme/engine", "--policy", "infra.yml", "--compare", "never.yml", "--verbose"];
    let ran = stage.run(&both).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in [
        "infra.yml",
        "never.yml",
        "difference",
        "precision",
        "unknown",
        "re-run -> leave",
        "== never.yml ==",
        "Not replayed for never.yml: outage",
    ] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    // Not on a terminal: plain lines.
    assert!(ran.err.contains(" failed or re-run runs read, 0 requests\n") && !ran.err.contains('\r'), "{}", ran.err);
    assert!(!ran.out.contains('\u{1b}'));
}

#[tokio::test(flavor = "multi_thread")]
async fn presets_go_by_their_names() {
    let (stage, _) = Stage::with_past(&small()).await;
    let json = stage.backtest(&["--policy", "everything", "--compare", "infrastructure"]).await;
    let reruns = |at: usize| json["policies"][at]["total"]["reruns"].as_u64().unwrap();
    assert!(reruns(0) > reruns(1) && json["policies"][1]["policy"] == "infrastructure", "{} {}", reruns(0), reruns(1));
    // A file of such a name has to say that it is one.
    stage.file("careful", "max_reruns: 0\n");
    let json = stage.backtest(&["--policy", "careful", "--compare", "./careful"]).await;
    assert_ne!(json["policies"][0]["total"]["reruns"], 0);
    assert_eq!(json["policies"][1]["total"]["reruns"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_where_it_was_stopped() {
    let (stage, _) = Stage::with_past(&small()).await;
    // GitHub says to wait, and somebody has no patience. What was given was kept.
    let limit = stage.github.fault(Fault::retry_after(429, 3_000).after(60));
    let mut child = stage.start(&["backtest", "--repo", "acme/engine"]);
    stage.until("it is told to wait", || stage.github.calls().iter().any(|call| call.status == Some(429))).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    child.kill().unwrap();
    let killed = ended(child).await;
    assert!(killed.err.contains("GitHub's rate limit: waiting until 20"), "{}", killed.err);
    stage.github.clear_fault(limit);
    let before = stage.given().len();
    assert!(before >= 60, "{before}");
    // Others are killed at any moment: of each, the one request that was under way may be made again.
    let kills = 5;
    for kill in 1..=kills {
        let enough = stage.github.calls().len() + 13 * kill;
        let mut child = stage.start(&["backtest", "--repo", "acme/engine", "--json"]);
        while stage.github.calls().len() < enough && child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        let _ = child.kill();
        ended(child).await;
    }
    let whole = stage.backtest(&[]).await;
    assert_eq!(whole["runs_not_read"], 0);
    let again: usize = stage.given().values().map(|times| times - 1).sum();
    assert!(again <= kills, "{again}: {:?}", stage.given().iter().filter(|(_, times)| **times > 1).collect::<Vec<_>>());

    // What is there is not asked for again, and is the same as what is read at once.
    let kept = stage.backtest(&[]).await;
    assert_eq!(kept["requests"], 0);
    assert_eq!(kept["policies"], whole["policies"]);
    let other = stage.folder.path().join("other");
    let anew = stage.backtest(&["--cache", other.to_str().unwrap()]).await;
    assert!(anew["requests"].as_u64() > Some(100));
    assert_eq!(anew["policies"], whole["policies"]);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_cut_short_are_read_again() {
    let (stage, _) = Stage::with_past(&small()).await;
    let whole = stage.backtest(&[]).await;
    let all: Vec<PathBuf> = files(&stage.cache()).into_iter().filter(|file| !file.ends_with("window.json")).collect();
    let cut: Vec<&PathBuf> = all.iter().step_by(7).collect();
    for (file, at) in cut.iter().zip(1..) {
        let text = fs::read(file).unwrap();
        fs::write(file, &text[..text.len() * (at % 5) / 5]).unwrap();
    }
    let again = stage.backtest(&[]).await;
    assert_eq!(again["requests"], cut.len());
    assert_eq!(again["policies"], whole["policies"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_have_a_bound() {
    let (stage, past) = Stage::with_past(&small()).await;
    let first = stage.backtest(&["--max-requests", "50"]).await;
    assert_eq!((first["requests"].as_u64(), stage.github.calls().len()), (Some(50), 50));
    let not_read = first["runs_not_read"].as_u64().unwrap();
    let told = first["policies"][0]["total"]["failed_runs"].as_u64().unwrap();
    assert_eq!(told + not_read, past.failed().count() as u64, "what was not read is not told of");
    assert!(not_read > 10 && first["stopped"].as_str().unwrap().contains("--max-requests"), "{first:#}");
    let ran = stage.run(&["backtest", "--repo", "acme/engine", "--max-requests", "20"]).await;
    assert!(ran.out.contains("of them were not read, and are not counted below: 20 requests were made"), "{}", ran.out);
    assert_eq!(stage.backtest(&[]).await["runs_not_read"], 0);
    assert!(stage.given().values().all(|times| *times == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_github_cannot_give_are_asked_for_in_parts() {
    let (stage, past) = Stage::with_past(&small()).await;
    stage.github.fault(Fault::fail_pages_above(60).times(8));
    let json = stage.backtest(&[]).await;
    assert_eq!((&json["runs"]["listed"], &json["runs_not_read"]), (&json!(past.runs.len()), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_said() {
    let (stage, _) = Stage::with_past(&small()).await;
    for (arguments, why) in [
        (&["--repo", "acme/nowhere"][..], "the runs of acme/nowhere cannot be listed: GitHub has none (404)"),
        (&["--repo", "acme"], "acme: not the name of a repository"),
        (&["--repo", "acme/engine", "--days", "91"], "91 is not in 1..=90"),
        (&["--repo", "acme/engine", "runs.json"], "cannot be used with"),
        (&["--compare", "x.yml", "runs.json"], "give --repo OWNER/REPO"),
        (&["--repo", "acme/engine", "--policy", "nowhere.yml"], "nowhere.yml cannot be read"),
    ] {
        let ran = stage.run(&[&["backtest"], arguments].concat()).await;
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.out);
        assert!(ran.err.contains(why), "{arguments:?}: {}", ran.err);
    }
    // That there was no access is not kept.
    stage.github.revoke_token(TOKEN);
    let ran = stage.run(&["backtest", "--repo", "acme/engine"]).await;
    assert!(ran.code == 2 && ran.err.contains("GitHub refused the credentials: 401 Bad credentials"), "{}", ran.err);
    stage.github.add_token(TOKEN, Grant::full("mona"));
    stage.github.repository("acme/nowhere").await;
    let ran = stage.run(&["backtest", "--repo", "acme/nowhere"]).await;
    assert!(ran.code == 0 && ran.out.contains(": 0 runs."), "{} {}", ran.out, ran.err);
    assert_eq!(stage.backtest(&[]).await["runs_not_read"], 0);
    let mut command = local_worker::command();
    let output = command.args(["backtest", "--repo", "acme/engine"]).env_clear().output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("GITHUB_TOKEN is not set"));
}

const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}te\rst";

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_and_logs_are_harmless() {
    let stage = Stage::new().await;
    let repository = stage.github.repository("acme/engine").await;
    let fails =
        Outcome::failure_with(HOSTILE, 1, "\u{1b}[31mnpm error code ECONNRESET\u{1b}[0m\n\u{1b}]8;;http://evil\u{7}");
    let job = || Job::new(HOSTILE).steps(&["Set up job", HOSTILE]);
    let workflow = Workflow::new(HOSTILE).path(".github/workflows/ci.yml");
    for _ in 0..3 {
        let run = repository.run(workflow.clone().job(job().ends_first(1, fails.clone()))).await;
        run.ends(1).await;
    }
    for more in [&["--verbose"][..], &["--json"]] {
        let ran = stage.run(&[&["backtest", "--repo", "acme/engine", "--days", "1"], more].concat()).await;
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains("st"), "{}", ran.out);
        let harmless = |text: &str| !text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}');
        assert!(harmless(&ran.out) && harmless(&ran.err), "{:?} {:?}", ran.out, ran.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_explained_by_its_address() {
    let stage = Stage::new().await;
    let repository = stage.github.repository("octo/widgets").await;
    let network = Outcome::failure_with("Run tests", 1, "npm error code ECONNRESET\nnpm error network read ECONNRESET");
    let run = repository
        .run(Workflow::new("ci").job(Job::new("test").script([network, Outcome::failure("Run tests")])))
        .await;
    run.ends(1).await;
    let address = |end: &str| format!("{}/octo/widgets/actions/runs/{}{end}", stage.github.url(), run.id());
    stage.file(
        "p.yml",
        "rules:\n  - name: infra\n    if: { cause: infrastructure }\n    then: rerun\notherwise: leave\n",
    );
    let explain = async |end: &str, more: &[&str]| {
        let address = address(end);
        stage.run(&[&["explain", &address, "--policy", "p.yml"], more].concat()).await
    };
    let ran = explain("", &[]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in [
        "Run ",
        " of \"ci\", attempt 1: failure.",
        "RE-RUN its failed jobs",
        "test  npm-network (registry, infrastructure), by line ",
    ] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    run.press_rerun_failed("mona");
    run.ends(2).await;
    let json = explain("", &["--json"]).await.json();
    assert_eq!((&json["run_attempt"], &json["decision"]), (&json!(2), &json!("end")), "{json:#}");
    assert_eq!(json["causes"], json!([{ "job": "test", "cause": null }]));
    let json = explain("/attempts/1", &["--json"]).await.json();
    assert_eq!((&json["run_attempt"], &json["decision"]), (&json!(1), &json!("rerun")), "{json:#}");
    assert_eq!(json["causes"][0]["cause"]["id"], "npm-network");

    let before = stage.github.calls().len();
    for (address, why) in [
        (
            "https://github.com/octo/widgets/actions/runs/1".to_owned(),
            "not a run's address: expected one at http://127",
        ),
        (format!("{}/octo/widgets/issues/1", stage.github.url()), "expected OWNER/REPO/actions/runs/ID"),
    ] {
        let ran = stage.run(&["explain", &address]).await;
        assert!(ran.code == 2 && ran.err.contains(why), "{} {}", ran.out, ran.err);
    }
    assert_eq!(stage.github.calls().len(), before, "nothing is asked for");
    let ran = stage.run(&["explain", &format!("{}/octo/widgets/actions/runs/1", stage.github.url())]).await;
    assert!(
        ran.code == 2 && ran.err.contains("run 1 of octo/widgets cannot be read: GitHub has none (404)"),
        "{}",
        ran.err
    );
}
