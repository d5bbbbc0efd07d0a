//! Which of the sales that the ledger showed is the one of an older order.

use rust_decimal::Decimal;

use super::documents::show;
use super::{Case, Input, Order, Question};
use crate::books::document::{Content, Document, DocumentKey, DocumentKind, Itemised, Party, TaxMode};
use crate::books::foreign::{ForeignSale, ForeignStanding};
use crate::books::hold::{Hold, HoldReason};
use crate::config::CurrencySide;
use crate::normalize::{Stamp, currency, document};
use crate::shopify::money::Side;

/// The numbers that another integration would have given the order's invoice: its name without and with `#`, its id.
pub fn numbers(order: &Order) -> Vec<String> {
    let name = order.name.trim();
    let bare = name.trim_start_matches('#');
    let mut all: Vec<String> = Vec::new();
    for number in [bare.to_owned(), format!("#{bare}"), name.to_owned(), order.id.0.clone()] {
        if !number.trim_start_matches('#').is_empty() && !all.contains(&number) {
            all.push(number);
        }
    }
    all
}

/// The sale that was found, as the books see it from now on.
#[derive(Debug, Clone, PartialEq)]
pub struct Adopted {
    /// As a document: it is never written.
    pub document: Document,
    /// As the ledger stated it.
    pub sale: ForeignSale,
    /// What payments of ours may come to, the ones that stand in it included.
    pub room: Decimal,
    /// On which side of Shopify's amounts everything of the order is booked.
    pub stamp: Stamp,
}

/// The one of `found` that is the order's sale: it counts, its currency fits, its total is the order's. None or several
/// is a hold that says what was looked for and what was found.
pub fn adopt(input: &Input<'_>, order: &Order, question: &Question, found: &[ForeignSale]) -> Result<Adopted, Hold> {
    let mut known: Vec<&ForeignSale> = Vec::new();
    for sale in found {
        if !known.iter().any(|one| one.ledger_id == sale.ledger_id && one.kind == sale.kind) {
            known.push(sale);
        }
    }
    let mut fitting = Vec::new();
    for stamp in stamps(input) {
        let input = Input { stamp: Some(&stamp), ..*input };
        let case = Case::new(&input, order)?;
        for sale in known.iter().filter(|sale| fits(&case, sale)) {
            if !fitting.iter().any(|one: &Adopted| one.sale.ledger_id == sale.ledger_id) {
                fitting.push(taken(&case, sale));
            }
        }
    }
    if fitting.len() == 1
        && let Some(one) = fitting.pop()
    {
        return Ok(one);
    }
    let case = Case::new(input, order)?;
    let shown = |sale: &&ForeignSale| in_words(sale, sale.currency.unwrap_or(case.currency));
    let words: Vec<String> = known.iter().map(shown).collect();
    let result = match (known.len(), fitting.len()) {
        (0, _) => "the ledger has none".to_owned(),
        (_, 0) => format!("found {}; the order comes to {}", words.join(", "), totals(order)),
        _ => format!("several fit: {}", words.join(", ")),
    };
    let text = format!(
        "{} moved on or after {} for an order that is older; looked for its invoice as {}: {result}",
        show(&case, &question.money),
        input.settings.start_date,
        numbers(order).join(", "),
    );
    // Money was applied to the invoice before: it, or the order, was changed since.
    let changed = input.booked.foreign().is_some();
    Err(Hold::new(if changed { HoldReason::ChangedAfterPosting } else { HoldReason::BeforeStartDate }, text))
}

/// The sides on which the sale may be booked: the settings' own first, the other one only while nothing is booked.
fn stamps(input: &Input<'_>) -> Vec<Stamp> {
    let own = input.stamp.cloned().unwrap_or_else(|| Stamp::new(input.settings));
    let other = match own.side {
        CurrencySide::Shop => CurrencySide::Presentment,
        CurrencySide::Presentment => CurrencySide::Shop,
    };
    let other = Stamp { side: other, ..own.clone() };
    if input.booked.is_empty() { vec![own, other] } else { vec![own] }
}

fn fits(case: &Case<'_>, sale: &ForeignSale) -> bool {
    let rounding = case.order.cash_rounding(case.side);
    sale.standing == ForeignStanding::Counts
        && sale.currency.is_none_or(|currency| currency == case.currency)
        && (sale.total == case.total || sale.total == case.total - rounding)
}

fn taken(case: &Case<'_>, sale: &ForeignSale) -> Adopted {
    let party = Party {
        customer_id: None,
        name: format!("Customer of {}", sale.title()),
        given_name: String::new(),
        family_name: String::new(),
        email: None,
        currency: case.currency,
        ledger_id: Some(sale.party_id.clone()),
    };
    let lines = Itemised {
        number: sale.number.clone(),
        due_date: case.date,
        tax_mode: TaxMode::Exclusive,
        lines: Vec::new(),
        tax_total: Decimal::ZERO,
        cash: None,
    };
    let content =
        if sale.kind == DocumentKind::SalesReceipt { Content::SalesReceipt(lines) } else { Content::Invoice(lines) };
    let mut document = document(case, DocumentKey::sale(), case.date, sale.total, content);
    document.party = party;
    document.conversion = currency::conversion(case.input.settings, case.input.rules.home(), case.order, case.side);
    let pays = |one: &&Document| one.settlement().is_some_and(|money| money.settles.is_sale());
    let ours: Decimal = case.input.booked.standing().filter(pays).map(|one| one.total).sum();
    Adopted { document, room: sale.open + ours, sale: sale.clone(), stamp: case.stamp.clone() }
}

fn in_words(sale: &ForeignSale, currency: crate::books::Currency) -> String {
    let standing = match sale.standing {
        ForeignStanding::Counts => "",
        ForeignStanding::Draft => ", not approved",
        ForeignStanding::Void => ", voided",
        ForeignStanding::Taken => ", which is another order's",
    };
    format!("{} over {}{standing}", sale.title(), currency.show(sale.total))
}

/// What the order comes to, on both sides where they differ.
fn totals(order: &Order) -> String {
    let on = |side| order.total(side).map(|total| order.currency_of(side).show(total));
    let mut all: Vec<String> = [on(Side::Shop), on(Side::Presentment)].into_iter().flatten().collect();
    all.dedup();
    all.join(" or ")
}
