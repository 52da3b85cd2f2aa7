//! Which runs are asked for, beside their outcome: pure.

use serde::{Deserialize, Serialize};

use crate::policy::{Cause, FailedJob};
use crate::settings::Glob;
use crate::time::Millis;

use super::step::Record;

/// Names are globs, as in a policy file. What is not given takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunFilter {
    pub workflow: Option<String>,
    pub branch: Option<String>,
    /// Of one failed job: its name, why it failed, the rule that it went by. All that is given holds of the same job.
    pub job: Option<String>,
    /// By its name in [`Cause`].
    pub cause: Option<String>,
    pub rule: Option<String>,
    /// The days on which the first failure was seen, both included.
    pub since: Option<i64>,
    pub until: Option<i64>,
}

/// What of a run is known without its decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head<'a> {
    pub workflow: Option<&'a str>,
    pub branch: Option<&'a str>,
    pub created: Millis,
}

impl RunFilter {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub fn matcher(&self) -> Matcher {
        let glob = |text: &Option<String>| text.as_deref().map(Glob::new);
        Matcher {
            workflow: glob(&self.workflow),
            branch: glob(&self.branch),
            job: glob(&self.job),
            // An unknown one matches nothing.
            cause: self.cause.as_deref().map(|name| Cause::all().find(|cause| cause.as_str() == name)),
            rule: glob(&self.rule),
            since: self.since,
            until: self.until,
        }
    }
}

/// A [`RunFilter`], ready for use.
pub struct Matcher {
    workflow: Option<Glob>,
    branch: Option<Glob>,
    job: Option<Glob>,
    cause: Option<Option<Cause>>,
    rule: Option<Glob>,
    since: Option<i64>,
    until: Option<i64>,
}

impl Matcher {
    pub fn takes(&self, head: &Head) -> bool {
        let named = |glob: &Option<Glob>, name: Option<&str>| {
            glob.as_ref().is_none_or(|glob| name.is_some_and(|name| glob.matches(name)))
        };
        let day = head.created.day();
        named(&self.workflow, head.workflow)
            && named(&self.branch, head.branch)
            && self.since.is_none_or(|since| day >= since)
            && self.until.is_none_or(|until| day <= until)
    }

    /// Whether the run's decisions have to be looked at.
    pub fn is_about_jobs(&self) -> bool {
        self.job.is_some() || self.cause.is_some() || self.rule.is_some()
    }

    /// Whether one of its failed jobs is such a one.
    pub fn takes_one_of(&self, records: &[Record]) -> bool {
        let details = records.iter().filter_map(|record| record.detail.as_ref());
        details.flat_map(|detail| &detail.jobs).any(|job| self.takes_job(job))
    }

    fn takes_job(&self, job: &FailedJob) -> bool {
        let is_rule = |glob: &Glob| job.rule.as_deref().is_some_and(|rule| glob.matches(rule));
        let is_cause = |cause: &Option<Cause>| {
            cause.as_ref().zip(job.cause.as_ref()).is_some_and(|(cause, finding)| cause.is_of(finding))
        };
        self.job.as_ref().is_none_or(|glob| glob.matches(&job.name))
            && self.cause.as_ref().is_none_or(is_cause)
            && self.rule.as_ref().is_none_or(is_rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::catalogue::{Class, Finding};
    use crate::policy::{Detail, RunOutcome};

    fn job(name: &str, class: Option<Class>, rule: Option<&str>) -> FailedJob {
        let text = serde_json::json!({ "name": name, "rule": rule });
        let cause = class.map(|class| Finding { id: "npm-network".into(), class, line: None });
        FailedJob { cause, ..serde_json::from_value(text).unwrap() }
    }

    fn record(jobs: Vec<FailedJob>) -> Record {
        let detail = Some(Box::new(Detail { jobs, ..Detail::default() }));
        Record { run_attempt: None, decided: Millis(0), outcome: RunOutcome::Left, reason: String::new(), detail }
    }

    #[track_caller]
    fn takes(text: &str, head: &Head, records: &[Record], expected: bool) {
        let filter: RunFilter = serde_json::from_str(text).unwrap();
        let matcher = filter.matcher();
        let taken = matcher.takes(head) && (!matcher.is_about_jobs() || matcher.takes_one_of(records));
        assert_eq!(taken, expected, "{text}");
    }

    /// Seen to fail when the last day is not in the range.
    #[test]
    fn what_is_taken() {
        let created = Millis::of_day(100) + crate::time::Span::hours(23);
        let head = Head { workflow: Some("CI"), branch: Some("release/1.2"), created };
        let records = [
            record(vec![job("build", Some(Class::Network), Some("network")), job("test (3.12)", None, None)]),
            record(vec![job("lint", Some(Class::Lint), Some("compilers"))]),
        ];
        for (text, expected) in [
            ("{}", true),
            (r#"{"workflow":"ci"}"#, true),
            (r#"{"workflow":"c"}"#, false),
            (r#"{"branch":"release/*"}"#, true),
            (r#"{"branch":"main"}"#, false),
            (r#"{"job":"*3.12*"}"#, true),
            (r#"{"job":"deploy"}"#, false),
            (r#"{"cause":"network"}"#, true),
            (r#"{"cause":"infrastructure"}"#, true),
            (r#"{"cause":"npm-network"}"#, true),
            (r#"{"cause":"git"}"#, false),
            (r#"{"cause":"invented"}"#, false),
            (r#"{"rule":"compilers"}"#, true),
            (r#"{"job":"build","cause":"network","rule":"net*"}"#, true),
            (r#"{"job":"lint","cause":"network"}"#, false),
            (r#"{"since":100,"until":100}"#, true),
            (r#"{"since":101}"#, false),
            (r#"{"until":99}"#, false),
        ] {
            takes(text, &head, &records, expected);
        }
        takes(r#"{"branch":"*"}"#, &Head { branch: None, ..head }, &records, false);
    }
}
