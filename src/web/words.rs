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
    word(
        "attempt",
        "Attempt",
        "One time that a workflow run ran. The first is attempt 1; each re-run starts the next.",
    ),
    word(
        "re-run",
        "Re-runs",
        "GitHub was asked to run the failed jobs of a run again, and the jobs that depend on them. It uses the same commit.",
    ),
    word("waiting", "Waiting", "A run failed, and Rerunner has not decided about it yet."),
    word("held", "Held", "Many runs fail in the same way, so the re-run of this one waits until a probe has passed."),
    word(
        "paused",
        "Paused",
        "A person stopped re-runs in this repository. What fails is recorded, and decided when they are resumed.",
    ),
    word("re-running", "Re-running", "GitHub has accepted a re-run, and it has not ended yet."),
    word("rescued", "Rescued", "A run failed, was re-run, and passed."),
    word("exhausted", "Exhausted", "A run failed again after its last allowed re-run. Rerunner has given it up."),
    word("left", "Left alone", "A run failed, and by the rules or the settings it is not re-run. Its page says which."),
    word(
        "failed",
        "Failed",
        "GitHub refused to re-run it for good, or the Worker's credentials may not. Its page has GitHub's words.",
    ),
    word(
        "superseded",
        "Superseded",
        "A run of a pull request that was closed, merged, or has moved on to another commit. Nobody waits for it any more.",
    ),
    word("wasted", "Wasted", "A re-run that failed again."),
    word("precision", "Precision", "Of the re-runs whose end is known, the part that passed."),
    word(
        "rescue-rate",
        "Rescue rate",
        "Of a repository: the part of failed runs that were rescued and not exhausted. Of a job: the part of its re-runs that passed.",
    ),
    word("flaky-job", "Flaky jobs", "Jobs that fail and then pass when re-run, without a change of the code."),
    word(
        "cause",
        "Cause",
        "What a job's log or annotations say it failed of, such as a network error, by the catalogue of known messages.",
    ),
    word(
        "rule",
        "Rule",
        "An entry of the policy file that says what to do about a failed job: rerun, leave or ignore.",
    ),
    word(
        "outage",
        "Outages",
        "Many runs failed in the same way within a short time. One is re-run at a time as a probe; when it passes, the rest follow.",
    ),
    word("runner-time", "Runner time spent", "How long the jobs of all re-runs took, as GitHub bills them."),
    word(
        "waiting-saved",
        "Waiting saved",
        "The time from the first failure of each rescued run to its success: nobody had to watch it.",
    ),
];

/// What this word means, if the pages use it for something of their own.
pub fn find(text: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.word.eq_ignore_ascii_case(text))
}
