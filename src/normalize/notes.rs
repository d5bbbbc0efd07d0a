//! What adjustment notes say: every rule by which normalisation changes or derives something, and how a note shows it.

use rust_decimal::Decimal;

use super::Case;
use super::owed::Goods;
use super::returns::{Reading, Returned, Taken, taken};
use crate::books::computation::percent;
use crate::books::document::{Document, DocumentKey, Line, LineTax};
use crate::books::hold::Hold;
use crate::shopify::money::Side;

/// The rule that tells at which rate money moved.
pub const FX_DRIFT: &str = "fx_drift";

/// Every rule that a note may name, and what it did. `docs/adjustments.md` is generated from it.
pub const RULES: &[(&str, &str)] = &[
    ("composed", "Letters and their marks were composed (NFC)."),
    ("control_characters", "Control characters were taken out of a text."),
    ("bidi_controls", "Invisible direction marks were taken out of a text."),
    ("emoji_named", "Emoji became their names (`emoji = \"name\"`)."),
    ("emoji_removed", "Emoji were taken out (`emoji = \"strip\"`, or the field takes none)."),
    ("unsupported_characters", "Characters that the field cannot hold were replaced by their plain twin, or by `?`."),
    ("forbidden_characters", "Characters that the field refuses were replaced."),
    ("spaces", "Spaces at the ends, several in a row, tabs or line ends were taken out."),
    ("shortened", "A text that was too long for the field was cut."),
    ("empty_name", "Nothing was left of a text: the SKU, the id or a plain word stands for it."),
    ("number_from_id", "The order's name cannot be part of a document's number: the order's id stands in it."),
    ("description_split", "A line's description was too long: it goes on in lines without an amount."),
    ("email_left_out", "The customer's e-mail address is none that the ledger takes: it was left out."),
    ("closed_period", "The day is in a closed period: the document is dated on the first open one."),
    ("discount_excess", "A discount was larger than its line: what is beyond became a line of its own."),
    ("included_tax", "Shopify listed no tax: the price contains the one that the setting `included_tax` names."),
    ("delivery_bands", "A delivery bears several tax rates, each on a part of it: it became a line for each rate."),
    ("marketplace_tax", "Tax that a marketplace remits left its lines for a line on the account of `marketplace_tax`."),
    (
        "tax_taken_out",
        "The ledger, or `tax = \"line\"`, takes prices without tax: a price that contains tax was taken apart.",
    ),
    ("tax_as_line", "The tax of a rate left its lines for a line on the account of `tax` (`tax = \"line\"`)."),
    ("precision", "The currency has more decimals than the ledger keeps: the line was rounded to those."),
    ("ledger_rounding", "The ledger's own arithmetic misses the total by cents: a rounding line reaches it."),
    (
        "conversion_rounding",
        "Amounts that were converted one by one miss the total by cents: a rounding line reaches it.",
    ),
    (
        "ledger_computed",
        "The ledger computed another total than its arithmetic promises: the document was written again with a rounding line.",
    ),
    (
        "tax_below_zero",
        "More tax was kept back than came back, and the ledger takes no tax below zero: it became part of the amount that was kept.",
    ),
    ("ledger_tax", "The ledger reaches the same total with other cents of tax in it."),
    (FX_DRIFT, "A payment or refund moved at another exchange rate than the sale's: booked, and what moved."),
    ("change_given", "Cash was told as it was handed over: the change that went back came off the payment."),
    ("cash_received_rounded", "The till rounded the cash that it took in: the payment is what was taken in."),
    (
        "payment_inferred",
        "The order says that it is paid, and no transaction came: the payment was taken from the order.",
    ),
    (
        "overpayments",
        "More was paid than the order came to: the rest is owed to the buyer, on the account of `overpayments`.",
    ),
    (
        "refund_differences",
        "Money that no line explains (a refund beyond its lines or without any, something kept back, an exchange): a line of its own.",
    ),
    ("refund_rounding", "A refund and its lines differ by cents: a rounding line says so."),
    ("cash_rounding", "The till rounded the cash that it gave back: a rounding line says so."),
    (
        "refund_line_filled",
        "Shopify states 0.00 for something that was returned: its share of what was sold was taken.",
    ),
    (
        "refund_basis",
        "The figures of a refund meet its money only if they are read with, or without, tax: that reading was taken.",
    ),
    (
        "returned_at_another_rate",
        "Goods came back at another rate than the order has now: their tax, and what it is at the rate that they are booked at.",
    ),
    (
        "refund_of_earlier_return",
        "A refund pays for goods that an earlier return, or an edit, had taken off without money.",
    ),
    ("refund_of_lower_price", "A refund pays back what an edit had taken off the price after it was paid."),
    (
        "refund_of_exchange",
        "A refund settles what an exchange, or goods removed without a refund, had left in the sale.",
    ),
    (
        "refund_of_the_rest",
        "All that was received has gone back: the last refund takes back all that is left of the sale, with its tax.",
    ),
    (
        "refund_of_several_exchanges",
        "A refund settles a part of what several exchanges of different taxes had left in the sale, and nobody says of which: it was taken off each in its proportion, and the tax may be off by cents.",
    ),
    (
        "tax_moved",
        "The order moved to another country, or to another tax of the same rate, after money had made its sale final: what stood under the old tax code went to the new one.",
    ),
    ("edited", "The order changed after money had made its sale final: what it came to before, and now."),
    (
        "applied_to_older_invoice",
        "Money for an order older than the start date pays another integration's invoice: its number, and how much of it.",
    ),
    ("paid_by_sales_receipt", "Money for another integration's sales receipt, which says itself that it was paid."),
    ("stand_alone", "Money of an older order was posted without its invoice, as a person decided."),
];

