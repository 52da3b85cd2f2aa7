//! The Worker's settings, read from `[vars]` and secrets by way of a look-up function, validated once.
//!
//! A bad value is never replaced silently: it is a [`Problem`], which `/healthz` and the log name, and while there is
//! one nothing is re-run.

mod app;
pub mod private_key;

pub use app::{App, Needed};

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use wildmatch::WildMatch;

use crate::names::{FilePath, RepoName, has_login};
use crate::time::Span;

/// GitHub's own limit: 50 re-runs of one run, one of which is left to a person.
pub const MAX_RERUNS_LIMIT: u32 = 49;

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
    /// Zero: no sweep.
    pub sweep_interval: Span,
    /// Opens the admin routes.
    pub admin_token: Option<Secret>,
    /// Where notifications go: a secret, as whoever knows it can write there.
    pub notify_url: Option<Secret>,
    /// For each repository.
    pub notifications_per_hour: u32,
    /// Whose badge anyone can see.
    pub badge_repositories: Vec<Glob>,
    pub comment_on_pull_requests: bool,
    pub problems: Vec<Problem>,
}

/// What is wrong with one setting: its name, and what was expected, never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub setting: &'static str,
    pub problem: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.setting, self.problem)
    }
}

impl Settings {
    /// Reads every setting through `lookup`, which answers `None` for one that is not set. Blank is not set.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let mut reader = Reader { lookup, problems: Vec::new() };
        let webhook_secret = reader.text("WEBHOOK_SECRET");
        if webhook_secret.is_none() {
            reader.problem("WEBHOOK_SECRET", "is not set; set it with `wrangler secret put WEBHOOK_SECRET`");
        }
        // A previous secret alone would keep a Worker open that its owner has not finished setting up.
        let webhook_secrets = match webhook_secret {
            Some(current) => {
                [Some(current), reader.text("WEBHOOK_SECRET_PREVIOUS")].into_iter().flatten().map(Secret).collect()
            }
            None => Vec::new(),
        };
        let github_token = reader.text("GITHUB_TOKEN").map(Secret);
        let (github_app, app_is_set) = reader.app();
        match &github_token {
            None if !app_is_set => reader.problem(
                "GITHUB_TOKEN",
                "is not set, nor is a GitHub App; set it with `wrangler secret put GITHUB_TOKEN`, or make an App at /setup",
            ),
            None => {}
            Some(token) if !token.0.bytes().all(|b| b.is_ascii_graphic()) => {
                reader.problem("GITHUB_TOKEN", "has characters that no token has (a line break?)");
            }
            Some(_) => {}
        }
        let max_reruns = reader.parsed("MAX_RERUNS", "3", reruns);
        let max_reruns_ceiling = reader.parsed("MAX_RERUNS_CEILING", "10", reruns).max(max_reruns);
        let notify_url = reader.text("NOTIFY_URL").map(Secret);
        if notify_url.as_ref().is_some_and(|url| notify_url_is_wrong(url.reveal())) {
            reader.problem("NOTIFY_URL", "is not valid: expected an https URL without user and fragment");
        }
        let comments = reader.parsed("COMMENT_ON_PULL_REQUESTS", "false", boolean);
        let github_app = github_app.map(|app| App { needed: Needed { comments }, ..app });
        Self {
            webhook_secrets,
            github_token,
            github_app,
            github_api_url: reader.parsed("GITHUB_API_URL", "https://api.github.com", api_url),
            repositories: reader.parsed("REPOSITORIES", "*", globs),
            max_reruns,
            max_reruns_ceiling,
            no_rerun_actors: reader.parsed("NO_RERUN_ACTORS", "", |list| Ok(commas(list).map(str::to_owned).collect())),
            rerun_delay: reader.parsed("RERUN_DELAY", "5s", duration),
            policy_file: reader.policy_file(),
            dry_run: reader.parsed("DRY_RUN", "false", boolean),
            sweep_interval: reader.parsed("SWEEP_INTERVAL", "15m", sweep_interval),
            admin_token: reader.text("ADMIN_TOKEN").map(Secret),
            notify_url,
            notifications_per_hour: reader.parsed("NOTIFICATIONS_PER_HOUR", "20", notifications_per_hour),
            badge_repositories: reader.parsed("BADGE_REPOSITORIES", "", globs),
            comment_on_pull_requests: comments,
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

    /// What an App must be granted.
    pub fn needed(&self) -> Needed {
        Needed { comments: self.comment_on_pull_requests }
    }

    /// Whether an App is configured, or was meant to be.
    pub fn has_app(&self) -> bool {
        let of_app = |problem: &Problem| problem.setting.starts_with("GITHUB_APP_");
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

struct Reader<F> {
    lookup: F,
    problems: Vec<Problem>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn problem(&mut self, setting: &'static str, problem: impl Into<String>) {
        self.problems.push(Problem { setting, problem: problem.into() });
    }

    /// The App, and whether any part of it is set: half an App, or one with a bad key, is a problem of its own.
    fn app(&mut self) -> (Option<App>, bool) {
        let (id, pem) = (self.text("GITHUB_APP_ID"), self.text("GITHUB_APP_PRIVATE_KEY"));
        let is_set = id.is_some() || pem.is_some();
        let id = id.filter(|id| {
            let fits = id.len() <= 40 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
            if !fits {
                self.problem("GITHUB_APP_ID", "is not valid: expected the App's number, or its client id");
            }
            fits
        });
        let key = pem.and_then(|pem| {
            let key = private_key::parse(&pem);
            key.map_err(|problem| self.problem("GITHUB_APP_PRIVATE_KEY", problem)).ok()
        });
        if is_set {
            for (name, missing) in [
                ("GITHUB_APP_ID", self.text("GITHUB_APP_ID").is_none()),
                ("GITHUB_APP_PRIVATE_KEY", self.text("GITHUB_APP_PRIVATE_KEY").is_none()),
            ] {
                if missing {
                    self.problem(
                        name,
                        format!(
                            "is not set, but the other half of the App is; set it with `wrangler secret put {name}`"
                        ),
                    );
                }
            }
        }
        (id.zip(key).map(|(id, key)| App { id, key, needed: Needed { comments: false } }), is_set)
    }

    /// The setting, or its default. A bad value is a problem, and the default only stands in so that the rest can
    /// still be read: the Keeper does nothing while there are problems.
    fn parsed<T: Default>(
        &mut self,
        name: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let value = self.text(name);
        match parse(value.as_deref().unwrap_or(default)) {
            Ok(parsed) => parsed,
            Err(expected) => {
                self.problem(name, format!("is not valid: expected {expected}"));
                parse(default).unwrap_or_default()
            }
        }
    }
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    /// The one setting for which empty and not set are two things.
    fn policy_file(&mut self) -> Option<FilePath> {
        let set = (self.lookup)("POLICY_FILE");
        match set.as_deref().map_or(".github/rerunner.yml", str::trim) {
            "" => None,
            path => {
                let file = FilePath::parse(path);
                if file.is_none() {
                    let expected = "a path in the repository such as .github/rerunner.yml, or nothing for no rules";
                    self.problem("POLICY_FILE", format!("is not valid: expected {expected}"));
                }
                file
            }
        }
    }
}

fn commas(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn globs(list: &str) -> Result<Vec<Glob>, String> {
    Ok(commas(list).map(Glob::new).collect())
}

fn notifications_per_hour(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|n| (1..=1_000).contains(n)).ok_or_else(|| "a number from 1 to 1000".to_owned())
}

fn reruns(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|n| *n <= MAX_RERUNS_LIMIT).ok_or_else(|| format!("a number from 0 to {MAX_RERUNS_LIMIT}"))
}

fn boolean(text: &str) -> Result<bool, String> {
    bool::from_str(text).map_err(|_| "true or false".to_owned())
}

/// Off, or no more often than GitHub's limits make sense of.
fn sweep_interval(text: &str) -> Result<Span, String> {
    match duration(if text == "0" { "0s" } else { text })? {
        span if span == Span::ZERO || span >= Span::minutes(1) => Ok(span),
        _ => Err("0 for off, or a duration from 1m to 24h".to_owned()),
    }
}

/// `0s`, `90s`, `5m`, `2h`: up to a day, as a run can be re-run for 30 days only.
pub fn duration(text: &str) -> Result<Span, String> {
    let expected = || "a duration such as 0s, 90s, 5m or 2h, up to 24h".to_owned();
    let unit = text.chars().next_back().ok_or_else(expected)?;
    let number: i64 = text
        .strip_suffix(unit)
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(expected)?;
    let span = match unit {
        's' => Span::seconds(number),
        'm' => Span::minutes(number),
        'h' => Span::hours(number),
        _ => return Err(expected()),
    };
    if span <= Span::hours(24) { Ok(span) } else { Err(expected()) }
}

/// `https://api.github.com`, or `https://HOST/api/v3` of an Enterprise Server. Plain http is for this machine only,
/// so that the token never travels in the clear.
fn api_url(text: &str) -> Result<String, String> {
    let expected =
        || "a URL such as https://api.github.com or https://HOST/api/v3, without user, query or fragment".to_owned();
    let url = url::Url::parse(text).map_err(|_| expected())?;
    if is_safe(&url) && url.query().is_none() {
        Ok(url.as_str().trim_end_matches('/').to_owned())
    } else {
        Err(expected())
    }
}

fn notify_url_is_wrong(text: &str) -> bool {
    !url::Url::parse(text).is_ok_and(|url| is_safe(&url))
}

/// Nothing goes to it in the clear, except on this machine.
fn is_safe(url: &url::Url) -> bool {
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    plain && url.has_host() && (url.scheme() == "https" || (url.scheme() == "http" && here))
}

/// A name pattern: `*` stands for any characters, `?` for one; case does not matter.
#[derive(Debug, Clone)]
pub struct Glob(WildMatch);

impl Glob {
    pub fn new(pattern: &str) -> Self {
        Self(WildMatch::new_case_insensitive(pattern))
    }

    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }
}

/// A value that is never printed: its `Debug` hides it and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// For the one place that sends or compares it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Settings {
        let base = [("WEBHOOK_SECRET", "s"), ("GITHUB_TOKEN", "t")];
        Settings::read(|name| {
            pairs.iter().chain(&base).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn defaults() {
        let settings = read(&[]);
        assert_eq!(settings.problems, []);
        assert_eq!(settings.github_api_url, "https://api.github.com");
        assert_eq!(settings.max_reruns, 3);
        assert_eq!(settings.rerun_delay, Span::seconds(5));
        assert!(!settings.dry_run);
        assert!(settings.serves(&RepoName::parse("any/thing").unwrap()));
        assert!(!settings.excludes_actor("anyone"));
    }

    #[test]
    fn every_bad_value_is_named_and_none_is_shown() {
        #[track_caller]
        fn bad(setting: &str, value: &str) {
            let problems = read(&[(setting, value)]).problems;
            assert_eq!(problems.len(), 1, "{setting}={value}: {problems:?}");
            assert_eq!(problems[0].setting, setting);
            assert!(!problems[0].problem.contains("hunter2"), "{}", problems[0].problem);
        }
        bad("WEBHOOK_SECRET", " ");
        bad("GITHUB_TOKEN", "");
        bad("GITHUB_TOKEN", "hunter2\nhunter2");
        for value in ["-1", "50", "3.5", "hunter2", "0x3"] {
            bad("MAX_RERUNS", value);
            bad("MAX_RERUNS_CEILING", value);
        }
        for value in ["5", "5 s", "5d", "-5s", "25h", "s", "hunter2", "99999999999999999999s", "é", "5é"] {
            bad("RERUN_DELAY", value);
        }
        for value in ["59s", "hunter2", "-1m"] {
            bad("SWEEP_INTERVAL", value);
        }
        for value in ["yes", "1", "TRUE", "hunter2"] {
            bad("DRY_RUN", value);
        }
        for value in ["0", "1001", "many", "hunter2"] {
            bad("NOTIFICATIONS_PER_HOUR", value);
        }
        bad("COMMENT_ON_PULL_REQUESTS", "hunter2");
        for value in ["http://hooks.example/hunter2", "hunter2", "https://hunter2:x@hooks.example/"] {
            bad("NOTIFY_URL", value);
        }
        for value in ["/hunter2", "hunter2/../x", "hunter2/", "hunter2//x"] {
            bad("POLICY_FILE", value);
        }
        for value in [
            "api.example",
            "http://api.example",
            "ftp://x",
            "https://hunter2:hunter2@x/",
            "https://x/?q=1",
            "file:///x",
        ] {
            bad("GITHUB_API_URL", value);
        }
    }

    #[test]
    fn good_values() {
        assert_eq!(
            read(&[("GITHUB_API_URL", "https://ghe.example/api/v3/")]).github_api_url,
            "https://ghe.example/api/v3"
        );
        assert_eq!(read(&[("GITHUB_API_URL", "http://127.0.0.1:8080")]).github_api_url, "http://127.0.0.1:8080");
        assert_eq!(read(&[("MAX_RERUNS", "0")]).max_reruns, 0);
        assert_eq!(read(&[("MAX_RERUNS", "49")]).max_reruns, 49);
        for (max_reruns, ceiling, expected) in [("3", "10", 10), ("3", "5", 5), ("3", "0", 3), ("20", "10", 20)] {
            let settings = read(&[("MAX_RERUNS", max_reruns), ("MAX_RERUNS_CEILING", ceiling)]);
            assert_eq!(settings.max_reruns_ceiling, expected, "{max_reruns} {ceiling}");
        }
        assert_eq!(read(&[("RERUN_DELAY", "0s")]).rerun_delay, Span::ZERO);
        assert_eq!(read(&[("RERUN_DELAY", "24h")]).rerun_delay, Span::hours(24));
        assert!(read(&[("DRY_RUN", "true")]).dry_run);
        assert_eq!(read(&[]).policy_file.unwrap().as_str(), ".github/rerunner.yml");
        assert_eq!(read(&[("POLICY_FILE", " ci/rules.yml ")]).policy_file.unwrap().as_str(), "ci/rules.yml");
        assert_eq!(read(&[("POLICY_FILE", "")]).policy_file, None);
        assert_eq!(read(&[]).sweep_interval, Span::minutes(15));
        assert_eq!(read(&[("NOTIFY_URL", "https://hooks.example/services/x?y=z")]).problems, []);
        assert_eq!(read(&[("NOTIFY_URL", "http://127.0.0.1:9/x")]).problems, []);
        let repository = RepoName::parse("octo/widgets").unwrap();
        assert_eq!(read(&[]).github_web_url(), "https://github.com");
        let server = read(&[("GITHUB_API_URL", "https://ghe.example/api/v3")]);
        assert_eq!(server.github_web_url(), "https://ghe.example");
        assert!(!read(&[]).has_badge(&repository));
        assert!(read(&[("BADGE_REPOSITORIES", "octo/*")]).has_badge(&repository));
        assert_eq!(read(&[("SWEEP_INTERVAL", "0")]).sweep_interval, Span::ZERO);
        let settings = read(&[("REPOSITORIES", "octo/*, Other/one"), ("NO_RERUN_ACTORS", "dependabot[bot], Ann")]);
        for (name, served) in
            [("octo/x", true), ("OCTO/y", true), ("other/ONE", true), ("other/two", false), ("x/octo", false)]
        {
            assert_eq!(settings.serves(&RepoName::parse(name).unwrap()), served, "{name}");
        }
        assert!(
            settings.excludes_actor("Dependabot[bot]")
                && settings.excludes_actor("ann")
                && !settings.excludes_actor("bob")
        );
    }

    #[test]
    fn an_app_a_token_or_both_and_no_half_of_one() {
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nMAMCAQA=\n-----END RSA PRIVATE KEY-----";
        let app = [("GITHUB_APP_ID", "12345"), ("GITHUB_APP_PRIVATE_KEY", pem)];
        let problems = |pairs: &[(&str, &str)]| -> Vec<&'static str> {
            read(pairs).problems.iter().map(|problem| problem.setting).collect()
        };
        let alone = read(&[app.as_slice(), &[("GITHUB_TOKEN", "")]].concat());
        assert_eq!(alone.problems, []);
        assert!(alone.github_app.is_some_and(|app| app.id == "12345") && alone.github_token.is_none());
        assert_eq!(problems(&app), [] as [&str; 0], "both");
        assert_eq!(problems(&[("GITHUB_APP_ID", "Iv1.0123example"), app[1]]), [] as [&str; 0]);
        for (half, missing) in [(&app[..1], "GITHUB_APP_PRIVATE_KEY"), (&app[1..], "GITHUB_APP_ID")] {
            assert_eq!(problems(half), [missing]);
            assert_eq!(problems(&[half, &[("GITHUB_TOKEN", "")]].concat()), [missing]);
            assert!(read(half).has_app());
        }
        assert_eq!(problems(&[("GITHUB_APP_ID", "hunter2/"), app[1]]), ["GITHUB_APP_ID"]);
        assert_eq!(problems(&[app[0], ("GITHUB_APP_PRIVATE_KEY", "hunter2")]), ["GITHUB_APP_PRIVATE_KEY"]);
        assert!(!read(&[]).has_app());
    }

    #[test]
    fn rotation_needs_a_current_secret() {
        assert_eq!(read(&[("WEBHOOK_SECRET_PREVIOUS", "old")]).webhook_secrets.len(), 2);
        assert_eq!(read(&[("WEBHOOK_SECRET", ""), ("WEBHOOK_SECRET_PREVIOUS", "old")]).webhook_secrets.len(), 0);
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", read(&[("GITHUB_TOKEN", "hush")]).github_token), "Some(Secret(…))");
    }
}
