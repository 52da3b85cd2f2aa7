//! A tracked run: what one row of a Keeper's storage says.

use serde::{Deserialize, Serialize};

use crate::names::{CommentId, CommitSha, Conclusion, DeliveryId, RunAttempt, RunId, WorkflowId, lengths};
use crate::policy::{Detail, RunOutcome, run::Run};
use crate::time::Millis;
use crate::webhook::command::GivenBy;
use crate::webhook::event::{EventWorkflow, RunNames};

use super::attempts::Attempts;
use super::open_rerun::OpenRerun;

/// How many of a run's newest deliveries are recognized when they come again: more than could do something twice.
pub const SEEN: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedRun {
    pub run_id: RunId,
    pub outcome: RunOutcome,
    /// Why, as a sentence.
    pub reason: String,
    /// The newest attempt known; `None` until a webhook or GitHub has named one.
    pub run_attempt: Option<RunAttempt>,
    /// The newest attempt of which the last word was said. At most [`TrackedRun::run_attempt`].
    pub decided_attempt: Option<RunAttempt>,
    /// A re-run that was asked for and not yet answered. Stored before the call, cleared by its answer or by what the
    /// run itself shows, so that a call is never made twice for want of an answer. It outlives the end of a run that is
    /// given up or left: should its attempt show later, it is counted.
    pub pending: Option<PendingRerun>,
    /// Re-runs that GitHub accepted.
    pub reruns: u32,
    /// When to look at the run next. `None`: nothing is due.
    pub due: Option<Millis>,
    /// The newest attempt ended no earlier than this: its re-run's delay is counted from here.
    pub failed_at: Millis,
    /// Whether a webhook said that the newest attempt as a whole has ended.
    pub complete: bool,
    /// Looks and calls in a row that moved nothing on.
    pub tries: u32,
    /// Since when GitHub has not answered.
    pub trouble_since: Option<Millis>,
    /// Since when evidence for the decision on the newest attempt could not be read.
    pub evidence_since: Option<Millis>,
    /// What GitHub last said when it refused to re-run it, in words that do not tell whether that is about the run.
    pub refusal: Option<Refusal>,
    /// Evidence is being collected. Stored before it is, and cleared when that has come to an end.
    pub collecting: Option<Begun>,
    /// It waits for the end of an outage, or did.
    pub held: Option<Held>,
    /// Somebody wants it re-run, and that is neither done nor refused yet.
    pub commanded: Option<Box<Commanded>>,
    /// What the decision went by that is being carried out, until it is on record.
    pub detail: Option<Box<Detail>>,
    pub workflow_id: Option<WorkflowId>,
    /// The workflow's name: where [`TrackedRun::workflow_id`] is not known, perhaps an older version's, which took the run's.
    pub workflow: Option<String>,
    pub workflow_path: Option<String>,
    /// `push`, `pull_request` …
    pub event: Option<String>,
    /// A fork's is `owner:branch`, as policy files have it.
    pub head_branch: Option<String>,
    /// Who started it.
    pub actor: Option<String>,
    /// Counts the runs of its workflow.
    pub run_number: Option<u64>,
    pub title: Option<String>,
    /// The commit that it is of. `None`: it is not known that it has failed.
    pub commit: Option<CommitSha>,
    /// What is being done about it, in some words; `None`: nothing was decided that is still to come.
    pub in_short: Option<String>,
    /// The pull request whose comment is to tell of it.
    pub pull: Option<u64>,
    pub created: Millis,
    /// When what Workers KV says of it last changed.
    pub updated: Millis,
    /// When it was last read from GitHub.
    pub looked: Option<Millis>,
    /// When to publish to Workers KV. `None`: what is there is up to date.
    pub publish: Option<Millis>,
    /// Whether it was ever written to Workers KV, or is to be.
    pub published: bool,
    /// The last deliveries that changed something, oldest first.
    pub seen: Vec<DeliveryId>,
    /// Its last re-run, until it is known what became of it.
    pub open_rerun: Option<Box<OpenRerun>>,
    /// Seconds of runner time that the re-run on its way has reserved of the repository's budget.
    pub reserved: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingRerun {
    pub run_attempt: RunAttempt,
    pub since: Millis,
    /// A call for the same attempt was made before, whose answer is not known. What GitHub refuses now it may refuse
    /// because of that one.
    pub again: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub run_attempt: RunAttempt,
    /// GitHub's words.
    pub message: String,
    pub since: Millis,
}

/// A re-run that is held while many runs fail with the same cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What they fail with; `None`: it is not held any more.
    pub key: Option<String>,
    pub run_attempt: RunAttempt,
    pub since: Millis,
}

