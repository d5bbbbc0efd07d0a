//! A shop without a webhook secret: every one of its deliveries is refused at the door and none gets here, so that the
//! books say it themselves. With a second shop the secrets without a connection's id count for neither.

use super::alerts;
use super::books::Books;
use crate::config::{Connection, missing_webhook_secret};
use crate::platform::{SqlError, transaction};

/// The kind of the alert.
const ALERT: &str = "webhook_secret";

impl Books<'_> {
    /// What is wrong with a connection's settings and secrets.
    pub(super) fn problems(&self, connection: &Connection) -> Vec<String> {
        let settings = connection.settings.as_ref().err().into_iter().flatten().map(ToString::to_string);
        settings.chain(self.unverified(connection)).collect()
    }

    /// Why its deliveries are refused, if they are.
    pub(super) fn unverified(&self, connection: &Connection) -> Option<String> {
        let of_shop = self.connections.iter().chain(&self.others).filter(|one| one.shop == connection.shop);
        let missing = missing_webhook_secret(self.variables, &connection.id, of_shop, self.several_shops);
        missing.map(|missing| missing.to_string())
    }

    /// Tells of shops whose deliveries are refused, and of the end of it.
    pub(super) fn notice_missing_secrets(&self) -> Result<(), SqlError> {
        let now = self.platform.clock.now();
        transaction(self.platform.sql, |sql| {
            self.connections.iter().try_for_each(|one| match self.unverified(one) {
                Some(why) => alerts::open(sql, now, &one.id, ALERT, &why),
                None => alerts::close(sql, now, &one.id, ALERT),
            })
        })
    }
}
