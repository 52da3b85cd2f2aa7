//! What subcommands are given: policy files, what GitHub's API printed, the Worker's settings.

use std::fmt::Display;
use std::path::Path;

use clap::Args;
use rerunner::names::{RepoName, RunAttempt, RunId};
use rerunner::policy::evidence::Job;
use rerunner::policy::file::{Given, NOT_GIVEN};
use rerunner::policy::run::Run;
use rerunner::policy::{Organization, Policy, PolicyError, PolicyOrigin, PolicyState, RerunSettings, parse};
use rerunner::settings::{Preset, Settings};
use rerunner::time::Millis;
use serde_json::{Deserializer, Value};

use super::diagnostics::{self, Level};
use super::paint::Paint;
use super::{Failure, host};

/// A file's bytes; `-` is what comes in on standard input.
pub fn bytes(file: &str) -> Result<Vec<u8>, Failure> {
    let read = if file == "-" { host::input() } else { host::read(Path::new(file), None) };
    read.map_err(|error| Failure(format!("{file} cannot be read: {error}")))
}

/// Its name, for a message.
pub fn shown(file: &str) -> &str {
    if file == "-" { "<standard input>" } else { file }
}

/// What the Worker's settings say, taken from the environment as the Worker takes them from its own.
pub fn rerun_settings() -> Result<RerunSettings, Failure> {
    let settings = Settings::read(host::environment);
    let names = [
        "MAX_RERUNS",
        "MAX_RERUNS_CEILING",
        "RERUN_DELAY",
        "NO_RERUN_ACTORS",
        "DRY_RUN",
        "DEFAULT_POLICY",
        "ORGANIZATION_POLICY",
    ];
    match settings.problems.iter().find(|problem| names.contains(&problem.setting)) {
        Some(problem) => Err(Failure(format!("in the environment, {problem}"))),
        None => Ok(RerunSettings::from(&settings)),
    }
}

/// The organization's policy file, where a command is given one.
#[derive(Debug, Clone, Default, Args)]
pub struct OrganizationFile {
    /// The organization's policy file, for files with `extends: organization`, and for repositories without a file
    #[arg(long, value_name = "FILE")]
    organization: Option<String>,
}

impl OrganizationFile {
    pub fn file(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    /// What it says; `None`: none is given.
    pub fn read(&self, rerun_settings: &RerunSettings) -> Result<Option<PolicyState>, Failure> {
        let read = |file: &String| {
            let read = parse(&text(file)?, rerun_settings.given(Organization::Itself));
            Ok(PolicyState::new(read, PolicyOrigin::Organization))
        };
        self.organization.as_ref().map(read).transpose()
    }

    pub fn given<'a>(state: Option<&'a PolicyState>, rerun_settings: &RerunSettings) -> Given<'a> {
        rerun_settings.given(match state {
            None => Organization::NotGiven,
            Some(PolicyState::Valid(policy)) => Organization::Policy(policy),
            Some(PolicyState::Invalid { errors, .. }) => Organization::Invalid(errors),
        })
    }
}

/// Where the Worker looks for it in a repository.
pub fn policy_file() -> Result<String, Failure> {
    let settings = Settings::read(host::environment);
    if let Some(problem) = settings.problems.iter().find(|problem| problem.setting == "POLICY_FILE") {
        return Err(Failure(format!("in the environment, {problem}")));
    }
    let none = "which file? POLICY_FILE is blank, so that repositories have none";
    settings.policy_file.map(|file| file.as_str().to_owned()).ok_or_else(|| Failure(none.to_owned()))
}

/// The policy in a file; without one, the organization's file, and without that DEFAULT_POLICY.
pub fn policy(
    file: Option<&str>,
    organization: &OrganizationFile,
    rerun_settings: &RerunSettings,
) -> Result<PolicyState, Failure> {
    let organization = organization.read(rerun_settings)?;
    let Some(file) = file else {
        let without = || PolicyState::Valid(rerun_settings.policy_without_file());
        return Ok(organization.filter(|_| rerun_settings.organization_policy).unwrap_or_else(without));
    };
    let read = parse(&text(file)?, OrganizationFile::given(organization.as_ref(), rerun_settings));
    // The file can be as valid as any.
    if read.as_ref().is_err_and(|errors| errors.iter().any(|error| error.message == NOT_GIVEN)) {
        return Err(Failure(format!("{} extends the organization's file; {NOT_GIVEN}", shown(file))));
    }
    Ok(PolicyState::new(read, Preset::parse(file).map_or(PolicyOrigin::Repository, PolicyOrigin::Preset)))
}

/// The same, where one that is not valid is of no use.
pub fn valid_policy(
    file: Option<&str>,
    organization: &OrganizationFile,
    rerun_settings: &RerunSettings,
) -> Result<Policy, Failure> {
    match policy(file, organization, rerun_settings)? {
        PolicyState::Invalid { errors, .. } => {
            let file = file.or(organization.file());
            Err(Failure(format!("the policy file is not valid\n\n{}", in_contexts(&errors, file)?.trim_end())))
        }
        PolicyState::Valid(policy) => Ok(policy),
    }
}

