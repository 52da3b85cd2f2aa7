//! `rerunner upgrade`: deploys this version over the deployed one, and says what changes.

use std::time::Duration;

use clap::Args;
use rerunner::escape::{bounded, line};
use serde_json::json;

use super::deployed::{FILE, URL};
use super::dialogue::{self, say};
use super::health::{Health, HealthProblem};
use super::http::Address;
use super::target::{Found, Target};
use super::versions::{VERSIONS, since};
use super::wrangler::{Deployment, Wrangler};
use super::{Failure, Format, Report, host};

/// Upgrades the deployed Worker to this version, and keeps its settings
///
/// First shows what is deployed and what would change. Exit code 0: the new version runs well. 1: it has problems. 2: it
/// could not be deployed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub format: Format,
}

const EXAMPLES: &str = "\
Examples:
  rerunner upgrade --dry-run
  rerunner upgrade --url https://rerunner.example.workers.dev";

const OURS: &str = env!("CARGO_PKG_VERSION");
/// How long a deployed version may take until it answers everywhere.
const TRIES: u32 = 15;
const BETWEEN: Duration = Duration::from_secs(2);

pub fn upgrade(arguments: &Arguments) -> Result<Report, Failure> {
    let Found { dialogue, wrangler, url, .. } = arguments.target.find()?;
    let which = || {
        Failure(format!(
            "which Worker? Give its address with --url https://…, set {URL}, or run this in the folder with {FILE}"
        ))
    };
    let url = url.ok_or_else(which)?;
    step(1, "Cloudflare");
    Wrangler::log_in(dialogue)?;
    step(2, "What is deployed, and what changes");
    let deployments = wrangler.deployments()?;
    if deployments.is_empty() {
        let name = wrangler.name();
        return Err(Failure(format!(
            "wrangler finds no Worker named {name} in this account; give its name with --name, or start with setup"
        )));
    }
    let before = Health::read(&url, None).map_err(Failure)?;
    let done = |deployed: bool| {
        let versions = json!({ "before": before.version, "this": OURS });
        json!({ "url": url.as_str(), "worker": wrangler.name(), "versions": versions, "deployed": deployed })
    };
    for line in changes(&before.version) {
        say(&line);
    }
    if arguments.dry_run {
        return Ok(Report::said("\nNothing was changed.\n", done(false), true));
    }
    if !dialogue.confirm(&format!("Deploy {OURS}?"), true)? {
        return Ok(Report::said("Nothing was changed.\n", done(false), true));
    }
    step(3, "Deploy");
    wrangler.deploy(&[])?;
    step(4, "Check");
    let (good, found) = look(&url);
    let back = back(&wrangler, deployments.last());
    let mut json = done(true);
    if let Some(json) = json.as_object_mut() {
        json.extend([("found".to_owned(), json!(found)), ("back".to_owned(), json!(back))]);
    }
    Ok(Report::said(format!("  {found}\n\n{back}\n"), json, good))
}

fn step(number: u32, what: &str) {
    dialogue::step(number, 4, what);
}

/// Lines: the versions, the settings that are new, and what becomes of the storage.
fn changes(deployed: &str) -> Vec<String> {
    let shown = bounded(deployed, 40);
    let mut lines = vec![format!("deployed: {}", line(&shown)), format!("new:      {OURS}")];
    let Some(coming) = since(deployed, VERSIONS) else {
        lines.push("The deployed version is unknown here: it is newer, or was never released.".to_owned());
        return lines;
    };
    if deployed == OURS {
        lines.push("The same version: this build replaces what is deployed.".to_owned());
    }
    if !coming.settings.is_empty() {
        lines.push(format!("New settings, with defaults: {}", coming.settings.join(", ")));
    }
    match (coming.storage_before, VERSIONS.last()) {
        (Some(before), Some(last)) => lines.push(format!(
            "Storage: version {before} becomes {}, in each repository with its next webhook. The previous Worker may be unable to read it after that.",
            last.storage
        )),
        _ => lines.push("Storage: unchanged".to_owned()),
    }
    let where_ = if host::is_packaged() { "as kept at Cloudflare" } else { "as in wrangler.toml" };
    lines.push(format!("Settings: {where_}. Secrets: unchanged"));
    lines
}

/// Whether this version runs and says that all is well, and what to say of it.
fn look(url: &Address) -> (bool, String) {
    let mut last = String::new();
    for tried in 0..TRIES {
        if tried > 0 {
            host::sleep(BETWEEN);
        }
        match Health::read(url, None) {
            Ok(health) if health.version != OURS => {
                last = format!("{url} still runs {}", line(&bounded(&health.version, 40)));
            }
            Ok(health) if health.problems.is_empty() => {
                return (true, format!("{OURS} runs at {url}, and all is well"));
            }
            Ok(health) => {
                let problems = health.problems.iter().take(30);
                let problems = problems.map(|HealthProblem { setting, problem }| format!("{setting} {problem}"));
                let problems: Vec<_> = problems.map(|text| line(&bounded(&text, 300)).into_owned()).collect();
                return (false, format!("{OURS} runs at {url}, with problems: {}", problems.join("; ")));
            }
            Err(why) => last = why,
        }
    }
    (false, last)
}

fn back(wrangler: &Wrangler, before: Option<&Deployment>) -> String {
    let id =
        before.and_then(Deployment::version_id).map(|id| format!(" {}", line(&bounded(id, 60)))).unwrap_or_default();
    format!("To go back: npx wrangler rollback{id} --name {}", wrangler.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::deployed::Deployed;

    #[test]
    fn going_back_names_what_was_deployed() {
        let wrangler = Wrangler::new(Some("mine"), &Deployed::none()).unwrap();
        let text =
            r#"{"id":"d","created_on":"2026-11-29T00:00:00Z","versions":[{"version_id":"v-1","percentage":100}]}"#;
        let deployment: Deployment = serde_json::from_str(text).unwrap();
        let expected = "To go back: npx wrangler rollback v-1 --name mine";
        assert_eq!(back(&wrangler, Some(&deployment)), expected);
        assert_eq!(back(&wrangler, None), expected.replace(" v-1", ""));
    }
}
