//! What ought to stand in the books: a pure function of an order's state, the settings and the ledger's rules. It never
//! asks what was posted, what time it is or what arrived first; the same input gives the same documents for ever.

use chrono::{DateTime, FixedOffset, NaiveDate};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::books::calendar::Calendar;
use crate::books::document::{Content, Conversion, Document, DocumentKey, Standing};
use crate::books::hold::{Hold, HoldReason};
use crate::books::money::round_half_up;
use crate::books::rules::LedgerRules;
use crate::config::{CurrencySide, SaleDocument, Settings, TaxBooking, ZeroTotal};
use crate::shopify::money::{Id, Side};
use crate::shopify::{Order, OrderState, drift};

mod adjust;
mod adjustment;
mod bands;
mod booked;
mod cash;
mod credit_lines;
mod currency;
pub mod cutover;
mod differences;
mod duties;
mod earlier;
mod inferred;
mod lines;
mod notes;
mod notice;
pub mod number;
mod owed;
mod party;
mod payments;
mod refunds;
mod returns;
mod rounding;
mod sale;
mod series;
mod split;
mod tax;
pub mod text;
mod writer;

pub use booked::{Booked, BookedDocument};
pub use cutover::{Cutover, Question};
pub use notes::{FX_DRIFT, RULES};
pub use notice::told;
pub use rounding::with_rounding;
pub use writer::{Adjustment, PERSONAL};

use series::Series;
use writer::Writer;

/// What was decided for an order once and stays: settings that change later do not rewrite its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Which side of Shopify's amounts its documents are in.
    pub side: CurrencySide,
    /// The prefix of its document numbers.
    pub number_prefix: String,
    /// What was booked as received without its transactions being known, in the buyer's currency.
    pub inferred: Option<Decimal>,
    /// The transactions that were known then: the inferred money is none of theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<String>,
    /// When the order said so: nor is it that of a transaction made later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_at: Option<DateTime<FixedOffset>>,
}

impl Stamp {
    /// As the settings are now.
    fn new(settings: &Settings) -> Self {
        Self {
            side: settings.currency,
            number_prefix: settings.number_prefix.clone(),
            inferred: None,
            known: Vec::new(),
            said_at: None,
        }
    }
}

/// Everything that [`desired`] decides from.
pub struct Input<'a> {
    /// All that is known of the order.
    pub state: &'a OrderState,
    /// The connection's settings.
    pub settings: &'a Settings,
    /// The ledger's rules.
    pub rules: &'a dyn LedgerRules,
    /// The company's days.
    pub calendar: &'a Calendar,
    /// The shop's domain.
    pub shop: &'a str,
    /// What was decided for this order before.
    pub stamp: Option<&'a Stamp>,
    /// What stands in the ledger already, and what was voided.
    pub booked: &'a Booked,
    /// True once waiting for transactions is over and a payment may be inferred from the order itself.
    pub may_infer: bool,
    /// What is known of an order that is older than the start date.
    pub cutover: &'a Cutover,
    /// True if a person keeps it out of the books.
    pub set_aside: bool,
}

/// Why an order makes no documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// Made in test mode.
    TestOrder,
    /// Sold before the connection's start date, and no money moved since.
    BeforeStartDate,
    /// A person said that it is to be left out, or the money which moved since the start date.
    ByPerson,
    /// Nothing to pay, and the settings say to leave such orders out.
    ZeroTotal,
    /// Cancelled before anything was posted.
    Cancelled,
    /// Nothing is known of it but that Shopify deleted it.
    Deleted,
}

impl Ignored {
    /// The rule's name in tables.
    pub fn rule(self) -> &'static str {
        match self {
            Ignored::TestOrder => "test_order",
            Ignored::BeforeStartDate => "before_start_date",
            Ignored::ByPerson => "ignored_by_person",
            Ignored::ZeroTotal => "zero_total",
            Ignored::Cancelled => "cancelled_before_posting",
            Ignored::Deleted => "deleted",
        }
    }
}

/// What an order ought to be in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Desired {
    /// Nothing, by this rule.
    Ignored(Ignored),
    /// The order itself has not arrived yet; only a refund or a transaction has.
    AwaitsOrder,
    /// It is older than the start date, and says that it was paid, but not when.
    AwaitsTransactions,
    /// Money of an older order that needs another integration's invoice.
    Cutover(Question),
    /// These documents.
    Documents(Box<Documents>),
}

/// The documents of an order, in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// The documents.
    pub documents: Vec<Document>,
    /// What normalisation changed on the way.
    pub notes: Vec<Adjustment>,
    /// What is decided for this order from now on.
    pub stamp: Stamp,
    /// True if Shopify says that more was paid than its known transactions show: wait for them, then infer.
    pub awaits_transactions: bool,
    /// Money that was returned by no refund that is known: wait for it, then this is the hold.
    pub unexplained: Option<Hold>,
    /// What a person should know although nothing more is to be posted.
    pub notice: Option<Hold>,
}

