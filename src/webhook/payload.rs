//! The payloads that matter, read into the few fields needed. The wire shapes stay in this file.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::names::{CommentId, Conclusion, InstallationId, RepoName, RepositoryId, RunAttempt, RunId, WorkflowId};

use super::command::{Command, CommandEvent, GivenBy};
use super::event::{EventWorkflow, RunNames};
use super::headers::Content;

/// A payload that was understood.
#[derive(Debug, PartialEq, Eq)]
pub enum Payload {
    Ping,
    /// An event, or an action of one, that cannot lead to a re-run.
    Unwanted(String),
    /// `workflow_run` `completed`.
    Run(Seen),
    /// `workflow_job` `completed`, or `check_run` `completed` of GitHub Actions.
    Job(Seen),
    /// `issue_comment` `created` that is a command, by somebody who may give one in some repository.
    Command(Box<CommandEvent>),
}

/// What a payload says of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub repository: RepoName,
    /// It keeps it when it is renamed.
    pub repository_id: Option<RepositoryId>,
    pub run_id: RunId,
    pub run_attempt: Option<RunAttempt>,
    /// `None` occurs, even for what is completed.
    pub conclusion: Option<Conclusion>,
    /// A GitHub App's webhooks name the installation that they are for.
    pub installation: Option<InstallationId>,
    pub workflow: Option<EventWorkflow>,
    pub names: Option<Box<RunNames>>,
    /// Of a run, who started it and who started this attempt of it; of a job, who caused the event.
    pub actors: Vec<String>,
}

/// Why a payload was not understood; says where, never what.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the form is not one field named payload and nothing else")]
    Form,
    #[error("the payload is malformed at line {line}, column {column}: {what}")]
    Json { line: usize, column: usize, what: String },
}

/// The events whose bodies are read.
pub const EVENTS: [&str; 4] = ["workflow_run", "workflow_job", "check_run", "issue_comment"];

/// Whether a body of this event is read. What is answered to others does not depend on it.
pub fn is_read(event: &str) -> bool {
    EVENTS.contains(&event)
}

/// Reads a verified body, all of it. Events that nobody wants are not even parsed.
pub fn parse(event: &str, content: Content, body: &[u8]) -> Result<Payload, Malformed> {
    let read: fn(&[u8]) -> Result<Payload, Malformed> = match event {
        "ping" => return Ok(Payload::Ping),
        "workflow_run" => workflow_run,
        "workflow_job" => workflow_job,
        "check_run" => check_run,
        "issue_comment" => issue_comment,
        _ => return Ok(Payload::Unwanted("event".to_owned())),
    };
    match content {
        Content::Json => read(body),
        Content::Form => read(form_payload(body).ok_or(Malformed::Form)?.as_bytes()),
    }
}

/// The JSON of a form. GitHub's form is this one field and nothing else, and nothing else is taken: the content type is
/// not signed, and a signed JSON body that has `&payload=` somewhere in a text must not become another payload.
pub fn form_payload(body: &[u8]) -> Option<Cow<'_, str>> {
    if !body.starts_with(b"payload=") || body.contains(&b'&') {
        return None;
    }
    form_urlencoded::parse(body).next().map(|(_, payload)| payload)
}

fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column, what) = (error.line(), error.column(), describe(&error));
        Malformed::Json { line, column, what }
    })
}

/// The kind of the error in our words: serde_json's own may quote the payload, which must not be shown.
fn describe(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    match error.classify() {
        Category::Syntax => "not JSON".to_owned(),
        Category::Eof => "the JSON ends early".to_owned(),
        Category::Io => "unreadable".to_owned(),
        Category::Data => {
            // "missing field `x`" names our own field; "invalid type: string "…", expected u64" quotes the value.
            let message = error.to_string();
            let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
            let expected = message.rsplit_once(", expected ").and_then(|(_, rest)| rest.split(" at line ").next());
            match (missing, expected) {
                (Some(field), _) => format!("the field {field} is missing"),
                (None, Some(expected)) => format!("a value of the wrong type, expected {expected}"),
                (None, None) => "a value that is not valid here".to_owned(),
            }
        }
    }
}

#[derive(Deserialize)]
struct Repository {
    id: Option<RepositoryId>,
    full_name: RepoName,
}

#[derive(Deserialize)]
struct Installation {
    id: InstallationId,
}

#[derive(Deserialize)]
struct User<'a> {
    #[serde(borrow)]
    login: Cow<'a, str>,
}

pub const COMPLETED: &str = "completed";
pub const CREATED: &str = "created";

