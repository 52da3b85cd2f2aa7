//! Making the GitHub App, by GitHub's manifest flow (GitHub Docs, "Registering a GitHub App from a manifest"): a page
//! sends its reader to GitHub with a form that says what the App is to be; GitHub sends them back with a code; the code
//! is exchanged, once, for the App's key, which is shown and kept nowhere.
//!
//! [`manifest`] is what the form says, [`new_app`] what GitHub gives, [`state`] what tells that a return belongs to a visit of ours, [`pages`] what is
//! seen. All of it is pure.

pub mod manifest;
pub mod new_app;
pub mod pages;
pub mod state;

use crate::keeper::store::once::Once;
use crate::settings::Settings;
use crate::web::access::denied::Denied;
use crate::web::backend::Backend;
use crate::web::http::{Request, Response};
use crate::web::parameters::Parameters;
use crate::web::rejection::Rejection;
use crate::web::routes::{Setup as Step, origin};

use manifest::Organization;
use new_app::Code;

/// The pages that make a GitHub App. Only where there is none (409): whoever has `ADMIN_TOKEN` may not put another in its
/// place.
pub async fn answer(
    step: Step,
    parameters: &Parameters,
    request: &Request<'_>,
    settings: &Settings,
    backend: &impl Backend,
) -> Result<Response, Rejection> {
    if settings.has_app() {
        return Ok(Response::html(pages::configured()).with_status(409));
    }
    let admin_token = settings.admin_token.as_ref().ok_or(Denied::NotSet)?;
    let web = settings.github_web_url();
    match step {
        Step::Start => {
            let organization = parameters.parsed("organization", "an organization's name", Organization::parse)?;
            let state = state::issue(admin_token, &backend.nonce(), backend.now())
                .ok_or_else(|| Rejection::unavailable("set-up", "the state could not be signed"))?;
            let page = pages::start(settings, origin(request.url), organization.as_ref(), &state);
            Ok(Response::html_with_form_to(&web, page))
        }
        Step::Created => {
            let not_created = |status, why: &str| Ok(Response::html(pages::not_created(why)).with_status(status));
            let state = parameters.get("state").and_then(|state| state::parse(admin_token, state, backend.now()));
            let Some((code, state)) = parameters.get("code").and_then(Code::parse).zip(state) else {
                return not_created(
                    400,
                    "The code or the state in this address does not belong to a visit to this page within the last hour.",
                );
            };
            let once = Once { id: state.id, until: state.until };
            if !backend.spend(&once).await.map_err(|fault| Rejection::unavailable("set-up", fault))? {
                return not_created(400, "This return from GitHub was used before, and it works only once.");
            }
            match backend.convert(&code).await {
                Ok(app) => Ok(Response::html(pages::created(settings, &app))),
                Err(problem) => {
                    backend.log_fault("set-up", &problem.to_string());
                    not_created(502, &format!("{problem}. A code works once, within an hour."))
                }
            }
        }
    }
}
