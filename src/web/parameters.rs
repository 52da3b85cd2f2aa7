//! The query parameters of a request. Whatever is wrong with them is named: a name that its route does not know, one that
//! is given twice, a value that cannot be.

use crate::escape::{NAME_CHARS, bounded};
use crate::keeper::run_filter::RunFilter;
use crate::keeper::views::RunSlice;
use crate::names::{RepoName, RunId};
use crate::policy::{Cause, RunOutcome};
use crate::time::Millis;

use super::Rejection;

const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 100;
/// Cursors of lists that go by number end here.
const MAX_SKIPPED: u64 = 10_000;
/// Workers KV does not say how long its cursors are; those that it gives have less than a fifth of this.
const MAX_LIST_CURSOR: usize = 1_024;
/// The one parameter that can be given several times.
const REPOSITORY: &str = "repository";
/// Repositories that the doctor looks at: each takes up to seven of the 50 subrequests of the free plan.
pub const MAX_REPOSITORIES: usize = 5;
/// Unknown names that are named.
const UNKNOWN_SHOWN: usize = 5;

/// Blank is not given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Those of a URL, for a route that knows these names.
    pub fn parse(url: &str, known: &[&str]) -> Result<Self, Rejection> {
        let query = url.split_once('?').map_or("", |(_, query)| query).split('#').next().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        let (given, unknown): (Vec<_>, Vec<_>) = pairs.partition(|(name, _)| known.contains(&name.as_str()));
        let mut wrong = Vec::new();
        if !unknown.is_empty() {
            let unknown: Vec<_> =
                unknown.iter().take(UNKNOWN_SHOWN).map(|(name, _)| bounded(name, NAME_CHARS)).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            wrong.push(format!("unknown parameter: {} (expected: {known})", unknown.join(", ")));
        }
        for name in known.iter().filter(|name| **name != REPOSITORY) {
            if given.iter().filter(|(given, _)| given == name).count() > 1 {
                wrong.push(format!("{name}: expected once"));
            }
        }
        if wrong.is_empty() { Ok(Self(given)) } else { Err(Rejection::BadRequest(wrong.join("; "))) }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(given, _)| given == name)?;
        Some(found.1.as_str()).filter(|value| !value.is_empty())
    }

    pub fn limit(&self) -> Result<u64, Rejection> {
        let parse = |text: &str| text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
        Ok(self.parsed("limit", &format!("a number from 1 to {MAX_LIMIT}"), parse)?.unwrap_or(DEFAULT_LIMIT))
    }

    /// Which runs. A route that does not know one of these names never has it.
    pub fn runs(&self) -> Result<RunSlice, Rejection> {
        let outcomes = RunOutcome::ALL.map(RunOutcome::as_str).join(", ");
        let is_cause = |name: &&str| Cause::all().any(|cause| cause.as_str() == *name);
        let cause = self.parsed("cause", CAUSE_EXPECTED, |name| Some(name).filter(is_cause))?;
        let filter = RunFilter {
            workflow: self.name("workflow")?,
            branch: self.name("branch")?,
            job: self.name("job")?,
            cause: cause.map(str::to_owned),
            rule: self.name("rule")?,
            since: self.day("since")?,
            until: self.day("until")?,
        };
        if filter.since.zip(filter.until).is_some_and(|(since, until)| since > until) {
            return Err(Rejection::BadRequest("since: expected a date that is not after until".to_owned()));
        }
        Ok(RunSlice {
            filter,
            outcome: self.parsed("outcome", &format!("one of {outcomes}"), RunOutcome::parse)?,
            before: self.cursor(|text| text.parse().ok().and_then(RunId::new))?,
            limit: self.limit()?,
        })
    }

    /// A name, or a glob of names.
    pub fn name(&self, name: &str) -> Result<Option<String>, Rejection> {
        let is_one = |text: &&str| text.chars().count() <= NAME_CHARS && !text.chars().any(char::is_control);
        let expected = format!("a name of at most {NAME_CHARS} characters, in which * stands for any others");
        let text = self.parsed(name, &expected, |text| Some(text.trim()).filter(is_one))?;
        Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
    }

    /// A day, as days since 1970.
    fn day(&self, name: &str) -> Result<Option<i64>, Rejection> {
        let midnight = |date: &str| (date.len() == 10).then(|| Millis::from_rfc3339(&format!("{date}T00:00:00Z")));
        self.parsed(name, "a date such as 2026-11-23", |date| midnight(date).flatten().map(Millis::day))
    }

    /// How many to skip, of a list that goes by number.
    pub fn skip(&self) -> Result<u64, Rejection> {
        Ok(self.cursor(|text| text.parse().ok().filter(|skip| *skip <= MAX_SKIPPED))?.unwrap_or_default())
    }

    /// One of Workers KV. They are base64 now; what else needs no encoding in a URL may come in them too.
    pub fn list_cursor(&self) -> Result<Option<&str>, Rejection> {
        self.cursor(|text| {
            let is_one = |b: u8| b.is_ascii_alphanumeric() || b"+/=-_.~:".contains(&b);
            (text.len() <= MAX_LIST_CURSOR && text.bytes().all(is_one)).then_some(text)
        })
    }

    pub fn repositories(&self) -> Result<Vec<RepoName>, Rejection> {
        let named = self.0.iter().filter(|(name, _)| name == REPOSITORY).map(|(_, value)| RepoName::parse(value));
        match named.collect::<Result<Vec<_>, _>>() {
            Ok(named) if named.len() <= MAX_REPOSITORIES => Ok(named),
            Ok(_) => Err(Rejection::BadRequest(format!("{REPOSITORY}: expected at most {MAX_REPOSITORIES}"))),
            Err(error) => Err(Rejection::BadRequest(format!("{REPOSITORY}: {error}"))),
        }
    }

    /// `None`: not given.
    pub fn parsed<'a, T>(
        &'a self,
        name: &str,
        expected: &str,
        parse: impl Fn(&'a str) -> Option<T>,
    ) -> Result<Option<T>, Rejection> {
        let Some(text) = self.get(name) else { return Ok(None) };
        parse(text).map(Some).ok_or_else(|| Rejection::BadRequest(format!("{name}: expected {expected}")))
    }

    fn cursor<'a, T>(&'a self, parse: impl Fn(&'a str) -> Option<T>) -> Result<Option<T>, Rejection> {
        self.parsed("cursor", CURSOR_EXPECTED, parse)
    }
}

