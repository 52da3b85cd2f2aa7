//! Who may use the admin routes: whoever has `ADMIN_TOKEN`, as a bearer token or as the password of HTTP Basic, and whomever
//! Cloudflare Access has let in.

pub mod assertion;
pub mod failed_logins;
pub mod team_keys;
#[cfg(test)]
mod tests;

use base64::prelude::{BASE64_STANDARD, Engine};
use ctutils::CtEq;
use sha2::{Digest, Sha256};

use crate::settings::{Access, Secret, Settings};
use crate::time::Millis;
use crate::web::routes::{Care, origin};
use crate::web::{Backend, Rejection, Request};

use assertion::Assertion;
use failed_logins::{FailedLogins, network};
use team_keys::{Found, TeamKey};

/// How the token was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Bearer,
    /// A browser adds it by itself, whoever made it send the request.
    Basic,
}

/// Whether a request may have what it asks for.
pub async fn check(
    request: &Request<'_>,
    care: Care,
    settings: &Settings,
    backend: &impl Backend,
) -> Result<(), Rejection> {
    let (logins, now) = (backend.failed_logins(), backend.now());
    let checked = match assertion(request, settings) {
        Some((access, text)) => check_assertion(access, &text, request, care, backend).await,
        None => check_credentials(settings, request, care, &mut logins.borrow_mut(), now),
    };
    // The platform counts too: in this location, by all isolates there, and eventually. What this isolate has counted
    // itself is exact, and holds whatever becomes of that.
    if matches!(checked, Err(Rejection::WrongCredentials | Rejection::WrongAssertion)) {
        match backend.exceeds_failed_logins(&network(request.address)).await {
            Ok(true) => return Err(Rejection::too_many_attempts(logins.borrow_mut().lock(request.address, now))),
            Ok(false) => {}
            Err(fault) => backend.log_fault("rate limiter", &fault),
        }
    }
    checked
}

/// Whether somebody with `ADMIN_TOKEN` asks, on a route that is open to everybody. Wrong credentials are refused here too: it
/// is no place to guess at.
pub async fn knows_token(
    request: &Request<'_>,
    settings: &Settings,
    backend: &impl Backend,
) -> Result<bool, Rejection> {
    let has_token = settings.admin_token.is_some() && (request.header)("authorization").is_some();
    if !has_token && assertion(request, settings).is_none() {
        return Ok(false);
    }
    check(request, Care::Costs, settings, backend).await.map(|()| true)
}

/// The token of Cloudflare Access, if that is in front and nothing else is given: `ADMIN_TOKEN` decides where both are.
fn assertion<'a>(request: &Request<'_>, settings: &'a Settings) -> Option<(&'a Access, String)> {
    let access = settings.access.as_ref().filter(|_| (request.header)("authorization").is_none())?;
    Some((access, (request.header)(assertion::HEADER)?))
}

/// A browser sends it as it sends a password that it remembers: Access takes it from a cookie.
async fn check_assertion(
    access: &Access,
    text: &str,
    request: &Request<'_>,
    care: Care,
    backend: &impl Backend,
) -> Result<(), Rejection> {
    let (logins, now) = (backend.failed_logins(), backend.now());
    let wait = logins.borrow().wait(request.address, now);
    if let Some(wait) = wait {
        return Err(Rejection::too_many_attempts(wait));
    }
    let is_good = match Assertion::parse(text).filter(|assertion| assertion.is_for(access, now)) {
        Some(assertion) => is_signed(&assertion, access, backend).await?,
        None => false,
    };
    if !is_good {
        logins.borrow_mut().add(request.address, now);
        return Err(Rejection::WrongAssertion);
    }
    if is_welcome(request, care) { Ok(()) } else { Err(Rejection::CrossSite) }
}

const TEAM_KEYS: &str = "Cloudflare Access";

async fn is_signed(assertion: &Assertion, access: &Access, backend: &impl Backend) -> Result<bool, Rejection> {
    let Some(key) = team_key(&assertion.key_id, access, backend).await? else { return Ok(false) };
    let signed = backend.is_signed(&key, assertion.signed.as_bytes(), &assertion.signature).await;
    signed.map_err(|fault| Rejection::unavailable(TEAM_KEYS, fault))
}