/// A policy file's; or, by the name of a preset, what begins with that and adds nothing. A file of such a name is `./careful`.
pub fn text(file: &str) -> Result<String, Failure> {
    if Preset::parse(file).is_some() {
        return Ok(format!("extends: {file}\n"));
    }
    String::from_utf8(bytes(file)?).map_err(|_| Failure(format!("{} is not text in UTF-8", shown(file))))
}

/// Errors of a policy file, and what they mean. Of its text, which is read again where it is a file.
pub fn in_contexts(errors: &[PolicyError], file: Option<&str>) -> Result<String, Failure> {
    let (shown, text) = match file {
        Some("-") | None => (shown("-"), String::new()),
        Some(file) => (shown(file), text(file)?),
    };
    Ok(diagnostics::all(errors, Level::Error, shown, &text, Paint::PLAIN) + &diagnostics::not_valid(shown, errors))
}

pub fn repositories<'a>(names: impl IntoIterator<Item = &'a String>) -> Result<Vec<RepoName>, Failure> {
    let parsed = |name: &String| RepoName::parse(name).map_err(|error| Failure(format!("{name}: {error}")));
    names.into_iter().map(parsed).collect()
}

/// What an export of GitHub's holds.
#[derive(Debug, Default)]
pub struct Export {
    pub runs: Vec<ExportedRun>,
    pub jobs: Vec<ExportedJob>,
}

#[derive(Debug)]
pub struct ExportedRun {
    pub run: Run,
    /// About when it ended.
    pub updated: Option<Millis>,
}

#[derive(Debug)]
pub struct ExportedJob {
    pub run_id: RunId,
    pub run_attempt: RunAttempt,
    pub job: Job,
}

impl Export {
    /// Adds a file's: one answer of "List workflow runs for a repository" or "List jobs for a workflow run", or several, as
    /// `gh api --paginate` prints them, with `--slurp` or without.
    pub fn add(&mut self, file: &str) -> Result<(), Failure> {
        for value in documents(file)? {
            self.take(value).map_err(|error| Failure(format!("{}: {error}", shown(file))))?;
        }
        Ok(())
    }

    fn take(&mut self, value: Value) -> Result<(), String> {
        let mut object = match value {
            Value::Array(values) => return values.into_iter().try_for_each(|value| self.take(value)),
            Value::Object(object) => object,
            other => return Err(format!("expected workflow runs or jobs, found {}", kind(&other))),
        };
        if let Some(list) = object.remove("workflow_runs").or_else(|| object.remove("jobs")).filter(Value::is_array) {
            return self.take(list);
        }
        let value = Value::Object(object);
        if value.get("run_id").is_some() {
            self.jobs.push(job(&value)?);
        } else if value.get("id").is_some() {
            let run = Run::from_json(value.to_string().as_bytes()).map_err(|error| no("workflow run", &error))?;
            let updated = value.get("updated_at").and_then(Value::as_str).and_then(Millis::from_rfc3339);
            self.runs.push(ExportedRun { run, updated });
        } else {
            return Err("expected workflow runs or jobs, found an object that is neither".to_owned());
        }
        Ok(())
    }

    /// The jobs of one attempt; `None` if the export has none of it.
    pub fn jobs_of(&self, run_id: RunId, attempt: RunAttempt) -> Option<Vec<Job>> {
        let jobs = self.jobs.iter().filter(|job| job.run_id == run_id && job.run_attempt == attempt);
        let jobs: Vec<Job> = jobs.map(|job| job.job.clone()).collect();
        (!jobs.is_empty()).then_some(jobs)
    }
}

pub fn job(value: &Value) -> Result<ExportedJob, String> {
    let number = |key| value.get(key).and_then(Value::as_u64);
    let run_id = number("run_id").and_then(RunId::new).ok_or("a job without a run_id")?;
    let run_attempt = number("run_attempt").and_then(|n| RunAttempt::new(n.try_into().ok()?));
    let job = Job::from_json(value.to_string().as_bytes()).map_err(|error| no("job", &error))?;
    Ok(ExportedJob { run_id, run_attempt: run_attempt.unwrap_or(RunAttempt::FIRST), job })
}

/// The JSON documents in a file, one after the other.
pub fn documents(file: &str) -> Result<Vec<Value>, Failure> {
    let bytes = bytes(file)?;
    let documents: Result<Vec<Value>, _> = Deserializer::from_slice(&bytes).into_iter().collect();
    documents.map_err(|error| Failure(format!("{} is not JSON: {error}", shown(file))))
}

pub fn no(what: &str, error: &impl Display) -> String {
    format!("not a {what} as GitHub's API shows it: {error}")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
