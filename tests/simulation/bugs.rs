//! Deliberate bugs, to show that the simulation finds them.

use std::cell::Cell;

/// A bug of the kind that services like this one have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The re-run is called before the intention is stored.
    RerunBeforeStoring,
    /// A delivery's id is stored before the work that it carries.
    DeduplicateBeforeStoring,
    /// The attempt to decide on is the webhook's, not GitHub's.
    TrustThePayload,
    /// Re-runs are counted in Workers KV, which lags.
    CountInKv,
    /// The alarm is not set again before the work.
    NoRearm,
    /// The limit is not looked at when a call is made again.
    NoLimitOnRetry,
    /// Every 403 is taken for "already running".
    Every403IsRunning,
    /// A re-run is taken from the budget when it is answered, and not before it is asked for.
    SpendAfterTheAnswer,
    /// A policy file that cannot be read now is taken for absent.
    NoAnswerIsNoPolicy,
    /// A run's pull request is judged by what the run itself shows of it.
    PullsUnread,
    /// A rule that goes by what could not be read is passed over.
    AbsentIsNoMatch,
    /// What was spent is forgotten after an hour, and not after two days.
    SpendingForgotten,
    /// A re-run takes no runner minutes from the budget.
    MinutesForFree,
    /// A run that is due is forgotten when it is old.
    DueForgotten,
    /// What changes while a count is being written to Workers KV is taken for written.
    PublishedAsItWas,
    /// A read soon after a call without an answer is believed.
    NoQuiet,
    /// A policy file at a path of before holds on.
    AnotherPathHolds,
    /// The text of a policy file at a path of before is stored on.
    TextOfAnotherPath,
    /// The sweep takes up what was cancelled before the policy asked for it.
    CancelledBefore,
    /// A gate opens some minutes before its end.
    GateOpensEarly,
    /// A delivery's id is known for the day on which it came.
    DeliveryForgotten,
    /// People are told again, although they were.
    NoticeAgain,
    /// A message is forgotten when it is on its way.
    NoticeForgotten,
    /// A comment whose answer was lost is not looked for.
    CommentTwice,
    /// What is decided while a comment is being written is not written after it.
    CommentBehind,
}

impl Bug {
    pub const ALL: [Self; 25] = [
        Self::RerunBeforeStoring,
        Self::DeduplicateBeforeStoring,
        Self::TrustThePayload,
        Self::CountInKv,
        Self::NoRearm,
        Self::NoLimitOnRetry,
        Self::Every403IsRunning,
        Self::SpendAfterTheAnswer,
        Self::NoAnswerIsNoPolicy,
        Self::PullsUnread,
        Self::AbsentIsNoMatch,
        Self::SpendingForgotten,
        Self::MinutesForFree,
        Self::DueForgotten,
        Self::PublishedAsItWas,
        Self::NoQuiet,
        Self::AnotherPathHolds,
        Self::TextOfAnotherPath,
        Self::CancelledBefore,
        Self::GateOpensEarly,
        Self::DeliveryForgotten,
        Self::NoticeAgain,
        Self::NoticeForgotten,
        Self::CommentTwice,
        Self::CommentBehind,
    ];
}

thread_local! {
    static PRESENT: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Whether the bug is there, on this thread.
pub fn has(bug: Bug) -> bool {
    PRESENT.with(|present| present.get() == Some(bug))
}

/// Puts a bug in, or takes it out.
pub fn put(bug: Option<Bug>) {
    PRESENT.with(|present| present.set(bug));
}
