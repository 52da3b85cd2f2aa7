//! What GitHub Actions is given: who gets a secret, and what is installed how.

#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use saphyr::{LoadableYamlNode, Yaml};

/// The steps that have a secret, and what they run. None of these builds, installs or runs what others wrote, but for
/// wrangler itself.
const WITH_SECRETS: [(&str, &str); 2] = [
    ("CLOUDFLARE_API_TOKEN", "node_modules/.bin/wrangler deploy --config dist/wrangler.toml"),
    ("ADMIN_TOKEN", "node dist/bin/rerunner.mjs doctor \"$RERUNNER_URL\""),
];

/// The job that may write to the repository, and all that it does: it has no copy of the code.
const MAY_WRITE: (&str, [(&str, &str); 3], [&str; 4]) = (
    "release",
    [("contents", "write"), ("id-token", "write"), ("attestations", "write")],
    [
        "actions/download-artifact",
        "sha256sum --check --strict SHA256SUMS",
        "actions/attest-build-provenance",
        "gh release create \"$GITHUB_REF_NAME\" --repo \"$GITHUB_REPOSITORY\" --verify-tag --generate-notes \
         \"rerunner-${GITHUB_REF_NAME#v}.tgz\" SHA256SUMS",
    ],
);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn workflows() -> Vec<(String, String)> {
    let files = fs::read_dir(root().join(".github/workflows")).expect("workflows");
    let read = |path: PathBuf| (path.display().to_string(), fs::read_to_string(&path).unwrap());
    files.map(|file| read(file.unwrap().path())).collect()
}

/// Names and values of a map.
fn entries<'y>(node: &'y Yaml<'y>) -> Vec<(String, &'y Yaml<'y>)> {
    let map = node.as_mapping().into_iter().flatten();
    map.map(|(key, value)| (key.as_str().unwrap_or_default().to_owned(), value)).collect()
}

fn at<'y>(node: &'y Yaml<'y>, key: &str) -> Option<&'y Yaml<'y>> {
    node.as_mapping_get(key)
}

