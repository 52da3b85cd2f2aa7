//! Ids of webhooks that were received, by the day on which they were: one that is delivered again is not counted twice.

use crate::keeper::retention::DELIVERY_DAYS;
use crate::names::DeliveryId;
use crate::time::Millis;

use super::{Sql, Store, StoreError, Value};

impl<S: Sql> Store<S> {
    /// Whether this delivery was stored before.
    pub fn has_delivery(&self, id: &DeliveryId, now: Millis) -> Result<bool, StoreError> {
        // One statement for all days, as each crosses to the runtime and back; and each day by its name, as a range of days
        // would be searched from end to end.
        let days = (now.day() - DELIVERY_DAYS..=now.day()).map(Value::Integer);
        let bindings: Vec<Value> = [id.as_str().into()].into_iter().chain(days).collect();
        let places = vec!["?"; bindings.len() - 1].join(",");
        self.exists(&format!("SELECT 1 FROM deliveries WHERE delivery_id = ? AND day IN ({places}) LIMIT 1"), bindings)
    }

    pub fn add_delivery(&self, id: &DeliveryId, now: Millis) -> Result<(), StoreError> {
        let statement = "INSERT OR IGNORE INTO deliveries (day, delivery_id) VALUES (?, ?)";
        self.change(statement, vec![now.day().into(), id.as_str().into()])
    }

    /// Forgets those of the oldest day, if it is too old. Whether it was.
    pub(super) fn prune_deliveries(&self, now: Millis, at_most: i64) -> Result<bool, StoreError> {
        let Some(mut row) = self.first("SELECT day FROM deliveries ORDER BY day LIMIT 1", vec![])? else {
            return Ok(false);
        };
        let oldest = row.integer()?;
        if oldest >= now.day() - DELIVERY_DAYS {
            return Ok(false);
        }
        let statement = "DELETE FROM deliveries WHERE day = ?1 AND delivery_id IN
                         (SELECT delivery_id FROM deliveries WHERE day = ?1 LIMIT ?2)";
        self.change(statement, vec![oldest.into(), at_most.into()])?;
        Ok(true)
    }
}
