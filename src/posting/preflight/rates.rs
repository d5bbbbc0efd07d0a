//! Orders that wait for a tax code of another rate: where the settings leave it to the ledger's codes which taxes they stand
//! for, somebody may have corrected one there.

use chrono::{DateTime, Duration, Utc};

use super::{checked, doubt};
use crate::books::hold::HoldReason;
use crate::config::{Connection, Settings};
use crate::platform::SqlError;
use crate::posting::books::Books;
use crate::posting::orders::{self, OrderRef};

/// How often the rates of tax codes are looked at again while orders wait for another one: as late as an obstacle's probe.
const RATES_AGAIN: Duration = Duration::hours(1);

impl Books<'_> {
    /// A connection of which an order waits for a tax that its settings leave to the rates of the ledger's codes: somebody
    /// may have corrected one there.
    pub(super) fn waits_for_a_rate(&self, now: DateTime<Utc>) -> Result<Option<&Connection>, SqlError> {
        let sql = self.platform.sql;
        for connection in self.connections.iter().filter(|one| one.settings.as_ref().is_ok_and(Settings::asks_rates)) {
            let is_due =
                checked(sql, connection)?.is_some_and(|checked| checked.doubted || now - checked.at >= RATES_AGAIN);
            if is_due && orders::any_held(sql, &connection.id, HoldReason::TaxUnmapped)? {
                return Ok(Some(connection));
            }
        }
        Ok(None)
    }

    /// A person looks at an order again that waits for a tax: the ledger is asked anew what rates its codes have.
    pub(in crate::posting) fn doubt_rates(&self, at: &OrderRef) -> Result<(), SqlError> {
        let Some(connection) = self.connection(&at.connection) else { return Ok(()) };
        let asks = connection.settings.as_ref().is_ok_and(Settings::asks_rates);
        if asks && orders::is_held(self.platform.sql, at, HoldReason::TaxUnmapped)? {
            doubt(self.platform.sql, connection, self.platform.clock.now())?;
        }
        Ok(())
    }
}
