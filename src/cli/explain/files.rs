//! A run in files, and what they leave open.

use rerunner::github::calls::annotations::{self, Annotation};
use rerunner::github::{Reply, ReplyHeaders};
use rerunner::names::{Conclusion, JobId, RunAttempt, RunId};
use rerunner::policy::evidence::{Evidence, Fetched, History, Job, LogTail, Need};
use rerunner::policy::run::{Origin, Run};
use rerunner::policy::{Action, Decision, Detail, Ending, Policy, Rerun, RerunSettings, RunOutcome, Verdict, decide};
use serde_json::{Map, Value};

use crate::cli::input::{self, Export, ExportedJob};
use crate::cli::past::Cause;
use crate::cli::report::Failure;

use super::{Arguments, Explained, Undecided};

/// As many lines of a log's end as the Worker keeps.
const LOG_LINES: usize = 500;

/// Of a job that is not given.
const A_JOB: &str = "one failed job, of which nothing more is known than what is given here";
const A_RUN: &str = "attempt 1 of a push to the branch main, of a workflow named workflow, with one failed job named job, which has \
                     no annotations but those given here";

/// What can be given, and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Jobs,
    Annotations,
    Log,
}

impl Missing {
    const ALL: [Self; 3] = [Self::Jobs, Self::Annotations, Self::Log];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Annotations => "annotations",
            Self::Log => "log",
        }
    }

    fn as_reason(self) -> &'static str {
        match self {
            Self::Jobs => "not given; see --jobs",
            Self::Annotations => "not given; see --annotations",
            Self::Log => "not given; see --log",
        }
    }

    /// Whether a decision has asked for it.
    fn is_asked_for(self, detail: &Detail) -> bool {
        detail.absent.iter().any(|absent| absent.ends_with(self.as_reason()))
    }
}

pub fn of_files(arguments: &Arguments, rerun_settings: &RerunSettings, policy: &Policy) -> Result<Explained, Failure> {
    let annotations = arguments.annotations.as_deref().map(of_annotations).transpose()?;
    let annotations = annotations.or_else(|| arguments.run.is_none().then(Vec::new));
    let log = arguments.log.as_deref().map(tail).transpose()?;
    let (run, jobs, assumed) = match &arguments.run {
        Some(payload) => {
            let (run, jobs) = subject(payload, arguments.jobs.as_deref())?;
            let jobs: Vec<Job> = jobs.into_iter().map(|job| job.job).collect();
            let something = annotations.is_some() || log.is_some();
            let assumed = something && jobs.is_empty() && arguments.jobs.is_none() && run.conclusion.is_some();
            match run.conclusion.filter(|_| assumed) {
                Some(conclusion) => (run, vec![a_job(conclusion)?], Some(A_JOB)),
                None => (run, jobs, None),
            }
        }
        None => (a_run()?, vec![a_job(Conclusion::Failure)?], Some(A_RUN)),
    };
    let cause = || match (&annotations, &log) {
        (None, None) => Cause::NotRead,
        (annotations, log) => {
            let messages = annotations.iter().flatten().map(|one| one.message.clone());
            Cause::of(&messages.collect::<Vec<_>>(), log.as_ref())
        }
    };
    let failed = |job: &&Job| job.conclusion.is_some_and(Conclusion::may_be_rerun);
    let causes = jobs.iter().filter(failed).map(|job| (job.name.clone(), cause())).collect();
    let given = Given {
        jobs: fetched((!jobs.is_empty()).then_some(jobs), Missing::Jobs.as_reason()),
        annotations: fetched(annotations, Missing::Annotations.as_reason()),
        log: fetched(log, Missing::Log.as_reason()),
    };
    let decide = |given: &Given| given.decide(rerun_settings, policy, &run, &History::default());
    let decision = decide(&given);
    let (decision, undecided) = match undecided(&given, &decision, policy, decide) {
        Some((then, undecided)) => (then.unwrap_or(decision), Some(undecided)),
        None => (decision, None),
    };
    Ok(Explained { run: Some(run).filter(|_| arguments.run.is_some()), decision, undecided, assumed, causes })
}

