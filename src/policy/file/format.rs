//! What a policy file says.
//!
//! Each line of these tables declares a key and the field that it fills in, for the reader, the JSON Schema and docs/policy.md.
//!
//! CONTRIBUTING.md lists what a new condition takes ("a condition of a policy rule"). The compiler names most of it, as [`Conditions`]
//! is taken apart field by field.
//!
//! Last: `npm run --silent rerunner -- schema > docs/rerunner.schema.json`, and the table in docs/policy.md, which `cargo test --test readme` prints.
//!
//! A key of the file or of a rule is added in the same way; [`Policy::goes_by_evidence`] and `wording/describe.rs` do not compile
//! without it.

use crate::names::{Conclusion, StringEnum, string_enum};
use crate::policy::patterns::{Automata, Where};
use crate::settings::MAX_RERUNS_LIMIT;
use crate::time::Span;

use super::base::{Base, PolicyOrigin, Stated};
use super::keys::{MANY, Shape};
use super::tables::keys;
use super::values::{Causes, Names, Numbers, Patterns};

/// How long a delay may grow by [`Policy::backoff`] if the file does not say.
pub const MAX_DELAY: Span = Span::minutes(10);

const JOB_CONCLUSIONS: &[&str] =
    &[Conclusion::Failure.as_str(), Conclusion::TimedOut.as_str(), Conclusion::Cancelled.as_str()];
const GLOBS: Shape = Shape::Globs { may_be_empty: false };
const UNLIMITED: Shape = Shape::Whole { least: 0, most: MANY };

keys! {
    /// A repository's rules. [`Policy::default`] is what holds without a file, and with an empty one.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Policy, keys FILE {
        version: u32 = 1, Shape::Version, "1", "the version of this format";
        extends: Vec<Base> = Vec::new(), Shape::Bases, "none: every failure is re-run",
            "what the file begins with: its own keys replace that one's, and its rules come first; of a list, later ones win";
        /// `None`: as the Worker's settings say.
        max_reruns: Option<u32> = None, Shape::Reruns { least: 0 }, "`MAX_RERUNS`",
            "how often a run is re-run; a person's re-runs count too";
        /// `None`: as the Worker's settings say.
        delay: Option<Span> = None, Shape::Duration, "`RERUN_DELAY`", "the wait before a re-run";
        backoff: f64 = 1.0, Shape::Factor, "1", "each further re-run waits this many times longer";
        max_delay: Option<Span> = None, Shape::Duration, "10m", "the longest wait that `backoff` may lead to";
        conclusions: Vec<Conclusion> = vec![Conclusion::Failure, Conclusion::TimedOut],
            Shape::Choices(JOB_CONCLUSIONS), "[failure, timed_out]", "the conclusions of a run that may be re-run";
        actors: Filter = Filter::default(), Shape::Map(FILTER), "everyone",
            "whose runs are re-run: who started the run, and who started its newest attempt";
        branches: Filter = Filter::default(), Shape::Map(FILTER), "all",
            "the branches whose runs are re-run; a fork's is `owner:branch`, so that `main` is never a fork's";
        forks: Forks = Forks::Rerun, Shape::Choice(Forks::TEXTS), "rerun", "what is done about runs of forks' branches";
        events: Filter = Filter::default(), Shape::Map(FILTER), "all", "the events whose runs are re-run";
        workflows: Filter = Filter::default(), Shape::Map(FILTER), "all",
            "the workflows whose runs are re-run: by name, or by the name or path of their file";
        skip_superseded: bool = true, Shape::Boolean, "true",
            "leave a pull request's run whose pull request is closed, merged, or has moved on to another commit";
        max_failed_jobs: Option<u32> = None, Shape::Whole { least: 1, most: MANY }, "no limit",
            "leave a run in which more jobs failed at once: a real break, or an outage";
        stop_when_repeated: Option<u32> = None, Shape::Whole { least: 2, most: MAX_RERUNS_LIMIT + 1 }, "never",
            "leave a run once the same jobs failed in the same way in this many attempts";
        outage: Option<Outage> = None, Shape::Map(OUTAGE), "never",
            "once this many runs have failed with the same cause, or in the same way, hold their re-runs and try one at a time";
        budget: Budget = Budget::default(), Shape::Map(BUDGET), "no limit", "what the repository's re-runs may use; those of forks' runs at most half of it";
        rules: Vec<Rule> = Vec::new(), Shape::List(RULE), "none",
            "each failed job takes the first rule that matches it";
        otherwise: Action = Action::Rerun, Shape::Choice(Action::TEXTS), "rerun",
            "what is done about a failed job that no rule matches";
        mixed: LeaveOrRerun = LeaveOrRerun::Leave, Shape::Choice(LeaveOrRerun::TEXTS), "leave",
            "what is done when some failed jobs are to be re-run and some are to be left";
        absent_evidence: LeaveOrRerun = LeaveOrRerun::Leave, Shape::Choice(LeaveOrRerun::TEXTS), "leave",
            "what is done when something could not be read that might have led to leaving the run: the jobs, annotations, a log";
        debug_logging: DebugLogging = DebugLogging::Never, Shape::Choice(DebugLogging::TEXTS), "never",
            "runner debug logging on the last re-run, or on all";
        scope: Scope = Scope::FailedJobs, Shape::Choice(Scope::TEXTS), "failed_jobs",
            "what is re-run; GitHub adds the jobs that depend on the failed ones";
        commands: Commands = Commands::default(), Shape::Map(COMMANDS), "none",
            "commands in comments on pull requests: `/rerun`, `/rerun status`, `/rerun stop`";
        flaky_issues: Option<FlakyIssues> = None, Shape::Map(FLAKY_ISSUES), "none",
            "keep an issue for each job that re-runs have rescued often";
    }
    and fields {
        /// The patterns of all rules.
        pub automata: Automata = Automata::default();
        /// Why the file is not valid; nothing is re-run then.
        pub(in crate::policy) broken: Option<String> = None;
        pub origin: PolicyOrigin = PolicyOrigin::default();
        pub(in crate::policy) stated: Stated = Stated::default();
    }
}

