//! Who may use the admin routes: whoever has `ADMIN_TOKEN`, as a bearer token or as the password of HTTP Basic.

pub mod denied;
pub mod failed_logins;
#[cfg(test)]
mod tests;

use base64::prelude::{BASE64_STANDARD, Engine};
use ctutils::CtEq;
use sha2::{Digest, Sha256};

use crate::settings::{Secret, Settings};
use crate::time::Millis;
use crate::web::backend::Backend;
use crate::web::http::Request;
use crate::web::routes::{Care, origin};

use denied::Denied;
use failed_logins::{FailedLogins, network};

/// What of a request tells where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// What is asked for.
    pub care: Care,
    /// `Sec-Fetch-Site`, which every browser of today sends.
    pub fetch_site: Option<&'a str>,
    /// `Sec-Fetch-Mode`.
    pub fetch_mode: Option<&'a str>,
    /// `Sec-Fetch-Dest`.
    pub fetch_dest: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// Of the request's own URL: scheme, host and port.
    pub own: &'a str,
}

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
) -> Result<(), Denied> {
    let header = request.header;
    let (fetch_site, from) = (header("sec-fetch-site"), header("origin"));
    let (fetch_mode, fetch_dest) = (header("sec-fetch-mode"), header("sec-fetch-dest"));
    let origin = Origin {
        care,
        fetch_site: fetch_site.as_deref(),
        fetch_mode: fetch_mode.as_deref(),
        fetch_dest: fetch_dest.as_deref(),
        origin: from.as_deref(),
        own: origin(request.url),
    };
    let (authorization, now) = (header("authorization"), backend.now());
    let logins = backend.failed_logins();
    let checked = check_credentials(
        settings.admin_token.as_ref(),
        authorization.as_deref(),
        &origin,
        &mut logins.borrow_mut(),
        request.address,
        now,
    );
    // The platform counts too: in this location, by all isolates there, and eventually. What this isolate has counted
    // itself is exact, and holds whatever becomes of that.
    if checked == Err(Denied::Wrong) {
        match backend.exceeds_failed_logins(&network(request.address)).await {
            Ok(true) => return Err(Denied::too_many(logins.borrow_mut().lock(request.address, now))),
            Ok(false) => {}
            Err(fault) => backend.log_fault("rate limiter", &fault),
        }
    }
    checked
}

/// Whether somebody with `ADMIN_TOKEN` asks, on a route that is open to everybody. Wrong credentials are refused here too: it
/// is no place to guess at.
pub async fn knows_token(request: &Request<'_>, settings: &Settings, backend: &impl Backend) -> Result<bool, Denied> {
    if settings.admin_token.is_none() || (request.header)("authorization").is_none() {
        return Ok(false);
    }
    check(request, Care::Costs, settings, backend).await.map(|()| true)
}

/// The pure part of [`check`].
fn check_credentials(
    token: Option<&Secret>,
    authorization: Option<&str>,
    origin: &Origin,
    failures: &mut FailedLogins,
    address: &str,
    now: Millis,
) -> Result<(), Denied> {
    let token = token.ok_or(Denied::NotSet)?;
    let authorization = authorization.ok_or(Denied::Absent)?;
    if let Some(wait) = failures.wait(address, now) {
        return Err(Denied::too_many(wait));
    }
    let Some((scheme, _)) = given(authorization).filter(|(_, given)| is_same(token, given)) else {
        failures.add(address, now);
        return Err(Denied::Wrong);
    };
    // A bearer token is sent by programs: no page of another site can add it, as this Worker allows no such request.
    if scheme == Scheme::Basic && !origin.is_welcome() {
        return Err(Denied::CrossSite);
    }
    Ok(())
}

impl Origin<'_> {
    fn is_welcome(&self) -> bool {
        // Not within a page, where nobody sees that it was asked for.
        let is_visit = (self.fetch_mode, self.fetch_dest) == (Some("navigate"), Some("document"));
        match (self.care, self.fetch_site, self.origin) {
            (_, Some("same-origin"), _) => true,
            (Care::Shows, Some(_), _) if is_visit => true,
            // Typed, or a bookmark.
            (Care::Shows | Care::Costs, Some("none"), _) => true,
            (_, Some(_), _) => false,
            (_, None, Some(origin)) => origin == self.own,
            // No browser.
            (Care::Shows | Care::Costs, None, None) => true,
            // A program can send a bearer token.
            (Care::Changes, None, None) => false,
        }
    }
}

fn given(authorization: &str) -> Option<(Scheme, String)> {
    let blank = [' ', '\t'];
    let (scheme, rest) = authorization.trim_matches(blank).split_once(blank)?;
    let rest = rest.trim_matches(blank);
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some((Scheme::Bearer, rest.to_owned()));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
        return pair.split_once(':').map(|(_, password)| (Scheme::Basic, password.to_owned()));
    }
    None
}

/// Takes the same time wherever the first difference is: digests are compared. Each is of the text as a message, as two
/// keys of an HMAC are the same when they differ by zeros at their end.
fn is_same(token: &Secret, given: &str) -> bool {
    Sha256::digest(token.reveal()).as_slice().ct_eq(Sha256::digest(given).as_slice()).to_bool()
}
