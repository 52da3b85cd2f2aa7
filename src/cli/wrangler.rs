//! What wrangler is asked to do. A secret goes to it by standard input: arguments can be seen by others on the machine.

use rerunner::escape;
use rerunner::settings::Secret;

use super::Failure;
use super::host::{self, Output, Problem, Stream};

fn missing(problem: Problem) -> Failure {
    Failure(format!("wrangler cannot be started: {problem}"))
}

fn output(arguments: &[&str]) -> Result<Output, Failure> {
    host::wrangler_output(arguments).map_err(missing)
}

fn succeeded(code: Result<u8, Problem>, otherwise: &str) -> Result<(), Failure> {
    if code.map_err(missing)? == 0 { Ok(()) } else { Err(Failure(otherwise.to_owned())) }
}

/// Its version.
pub fn version() -> Result<String, Failure> {
    Ok(output(&["--version"])?.out.trim().to_owned())
}

/// Whether there is a Cloudflare account to deploy to.
pub fn is_logged_in() -> Result<bool, Failure> {
    let output = output(&["whoami"])?;
    let text = (output.out + &output.error).to_ascii_lowercase();
    Ok(output.code == 0 && !text.contains("not authenticated") && !text.contains("not logged in"))
}

/// In the browser, with its own questions.
pub fn log_in() -> Result<(), Failure> {
    succeeded(host::wrangler_run(&["login"], None), "the login at Cloudflare did not succeed")
}

/// Deploys, shows what wrangler writes, and finds the Worker's address in it.
pub fn deploy() -> Result<Option<String>, Failure> {
    let child = host::wrangler_start(&["deploy"]).map_err(missing)?;
    let (mut url, mut rest) = (None, Vec::new());
    while let Some(piece) = child.said().map_err(missing)? {
        rest.extend_from_slice(&piece);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            url = url.or(shown(&line));
        }
    }
    if !rest.is_empty() {
        url = url.or(shown(&rest));
    }
    succeeded(Ok(child.code()), "wrangler deploy did not succeed; see above").map(|()| url)
}

/// Shows a line, and finds the Worker's address in it.
fn shown(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end_matches(['\r', '\n']);
    host::write(Stream::Out, &format!("    {}\n", escape::line(line)));
    address(line)
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
    let entries: Option<Vec<Entry>> = serde_json::from_str(&output.out).ok().filter(|_| output.code == 0);
    let entries =
        entries.ok_or_else(|| Failure(format!("wrangler secret list did not succeed: {}", output.error.trim())))?;
    Ok(entries.into_iter().map(|entry| entry.name).collect())
}

pub fn put_secret(name: &str, value: &Secret) -> Result<(), Failure> {
    let put = host::wrangler_run(&["secret", "put", name], Some(value.reveal()));
    succeeded(put, &format!("wrangler secret put {name} did not succeed; see above"))
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