keys! {
    /// What is let in and what is kept out. Nothing named to let in: everything.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Filter, keys FILTER {
        include: Option<Names> = None, GLOBS, "all", "only what matches one of these";
        exclude: Option<Names> = None, Shape::Globs { may_be_empty: true }, "none", "nothing that matches one of these";
    }
}

keys! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Budget, keys BUDGET {
        reruns_per_hour: Option<u32> = None, UNLIMITED, "no limit", "re-runs in any hour";
        reruns_per_day: Option<u32> = None, UNLIMITED, "no limit", "re-runs in any 24 hours";
        /// A Windows minute as 2 and a macOS one as 10.
        minutes_per_day: Option<u32> = None, UNLIMITED, "no limit",
            "runner minutes of re-runs in any 24 hours, estimated from the failed jobs; as GitHub bills: Windows twice, macOS ten times, self-hosted none";
    }
}

keys! {
    /// When runs that fail for the same cause are held, and how long.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Outage, keys OUTAGE {
        runs: u32 = 5, Shape::Whole { least: 2, most: 100 }, "5", "this many different runs that fail with the same cause are an outage";
        within: Span = Span::minutes(15), Shape::Duration, "15m", "the time within which they fail";
        probe_every: Span = Span::minutes(10), Shape::Duration, "10m", "how often one of them is re-run, to see whether the outage is over";
        for_at_most: Span = Span::hours(6), Shape::Duration, "6h", "after this each run is decided by itself";
    }
}

keys! {
    /// Commands in comments on pull requests.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Commands, keys COMMANDS {
        who: Commanders = Commanders::Nobody, Shape::Choice(Commanders::TEXTS), "nobody",
            "who may give one: nobody; those whom GitHub calls owner, member or collaborator; or the pull request's author as well";
        workflows: Filter = Filter::default(), Shape::Map(FILTER), "all",
            "the workflows that a command may re-run: by name, or by the name or path of their file";
        per_hour: u32 = 10, Shape::Whole { least: 1, most: 100 }, "10", "commands that are carried out in any hour, for each pull request: this many by its author, and as many by collaborators";
    }
}

keys! {
    /// When a job has an issue.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct FlakyIssues, keys FLAKY_ISSUES {
        after: u32 = 5, Shape::Whole { least: 2, most: 100 }, "5", "a job gets an issue once it has failed, and passed on a re-run, this often in 30 days";
        label: String = "flaky".to_owned(), Shape::Label, "flaky", "the label of such an issue";
        close_after: Span = Span::days(14), Shape::Days, "14d", "it is closed when its job has not failed for this long";
    }
}

keys! {
    #[derive(Debug, Clone, PartialEq)]
    pub struct Rule, keys RULE {
        name: String = String::new(), Shape::Name, "",
            "shown with every decision by this rule; no two rules have the same";
        conditions as "if": Conditions = Conditions::default(), Shape::OneOf(CONDITIONS), "",
            "the conditions, all of which are required";
        action as "then": Action = Action::Leave, Shape::Choice(Action::TEXTS), "",
            "`rerun` it, `leave` it to its author, or `ignore` it: it counts neither way";
        max_reruns: Option<u32> = None, Shape::Reruns { least: 1 }, "the file's",
            "re-runs of one run by this rule; more or fewer than the file's";
        delay: Option<Span> = None, Shape::Duration, "the file's", "the wait before a re-run by this rule";
        scope: Option<Scope> = None, Shape::Choice(Scope::TEXTS), "the file's", "what is re-run by this rule";
    }
}

