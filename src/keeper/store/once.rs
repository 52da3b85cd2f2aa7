//! Tokens that can be used once, such as the set-up page's: that one was used is stored where there is a single writer.
//!
//! The object of the set-up page is of the same class as the Keepers, and has a name that no repository has.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

use super::{Sql, StoreError, Value};

/// The object's name. A repository's has a slash.
pub const NAME: &str = "set-up";

/// What is to be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Once {
    pub id: String,
    /// From then on it is not good anyway, and forgotten.
    pub until: Millis,
}

/// Uses it. Whether it was good: not used before.
pub fn spend(sql: &impl Sql, once: &Once, now: Millis) -> Result<bool, StoreError> {
    sql.exec(
        "DELETE FROM repository WHERE name LIKE 'used %' AND CAST(value AS INTEGER) <= ?",
        vec![Value::Integer(now.0)],
    )?;
    if once.until <= now {
        return Ok(false);
    }
    let inserted = sql.exec(
        "INSERT OR IGNORE INTO repository (name, value) VALUES (?, ?) RETURNING name",
        vec![Value::Text(format!("used {}", once.id)), Value::Text(once.until.0.to_string())],
    )?;
    Ok(!inserted.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::Keeper;
    use crate::keeper::tests::native_sql::NativeSql;
    use crate::time::Span;

    const NOW: Millis = Millis(1_795_446_245_000);

    #[test]
    fn each_is_good_once_and_for_its_time() {
        let keeper = Keeper::open(NativeSql::open().unwrap()).unwrap();
        let sql = &keeper.store.sql;
        let once = |id: &str| Once { id: id.to_owned(), until: NOW + Span::hours(1) };
        let spend = |id: &str, after: Span| spend(sql, &once(id), NOW + after).unwrap();
        assert!(spend("a", Span::ZERO) && spend("b", Span::ZERO));
        assert!(!spend("a", Span::ZERO) && !spend("b", Span::minutes(59)));
        assert!(!spend("c", Span::hours(1)), "it is too late");
        assert!(!spend("a", Span::hours(1)), "forgotten, and too late");
        let rows = sql.exec("SELECT COUNT(*) FROM repository WHERE name LIKE 'used %'", vec![]).unwrap();
        assert_eq!(rows, [[Value::Integer(0)]]);
    }
}
