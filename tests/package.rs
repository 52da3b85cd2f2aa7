//! `npm run package`, as somebody uses it who has Node.js and no Rust: an empty home, and no other program to be found.
//!
//! How large it is and how long it takes is printed: `cargo test --test package -- --nocapture`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use local_worker::{LocalWorker, Options, Site, StandIn, program, root};
use serde_json::Value;
use simulator::{Conclusion, EventKind, EventKinds, Job, SimulatedGitHub, Workflow};
use tempfile::TempDir;

const TOKEN: &str = "the-simulated-token";
const SECRET: &str = "the-webhook-secret";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The packages that were made, twice, and their folders.
struct Made {
    folder: TempDir,
    file: PathBuf,
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let make = |name: &str| {
            let out = folder.path().join(name);
            let mut command = Command::new(root().join("node_modules/.bin/node"));
            command.args(["scripts/package.mjs", "--out-dir"]).arg(&out).current_dir(root());
            ended(command.env("WRANGLER_SEND_METRICS", "false").env("CI", "true"));
            out.join(format!("rerunner-{VERSION}.tgz"))
        };
        let (file, again) = (make("one"), make("deeper/two"));
        assert!(fs::read(&file).unwrap() == fs::read(again).unwrap(), "of the same commit there are two packages");
        Made { folder, file }
    })
}

