//! Sends a call to GitHub over the worker Fetch API, with a time-out, and follows only redirects within the API. A log
//! lies elsewhere: there it is asked for without the token.

use futures_util::StreamExt;
use url::Url;
use worker::worker_sys::web_sys;
use worker::{AbortSignal, Fetch, Headers, RequestInit, RequestRedirect, Response};

use crate::body::{self, BodyError};
use crate::keeper::{Answer, comments};
use crate::names::RepoName;
use crate::policy::evidence::LogTail;
use crate::settings::Settings;

use super::answer::{Reply, ReplyHeaders};
use super::contents::{MAX_BYTES, TOO_LARGE};
use super::log_tail::Tail;
use super::request::{Call, Method, Request};
use super::{Commented, Found, ListAnswer, PolicyAnswer, Problem, ReadAnswer, RerunAnswer};

/// For the whole call. A read and a re-run fit into a claim's lease twice over.
const TIME_OUT_MS: u32 = 10_000;
/// A log takes two requests, and may be long.
const LOG_TIME_OUT_MS: u32 = 18_000;
/// A run is about 20 kB, and a list has up to 50; a job is about 13 kB, and a list has up to 100.
const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// Of runs whose commits have long messages.
const LIST_LIMIT: usize = 16 * 1024 * 1024;
/// Of what is read of a log. Only its end matters, and the end is not to be had without the rest.
const LOG_LIMIT: usize = 64 * 1024 * 1024;
/// Redirects within the API (a renamed repository has one), or from the API to a log.
const REDIRECTS: u32 = 2;

/// Makes the call. Whatever goes wrong is in the answer.
pub async fn send(settings: &Settings, repository: &RepoName, call: &Call) -> Answer {
    let request = call.request(repository);
    match call {
        Call::ReadRun { .. } => {
            let reply =
                attempt_within(settings, &request, BODY_LIMIT, refused("its answer is larger than 4 MiB")).await;
            Answer::Read(reply.map_or_else(ReadAnswer::Problem, ReadAnswer::of))
        }
        Call::ListFailedRuns(_) => {
            let reply = attempt_within(settings, &request, LIST_LIMIT, refused("its list is larger than 16 MiB")).await;
            Answer::List(reply.map_or_else(ListAnswer::Problem, ListAnswer::of))
        }
        Call::Rerun { .. } => {
            Answer::Rerun(attempt(settings, &request).await.map_or_else(RerunAnswer::Problem, RerunAnswer::of))
        }
        Call::ReadPolicy { .. } => {
            Answer::Policy(policy(settings, &request).await.unwrap_or_else(PolicyAnswer::Problem))
        }
        Call::ListJobs { .. } => {
            Answer::Jobs(attempt(settings, &request).await.map_or_else(Found::Problem, |reply| Found::jobs(&reply)))
        }
        Call::ListAnnotations { .. } => Answer::Annotations(
            attempt(settings, &request).await.map_or_else(Found::Problem, |reply| Found::annotations(&reply)),
        ),
        Call::Comment(what) => Answer::Comment(
            attempt(settings, &request)
                .await
                .map_or_else(Commented::Problem, |reply| Commented::of(what, &reply, comments::MARK)),
        ),
        Call::ReadLog { .. } => Answer::Log(log(settings, &request).await.unwrap_or_else(Found::Problem)),
    }
}

async fn attempt(settings: &Settings, request: &Request) -> Result<Reply, Problem> {
    attempt_within(settings, request, BODY_LIMIT, lost("an answer of more than 4 MiB")).await
}

/// `too_large`: what a longer answer is. Somebody's long commit message must not look like an outage, which holds up
/// the repository's other runs.
async fn attempt_within(
    settings: &Settings,
    request: &Request,
    limit: usize,
    too_large: Problem,
) -> Result<Reply, Problem> {
    let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(TIME_OUT_MS));
    let response = exchange(settings, request, &signal).await?;
    match reply(response, limit).await {
        Ok(reply) => Ok(reply),
        Err(BodyError::TooLarge) => Err(too_large),
        Err(BodyError::Cut) => Err(lost("an answer that broke off")),
    }
}

/// A file that is too large is the repository's mistake, and no trouble of GitHub's.
async fn policy(settings: &Settings, request: &Request) -> Result<PolicyAnswer, Problem> {
    let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(TIME_OUT_MS));
    let response = exchange(settings, request, &signal).await?;
    match reply(response, MAX_BYTES).await {
        Ok(reply) => Ok(PolicyAnswer::of(reply)),
        Err(BodyError::TooLarge) => Ok(PolicyAnswer::Unreadable(TOO_LARGE)),
        Err(BodyError::Cut) => Err(lost("an answer that broke off")),
    }
}

/// The API's answer, after redirects within it.
async fn exchange(settings: &Settings, request: &Request, signal: &AbortSignal) -> Result<Response, Problem> {
    let Some(token) = &settings.github_token else {
        return Err(Problem::Credentials { message: "GITHUB_TOKEN is not set".to_owned() });
    };
    let mut url = format!("{}{}", settings.github_api_url, request.path);
    for _ in 0..=REDIRECTS {
        let init = init(token.reveal(), request).map_err(|_| lost("the request could not be made"))?;
        let response = fetch(&url, &init, signal).await?;
        // The token goes nowhere but to the API it was set for.
        match location(&response) {
            Some(location) if within(&settings.github_api_url, &location) => url = location,
            _ => return Ok(response),
        }
    }
    Err(lost("too many redirects"))
}