pub fn unwanted_action(event: &str) -> Payload {
    Payload::Unwanted(format!("action of {event}"))
}

fn logins(users: [Option<User<'_>>; 2]) -> Vec<String> {
    users.into_iter().flatten().map(|user| user.login.into_owned()).collect()
}

fn workflow_run(body: &[u8]) -> Result<Payload, Malformed> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        action: Cow<'a, str>,
        installation: Option<Installation>,
        repository: Repository,
        #[serde(borrow)]
        workflow: Option<Workflow<'a>>,
        #[serde(borrow)]
        workflow_run: Run<'a>,
    }
    // The run's own name can be another.
    #[derive(Deserialize)]
    struct Workflow<'a> {
        id: Option<WorkflowId>,
        #[serde(borrow)]
        name: Option<Cow<'a, str>>,
    }
    #[derive(Deserialize)]
    struct Run<'a> {
        id: RunId,
        run_attempt: Option<RunAttempt>,
        conclusion: Option<Conclusion>,
        #[serde(borrow)]
        actor: Option<User<'a>>,
        #[serde(borrow)]
        triggering_actor: Option<User<'a>>,
        run_number: Option<u64>,
        #[serde(borrow)]
        display_title: Option<Cow<'a, str>>,
        #[serde(borrow)]
        head_branch: Option<Cow<'a, str>>,
        #[serde(borrow)]
        head_repository: Option<Head<'a>>,
    }
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        full_name: Option<Cow<'a, str>>,
    }
    let event: Event = json(body)?;
    if event.action != COMPLETED {
        return Ok(unwanted_action("workflow_run"));
    }
    let run = event.workflow_run;
    let head = run.head_repository.and_then(|head| RepoName::parse(&head.full_name?).ok());
    let branch = head.as_ref().zip(run.head_branch.as_deref());
    let actor = run.actor.as_ref().map(|actor| &*actor.login);
    let names = RunNames::new(run.run_number, run.display_title.as_deref(), actor);
    let names = names.with_branch(branch, &event.repository.full_name);
    Ok(Payload::Run(Seen {
        names: Some(names).filter(|names| *names != RunNames::default()).map(Box::new),
        repository_id: event.repository.id,
        repository: event.repository.full_name,
        run_id: run.id,
        run_attempt: run.run_attempt,
        conclusion: run.conclusion,
        installation: event.installation.map(|installation| installation.id),
        workflow: event.workflow.and_then(|workflow| EventWorkflow::new(workflow.id, &workflow.name?)),
        actors: logins([run.actor, run.triggering_actor]),
    }))
}

fn workflow_job(body: &[u8]) -> Result<Payload, Malformed> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        action: Cow<'a, str>,
        installation: Option<Installation>,
        repository: Repository,
        #[serde(borrow)]
        sender: Option<User<'a>>,
        #[serde(borrow)]
        workflow_job: Job<'a>,
    }
    #[derive(Deserialize)]
    struct Job<'a> {
        run_id: RunId,
        run_attempt: Option<RunAttempt>,
        conclusion: Option<Conclusion>,
        #[serde(borrow)]
        workflow_name: Option<Cow<'a, str>>,
    }
    let event: Event = json(body)?;
    if event.action != COMPLETED {
        return Ok(unwanted_action("workflow_job"));
    }
    let job = event.workflow_job;
    Ok(Payload::Job(Seen {
        repository_id: event.repository.id,
        repository: event.repository.full_name,
        run_id: job.run_id,
        run_attempt: job.run_attempt,
        conclusion: job.conclusion,
        installation: event.installation.map(|installation| installation.id),
        names: None,
        workflow: job.workflow_name.and_then(|name| EventWorkflow::new(None, &name)),
        actors: logins([event.sender, None]),
    }))
}

