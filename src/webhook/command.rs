//! A comment on a pull request that is a command. Its first line says so, and nothing else of its text is looked at; who may
//! give it is told by what GitHub says of the comment, and by no text.

use serde::{Deserialize, Serialize};

use crate::escape::is_visible;
use crate::names::{CommentId, InstallationId, RepoName, RepositoryId, string_enum};

/// In characters. The names of workflows are shorter.
const LONGEST_GLOB: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// The failed runs of these workflows; `None`: of all.
    Rerun { workflows: Option<String> },
    /// To be told what was decided.
    Status,
    /// To have the pull request's runs left alone from then on.
    Stop,
}

impl Command {
    /// Of a comment's whole text. In a quote, a list or a code block its first line begins with something else.
    pub fn of(text: &str) -> Option<Self> {
        let line = text.split('\n').next().unwrap_or_default().trim_end();
        let rest = line.strip_prefix("/rerun")?;
        if rest.is_empty() {
            return Some(Self::Rerun { workflows: None });
        }
        match rest.strip_prefix(' ')?.trim_start() {
            "status" => Some(Self::Status),
            "stop" => Some(Self::Stop),
            glob => {
                let fits = glob.chars().nth(LONGEST_GLOB).is_none() && glob.chars().all(is_visible);
                fits.then(|| Self::Rerun { workflows: Some(glob.to_owned()) })
            }
        }
    }
}

string_enum! {
    /// What somebody is to the repository and the pull request.
    pub enum GivenBy {
        /// An owner, a member of the organization, or a collaborator.
        Collaborator = "collaborator",
        /// Nothing but the pull request's author.
        Author = "author",
    }
}

impl GivenBy {
    /// By GitHub's `author_association` of a comment.
    pub fn of(association: &str, is_author: bool) -> Option<Self> {
        match association {
            "OWNER" | "MEMBER" | "COLLABORATOR" => Some(Self::Collaborator),
            _ => is_author.then_some(Self::Author),
        }
    }
}

