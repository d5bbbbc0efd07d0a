//! The Worker's log.

use crate::platform::{Level, Log, LogLine};

/// `console.log` and `console.error`: a line of JSON becomes fields in Workers Logs.
pub struct RuntimeLog;

impl Log for RuntimeLog {
    fn write(&self, line: &LogLine) {
        match line.level {
            Level::Info => worker::console_log!("{}", line.json()),
            Level::Error => worker::console_error!("{}", line.json()),
        }
    }
}
