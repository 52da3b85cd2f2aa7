//! What is seen while the App is made.

use maud::{Markup, html};

use crate::settings::{Needed, Settings};
use crate::web::html::{Alert, Foreign, Frame, Sentence, message, page};

use super::manifest::{NewApp, Organization, action, manifest};
use super::{COMMANDS, FLAKY_ISSUES, ORGANIZATION};

/// First: whose it is to be, and what it is to be able to do, in one form. Whoever wants none of it goes on at once; that other form
/// says so, and is gone where something is ticked, so that no tick is left behind.
pub fn choose(settings: &Settings, needed: Needed, origin: &str, state: &str) -> String {
    let body = html! {
        h1 { "Set up a GitHub App" }
        p.lead {
            "You install the App on the repositories that you choose. It has its own rate limit, brings its own webhooks, "
            "and needs nobody's personal token."
        }
        form.choice method="get" action="/setup" {
            h2 { "Whose App" }
            p {
                label { "The organization’s name " input.field name=(ORGANIZATION) maxlength="39" autocomplete="off" spellcheck="false"; }
            }
            p.small {
                "You must be an owner of the organization. For your own account, leave this empty; you can then install the \
                 App on your own repositories only."
            }
            h2 { "What it may do" }
            p { "It gets what the current settings need. Policy files can turn on features that need more:" }
            @for (name, what) in [(COMMANDS, "commands in comments on pull requests, such as /rerun"), (FLAKY_ISSUES, "issues for flaky jobs")] {
                p { label { input type="checkbox" name=(name); " " code { (name) } ": " (what) } }
            }
            p { button.button type="submit" { "Next" } }
        }
        p.small { "The next page shows its permissions, and leads to GitHub at " (settings.github_web_url()) "." }
        div.at-once {
            h2 { "Or at once" }
            p { "For your own account, with neither of these features. Permissions: " (needed) }
            (manifest_form(settings, needed, origin, None, state))
        }
    };
    page(&Frame { title: "Set up", above: &[], alerts: &local(origin), at: None }, &body)
}

/// Then: what GitHub is asked for, for an account, or for the organization that was named.
pub fn start(
    settings: &Settings,
    needed: Needed,
    origin: &str,
    organization: Option<&Organization>,
    state: &str,
) -> String {
    let web = settings.github_web_url();
    let body = html! {
        h1 { "Set up a GitHub App" }
        p.lead {
            @match organization {
                Some(organization) => {
                    "For the organization " strong { (organization.as_str()) } ". You must be an owner of it."
                }
                None => "For your own account. You can install it on your own repositories only.",
            }
        }
        ul {
            li { "Webhooks: " (needed.events().collect::<Vec<_>>().join(", ")) " → " code { (origin) "/" } }
            li { "Permissions: " (needed) }
            li { "GitHub: " (web) }
        }
        (manifest_form(settings, needed, origin, organization, state))
        p { "GitHub asks you to confirm, and leads you back here. " a href="/setup" { "Choose again" } }
    };
    page(&Frame { title: "Set up", above: &[], alerts: &local(origin), at: None }, &body)
}

/// What leads to GitHub.
fn manifest_form(
    settings: &Settings,
    needed: Needed,
    origin: &str,
    organization: Option<&Organization>,
    state: &str,
) -> Markup {
    html! {
        form method="post" action=(action(&settings.github_web_url(), organization, state)) {
            input type="hidden" name="manifest" value=(manifest(origin, organization, needed));
            button.button type="submit" { "Continue on GitHub" }
        }
    }
}

/// After: the one time that the key is seen.
pub fn created(settings: &Settings, app: &NewApp) -> String {
    let web = settings.github_web_url();
    let rows = [
        ("GITHUB_APP_ID", app.id.to_string()),
        ("GITHUB_APP_PRIVATE_KEY", app.pem_on_one_line()),
        ("WEBHOOK_SECRET", app.webhook_secret.reveal().to_owned()),
    ];
    let once = Alert {
        serious: true,
        what: html! { "This page is shown only once, and nothing on it is stored." },
        remedy: html! {
            "Keep it open until you have run the three commands. If you lose the key, generate another on the App’s page on GitHub."
        },
    };
    let body = html! {
        h1 { "GitHub created the App " (Foreign(&app.name)) }
        p.lead { "Now give the Worker its credentials. In a clone of Rerunner, run each command and paste the value when asked." }
        ol {
            @for (name, value) in &rows {
                li {
                    p { code { "npx wrangler secret put " (name) } }
                    p { textarea.value readonly rows=(if value.len() > 100 { 6 } else { 1 }) aria-label=(name) { (value) } }
                }
            }
        }
        @if !settings.webhook_secrets.is_empty() {
            p {
                "There is a " code { "WEBHOOK_SECRET" } " already. If repositories’ webhooks use it, keep them working: before "
                "the third command, set " code { "WEBHOOK_SECRET_PREVIOUS" } " to it in the same way."
            }
        }
        h2 { "Then install it" }
        p {
            @if app.page.starts_with(&web) {
                a href={ (app.page) "/installations/new" } { "Choose the repositories on GitHub" }
            } @else {
                "Choose the repositories on GitHub, on the App’s page"
            }
            ", then check everything with " code { "npm run doctor" } "."
        }
    };
    page(&Frame { title: "Set up", above: &[], alerts: &[once], at: None }, &body)
}

