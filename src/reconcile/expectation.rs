//! What an order calls for, reduced to what can be compared with a ledger.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::features::Features;
use crate::books::calendar::Calendar;
use crate::books::document::{Document, DocumentKey, DocumentKind, Standing};
use crate::books::hold::Hold;
use crate::books::listed::ListedLine;
use crate::books::money::{Currency, round_half_up};
use crate::books::rules::LedgerRules;
use crate::normalize::{Desired, sale_date};
use crate::shopify::OrderState;
use crate::shopify::money::Side;

/// A document, reduced to what is compared. Amounts have the decimals that the ledger keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Which one of the order.
    pub key: DocumentKey,
    /// Its kind.
    pub kind: DocumentKind,
    /// Its number; of a payment the reference.
    pub number: String,
    /// The currency of its amounts.
    pub currency: Currency,
    /// What it comes to, tax included.
    pub total: Decimal,
    /// The tax in it, where the ledger would state it.
    pub tax: Option<Decimal>,
    /// The accounting date.
    pub date: NaiveDate,
    /// Whether it ought to count.
    pub standing: Standing,
    /// Of money and of an application, the document that it settles.
    pub settles: Option<DocumentKey>,
    /// Of an application, the credit that is applied.
    pub from: Option<DocumentKey>,
    /// The lines that the ledger will show.
    pub lines: Vec<ListedLine>,
}

impl Expected {
    /// What `document` will look like in the ledger of these rules.
    pub fn of(document: &Document, rules: &dyn LedgerRules) -> Self {
        let (kind, currency) = (document.kind(), document.currency);
        let kept = |amount| round_half_up(amount, rules.decimals(currency));
        let body = document.itemised();
        let line = |line: ListedLine| ListedLine { amount: kept(line.amount), ..line };
        let settlement = document.settlement();
        Self {
            key: document.key.clone(),
            kind,
            number: document.number().to_owned(),
            currency,
            total: kept(document.total),
            tax: body.map(|body| kept(rules.compute(body, currency).tax())),
            date: document.date,
            standing: document.standing,
            settles: settlement.map(|money| money.settles.clone()),
            from: settlement.and_then(|money| money.from.clone()),
            lines: body.map_or_else(Vec::new, |body| rules.shown(kind, body, currency).into_iter().map(line).collect()),
        }
    }

    /// True if it ought to count.
    pub fn is_live(&self) -> bool {
        self.standing == Standing::Live
    }

    /// Its total as people write it.
    pub fn shown(&self) -> String {
        self.currency.show(self.total)
    }
}

/// What an order calls for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calls {
    /// These documents.
    Documents(Vec<Expected>),
    /// None, by the rule of that name.
    Nothing(String),
    /// A person has to look before that can be said.
    Held {
        /// The hold's code.
        reason: String,
        /// Its particulars.
        detail: String,
    },
    /// The order itself or its transactions are still to come.
    Waiting,
}

impl Calls {
    /// What normalisation said, in the terms of the ledger of these rules.
    pub fn of(result: Result<&Desired, &Hold>, rules: &dyn LedgerRules) -> Self {
        let held = |hold: &Hold| Calls::Held { reason: hold.reason.code().to_owned(), detail: hold.detail.clone() };
        match result {
            Err(hold) => held(hold),
            Ok(Desired::Ignored(rule)) => Calls::Nothing(rule.rule().to_owned()),
            Ok(Desired::AwaitsOrder | Desired::AwaitsTransactions) => Calls::Waiting,
            Ok(Desired::Cutover(question)) => question.hold.as_ref().map_or(Calls::Waiting, held),
            Ok(Desired::Documents(all)) if all.documents.is_empty() && all.awaits_transactions => Calls::Waiting,
            Ok(Desired::Documents(all)) => {
                Calls::Documents(all.documents.iter().map(|one| Expected::of(one, rules)).collect())
            }
        }
    }

    /// The documents that are known to be called for.
    pub fn documents(&self) -> &[Expected] {
        if let Calls::Documents(documents) = self { documents } else { &[] }
    }
}

/// One order and what it calls for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// Shopify's id.
    pub order_id: String,
    /// The name people know.
    pub name: String,
    /// Of which state of the order this is true (`updated_at`; empty where the body does not say).
    pub updated_at: String,
    /// The day of the sale.
    pub date: Option<NaiveDate>,
    /// The order's total in the buyer's currency and, if that is another, in the shop's.
    pub totals: Vec<(Currency, Decimal)>,
    /// What it calls for.
    pub calls: Calls,
    /// What it is like.
    pub features: Features,
}

impl Expectation {
    /// The order `state` and what it calls for; `None` as long as the order itself has not arrived.
    pub fn of(state: &OrderState, calls: Calls, calendar: &Calendar) -> Option<Self> {
        let order = state.snapshot.as_ref()?;
        let sides = if order.one_currency() { &[Side::Shop][..] } else { &[Side::Presentment, Side::Shop] };
        let total = |side: &Side| Some((order.currency_of(*side), order.total(*side)? + order.cash_rounding(*side)));
        Some(Self {
            order_id: order.id.0.clone(),
            name: order.name.clone(),
            updated_at: order.updated_at.map(|at| at.to_rfc3339()).unwrap_or_default(),
            date: Some(sale_date(order, calendar)),
            totals: sides.iter().filter_map(total).collect(),
            calls,
            features: Features::of(state),
        })
    }
}
