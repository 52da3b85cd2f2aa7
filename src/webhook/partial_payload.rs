//! A payload that was not understood, field by field: whether anything would be done for it at all.
//!
//! A malformed payload is refused where something would be done for it, as its event's name is not signed and it may not
//! be what its header says. Where nothing would be done, fields that are then not needed may hold anything: a sender that
//! is told 400 sends it again and again. This is only asked once [`payload::parse`] has failed, so that it costs the others nothing.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::names::Conclusion;
use crate::names::{RepoName, RunAttempt};
use crate::settings::Settings;

use super::filter::{is_left, kind, nothing_is_done_for};
use super::headers::Content;
use super::payload::{self, COMPLETED};

/// What can be read of it. `None`: not there, or not what it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct PartialPayload {
    event: String,
    action: Option<String>,
    repository: Option<RepoName>,
    /// Those that can be read.
    actors: Vec<String>,
    /// Null and absent are `Some(None)`.
    conclusion: Option<Option<Conclusion>>,
    run_attempt: Option<Option<RunAttempt>>,
    /// Of a check run.
    app: Option<String>,
}

type Field<'a> = Option<&'a RawValue>;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    action: Field<'a>,
    #[serde(borrow)]
    repository: Field<'a>,
    #[serde(borrow)]
    sender: Field<'a>,
    #[serde(borrow)]
    workflow_run: Field<'a>,
    #[serde(borrow)]
    workflow_job: Field<'a>,
    #[serde(borrow)]
    check_run: Field<'a>,
}

#[derive(Default, Deserialize)]
struct Subject<'a> {
    #[serde(borrow)]
    actor: Field<'a>,
    #[serde(borrow)]
    triggering_actor: Field<'a>,
    #[serde(borrow)]
    conclusion: Field<'a>,
    #[serde(borrow)]
    run_attempt: Field<'a>,
    #[serde(borrow)]
    app: Field<'a>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    full_name: Field<'a>,
    #[serde(borrow)]
    login: Field<'a>,
    #[serde(borrow)]
    slug: Field<'a>,
}

/// What a field holds; `None` if it holds something else.
fn read<'a, T: Deserialize<'a>>(field: Field<'a>) -> Option<T> {
    serde_json::from_str(field?.get()).ok()
}

fn text(field: Field<'_>) -> Option<String> {
    read::<Cow<'_, str>>(field).map(Cow::into_owned)
}

/// Of a field that may be null or absent.
fn nullable<'a, T: Deserialize<'a>>(field: Field<'a>) -> Option<Option<T>> {
    field.map_or(Some(None), |field| serde_json::from_str(field.get()).ok())
}

fn login(user: Field<'_>) -> Option<String> {
    text(read::<Named<'_>>(user)?.login)
}

impl PartialPayload {
    /// Nothing if it is no JSON object at all.
    pub fn read(event: &str, content: Content, body: &[u8]) -> Option<Self> {
        match content {
            Content::Json => Self::of(event, std::str::from_utf8(body).ok()?),
            Content::Form => Self::of(event, &payload::form_payload(body)?),
        }
    }

    fn of(event: &str, json: &str) -> Option<Self> {
        let fields: Event<'_> = serde_json::from_str(json).ok()?;
        let subject = match event {
            "workflow_run" => fields.workflow_run,
            "workflow_job" => fields.workflow_job,
            _ => fields.check_run,
        };
        let subject: Option<Subject<'_>> = read(subject);
        let users = match (event, &subject) {
            ("workflow_run", Some(run)) => [run.actor, run.triggering_actor],
            ("workflow_run", None) => [None; 2],
            _ => [fields.sender, None],
        };
        Some(Self {
            event: event.to_owned(),
            action: text(fields.action),
            repository: read::<Named<'_>>(fields.repository).and_then(|named| read(named.full_name)),
            actors: users.into_iter().filter_map(login).collect(),
            conclusion: subject.as_ref().and_then(|subject| nullable(subject.conclusion)),
            run_attempt: subject.as_ref().and_then(|subject| nullable(subject.run_attempt)),
            app: subject.and_then(|subject| read::<Named<'_>>(subject.app)).and_then(|named| text(named.slug)),
        })
    }

    /// Why nothing would be done for it, whatever the rest may be; `None` if something might be.
    pub fn irrelevant(&self, settings: &Settings) -> Option<String> {
        let action = self.action.as_ref()?;
        if action != COMPLETED {
            return Some(nothing_is_done_for(&format!("action of {}", self.event)));
        }
        if self.event == "check_run" && self.app.as_ref().is_some_and(|slug| slug != "github-actions") {
            return Some(nothing_is_done_for("check run, as it is not of GitHub Actions"));
        }
        if let Some(reason) = is_left(settings, self.repository.as_ref(), &self.actors) {
            return Some(reason.to_owned());
        }
        kind(self.event == "workflow_run", self.conclusion?, self.run_attempt?).err()
    }
}
