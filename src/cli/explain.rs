//! `rerunner explain`: what a policy would do about one run.

use std::fmt::Write as _;

use clap::Args;
use rerunner::escape::line;
use rerunner::names::Conclusion;
use rerunner::policy::evidence::{Evidence, Fetched, History, Job, LogTail, Need};
use rerunner::policy::run::Run;
use rerunner::policy::{
    Action, Decision, Detail, Ending, FailedJob, Policy, PolicyState, Rerun, RerunSettings, Scope, Verdict, decide,
};
use rerunner::settings::Settings;
use serde_json::{Map, Value, json};

use super::input::{Export, ExportedJob};
use super::past::{Cache, Cause, Known, PastRun, Present, Progress, Reader, Requests, RunPlace, base_now};
use super::{Failure, Format, Report, host, input};

/// As many as a run with many attempts and jobs may take.
const REQUESTS: u64 = 1_000;

/// As many lines of a log's end as the Worker keeps.
const LOG_LINES: usize = 500;

/// Says what would be done about a run, and why
///
/// The run is a webhook's payload (`workflow_run` or `workflow_job`, as "Recent Deliveries" shows it), what
/// `gh api repos/OWNER/REPO/actions/runs/ID` prints, or its address on GitHub: then everything needed is read there, with
/// GITHUB_TOKEN. The Worker's settings are taken from the environment. What is not given counts as something that GitHub
/// does not return. Exit code 0: there is a decision. 1: the policy file is not valid. 2: the input could not be used.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The run, as JSON; - for standard input; or https://github.com/OWNER/REPO/actions/runs/ID, with /attempts/N for an
    /// earlier attempt
    #[arg(value_name = "FILE | URL")]
    payload: String,
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
  rerunner explain payload.json --jobs jobs.json --log job.log";