/// There is an App.
pub fn configured() -> String {
    message(
        "An App is already set up",
        &[],
        &html! {
            "This page creates an App only where none is set up. To create another, first remove the old one with "
            code { "npx wrangler secret delete GITHUB_APP_PRIVATE_KEY" } " and "
            code { "npx wrangler secret delete GITHUB_APP_ID" } "; for another key of the same App, see “Change secrets” in docs/operations.md."
        },
    )
}

/// The return is not one of ours, or is too late, or GitHub did not take the code.
pub fn not_created(why: &str) -> String {
    message("The App was not set up", &[], &html! { (Sentence(why)) " " a href="/setup" { "Start again" } })
}

/// GitHub cannot send webhooks to this machine.
fn local(origin: &str) -> Vec<Alert> {
    if origin.starts_with("https://") {
        return vec![];
    }
    vec![Alert {
        serious: false,
        what: html! { "GitHub cannot reach this Worker’s address, " code { (origin) } "." },
        remedy: html! { "Open this page at the deployed Worker’s own address, so that webhooks go there." },
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Secret;

    fn settings(api: &str) -> Settings {
        let api = api.to_owned();
        Settings::read(move |name| match name {
            "GITHUB_API_URL" => Some(api.clone()),
            "WEBHOOK_SECRET" => Some("hush".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn the_form_says_what_and_where() {
        let settings = settings("https://ghe.example/api/v3");
        let octo = Organization::parse("octo-org");
        let needed = settings.needed();
        let page = |needed, organization| start(&settings, needed, "https://worker.example", organization, "the.state");
        let (own, of_octo) = (page(needed, None), page(needed, octo.as_ref()));
        assert!(
            of_octo.contains("action=\"https://ghe.example/organizations/octo-org/settings/apps/new?state=the.state\"")
        );
        assert!(own.contains("action=\"https://ghe.example/settings/apps/new?state=the.state\""));
        for page in [own, of_octo] {
            assert!(page.contains("&quot;actions&quot;:&quot;write&quot;"), "{page}");
            assert!(!page.contains("GitHub cannot reach"));
            for part in ["&quot;issues&quot;", "issue_comment", "type=\"checkbox\""] {
                assert!(!page.contains(part), "{part} is in {page}");
            }
        }
        assert!(start(&settings, needed, "http://127.0.0.1:8787", None, "s").contains("GitHub cannot reach"));
        let ticked = Needed { commands: true, flaky_issues: true, ..needed };
        for organization in [None, octo.as_ref()] {
            let page = page(ticked, organization);
            for part in ["&quot;issues&quot;:&quot;write&quot;", "&quot;issue_comment&quot;"] {
                assert!(page.contains(part), "{part} is not in {page}");
            }
        }
    }

    /// Seen to fail when what is ticked is in another form than the organization, and when GitHub's stays where something is ticked.
    #[test]
    fn what_is_chosen_is_sent_together() {
        let settings = settings("https://api.github.com");
        let page = choose(&settings, settings.needed(), "https://worker.example", "the-state");
        let form = page.split_once("<form ").and_then(|(_, rest)| rest.split_once("</form>")).unwrap().0;
        for name in ["organization", "commands", "flaky_issues"] {
            assert!(form.contains(&format!("name=\"{name}\"")), "{name} is not in {form}");
        }
        let at_once = page.split_once("class=\"at-once\"").unwrap().1;
        assert!(!form.contains("manifest") && at_once.contains("neither of these features"), "{page}");
        assert!(at_once.contains("manifest") && !at_once.contains("issue_comment"), "{at_once}");
        assert!(page.contains(".choice:has(:checked)~.at-once{display:none}"));
    }

    #[test]
    fn the_values_are_there_to_be_pasted_and_names_stay_text() {
        let app = NewApp {
            id: 7,
            name: "<script>".to_owned(),
            page: "https://github.com/apps/mine".to_owned(),
            pem: Secret::new("-----BEGIN\nline\n-----END\n"),
            webhook_secret: Secret::new("the-apps-secret"),
        };
        let page = created(&settings("https://api.github.com"), &app);
        for part in [
            "npx wrangler secret put GITHUB_APP_ID",
            ">7</textarea>",
            "-----BEGIN\\nline\\n-----END</textarea>",
            "the-apps-secret",
            "https://github.com/apps/mine/installations/new",
            "WEBHOOK_SECRET_PREVIOUS",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        assert!(!page.contains("<script>") && !page.contains("hush"));
    }
}
