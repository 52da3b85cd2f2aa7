//! What is said of a deployed Worker: as JSON, before it is made, and where it is not known. What is done to it is in
//! tests/deploy.rs.

use std::fs;
use std::process::Stdio;

use local_worker::{Site, StandIn};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Ran, rerunner};

const OURS: &str = env!("CARGO_PKG_VERSION");

/// With wrangler's stand-in, in a folder like a clone's.
struct Place(TempDir, StandIn);

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let stand_in = StandIn::new(folder.path());
        fs::copy(local_worker::root().join("wrangler.toml"), folder.path().join("wrangler.toml")).unwrap();
        fs::write(folder.path().join("logged-in"), "").unwrap();
        Self(folder, stand_in)
    }

    fn run(&self, url: &str, arguments: &[&str]) -> Ran {
        let mut command = local_worker::command();
        self.1.for_command(&mut command, url);
        let output = command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Standard output is one JSON document, and what is said on the way is beside it. Seen to fail when words, or what wrangler says,
/// go to standard output.
#[test]
fn what_was_done_as_json() {
    let schema = rerunner(&[], "", &["schema", "--json"]);
    assert_eq!((schema.code, schema.json()), (0, rerunner(&[], "", &["schema"]).json()));

    let (place, nowhere) = (Place::new(), "https://x.invalid.workers.dev");
    let ran = place.run(nowhere, &["setup", "--yes", "--auth", "app", "--json"]);
    let json = ran.json();
    assert_eq!((&json["url"], &json["worker"]), (&json!(nowhere), &json!("rerunner")), "{json:#}");
    assert_eq!((ran.code, &json["findings"][0]["check"]), (1, &json!("reachable")), "{json:#}");
    assert!(ran.err.contains("1/6 Tools") && ran.err.contains(nowhere), "{}", ran.err);

    let worker = Site::start(&format!(r#"{{"status":"ok","version":"{OURS}","problems":[]}}"#));
    fs::remove_file(place.0.path().join(".deployed.vars")).unwrap();
    let upgrade = |more: &[&str]| {
        let ran = place.run(&worker.url, &[&["upgrade", "--json", "--url", &worker.url], more].concat());
        let json = ran.json();
        assert_eq!((ran.code, &json["versions"]), (0, &json!({ "before": OURS, "this": OURS })), "{json:#}");
        assert!(ran.err.contains("2/4 What is deployed"), "{}", ran.err);
        json
    };
    assert_eq!(upgrade(&["--dry-run"])["deployed"], false);
    let done = upgrade(&["--yes"]);
    let says = |what: &Value, part: &str| what.as_str().is_some_and(|text| text.contains(part));
    assert!(done["deployed"] == true && says(&done["back"], "wrangler rollback"), "{done:#}");

    fs::write(place.0.path().join("secrets/GITHUB_TOKEN"), "t").unwrap();
    let uninstall = |more: &[&str]| place.run("", &[&["uninstall", "--json"], more].concat());
    let listed = uninstall(&["--dry-run"]).json();
    assert_eq!((&listed["worker"], &listed["deleted"]), (&json!("rerunner"), &json!(false)), "{listed:#}");
    assert!(says(&listed["left_to_do"][0], "Delete the token"), "{listed:#}");
    let ran = uninstall(&["--yes"]);
    assert_eq!((ran.code, &ran.json()["deleted"]), (0, &json!(true)), "{}", ran.err);
    assert!(ran.err.contains("the Worker rerunner was deleted"), "{}", ran.err);
    place.1.expect_no_violation();
    assert!(rerunner(&[], "", &["dev", "--help"]).out.contains("takes no --json"));
}

/// Elsewhere a dry run changes nothing. Seen to fail when it is not said.
#[test]
fn a_dry_run_of_setup_deploys_and_says_so() {
    let said =
        "\nThis deploys Rerunner with DRY_RUN on: it decides, records and shows, and re-runs nothing.\n\n1/6 Tools";
    let setup = |more: &[&str]| {
        let arguments = [&["setup", "--yes", "--auth", "app"], more].concat();
        let ran = Place::new().run("https://x.invalid.workers.dev", &arguments);
        ran.out + &ran.err
    };
    let dry = setup(&["--dry-run"]);
    assert!(dry.starts_with(said), "{dry}");
    for more in [&[][..], &["--dry-run=false"]] {
        assert!(setup(more).starts_with("\n1/6 Tools"));
    }
    let help = rerunner(&[], "", &["setup", "--help"]).out;
    assert!(help.contains("Deploy with the setting DRY_RUN on"), "{help}");
}

/// Seen to fail with the remedies of what is deployed from a clone.
#[test]
fn what_to_do_where_nothing_is_known() {
    let ran = rerunner(&[], "", &["doctor"]);
    assert!(ran.code == 2 && ran.err.contains("or run this in the folder with .deployed.vars"), "{}", ran.err);
    let ran = Place::new().run("", &["upgrade"]);
    assert!(ran.code == 2 && ran.err.contains("or run this in the folder with .deployed.vars"), "{}", ran.err);
    let ran = rerunner(&[], "", &["doctor", "http://127.0.0.1:1"]);
    assert!(ran.code == 1 && ran.err.contains("→ Is the address right? See .deployed.vars\n"), "{}", ran.err);
    let ran = rerunner(&[], "", &["setup", "--yes"]);
    let why = "wrangler.toml cannot be read here: no such file or directory; a clone keeps its settings there: run this in the \
               clone's own folder";
    assert!(ran.code == 2 && ran.err.contains(why), "{}", ran.err);
}
