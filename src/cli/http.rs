//! Where a Worker or GitHub's API is, and requests to it: with a time-out, and without following redirects, so that no secret
//! goes elsewhere.

use std::fmt;
use std::time::Duration;

use rerunner::github::http::Method;
use rerunner::github::{Reply, ReplyHeaders};
use rerunner::settings::Secret;
use url::{Host, Url};

use super::Failure;
use super::host::{self, Request, Response};

const TIME_OUT: Duration = Duration::from_secs(30);
/// An answer's body; a list of deliveries is some 50 kB.
const BODY_LIMIT: usize = 8 * 1024 * 1024;
const USER_AGENT: &str = concat!("rerunner-command/", env!("CARGO_PKG_VERSION"));

/// An error is a phrase: why there is no answer.
pub fn send(
    method: Method,
    url: &str,
    token: Option<&Secret>,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Reply, String> {
    Client::new(TIME_OUT).exchange(method, url, token, headers, body)?.reply(BODY_LIMIT)
}

/// How long each request may take, to the end of its answer.
pub struct Client(Duration);

impl Client {
    pub fn new(time_out: Duration) -> Self {
        Self(time_out)
    }

    /// An error is a phrase: why there is no answer.
    pub fn exchange(
        &self,
        method: Method,
        url: &str,
        token: Option<&Secret>,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, String> {
        let parsed = Url::parse(url).map_err(|_| "this is not an address".to_owned())?;
        let here = is_here(&parsed);
        if parsed.scheme() != "https" && !here {
            return Err("the address must be https, or http on this machine".to_owned());
        }
        let method = match method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
        };
        let authorization = token.map(|token| format!("Bearer {}", token.reveal()));
        let mut headers = [&[("user-agent", USER_AGENT)], headers].concat();
        headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
        if !headers.iter().all(|(_, value)| value.chars().all(|c| c == '\t' || (' '..='~').contains(&c))) {
            return Err("a setting has characters that no header may have".to_owned());
        }
        let request = Request { method, url, headers: &headers, body, within: self.0, by_proxy: !here };
        host::fetch(&request).map(Answer).map_err(|problem| problem.to_string())
    }
}

/// An answer whose body was not read yet.
pub struct Answer(Response);

impl Answer {
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// Where a redirect leads.
    pub fn location(&self) -> Option<String> {
        let redirects = matches!(self.status(), 301 | 302 | 307 | 308);
        self.0.header("location").filter(|_| redirects)
    }

    pub fn reply(self, limit: usize) -> Result<Reply, String> {
        let (status, headers) = (self.status(), ReplyHeaders::read(|name| self.0.header(name)));
        let mut body = Vec::new();
        self.pieces(limit, |piece| body.extend_from_slice(piece))?;
        Ok(Reply { status, headers, body })
    }

    /// The body as it comes, of so many bytes at the most.
    pub fn pieces(&self, limit: usize, mut take: impl FnMut(&[u8])) -> Result<(), String> {
        let mut read = 0;
        while let Some(piece) = self.0.piece().map_err(|problem| problem.to_string())? {
            read += piece.len();
            if read > limit {
                return Err(format!("the answer is longer than {limit} bytes"));
            }
            take(&piece);
        }
        Ok(())
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.0.close();
    }
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