/// The documents that `input` ought to have, or why a person has to look.
pub fn desired(input: &Input<'_>) -> Result<Desired, Hold> {
    if input.set_aside {
        return Ok(Desired::Ignored(Ignored::ByPerson));
    }
    let early: Vec<Id> = input.state.early_refunds().filter(|id| !input.booked.has_credit(id)).cloned().collect();
    if !early.is_empty() {
        // Of what it takes back nothing is known yet: its money waits for the order, as if nobody had said what it is for.
        let state = input.state.without_refunds(&early);
        let mut known = desired(&Input { state: &state, ..*input })?;
        if let Desired::Documents(documents) = &mut known
            && let Some(hold) = &mut documents.unexplained
        {
            let names: Vec<&str> = early.iter().map(Id::as_str).collect();
            hold.detail = format!("refund {} takes back goods that the order does not have", names.join(", "));
        }
        return Ok(known);
    }
    let Some(order) = &input.state.snapshot else {
        return Ok(if input.state.deleted { Desired::Ignored(Ignored::Deleted) } else { Desired::AwaitsOrder });
    };
    if let Some(ignored) = left_out(input, order) {
        return Ok(Desired::Ignored(ignored));
    }
    if let Some(desired) = cutover::desired(input, order)? {
        return Ok(desired);
    }
    if let Some(what) = drift::unsafe_value(input.state) {
        return Err(Hold::new(HoldReason::ShopifyChanged, what));
    }
    let mut case = Case::new(input, order)?;
    tax::check(&case)?;
    let returns = returns::returns(&case)?;
    let receipts = payments::receipts(&mut case, &returns)?;
    let paid = if receipts.awaits_transactions { receipts.total.max(receipts.said) } else { receipts.total };
    let target = sale::target(&case, paid, &returns)?;
    case.notice = notice::not_refunded(&case, receipts.total, &returns)?;
    let nothing_left = target.booked.is_zero()
        && (order.cancelled_at.is_some() || target.reduced || input.settings.zero_total == ZeroTotal::Ignore);
    if nothing_left && input.booked.is_empty() {
        let is_cancelled = order.cancelled_at.is_some() || target.reduced;
        return Ok(Desired::Ignored(if is_cancelled { Ignored::Cancelled } else { Ignored::ZeroTotal }));
    }
    let awaits = receipts.awaits_transactions;
    if nothing_left {
        return Ok(case.into_documents(voided(input.booked), awaits));
    }
    if awaits && input.settings.sale_document == SaleDocument::Receipt && input.booked.is_empty() {
        // Whether one tender paid everything at once is not known yet.
        return Ok(case.into_documents(Vec::new(), awaits));
    }
    let (sold, earlier) = sale::body(&mut case, &target, &returns)?;
    let mut wanted = earlier::with(&sold, &earlier);
    tax::as_lines(&mut case, &DocumentKey::sale(), &mut wanted)?;
    let mut series = series::series(&mut case, wanted, &target, &receipts, &returns)?;
    let payments = payments::payments(&mut case, &target, &receipts, &mut series)?;
    let Series { mut sales, credits, owed_back, .. } = series;
    sales.extend(credits);
    let refunds = refunds::refunds(&mut case, &sold, &target, &returns, owed_back, &sales, |_| true)?;
    sales.extend(payments);
    sales.extend(refunds);
    if case.notice.is_none() && !awaits {
        case.notice = notice::other_tax(&case, &returns, receipts.total - returns.money(), &sales)?;
    }
    Ok(case.into_documents(sales, awaits))
}

/// The rule that keeps an order out of the books whatever its date, if one does.
fn left_out(input: &Input<'_>, order: &Order) -> Option<Ignored> {
    if order.test {
        return Some(Ignored::TestOrder);
    }
    (input.state.deleted && input.booked.is_empty()).then_some(Ignored::Deleted)
}

/// Nothing of it ought to count any more.
fn voided(booked: &Booked) -> Vec<Document> {
    let void = |one: &BookedDocument| Document { standing: Standing::Void, ..one.document.clone() };
    booked.0.values().map(void).collect()
}

/// A document of this order.
pub(crate) fn document(
    case: &Case<'_>,
    key: DocumentKey,
    date: NaiveDate,
    total: Decimal,
    content: Content,
) -> Document {
    Document {
        key,
        standing: Standing::Live,
        currency: case.currency,
        conversion: case.conversion.clone(),
        date,
        total,
        buyer_total: None,
        party: case.party.clone(),
        order_id: case.order.id.0.clone(),
        order_name: case.order_name.clone(),
        content,
    }
}

/// The accounting date of a sale: of the instant that Shopify's own reports use.
pub fn sale_date(order: &Order, calendar: &Calendar) -> NaiveDate {
    calendar.day(order.processed_at.unwrap_or(order.created_at))
}

