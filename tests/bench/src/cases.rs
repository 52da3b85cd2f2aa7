//! What is measured.

/// One kind of delivery, sent over and over.
#[derive(Debug)]
pub struct Case {
    pub name: &'static str,
    pub what: &'static str,
    pub event: &'static str,
    pub action: &'static str,
    /// Of what is completed.
    pub conclusion: &'static str,
    /// Of the body, in bytes.
    pub length: usize,
    pub signature: Signature,
    pub runs: Runs,
    pub keeper: Keeper,
    /// The status of a right answer. The floor does not decide and answers 200.
    pub status: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    Right,
    Wrong,
    Missing,
}

/// Which runs the deliveries are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    One,
    OneEach,
    /// So many deliveries are of one run, then as many of the next.
    OfJobs(u64),
}

/// What stands behind the binding `KEEPER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper {
    /// A Durable Object that answers at once and stores nothing.
    None,
    /// The subject's own, on SQLite on disk.
    Own,
}

const JOB: Case = Case {
    name: "ignored-10k",
    what: "a job that succeeded, 10 kB: ignored",
    event: "workflow_job",
    action: "completed",
    conclusion: "success",
    length: 10_000,
    signature: Signature::Right,
    runs: Runs::One,
    keeper: Keeper::None,
    status: 200,
};

pub const CASES: [Case; 10] = [
    JOB,
    Case { name: "queued-10k", what: "a job that is queued, 10 kB: ignored", action: "queued", ..JOB },
    Case {
        name: "ignored-25k",
        what: "a run that succeeded, 25 kB: ignored",
        event: "workflow_run",
        length: 25_000,
        ..JOB
    },
    Case {
        name: "ignored-1M",
        what: "a job of thousands of steps that succeeded, 1 MB: ignored",
        length: 1_000_000,
        ..JOB
    },
    Case { name: "unwanted-10k", what: "an event that nobody wants (`push`), 10 kB: ignored", event: "push", ..JOB },
    Case {
        name: "bad-signature-10k",
        what: "a wrong signature, 10 kB: rejected",
        signature: Signature::Wrong,
        status: 401,
        ..JOB
    },
    Case {
        name: "no-signature-10k",
        what: "no signature, 10 kB: rejected by its head",
        signature: Signature::Missing,
        status: 401,
        ..JOB
    },
    Case {
        name: "hand-over-10k",
        what: "a failed job, 10 kB: up to the hand-over to a Keeper that stores nothing",
        conclusion: "failure",
        status: 202,
        ..JOB
    },
    Case {
        name: "stored-10k",
        what: "failed jobs of as many runs, 10 kB: stored on disk before the answer",
        conclusion: "failure",
        runs: Runs::OneEach,
        keeper: Keeper::Own,
        status: 202,
        ..JOB
    },
    Case {
        name: "matrix-256",
        what: "256 failed jobs of one run, then of the next, 10 kB: each stored or recorded before the answer",
        conclusion: "failure",
        runs: Runs::OfJobs(256),
        keeper: Keeper::Own,
        status: 202,
        ..JOB
    },
];
