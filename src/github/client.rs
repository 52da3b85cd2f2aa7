//! Sends a call to GitHub over the worker Fetch API, with a time-out and without following redirects.

use worker::worker_sys::web_sys;
use worker::{AbortSignal, Fetch, Headers, RequestInit, RequestRedirect};

use crate::body;
use crate::names::RepoName;
use crate::settings::Settings;

use super::answer::{Reply, ReplyHeaders};
use super::request::{Call, Method};
use super::{ListAnswer, Problem, ReadAnswer, RerunAnswer};
use crate::keeper::Answer;

/// For the whole call. A read and a re-run fit into a claim's lease twice over.
const TIME_OUT_MS: u32 = 10_000;
/// A run is about 20 kB, and a list has up to 50.
const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// Redirects within the API (a renamed repository has one).
const REDIRECTS: u32 = 2;

/// Makes the call. Whatever goes wrong is in the answer.
pub async fn send(settings: &Settings, repository: &RepoName, call: &Call) -> Answer {
    let reply = attempt(settings, repository, call).await;
    match call {
        Call::ReadRun { .. } => Answer::Read(reply.map_or_else(ReadAnswer::Problem, ReadAnswer::of)),
        Call::ListFailedRuns(_) => Answer::List(reply.map_or_else(ListAnswer::Problem, ListAnswer::of)),
        Call::RerunFailedJobs { .. } => Answer::Rerun(reply.map_or_else(RerunAnswer::Problem, RerunAnswer::of)),
    }
}

async fn attempt(settings: &Settings, repository: &RepoName, call: &Call) -> Result<Reply, Problem> {
    let Some(token) = &settings.github_token else {
        return Err(Problem::Credentials { message: "GITHUB_TOKEN is not set".to_owned() });
    };
    let request = call.request(repository);
    let mut url = format!("{}{}", settings.github_api_url, request.path);
    let lost = |what: &str| Problem::Lost { what: what.to_owned() };
    let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(TIME_OUT_MS));
    for _ in 0..=REDIRECTS {
        let init =
            init(token.reveal(), request.method, request.body).map_err(|_| lost("the request could not be made"))?;
        let request = worker::Request::new_with_init(&url, &init).map_err(|_| lost("the request could not be made"))?;
        let response = Fetch::Request(request).send_with_signal(&signal).await;
        let mut response =
            response.map_err(|_| lost(if signal.aborted() { "no answer in time" } else { "no connection" }))?;
        let status = response.status_code();
        if matches!(status, 301 | 302 | 307 | 308) {
            let location = response.headers().get("location").ok().flatten().unwrap_or_default();
            // The token goes nowhere but to the API it was set for.
            if let Some(rest) = location.strip_prefix(&settings.github_api_url)
                && rest.starts_with('/')
            {
                url = location;
                continue;
            }
        }
        let headers = reply_headers(response.headers());
        let body = body::read(response.stream(), BODY_LIMIT).await.map_err(|_| lost("an answer that broke off"))?;
        return Ok(Reply { status, headers, body });
    }
    Err(lost("too many redirects"))
}

fn init(token: &str, method: Method, body: Option<&str>) -> worker::Result<RequestInit> {
    let headers = Headers::new();
    headers.set("authorization", &format!("Bearer {token}"))?;
    headers.set("accept", "application/vnd.github+json")?;
    headers.set("x-github-api-version", "2022-11-28")?;
    // GitHub answers 403 without one, and the runtime sends none.
    headers.set("user-agent", concat!("rerunner/", env!("CARGO_PKG_VERSION")))?;
    let mut init = RequestInit::new();
    init.with_redirect(RequestRedirect::Manual);
    if let Some(body) = body {
        headers.set("content-type", "application/json")?;
        init.with_body(Some(body.into()));
    }
    init.with_method(match method {
        Method::Get => worker::Method::Get,
        Method::Post => worker::Method::Post,
    });
    init.with_headers(headers);
    Ok(init)
}

fn reply_headers(headers: &Headers) -> ReplyHeaders {
    let get = |name| headers.get(name).ok().flatten();
    ReplyHeaders {
        retry_after: get("retry-after"),
        rate_limit_remaining: get("x-ratelimit-remaining"),
        rate_limit_reset: get("x-ratelimit-reset"),
        date: get("date"),
        accepted_permissions: get("x-accepted-github-permissions"),
    }
}
