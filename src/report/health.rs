//! `/healthz`: which settings are missing or wrong, by name and never by value.

use std::fmt;

use serde::Serialize;

use crate::settings::{Problem, Settings};

#[derive(Debug, Serialize)]
pub struct Health {
    /// `ok` or `unhealthy`.
    pub status: &'static str,
    pub version: &'static str,
    pub problems: Vec<Problem>,
}

/// What GitHub said when it refused the credentials, as text: it is kept in Workers KV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// Whether it was the App that was refused, and not the token.
    pub of_app: bool,
    pub refusal: &'a str,
}

const OF_APP: &str = "GitHub App: ";

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.of_app { OF_APP } else { "" })?;
        f.write_str(self.refusal)
    }
}

impl<'a> Refusal<'a> {
    fn parse(text: &'a str) -> Self {
        match text.strip_prefix(OF_APP) {
            Some(refusal) => Self { of_app: true, refusal },
            None => Self { of_app: false, refusal: text },
        }
    }

    fn problem(self) -> Problem {
        let refusal = self.refusal;
        match self.of_app {
            true => {
                Problem { setting: "GITHUB_APP_ID", problem: format!("GitHub does not let the App work: {refusal}") }
            }
            false => Problem {
                setting: "GITHUB_TOKEN",
                problem: format!(
                    "was refused by GitHub: {refusal}; set another with `wrangler secret put GITHUB_TOKEN`"
                ),
            },
        }
    }
}

impl Health {
    /// `refusal`: what GitHub last said of the credentials, if it refused them; or why that cannot be told.
    pub fn of(settings: &Settings, refusal: Result<Option<String>, String>) -> Self {
        let mut problems = settings.problems.clone();
        match refusal {
            Ok(None) => {}
            Ok(Some(refusal)) => problems.push(Refusal::parse(&refusal).problem()),
            Err(_) => problems.push(Problem {
                setting: "ATTEMPTS",
                problem: "cannot be read; is the Workers KV namespace bound in wrangler.toml?".to_owned(),
            }),
        }
        Self {
            status: if problems.is_empty() { "ok" } else { "unhealthy" },
            version: env!("CARGO_PKG_VERSION"),
            problems,
        }
    }

    /// 200 or 503.
    pub fn http_status(&self) -> u16 {
        if self.problems.is_empty() { 200 } else { 503 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(token: &str) -> Settings {
        Settings::read(|name| match name {
            "WEBHOOK_SECRET" => Some("hush".to_owned()),
            "GITHUB_TOKEN" => Some(token.to_owned()),
            _ => None,
        })
    }

    #[test]
    fn healthy() {
        let health = Health::of(&settings("t"), Ok(None));
        assert_eq!(health.http_status(), 200);
        let expected = concat!(r#"{"status":"ok","version":""#, env!("CARGO_PKG_VERSION"), r#"","problems":[]}"#);
        assert_eq!(serde_json::to_string(&health).unwrap(), expected);
    }

    #[test]
    fn unhealthy() {
        for (health, setting) in [
            (Health::of(&settings(""), Ok(None)), "GITHUB_TOKEN"),
            (Health::of(&settings("t"), Ok(Some("401 Bad credentials".to_owned()))), "GITHUB_TOKEN"),
            (
                Health::of(&settings("t"), Ok(Some(Refusal { of_app: true, refusal: "suspended" }.to_string()))),
                "GITHUB_APP_ID",
            ),
            (Health::of(&settings("t"), Err("no binding".to_owned())), "ATTEMPTS"),
        ] {
            assert_eq!((health.http_status(), health.status, health.problems[0].setting), (503, "unhealthy", setting));
        }
    }
}