/// One test at a time: how long something takes is measured.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[track_caller]
fn ended(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

/// A machine with Node.js alone.
struct Machine {
    folder: TempDir,
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Machine {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for name in ["home", "bin", "work"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for name in ["node", "npm", "npx", "sh"] {
            symlink(program(name).canonicalize().unwrap(), folder.path().join("bin").join(name)).unwrap();
        }
        Self { folder }
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join("work").join(name), text).unwrap();
    }

    fn command(&self, name: &str) -> Command {
        let place = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(place("bin").join(name));
        command.env_clear().env("HOME", place("home")).env("PATH", place("bin")).current_dir(place("work"));
        // Whatever is not in the package would have to come from here.
        command.env("npm_config_registry", "http://127.0.0.1:9/").env("npm_config_update_notifier", "false");
        command
    }

    /// `npx ./rerunner-VERSION.tgz …`.
    fn rerunner(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let since = Instant::now();
        let name = format!("rerunner-{VERSION}.tgz");
        fs::copy(&made().file, self.folder.path().join("work").join(&name)).unwrap();
        let mut command = self.command("npx");
        command.arg("--yes").arg(format!("./{name}")).args(arguments).envs(environment.iter().copied());
        let output = command.stdin(Stdio::null()).output().unwrap();
        let ran = Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        eprintln!("npx rerunner {}: {:?}", arguments.join(" "), since.elapsed());
        ran
    }
}

#[test]
fn its_parts() {
    let _alone = ALONE.blocking_lock();
    let Made { folder, file } = made();
    let list = ended(Command::new("tar").arg("-tzf").arg(file));
    let list = String::from_utf8(list.stdout).unwrap();
    let is_in = |name: &str| list.lines().any(|line| line == format!("package/{name}"));
    for name in [
        "README.md",
        "LICENSE",
        "LICENSES.md",
        "package.json",
        "wrangler.toml",
        "worker/entry.js",
        "bin/rerunner.mjs",
        "build/command/command_bg.wasm",
        "docs/rerunner.schema.json",
        "docs/policies/careful.yml",
        "docs/catalogue.md",
        "docs/grafana-dashboard.json",
        "docs/prometheus-alerts.yml",
    ] {
        assert!(is_in(name), "{name} is not in\n{list}");
    }
    let manifest = fs::read(folder.path().join("one/package/package.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert!(manifest.get("dependencies").is_none() && manifest.get("scripts").is_none(), "{manifest:#}");
    let licences = fs::read_to_string(folder.path().join("one/package/LICENSES.md")).unwrap();
    for name in ["worker 0.", "serde_json 1.", "clap_builder 4.", "Rust's standard library"] {
        assert!(licences.contains(&format!("- {name}")), "{name}");
    }
    let settings = fs::read_to_string(folder.path().join("one/package/wrangler.toml")).unwrap();
    assert!(!settings.contains("[build]"), "{settings}");
    // Nor does anything say where it was built.
    for name in ["build/command/command_bg.wasm", "worker/entry.js"] {
        let bytes = fs::read(folder.path().join("one/package").join(name)).unwrap();
        for place in [env!("CARGO_MANIFEST_DIR"), "/.cargo/registry"] {
            assert!(!bytes.windows(place.len()).any(|part| part == place.as_bytes()), "{name} has {place}");
        }
    }
    let size = fs::metadata(file).unwrap().len();
    eprintln!("the package: {} KiB in {} files", size.div_ceil(1024), list.lines().count());
    assert!(size < 4 * 1024 * 1024, "{size} bytes");
}

#[test]
fn policies_are_checked_without_rust() {
    let _alone = ALONE.blocking_lock();
    let machine = Machine::new();
    machine.file("good.yml", "extends: careful\n");
    machine.file("bad.yml", "max_reruns: 3\nmax_delai: 5m\n");
    let help = machine.rerunner(&[], &["--help"]);
    assert!(help.code == Some(0) && help.out.contains("Usage: rerunner <COMMAND>"), "{}{}", help.out, help.err);
    let good = machine.rerunner(&[], &["check", "good.yml"]);
    assert!(good.code == Some(0) && good.out.contains("good.yml is valid. What it means:"), "{}", good.err);
    let bad = machine.rerunner(&[], &["check", "bad.yml"]);
    let error = "bad.yml:2:1: error: max_delai: no such key; did you mean max_delay?";
    assert!(bad.code == Some(1) && bad.err.contains(error), "{} {}", bad.out, bad.err);
    let cargo = machine.command("sh").args(["-c", "cargo --version"]).output().unwrap();
    assert_eq!(cargo.status.code(), Some(127), "cargo was to be found");
}

/// How long the command takes from the start of Node.js to its end, at the best of some tries.
#[test]
fn it_starts_quickly() {
    let _alone = ALONE.blocking_lock();
    let machine = Machine::new();
    let package = made().folder.path().join("one/package/bin/rerunner.mjs");
    let fastest = |arguments: &[&str]| {
        let once = |_| {
            let since = Instant::now();
            ended(machine.command("node").args(arguments));
            since.elapsed()
        };
        (0..20).map(once).min().unwrap()
    };
    let (help, bare) = (fastest(&[package.to_str().unwrap(), "--help"]), fastest(&["-e", "0"]));
    eprintln!("--help: {help:?}, {:.1} times `node -e 0` ({bare:?})", help.as_secs_f64() / bare.as_secs_f64());
    // By the machine's own speed: where Node.js takes long to start, so does this.
    assert!(help < Duration::from_millis(150).max(bare * 8), "{help:?}, and Node.js alone {bare:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_packaged_worker_rescues_a_run() {
    let _alone = ALONE.lock().await;
    let options = simulator::Options {
        secret: SECRET.to_owned(),
        token: TOKEN.to_owned(),
        patience: Duration::from_secs(240),
        ..simulator::Options::default()
    };
    let github = SimulatedGitHub::start(options).await;
    let package = made().folder.path().join("unpacked");
    fs::create_dir(&package).unwrap();
    ended(Command::new("tar").arg("-xzf").arg(&made().file).arg("-C").arg(&package));
    let options = Options { package: Some(package.join("package")), ..Options::default() }
        .setting("WEBHOOK_SECRET", SECRET)
        .setting("GITHUB_TOKEN", TOKEN)
        .setting("GITHUB_API_URL", github.url())
        .setting("ADMIN_TOKEN", "the-admin-token")
        .setting("RERUN_DELAY", "0s");
    let worker = LocalWorker::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    let repository = github.repository("octo/packaged").await;
    let url = format!("{}/", worker.url);
    let events = EventKinds::only(EventKind::WorkflowRun);
    repository.hook(|hook| (hook.url, hook.events, hook.concurrent) = (Some(url), events, true)).await;
    let run = repository.run(Workflow::new("ci").job(Job::new("test").fails(1))).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_reruns(1).await;

    let (machine, url, api) = (Machine::new(), worker.url.clone(), github.url());
    let looked = tokio::task::spawn_blocking(move || {
        let secrets = [("ADMIN_TOKEN", "the-admin-token"), ("WEBHOOK_SECRET", SECRET)];
        let doctor = machine.rerunner(&secrets, &["doctor", &url, "octo/packaged"]);
        let token = [("GITHUB_TOKEN", TOKEN), ("GITHUB_API_URL", &*api)];
        let backtest = machine.rerunner(&token, &["backtest", "--repo", "octo/packaged", "--days", "1", "--json"]);
        let again = machine.rerunner(&token, &["backtest", "--repo", "octo/packaged", "--days", "1", "--json"]);
        (doctor, backtest, again)
    });
    let (doctor, backtest, again) = looked.await.unwrap();
    assert_eq!(doctor.code, Some(0), "{}{}", doctor.out, doctor.err);
    for check in ["✓ reachable", "✓ webhook secret", "✓ octo/packaged: workflow runs"] {
        assert!(doctor.out.contains(check), "{check}\n{}", doctor.out);
    }
    assert_eq!(backtest.code, Some(0), "{}", backtest.err);
    let replayed: Value = serde_json::from_str(&backtest.out).unwrap();
    assert_eq!(replayed["policies"][0]["total"]["rescued"], 1, "{replayed:#}");
    assert!(replayed["requests"].as_u64() > Some(0));
    // What was read is kept in the home of whoever reads it.
    let replayed: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(replayed["requests"], 0, "{replayed:#}");
    worker.stop().await;
}

/// To its end, with a stand-in for wrangler; each deploy is also tried by wrangler itself, with --dry-run.
/// Seen to fail when the configuration has no `keep_vars`, and when `--force` is `--yes`.
#[test]
fn it_is_set_up_upgraded_and_taken_away() {
    let _alone = ALONE.blocking_lock();
    let machine = Machine::new();
    let name = format!("rerunner-{VERSION}.tgz");
    fs::copy(&made().file, machine.folder.path().join("work").join(&name)).unwrap();
    let folder = machine.folder.path().join("stand-in");
    let stand_in = StandIn::new(&folder);
    let site = Site::start(&format!(r#"{{"status":"ok","version":"{VERSION}","problems":[]}}"#));
    let run = |arguments: &[&str]| {
        let since = Instant::now();
        let mut command = machine.command("npx");
        command.arg("--yes").arg(format!("./{name}")).args(arguments).stdin(Stdio::null());
        stand_in.for_command(&mut command, &site.url);
        let path = [folder.join("bin"), machine.folder.path().join("bin")].map(|place| place.display().to_string());
        let output = command.env("PATH", path.join(":")).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        eprintln!("npx rerunner {}: {:?}", arguments.join(" "), since.elapsed());
        (output.status.code(), said)
    };
    let (code, said) = run(&["setup", "--yes", "--auth", "token"]);
    assert!(code == Some(2) && said.contains("not logged in at Cloudflare"), "{said}");
    fs::write(folder.join("logged-in"), "").unwrap();
    let url = site.url.as_str();
    let arguments = ["setup", "--yes", "--auth", "app", "--preset", "careful", "--var", "MAX_RERUNS:5", "--url", url];
    let (code, said) = run(&arguments);
    // The site is no Worker: it takes no ping.
    assert!(code == Some(1) && said.contains("✓ reachable") && said.contains("ADMIN_TOKEN: generated"), "{said}");
    let deployed = stand_in.text("deployed");
    assert_eq!(deployed.as_deref(), Some(r#"["MAX_RERUNS:5","DEFAULT_POLICY:careful"]"#), "{said}");
    let settings = stand_in.text("settings").unwrap();
    assert!(settings.contains("\nkeep_vars = true\n") && !settings.contains("[vars]"), "{settings}");
    let (code, said) = run(&["upgrade", "--yes"]);
    assert!(code == Some(0) && said.contains("as kept at Cloudflare") && said.contains("all is well"), "{said}");
    assert_eq!(stand_in.text("deployed").as_deref(), Some("[]"), "it changes no setting");
    let (code, said) = run(&["uninstall", "--yes"]);
    assert!(code == Some(0) && said.contains("rerunner-attempts was deleted"), "{said}");
    assert!(!machine.folder.path().join("work/.deployed.vars").exists());
    stand_in.expect_no_violation();
}
