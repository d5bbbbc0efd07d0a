//! What goes into a statement and what comes out of it.

use super::SqlError;

/// A value in SQLite's own types. There is no float: money is text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// NULL
    Null,
    /// INTEGER, exact to ±2^53 on the edge.
    Int(i64),
    /// TEXT
    Text(String),
    /// BLOB
    Blob(Vec<u8>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}
impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Blob(bytes)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// One row: column names and values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row(pub Vec<(String, Value)>);

impl Row {
    fn get(&self, column: &str) -> Result<&Value, SqlError> {
        self.0
            .iter()
            .find(|(name, _)| name == column)
            .map(|(_, value)| value)
            .ok_or_else(|| SqlError(format!("the row has no column `{column}`")))
    }

    /// The text in `column`.
    pub fn text(&self, column: &str) -> Result<String, SqlError> {
        match self.get(column)? {
            Value::Text(text) => Ok(text.clone()),
            other => Err(SqlError(format!("column `{column}` holds {other:?}, not text"))),
        }
    }

    /// The text in `column`, or nothing where it is NULL.
    pub fn text_or_null(&self, column: &str) -> Result<Option<String>, SqlError> {
        match self.get(column)? {
            Value::Null => Ok(None),
            _ => self.text(column).map(Some),
        }
    }

    /// The integer in `column`.
    pub fn int(&self, column: &str) -> Result<i64, SqlError> {
        match self.get(column)? {
            Value::Int(number) => Ok(*number),
            other => Err(SqlError(format!("column `{column}` holds {other:?}, not an integer"))),
        }
    }

    /// The bytes in `column`.
    pub fn blob(&self, column: &str) -> Result<Vec<u8>, SqlError> {
        match self.get(column)? {
            Value::Blob(bytes) => Ok(bytes.clone()),
            other => Err(SqlError(format!("column `{column}` holds {other:?}, not bytes"))),
        }
    }
}
