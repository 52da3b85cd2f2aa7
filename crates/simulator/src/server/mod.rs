//! GitHub's REST API over HTTP, both at `/` and under `/api/v3` as on Enterprise Server, with pages for browsers beside it;
//! and the place that job logs are read from, which is another one.
//!
//! | file | what is there |
//! |---|---|
//! | `request.rs` | method and path to what is asked for |
//! | `answer.rs` | what is asked for to an HTTP answer |
//! | `logs.rs` | the logs' place |
//! | `moved.rs` | repositories that were renamed |

mod answer;
mod logs;
mod moved;
mod request;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::http::{HeaderMap, Method, StatusCode, Uri};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use serde_json::Value;

use crate::apps::{self, Asker};
use crate::description::{Answer, Exchange};
use crate::faults::{Misbehaviour, Target};
use crate::history::{Call, Happening};
use crate::model::{ApiError, Caller, Millis};
use crate::pages;
use crate::payload;
use crate::world::World;

pub(crate) use logs::logs;
use request::{Asked, What};

type Reply = Response<Full<Bytes>>;

/// Answered with silence: hyper closes the connection when a service fails.
#[derive(Debug)]
pub(crate) struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed without an answer")
    }
}

impl std::error::Error for Closed {}

/// Serves connections for ever.
pub(crate) async fn serve<F>(listener: TcpListener, answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static)
where
    F: Future<Output = Result<Reply, Closed>> + Send + 'static,
{
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let answer = answer.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(answer);
            // An error here is a caller that went away, or a fault that was asked for.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Calls of the moment.
#[derive(Debug, Default)]
pub(crate) struct InFlight(AtomicU32);

/// The API's front door.
pub(crate) async fn api(
    world: Arc<World>,
    in_flight: Arc<InFlight>,
    request: Request<Incoming>,
) -> Result<Reply, Closed> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Err(Closed) };
    // In a task of its own: what a caller has asked for is done even if the caller does not wait for the answer.
    let one = async move {
        let count = in_flight.0.fetch_add(1, Ordering::Relaxed) + 1;
        let call = Received { method: parts.method, uri: parts.uri, headers: parts.headers, body: body.to_bytes() };
        let result = call.answer(&world, count).await;
        in_flight.0.fetch_sub(1, Ordering::Relaxed);
        result
    };
    tokio::spawn(one).await.unwrap_or(Err(Closed))
}

struct Received {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn token(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
        known.then_some(token.trim())
    }

    async fn answer(mut self, world: &Arc<World>, in_flight: u32) -> Result<Reply, Closed> {
        if let Some(organization) = apps::is_web(self.method.as_str(), self.uri.path()) {
            return Ok(self.web(world, organization.as_deref()));
        }
        if self.is_browser() {
            let (status, html) = pages::page(&world.model(), self.uri.path());
            return Ok(answer::html(status, html));
        }
        match moved::find(&world.model(), self.uri.path()) {
            moved::Place::Here(path) => self.go_by(&path),
            moved::Place::Moved(path) => return Ok(self.redirect(world, &path)),
        }
        let (at, from) = (world.clock.now(), Instant::now());
        let asked = Asked::parse(self.method.as_str(), self.uri.path(), self.uri.query().unwrap_or(""), &self.body);
        let run = asked.as_ref().and_then(|asked| asked.run(&world.model()));
        let fault = asked.as_ref().and_then(|asked| {
            let target = Target { endpoint: asked.what.endpoint(), repository: &asked.repository, run };
            world.faults.lock().expect("no panic while it is held").hit(target)
        });
        let mut result = self.misbehave(world, asked.as_ref(), in_flight, fault.as_ref()).await;
        if let Ok(reply) = &mut result {
            self.make_links_absolute(reply);
            answer::add_headers(reply, [("date".to_owned(), payload::http_date(world.clock.now()))]);
        }
        let repository = asked.as_ref().map(|asked| asked.repository.as_str());
        self.hold_against_descriptions(world, repository, fault.as_ref(), result.as_ref().ok()).await;
        let message = result.as_ref().ok().and_then(answer::message_of);
        world.history.add(Happening::Api(Call {
            at,
            took: from.elapsed(),
            method: self.method.to_string(),
            path: self.uri.to_string(),
            endpoint: asked.as_ref().map(|asked| asked.what.endpoint()),
            repository: asked.map(|asked| asked.repository),
            run,
            login: self.token().and_then(|token| world.model().login_of(token)),
            status: result.as_ref().ok().map(|reply| reply.status().as_u16()),
            message,
            fault: fault.map(|fault| fault.to_string()),
        }));
        result
    }

