//! Requests to GitHub, one after the other, as GitHub's best practices for its API ask: within the rate limit, of which some is
//! left to others; tried again where there was no answer that means anything; and no more of them than were allowed.

use std::time::Duration;

use rerunner::github::calls::log::Tail;
use rerunner::github::http::{Method, Request};
use rerunner::github::redirect::{self, RepositoryPath};
use rerunner::github::{Error, Reply, ReplyHeaders};
use rerunner::policy::evidence::LogTail;
use rerunner::settings::{Secret, Settings};
use rerunner::time::{Millis, Span};
use url::Url;

use crate::cli::host::{self, now};
use crate::cli::http::{Address, Answer, Client};
use crate::cli::report::Failure;

use super::progress::Progress;

const TIME_OUT: Duration = Duration::from_secs(60);
/// Of an answer; a page of runs is some 2 MB, unless their commits have long messages.
const ANSWER: usize = 32 * 1024 * 1024;
/// Of what is read of a log, as the Worker reads it.
const LOG: usize = 64 * 1024 * 1024;
/// Requests of an hour that are left to others with the same token, the Worker for one.
const RESERVE: i64 = 100;
/// One request is made so often at the most if there is no answer that means anything.
pub const TRIES: u32 = 5;
/// And so often if less can be asked for.
pub const TRIES_OF_MORE: u32 = 2;
const FIRST_PAUSE: Span = Span::millis(500);
/// And so often if GitHub says to wait.
const LIMITED: u32 = 12;
/// Where GitHub does not say how long.
const LIMIT_PAUSE: Span = Span::seconds(60);
/// GitHub's rate limits are by the hour; what asks for more is not waited for.
const LONGEST_PAUSE: Span = Span::minutes(90);
/// Redirects within the API (a renamed repository has one), or from the API to a log.
const REDIRECTS: u32 = 2;

pub struct Requests {
    api: Address,
    token: Secret,
    client: Client,
    moved: Option<RepositoryPath>,
    most: u64,
    pub made: u64,
    /// Until when the rest of the hour's requests are left to others.
    rests_until: Option<Millis>,
    pub progress: Progress,
}

/// Why there is nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Missing {
    /// GitHub has none, and will not have it.
    Gone(String),
    /// GitHub did not give it this time, or not so much at once.
    NotNow(String),
    /// Nothing more can be asked for.
    Stopped(String),
}

impl Missing {
    pub fn why(self) -> String {
        let (Self::Gone(why) | Self::NotNow(why) | Self::Stopped(why)) = self;
        why
    }
}

impl Requests {
    pub fn new(settings: &Settings, most: u64, progress: Progress) -> Result<Self, Failure> {
        let wrong = |name| settings.problems.iter().find(|problem| problem.setting == name);
        let is_unset = settings.github_token.is_none();
        if let Some(problem) = wrong("GITHUB_API_URL").or_else(|| wrong("GITHUB_TOKEN").filter(|_| !is_unset)) {
            return Err(Failure(format!("in the environment, {problem}")));
        }
        let token = settings.github_token.clone().ok_or_else(|| {
            let needs = "a token that may read the repository's Actions and Checks";
            Failure(format!("GITHUB_TOKEN is not set in the environment: {needs}, such as what `gh auth token` prints"))
        })?;
        let api = Address::parse(&settings.github_api_url)?;
        Ok(Self { api, token, client: Client::new(TIME_OUT), moved: None, most, made: 0, rests_until: None, progress })
    }

    pub fn api(&self) -> &Address {
        &self.api
    }

    pub fn get<T>(
        &mut self,
        request: &Request,
        tries: u32,
        read: impl Fn(&Reply) -> Result<T, Error>,
    ) -> Result<T, Missing> {
        self.again(tries, |this| {
            let answer = this.exchange(request)?;
            let reply = answer.reply(ANSWER).map_err(Error::inconclusive)?;
            this.heed(&reply.headers);
            read(&reply)
        })
    }

    /// The end of a log: GitHub answers with the address where it lies.
    pub fn log(&mut self, request: &Request) -> Result<LogTail, Missing> {
        self.again(TRIES, |this| {
            let answer = this.exchange(request)?;
            let Some(location) = answer.location() else {
                let reply = answer.reply(LOG).map_err(Error::inconclusive)?;
                this.heed(&reply.headers);
                return rerunner::github::calls::log::read(&reply);
            };
            let url = this.elsewhere(&location)?;
            // The address has its own authorization: the token must not go there.
            let answer = this.client.exchange(Method::Get, &url, None, &[], b"").map_err(Error::inconclusive)?;
            match answer.status() {
                200 => {}
                404 | 410 => return Err(Error::NotFound),
                status => return Err(Error::inconclusive(format!("the log's address answered {status}"))),
            }
            let mut tail = Tail::default();
            answer.pieces(LOG, |piece| tail.push(piece)).map_err(Error::inconclusive)?;
            Ok(tail.finish())
        })
    }

    /// By https, or, beside an API that is itself on this machine, on this machine.
    fn elsewhere(&self, location: &str) -> Result<String, Error> {
        let refused = || Error::Refused { message: "the log's address is not one that may be read".to_owned() };
        let url = Url::parse(self.api.as_str()).ok().and_then(|api| api.join(location).ok()).ok_or_else(refused)?;
        let may = url.scheme() == "https" || (self.api.is_here() && Address::parse(&bare(&url)).is_ok());
        if may { Ok(url.into()) } else { Err(refused()) }
    }

