//! Workers KV: attempt counts, and whether GitHub takes the credentials. Readable everywhere, never the authority.

use worker::{Env, KvError, KvStore};

use crate::attempts::{self, Attempts};
use crate::names::{RepoName, RunId};

const BINDING: &str = "ATTEMPTS";
/// One key for the whole Worker, so that `/healthz` needs one read.
const CREDENTIALS: &str = "health/credentials";
/// A refused token is tried again, and the key written again, well within this time.
const CREDENTIALS_TTL_SECONDS: u64 = 24 * 60 * 60;

pub async fn write_attempts(
    env: &Env,
    repository: &RepoName,
    run_id: RunId,
    attempts: &Attempts,
) -> Result<(), String> {
    let text = serde_json::to_string(attempts).map_err(display)?;
    let write = async {
        store(env)?
            .put(&attempts::key(repository, run_id), text)?
            .metadata(attempts)?
            .expiration_ttl(attempts::TTL_SECONDS)
            .execute()
            .await
    };
    write.await.map_err(display)
}

/// `None` if nothing is there, or nothing that can be read: the Keeper knows better in any case.
pub async fn read_attempts(env: &Env, repository: &RepoName, run_id: RunId) -> Option<Attempts> {
    let text = store(env).ok()?.get(&attempts::key(repository, run_id)).text().await.ok()??;
    serde_json::from_str(&text).ok()
}

/// Says that GitHub refused the credentials, and how; or, with `None`, that it takes them again.
pub async fn write_refusal(env: &Env, refusal: Option<&str>) -> Result<(), String> {
    let write = async {
        match refusal {
            Some(refusal) => {
                let put = store(env)?.put(CREDENTIALS, refusal)?;
                put.expiration_ttl(CREDENTIALS_TTL_SECONDS).execute().await
            }
            None => store(env)?.delete(CREDENTIALS).await,
        }
    };
    write.await.map_err(display)
}

pub async fn read_refusal(env: &Env) -> Result<Option<String>, String> {
    let read = async { store(env)?.get(CREDENTIALS).text().await };
    read.await.map_err(display)
}

/// Says whether a repository's policy re-runs what was cancelled. Kept until it changes: one key for each repository
/// of which it is true.
pub async fn write_cancelled(env: &Env, repository: &RepoName, wanted: bool) -> Result<(), String> {
    let key = cancelled(repository);
    let write = async {
        match wanted {
            true => store(env)?.put(&key, "true")?.execute().await,
            false => store(env)?.delete(&key).await,
        }
    };
    write.await.map_err(display)
}

/// False too when it cannot be read: the sweep finds what is missed.
pub async fn read_cancelled(env: &Env, repository: &RepoName) -> bool {
    let read = async { store(env)?.get(&cancelled(repository)).text().await };
    matches!(read.await, Ok(Some(_)))
}

fn cancelled(repository: &RepoName) -> String {
    format!("cancelled/{}", repository.key())
}

fn store(env: &Env) -> Result<KvStore, KvError> {
    env.kv(BINDING).map_err(|_| KvError::InvalidKvStore(BINDING.to_owned()))
}

fn display(error: impl std::fmt::Display) -> String {
    error.to_string()
}
