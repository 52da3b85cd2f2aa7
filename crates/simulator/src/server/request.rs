//! Method and path to what is asked for.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::apps;
use crate::model::{
    CreatedFilter, Endpoint, GitHub, IssueChange, IssuesQuery, JobId, Millis, NewStatus, PullsQuery, RunId, RunsQuery,
};
use crate::payload::parse_time;

/// A request that has a route.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// `owner/name`
    pub repository: String,
    pub what: What,
    pub per_page: usize,
    pub page: usize,
    /// `exclude_pull_requests`
    pub without_pulls: bool,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Repository,
    Run(RunId),
    Attempt(RunId, u32),
    /// `None`: the latest attempt's.
    Jobs(RunId, Option<u32>),
    /// Of every attempt.
    AllJobs(RunId),
    Workflow(u64),
    Runs(Box<RunsQuery>),
    /// Of the workflow with this id or file name.
    WorkflowRuns(String, Box<RunsQuery>),
    RerunFailedJobs(RunId, DebugLogging),
    Rerun(RunId, DebugLogging),
    RerunJob(JobId, DebugLogging),
    Annotations(JobId),
    JobLog(JobId),
    PullRequest(u64),
    PullRequests(PullsQuery),
    Contents(String),
    /// Of a pull request or an issue, since a time.
    ListComments(u64, Millis),
    CreateComment(u64, String),
    EditComment(u64, String),
    /// To a comment.
    CreateReaction(u64, String),
    CreateIssue(Box<IssueChange>),
    ListIssues(Box<IssuesQuery>),
    ReadIssue(u64),
    EditIssue(u64, Box<IssueChange>),
    /// Of a commit.
    CreateStatus(String, NewStatus),
    /// Of a commit or a branch.
    ListStatuses(String),
    /// Of Apps, webhooks, or the caller.
    Other(apps::Asked),
}

pub(super) type DebugLogging = bool;

impl What {
    pub fn endpoint(&self) -> Endpoint {
        match self {
            What::Repository => Endpoint::ReadRepository,
            What::Run(_) | What::Attempt(..) => Endpoint::ReadRun,
            What::Workflow(_) => Endpoint::ReadWorkflow,
            What::Jobs(..) | What::AllJobs(_) => Endpoint::ListJobs,
            What::Runs(_) => Endpoint::ListRuns,
            What::WorkflowRuns(..) => Endpoint::ListWorkflowRuns,
            What::RerunFailedJobs(..) => Endpoint::RerunFailedJobs,
            What::Rerun(..) => Endpoint::Rerun,
            What::RerunJob(..) => Endpoint::RerunJob,
            What::Annotations(_) => Endpoint::Annotations,
            What::JobLog(_) => Endpoint::JobLog,
            What::PullRequest(_) => Endpoint::PullRequest,
            What::PullRequests(_) => Endpoint::ListPullRequests,
            What::Contents(_) => Endpoint::Contents,
            What::ListComments(..) => Endpoint::ListComments,
            What::CreateComment(..) => Endpoint::CreateComment,
            What::EditComment(..) => Endpoint::EditComment,
            What::CreateReaction(..) => Endpoint::CreateReaction,
            What::CreateIssue(_) => Endpoint::CreateIssue,
            What::ListIssues(_) => Endpoint::ListIssues,
            What::ReadIssue(_) => Endpoint::ReadIssue,
            What::EditIssue(..) => Endpoint::EditIssue,
            What::CreateStatus(..) => Endpoint::CreateStatus,
            What::ListStatuses(_) => Endpoint::ListStatuses,
            What::Other(other) => other.endpoint(),
        }
    }
}

