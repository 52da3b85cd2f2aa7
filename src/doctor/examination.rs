//! What is known so far, while everything is looked at, and what is looked at of an App or a token as of a repository: its rate
//! limit, its deliveries, its permissions.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::github;
use crate::settings::Needed;

use super::hooks::Delivery;
use super::{Finding, GitHub, Site, Who};

/// Of what an hour allows; below it, somebody should know.
const FEW: u64 = 10;
/// Deliveries that are looked at.
const LAST: u32 = 30;

pub(super) struct Examination<'a, G> {
    pub github: &'a G,
    pub site: &'a Site,
    pub findings: Vec<Finding>,
    /// Whether the token is a classic one with the scope for all that there is.
    pub has_scope: bool,
    /// Where people find the token.
    pub tokens: String,
}

/// The App, as far as it matters to repositories.
pub(super) struct App {
    /// For people; it lies elsewhere on an Enterprise Server.
    pub page: String,
    /// For its owner.
    pub settings: String,
    /// Whether its webhooks come here.
    pub tells_us: bool,
    /// Of what it is told.
    pub events: Vec<String>,
}

impl<G: GitHub> Examination<'_, G> {
    pub(super) async fn look_at_rate_limit(&mut self, who: Who<'_>, of: &str) {
        #[derive(Deserialize)]
        struct Limits {
            rate: Rate,
        }
        #[derive(Deserialize)]
        struct Rate {
            limit: u64,
            remaining: u64,
        }
        let check = format!("{of}: rate limit");
        // Some Enterprise Servers have none, and say so by a 404.
        self.findings.push(match self.github.read::<Limits>(who, "/rate_limit").await {
            Ok(Limits { rate: Rate { limit, remaining } }) if remaining.saturating_mul(FEW) < limit => {
                Finding::warning(
                    check,
                    format!("{remaining} of {limit} calls are left this hour"),
                    "Something else uses the same credentials; a GitHub App has a limit of its own",
                )
            }
            Ok(Limits { rate: Rate { limit, remaining } }) => {
                Finding::ok(check, format!("{remaining} of {limit} calls are left this hour"))
            }
            Err(github::Error::NotFound) => Finding::ok(check, "there is none"),
            Err(error) => Finding::warning(check, error.to_string(), "Run the doctor again later"),
        });
    }

    pub(super) async fn look_at_deliveries(&mut self, who: Who<'_>, of: &str, path: &str, page: &str) {
        let check = format!("{of}: deliveries");
        let last = self.github.read::<Vec<Delivery>>(who, &format!("{path}?per_page={LAST}")).await;
        self.findings.push(match last {
            Err(error) => Finding::warning(check, error.to_string(), page),
            Ok(last) => match (last.first(), last.iter().filter(|one| !one.is_ok()).count()) {
                (None, _) => Finding::warning(check, "there are none yet", page),
                (Some(_), 0) => Finding::ok(check, format!("the last {} arrived", last.len())),
                (Some(latest), failed) if latest.is_ok() => Finding::warning(
                    check,
                    format!("the latest arrived; {failed} of the last {} did not", last.len()),
                    "npm run doctor -- --redeliver",
                ),
                (Some(latest), failed) => Finding::wrong(
                    check,
                    format!("the latest failed ({}), and {failed} of the last {}", latest.answer(), last.len()),
                    match latest.status_code {
                        401 => "The webhook's secret is not WEBHOOK_SECRET: set both to the same".to_owned(),
                        _ => page.to_owned(),
                    },
                ),
            },
        });
    }
}

/// What of the needed permissions was not granted, with the features that lack it. `None`: nothing.
pub(super) fn lacking(needed: Needed, granted: &Map<String, Value>) -> Option<String> {
    let lacks = |(name, level): (&str, &str)| !is_granted(granted, name, level);
    let of = |(name, level): (&str, &str)| {
        let features = needed.features().filter(|(_, permission, _)| *permission == (name, level));
        let features: Vec<_> = features.map(|(feature, ..)| feature).collect();
        let used = if features.is_empty() { String::new() } else { format!(" ({})", features.join(", ")) };
        format!("{name}: {level}{used}")
    };
    let all: Vec<String> = needed.permissions().filter(|one| lacks(*one)).map(of).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

pub(super) fn is_granted(granted: &Map<String, Value>, name: &str, level: &str) -> bool {
    match granted.get(name).and_then(Value::as_str) {
        Some("write" | "admin") => true,
        Some("read") => level == "read",
        // Always there, though not always told.
        _ => name == "metadata",
    }
}
