//! The admin routes: who asks is checked first, then one Keeper is asked, or Workers KV is listed once.
//!
//! | status | when |
//! |---|---|
//! | 200 | a page, JSON, the metrics |
//! | 303 | a form was taken; the page that it was on |
//! | 400 | a parameter is wrong, with its name |
//! | 401 | no credentials, or wrong ones |
//! | 403 | `ADMIN_TOKEN` is not set, or another site made the browser ask |
//! | 404 | nothing is known of this repository or run |
//! | 409 | a GitHub App is configured already |
//! | 429 | too many wrong credentials from this address |
//! | 502 | GitHub did not give the App that was made |
//! | 503 | the Keeper or Workers KV did not answer |
//!
//! No answer is cached.

use std::cell::RefCell;
use std::rc::Rc;

use maud::html;
use serde::de::DeserializeOwned;
use worker::{Env, Headers, Request, Response, ResponseBuilder};

use crate::doctor;
use crate::keeper::store::once::Once;
use crate::keeper::views::{Question, RunSlice};
use crate::names::RepoName;
use crate::settings::Settings;
use crate::web::setup::manifest::Organization;
use crate::web::{access, access::Denied, access::Failures, access::Origin};
use crate::web::{api::Query, api::Repositories, api::RepositoryEntry};
use crate::web::{badge, metrics};
use crate::web::{html::Sentence, html::content_security_policy, html::content_security_policy_with_form_to};
use crate::web::{pages, pages::Shown};
use crate::web::{routes::Admin, routes::Api, routes::Care, routes::Page, routes::Setup, routes::origin};
use crate::web::{setup, setup::Code};
use crate::webhook::Answer as Rejection;
use crate::worker::clock::now;
use crate::worker::doctor_client::DoctorClient;
use crate::worker::{github_client, keeper_client, kv, log};

/// Of a page; the API has its own.
const RUNS_ON_A_PAGE: u64 = 50;
/// Repositories that the doctor looks at: each takes up to seven of the 50 subrequests of the free plan.
const EXAMINED_AT_ONCE: usize = 5;
/// Lists of 1,000 repositories that the metrics are made of.
const LISTS: usize = 10;

/// The header that says how many rows of storage an answer took.
const ROWS_READ: &str = "x-rows-read";

/// The binding that counts wrong credentials.
const ADMIN_FAILURES: &str = "ADMIN_FAILURES";

thread_local! {
    static FAILURES: RefCell<Failures> = RefCell::default();
}

/// What is answered.
enum Reply {
    /// With how many rows a Keeper read for it, as of the next.
    Html(String, Option<String>),
    Json(Vec<u8>, Option<String>),
    Text(String),
    /// A status, a page, and where its form leads.
    Setup(u16, String, String),
    /// To the page of this path.
    SeeOther(String),
    /// A status, and why.
    Refused(u16, String),
}

pub async fn handle(request: &Request, env: &Env, settings: &Rc<Settings>, route: &Admin) -> worker::Result<Response> {
    let url = request.inner().url();
    if let Err(denied) = check(request, &url, route.care(), env, settings).await {
        return deny(denied, Form::of(route));
    }
    let query = Query::parse(&url);
    let reply = match route {
        Admin::Page(page) => show(page, &query, env, settings).await,
        Admin::Api(Api::Doctor) => examine(&url, settings).await,
        Admin::Api(Api::Redeliver) => redeliver(&url, settings).await,
        Admin::Api(api) => tell(api, &query, is_form(request), env).await,
        Admin::Metrics => measure(env, settings).await,
        Admin::Setup(step) => set_up(*step, &url, env, settings).await,
    };
    respond(reply, Form::of(route))
}

/// Whether somebody with `ADMIN_TOKEN` asks, on a route that is open to everybody. Wrong credentials are refused here too: it
/// is no place to guess at.
pub async fn knows_token(request: &Request, env: &Env, settings: &Settings) -> Result<bool, Denied> {
    let is_given = request.headers().has("authorization").unwrap_or_default();
    if !is_given || settings.admin_token.is_none() {
        return Ok(false);
    }
    check(request, &request.inner().url(), Care::Costs, env, settings).await.map(|()| true)
}

