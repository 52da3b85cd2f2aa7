//! GitHub as the plays have it: one run, and what is answered to each call.

use super::fake_issues::Issues;
use super::*;

/// The run as GitHub has it, and how it answers.
#[derive(Default)]
pub struct GitHub {
    pub attempt: u32,
    pub conclusion: Option<Conclusion>,
    /// Other runs, with their attempts and conclusions.
    pub others: BTreeMap<RunId, (u32, Option<Conclusion>)>,
    /// Those of them that were re-run, in order.
    pub others_rerun: Vec<RunId>,
    pub reads: u32,
    pub repository_reads: u32,
    pub lists: u32,
    /// How many runs at the beginning of each list are too long to be read.
    pub long_runs: u32,
    /// When the run ended, for the list.
    pub ended: Millis,
    pub reruns: Vec<u32>,
    /// Answers to come before the honest ones.
    pub read_problems: Vec<github::Error>,
    /// What the run's repository is called.
    pub name: Option<RepoName>,
    pub rerun_answers: Vec<Result<RerunAnswer, github::Error>>,
    pub repository_answers: Vec<Result<(), github::Error>>,
    /// Lost answers are of calls that took effect.
    pub lost_after_effect: bool,
    /// The policy file.
    pub file: Option<String>,
    pub policy_answers: Vec<Result<FetchedPolicy, github::Error>>,
    /// The organization's.
    pub organizations_file: Option<String>,
    pub organizations_answers: Vec<Result<FetchedPolicy, github::Error>>,
    /// The name of its workflow.
    pub workflow: String,
    pub jobs: Vec<Job>,
    /// Of runs that have others.
    pub jobs_of: BTreeMap<RunId, Vec<Job>>,
    /// Before this, the list of jobs is empty.
    pub jobs_from: Millis,
    /// Of larger pages, the answer is 502.
    pub page_most: Option<u32>,
    pub annotations: Vec<String>,
    /// Whether they are at a file of the repository.
    pub at_source: bool,
    /// On the base branch, newest first, and the jobs of each.
    pub base_runs: Vec<Run>,
    pub base_jobs: Vec<Job>,
    pub default_branch: String,
    pub log: Vec<String>,
    /// Of calls for evidence, before the honest answers.
    pub evidence_problems: Vec<github::Error>,
    /// Of a log, always.
    pub log_problem: Option<github::Error>,
    pub calls: Vec<Call>,
    /// On the pull request, by id; a number for each time that they were written.
    pub comments: Vec<(u64, String)>,
    pub writes: u32,
    /// The ids of comments that an edit was asked for.
    pub edited: Vec<u64>,
    pub pull_request: Option<u64>,
    pub event: String,
    /// `None`: main.
    pub head_branch: Option<String>,
    /// Whether that is in a fork.
    pub of_fork: bool,
    /// Runs of pull requests from a fork, whatever the others are.
    pub of_forks: BTreeSet<RunId>,
    /// Those from the run's branch.
    pub pulls: Vec<PullRequest>,
    /// Before the honest answers, and whether the call took effect all the same.
    pub comment_problems: Vec<(github::Error, bool)>,
    /// The commit of the run, and of all others; none: it has no SHA.
    pub head_sha: Option<String>,
    /// Of its pull request, where that is not the same.
    pub head_commit: Option<String>,
    /// Commit statuses, as they were written.
    pub statuses: Vec<StatusCall>,
    /// Before the honest answers, and whether the call took effect all the same.
    pub status_problems: Vec<(github::Error, bool)>,
    /// The one that commands are on.
    pub pull: Option<PullRequest>,
    /// Where it cannot be read, before the honest answers.
    pub pull_problems: Vec<github::Error>,
    /// The runs of its commit; else all that there are.
    pub listed: Vec<Run>,
    /// Whether each page of them is full.
    pub lists_more: bool,
    /// To commands.
    pub reactions: Vec<(CommentId, Reaction)>,
    pub answers: Vec<String>,
    /// The same for reactions and answers, and whether the call took effect all the same.
    pub reply_problems: Vec<(github::Error, bool)>,
    pub issues: Issues,
    /// How long each call for evidence takes.
    pub evidence_takes: Span,
    /// Calls that are never answered.
    pub deadly: Option<fn(&Call) -> bool>,
}

