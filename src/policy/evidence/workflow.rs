//! What a run's workflow is called. A run's own name is not it: a workflow's `run-name` can make that anything.

use crate::policy::run::Run;

use super::{Evidence, Fetched, Need};

/// Of a name; a longer one is not looked at.
const LONGEST: usize = 1_000;

/// The workflow's name, as far as it is known.
pub enum Name<'a> {
    Known(&'a str),
    Needs(Need),
    /// Why it is not to be had.
    Absent(&'a str),
}

/// From the webhook, from the workflow itself, or from one of the run's jobs.
pub fn name<'a>(run: &'a Run, evidence: &'a Evidence) -> Name<'a> {
    let of_jobs = match &evidence.jobs {
        Fetched::Present(jobs) => jobs.iter().find_map(|job| job.workflow.as_deref()),
        Fetched::NotYet | Fetched::Absent(_) => None,
    };
    let name = match &evidence.workflow {
        Fetched::Present(name) => Some(name.as_str()),
        Fetched::NotYet | Fetched::Absent(_) => None,
    };
    if let Some(name) = run.workflow.as_deref().or(name).or(of_jobs) {
        let known = name.chars().nth(LONGEST).is_none();
        return if known { Name::Known(name) } else { Name::Absent("it is longer than 1,000 characters") };
    }
    match (&evidence.workflow, run.workflow_id, &evidence.jobs) {
        (Fetched::NotYet, Some(workflow_id), _) => Name::Needs(Need::Workflow(workflow_id)),
        (_, _, Fetched::NotYet) => Name::Needs(Need::Jobs),
        (Fetched::Absent(why), ..) => Name::Absent(why),
        (Fetched::NotYet | Fetched::Present(_), ..) => Name::Absent("GitHub does not say"),
    }
}

/// Its file's path, and its file's name.
pub fn paths(run: &Run) -> impl Iterator<Item = &str> {
    let path = run.path.as_deref();
    let file = path.map(|path| path.rsplit('/').next().unwrap_or(path));
    [path, file].into_iter().flatten()
}

/// All of them, as far as they are known; its name first.
pub fn names<'a>(run: &'a Run, evidence: &'a Evidence) -> impl Iterator<Item = &'a str> {
    let name = match name(run, evidence) {
        Name::Known(name) => Some(name),
        Name::Needs(_) | Name::Absent(_) => None,
    };
    name.into_iter().chain(paths(run))
}
