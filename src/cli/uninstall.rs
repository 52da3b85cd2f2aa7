//! `rerunner uninstall`: deletes what `setup` has made, after asking.

use std::path::Path;

use clap::Args;
use rerunner::escape::{bounded, line};
use rerunner::github::http::Method;
use rerunner::names::RepoName;
use serde::Deserialize;
use serde_json::json;

use super::deployed::{Deployed, FILE, WORKER};
use super::dialogue::{self, say};
use super::http::{self, Address};
use super::target::{Found, Target};
use super::wrangler::{Namespace, Wrangler};
use super::{Failure, Format, Report, host};

/// Removes Rerunner: the Worker, with everything that it has recorded, and its Workers KV namespace
///
/// First lists what it would delete, and asks. Then names, with links, what is left to do on GitHub: webhooks, and the App or the token.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    /// List what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub format: Format,
}

const EXAMPLES: &str = "\
Examples:
  rerunner uninstall --dry-run
  rerunner uninstall";

/// Repositories whose webhooks are named one by one.
const NAMED: usize = 20;

/// What the Worker knows, if it can be asked.
#[derive(Debug, Default)]
struct Known {
    repositories: Vec<RepoName>,
    /// Whether there are more.
    more: bool,
}

pub fn uninstall(arguments: &Arguments) -> Result<Report, Failure> {
    let Found { dialogue, deployed, wrangler, url } = arguments.target.find()?;
    step(1, "Cloudflare");
    Wrangler::log_in(dialogue)?;
    step(2, "What there is");
    let is_there = !wrangler.deployments()?.is_empty();
    let namespace = wrangler.namespace()?;
    let secrets = if is_there { wrangler.secrets()? } else { Vec::new() };
    let known = url.as_ref().map(|url| known(url, &deployed)).unwrap_or_default();
    let (name, has) = (wrangler.name(), |name: &str| secrets.iter().any(|secret| secret == name));
    match is_there {
        true => say(&format!(
            "the Worker {name}, with everything that it has recorded about each repository, and its secrets"
        )),
        false => say(&format!("no Worker named {name} in this account")),
    }
    match &namespace {
        Some(Namespace { title, id }) => say(&format!("the Workers KV namespace {} ({})", shown(title), shown(id))),
        None => say(&format!("no Workers KV namespace {name}-attempts")),
    }
    let rest = rest(&known, has("GITHUB_APP_ID"), has("GITHUB_TOKEN"));
    let done = |deleted: bool| {
        let left: Vec<&str> = rest.lines().map(str::trim).filter(|line| !line.is_empty()).skip(1).collect();
        let namespace = namespace.as_ref().map(|namespace| &namespace.id);
        json!({ "worker": is_there.then_some(name), "namespace": namespace, "deleted": deleted, "left_to_do": left })
    };
    if !is_there && namespace.is_none() {
        return Ok(Report::said(format!("\nThere is nothing to delete.\n{rest}"), done(false), true));
    }
    if arguments.dry_run {
        return Ok(Report::said(format!("\nNothing was deleted.\n{rest}"), done(false), true));
    }
    let sure =
        arguments.target.yes || dialogue.line(&format!("This cannot be undone. Type {name} to delete it:"))? == name;
    if !sure {
        return Ok(Report::said("\nNothing was deleted.\n", done(false), true));
    }
    step(3, "Delete");
    if is_there {
        wrangler.delete()?;
        say(&format!("the Worker {name} was deleted"));
    }
    if let Some(namespace) = &namespace {
        Wrangler::delete_namespace(namespace)?;
        say(&format!("the namespace {} was deleted", shown(&namespace.title)));
    }
    // Of an older one it is not known whose it is.
    if deployed.kept(WORKER).is_some_and(|kept| kept == name) {
        let removed = host::remove(Path::new(FILE));
        removed.map_err(|problem| {
            Failure(format!("{FILE}, whose secrets are of no use any more, cannot be deleted: {problem}"))
        })?;
    }
    Ok(Report::said(&*rest, done(true), true))
}

fn step(number: u32, what: &str) {
    dialogue::step(number, 3, what);
}

fn shown(text: &str) -> String {
    line(&bounded(text, 100)).into_owned()
}

/// Its repositories, which it tells whoever has `ADMIN_TOKEN`.
fn known(url: &Address, deployed: &Deployed) -> Known {
    #[derive(Deserialize)]
    struct Repositories {
        repositories: Vec<Repository>,
        next_cursor: Option<String>,
    }
    #[derive(Deserialize)]
    struct Repository {
        repository: RepoName,
    }
    let Some(token) = deployed.get_for("ADMIN_TOKEN", url) else { return Known::default() };
    let address = format!("{url}/api/v1/repositories");
    let reply = http::send(Method::Get, &address, Some(&token), &[], &[]).ok().filter(|reply| reply.status == 200);
    let list = reply.and_then(|reply| serde_json::from_slice::<Repositories>(&reply.body).ok());
    let Some(Repositories { repositories, next_cursor }) = list else { return Known::default() };
    let more = next_cursor.is_some() || repositories.len() > NAMED;
    Known { repositories: repositories.into_iter().map(|entry| entry.repository).take(NAMED).collect(), more }
}

/// What is left to do by hand.
fn rest(known: &Known, has_app: bool, has_token: bool) -> String {
    let mut lines = vec!["\nLeft to do on GitHub:".to_owned()];
    if has_app {
        lines.push(
            "  Delete the App, and its webhook with it: https://github.com/settings/apps, or of an organization"
                .to_owned(),
        );
        lines.push(
            "    https://github.com/organizations/ORGANIZATION/settings/apps; then the App, Advanced, Delete"
                .to_owned(),
        );
    }
    if has_token {
        lines.push("  Delete the token: https://github.com/settings/tokens, a fine-grained one https://github.com/settings/personal-access-tokens"
                .to_owned());
    }
    if !has_app || has_token {
        lines.push("  Delete the webhooks to this Worker, of each repository or its organization:".to_owned());
        for name in &known.repositories {
            lines.push(format!("    https://github.com/{name}/settings/hooks"));
        }
        if known.repositories.is_empty() || known.more {
            lines.push("    https://github.com/OWNER/REPO/settings/hooks".to_owned());
        }
        lines.push("    https://github.com/organizations/ORGANIZATION/settings/hooks".to_owned());
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_do() {
        let known = Known { repositories: vec![RepoName::parse("octo/widgets").unwrap()], more: false };
        let app = rest(&known, true, false);
        assert!(app.contains("settings/apps") && !app.contains("settings/hooks") && !app.contains("tokens"), "{app}");
        let token = rest(&known, false, true);
        assert!(token.contains("https://github.com/octo/widgets/settings/hooks"), "{token}");
        assert!(token.contains("settings/tokens") && !token.contains("OWNER/REPO"), "{token}");
        let more = rest(&Known { more: true, ..known }, false, true);
        assert!(more.contains("octo/widgets") && more.contains("OWNER/REPO"), "{more}");
        assert!(rest(&Known::default(), false, false).contains("OWNER/REPO"));
    }
}
