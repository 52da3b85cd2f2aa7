//! What the App is to be: just the permissions and events that are used, and webhooks that come here.

use serde_json::{Value, json};

use crate::settings::Needed;

/// The one event that is needed. GitHub sends what an App is told of its own installations besides.
pub const EVENTS: [&str; 1] = ["workflow_run"];

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

/// `origin` is the Worker's own: `https://rerunner.example.workers.dev`.
pub fn manifest(origin: &str, organization: Option<&Organization>, needed: Needed) -> Value {
    json!({
        "name": name(organization),
        "url": origin,
        "description": "Has GitHub re-run the failed jobs of a workflow run, up to a limit.",
        "hook_attributes": { "url": format!("{origin}/"), "active": true },
        "redirect_url": format!("{origin}/setup/created"),
        "public": false,
        "default_permissions": needed.to_json(),
        "default_events": EVENTS,
    })
}

/// Names are unique on all of GitHub; GitHub lets its reader change it before the App is made.
fn name(organization: Option<&Organization>) -> String {
    let name = organization.map_or_else(|| "Rerunner".to_owned(), |of| format!("Rerunner for {}", of.0));
    name.chars().take(NAME_LENGTH).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_narrow_as_can_be() {
        let manifest = manifest("https://rerunner.example.workers.dev", None, Needed { comments: false });
        let permissions = json!({
            "actions": "write", "checks": "read", "contents": "read", "metadata": "read", "pull_requests": "read",
        });
        assert_eq!(manifest["default_permissions"], permissions);
        assert_eq!(manifest["default_events"], json!(["workflow_run"]));
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
}
