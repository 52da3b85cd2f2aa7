//! `rerunner setup`, `upgrade` and `uninstall`, to their ends: with a stand-in for wrangler, which understands what this
//! version of wrangler does and nothing else. What needs a Worker is a scenario (tests/scenarios/setup.rs).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use local_worker::{Site, StandIn};
use tempfile::TempDir;

fn healthy(version: &str) -> String {
    format!(r#"{{"status":"ok","version":"{version}","problems":[]}}"#)
}

const OURS: &str = env!("CARGO_PKG_VERSION");

struct Place {
    folder: TempDir,
    stand_in: StandIn,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let stand_in = StandIn::new(folder.path());
        std::fs::copy(local_worker::root().join("wrangler.toml"), folder.path().join("wrangler.toml")).unwrap();
        Self { folder, stand_in }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, url: &str, arguments: &[&str], typed: &str) -> Ran {
        let mut command = local_worker::command();
        command.args(arguments).current_dir(self.path());
        self.stand_in.for_command(&mut command, url);
        Ran::of(&mut command, typed)
    }

    /// Each call of wrangler, as JSON.
    fn calls(&self) -> impl Iterator<Item = String> {
        let text = self.stand_in.text("calls").unwrap_or_default();
        text.lines().map(str::to_owned).collect::<Vec<_>>().into_iter()
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }
}

struct Ran {
    code: Option<i32>,
    said: String,
}

impl Ran {
    fn of(command: &mut Command, typed: &str) -> Self {
        let piped = Stdio::piped;
        let mut child = command.stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
        // Nobody may read them.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        Self { code: status.code(), said: String::from_utf8([stdout, stderr].concat()).unwrap() }
    }

    #[track_caller]
    fn expect(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.said);
        for part in parts {
            assert!(self.said.contains(part), "{part} is not in {}", self.said);
        }
    }
}

#[test]
fn a_token_that_cloudflare_does_not_take_is_named_as_that() {
    let place = Place::new();
    place.file("refused", "");
    let mut command = local_worker::command();
    command.args(["setup", "--yes"]).current_dir(place.path());
    place.stand_in.for_command(&mut command, "https://x.workers.dev");
    command.env("CLOUDFLARE_API_TOKEN", "a-bad-one");
    let ran = Ran::of(&mut command, "");
    ran.expect(2, &["Cloudflare rejects the CLOUDFLARE_API_TOKEN that is set", "Invalid API Token [code: 1000]"]);
    assert!(!ran.said.contains("a-bad-one"), "{}", ran.said);
    place.stand_in.expect_no_violation();
}

#[test]
fn settings_are_checked_before_anything_is_done() {
    let place = Place::new();
    for (variable, why) in
        [("MAX_RERUNS:many", "a number from 0 to 49"), ("ADMIN_TOKEN:x", "a secret"), ("X:1", "no such setting")]
    {
        place.run("", &["setup", "--yes", "--var", variable], "").expect(2, &[why]);
    }
    assert_eq!(place.calls().count(), 0);
    place.file("logged-in", "");
    let arguments = ["setup", "--yes", "--preset", "careful", "--dry-run", "--var", "MAX_RERUNS:5", "--auth", "app"];
    let ran = place.run("https://x.invalid.workers.dev", &arguments, "");
    ran.expect(1, &["DEFAULT_POLICY: careful", "DRY_RUN: true", "MAX_RERUNS: 5"]);
    let settings = std::fs::read_to_string(place.path().join("wrangler.toml")).unwrap();
    for line in ["DEFAULT_POLICY = \"careful\"", "DRY_RUN = \"true\"", "MAX_RERUNS = \"5\""] {
        assert!(settings.lines().any(|known| known == line), "{line}");
    }
    assert_eq!(place.stand_in.text("deployed").as_deref(), Some("[]"), "as in wrangler.toml");
    place.stand_in.expect_no_violation();
}

