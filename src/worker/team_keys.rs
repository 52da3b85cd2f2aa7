//! The keys of a team of Cloudflare Access, read from its domain.

use futures_util::StreamExt;
use worker::{AbortSignal, Fetch, Request, RequestInit, RequestRedirect, web_sys};

use crate::web::access::team_keys::MAX_BYTES;

/// Somebody waits for a page.
const TIME_OUT_MS: u32 = 5_000;

/// An error is a phrase.
pub async fn read(url: &str) -> Result<Vec<u8>, String> {
    let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(TIME_OUT_MS));
    let mut init = RequestInit::new();
    // Keys are those of the domain that the setting names, and of no other.
    init.with_redirect(RequestRedirect::Manual);
    let request = Request::new_with_init(url, &init).map_err(|_| "the request for the keys could not be built")?;
    let response = Fetch::Request(request).send_with_signal(&signal).await;
    let mut response = response.map_err(|_| format!("there was no answer from {url}"))?;
    if response.status_code() != 200 {
        return Err(format!("{url} answered {}", response.status_code()));
    }
    let mut stream = response.stream().map_err(|_| format!("{url} answered nothing"))?;
    let mut body = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| format!("the answer of {url} broke off"))?;
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(format!("the answer of {url} is longer than {MAX_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
