//! An order that a person asks about: fetched from Shopify to be looked at, or asked for to be booked.

use chrono::Duration;

use super::books::Books;
use super::consent::Declined;
use super::orders::{self, Heard, OrderRef};
use super::shop::{Calls, NoAnswer};
use super::{fetch, known, obstacles};
use crate::config::Connection;
use crate::platform::{SqlError, transaction};
use crate::shopify::admin::{OrderFetch, Step, keep_spelling};

/// Questions that may be spent on one order that a person waits for; the platform's smallest plan allows 50 requests.
const CALLS: usize = 40;
/// How long a person waits.
const PATIENCE: Duration = Duration::seconds(20);

/// What has to be set so that an order can be fetched.
const NO_ACCESS: &str = "set SHOPIFY_CLIENT_ID and SHOPIFY_CLIENT_SECRET (or SHOPIFY_ACCESS_TOKEN), so that it can be \
                         fetched from Shopify";

/// True if the books do not know the order whole, or only as it was before it changed.
pub fn is_needed(books: &Books<'_>, at: &OrderRef) -> Result<bool, Declined> {
    let sql = books.platform.sql;
    let Some(connection) = books.connection(&at.connection) else { return Ok(false) };
    if orders::load(sql, at)?.is_none() {
        return Ok(true);
    }
    let known = known::state_of(sql, connection, at)?;
    Ok(known.stale || (known.state.snapshot.is_none() && !known.state.deleted))
}

impl Books<'_> {
    fn of_order(&self, at: &OrderRef) -> Result<&Connection, Declined> {
        if at.order_id.is_empty() || !at.order_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Declined::Missing(format!("`{}` is no order's id in Shopify: digits only", at.order_id)));
        }
        self.connection(&at.connection).ok_or_else(|| Declined::Missing(self.why_left(&at.connection)))
    }

    /// The order as Shopify shows it now, in the webhooks' shape; nothing of it is kept. `None` where nobody may ask and
    /// the books know something of it all the same.
    pub(super) async fn retrieve(&self, at: &OrderRef) -> Result<Option<Vec<u8>>, Declined> {
        let is_known = orders::load(self.platform.sql, at)?.is_some();
        let connection = self.of_order(at)?;
        let calls = Calls::new(CALLS, self.platform.clock.now() + PATIENCE);
        let Some(shop) = self.shop(connection, &calls)? else {
            let text = format!("nothing was ever heard of order {}; {NO_ACCESS}", at.order_id);
            return if is_known { Ok(None) } else { Err(Declined::Missing(text)) };
        };
        let mut fetch = OrderFetch::new(&at.order_id);
        loop {
            match fetch.proceed() {
                Step::Gone if is_known => return Ok(None),
                Step::Gone => {
                    return Err(Declined::Missing(format!(
                        "Shopify shows no order {}: orders older than 60 days need the scope read_all_orders",
                        at.order_id
                    )));
                }
                Step::Done(mut body) => {
                    keep_spelling(&mut body, &known::bodies(self.platform.sql, at)?);
                    return Ok(Some(body.to_string().into_bytes()));
                }
                Step::Ask(question) => match shop.ask(&question).await {
                    Ok(data) => {
                        // It changed between two pages: begin again.
                        if fetch.take(&data).is_err() {
                            fetch = OrderFetch::new(&at.order_id);
                        }
                    }
                    Err(NoAnswer::Sql(error)) => return Err(error.into()),
                    Err(NoAnswer::Paused(until, why)) => {
                        let until = crate::platform::time::iso(until);
                        return Err(Declined::Later(format!("Shopify gives no answer before {until}: {why}")));
                    }
                    Err(NoAnswer::NoCallsLeft) => {
                        return Err(Declined::Later(
                            "the order takes Shopify more answers than a preview waits for".into(),
                        ));
                    }
                },
            }
        }
    }

    /// Goes through an order again, whatever became of it before, as a preview shows. One that the books never heard of
    /// is fetched first.
    pub async fn replay(&self, at: &OrderRef) -> Result<(), Declined> {
        let (sql, now) = (self.platform.sql, self.platform.clock.now());
        let connection = self.of_order(at)?;
        let may_ask = self.admin_access(connection)?.is_some();
        let is_known = transaction(sql, |sql| {
            obstacles::probe_now(sql, at)?;
            let is_known = orders::replay(sql, at, now)?;
            if !is_known && may_ask {
                orders::wake(sql, at, None, Heard::Afterwards, now, now)?;
            }
            if may_ask {
                fetch::want(sql, at)?;
            }
            Ok::<bool, SqlError>(is_known)
        })?;
        if !is_known && !may_ask {
            return Err(Declined::Missing(format!("nothing was ever heard of order {}; {NO_ACCESS}", at.order_id)));
        }
        self.arm(Some(now)).await?;
        Ok(())
    }
}
