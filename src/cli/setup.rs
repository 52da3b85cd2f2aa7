//! `rerunner setup`: from nothing to a deployed Worker, step by step.

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use rerunner::names::{RepoName, StringEnum as _};
use rerunner::settings::{Preset, Secret};
use serde_json::json;

use super::deployed::{Deployed, FILE, URL, WORKER, from_environment};
use super::dialogue::{self, Dialogue, print, say};
use super::doctor::{self, Patient};
use super::http::Address;
use super::variables::Variables;
use super::wrangler::Wrangler;
use super::{Failure, Format, Report, host, input};

/// Deploys the Worker, step by step
///
/// Each step can be repeated, and nothing that is already set is replaced without asking. Secrets are generated here, or
/// typed in without being shown, and go to Cloudflare; those that you will need again are kept in .deployed.vars, in this folder.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Don't ask: use each question's default, and GITHUB_TOKEN from the environment
    #[arg(long, short)]
    yes: bool,
    /// Whether to act on GitHub as an App or with a token
    #[arg(long, value_enum)]
    auth: Option<Auth>,
    /// The preset for repositories without a policy file: the setting DEFAULT_POLICY
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Preset::TEXTS))]
    preset: Option<String>,
    /// Deploy with the setting DRY_RUN on: it decides, records and shows, and re-runs nothing yet
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    dry_run: Option<bool>,
    /// Another setting, as in MAX_RERUNS:5; can be given more than once
    #[arg(long = "var", value_name = "NAME:VALUE")]
    variables: Vec<String>,
    /// The Worker's name at Cloudflare, if not rerunner
    #[arg(long)]
    name: Option<String>,
    /// The Worker's address, if it has a domain of its own
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Don't deploy: keep the Worker that is there
    #[arg(long)]
    no_deploy: bool,
    /// Replace this secret, even if it is set; can be given more than once
    #[arg(long, value_name = "NAME")]
    replace: Vec<String>,
    /// Repositories that the doctor checks at the end
    #[arg(value_name = "OWNER/REPO")]
    repositories: Vec<String>,
    #[command(flatten)]
    pub format: Format,
}

const EXAMPLES: &str = "\
Examples:
  rerunner setup
  rerunner setup --preset careful --dry-run
  GITHUB_TOKEN=… rerunner setup --yes --auth token octo/widgets
  rerunner setup --yes --var MAX_RERUNS:5";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Auth {
    /// A GitHub App, which the Worker's page /setup makes
    App,
    /// A user's token
    Token,
}

struct Setup<'a> {
    arguments: &'a Arguments,
    dialogue: Dialogue,
    wrangler: Wrangler,
    deployed: Deployed,
}

pub fn setup(arguments: &Arguments) -> Result<Report, Failure> {
    let repositories = input::repositories(&arguments.repositories)?;
    let deployed = Deployed::read()?;
    if let Some(url) = &arguments.url {
        deployed.is_of(&Address::parse(url)?)?;
    }
    let mut variables = Variables::read()?;
    for variable in &arguments.variables {
        variables.give(variable)?;
    }
    let dialogue = Dialogue { is_silent: arguments.yes };
    let wrangler = Wrangler::new(arguments.name.as_deref(), &deployed)?;
    let mut setup = Setup { arguments, dialogue, wrangler, deployed };
    if arguments.dry_run == Some(true) && !arguments.no_deploy {
        print("\nThis deploys Rerunner with DRY_RUN on: it decides, records and shows, and re-runs nothing.\n");
    }
    step(1, "Tools");
    say(&format!("wrangler {}", Wrangler::version()?));
    step(2, "Cloudflare");
    Wrangler::log_in(dialogue)?;
    let url = setup.deploy(variables)?;
    let set = setup.wrangler.secrets()?;
    let auth = setup.credentials(&set)?;
    setup.secrets(auth, &set)?;
    setup.connect(auth, &url, &set)?;
    setup.look(url, repositories)
}

fn step(number: u32, what: &str) {
    dialogue::step(number, 6, what);
}

/// What it costs, and what it leaves.
fn about(preset: Preset) -> &'static str {
    match preset {
        Preset::Everything => "re-runs every failure: a real one costs up to MAX_RERUNS more runs; leaves nothing",
        Preset::Infrastructure => {
            "re-runs failures of networks and registries, and lost runners: costs least; leaves flaky tests red"
        }
        Preset::Careful => {
            "(recommended) the same, and once the jobs that re-runs often fix: costs a little more; leaves what the author broke"
        }
    }
}

fn has(set: &[String], name: &str) -> bool {
    set.iter().any(|known| known == name)
}

fn has_app(set: &[String]) -> bool {
    has(set, "GITHUB_APP_ID") && has(set, "GITHUB_APP_PRIVATE_KEY")
}

