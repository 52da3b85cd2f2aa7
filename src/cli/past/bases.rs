//! How a workflow stood on the branch where a run's commits were to go: by the run that was the newest then.

use std::collections::BTreeMap;

use rerunner::names::{Conclusion, RunId, WorkflowId};
use rerunner::policy::evidence::{BaseRun, Fetched, Job, Pulls};
use rerunner::policy::run::Run;
use rerunner::policy::{BaseBranch, BaseOf, base_branch};
use rerunner::time::Millis;

use crate::cli::report::Failure;

use super::attempts::PastRun;
use super::lists::Outline;
use super::reader::Reader;

pub struct Bases<'a> {
    /// A workflow's runs, newest first.
    outlines: BTreeMap<WorkflowId, Vec<&'a Outline>>,
    /// Those that were read.
    runs: BTreeMap<RunId, &'a PastRun>,
    default_branch: Fetched<String>,
}

impl<'a> Bases<'a> {
    pub fn new(outlines: &'a [Outline], runs: &'a [PastRun], default_branch: Fetched<String>) -> Self {
        let mut by_workflow = BTreeMap::<WorkflowId, Vec<&Outline>>::new();
        for outline in outlines {
            if let Some(id) = outline.run.workflow_id {
                by_workflow.entry(id).or_default().push(outline);
            }
        }
        let runs = runs.iter().filter_map(|run| Some((run.attempts.first()?.run.run_id, run))).collect();
        Self { outlines: by_workflow, runs, default_branch }
    }

    /// By what had ended then.
    pub fn of(&self, run: &Run, at: Millis) -> Fetched<BaseRun> {
        self.find(run, at).unwrap_or_else(Fetched::Absent)
    }

    fn find(&self, run: &Run, at: Millis) -> Result<Fetched<BaseRun>, String> {
        let pulls = Fetched::Absent("not known of the past".to_owned());
        let (workflow_id, branch) = branch(run, &pulls, &self.default_branch)?;
        let base_of = BaseOf::new(run, workflow_id, branch);
        for outline in self.outlines.get(&workflow_id).into_iter().flatten() {
            let (then, jobs) = match self.then(outline, at) {
                Then::NotOver => continue,
                Then::Unknown => {
                    // It matters only if it is one of those.
                    let passed = Run { conclusion: Some(Conclusion::Success), ..outline.run.clone() };
                    if base_of.newest(std::slice::from_ref(&passed), run.run_id).is_some() {
                        return Err(format!("run {} was not read", outline.run.run_id));
                    }
                    continue;
                }
                Then::Over(then, jobs) => (then, jobs),
            };
            if base_of.newest(std::slice::from_ref(&then), run.run_id).is_some() {
                return base_run(&then, jobs).map(Fetched::Present);
            }
        }
        // One may have been before all that was read.
        Err(format!("no earlier run of it on {} is known", base_of.branch))
    }

    fn then(&self, outline: &Outline, at: Millis) -> Then<'a> {
        if let Some(run) = self.runs.get(&outline.run.run_id) {
            let over = run.attempts.iter().rev().find(|attempt| attempt.ended.is_some_and(|ended| ended <= at));
            return over.map_or(Then::NotOver, |attempt| {
                Then::Over(Box::new(attempt.run.clone()), attempt.jobs.present().map(Vec::as_slice))
            });
        }
        if outline.run.created.is_none_or(|created| created > at) {
            return Then::NotOver;
        }
        match outline.run.run_attempt.get() {
            1 if outline.updated.is_some_and(|updated| updated <= at) => {
                Then::Over(Box::new(outline.run.clone()), None)
            }
            1 => Then::NotOver,
            _ => Then::Unknown,
        }
    }
}

enum Then<'a> {
    NotOver,
    Over(Box<Run>, Option<&'a [Job]>),
    Unknown,
}

fn base_run(run: &Run, jobs: Option<&[Job]>) -> Result<BaseRun, String> {
    let has_failed = |job: &&Job| matches!(job.conclusion, Some(Conclusion::Failure | Conclusion::TimedOut));
    let failed_jobs = match (run.conclusion, jobs) {
        (Some(Conclusion::Success), _) => Default::default(),
        (_, Some(jobs)) => jobs.iter().filter(has_failed).map(|job| job.name.clone()).collect(),
        (_, None) => return Err(format!("the jobs of run {} were not read", run.run_id)),
    };
    Ok(BaseRun { run_id: Some(run.run_id), failed_jobs, cut: None })
}

