//! What runs: the Worker, and a simulated GitHub unless it is the real one.

use std::io;
use std::time::Duration;

use local_worker::{LocalWorker, Options, StartError, root};
use simulator::organization::{self, Organization};
use simulator::{EventKind, EventKinds, Happening, Run, SimulatedGitHub};
use tokio::sync::broadcast;
use tokio::time::{Interval, interval};

use crate::dev_vars::DevVars;
use crate::scenes::{OUTAGE_POLICY, POLICY, POLICY_FILE, Scene, Scenes};
use crate::story::Story;

/// On this machine only, and for a simulation only.
const DEMO_PASSWORD: &str = "demo";
const RUN_EVERY: Duration = Duration::from_secs(5);
/// What follows from it: the first run fails at first, and is rescued within seconds.
const SEED: u64 = 3;

pub struct Stage {
    pub worker: LocalWorker,
    pub simulation: Simulation,
    /// What a newcomer should know first.
    pub introduction: String,
    /// Where to look, a line each: it is said again now and then.
    pub addresses: Vec<(&'static str, String)>,
}

/// The simulated GitHub and its organization; nothing if it is the real GitHub.
pub struct Simulation(Option<Running>);

struct Running {
    organization: Organization,
    happenings: broadcast::Receiver<Happening>,
    starts: Interval,
    scenes: Scenes,
}

/// What the simulation has come to.
pub enum Event {
    Happened(Box<Happening>),
    /// It is time for the next run to start.
    Starts,
    Scene(Scene),
}

/// What a simulated GitHub does not know, or what would tell others of what it does.
const OF_THE_REAL_GITHUB: [&str; 4] =
    ["GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY", "NOTIFY_URL", "WEBHOOK_SECRET_PREVIOUS"];

impl Stage {
    /// An error says what to do.
    pub async fn start(port: u16, simulated: bool) -> Result<Self, String> {
        let root = root().canonicalize().map_err(|error| format!("The project's folder is gone: {error}"))?;
        let vars = DevVars::read(&root)?;
        match vars.get("GITHUB_TOKEN").or(vars.get("GITHUB_APP_ID")) {
            Some(_) if !simulated => Self::real(port, &vars).await,
            _ => Self::simulated(port, &vars).await,
        }
    }

    async fn simulated(port: u16, vars: &DevVars) -> Result<Self, String> {
        let mut options = simulator::Options { seed: SEED, ..simulator::Options::default() };
        if let Some(secret) = vars.get("WEBHOOK_SECRET") {
            secret.clone_into(&mut options.secret);
        }
        let mut github = SimulatedGitHub::start(options).await;
        let admin_token = vars.get("ADMIN_TOKEN").unwrap_or(DEMO_PASSWORD).to_owned();
        // Those of .dev.vars, but for what all that this shows depends on.
        let own = [
            ("WEBHOOK_SECRET", github.secret()),
            ("GITHUB_TOKEN", github.token()),
            ("GITHUB_API_URL", &github.url()),
            ("REPOSITORIES", "*"),
            ("RERUN_DELAY", "1s"),
            ("DRY_RUN", "false"),
            ("COMMENT_ON_PULL_REQUESTS", "true"),
            ("COMMIT_STATUS", "rerunner"),
            ("ADMIN_TOKEN", &admin_token),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut settings = vars.settings().clone();
        settings.retain(|name, _| !OF_THE_REAL_GITHUB.contains(&name.as_str()));
        settings.extend(own);
        let worker = start_worker(Options { settings, port: some(port), ..Options::default() }).await?;
        let organization = organization::fill(&github, SEED).await;
        github.send_webhooks_to(&format!("{}/", worker.url));
        let shop = github.repository("acme/shop").await;
        for repository in organization.repositories().iter().chain([&shop]) {
            let events = [EventKind::WorkflowJob, EventKind::IssueComment];
            let events = events.into_iter().fold(EventKinds::only(EventKind::WorkflowRun), EventKinds::and);
            repository.hook(|hook| hook.events = events).await;
        }
        let website = github.repository("acme/website").await;
        website.file(POLICY_FILE, POLICY).await;
        shop.file(POLICY_FILE, OUTAGE_POLICY).await;
        let introduction = introduction(
            "a simulated GitHub with the organization acme, whose workflows fail now and then",
            &[
                ("the overview", &format!("{}/overview", worker.url)),
                ("", &format!("any user name, and the password {}", password(vars))),
                ("the Worker", &worker.url),
                ("GitHub's pages", &format!("{}, simulated too: comments, statuses, issues", github.url())),
                ("policy files", "website: rules by job and by cause, commands, issues of flaky jobs"),
                ("", "shop: the preset careful, and when failures are an outage"),
                ("", "the others have none: what fails is re-run, at most three times"),
                ("in the log", "✓ RESCUED passed when it was re-run, ✗ EXHAUSTED still fails after all re-runs,"),
                ("", "◦ held waits until an outage is over"),
                ("coming up", "four stories, from ▶ to ■: a command, a flaky job, an outage, the merge queue"),
                (
                    "the real GitHub",
                    &format!("put GITHUB_TOKEN and WEBHOOK_SECRET into {}, start again", vars.shown_path()),
                ),
            ],
        );
        let happenings = github.observe();
        let scenes = Scenes::of(website, shop, github.url()).await;
        let overview = format!("{}/overview (any user name, and the password {})", worker.url, password(vars));
        let addresses = vec![("The overview:", overview), ("GitHub's pages:", github.url())];
        let running = Running { organization, happenings, starts: interval(RUN_EVERY), scenes };
        Ok(Self { worker, simulation: Simulation(Some(running)), introduction, addresses })
    }

    async fn real(port: u16, vars: &DevVars) -> Result<Self, String> {
        // The same place as that of `npm run dev`, so that no run is forgotten between one start and the next.
        let storage = vars.path.with_file_name(".wrangler").join("state");
        let worker = start_worker(Options {
            dev_vars: Some(vars.path.clone()),
            port: some(port),
            storage: Some(storage),
            ..Options::default()
        })
        .await?;
        let path = vars.shown_path();
        let secret = match vars.get("WEBHOOK_SECRET") {
            Some(_) => format!("the WEBHOOK_SECRET of {path}"),
            None => {
                format!("missing: put WEBHOOK_SECRET=\"…\" into {path} too; until then each webhook is answered 503")
            }
        };
        let overview = match vars.get("ADMIN_TOKEN") {
            Some(_) => format!("{}/overview; the password is the ADMIN_TOKEN of {path}", worker.url),
            None => format!("put ADMIN_TOKEN=\"…\" into {path} to open it: a password of your choice"),
        };
        let introduction = introduction(
            &format!("the real GitHub, with the settings of {path}"),
            &[
                ("webhooks go to", &format!("{}/", worker.url)),
                ("", "GitHub must be able to reach it: through a tunnel of your choice, whose address goes"),
                ("", "into the webhook on GitHub. Or deploy the Worker instead: npm run deploy"),
                ("their secret", &secret),
                ("their event", "Workflow runs"),
                ("the overview", &overview),
                ("set up well?", &format!("{}/healthz says so", worker.url)),
            ],
        );
        let addresses = vec![("The overview:", overview)];
        Ok(Self { worker, simulation: Simulation(None), introduction, addresses })
    }
}

impl Simulation {
    /// Whether there is one.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Waits for what comes next; for ever with the real GitHub. Nothing is lost if it is dropped meanwhile.
    pub async fn next(&mut self) -> Event {
        let Some(running) = &mut self.0 else { return std::future::pending().await };
        loop {
            tokio::select! {
                biased;
                // Some may be missed when the terminal is held up for long.
                happening = running.happenings.recv() => if let Ok(happening) = happening {
                    return Event::Happened(Box::new(happening));
                },
                _ = running.starts.tick() => return Event::Starts,
                scene = running.scenes.next() => return Event::Scene(scene),
            }
        }
    }

