//! Sends a call to GitHub over the worker Fetch API, with a time-out, and follows only redirects within the API. A log
//! lies elsewhere: there it is asked for without the token.

use std::borrow::Cow;

use futures_util::StreamExt;
use url::Url;
use worker::js_sys;
use worker::wasm_bindgen::JsCast;
use worker::web_sys::{self, WorkerGlobalScope};
use worker::{AbortSignal, Fetch, Headers, RequestInit, RequestRedirect, Response};

use crate::keeper::{Answer, tasks::comment};
use crate::names::RepoName;
use crate::policy::evidence::LogTail;
use crate::settings::{App, Secret, Settings};
use crate::time::{Millis, Span};
use crate::web::setup::new_app::{Code, NewApp};
use crate::worker::{body, body::BodyError, clock};

use crate::github::answer::{Reply, ReplyHeaders};

use super::signing;
use crate::github::contents::{MAX_BYTES, TOO_LARGE};
use crate::github::credentials::{Authorization, KNOWN_WITHIN, Refused, Way};
use crate::github::log_tail::Tail;
use crate::github::redirect::{self, Place};
use crate::github::request::{Call, Method, Request};
use crate::github::{
    CommentCall, Commented, Credentials, Found, ListAnswer, PolicyAnswer, Problem, ReadAnswer, RepositoryAnswer,
    RerunAnswer,
};

/// For the whole call. A read and a re-run fit into a claim's lease twice over.
pub(super) const TIME_OUT_MS: u32 = 10_000;
/// A log takes two requests, and may be long.
const LOG_TIME_OUT_MS: u32 = 18_000;
/// With a token that GitHub may not know yet: well within a claim's lease all the same.
const NEW_TOKEN_MS: u32 = TIME_OUT_MS + KNOWN_WITHIN.as_millis() as u32;
/// A re-run follows the read that it goes by: when it would have to wait for longer than this, the run is read again.
const RERUN_WAITS: usize = 2;
/// A run is about 20 kB, and a list has up to 50; a job is about 13 kB, and a list has up to 100.
const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// Of a list of one run, whose commit has a long message.
const LIST_LIMIT: usize = 16 * 1024 * 1024;
/// Of what is read of a log. Only its end matters, and the end is not to be had without the rest.
const LOG_LIMIT: usize = 64 * 1024 * 1024;
/// Redirects within the API (a renamed repository has one), or from the API to a log.
const REDIRECTS: u32 = 2;

/// Makes the call. Whatever goes wrong is in the answer.
pub async fn send(settings: &Settings, credentials: &Credentials, repository: &RepoName, call: &Call) -> Answer {
    let request = &call.request(repository);
    let caller = &Caller { settings, credentials, repository };
    match call {
        Call::ReadRun { .. } => Answer::Read(match caller.attempt_within(request, BODY_LIMIT).await {
            Ok(Some(reply)) => ReadAnswer::of(reply),
            Ok(None) => ReadAnswer::Problem(refused("its answer is larger than 4 MiB")),
            Err(problem) => ReadAnswer::Problem(problem),
        }),
        Call::ReadRepository { .. } => Answer::Repository(
            caller.attempt(request).await.map_or_else(RepositoryAnswer::Problem, |reply| RepositoryAnswer::of(&reply)),
        ),
        Call::ListFailedRuns(asked) => {
            let limit = if asked.per_page > 1 { BODY_LIMIT } else { LIST_LIMIT };
            Answer::List(match caller.attempt_within(request, limit).await {
                Ok(Some(reply)) => ListAnswer::of(reply),
                Ok(None) => ListAnswer::TooLong,
                Err(problem) => ListAnswer::Problem(problem),
            })
        }
        Call::Rerun { .. } => {
            Answer::Rerun(caller.attempt(request).await.map_or_else(RerunAnswer::Problem, RerunAnswer::of))
        }
        Call::ReadPolicy { .. } => Answer::Policy(caller.policy(request).await.unwrap_or_else(PolicyAnswer::Problem)),
        Call::ReadWorkflow { .. } => {
            Answer::Workflow(caller.attempt(request).await.map_or_else(Found::Problem, |reply| Found::workflow(&reply)))
        }
        Call::ListJobs { per_page, .. } => Answer::Jobs(match caller.attempt_within(request, BODY_LIMIT).await {
            Ok(Some(reply)) => Found::jobs(&reply, *per_page),
            Ok(None) => Found::too_long(*per_page),
            Err(problem) => Found::Problem(problem),
        }),
        Call::ListAnnotations { per_page, .. } => {
            Answer::Annotations(match caller.attempt_within(request, BODY_LIMIT).await {
                Ok(Some(reply)) => Found::annotations(&reply, *per_page),
                Ok(None) => Found::too_long(*per_page),
                Err(problem) => Found::Problem(problem),
            })
        }
        Call::Comment(what) => Answer::Comment(caller.comment(what, request).await.unwrap_or_else(Commented::Problem)),
        Call::ListPulls { .. } => Answer::Pulls(match caller.attempt_within(request, LIST_LIMIT).await {
            Ok(Some(reply)) => Found::pulls(&reply),
            // Somebody's long texts: no later answer is shorter.
            Ok(None) => Found::Absent("GitHub's list is larger than 16 MiB".to_owned()),
            Err(problem) => Found::Problem(problem),
        }),
        Call::ReadLog { .. } => Answer::Log(caller.log(request).await.unwrap_or_else(Found::Problem)),
    }
}

