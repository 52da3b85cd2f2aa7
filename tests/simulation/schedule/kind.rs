//! What a schedule is about.

use rerunner::time::Span;

use super::REPOSITORIES;

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
    /// So many repositories, with few runs each, that share a token whose calls of an hour are spent, and Workers KV with the
    /// free plan's writes of a day. Not by chance, as it takes a while: `--kind many`, or `--kind many100`.
    Many(usize),
}

/// Repositories that share a token's calls of an hour ("Rate limits for the REST API") and the writes to Workers KV that the
/// free plan has in a day (Workers KV, "Pricing"). Where there are fewer, they have as much less, and it is as tight.
const SHARING: u64 = 2_000;
const TOKEN_HOURLY: u64 = 5_000;
const KV_DAILY: u64 = 1_000;
/// In an hour, for all that there ever is to do.
pub const ENOUGH_CALLS: u64 = 100_000;

impl Kind {
    pub const ALL: [Self; 5] = [Self::Hours, Self::Settings, Self::Weeks, Self::Behind, Self::Many(2_000)];

    pub fn of(seed: u64) -> Self {
        match seed % 10 {
            0..=4 => Self::Hours,
            5 | 6 => Self::Settings,
            7 | 8 => Self::Weeks,
            _ => Self::Behind,
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if let Some(number) = name.strip_prefix("many").filter(|number| !number.is_empty()) {
            return number.trim_matches(['(', ')']).parse().ok().filter(|number| *number >= 2).map(Self::Many);
        }
        let is_named =
            |kind: &Self| format!("{kind:?}").split('(').next().is_some_and(|is| is.eq_ignore_ascii_case(&name));
        Self::ALL.into_iter().find(is_named)
    }

    pub fn repositories(self) -> usize {
        if let Self::Many(repositories) = self { repositories } else { REPOSITORIES.len() }
    }

    /// How many runs are started in a repository.
    pub fn runs(self, random: &mut fastrand::Rng) -> usize {
        random.usize(match self {
            Self::Weeks => 4..8,
            Self::Many(_) => 1..4,
            Self::Hours | Self::Settings | Self::Behind => 10..15,
        })
    }

    /// Calls to GitHub in an hour, of all repositories together.
    pub fn calls_an_hour(self) -> u64 {
        self.share_of(TOKEN_HOURLY).unwrap_or(ENOUGH_CALLS)
    }

    /// Writes to Workers KV in a day, of all repositories together.
    pub fn kv_writes_a_day(self) -> Option<u64> {
        self.share_of(KV_DAILY)
    }

    fn share_of(self, all: u64) -> Option<u64> {
        let Self::Many(repositories) = self else { return None };
        Some(all * repositories as u64 / SHARING)
    }

    /// Until every repository was swept once more.
    pub fn swept_within(self) -> Span {
        match self {
            Self::Weeks => Span::hours(25),
            // Those who were told to wait for the next hour come first.
            Self::Many(_) => Span::hours(3),
            Self::Hours | Self::Settings | Self::Behind => Span::minutes(40),
        }
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
        match self {
            Self::Weeks => "12h",
            // 2,000 repositories that are swept each hour leave a token a fifth of its calls (docs/scale.md).
            Self::Many(_) => "1h",
            Self::Hours | Self::Settings | Self::Behind => "15m",
        }
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
