use std::path::Path;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use rerunner::escape::terminal;
use rerunner::names::{RepoName, StringEnum as _};
use rerunner::settings::{Preset, Secret};
use serde_json::json;

use super::deployed::{Deployed, FILE, URL, from_environment};
use super::doctor::{self, Patient};
use super::host::{self, Problem, Stream};
use super::http::Address;
use super::{Failure, Report, input, wrangler};

/// Takes you from a clone to a deployed Worker, step by step
///
/// Each step can be run again, and nothing that is set is replaced without asking. Secrets are made here, or asked for
/// without being shown, and go to Cloudflare; those that you will need again are kept in .deployed.vars, which git ignores.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Ask nothing: take each question's default, and GITHUB_TOKEN from the environment
    #[arg(long, short)]
    yes: bool,
    /// What to act on GitHub as
    #[arg(long, value_enum)]
    auth: Option<Auth>,
    /// What holds in repositories without a policy file: it is set in wrangler.toml, as DEFAULT_POLICY
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Preset::TEXTS))]
    preset: Option<String>,
    /// The Worker's address, if it has a domain of its own
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Leave what is deployed as it is
    #[arg(long)]
    no_deploy: bool,
    /// Make or ask for this secret anew, even if it is set; can be given more than once
    #[arg(long, value_name = "NAME")]
    replace: Vec<String>,
    /// Repositories that the doctor looks at in the end
    #[arg(value_name = "OWNER/REPO")]
    repositories: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Auth {
    /// A GitHub App, which the Worker's page /setup makes
    App,
    /// A token of a user
    Token,
}

struct Setup<'a> {
    arguments: &'a Arguments,
    deployed: Deployed,
}

pub fn setup(arguments: &Arguments) -> Result<Report, Failure> {
    let repositories = input::repositories(&arguments.repositories)?;
    arguments.url.as_deref().map(Address::parse).transpose()?;
    let mut setup = Setup { arguments, deployed: Deployed::read()? };
    step(1, "Tools");
    say(&format!("wrangler {}", wrangler::version()?));
    setup.log_in()?;
    let url = setup.deploy()?;
    let set = wrangler::secrets()?;
    let auth = setup.credentials(&set)?;
    setup.secrets(auth, &set)?;
    setup.connect(auth, &url, &set)?;
    setup.look(url, repositories)
}

fn step(number: u32, what: &str) {
    print(&format!("\n{number}/6 {what}\n"));
}

/// Where a deployment's variables are.
const SETTINGS: &str = "wrangler.toml";

fn line_of(preset: &str) -> String {
    format!("\nDEFAULT_POLICY = \"{preset}\"\n")
}

/// `None`: it has no such line, and nothing to change.
fn preset_in(settings: &str) -> Option<&'static str> {
    Preset::TEXTS.iter().copied().find(|preset| settings.contains(&line_of(preset)))
}

/// What it costs, and what it leaves.
fn about(preset: Preset) -> &'static str {
    match preset {
        Preset::Everything => "re-runs every failure: a real one costs up to MAX_RERUNS more runs; leaves nothing",
        Preset::Infrastructure => "re-runs networks, registries and lost runners: costs least; leaves flaky tests red",
        Preset::Careful => {
            "(recommended) the same, and once what re-runs often help: costs a little more; leaves what the author broke"
        }
    }
}

fn has(set: &[String], name: &str) -> bool {
    set.iter().any(|known| known == name)
}

fn has_app(set: &[String]) -> bool {
    has(set, "GITHUB_APP_ID") && has(set, "GITHUB_APP_PRIVATE_KEY")
}

fn print(text: &str) {
    host::write(Stream::Out, text);
}

fn say(what: &str) {
    print(&format!("  {}\n", terminal(what)));
}

