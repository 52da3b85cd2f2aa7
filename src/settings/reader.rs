//! Reading settings one by one, and keeping what is wrong with them.

use super::{Access, App, Needed, Secret, SettingProblem, private_key, values};

pub(super) struct Reader<F> {
    lookup: F,
    pub problems: Vec<SettingProblem>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub fn new(lookup: F) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    /// The setting, or its default. A bad value is a problem, and the default only stands in so that the rest can
    /// still be read: the Keeper does nothing while there are problems.
    pub fn value<T: Default>(
        &mut self,
        name: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let value = self.text(name);
        self.parsed(name, value.as_deref(), default, parse)
    }

    /// The same for a setting where blank means something else than not set.
    pub fn even_blank<T: Default>(
        &mut self,
        name: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let value = (self.lookup)(name);
        self.parsed(name, value.as_deref().map(str::trim), default, parse)
    }

    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.text(name).map(Secret::new)
    }

    pub fn checked_secret(&mut self, name: &'static str, check: impl Fn(&str) -> Result<(), String>) -> Option<Secret> {
        let secret = self.secret(name)?;
        if let Err(expected) = check(secret.reveal()) {
            self.not_valid(name, &expected);
        }
        Some(secret)
    }

    /// A previous secret alone would keep a Worker open that its owner has not finished setting up.
    pub fn webhook_secrets(&mut self) -> Vec<Secret> {
        let Some(current) = self.secret("WEBHOOK_SECRET") else {
            self.problem("WEBHOOK_SECRET", "is not set; set it with `wrangler secret put WEBHOOK_SECRET`");
            return Vec::new();
        };
        [Some(current), self.secret("WEBHOOK_SECRET_PREVIOUS")].into_iter().flatten().collect()
    }

    /// Half of it is a problem of its own: it would look like a door and be none.
    pub fn access(&mut self) -> Option<Access> {
        let issuer = self.value("ACCESS_TEAM_DOMAIN", "", values::team_domain);
        let audiences = self.value("ACCESS_AUD", "", values::audiences);
        let is_set = |reader: &Self, name| reader.text(name).is_some();
        match (is_set(self, "ACCESS_TEAM_DOMAIN"), is_set(self, "ACCESS_AUD")) {
            (true, false) => self.problem("ACCESS_AUD", "is not set, but ACCESS_TEAM_DOMAIN is; it takes both"),
            (false, true) => self.problem("ACCESS_TEAM_DOMAIN", "is not set, but ACCESS_AUD is; it takes both"),
            (true, true) | (false, false) => {}
        }
        issuer.filter(|_| !audiences.is_empty()).map(|issuer| Access { issuer, audiences })
    }

    /// A token, an App, or both. Half an App, or one with a bad key, is a problem of its own.
    pub fn credentials(&mut self) -> (Option<Secret>, Option<App>) {
        let (token, (app, app_is_set)) = (self.secret("GITHUB_TOKEN"), self.app());
        match &token {
            None if !app_is_set => self.problem(
                "GITHUB_TOKEN",
                "is not set, nor is a GitHub App; set it with `wrangler secret put GITHUB_TOKEN`, or make an App at /setup",
            ),
            None => {}
            Some(token) if !token.reveal().bytes().all(|b| b.is_ascii_graphic()) => {
                self.problem("GITHUB_TOKEN", "has characters that no token has (a line break?)");
            }
            Some(_) => {}
        }
        (token, app)
    }

    /// The App, and whether any part of it is set.
    fn app(&mut self) -> (Option<App>, bool) {
        let (id, pem) = (self.text("GITHUB_APP_ID"), self.text("GITHUB_APP_PRIVATE_KEY"));
        if id.is_some() != pem.is_some() {
            let missing = if id.is_none() { "GITHUB_APP_ID" } else { "GITHUB_APP_PRIVATE_KEY" };
            let problem = "is not set, but the other half of the App is; set it with `wrangler secret put";
            self.problem(missing, format!("{problem} {missing}`"));
        }
        let is_set = id.is_some() || pem.is_some();
        let id = id.filter(|id| {
            let fits = id.len() <= 40 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
            if !fits {
                self.not_valid("GITHUB_APP_ID", "the App's number, or its client id");
            }
            fits
        });
        let key = pem.and_then(|pem| {
            let key = private_key::parse(&pem);
            key.map_err(|problem| self.problem("GITHUB_APP_PRIVATE_KEY", problem)).ok()
        });
        (id.zip(key).map(|(id, key)| App { id, key, needed: Needed::default() }), is_set)
    }

    fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn parsed<T: Default>(
        &mut self,
        name: &'static str,
        value: Option<&str>,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        parse(value.unwrap_or(default)).unwrap_or_else(|expected| {
            self.not_valid(name, &expected);
            parse(default).unwrap_or_default()
        })
    }

    fn not_valid(&mut self, name: &'static str, expected: &str) {
        self.problem(name, format!("is not valid: expected {expected}"));
    }

    fn problem(&mut self, setting: &'static str, problem: impl Into<String>) {
        self.problems.push(SettingProblem { setting, problem: problem.into() });
    }
}
