//! What the words of the pages mean, once for all: pages link them here.

pub struct Word {
    /// Of its place on the page.
    pub id: &'static str,
    pub word: &'static str,
    pub meaning: &'static str,
}

const fn word(id: &'static str, word: &'static str, meaning: &'static str) -> Word {
    Word { id, word, meaning }
}

pub const WORDS: [Word; 20] = [
    word("attempt", "Attempt", "One execution of a workflow run. The first is attempt 1; each re-run starts the next."),
    word(
        "re-run",
        "Re-runs",
        "Rerunner had GitHub run the failed jobs of a run again, with the jobs that depend on them, on the same commit.",
    ),
    word("waiting", "Waiting", "A run failed, and Rerunner has not decided yet what to do about it."),
    word("held", "Held", "Many runs fail in the same way, so this one is not re-run until a probe passes."),
    word(
        "paused",
        "Paused",
        "Somebody paused re-runs in this repository. Failures are recorded, and decided on once re-runs resume.",
    ),
    word("re-running", "Re-running", "GitHub accepted a re-run, and it has not finished yet."),
    word("rescued", "Rescued", "A run failed, was re-run, and passed."),
    word("exhausted", "Exhausted", "A run still failed after its last allowed re-run, and Rerunner gave up."),
    word("left", "Left alone", "A run failed, but a rule or a setting says not to re-run it. Its page says which."),
    word(
        "failed",
        "Failed",
        "GitHub refused the re-run for good, or the Worker's credentials do not allow it. The run's page quotes GitHub.",
    ),
    word(
        "superseded",
        "Superseded",
        "The run's pull request was closed or merged, or has a newer commit, so nobody is waiting for this run.",
    ),
    word("wasted", "Failed again", "A re-run whose attempt failed again. The API and the metrics call it wasted."),
    word(
        "precision",
        "Re-runs that passed",
        "Their share among the re-runs whose result is known. The API and the metrics call it precision.",
    ),
    word(
        "rescue-rate",
        "Rescue rate",
        "For a repository: rescued runs as a share of rescued and exhausted runs. For a job: the share of its re-runs that passed.",
    ),
    word("flaky-job", "Flaky jobs", "Jobs that fail, then pass when re-run on the same commit."),
    word(
        "cause",
        "Cause",
        "Why a job failed, such as a network error. Its log and annotations are compared with a catalogue of known messages.",
    ),
    word(
        "rule",
        "Rule",
        "An entry in the policy file that says what to do about a failed job: rerun, leave or ignore.",
    ),
    word(
        "outage",
        "Outages",
        "Many runs failed in the same way within a short time. One at a time is re-run as a probe; when it passes, the rest follow.",
    ),
    word("runner-time", "Runner time spent", "The runner time that re-runs used, as GitHub bills it."),
    word(
        "waiting-saved",
        "Waiting saved",
        "The time from each rescued run's first failure to its success. Nobody had to watch it.",
    ),
];

/// What this word means, if the pages use it for something of their own.
pub fn find(text: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.word.eq_ignore_ascii_case(text))
}
