//! The durable object's SQLite.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use worker::js_sys::{Function, Reflect};
use worker::wasm_bindgen::closure::ScopedClosure;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{SqlStorage, SqlStorageValue, Storage};

use crate::platform::{Row, Sql, SqlError, Value, Verdict};

/// What the transaction's body throws to have it rolled back; it never leaves this module.
const ROLLBACK: &str = "tillproof: roll back";

/// SQLite of one object.
pub struct ObjectSql {
    storage: Storage,
    sql: SqlStorage,
}

impl ObjectSql {
    /// The database of the object that owns `storage`.
    pub fn new(storage: Storage) -> Self {
        Self { sql: storage.sql(), storage }
    }
}

fn failed(error: impl std::fmt::Display) -> SqlError {
    SqlError(error.to_string())
}

fn thrown(error: &JsValue) -> SqlError {
    let text =
        error.as_string().or_else(|| Reflect::get(error, &"message".into()).ok().and_then(|text| text.as_string()));
    SqlError(text.unwrap_or_else(|| "an unknown error was thrown".into()))
}

fn outward(value: &Value) -> Result<JsValue, SqlError> {
    Ok(match value {
        Value::Null => SqlStorageValue::Null.into(),
        Value::Int(number) => SqlStorageValue::try_from_i64(*number).map_err(failed)?.into(),
        Value::Text(text) => JsValue::from_str(text),
        Value::Blob(bytes) => SqlStorageValue::Blob(bytes.clone()).into(),
    })
}

fn inward(value: SqlStorageValue) -> Value {
    match value {
        SqlStorageValue::Null => Value::Null,
        SqlStorageValue::Boolean(truth) => Value::Int(truth.into()),
        SqlStorageValue::Integer(number) => Value::Int(number),
        SqlStorageValue::Float(number) => Value::Text(number.to_string()),
        SqlStorageValue::String(text) => Value::Text(text),
        SqlStorageValue::Blob(bytes) => Value::Blob(bytes),
    }
}

impl Sql for ObjectSql {
    fn exec(&self, statement: &str, params: &[Value]) -> Result<Vec<Row>, SqlError> {
        let params = params.iter().map(outward).collect::<Result<Vec<_>, _>>()?;
        let cursor = self.sql.exec_raw(statement, params).map_err(failed)?;
        let names = cursor.column_names();
        let mut rows = Vec::new();
        for cells in cursor.raw() {
            let cells = cells.map_err(failed)?;
            rows.push(Row(names.iter().cloned().zip(cells.into_iter().map(inward)).collect()));
        }
        Ok(rows)
    }

    /// `transactionSync`, which the SDK does not wrap: without it an error between two statements would leave the first
    /// one standing.
    fn run_transaction(&self, body: &mut dyn FnMut() -> Verdict) -> Result<(), SqlError> {
        let storage: &JsValue = self.storage.as_raw().as_ref();
        let function = Reflect::get(storage, &"transactionSync".into()).map_err(|error| thrown(&error))?;
        let function = function.dyn_into::<Function>().map_err(|_| failed("transactionSync is missing"))?;
        let mut rolled_back = false;
        let mut run = || -> Result<JsValue, JsValue> {
            match body() {
                Verdict::Commit => Ok(JsValue::UNDEFINED),
                Verdict::Rollback => {
                    rolled_back = true;
                    Err(JsValue::from_str(ROLLBACK))
                }
            }
        };
        let closure: ScopedClosure<'_, dyn FnMut() -> Result<JsValue, JsValue>> =
            ScopedClosure::borrow_mut_assert_unwind_safe(&mut run);
        let result = function.call1(storage, closure.as_js_value());
        drop(closure);
        match result {
            Ok(_) => Ok(()),
            Err(_) if rolled_back => Ok(()),
            Err(error) => Err(thrown(&error)),
        }
    }

    fn sync(&self) -> LocalBoxFuture<'_, Result<(), SqlError>> {
        async { self.storage.sync().await.map_err(failed) }.boxed_local()
    }
}