impl GitHub {
    pub fn run(&self, run_id: RunId) -> Run {
        let (run_attempt, conclusion) = self.others.get(&run_id).copied().unwrap_or((self.attempt, self.conclusion));
        let is_outside = self.of_forks.contains(&run_id);
        Run {
            run_id,
            repository: self.name.clone(),
            run_attempt: attempt(run_attempt),
            conclusion,
            workflow_id: WorkflowId::new(5),
            workflow: None,
            path: Some(".github/workflows/ci.yml".to_owned()),
            event: if is_outside { "pull_request".to_owned() } else { self.event.clone() },
            head_branch: Some(self.head_branch.clone().unwrap_or_else(|| "main".to_owned())),
            run_number: Some(3),
            title: Some("Fix it".to_owned()),
            head_sha: self.head_sha.clone().unwrap_or_else(|| "a".to_owned()),
            head_commit: self.head_commit.clone(),
            origin: if self.of_fork || is_outside { fork() } else { Origin::Own },
            created: None,
            actors: vec!["ann".to_owned()],
            pull_request_heads: vec![],
            pull_request_base: None,
            pull_request: self.pull_request,
        }
    }

    fn command(&mut self, call: &CommandCall) -> Result<CommandReply, github::Error> {
        let writes = matches!(call, CommandCall::React { .. } | CommandCall::Answer { .. });
        let problem = if writes { self.reply_problems.pop() } else { None };
        if let Some((problem, false)) = problem {
            return Err(problem);
        }
        let reply = match call {
            CommandCall::ReadPull { .. } => match (self.pull_problems.pop(), &self.pull) {
                (Some(problem), _) => return Err(problem),
                (None, Some(pull)) => CommandReply::Pull(Box::new(pull.clone())),
                (None, None) => return Err(github::Error::NotFound),
            },
            CommandCall::ListRuns { branch, .. } => {
                assert_eq!(self.pull.as_ref().map(|pull| &pull.head_branch), Some(branch));
                let all = self.others.keys().map(|id| self.run(*id)).chain([self.run(run_id())]);
                let items = if self.listed.is_empty() { all.collect() } else { self.listed.clone() };
                CommandReply::Runs(Page { items, full: self.lists_more, total: None })
            }
            CommandCall::React { comment_id, reaction } => {
                if !self.reactions.contains(&(*comment_id, *reaction)) {
                    self.reactions.push((*comment_id, *reaction));
                }
                CommandReply::Reacted
            }
            CommandCall::FindAnswer { to, .. } => {
                let mark = crate::github::calls::commands::mark(*to);
                let is_there = self.answers.iter().any(|answer| answer.starts_with(&mark));
                let answer = if is_there { CommentAnswer::There(1) } else { CommentAnswer::NotThere };
                CommandReply::Answer(answer)
            }
            CommandCall::Answer { body, .. } => {
                self.answers.push(body.clone());
                CommandReply::Answer(CommentAnswer::There(1))
            }
        };
        problem.map_or(Ok(reply), |(problem, _)| Err(problem))
    }

