//! What a run's workflow is called. A run's own name is not it: a workflow's `run-name` can make that anything.

use crate::policy::run::Run;

use super::evidence::{Evidence, Need, Read};
use super::format::Names;
use super::judge::{Missing, Truth};

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
        Read::There(jobs) => jobs.iter().find_map(|job| job.workflow.as_deref()),
        _ => None,
    };
    let name = match &evidence.workflow {
        Read::There(name) => Some(name.as_str()),
        _ => None,
    };
    if let Some(name) = run.workflow.as_deref().or(name).or(of_jobs) {
        let known = name.chars().nth(LONGEST).is_none();
        return if known { Name::Known(name) } else { Name::Absent("it is longer than 1,000 characters") };
    }
    match (&evidence.workflow, run.workflow_id, &evidence.jobs) {
        (Read::Unread, Some(workflow_id), _) => Name::Needs(Need::Workflow(workflow_id)),
        (_, _, Read::Unread) => Name::Needs(Need::Jobs),
        (Read::Absent(why), ..) => Name::Absent(why),
        _ => Name::Absent("GitHub does not say"),
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
        _ => None,
    };
    name.into_iter().chain(paths(run))
}

/// Whether the workflow is one of these.
pub fn is_one_of<'a>(names: &Names, run: &'a Run, evidence: &'a Evidence) -> Truth<'a> {
    if names.is_empty() {
        return Truth::No;
    }
    if paths(run).any(|path| names.matches(path)) {
        return Truth::Yes;
    }
    match name(run, evidence) {
        Name::Known(name) => Truth::of(names.matches(name)),
        Name::Needs(need) => Truth::Unread(need),
        Name::Absent(why) => Truth::Absent(Missing::Workflow(why)),
    }
}
