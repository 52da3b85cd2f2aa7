//! What comes back from GitHub: a code, and for the code the App.

use serde::Deserialize;

use crate::github::{self, Reply};
use crate::settings::Secret;

/// What GitHub gives for the code.
#[derive(Debug, PartialEq, Eq)]
pub struct NewApp {
    pub id: u64,
    pub name: String,
    /// Its page for people, which lies elsewhere on an Enterprise Server.
    pub page: String,
    pub pem: Secret,
    pub webhook_secret: Secret,
}

/// The code of a return, which becomes a part of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=200).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// Of "Create a GitHub App from a manifest", which takes no credentials.
    pub fn path(&self) -> String {
        format!("/app-manifests/{}/conversions", self.0)
    }
}

impl NewApp {
    pub fn of(reply: &Reply) -> Result<Self, github::Error> {
        #[derive(Deserialize)]
        struct Body {
            id: u64,
            name: String,
            html_url: String,
            pem: String,
            webhook_secret: Option<String>,
        }
        if reply.status != 201 {
            return Err(github::Error::of(reply));
        }
        let body = serde_json::from_slice::<Body>(&reply.body);
        let body = body.map_err(|_| github::Error::inconclusive("GitHub's answer is not an App"))?;
        let webhook_secret = body.webhook_secret.unwrap_or_default();
        let (pem, webhook_secret) = (Secret::new(body.pem), Secret::new(webhook_secret));
        Ok(Self { id: body.id, name: body.name, page: body.html_url, pem, webhook_secret })
    }

    /// The key on one line: what asks for a secret in a terminal takes one.
    pub fn pem_on_one_line(&self) -> String {
        self.pem.reveal().trim_end().replace('\n', "\\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::support::reply;

    #[test]
    fn codes_are_no_paths() {
        assert_eq!(Code::parse("a180b1a3").unwrap().path(), "/app-manifests/a180b1a3/conversions");
        for bad in ["", "a/b", "..", "a?b", "a%2fb", &"a".repeat(201)] {
            assert_eq!(Code::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_github_gives() {
        let reply = |status: u16, body: serde_json::Value| NewApp::of(&reply(status, body));
        let good = serde_json::json!({
            "id": 7, "name": "Mine", "html_url": "https://github.com/apps/mine", "pem": "-----BEGIN\nx\n", "webhook_secret": "s", "client_id": "c",
        });
        let app = reply(201, good).unwrap();
        let expected = (7, "https://github.com/apps/mine", "s");
        assert_eq!((app.id, app.page.as_str(), app.webhook_secret.reveal()), expected);
        assert_eq!(app.pem_on_one_line(), "-----BEGIN\\nx");
        assert!(matches!(reply(201, serde_json::json!({})), Err(github::Error::Inconclusive { .. })));
        assert_eq!(reply(404, serde_json::json!({ "message": "Not Found" })), Err(github::Error::NotFound));
    }
}
