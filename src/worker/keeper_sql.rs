//! A Durable Object's SQLite, as the Keeper's store uses it.

use std::cell::Cell;
use std::rc::Rc;

use worker::{SqlStorage, SqlStorageValue};

use crate::keeper::store::{Sql, StoreError, Value};

pub struct ObjectSql {
    pub sql: SqlStorage,
    /// By all statements so far, for whoever resets it.
    pub rows_read: Rc<Cell<usize>>,
}

impl Sql for ObjectSql {
    fn exec(&self, statement: &str, bindings: Vec<Value>) -> Result<Vec<Vec<Value>>, StoreError> {
        let bindings: Vec<SqlStorageValue> = bindings
            .into_iter()
            .map(|value| match value {
                Value::Null => SqlStorageValue::Null,
                Value::Integer(integer) => SqlStorageValue::Integer(integer),
                Value::Text(text) => SqlStorageValue::String(text),
            })
            .collect();
        let fault = |error: worker::Error| StoreError(error.to_string());
        let cursor = self.sql.exec(statement, bindings).map_err(fault)?;
        let rows = cursor
            .raw()
            .map(|row| {
                row.map_err(fault)?
                    .into_iter()
                    .map(|value| match value {
                        SqlStorageValue::Null => Ok(Value::Null),
                        SqlStorageValue::Integer(integer) => Ok(Value::Integer(integer)),
                        SqlStorageValue::String(text) => Ok(Value::Text(text)),
                        _ => Err(StoreError("a column of an unexpected type".to_owned())),
                    })
                    .collect()
            })
            .collect();
        self.rows_read.set(self.rows_read.get().saturating_add(cursor.rows_read()));
        rows
    }
}
