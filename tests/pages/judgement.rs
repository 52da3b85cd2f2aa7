//! What re-runs brought and what nobody knew, for the pages.

use rerunner::keeper::judgement::{
    Precision, RerunFigures, RerunsByOrdinal, RerunsByPolicy, RerunsByRule, RuleKind, UnknownFailure, UnknownFailures,
};
use rerunner::keeper::store::statistics::{Reruns, SubjectFigures};
use rerunner::time::Span;

use super::ago;

fn figures(made: u64, rescued: u64, wasted: u64) -> RerunFigures {
    RerunFigures::from(Reruns { made, rescued, wasted })
}

pub fn precision(scale: u64) -> Precision {
    if scale == 0 {
        return Precision::default();
    }
    let policy = |policy: Option<&str>, figures| RerunsByPolicy { policy: policy.map(str::to_owned), figures };
    let rule = |policy: Option<&str>, by, rule: Option<&str>, figures| RerunsByRule {
        policy: policy.map(str::to_owned),
        by,
        rule: rule.map(str::to_owned),
        figures,
    };
    let ordinals =
        [(31, 24, 5), (7, 2, 4), (4, 0, 4), (0, 0, 0)].map(|(a, b, c)| figures(a * scale, b * scale, c * scale));
    Precision {
        total: figures(45 * scale, 26 * scale, 13 * scale),
        by_rerun: ordinals.into_iter().zip(1..).map(|(figures, rerun)| RerunsByOrdinal { rerun, figures }).collect(),
        by_policy: vec![
            policy(Some("careful"), figures(24 * scale, 19 * scale, 4 * scale)),
            policy(Some("repository"), figures(18 * scale, 7 * scale, 9 * scale)),
            policy(None, figures(3 * scale, 0, 0)),
        ],
        by_rule: vec![
            rule(Some("careful"), RuleKind::Rule, Some("infrastructure"), figures(20 * scale, 18 * scale, scale)),
            rule(
                Some("repository"),
                RuleKind::Rule,
                Some("flaky browser tests"),
                figures(10 * scale, 6 * scale, 2 * scale),
            ),
            rule(Some("repository"), RuleKind::Otherwise, None, figures(8 * scale, scale, 7 * scale)),
            rule(None, RuleKind::Unknown, None, figures(3 * scale, 0, 0)),
            rule(None, RuleKind::Others, None, figures(2 * scale, scale, scale)),
        ],
    }
}

/// As a Keeper makes it of what it has counted.
pub fn unknown(number: u64, job: &str, step: &str, judged: u64, passed: u64) -> UnknownFailure {
    UnknownFailure::from(SubjectFigures {
        by_day: vec![],
        workflow: "tests".to_owned(),
        name: job.to_owned(),
        step: step.to_owned(),
        failed: judged + number,
        judged,
        passed,
        judged_of_forks: 0,
        last_seen: ago(Span::hours(number.cast_signed() * 5 + 1)),
        last_run: 19_400_000_000,
    })
}

pub fn unknown_failures() -> UnknownFailures {
    UnknownFailures {
        flaky: vec![
            unknown(1, "browser tests", "Run browser tests", 24, 19),
            unknown(2, "test (ubuntu-24.04, 3.12, postgres)", "Run pytest", 9, 4),
        ],
        never_helped: vec![
            unknown(3, "lint", "Check the formatting of \"src\"", 14, 0),
            unknown(1, "typecheck", "", 11, 0),
            unknown(1, "docs", "Build", 6, 0),
        ],
        undecided: vec![unknown(4, "replication", "", 0, 0)],
    }
}
