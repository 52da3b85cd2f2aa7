//! Making the GitHub App, by GitHub's manifest flow (GitHub Docs, "Registering a GitHub App from a manifest"): a page
//! sends its reader to GitHub with a form that says what the App is to be; GitHub sends them back with a code; the code
//! is exchanged, once, for the App's key, which is shown and kept nowhere.
//!
//! [`manifest`] is what the form says, [`state`] what tells that a return belongs to a visit of ours, [`pages`] what is
//! seen. All of it is pure.

pub mod manifest;
pub mod pages;
pub mod state;

use serde::Deserialize;

use crate::github::Problem;
use crate::github::answer::{Reply, problem};
use crate::keeper::store::once::Once;
use crate::settings::{Secret, Settings};
use crate::web::access::Denied;
use crate::web::backend::Backend;
use crate::web::http::{Request, Response};
use crate::web::parameters::Parameters;
use crate::web::rejection::Rejection;
use crate::web::routes::{Setup as Step, origin};

use manifest::Organization;

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
                return not_created(400, "This return from GitHub was used before, and it is good once.");
            }
            match backend.convert(&code).await {
                Ok(app) => Ok(Response::html(pages::created(settings, &app))),
                Err(problem) => {
                    backend.log_fault("set-up", &problem.to_string());
                    not_created(502, &format!("{problem}. A code is good once, and for an hour."))
                }
            }
        }
    }
}

/// What GitHub gives for the code.
#[derive(Debug, PartialEq, Eq)]
pub struct NewApp {
    pub id: u64,
    pub name: String,
    /// Its page for people, which lies elsewhere on an Enterprise Server.
    pub page: String,
    pub pem: Secret,
    pub webhook_secret: Secret,
}

/// The code of a return, which becomes a part of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=200).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// Of "Create a GitHub App from a manifest", which takes no credentials.
    pub fn path(&self) -> String {
        format!("/app-manifests/{}/conversions", self.0)
    }
}

impl NewApp {
    pub fn of(reply: &Reply) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Body {
            id: u64,
            name: String,
            html_url: String,
            pem: String,
            webhook_secret: Option<String>,
        }
        if reply.status != 201 {
            return Err(problem(reply));
        }
        let body = serde_json::from_slice::<Body>(&reply.body);
        let body = body.map_err(|_| Problem::Lost { what: "an answer that is no App".to_owned() })?;
        let webhook_secret = body.webhook_secret.unwrap_or_default();
        let (pem, webhook_secret) = (Secret::new(body.pem), Secret::new(webhook_secret));
        Ok(Self { id: body.id, name: body.name, page: body.html_url, pem, webhook_secret })
    }

    /// The key on one line: what asks for a secret in a terminal takes one.
    pub fn pem_on_one_line(&self) -> String {
        self.pem.reveal().trim_end().replace('\n', "\\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::answer::ReplyHeaders;

    #[test]
    fn codes_are_no_paths() {
        assert_eq!(Code::parse("a180b1a3").unwrap().path(), "/app-manifests/a180b1a3/conversions");
        for bad in ["", "a/b", "..", "a?b", "a%2fb", &"a".repeat(201)] {
            assert_eq!(Code::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_github_gives() {
        let reply = |status: u16, body: serde_json::Value| {
            NewApp::of(&Reply { status, headers: ReplyHeaders::default(), body: body.to_string().into_bytes() })
        };
        let good = serde_json::json!({
            "id": 7, "name": "Mine", "html_url": "https://github.com/apps/mine", "pem": "-----BEGIN\nx\n", "webhook_secret": "s", "client_id": "c",
        });
        let app = reply(201, good).unwrap();
        let expected = (7, "https://github.com/apps/mine", "s");
        assert_eq!((app.id, app.page.as_str(), app.webhook_secret.reveal()), expected);
        assert_eq!(app.pem_on_one_line(), "-----BEGIN\\nx");
        assert!(matches!(reply(201, serde_json::json!({})), Err(Problem::Lost { .. })));
        assert_eq!(reply(404, serde_json::json!({ "message": "Not Found" })), Err(Problem::NotFound));
    }
}