async fn check(request: &Request, url: &str, care: Care, env: &Env, settings: &Settings) -> Result<(), Denied> {
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let (fetch_site, from) = (header("sec-fetch-site"), header("origin"));
    let (fetch_mode, fetch_dest) = (header("sec-fetch-mode"), header("sec-fetch-dest"));
    let origin = Origin {
        care,
        fetch_site: fetch_site.as_deref(),
        fetch_mode: fetch_mode.as_deref(),
        fetch_dest: fetch_dest.as_deref(),
        origin: from.as_deref(),
        own: origin(url),
    };
    let address = header("cf-connecting-ip").unwrap_or_default();
    let checked = FAILURES.with_borrow_mut(|failures| {
        access::check(
            settings.admin_token.as_ref(),
            header("authorization").as_deref(),
            &origin,
            failures,
            &address,
            now(),
        )
    });
    match checked {
        Err(Denied::Wrong) if are_too_many(env, &address).await => {
            Err(FAILURES.with_borrow_mut(|failures| failures.lock(&address, now())))
        }
        checked => checked,
    }
}

/// Whether the platform has counted too many wrong credentials of this address: in this location, by all isolates there,
/// and eventually. What this isolate has counted itself is exact, and holds whatever becomes of this.
async fn are_too_many(env: &Env, address: &str) -> bool {
    let counted = async { env.rate_limiter(ADMIN_FAILURES)?.limit(access::network(address)).await };
    match counted.await {
        Ok(outcome) => !outcome.success,
        Err(error) => {
            log::fault(ADMIN_FAILURES, &error.to_string());
            false
        }
    }
}

pub fn deny(denied: Denied, form: Form) -> worker::Result<Response> {
    let response = respond(Reply::Refused(denied.http_status(), denied.reason().to_owned()), form)?;
    match denied {
        Denied::Absent | Denied::Wrong => {
            response.headers().append("www-authenticate", "Basic realm=\"Rerunner\", charset=\"UTF-8\"")?;
            response.headers().append("www-authenticate", "Bearer realm=\"Rerunner\"")?;
        }
        Denied::TooMany { retry_after_seconds } => {
            response.headers().set("retry-after", &retry_after_seconds.to_string())?;
        }
        Denied::NotSet | Denied::CrossSite => {}
    }
    Ok(response)
}

fn is_form(request: &Request) -> bool {
    let kind = request.headers().get("content-type").ok().flatten().unwrap_or_default();
    kind.starts_with("application/x-www-form-urlencoded")
}

async fn show(page: &Page, query: &Query, env: &Env, settings: &Settings) -> Reply {
    let (problems, web_url) = (settings.problems.as_slice(), settings.github_web_url());
    match page {
        Page::Overview => match list(env, query.cursor.clone()).await {
            Ok((entries, cursor)) => Reply::Html(pages::overview(&entries, problems, cursor.as_deref(), now()), None),
            Err(refused) => refused,
        },
        Page::Repository(repository) => {
            let page = match query.page() {
                Ok(page) => RunSlice { limit: RUNS_ON_A_PAGE, ..page },
                Err(why) => return Reply::Refused(400, why),
            };
            let shown =
                Shown { outcome: page.outcome, is_continued: page.before.is_some(), problems, web_url: &web_url };
            let view = ask(env, repository, Question::Repository(page)).await;
            view.map_or_else(|refused| refused, |(view, rows)| Reply::Html(pages::repository(&view, &shown), rows))
        }
        Page::Run(repository, run_id) => {
            let view = ask(env, repository, Question::Run(*run_id)).await;
            view.map_or_else(|refused| refused, |(view, rows)| Reply::Html(pages::run(&view, problems, &web_url), rows))
        }
    }
}

