//! What a call that has reached GitHub does there, and what is answered.

use percent_encoding::percent_decode_str;
use rerunner::github::answer::Reply;
use rerunner::github::comments::Author;
use rerunner::github::pulls::PULLS_PER_PAGE;
use rerunner::github::request::Failing;
use rerunner::github::{
    Call, CommentCall, Commented, Found, ListAnswer, Page, PolicyAnswer, ReadAnswer, RepositoryAnswer, RerunAnswer,
};
use rerunner::keeper::Answer;
use rerunner::keeper::tasks::comment::MARK;
use rerunner::policy::Scope;
use rerunner::time::Span;
use simulator::model::{self, Caller, Contents, CreatedFilter, PullsQuery, RunsQuery};

use super::conversions::{error_reply, job_of, listed_of, page_of, pull_of, run_of, tail_of, to_model};
use super::world::{TOKEN, World};

impl World {
    pub fn perform(&mut self, repository: usize, call: &Call) -> Answer {
        let most = self.stale_most.as_millis();
        let stale = if self.chance("stale read", self.faults.stale_read) { self.random.i64(0..most) } else { 0 };
        let caller = Caller::new(TOKEN).stale_by(stale.unsigned_abs());
        let (name, now) = (self.repositories[repository].clone(), to_model(self.now));
        match call {
            Call::Comment(comment) => Answer::Comment(self.comment(&caller, &name, comment)),
            Call::ReadRun { run_id } => {
                self.behind.insert(*run_id, Span::millis(stale));
                let read = self.github.read_run(caller, &name, model::RunId(run_id.get()), now);
                Answer::Read(match read {
                    Ok(run) => ReadAnswer::Run(Box::new(run_of(&run))),
                    Err(error) => ReadAnswer::of(error_reply(&error)),
                })
            }
            Call::ReadRepository { .. } => Answer::Repository(match self.github.read_repository(caller, &name, now) {
                Ok(_) => RepositoryAnswer::There,
                Err(error) => RepositoryAnswer::of(&error_reply(&error)),
            }),
            Call::Rerun { run_id, scope, debug_logging, .. } => {
                let run = model::RunId(run_id.get());
                let rerun = match scope {
                    Scope::FailedJobs => self.github.rerun_failed_jobs(caller, &name, run, *debug_logging, now),
                    Scope::AllJobs => self.github.rerun(caller, &name, run, *debug_logging, now),
                };
                Answer::Rerun(match rerun {
                    Ok(()) => RerunAnswer::Accepted,
                    Err(error) => RerunAnswer::of(error_reply(&error)),
                })
            }
            Call::ReadPolicy { path, etag, .. } => {
                Answer::Policy(match self.github.contents(caller, &name, path.as_str(), etag.as_deref(), now) {
                    Ok(Contents::File(file)) => PolicyAnswer::File { text: file.content, etag: Some(file.etag) },
                    Ok(Contents::NotModified { .. }) => PolicyAnswer::Same,
                    Err(error) => PolicyAnswer::of(error_reply(&error)),
                })
            }
            Call::ReadWorkflow { workflow_id, .. } => {
                Answer::Workflow(match self.github.workflow(caller, &name, workflow_id.get(), now) {
                    Ok(run) => Found::There(run.identity.workflow.name.to_string()),
                    Err(error) => Found::missing(&error_reply(&error)),
                })
            }
            Call::ListPulls { run_id, head, page } => {
                let owner = name.split('/').next().unwrap_or_default();
                let query = PullsQuery {
                    head: Some(percent_decode_str(&head.encoded(owner)).decode_utf8_lossy().into_owned()),
                    state: Some("all".to_owned()),
                    per_page: PULLS_PER_PAGE as usize,
                    page: *page as usize,
                };
                Answer::Pulls(match self.github.list_pull_requests(caller, &name, &query, now) {
                    Ok(page) => {
                        self.pulls_read(repository, *run_id);
                        Found::There(page_of(page.pulls.iter().map(pull_of).collect(), PULLS_PER_PAGE))
                    }
                    Err(error) => Found::missing(&error_reply(&error)),
                })
            }
            Call::ListJobs { run_id, run_attempt, per_page, page } => {
                let (run, attempt) = (model::RunId(run_id.get()), Some(run_attempt.get()));
                let (size, page) = (*per_page as usize, *page as usize);
                Answer::Jobs(match self.github.list_jobs(caller, &name, run, attempt, size, page, now) {
                    Ok(page) => {
                        let total = u64::try_from(page.total_count).ok();
                        let items = page.jobs.iter().map(|job| job_of(&job.job)).collect();
                        Found::There(Page { total, ..page_of(items, *per_page) })
                    }
                    Err(error) => Found::missing(&error_reply(&error)),
                })
            }
            Call::ListAnnotations { job_id, per_page, .. } => {
                Answer::Annotations(match self.github.annotations(caller, &name, model::JobId(job_id.get()), now) {
                    Ok(all) => {
                        Found::There(page_of(all.into_iter().map(|annotation| annotation.message).collect(), *per_page))
                    }
                    Err(error) => Found::missing(&error_reply(&error)),
                })
            }
            Call::ReadLog { job_id, .. } => {
                let job = model::JobId(job_id.get());
                Answer::Log(match self.github.job_log(caller, &name, job, now) {
                    Ok(_) => Found::There(tail_of(&self.github.read_log(job).unwrap_or_default())),
                    Err(error) => Found::missing(&error_reply(&error)),
                })
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
                Answer::List(match self.github.list_runs(caller, &name, &query, now) {
                    Ok(page) => ListAnswer::Runs(page.runs.iter().map(listed_of).collect()),
                    Err(error) => ListAnswer::of(error_reply(&error)),
                })
            }
        }
    }

    fn comment(&mut self, caller: &Caller, name: &str, call: &CommentCall) -> Commented {
        let now = to_model(self.now);
        let done = match call {
            CommentCall::Find { pull, since, .. } => {
                let author = caller.token.and_then(|token| self.github.login_of(token));
                self.github.list_comments(*caller, name, *pull, to_model(*since), now).map(|all| {
                    let is_ours =
                        |one: &&simulator::Comment| one.body.starts_with(MARK) && Some(&one.author) == author.as_ref();
                    let ours = all.iter().find(is_ours);
                    ours.map_or(Commented::NotThere, |comment| Commented::There(comment.id))
                })
            }
            CommentCall::Create { pull, body } => {
                self.github.create_comment(*caller, name, *pull, body, now).map(|comment| Commented::There(comment.id))
            }
            CommentCall::Edit { comment_id, body } => {
                self.github.edit_comment(*caller, name, *comment_id, body, now).map(|made| Commented::There(made.id))
            }
        };
        done.unwrap_or_else(|error| comment_of(call, &error_reply(&error)))
    }
}

/// What GitHub answers beside what the model does.
pub fn comment_of(call: &CommentCall, reply: &Reply) -> Commented {
    match call {
        CommentCall::Find { .. } => Commented::found(reply, MARK, &Author::User(1)),
        CommentCall::Create { .. } | CommentCall::Edit { .. } => Commented::written(call, reply),
    }
}
