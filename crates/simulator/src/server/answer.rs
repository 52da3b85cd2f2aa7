//! What is asked for to an HTTP answer.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::request::{Asked, What};
use super::{Reply, status};
use crate::model::{
    Annotation, ApiError, Caller, Comment, CommitStatus, Contents, GitHub, IssueSnapshot, IssuesPage, JobsPage,
    LogLocation, Millis, PullRequestSnapshot, PullsPage, Reaction, RunSnapshot, RunsPage, StatusesPage, page,
};
use crate::pages;
use crate::payload::{self, Hosts};
use crate::world::World;

const DOCUMENTATION: &str = "https://docs.github.com/rest";

/// An error's message, for the record of calls. Kept beside the reply, whose body is not to be read twice.
#[derive(Debug, Clone)]
struct Message(String);

/// What the model answered.
pub(super) enum Done {
    Repository,
    Run(RunSnapshot),
    Workflow(RunSnapshot),
    Jobs(JobsPage),
    Runs(RunsPage),
    Rerun,
    Annotations(Vec<Annotation>),
    Log(LogLocation),
    PullRequest(Box<PullRequestSnapshot>),
    PullRequests(PullsPage),
    Contents(Contents),
    Comments(Vec<Comment>),
    Comment(Comment, u16),
    Reaction(Reaction, u16),
    Issue(Box<IssueSnapshot>, u16),
    Issues(IssuesPage),
    Status(CommitStatus),
    Statuses(StatusesPage),
}

pub(super) fn perform(
    model: &mut GitHub,
    caller: Caller<'_>,
    asked: &Asked,
    if_none_match: Option<&str>,
    now: Millis,
) -> Result<Done, ApiError> {
    let repository = asked.repository.as_str();
    match &asked.what {
        What::Repository => model.read_repository(caller, repository, now).map(|_| Done::Repository),
        What::Run(run) => model.read_run(caller, repository, *run, now).map(Done::Run),
        What::Attempt(run, number) => model.read_attempt(caller, repository, *run, *number, now).map(Done::Run),
        What::Jobs(run, attempt) => {
            model.list_jobs(caller, repository, *run, *attempt, asked.per_page, asked.page, now).map(Done::Jobs)
        }
        What::AllJobs(run) => {
            model.list_all_jobs(caller, repository, *run, asked.per_page, asked.page, now).map(Done::Jobs)
        }
        What::Workflow(id) => model.workflow(caller, repository, *id, now).map(Done::Workflow),
        What::Runs(query) => model.list_runs(caller, repository, query, now).map(Done::Runs),
        What::WorkflowRuns(workflow, query) => {
            model.list_workflow_runs(caller, repository, workflow, query, now).map(Done::Runs)
        }
        What::RerunFailedJobs(run, debug) => {
            model.rerun_failed_jobs(caller, repository, *run, *debug, now).map(|()| Done::Rerun)
        }
        What::Rerun(run, debug) => model.rerun(caller, repository, *run, *debug, now).map(|()| Done::Rerun),
        What::RerunJob(job, debug) => model.rerun_job(caller, repository, *job, *debug, now).map(|()| Done::Rerun),
        What::Annotations(job) => model.annotations(caller, repository, *job, now).map(Done::Annotations),
        What::JobLog(job) => model.job_log(caller, repository, *job, now).map(Done::Log),
        What::PullRequest(number) => {
            model.pull_request(caller, repository, *number, now).map(|pull| Done::PullRequest(Box::new(pull)))
        }
        What::PullRequests(query) => model.list_pull_requests(caller, repository, query, now).map(Done::PullRequests),
        What::ListComments(number, since) => {
            model.list_comments(caller, repository, *number, *since, now).map(Done::Comments)
        }
        What::CreateComment(number, body) => {
            model.create_comment(caller, repository, *number, body, now).map(|comment| Done::Comment(comment, 201))
        }
        What::EditComment(id, body) => {
            model.edit_comment(caller, repository, *id, body, now).map(|comment| Done::Comment(comment, 200))
        }
        What::CreateReaction(comment, content) => {
            let made = model.create_reaction(caller, repository, *comment, content, now);
            made.map(|(reaction, new)| Done::Reaction(reaction, if new { 201 } else { 200 }))
        }
        What::CreateIssue(new) => {
            model.create_issue(caller, repository, new, now).map(|issue| Done::Issue(Box::new(issue), 201))
        }
        What::ListIssues(query) => model.list_issues(caller, repository, query, now).map(Done::Issues),
        What::ReadIssue(number) => {
            model.read_issue(caller, repository, *number, now).map(|issue| Done::Issue(Box::new(issue), 200))
        }
        What::EditIssue(number, change) => {
            model.edit_issue(caller, repository, *number, change, now).map(|issue| Done::Issue(Box::new(issue), 200))
        }
        What::CreateStatus(sha, new) => model.create_status(caller, repository, sha, new, now).map(Done::Status),
        What::ListStatuses(reference) => {
            let page = (asked.per_page, asked.page);
            model.list_statuses(caller, repository, reference, page, now).map(Done::Statuses)
        }
        What::Contents(path) => model.contents(caller, repository, path, if_none_match, now).map(Done::Contents),
        What::Other(_) => unreachable!("answered beside the model"),
    }
}

