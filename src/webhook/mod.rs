//! What arrives: from a request's head and body to an [`Event`] for the Keeper, or to an answer.
//!
//! The steps, in order, and the status of what fails there:
//!
//! 1. [`headers::check`]: `WEBHOOK_SECRET` is set (503), the content type is one of two (415), the declared length is
//!    within the cap (413), and a signature is there and well-formed (401). The body is not read before that.
//! 2. [`allowance`]: there is room for the body (503). It is read, and its HMACs are made.
//! 3. [`Signature::is_one_of`](signature::Signature::is_one_of): the signature is right for the raw body (401). Nothing
//!    was parsed before that.
//! 4. [`head`]: what the first fields say nothing is done for is 200 `ignored`, whatever follows, also where that is
//!    malformed. Else [`payload`]: `X-GitHub-Event` is there, the form is decoded, the JSON has the fields needed (400).
//!    What they are needed for is asked first: where nothing would be done whatever they say, it is `ignored` as well.
//! 5. [`filter`]: is there something to do for the run, or for the command? If not, 200 `ignored`.

pub mod allowance;
pub mod answer;
pub mod command;
pub mod event;
pub mod filter;
pub mod head;
pub mod headers;
pub mod heard;
pub mod partial_payload;
pub mod payload;
pub mod signature;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Outcome, Subject};
pub use headers::Headers;

use crate::settings::Settings;
use crate::time::Span;

use command::CommandEvent;
use event::RunEvent;
use headers::Content;

/// GitHub caps payloads at 25 MB (GitHub Docs, "Webhook events and payloads").
pub const BODY_LIMIT: usize = 25 * 1024 * 1024;

/// GitHub waits ten seconds for an answer, and has one before.
pub const ANSWER_WITHIN: Span = Span::millis(8_500);

/// What a repository's Keeper is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Run(RunEvent),
    Command(CommandEvent),
}

/// Steps 3 to 5: the event for the Keeper of its repository, which has to store it before the webhook is answered; or the
/// answer if there is none. Pure: the same request leads to the same. `macs` are the body's HMACs, one for each secret;
/// `body` is only asked for if one of them is right and the event is one that is read.
pub fn read<B: AsRef<[u8]>>(
    settings: &Settings,
    headers: &Headers,
    macs: &[u8],
    body: impl FnOnce() -> B,
) -> Result<Event, Answer> {
    if !headers.signature.is_one_of(macs) {
        return Err(mismatch());
    }
    let Some(event) = &headers.event else {
        return Err(Answer::rejected(400, "the header X-GitHub-Event is missing"));
    };
    let body = payload::is_read(event).then(body);
    let body = body.as_ref().map(B::as_ref).unwrap_or_default();
    let of_head = (headers.content == Content::Json).then(|| head::read(settings, event, body)).flatten();
    let payload = match of_head {
        Some(payload) => payload,
        None => {
            payload::parse(event, headers.content, body).map_err(|malformed| {
                match partial_payload::irrelevant(settings, event, headers.content, body) {
                    Some(reason) => Answer::ignored(reason),
                    None => Answer::rejected(400, malformed.to_string()),
                }
            })?
        }
    };
    Ok(match filter::apply(settings, payload)? {
        // Not by X-GitHub-Delivery, which is not signed: with another id, or with the id of another delivery, a body could
        // be sent again or keep a later one out.
        Event::Run(event) => Event::Run(RunEvent { delivery: Some(headers.signature.delivery_id()), ..event }),
        // It is known by its comment.
        event @ Event::Command(_) => event,
    })
}

/// Answers that name nothing, and are given again and again.
pub fn common_answers(settings: &Settings) -> Vec<Answer> {
    let unwanted = |event| payload::parse(event, Content::Json, b"").ok();
    let payloads = [unwanted("ping"), unwanted("push")].into_iter().flatten();
    let payloads = payloads.chain(payload::EVENTS.into_iter().map(payload::unwanted_action));
    let ignored = payloads.filter_map(|payload| filter::apply(settings, payload).err());
    [headers::unsigned(), mismatch()].into_iter().chain(ignored).collect()
}

fn mismatch() -> Answer {
    Answer::rejected(401, "the signature does not match the body; is the webhook's secret the same as WEBHOOK_SECRET?")
}
