//! Outages, and why jobs failed, on the pages.

use std::collections::BTreeMap;

use rerunner::keeper::outage::Probe;
use rerunner::keeper::outage_view::{OutageSums, OutageView};
use rerunner::names::{RunAttempt, RunId};
use rerunner::policy::catalogue::Class;
use rerunner::time::Span;

use super::{NOW, ago, every_page, text};

pub fn views() -> Vec<OutageView> {
    let probe = RunId::new(19_400_000_000).map(|run_id| Probe { run_id, run_attempt: RunAttempt::FIRST });
    let by_cause = OutageView {
        cause: Some("npm-network".to_owned()),
        class: Some(Class::Registry),
        fingerprint: None,
        since: ago(Span::minutes(12)),
        held: 14,
        probe,
        next_probe: None,
        ends: NOW + Span::hours(5),
    };
    let by_fingerprint = OutageView {
        cause: None,
        class: None,
        fingerprint: Some("0123456789abcdef".to_owned()),
        held: 1_000,
        probe: None,
        next_probe: Some(NOW + Span::minutes(4)),
        ..by_cause.clone()
    };
    vec![by_cause, by_fingerprint]
}

/// Of three minutes ago.
pub fn sums() -> OutageSums {
    let first = vec![("cause npm-network".to_owned(), -540, 14, None, 420, 18_180)];
    OutageSums { count: 3, held: 19, first }
}

/// Seen to fail when a held run is shown as one that waits, and when a job's cause is not shown.
#[test]
fn outages_are_shown_with_what_comes_next_and_jobs_with_why_they_failed() {
    let pages: BTreeMap<_, _> = every_page().into_iter().collect();
    let (repository, overview, run) = (text(&pages["repository"]), text(&pages["overview"]), text(&pages["run"]));
    for (page, expected) in [
        (&repository, "|npm-network|registry|12 min ago|14 runs|run 19400000000|, running|in 5 h|"),
        (
            &repository,
            "|no known cause |fingerprint |0123456789abcdef|12 min ago|at least 1\u{202f}000 runs|next |in 4 min|",
        ),
        (&repository, "|‖| held|"),
        (&overview, "|acme/compiler|npm-network|registry|12 min ago|14 runs|next |in 4 min|in 5 h|"),
        (&overview, "|and 2 more|"),
        (&overview, "|19 held|"),
        (&run, "|Cause: |dns-resolution| (network), log line 812|"),
        (
            &run,
            "|Rescue rate: 3 of 10 re-runs in 30 days|Also fails on the base branch|An annotation points at a file in the repository|",
        ),
    ] {
        let page = squeeze(page.split_once("|Skip to content").unwrap().1);
        assert!(page.contains(&squeeze(expected)), "{expected} is not in {page}");
    }
    assert!(pages["repository"].contains("href=\"/overview/acme/website/runs/19400000000\">run 19400000000</a>"));
    assert!(!pages["repository-empty"].contains("Outages"));
}

/// Without the bars' number and the room beside them.
fn squeeze(text: &str) -> String {
    let parts = text.split('|').map(str::trim).filter(|part| !part.is_empty());
    format!("|{}|", parts.collect::<Vec<_>>().join("|"))
}
