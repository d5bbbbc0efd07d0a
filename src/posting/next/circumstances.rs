//! What an order is decided by besides its own state: what stands in the ledger, the company's days, what is known of money
//! that moved for an older order. For posting, for a preview, and for a comparison it is put together here.

use crate::books::calendar::Calendar;
use crate::books::rules::LedgerRules;
use crate::config::Settings;
use crate::normalize::cutover::concerns;
use crate::normalize::{Booked, Cutover, Input, Stamp};
use crate::platform::SqlError;
use crate::posting::books::Books;
use crate::posting::orders::OrderRef;
use crate::posting::plan::PostedDocuments;
use crate::posting::{cutover, documents, set_aside};
use crate::shopify::OrderState;

/// An order, and by which settings and rules it is looked at.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its address.
    pub at: &'a OrderRef,
    /// All that Shopify told of it.
    pub state: &'a OrderState,
    /// The connection's settings, or as they would be.
    pub settings: &'a Settings,
    /// The ledger's rules.
    pub rules: &'a dyn LedgerRules,
    /// The shop's domain.
    pub shop: &'a str,
    /// What was decided for it before.
    pub stamp: Option<&'a Stamp>,
    /// The newest event of it.
    pub seen: i64,
    /// True while Shopify can be asked for it.
    pub may_fetch: bool,
    /// True once waiting for transactions is over.
    pub may_infer: bool,
}

/// What it is decided by.
pub struct Circumstances {
    /// What was written of it.
    pub posted: PostedDocuments,
    booked: Booked,
    calendar: Calendar,
    cutover: Cutover,
    set_aside: bool,
}

impl Circumstances {
    /// As they are now.
    pub fn of(books: &Books<'_>, subject: &Subject<'_>) -> Result<Self, SqlError> {
        #[cfg(feature = "checks")]
        assert!(subject.state.snapshot.as_ref().is_none_or(|order| order.name != "#CRASH"), "an order that crashes");
        let sql = books.platform.sql;
        let posted = documents::posted(sql, subject.at)?;
        let booked = documents::booked(&posted);
        let calendar = books.company_facts()?.calendar(subject.settings);
        let is_older = |order| concerns(order, subject.settings, &calendar, &booked);
        let cutover = if subject.state.snapshot.as_ref().is_some_and(is_older) {
            Cutover {
                taken_over: cutover::is_taken_over(sql, subject.at)?,
                looked: cutover::look(sql, subject.at, subject.seen)?.taken,
                may_fetch: subject.may_fetch,
                answers: cutover::answers(sql, subject.at)?,
            }
        } else {
            Cutover::default()
        };
        let set_aside = set_aside::is(sql, subject.at)?;
        Ok(Self { posted, booked, calendar, cutover, set_aside })
    }

    /// Everything that normalisation decides from.
    pub fn input<'a>(&'a self, subject: &Subject<'a>) -> Input<'a> {
        Input {
            state: subject.state,
            settings: subject.settings,
            rules: subject.rules,
            calendar: &self.calendar,
            shop: subject.shop,
            stamp: subject.stamp,
            booked: &self.booked,
            may_infer: subject.may_infer,
            cutover: &self.cutover,
            set_aside: self.set_aside,
        }
    }
}