/// What the decision hangs on and is not given, with what it would be if there were nothing in that.
fn undecided(
    given: &Given,
    decision: &Decision,
    policy: &Policy,
    decide: impl Fn(&Given) -> Decision,
) -> Option<(Option<Decision>, Undecided)> {
    let detail = detail(decision)?;
    // A log is read where the annotations say nothing.
    let next = decide(&given.without(&[Missing::Annotations]));
    let is_asked_for =
        |missing: &Missing| [Some(detail), self::detail(&next)].iter().flatten().any(|one| missing.is_asked_for(one));
    let missing: Vec<Missing> = Missing::ALL.into_iter().filter(is_asked_for).collect();
    for some in [&[Missing::Annotations][..], &[Missing::Log], &[Missing::Annotations, Missing::Log]] {
        if some.iter().all(|one| missing.contains(one)) {
            let then = decide(&given.without(some));
            if is_rerun(&then) != is_rerun(decision) {
                return Some((Some(then), Undecided { missing: some.to_vec(), is_read: true }));
            }
        }
    }
    // A rule that might say otherwise.
    let other = |action: Action| (action == Action::Rerun) != is_rerun(decision);
    let named = |name: &str| format!("rule \"{}\" of ", name.replace('"', "'"));
    let mut others = policy.rules.iter().filter(|rule| other(rule.action)).map(|rule| named(&rule.name));
    let is_open = others.any(|name| detail.doubts.iter().any(|doubt| doubt.starts_with(&name)));
    (is_open && !missing.is_empty() && may_change(decision)).then_some((None, Undecided { missing, is_read: false }))
}

fn detail(decision: &Decision) -> Option<&Detail> {
    match decision {
        Decision::Await => None,
        Decision::Rerun(Rerun { detail, .. }) | Decision::End(Ending { detail, .. }) => Some(detail),
    }
}

fn is_rerun(decision: &Decision) -> bool {
    matches!(decision, Decision::Rerun(_))
}

/// Whether the rules have had a say in it.
fn may_change(decision: &Decision) -> bool {
    match decision {
        Decision::Await => false,
        Decision::Rerun(_) => true,
        Decision::End(ending) => ending.outcome == RunOutcome::Left,
    }
}

/// What stands in for GitHub.
pub struct Given {
    pub jobs: Fetched<Vec<Job>>,
    pub annotations: Fetched<Vec<Annotation>>,
    pub log: Fetched<LogTail>,
}

impl Given {
    /// The same with nothing in these, where they are not given.
    fn without(&self, missing: &[Missing]) -> Self {
        let Self { jobs, annotations, log } = self;
        let empty = || Fetched::Present(LogTail { first_line: 1, lines: Vec::new() });
        Self {
            jobs: jobs.clone(),
            annotations: match annotations {
                Fetched::Absent(_) if missing.contains(&Missing::Annotations) => Fetched::Present(Vec::new()),
                annotations => annotations.clone(),
            },
            log: match log {
                Fetched::Absent(_) if missing.contains(&Missing::Log) => empty(),
                log => log.clone(),
            },
        }
    }