async fn tell(api: &Api, query: &Query, is_form: bool, env: &Env) -> Reply {
    let question = match api {
        Api::Repositories => {
            return match list(env, query.cursor.clone()).await {
                Ok((repositories, next_cursor)) => {
                    match serde_json::to_vec(&Repositories { repositories, next_cursor }) {
                        Ok(body) => Reply::Json(body, None),
                        Err(error) => unavailable("API", &error.to_string()),
                    }
                }
                Err(refused) => refused,
            };
        }
        Api::Runs(_) => query.page().map(Question::Runs),
        Api::Run(_, run_id) => Ok(Question::Run(*run_id)),
        Api::FlakyJobs(_) => query.skip().and_then(|skip| Ok(Question::FlakyJobs { skip, limit: query.limit()? })),
        Api::Pause(_) => Ok(Question::Pause),
        Api::Resume(_) => Ok(Question::Resume),
        Api::Doctor | Api::Redeliver => return Reply::Refused(404, String::new()),
    };
    let question = match question {
        Ok(question) => question,
        Err(why) => return Reply::Refused(400, why),
    };
    let repository = match api {
        Api::Repositories | Api::Doctor | Api::Redeliver => return Reply::Refused(404, String::new()),
        Api::Runs(repository)
        | Api::Run(repository, _)
        | Api::FlakyJobs(repository)
        | Api::Pause(repository)
        | Api::Resume(repository) => repository,
    };
    let changes = matches!(question, Question::Pause | Question::Resume);
    match ask_for_json(env, repository, question).await {
        Ok(_) if is_form && changes => Reply::SeeOther(format!("/overview/{repository}")),
        Ok((body, rows_read)) => Reply::Json(body, rows_read),
        Err(refused) => refused,
    }
}

/// The repositories that a request names; an error names what is none.
fn named_repositories(url: &str) -> Result<Vec<RepoName>, Reply> {
    let named = values(url, "repository").map(|name| RepoName::parse(&name));
    let named: Result<Vec<RepoName>, _> = named.collect();
    match named {
        Ok(named) if named.len() <= EXAMINED_AT_ONCE => Ok(named),
        Ok(_) => Err(Reply::Refused(400, format!("repository may be given {EXAMINED_AT_ONCE} times"))),
        Err(error) => Err(Reply::Refused(400, format!("repository is {error}"))),
    }
}

/// What the doctor sees with the Worker's own credentials.
async fn examine(url: &str, settings: &Rc<Settings>) -> Reply {
    let repositories = match named_repositories(url) {
        Ok(repositories) => repositories,
        Err(refused) => return refused,
    };
    let doctor_client = DoctorClient::new(settings, &repositories);
    let findings =
        doctor::examine::examine(&doctor_client, &doctor::Site::new(settings, origin(url)), &repositories).await;
    match serde_json::to_vec(&serde_json::json!({ "findings": findings })) {
        Ok(body) => Reply::Json(body, None),
        Err(error) => unavailable("doctor", &error.to_string()),
    }
}

/// Failed deliveries of the App's webhook, and of those of the repositories that are named.
async fn redeliver(url: &str, settings: &Rc<Settings>) -> Reply {
    let repositories = match named_repositories(url) {
        Ok(repositories) => repositories,
        Err(refused) => return refused,
    };
    let doctor_client = DoctorClient::new(settings, &repositories);
    match doctor::redeliver::everything(&doctor_client, &doctor::Site::new(settings, origin(url)), &repositories, now())
        .await
    {
        Ok(done) => match serde_json::to_vec(&done) {
            Ok(body) => Reply::Json(body, None),
            Err(error) => unavailable("redelivery", &error.to_string()),
        },
        Err(problem) => Reply::Refused(502, problem.to_string()),
    }
}

