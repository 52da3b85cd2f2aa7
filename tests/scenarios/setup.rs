//! From nothing to the first rescued run: the set-up page and `npm run setup`.
//!
//! `wrangler deploy` and `wrangler secret put` need Cloudflare: a stand-in takes their place here, which keeps what it is
//! given. All else is real.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use libtest_mimic::Trial;
use local_worker::{Options, StandIn};
use reqwest::header::LOCATION;
use simulator::Conclusion;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::doctor::doctor;
use crate::stage::{Stage, trials};
use crate::steps::fails_once;

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "setup",
        from_the_page_to_a_rescued_run,
        the_app_is_asked_for_what_is_switched_on,
        the_page_is_for_whoever_has_the_admin_token,
        the_command_sets_up_and_replaces_nothing,
    )
}

pub const ADMIN: &str = "the-admin-token";

pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

/// What a browser is shown, once it has been asked for the password.
async fn browse(url: &str) -> (u16, String) {
    let response = client().get(url).basic_auth("anyone", Some(ADMIN)).send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    assert_eq!(headers["cache-control"], "no-store", "{url}");
    (status, response.text().await.expect("a page"))
}

/// What is between two texts, as HTML would have it.
#[track_caller]
fn between(page: &str, start: &str, end: &str) -> String {
    let found = page.split_once(start).and_then(|(_, rest)| rest.split_once(end));
    let (found, _) = found.unwrap_or_else(|| panic!("no {start} … {end} in {page}"));
    found.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Presses the button on a page of ours; GitHub agrees and sends the browser back.
async fn press(page: &str, button: &str) -> String {
    let form = page.split("<form ").find(|form| form.contains(button)).expect("a form");
    let (action, manifest) = (between(form, "action=\"", "\""), between(form, "name=\"manifest\" value=\"", "\""));
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("manifest", &manifest).finish();
    let request = client().post(action).header("content-type", "application/x-www-form-urlencoded").body(form);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 302);
    answer.headers()[LOCATION].to_str().expect("an address").to_owned()
}

async fn from_the_page_to_a_rescued_run(stage: Arc<Stage>) {
    let github = stage.github().await;
    let name = "first-steps/widgets";
    let options = Options::default()
        .setting("GITHUB_TOKEN", "")
        .setting("WEBHOOK_SECRET", "")
        .setting("WEBHOOK_SECRET_PREVIOUS", "")
        .setting("ADMIN_TOKEN", ADMIN);
    let worker = stage.worker_with(options).await;
    // By name, as a person who was told it by GitHub's page would: an organization takes one step more.
    let (_, start) = browse(&format!("{}/setup", worker.url)).await;
    assert!(start.contains("name=\"organization\""));
    let (status, visit) = browse(&format!("{}/setup?organization=first-steps", worker.url)).await;
    assert_eq!(status, 200);
    let (status, _) = browse(&format!("{}/setup?organization=a/b", worker.url)).await;
    assert_eq!(status, 400);
    let back = press(&visit, "/organizations/first-steps/").await;
    assert!(back.starts_with(&format!("{}/setup/created?code=", worker.url)), "{back}");
    // A return that somebody else has made up.
    for forged in [back.replace("state=", "state=1"), back.split("&state").next().expect("one").to_owned()] {
        let (status, page) = browse(&forged).await;
        assert!(status == 400 && !page.contains("PRIVATE KEY"), "{page}");
    }
    let (status, page) = browse(&back).await;
    assert_eq!(status, 200, "{page}");
    let value = |name: &str| between(&page, &format!("aria-label=\"{name}\">"), "</textarea>");
    let values: BTreeMap<&str, String> = ["GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY", "WEBHOOK_SECRET"]
        .into_iter()
        .map(|name| (name, value(name)))
        .collect();
    assert!(!values["GITHUB_APP_PRIVATE_KEY"].contains('\n'), "it is pasted into a prompt of one line");
    for name in values.keys() {
        assert!(page.contains(&format!("npx wrangler secret put {name}")), "{name}");
    }
    // Once: nobody comes back from the same visit again, not with another code either.
    let with_another_code = press(&visit, "/organizations/first-steps/").await;
    assert_ne!(with_another_code, back);
    for again in [back, with_another_code] {
        let (status, page) = browse(&again).await;
        assert!(status == 400 && page.contains("works") && !page.contains("PRIVATE KEY"), "{page}");
    }
    assert!(!worker.log().lines().iter().any(|line| line.contains(&values["WEBHOOK_SECRET"])));
    let port = worker.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    worker.stop().await;
    let app = values["GITHUB_APP_ID"].parse().expect("a number");
    // As after the three commands.
    let mut options = Options { port: Some(port), ..Options::default() }
        .setting("GITHUB_TOKEN", "")
        .setting("WEBHOOK_SECRET_PREVIOUS", "")
        .setting("ADMIN_TOKEN", ADMIN);
    for (name, value) in values {
        options = options.setting(name, value);
    }
    let worker = stage.worker_with(options).await;
    let repository = stage.repository_of_app(name).await;
    github.install(app, "first-steps");
    let run = repository.run(fails_once()).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_reruns(1).await;
    // Nobody puts another in its place.
    let (status, _) = browse(&format!("{}/setup", worker.url)).await;
    assert_eq!(status, 409);
    let (output, found) = doctor(&[&worker.url, name], &[("ADMIN_TOKEN", ADMIN)]).await;
    assert_eq!(output.status.code(), Some(0), "{found:#}");
    worker.stop().await;
}