#[test]
fn an_upgrade_shows_what_comes_and_how_to_go_back() {
    let (place, worker) = (Place::new(), Site::start(&healthy(OURS)));
    place.file("logged-in", "");
    let upgrade = |more: &[&str], typed: &str| {
        place.run(&worker.url, &[&["upgrade", "--url", worker.url.as_str()], more].concat(), typed)
    };
    upgrade(&["--yes"], "").expect(2, &["no Worker named rerunner", "--name"]);
    place.file("deployed", "[]");
    upgrade(&["--dry-run"], "").expect(0, &["The same version", "Storage: unchanged", "Nothing was changed"]);
    upgrade(&[], "n\n").expect(0, &["Nothing was changed"]);
    assert_eq!(place.stand_in.text("deployed").as_deref(), Some("[]"));
    let deploys = || place.calls().filter(|call| call.starts_with("[\"deploy\"")).count();
    assert_eq!(deploys(), 0);
    worker.says(&healthy("99.0.0"));
    upgrade(&["--dry-run"], "").expect(0, &["deployed: 99.0.0", "is unknown here"]);
    worker.says(&healthy(OURS));
    let back = "npx wrangler rollback version-newest --name rerunner";
    upgrade(&["--yes"], "").expect(0, &["all is well", back]);
    assert_eq!(deploys(), 1);
    let ill = format!(r#"{{"version":"{OURS}","problems":[{{"setting":"GITHUB_TOKEN","problem":"was refused"}}]}}"#);
    worker.says(&ill);
    upgrade(&["--yes", "--name", "mine"], "").expect(1, &["GITHUB_TOKEN was refused", "--name mine"]);
    worker.says("<html>");
    upgrade(&["--yes"], "").expect(2, &["not as Rerunner does"]);
    place.stand_in.expect_no_violation();
}

#[test]
fn an_uninstall_asks_and_names_what_is_left() {
    let (place, worker) = (Place::new(), Site::start(&healthy(OURS)));
    place.file("logged-in", "");
    let kept =
        format!("RERUNNER_URL=\"{}\"\nRERUNNER_NAME=\"rerunner\"\nADMIN_TOKEN=\"the-admin-token\"\n", worker.url);
    place.file(".deployed.vars", &kept);
    place.file("deployed", "[]");
    place.file("secrets/GITHUB_TOKEN", "t");
    place.file("namespaces/rerunner-attempts", "0123");
    place.file("namespaces/another", "4567");
    let list = ["the Worker rerunner", "the Workers KV namespace rerunner-attempts (0123)"];
    let left = ["https://github.com/octo/widgets/settings/hooks", "https://github.com/settings/tokens"];
    let ran = place.run("", &["uninstall", "--dry-run"], "");
    ran.expect(0, &[&list[..], &left[..], &["Nothing was deleted"]].concat());
    for typed in ["\n", "yes\n", "rerunne\n"] {
        place.run("", &["uninstall"], typed).expect(0, &["Nothing was deleted"]);
    }
    let is_there = |name: &str| place.path().join(name).exists();
    assert!(is_there("deployed") && is_there("namespaces/rerunner-attempts") && is_there(".deployed.vars"));
    let ran = place.run("", &["uninstall"], "rerunner\n");
    ran.expect(
        0,
        &[&left[..], &["the Worker rerunner was deleted", "the namespace rerunner-attempts was deleted"]].concat(),
    );
    assert!(!is_there("deployed") && !is_there("namespaces/rerunner-attempts") && !is_there(".deployed.vars"));
    assert!(is_there("namespaces/another"), "that was somebody else's");
    place.run("", &["uninstall", "--yes"], "").expect(0, &["There is nothing to delete"]);
    place.stand_in.expect_no_violation();
}

#[test]
fn the_worker_runs_here_with_the_settings_of_this_folder() {
    let place = Place::new();
    place.run("", &["dev"], "").expect(0, &["http://localhost:8787/healthz"]);
    place.file(".dev.vars", "MAX_RERUNS=\"5\"\n");
    place.run("", &["dev", "--port", "9000"], "").expect(0, &[]);
    let calls: Vec<_> = place.calls().filter(|call| call.starts_with("[\"dev\"")).collect();
    let expected = [
        r#"["dev","--port","8787","--persist-to",".wrangler/state"]"#,
        r#"["dev","--port","9000","--persist-to",".wrangler/state","--env-file",".dev.vars"]"#,
    ];
    assert_eq!(calls, expected);
    place.stand_in.expect_no_violation();
}

/// Seen to fail when the name is not looked at.
#[test]
fn nothing_is_done_to_another_worker() {
    let (place, worker) = (Place::new(), Site::start(&healthy(OURS)));
    place.file("logged-in", "");
    place.file("deployed", "[]");
    place.file("namespaces/rerunner-attempts", "0123");
    // A clone's own name.
    let settings = std::fs::read_to_string(place.path().join("wrangler.toml")).unwrap();
    place.file("wrangler.toml", &settings.replace("name = \"rerunner\"", "name = \"mine\""));
    place
        .run("", &["uninstall", "--yes"], "")
        .expect(0, &["the Worker mine was deleted", "no Workers KV namespace mine-attempts"]);
    for call in
        place.calls().filter(|call| !call.contains("--version") && !call.contains("whoami") && !call.contains("\"kv\""))
    {
        assert!(call.contains("\"mine\""), "{call}");
    }
    assert!(place.path().join("namespaces/rerunner-attempts").exists());
    // What was set up from here is of one Worker, at one address.
    place.file(
        ".deployed.vars",
        "RERUNNER_URL=\"https://kept.example\"\nRERUNNER_NAME=\"kept\"\nADMIN_TOKEN=\"hush\"\n",
    );
    for command in ["setup", "upgrade", "uninstall"] {
        place
            .run("", &[command, "--yes", "--name", "other"], "")
            .expect(2, &["belongs to the Worker kept, not to other"]);
        place
            .run("", &[command, "--yes", "--url", &worker.url], "")
            .expect(2, &["belongs to https://kept.example, not to"]);
    }
    assert!(place.path().join(".deployed.vars").exists());
    // Not to be told is not to be there.
    place.file("broken", "");
    place.run("", &["uninstall", "--yes"], "").expect(2, &["wrangler deployments list failed"]);
    place.stand_in.expect_no_violation();
}
