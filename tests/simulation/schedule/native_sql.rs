//! The Keeper's storage on a native SQLite: the same statements as on Workers.

use std::rc::Rc;

use rerunner::keeper::store::{Sql, StoreError, Value};
use rusqlite::types::{Value as SqliteValue, ValueRef};

/// A database in memory. A clone is the same database: what a restarted Keeper finds.
#[derive(Clone)]
pub struct NativeSql(Rc<rusqlite::Connection>);

impl NativeSql {
    pub fn open() -> rusqlite::Result<Self> {
        let connection = rusqlite::Connection::open_in_memory()?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self(Rc::new(connection)))
    }
}

impl Sql for NativeSql {
    fn exec(&self, statement: &str, bindings: Vec<Value>) -> Result<Vec<Vec<Value>>, StoreError> {
        let fault = |error: rusqlite::Error| StoreError(error.to_string());
        // A Durable Object's are numbers of JavaScript.
        let is_unsafe = |value: &Value| matches!(value, Value::Integer(integer) if integer.unsigned_abs() >> 53 > 0);
        if let Some(value) = bindings.iter().find(|value| is_unsafe(value)) {
            return Err(StoreError(format!("{value:?} does not cross to JavaScript as it is: {statement}")));
        }
        let bindings = bindings.into_iter().map(|value| match value {
            Value::Null => SqliteValue::Null,
            Value::Integer(integer) => SqliteValue::Integer(integer),
            Value::Text(text) => SqliteValue::Text(text),
        });
        let mut statement = self.0.prepare_cached(statement).map_err(fault)?;
        let columns = statement.column_count();
        let mut rows = statement.query(rusqlite::params_from_iter(bindings)).map_err(fault)?;
        let mut read = Vec::new();
        while let Some(row) = rows.next().map_err(fault)? {
            let value = |column| match row.get_ref(column).map_err(fault)? {
                ValueRef::Null => Ok(Value::Null),
                ValueRef::Integer(integer) => Ok(Value::Integer(integer)),
                ValueRef::Text(text) => Ok(Value::Text(String::from_utf8_lossy(text).into_owned())),
                other => Err(StoreError(format!("{other:?}"))),
            };
            read.push((0..columns).map(value).collect::<Result<_, _>>()?);
        }
        Ok(read)
    }
}
