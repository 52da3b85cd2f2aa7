//! The Worker's settings, read from `[vars]` and secrets by way of a look-up function, validated once.
//!
//! A bad value is never replaced silently: it is a [`SettingProblem`], which `/healthz` and the log name, and while there
//! is one nothing is re-run.
//!
//! A new setting is a field of [`Settings`] and a line of [`Settings::read`], with a form from `values`; people find it in
//! wrangler.toml and docs/settings.md.

pub mod private_key;
mod reader;
#[cfg(test)]
mod tests;
mod values;

pub use values::{Glob, MAX_RERUNS_LIMIT, Preset, Secret, duration};

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::names::{FilePath, RepoName, has_login};
use crate::time::Span;

use reader::Reader;

#[derive(Debug)]
pub struct Settings {
    /// The webhook's secret, then the previous one, for rotation. Empty: `WEBHOOK_SECRET` is unset.
    pub webhook_secrets: Vec<Secret>,
    pub github_token: Option<Secret>,
    pub github_app: Option<App>,
    /// Without a trailing slash.
    pub github_api_url: String,
    pub repositories: Vec<Glob>,
    pub max_reruns: u32,
    /// How far a repository's policy file may raise `max_reruns`. Never below it.
    pub max_reruns_ceiling: u32,
    pub no_rerun_actors: Vec<String>,
    pub rerun_delay: Span,
    pub dry_run: bool,
    /// Where a repository keeps its rules; `None`: repositories have none of their own.
    pub policy_file: Option<FilePath>,
    /// What holds in a repository without a policy file, whose organization has none either.
    pub default_policy: Preset,
    /// Whether the policy file of `OWNER/.github` holds for repositories without one.
    pub organization_policy: bool,
    /// Zero: no sweep.
    pub sweep_interval: Span,
    /// Opens the admin routes.
    pub admin_token: Option<Secret>,
    /// Cloudflare Access in front of the admin routes.
    pub access: Option<Access>,
    /// Where notifications go: a secret, as whoever knows it can write there.
    pub notify_url: Option<Secret>,
    /// For each repository.
    pub notifications_per_hour: u32,
    /// Whose badge anyone can see.
    pub badge_repositories: Vec<Glob>,
    pub comment_on_pull_requests: bool,
    /// What the contexts of commit statuses begin with; `None`: there are none.
    pub commit_status: Option<String>,
    pub problems: Vec<SettingProblem>,
}

/// Whose tokens of Cloudflare Access open the admin routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The team's domain, as tokens name it: `https://TEAM.cloudflareaccess.com`.
    pub issuer: String,
    /// The AUD tags of the applications. At least one.
    pub audiences: Vec<String>,
}

impl Settings {
    /// Reads every setting through `lookup`, which answers `None` for one that is not set. Blank is not set.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let mut reader = Reader::new(lookup);
        let (webhook_secrets, (github_token, github_app)) = (reader.webhook_secrets(), reader.credentials());
        let max_reruns = reader.value("MAX_RERUNS", "3", values::reruns);
        let comment_on_pull_requests = reader.value("COMMENT_ON_PULL_REQUESTS", "false", values::boolean);
        let commit_status = reader.value("COMMIT_STATUS", "", values::context);
        let needed = needed(comment_on_pull_requests, commit_status.is_some());
        Self {
            webhook_secrets,
            github_token,
            github_app: github_app.map(|app| App { needed, ..app }),
            github_api_url: reader.value("GITHUB_API_URL", "https://api.github.com", values::api_url),
            repositories: reader.value("REPOSITORIES", "*", values::repositories),
            max_reruns,
            max_reruns_ceiling: reader.value("MAX_RERUNS_CEILING", "10", values::reruns).max(max_reruns),
            no_rerun_actors: reader.value("NO_RERUN_ACTORS", "", values::logins),
            rerun_delay: reader.value("RERUN_DELAY", "5s", duration),
            dry_run: reader.value("DRY_RUN", "false", values::boolean),
            policy_file: reader.even_blank("POLICY_FILE", ".github/rerunner.yml", values::policy_file),
            default_policy: reader.value("DEFAULT_POLICY", "everything", values::preset),
            organization_policy: reader.value("ORGANIZATION_POLICY", "true", values::boolean),
            sweep_interval: reader.value("SWEEP_INTERVAL", "15m", values::sweep_interval),
            admin_token: reader.secret("ADMIN_TOKEN"),
            access: reader.access(),
            notify_url: reader.checked_secret("NOTIFY_URL", values::notify_url),
            notifications_per_hour: reader.value("NOTIFICATIONS_PER_HOUR", "20", values::notifications_per_hour),
            badge_repositories: reader.value("BADGE_REPOSITORIES", "", values::repositories),
            comment_on_pull_requests,
            commit_status,
            problems: reader.problems,
        }
    }

    pub fn serves(&self, repository: &RepoName) -> bool {
        self.repositories.iter().any(|glob| glob.matches(repository.as_str()))
    }

    /// Where GitHub's pages are, without a trailing slash: links go there.
    pub fn github_web_url(&self) -> String {
        match self.github_api_url.as_str() {
            "https://api.github.com" => "https://github.com".to_owned(),
            server => server.strip_suffix("/api/v3").unwrap_or(server).to_owned(),
        }
    }

    /// What an App must be granted for what the settings switch on.
    pub fn needed(&self) -> Needed {
        needed(self.comment_on_pull_requests, self.commit_status.is_some())
    }

    /// Whether an App is configured, or was meant to be.
    pub fn has_app(&self) -> bool {
        let of_app = |problem: &SettingProblem| problem.setting.starts_with("GITHUB_APP_");
        self.github_app.is_some() || self.problems.iter().any(of_app)
    }

    /// Whether anyone may see its badge.
    pub fn has_badge(&self, repository: &RepoName) -> bool {
        self.badge_repositories.iter().any(|glob| glob.matches(repository.as_str()))
    }

    pub fn excludes_actor(&self, login: &str) -> bool {
        has_login(&self.no_rerun_actors, login)
    }
}