    fn exchange(&mut self, request: &Request) -> Result<Answer, Error> {
        let headers = [("accept", request.accept), ("x-github-api-version", "2022-11-28")];
        for _ in 0..=REDIRECTS {
            let moved = self.moved.as_ref().and_then(|place| redirect::at(place, &request.path));
            let path = moved.as_deref().unwrap_or(&request.path);
            let url = format!("{}{path}", self.api);
            self.made += 1;
            let answer = self.client.exchange(request.method, &url, Some(&self.token), &headers, b"");
            let answer = answer.map_err(Error::inconclusive)?;
            let place = answer.location().and_then(|location| redirect::follow(self.api.as_str(), path, &location));
            match place {
                Some(place) => self.moved = Some(place),
                None => return Ok(answer),
            }
        }
        Err(Error::inconclusive("GitHub redirected too often"))
    }

    fn again<T>(&mut self, most: u32, mut once: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<T, Missing> {
        let (mut tries, mut limited) = (1, 0);
        loop {
            if let Some(until) = self.rests_until.take() {
                self.pause("GitHub's rate limit is nearly used up", until - now())?;
            }
            if self.made >= self.most {
                return Err(Missing::Stopped(format!(
                    "{} requests were made, and no more are allowed (--max-requests)",
                    self.most
                )));
            }
            match once(self) {
                Ok(read) => return Ok(read),
                Err(Error::RateLimited { wait }) if limited < LIMITED => {
                    self.rests_until = None;
                    let wait = wait.unwrap_or_else(|| LIMIT_PAUSE.doubled(limited, LONGEST_PAUSE));
                    self.pause("GitHub's rate limit", wait)?;
                    limited += 1;
                }
                Err(Error::Inconclusive { .. }) if tries < most => {
                    host::sleep(duration(FIRST_PAUSE.doubled(tries - 1, LONGEST_PAUSE)));
                    tries += 1;
                }
                Err(error) => return Err(missing(&error)),
            }
        }
    }

    fn heed(&mut self, headers: &ReplyHeaders) {
        self.rests_until = rest(headers).map(|rest| Millis(now().0.saturating_add(rest.as_millis())));
    }

    fn pause(&mut self, why: &str, span: Span) -> Result<(), Missing> {
        if span > LONGEST_PAUSE {
            return Err(Missing::Stopped(format!("{why}, for more than {} minutes", LONGEST_PAUSE.as_seconds() / 60)));
        }
        if span > Span::default() {
            self.progress.waits(why, Millis(now().0.saturating_add(span.as_millis())));
            host::sleep(duration(span));
        }
        Ok(())
    }
}

fn duration(span: Span) -> Duration {
    Duration::from_millis(span.as_millis().unsigned_abs())
}

/// How long to leave what remains of the hour to others. By GitHub's clock, so that ours does not matter.
fn rest(headers: &ReplyHeaders) -> Option<Span> {
    let number = |header: &Option<String>| header.as_deref().and_then(|text| text.trim().parse::<i64>().ok());
    let remaining = number(&headers.rate_limit_remaining)?;
    let reset = Millis(number(&headers.rate_limit_reset)?.saturating_mul(1_000));
    let there = headers.date.as_deref().and_then(Millis::from_http_date)?;
    (remaining <= RESERVE).then(|| reset - there).filter(|rest| *rest > Span::default())
}

/// Without its query, in which a log's address has its authorization.
fn bare(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}

fn missing(error: &Error) -> Missing {
    match error {
        Error::NotFound => Missing::Gone("GitHub has none (404)".to_owned()),
        Error::Refused { .. } | Error::UnclearRefusal { .. } => Missing::Gone(error.to_string()),
        Error::Inconclusive { .. } | Error::TooLarge { .. } => Missing::NotNow(error.to_string()),
        Error::RateLimited { .. }
        | Error::ContentLimited { .. }
        | Error::Credentials { .. }
        | Error::Repository { .. } => Missing::Stopped(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_the_rate_limit_is_left_to_others() {
        let headers = |remaining: &str, reset: &str, date: Option<&str>| ReplyHeaders {
            rate_limit_remaining: Some(remaining.to_owned()),
            rate_limit_reset: Some(reset.to_owned()),
            date: date.map(str::to_owned),
            ..ReplyHeaders::default()
        };
        let there = Some("Mon, 23 Nov 2026 15:04:05 GMT");
        for (remaining, reset, date, expected) in [
            ("101", "1795446305", there, None),
            ("100", "1795446305", there, Some(Span::seconds(60))),
            ("0", "1795446305", there, Some(Span::seconds(60))),
            ("100", "1795446245", there, None),
            ("100", "1795446305", None, None),
            ("many", "1795446305", there, None),
            ("100", "soon", there, None),
        ] {
            assert_eq!(rest(&headers(remaining, reset, date)), expected, "{remaining} {reset} {date:?}");
        }
        assert_eq!(rest(&ReplyHeaders::default()), None);
    }

    #[test]
    fn what_is_not_there_and_what_is_not_to_be_had() {
        let message = || "x".to_owned();
        for (error, expected) in [
            (Error::NotFound, Missing::Gone("GitHub has none (404)".to_owned())),
            (Error::Refused { message: message() }, Missing::Gone("GitHub refused: x".to_owned())),
            (Error::inconclusive("lost"), Missing::NotNow("lost".to_owned())),
            (
                Error::Credentials { message: message() },
                Missing::Stopped("GitHub refused the credentials: x".to_owned()),
            ),
        ] {
            assert_eq!(missing(&error), expected);
        }
    }
}
