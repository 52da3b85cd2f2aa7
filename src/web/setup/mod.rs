//! Making the GitHub App, by GitHub's manifest flow (GitHub Docs, "Registering a GitHub App from a manifest"): a page
//! sends its reader to GitHub with a form that says what the App is to be; GitHub sends them back with a code; the code
//! is exchanged, once, for the App's key, which is shown and kept nowhere.
//!
//! [`manifest`] is what the form says and what GitHub gives, [`pages`] what is seen. All of it is pure.

pub mod manifest;
pub mod pages;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::keeper::store::once::Once;
use crate::settings::{Needed, Secret, Settings};
use crate::time::{Millis, Span};
use crate::web::parameters::Parameters;
use crate::web::routes::{Setup as Step, origin};
use crate::web::{Backend, Rejection, Request, Response};

use manifest::{Code, Organization};

/// How long somebody may take at GitHub. A manifest's code lasts as long.
const GOOD_FOR: Span = Span::hours(1);

const ORGANIZATION: &str = "organization";
const COMMANDS: &str = "commands";
const FLAKY_ISSUES: &str = "flaky_issues";
/// What policy files can turn on, and needs more.
pub const FEATURES: [&str; 2] = [COMMANDS, FLAKY_ISSUES];

pub fn organization(parameters: &Parameters) -> Result<Option<Organization>, Rejection> {
    parameters.parsed(ORGANIZATION, "an organization's name", Organization::parse)
}

pub fn is_ticked(parameters: &Parameters, feature: &str) -> Result<bool, Rejection> {
    Ok(parameters.parsed(feature, "on", |value| (value == "on").then_some(()))?.is_some())
}

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
    let admin_token = settings.admin_token.as_ref().ok_or(Rejection::NoAdminToken)?;
    match step {
        Step::Start => {
            let organization = organization(parameters)?;
            let (commands, flaky_issues) = (is_ticked(parameters, COMMANDS)?, is_ticked(parameters, FLAKY_ISSUES)?);
            let needed = settings.needed().and(Needed { commands, flaky_issues, ..Needed::default() });
            let state = issue(admin_token, &backend.nonce(), backend.now())
                .ok_or_else(|| Rejection::unavailable("set-up", "the state could not be signed"))?;
            let origin = origin(request.url);
            // What GitHub is sent is made of what the first page's form has sent.
            let is_chosen = [ORGANIZATION].iter().chain(&FEATURES).any(|name| parameters.has(name));
            let page = match is_chosen {
                true => pages::start(settings, needed, origin, organization.as_ref(), &state),
                false => pages::choose(settings, needed, origin, &state),
            };
            Ok(Response::html_with_forms_to(&format!("'self' {}", settings.github_web_url()), page))
        }
        Step::Created => {
            let not_created = |status, why: &str| Ok(Response::html(pages::not_created(why)).with_status(status));
            let once = parameters.get("state").and_then(|state| returned(admin_token, state, backend.now()));
            let Some((code, once)) = parameters.get("code").and_then(Code::parse).zip(once) else {
                return not_created(
                    400,
                    "The code or the state in this address is not from a visit to the set-up page within the last hour.",
                );
            };
            if !backend.spend(&once).await.map_err(|fault| Rejection::unavailable("set-up", fault))? {
                return not_created(400, "This link from GitHub was already used, and it works only once.");
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

/// The state, which goes to GitHub and comes back with its reader: that the return belongs to a visit of the page here.
/// `TIME.NONCE.SIGNATURE`, which needs no encoding in an address. The key is derived from `ADMIN_TOKEN`, so that nothing is
/// stored until it comes back; and then that it has, as it is good once ([`crate::keeper::store::once`]).
fn issue(admin_token: &Secret, nonce: &str, now: Millis) -> Option<String> {
    let text = format!("{}.{nonce}", now.0);
    let signature = mac(admin_token, &text)?.finalize().into_bytes();
    Some(format!("{text}.{}", hex::encode(signature)))
}

/// The state, if it was issued here, and within the hour: what was signed, the same however the signature is written.
fn returned(admin_token: &Secret, state: &str, now: Millis) -> Option<Once> {
    let (text, signature) = state.rsplit_once('.')?;
    let issued = text.split_once('.').and_then(|(time, _)| time.parse().ok()).map(Millis)?;
    let until = issued + GOOD_FOR;
    let signature = hex::decode(signature).ok()?;
    // In constant time.
    let is_signed = mac(admin_token, text)?.verify_slice(&signature).is_ok();
    (is_signed && issued <= now && now < until).then(|| Once { id: text.to_owned(), until })
}

fn mac(admin_token: &Secret, text: &str) -> Option<Hmac<Sha256>> {
    // A key of its own, so that no signature made elsewhere with ADMIN_TOKEN is one of these. Any length will do.
    let mut key = Hmac::<Sha256>::new_from_slice(admin_token.reveal().as_bytes()).ok()?;
    key.update(b"rerunner: the state of a GitHub App's set-up");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.finalize().into_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_446_245_000);

    #[test]
    fn only_ours_only_whole_and_only_for_an_hour() {
        let token = Secret::new("the-admin-token");
        let state = issue(&token, "n0nce", NOW).unwrap();
        let is_ours = |token: &Secret, state: &str, now| returned(token, state, now).is_some();
        assert!(is_ours(&token, &state, NOW));
        assert!(is_ours(&token, &state, NOW + Span::minutes(59)));
        assert!(!is_ours(&token, &state, NOW + Span::minutes(60)));
        assert!(!is_ours(&token, &state, Millis(NOW.0 - 1)), "of the future");
        assert!(!is_ours(&Secret::new("another"), &state, NOW));
        for (from, to) in [("n0nce", "nonce"), (".", ""), ("1795446245", "1795446246")] {
            assert!(!is_ours(&token, &state.replacen(from, to, 1), NOW), "{from} → {to}");
        }
        let cut = &state[..state.len() - 2];
        for bad in ["", ".", "..", cut, "x.y.z"] {
            assert!(!is_ours(&token, bad, NOW), "{bad}");
        }
        let parsed = returned(&token, &state, NOW).unwrap();
        assert_eq!(parsed, Once { id: "1795446245000.n0nce".to_owned(), until: NOW + Span::minutes(60) });
        let (text, signature) = state.rsplit_once('.').unwrap();
        let shouted = format!("{text}.{}", signature.to_uppercase());
        assert_eq!(returned(&token, &shouted, NOW), Some(parsed), "another spelling is no other state");
        assert!(state.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'), "{state}");
    }
}
