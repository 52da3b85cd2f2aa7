//! A run with its attempts and jobs, and a commit with its statuses.

use maud::{Markup, html};

use super::parts::{at, link_to_commit, list_of_runs, list_of_statuses, name, runs, state};
use crate::model::{Attempt, Conclusion, GitHub, Job, Repository, Run, Sha, Status};

pub(super) fn run(repository: &Repository, run: &Run) -> Markup {
    let (statuses, commit) = (repository.newest_statuses(run.identity.head_sha), run.identity.head_sha);
    html! {
        p { a href={ "/" (repository.name()) } { (repository.name()) } }
        h1 { (name(run)) }
        p {
            (run.identity.event) " on " code { (run.identity.head_branch) } ", commit " (link_to_commit(repository, commit))
            @if let Some(number) = run.identity.pull_request {
                ", of " a href={ "/" (repository.name()) "/pull/" (number) } { "#" (number) }
            }
        }
        @for one in run.attempts.iter().rev() { (attempt(one)) }
        @if !statuses.is_empty() { h2 { "Statuses of the commit" } (list_of_statuses(&statuses)) }
    }
}

fn attempt(attempt: &Attempt) -> Markup {
    html! {
        h2 { "Attempt " (attempt.number) " " (state(attempt.state())) }
        p { "Started by " strong { (attempt.triggering_actor) } " " (at(attempt.started_at)) }
        ul.plain { @for job in &attempt.jobs { li {
            (state((job.status, job.conclusion()))) " " (job.name)
            @if job.ran_in < attempt.number { small { " in attempt " (job.ran_in) } }
            @if let Some(step) = failed_step(job) { small { " at " code { (step) } } }
        } } }
    }
}

fn failed_step(job: &Job) -> Option<String> {
    let failed = |status, conclusion| status == Status::Completed && conclusion == Some(Conclusion::Failure);
    job.steps().into_iter().find(|step| failed(step.status, step.conclusion)).map(|step| step.name.to_string())
}

pub(super) fn commit(github: &GitHub, repository: &Repository, commit: Sha) -> Markup {
    let statuses = repository.newest_statuses(commit);
    let of_it: Vec<_> = runs(github, repository).filter(|run| run.identity.head_sha == commit).collect();
    html! {
        p { a href={ "/" (repository.name()) } { (repository.name()) } }
        h1 { "Commit " code { (commit) } }
        h2 { "Statuses" }
        @if statuses.is_empty() { p { "None yet." } } @else { (list_of_statuses(&statuses)) }
        h2 { "Workflow runs" }
        (list_of_runs(repository, &of_it))
    }
}