impl Done {
    /// `raw`: a file is asked for as it is, and not as JSON about it.
    pub fn render(self, world: &World, model: &GitHub, asked: &Asked, raw: bool) -> Reply {
        let hosts = &world.hosts;
        let repository = model.find_repository(&asked.repository).map(|id| &model.repository(id).identity);
        let repository = repository.expect("the model answered for it");
        match self {
            Done::Repository => reply(200, &payload::repository(hosts, repository)),
            Done::Run(run) => reply(200, &shown_run(hosts, asked, &run)),
            Done::Workflow(run) => reply(200, &payload::workflow(hosts, &run)),
            Done::Rerun => reply(201, &json!({})),
            Done::Comments(all) => {
                let on_it = page(all.iter(), asked.per_page, asked.page).into_iter();
                let shown = on_it.map(|comment| payload::comment(hosts, repository, comment)).collect();
                linked(asked, all.len(), reply(200, &shown))
            }
            Done::Comment(comment, status) => {
                let comment = payload::comment(hosts, repository, &comment);
                if status == 201 { created(&comment) } else { reply(status, &comment) }
            }
            Done::Reaction(reaction, status) => reply(status, &payload::reaction(hosts, &reaction)),
            Done::Issue(issue, status) => {
                let issue = payload::issue(hosts, repository, &issue);
                if status == 201 { created(&issue) } else { reply(status, &issue) }
            }
            Done::Issues(page) => {
                let issues = page.issues.iter().map(|one| payload::issue(hosts, repository, one)).collect();
                linked(asked, page.total_count, reply(200, &issues))
            }
            Done::Status(status) => created(&payload::status(hosts, repository, &status)),
            Done::Statuses(page) => {
                let statuses = page.statuses.iter().map(|one| payload::status(hosts, repository, one)).collect();
                linked(asked, page.total_count, reply(200, &statuses))
            }
            Done::Annotations(all) => {
                let shown = page(all.iter(), asked.per_page, asked.page).into_iter().map(payload::annotation).collect();
                linked(asked, all.len(), reply(200, &shown))
            }
            Done::PullRequest(pull) => reply(200, &payload::pull_request(hosts, &pull, repository)),
            Done::PullRequests(page) => {
                let pulls =
                    page.pulls.iter().map(|pull| payload::listed_pull_request(hosts, pull, repository)).collect();
                linked(asked, page.total_count, reply(200, &Value::Array(pulls)))
            }
            Done::Jobs(page) => {
                let jobs: Vec<Value> = page.jobs.iter().map(|job| payload::job(hosts, job)).collect();
                paged(asked, page.total_count, jobs, "jobs")
            }
            Done::Runs(page) => {
                let runs: Vec<Value> = page.runs.iter().map(|run| shown_run(hosts, asked, run)).collect();
                paged(asked, page.total_count, runs, "workflow_runs")
            }
            Done::Log(log) => {
                let mut found = reply(302, &Value::Null);
                let place = format!("http://{}/job-logs/{}?se={}", world.logs, log.job, log.expires_at);
                add_headers(&mut found, [("location".to_owned(), place)]);
                found
            }
            Done::Contents(Contents::NotModified { etag }) => {
                let mut reply = reply(304, &Value::Null);
                add_headers(&mut reply, [("etag".to_owned(), etag)]);
                reply
            }
            Done::Contents(Contents::File(file)) => {
                let What::Contents(path) = &asked.what else { unreachable!("only contents answer with contents") };
                let mut reply = reply(200, &payload::contents(hosts, repository, path, &file));
                if raw {
                    *reply.body_mut() = Full::new(Bytes::from(file.content));
                    let content_type = "application/vnd.github.raw+json; charset=utf-8";
                    add_headers(&mut reply, [("content-type".to_owned(), content_type.to_owned())]);
                }
                add_headers(&mut reply, [("etag".to_owned(), file.etag)]);
                reply
            }
        }
    }
}

