//! What the log says of the books' work. It is read off the outbox: what stands there has happened, and stands there
//! whether D1 can be reached or not.

use serde_json::Value as Json;

use super::books::Books;
use super::schema::{meta, set_meta};
use crate::platform::time::parse_iso;
use crate::platform::{LogLine, SqlError};

/// The newest record of the outbox that the log knows.
const LOGGED: &str = "logged";
/// Records that are read at a time.
const STRETCH: i64 = 500;
/// Stretches that are read at a time: more than a turn makes.
const STRETCHES: usize = 4;

impl Books<'_> {
    /// Writes a line for everything that happened since it last did.
    pub(super) fn log_news(&self) -> Result<(), SqlError> {
        let sql = self.platform.sql;
        let mut last = meta(sql, LOGGED)?.and_then(|text| text.parse().ok()).unwrap_or(0_i64);
        for _ in 0..STRETCHES {
            let statement = "SELECT seq, target, record FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?";
            let rows = sql.exec(statement, &[last.into(), STRETCH.into()])?;
            for row in &rows {
                last = row.int("seq")?;
                let record: Json = serde_json::from_str(&row.text("record")?).unwrap_or_default();
                if let Some(line) = line(&row.text("target")?, &record) {
                    self.platform.log.write(&LogLine { books: Some(self.id.to_owned()), ..line });
                }
            }
            if !rows.is_empty() {
                set_meta(sql, LOGGED, &last.to_string())?;
            }
            if (rows.len() as i64) < STRETCH {
                break;
            }
        }
        Ok(())
    }
}

/// The line of a record of that table; nothing where it tells of nothing that happened.
fn line(table: &str, record: &Json) -> Option<LogLine> {
    let text = |name: &str| record[name].as_str().map(str::to_owned);
    let of = |event: &'static str, outcome: String| LogLine {
        event,
        connection: text("connection"),
        order: text("order_id"),
        document: text("document_key"),
        outcome,
        ..LogLine::default()
    };
    match table {
        "events" if record["outcome"] != "pending" => Some(LogLine {
            order: text("order_id").or_else(|| text("webhook_id")),
            duration_ms: span(record["received_at"].as_str()?, record["finished_at"].as_str()?),
            code: text("reason"),
            ..of("webhook", text("outcome")?)
        }),
        "documents" => Some(LogLine { code: text("proof"), ..of("document", text("state")?) }),
        "attempts" => Some(LogLine {
            duration_ms: record["duration_ms"].as_i64(),
            code: text("code"),
            ..of("ledger_call", format!("{}_{}", text("operation")?, text("outcome")?))
        }),
        "alerts" => {
            let outcome = if record["resolved_at"].is_null() { "opened" } else { "closed" };
            Some(LogLine { code: text("kind"), ..of("alert", outcome.into()) })
        }
        _ => None,
    }
}

fn span(from: &str, to: &str) -> Option<i64> {
    Some((parse_iso(to)? - parse_iso(from)?).num_milliseconds())
}
