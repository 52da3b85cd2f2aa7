//! `rerunner explain`: what a policy would do about one run.

mod files;
mod text;

use std::fmt::Write as _;

use clap::Args;
use rerunner::escape::line;
use rerunner::policy::evidence::{Fetched, History};
use rerunner::policy::run::Run;
use rerunner::policy::{Decision, Policy, PolicyState, RerunSettings};
use rerunner::settings::Settings;

use crate::cli::host;
use crate::cli::input;
use crate::cli::past::{Cache, Cause, Known, PastRun, Present, Progress, Reader, Requests, RunPlace, base_now};
use crate::cli::report::{Failure, Format, Report};

pub use files::{Given, fetched};
pub use text::file_of;

use files::Missing;

/// As many as a run with many attempts and jobs may take.
const REQUESTS: u64 = 1_000;

/// Says what would be done about a run, and why
///
/// The run is a webhook's payload (`workflow_run` or `workflow_job`, as "Recent Deliveries" shows it), what
/// `gh api repos/OWNER/REPO/actions/runs/ID` prints, or its address on GitHub: then everything needed is read there, with
/// GITHUB_TOKEN. A log alone, with --log, is taken for one failed job's. The Worker's settings are taken from the environment.
/// Where the decision hangs on what is not given, it says on what. Exit code 0: there is a decision, or what it hangs on. 1: the
/// policy file is not valid. 2: the input could not be used.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The run, as JSON; - for standard input; or https://github.com/OWNER/REPO/actions/runs/ID, with /attempts/N for an
    /// earlier attempt
    #[arg(value_name = "FILE | URL", required_unless_present = "log")]
    run: Option<String>,
    /// The policy file; without it, DEFAULT_POLICY applies
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    #[command(flatten)]
    organization: input::OrganizationFile,
    /// The run's jobs: gh api --paginate repos/OWNER/REPO/actions/runs/ID/jobs
    #[arg(long, value_name = "FILE")]
    jobs: Option<String>,
    /// The annotations of the failed jobs: gh api repos/OWNER/REPO/check-runs/JOB_ID/annotations
    #[arg(long, value_name = "FILE")]
    annotations: Option<String>,
    /// The log of the failed jobs: gh api repos/OWNER/REPO/actions/jobs/JOB_ID/logs
    #[arg(long, value_name = "FILE")]
    log: Option<String>,
    #[command(flatten)]
    pub format: Format,
}

const EXAMPLES: &str = "\
Examples:
  rerunner explain https://github.com/OWNER/REPO/actions/runs/ID --policy .github/rerunner.yml
  gh api repos/OWNER/REPO/actions/runs/ID | rerunner explain -
  rerunner explain payload.json --jobs jobs.json --annotations annotations.json --log job.log
  rerunner explain --log job.log";

pub fn explain(arguments: &Arguments) -> Result<Report, Failure> {
    let rerun_settings = input::rerun_settings()?;
    let state = input::policy(arguments.policy.as_deref(), &arguments.organization, &rerun_settings)?;
    let policy = state.policy();
    let address = arguments.run.as_deref().filter(|run| run.contains("://"));
    let explained = match address {
        Some(address) => of_github(address, arguments, &rerun_settings, &policy)?,
        None => files::of_files(arguments, &rerun_settings, &policy)?,
    };
    let (mut text, json) = (text::told(&explained), text::as_json(&explained));
    if !explained.causes.is_empty() {
        text.push_str("\nWhy they failed, by the catalogue:\n");
    }
    for (job, cause) in &explained.causes {
        let _ = writeln!(text, "  {}  {}", line(job), cause.in_words());
    }
    let errors = match &state {
        PolicyState::Invalid { errors, .. } => errors.as_slice(),
        PolicyState::Valid(_) => &[],
    };
    if !errors.is_empty() {
        let file = arguments.policy.as_deref().or(arguments.organization.file());
        text = format!("{}\n{text}", input::in_contexts(errors, file)?);
    }
    Ok(Report { text, json, good: errors.is_empty() })
}

struct Explained {
    /// `None`: there is a job's log alone.
    run: Option<Run>,
    decision: Decision,
    /// Then the decision is what it would be without what is missing.
    undecided: Option<Undecided>,
    /// What is taken for granted of a run or job that is not given.
    assumed: Option<&'static str>,
    /// Of each job that failed, by name.
    causes: Vec<(String, Cause)>,
}

/// What the decision hangs on.
struct Undecided {
    missing: Vec<Missing>,
    /// Whether the decision is that where GitHub has nothing in them; else, that where it does not have them.
    is_read: bool,
}

/// All of it read of GitHub, as it is now.
fn of_github(
    address: &str,
    arguments: &Arguments,
    rerun_settings: &RerunSettings,
    policy: &Policy,
) -> Result<Explained, Failure> {
    if arguments.jobs.is_some() || arguments.annotations.is_some() || arguments.log.is_some() {
        return Err(Failure(
            "a run's address needs no --jobs, --annotations or --log: they are read from GitHub".to_owned(),
        ));
    }
    let settings = Settings::read(host::environment);
    let place = RunPlace::parse(address, &settings.github_web_url())?;
    let requests = Requests::new(&settings, REQUESTS, Progress::new(arguments.format.json))?;
    let mut reader = Reader::new(place.repository.clone(), Cache::memory(), requests);
    let past = PastRun::at(&mut reader, &place)?;
    let Some(attempt) = past.attempts.last() else {
        return Err(Failure("this attempt is not over yet, or GitHub does not have it".to_owned()));
    };
    let run = &attempt.run;
    let pulls = if run.is_of_pull_request() { reader.pulls(run) } else { Fetched::NotYet };
    let goes_by_base = policy.rules.iter().any(|rule| rule.conditions.base_failed.is_some());
    let base = if goes_by_base { base_now(&mut reader, run, &pulls)? } else { Fetched::NotYet };
    let known = Known::now(&reader, &past, Present { pulls, base });
    let attempts = known.earlier(rerun_settings, policy, &past, attempt.run.run_attempt);
    let history = History { attempts, ..History::default() };
    let decision = known.decide(rerun_settings, policy, attempt, &history, host::now());
    let causes = attempt.failed_jobs().map(|job| (job.name.clone(), known.cause(job.job_id))).collect();
    let run = Run { workflow: Some(known.workflow(&attempt.run)), ..attempt.run.clone() };
    Ok(Explained { run: Some(run), decision, undecided: None, assumed: None, causes })
}
