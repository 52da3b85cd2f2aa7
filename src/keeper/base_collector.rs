//! The part of a decision's evidence that is about the base branch: which run there tells how a workflow stands, and what failed
//! in it. At most three calls, if the run's pull request is one of the fifty newest from its branch: the branch, its runs, the jobs
//! of one. Pure.

use crate::github::Call;
use crate::github::Page;
use crate::github::calls::base_runs::{BASE_JOBS, BASE_RUNS};
use crate::github::calls::pull_requests::Head;
use crate::names::{Conclusion, RunId};
use crate::policy::evidence::{BaseRun, Fetched, Job};
use crate::policy::run::Run;
use crate::policy::{BaseBranch, BaseOf, base_branch};

use super::evidence_collector::{Collected, EvidenceCollector};

impl EvidenceCollector {
    /// The next call for the run on the base branch. A fork's pull request has to be found first.
    pub(super) fn ask_for_base(&mut self) -> Option<Call> {
        let run_id = self.run.run_id;
        let branch = match base_branch(&self.run, &self.evidence.pulls) {
            BaseBranch::Named(branch) => branch,
            BaseBranch::Default => match &self.default_branch {
                Some(branch) => branch.clone(),
                None => return Some(Call::ReadDefaultBranch { run_id }),
            },
            BaseBranch::OfPulls => match Head::of(&self.run) {
                Ok(head) => return Some(Call::ListPulls { run_id, head, page: 1 }),
                Err(why) => return self.base_is_absent(why),
            },
            BaseBranch::Unknown(why) => return self.base_is_absent(why),
        };
        let Some(workflow_id) = self.run.workflow_id else {
            return self.base_is_absent("GitHub does not say which workflow it belongs to");
        };
        self.base_of = Some(BaseOf::new(&self.run, workflow_id, branch.clone()));
        Some(Call::ListBaseRuns { run_id, workflow_id, branch, per_page: BASE_RUNS })
    }

    fn base_is_absent<T>(&mut self, why: impl Into<String>) -> Option<T> {
        self.evidence.base = Fetched::Absent(why.into());
        None
    }

    pub(super) fn base_runs(&mut self, runs: &[Run], per_page: u32) -> Collected {
        let run_id = self.run.run_id;
        let newest = self.base_of.as_ref().and_then(|base_of| base_of.newest(runs, run_id));
        match newest {
            Some(base) if base.conclusion != Some(Conclusion::Success) => {
                let base_run_id = base.run_id;
                self.ask_next(Call::ListBaseJobs { run_id, base_run_id })
            }
            newest => {
                let run_id = newest.map(|base| base.run_id);
                // Forks' runs from branches of the same name can fill the list.
                let is_full = run_id.is_none() && runs.len() >= per_page as usize;
                let cut = is_full.then(|| format!("none of the newest {per_page} runs listed is one"));
                self.evidence.base = Fetched::Present(BaseRun { run_id, cut, ..BaseRun::default() });
                Collected::Had
            }
        }
    }

    pub(super) fn base_jobs(&mut self, run_id: RunId, listed: Page<Job>) {
        let has_failed = |job: &Job| matches!(job.conclusion, Some(Conclusion::Failure | Conclusion::TimedOut));
        let cut = listed.full.then(|| format!("it has more than the {BASE_JOBS} jobs that were read"));
        let failed_jobs = listed.items.into_iter().filter(has_failed).map(|job| job.name).collect();
        self.evidence.base = Fetched::Present(BaseRun { run_id: Some(run_id), failed_jobs, cut });
    }
}
