//! What wrangler is asked to do. A secret goes to it by standard input: arguments can be seen by others on the machine.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, ExitStatus, Output, Stdio};

use rerunner::settings::Secret;

use super::Failure;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new("wrangler");
    command.args(arguments).env("WRANGLER_SEND_METRICS", "false").env("WRANGLER_HIDE_BANNER", "true");
    command
}

fn missing(error: io::Error) -> Failure {
    Failure(format!("wrangler cannot be started ({error}); run this as npm run setup, which puts it in place"))
}

fn output(arguments: &[&str]) -> Result<Output, Failure> {
    command(arguments).stdin(Stdio::null()).output().map_err(missing)
}

fn succeeded(status: io::Result<ExitStatus>, otherwise: &str) -> Result<(), Failure> {
    if status.map_err(missing)?.success() { Ok(()) } else { Err(Failure(otherwise.to_owned())) }
}

/// Its version.
pub fn version() -> Result<String, Failure> {
    let output = output(&["--version"])?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether there is a Cloudflare account to deploy to.
pub fn is_logged_in() -> Result<bool, Failure> {
    let output = output(&["whoami"])?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).to_ascii_lowercase();
    Ok(output.status.success() && !text.contains("not authenticated") && !text.contains("not logged in"))
}

/// In the browser, with its own questions.
pub fn log_in() -> Result<(), Failure> {
    succeeded(command(&["login"]).status(), "the login at Cloudflare did not succeed")
}

/// Deploys, shows what wrangler writes, and finds the Worker's address in it.
pub fn deploy() -> Result<Option<String>, Failure> {
    let mut child = command(&["deploy"]).stdin(Stdio::inherit()).stdout(Stdio::piped()).spawn().map_err(missing)?;
    let mut url = None;
    for line in child.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines()).map_while(Result::ok)
    {
        println!("    {}", rerunner::escape::line(&line));
        url = url.or_else(|| address(&line));
    }
    succeeded(child.wait(), "wrangler deploy did not succeed; see above").map(|()| url)
}

fn address(line: &str) -> Option<String> {
    let start = line.find("https://")?;
    let url = line.get(start..)?.split_whitespace().next()?.trim_end_matches('/');
    url.ends_with(".workers.dev").then(|| url.to_owned())
}

/// The names of the secrets that are set.
pub fn secrets() -> Result<Vec<String>, Failure> {
    #[derive(serde::Deserialize)]
    struct Entry {
        name: String,
    }
    let output = output(&["secret", "list"])?;
    let entries: Option<Vec<Entry>> = serde_json::from_slice(&output.stdout).ok().filter(|_| output.status.success());
    let entries = entries.ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        Failure(format!("wrangler secret list did not succeed: {}", said.trim()))
    })?;
    Ok(entries.into_iter().map(|entry| entry.name).collect())
}

pub fn put_secret(name: &str, value: &Secret) -> Result<(), Failure> {
    let mut command = command(&["secret", "put", name]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().map_err(missing)?;
    if let Some(mut stdin) = child.stdin.take() {
        let written = stdin.write_all(value.reveal().as_bytes());
        written.map_err(|error| Failure(format!("wrangler did not take the secret {name}: {error}")))?;
    }
    succeeded(child.wait(), &format!("wrangler secret put {name} did not succeed; see above"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found() {
        let line = "  https://rerunner.example.workers.dev";
        assert_eq!(address(line).as_deref(), Some("https://rerunner.example.workers.dev"));
        assert_eq!(address("See https://developers.cloudflare.com/workers/"), None);
        assert_eq!(address("Uploaded rerunner (3.2 sec)"), None);
    }
}
