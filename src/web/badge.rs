//! The badge: the rescue rate of the last 30 days, as an image for a README.

use maud::html;

use crate::keeper::store::statistics::Figures;
use crate::names::RepoName;
use crate::settings::Settings;

use super::html::percent;
use super::repositories::RepositoryEntry;
use super::{Backend, Rejection, Response};

/// How long a badge may be cached, in seconds. GitHub's image proxy goes by it too.
const MAX_AGE: u32 = 300;

const LABEL: &str = "CI rescued";
/// Of a character at 11 px, about.
const CHARACTER: usize = 7;

pub async fn answer(repository: &RepoName, settings: &Settings, backend: &impl Backend) -> Result<Response, Rejection> {
    if !settings.has_badge(repository) {
        return Err(Rejection::NotFound("there is no badge for this repository"));
    }
    let summary = backend.summary(repository).await;
    let summary = summary.map_err(|fault| Rejection::unavailable("summary in Workers KV", fault))?;
    let now = backend.now();
    let last_30_days = summary.map(|summary| RepositoryEntry::of(summary, now).last_30_days);
    Ok(Response::public_image("image/svg+xml", badge(last_30_days), MAX_AGE))
}

/// `None`: nothing is known of the repository.
fn badge(known: Option<Figures>) -> String {
    let last_30_days = known.unwrap_or_default();
    let decided = last_30_days.rescued + last_30_days.exhausted;
    let permille = (last_30_days.rescued * 1_000).checked_div(decided).and_then(|rate| u32::try_from(rate).ok());
    let (value, colour) = match permille {
        None if known == Some(Figures::default()) => ("no failures".to_owned(), "#57606a"),
        // Runs that were left alone, say, tell nothing of re-runs.
        None => ("no data".to_owned(), "#57606a"),
        Some(rate @ 800..) => (percent(rate), "#1a7f37"),
        Some(rate @ 400..800) => (percent(rate), "#8a5a00"),
        Some(rate) => (percent(rate), "#b3261e"),
    };
    let (left, right) = (LABEL.len() * CHARACTER + 12, value.chars().count() * CHARACTER + 12);
    let text = format!("{LABEL}: {value}");
    let badge = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(left + right) height="20" role="img" aria-label=(text) {
            title { (text) }
            rect width=(left) height="20" fill="#30363d" {}
            rect x=(left) width=(right) height="20" fill=(colour) {}
            g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle" {
                text x=(left / 2) y="14" { (LABEL) }
                text x=(left + right / 2) y="14" { (value) }
            }
        }
    };
    badge.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_the_rate() {
        let of = |rescued, exhausted| badge(Some(Figures { rescued, exhausted, ..Figures::default() }));
        // Seen to fail when what is not known counts as no failures.
        assert!(badge(None).contains("CI rescued: no data"));
        assert!(badge(Some(Figures { left: 3, ..Figures::default() })).contains("CI rescued: no data"));
        assert!(of(0, 0).contains("CI rescued: no failures"));
        assert!(of(9, 1).contains("CI rescued: 90%"));
        assert!(of(0, 3).contains("CI rescued: 0%"));
        assert!(of(1, 0).starts_with("<svg xmlns="));
    }
}