impl Setup<'_> {
    /// The Worker's address.
    fn deploy(&mut self, mut variables: Variables) -> Result<Address, Failure> {
        step(3, "Deploy");
        let known = self.arguments.url.clone().or_else(|| self.deployed.url());
        let again = match &known {
            _ if self.arguments.no_deploy => false,
            Some(url) if self.deployed.url().is_some() => {
                self.dialogue.confirm(&format!("A Worker is deployed at {url}. Deploy this version there?"), true)?
            }
            _ => true,
        };
        let found = if again {
            self.preset(&mut variables)?;
            self.dry_run(&mut variables)?;
            for (name, value) in variables.keep()? {
                say(&format!("{name}: {value}"));
            }
            self.wrangler.deploy(&variables.for_deploy())?
        } else {
            None
        };
        let unknown = || Failure("the Worker's address is unknown; give it with --url https://…".to_owned());
        let url = Address::parse(&self.arguments.url.clone().or(found).or(known).ok_or_else(unknown)?)?;
        self.deployed.is_of(&url)?;
        self.deployed.set(URL, &Secret::new(url.as_str()))?;
        self.deployed.set(WORKER, &Secret::new(self.wrangler.name()))?;
        say(url.as_str());
        Ok(url)
    }

    /// Whether somebody is to be asked for a setting. Of what was deployed from the package before, it is not known here.
    fn asks(&self, variables: &Variables, name: &'static str) -> bool {
        let is_known = variables.value(name).is_some() || self.deployed.url().is_none();
        is_known && !self.arguments.yes && !variables.is_given(name)
    }

    /// The preset to begin with. Enter keeps the one that is set.
    fn preset(&self, variables: &mut Variables) -> Result<(), Failure> {
        const NAME: &str = "DEFAULT_POLICY";
        if let Some(preset) = &self.arguments.preset {
            return variables.set(NAME, preset);
        }
        if !self.asks(variables, NAME) {
            return Ok(());
        }
        let set = variables.value(NAME).unwrap_or(Preset::default().as_str()).to_owned();
        say("Which preset should apply to repositories without rules of their own?");
        for preset in Preset::ALL {
            say(&format!("  {:<15} {}", preset.as_str(), about(preset)));
        }
        let question = format!("Which? [{}; Enter: {set}]", Preset::TEXTS.join("/"));
        let wanted = self.dialogue.line(&question)?.to_ascii_lowercase();
        let wanted = if wanted.is_empty() { set } else { wanted };
        match Preset::parse(&wanted) {
            Some(preset) => variables.set(NAME, preset.as_str()),
            None => Err(Failure(format!("{wanted} is not a preset; the presets are {}", Preset::TEXTS.join(", ")))),
        }
    }

    fn dry_run(&self, variables: &mut Variables) -> Result<(), Failure> {
        const NAME: &str = "DRY_RUN";
        if let Some(dry_run) = self.arguments.dry_run {
            return variables.set(NAME, &dry_run.to_string());
        }
        if !self.asks(variables, NAME) {
            return Ok(());
        }
        let set = variables.value(NAME) == Some("true");
        let question = "Start with a dry run, which decides, records and shows, but re-runs nothing?";
        let wanted = self.dialogue.confirm(question, set)?;
        variables.set(NAME, &wanted.to_string())
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
        let answer = self.dialogue.line("Which? [app/token]")?.to_ascii_lowercase();
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
        self.wrangler.put_secret(name, &secret)?;
        say(&format!("{name}: generated, set, and kept in {FILE}"));
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
                    "Create one with Actions: Read and write, Checks: Read, Contents: Read and Pull requests: Read: https://github.com/settings/personal-access-tokens/new",
                );
                self.dialogue.secret("The token (it is not shown)")?
            }
        };
        if token.reveal().is_empty() {
            return Err(Failure("no token was given".to_owned()));
        }
        self.wrangler.put_secret("GITHUB_TOKEN", &token)?;
        say("GITHUB_TOKEN: set");
        Ok(())
    }

    fn is_to_be_set(&self, name: &str, set: &[String]) -> Result<bool, Failure> {
        if !has(set, name) || self.arguments.replace.iter().any(|wanted| wanted == name) {
            return Ok(true);
        }
        let replace = self.dialogue.confirm(&format!("{name} is set. Replace it?"), false)?;
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
                say("It guides you through creating the App, and shows three commands to run in another terminal.");
                self.dialogue.line("Press Enter when you have run them.")?;
                // The App has brought another.
                self.deployed.remove("WEBHOOK_SECRET")?;
                if !self.arguments.yes && !has_app(&self.wrangler.secrets()?) {
                    say(
                        "Not all of them have been run: the App's ID or key is not set yet. Run setup again when they have.",
                    );
                }
            }
            Auth::Token => {
                say("Add a webhook to the repository, or to its organization: Settings → Webhooks → Add webhook");
                say(&format!("  Payload URL   {url}/"));
                say("  Content type  application/json");
                say(&format!("  Secret        WEBHOOK_SECRET in {FILE}"));
                say(
                    "  Events        Let me select individual events → Workflow runs; also Issue comments, for commands",
                );
                self.dialogue.line("Press Enter when you have added it.")?;
            }
        }
        Ok(())
    }

    fn look(&self, url: Address, repositories: Vec<RepoName>) -> Result<Report, Failure> {
        print("\nThe doctor checks:\n\n");
        let address = url.to_string();
        let findings = Patient::new(&self.deployed, url, repositories).examine();
        let json = json!({ "url": address, "worker": self.wrangler.name(), "findings": findings });
        Ok(doctor::report(&findings, json, None))
    }
}
