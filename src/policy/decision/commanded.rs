//! A run that somebody wants re-run by a command: once, whatever the rules say of its jobs, and within every limit.

use std::borrow::Cow;

use crate::names::Conclusion;
use crate::policy::evidence::{Evidence, Fetched, History, Need};
use crate::policy::file::{Commanders, Names, Policy};
use crate::policy::matching::{Holds, is_of_workflow};
use crate::policy::rerun_settings::RerunSettings;
use crate::policy::run::Run;
use crate::policy::wording::{quoted, reason, times};
use crate::time::Span;

use super::belonging::{Belonging, belonging};
use super::decide::{is_let_in_by_workflow, left, whatever_the_policy};
use super::detail::Detail;
use super::failed_attempt::{FailedAttempt, Limits};
use super::superseded;
use super::verdict::{Ending, Rerun, RunOutcome, Stop};

/// What its decisions are counted as made by.
const POLICY: &str = "command";

/// A command, as far as it matters to one run.
#[derive(Debug, Clone, Copy)]
pub struct CommandGiven<'a> {
    pub login: &'a str,
    /// The number of the pull request that it was given on.
    pub pull: u64,
    /// Whether nothing else than having opened the pull request lets them give it.
    pub only_author: bool,
    /// The workflows that are meant; `None`: all.
    pub workflows: Option<&'a Names>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::large_enum_variant, reason = "there is one of it, not a list; on WebAssembly it is half as large")
)]
pub enum CommandVerdict {
    /// To be read, or to be said to be absent, before there is a decision.
    Need(Need),
    Rerun(Rerun),
    /// The command is about other workflows.
    NotMeant,
    /// Why, as a sentence.
    Refused(String),
}

/// Whether who gave it may, by the policy that holds now.
pub fn may_command(policy: &Policy, only_author: bool) -> bool {
    !policy.is_broken()
        && match policy.commands.who {
            Commanders::Nobody => false,
            Commanders::Collaborators => !only_author,
            Commanders::Authors => true,
        }
}

/// Decides on a run as GitHub shows it.
pub fn decide_by_command(
    settings: &RerunSettings,
    policy: &Policy,
    run: &Run,
    history: &History,
    evidence: &Evidence,
    command: CommandGiven,
) -> CommandVerdict {
    let Some(conclusion) = run.conclusion else {
        return CommandVerdict::Refused(format!("Attempt {} is still running.", run.run_attempt));
    };
    if let Some(names) = command.workflows {
        match is_of_workflow(names, run, evidence) {
            Holds::Yes => {}
            Holds::No => return CommandVerdict::NotMeant,
            Holds::Needs(need) => return CommandVerdict::Need(need),
            Holds::Unknown(unknown) => {
                return CommandVerdict::Refused(format!(
                    "It is not known whether the command means its workflow: {unknown}."
                ));
            }
        }
    }
    match within_the_limits(settings, policy, run, conclusion, history, evidence, command) {
        Ok(rerun) => CommandVerdict::Rerun(rerun),
        Err(Stop::Need(need)) => CommandVerdict::Need(need),
        Err(Stop::End(ending)) => CommandVerdict::Refused(ending.reason),
    }
}

fn within_the_limits(
    settings: &RerunSettings,
    policy: &Policy,
    run: &Run,
    conclusion: Conclusion,
    history: &History,
    evidence: &Evidence,
    command: CommandGiven,
) -> Result<Rerun, Stop> {
    if !conclusion.may_be_rerun() {
        return Err(left(format!("attempt {} concluded {}", run.run_attempt, conclusion.as_str())));
    }
    whatever_the_policy(settings, policy, run, conclusion)?;
    if let Some(broken) = &policy.broken {
        return Err(Stop::end(RunOutcome::Left, reason::broken(policy.origin, broken), Detail::default()));
    }
    if !may_command(policy, command.only_author) {
        return Err(left("the policy file no longer lets the command's author give commands"));
    }
    // What it fetches can be another commit than the one that it is shown at, and they would choose when.
    if command.only_author && run.is_of_target() {
        return Err(left("it runs with the rights of its base branch, so only a collaborator may re-run it"));
    }
    is_let_in_by_workflow(policy, &policy.commands.workflows, run, evidence, "commands.workflows")?;
    let ceiling = Limits::of(settings, policy).ceiling();
    if run.run_attempt.is_past(ceiling) {
        let most = times(ceiling);
        return Err(left(format!("a run is re-run at most {most} (MAX_RERUNS_CEILING)")));
    }
    let mut evidence = Cow::Borrowed(evidence);
    if !evidence.is_searched(policy, run) {
        evidence.to_mut().search(policy, run);
    }
    let failed = FailedAttempt::of(settings, policy, run, conclusion, history, &evidence)?;
    // Code that is newer than what the command was about must not run, nor what nobody wants any more.
    if evidence.pulls == Fetched::NotYet {
        return Err(Stop::Need(Need::Pulls { delay: Span::ZERO }));
    }
    if let Some((outcome, reason)) = superseded::ending(run, &superseded::standing(run, &evidence.pulls)) {
        return Err(Stop::end(outcome, reason, Detail::default()));
    }
    is_of_its_pull_request(run, &evidence, command)?;
    let mut rerun = failed.by_command(command.login);
    rerun.detail.policy = Some(POLICY.to_owned());
    Ok(rerun)
}

/// Whether the run is one that a command on this pull request may be about.
fn is_of_its_pull_request(run: &Run, evidence: &Evidence, command: CommandGiven) -> Result<(), Stop> {
    let pull = command.pull;
    match belonging(run, &evidence.pulls, pull) {
        Belonging::Alone => Ok(()),
        Belonging::Shared if !command.only_author => Ok(()),
        Belonging::Shared => {
            let what = "several pull requests have its branch and commit";
            Err(left(format!("{what}, so only a collaborator may re-run it")))
        }
        Belonging::Not => Err(left(format!("it does not belong to pull request {pull}"))),
        Belonging::Unknown => Err(left(format!("it is not known whether it belongs to pull request {pull}"))),
    }
}

/// What would be re-run, were it not for the Worker's `DRY_RUN`, as a sentence.
pub fn not_in_dry_run(rerun: &Rerun) -> String {
    format!("Left alone: DRY_RUN is on, so nothing is re-run. Otherwise: {}", rerun.reason)
}

/// The end of a run that would be re-run, had nobody stopped that by a command.
pub fn left_by_command(login: &str, pull: u64, detail: Detail) -> Ending {
    let reason = format!("Left alone: {} has stopped re-runs of pull request {pull} with a command.", quoted(login));
    Ending { outcome: RunOutcome::Left, reason, last_word: true, detail: Detail { rules: vec![], ..detail } }
}
