//! A failed job and the rules → which of them it may take, and what has to be read to know more.

mod conditions;

use crate::policy::evidence::{Evidence, Job, Need};
use crate::policy::file::{Action, Policy, Rule};
use crate::policy::run::Run;

pub use conditions::{Holds, Unknown, is_of_branch, is_of_workflow, is_one_of, known};

/// The first rule that matches a job, or what holds for those that none does.
#[derive(Debug, Clone, Copy)]
pub struct RuleMatch<'p> {
    pub action: Action,
    pub rule: Option<&'p Rule>,
    /// The number of the log's line that the rule matched.
    pub line: Option<u64>,
}

/// What a job can still take, by what was read so far.
#[derive(Debug)]
pub struct RuleMatches<'a> {
    /// One that is certain if nothing is needed.
    possible: Vec<RuleMatch<'a>>,
    /// What has to be read to know more.
    pub need: Option<Need>,
    /// The rules before the certain one that would have matched if what is absent had been there and had been so.
    pub uncertain: Vec<UncertainMatch<'a>>,
}

/// A rule that may match, but for what is absent.
#[derive(Debug, Clone, Copy)]
pub struct UncertainMatch<'a> {
    pub rule_match: RuleMatch<'a>,
    pub unknown: Unknown<'a>,
}

impl<'a> RuleMatches<'a> {
    pub fn certain(&self) -> Option<RuleMatch<'a>> {
        self.possible.first().copied().filter(|_| self.need.is_none())
    }

    pub fn can_be(&self, action: Action) -> bool {
        self.possible.iter().any(|rule_match| rule_match.action == action)
    }
}

/// `job` is `Err` for failed jobs that GitHub does not list, with why: only conditions on the run can hold for them.
pub fn match_rules<'a>(
    policy: &'a Policy,
    run: &'a Run,
    job: Result<&'a Job, &'a str>,
    evidence: &'a Evidence,
) -> RuleMatches<'a> {
    let mut matches = RuleMatches { possible: Vec::new(), need: None, uncertain: Vec::new() };
    for rule in &policy.rules {
        let rule_match = |line| RuleMatch { action: rule.action, rule: Some(rule), line };
        match conditions::match_rule(rule, run, job, evidence) {
            (Holds::No, _) => {}
            (Holds::Needs(need), _) => {
                matches.need.get_or_insert(need);
                matches.possible.push(rule_match(None));
            }
            (Holds::Unknown(unknown), _) => {
                matches.uncertain.push(UncertainMatch { rule_match: rule_match(None), unknown });
            }
            (Holds::Yes, line) => {
                matches.possible.push(rule_match(line));
                return matches;
            }
        }
    }
    matches.possible.push(RuleMatch { action: policy.otherwise, rule: None, line: None });
    matches
}