fn branch(run: &Run, pulls: &Fetched<Pulls>, default: &Fetched<String>) -> Result<(WorkflowId, String), String> {
    let branch = match (base_branch(run, pulls), default) {
        (BaseBranch::Named(branch), _) => branch,
        (BaseBranch::Default, Fetched::Present(branch)) => branch.clone(),
        (BaseBranch::Default, Fetched::Absent(why)) => return Err(format!("the default branch: {why}")),
        (BaseBranch::Default, Fetched::NotYet) => return Err("the default branch is not known".to_owned()),
        (BaseBranch::OfPulls, _) => return Err("its pull request is not known".to_owned()),
        (BaseBranch::Unknown(why), _) => return Err(why),
    };
    let id = run.workflow_id.ok_or("GitHub does not say which workflow it belongs to")?;
    Ok((id, branch))
}

/// As GitHub has it now.
pub fn base_now(reader: &mut Reader, run: &Run, pulls: &Fetched<Pulls>) -> Result<Fetched<BaseRun>, Failure> {
    let default_branch = match base_branch(run, pulls) {
        BaseBranch::Default => reader.default_branch()?,
        _ => Fetched::NotYet,
    };
    let (workflow_id, branch) = match branch(run, pulls, &default_branch) {
        Ok(found) => found,
        Err(why) => return Ok(Fetched::Absent(why)),
    };
    let runs = match reader.base_runs(workflow_id, &branch) {
        Fetched::Present(runs) => runs,
        Fetched::Absent(why) => return Ok(Fetched::Absent(why)),
        Fetched::NotYet => Vec::new(),
    };
    let Some(newest) = BaseOf::new(run, workflow_id, branch).newest(&runs, run.run_id).cloned() else {
        return Ok(Fetched::Present(BaseRun::default()));
    };
    let jobs = match newest.conclusion {
        Some(Conclusion::Success) => Fetched::NotYet,
        _ => reader.jobs(newest.run_id, newest.run_attempt)?,
    };
    Ok(base_run(&newest, jobs.present().map(Vec::as_slice)).map_or_else(Fetched::Absent, Fetched::Present))
}

#[cfg(test)]
mod tests {
    use super::super::attempts::support::{attempt, job};
    use super::*;

    const MINUTE: i64 = 60_000;

    fn outline(run: &Run, updated: i64) -> Outline {
        Outline { run: run.clone(), started: None, updated: Some(Millis(updated * MINUTE)) }
    }

    /// On `main`, a run that failed in "test" at 10 and passed when it was re-run at 30; later one that passed.
    #[test]
    fn by_what_had_ended_then() {
        let on_main =
            |id, number, conclusion, ended: i64, jobs| attempt(id, number, conclusion, Millis(ended * MINUTE), jobs);
        let broken = PastRun {
            attempts: vec![
                on_main(1, 1, Conclusion::Failure, 10, vec![job(10, "test", "Run tests", Conclusion::Failure)]),
                on_main(1, 2, Conclusion::Success, 30, vec![job(11, "test", "Run tests", Conclusion::Success)]),
            ],
        };
        let later = on_main(3, 1, Conclusion::Success, 40, vec![]);
        let unread = on_main(4, 2, Conclusion::Failure, 60, vec![]);
        let subject = Run { head_branch: Some("fix".to_owned()), ..on_main(2, 1, Conclusion::Failure, 20, vec![]).run };
        let runs = [broken];
        let outlines = [
            Outline {
                run: Run { created: Some(Millis(50 * MINUTE)), ..unread.run.clone() },
                ..outline(&unread.run, 60)
            },
            outline(&later.run, 40),
            outline(&subject, 20),
            outline(&runs[0].attempts[1].run, 30),
        ];
        let bases = Bases::new(&outlines, &runs, Fetched::Present("main".to_owned()));
        let at = |minute: i64| match bases.of(&subject, Millis(minute * MINUTE)) {
            Fetched::Present(base) => Ok((base.run_id.map(RunId::get), base.fails("test").unwrap())),
            Fetched::Absent(why) => Err(why),
            Fetched::NotYet => panic!(),
        };
        assert_eq!(at(5), Err("no earlier run of it on main is known".to_owned()));
        assert_eq!(at(20), Ok((Some(1), true)));
        assert_eq!(at(35), Ok((Some(1), false)));
        assert_eq!(at(45), Ok((Some(3), false)));
        assert_eq!(at(65), Err("run 4 was not read".to_owned()));
        let of_fork = Run { event: "pull_request".to_owned(), ..subject.clone() };
        assert!(matches!(bases.of(&of_fork, Millis(20 * MINUTE)), Fetched::Absent(_)), "its base is not known");
    }
}