/// Just what the settings switch on, and what is ticked for policy files.
/// Seen to fail when what is ticked is not in the manifest.
async fn the_app_is_asked_for_what_is_switched_on(stage: Arc<Stage>) {
    let options = Options::default().setting("ADMIN_TOKEN", ADMIN).setting("COMMIT_STATUS", "rerunner");
    let worker = stage.worker_with(options).await;
    let manifest = async |query: &str| {
        let (status, page) = browse(&format!("{}/setup?organization=octo{query}", worker.url)).await;
        assert_eq!(status, 200, "{page}");
        let form = page.split("<form ").find(|form| form.contains("/organizations/octo/")).expect("a form").to_owned();
        let text = between(&form, "name=\"manifest\" value=\"", "\"");
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON")
    };
    let plain = manifest("").await;
    let permissions = serde_json::json!({
        "actions": "write", "checks": "read", "contents": "read", "metadata": "read", "pull_requests": "read",
        "statuses": "write",
    });
    assert_eq!(plain["default_permissions"], permissions);
    assert_eq!(plain["default_events"], serde_json::json!(["workflow_run"]));
    let ticked = manifest("&commands=on&flaky_issues=on").await;
    let mut more = permissions;
    (more["pull_requests"], more["issues"]) = ("write".into(), "write".into());
    assert_eq!(ticked["default_permissions"], more);
    assert_eq!(ticked["default_events"], serde_json::json!(["workflow_run", "issue_comment"]));
    let (status, page) = browse(&format!("{}/setup?commands=yes", worker.url)).await;
    assert!(status == 400 && page.contains("commands: expected on"), "{page}");
    worker.stop().await;
}

async fn the_page_is_for_whoever_has_the_admin_token(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default().setting("ADMIN_TOKEN", ADMIN)).await;
    for path in ["/setup", "/setup/created?code=abc&state=x", "/api/v1/doctor"] {
        let answer = client().get(format!("{}{path}", worker.url)).send().await.expect("an answer");
        assert_eq!(answer.status(), 401, "{path}");
        assert!(answer.headers().contains_key("www-authenticate"), "{path}");
    }
    let answer = client().get(format!("{}/setup", worker.url)).bearer_auth(ADMIN).send().await.expect("an answer");
    let policy = answer.headers()["content-security-policy"].to_str().expect("text").to_owned();
    let github = stage.github().await.url();
    assert!(policy.contains(&format!("form-action 'self' {github};")), "{policy}");
    worker.stop().await;
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `npm run setup`, with these answers typed.
async fn set_up(stand_in: &StandIn, folder: &Path, url: &str, arguments: &[&str], typed: &str) -> Output {
    let mut command = local_worker::command();
    command.arg("setup").args(arguments).current_dir(folder);
    stand_in.for_command(&mut command, url);
    let mut command = Command::from(command);
    let (input, output) = (std::process::Stdio::piped(), std::process::Stdio::piped());
    let mut child =
        command.stdin(input).stdout(output).stderr(std::process::Stdio::piped()).spawn().expect("the command");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(typed.as_bytes()).await.expect("answers are taken");
    drop(stdin);
    child.wait_with_output().await.expect("the command")
}

