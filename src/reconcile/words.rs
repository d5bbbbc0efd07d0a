//! The words in which a difference is told.

use rust_decimal::Decimal;

use crate::books::listed::ListedLine;
use crate::books::money::Currency;
use crate::books::rules::LedgerName;

/// How much of a text is shown.
const LONGEST_TEXT: usize = 120;

/// The order waits for a person.
pub fn held(code: &str) -> String {
    format!("held: {code}")
}

/// Somebody changed it.
pub fn by_hand(ledger: LedgerName) -> String {
    format!("changed in {} by hand after it was posted", ledger.title())
}

/// An amount with its currency, as far as that is known.
pub fn money(amount: Decimal, currency: Option<Currency>) -> String {
    currency.map_or_else(|| amount.normalize().to_string(), |currency| currency.show(amount))
}

/// An amount in each currency it is known in: `120.00 USD (95.40 EUR)`.
pub fn totals(totals: &[(Currency, Decimal)]) -> String {
    let mut shown = totals.iter().map(|(currency, amount)| currency.show(*amount));
    let first = shown.next().unwrap_or_default();
    shown.fold(first, |text, other| format!("{text} ({other})"))
}

/// The amounts of lines; those that only describe do not count: `2 lines: 10.00, 5.00`.
pub fn lines(lines: &[ListedLine]) -> String {
    let plain = |line: &ListedLine| {
        let amount = line.amount.normalize();
        format!("{amount:.*}", amount.scale().max(2) as usize)
    };
    let amounts: Vec<String> = lines.iter().filter(|line| !line.amount.is_zero()).map(plain).collect();
    let noun = if amounts.len() == 1 { "line" } else { "lines" };
    format!("{} {noun}: {}", amounts.len(), amounts.join(", "))
}

/// A text as ledgers compare it: spaces at its ends and several in a row say nothing.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text, short enough to be shown.
pub fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The first line whose text differs, on both sides; a line that only one side has differs from nothing.
pub fn first_different(expected: &[ListedLine], found: &[ListedLine]) -> Option<(String, String)> {
    let text = |lines: &[ListedLine], at: usize| lines.get(at).map(|line| plain(&line.text)).unwrap_or_default();
    let longest = expected.len().max(found.len());
    let (ours, theirs) =
        (0..longest).map(|at| (text(expected, at), text(found, at))).find(|(ours, theirs)| ours != theirs)?;
    Some(where_they_differ(&ours, &theirs))
}

/// Two texts, short enough to be shown: what differs only behind that is shown from there.
pub fn where_they_differ(ours: &str, theirs: &str) -> (String, String) {
    let same = ours.chars().zip(theirs.chars()).take_while(|(a, b)| a == b).count();
    let from = |text: &str| {
        if same < LONGEST_TEXT / 2 {
            return short(text);
        }
        format!("…{}", short(&text.chars().skip(same - LONGEST_TEXT / 4).collect::<String>()))
    };
    (from(ours), from(theirs))
}
