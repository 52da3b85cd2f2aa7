//! What a call that has reached GitHub does there, and what is answered.

use percent_encoding::percent_decode_str;
use rerunner::github::calls::annotations::Annotation;
use rerunner::github::calls::base_runs::BASE_JOBS;
use rerunner::github::calls::pull_requests::PULLS_PER_PAGE;
use rerunner::github::{Author, Call, Failing, FetchedPolicy, Page, Reply, RerunAnswer, Response};
use rerunner::keeper::step::QUIET;
use rerunner::policy::Scope;
use rerunner::time::Span;
use simulator::model::{self, AnnotationLevel, ApiError, Caller, Contents, CreatedFilter, PullsQuery, RunsQuery};

use super::ORGANIZATIONS;
use super::conversions::{DEFAULT_BRANCH, error_reply, job_of, listed_of, page_of, pull_of, run_of, tail_of, to_model};
use super::world::{TOKEN, World};

impl World {
    pub fn perform(&mut self, repository: usize, call: &Call) -> Response {
        self.ask(repository, call).unwrap_or_else(|error| {
            let reply = error_reply(&error);
            if reply.headers.rate_limit_remaining.as_deref() == Some("0") {
                *self.faults_seen.entry("the hour's calls are spent").or_default() += 1;
            }
            read(call, reply)
        })
    }

