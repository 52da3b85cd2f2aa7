//! The query parameters of a request: names that its route does not know, names that are given twice, and what each value can be.

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

/// What is wrong with them.
#[derive(Default)]
pub struct Wrong(Vec<String>);

impl Wrong {
    pub fn or_default<T: Default>(&mut self, value: Result<T, Rejection>) -> T {
        value.unwrap_or_else(|rejection| {
            // Nothing else is said of a parameter.
            if let Rejection::BadRequest(why) = rejection {
                self.0.push(why);
            }
            T::default()
        })
    }

    pub fn none(self) -> Result<(), Rejection> {
        if self.0.is_empty() { Ok(()) } else { Err(Rejection::BadRequest(self.0.join("; "))) }
    }
}

impl Parameters {
    /// Those that a route knows by name.
    pub fn read(url: &str, known: &[&str]) -> (Self, Wrong) {
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
        (Self(given), Wrong(wrong))
    }

    /// Whether it is there, if only blank: a form sends all that it has.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
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
        let cause = self.parsed("cause", CAUSE_EXPECTED, |name| Some(name).filter(is_cause));
        let mut wrong = Wrong::default();
        let slice = RunSlice {
            limit: wrong.or_default(self.limit()),
            before: wrong.or_default(self.cursor(|text| text.parse().ok().and_then(RunId::new))),
            outcome: wrong.or_default(self.parsed("outcome", &format!("one of {outcomes}"), RunOutcome::parse)),
            filter: RunFilter {
                workflow: wrong.or_default(self.name("workflow")),
                branch: wrong.or_default(self.name("branch")),
                job: wrong.or_default(self.name("job")),
                cause: wrong.or_default(cause).map(str::to_owned),
                rule: wrong.or_default(self.name("rule")),
                since: wrong.or_default(self.day("since")),
                until: wrong.or_default(self.day("until")),
            },
        };
        if slice.filter.since.zip(slice.filter.until).is_some_and(|(since, until)| since > until) {
            wrong.0.push("since: expected a date that is not after until".to_owned());
        }
        wrong.none().map(|()| slice)
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

    fn parse_with(query: &str, known: &[&str]) -> Result<Parameters, Rejection> {
        let (parameters, wrong) = Parameters::read(&format!("https://h/x?{query}"), known);
        wrong.none().map(|()| parameters)
    }

    fn parse(query: &str) -> Result<Parameters, Rejection> {
        parse_with(query, &KNOWN)
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
        let filter = |query: &str| parse_with(query, &KNOWN).and_then(|it| it.runs()).map(|it| it.filter);
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
        names(parse_with("limit=1", &[]), "limit (expected: none)");
        let long = parse(&format!("{}=1", "x".repeat(100_000))).unwrap_err();
        assert!(matches!(long, Rejection::BadRequest(why) if why.len() < 300));
        assert!(parse("repository=a/b&repository=a/c").is_ok());
    }

    /// Seen to fail when the first that is wrong is all that is named, of the names or of the values.
    #[test]
    fn all_that_is_wrong_is_named_at_once() {
        for (path, query, expected) in [
            (
                "/api/v1/repositories/o/r/runs",
                "limit=0&outcome=bogus&x=1&since=never&branch=main&cursor=x",
                &["parameter: x (", "limit: ", "cursor: ", "outcome: ", "since: "][..],
            ),
            ("/overview/o/r", "limit=1&outcome=bogus&cause=luck", &["parameter: limit (", "outcome: ", "cause: "]),
            ("/api/v1/repositories/o/r/flaky-jobs", "limit=0&cursor=x&y=", &["parameter: y (", "limit: ", "cursor: "]),
            ("/overview", "sort=x&name=%00&cursor=%00&z=", &["parameter: z (", "cursor: ", "name: ", "sort: "]),
            ("/insights", "cursor=%00&sort=name", &["parameter: sort (", "cursor: "]),
            (
                "/setup",
                "organization=a/b&commands=x&flaky_issues=x",
                &["organization: ", "commands: ", "flaky_issues: "],
            ),
            ("/api/v1/doctor", "repository=o&x=", &["parameter: x (", "repository: "]),
        ] {
            let route = super::super::routes::route("GET", path).unwrap();
            let refused = Parameters::of(&format!("https://h{path}?{query}"), &route).unwrap_err();
            let Rejection::BadRequest(why) = refused else { panic!("{refused:?}") };
            let parts: Vec<_> = why.split("; ").collect();
            assert_eq!(parts.len(), expected.len(), "{why}");
            assert!(parts.iter().zip(expected).all(|(part, expected)| part.contains(expected)), "{why}");
        }
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