async fn the_command_sets_up_and_replaces_nothing(stage: Arc<Stage>) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let stand_in = &StandIn::new(root);
    let secret = |name: &str| stand_in.text(&format!("secrets/{name}"));
    let settings = root.join("wrangler.toml");
    let as_it_comes = std::fs::read_to_string(local_worker::root().join("wrangler.toml")).expect("a file");
    std::fs::write(&settings, &as_it_comes).expect("a file");

    // Not logged in, and nobody to ask.
    let output = set_up(stand_in, root, "https://x.workers.dev", &["--yes"], "").await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("npx wrangler login"), "{}", text(&output.stderr));

    // A preset that there is not.
    let output = set_up(stand_in, root, "https://x.workers.dev", &[], "carefull\n").await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("carefull is not a preset"), "{}", text(&output.stderr));
    let calls = stand_in.text("calls").expect("calls");
    assert!(!calls.contains("deploy"), "{calls}");

    // A preset, a token; the webhook is there. Nothing runs at that address yet, which the doctor says in the end.
    let typed = "careful\n\ntoken\nthe-typed-token\n\n";
    let output = set_up(stand_in, root, "https://nobody.invalid.workers.dev", &[], typed).await;
    let expected = as_it_comes.replace("DEFAULT_POLICY = \"everything\"", "DEFAULT_POLICY = \"careful\"");
    assert_eq!(std::fs::read_to_string(&settings).expect("a file"), expected);
    for preset in ["everything", "infrastructure", "careful"] {
        let about = text(&output.stdout);
        assert!(about.lines().any(|line| line.trim_start().starts_with(preset) && line.contains("cost")), "{about}");
    }
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    let made: Vec<String> = ["ADMIN_TOKEN", "WEBHOOK_SECRET"].map(|name| secret(name).expect("it is set")).into();
    assert_eq!(secret("GITHUB_TOKEN").as_deref(), Some("the-typed-token"));
    assert!(made.iter().all(|secret| secret.len() == 64) && made[0] != made[1]);
    let calls = stand_in.text("calls").expect("calls");
    for secret in made.iter().map(String::as_str).chain(["the-typed-token"]) {
        assert!(!said.contains(secret), "a secret was shown");
        assert!(!calls.contains(secret), "a secret was an argument");
    }
    let kept = root.join(".deployed.vars");
    assert_eq!(std::fs::metadata(&kept).expect("a file").permissions().mode() & 0o777, 0o600);
    assert!(!std::fs::read_to_string(&kept).expect("text").contains("the-typed-token"));
    let ignored = std::fs::read_to_string(local_worker::root().join(".gitignore")).expect("a file");
    assert!(ignored.lines().any(|line| line == ".deployed.vars*"), "git tracks it");

    // The Worker with what was set; run again, nothing is replaced, and all is well.
    let options = Options::default()
        .setting("GITHUB_TOKEN", crate::stage::TOKEN)
        .setting("WEBHOOK_SECRET_PREVIOUS", "")
        .setting("ADMIN_TOKEN", made[0].clone())
        .setting("WEBHOOK_SECRET", made[1].clone());
    let worker = stage.worker_with(options).await;
    let vars = std::fs::read_to_string(&kept).expect("text");
    std::fs::write(&kept, vars.replace("https://nobody.invalid.workers.dev", &worker.url)).expect("a file");
    let url = ["--yes", "--no-deploy", "--url", worker.url.as_str()];
    let output = set_up(stand_in, root, "", &url, "").await;
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("✓ webhook secret") && said.contains("left as it is"), "{said}");
    assert_eq!(["ADMIN_TOKEN", "WEBHOOK_SECRET"].map(|name| secret(name).expect("it is set")).as_slice(), made);
    // Only what is named is made anew.
    let output = set_up(stand_in, root, "", &[url.as_slice(), &["--replace", "ADMIN_TOKEN"]].concat(), "").await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert_ne!(secret("ADMIN_TOKEN").as_ref(), Some(&made[0]));
    assert_eq!(secret("WEBHOOK_SECRET").as_ref(), Some(&made[1]));
    stand_in.expect_no_violation();
    worker.stop().await;
}