    pub fn decide(&self, rerun_settings: &RerunSettings, policy: &Policy, run: &Run, history: &History) -> Decision {
        let mut evidence = Evidence::default();
        loop {
            evidence.search(policy, run);
            match decide(rerun_settings, policy, run, history, &evidence) {
                Verdict::Decision(decision) => return decision,
                Verdict::Need(Need::Workflow(_)) => evidence.workflow = fetched(None, Missing::Jobs.as_reason()),
                Verdict::Need(Need::Jobs) => evidence.jobs = self.jobs.clone(),
                Verdict::Need(Need::Annotations(job)) => {
                    if self.annotations.present().is_some_and(|all| all.iter().any(|one| one.at_source)) {
                        evidence.source_annotations.insert(job);
                    }
                    evidence.annotations.insert(job, messages(&self.annotations));
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
fn subject(payload: &str, jobs: Option<&str>) -> Result<(Run, Vec<ExportedJob>), Failure> {
    let file = input::shown(payload);
    let failure = |error: String| Failure(format!("{file}: {error}"));
    let payload = input::documents(payload)?.into_iter().next().unwrap_or_default();
    let list = payload.as_array().or_else(|| payload.get("workflow_runs")?.as_array());
    if let Some(list) = list {
        let one = "give one of them: what gh api repos/OWNER/REPO/actions/runs/ID prints, or its address";
        return Err(failure(format!("a list of {}, and not a run; {one}", list.len())));
    }
    let mut export = Export::default();
    if let Some(jobs) = jobs {
        export.add(jobs)?;
    }
    let run = if let Some(job) = payload.get("workflow_job") {
        let run = run_of_job(job).map_err(failure)?;
        if jobs.is_none() {
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

fn messages(annotations: &Fetched<Vec<Annotation>>) -> Fetched<Vec<String>> {
    match annotations {
        Fetched::NotYet => Fetched::NotYet,
        Fetched::Absent(why) => Fetched::Absent(why.clone()),
        Fetched::Present(all) => Fetched::Present(all.iter().map(|annotation| annotation.message.clone()).collect()),
    }
}

/// One answer of GitHub's or several, as [`Export::add`] takes them.
fn of_annotations(file: &str) -> Result<Vec<Annotation>, Failure> {
    let mut all = Vec::new();
    for list in input::documents(file)? {
        let lists = match &list {
            Value::Array(lists) if lists.first().is_some_and(Value::is_array) => lists.clone(),
            _ => vec![list],
        };
        for list in lists {
            let body = list.to_string().into_bytes();
            let read = annotations::read(&Reply { status: 200, headers: ReplyHeaders::default(), body }, 1);
            let no = |_| Failure(format!("{}: not annotations as GitHub's API shows them", input::shown(file)));
            all.extend(read.map_err(no)?.items);
        }
    }
    Ok(all)
}

fn tail(file: &str) -> Result<LogTail, Failure> {
    let log = input::bytes(file)?;
    let log = String::from_utf8_lossy(&log);
    let skipped = log.lines().count().saturating_sub(LOG_LINES);
    let lines = log.lines().skip(skipped).map(str::to_owned).collect();
    Ok(LogTail { first_line: u64::try_from(skipped + 1).unwrap_or(1), lines })
}

/// Where there is only what a job has said.
fn a_run() -> Result<Run, Failure> {
    Ok(Run {
        run_id: RunId::new(1).ok_or_else(of_ours)?,
        repository: None,
        run_attempt: RunAttempt::FIRST,
        conclusion: Some(Conclusion::Failure),
        workflow_id: None,
        workflow: Some("workflow".to_owned()),
        path: None,
        event: "push".to_owned(),
        head_branch: Some("main".to_owned()),
        head_sha: String::new(),
        head_commit: None,
        origin: Origin::Own,
        created: None,
        run_number: None,
        title: None,
        actors: vec!["somebody".to_owned()],
        pull_request_heads: Vec::new(),
        pull_request: None,
        pull_request_base: None,
    })
}

fn a_job(conclusion: Conclusion) -> Result<Job, Failure> {
    Ok(Job {
        job_id: JobId::new(1).ok_or_else(of_ours)?,
        name: "job".to_owned(),
        conclusion: Some(conclusion),
        started: None,
        completed: None,
        runner: None,
        labels: Vec::new(),
        steps: Vec::new(),
        workflow: None,
    })
}

fn of_ours() -> Failure {
    Failure("1 is no id".to_owned())
}