fn values<'a>(url: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let query = url.split_once('?').map_or("", |(_, query)| query).split('#').next().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).filter(move |(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The pages that make a GitHub App. Only where there is none: whoever has `ADMIN_TOKEN` may not put another in its place.
async fn set_up(step: Setup, url: &str, env: &Env, settings: &Settings) -> Reply {
    if settings.has_app() {
        return Reply::Setup(409, setup::pages::configured(), String::new());
    }
    // The check has seen to it that there is one.
    let Some(admin_token) = &settings.admin_token else { return Reply::Refused(403, String::new()) };
    let web = settings.github_web_url();
    let value = |name: &str| values(url, name).next();
    match step {
        Setup::Start => {
            let named = value("organization").filter(|name| !name.is_empty());
            let organization = named.as_deref().map(Organization::parse);
            if organization == Some(None) {
                return Reply::Refused(400, "this is not an organization's name".to_owned());
            }
            let Some(state) = setup::state::issue(admin_token, &github_client::nonce(), now()) else {
                return unavailable("set-up", "the state could not be signed");
            };
            let page = setup::pages::start(settings, origin(url), organization.flatten().as_ref(), &state);
            Reply::Setup(200, page, web)
        }
        Setup::Created => {
            let state = value("state").and_then(|state| setup::state::parse(admin_token, &state, now()));
            let code = value("code").and_then(|code| Code::parse(&code));
            let Some((code, state)) = code.zip(state) else {
                let why = "This return from GitHub does not belong to a visit of this page within the last hour.";
                return Reply::Setup(400, setup::pages::not_created(why), web);
            };
            match keeper_client::spend(env, Once { id: state.id, until: state.until }).await {
                Ok(true) => {}
                Ok(false) => {
                    let why = "GitHub has sent somebody back from this visit before, and that is good once.";
                    return Reply::Setup(400, setup::pages::not_created(why), web);
                }
                Err(error) => return unavailable("set-up", &error.to_string()),
            }
            match github_client::convert(settings, &code).await {
                Ok(app) => Reply::Setup(200, setup::pages::created(settings, &app), web),
                Err(problem) => {
                    log::fault("set-up", &problem.to_string());
                    let why = format!("{problem}. A code is good once, and for an hour.");
                    Reply::Setup(502, setup::pages::not_created(&why), web)
                }
            }
        }
    }
}

async fn measure(env: &Env, settings: &Settings) -> Reply {
    let mut all = Vec::new();
    let mut cursor = None;
    for _ in 0..LISTS {
        match list(env, cursor).await {
            Ok((entries, next)) => {
                all.extend(entries);
                cursor = next;
            }
            Err(refused) => return refused,
        }
        if cursor.is_none() {
            break;
        }
    }
    Reply::Text(metrics::metrics(&all, settings.problems.len()))
}

async fn list(env: &Env, cursor: Option<String>) -> Result<(Vec<RepositoryEntry>, Option<String>), Reply> {
    let (summaries, next) =
        kv::list_summaries(env, cursor).await.map_err(|error| unavailable("list in Workers KV", &error))?;
    let now = now();
    Ok((summaries.into_iter().map(|summary| RepositoryEntry::of(summary, now)).collect(), next))
}

async fn ask<T: DeserializeOwned>(
    env: &Env,
    repository: &RepoName,
    question: Question,
) -> Result<(T, Option<String>), Reply> {
    let (body, rows_read) = ask_for_json(env, repository, question).await?;
    match serde_json::from_slice(&body) {
        Ok(view) => Ok((view, rows_read)),
        Err(error) => Err(unavailable("the Keeper's answer", &error.to_string())),
    }
}

/// The Keeper's answer, and how many rows it read for it.
async fn ask_for_json(
    env: &Env,
    repository: &RepoName,
    question: Question,
) -> Result<(Vec<u8>, Option<String>), Reply> {
    match keeper_client::ask(env, repository, question).await {
        Ok(Some(view)) => Ok((view.json.get().as_bytes().to_vec(), Some(view.rows_read.to_string()))),
        Ok(None) => Err(Reply::Refused(404, "nothing is known of it".to_owned())),
        Err(error) => Err(unavailable("the Keeper", &error.to_string())),
    }
}