fn shown_run(hosts: &Hosts, asked: &Asked, run: &RunSnapshot) -> Value {
    let mut shown = payload::run(hosts, run);
    if asked.without_pulls {
        shown["pull_requests"] = json!([]);
    }
    shown
}

/// With the `Link` header that leads to the next page.
fn paged(asked: &Asked, total_count: usize, items: Vec<Value>, name: &str) -> Reply {
    linked(asked, total_count, reply(200, &json!({ "total_count": total_count, name: items })))
}

fn linked(asked: &Asked, total_count: usize, mut reply: Reply) -> Reply {
    let per_page = if asked.per_page == 0 { 30 } else { asked.per_page.min(100) };
    let page = asked.page.max(1);
    if page * per_page < total_count {
        let last = total_count.div_ceil(per_page);
        let link = |page: usize, rel: &str| format!("<?per_page={per_page}&page={page}>; rel=\"{rel}\"");
        let links = format!("{}, {}", link(page + 1, "next"), link(last, "last"));
        add_headers(&mut reply, [("link".to_owned(), links)]);
    }
    reply
}

/// With the place where it is from now on.
fn created(what: &Value) -> Reply {
    let mut reply = reply(201, what);
    let place = what["url"].as_str().map(|place| ("location".to_owned(), place.to_owned()));
    add_headers(&mut reply, place);
    reply
}

pub(super) fn reply(code: u16, body: &Value) -> Reply {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let mut reply = Response::new(Full::new(Bytes::from(text)));
    *reply.status_mut() = status(code);
    add_headers(&mut reply, [("content-type".to_owned(), "application/json; charset=utf-8".to_owned())]);
    reply
}

pub(super) fn html(code: u16, page: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(page)));
    *reply.status_mut() = status(code);
    let headers =
        [("content-type", "text/html; charset=utf-8"), ("content-security-policy", pages::CONTENT_SECURITY_POLICY)];
    add_headers(&mut reply, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    reply
}

/// `rate_limit` are headers of every answer; the error's own win over them.
pub(super) fn error(error: &ApiError, rate_limit: Vec<(String, String)>) -> Reply {
    let code = error.status;
    let mut body = json!({ "message": error.message, "documentation_url": DOCUMENTATION, "status": code.to_string() });
    if !error.errors.is_empty() {
        body["errors"] = error.errors.iter().map(payload::invalid).collect();
    }
    let mut answer = reply(code, &body);
    if error.plain_text {
        answer = Response::new(Full::new(Bytes::from(error.message.clone())));
        *answer.status_mut() = status(code);
        add_headers(&mut answer, [("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())]);
    }
    add_headers(&mut answer, rate_limit);
    add_headers(&mut answer, error.headers.clone());
    answer.extensions_mut().insert(Message(error.message.clone()));
    answer
}

pub(super) fn message_of(reply: &Reply) -> Option<String> {
    reply.extensions().get().map(|Message(message)| message.clone())
}

/// In place of headers of the same names.
pub(super) fn add_headers(reply: &mut Reply, headers: impl IntoIterator<Item = (String, String)>) {
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name that a test set");
        reply.headers_mut().insert(name, HeaderValue::from_str(&value).expect("a header value that a test set"));
    }
}
