//! The way to a Keeper: a message to the Durable Object of its name, and what it replies.

use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::JsFuture;

use crate::keeper::HandOver;
use crate::keeper::message::{Message, Reply};
use crate::keeper::step::Receipt;
use crate::keeper::store::once::{self, Once};
use crate::keeper::views::Question;
use crate::names::RepoName;
use crate::names::json::from_text;
use crate::web::backend::KeeperAnswer;

#[wasm_bindgen]
extern "C" {
    /// `entry.mjs` makes the request: the worker crate's objects for it and for the response took a third of the time
    /// that a candidate took. Rejects if the object cannot be reached, or has not stored the message.
    #[wasm_bindgen(js_name = tellKeeper)]
    fn tell_keeper(env: &Env, name: &str, message: &str) -> Promise;
}

/// Tells the Keeper that a webhook of its repository has come, of which nothing else is to be known.
pub async fn hear(env: &Env, repository: RepoName) -> worker::Result<()> {
    match tell(env, &repository.key(), &Message::SignOfLife(repository)).await? {
        Reply::Heard => Ok(()),
        Reply::Receipt(_) | Reply::View { .. } | Reply::Unknown | Reply::Once(_) => Err(unexpected()),
    }
}

/// Has the Keeper of the repository's present name go on with a run.
pub async fn hand_over(env: &Env, what: HandOver) -> worker::Result<Receipt> {
    match tell(env, &what.event.repository.key(), &Message::HandOver(what)).await? {
        Reply::Receipt(receipt) => Ok(receipt),
        Reply::View { .. } | Reply::Unknown | Reply::Once(_) | Reply::Heard => Err(unexpected()),
    }
}

/// `None`: the Keeper does not know the repository, or the run.
pub async fn ask(env: &Env, repository: &RepoName, question: Question) -> worker::Result<Option<KeeperAnswer>> {
    match tell(env, &repository.key(), &Message::Question(question)).await? {
        Reply::View { view, rows_read } => {
            Ok(Some(KeeperAnswer { json: Box::<str>::from(view).into_string().into_bytes(), rows_read }))
        }
        Reply::Unknown => Ok(None),
        Reply::Receipt(_) | Reply::Once(_) | Reply::Heard => Err(unexpected()),
    }
}

/// Uses what is good once. Whether it was.
pub async fn spend(env: &Env, once: Once) -> worker::Result<bool> {
    match tell(env, once::NAME, &Message::Once(once)).await? {
        Reply::Once(was_good) => Ok(was_good),
        Reply::Receipt(_) | Reply::View { .. } | Reply::Unknown | Reply::Heard => Err(unexpected()),
    }
}

async fn tell(env: &Env, name: &str, message: &Message) -> worker::Result<Reply> {
    let reply = JsFuture::from(tell_keeper(env, name, &serde_json::to_string(message)?)).await?;
    Ok(from_text(&reply.as_string().unwrap_or_default())?)
}

fn unexpected() -> worker::Error {
    worker::Error::RustError("the Keeper's reply is of another kind".to_owned())
}
