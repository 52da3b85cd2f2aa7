//! The page at `/`: what this is, and whether it is set up.

use maud::html;

use crate::settings::Settings;

use super::html::{Frame, page};

/// Holds nothing that came from outside, and no value of a setting.
pub fn home(settings: &Settings) -> String {
    let body = html! {
        div.hero {
            h1 { "Rerunner" }
            p.lead { "Has GitHub re-run the failed jobs of a workflow run, up to a limit." }
            @if settings.problems.is_empty() {
                div.alert.fine { p { strong { "It is set up and listening for webhooks." } } }
            } @else {
                div.alert.serious {
                    p { strong { "It is not set up yet. These settings are missing or wrong:" } }
                    ul { @for problem in &settings.problems { li { code { (problem.setting) } } } }
                    p { a href="/healthz" { "What is wrong with them" } }
                }
            }
            p {
                "The " a href="/overview" { "overview" } " shows what was re-run, why, and whether it helped. It asks for a \
                password, which is the " code { "ADMIN_TOKEN" } "; any user name will do."
            }
            p {
                "GitHub sends its webhooks to this address by " code { "POST" } ". "
                a href="/healthz" { "Health" } " is at " code { "/healthz" } "."
            }
        }
    };
    page(&Frame { title: "", above: &[], alerts: &[], at: None }, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_whether_it_is_set_up_without_any_value() {
        let secrets = ["WEBHOOK_SECRET", "GITHUB_TOKEN"];
        let ready = home(&Settings::read(|name| secrets.contains(&name).then(|| "hush".to_owned())));
        assert!(ready.contains("It is set up") && !ready.contains("hush"));
        let missing = home(&Settings::read(|_| None));
        assert!(missing.contains("<code>WEBHOOK_SECRET</code>") && missing.contains("<code>GITHUB_TOKEN</code>"));
    }
}