/// `None`: the team has no such key.
async fn team_key(key_id: &str, access: &Access, backend: &impl Backend) -> Result<Option<TeamKey>, Rejection> {
    let keys = backend.team_keys();
    let mut found = keys.borrow_mut().find(key_id, backend.now());
    let mut why = "the keys were asked for too often, without an answer".to_owned();
    if found == Found::Read {
        let body = backend.read_team_keys(&format!("{}{}", access.issuer, team_keys::PATH)).await;
        let mut keys = keys.borrow_mut();
        if let Err(fault) = body.and_then(|body| keys.put(&body, backend.now())) {
            backend.log_fault(TEAM_KEYS, &fault);
            why = fault;
        }
        found = keys.known(key_id, backend.now());
    }
    match found {
        Found::Key(key) => Ok(Some(key)),
        Found::Unknown => Ok(None),
        Found::Read | Found::NotNow => Err(Rejection::unavailable(TEAM_KEYS, why)),
    }
}

/// The pure part of [`check`].
fn check_credentials(
    settings: &Settings,
    request: &Request<'_>,
    care: Care,
    failures: &mut FailedLogins,
    now: Millis,
) -> Result<(), Rejection> {
    let nothing = if settings.access.is_some() { Rejection::NotByAccess } else { Rejection::NoAdminToken };
    let token = settings.admin_token.as_ref().ok_or(nothing)?;
    let authorization = (request.header)("authorization").ok_or(Rejection::NoCredentials)?;
    if let Some(wait) = failures.wait(request.address, now) {
        return Err(Rejection::too_many_attempts(wait));
    }
    let Some((scheme, _)) = given(&authorization).filter(|(_, given)| is_same(token, given)) else {
        failures.add(request.address, now);
        return Err(Rejection::WrongCredentials);
    };
    // A bearer token is sent by programs: no page of another site can add it, as this Worker allows no such request.
    if scheme == Scheme::Basic && !is_welcome(request, care) { Err(Rejection::CrossSite) } else { Ok(()) }
}

/// Whether it comes from where a browser may add the password that it remembers.
fn is_welcome(request: &Request<'_>, care: Care) -> bool {
    let header = |name| (request.header)(name);
    let (mode, destination) = (header("sec-fetch-mode"), header("sec-fetch-dest"));
    // Not within a page, where nobody sees that it was asked for.
    let is_visit = (mode.as_deref(), destination.as_deref()) == (Some("navigate"), Some("document"));
    // Every browser of today sends the first of these.
    match (care, header("sec-fetch-site").as_deref(), header("origin").as_deref()) {
        (_, Some("same-origin"), _) => true,
        (Care::Shows, Some(_), _) if is_visit => true,
        // Typed, or a bookmark.
        (Care::Shows | Care::Costs, Some("none"), _) => true,
        (_, Some(_), _) => false,
        (_, None, Some(from)) => from == origin(request.url),
        // No browser: each of today sends one of them with whatever another site makes it ask for by `POST`.
        (_, None, None) => true,
    }
}

fn given(authorization: &str) -> Option<(Scheme, String)> {
    let blank = [' ', '\t'];
    let (scheme, rest) = authorization.trim_matches(blank).split_once(blank)?;
    let rest = rest.trim_matches(blank);
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some((Scheme::Bearer, rest.to_owned())),
        "basic" => {
            let pair = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
            pair.split_once(':').map(|(_, password)| (Scheme::Basic, password.to_owned()))
        }
        _ => None,
    }
}

/// Takes the same time wherever the first difference is: digests are compared. Each is of the text as a message, as two
/// keys of an HMAC are the same when they differ by zeros at their end.
fn is_same(token: &Secret, given: &str) -> bool {
    Sha256::digest(token.reveal()).as_slice().ct_eq(Sha256::digest(given).as_slice()).to_bool()
}
