//! Has GitHub send failed deliveries again: it does not by itself.
//!
//! It does no harm to do so twice: each delivery keeps its id, by which the Keeper knows it, and which deliveries have
//! failed is read from GitHub each time. Nothing needs to be remembered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::github;
use crate::github::http::Method;
use crate::keeper::retention::REDELIVERY;
use crate::names::RepoName;
use crate::names::order::sort_by;
use crate::time::Millis;

use super::hooks::{Delivery, deliveries_path, hooks_to};
use super::{GitHub, Site, Who};

/// Pages of 100 that are looked through: what the free plan's 50 subrequests leave room for.
const PAGES: usize = 12;
/// Deliveries that are sent again at once.
const AT_ONCE: usize = 25;
/// A delivery that has failed this often will fail again.
const MOST_TRIES: usize = 4;

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
        let reply = github.call(who, Method::Post, &format!("{deliveries}/{id}/attempts")).await?;
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
        let reply = github.call(who, Method::Get, &path).await?;
        if reply.status != 200 {
            return Err(github::Error::of(&reply));
        }
        let page = Delivery::list(&reply);
        all.extend(page.ok_or_else(|| github::Error::inconclusive("GitHub's answer is not a list of deliveries"))?);
        let Some(cursor) = reply.headers.link.as_deref().and_then(next_cursor) else { break };
        let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
        path = format!("{deliveries}?per_page=100&cursor={cursor}");
    }
    Ok(all)
}

/// The tries to repeat, oldest delivery first: of those of the last three days that never arrived.
fn failed(deliveries: &[Delivery], now: Millis) -> Vec<u64> {
    let mut by_guid: BTreeMap<&str, Vec<&Delivery>> = BTreeMap::new();
    for delivery in deliveries {
        by_guid.entry(&delivery.guid).or_default().push(delivery);
    }
    let mut failed: Vec<(Millis, u64)> = by_guid
        .into_values()
        .filter(|tries| tries.len() < MOST_TRIES && !tries.iter().any(|one| one.is_ok()))
        .filter_map(|tries| {
            let timed = tries.into_iter().filter_map(|one| Some((Millis::from_rfc3339(&one.delivered_at)?, one)));
            let (at, last) = timed.max_by_key(|(at, one)| (*at, one.id))?;
            (last.may_be_mended() && now - at < REDELIVERY).then_some((at, last.id))
        })
        .collect();
    sort_by(&mut failed, Ord::cmp);
    failed.into_iter().map(|(_, id)| id).collect()
}

/// The cursor of the next page, from `Link: <…?cursor=X&…>; rel="next"`.
fn next_cursor(link: &str) -> Option<String> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let url = next.split_once('<')?.1.split_once('>')?.0;
    let query = url.split_once('?')?.1;
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "cursor").map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    const NOW: Millis = Millis(1_795_446_245_000);

    fn delivery(id: u64, guid: &str, hours_ago: i64, status_code: u16) -> Delivery {
        let at = NOW.minus(Span::hours(hours_ago));
        Delivery {
            id,
            guid: guid.to_owned(),
            delivered_at: at.to_rfc3339(),
            status_code,
            event: "workflow_run".to_owned(),
        }
    }

    #[test]
    fn what_never_arrived_is_tried_again() {
        let deliveries = [
            delivery(9, "arrived", 1, 202),
            delivery(8, "lost", 2, 0),
            delivery(7, "arrived at last", 1, 202),
            delivery(6, "arrived at last", 2, 503),
            delivery(5, "lost twice", 3, 503),
            delivery(4, "lost twice", 4, 401),
            delivery(3, "malformed", 5, 400),
            delivery(2, "too old", 73, 503),
        ];
        assert_eq!(failed(&deliveries, NOW), [5, 8]);
        let hopeless: Vec<Delivery> = (1..=4).map(|n| delivery(n, "hopeless", n as i64, 503)).collect();
        assert_eq!(failed(&hopeless[1..], NOW), [2]);
        assert_eq!(failed(&hopeless, NOW), [] as [u64; 0]);
    }

    #[test]
    fn cursors() {
        let link = "<https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_12%3D>; rel=\"next\"";
        assert_eq!(next_cursor(link).as_deref(), Some("v1_12="));
        assert_eq!(next_cursor("<https://api.github.com/x?cursor=a>; rel=\"prev\""), None);
        assert_eq!(next_cursor(""), None);
    }
}
