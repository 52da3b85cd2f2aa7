//! The forms that values have. An error says what was expected, to be read after "expected".

use std::fmt;
use std::str::FromStr;

use wildmatch::WildMatch;

use crate::escape::is_visible;
use crate::names::{FilePath, StringEnum as _, string_enum};
use crate::time::Span;

/// GitHub's own limit: 50 re-runs of one run, one of which is left to a person.
pub const MAX_RERUNS_LIMIT: u32 = 49;

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

string_enum! {
    /// What holds in a repository that has no policy file: a policy file of our own, in docs/policies.
    #[derive(Default)]
    pub enum Preset {
        #[default]
        Everything = "everything",
        Infrastructure = "infrastructure",
        Careful = "careful",
    }
}

pub fn preset(text: &str) -> Result<Preset, String> {
    Preset::parse(text).ok_or_else(|| Preset::TEXTS.join(", "))
}

/// A name pattern: `*` stands for any characters, `?` for one; case does not matter.
#[derive(Debug, Clone, PartialEq)]
pub struct Glob(WildMatch);

impl Glob {
    pub fn new(pattern: &str) -> Self {
        Self(WildMatch::new_case_insensitive(pattern))
    }

    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }
}

fn commas(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Accounts, each by its login.
pub fn logins(text: &str) -> Result<Vec<String>, String> {
    let is_login = |login: &str| login.chars().all(|c| is_visible(c) && !c.is_whitespace());
    match commas(text).all(is_login) {
        true => Ok(commas(text).map(str::to_owned).collect()),
        false => Err("logins such as dependabot[bot], separated by commas".to_owned()),
    }
}

/// Of repositories' full names. One without a slash matches none, unless it has a `*` for that.
pub fn repositories(text: &str) -> Result<Vec<Glob>, String> {
    let is_of_names = |glob: &str| {
        let is_visible = glob.chars().all(|c| is_visible(c) && !c.is_whitespace());
        is_visible && (glob.contains('*') || glob.split('/').count() == 2)
    };
    match commas(text).all(is_of_names) {
        true => Ok(commas(text).map(Glob::new).collect()),
        false => Err("names such as OWNER/REPO or OWNER/*, separated by commas".to_owned()),
    }
}

pub fn notifications_per_hour(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|n| (1..=1_000).contains(n)).ok_or_else(|| "a number from 1 to 1000".to_owned())
}

pub fn reruns(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|n| *n <= MAX_RERUNS_LIMIT).ok_or_else(|| format!("a number from 0 to {MAX_RERUNS_LIMIT}"))
}

pub fn boolean(text: &str) -> Result<bool, String> {
    bool::from_str(text).map_err(|_| "true or false".to_owned())
}

/// Off, or no more often than GitHub's limits make sense of.
pub fn sweep_interval(text: &str) -> Result<Span, String> {
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
pub fn api_url(text: &str) -> Result<String, String> {
    let expected = || {
        "a URL such as https://api.github.com or https://HOST/api/v3, in ASCII, without user, query or fragment"
            .to_owned()
    };
    let url = url::Url::parse(text).map_err(|_| expected())?;
    if is_safe(&url) && url.query().is_none() {
        Ok(url.as_str().trim_end_matches('/').to_owned())
    } else {
        Err(expected())
    }
}

pub fn notify_url(text: &str) -> Result<(), String> {
    let is_good = url::Url::parse(text).is_ok_and(|url| is_safe(&url));
    is_good.then_some(()).ok_or_else(|| "an https URL in ASCII, without user and fragment".to_owned())
}

/// The issuer that a team's tokens name: its domain, with `https://` or without. `None` for nothing.
pub fn team_domain(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let address = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = url::Url::parse(&address).ok().filter(is_safe);
    let origin = url.filter(|url| url.path() == "/" && url.query().is_none());
    let origin = origin.map(|url| Some(url.as_str().trim_end_matches('/').to_owned()));
    origin.ok_or_else(|| "a team domain such as TEAM.cloudflareaccess.com".to_owned())
}

/// AUD tags are 64 hexadecimal digits today.
pub fn audiences(text: &str) -> Result<Vec<String>, String> {
    let is_tag = |tag: &str| (32..=128).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric());
    let tags: Vec<_> = commas(text).map(str::to_owned).collect();
    match tags.iter().all(|tag| is_tag(tag)) {
        true => Ok(tags),
        false => Err("the AUD tags of applications of Cloudflare Access, separated by commas".to_owned()),
    }
}

/// Of a commit status's context, which has the workflow's name behind it, and 255 characters in all.
pub fn context(text: &str) -> Result<Option<String>, String> {
    let fits = text.chars().count() <= 50 && text.chars().all(|c| is_visible(c) && c < '\u{10000}');
    match text {
        "" => Ok(None),
        text if fits => Ok(Some(text.to_owned())),
        _ => Err("up to 50 characters in one line, such as rerunner, or nothing for no commit statuses".to_owned()),
    }
}

/// `None`: repositories have no rules of their own.
pub fn policy_file(text: &str) -> Result<Option<FilePath>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let expected = "a path in the repository such as .github/rerunner.yml, or nothing for no rules";
    FilePath::parse(text).map(Some).ok_or_else(|| expected.to_owned())
}

/// Nothing goes to it in the clear, except on this machine.
fn is_safe(url: &url::Url) -> bool {
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    plain && url.has_host() && (url.scheme() == "https" || (url.scheme() == "http" && here))
}