/// The end of a log: GitHub answers with the address where it lies, which lives for a minute.
async fn log(settings: &Settings, request: &Request) -> Result<Found<LogTail>, Problem> {
    let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(LOG_TIME_OUT_MS));
    let mut response = exchange(settings, request, &signal).await?;
    if response.status_code() >= 400 {
        let reply = reply(response, BODY_LIMIT).await.map_err(|_| lost("an answer that broke off"))?;
        return Ok(Found::missing(&reply));
    }
    for _ in 0..REDIRECTS {
        let Some(location) = location(&response) else { break };
        let Some(url) = elsewhere(&settings.github_api_url, &location) else {
            return Ok(Found::Absent("GitHub gave no address for it that may be read".to_owned()));
        };
        // The address has its own authorization: the token must not go there.
        let headers = Headers::new();
        set(&headers, &[("user-agent", USER_AGENT)]).map_err(|_| lost("the request could not be made"))?;
        let mut init = RequestInit::new();
        init.with_redirect(RequestRedirect::Manual).with_headers(headers);
        response = fetch(url.as_str(), &init, &signal).await?;
    }
    match response.status_code() {
        200 => {}
        // Not the API: what it says of authorization is about the address, and not about the token.
        status @ 400..=499 => {
            return Ok(Found::Absent(format!("the address that GitHub gave for it answered {status}")));
        }
        status => return Err(Problem::Lost { what: format!("status {status} from where the log lies") }),
    }
    let mut stream = response.stream().map_err(|_| lost("an answer that broke off"))?;
    let (mut tail, mut length) = (Tail::default(), 0);
    while let Some(chunk) = stream.next().await {
        let chunk =
            chunk.map_err(|_| lost(if signal.aborted() { "no answer in time" } else { "a log that broke off" }))?;
        length += chunk.len();
        if length > LOG_LIMIT {
            return Ok(Found::Absent("it is longer than 64 MiB".to_owned()));
        }
        tail.push(&chunk);
    }
    Ok(Found::There(tail.finish()))
}

async fn fetch(url: &str, init: &RequestInit, signal: &AbortSignal) -> Result<Response, Problem> {
    let request = worker::Request::new_with_init(url, init).map_err(|_| lost("the request could not be made"))?;
    let response = Fetch::Request(request).send_with_signal(signal).await;
    response.map_err(|_| lost(if signal.aborted() { "no answer in time" } else { "no connection" }))
}

async fn reply(mut response: Response, limit: usize) -> Result<Reply, BodyError> {
    let (status, headers) = (response.status_code(), reply_headers(response.headers()));
    let body = body::read(response.stream(), limit).await?;
    Ok(Reply { status, headers, body })
}

fn location(response: &Response) -> Option<String> {
    let redirects = matches!(response.status_code(), 301 | 302 | 307 | 308);
    response.headers().get("location").ok().flatten().filter(|_| redirects)
}

fn within(api: &str, location: &str) -> bool {
    location.strip_prefix(api).is_some_and(|rest| rest.starts_with('/'))
}

/// Where a log lies: by https, or, beside an API that is itself on this machine, by http.
fn elsewhere(api: &str, location: &str) -> Option<Url> {
    let url = Url::parse(api).ok()?.join(location).ok()?;
    let plain_api = api.starts_with("http://");
    (url.scheme() == "https" || (url.scheme() == "http" && plain_api)).then_some(url)
}

fn refused(why: &str) -> Problem {
    Problem::Refused { message: why.to_owned() }
}

fn lost(what: &str) -> Problem {
    Problem::Lost { what: what.to_owned() }
}

/// GitHub answers 403 without one, and the runtime sends none.
const USER_AGENT: &str = concat!("rerunner/", env!("CARGO_PKG_VERSION"));

fn init(token: &str, request: &Request) -> worker::Result<RequestInit> {
    let headers = Headers::new();
    set(
        &headers,
        &[
            ("authorization", &format!("Bearer {token}")),
            ("accept", request.accept),
            ("x-github-api-version", "2022-11-28"),
            ("user-agent", USER_AGENT),
        ],
    )?;
    if let Some(etag) = &request.if_none_match {
        headers.set("if-none-match", etag)?;
    }
    let mut init = RequestInit::new();
    init.with_redirect(RequestRedirect::Manual);
    if let Some(body) = request.body.as_deref() {
        headers.set("content-type", "application/json")?;
        init.with_body(Some(body.into()));
    }
    init.with_method(match request.method {
        Method::Get => worker::Method::Get,
        Method::Post => worker::Method::Post,
        Method::Patch => worker::Method::Patch,
    });
    init.with_headers(headers);
    Ok(init)
}

fn set(headers: &Headers, pairs: &[(&str, &str)]) -> worker::Result<()> {
    pairs.iter().try_for_each(|(name, value)| headers.set(name, value))
}

fn reply_headers(headers: &Headers) -> ReplyHeaders {
    let get = |name| headers.get(name).ok().flatten();
    ReplyHeaders {
        retry_after: get("retry-after"),
        rate_limit_remaining: get("x-ratelimit-remaining"),
        rate_limit_reset: get("x-ratelimit-reset"),
        date: get("date"),
        etag: get("etag"),
        content_type: get("content-type"),
        accepted_permissions: get("x-accepted-github-permissions"),
    }
}