/// Who makes the Keeper's calls.
struct Caller<'a> {
    settings: &'a Settings,
    credentials: &'a Credentials,
    repository: &'a RepoName,
}

impl Caller<'_> {
    async fn attempt(&self, request: &Request) -> Result<Reply, Problem> {
        let response = self.exchange(&self.connection(), request).await?;
        whole(response).await
    }

    fn connection(&self) -> Connection<'_> {
        Connection::new(self.settings, if self.credentials.are_new() { NEW_TOKEN_MS } else { TIME_OUT_MS })
    }

    /// `None`: it is longer than that. Somebody's long commit message must not look like an outage, which holds up the
    /// repository's other runs.
    async fn attempt_within(&self, request: &Request, limit: usize) -> Result<Option<Reply>, Problem> {
        let response = self.exchange(&self.connection(), request).await?;
        match reply(response, limit).await {
            Ok(reply) => Ok(Some(reply)),
            Err(BodyError::TooLarge) => Ok(None),
            Err(BodyError::Cut) => Err(lost("an answer that broke off")),
        }
    }

    /// A file that is too large is the repository's mistake, and no trouble of GitHub's.
    async fn policy(&self, request: &Request) -> Result<PolicyAnswer, Problem> {
        let response = self.exchange(&self.connection(), request).await?;
        match reply(response, MAX_BYTES).await {
            Ok(reply) => Ok(PolicyAnswer::of(reply)),
            Err(BodyError::TooLarge) => Ok(PolicyAnswer::Unreadable(TOO_LARGE)),
            Err(BodyError::Cut) => Err(lost("an answer that broke off")),
        }
    }

    /// Which comment is ours is told by who we are, with the credentials that are in use now. The repository goes by its
    /// number: pull requests have the same numbers everywhere, and its name may be another repository's by now.
    async fn comment(&self, what: &CommentCall, request: &Request) -> Result<Commented, Problem> {
        let by_id = self.credentials.place_by_id().and_then(|place| redirect::at(&place, &request.path));
        let request = &Request { path: by_id.unwrap_or_else(|| request.path.clone()), ..request.clone() };
        let connection = Connection::new(self.settings, TIME_OUT_MS);
        let author = match what {
            CommentCall::Find { .. } => Some(self.credentials.author(&connection, self.repository).await?),
            CommentCall::Create { .. } | CommentCall::Edit { .. } => None,
        };
        let reply = whole(self.exchange(&connection, request).await?).await?;
        Ok(match author {
            Some(author) => Commented::found(&reply, comment::MARK, &author),
            None => Commented::written(what, &reply),
        })
    }

    /// With credentials: once more with others if GitHub does not take them and there can be others, and some times more
    /// with new ones, which not all of its servers may know yet.
    async fn exchange(&self, connection: &Connection<'_>, request: &Request) -> Result<Response, Problem> {
        let waits = if request.method == Method::Get { usize::MAX } else { RERUN_WAITS };
        let (mut tries, mut expired, mut probed) = (1, false, false);
        loop {
            let authorization = self.credentials.authorization(connection, self.repository).await?;
            let mut response = self.exchange_at(connection, request, &authorization).await?;
            let status = response.status_code();
            if !authorization.is_the_apps() || !matches!(status, 401 | 403 | 404) {
                // Whether it was known to be good is GitHub's word, and a proxy's errors are none.
                if status < 400 || status == 422 {
                    self.credentials.taken(&authorization);
                }
                return Ok(response);
            }
            let refusal = response.cloned().map_err(|_| lost("an answer that cannot be read"))?;
            let refusal = whole(refusal).await?;
            match self.credentials.refused(&authorization, &refusal, tries, connection.now()) {
                Refused::Believed => return Ok(response),
                Refused::PerhapsNotYet(_) if tries > waits => {
                    return Err(lost("a new token that GitHub does not take yet"));
                }
                // There may really be nothing there, a policy file say: what is there for certain tells without waiting.
                Refused::PerhapsNotYet(_) if status == 404 && !probed => {
                    probed = true;
                    let repository = Request::get(Place::Name(self.repository.clone()).path());
                    if self.exchange_at(connection, &repository, &authorization).await?.status_code() == 200 {
                        self.credentials.taken(&authorization);
                    }
                }
                Refused::PerhapsNotYet(wait) => {
                    tries += 1;
                    connection.wait(wait).await;
                }
                Refused::Expired if !expired => expired = true,
                Refused::Expired => return Ok(response),
            }
        }
    }

    /// By the id that the repository was found under, if it was renamed.
    async fn exchange_at(
        &self,
        connection: &Connection<'_>,
        request: &Request,
        authorization: &Authorization,
    ) -> Result<Response, Problem> {
        let (response, moved) =
            connection.exchange_as(request, Some(authorization.secret()), self.credentials.place()).await?;
        if let Some(place) = moved {
            self.credentials.moved_to(place);
        }
        Ok(response)
    }

    /// The end of a log: GitHub answers with the address where it lies, which lives for a minute.
    async fn log(&self, request: &Request) -> Result<Found<LogTail>, Problem> {
        let connection = Connection::new(self.settings, LOG_TIME_OUT_MS);
        let signal = &connection.signal;
        let mut response = self.exchange(&connection, request).await?;
        if response.status_code() >= 400 {
            let reply = reply(response, BODY_LIMIT).await.map_err(|_| lost("an answer that broke off"))?;
            return Ok(Found::missing(&reply));
        }
        for _ in 0..REDIRECTS {
            let Some(location) = location(&response) else { break };
            let Some(url) = elsewhere(&self.settings.github_api_url, &location) else {
                return Ok(Found::Absent("GitHub gave no address for it that may be read".to_owned()));
            };
            // The address has its own authorization: the token must not go there.
            let headers = Headers::new();
            set(&headers, &[("user-agent", USER_AGENT)]).map_err(|_| lost("the request could not be made"))?;
            let mut init = RequestInit::new();
            init.with_redirect(RequestRedirect::Manual).with_headers(headers);
            response = fetch(url.as_str(), &init, signal).await?;
        }
        match response.status_code() {
            200 => {}
            // Not the API: what it says of authorization is about the address, and not about the token.
            404 => return Ok(Found::NotYet("the address that GitHub gave for it answered 404".to_owned())),
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
}

/// Exchanges the code of a manifest for the App. The code is all that it takes.
pub async fn convert(settings: &Settings, code: &Code) -> Result<NewApp, Problem> {
    let request = Request { method: Method::Post, ..Request::get(code.path()) };
    let (response, _) = Connection::new(settings, TIME_OUT_MS).exchange_as(&request, None, None).await?;
    NewApp::of(&whole(response).await?)
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
        place: Option<Place>,
    ) -> Result<(Response, Option<Place>), Problem> {
        let api = &self.settings.github_api_url;
        let (mut place, mut moved) = (place, None);
        for _ in 0..=REDIRECTS {
            let path = place.as_ref().and_then(|place| redirect::at(place, &request.path));
            let path = path.as_deref().unwrap_or(&request.path);
            let init = init(token, request).map_err(|_| lost("the request could not be made"))?;
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
        Err(lost("too many redirects"))
    }
}

impl Way for Connection<'_> {
    fn now(&self) -> Millis {
        clock::now()
    }

    async fn sign(&self, app: &App, claims: &str) -> Result<Vec<u8>, String> {
        signing::sign(app, claims).await
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&str>, token: &Secret) -> Result<Reply, Problem> {
        let body = body.map(|body| Cow::Owned(body.to_owned()));
        let request = Request { method, body, ..Request::get(path.to_owned()) };
        let (response, _) = self.exchange_as(&request, Some(token), None).await?;
        whole(response).await
    }

    async fn wait(&self, span: Span) {
        clock::wait(span).await;
    }
}

/// All of an answer.
async fn whole(response: Response) -> Result<Reply, Problem> {
    reply(response, BODY_LIMIT).await.map_err(|error| match error {
        BodyError::TooLarge => lost("an answer of more than 4 MiB"),
        BodyError::Cut => lost("an answer that broke off"),
    })
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
        link: get("link"),
        oauth_scopes: get("x-oauth-scopes"),
    }
}
