//! Which webhooks were received: each is noted with the run that it is of, so that it costs no row of its own, and one that is
//! delivered again does nothing again. One that changed nothing is not noted: nor will it when it comes again.

use crate::keeper::retention::{DELIVERY_DAYS, PRUNED_AT_ONCE};
use crate::names::DeliveryId;
use crate::time::Millis;

use super::{Sql, Store, StoreError, Value};

impl<S: Sql> Store<S> {
    /// Whether one of the versions before 20 has stored this delivery, in a row of its own.
    pub fn has_delivery_of_before(&self, id: &DeliveryId, now: Millis) -> Result<bool, StoreError> {
        if !self.any(&self.has_old_deliveries, "deliveries")? {
            return Ok(false);
        }
        // Each day by its name, as a range of days would be searched from end to end.
        // Tomorrow, too: the clock can have been put back over midnight.
        let days = (now.day() - DELIVERY_DAYS..=now.day() + 1).map(Value::Integer);
        let bindings: Vec<Value> = [id.as_str().into()].into_iter().chain(days).collect();
        let places = vec!["?"; bindings.len() - 1].join(",");
        self.exists(&format!("SELECT 1 FROM deliveries WHERE delivery_id = ? AND day IN ({places}) LIMIT 1"), bindings)
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
