//! The object's alarm.

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use worker::Storage;

use crate::platform::{Alarm, SqlError};

/// The alarm of the object that owns the storage.
pub struct ObjectAlarm(pub Storage);

impl Alarm for ObjectAlarm {
    fn set(&self, at: DateTime<Utc>) -> LocalBoxFuture<'_, Result<(), SqlError>> {
        async move {
            let at = worker::Date::new(worker::DateInit::Millis(u64::try_from(at.timestamp_millis()).unwrap_or(0)));
            self.0.set_alarm(worker::ScheduledTime::new(at.into())).await.map_err(|error| SqlError(error.to_string()))
        }
        .boxed_local()
    }
}
