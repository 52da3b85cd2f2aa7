//! How long things are kept, here and in Workers KV, and why.

use crate::time::Span;

/// For so long GitHub re-runs a run (GitHub Docs, "Re-running workflows and jobs").
pub const GITHUB_RERUNS: Span = Span::days(30);

/// A run that nothing has happened to for so long is forgotten.
pub const RUNS: Span = Span::days(35);
/// A run's count in Workers KV.
pub const ATTEMPTS_TTL: Span = Span::days(35);
/// What pages look back on.
pub const WINDOW_DAYS: i64 = 30;
/// The days of jobs and runners.
pub const SUBJECT_DAYS: i64 = 35;
/// Day totals.
pub const TOTALS_DAYS: i64 = 400;
/// A repository's summary in Workers KV.
pub const SUMMARY_TTL: Span = Span::days(400);

/// For so long GitHub sends a delivery again (GitHub Docs, "Redelivering webhooks").
pub const REDELIVERY: Span = Span::days(3);
/// Ids of deliveries, of today and so many days before.
pub const DELIVERY_DAYS: i64 = 3;

/// What runs failed with: twice the longest time within which many are an outage.
pub const OUTAGE_FAILURES: Span = Span::days(2);

/// Commands in comments: longer than GitHub sends a delivery again, so that each is known again.
pub const COMMANDS: Span = Span::days(7);
/// That a pull request's runs are left alone.
pub const STOPS: Span = Span::days(400);
/// The issue of a flaky job that nothing has happened to.
pub const FLAKY_ISSUES: Span = Span::days(90);

/// Budgets look back a day.
pub const BUDGET_WINDOW: Span = Span::days(1);
/// Twice that allows for a clock that was put back.
pub const BUDGET: Span = Span::days(2);

/// Whether GitHub takes the credentials, in Workers KV.
pub const CREDENTIALS_TTL: Span = Span::days(1);
/// How long Workers KV says that cancelled runs are not wanted, before a Keeper looks again.
pub const UNWANTED_TTL: Span = Span::days(7);
/// That it does not is said again after this.
pub const CREDENTIALS_PUBLISHED_AGAIN: Span = Span::hours(12);

/// Rows deleted in one go.
pub const PRUNED_AT_ONCE: i64 = 1_000;
pub const PRUNE_EVERY: Span = Span::hours(24);

const _: () = {
    assert!(RUNS.as_millis() > GITHUB_RERUNS.as_millis(), "a run is known for as long as GitHub re-runs it");
    assert!(ATTEMPTS_TTL.as_millis() >= RUNS.as_millis(), "what is known is published");
    assert!(SUBJECT_DAYS >= WINDOW_DAYS && TOTALS_DAYS >= WINDOW_DAYS, "what pages show is kept");
    assert!(SUMMARY_TTL.as_millis() >= Span::days(WINDOW_DAYS).as_millis(), "a quiet repository stays in the overview");
    let deliveries = Span::days(DELIVERY_DAYS).as_millis();
    assert!(deliveries >= REDELIVERY.as_millis(), "what GitHub may send again is known again");
    assert!(COMMANDS.as_millis() > REDELIVERY.as_millis(), "a comment acts once");
    assert!(BUDGET.as_millis() >= 2 * BUDGET_WINDOW.as_millis(), "what a budget counts is kept");
    assert!(CREDENTIALS_PUBLISHED_AGAIN.as_millis() < CREDENTIALS_TTL.as_millis(), "said again before it expires");
};
