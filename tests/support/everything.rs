//! Everything that a database holds, as text: every row of every table, bodies put together from their chunks, JSON inside
//! text and text inside JSON opened as deep as it goes, escapes and percent signs resolved.

use serde_json::Value as Json;
use tillproof::platform::{Sql, Value};

/// Reads every row.
pub fn everything(sql: &dyn Sql) -> String {
    let mut out = String::new();
    let tables = sql.exec("SELECT name FROM sqlite_master WHERE type = 'table'", &[]).unwrap();
    for table in tables.iter().map(|row| row.text("name").unwrap()) {
        for row in sql.exec(&format!("SELECT * FROM \"{table}\""), &[]).unwrap() {
            row.0.iter().for_each(|(_, value)| push(value, &mut out));
        }
    }
    let chunked = sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'event_chunks'", &[]).unwrap();
    if !chunked.is_empty() {
        let mut whole: (i64, Vec<u8>) = (0, Vec::new());
        for row in sql.exec("SELECT event_seq, bytes FROM event_chunks ORDER BY event_seq, n", &[]).unwrap() {
            let seq = row.int("event_seq").unwrap();
            if seq != whole.0 {
                open(&String::from_utf8_lossy(&whole.1), &mut out);
                whole = (seq, Vec::new());
            }
            whole.1.extend(row.blob("bytes").unwrap());
        }
        open(&String::from_utf8_lossy(&whole.1), &mut out);
    }
    out
}

fn push(value: &Value, out: &mut String) {
    match value {
        Value::Text(text) => open(text, out),
        Value::Blob(bytes) => open(&String::from_utf8_lossy(bytes), out),
        Value::Int(number) => open(&number.to_string(), out),
        Value::Null => {}
    }
}

fn open(text: &str, out: &mut String) {
    out.push_str(text);
    out.push('\n');
    if text.contains('%') {
        out.push_str(&without_percent(text));
        out.push('\n');
    }
    if text.trim_start().starts_with(['{', '[', '"'])
        && let Ok(value) = serde_json::from_str::<Json>(text)
    {
        inside(&value, out);
    }
}

fn inside(value: &Json, out: &mut String) {
    match value {
        Json::String(text) => open(text, out),
        Json::Array(list) => list.iter().for_each(|one| inside(one, out)),
        Json::Object(object) => object.iter().for_each(|(name, one)| {
            open(name, out);
            inside(one, out);
        }),
        other => out.push_str(&other.to_string()),
    }
}

fn without_percent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.filter(|_| bytes[at] == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