    pub async fn tell(&mut self, event: Event, story: &mut Story) -> io::Result<()> {
        match event {
            Event::Happened(happening) => {
                let seen = match (&*happening, &mut self.0) {
                    (Happening::Api(call), Some(running)) => {
                        running.scenes.for_people(running.organization.repositories(), call)
                    }
                    _ => None,
                };
                match seen {
                    Some(told) => told.map_or(Ok(()), |told| story.said(told)),
                    None => story.happened(&happening),
                }
            }
            Event::Scene(scene) => match &mut self.0 {
                Some(running) => {
                    story.begin(scene.tale())?;
                    match running.scenes.play(scene).await {
                        Ok(runs) => {
                            for run in &runs {
                                name(story, run);
                                story.follow(scene.tale(), run.id());
                            }
                            Ok(())
                        }
                        Err(told) => story.said(told),
                    }
                }
                None => Ok(()),
            },
            Event::Starts => {
                if let Some(running) = &mut self.0 {
                    name(story, &running.organization.start_next().await);
                }
                Ok(())
            }
        }
    }
}

fn name(story: &mut Story, run: &Run) {
    let run = run.snapshot();
    story.name(run.id(), format!("{} #{}", run.identity.workflow.name, run.identity.run_number));
}

fn introduction(github: &str, rows: &[(&str, &str)]) -> String {
    let rows = rows.iter().chain(&[("to stop", "Ctrl-C")]);
    let rows: String = rows.map(|(name, text)| format!("  {name:15}  {text}\n")).collect();
    format!("Rerunner on this machine: the Worker on Cloudflare's runtime,\nand {github}.\n\n{rows}")
}

/// What opens the overview of a simulation; never a secret that somebody chose.
fn password(vars: &DevVars) -> String {
    match vars.get("ADMIN_TOKEN") {
        Some(_) => format!("that is the ADMIN_TOKEN of {}", vars.shown_path()),
        None => DEMO_PASSWORD.to_owned(),
    }
}

fn some(port: u16) -> Option<u16> {
    (port != 0).then_some(port)
}

async fn start_worker(options: Options) -> Result<LocalWorker, String> {
    LocalWorker::start(options).await.map_err(|error| match error {
        StartError::PortTaken(port) => {
            format!("Port {port} is taken by another program. Choose another one: npm start -- --port NUMBER")
        }
        StartError::Missing(path) if path.ends_with("build/index.js") => {
            "The Worker is not built. Build it: npm run build".to_owned()
        }
        StartError::Missing(path) => format!("{} is missing. Set it up: npm run setup:tools", path.display()),
        error => error.to_string(),
    })
}