/// Anyone may see a badge that a setting names.
pub async fn show_badge(env: &Env, settings: &Settings, repository: &RepoName) -> worker::Result<Response> {
    let headers = Headers::new();
    headers.set("x-content-type-options", "nosniff")?;
    if !settings.has_badge(repository) {
        headers.set("content-type", "text/plain; charset=utf-8")?;
        headers.set("cache-control", "no-store")?;
        return Ok(ResponseBuilder::new().with_status(404).with_headers(headers).fixed(b"no such badge\n".to_vec()));
    }
    let last_30_days = match kv::read_summary(env, repository).await {
        Ok(summary) => summary.map(|summary| RepositoryEntry::of(summary, now()).last_30_days).unwrap_or_default(),
        Err(error) => {
            log::fault("summary in Workers KV", &error);
            return Response::error("unavailable", 503);
        }
    };
    headers.set("content-type", "image/svg+xml")?;
    headers.set("cache-control", &format!("public, max-age={}", badge::MAX_AGE))?;
    headers.set("content-security-policy", "default-src 'none'")?;
    Ok(ResponseBuilder::new().with_headers(headers).fixed(badge::badge(last_30_days).into_bytes()))
}

/// How a refusal is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Page,
    Json,
    Text,
}

impl Form {
    fn of(route: &Admin) -> Self {
        match route {
            Admin::Page(_) | Admin::Setup(_) => Self::Page,
            Admin::Api(_) => Self::Json,
            Admin::Metrics => Self::Text,
        }
    }
}

fn respond(reply: Reply, form: Form) -> worker::Result<Response> {
    let headers = Headers::new();
    headers.set("cache-control", "no-store")?;
    headers.set("x-content-type-options", "nosniff")?;
    headers.set("cross-origin-resource-policy", "same-origin")?;
    // Not less, or a browser would not say where its own form comes from.
    headers.set("referrer-policy", "same-origin")?;
    let html = |page: String| ("text/html; charset=utf-8", page.into_bytes());
    if let Reply::Html(_, Some(rows_read)) | Reply::Json(_, Some(rows_read)) = &reply {
        headers.set(ROWS_READ, rows_read)?;
    }
    let mut form_to = None;
    let (status, (kind, body)) = match reply {
        Reply::Html(page, _) => (200, html(page)),
        Reply::Json(body, _) => (200, ("application/json", body)),
        Reply::Setup(status, page, web) => {
            form_to = Some(web);
            (status, html(page))
        }
        Reply::Text(text) => (200, (metrics::CONTENT_TYPE, text.into_bytes())),
        Reply::SeeOther(path) => {
            headers.set("location", &path)?;
            (303, ("text/plain; charset=utf-8", Vec::new()))
        }
        Reply::Refused(status, why) => match form {
            Form::Page => (status, html(refusal_page(status, &why))),
            Form::Json => {
                let rejection =
                    if status == 503 { Rejection::unavailable(why) } else { Rejection::rejected(status, why) };
                (status, ("application/json", serde_json::to_vec(&rejection)?))
            }
            Form::Text => (status, ("text/plain; charset=utf-8", format!("{why}\n").into_bytes())),
        },
    };
    headers.set("content-type", kind)?;
    if kind.starts_with("text/html") {
        match form_to {
            Some(web) => headers.set("content-security-policy", &content_security_policy_with_form_to(&web))?,
            None => headers.set("content-security-policy", content_security_policy())?,
        }
    }
    Ok(ResponseBuilder::new().with_status(status).with_headers(headers).fixed(body))
}

fn refusal_page(status: u16, why: &str) -> String {
    let title = match status {
        401 => "Sign in",
        403 => "Not open",
        404 => "Nothing here",
        429 => "Too many tries",
        503 => "Not available now",
        _ => "Not understood",
    };
    pages::message(title, &html! { (Sentence(&sentence(why))) })
}

fn sentence(why: &str) -> String {
    let mut characters = why.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}

/// What went wrong goes to the log, not to the caller.
fn unavailable(place: &'static str, what: &str) -> Reply {
    log::fault(place, what);
    Reply::Refused(503, "it could not be read; try again".to_owned())
}