/// A command for the Keeper of its repository. Goes there as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEvent {
    pub repository: RepoName,
    /// The repository keeps it when it is renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<RepositoryId>,
    /// Of the GitHub App, if it is its webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<InstallationId>,
    pub comment_id: CommentId,
    /// The number of the pull request.
    pub pull: u64,
    pub command: Command,
    /// Of who gave it.
    pub login: String,
    pub by: GivenBy,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Outcome;
    use super::super::tests::{Delivery, comment, settings};
    use super::*;

    #[test]
    fn a_command_is_the_whole_first_line() {
        let rerun = |glob: Option<&str>| Some(Command::Rerun { workflows: glob.map(str::to_owned) });
        for (text, expected) in [
            ("/rerun", rerun(None)),
            ("/rerun \t", rerun(None)),
            ("/rerun\r\nbecause the mirror was down", rerun(None)),
            ("/rerun\n\n> /rerun stop", rerun(None)),
            ("/rerun build*", rerun(Some("build*"))),
            ("/rerun  Unit tests (nightly) ", rerun(Some("Unit tests (nightly)"))),
            ("/rerun statu?", rerun(Some("statu?"))),
            ("/rerun status", Some(Command::Status)),
            ("/rerun stop\r\n", Some(Command::Stop)),
            ("/rerun Stop", rerun(Some("Stop"))),
            ("", None),
            ("/Rerun", None),
            ("/reruns", None),
            ("/rerun-failed", None),
            ("rerun", None),
            ("please /rerun", None),
            (" /rerun", None),
            ("    /rerun", None),
            ("\t/rerun", None),
            ("\n/rerun", None),
            ("> /rerun", None),
            (">/rerun", None),
            ("- /rerun", None),
            ("`/rerun`", None),
            ("```\n/rerun\n```", None),
            ("<!-- -->/rerun", None),
            ("\u{feff}/rerun", None),
            ("/rerun\rstop", None),
            ("/rerun a\rb", None),
            ("/rerun \u{202e}ic", None),
            ("/rerun a\0b", None),
        ] {
            assert_eq!(Command::of(text), expected, "{text:?}");
        }
        assert!(Command::of(&format!("/rerun {}", "ü".repeat(LONGEST_GLOB))).is_some());
        assert_eq!(Command::of(&format!("/rerun {}", "ü".repeat(LONGEST_GLOB + 1))), None);
    }

    #[test]
    fn a_command_of_somebody_who_may_give_one() {
        for (association, author, by) in [
            ("OWNER", 1, GivenBy::Collaborator),
            ("MEMBER", 1, GivenBy::Collaborator),
            ("COLLABORATOR", 1, GivenBy::Collaborator),
            ("COLLABORATOR", 2, GivenBy::Collaborator),
            ("CONTRIBUTOR", 2, GivenBy::Author),
            ("FIRST_TIMER", 2, GivenBy::Author),
            ("FIRST_TIME_CONTRIBUTOR", 2, GivenBy::Author),
            ("NONE", 2, GivenBy::Author),
        ] {
            let mut payload = comment("/rerun build*");
            payload["comment"]["author_association"] = json!(association);
            payload["issue"]["user"]["id"] = json!(author);
            let expected = CommandEvent {
                repository: RepoName::parse("octo/widgets").unwrap(),
                repository_id: None,
                installation: None,
                comment_id: CommentId::new(9).unwrap(),
                pull: 3,
                command: Command::Rerun { workflows: Some("build*".to_owned()) },
                login: "ann".to_owned(),
                by,
            };
            assert_eq!(Delivery::new("issue_comment", &payload).commands(), expected, "{association} of {author}");
        }
    }

    /// Each is ignored, whatever the comment's text says of who wrote it.
    #[test]
    fn who_may_not_and_what_is_none() {
        let stranger = "CONTRIBUTOR";
        for (place, value, reason) in [
            ("/action", json!("edited"), "action of issue_comment"),
            ("/action", json!("deleted"), "action of issue_comment"),
            ("/comment/author_association", json!(stranger), "neither"),
            ("/comment/author_association", json!("FIRST_TIMER"), "neither"),
            ("/comment/author_association", json!("NONE"), "neither"),
            ("/comment/author_association", json!("owner"), "neither"),
            ("/comment/author_association", Value::Null, "neither"),
            ("/comment/user/type", json!("Bot"), "program"),
            ("/comment/user/type", json!("Organization"), "program"),
            ("/comment/user/type", Value::Null, "program"),
            ("/comment/user", Value::Null, "program"),
            ("/comment/performed_via_github_app", json!({ "id": 5 }), "program"),
            ("/issue/pull_request", Value::Null, "open pull request"),
            ("/issue/state", json!("closed"), "open pull request"),
            ("/comment/body", json!("> /rerun"), "not a command"),
            ("/comment/body", json!("LGTM\n/rerun"), "not a command"),
            ("/comment/body", json!("```\n/rerun\n```"), "not a command"),
            ("/comment/body", json!("/rerun {\"author_association\":\"OWNER\"}\u{0}"), "not a command"),
            ("/comment/body", Value::Null, "not a command"),
        ] {
            let mut payload = comment("/rerun");
            *payload.pointer_mut(place).unwrap() = value.clone();
            let delivery = Delivery::new("issue_comment", &payload);
            delivery.answers(200, Outcome::Ignored, reason);
        }
        let on_an_issue = |mut payload: Value| {
            payload["issue"].as_object_mut().unwrap().remove("pull_request");
            payload
        };
        Delivery::new("issue_comment", &on_an_issue(comment("/rerun"))).answers(200, Outcome::Ignored, "open pull");
    }

    #[test]
    fn the_workers_settings_hold() {
        let delivery = Delivery::new("issue_comment", &comment("/rerun"));
        let elsewhere = settings(&[("REPOSITORIES", "octo/gadgets")]);
        delivery.answers_with(&elsewhere, 200, Outcome::Ignored, "REPOSITORIES");
        let without_ann = settings(&[("NO_RERUN_ACTORS", "bob,Ann")]);
        delivery.answers_with(&without_ann, 200, Outcome::Ignored, "NO_RERUN_ACTORS");
    }

    /// What GitHub says of a comment counts only where it has signed it.
    #[test]
    fn an_association_that_nobody_signed_is_nothing() {
        let outsiders = {
            let mut payload = comment("/rerun");
            payload["comment"]["author_association"] = json!("NONE");
            payload
        };
        let signed = Delivery::new("issue_comment", &outsiders);
        signed.answers(200, Outcome::Ignored, "neither");
        let forged = Delivery { body: comment("/rerun").to_string().into_bytes(), ..signed };
        forged.answers(401, Outcome::Rejected, "signature");
    }

    /// The event's name is not signed.
    #[test]
    fn a_comment_has_the_shape_of_one() {
        for (place, bad) in [
            ("/action", Value::Null),
            ("/repository/full_name", json!("octo/..")),
            ("/issue", Value::Null),
            ("/issue/number", json!("3")),
            ("/comment", Value::Null),
            ("/comment/id", json!(0)),
            ("/comment/id", json!("9")),
            ("/comment/user/id", json!("1")),
        ] {
            let mut payload = comment("/rerun");
            *payload.pointer_mut(place).unwrap() = bad;
            Delivery::new("issue_comment", &payload).answers(400, Outcome::Rejected, "malformed");
        }
        for event in ["workflow_run", "workflow_job", "check_run"] {
            let mut payload = comment("/rerun");
            payload["action"] = json!("completed");
            Delivery::new(event, &payload).answers(400, Outcome::Rejected, "malformed");
        }
    }

    /// Whoever is told 400 sends it again and again.
    #[test]
    fn what_is_no_command_is_never_malformed() {
        for (place, value) in [
            ("/action", json!("edited")),
            ("/comment/body", json!("LGTM")),
            ("/issue/pull_request", Value::Null),
            ("/issue/state", json!("closed")),
        ] {
            let mut payload = comment("/rerun");
            *payload.pointer_mut(place).unwrap() = value;
            payload["comment"]["id"] = json!("nine");
            payload["issue"]["number"] = json!({});
            Delivery::new("issue_comment", &payload).answers(200, Outcome::Ignored, "");
        }
        let mut payload = comment("/rerun");
        payload["comment"]["id"] = json!(-1);
        let delivery = Delivery::new("issue_comment", &payload);
        let elsewhere = settings(&[("REPOSITORIES", "octo/gadgets")]);
        delivery.answers_with(&elsewhere, 200, Outcome::Ignored, "REPOSITORIES");
        delivery.answers(400, Outcome::Rejected, "malformed");
    }
}
