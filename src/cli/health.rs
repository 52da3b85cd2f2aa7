//! What a Worker's `/healthz` says.

use rerunner::github::http::Method;
use rerunner::settings::Secret;
use serde::Deserialize;

use super::http::{self, Address};

#[derive(Debug, Deserialize)]
pub struct Health {
    pub version: String,
    pub problems: Vec<HealthProblem>,
}

#[derive(Debug, Deserialize)]
pub struct HealthProblem {
    pub setting: String,
    pub problem: String,
}

impl Health {
    /// In detail with `ADMIN_TOKEN`, where the Worker takes it. An error is a sentence that names the address.
    pub fn read(url: &Address, admin_token: Option<&Secret>) -> Result<Self, String> {
        let ask = |token| {
            let reply = http::send(Method::Get, &format!("{url}/healthz"), token, &[], &[]);
            reply.map_err(|what| format!("{url}: {what}"))
        };
        let mut reply = ask(admin_token)?;
        if admin_token.is_some() && matches!(reply.status, 401 | 403 | 429) {
            reply = ask(None)?;
        }
        let not_ours = |_| format!("{url}/healthz answers {}, but not as Rerunner does", reply.status);
        serde_json::from_slice(&reply.body).map_err(not_ours)
    }
}