impl Asked {
    /// `None`: there is no such route.
    pub fn parse(method: &str, path: &str, query: &str, body: &[u8]) -> Option<Asked> {
        let path = path.strip_prefix("/api/v3").unwrap_or(path);
        let segments: Vec<String> = path.trim_matches('/').split('/').map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let number = |name| value(query, name).and_then(|number| number.parse().ok()).unwrap_or(0);
        if let Some((repository, other)) = apps::Asked::parse(method, &segments, body) {
            let (per_page, page) = (number("per_page"), number("page"));
            return Some(Asked { repository, what: What::Other(other), per_page, page, without_pulls: false });
        }
        let ["repos", owner, name, rest @ ..] = segments.as_slice() else { return None };
        let debug = serde_json::from_slice(body).is_ok_and(|body: Value| body["enable_debug_logging"] == true);
        let text = || serde_json::from_slice::<Value>(body).ok()?["body"].as_str().map(str::to_owned);
        let what = match (method, rest) {
            ("GET", []) => What::Repository,
            ("GET", ["actions", "runs"]) => What::Runs(Box::new(runs_query(query)?)),
            ("GET", ["actions", "workflows", id, "runs"]) => {
                What::WorkflowRuns((*id).to_owned(), Box::new(runs_query(query)?))
            }
            ("GET", ["actions", "workflows", id]) => What::Workflow(id.parse().ok()?),
            ("GET", ["actions", "runs", run]) => What::Run(run_id(run)?),
            ("GET", ["actions", "runs", run, "attempts", n]) => What::Attempt(run_id(run)?, n.parse().ok()?),
            ("GET", ["actions", "runs", run, "jobs"]) => match value(query, "filter").as_deref() {
                Some("all") => What::AllJobs(run_id(run)?),
                None | Some("latest") => What::Jobs(run_id(run)?, None),
                Some(_) => return None,
            },
            ("GET", ["actions", "runs", run, "attempts", n, "jobs"]) => What::Jobs(run_id(run)?, Some(n.parse().ok()?)),
            ("POST", ["actions", "runs", run, "rerun-failed-jobs"]) => What::RerunFailedJobs(run_id(run)?, debug),
            ("POST", ["actions", "runs", run, "rerun"]) => What::Rerun(run_id(run)?, debug),
            ("POST", ["actions", "jobs", job, "rerun"]) => What::RerunJob(job_id(job)?, debug),
            ("GET", ["actions", "jobs", job, "logs"]) => What::JobLog(job_id(job)?),
            ("GET", ["check-runs", job, "annotations"]) => What::Annotations(job_id(job)?),
            ("GET", ["pulls"]) => What::PullRequests(PullsQuery {
                head: value(query, "head"),
                state: value(query, "state"),
                per_page: number("per_page"),
                page: number("page"),
            }),
            ("GET", ["pulls", number]) => What::PullRequest(number.parse().ok()?),
            ("GET", ["issues", number, "comments"]) => {
                let since = value(query, "since").map_or(Some(0), |since| parse_time(&since))?;
                What::ListComments(number.parse().ok()?, since)
            }
            ("POST", ["issues", number, "comments"]) => What::CreateComment(number.parse().ok()?, text()?),
            ("PATCH", ["issues", "comments", id]) => What::EditComment(id.parse().ok()?, text()?),
            ("POST", ["issues", "comments", id, "reactions"]) => {
                let body: Value = serde_json::from_slice(body).ok()?;
                What::CreateReaction(id.parse().ok()?, body["content"].as_str()?.to_owned())
            }
            ("GET", ["issues"]) => What::ListIssues(Box::new(issues_query(query)?)),
            ("POST", ["issues"]) => What::CreateIssue(Box::new(issue_change(body)?)),
            ("GET", ["issues", number]) => What::ReadIssue(number.parse().ok()?),
            ("PATCH", ["issues", number]) => What::EditIssue(number.parse().ok()?, Box::new(issue_change(body)?)),
            ("POST", ["statuses", sha]) => What::CreateStatus((*sha).to_owned(), new_status(body)?),
            ("GET", ["commits", reference @ .., "statuses"]) if !reference.is_empty() => {
                What::ListStatuses(reference.join("/"))
            }
            ("GET", ["contents", path @ ..]) if !path.is_empty() => What::Contents(path.join("/")),
            _ => return None,
        };
        let (repository, per_page, page) = (format!("{owner}/{name}"), number("per_page"), number("page"));
        let without_pulls = value(query, "exclude_pull_requests").as_deref() == Some("true");
        Some(Asked { repository, what, per_page, page, without_pulls })
    }

    /// The run that the call is about, if it is about one.
    pub fn run(&self, model: &GitHub) -> Option<RunId> {
        match &self.what {
            What::Run(run) | What::Attempt(run, _) | What::Jobs(run, _) | What::AllJobs(run) => Some(*run),
            What::RerunFailedJobs(run, _) | What::Rerun(run, _) => Some(*run),
            What::RerunJob(job, _) | What::Annotations(job) | What::JobLog(job) => model.run_with_job(*job),
            What::Workflow(_) | What::Runs(_) | What::WorkflowRuns(..) => None,
            What::PullRequest(_) | What::PullRequests(_) => None,
            What::Contents(_) | What::Other(_) | What::Repository => None,
            What::ListComments(..) | What::CreateComment(..) | What::EditComment(..) => None,
            What::CreateStatus(..) | What::ListStatuses(_) | What::CreateReaction(..) => None,
            What::CreateIssue(_) | What::ListIssues(_) | What::ReadIssue(_) | What::EditIssue(..) => None,
        }
    }
}

