//! The way of a request: what it asks for, who may, with which parameters, and then the module that answers it.

use crate::settings::Settings;

use super::access;
use super::backend::Backend;
use super::http::{Request, Response};
use super::parameters::Parameters;
use super::rejection::{Form, Rejection};
use super::routes::{Route, path, route};
use super::{api, badge, health, home, metrics, pages, setup};

pub async fn handle(request: &Request<'_>, settings: &Settings, backend: &impl Backend) -> Response {
    let mut response = match route(request.method, path(request.url)) {
        Ok(route) => answer(&route, request, settings, backend).await.unwrap_or_else(|rejection| {
            if let Rejection::Unavailable { place, what } = &rejection {
                backend.log_fault(place, what);
            }
            rejection.response(route.spec().form)
        }),
        Err(rejection) => rejection.response(Form::Json),
    };
    if request.method == "HEAD" {
        response.body.clear();
    }
    response
}

async fn answer(
    route: &Route,
    request: &Request<'_>,
    settings: &Settings,
    backend: &impl Backend,
) -> Result<Response, Rejection> {
    let spec = route.spec();
    if let Some(care) = spec.care {
        access::check(request, care, settings, backend).await?;
    }
    let parameters = Parameters::parse(request.url, spec.parameters)?;
    match route {
        Route::Home => Ok(Response::html(home::home(settings))),
        Route::Health => health::answer(request, settings, backend).await,
        Route::Badge(repository) => badge::answer(repository, settings, backend).await,
        Route::Page(page) => pages::answer(page, &parameters, settings, backend).await,
        Route::Api(api) => api::answer(api, &parameters, request, settings, backend).await,
        Route::Metrics => metrics::answer(settings, backend).await,
        Route::Setup(step) => setup::answer(*step, &parameters, request, settings, backend).await,
    }
}
