//! What the App is to be: just the permissions and events that are used, and webhooks that come here. And what comes back
//! from GitHub: a code, and for the code the App.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::github::{self, Reply};
use crate::settings::{Needed, Secret};

/// GitHub's limit.
const NAME_LENGTH: usize = 34;

/// An organization's login, which becomes a part of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization(String);

impl Organization {
    pub fn parse(login: &str) -> Option<Self> {
        let fits = (1..=39).contains(&login.len())
            && login.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        fits.then(|| Self(login.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where the form goes. `web` is GitHub for people: `https://github.com`, or an Enterprise Server.
pub fn action(web: &str, organization: Option<&Organization>, state: &str) -> String {
    match organization {
        Some(Organization(login)) => format!("{web}/organizations/{login}/settings/apps/new?state={state}"),
        None => format!("{web}/settings/apps/new?state={state}"),
    }
}

/// GitHub sends what an App is told of its own installations besides. `origin` is the Worker's own: `https://rerunner.example.workers.dev`.
pub fn manifest(origin: &str, organization: Option<&Organization>, needed: Needed) -> Value {
    json!({
        "name": name(organization),
        "url": origin,
        "description": "Re-runs the failed jobs of GitHub Actions workflow runs, up to a limit.",
        "hook_attributes": { "url": format!("{origin}/"), "active": true },
        "redirect_url": format!("{origin}/setup/created"),
        "public": false,
        "default_permissions": needed.to_json(),
        "default_events": needed.events().collect::<Vec<_>>(),
    })
}

/// Names are unique on all of GitHub; GitHub lets its reader change it before the App is made.
fn name(organization: Option<&Organization>) -> String {
    let name = organization.map_or_else(|| "Rerunner".to_owned(), |of| format!("Rerunner for {}", of.0));
    name.chars().take(NAME_LENGTH).collect::<String>().trim_end().to_owned()
}

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
    fn as_narrow_as_can_be() {
        let manifest = manifest("https://rerunner.example.workers.dev", None, Needed::default());
        let permissions = json!({
            "actions": "write", "checks": "read", "contents": "read", "metadata": "read", "pull_requests": "read",
        });
        assert_eq!(manifest["default_permissions"], permissions);
        assert_eq!(manifest["default_events"], json!(["workflow_run"]));
        let all = Needed { comments: true, commit_status: true, commands: true, flaky_issues: true };
        let wide = super::manifest("https://rerunner.example.workers.dev", None, all);
        let mut more = permissions;
        (more["pull_requests"], more["issues"], more["statuses"]) = (json!("write"), json!("write"), json!("write"));
        assert_eq!(wide["default_permissions"], more);
        assert_eq!(wide["default_events"], json!(["workflow_run", "issue_comment"]));
        assert_eq!(manifest["public"], false);
        assert_eq!(manifest["hook_attributes"]["url"], "https://rerunner.example.workers.dev/");
        assert_eq!(manifest["redirect_url"], "https://rerunner.example.workers.dev/setup/created");
    }

    #[test]
    fn on_an_account_an_organization_or_an_enterprise_server() {
        let octo = Organization::parse("octo-org").unwrap();
        assert_eq!(action("https://github.com", None, "s"), "https://github.com/settings/apps/new?state=s");
        assert_eq!(
            action("https://ghe.example", Some(&octo), "s"),
            "https://ghe.example/organizations/octo-org/settings/apps/new?state=s"
        );
        assert_eq!(name(Some(&octo)), "Rerunner for octo-org");
        let long = Organization::parse(&"o".repeat(39)).unwrap();
        assert_eq!(name(Some(&long)).len(), NAME_LENGTH);
        for bad in ["", "a/b", "a b", "..", "\"><script>", &"o".repeat(40)] {
            assert_eq!(Organization::parse(bad), None, "{bad}");
        }
    }

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