fn run_id(text: &str) -> Option<RunId> {
    text.parse().ok().map(RunId)
}

fn job_id(text: &str) -> Option<JobId> {
    text.parse().ok().map(JobId)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

pub(super) fn value(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| decoded(&value.replace('+', " ")))
}

fn new_status(body: &[u8]) -> Option<NewStatus> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    Some(NewStatus {
        state: text("state").unwrap_or_default(),
        context: text("context"),
        description: text("description"),
        target_url: text("target_url"),
    })
}

fn issue_change(body: &[u8]) -> Option<IssueChange> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let label = |label: &Value| label.as_str().or(label["name"].as_str()).map(str::to_owned);
    Some(IssueChange {
        title: text("title"),
        body: text("body"),
        labels: body["labels"].as_array().map(|labels| labels.iter().filter_map(label).collect()),
        state: text("state"),
        state_reason: text("state_reason"),
    })
}

fn issues_query(query: &str) -> Option<IssuesQuery> {
    let number = |name| value(query, name).and_then(|number| number.parse().ok()).unwrap_or(0);
    let labels = value(query, "labels").unwrap_or_default();
    Some(IssuesQuery {
        state: value(query, "state"),
        creator: value(query, "creator"),
        labels: labels.split(',').filter(|label| !label.is_empty()).map(str::to_owned).collect(),
        since: value(query, "since").map_or(Some(0), |since| parse_time(&since))?,
        sort: value(query, "sort"),
        ascending: value(query, "direction").as_deref() == Some("asc"),
        per_page: number("per_page"),
        page: number("page"),
    })
}

fn runs_query(query: &str) -> Option<RunsQuery> {
    let created = match value(query, "created") {
        Some(created) => created_filter(&created)?,
        None => CreatedFilter::default(),
    };
    let number = |name| value(query, name).and_then(|number| number.parse().ok()).unwrap_or(0);
    Some(RunsQuery {
        status: value(query, "status"),
        created,
        branch: value(query, "branch"),
        event: value(query, "event"),
        actor: value(query, "actor"),
        head_sha: value(query, "head_sha"),
        per_page: number("per_page"),
        page: number("page"),
    })
}

