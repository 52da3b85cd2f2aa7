//! Sends a call to GitHub over the worker Fetch API, with a time-out, and follows only redirects within the API. A log
//! lies elsewhere: there it is asked for without the token.

use std::borrow::Cow;

use futures_util::StreamExt;
use url::Url;
use worker::js_sys;
use worker::wasm_bindgen::JsCast;
use worker::web_sys::{self, WorkerGlobalScope};
use worker::{AbortSignal, Fetch, Headers, RequestInit, RequestRedirect, Response};

use crate::names::RepoName;
use crate::policy::evidence::LogTail;
use crate::settings::{App, Secret, Settings};
use crate::time::{Millis, Span};
use crate::web::setup::manifest::{Code, NewApp};
use crate::worker::{clock, signing};

use crate::github::app::KeyError;
use crate::github::calls::log::Tail;
use crate::github::calls::policy_file::{MAX_BYTES, MAX_SIZE};
use crate::github::credentials::{Authorization, NEW_TOKEN_WAITS_TAKE, Refusal, Transport};
use crate::github::http::{Method, Request};
use crate::github::redirect::{self, RepositoryPath};
use crate::github::{self, Call, CommandCall, Credentials, Error, IssueCall, Reply, ReplyHeaders};

/// For the whole call. A read and a re-run fit into a claim's lease twice over.
pub(super) const TIME_OUT_MS: u32 = 10_000;
/// A log takes two requests, and may be long.
const LOG_TIME_OUT_MS: u32 = 18_000;
/// With a token that GitHub may not know yet: well within a claim's lease all the same.
const NEW_TOKEN_MS: u32 = TIME_OUT_MS + NEW_TOKEN_WAITS_TAKE.as_millis() as u32;
/// A re-run follows the read that it goes by: when it would have to wait for longer than this, the run is read again.
const RERUN_WAITS: usize = 2;
/// How much of an answer is read.
struct Limit {
    bytes: usize,
    /// For answers with people's texts, which can really be longer: the limit in words. Any other that is longer is not
    /// GitHub's.
    size: Option<&'static str>,
}

const SHORT: Limit = Limit { bytes: 4 * 1024 * 1024, size: None };
/// A run is about 20 kB, and a list has up to 50; a job is about 13 kB, and a list has up to 100.
const TEXTS: Limit = Limit { bytes: 4 * 1024 * 1024, size: Some("4 MiB") };
/// Of a list of one run, whose commit has a long message, or of pull requests with long texts.
const LONG_TEXTS: Limit = Limit { bytes: 16 * 1024 * 1024, size: Some("16 MiB") };
const POLICY: Limit = Limit { bytes: MAX_BYTES, size: Some(MAX_SIZE) };
/// Of what is read of a log. Only its end matters, and the end is not to be had without the rest.
const LOG_LIMIT: usize = 64 * 1024 * 1024;
/// Redirects within the API (a renamed repository has one), or from the API to a log.
const REDIRECTS: u32 = 2;

const NOT_IN_TIME: &str = "GitHub did not answer in time";
const NO_CONNECTION: &str = "There was no connection to GitHub";
const NO_REQUEST: &str = "The request to GitHub could not be built";
const BROKE_OFF: &str = "The connection to GitHub was lost";

/// Makes the call. Whatever goes wrong is in the response.
pub async fn send(
    settings: &Settings,
    credentials: &Credentials,
    repository: &RepoName,
    call: &Call,
) -> github::Response {
    let request = &call.request(repository);
    let caller = &Caller { settings, credentials, repository };
    let limit = match call {
        Call::ReadLog { .. } => return github::Response::Log(caller.log(request).await),
        Call::Comment(_) | Call::CommitStatus(_) | Call::Command(_) | Call::Issue(_) => {
            return caller.errand(call, call.request(repository)).await;
        }
        Call::ReadOrganizationPolicy { .. } => return call.response(caller.organizations(request).await, None),
        Call::ReadPolicy { .. } => &POLICY,
        Call::ListPulls { .. } => &LONG_TEXTS,
        Call::ListFailedRuns(asked) if asked.per_page == 1 => &LONG_TEXTS,
        Call::ReadRun { .. }
        | Call::ListFailedRuns(_)
        | Call::ListJobs { .. }
        | Call::ListAnnotations { .. }
        | Call::ListBaseRuns { .. }
        | Call::ListBaseJobs { .. } => &TEXTS,
        Call::ReadRepository { .. } | Call::ReadDefaultBranch { .. } => &SHORT,
        Call::Rerun { .. } | Call::ReadWorkflow { .. } => &SHORT,
    };
    call.response(caller.reply(&caller.connection(), request, limit).await, None)
}