    fn comment(&mut self, call: &CommentCall) -> Result<CommentAnswer, github::Error> {
        let finds = matches!(call, CommentCall::Find { .. });
        let problem = if finds { None } else { self.comment_problems.pop() };
        if let Some((problem, false)) = problem {
            return Err(problem);
        }
        let answer = match call {
            CommentCall::Find { .. } => {
                self.comments.first().map_or(CommentAnswer::NotThere, |(id, _)| CommentAnswer::There(*id))
            }
            CommentCall::Create { body, .. } => {
                let id = 100 + self.comments.len() as u64;
                self.comments.push((id, body.clone()));
                CommentAnswer::There(id)
            }
            CommentCall::Edit { comment_id, body } => {
                self.edited.push(*comment_id);
                match self.comments.iter_mut().find(|(id, _)| id == comment_id) {
                    Some((_, known)) => {
                        known.clone_from(body);
                        CommentAnswer::There(*comment_id)
                    }
                    None => CommentAnswer::NotThere,
                }
            }
        };
        self.writes += u32::from(!finds);
        problem.map_or(Ok(answer), |(problem, _)| Err(problem))
    }
}

impl Play {
    pub fn answer(&self, call: &Call) -> Response {
        let mut github = self.github.borrow_mut();
        github.calls.push(call.clone());
        if call.is_evidence() {
            self.pass(github.evidence_takes);
        }
        match call {
            Call::ReadRun { run_id } => {
                github.reads += 1;
                if let Some(problem) = github.read_problems.pop() {
                    return Response::Run(Err(problem));
                }
                Response::Run(Ok(Box::new(github.run(*run_id))))
            }
            Call::ReadRepository { .. } => {
                github.repository_reads += 1;
                let answer = github.repository_answers.pop();
                Response::Repository(answer.unwrap_or(Ok(())))
            }
            Call::ListFailedRuns(asked) => {
                github.lists += 1;
                if asked.skip < github.long_runs {
                    return Response::FailedRuns(Err(github::Error::TooLarge { limit: "4 MiB" }));
                }
                let asked = match asked.failing {
                    Failing::Failure => Conclusion::Failure,
                    Failing::TimedOut => Conclusion::TimedOut,
                    Failing::Cancelled => Conclusion::Cancelled,
                };
                let failed = github.conclusion == Some(asked);
                let listed =
                    ListedRun { run_id: run_id(), run_attempt: attempt(github.attempt), updated: github.ended };
                Response::FailedRuns(Ok(if failed { vec![listed] } else { vec![] }))
            }
            Call::ReadPolicy { etag, .. } => {
                let answer = github.policy_answers.pop();
                Response::Policy(answer.unwrap_or_else(|| fetched(github.file.clone(), etag.as_deref())))
            }
            Call::ReadOrganizationPolicy { etag, .. } => {
                let answer = github.organizations_answers.pop();
                let file = github.organizations_file.clone();
                Response::OrganizationPolicy(answer.unwrap_or_else(|| fetched(file, etag.as_deref())))
            }
            Call::ReadWorkflow { workflow_id, .. } => {
                assert_eq!(workflow_id.get(), 5);
                let name = github.workflow.clone();
                Response::Workflow(github.evidence_problems.pop().map_or(Ok(name), Err))
            }
            Call::ListJobs { run_id, run_attempt, per_page, page } => {
                let present = github.others.get(run_id).map_or(github.attempt, |(attempt, _)| *attempt);
                assert_eq!(run_attempt.get(), present, "evidence of another attempt");
                let too_large = github.page_most.filter(|most| per_page > most).map(|_| lost());
                let problem = github.evidence_problems.pop().or(too_large);
                if problem.is_none() && self.now.get() < github.jobs_from {
                    return Response::Jobs(Ok(Page { items: vec![], full: false, total: Some(0) }));
                }
                let jobs = github.jobs_of.get(run_id).unwrap_or(&github.jobs);
                Response::Jobs(problem.map_or_else(|| Ok(page_of(jobs, *per_page, *page)), Err))
            }
            Call::ListAnnotations { per_page, page, .. } => {
                let problem = github.evidence_problems.pop();
                let at_source = github.at_source;
                let of = |message: &String| Annotation { message: message.clone(), at_source };
                let all: Vec<Annotation> = github.annotations.iter().map(of).collect();
                Response::Annotations(problem.map_or_else(|| Ok(page_of(&all, *per_page, *page)), Err))
            }
            Call::ReadDefaultBranch { .. } => {
                let branch = github.default_branch.clone();
                Response::DefaultBranch(github.evidence_problems.pop().map_or(Ok(branch), Err))
            }
            Call::ListBaseRuns { branch, per_page, .. } => {
                let on_branch = |run: &&Run| run.head_branch.as_ref() == Some(branch);
                let runs = github.base_runs.iter().filter(on_branch).take(*per_page as usize).cloned().collect();
                Response::BaseRuns(github.evidence_problems.pop().map_or(Ok(runs), Err))
            }
            Call::ListBaseJobs { .. } => {
                let problem = github.evidence_problems.pop();
                Response::Jobs(problem.map_or_else(|| Ok(page_of(&github.base_jobs, 100, 1)), Err))
            }
            Call::ReadLog { .. } => {
                let tail = LogTail { first_line: 1, lines: github.log.clone() };
                let problem = github.evidence_problems.pop().or(github.log_problem.clone());
                Response::Log(problem.map_or(Ok(tail), Err))
            }
            Call::ListPulls { page, .. } => {
                let problem = github.evidence_problems.pop();
                let size = PULLS_PER_PAGE as usize;
                let items: Vec<_> = github.pulls.iter().skip(size * (*page as usize - 1)).take(size).cloned().collect();
                let page = Page { full: items.len() == size, total: None, items };
                Response::Pulls(problem.map_or(Ok(page), Err))
            }
            Call::Comment(call) => Response::Comment(github.comment(call)),
            Call::CommitStatus(call) => {
                let problem = github.status_problems.pop();
                if problem.as_ref().is_none_or(|(_, took_effect)| *took_effect) {
                    github.statuses.push(call.clone());
                }
                Response::CommitStatus(problem.map_or(Ok(()), |(problem, _)| Err(problem)))
            }
            Call::Command(call) => Response::Command(github.command(call)),
            Call::Issue(call) => Response::Issue(github.issues.answer(call, self.now.get())),
            Call::Rerun { run_id, run_attempt, .. } if github.others.contains_key(run_id) => {
                let other = github.others.insert(*run_id, (run_attempt.get() + 1, None));
                assert_eq!(
                    other.map(|(attempt, _)| attempt),
                    Some(run_attempt.get()),
                    "another attempt than decided on"
                );
                github.others_rerun.push(*run_id);
                Response::Rerun(Ok(RerunAnswer::Accepted))
            }
            Call::Rerun { run_attempt, .. } => {
                let answer = github.rerun_answers.pop().unwrap_or(Ok(RerunAnswer::Accepted));
                let lost = matches!(answer, Err(github::Error::Inconclusive { .. }));
                if answer == Ok(RerunAnswer::Accepted) || (lost && github.lost_after_effect) {
                    assert_eq!(github.attempt, run_attempt.get(), "re-run of another attempt than decided on");
                    github.reruns.push(run_attempt.get());
                    github.attempt += 1;
                    github.conclusion = None;
                }
                Response::Rerun(answer)
            }
        }
    }
}

fn fork() -> Origin {
    Origin::Fork(Some(Fork { name: RepoName::parse("ann/widgets").unwrap(), id: Some(2) }))
}

pub fn lost() -> github::Error {
    github::Error::inconclusive("GitHub did not answer in time")
}

fn page_of<T: Clone>(all: &[T], per_page: u32, page: u32) -> Page<T> {
    let size = per_page as usize;
    let items: Vec<T> = all.iter().skip(size * (page as usize - 1)).take(size).cloned().collect();
    Page { full: items.len() == size, total: Some(all.len() as u64), items }
}

fn fetched(file: Option<String>, etag: Option<&str>) -> Result<FetchedPolicy, github::Error> {
    let text = file.ok_or(github::Error::NotFound)?;
    let now = format!("\"{}\"", text.len());
    if etag == Some(&now) {
        return Ok(FetchedPolicy::NotModified);
    }
    Ok(FetchedPolicy::File { text, etag: Some(now) })
}