/// By a comment on its pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commanded {
    pub comment_id: CommentId,
    /// The number of the pull request.
    pub pull: u64,
    /// The one that failed, and no other.
    pub run_attempt: RunAttempt,
    /// Of who gave the command.
    pub login: String,
    pub by: GivenBy,
    /// A glob of the workflows that are meant; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflows: Option<String>,
    /// The run is tracked for nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

/// How often collecting the evidence of an attempt was begun and did not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    pub run_attempt: RunAttempt,
    pub times: u32,
}

impl TrackedRun {
    pub fn new(run_id: RunId, now: Millis) -> Self {
        Self {
            run_id,
            outcome: RunOutcome::Waiting,
            reason: String::new(),
            run_attempt: None,
            decided_attempt: None,
            pending: None,
            reruns: 0,
            due: None,
            failed_at: now,
            complete: false,
            tries: 0,
            trouble_since: None,
            evidence_since: None,
            refusal: None,
            collecting: None,
            held: None,
            commanded: None,
            detail: None,
            workflow_id: None,
            workflow: None,
            workflow_path: None,
            event: None,
            head_branch: None,
            actor: None,
            run_number: None,
            title: None,
            commit: None,
            pull: None,
            in_short: None,
            created: now,
            updated: now,
            looked: None,
            publish: None,
            published: false,
            seen: vec![],
            open_rerun: None,
            reserved: None,
        }
    }

    /// Whether the last word was said of the newest attempt. It can be due all the same: a webhook that names no
    /// attempt makes it be looked at once more.
    pub fn is_decided(&self) -> bool {
        self.decided_attempt.is_some() && self.decided_attempt >= self.run_attempt
    }

    /// What it has come to, if nothing more is to come.
    pub fn ended(&self) -> Option<RunOutcome> {
        match self.outcome {
            RunOutcome::Waiting | RunOutcome::Rerunning => None,
            // Credentials were refused: it is tried again.
            RunOutcome::Failed if !self.is_decided() && self.due.is_some() => None,
            outcome => Some(outcome),
        }
    }

    /// A delivery has changed something.
    pub fn saw(&mut self, delivery: &DeliveryId) {
        self.seen.push(delivery.clone());
        self.seen.drain(..self.seen.len().saturating_sub(SEEN));
    }

    /// Whether a command is about this attempt.
    pub fn is_commanded(&self, attempt: RunAttempt) -> bool {
        self.commanded.as_ref().is_some_and(|commanded| commanded.run_attempt == attempt)
    }

    /// Outsiders choose what their forks run. Not while it is known to be the repository's own: no branch has a colon in its name.
    pub fn may_be_of_fork(&self) -> bool {
        self.head_branch.as_deref().is_none_or(|branch| branch.contains(':'))
    }

    /// Its attempt was decided on, and is to be re-run all the same.
    pub fn reopen(&mut self, attempt: RunAttempt, now: Millis) {
        if self.decided_attempt >= Some(attempt) {
            self.decided_attempt = RunAttempt::new(attempt.get() - 1);
            self.outcome = RunOutcome::Waiting;
            self.updated = now;
        }
    }

    /// Takes over what people see of it.
    pub fn describe(&mut self, run: &Run) {
        let cut = |text: &str| text.chars().take(lengths::STORED).collect();
        let of = |text: Option<&String>| text.map(|text| cut(text));
        if self.workflow_id != run.workflow_id {
            self.workflow_id = run.workflow_id;
            self.workflow = None;
        }
        self.workflow_path = of(run.path.as_ref());
        self.event = Some(cut(&run.event));
        self.head_branch = run.branch().map(|branch| cut(&branch));
        self.actor = of(run.actors.first());
        self.run_number = run.run_number;
        self.title = of(run.title.as_ref());
        let is_first = run.run_attempt == RunAttempt::FIRST;
        match run.conclusion {
            Some(Conclusion::Success) if is_first => self.commit = None,
            Some(conclusion) if conclusion.may_be_rerun() => self.commit = run.commit(),
            // A webhook has said that this attempt failed, or the one before, which nobody has looked at: a job's failure alone
            // proves nothing, as it may have been allowed to fail.
            conclusion if self.complete && (conclusion.is_none() || !is_first) => self.commit = run.commit(),
            _ => {}
        }
    }

