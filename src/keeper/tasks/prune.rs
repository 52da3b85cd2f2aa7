//! What is too old to matter is forgotten: once a day, and a bounded number of rows at a time.
//!
//! It sets no alarm, and is done after whatever else an alarm did: a repository where nothing happens stores nothing new.

use crate::time::Millis;

use super::super::actor::Keeper;
use super::super::retention::PRUNE_EVERY;
use super::super::store::{Fact, Sql, StoreError};

impl<S: Sql> Keeper<S> {
    pub fn prune(&self, now: Millis) -> Result<(), StoreError> {
        let due: Option<Millis> = self.store.fact(Fact::Prune)?;
        if due.is_some_and(|due| due > now) {
            return Ok(());
        }
        let more = self.store.prune(now)?;
        self.store.set_fact(Fact::Prune, Some(&if more { now } else { now + PRUNE_EVERY }))
    }
}