/// Who makes the Keeper's calls.
struct Caller<'a> {
    settings: &'a Settings,
    credentials: &'a Credentials,
    repository: &'a RepoName,
}

impl Caller<'_> {
    fn connection(&self) -> Connection<'_> {
        Connection::new(self.settings, if self.credentials.are_unproven() { NEW_TOKEN_MS } else { TIME_OUT_MS })
    }

    async fn reply(&self, connection: &Connection<'_>, request: &Request, limit: &Limit) -> Result<Reply, Error> {
        reply(self.exchange(connection, request).await?, limit).await
    }

    /// In `OWNER/.github`: with the repository's own credentials, which do for what is public. What they do not show may still be
    /// shown to the App, if it is installed there, by a token for that repository.
    async fn organizations(&self, request: &Request) -> Result<Reply, Error> {
        let connection = &self.connection();
        if let Some(token) = self.credentials.organizations(connection.now()) {
            return self.organizations_with(connection, request, &token).await;
        }
        let answer = self.reply(connection, request, &POLICY).await?;
        if !matches!(answer.status, 403 | 404) || matches!(Error::of(&answer), Error::RateLimited { .. }) {
            return Ok(answer);
        }
        match self.credentials.fetch_organizations(connection).await? {
            Some(token) => self.organizations_with(connection, request, &token).await,
            None => Ok(answer),
        }
    }

    async fn organizations_with(
        &self,
        connection: &Connection<'_>,
        request: &Request,
        token: &Secret,
    ) -> Result<Reply, Error> {
        let (response, _) = connection.exchange_as(request, Some(token), None).await?;
        let answer = reply(response, &POLICY).await?;
        if answer.status == 401 {
            // It is over, or so new that not all of GitHub's servers know it. That says nothing of the credentials.
            self.credentials.forget_organizations();
            return Err(Error::inconclusive("GitHub does not accept the token for the organization's repository"));
        }
        Ok(answer)
    }

    /// What people see: the repository goes by its number, as issues have the same numbers everywhere, a fork the same commits,
    /// and its name may be another's by now. What is ours depends on whose credentials are in use now.
    async fn errand(&self, call: &Call, mut request: Request) -> github::Response {
        if let Some(by_id) = self.credentials.path_by_id().and_then(|place| redirect::at(&place, &request.path)) {
            request.path = by_id;
        }
        let connection = &Connection::new(self.settings, TIME_OUT_MS);
        let mut us = None;
        if call.looks_for_ours() {
            match self.credentials.author(connection, self.repository).await {
                Ok(author) => us = Some(author),
                Err(error) => return call.response(Err(error), None),
            }
        }
        let is_long = matches!(call, Call::Command(CommandCall::ListRuns { .. }) | Call::Issue(IssueCall::Find { .. }));
        let limit = if is_long { &LONG_TEXTS } else { &SHORT };
        call.response(self.reply(connection, &request, limit).await, us.as_ref())
    }

    /// With credentials: once more with others if GitHub does not take them and there can be others, and some times more
    /// with new ones, which not all of its servers may know yet.
    async fn exchange(&self, connection: &Connection<'_>, request: &Request) -> Result<Response, Error> {
        let waits = if request.method == Method::Get { usize::MAX } else { RERUN_WAITS };
        let (mut tries, mut expired, mut probed) = (1, false, false);
        loop {
            let authorization = self.credentials.authorization(connection, self.repository).await?;
            let mut response = self.exchange_at(connection, request, &authorization).await?;
            let status = response.status_code();
            if !authorization.is_the_apps() || !matches!(status, 401 | 403 | 404) {
                // Whether it was known to be good is GitHub's word, and a proxy's errors are none.
                if status < 400 || status == 422 {
                    self.credentials.on_accepted(&authorization);
                }
                return Ok(response);
            }
            let refusal = response.cloned().map_err(|_| Error::inconclusive(BROKE_OFF))?;
            let refusal = reply(refusal, &SHORT).await?;
            match self.credentials.on_refused(&authorization, &refusal, tries, connection.now()) {
                Refusal::Final => return Ok(response),
                Refusal::RetryAfter(_) if tries > waits => {
                    return Err(Error::inconclusive("GitHub does not accept a new token yet"));
                }
                // There may really be nothing there, a policy file say: what is there for certain tells without waiting.
                Refusal::RetryAfter(_) if status == 404 && !probed => {
                    probed = true;
                    let repository = Request::get(RepositoryPath::Name(self.repository.clone()).path());
                    if self.exchange_at(connection, &repository, &authorization).await?.status_code() == 200 {
                        self.credentials.on_accepted(&authorization);
                    }
                }
                Refusal::RetryAfter(wait) => {
                    tries += 1;
                    connection.wait(wait).await;
                }
                Refusal::TokenExpired if !expired => expired = true,
                Refusal::TokenExpired => return Ok(response),
            }
        }
    }

    /// By the id that the repository was found under, if it was renamed; another's place is not known.
    async fn exchange_at(
        &self,
        connection: &Connection<'_>,
        request: &Request,
        authorization: &Authorization,
    ) -> Result<Response, Error> {
        let secret = Some(authorization.secret());
        if !request.is_in(self.repository) {
            return Ok(connection.exchange_as(request, secret, None).await?.0);
        }
        let (response, moved) = connection.exchange_as(request, secret, self.credentials.moved_to()).await?;
        if let Some(path) = moved {
            self.credentials.set_moved_to(path);
        }
        Ok(response)
    }

    /// The end of a log: GitHub answers with the address where it lies, which lives for a minute.
    async fn log(&self, request: &Request) -> Result<LogTail, Error> {
        let connection = Connection::new(self.settings, LOG_TIME_OUT_MS);
        let signal = &connection.signal;
        let mut response = self.exchange(&connection, request).await?;
        if response.status_code() >= 400 {
            return Err(Error::of_optional_read(&reply(response, &SHORT).await?));
        }
        for _ in 0..REDIRECTS {
            let Some(location) = location(&response) else { break };
            let Some(url) = elsewhere(&self.settings.github_api_url, &location) else {
                return Err(refused("the log's address is not one that may be read"));
            };
            // The address has its own authorization: the token must not go there.
            let headers = Headers::new();
            set(&headers, &[("user-agent", USER_AGENT)]).map_err(|_| Error::inconclusive(NO_REQUEST))?;
            let mut init = RequestInit::new();
            init.with_redirect(RequestRedirect::Manual).with_headers(headers);
            response = fetch(url.as_str(), &init, signal).await?;
        }
        match response.status_code() {
            200 => {}
            // Not the API: what it says of authorization is about the address, and not about the token.
            404 => return Err(Error::NotFound),
            status @ 400..=499 => return Err(refused(&format!("the log's address answered {status}"))),
            status => return Err(Error::inconclusive(format!("The log's address answered {status}"))),
        }
        let mut stream = response.stream().map_err(|_| Error::inconclusive(BROKE_OFF))?;
        let (mut tail, mut length) = (Tail::default(), 0);
        while let Some(chunk) = stream.next().await {
            let chunk =
                chunk.map_err(|_| Error::inconclusive(if signal.aborted() { NOT_IN_TIME } else { BROKE_OFF }))?;
            length += chunk.len();
            if length > LOG_LIMIT {
                return Err(Error::TooLarge { limit: "64 MiB" });
            }
            tail.push(&chunk);
        }
        Ok(tail.finish())
    }
}