/// One order on its way to documents: the input and what follows from it at once.
pub(crate) struct Case<'a> {
    input: &'a Input<'a>,
    order: &'a Order,
    stamp: Stamp,
    writer: Writer<'a>,
    /// The side that is booked.
    side: Side,
    /// The currency of that side.
    currency: crate::books::Currency,
    /// Decimals of booked amounts.
    decimals: u32,
    /// The exchange rate that documents state.
    conversion: Option<Conversion>,
    /// How its taxes are booked: as the settings say, until something of it is final.
    tax: TaxBooking,
    /// The sale date.
    date: NaiveDate,
    /// What the sale document has to come to: the order's total and its cash rounding.
    total: Decimal,
    /// The same on the buyer's side.
    presentment_total: Decimal,
    party: crate::books::Party,
    order_name: String,
    /// What a person should know of it although nothing waits.
    notice: Option<Hold>,
    /// True if it is older than the start date, so that its sale is somebody else's.
    is_older: bool,
}

impl<'a> Case<'a> {
    fn new(input: &'a Input<'a>, order: &'a Order) -> Result<Self, Hold> {
        let stamp = input.stamp.cloned().unwrap_or_else(|| Stamp::new(input.settings));
        let side = match stamp.side {
            CurrencySide::Shop => Side::Shop,
            CurrencySide::Presentment => Side::Presentment,
        };
        let currency = order.currency_of(side);
        let decimals = currency::booked_decimals(currency, input.rules.decimals(currency));
        let total_on = |side| {
            let total = order.total(side).ok_or_else(|| missing("total_price_set"))?;
            Ok::<Decimal, Hold>(total + order.cash_rounding(side))
        };
        let mut writer = Writer::new(input.rules, input.settings.emoji);
        // Whose account and which day the sale is on was decided when it was booked.
        let sale = input.booked.sales().first().copied();
        let party = match sale {
            Some(sale) => sale.party.clone(),
            None => party::party(&mut writer, input, order, currency),
        };
        let date = sale.map_or_else(|| sale_date(order, input.calendar), |sale| sale.date);
        let order_name = writer.name_of(order);
        let conversion = match sale {
            Some(sale) => sale.conversion.clone(),
            None => currency::conversion(input.settings, input.rules.home(), order, side),
        };
        let (total, presentment_total) = (round_half_up(total_on(side)?, decimals), total_on(Side::Presentment)?);
        if total < Decimal::ZERO {
            let text = format!("the order's total is below zero: {}", currency.show(total));
            return Err(Hold::new(HoldReason::OrderInconsistent, text));
        }
        Ok(Self {
            input,
            order,
            stamp,
            writer,
            side,
            currency,
            decimals,
            conversion,
            tax: tax::booking(input),
            date,
            total,
            presentment_total,
            party,
            order_name,
            notice: None,
            is_older: false,
        })
    }

    fn into_documents(mut self, mut documents: Vec<Document>, awaits_transactions: bool) -> Desired {
        documents.iter_mut().for_each(|one| self.out_of_closed_period(one));
        let notes = self.writer.into_notes();
        let unexplained = self.input.state.unexplained_refund().map(|one| {
            let text = format!("transaction {} returned money, and no refund that names it has arrived", one.id.0);
            Hold::new(HoldReason::RefundUnknown, text)
        });
        let notice = told(self.input).or(self.notice);
        Desired::Documents(Box::new(Documents {
            documents,
            notice,
            notes,
            stamp: self.stamp,
            awaits_transactions,
            unexplained,
        }))
    }

    /// The day of an instant in the company's books.
    fn day(&self, at: DateTime<FixedOffset>) -> NaiveDate {
        self.input.calendar.day(at)
    }

    /// A document that is not booked yet and whose day is closed is dated on the first open one.
    fn out_of_closed_period(&mut self, one: &mut Document) {
        let open = self.input.calendar.open_day(one.date);
        if open == one.date || self.input.booked.standing().any(|booked| booked.key == one.key) {
            return;
        }
        self.writer.note(&one.key, "date", "closed_period", &one.date.to_string(), &open.to_string());
        one.date = open;
        one.due_no_earlier(open);
    }

    /// The account of a gateway, or the hold that names the missing key. Gift cards and store credit are liabilities:
    /// they never fall to the default account.
    fn payment_account(&self, gateway: &str) -> Result<String, Hold> {
        let settings = self.input.settings;
        let currency = self.currency.code();
        let found = match gateway {
            "gift_card" | "shopify_store_credit" => settings.own_payment_account(gateway, currency),
            _ => settings.payment_account(gateway, currency),
        };
        match found {
            Some(account) => Ok(account.to_owned()),
            None => Err(Hold::new(
                HoldReason::AccountUnmapped,
                format!("payments.{gateway} is missing: the account that a payment by `{gateway}` goes to"),
            )),
        }
    }
}

/// The hold for an amount that the body does not carry on the side that is booked.
fn missing(field: &str) -> Hold {
    Hold::new(
        HoldReason::OrderInconsistent,
        format!("the order does not carry `{field}` in the currency that is booked"),
    )
}
