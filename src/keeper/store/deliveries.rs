//! Ids of webhooks that were received, by the day on which they were: one that is delivered again is not counted twice.

use crate::keeper::retention::{DELIVERY_DAYS, PRUNED_AT_ONCE};
use crate::names::DeliveryId;
use crate::time::Millis;

use super::{Sql, Store, StoreError, Value};

impl<S: Sql> Store<S> {
    /// Whether this delivery was stored before.
    pub fn has_delivery(&self, id: &DeliveryId, now: Millis) -> Result<bool, StoreError> {
        // One statement for all days, as each crosses to the runtime and back; and each day by its name, as a range of days
        // would be searched from end to end.
        // Tomorrow, too: the clock can have been put back over midnight.
        let days = (now.day() - DELIVERY_DAYS..=now.day() + 1).map(Value::Integer);
        let bindings: Vec<Value> = [id.as_str().into()].into_iter().chain(days).collect();
        let places = vec!["?"; bindings.len() - 1].join(",");
        self.exists(&format!("SELECT 1 FROM deliveries WHERE delivery_id = ? AND day IN ({places}) LIMIT 1"), bindings)
    }

    pub fn add_delivery(&self, id: &DeliveryId, now: Millis) -> Result<(), StoreError> {
        let statement = "INSERT OR IGNORE INTO deliveries (day, delivery_id) VALUES (?, ?)";
        self.change(statement, vec![now.day().into(), id.as_str().into()])
    }

    /// Forgets those of the oldest day, if it is too old. Whether it was.
    pub(super) fn prune_deliveries(&self, now: Millis) -> Result<bool, StoreError> {
        let row = self.first("SELECT day FROM deliveries ORDER BY day LIMIT 1", vec![])?;
        let oldest = row.map(|mut row| row.integer()).transpose()?;
        let Some(oldest) = oldest.filter(|oldest| *oldest < now.day() - DELIVERY_DAYS) else { return Ok(false) };
        let statement = "DELETE FROM deliveries WHERE day = ?1 AND delivery_id IN
                         (SELECT delivery_id FROM deliveries WHERE day = ?1 LIMIT ?2)";
        self.change(statement, vec![oldest.into(), PRUNED_AT_ONCE.into()])?;
        Ok(true)
    }
}