/// Exchanges the code of a manifest for the App. The code is all that it takes.
pub async fn convert(settings: &Settings, code: &Code) -> Result<NewApp, Error> {
    let request = Request { method: Method::Post, ..Request::get(code.path()) };
    let (response, _) = Connection::new(settings, TIME_OUT_MS).exchange_as(&request, None, None).await?;
    NewApp::of(&reply(response, &SHORT).await?)
}

/// Letters and digits that nobody can guess.
pub fn nonce() -> String {
    let crypto = js_sys::global().unchecked_into::<WorkerGlobalScope>().crypto();
    crypto.map(|crypto| crypto.random_uuid().replace('-', "")).unwrap_or_default()
}

/// The way to GitHub's API, for as long as one call may take: getting an installation token is part of the call.
pub(super) struct Connection<'a> {
    settings: &'a Settings,
    signal: AbortSignal,
}

impl<'a> Connection<'a> {
    pub fn new(settings: &'a Settings, time_out_ms: u32) -> Self {
        let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(time_out_ms));
        Self { settings, signal }
    }

    /// The API's answer, and where the repository is, if redirects have led there. `place`: where it is known to be.
    async fn exchange_as(
        &self,
        request: &Request,
        token: Option<&Secret>,
        place: Option<RepositoryPath>,
    ) -> Result<(Response, Option<RepositoryPath>), Error> {
        let api = &self.settings.github_api_url;
        let (mut place, mut moved) = (place, None);
        for _ in 0..=REDIRECTS {
            let path = place.as_ref().and_then(|place| redirect::at(place, &request.path));
            let path = path.as_deref().unwrap_or(&request.path);
            let init = init(token, request).map_err(|_| Error::inconclusive(NO_REQUEST))?;
            let response = fetch(&format!("{api}{path}"), &init, &self.signal).await?;
            // The token goes nowhere but to the API it was set for.
            match location(&response).and_then(|location| redirect::follow(api, path, &location)) {
                Some(there) => {
                    moved = Some(there.clone());
                    place = Some(there);
                }
                None => return Ok((response, moved)),
            }
        }
        Err(Error::inconclusive("GitHub redirected too often"))
    }
}

