//! Where a Worker is: an address that secrets may go to. Over https, or over http on this machine.

use std::fmt;

use url::{Host, Url};

use super::Failure;

/// Without a slash at the end.
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
pub fn is_here(url: &Url) -> bool {
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
