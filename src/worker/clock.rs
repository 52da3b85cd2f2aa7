//! The runtime's clock. It stands still while code runs, and goes on while something is waited for.

use worker::Date;

use crate::time::Millis;

pub fn now() -> Millis {
    Millis(i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX))
}
