//! What is switched on beside re-runs, and whether it has the permission and the event that it needs: what the settings switch
//! on, and what policy files do.

use serde_json::{Map, Value};

use crate::names::RepoName;
use crate::settings::Needed;

use super::examination::{App, Examination, is_granted};
use super::{Finding, GitHub};

impl<G: GitHub> Examination<'_, G> {
    /// Each feature of the repository. `app`: with what it was granted there, if it is used; `hook`: the events of the
    /// repository's own webhook, if that was seen.
    pub(super) fn look_at_features(
        &mut self,
        by_policy: Needed,
        app: Option<(&App, &Map<String, Value>)>,
        hook: Option<&[String]>,
        repository: &RepoName,
    ) {
        // What the settings need of an App was looked at with its permissions.
        let needed = if app.is_some() { by_policy } else { by_policy.and(self.site.needed) };
        for (feature, permission, event) in needed.features() {
            let check = format!("{repository}: {feature}");
            let by_hook = hook.map(|events| event.is_none_or(|event| has(events, event)));
            self.findings.push(match app {
                Some((app, granted)) => {
                    let by_app = app.tells_us && event.is_none_or(|event| has(&app.events, event));
                    self.of_app(check, app, granted, permission, event.filter(|_| !by_app && by_hook != Some(true)))
                }
                None => self.of_token(check, permission, event.filter(|_| by_hook == Some(false)), repository),
            });
        }
    }

    fn of_app(
        &self,
        check: String,
        app: &App,
        granted: &Map<String, Value>,
        (name, level): (&str, &str),
        lacks: Option<&str>,
    ) -> Finding {
        let remedy = format!("{}/permissions", app.settings);
        match (is_granted(granted, name, level), lacks) {
            (true, None) => Finding::ok(check, format!("the App may {level} {name}")),
            (false, None) => Finding::wrong(check, format!("the App lacks {name}: {level}"), remedy),
            (true, Some(event)) => {
                Finding::wrong(check, format!("the App does not subscribe to the event {event}"), remedy)
            }
            (false, Some(event)) => {
                Finding::wrong(check, format!("the App lacks {name}: {level} and the event {event}"), remedy)
            }
        }
    }

    fn of_token(
        &self,
        check: String,
        (name, level): (&str, &str),
        lacks: Option<&str>,
        repository: &RepoName,
    ) -> Finding {
        let web = &self.site.web_url;
        match lacks {
            Some(event) => Finding::wrong(
                check,
                format!("the webhook does not send the event {event}"),
                format!("{web}/{repository}/settings/hooks"),
            ),
            None if self.has_scope => Finding::ok(check, format!("the token may {level} {name}")),
            None => Finding::warning(
                check,
                format!("it needs {name}: {level}, and GitHub does not list what a fine-grained token may do"),
                format!("Check that the token has it: {}", self.tokens),
            ),
        }
    }
}

fn has(events: &[String], event: &str) -> bool {
    events.iter().any(|one| one == event || one == "*")
}