    fn ask(&mut self, repository: usize, call: &Call) -> Result<Response, ApiError> {
        let most = self.stale_most.as_millis();
        let stale = if self.chance("stale read", self.faults.stale_read) { self.random.i64(0..most) } else { 0 };
        let caller = Caller::new(TOKEN).stale_by(stale.unsigned_abs());
        let (name, now) = (self.repositories[repository].clone(), to_model(self.now));
        Ok(match call {
            Call::Comment(comment) => Response::Comment(Ok(self.comment(&caller, &name, comment)?)),
            Call::Command(command) => Response::Command(Ok(self.command(&caller, &name, command)?)),
            Call::CommitStatus(status) => Response::CommitStatus(Ok(self.commit_status(&caller, &name, status)?)),
            Call::Issue(issue) => Response::Issue(Ok(self.issue(&caller, &name, issue)?)),
            Call::ReadRun { run_id } => {
                self.behind.insert(*run_id, Span::millis(stale));
                if Span::millis(stale) > QUIET.minus(Span::seconds(1)) {
                    self.read_past_the_guard.insert(*run_id);
                }
                let run = self.github.read_run(caller, &name, model::RunId(run_id.get()), now)?;
                Response::Run(Ok(Box::new(run_of(&run))))
            }
            Call::ReadRepository { .. } => {
                self.github.read_repository(caller, &name, now)?;
                Response::Repository(Ok(()))
            }
            Call::Rerun { run_id, scope, debug_logging, .. } => {
                let run = model::RunId(run_id.get());
                match scope {
                    Scope::FailedJobs => self.github.rerun_failed_jobs(caller, &name, run, *debug_logging, now)?,
                    Scope::AllJobs => self.github.rerun(caller, &name, run, *debug_logging, now)?,
                }
                Response::Rerun(Ok(RerunAnswer::Accepted))
            }
            Call::ReadPolicy { path, etag, .. } => {
                let contents = self.github.contents(caller, &name, path.as_str(), etag.as_deref(), now)?;
                Response::Policy(Ok(fetched(contents)))
            }
            Call::ReadOrganizationPolicy { path, etag, .. } => {
                let contents = self.github.contents(caller, ORGANIZATIONS, path.as_str(), etag.as_deref(), now)?;
                Response::OrganizationPolicy(Ok(fetched(contents)))
            }
            Call::ReadWorkflow { workflow_id, .. } => {
                let run = self.github.workflow(caller, &name, workflow_id.get(), now)?;
                Response::Workflow(Ok(run.identity.workflow.name.to_string()))
            }
            Call::ListPulls { run_id, head, page } => {
                let owner = name.split('/').next().unwrap_or_default();
                let query = PullsQuery {
                    head: Some(percent_decode_str(&head.encoded(owner)).decode_utf8_lossy().into_owned()),
                    state: Some("all".to_owned()),
                    per_page: PULLS_PER_PAGE as usize,
                    page: *page as usize,
                };
                let page = self.github.list_pull_requests(caller, &name, &query, now)?;
                self.pulls_read(repository, *run_id);
                Response::Pulls(Ok(page_of(page.pulls.iter().map(pull_of).collect(), PULLS_PER_PAGE)))
            }
            Call::ListJobs { run_id, run_attempt, per_page, page } => {
                let (run, attempt) = (model::RunId(run_id.get()), Some(run_attempt.get()));
                let (size, page) = (*per_page as usize, *page as usize);
                let page = self.github.list_jobs(caller, &name, run, attempt, size, page, now)?;
                let total = u64::try_from(page.total_count).ok();
                let items = page.jobs.iter().map(|job| job_of(&job.job)).collect();
                Response::Jobs(Ok(Page { total, ..page_of(items, *per_page) }))
            }
            Call::ListAnnotations { job_id, per_page, .. } => {
                let all = self.github.annotations(caller, &name, model::JobId(job_id.get()), now)?;
                let annotations = all
                    .into_iter()
                    .map(|one| Annotation {
                        message: one.message,
                        at_source: one.level == AnnotationLevel::Failure && &*one.path != ".github",
                    })
                    .collect();
                Response::Annotations(Ok(page_of(annotations, *per_page)))
            }
            Call::ReadDefaultBranch { .. } => {
                self.github.read_repository(caller, &name, now)?;
                Response::DefaultBranch(Ok(DEFAULT_BRANCH.to_owned()))
            }
            Call::ListBaseRuns { workflow_id, branch, per_page, .. } => {
                let query = RunsQuery {
                    status: Some("completed".to_owned()),
                    branch: Some(branch.clone()),
                    per_page: *per_page as usize,
                    page: 1,
                    ..RunsQuery::default()
                };
                let page = self.github.list_runs(caller, &name, &query, now)?;
                let runs = page.runs.iter().map(run_of).filter(|run| run.workflow_id == Some(*workflow_id)).collect();
                Response::BaseRuns(Ok(runs))
            }
            Call::ListBaseJobs { base_run_id, .. } => {
                let (run, size) = (model::RunId(base_run_id.get()), BASE_JOBS as usize);
                let page = self.github.list_jobs(caller, &name, run, None, size, 1, now)?;
                let items = page.jobs.iter().map(|job| job_of(&job.job)).collect();
                Response::Jobs(Ok(page_of(items, BASE_JOBS)))
            }
            Call::ReadLog { job_id, .. } => {
                let job = model::JobId(job_id.get());
                self.github.job_log(caller, &name, job, now)?;
                Response::Log(Ok(tail_of(&self.github.read_log(job).unwrap_or_default())))
            }
            Call::ListFailedRuns(asked) => {
                let status = match asked.failing {
                    Failing::Failure => "failure",
                    Failing::TimedOut => "timed_out",
                    Failing::Cancelled => "cancelled",
                };
                let query = RunsQuery {
                    status: Some(status.to_owned()),
                    created: CreatedFilter { from: to_model(asked.created_from), ..CreatedFilter::default() },
                    per_page: asked.per_page as usize,
                    page: (asked.skip / asked.per_page) as usize + 1,
                    ..RunsQuery::default()
                };
                let page = self.github.list_runs(caller, &name, &query, now)?;
                Response::FailedRuns(Ok(page.runs.iter().map(listed_of).collect()))
            }
        })
    }
}

fn fetched(contents: Contents) -> FetchedPolicy {
    match contents {
        Contents::File(file) => FetchedPolicy::File { text: file.content, etag: Some(file.etag) },
        Contents::NotModified { .. } => FetchedPolicy::NotModified,
    }
}

/// What GitHub answers beside what the model does.
pub fn read(call: &Call, reply: Reply) -> Response {
    call.response(Ok(reply), Some(&Author::User(1)))
}
