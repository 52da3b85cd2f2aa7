//! What becomes of an errand's answer, whatever kind of errand it is: what it says of the feature that this is for
//! ([`Keeper::note_answer`]), when one that has failed is tried again ([`Tries`]), and what goes to the log ([`Warning`]).

use crate::github;
use crate::keeper::Keeper;
use crate::keeper::context::Context;
use crate::keeper::feature::{self, Feature};
use crate::keeper::store::{Sql, StoreError};
use crate::time::{Millis, Span};

/// When an errand that has failed is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Tries {
    /// After the first failure.
    again: Span,
    /// After each further one twice as long, up to this.
    again_most: Span,
    /// In a row; then it is given up.
    most: u32,
}

impl Tries {
    /// What a lost call has written can be found by the next try.
    pub const FOR_A_DAY: Self = Self { again: Span::minutes(1), again_most: Span::hours(1), most: 30 };

    /// After so many that have failed in a row, and another.
    pub fn wait(self, failures: u32) -> Span {
        self.again.doubled(failures, self.again_most)
    }

    /// Another has failed: when the next is due. `None`: it is given up.
    pub fn failed(self, failures: &mut u32, now: Millis) -> Option<Millis> {
        let due = now + self.wait(*failures);
        *failures += 1;
        (*failures < self.most).then_some(due)
    }
}

/// For the log.
#[derive(Debug, PartialEq, Eq)]
pub enum Warning {
    /// A call has come to nothing.
    Trouble(String),
    /// What is wrong with the policy file.
    Policy(String),
}

impl<S: Sql> Keeper<S> {
    /// Whether GitHub has done what a feature asked for. `what`: as the log names it. The text is for the log; a feature that
    /// GitHub refuses is named once.
    pub(super) fn note_answer<T>(
        &self,
        feature: Feature,
        what: &str,
        answer: &Result<T, github::Error>,
        cx: &Context,
    ) -> Result<Option<String>, StoreError> {
        match answer {
            Ok(_) => {
                self.content_works()?;
                self.feature_works(feature).map(|()| None)
            }
            Err(error) => {
                self.trip_if_limited(Some(error), cx)?;
                if let github::Error::ContentLimited { wait } = error {
                    self.stop_content(*wait, cx.now)?;
                }
                match feature::refusal(error) {
                    Some(_) => self.feature_refused(feature, error, cx.now),
                    None => Ok(Some(format!("{what}: {error}"))),
                }
            }
        }
    }
}
