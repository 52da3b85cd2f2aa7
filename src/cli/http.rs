//! Where a Worker is, and requests of the doctor: with a time-out, and without following redirects, so that no secret goes
//! elsewhere.

use std::fmt;
use std::time::Duration;

use rerunner::github::http::Method;
use rerunner::github::{Reply, ReplyHeaders};
use rerunner::settings::Secret;
use ureq::http::Request;
use ureq::{Agent, Proxy};
use url::{Host, Url};

use super::Failure;

const TIME_OUT: Duration = Duration::from_secs(30);
/// An answer's body; a list of deliveries is some 50 kB.
const BODY_LIMIT: u64 = 8 * 1024 * 1024;
const USER_AGENT: &str = concat!("rerunner-doctor/", env!("CARGO_PKG_VERSION"));

/// An error is a phrase: why there is no answer.
pub fn send(
    method: Method,
    url: &str,
    token: Option<&Secret>,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Reply, String> {
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
    let method = match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Patch => "PATCH",
    };
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {}", token.reveal()));
    }
    let request = request.body(body).map_err(|_| "a setting has characters that no header may have".to_owned())?;
    let mut response = agent.run(request).map_err(|error| error.to_string())?;
    let get = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let headers = ReplyHeaders::read(get);
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(BODY_LIMIT).read_to_vec().map_err(|error| error.to_string())?;
    Ok(Reply { status, headers, body })
}

/// An address that secrets may go to: over https, or over http on this machine. Without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let refused = |why: &str| {
            let shown = text.split(['?', '#']).next().unwrap_or_default().rsplit('@').next().unwrap_or_default();
            Failure(format!("{shown} is not an address to check: {why}"))
        };
        let url = Url::parse(text).map_err(|_| refused("expected one such as https://rerunner.example.workers.dev"))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(refused("it has a user, a query or a fragment"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_here(&url) => {}
            "http" => return Err(refused("ADMIN_TOKEN goes over https, or over http to this machine only")),
            _ => return Err(refused("expected https")),
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_here(&self) -> bool {
        Url::parse(&self.0).is_ok_and(|url| is_here(&url))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether what is sent there stays on this machine.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_secrets_may_go() {
        for (text, address, here) in [
            ("https://rerunner.example.workers.dev", "https://rerunner.example.workers.dev", false),
            ("https://Rerunner.Example/", "https://rerunner.example", false),
            ("https://example.com/rerunner/", "https://example.com/rerunner", false),
            ("http://127.0.0.1:8787", "http://127.0.0.1:8787", true),
            ("http://127.9.9.9/", "http://127.9.9.9", true),
            ("http://[::1]:1", "http://[::1]:1", true),
            ("http://localhost:8787/", "http://localhost:8787", true),
            ("http://2130706433", "http://127.0.0.1", true),
        ] {
            let parsed = Address::parse(text).unwrap();
            assert_eq!((parsed.as_str(), parsed.is_here()), (address, here), "{text}");
        }
        for bad in [
            "http://rerunner.example.workers.dev",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
            "http://127.0.0.1:x@evil.example/",
            "http://192.0.2.1",
            "http://0.0.0.0",
            "https://user:hush@rerunner.example",
            "https://rerunner.example/?token=hush",
            "https://rerunner.example/#hush",
            "ftp://rerunner.example",
            "file:///etc/passwd",
            "https://",
            "rerunner.example",
            "://",
        ] {
            let Err(Failure(why)) = Address::parse(bad) else { panic!("{bad}") };
            assert!(!why.contains("hush"), "{why}");
        }
    }
}
