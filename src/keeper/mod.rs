//! The Keeper: the one writer for a repository. It holds every tracked run as a row in SQLite, and one alarm for the
//! earliest thing due.
//!
//! A webhook is stored ([`Keeper::receive`]); when something is due, [`work`] does it, task by task.
//!
//! Each of these uses what stands below it:
//!
//! | | |
//! |---|---|
//! | [`work`] | a webhook received, and what is due done, over a [`Platform`](work::Platform): a Durable Object, or the simulation |
//! | [`tasks`] | what there is to do: a count published, people notified, missed webhooks looked for, a run re-run … |
//! | [`views`] | what is shown of the repository, on pages and by the API |
//! | [`actor`], [`repository_state`] | the Keeper itself; what it stores of the repository as a whole |
//! | [`store`] | its rows, all the SQL, and what is counted |
//! | [`state_machine`], [`on_webhook`], [`on_failure`], [`second_look`] | how a run changes (pure) |
//! | [`circuit_breaker`] | when GitHub is called for no run (pure) |
//! | [`evidence_collector`], [`policy_cache`] | what a decision needs beside the run (pure) |
//! | [`sweep`], [`summary`], [`attempts`] | the search for missed webhooks; what Workers KV publishes (pure) |
//! | [`tracked_run`], [`retention`] | a run, as a row says of it; how long things are kept |
//!
//! Each function here runs between two awaits, so that what it stores is stored together. The order in which a
//! webhook is stored matters only if a statement fails in the middle: the run first, the delivery's id after it, so
//! that no delivery counts as seen whose work was not stored.

mod actor;
pub mod attempts;
pub mod circuit_breaker;
pub mod evidence_collector;
pub mod message;
mod on_failure;
pub mod on_webhook;
pub mod policy_cache;
pub mod repository_state;
pub mod retention;
mod second_look;
pub mod state_machine;
pub mod store;
mod subrequests;
pub mod summary;
pub mod sweep;
pub mod tasks;
pub mod tracked_run;
pub mod views;
pub mod work;

#[cfg(test)]
mod tests;

use crate::webhook::event::RunEvent;

pub use actor::{Keeper, Notifications};
pub use tasks::{HandOver, StepResult, Task};

use state_machine::{Context, Receipt, ReceiptKind, Record};
use store::{Sql, StoreError};
use sweep::Sweep;

impl<S: Sql> Keeper<S> {
    /// Stores a webhook. When this has returned, nothing of it can be lost.
    pub fn receive(&self, event: &RunEvent, cx: &Context) -> Result<(Receipt, Vec<Record>), StoreError> {
        if let Some(id) = &event.delivery
            && self.store.has_delivery(id, cx.now)?
        {
            let receipt = Receipt {
                kind: ReceiptKind::Recorded,
                reason: "this delivery was received before".to_owned(),
                run_attempt: event.run_attempt,
                due: None,
            };
            return Ok((receipt, vec![]));
        }
        if let Some(sweep) = Sweep::after_webhook(self.sweep()?.as_ref(), cx.now, cx.rules.sweep_interval) {
            self.set_sweep(Some(&sweep))?;
        }
        let cx = &Context { first_look: self.policy(cx.rules)?.first_look(cx.rules), ..*cx };
        let mut step = on_webhook::on_webhook(self.store.run(event.run_id)?, event, cx);
        if let (Some(tracked), Some(workflow)) = (&mut step.tracked, &event.workflow) {
            let before = tracked.attempts();
            tracked.set_workflow(workflow);
            if tracked.published && tracked.attempts() != before {
                tracked.publish = Some(cx.now);
            }
        }
        if let Some(tracked) = &step.tracked {
            self.store_run(tracked, &step.records, cx.now)?;
            if let Some(id) = &event.delivery {
                self.store.add_delivery(id, cx.now)?;
            }
        }
        if step.receipt.due.is_some() && self.paused()?.is_some() {
            step.receipt = Receipt {
                kind: ReceiptKind::Recorded,
                reason: "the repository is paused".to_owned(),
                due: None,
                ..step.receipt
            };
        }
        Ok((step.receipt, step.records))
    }
}
