//! What wrangler is asked to do. A secret goes to it by standard input: arguments can be seen by others on the machine.

use std::path::Path;

use rerunner::escape::{self, bounded};
use rerunner::settings::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Failure;
use super::deployed::{Deployed, FILE, WORKER};
use super::dialogue::{self, Dialogue, say};
use super::host::{self, Output, Problem};

/// wrangler, for one Worker: each call that is about it names it.
#[derive(Debug)]
pub struct Wrangler {
    name: String,
}

/// Settings and secrets for this machine.
const VARIABLES: &str = ".dev.vars";
/// The Worker's name in the package's wrangler.toml, and in that of a clone as it comes.
const NAME: &str = "rerunner";

/// Something deployed, the newest last.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Deployment {
    pub created_on: String,
    versions: Vec<DeployedVersion>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct DeployedVersion {
    version_id: String,
}

impl Deployment {
    /// Of wrangler, which `wrangler rollback` takes.
    pub fn version_id(&self) -> Option<&str> {
        self.versions.first().map(|version| version.version_id.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Namespace {
    pub id: String,
    pub title: String,
}

/// Whether there is a Cloudflare account to work in.
#[derive(Debug, PartialEq, Eq)]
enum Login {
    In,
    Out,
    /// Nor out: a token that Cloudflare does not take, or no way to Cloudflare. wrangler's own words.
    Failed(String),
}

impl Wrangler {
    /// As given; if not, the one that was set up from here; if none was, the one in wrangler.toml. One that is given must be
    /// the one that was set up from here: what is kept of it is of no other.
    pub fn new(given: Option<&str>, deployed: &Deployed) -> Result<Self, Failure> {
        let kept = deployed.kept(WORKER);
        if let (Some(given), Some(kept)) = (given, kept)
            && given != kept
        {
            return Err(Failure(format!(
                "{FILE} in this folder belongs to the Worker {kept}, not to {given}; use another folder"
            )));
        }
        Self::named_as(given.or(kept).map_or_else(in_settings, str::to_owned))
    }

    fn named_as(name: String) -> Result<Self, Failure> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match (1..=63).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('-') {
            true => Ok(Self { name }),
            false => {
                Err(Failure(format!("{name} is not a Worker's name: it has lowercase letters, digits and hyphens")))
            }
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same with the Worker's name.
    fn named<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        arguments.iter().copied().chain(["--name", &self.name]).collect()
    }

    /// Its version.
    pub fn version() -> Result<String, Failure> {
        let output = output(&["--version"])?;
        match output.code {
            0 => Ok(output.out.trim().to_owned()),
            // It may need a newer Node.js.
            _ => Err(Failure(format!("wrangler cannot be run: {}", said(&output)))),
        }
    }

    /// Runs the Worker on this machine until it is ended, with what is kept and set in the current folder.
    pub fn dev(port: u16) -> Result<(), Failure> {
        let port = port.to_string();
        let mut arguments = vec!["dev", "--port", &port, "--persist-to", ".wrangler/state"];
        if host::read(Path::new(VARIABLES), None).is_ok() {
            arguments.extend(["--env-file", VARIABLES]);
        }
        succeeded(run(&arguments, None), "wrangler dev ended; see above")
    }

    /// Logs in at Cloudflare in the browser, with wrangler's own questions, unless it is done.
    pub fn log_in(dialogue: Dialogue) -> Result<(), Failure> {
        match login()? {
            Login::In => say("logged in"),
            Login::Failed(said) if has_api_token() => {
                return Err(Failure(format!("Cloudflare rejects the CLOUDFLARE_API_TOKEN that is set: {said}")));
            }
            Login::Failed(said) => return Err(Failure(format!("wrangler cannot tell who is logged in: {said}"))),
            Login::Out if dialogue.is_silent => {
                let why = "not logged in at Cloudflare; set CLOUDFLARE_API_TOKEN, or run npx wrangler login";
                return Err(Failure(why.to_owned()));
            }
            Login::Out => {
                say("Not logged in; opening your browser.");
                succeeded(run(&["login"], None), "the login at Cloudflare failed")?;
            }
        }
        Ok(())
    }

    /// Deploys with these variables besides those of wrangler.toml, shows what wrangler writes, and finds the Worker's address
    /// in it.
    pub fn deploy(&self, variables: &[(&str, &str)]) -> Result<Option<String>, Failure> {
        let variables: Vec<_> = variables.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        let variables = variables.iter().flat_map(|variable| ["--var", variable.as_str()]);
        let arguments = self.named(&["deploy"]).into_iter().chain(variables).collect::<Vec<_>>();
        let child = host::wrangler_start(&arguments).map_err(missing)?;
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
        succeeded(Ok(child.code()), "wrangler deploy failed; see above").map(|()| url)
    }

    /// What was deployed, the newest last; none: there is no such Worker.
    pub fn deployments(&self) -> Result<Vec<Deployment>, Failure> {
        let output = output(&self.named(&["deployments", "list", "--json"]))?;
        if output.code != 0 && (output.error.contains(NO_SUCH_WORKER) || output.out.contains(NO_SUCH_WORKER)) {
            return Ok(Vec::new());
        }
        let list = serde_json::from_str(&output.out).ok().filter(|_| output.code == 0);
        list.ok_or_else(|| Failure(format!("wrangler deployments list failed: {}", said(&output))))
    }

    /// The names of the secrets that are set.
    pub fn secrets(&self) -> Result<Vec<String>, Failure> {
        #[derive(Deserialize)]
        struct Entry {
            name: String,
        }
        let entries: Vec<Entry> = json(&self.named(&["secret", "list"]), "wrangler secret list")?;
        Ok(entries.into_iter().map(|entry| entry.name).collect())
    }

    pub fn put_secret(&self, name: &str, value: &Secret) -> Result<(), Failure> {
        let put = run(&self.named(&["secret", "put", name]), Some(value.reveal()));
        succeeded(put, &format!("wrangler secret put {name} failed; see above"))
    }

    /// The namespace of Workers KV that a first deploy makes for this Worker. There may be none.
    pub fn namespace(&self) -> Result<Option<Namespace>, Failure> {
        let all: Vec<Namespace> = json(&["kv", "namespace", "list"], "wrangler kv namespace list")?;
        let title = format!("{}-attempts", self.name());
        Ok(all.into_iter().find(|namespace| namespace.title == title))
    }

    /// Takes the Worker away, with all that its Durable Objects have stored.
    pub fn delete(&self) -> Result<(), Failure> {
        let deleted = run(&["delete", self.name(), "--force"], None);
        succeeded(deleted, "wrangler delete failed; see above")
    }

    pub fn delete_namespace(namespace: &Namespace) -> Result<(), Failure> {
        let arguments = ["kv", "namespace", "delete", "--namespace-id", &namespace.id, "--skip-confirmation"];
        succeeded(run(&arguments, None), "wrangler kv namespace delete failed; see above")
    }
}

/// Cloudflare's number for that.
const NO_SUCH_WORKER: &str = "[code: 10007]";

/// The name in a clone's wrangler.toml.
fn in_settings() -> String {
    let settings = match host::is_packaged() {
        true => None,
        false => host::read(Path::new("wrangler.toml"), None).ok().and_then(|bytes| String::from_utf8(bytes).ok()),
    };
    settings.as_deref().and_then(name_in).unwrap_or(NAME).to_owned()
}

fn name_in(settings: &str) -> Option<&str> {
    let top = settings.lines().map(str::trim).take_while(|line| !line.starts_with('['));
    let mut names = top.filter_map(|line| line.strip_prefix("name")?.trim_start().strip_prefix('='));
    let value = names.next()?.trim();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value.get(1..)?.split(quote).next()
}

fn missing(problem: Problem) -> Failure {
    Failure(format!("wrangler cannot be started: {problem}"))
}

fn run(arguments: &[&str], input: Option<&str>) -> Result<u8, Problem> {
    host::wrangler_run(arguments, input, dialogue::stream())
}

fn output(arguments: &[&str]) -> Result<Output, Failure> {
    host::wrangler_output(arguments).map_err(missing)
}

fn json<T: DeserializeOwned>(arguments: &[&str], what: &str) -> Result<T, Failure> {
    let output = output(arguments)?;
    let value = serde_json::from_str(&output.out).ok().filter(|_| output.code == 0);
    value.ok_or_else(|| Failure(format!("{what} did not succeed: {}", said(&output))))
}

fn succeeded(code: Result<u8, Problem>, otherwise: &str) -> Result<(), Failure> {
    if code.map_err(missing)? == 0 { Ok(()) } else { Err(Failure(otherwise.to_owned())) }
}

fn has_api_token() -> bool {
    host::environment("CLOUDFLARE_API_TOKEN").is_some_and(|token| !token.trim().is_empty())
}

fn login() -> Result<Login, Failure> {
    let output = output(&["whoami", "--json"])?;
    let answer: Option<Value> = serde_json::from_str(&output.out).ok();
    Ok(match answer.and_then(|answer| answer.get("loggedIn")?.as_bool()) {
        Some(true) => Login::In,
        Some(false) => Login::Out,
        None => Login::Failed(said(&output)),
    })
}

/// What wrangler says of an error, in one line.
fn said(output: &Output) -> String {
    let noise = ["🪵", "If you think this is a bug", "Note that there is a newer version"];
    let lines = output.error.lines().chain(output.out.lines()).map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !noise.iter().any(|noise| line.contains(noise)));
    let text = lines.collect::<Vec<_>>().join(" ");
    let text = text.trim_start_matches("✘").trim_start().trim_start_matches("[ERROR]").trim_start();
    bounded(&escape::line(text), 500).into_owned()
}

/// Shows a line, and finds the Worker's address in it.
fn shown(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end_matches(['\r', '\n']);
    dialogue::print(&format!("    {}\n", escape::line(line)));
    address(line)
}

fn address(line: &str) -> Option<String> {
    let start = line.find("https://")?;
    let url = line.get(start..)?.split_whitespace().next()?.trim_end_matches('/');
    url.ends_with(".workers.dev").then(|| url.to_owned())
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

    #[test]
    fn an_error_is_one_line() {
        let error = "✘ [ERROR] A request to the Cloudflare API (/user) failed.\n\n  Invalid API Token [code: 1000]\n  \n  If you \
                     think this is a bug, please open an issue\n\n🪵  Logs were written to \"/x.log\"\n";
        let output = Output { code: 1, out: String::new(), error: error.to_owned() };
        assert_eq!(said(&output), "A request to the Cloudflare API (/user) failed. Invalid API Token [code: 1000]");
    }

    #[test]
    fn names() {
        for good in ["rerunner", "ci-2", "a"] {
            assert_eq!(Wrangler::named_as(good.to_owned()).unwrap().name(), good);
        }
        let named = Wrangler::named_as("mine".to_owned()).unwrap();
        assert_eq!(named.named(&["deploy"]), ["deploy", "--name", "mine"]);
        for bad in ["", "--force", "A", "a b", &"a".repeat(64)] {
            assert!(Wrangler::named_as(bad.to_owned()).is_err(), "{bad}");
        }
        assert_eq!(name_in(include_str!("../../wrangler.toml")), Some(NAME));
        for (settings, name) in [
            ("# x\nname = \"mine\" # mine\nmain = \"a\"\n", Some("mine")),
            ("name='mine'", Some("mine")),
            ("main = \"a\"\n[x]\nname = \"other\"\n", None),
            ("name = mine", None),
        ] {
            assert_eq!(name_in(settings), name, "{settings}");
        }
    }
}