fn text(node: &Yaml, key: &str) -> String {
    at(node, key).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

/// All texts in it.
fn texts(node: &Yaml, all: &mut Vec<String>) {
    if let Some(text) = node.as_str() {
        all.push(text.to_owned());
    }
    for (key, value) in entries(node) {
        all.push(key);
        texts(value, all);
    }
    for value in node.as_sequence().into_iter().flatten() {
        texts(value, all);
    }
}

fn mentions(node: &Yaml, what: &str) -> usize {
    let mut all = Vec::new();
    texts(node, &mut all);
    all.iter().filter(|text| text.contains(what)).count()
}

/// What is wrong with a workflow.
fn faults(file: &str) -> Vec<String> {
    let documents = Yaml::load_from_str(file).expect("YAML");
    let [workflow] = documents.as_slice() else { return vec!["not one document".to_owned()] };
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(what);
    let permissions = at(workflow, "permissions").map(entries).unwrap_or_default();
    if permissions.iter().map(|(name, level)| (name.as_str(), level.as_str())).collect::<Vec<_>>()
        != [("contents", Some("read"))]
    {
        fault("permissions are not contents: read".to_owned());
    }
    if mentions(workflow, "pull_request_target") + mentions(workflow, "workflow_run") > 0 {
        fault("it runs with secrets for the code of others".to_owned());
    }
    let mut in_steps = 0;
    for (name, job) in at(workflow, "jobs").map(entries).unwrap_or_default() {
        if let Some(permissions) = at(job, "permissions") {
            let (writer, granted, done) = MAY_WRITE;
            let permissions = entries(permissions);
            let levels = permissions.iter().map(|(name, level)| (name.as_str(), level.as_str().unwrap_or_default()));
            if name != writer || !levels.eq(granted) {
                fault(format!("{name}: permissions of its own"));
            }
            let steps = at(job, "steps").and_then(|steps| steps.as_sequence()).into_iter().flatten();
            let steps = steps.map(|step| format!("{}{}", text(step, "run"), text(step, "uses")));
            if !steps.map(|step| step.split('@').next().unwrap_or_default().to_owned()).eq(done) {
                fault(format!("{name}: it may write, and does more than {done:?}"));
            }
        }
        for step in at(job, "steps").and_then(|steps| steps.as_sequence()).into_iter().flatten() {
            let (run, uses) = (text(step, "run"), text(step, "uses"));
            let env = at(step, "env").map(entries).unwrap_or_default();
            let secrets =
                env.iter().filter(|(_, value)| value.as_str().is_some_and(|value| value.contains("secrets.")));
            for (secret, _) in secrets {
                in_steps += 1;
                if !WITH_SECRETS.contains(&(secret.as_str(), run.as_str())) {
                    fault(format!("{name}: {secret} is given to {run}{uses}"));
                }
            }
            if run.contains("${{") {
                fault(format!("{name}: a command is put together by GitHub: {run}"));
            }
            for command in run.split(['\n', ';', '&', '|']).map(str::trim) {
                let wrong = (command.starts_with("npm ci") && !command.contains("--ignore-scripts"))
                    || command.starts_with("npm i ")
                    || command.starts_with("npm install")
                    || (command.starts_with("npx") && !command.contains("--no"))
                    || (command.starts_with("cargo") && !command.contains("--locked"))
                    || command.contains("curl ")
                    || command.contains("wget ");
                if wrong {
                    fault(format!("{name}: {command} takes what no lock file has"));
                }
            }
            if let Some((action, version)) = uses.split_once('@') {
                if version.len() != 40 || !version.bytes().all(|b| b.is_ascii_hexdigit()) {
                    fault(format!("{name}: {action} is not pinned to a commit"));
                }
                let persists =
                    at(step, "with").and_then(|with| at(with, "persist-credentials")).and_then(|value| value.as_bool());
                if action == "actions/checkout" && persists != Some(false) {
                    fault(format!("{name}: the checkout leaves GitHub's token behind"));
                }
            }
        }
    }
    // Not for a whole job or workflow, nor as an action's input.
    if mentions(workflow, "secrets.") + mentions(workflow, "secrets[") != in_steps {
        fault("a secret is given to more than one step's environment".to_owned());
    }
    faults
}

#[test]
fn secrets_go_to_steps_that_build_nothing() {
    let workflows = workflows();
    assert!(!workflows.is_empty());
    for (name, file) in &workflows {
        assert_eq!(faults(file), [""; 0], "{name}");
    }
    let all: String = workflows.into_iter().map(|(_, file)| file).collect();
    for (secret, command) in WITH_SECRETS {
        assert!(all.contains(&format!("{secret}: ${{{{ secrets.{secret} }}}}")) && all.contains(command), "{secret}");
    }
}

/// wrangler runs what its configuration says: that is the code's, and nothing that was built runs beside the token.
#[test]
fn the_token_meets_nothing_that_was_built() {
    let deploy = read(".github/workflows/deploy.yml");
    let (_, job) = deploy.split_once("\n  deploy:\n").expect("a job");
    let (job, _) = job.split_once("\n  doctor:\n").expect("the next one");
    let runs: Vec<_> = job.lines().filter_map(|line| line.trim().strip_prefix("- run: ")).collect();
    let expected = [
        "npm ci --ignore-scripts --no-audit --no-fund",
        "node scripts/deployed-config.mjs > dist/wrangler.toml",
        "node_modules/.bin/wrangler deploy --config dist/wrangler.toml",
    ];
    assert_eq!(runs, expected);
}

#[test]
fn a_secret_in_another_place_is_seen() {
    let good = read(".github/workflows/deploy.yml");
    let token = "CLOUDFLARE_API_TOKEN: ${{ secrets.CLOUDFLARE_API_TOKEN }}";
    for (part, by, found) in [
        (
            "      - run: npm run bundle\n",
            &*format!("      - run: npm run bundle\n        env:\n          {token}\n"),
            "is given to npm run bundle",
        ),
        (
            "node_modules/.bin/wrangler deploy --config dist/wrangler.toml",
            "npm run deploy",
            "is given to npm run deploy",
        ),
        ("node dist/bin/rerunner.mjs doctor", "npm run doctor --", "is given to"),
        (
            "    environment: production\n",
            &format!("    environment: production\n    env:\n      {token}\n"),
            "more than one step",
        ),
        ("permissions:\n", &format!("env:\n  {token}\npermissions:\n"), "more than one step"),
        ("          name: dist\n", "          name: ${{ secrets.CLOUDFLARE_API_TOKEN }}\n", "more than one step"),
        ("persist-credentials: false", "persist-credentials: true", "leaves GitHub's token behind"),
        ("contents: read", "contents: write", "permissions"),
        ("  pull_request:\n", "  pull_request_target:\n", "code of others"),
        ("npm ci --ignore-scripts", "npm ci", "no lock file"),
        ("npm run bundle", "cargo build", "no lock file"),
        ("@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2", "@v4", "not pinned"),
        ("\"$RERUNNER_URL\"", "${{ vars.RERUNNER_URL }}", "put together by GitHub"),
    ] {
        assert!(good.contains(part), "{part}");
        let faults = faults(&good.replace(part, by)).join("\n");
        assert!(faults.contains(found), "{by}: {faults}");
    }
    let release = read(".github/workflows/release.yml");
    for (part, by, found) in [
        ("id-token: write", "id-token: write\n      actions: write", "permissions of its own"),
        ("  release:\n", "  publish:\n", "permissions of its own"),
        ("      - run: sha256sum --check", "      - run: npm test\n      - run: sha256sum --check", "does more"),
        ("tgz\" SHA256SUMS", "tgz\" SHA256SUMS && ./x", "does more"),
    ] {
        assert!(release.contains(part), "{part}");
        let faults = faults(&release.replace(part, by)).join("\n");
        assert!(faults.contains(found), "{by}: {faults}");
    }
}

#[test]
fn tools_are_installed_as_lock_files_have_them() {
    let setup = read("scripts/setup.mjs");
    for line in setup.lines().filter(|line| line.contains("\"install\"")) {
        assert!(line.contains("\"install\", \"--locked\""), "{line}");
    }
    for line in setup.lines().filter(|line| line.contains("run(\"npm\"")) {
        assert!(line.contains("\"ci\", \"--ignore-scripts\"") || line.contains("\"rebuild\""), "{line}");
    }
    assert!(read("scripts/build.mjs").contains("\"--locked\""));
    let manifest: toml::Table = read("scripts/wasm-bindgen/Cargo.toml").parse().expect("TOML");
    let version =
        manifest["dependencies"]["wasm-bindgen-cli"]["version"].as_str().unwrap().trim_start_matches('=').to_owned();
    for lock in ["Cargo.lock", "scripts/wasm-bindgen/Cargo.lock"] {
        let lock: toml::Table = read(lock).parse().expect("TOML");
        let packages = lock["package"].as_array().unwrap();
        let versions = packages.iter().filter(|package| package["name"].as_str() == Some("wasm-bindgen"));
        let versions: Vec<_> = versions.filter_map(|package| package["version"].as_str()).collect();
        assert!(!versions.is_empty() && versions.iter().all(|one| *one == version), "{versions:?}, not {version}");
    }
}

/// Seen to fail when the bundle has another name than its configuration says, and when it lies beside the command.
#[test]
fn what_is_deployed_is_whole() {
    let run = |arguments: &[&str]| {
        let mut node = Command::new(root().join("node_modules/.bin/node"));
        let node = node.args(arguments).current_dir(root()).env("CI", "true").env("WRANGLER_SEND_METRICS", "false");
        let output = node.output().expect("node");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    };
    run(&["scripts/bundle.mjs"]);
    let node = Command::new(root().join("node_modules/.bin/node"))
        .arg("scripts/deployed-config.mjs")
        .current_dir(root())
        .output();
    assert_eq!(
        String::from_utf8(node.expect("node").stdout).expect("text"),
        read("dist/wrangler.toml"),
        "as it is deployed"
    );
    let said = run(&["node_modules/wrangler/bin/wrangler.js", "deploy", "--dry-run", "--config", "dist/wrangler.toml"]);
    assert!(said.contains("index_bg.wasm") && !said.contains("command"), "the command would be uploaded: {said}");
}