/// A tax as a note shows it: `2.00 GBP at 20 %`.
fn tax(case: &Case<'_>, tax: &LineTax) -> String {
    format!("{} at {}", case.currency.show(tax.amount), percent(tax.rate))
}

/// Lines as a note shows them: `10.00 GBP, tax 2.00 GBP at 20 %`; several are joined by a plus sign.
pub(super) fn shown(case: &Case<'_>, lines: &[Line]) -> String {
    let one = |line: &Line| {
        let amount = case.currency.show(line.amount(case.currency));
        if line.tax.amount.is_zero() { amount } else { format!("{amount}, tax {}", tax(case, &line.tax)) }
    };
    lines.iter().map(one).collect::<Vec<_>>().join(" + ")
}

/// Tax that was taken out of a price because a setting says so.
pub(super) fn note_included(case: &mut Case<'_>, key: &DocumentKey, field: &str, within: &LineTax) {
    let after = tax(case, within);
    case.writer.note(key, field, "included_tax", "", &after);
}

/// Goods that are taken back at another rate than the refund tells.
pub(super) fn note_another_rate(case: &mut Case<'_>, key: &DocumentKey, entry: &Taken<'_>) {
    let Some(tax) = entry.told else { return };
    // Prices that contain their tax may be told without a word on it.
    if !tax.is_zero() || !case.order.taxes_included {
        let show = |amount| case.order.presentment_currency().show(amount);
        let (before, after) = (show(tax), show(entry.tax));
        case.writer.note(key, &entry.source, "returned_at_another_rate", &before, &after);
    }
}

/// A price that contains tax and was taken apart: `with_tax` became `line`.
pub(super) fn note_taken_out(case: &mut Case<'_>, key: &DocumentKey, with_tax: Decimal, line: &Line) {
    let (before, after) = (case.currency.show(with_tax), shown(case, std::slice::from_ref(line)));
    case.writer.note(key, &line.source, "tax_taken_out", &before, &after);
}

/// Tax that moved to other codes: in the document a line that goes is followed by the one that comes in its place.
pub(super) fn note_moved(case: &mut Case<'_>, document: &Document) {
    let lines = document.itemised().map_or(&[][..], |body| &body.lines);
    let mut moves: Vec<([String; 2], Decimal, Decimal)> = Vec::new();
    for pair in lines.chunks_exact(2).filter(|pair| pair[0].source == pair[1].source) {
        let [before, after] = [&pair[0].tax, &pair[1].tax];
        let name = |tax: &LineTax| format!("{} ({})", tax.code, tax.charged.as_deref().unwrap_or_default());
        let names = [name(before), name(after)];
        let (amount, tax) = (pair[1].amount(case.currency), after.amount);
        match moves.iter_mut().find(|(known, ..)| *known == names) {
            Some(known) => (known.1, known.2) = (known.1 + amount, known.2 + tax),
            None => moves.push((names, amount, tax)),
        }
    }
    for (names, amount, tax) in moves {
        let show = |amount| case.currency.show(amount);
        let [before, after] = names.map(|name| format!("{}, tax {} under {name}", show(amount), show(tax)));
        case.writer.note(&document.key, "tax_lines", "tax_moved", &before, &after);
    }
}

/// Tax that went to the marketplace's account.
pub(super) fn note_marketplace(case: &mut Case<'_>, key: &DocumentKey, field: &str, remitted: Decimal) {
    let after = case.currency.show(remitted);
    case.writer.note(key, field, "marketplace_tax", "", &after);
}

/// What of a refund's figures was not taken as it is usually meant, line by line.
pub(super) fn note_reading(case: &mut Case<'_>, key: &DocumentKey, one: &Returned<'_>) -> Result<(), Hold> {
    let currency = case.order.presentment_currency();
    let read = |reading| taken(case, one.refund, reading, Side::Presentment);
    let (usual, based, filled) = (read(Reading::USUAL)?, read(one.reading.unfilled())?, read(one.reading)?);
    for ((usual, based), filled) in usual.iter().zip(&based).zip(&filled) {
        let rule = if (based.with_tax, based.tax) != (filled.with_tax, filled.tax) {
            "refund_line_filled"
        } else if (usual.with_tax, usual.tax) != (filled.with_tax, filled.tax) {
            "refund_basis"
        } else {
            continue;
        };
        let show = |with_tax, tax| format!("{}, of it tax {}", currency.show(with_tax), currency.show(tax));
        let (before, after) = (show(usual.with_tax, usual.tax), show(filled.with_tax, filled.tax));
        case.writer.note(key, &filled.source, rule, &before, &after);
    }
    Ok(())
}

/// That a refund pays for goods which were taken off before it.
pub(super) fn note_earlier(case: &mut Case<'_>, key: &DocumentKey, goods: &Goods<'_, '_>) -> Result<(), Hold> {
    let field = match goods.returned {
        Some(one) => {
            note_reading(case, key, one)?;
            format!("refunds[{}]", one.refund.id.0)
        }
        None => goods.taken.first().map(|one| one.source.clone()).unwrap_or_default(),
    };
    let after = case.order.presentment_currency().show(goods.value);
    case.writer.note(key, &field, "refund_of_earlier_return", "", &after);
    Ok(())
}
