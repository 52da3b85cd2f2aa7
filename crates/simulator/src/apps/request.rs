//! Method and path to what is asked for: of Apps, webhooks and their deliveries, and of the caller.

use serde_json::Value;

use crate::model::Endpoint;

#[derive(Debug, Clone)]
pub(crate) enum Asked {
    App,
    Installation,
    CreateToken(u64, Value),
    AppHook,
    AppDeliveries,
    AppRedelivery(u64),
    ConvertManifest(String),
    Hooks,
    Deliveries(u64),
    Redelivery(u64, u64),
    RateLimit,
    User,
}

impl Asked {
    /// With the repository, if there is one. `segments` are the path's.
    pub fn parse(method: &str, segments: &[&str], body: &[u8]) -> Option<(String, Asked)> {
        let number = |text: &str| text.parse().ok();
        let none = String::new();
        Some(match (method, segments) {
            ("GET", ["app"]) => (none, Asked::App),
            ("GET", ["app", "hook", "config"]) => (none, Asked::AppHook),
            ("GET", ["app", "hook", "deliveries"]) => (none, Asked::AppDeliveries),
            ("POST", ["app", "hook", "deliveries", id, "attempts"]) => (none, Asked::AppRedelivery(number(id)?)),
            ("POST", ["app", "installations", id, "access_tokens"]) => {
                (none, Asked::CreateToken(number(id)?, serde_json::from_slice(body).unwrap_or_default()))
            }
            ("POST", ["app-manifests", code, "conversions"]) => (none, Asked::ConvertManifest((*code).to_owned())),
            ("GET", ["rate_limit"]) => (none, Asked::RateLimit),
            ("GET", ["user"]) => (none, Asked::User),
            (method, ["repos", owner, name, rest @ ..]) => {
                let asked = match (method, rest) {
                    ("GET", ["installation"]) => Asked::Installation,
                    ("GET", ["hooks"]) => Asked::Hooks,
                    ("GET", ["hooks", hook, "deliveries"]) => Asked::Deliveries(number(hook)?),
                    ("POST", ["hooks", hook, "deliveries", id, "attempts"]) => {
                        Asked::Redelivery(number(hook)?, number(id)?)
                    }
                    _ => return None,
                };
                (format!("{owner}/{name}"), asked)
            }
            _ => return None,
        })
    }

    pub fn endpoint(&self) -> Endpoint {
        match self {
            Asked::App => Endpoint::App,
            Asked::Installation => Endpoint::Installation,
            Asked::CreateToken(..) => Endpoint::CreateToken,
            Asked::AppHook => Endpoint::AppHook,
            Asked::AppDeliveries => Endpoint::AppDeliveries,
            Asked::AppRedelivery(_) => Endpoint::AppRedelivery,
            Asked::ConvertManifest(_) => Endpoint::ConvertManifest,
            Asked::Hooks => Endpoint::Hooks,
            Asked::Deliveries(_) => Endpoint::Deliveries,
            Asked::Redelivery(..) => Endpoint::Redelivery,
            Asked::RateLimit => Endpoint::RateLimit,
            Asked::User => Endpoint::User,
        }
    }
}

/// Whether it is a page of GitHub's, where a person is sent with a manifest: the organization, if it is one's.
pub(crate) fn is_web(method: &str, path: &str) -> Option<Option<String>> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method, segments.as_slice()) {
        ("POST", ["settings", "apps", "new"]) => Some(None),
        ("POST", ["organizations", organization, "settings", "apps", "new"]) => Some(Some((*organization).to_owned())),
        _ => None,
    }
}