impl Transport for Connection<'_> {
    fn now(&self) -> Millis {
        clock::now()
    }

    async fn sign(&self, app: &App, claims: &str) -> Result<Vec<u8>, KeyError> {
        signing::sign(app, claims).await
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&str>, token: &Secret) -> Result<Reply, Error> {
        let body = body.map(|body| Cow::Owned(body.to_owned()));
        let request = Request { method, body, ..Request::get(path.to_owned()) };
        let (response, _) = self.exchange_as(&request, Some(token), None).await?;
        reply(response, &SHORT).await
    }

    async fn wait(&self, span: Span) {
        clock::wait(span).await;
    }
}

async fn fetch(url: &str, init: &RequestInit, signal: &AbortSignal) -> Result<Response, Error> {
    let request = worker::Request::new_with_init(url, init).map_err(|_| Error::inconclusive(NO_REQUEST))?;
    let response = Fetch::Request(request).send_with_signal(signal).await;
    response.map_err(|_| Error::inconclusive(if signal.aborted() { NOT_IN_TIME } else { NO_CONNECTION }))
}

async fn reply(mut response: Response, limit: &Limit) -> Result<Reply, Error> {
    let (status, headers) = (response.status_code(), response.headers());
    let headers = ReplyHeaders::read(|name| headers.get(name).ok().flatten());
    let mut body = Vec::new();
    // Without a body there is no stream.
    let Ok(mut stream) = response.stream() else { return Ok(Reply { status, headers, body }) };
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Error::inconclusive(BROKE_OFF))?;
        if body.len() + chunk.len() > limit.bytes {
            let too_long = || Error::inconclusive("GitHub's answer is too long");
            return Err(limit.size.map_or_else(too_long, |limit| Error::TooLarge { limit }));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, headers, body })
}

fn location(response: &Response) -> Option<String> {
    let redirects = matches!(response.status_code(), 301 | 302 | 307 | 308);
    response.headers().get("location").ok().flatten().filter(|_| redirects)
}

/// Where a log lies: by https, or, beside an API that is itself on this machine, by http.
fn elsewhere(api: &str, location: &str) -> Option<Url> {
    let url = Url::parse(api).ok()?.join(location).ok()?;
    let plain_api = api.starts_with("http://");
    (url.scheme() == "https" || (url.scheme() == "http" && plain_api)).then_some(url)
}

fn refused(why: &str) -> Error {
    Error::Refused { message: why.to_owned() }
}

/// GitHub answers 403 without one, and the runtime sends none.
const USER_AGENT: &str = concat!("rerunner/", env!("CARGO_PKG_VERSION"));

fn init(token: Option<&Secret>, request: &Request) -> worker::Result<RequestInit> {
    let headers = Headers::new();
    set(&headers, &[("accept", request.accept), ("x-github-api-version", "2022-11-28"), ("user-agent", USER_AGENT)])?;
    if let Some(token) = token {
        headers.set("authorization", &format!("Bearer {}", token.reveal()))?;
    }
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