fn check_run(body: &[u8]) -> Result<Payload, Malformed> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        action: Cow<'a, str>,
        installation: Option<Installation>,
        repository: Repository,
        #[serde(borrow)]
        sender: Option<User<'a>>,
        #[serde(borrow)]
        check_run: CheckRun<'a>,
    }
    #[derive(Deserialize)]
    struct CheckRun<'a> {
        conclusion: Option<Conclusion>,
        #[serde(borrow)]
        details_url: Option<Cow<'a, str>>,
        #[serde(borrow)]
        app: Option<App<'a>>,
    }
    #[derive(Deserialize)]
    struct App<'a> {
        #[serde(borrow)]
        slug: Option<Cow<'a, str>>,
    }
    let event: Event = json(body)?;
    if event.action != COMPLETED {
        return Ok(unwanted_action("check_run"));
    }
    let check_run = event.check_run;
    if check_run.app.and_then(|app| app.slug).as_deref() != Some("github-actions") {
        return Ok(Payload::Unwanted("check run, as it is not from GitHub Actions".to_owned()));
    }
    // Check runs of before 2021 have another address, and one without may come.
    let repository = event.repository.full_name;
    let Some(run_id) = check_run.details_url.and_then(|url| run_of_details_url(&url, &repository)) else {
        let what = "check run, as its details_url names no workflow run of the repository";
        return Ok(Payload::Unwanted(what.to_owned()));
    };
    Ok(Payload::Job(Seen {
        repository_id: event.repository.id,
        repository,
        run_id,
        run_attempt: None,
        conclusion: check_run.conclusion,
        installation: event.installation.map(|installation| installation.id),
        workflow: None,
        names: None,
        actors: logins([event.sender, None]),
    }))
}

pub const NOT_OPEN: &str = "comment, as it is not on an open pull request";
pub const NO_COMMAND: &str = "comment, as it is not a command";

/// All that leads to nothing is told apart before anything is stored: most comments do.
fn issue_comment(body: &[u8]) -> Result<Payload, Malformed> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        action: Cow<'a, str>,
        installation: Option<Installation>,
        repository: Repository,
        #[serde(borrow)]
        issue: Issue<'a>,
        #[serde(borrow)]
        comment: Comment<'a>,
    }
    #[derive(Deserialize)]
    struct Issue<'a> {
        number: u64,
        #[serde(borrow)]
        state: Option<Cow<'a, str>>,
        /// Absent where it is none.
        pull_request: Option<IgnoredAny>,
        user: Option<Author>,
    }
    #[derive(Deserialize)]
    struct Author {
        id: u64,
    }
    #[derive(Deserialize)]
    struct Comment<'a> {
        id: CommentId,
        #[serde(borrow)]
        body: Option<Cow<'a, str>>,
        #[serde(borrow)]
        user: Option<Person<'a>>,
        #[serde(borrow)]
        author_association: Option<Cow<'a, str>>,
        performed_via_github_app: Option<IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct Person<'a> {
        id: u64,
        #[serde(borrow)]
        login: Cow<'a, str>,
        #[serde(borrow, rename = "type")]
        kind: Option<Cow<'a, str>>,
    }
    let Event { action, installation, repository, issue, comment } = json(body)?;
    let unwanted = |what: &str| Ok(Payload::Unwanted(what.to_owned()));
    if action != CREATED {
        return Ok(unwanted_action("issue_comment"));
    }
    if issue.pull_request.is_none() || issue.state.as_deref() != Some("open") {
        return unwanted(NOT_OPEN);
    }
    let Some(command) = comment.body.as_deref().and_then(Command::of) else {
        return unwanted(NO_COMMAND);
    };
    let person = comment.user.filter(|user| user.kind.as_deref() == Some("User"));
    let Some(person) = person.filter(|_| comment.performed_via_github_app.is_none()) else {
        return unwanted("command, as a program gave it");
    };
    let is_author = issue.user.is_some_and(|author| author.id == person.id);
    let association = comment.author_association.unwrap_or_default();
    let Some(by) = GivenBy::of(&association, is_author) else {
        return unwanted("command, as neither a collaborator nor the pull request's author gave it");
    };
    Ok(Payload::Command(Box::new(CommandEvent {
        repository_id: repository.id,
        repository: repository.full_name,
        installation: installation.map(|installation| installation.id),
        comment_id: comment.id,
        pull: issue.number,
        command,
        login: person.login.into_owned(),
        by,
    })))
}

/// The run of `https://HOST/OWNER/REPO/actions/runs/RUN/job/JOB`. Only the number is taken from it, and only if it is one
/// of this repository: whoever makes a check run with a workflow's token can give it any address.
fn run_of_details_url(url: &str, repository: &RepoName) -> Option<RunId> {
    let (_, path) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?.split_once('/')?;
    let mut segments = path.split('/');
    let mut next = || segments.next();
    let (owner, name, actions, runs, id) = (next()?, next()?, next()?, next()?, next()?.split(['?', '#']).next()?);
    let is_this = owner.eq_ignore_ascii_case(repository.owner()) && name.eq_ignore_ascii_case(repository.name());
    if !is_this || (actions, runs) != ("actions", "runs") || !id.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    RunId::new(id.parse().ok()?)
}

#[cfg(test)]
mod tests;
