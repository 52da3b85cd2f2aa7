//! Every key of a policy file: its shape, its default and what it means. The reader, the JSON Schema, README's tables and
//! the errors all go by these tables.

use crate::settings::MAX_RERUNS_LIMIT;

/// One key of a map.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub shape: Shape,
    /// As README shows it; empty for a key that is required.
    pub default: &'static str,
    pub meaning: &'static str,
}

/// What a key's value looks like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// The number 1.
    Version,
    Whole {
        least: u32,
        most: u32,
    },
    /// A whole number from `least` up to what the Worker's settings allow.
    Reruns {
        least: u32,
    },
    /// `90s`, `5m`, `2h`, up to a day.
    Duration,
    /// 1 to 10, with decimals.
    Factor,
    Boolean,
    /// Free text in one line.
    Name,
    Choice(&'static [&'static str]),
    /// One or a list.
    Choices(&'static [&'static str]),
    /// A glob or a list of them.
    Globs {
        may_be_empty: bool,
    },
    /// A regex or a list of them.
    Patterns,
    /// A whole number, a comparison such as `">= 2"`, or a list of them.
    Numbers,
    Map(&'static [Key]),
    /// As [`Shape::Map`], with at least one key.
    OneOf(&'static [Key]),
    List(&'static [Key]),
}

const JOB_CONCLUSIONS: &[&str] = &["failure", "timed_out", "cancelled"];
const THEN: &[&str] = &["rerun", "leave", "ignore"];
const GLOBS: Shape = Shape::Globs { may_be_empty: false };
const MANY: u32 = 1_000_000;

const fn key(name: &'static str, shape: Shape, default: &'static str, meaning: &'static str) -> Key {
    Key { name, shape, default, meaning }
}

/// The keys of the file.
pub const FILE: &[Key] = &[
    key("version", Shape::Version, "1", "the version of this format"),
    key(
        "max_reruns",
        Shape::Reruns { least: 0 },
        "`MAX_RERUNS`",
        "how often a run is re-run; a person's re-runs count too",
    ),
    key("delay", Shape::Duration, "`RERUN_DELAY`", "the wait before a re-run"),
    key("backoff", Shape::Factor, "1", "each further re-run waits this many times longer"),
    key("max_delay", Shape::Duration, "10m", "how long a wait may grow by `backoff`"),
    key(
        "conclusions",
        Shape::Choices(JOB_CONCLUSIONS),
        "[failure, timed_out]",
        "the conclusions of a run that may be re-run",
    ),
    key(
        "actors",
        Shape::Map(FILTER),
        "everyone",
        "whose runs are re-run: who started the run, and who its newest attempt",
    ),
    key(
        "branches",
        Shape::Map(FILTER),
        "all",
        "the branches whose runs are re-run; a fork's is `owner:branch`, so that `main` is never a fork's",
    ),
    key("forks", Shape::Choice(&["rerun", "leave"]), "rerun", "what is done about runs of forks' branches"),
    key("events", Shape::Map(FILTER), "all", "the events whose runs are re-run"),
    key(
        "workflows",
        Shape::Map(FILTER),
        "all",
        "the workflows whose runs are re-run: by name, or by the name or path of their file",
    ),
    key(
        "skip_superseded",
        Shape::Boolean,
        "true",
        "leave a pull request's run whose pull request is closed, merged, or has moved on to another commit",
    ),
    key(
        "max_failed_jobs",
        Shape::Whole { least: 1, most: MANY },
        "no limit",
        "leave a run in which more jobs failed at once: a real break, or an outage",
    ),
    key(
        "stop_when_repeated",
        Shape::Whole { least: 2, most: MAX_RERUNS_LIMIT + 1 },
        "never",
        "leave a run of which the same jobs failed in the same way in this many attempts",
    ),
    key("budget", Shape::Map(BUDGET), "no limit", "what the repository's re-runs may use"),
    key("rules", Shape::List(RULE), "none", "each failed job takes the first rule that matches it"),
    key("otherwise", Shape::Choice(THEN), "rerun", "what is done about a failed job that no rule matches"),
    key(
        "mixed",
        Shape::Choice(&["leave", "rerun"]),
        "leave",
        "what is done when some failed jobs are to be re-run and some are to be left",
    ),
    key(
        "absent_evidence",
        Shape::Choice(&["leave", "rerun"]),
        "leave",
        "what is done when the run might have been left, had something been there that could not be read: the jobs, annotations, a log",
    ),
    key(
        "debug_logging",
        Shape::Choice(&["never", "last", "always"]),
        "never",
        "runner debug logging on the last re-run, or on all",
    ),
    key(
        "scope",
        Shape::Choice(&["failed_jobs", "all_jobs"]),
        "failed_jobs",
        "what is re-run; GitHub adds the jobs that depend on the failed ones",
    ),
];

/// The keys of `actors`, `branches`, `events` and `workflows`.
pub const FILTER: &[Key] = &[
    key("include", GLOBS, "all", "only what matches one of these"),
    key("exclude", Shape::Globs { may_be_empty: true }, "none", "nothing that matches one of these"),
];

/// The keys of `budget`.
pub const BUDGET: &[Key] = &[
    key("reruns_per_hour", Shape::Whole { least: 0, most: MANY }, "no limit", "re-runs in any hour"),
    key("reruns_per_day", Shape::Whole { least: 0, most: MANY }, "no limit", "re-runs in any 24 hours"),
    key(
        "minutes_per_day",
        Shape::Whole { least: 0, most: MANY },
        "no limit",
        "runner minutes of re-runs in any 24 hours, estimated from the failed jobs; as GitHub bills: Windows twice, macOS ten times, self-hosted none",
    ),
];

/// The keys of one rule.
pub const RULE: &[Key] = &[
    key("name", Shape::Name, "", "shown with every decision by this rule; no two rules have the same"),
    key("if", Shape::OneOf(CONDITIONS), "", "the conditions, all of which are required"),
    key("then", Shape::Choice(THEN), "", "`rerun` it, `leave` it to its author, or `ignore` it: it counts neither way"),
    key(
        "max_reruns",
        Shape::Reruns { least: 1 },
        "the file's",
        "re-runs of one run by this rule; more or fewer than the file's",
    ),
    key("delay", Shape::Duration, "the file's", "the wait before a re-run by this rule"),
    key("scope", Shape::Choice(&["failed_jobs", "all_jobs"]), "the file's", "what is re-run by this rule"),
];

/// The conditions.
pub const CONDITIONS: &[Key] = &[
    key("workflow", GLOBS, "", "the workflow's name, its file's name or its path"),
    key("branch", GLOBS, "", "the run's branch; a fork's is `owner:branch`"),
    key("fork", Shape::Boolean, "", "`true`: the run's branch is in a fork"),
    key("event", GLOBS, "", "what started the run: `push`, `pull_request`, `schedule` …"),
    key("actor", GLOBS, "", "who started the run, or its newest attempt"),
    key("attempt", Shape::Numbers, "", "which attempt of the run failed"),
    key("job", GLOBS, "", "the failed job's name"),
    key("step", GLOBS, "", "the name of a failed step of the job"),
    key("runner", GLOBS, "", "the name of the runner"),
    key("label", GLOBS, "", "a label of the runner that the job asked for: `windows-*`"),
    key("conclusion", Shape::Choices(JOB_CONCLUSIONS), "", "the job's conclusion"),
    key(
        "lost_runner",
        Shape::Boolean,
        "",
        "`true`: the job's annotations say that its runner was lost, or a step of it began and never ended",
    ),
    key("exit_code", Shape::Numbers, "", "the exit code of the failed step"),
    key("annotation", Shape::Patterns, "", "a regex for an annotation of the job: what GitHub shows above its log"),
    key("log", Shape::Patterns, "", "a regex for a line in the end of the job's log"),
];

impl Shape {
    /// For the tables in README.
    pub fn in_words(self) -> String {
        let choice = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        match self {
            Self::Version => "`1`".to_owned(),
            Self::Whole { least, most: MANY } => format!("{least} or more"),
            Self::Whole { least, most } => format!("{least} to {most}"),
            Self::Reruns { least } => format!("{least} to `MAX_RERUNS_CEILING`"),
            Self::Duration => "`90s`, `5m`, `2h`; up to `24h`".to_owned(),
            Self::Factor => "1 to 10".to_owned(),
            Self::Boolean => "`true`, `false`".to_owned(),
            Self::Name => "text".to_owned(),
            Self::Choice(words) => choice(words),
            Self::Choices(words) => format!("one or a list of {}", choice(words)),
            Self::Globs { .. } => "glob, or a list".to_owned(),
            Self::Patterns => "regex, or a list".to_owned(),
            Self::Numbers => "`2`, `\">= 2\"`, or a list".to_owned(),
            Self::Map(keys) => {
                format!("a map of {}", choice(&keys.iter().map(|key| key.name).collect::<Vec<_>>()))
            }
            Self::OneOf(_) => "conditions, see below".to_owned(),
            Self::List(_) => "a list, see below".to_owned(),
        }
    }
}
