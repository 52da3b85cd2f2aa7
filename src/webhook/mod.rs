//! What arrives: from a request's head and body to an answer, or to a hint for the Keeper.
//!
//! The steps, in order, and the status of what fails there:
//!
//! 1. [`head::check`]: `WEBHOOK_SECRET` is set (503), the content type is one of two (415), the declared length is
//!    within the cap (413), and a signature is there and well-formed (401). The body is not read before that.
//! 2. [`allowance`]: there is room for the body (503). It is read, and its HMACs are made.
//! 3. [`Signature::is_one_of`](signature::Signature::is_one_of): the signature is right for the raw body (401). Nothing
//!    was parsed before that.
//! 4. [`payload`]: `X-GitHub-Event` is there, the form is decoded, the JSON has the fields needed (400). What they are
//!    needed for is asked first: where nothing would be done whatever they say, the answer is 200 `ignored`.
//! 5. [`filter`]: can it lead to a re-run? If not, 200 `ignored`.

pub mod allowance;
pub mod answer;
pub mod event;
pub mod filter;
pub mod gist;
pub mod head;
pub mod payload;
pub mod signature;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Outcome, Subject};
pub use head::Head;

use crate::names::{InstallationId, RepoName, RepositoryId};
use crate::settings::Settings;
use crate::webhook::event::RunEvent;

use gist::Gist;

/// GitHub caps payloads at 25 MB (GitHub Docs, "Webhook events and payloads").
pub const BODY_LIMIT: usize = 25 * 1024 * 1024;

/// What to do with a verified webhook.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Answer(Answer),
    /// A candidate: to be stored by its repository's Keeper before it is answered.
    RunEvent {
        repository: RepoName,
        repository_id: Option<RepositoryId>,
        /// Of the GitHub App, if it is its webhook.
        installation: Option<InstallationId>,
        event: RunEvent,
    },
}

/// Steps 3 to 5. Pure: the same request gets the same verdict. `macs` are the body's HMACs, one for each secret; `body`
/// is only asked for if one of them is right and the event is one that is read.
pub fn judge<B: AsRef<[u8]>>(settings: &Settings, head: &Head, macs: &[u8], body: impl FnOnce() -> B) -> Verdict {
    if !head.signature.is_one_of(macs) {
        return Verdict::Answer(Answer::rejected(
            401,
            "the signature does not match the body; is the webhook's secret the same as WEBHOOK_SECRET?",
        ));
    }
    let Some(event) = &head.event else {
        return Verdict::Answer(Answer::rejected(400, "the header X-GitHub-Event is missing"));
    };
    let body = payload::is_read(event).then(body);
    let body = body.as_ref().map(B::as_ref).unwrap_or_default();
    let payload = match payload::parse(event, head.content, body) {
        Ok(payload) => payload,
        Err(malformed) => {
            let irrelevant = Gist::read(event, head.content, body).and_then(|gist| gist.irrelevant(settings));
            return Verdict::Answer(match irrelevant {
                Some(reason) => Answer::ignored(reason),
                None => Answer::rejected(400, malformed.to_string()),
            });
        }
    };
    match filter::apply(settings, payload) {
        filter::Passed::RunEvent { repository, repository_id, installation, mut event } => {
            // Not by X-GitHub-Delivery, which is not signed: with another id, or with the id of another delivery, a
            // body could be sent again or keep a later one out.
            event.delivery = Some(head.signature.delivery_id());
            Verdict::RunEvent { repository, repository_id, installation, event }
        }
        filter::Passed::Answer(answer) => Verdict::Answer(answer),
    }
}
