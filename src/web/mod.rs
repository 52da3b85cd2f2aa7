//! What people and programs see: a request in, a response out. Pure: what only the platform can do, a [`Backend`] does.
//!
//! [`handle`] is the way of every request. [`routes`] says what it asks for, [`access`] who may, [`parameters`] with which
//! parameters; then one module answers: [`health`] and [`pages::home`] for everybody, [`badge`] where a setting says so, and
//! for whoever has `ADMIN_TOKEN` [`pages`], [`api`], [`metrics`] and [`setup`]. [`repositories`] is the list of what each
//! repository has published, [`insights`] what that comes to; pages, API and metrics are made of it. [`http`] has the headers
//! that all responses share, [`rejection`] what is said when there is none, [`html`](mod@html) what all pages share, [`cards`]
//! how tables fit on a phone, [`words`] what the pages' words mean, [`chart`] what is drawn.

pub mod access;
pub mod api;
pub mod backend;
pub mod badge;
mod cards;
pub mod chart;
pub mod health;
pub mod html;
pub mod http;
pub mod insights;
pub mod metrics;
pub mod pages;
mod parameter_values;
pub mod parameters;
pub mod rejection;
pub mod repositories;
pub mod routes;
pub mod setup;
#[cfg(test)]
mod tests;
mod words;

pub use backend::Backend;
pub use http::{Request, Response};
pub use rejection::Rejection;

use crate::settings::Settings;

use parameters::Parameters;
use rejection::{Form, NO_SUCH_PATH};
use routes::{Route, path, route};

/// The way of a request: what it asks for, who may, with which parameters, and then the module that answers it.
pub async fn handle(request: &Request<'_>, settings: &Settings, backend: &impl Backend) -> Response {
    let mut response = match route(request.method, path(request.url)) {
        Ok(route) => answer(&route, request, settings, backend).await.unwrap_or_else(|rejection| {
            if let Rejection::Unavailable { place, what } = &rejection {
                backend.log_fault(place, what);
            }
            rejection.response(preferred(request, route.spec().form))
        }),
        Err(rejection) => {
            // Whoever sends webhooks does not mistype.
            let is_mistyped = rejection == NO_SUCH_PATH && request.method != "POST";
            let meant = routes::meant(path(request.url)).filter(|_| is_mistyped);
            meant.map_or(rejection, Rejection::NoSuchPath).response(preferred(request, Form::Json))
        }
    };
    if request.method == "HEAD" {
        response.body.clear();
    }
    response
}

/// How to put that a request is not served: a page for people, whose browsers ask for one, and JSON for programs that do.
fn preferred(request: &Request<'_>, form: Form) -> Form {
    let accept = (request.header)("accept").unwrap_or_default().to_ascii_lowercase();
    let asks_for_json = accept.contains("application/json");
    match form {
        _ if accept.contains("text/html") => Form::Page,
        Form::Page if asks_for_json => Form::Json,
        form => form,
    }
}

async fn answer(
    route: &Route,
    request: &Request<'_>,
    settings: &Settings,
    backend: &impl Backend,
) -> Result<Response, Rejection> {
    if let Some(care) = route.spec().care {
        access::check(request, care, settings, backend).await?;
    }
    let parameters = Parameters::of(request.url, route)?;
    match route {
        Route::Home => Ok(Response::html(pages::home(settings))),
        Route::Glossary => Ok(Response::html(pages::glossary())),
        Route::Health => health::answer(request, settings, backend).await,
        Route::Description => Ok(Response::json_text(api::DESCRIPTION.as_bytes().to_vec())),
        Route::Badge(repository) => badge::answer(repository, settings, backend).await,
        Route::Page(page) => pages::answer(page, &parameters, settings, backend).await,
        Route::Api(api) => api::answer(api, &parameters, request, settings, backend).await,
        Route::Metrics => metrics::answer(settings, backend).await,
        Route::Setup(step) => setup::answer(*step, &parameters, request, settings, backend).await,
    }
}