keys! {
    #[derive(Debug, Clone, PartialEq)]
    pub struct Conditions, keys CONDITIONS {
        workflow: Option<Names> = None, GLOBS, "", "the workflow's name, its file's name or its path";
        branch: Option<Names> = None, GLOBS, "", "the run's branch; a fork's is `owner:branch`";
        fork: Option<bool> = None, Shape::Boolean, "", "`true`: the run's branch is in a fork";
        event: Option<Names> = None, GLOBS, "", "what started the run: `push`, `pull_request`, `schedule` …";
        actor: Option<Names> = None, GLOBS, "", "who started the run, or its newest attempt";
        attempt: Option<Numbers> = None, Shape::Numbers, "", "which attempt of the run failed";
        job: Option<Names> = None, GLOBS, "", "the failed job's name";
        step: Option<Names> = None, GLOBS, "", "the name of a failed step of the job";
        runner: Option<Names> = None, GLOBS, "", "the name of the runner";
        label: Option<Names> = None, GLOBS, "", "a label of the runner that the job asked for: `windows-*`";
        conclusion: Option<Vec<Conclusion>> = None, Shape::Choices(JOB_CONCLUSIONS), "", "the job's conclusion";
        lost_runner: Option<bool> = None, Shape::Boolean, "",
            "`true`: the job failed with no failed step, or its annotations say that its runner was lost";
        exit_code: Option<Numbers> = None, Shape::Numbers, "", "the exit code of the failed step";
        source_annotation: Option<bool> = None, Shape::Boolean, "",
            "`true`: an annotation of level failure points at a file of the repository: a compiler or linter spoke";
        annotation: Option<Patterns> = None, Shape::Patterns(Where::Annotation), "",
            "a regex for an annotation of the job: what GitHub shows above its log";
        rescue_rate: Option<Numbers> = None, Shape::Numbers, "",
            "percent of this job's re-runs, failing at this step, that passed in the last 30 days, forks' runs aside: `\">= 30\"`; never holds with fewer than 5";
        base_failed: Option<bool> = None, Shape::Boolean, "",
            "`true`: the same job fails in the newest run of the workflow on the base branch";
        cause: Option<Causes> = None, Shape::Causes, "",
            "why it failed, as the catalogue (docs/catalogue.md) finds it in the job's annotations and log; `infrastructure`: all of its classes";
        log: Option<Patterns> = None, Shape::Patterns(Where::Log), "", "a regex for a line in the end of the job's log";
    }
}

impl Policy {
    /// Whether any decision can depend on more than the run itself.
    pub fn goes_by_evidence(&self) -> bool {
        let Self {
            workflows,
            max_failed_jobs,
            stop_when_repeated,
            outage,
            budget: Budget { minutes_per_day, reruns_per_hour: _, reruns_per_day: _ },
            rules,
            // What the run itself shows, what was decided before, and how a re-run is made.
            version: _,
            extends: _,
            max_reruns: _,
            delay: _,
            backoff: _,
            max_delay: _,
            conclusions: _,
            actors: _,
            branches: _,
            forks: _,
            events: _,
            skip_superseded: _,
            otherwise: _,
            mixed: _,
            absent_evidence: _,
            debug_logging: _,
            scope: _,
            // What people ask for by a command goes by what that says.
            commands: _,
            flaky_issues: _,
            automata: _,
            broken: _,
            origin: _,
            stated: _,
        } = self;
        !rules.is_empty()
            || max_failed_jobs.is_some()
            || minutes_per_day.is_some()
            || *workflows != Filter::default()
            || stop_when_repeated.is_some()
            || outage.is_some()
    }

    /// Whether the file is not valid.
    pub fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Whether the cause of each failed job is looked for.
    pub fn goes_by_causes(&self) -> bool {
        self.outage.is_some() || self.rules.iter().any(|rule| rule.conditions.cause.is_some())
    }

    /// Whether it, or a rule of it, re-runs what has passed as well.
    pub fn may_rerun_all_jobs(&self) -> bool {
        self.rules.iter().filter_map(|rule| rule.scope).chain([self.scope]).any(|scope| scope == Scope::AllJobs)
    }
}

string_enum! {
    /// What a rule says of a failed job.
    pub enum Action {
        Rerun = "rerun",
        Leave = "leave",
        /// It counts neither way.
        Ignore = "ignore",
    }
}

string_enum! {
    /// What is done about a run that may go either way.
    pub enum LeaveOrRerun {
        Leave = "leave",
        Rerun = "rerun",
    }
}

string_enum! {
    /// What is done about runs of forks' branches.
    pub enum Forks {
        Rerun = "rerun",
        Leave = "leave",
    }
}

string_enum! {
    /// When the re-run has runner debug logging.
    pub enum DebugLogging {
        Never = "never",
        /// On the last re-run that there can be.
        Last = "last",
        Always = "always",
    }
}

string_enum! {
    /// Who may give commands on a pull request.
    pub enum Commanders {
        Nobody = "nobody",
        Collaborators = "collaborators",
        /// And the pull request's author.
        Authors = "authors",
    }
}

string_enum! {
    /// What of the run is re-run.
    pub enum Scope {
        /// GitHub adds the jobs that depend on them.
        FailedJobs = "failed_jobs",
        AllJobs = "all_jobs",
    }
}
