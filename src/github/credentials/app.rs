//! Acting as a GitHub App: what is signed, what is asked for, and what GitHub can answer. Pure; [`super::app_token`] makes
//! the calls.
//!
//! An App proves who it is by a JSON Web Token that its private key has signed, and gets a token for an hour for one
//! installation (GitHub Docs, "Generating an installation access token for a GitHub App"). Ours is narrowed to one
//! repository and to the permissions that are used.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::names::{InstallationId, RepoName, RepositoryId};
use crate::settings::{App, Needed, Secret};
use crate::time::{Millis, Span};

use super::super::error::{Error, message};
use super::super::http::Reply;

/// "60 seconds in the past, to allow for clock drift".
const ISSUED_AGO: Span = Span::seconds(60);
/// "No more than 10 minutes into the future": one minute less, for GitHub's clock may be behind ours.
const EXPIRES_IN: Span = Span::minutes(9);
/// A token is renewed this long before it expires, so that it does not expire on its way.
pub const RENEW_BEFORE: Span = Span::minutes(5);
/// Clocks that differ by more than this are why a JSON Web Token is refused.
const CLOCK_DIFFERS: Span = Span::seconds(30);

/// Why nothing can be signed: the runtime says no more of a bad key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not a complete RSA key")]
pub struct KeyError;

/// A token for an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallationToken {
    pub token: Secret,
    /// By GitHub's clock.
    pub expires: Millis,
}

impl App {
    /// What is to be signed: header and claims. `now` is GitHub's time, as far as it is known.
    pub fn claims(&self, now: Millis) -> String {
        let seconds = |time: Millis| time.0.div_euclid(1_000);
        let issued = Millis(now.0.saturating_sub(ISSUED_AGO.as_millis()));
        let claims = json!({ "iat": seconds(issued), "exp": seconds(now + EXPIRES_IN), "iss": self.id });
        let encode = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        format!("{}.{}", encode(json!({ "alg": "RS256", "typ": "JWT" })), encode(claims))
    }
}

