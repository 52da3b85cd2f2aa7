//! Sends a message to `NOTIFY_URL`: JSON with a `text`, as incoming webhooks of Slack, Mattermost and Discord take it.

use serde::Serialize;
use worker::worker_sys::web_sys;
use worker::{AbortSignal, Fetch, Headers, Method, Request, RequestInit, RequestRedirect};

use crate::settings::Secret;

/// Well within the lease of a claimed message.
const TIME_OUT_MS: u32 = 10_000;

/// An error says what went wrong, and never where: the URL is a secret.
pub async fn send(url: &Secret, text: &str) -> Result<(), String> {
    #[derive(Serialize)]
    struct Body<'a> {
        text: &'a str,
    }
    let body = serde_json::to_string(&Body { text }).map_err(|error| error.to_string())?;
    let no_request = |_| "the request could not be made".to_owned();
    let headers = Headers::new();
    headers.set("content-type", "application/json").map_err(no_request)?;
    headers.set("user-agent", concat!("rerunner/", env!("CARGO_PKG_VERSION"))).map_err(no_request)?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(headers).with_body(Some(body.into()));
    // Where it leads to was not what was set.
    init.with_redirect(RequestRedirect::Manual);
    let request = Request::new_with_init(url.reveal(), &init).map_err(no_request)?;
    let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(TIME_OUT_MS));
    match Fetch::Request(request).send_with_signal(&signal).await {
        Ok(response) if (200..300).contains(&response.status_code()) => Ok(()),
        Ok(response) => Err(format!("was answered {}", response.status_code())),
        Err(_) if signal.aborted() => Err("did not answer in time".to_owned()),
        Err(_) => Err("cannot be reached".to_owned()),
    }
}
