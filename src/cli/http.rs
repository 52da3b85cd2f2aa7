//! Requests of the doctor: with a time-out, and without following redirects, so that no secret goes elsewhere.

use std::time::Duration;

use rerunner::github::{Reply, ReplyHeaders};
use ureq::http::Request;
use ureq::{Agent, Proxy};
use url::Url;

use super::address::is_here;

const TIME_OUT: Duration = Duration::from_secs(30);
/// An answer's body; a list of deliveries is some 50 kB.
const BODY_LIMIT: u64 = 8 * 1024 * 1024;
const USER_AGENT: &str = concat!("rerunner-doctor/", env!("CARGO_PKG_VERSION"));

/// An error is a phrase: why there is no answer.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Reply, String> {
    let parsed = Url::parse(url).map_err(|_| "this is no address".to_owned())?;
    let here = is_here(&parsed);
    if parsed.scheme() != "https" && !here {
        return Err("the address must be https, or http on this machine".to_owned());
    }
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(TIME_OUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(USER_AGENT)
        .proxy(if here { None } else { Proxy::try_from_env() })
        .build()
        .into();
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).map_err(|_| "a setting has characters that no header may have".to_owned())?;
    let mut response = agent.run(request).map_err(|error| error.to_string())?;
    let get = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let headers = ReplyHeaders {
        retry_after: get("retry-after"),
        rate_limit_remaining: get("x-ratelimit-remaining"),
        rate_limit_reset: get("x-ratelimit-reset"),
        date: get("date"),
        accepted_permissions: get("x-accepted-github-permissions"),
        link: get("link"),
        oauth_scopes: get("x-oauth-scopes"),
        ..ReplyHeaders::default()
    };
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(BODY_LIMIT).read_to_vec().map_err(|error| error.to_string())?;
    Ok(Reply { status, headers, body })
}