pub fn explain(arguments: &Arguments) -> Result<Report, Failure> {
    let rerun_settings = input::rerun_settings()?;
    let state = input::policy_with(arguments.policy.as_deref(), &arguments.organization, &rerun_settings)?;
    let policy = state.policy();
    let Explained { run, decision, causes } = match arguments.payload.contains("://") {
        true => of_github(arguments, &rerun_settings, &policy)?,
        false => of_files(arguments, &rerun_settings, &policy)?,
    };
    let mut json = as_json(&run, &decision);
    if let Some(json) = json.as_object_mut() {
        let shown = |(job, cause): &(String, Cause)| json!({ "job": job, "cause": cause.found() });
        json.insert("causes".to_owned(), causes.iter().map(shown).collect());
    }
    let mut text = format!("{}.\n\n{}", sentence(&run), shown(&decision));
    if !causes.is_empty() {
        text.push_str("\nWhy they failed, by the catalogue:\n");
    }
    for (job, cause) in &causes {
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
    run: Run,
    decision: Decision,
    /// Of each job that failed, by name.
    causes: Vec<(String, Cause)>,
}

fn of_files(arguments: &Arguments, rerun_settings: &RerunSettings, policy: &Policy) -> Result<Explained, Failure> {
    let (run, jobs) = subject(arguments)?;
    let jobs: Vec<Job> = jobs.into_iter().map(|job| job.job).collect();
    let annotations = arguments.annotations.as_deref().map(messages).transpose()?;
    let log = arguments.log.as_deref().map(tail).transpose()?;
    let cause = || match (&annotations, &log) {
        (None, None) => Cause::NotRead,
        (messages, log) => Cause::of(messages.as_deref().unwrap_or_default(), log.as_ref()),
    };
    let failed = |job: &&Job| job.conclusion.is_some_and(Conclusion::may_be_rerun);
    let causes = jobs.iter().filter(failed).map(|job| (job.name.clone(), cause())).collect();
    let given = Given {
        jobs: fetched((!jobs.is_empty()).then_some(jobs), "not given; see --jobs"),
        annotations: fetched(annotations, "not given; see --annotations"),
        log: fetched(log, "not given; see --log"),
    };
    let decision = given.decide(rerun_settings, policy, &run, &History::default());
    Ok(Explained { run, decision, causes })
}

/// All of it read of GitHub, as it is now.
fn of_github(arguments: &Arguments, rerun_settings: &RerunSettings, policy: &Policy) -> Result<Explained, Failure> {
    if arguments.jobs.is_some() || arguments.annotations.is_some() || arguments.log.is_some() {
        return Err(Failure(
            "a run's address needs no --jobs, --annotations or --log: they are read from GitHub".to_owned(),
        ));
    }
    let settings = Settings::read(host::environment);
    let place = RunPlace::parse(&arguments.payload, &settings.github_web_url())?;
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
    Ok(Explained { run: Run { workflow: Some(known.workflow(&attempt.run)), ..attempt.run.clone() }, decision, causes })
}

/// What stands in for GitHub.
pub struct Given {
    pub jobs: Fetched<Vec<Job>>,
    pub annotations: Fetched<Vec<String>>,
    pub log: Fetched<LogTail>,
}

impl Given {
    pub fn decide(&self, rerun_settings: &RerunSettings, policy: &Policy, run: &Run, history: &History) -> Decision {
        let mut evidence = Evidence::default();
        loop {
            evidence.search(policy, run);
            match decide(rerun_settings, policy, run, history, &evidence) {
                Verdict::Decision(decision) => return decision,
                Verdict::Need(Need::Workflow(_)) => evidence.workflow = fetched(None, "not given; see --jobs"),
                Verdict::Need(Need::Jobs) => evidence.jobs = self.jobs.clone(),
                Verdict::Need(Need::Annotations(job)) => {
                    evidence.annotations.insert(job, self.annotations.clone());
                }
                Verdict::Need(Need::Log(job)) => {
                    evidence.logs.insert(job, self.log.clone());
                }
                Verdict::Need(Need::RescueRate(job)) => {
                    evidence.rescue_rates.insert(job, fetched(None, "only the Worker knows"));
                }
                Verdict::Need(Need::Base) => evidence.base = fetched(None, "not given"),
                Verdict::Need(Need::Pulls { .. }) => evidence.pulls = fetched(None, "not given"),
            }
        }
    }
}

pub fn fetched<T>(given: Option<T>, otherwise: &str) -> Fetched<T> {
    given.map_or_else(|| Fetched::Absent(otherwise.to_owned()), Fetched::Present)
}

/// The run that a payload is about, and its jobs.
fn subject(arguments: &Arguments) -> Result<(Run, Vec<ExportedJob>), Failure> {
    let file = input::shown(&arguments.payload);
    let failure = |error: String| Failure(format!("{file}: {error}"));
    let payload = input::documents(&arguments.payload)?.into_iter().next().unwrap_or_default();
    let list = payload.as_array().or_else(|| payload.get("workflow_runs")?.as_array());
    if let Some(list) = list {
        let one = "give one of them: what gh api repos/OWNER/REPO/actions/runs/ID prints, or its address";
        return Err(failure(format!("a list of {}, and not a run; {one}", list.len())));
    }
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

fn tail(file: &str) -> Result<LogTail, Failure> {
    let log = input::bytes(file)?;
    let log = String::from_utf8_lossy(&log);
    let skipped = log.lines().count().saturating_sub(LOG_LINES);
    let lines = log.lines().skip(skipped).map(str::to_owned).collect();
    Ok(LogTail { first_line: u64::try_from(skipped + 1).unwrap_or(1), lines })
}

/// A sentence that names the run.
fn sentence(run: &Run) -> String {
    let workflow = line(run.workflow.as_deref().or_else(|| file_of(run)).unwrap_or("a workflow"));
    let conclusion = run.conclusion.map_or("still running", |conclusion| conclusion.as_str());
    format!("Run {} of \"{workflow}\", attempt {}: {conclusion}", run.run_id, run.run_attempt)
}

/// The name of the workflow's file.
pub fn file_of(run: &Run) -> Option<&str> {
    run.path.as_deref().and_then(|path| path.rsplit('/').next())
}

fn shown(decision: &Decision) -> String {
    match decision {
        Decision::Await => "Nothing yet: the run has not concluded.\n".to_owned(),
        Decision::Rerun(Rerun { reason, in_short: _, delay, scope, debug_logging, detail }) => {
            let what = match scope {
                Scope::FailedJobs => "its failed jobs",
                Scope::AllJobs => "all of its jobs",
            };
            let debug = if *debug_logging { ", with debug logging" } else { "" };
            format!("RE-RUN {what} {delay} after it ended{debug}.\n  {reason}\n{}", shown_detail(detail))
        }
        Decision::End(Ending { outcome, reason, detail, .. }) => {
            format!("NO RE-RUN ({}).\n  {reason}\n{}", outcome.as_str(), shown_detail(detail))
        }
    }
}

fn shown_detail(detail: &Detail) -> String {
    let mut text = String::new();
    if !detail.jobs.is_empty() {
        text.push_str("\nFailed jobs:\n");
        let width = detail.jobs.iter().map(|job| job.name.chars().count()).max().unwrap_or_default().min(40);
        for job in &detail.jobs {
            let _ = writeln!(text, "  {:width$}  {}", line(&job.name), line(&matched(job)));
        }
    }
    if detail.more_jobs > 0 {
        let _ = writeln!(text, "  and {} more", detail.more_jobs);
    }
    if detail.runner_seconds > 0 {
        let _ = writeln!(text, "\nA re-run is expected to take {} runner minutes.", detail.runner_seconds.div_ceil(60));
    }
    for (what, list) in [
        ("Unknown, so no condition on it holds:", &detail.absent),
        ("Might have changed the decision, had it been known:", &detail.doubts),
    ] {
        if !list.is_empty() {
            let _ = writeln!(text, "\n{what}");
        }
        for one in list {
            let _ = writeln!(text, "  {}", line(one));
        }
    }
    text
}

fn matched(job: &FailedJob) -> String {
    let then = match job.action {
        Some(Action::Rerun) => "re-run",
        Some(Action::Leave) => "leave",
        Some(Action::Ignore) => "ignore",
        None => "-",
    };
    let rule = match (&job.rule, job.line) {
        (Some(rule), Some(line)) => format!("by rule \"{rule}\" (line {line} of its log)"),
        (Some(rule), None) => format!("by rule \"{rule}\""),
        (None, _) => "by no rule".to_owned(),
    };
    let at = job.step.as_deref().map_or_else(|| "with no failed step".to_owned(), |step| format!("at \"{step}\""));
    let why = job.interruption.map(|interruption| format!(" ({})", interruption.in_words())).unwrap_or_default();
    let code = job.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
    let failed = format!("failed {at}{why}{code}");
    if job.action.is_some() { format!("{then} {rule}; {failed}") } else { failed }
}

fn as_json(run: &Run, decision: &Decision) -> Value {
    let mut json = match decision {
        Decision::Await => json!({ "decision": "await" }),
        Decision::Rerun(Rerun { reason, in_short: _, delay, scope, debug_logging, detail }) => json!({
            "decision": "rerun",
            "reason": reason,
            "delay_seconds": delay.as_millis() / 1_000,
            "scope": scope,
            "debug_logging": debug_logging,
            "detail": detail,
        }),
        Decision::End(Ending { outcome, reason, detail, .. }) => {
            json!({ "decision": "end", "outcome": outcome, "reason": reason, "detail": detail })
        }
    };
    if let Some(json) = json.as_object_mut() {
        json.extend([("run_id".to_owned(), json!(run.run_id)), ("run_attempt".to_owned(), json!(run.run_attempt))]);
    }
    json
}