/// GitHub's search syntax for dates: `>=A`, `>A`, `<=A`, `<A`, `A..B`, `A..*`, `A`. GitHub counts in whole seconds.
fn created_filter(text: &str) -> Option<CreatedFilter> {
    let (mut from, mut to) = (0, Millis::MAX);
    // A date alone is the whole day, a time is its whole second.
    let end = |text: &str| parse_time(text).map(|at| at + if text.len() == 10 { 86_399_999 } else { 999 });
    if let Some((first, last)) = text.split_once("..") {
        from = if first == "*" { 0 } else { parse_time(first)? };
        to = if last == "*" { Millis::MAX } else { end(last)? };
    } else if let Some(rest) = text.strip_prefix(">=") {
        from = parse_time(rest)?;
    } else if let Some(rest) = text.strip_prefix('>') {
        from = end(rest)? + 1;
    } else if let Some(rest) = text.strip_prefix("<=") {
        to = end(rest)?;
    } else if let Some(rest) = text.strip_prefix('<') {
        to = parse_time(rest)?.checked_sub(1)?;
    } else {
        (from, to) = (parse_time(text)?, end(text)?);
    }
    Some(CreatedFilter { from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        let cases = [
            ("GET", "/repos/o/r/actions/runs/7", Some(Endpoint::ReadRun)),
            ("GET", "/api/v3/repos/o/r/actions/runs/7", Some(Endpoint::ReadRun)),
            ("GET", "/repos/o/r/actions/runs/7/attempts/2", Some(Endpoint::ReadRun)),
            ("GET", "/repos/o/r/actions/runs/7/attempts/2/jobs", Some(Endpoint::ListJobs)),
            ("GET", "/repos/o/r/actions/runs/7/jobs", Some(Endpoint::ListJobs)),
            ("GET", "/repos/o/r/actions/workflows/5", Some(Endpoint::ReadWorkflow)),
            ("GET", "/repos/o/r/actions/workflows/5/runs", Some(Endpoint::ListWorkflowRuns)),
            ("GET", "/repos/o/r/actions/workflows/ci.yml/runs", Some(Endpoint::ListWorkflowRuns)),
            ("GET", "/repos/o/r/actions/runs", Some(Endpoint::ListRuns)),
            ("POST", "/repos/o/r/actions/runs/7/rerun-failed-jobs", Some(Endpoint::RerunFailedJobs)),
            ("POST", "/repos/o/r/actions/runs/7/rerun", Some(Endpoint::Rerun)),
            ("POST", "/repos/o/r/actions/jobs/7/rerun", Some(Endpoint::RerunJob)),
            ("GET", "/repos/o/r/actions/jobs/7/logs", Some(Endpoint::JobLog)),
            ("GET", "/repos/o/r/check-runs/7/annotations", Some(Endpoint::Annotations)),
            ("GET", "/repos/o/r/pulls", Some(Endpoint::ListPullRequests)),
            ("GET", "/repos/o/r/pulls/7", Some(Endpoint::PullRequest)),
            ("GET", "/repos/o/r/contents/.github/rerunner.yml", Some(Endpoint::Contents)),
            ("GET", "/repos/o/r/actions/runs/7/rerun", None),
            ("POST", "/repos/o/r/actions/runs/seven/rerun", None),
            ("GET", "/repos/o/r/issues/1/comments", Some(Endpoint::ListComments)),
            ("POST", "/repos/o/r/issues/1/comments", None),
            ("GET", "/repos/o/r/issues", Some(Endpoint::ListIssues)),
            ("GET", "/repos/o/r/issues/7", Some(Endpoint::ReadIssue)),
            ("PATCH", "/repos/o/r/issues/seven", None),
            ("POST", "/repos/o/r/issues/comments/7/reactions", None),
            ("POST", "/repos/o/r/statuses/abc", None),
            ("GET", "/repos/o/r/commits/abc/statuses", Some(Endpoint::ListStatuses)),
            ("GET", "/repos/o/r/commits/feature/a/statuses", Some(Endpoint::ListStatuses)),
            ("GET", "/repos/o/r/commits/statuses", None),
            ("GET", "/user", Some(Endpoint::User)),
            ("GET", "/app", Some(Endpoint::App)),
            ("GET", "/api/v3/repos/o/r/installation", Some(Endpoint::Installation)),
            ("POST", "/app/installations/7/access_tokens", Some(Endpoint::CreateToken)),
            ("POST", "/app-manifests/abc/conversions", Some(Endpoint::ConvertManifest)),
            ("GET", "/repos/o/r/hooks/7/deliveries", Some(Endpoint::Deliveries)),
            ("POST", "/repos/o/r/hooks/7/deliveries/8/attempts", Some(Endpoint::Redelivery)),
            ("GET", "/users", None),
        ];
        for (method, path, expected) in cases {
            let asked = Asked::parse(method, path, "", b"");
            assert_eq!(asked.map(|asked| asked.what.endpoint()), expected, "{method} {path}");
        }
    }

    #[test]
    fn created_filters() {
        let second = 1_767_225_600_000; // 2026-01-01T00:00:00Z
        let day = 86_400_000;
        let cases = [
            (">=2026-01-01T00:00:00Z", second, Millis::MAX),
            (">2026-01-01T00:00:00Z", second + 1_000, Millis::MAX),
            (">2026-01-01", second + day, Millis::MAX),
            ("<=2026-01-01T00:00:00Z", 0, second + 999),
            ("<2026-01-01", 0, second - 1),
            ("2026-01-01", second, second + day - 1),
            ("2026-01-01..2026-01-02", second, second + 2 * day - 1),
            ("2026-01-01..*", second, Millis::MAX),
        ];
        for (text, from, to) in cases {
            assert_eq!(created_filter(text), Some(CreatedFilter { from, to }), "{text}");
        }
        assert_eq!(created_filter("yesterday"), None);
        let encoded = runs_query("created=%3E%3D2026-01-01T00%3A00%3A00Z&status=failure&per_page=100").unwrap();
        assert_eq!(encoded.created.from, second);
        assert_eq!((encoded.status.as_deref(), encoded.per_page), (Some("failure"), 100));
    }
}
