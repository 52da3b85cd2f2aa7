//! How many requests an alarm may make, and how they are shared out.

use crate::github::ORGANIZATION_REQUESTS;

/// The free plan's subrequests in one invocation (Cloudflare Docs, "Limits").
pub const MOST: u32 = 50;
/// Requests that one alarm makes before it leaves the rest to the next.
pub const AT_ONCE: u32 = 40;
/// No run is begun with less than this left: its policy, itself, its jobs, its pull request, a re-run, its count; and its
/// organization's policy.
pub const RUN: u32 = 7 + ORGANIZATION_REQUESTS;
/// Evidence for one decision, at most.
pub const EVIDENCE: u32 = 25;
/// Kept for the end of a decision while evidence is collected: the run read again, a re-run, its count.
pub const DECISION: u32 = 3;
/// Pages on which a comment is looked for, of 100 each.
pub const COMMENT_PAGES: u32 = 3;
/// Finding and writing a comment: who we are, the pages, the comment itself.
pub const COMMENT: u32 = 2 + COMMENT_PAGES;
/// Pages on which the issue of a flaky job is looked for by its label, of 50 each.
pub const ISSUE_PAGES: u32 = 3;
/// Finding and writing it: who we are, those pages and one more, the issue itself.
pub const ISSUE: u32 = 3 + ISSUE_PAGES;

/// Pages of runs that a command looks at.
pub const RUN_PAGES: u32 = 3;

const _: () = {
    assert!(RUN + EVIDENCE <= AT_ONCE, "a run that needs the most can be decided on in one alarm");
    assert!(DECISION < RUN, "the end of a decision is a part of it");
    // A task that is begun with one request left may take all that it needs.
    assert!(ORGANIZATION_REQUESTS < COMMENT && RUN_PAGES < COMMENT, "a command takes no more than a comment");
    assert!(AT_ONCE + COMMENT + DECISION <= MOST, "an alarm keeps to the platform's limit");
    assert!(AT_ONCE + ISSUE + DECISION <= MOST, "with an issue, too");
};