/// The JSON Web Token, once its claims are signed.
pub fn signed(claims: &str, signature: &[u8]) -> Secret {
    Secret::new(format!("{claims}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Narrowed to the repository and to what is used: what else the App may do, this token may not.
///
/// By its id where that is known: a name is another's once the repository is renamed.
pub fn token_body(repository: &RepoName, id: Option<RepositoryId>, permissions: &Map<String, Value>) -> String {
    match id {
        Some(id) => json!({ "repository_ids": [id], "permissions": permissions }).to_string(),
        None => json!({ "repositories": [repository.name()], "permissions": permissions }).to_string(),
    }
}

/// For reading the files of the owner's repository `.github`, and nothing else.
pub const ORGANIZATIONS_TOKEN: &str =
    r#"{"repositories":[".github"],"permissions":{"contents":"read","metadata":"read"}}"#;

/// How far GitHub's clock is ahead of ours, in milliseconds, if that is why it refused a JSON Web Token.
pub fn clock_is_off(reply: &Reply, now: Millis) -> Option<i64> {
    let date = reply.headers.date.as_deref().and_then(Millis::from_http_date)?;
    let ahead = date.0.saturating_sub(now.0);
    (reply.status == 401 && ahead.unsigned_abs() > CLOCK_DIFFERS.as_millis().unsigned_abs()).then_some(ahead)
}

/// Reads the answer to "Create an installation access token for an app". `None`: there is no such installation any more,
/// or not on this repository.
pub fn read_token(reply: &Reply, needed: Needed) -> Result<Option<InstallationToken>, Error> {
    #[derive(Deserialize)]
    struct Body {
        token: String,
        expires_at: String,
    }
    if reply.status != 201 {
        let (error, message) = (error(reply), message(reply));
        return match reply.status {
            _ if matches!(error, Error::Inconclusive { .. }) => Err(error),
            404 if !is_unknown(&message) => Ok(None),
            // One status for both: a repository that it is not installed on, and a permission that it was not given.
            422 if message.contains("repositor") => Ok(None),
            422 => Err(Error::Credentials {
                message: format!(
                    "422 {message} (needed: {needed}; the App's owner must grant them, and whoever installed it must accept them)"
                ),
            }),
            _ => Err(error),
        };
    }
    let read = serde_json::from_slice::<Body>(&reply.body).ok();
    let read = read.and_then(|body| Some((body.token, Millis::from_rfc3339(&body.expires_at)?)));
    let (token, expires) = read.ok_or_else(|| Error::inconclusive("GitHub's answer has no installation token"))?;
    Ok(Some(InstallationToken { token: Secret::new(token), expires }))
}

/// Reads the answer to "Get a repository installation for the authenticated app". `None`: it is not installed.
pub fn read_installation(reply: &Reply) -> Result<Option<InstallationId>, Error> {
    #[derive(Deserialize)]
    struct Body {
        id: InstallationId,
        suspended_at: Option<String>,
    }
    match reply.ok(error).and_then(|reply| reply.json("an installation")) {
        Ok(Body { suspended_at: Some(_), .. }) => Err(suspended()),
        Ok(Body { id, suspended_at: None }) => Ok(Some(id)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The permissions of an installation.
pub fn read_granted(reply: &Reply) -> Result<Map<String, Value>, Error> {
    #[derive(Deserialize)]
    struct Body {
        permissions: Map<String, Value>,
    }
    Ok(reply.ok(error)?.json::<Body>("an installation")?.permissions)
}

pub fn not_installed(repository: &RepoName) -> Error {
    Error::Repository { message: format!("the App is not installed on {repository}; install it there on GitHub") }
}

/// Whether a call, with whatever token, was refused for this reason.
pub fn says_suspended(reply: &Reply) -> bool {
    reply.status == 403 && message(reply).contains("suspended")
}

pub fn suspended() -> Error {
    Error::Credentials {
        message: "its installation is suspended; unsuspend it on GitHub, under Installed GitHub Apps".to_owned(),
    }
}

/// GitHub's word for an App id that it does not know.
fn is_unknown(message: &str) -> bool {
    message.contains("Integration")
}

/// Why a call failed that was made with a JSON Web Token.
pub fn error(reply: &Reply) -> Error {
    let error = Error::of_basic_read(reply);
    if matches!(error, Error::Inconclusive { .. } | Error::RateLimited { .. }) {
        return error;
    }
    let message = message(reply);
    match reply.status {
        401 => Error::Credentials {
            message: format!("401 {message}; is GITHUB_APP_PRIVATE_KEY a key of the App GITHUB_APP_ID?"),
        },
        403 if says_suspended(reply) => suspended(),
        404 if is_unknown(&message) => {
            Error::Credentials { message: format!("404 {message}; there is no App with this GITHUB_APP_ID") }
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::support::{message, reply};

    const NEEDED: Needed = Needed { comments: false, commit_status: false, commands: false, flaky_issues: false };

    #[test]
    fn the_claims() {
        let app = App { id: "12345".to_owned(), key: Secret::new(""), needed: NEEDED };
        let text = app.claims(Millis(1_795_446_245_999));
        let parts: Vec<String> =
            text.split('.').map(|part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()).collect();
        let parts: Vec<serde_json::Value> = parts.iter().map(|part| serde_json::from_str(part).unwrap()).collect();
        assert_eq!(parts[0], json!({ "alg": "RS256", "typ": "JWT" }));
        assert_eq!(parts[1], json!({ "iat": 1_795_446_185, "exp": 1_795_446_785, "iss": "12345" }));
        assert_eq!(signed("a.b", &[0xfb, 0xff]).reveal(), "a.b.-_8");
    }

    #[test]
    fn a_token_is_asked_for_as_narrow_as_can_be() {
        let body = |id| {
            let body = token_body(&RepoName::parse("octo/widgets").unwrap(), id, &NEEDED.to_json());
            serde_json::from_str::<serde_json::Value>(&body).unwrap()
        };
        let permissions = json!({
            "actions": "write", "checks": "read", "contents": "read", "metadata": "read", "pull_requests": "read",
        });
        assert_eq!(body(None), json!({ "repositories": ["widgets"], "permissions": permissions }));
        assert_eq!(body(RepositoryId::new(5)), json!({ "repository_ids": [5], "permissions": permissions }));
    }

    #[test]
    fn answers_to_the_request_for_a_token() {
        let good = reply(201, json!({ "token": "t", "expires_at": "2026-11-23T15:04:05Z" }));
        let token = InstallationToken { token: Secret::new("t"), expires: Millis(1_795_446_245_000) };
        assert_eq!(read_token(&good, NEEDED), Ok(Some(token)));
        assert_eq!(read_token(&message(404, "Not Found"), NEEDED), Ok(None));
        assert_ne!(read_token(&message(403, "Resource not accessible by integration"), NEEDED), Err(suspended()));
        let elsewhere =
            "There is at least one repository that does not exist or is not accessible to the parent installation.";
        assert_eq!(read_token(&message(422, elsewhere), NEEDED), Ok(None));
        for (status, github, part) in [
            (401, "A JSON web token could not be decoded", "GITHUB_APP_PRIVATE_KEY"),
            (404, "Integration not found", "GITHUB_APP_ID"),
            (403, "This installation has been suspended", "unsuspend"),
            (422, "The permissions requested are not granted to this installation.", "actions: write"),
        ] {
            let Err(Error::Credentials { message }) = read_token(&message(status, github), NEEDED) else {
                panic!("{status} {github}: not for somebody to mend")
            };
            assert!(message.contains(part), "{message}");
        }
        for lost in
            [message(500, ""), reply(404, json!([])), reply(201, json!({ "token": "t" })), reply(201, json!([]))]
        {
            assert!(matches!(read_token(&lost, NEEDED), Err(Error::Inconclusive { .. })));
        }
    }

    #[test]
    fn answers_to_where_it_is_installed() {
        let id = InstallationId::new(7).unwrap();
        let installed = reply(200, json!({ "id": 7, "suspended_at": null }));
        assert_eq!(read_installation(&installed), Ok(Some(id)));
        let asleep = reply(200, json!({ "id": 7, "suspended_at": "2026-11-23T15:04:05Z" }));
        assert_eq!(read_installation(&asleep), Err(suspended()));
        assert_eq!(read_installation(&message(404, "Not Found")), Ok(None));
        let page = Reply { body: b"<html>".to_vec(), ..message(404, "") };
        assert!(matches!(read_installation(&page), Err(Error::Inconclusive { .. })));
        let unknown = read_installation(&message(404, "Integration not found"));
        assert!(matches!(unknown, Err(Error::Credentials { .. })));
    }

    #[test]
    fn only_a_refusal_with_another_time_is_the_clocks_fault() {
        let date = "Mon, 23 Nov 2026 15:04:05 GMT";
        let github = 1_795_446_245_000;
        let mut refused = message(401, "'Expiration time' claim ('exp') is too far in the future");
        assert_eq!(clock_is_off(&refused, Millis(github - 120_000)), None, "it does not say what time it is");
        refused.headers.date = Some(date.to_owned());
        assert_eq!(clock_is_off(&refused, Millis(github - 120_000)), Some(120_000));
        assert_eq!(clock_is_off(&refused, Millis(github + 120_000)), Some(-120_000));
        assert_eq!(clock_is_off(&refused, Millis(github + 20_000)), None);
        refused.status = 403;
        assert_eq!(clock_is_off(&refused, Millis(github + 120_000)), None);
    }
}