fn needed(comments: bool, commit_status: bool) -> Needed {
    Needed { comments, commit_status, ..Needed::default() }
}

/// What the App must be granted, as GitHub's API names it, by what is switched on. The doctor and the set-up page go by it
/// too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needed {
    /// Whether it writes on pull requests what was re-run.
    pub comments: bool,
    /// Whether commits show it.
    pub commit_status: bool,
    /// Whether it is told what to do by comments on pull requests.
    pub commands: bool,
    /// Whether it opens issues for flaky jobs.
    pub flaky_issues: bool,
}

impl Needed {
    /// Of all features.
    pub fn permissions(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let pull_requests = if self.comments || self.commands { "write" } else { "read" };
        let more = [("issues", self.flaky_issues), ("statuses", self.commit_status)];
        let more = more.into_iter().filter(|(_, is_needed)| *is_needed).map(|(name, _)| (name, "write"));
        Self::ALWAYS.into_iter().chain([("pull_requests", pull_requests)]).chain(more)
    }

    const ALWAYS: [(&'static str, &'static str); 4] =
        [("actions", "write"), ("checks", "read"), ("contents", "read"), ("metadata", "read")];

    /// Each feature that is switched on: where, and what it needs besides.
    pub fn features(self) -> impl Iterator<Item = (&'static str, (&'static str, &'static str), Option<&'static str>)> {
        let Self { comments, commit_status, commands, flaky_issues } = self;
        let (pull_requests, event) = (("pull_requests", "write"), Some("issue_comment"));
        let all = [
            (comments, ("COMMENT_ON_PULL_REQUESTS", pull_requests, None)),
            (commit_status, ("COMMIT_STATUS", ("statuses", "write"), None)),
            (commands, ("commands", pull_requests, event)),
            (flaky_issues, ("flaky_issues", ("issues", "write"), None)),
        ];
        all.into_iter().filter(|(is_on, _)| *is_on).map(|(_, feature)| feature)
    }

    /// The events that it must be told of.
    pub fn events(self) -> impl Iterator<Item = &'static str> {
        let more = self.commands.then_some("issue_comment");
        std::iter::once("workflow_run").chain(more)
    }

    /// What both need.
    pub fn and(self, other: Self) -> Self {
        Self {
            comments: self.comments || other.comments,
            commit_status: self.commit_status || other.commit_status,
            commands: self.commands || other.commands,
            flaky_issues: self.flaky_issues || other.flaky_issues,
        }
    }

    /// Of these, what was granted: a feature that lacks its permission is no reason to do nothing. `None`: what nothing is done
    /// without was not granted.
    pub fn as_granted(self, granted: &Map<String, Value>) -> Option<Map<String, Value>> {
        let has = |name: &str, level: &str| match granted.get(name).and_then(Value::as_str) {
            Some("write" | "admin") => true,
            Some("read") => level == "read",
            _ => false,
        };
        // Always there, though not always told.
        let is_granted = |(name, level): &(&str, &str)| *name == "metadata" || has(name, level);
        let mut all: Vec<_> = Self::ALWAYS.iter().copied().filter(is_granted).collect();
        if all.len() < Self::ALWAYS.len() {
            return None;
        }
        all.extend(self.permissions().skip(Self::ALWAYS.len()).filter(is_granted));
        // It was needed for less before.
        let reads = all.iter().any(|(name, _)| *name == "pull_requests") || !has("pull_requests", "read");
        all.extend([("pull_requests", "read")].into_iter().filter(|_| !reads));
        Some(all.into_iter().map(|(name, level)| (name.to_owned(), level.into())).collect())
    }

    /// As the API and a manifest take it.
    pub fn to_json(self) -> Map<String, Value> {
        self.permissions().map(|(name, level)| (name.to_owned(), level.into())).collect()
    }
}

/// `actions: write, checks: read, …`
impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permissions: Vec<String> = self.permissions().map(|(name, level)| format!("{name}: {level}")).collect();
        f.write_str(&permissions.join(", "))
    }
}

/// The App's id and key, as the settings have them.
#[derive(Debug, Clone)]
pub struct App {
    /// Its number, or its client id.
    pub id: String,
    /// See [`private_key`].
    pub key: Secret,
    pub needed: Needed,
}

/// What is wrong with one setting: its name, and what was expected, never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingProblem {
    pub setting: &'static str,
    pub problem: String,
}

impl fmt::Display for SettingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.setting, self.problem)
    }
}
