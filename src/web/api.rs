//! The JSON API. Most answers are a Keeper's own ([`crate::keeper::views`]).

use crate::doctor::{Site, examine, redeliver};
use crate::keeper::views::Question;
use crate::names::RepoName;
use crate::settings::Settings;

use super::backend::{Backend, ask};
use super::parameters::Parameters;
use super::repositories::repositories;
use super::routes::{Api, origin};
use super::{Rejection, Request, Response, insights};

/// `/openapi.json`.
pub const DESCRIPTION: &str = include_str!("../../docs/openapi.json");

pub async fn answer(
    api: &Api,
    parameters: &Parameters,
    request: &Request<'_>,
    settings: &Settings,
    backend: &impl Backend,
) -> Result<Response, Rejection> {
    match api {
        Api::Repositories => Ok(Response::json(&repositories(backend, parameters.list_cursor()?).await?)?),
        Api::Insights => Ok(Response::json(&insights::read(backend, parameters.list_cursor()?).await?)?),
        Api::Repository(repository) => kept(backend, repository, Question::Status).await,
        Api::Runs(repository) => kept(backend, repository, Question::Runs(parameters.runs()?)).await,
        Api::Run(repository, run_id) => kept(backend, repository, Question::Run(*run_id)).await,
        Api::FlakyJobs(repository) => {
            let (skip, limit) = (parameters.skip()?, parameters.limit()?);
            kept(backend, repository, Question::FlakyJobs { skip, limit }).await
        }
        Api::Precision(repository) => kept(backend, repository, Question::Precision).await,
        Api::Pause(repository) => changed(request, backend, repository, Question::Pause).await,
        Api::Resume(repository) => changed(request, backend, repository, Question::Resume).await,
        Api::Doctor => {
            let (repositories, site) = (parameters.repositories()?, Site::new(settings, origin(request.url)));
            let findings = examine::examine(&backend.github(&repositories), &site, &repositories).await;
            Ok(Response::json(&serde_json::json!({ "findings": findings }))?)
        }
        Api::Redeliver => {
            let (repositories, site) = (parameters.repositories()?, Site::new(settings, origin(request.url)));
            let github = backend.github(&repositories);
            match redeliver::everything(&github, &site, &repositories, backend.now()).await {
                Ok(done) => Ok(Response::json(&done)?),
                Err(problem) => Err(Rejection::BadGateway(problem.to_string())),
            }
        }
    }
}

/// A Keeper's own answer.
async fn kept(backend: &impl Backend, repository: &RepoName, question: Question) -> Result<Response, Rejection> {
    let answer = ask(backend, repository, question).await?;
    Ok(Response::json_text(answer.json).with_rows_read(answer.rows_read))
}

/// The same; to a form, the page that it was on.
async fn changed(
    request: &Request<'_>,
    backend: &impl Backend,
    repository: &RepoName,
    question: Question,
) -> Result<Response, Rejection> {
    let response = kept(backend, repository, question).await?;
    Ok(if request.is_form() { Response::see_other(format!("/overview/{repository}")) } else { response })
}