const CAUSE_EXPECTED: &str = "infrastructure, a class or an id of the catalogue (docs/catalogue.md)";
const CURSOR_EXPECTED: &str = "the next_cursor of an answer";

/// Workers KV does not know it.
pub fn bad_cursor() -> Rejection {
    Rejection::BadRequest(format!("cursor: expected {CURSOR_EXPECTED}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["limit", "cursor", "outcome", "repository"];

    fn parse(query: &str) -> Result<Parameters, Rejection> {
        Parameters::parse(&format!("https://h/x?{query}"), &KNOWN)
    }

    #[track_caller]
    fn names<T: std::fmt::Debug>(result: Result<T, Rejection>, name: &str) {
        let refusal = result.unwrap_err();
        assert!(matches!(&refusal, Rejection::BadRequest(why) if why.contains(name)), "{name}: {refusal:?}");
    }

    #[test]
    fn which_runs() {
        let runs = |query: &str| parse(query).and_then(|parameters| parameters.runs());
        let first = RunSlice { outcome: None, before: None, limit: 50, filter: RunFilter::default() };
        assert_eq!(runs(""), Ok(first.clone()));
        assert_eq!(runs("limit=&cursor=&outcome=#f"), Ok(first.clone()));
        let all = RunSlice { outcome: Some(RunOutcome::Rescued), before: RunId::new(7), limit: 100, ..first.clone() };
        assert_eq!(runs("limit=100&outcome=rescued&cursor=7#f&other=1"), Ok(all));
        for bad in ["limit=0", "limit=101", "limit=x", "outcome=best", "cursor=-1", "cursor=x", "cursor=0"] {
            names(runs(bad), bad.split('=').next().unwrap());
        }
    }

    /// Seen to fail when a class is a cause and an id is none.
    #[test]
    fn which_runs_by_filter() {
        const KNOWN: [&str; 7] = ["workflow", "branch", "job", "cause", "rule", "since", "until"];
        let filter = |query: &str| {
            Parameters::parse(&format!("https://h/x?{query}"), &KNOWN).and_then(|it| it.runs()).map(|it| it.filter)
        };
        assert!(filter("workflow=&branch=+&job=&cause=&rule=&since=&until=").unwrap().is_empty());
        let text = |text: &str| Some(text.to_owned());
        let all = "workflow=ci&branch=release%2F*&job=test+(3.12)&cause=npm-network&rule=lost+runners&since=2026-11-01";
        let expected = RunFilter {
            workflow: text("ci"),
            branch: text("release/*"),
            job: text("test (3.12)"),
            cause: text("npm-network"),
            rule: text("lost runners"),
            since: Some(20_758),
            until: Some(20_780),
        };
        assert_eq!(filter(&format!("{all}&until=2026-11-23")), Ok(expected));
        assert_eq!(filter("cause=infrastructure").unwrap().cause, text("infrastructure"));
        for bad in [
            "workflow=%00",
            &format!("branch={}", "x".repeat(NAME_CHARS + 1)),
            "cause=bad+luck",
            "since=yesterday",
            "since=2026-11-31",
            "until=2026-1-1",
            "until=20261101",
            "since=2026-11-02&until=2026-11-01",
        ] {
            names(filter(bad), bad.split('=').next().unwrap());
        }
    }

    #[test]
    fn unknown_and_repeated_ones_are_named() {
        for (bad, name) in [
            ("page=2", "page"),
            ("limit=1&Limit=2", "Limit"),
            ("limit=1&%63olour=red", "colour"),
            ("=1", "unknown parameter"),
            ("limit=1&limit=1", "limit: expected once"),
            ("cursor=&cursor=", "cursor: expected once"),
        ] {
            names(parse(bad), name);
        }
        names(Parameters::parse("https://h/x?limit=1", &[]), "limit (expected: none)");
        let long = parse(&format!("{}=1", "x".repeat(100_000))).unwrap_err();
        assert!(matches!(long, Rejection::BadRequest(why) if why.len() < 300));
        assert!(parse("repository=a/b&repository=a/c").is_ok());
    }

    #[test]
    fn cursors() {
        let skip = |query: &str| parse(query).and_then(|parameters| parameters.skip());
        assert_eq!(skip("cursor=50"), Ok(50));
        names(skip("cursor=10001"), "cursor");
        let list = |query: &str| parse(query).and_then(|all| all.list_cursor().map(|one| one.map(str::to_owned)));
        assert_eq!(list(""), Ok(None));
        for good in ["cmVwb3NpdG9yaWVzL28vcg==", "6Ck1la0VxJ0djhidm1MdX2FyD", "AA-_+/="] {
            assert_eq!(list(&format!("cursor={}", good.replace('+', "%2B"))), Ok(Some(good.to_owned())));
        }
        for bad in ["%00", "a%20b", "%C3%A9", "{}", &"A".repeat(1_025)] {
            names(list(&format!("cursor={bad}")), "cursor");
        }
    }

    #[test]
    fn repositories() {
        let named = |query: &str| parse(query).and_then(|parameters| parameters.repositories());
        assert_eq!(named("repository=octo/a&repository=octo/b").map(|all| all.len()), Ok(2));
        for bad in ["repository=", "repository=octo", &["repository=o/r"; 6].join("&")] {
            names(named(bad), "repository");
        }
    }
}
