use clap::Args;
use rerunner::policy::evidence::{Evidence, Fetched, History, LogTail, Need};
use rerunner::policy::run::Run;
use rerunner::policy::{Decision, Policy, Rules, Verdict, decide};
use serde_json::{Map, Value};

use super::input::{Export, ExportedJob};
use super::{Failure, Format, Report, input, show};

/// As many lines of a log's end as the Worker keeps.
const LOG_LINES: usize = 500;

/// Says what would be done about a run, and why
///
/// The run is a webhook's payload (`workflow_run` or `workflow_job`, as "Recent Deliveries" shows it), or what
/// `gh api repos/OWNER/REPO/actions/runs/ID` prints. The Worker's settings are taken from the environment. What is not
/// given counts as what GitHub does not answer. Exit code 0: there is a decision. 1: the policy file is not valid. 2: the
/// input could not be used.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The run, as JSON; - for standard input
    payload: String,
    /// The policy file; without it, the default rule holds
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
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

pub fn explain(arguments: &Arguments) -> Result<Report, Failure> {
    let rules = input::rules()?;
    let state = input::policy(arguments.policy.as_deref(), &rules)?;
    let (run, jobs) = subject(arguments)?;
    let given = Given {
        jobs: match jobs {
            jobs if jobs.is_empty() => Fetched::Absent("not given; see --jobs".to_owned()),
            jobs => Fetched::Present(jobs.into_iter().map(|job| job.job).collect()),
        },
        annotations: match &arguments.annotations {
            None => Fetched::Absent("not given; see --annotations".to_owned()),
            Some(file) => Fetched::Present(messages(file)?),
        },
        log: match &arguments.log {
            None => Fetched::Absent("not given; see --log".to_owned()),
            Some(file) => Fetched::Present(tail(&String::from_utf8_lossy(&input::bytes(file)?))),
        },
    };
    let decision = given.decide(&rules, &state.policy(), &run, &History::default());
    let json = show::decision_json(&run, &decision);
    let text = format!("{}.\n\n{}", show::run(&run), show::decision(&decision));
    Ok(Report { text, json, good: !matches!(state, rerunner::policy::PolicyState::Invalid(_)) })
}

/// What stands in for GitHub.
pub struct Given {
    pub jobs: Fetched<Vec<rerunner::policy::evidence::Job>>,
    pub annotations: Fetched<Vec<String>>,
    pub log: Fetched<LogTail>,
}

impl Given {
    pub fn decide(&self, rules: &Rules, policy: &Policy, run: &Run, history: &History) -> Decision {
        let mut evidence = Evidence::default();
        loop {
            match decide(rules, policy, run, history, &evidence) {
                Verdict::Decision(decision) => return decision,
                Verdict::Need(Need::Workflow(_)) => {
                    evidence.workflow = Fetched::Absent("not given; see --jobs".to_owned());
                }
                Verdict::Need(Need::Jobs) => evidence.jobs = self.jobs.clone(),
                Verdict::Need(Need::Annotations(job)) => {
                    evidence.annotations.insert(job, self.annotations.clone());
                }
                Verdict::Need(Need::Log(job)) => {
                    evidence.logs.insert(job, self.log.clone());
                }
                Verdict::Need(Need::Pulls { .. }) => evidence.pulls = Fetched::Absent("not given".to_owned()),
            }
        }
    }
}

/// The run that a payload is about, and its jobs.
fn subject(arguments: &Arguments) -> Result<(Run, Vec<ExportedJob>), Failure> {
    let file = input::shown(&arguments.payload);
    let failure = |error: String| Failure(format!("{file}: {error}"));
    let payload = input::documents(&arguments.payload)?.into_iter().next().unwrap_or_default();
    let mut export = Export::default();
    if let Some(jobs) = &arguments.jobs {
        export.add(jobs)?;
    }
    let run = if let Some(job) = payload.get("workflow_job") {
        let run = run_of_job(job).map_err(failure)?;
        if arguments.jobs.is_none() {
            export.jobs.push(input::job(job).map_err(failure)?);
        }
        run
    } else if payload.get("check_run").is_some() {
        return Err(failure("a check_run's payload does not say what the run is; give the run itself".to_owned()));
    } else {
        let run = payload.get("workflow_run").unwrap_or(&payload);
        let run = Run::from_json(run.to_string().as_bytes());
        let run = run.map_err(|error| failure(input::no("workflow run", &error)))?;
        Run { workflow: text(payload.get("workflow").and_then(|workflow| workflow.get("name"))), ..run }
    };
    // Jobs of other runs and attempts may be in the same file.
    export.jobs.retain(|job| job.run_id == run.run_id && job.run_attempt == run.run_attempt);
    Ok((run, export.jobs))
}

/// A job's webhook only says when to look: this is the run if nothing else is wrong with it.
fn run_of_job(job: &Value) -> Result<Run, String> {
    let same = [
        ("id", "run_id"),
        ("run_attempt", "run_attempt"),
        ("status", "status"),
        ("conclusion", "conclusion"),
        ("head_branch", "head_branch"),
        ("head_sha", "head_sha"),
    ];
    let run: Map<String, Value> =
        same.into_iter().filter_map(|(of_run, of_job)| Some((of_run.to_owned(), job.get(of_job)?.clone()))).collect();
    let run = Value::Object(run);
    let run = Run::from_json(run.to_string().as_bytes()).map_err(|error| input::no("job", &error))?;
    Ok(Run { workflow: text(job.get("workflow_name")), ..run })
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

fn messages(file: &str) -> Result<Vec<String>, Failure> {
    let lists = input::documents(file)?;
    let all = lists.iter().flat_map(|list| list.as_array().map(Vec::as_slice).unwrap_or_default());
    Ok(all.filter_map(|one| one.get("message")?.as_str()).map(str::to_owned).collect())
}

fn tail(log: &str) -> LogTail {
    let lines: Vec<&str> = log.lines().collect();
    let skipped = lines.len().saturating_sub(LOG_LINES);
    LogTail {
        first_line: u64::try_from(skipped + 1).unwrap_or(1),
        lines: lines.into_iter().skip(skipped).map(str::to_owned).collect(),
    }
}
