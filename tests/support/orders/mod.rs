//! Lives of orders as Shopify lets them happen, drawn at random: a [`Plan`] says what somebody does, the [`Till`] does it
//! with Shopify's own arithmetic (facts/shopify §2.3 to §2.6) and says what is delivered, and in the end what the books
//! should show.
//!
//! Every amount is worked out in whole minor units of the buyer's currency; the shop's side of each amount is converted
//! and rounded by itself, so that the parts need not add up there, as in Shopify.
#![allow(dead_code)] // Each test binary uses its own part.

mod body;
mod goods;
pub mod plan;
mod refund;
mod till;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

pub use plan::Plan;
use till::Till;

/// What Shopify delivers of one order, in order, and what follows from it for the books.
#[derive(Debug, Clone)]
pub struct Life {
    /// Topic and body of each delivery. What belongs to one act of somebody's stands in one list.
    pub acts: Vec<Vec<(String, Value)>>,
    pub order_id: String,
    /// Currency codes and decimals.
    pub shop: Currency,
    pub presentment: Currency,
    pub expected: Expected,
}

/// What holds at the end of a life. In minor units of the buyer's currency.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// What was really received, and given back.
    pub received: i64,
    pub refunded: i64,
    /// What the buyer still owes; below zero what is owed to the buyer.
    pub outstanding: i64,
    /// What Shopify says of each refund's money, by refund id; refunds without money are not in it.
    pub refunds: Vec<(String, i64)>,
    /// Successful receipts by transaction id.
    pub receipts: Vec<(String, i64)>,
    pub is_cancelled: bool,
    /// True if money that was to go back for something did not arrive, or not yet.
    pub has_failed: bool,
    /// The seller's tax of what the buyer kept, by the rates that are charged together (in ten-thousandths), where Shopify's
    /// figures alone say it.
    pub tax: Option<BTreeMap<Vec<i64>, i64>>,
    /// By how much it may be off: which cents of a line that is taxed anew are of units that came back before, Shopify does
    /// not say.
    pub tax_crumbs: i64,
    /// And by how much more the tax of each rate may be, where a delivery bears several and parts of it came back.
    pub divided: i64,
    /// True if nobody says which of several deliveries came back.
    pub names_no_delivery: bool,
}

/// A currency with its number of decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency {
    pub code: &'static str,
    pub decimals: u32,
}

impl Life {
    /// Plays a plan.
    pub fn of(plan: &Plan) -> Self {
        Till::play(plan)
    }

    pub fn deliveries(&self) -> impl Iterator<Item = &(String, Value)> {
        self.acts.iter().flatten()
    }

    pub fn one_currency(&self) -> bool {
        self.shop == self.presentment
    }

    /// An amount in minor units of the buyer's currency.
    pub fn decimal(&self, minor: i64) -> rust_decimal::Decimal {
        rust_decimal::Decimal::new(minor, self.presentment.decimals)
    }
}

/// Any life.
pub fn lives() -> impl Strategy<Value = Plan> {
    plan::plans(true)
}

/// Lives of orders that are sold and paid, and nothing more.
pub fn sales() -> impl Strategy<Value = Plan> {
    plan::plans(false)
}