impl Setup<'_> {
    fn log_in(&self) -> Result<(), Failure> {
        step(2, "Cloudflare");
        if wrangler::is_logged_in()? {
            say("logged in");
            return Ok(());
        }
        if self.arguments.yes {
            let why = "not logged in at Cloudflare; set CLOUDFLARE_API_TOKEN, or run npx wrangler login";
            return Err(Failure(why.to_owned()));
        }
        say("Not logged in; your browser opens.");
        wrangler::log_in()
    }

    /// The Worker's address.
    fn deploy(&mut self) -> Result<Address, Failure> {
        step(3, "Deploy");
        let known = self.arguments.url.clone().or_else(|| self.deployed.url());
        let again = match &known {
            _ if self.arguments.no_deploy => false,
            Some(url) if self.deployed.url().is_some() => {
                self.confirm(&format!("{url} is deployed. Deploy what is here?"), true)?
            }
            _ => true,
        };
        let found = if again {
            self.preset()?;
            wrangler::deploy()?
        } else {
            None
        };
        let unknown = || Failure("the Worker's address is not known; give it with --url https://…".to_owned());
        let url = Address::parse(&self.arguments.url.clone().or(found).or(known).ok_or_else(unknown)?)?;
        self.deployed.set(URL, &Secret::new(url.as_str()))?;
        say(url.as_str());
        Ok(url)
    }

    /// The preset to begin with, as a variable of what is deployed. Enter keeps the one that is set.
    fn preset(&self) -> Result<(), Failure> {
        let settings = host::read(Path::new(SETTINGS), None).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let settings = settings.unwrap_or_default();
        let Some(set) = preset_in(&settings) else { return Ok(()) };
        let wanted = match &self.arguments.preset {
            Some(preset) => preset.clone(),
            None if self.arguments.yes => return Ok(()),
            None => {
                say("What is to hold in repositories that have no rules of their own?");
                for preset in Preset::ALL {
                    say(&format!("  {:<15} {}", preset.as_str(), about(preset)));
                }
                self.line(&format!("Which? [{}; Enter: {set}]", Preset::TEXTS.join("/")))?.to_ascii_lowercase()
            }
        };
        let wanted = if wanted.is_empty() { set } else { &wanted };
        let Some(preset) = Preset::parse(wanted) else {
            return Err(Failure(format!("{wanted} is no preset; there are {}", Preset::TEXTS.join(", "))));
        };
        if preset.as_str() != set {
            let settings = settings.replacen(&line_of(set), &line_of(preset.as_str()), 1);
            host::overwrite(Path::new(SETTINGS), settings.as_bytes())
                .map_err(|problem| Failure(format!("{SETTINGS} cannot be written: {problem}")))?;
        }
        say(&format!("DEFAULT_POLICY in {SETTINGS}: {}", preset.as_str()));
        Ok(())
    }

    /// App or token: what is there already stays, unless it is to be replaced.
    fn credentials(&self, set: &[String]) -> Result<Auth, Failure> {
        step(4, "App or token");
        if let Some(auth) = self.arguments.auth {
            return Ok(auth);
        }
        if has_app(set) {
            say("a GitHub App is set");
            return Ok(Auth::App);
        }
        if has(set, "GITHUB_TOKEN") {
            say("a token is set");
            return Ok(Auth::Token);
        }
        if self.arguments.yes {
            return Ok(if from_environment("GITHUB_TOKEN").is_some() { Auth::Token } else { Auth::App });
        }
        say("A GitHub App is installed on the repositories that you choose, and brings its own webhooks.");
        say("A token acts as its owner, and each repository or organization needs a webhook.");
        let answer = self.line("Which? [app/token]")?.to_ascii_lowercase();
        let is_token = !answer.is_empty() && "token".starts_with(&answer);
        Ok(if is_token { Auth::Token } else { Auth::App })
    }

    fn secrets(&mut self, auth: Auth, set: &[String]) -> Result<(), Failure> {
        step(5, "Secrets");
        self.generate("ADMIN_TOKEN", set)?;
        match auth {
            // Its page says which it brings.
            Auth::App => Ok(()),
            Auth::Token => {
                self.generate("WEBHOOK_SECRET", set)?;
                self.token(set)
            }
        }
    }

    /// 32 random bytes, unless there is one.
    fn generate(&mut self, name: &str, set: &[String]) -> Result<(), Failure> {
        if !self.is_to_be_set(name, set)? {
            return Ok(());
        }
        let secret = Secret::new(hex::encode(host::random(32)));
        // Kept first: a secret that is set and known to nobody is of no use.
        self.deployed.set(name, &secret)?;
        wrangler::put_secret(name, &secret)?;
        say(&format!("{name}: made, set, and kept in {FILE}"));
        Ok(())
    }

    fn token(&self, set: &[String]) -> Result<(), Failure> {
        if !self.is_to_be_set("GITHUB_TOKEN", set)? {
            return Ok(());
        }
        let token = match from_environment("GITHUB_TOKEN") {
            Some(token) => Secret::new(token.trim()),
            None => {
                say(
                    "Make one with Actions: Read and write, Checks: Read, Contents: Read and Pull requests: Read: https://github.com/settings/personal-access-tokens/new",
                );
                self.secret("The token (it is not shown)")?
            }
        };
        if token.reveal().is_empty() {
            return Err(Failure("no token was given".to_owned()));
        }
        wrangler::put_secret("GITHUB_TOKEN", &token)?;
        say("GITHUB_TOKEN: set");
        Ok(())
    }

    fn is_to_be_set(&self, name: &str, set: &[String]) -> Result<bool, Failure> {
        if !has(set, name) || self.arguments.replace.iter().any(|wanted| wanted == name) {
            return Ok(true);
        }
        let replace = self.confirm(&format!("{name} is set. Replace it?"), false)?;
        if !replace {
            say(&format!("{name}: left as it is"));
        }
        Ok(replace)
    }

    fn connect(&mut self, auth: Auth, url: &Address, set: &[String]) -> Result<(), Failure> {
        step(6, "GitHub");
        match auth {
            Auth::App if has_app(set) => say("the App is set"),
            Auth::App => {
                say(&format!("Open {url}/setup. Any user name will do; the password is ADMIN_TOKEN in {FILE}."));
                say("It leads through making the App, and shows three commands to run in another terminal.");
                self.line("Press Enter when they are done.")?;
                // The App has brought another.
                self.deployed.remove("WEBHOOK_SECRET")?;
                if !self.arguments.yes && !has_app(&wrangler::secrets()?) {
                    say("They are not all done: the App's id or key is not set yet. Run this again when they are.");
                }
            }
            Auth::Token => {
                say("Add a webhook to the repository, or to its organization: Settings → Webhooks → Add webhook");
                say(&format!("  Payload URL   {url}/"));
                say("  Content type  application/json");
                say(&format!("  Secret        WEBHOOK_SECRET in {FILE}"));
                say("  Events        Let me select individual events → Workflow runs");
                self.line("Press Enter when it is there.")?;
            }
        }
        Ok(())
    }

    fn look(&self, url: Address, repositories: Vec<RepoName>) -> Result<Report, Failure> {
        print("\nThe doctor looks:\n\n");
        let findings = Patient::new(&self.deployed, url, repositories).examine();
        Ok(doctor::report(&findings, json!({ "findings": findings }), None))
    }

    fn confirm(&self, question: &str, default: bool) -> Result<bool, Failure> {
        let choices = if default { "Y/n" } else { "y/N" };
        let answer = self.line(&format!("{question} [{choices}]"))?;
        Ok(match answer.to_ascii_lowercase().as_str() {
            "" => default,
            answer => answer.starts_with('y'),
        })
    }

    /// What is typed is not shown.
    fn secret(&self, question: &str) -> Result<Secret, Failure> {
        if self.arguments.yes {
            return Err(Failure(format!("{question}: there is nobody to ask, because of --yes")));
        }
        print(&format!("  {question}: "));
        Ok(Secret::new(answer(host::hidden_line())?.trim()))
    }

    /// `--yes`: nobody answers, and each question takes its default. Without a terminal, answers are read from standard input
    /// all the same: a script can give them.
    fn line(&self, question: &str) -> Result<String, Failure> {
        if self.arguments.yes {
            return Ok(String::new());
        }
        print(&format!("  {question} "));
        Ok(answer(host::line())?.trim().to_owned())
    }
}

fn answer(line: Result<Option<String>, Problem>) -> Result<String, Failure> {
    match line {
        Ok(Some(line)) => Ok(line),
        Ok(None) => Err(Failure("no answer; run it in a terminal, or with --yes".to_owned())),
        Err(problem) => Err(Failure(format!("the answer cannot be read: {problem}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preset_is_one_line_of_the_settings() {
        let settings = include_str!("../../wrangler.toml");
        assert_eq!(preset_in(settings), Some("everything"));
        let changed = settings.replacen(&line_of("everything"), &line_of("careful"), 1);
        assert_eq!(preset_in(&changed), Some("careful"));
        let differing = settings.lines().zip(changed.lines()).filter(|(before, after)| before != after).count();
        assert_eq!((differing, settings.lines().count()), (1, changed.lines().count()));
        assert_eq!(preset_in("name = \"rerunner\"\n"), None);
    }
}
