//! What a schedule is about.

use rerunner::time::Span;

/// What a schedule is about, beside the faults that all of them have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Some hours.
    Hours,
    /// The same, and the Worker is deployed with other settings meanwhile.
    Settings,
    /// Days and weeks: long enough for what is forgotten after a time.
    Weeks,
    /// GitHub's reads can be behind by more than what [`rerunner::keeper::step::QUIET`] guards against.
    Behind,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Hours, Self::Settings, Self::Weeks, Self::Behind];

    pub fn of(seed: u64) -> Self {
        match seed % 10 {
            0..=4 => Self::Hours,
            5 | 6 => Self::Settings,
            7 | 8 => Self::Weeks,
            _ => Self::Behind,
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| format!("{kind:?}").eq_ignore_ascii_case(name))
    }

    /// How long runs are started and things go wrong.
    pub fn lasts(self, random: &mut fastrand::Rng) -> Span {
        match self {
            Self::Weeks => Span::hours([random.i64(36..96), random.i64(960..1_080)][random.usize(0..2)]),
            _ => Span::minutes(random.i64(60..480)),
        }
    }

    /// How often GitHub is asked for what no webhook told of.
    pub fn sweep(self) -> &'static str {
        if self == Self::Weeks { "12h" } else { "15m" }
    }

    /// By how much GitHub's reads can be behind.
    pub fn stale_most(self) -> Span {
        match self {
            Self::Behind => Span::minutes(10),
            // Less than what is guarded against by as much as a call takes on its way.
            _ => Span::seconds(44),
        }
    }
}

/// More of what it takes for one thing to go wrong, in a search for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emphasis {
    /// Policies with a budget.
    Budgets,
    /// People cancel runs, before the policy asks for those and after.
    Cancellations,
    /// People give commands in comments on pull requests.
    Commands,
    /// Pull requests are commented on.
    Comments,
    /// Commits show what is done about their runs.
    CommitStatuses,
    /// Flaky jobs have issues, and there are many such jobs.
    FlakyIssues,
    /// Answers and webhooks are lost, and reads are behind.
    LostAnswers,
    /// A registry is down, and policies have re-runs held meanwhile.
    Outages,
    /// The same, and they are not held.
    UnguardedOutages,
    /// Repositories are paused.
    Pauses,
    /// The policy file's path changes.
    PolicyPaths,
}

impl Emphasis {
    pub const ALL: [Self; 11] = [
        Self::Budgets,
        Self::Cancellations,
        Self::Commands,
        Self::Comments,
        Self::CommitStatuses,
        Self::FlakyIssues,
        Self::LostAnswers,
        Self::Outages,
        Self::UnguardedOutages,
        Self::Pauses,
        Self::PolicyPaths,
    ];

    pub fn is_about_outages(self) -> bool {
        matches!(self, Self::Outages | Self::UnguardedOutages)
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|emphasis| format!("{emphasis:?}").eq_ignore_ascii_case(name))
    }
}