    /// A webhook has named its workflow.
    pub fn set_workflow(&mut self, workflow: &EventWorkflow) {
        if workflow.id.is_some() || self.workflow.is_none() {
            self.workflow_id = workflow.id.or(self.workflow_id);
            self.workflow = Some(workflow.name.clone());
        }
    }

    /// A webhook says what people see of it, until it is read from GitHub. Not what started it: by that it is known to have been read.
    pub fn set_names(&mut self, names: &RunNames) {
        if self.event.is_none() {
            let RunNames { run_number, title, branch, actor } = names;
            self.run_number = self.run_number.or(*run_number);
            for (known, said) in [(&mut self.title, title), (&mut self.head_branch, branch), (&mut self.actor, actor)] {
                *known = known.take().or_else(|| said.clone());
            }
        }
    }

    /// Something that was read says what its workflow is called. A longer name is not kept: cut, it would be another.
    pub fn set_workflow_name(&mut self, name: Option<&str>) {
        let name = name.filter(|name| name.chars().nth(lengths::STORED).is_none());
        self.workflow = name.map(str::to_owned).or(self.workflow.take());
    }

    /// What people see that it is a run of: the workflow's name, or else its file's.
    pub fn shown_workflow(&self) -> Option<&str> {
        let file = || self.workflow_path.as_deref().and_then(|path| path.rsplit('/').next());
        self.workflow.as_deref().or_else(file)
    }

    /// What Workers KV is to say of it.
    pub fn attempts(&self) -> Attempts {
        Attempts {
            run_attempt: self.run_attempt.map_or(0, RunAttempt::get),
            reruns: self.reruns,
            outcome: self.outcome,
            workflow: self.shown_workflow().map(|name| {
                name.chars().filter(|character| !character.is_control()).take(lengths::PUBLISHED).collect()
            }),
            updated: self.updated.to_rfc3339(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_whose_branch_it_is() {
        for (owner, shown) in [("octo", "main"), ("ann", "ann:main")] {
            let repository = |owner: &str| serde_json::json!({ "full_name": format!("{owner}/widgets") });
            let run = serde_json::json!({
                "id": 7, "event": "pull_request", "head_branch": "main", "head_repository": repository(owner),
                "repository": repository("octo"),
            });
            let run = Run::from_json(run.to_string().as_bytes()).unwrap();
            let mut tracked = TrackedRun::new(run.run_id, Millis(0));
            tracked.describe(&run);
            assert_eq!(tracked.head_branch.as_deref(), Some(shown));
        }
    }

    /// By how its newest attempt stands, and whether a webhook has said that the run failed.
    #[test]
    fn a_commit_is_known_of_what_has_failed() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let known = |complete: bool, attempt: u32, conclusion: Option<&str>, before: Option<&str>| {
            let run = serde_json::json!({
                "id": 7, "event": "push", "head_sha": commit, "run_attempt": attempt, "status": "completed",
                "conclusion": conclusion,
            });
            let run = Run::from_json(run.to_string().as_bytes()).unwrap();
            let mut tracked = TrackedRun { complete, ..TrackedRun::new(run.run_id, Millis(0)) };
            tracked.commit = before.and_then(CommitSha::parse);
            tracked.describe(&run);
            tracked.commit.is_some()
        };
        let (passed, failed, cancelled) = (Some("success"), Some("failure"), Some("cancelled"));
        for complete in [false, true] {
            assert!(known(complete, 1, failed, None) && known(complete, 2, failed, None));
            // It passed after all.
            assert!(!known(complete, 1, passed, None) && !known(complete, 1, passed, Some(commit)));
            assert!(!known(complete, 1, cancelled, None), "cancelled, and no failure");
            for conclusion in [None, passed, cancelled] {
                assert!(known(complete, 2, conclusion, Some(commit)), "{conclusion:?}");
                // A job failed, which proves nothing, and somebody has the run re-run.
                assert_eq!(known(complete, 2, conclusion, None), complete, "{conclusion:?}");
            }
            // GitHub is behind.
            assert_eq!(known(complete, 1, None, None), complete);
        }
    }
}
