//! Workers KV: attempt counts, repositories in a nutshell, and whether GitHub takes the credentials. Readable
//! everywhere, never the authority.

use serde::Serialize;
use worker::{Env, KvError, KvStore};

use crate::keeper::retention::{ATTEMPTS_TTL, CREDENTIALS_TTL, SUMMARY_TTL, UNWANTED_TTL};
use crate::keeper::summary::{self, Summary};
use crate::keeper::{attempts, attempts::Attempts};
use crate::names::json::from_text;
use crate::names::{RepoName, RunId};
use crate::time::Span;
use crate::web::backend::SummaryList;

const BINDING: &str = "ATTEMPTS";
/// One key for the whole Worker, so that `/healthz` needs one read.
const CREDENTIALS: &str = "health/credentials";

pub async fn write_attempts(
    env: &Env,
    repository: &RepoName,
    run_id: RunId,
    attempts: &Attempts,
) -> Result<(), String> {
    put(env, &attempts::key(repository, run_id), attempts, attempts, ATTEMPTS_TTL).await
}

/// `None` if nothing is there, or nothing that can be read: the Keeper knows better in any case.
pub async fn read_attempts(env: &Env, repository: &RepoName, run_id: RunId) -> Option<Attempts> {
    let text = get(env, &attempts::key(repository, run_id)).await.ok()??;
    from_text(&text).ok()
}

pub async fn write_summary(env: &Env, summary: &Summary) -> Result<(), String> {
    put(env, &summary::key(&summary.repository), summary, &summary.metadata(), SUMMARY_TTL).await
}

pub async fn read_summary(env: &Env, repository: &RepoName) -> Result<Option<Summary>, String> {
    let text = get(env, &summary::key(repository)).await?;
    Ok(text.and_then(|text| from_text(&text).ok()))
}

/// One list, of 1,000 repositories at most.
pub async fn list_summaries(env: &Env, cursor: Option<&str>) -> Result<SummaryList, String> {
    let list = async {
        let list = store(env)?.list().prefix(summary::PREFIX.to_owned());
        match cursor {
            Some(cursor) => list.cursor(cursor.to_owned()).execute().await,
            None => list.execute().await,
        }
    };
    let list = list.await.map_err(display)?;
    // One that an older version wrote, and cannot be read, is written anew when something happens.
    let summary = |metadata| serde_json::from_value(metadata).ok();
    let summaries = list.keys.into_iter().filter_map(|key| key.metadata.and_then(summary)).collect();
    Ok(SummaryList { summaries, cursor: list.cursor.filter(|_| !list.list_complete) })
}

/// Says that GitHub refused the credentials, and how; or, with `None`, that it takes them again.
pub async fn write_refusal(env: &Env, refusal: Option<&str>) -> Result<(), String> {
    let write = async {
        match refusal {
            Some(refusal) => {
                let put = store(env)?.put(CREDENTIALS, refusal)?;
                put.expiration_ttl(CREDENTIALS_TTL.as_seconds()).execute().await
            }
            None => store(env)?.delete(CREDENTIALS).await,
        }
    };
    write.await.map_err(display)
}

pub async fn read_refusal(env: &Env) -> Result<Option<String>, String> {
    get(env, CREDENTIALS).await
}

/// Says whether a repository's policy re-runs what was cancelled. That it does is kept until it changes.
pub async fn write_cancelled(env: &Env, repository: &RepoName, wanted: bool) -> Result<(), String> {
    let key = cancelled(repository);
    let write = async {
        match wanted {
            true => store(env)?.put(&key, "true")?.execute().await,
            false => store(env)?.put(&key, "false")?.expiration_ttl(UNWANTED_TTL.as_seconds()).execute().await,
        }
    };
    write.await.map_err(display)
}

/// `None`: it is not known.
pub async fn read_cancelled(env: &Env, repository: &RepoName) -> Option<bool> {
    get(env, &cancelled(repository)).await.ok()?.map(|text| text != "false")
}

fn cancelled(repository: &RepoName) -> String {
    format!("cancelled/{}", repository.key())
}

async fn get(env: &Env, key: &str) -> Result<Option<String>, String> {
    let read = async { store(env)?.get(key).text().await };
    read.await.map_err(display)
}

/// A value, and metadata, which lists have.
async fn put<T: Serialize>(env: &Env, key: &str, value: &T, metadata: &T, ttl: Span) -> Result<(), String> {
    let text = serde_json::to_string(value).map_err(display)?;
    let write = async {
        let put = store(env)?.put(key, text)?.metadata(metadata)?;
        put.expiration_ttl(ttl.as_seconds()).execute().await
    };
    write.await.map_err(display)
}

fn store(env: &Env) -> Result<KvStore, KvError> {
    env.kv(BINDING).map_err(|_| KvError::InvalidKvStore(BINDING.to_owned()))
}

fn display(error: impl std::fmt::Display) -> String {
    error.to_string()
}
