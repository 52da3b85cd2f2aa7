//! Has GitHub send failed deliveries again: it does not by itself.
//!
//! It does no harm to do so twice: each delivery keeps its id, by which the Keeper knows it, and which deliveries have
//! failed is read from GitHub each time. Nothing needs to be remembered.

use serde::{Deserialize, Serialize};

use crate::github::{self, Reply};
use crate::names::RepoName;
use crate::time::Millis;

use super::deliveries::{Delivery, failed, next_cursor};
use super::repository::{deliveries_path, hooks_to};
use super::{GitHub, Site, Who};

/// Pages of 100 that are looked through: what the free plan's 50 subrequests leave room for.
const PAGES: usize = 12;
/// Deliveries that are sent again at once.
const AT_ONCE: usize = 25;

/// What came of it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redelivered {
    pub redelivered: usize,
    /// Failed too, and left for the next time.
    pub left: usize,
}

/// `deliveries` is a path of GitHub's API: an App's, or a repository webhook's.
pub async fn redeliver(
    github: &impl GitHub,
    who: Who<'_>,
    deliveries: &str,
    now: Millis,
) -> Result<Redelivered, github::Error> {
    let failed = failed(&all(github, who, deliveries).await?, now);
    let mut done = Redelivered { redelivered: 0, left: failed.len() };
    for id in failed.into_iter().take(AT_ONCE) {
        let reply = github.post(who, &format!("{deliveries}/{id}/attempts")).await?;
        match reply.status {
            200..=299 => {
                done.redelivered += 1;
                done.left -= 1;
            }
            // GitHub keeps it no longer, or never sends it again.
            404 | 422 => done.left -= 1,
            _ => return Err(github::Error::of(&reply)),
        }
    }
    Ok(done)
}

/// All that the credentials reach: the App's webhook, and the webhooks of these repositories that come here.
pub async fn everything(
    github: &impl GitHub,
    site: &Site,
    repositories: &[RepoName],
    now: Millis,
) -> Result<Redelivered, github::Error> {
    let mut all = Redelivered::default();
    if site.has_app {
        all += redeliver(github, Who::App, "/app/hook/deliveries", now).await?;
    }
    for repository in repositories {
        let hooks = match hooks_to(github, site, repository).await {
            // Where the App is installed there need not be any, and it may not see them.
            Err(github::Error::Credentials { .. } | github::Error::Repository { .. } | github::Error::NotFound)
                if site.has_app =>
            {
                continue;
            }
            hooks => hooks?,
        };
        for hook in hooks {
            let deliveries = deliveries_path(repository, hook);
            all += redeliver(github, Who::Repository(repository), &deliveries, now).await?;
        }
    }
    Ok(all)
}

impl std::ops::AddAssign for Redelivered {
    fn add_assign(&mut self, other: Self) {
        self.redelivered += other.redelivered;
        self.left += other.left;
    }
}

async fn all(github: &impl GitHub, who: Who<'_>, deliveries: &str) -> Result<Vec<Delivery>, github::Error> {
    let mut all = Vec::new();
    let mut path = format!("{deliveries}?per_page=100");
    for _ in 0..PAGES {
        let reply = github.get(who, &path).await?;
        all.extend(page(&reply)?);
        let Some(cursor) = reply.headers.link.as_deref().and_then(next_cursor) else { break };
        let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
        path = format!("{deliveries}?per_page=100&cursor={cursor}");
    }
    Ok(all)
}

fn page(reply: &Reply) -> Result<Vec<Delivery>, github::Error> {
    if reply.status != 200 {
        return Err(github::Error::of(reply));
    }
    Delivery::list(reply).ok_or_else(|| github::Error::inconclusive("GitHub's answer is not a list of deliveries"))
}
