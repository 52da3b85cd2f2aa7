//! What is done beside re-runs, each with a permission of its own. One that GitHub refuses says so once and is not tried for
//! a while; nothing else stops.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::github;
use crate::names::string_enum;
use crate::time::{Millis, Span};

use super::Keeper;
use super::store::{Fact, Sql, StoreError};

/// Somebody has to give the permission; until then each try is a request for nothing.
const NOT_TRIED_FOR: Span = Span::hours(6);
/// Until there is another token; each try is a request for nothing, too.
const NOT_TRIED_WITH_TOKEN_FOR: Span = Span::minutes(5);
/// What GitHub's refusal begins with where it does not take the token at all: "401 Bad credentials".
const OF_TOKEN: &str = "401 ";
/// What GitHub's refusal begins with where the repository has none of what was asked for: "410 Issues are disabled".
const SWITCHED_OFF: &str = "410 ";

string_enum! {
    pub enum Feature {
        Comments = "comments",
        CommitStatus = "commit_status",
        Commands = "commands",
        FlakyIssues = "flaky_issues",
    }
}

impl Feature {
    fn in_words(self) -> &'static str {
        match self {
            Self::Comments => "Comments on pull requests",
            Self::CommitStatus => "Commit statuses",
            Self::Commands => "Answers to commands",
            Self::FlakyIssues => "Issues for flaky jobs",
        }
    }
}

/// By the names of features, as storage has them.
type Refusals = BTreeMap<String, Refusal>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Refusal {
    /// GitHub's.
    message: String,
    until: Millis,
}

impl Refusal {
    /// Another token may be taken that lacks nothing.
    fn is_of_token(&self) -> bool {
        self.message.starts_with(OF_TOKEN)
    }
}

/// GitHub's words, if it does not let this be done in the repository at all.
pub(in crate::keeper) fn refusal(error: &github::Error) -> Option<&String> {
    match error {
        github::Error::Credentials { message } => Some(message),
        github::Error::Refused { message } if message.starts_with(SWITCHED_OFF) => Some(message),
        _ => None,
    }
}

impl<S: Sql> Keeper<S> {
    /// Notes it if GitHub refuses what a feature needs. The text is for the log, and there only if it is news.
    pub(in crate::keeper) fn feature_refused(
        &self,
        feature: Feature,
        error: &github::Error,
        now: Millis,
    ) -> Result<Option<String>, StoreError> {
        let Some(message) = refusal(error) else { return Ok(None) };
        let mut refusals = self.refusals()?;
        let mut refusal = Refusal { message: message.clone(), until: now + NOT_TRIED_FOR };
        let is_of_token = refusal.is_of_token();
        if is_of_token {
            refusal.until = now + NOT_TRIED_WITH_TOKEN_FOR;
        }
        let before = refusals.insert(feature.as_str().to_owned(), refusal);
        self.store.set_fact(Fact::RefusedFeatures, Some(&refusals))?;
        let is_news = before.is_none_or(|before| before.message != *message);
        Ok(is_news.then(|| {
            if is_of_token {
                return format!("{} do not work with this token: {error}", feature.in_words());
            }
            let hours = NOT_TRIED_FOR.as_millis() / Span::hours(1).as_millis();
            format!("{} do not work, and will not be tried again for {hours} h: {error}", feature.in_words())
        }))
    }

    /// It was done.
    pub(in crate::keeper) fn feature_works(&self, feature: Feature) -> Result<(), StoreError> {
        let mut refusals = self.refusals()?;
        if refusals.remove(feature.as_str()).is_none() {
            return Ok(());
        }
        self.store.set_fact(Fact::RefusedFeatures, Some(&refusals).filter(|refusals| !refusals.is_empty()))
    }

    /// There may be another token. A permission that lacks is not given by that, and the Keeper is started often.
    pub(in crate::keeper) fn forget_refused_token(&self) -> Result<(), StoreError> {
        let mut refusals = self.refusals()?;
        let before = refusals.len();
        refusals.retain(|_, refusal| !refusal.is_of_token());
        if refusals.len() == before {
            return Ok(());
        }
        self.store.set_fact(Fact::RefusedFeatures, Some(&refusals).filter(|refusals| !refusals.is_empty()))
    }

    /// When a feature's task is due: not while GitHub refuses it.
    pub(in crate::keeper) fn feature_due(
        &self,
        feature: Feature,
        due: Option<Millis>,
    ) -> Result<Option<Millis>, StoreError> {
        let Some(due) = due else { return Ok(None) };
        let refusal = self.refusals()?.remove(feature.as_str());
        Ok(Some(refusal.map_or(due, |refusal| refusal.until.max(due))))
    }

    fn refusals(&self) -> Result<Refusals, StoreError> {
        Ok(self.store.fact(Fact::RefusedFeatures)?.unwrap_or_default())
    }
}