    /// A page that is looked at is no call: it is in no history.
    fn is_browser(&self) -> bool {
        self.method == Method::GET && self.header("accept").is_some_and(|accept| accept.contains("text/html"))
    }

    fn go_by(&mut self, path: &str) {
        let query = self.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        self.uri = format!("{path}{query}").parse().expect("it was a path before");
    }

    /// As GitHub does it: what is not a read must be sent again as it is.
    fn redirect(&self, world: &World, path: &str) -> Reply {
        let code = if self.method == Method::GET { 301 } else { 307 };
        let (at, message) = (world.clock.now(), "Moved Permanently");
        let query = self.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let to = format!("http://{}{path}{query}", self.header("host").unwrap_or_default());
        let mut reply = answer::reply(code, &serde_json::json!({ "message": message, "url": to }));
        answer::add_headers(&mut reply, [("location".to_owned(), to)]);
        world.history.add(Happening::Api(Call {
            at,
            took: Duration::ZERO,
            method: self.method.to_string(),
            path: self.uri.to_string(),
            endpoint: None,
            repository: None,
            run: None,
            login: None,
            status: Some(code),
            message: Some(message.to_owned()),
            fault: None,
        }));
        reply
    }

    /// `<?page=2>` of a `Link` header becomes the whole address that was called, with that page: whoever follows links
    /// needs no more than them.
    fn make_links_absolute(&self, reply: &mut Reply) {
        let Some(links) = reply.headers().get("link").and_then(|links| links.to_str().ok()) else { return };
        let host = self.header("host").unwrap_or_default();
        let absolute = |link: &str| {
            let Some((query, rest)) = link.strip_prefix("<?").and_then(|link| link.split_once('>')) else {
                return link.to_owned();
            };
            let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
            let new: Vec<String> = query.split('&').map(name).collect();
            let asked = self.uri.query().unwrap_or_default().split('&');
            let kept = asked.filter(|pair| !pair.is_empty() && !new.contains(&name(pair)));
            let query: Vec<&str> = kept.chain(query.split('&')).collect();
            format!("<http://{host}{}?{}>{rest}", self.uri.path(), query.join("&"))
        };
        let links = links.split(", ").map(absolute).collect::<Vec<_>>().join(", ");
        answer::add_headers(reply, [("link".to_owned(), links)]);
    }

    /// A test that breaks an answer on purpose gets the call checked all the same.
    async fn hold_against_descriptions(
        &self,
        world: &World,
        repository: Option<&str>,
        fault: Option<&Misbehaviour>,
        reply: Option<&Reply>,
    ) {
        if !world.checked.is_on() {
            return;
        }
        let reply = reply.filter(|_| fault.is_none_or(Misbehaviour::is_described));
        let answer = match reply {
            Some(reply) => {
                let body = whole(reply.body().clone()).await;
                Some(Answer { status: reply.status().as_u16(), headers: reply.headers().clone(), body })
            }
            None => None,
        };
        world.checked.exchange(Exchange {
            repository: repository.map(str::to_owned),
            method: self.method.clone(),
            uri: self.uri.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
            answer,
        });
    }

