//! The model's words in Rerunner's, as the JSON in between would have it; that is covered by other tests.

use rerunner::github::calls::log::Tail;
use rerunner::github::{ListedRun, Page, Reply, ReplyHeaders, Response};
use rerunner::names::Conclusion;
use rerunner::names::{JobId, RepoName, RunAttempt, RunId, WorkflowId};
use rerunner::policy::evidence::{Job, LogTail, Step};
use rerunner::policy::run::Fork;
use rerunner::policy::{run::Origin, run::PullRequest, run::Run};
use rerunner::time::Millis;
use simulator::model::{self, ApiError};

pub fn to_model(time: Millis) -> model::Millis {
    time.0.unsigned_abs()
}

pub fn from_model(time: model::Millis) -> Millis {
    Millis(i64::try_from(time).unwrap_or(i64::MAX))
}

pub fn conclusion_of(conclusion: model::Conclusion) -> Conclusion {
    match conclusion {
        model::Conclusion::Success => Conclusion::Success,
        model::Conclusion::Failure => Conclusion::Failure,
        model::Conclusion::Cancelled => Conclusion::Cancelled,
        model::Conclusion::TimedOut => Conclusion::TimedOut,
        model::Conclusion::Skipped => Conclusion::Skipped,
        model::Conclusion::StartupFailure => Conclusion::StartupFailure,
        model::Conclusion::ActionRequired => Conclusion::ActionRequired,
    }
}

pub fn run_of(run: &model::RunSnapshot) -> Run {
    Run {
        run_id: run_id_of(run.id()),
        repository: RepoName::parse(run.repository().as_str()).ok(),
        run_attempt: attempt_of(run.attempt),
        conclusion: run.conclusion.filter(|_| run.status == model::Status::Completed).map(conclusion_of),
        workflow_id: WorkflowId::new(run.identity.workflow_number),
        workflow: None,
        path: Some(run.identity.workflow.path.to_string()),
        event: run.identity.event.to_string(),
        head_branch: Some(run.identity.head_branch.to_string()),
        run_number: Some(run.identity.run_number),
        title: None,
        head_sha: run.identity.head_sha.to_string(),
        head_commit: Some(run.identity.head_commit.to_string()),
        origin: origin_of(run),
        created: Some(from_model(run.identity.created_at)),
        actors: vec![run.identity.actor.to_string(), run.triggering_actor.to_string()],
        pull_request_base: run.pull_request.as_ref().map(|_| DEFAULT_BRANCH.to_owned()),
        pull_request: run.pull_request.as_ref().map(|pull_request| pull_request.number),
        pull_request_heads: run.pull_request.iter().map(|pull_request| pull_request.head_sha.to_string()).collect(),
    }
}

fn origin_of(run: &model::RunSnapshot) -> Origin {
    let head = &run.identity.head_repository;
    if head == run.repository() {
        return Origin::Own;
    }
    let name = RepoName::parse(head.as_str()).expect("a name");
    Origin::Fork((!run.fork_deleted).then_some(Fork { name, id: None }))
}

/// Of all repositories.
pub const DEFAULT_BRANCH: &str = "main";

pub fn pull_of(pull: &model::PullRequestSnapshot) -> PullRequest {
    let (owner, _) = pull.repository.split_once('/').expect("owner/name");
    let of = &pull.pull;
    let head_owner = if of.from_fork { of.author.as_str() } else { owner };
    PullRequest {
        number: of.number,
        open: of.open,
        merged: of.merged,
        head_branch: of.head_branch.to_string(),
        head_sha: of.head_sha.to_string(),
        base_sha: pull.base_sha.to_string(),
        head_owner: (!of.fork_deleted).then(|| head_owner.to_owned()),
        head_repository: None,
        is_own: !of.from_fork,
        base_branch: DEFAULT_BRANCH.to_owned(),
        is_from_default_branch: false,
        updated: Some(from_model(of.updated_at)),
    }
}

pub fn page_of<T>(items: Vec<T>, per_page: u32) -> Page<T> {
    Page { full: items.len() >= per_page as usize, total: None, items }
}

pub fn job_of(job: &model::Job) -> Job {
    let steps = job.steps();
    Job {
        job_id: JobId::new(job.id.0).expect("the model's ids are small"),
        name: job.name.to_string(),
        conclusion: job.conclusion().map(conclusion_of),
        started: job.started_at.map(from_model),
        completed: job.completed_at.map(from_model),
        runner: job.runner_name(),
        labels: job.spec.labels.iter().map(ToString::to_string).collect(),
        steps: (steps.iter())
            .map(|step| Step {
                name: step.name.to_string(),
                conclusion: step.conclusion.map(conclusion_of),
                going: step.conclusion.is_none() && step.status == model::Status::InProgress,
            })
            .collect(),
        workflow: None,
    }
}

pub fn tail_of(log: &str) -> LogTail {
    let mut tail = Tail::default();
    tail.push(log.as_bytes());
    tail.finish()
}

pub fn listed_of(run: &model::RunSnapshot) -> ListedRun {
    ListedRun { run_id: run_id_of(run.id()), run_attempt: attempt_of(run.attempt), updated: from_model(run.updated_at) }
}

pub fn run_id_of(id: model::RunId) -> RunId {
    RunId::new(id.0).expect("the model's ids are small")
}

pub fn attempt_of(attempt: u32) -> RunAttempt {
    RunAttempt::new(attempt).expect("the model's attempts start at 1")
}

pub fn status_reply(status: u16, message: &str) -> Reply {
    let body = format!("{{\"message\":{message:?}}}").into_bytes();
    Reply { status, headers: ReplyHeaders::default(), body }
}

pub fn error_reply(error: &ApiError) -> Reply {
    let header = |name: &str| error.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let headers = ReplyHeaders {
        retry_after: header("retry-after"),
        rate_limit_remaining: header("x-ratelimit-remaining"),
        rate_limit_reset: header("x-ratelimit-reset"),
        accepted_permissions: header("x-accepted-github-permissions"),
        ..ReplyHeaders::default()
    };
    Reply { headers, ..status_reply(error.status, &error.message) }
}

pub fn http_date(time: Millis) -> String {
    let seconds = time.0 / 1_000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // The schedules begin on a Monday and last some days; only the time of day and the day of November vary.
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][usize::try_from(days % 7).unwrap_or_default()];
    let text = time.to_rfc3339();
    let month = match &text[5..7] {
        "11" => "Nov",
        "12" => "Dec",
        other => panic!("a schedule in month {other}"),
    };
    format!(
        "{weekday}, {} {month} {} {:02}:{:02}:{:02} GMT",
        &text[8..10],
        &text[..4],
        rest / 3_600,
        rest / 60 % 60,
        rest % 60
    )
}

pub fn describe(response: &Response) -> String {
    match response {
        Response::Run(Ok(run)) => {
            format!("attempt {} {}", run.run_attempt, run.conclusion.map_or("going", Conclusion::as_str))
        }
        Response::FailedRuns(Ok(runs)) => {
            let ids: Vec<String> = runs.iter().map(|run| run.run_id.to_string()).collect();
            format!("runs {}", ids.join(", "))
        }
        other => format!("{other:?}"),
    }
}
