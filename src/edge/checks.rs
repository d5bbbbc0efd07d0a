//! Checks of the platform itself, on the runtime; only in builds with the feature `checks`.

use worker::{Response, Result};

use crate::config::{Variables, variable};
use crate::platform::{Sql, SqlError, transaction};

/// An error in the middle of a transaction leaves nothing of it behind, and the next transaction works.
pub fn transaction_check(sql: &dyn Sql) -> Result<Response> {
    let run = || -> std::result::Result<String, SqlError> {
        let count = || sql.exec("SELECT COUNT(*) AS n FROM meta WHERE key LIKE 'check%'", &[])?[0].int("n");
        let before = count()?;
        let failed = transaction(sql, |sql| {
            sql.exec("INSERT INTO meta (key, value) VALUES ('check one', '1')", &[])?;
            sql.exec("INSERT INTO no_such_table (key) VALUES (1)", &[])
        });
        let after_error = count()?;
        if failed.is_ok() {
            return Ok("the error was swallowed".into());
        }
        transaction(sql, |sql| sql.exec("INSERT INTO meta (key, value) VALUES ('check two', '1')", &[]))?;
        Ok(format!("before {before}, after an error {after_error}, after a success {}", count()?))
    };
    Response::ok(run().unwrap_or_else(|error| error.to_string()))
}

/// True for the connection that `CHECKS_REFUSE` names: its books take nothing in.
pub fn refuses(variables: &Variables, connection: &str) -> bool {
    variable(variables, "CHECKS_REFUSE") == Some(connection)
}