    async fn misbehave(
        &self,
        world: &Arc<World>,
        asked: Option<&Asked>,
        in_flight: u32,
        fault: Option<&Misbehaviour>,
    ) -> Result<Reply, Closed> {
        let done = |stale_by: Duration| self.perform(world, asked, in_flight, stale_by.as_millis() as Millis);
        Ok(match fault {
            None => done(Duration::ZERO),
            Some(Misbehaviour::Close) => return Err(Closed),
            Some(Misbehaviour::LoseAnswer) => {
                done(Duration::ZERO);
                return Err(Closed);
            }
            Some(Misbehaviour::Answer { status, message, headers }) => {
                let error = ApiError { headers: headers.clone(), ..ApiError::new(*status, message) };
                answer::error(&error, self.rate_limit(world))
            }
            Some(Misbehaviour::RateLimitExhausted { reset_in }) => {
                let reset = (world.clock.now() + reset_in.as_millis() as Millis).div_ceil(1_000);
                let limit = crate::model::RateLimit { limit: 5_000, used: 5_000, reset };
                answer::error(&ApiError::new(403, "API rate limit exceeded for user ID 1."), limit.headers())
            }
            Some(Misbehaviour::Hang(time)) => {
                tokio::time::sleep(*time).await;
                done(Duration::ZERO)
            }
            Some(Misbehaviour::AnswerLate(time)) => {
                let reply = done(Duration::ZERO);
                tokio::time::sleep(*time).await;
                reply
            }
            Some(Misbehaviour::AnswerAfterEffect(status)) => {
                done(Duration::ZERO);
                answer::error(&ApiError::new(*status, "Server Error"), self.rate_limit(world))
            }
            Some(Misbehaviour::EmptyList) => {
                let (parts, _) = done(Duration::ZERO).into_parts();
                let empty = asked.map_or("", |asked| asked.what.endpoint().empty_list());
                Response::from_parts(parts, Full::new(Bytes::from_static(empty.as_bytes())))
            }
            Some(Misbehaviour::FailPagesAbove(most)) if asked.is_some_and(|asked| asked.per_page > *most) => {
                answer::error(&ApiError::new(502, "Server Error"), self.rate_limit(world))
            }
            Some(Misbehaviour::FailPagesAbove(_)) => done(Duration::ZERO),
            Some(Misbehaviour::Stale(by)) => done(*by),
            Some(Misbehaviour::MalformedJson) => {
                let (parts, body) = done(Duration::ZERO).into_parts();
                let whole = whole(body).await;
                Response::from_parts(parts, Full::new(whole.slice(..whole.len() / 2)))
            }
        })
    }

    fn perform(&self, world: &Arc<World>, asked: Option<&Asked>, in_flight: u32, stale_by: Millis) -> Reply {
        let Some(asked) = asked else { return answer::error(&ApiError::not_found(), self.rate_limit(world)) };
        let caller = Caller { token: self.token(), user_agent: self.header("user-agent"), stale_by, in_flight };
        if let What::Other(other) = &asked.what {
            let cursor = request::value(self.uri.query().unwrap_or(""), "cursor");
            let asker = Asker { caller, repository: &asked.repository, per_page: asked.per_page, cursor };
            return match apps::answer(world, other, &asker) {
                Ok((status, headers, body)) => {
                    let mut reply = answer::reply(status, &body);
                    answer::add_headers(&mut reply, self.rate_limit(world));
                    answer::add_headers(&mut reply, headers);
                    reply
                }
                Err(error) => answer::error(&error, self.rate_limit(world)),
            };
        }
        let result = world.change(|model, now| {
            let if_none_match = self.header("if-none-match");
            let raw = self.header("accept").is_some_and(|accept| accept.contains(".raw"));
            answer::perform(model, caller, asked, if_none_match, now).map(|done| done.render(world, model, asked, raw))
        });
        match result {
            Ok(mut reply) => {
                answer::add_headers(&mut reply, self.rate_limit(world));
                reply
            }
            Err(error) => answer::error(&error, self.rate_limit(world)),
        }
    }

    /// What GitHub's own page does with a manifest once its reader has agreed: back to where it came from.
    fn web(&self, world: &World, organization: Option<&str>) -> Reply {
        match apps::web(world, organization, self.uri.query().unwrap_or(""), &self.body) {
            Ok(back) => {
                let mut reply = answer::reply(302, &Value::Null);
                answer::add_headers(&mut reply, [("location".to_owned(), back)]);
                reply
            }
            Err(wrong) => answer::reply(422, &Value::from(wrong)),
        }
    }

    fn rate_limit(&self, world: &World) -> Vec<(String, String)> {
        let limit = self.token().and_then(|token| world.model().rate_limit(token));
        limit.map_or_else(Vec::new, |limit| limit.headers())
    }
}

async fn whole(body: Full<Bytes>) -> Bytes {
    let Ok(whole) = body.collect().await.map_err(|never: Infallible| never);
    whole.to_bytes()
}

fn status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("a status that a test set")
}
