//! Whether a run that was cancelled is to be looked at, before anything of it is stored: most such runs are of repositories whose
//! policy leaves them alone, and each push that cancels the run before it is one. So Workers KV says for a repository whether they
//! are wanted, and where it says nothing, the Keeper reads the policy file.

use std::pin::pin;

use futures_util::future::{Either, select};

use crate::github::{Call, Response};
use crate::names::RunAttempt;
use crate::policy::RerunSettings;
use crate::time::{Millis, Span};
use crate::webhook::event::RunEvent;

use super::Keeper;
use super::context::Context;
use super::on_webhook;
use super::policy_cache::PolicyUpdate;
use super::step::{Receipt, ReceiptKind};
use super::store::{Sql, StoreError};
use super::work::Platform;

/// Why nothing is done about one.
pub const UNWANTED: &str = "the run's conclusion is cancelled";
/// The repository's file, and the organization's.
const FILES: usize = 2;
/// That they are not wanted is written again after this, where it seems not to have arrived: Workers KV shows a change within a
/// minute or so.
const SAID_FOR: Span = Span::minutes(5);

/// GitHub waits for the answer to its webhook meanwhile.
const ANSWERS_WITHIN: Span = Span::seconds(3);

/// What the event of a cancelled run is where the policy is what it is. `None`: nothing is stored. Where the policy cannot be read
/// now, nothing is known to ask for it.
pub async fn wanted<S: Sql>(
    keeper: &Keeper<S>,
    settings: &RerunSettings,
    platform: &impl Platform,
    event: RunEvent,
) -> Result<Option<RunEvent>, StoreError> {
    let is_known = learn(keeper, settings, platform).await?;
    let are_wanted = is_known && keeper.policy(settings)?.wants_cancelled();
    if is_known && !are_wanted && keeper.is_to_say_unwanted(platform.now()) {
        platform.want_cancelled(false).await;
    }
    Ok(event.where_cancelled_runs(are_wanted))
}

/// Whether it is known what the policy is, after it was read where that was too long ago.
async fn learn<S: Sql>(
    keeper: &Keeper<S>,
    settings: &RerunSettings,
    platform: &impl Platform,
) -> Result<bool, StoreError> {
    for _ in 0..FILES {
        let now = platform.now();
        let policy = keeper.policy(settings)?;
        let read = policy.next_read(keeper.policy_path.as_ref(), None, settings, now);
        let Some(call) = read.filter(|_| !policy.wants_cancelled()) else { return Ok(true) };
        let is_asked = !keeper.is_open(now)? && keeper.paused()?.is_none();
        if !is_asked {
            return Ok(false);
        }
        let Either::Left((response, _)) = select(pin!(platform.call(&call)), pin!(platform.wait(ANSWERS_WITHIN))).await
        else {
            return Ok(false);
        };
        if !keeper.learn_policy(&call, response, &Context::new(settings, platform.now(), platform.chance()))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Of one that is not wanted.
pub fn receipt(run_attempt: Option<RunAttempt>) -> Receipt {
    on_webhook::receipt(ReceiptKind::Ignored, UNWANTED, run_attempt, None)
}

impl<S: Sql> Keeper<S> {
    /// Whether the answer told what the policy is.
    fn learn_policy(&self, call: &Call, response: Response, cx: &Context) -> Result<bool, StoreError> {
        self.step(|| match self.policy_update(call, response, false, cx)? {
            PolicyUpdate::New(policy) | PolicyUpdate::Same(policy) => self.set_policy(*policy, cx.now).map(|()| true),
            PolicyUpdate::Doubtful => Ok(false),
            PolicyUpdate::Failed(error) => self.trip_if_limited(Some(&error), cx).map(|_| false),
        })
    }

    fn is_to_say_unwanted(&self, now: Millis) -> bool {
        let is_due = self.unwanted_said.get().is_none_or(|said| said + SAID_FOR <= now);
        if is_due {
            self.unwanted_said.set(Some(now));
        }
        is_due
    }
}
