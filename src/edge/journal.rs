//! D1 as the journal.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use worker::wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement, Env};

use crate::platform::{Journal, JournalError, Row, Statement, Value, exact};

/// The `JOURNAL` database; absent where it is not bound.
pub struct D1Journal(Option<D1Database>);

impl D1Journal {
    /// The database bound as `JOURNAL`.
    pub fn new(env: &Env) -> Self {
        Self(env.d1("JOURNAL").ok())
    }

    fn prepare(&self, statement: &Statement) -> Result<D1PreparedStatement, JournalError> {
        let database = self.0.as_ref().ok_or_else(|| JournalError("the binding JOURNAL is missing".into()))?;
        let params = statement.params.iter().map(outward).collect::<Result<Vec<_>, _>>()?;
        database.prepare(&statement.sql).bind(&params).map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> JournalError {
    JournalError(error.to_string())
}

/// The SDK's own type for parameters knows integers of 32 bits only; D1 takes any number of JavaScript's.
fn outward(value: &Value) -> Result<JsValue, JournalError> {
    Ok(match value {
        Value::Null => JsValue::NULL,
        Value::Int(number) => JsValue::from(exact(*number).map_err(|error| JournalError(error.0))?),
        Value::Text(text) => JsValue::from_str(text),
        Value::Blob(_) => return Err(JournalError("the journal holds no bytes".into())),
    })
}

fn inward(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Int(truth.into()),
        serde_json::Value::Number(number) => {
            let text = number.to_string();
            let whole = text.strip_suffix(".0").unwrap_or(&text).parse().ok();
            whole.map_or(Value::Text(text), Value::Int)
        }
        serde_json::Value::String(text) => Value::Text(text),
        other => Value::Text(other.to_string()),
    }
}

impl Journal for D1Journal {
    fn apply(&self, statements: Vec<Statement>) -> LocalBoxFuture<'_, Result<(), JournalError>> {
        async move {
            let prepared = statements.iter().map(|one| self.prepare(one)).collect::<Result<Vec<_>, _>>()?;
            let database = self.0.as_ref().ok_or_else(|| JournalError("the binding JOURNAL is missing".into()))?;
            let results = database.batch(prepared).await.map_err(failed)?;
            results.iter().find_map(|one| one.error()).map_or(Ok(()), |error| Err(JournalError(error)))
        }
        .boxed_local()
    }

    fn query(&self, statement: Statement) -> LocalBoxFuture<'_, Result<Vec<Row>, JournalError>> {
        async move {
            let result = self.prepare(&statement)?.all().await.map_err(failed)?;
            let rows = result.results::<serde_json::Map<String, serde_json::Value>>().map_err(failed)?;
            Ok(rows
                .into_iter()
                .map(|row| Row(row.into_iter().map(|(name, value)| (name, inward(value))).collect()))
                .collect())
        }
        .boxed_local()
    }
}
