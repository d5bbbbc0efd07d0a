//! Document numbers. The formats are frozen: a document is recognised by its number years later. Every number is
//! printable ASCII and at most [`LONGEST_NUMBER`] long; each format says what it falls back to where it would be longer.

use sha2::{Digest, Sha256};

/// The longest number that both ledgers take (QuickBooks `DocNumber`: 21).
pub const LONGEST_NUMBER: usize = 21;

/// The number of a sale: prefix and the order's name without `#`; prefix and the order's id where the name is not
/// printable ASCII or the number would be too long; `O<order id>` where even that is.
pub fn sale(prefix: &str, order_name: &str, order_id: &str) -> String {
    let name = order_name.trim().trim_start_matches('#');
    let printable = !name.is_empty() && name.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let named = printable.then(|| format!("{prefix}{name}"));
    fitting(named.into_iter().chain([format!("{prefix}{order_id}"), format!("O{order_id}")]))
}

/// True if an order's name is in the number of its sale.
pub fn is_named(number: &str, prefix: &str, order_name: &str) -> bool {
    number.strip_prefix(prefix) == Some(order_name.trim().trim_start_matches('#'))
}

/// The number of a credit: `<sale number>-R<refund id>`, or `R<refund id>` where that is too long.
pub fn credit(sale_number: &str, refund_id: &str) -> String {
    fitting([format!("{sale_number}-R{refund_id}"), format!("R{refund_id}")])
}

/// The number of an adjustment (1, 2, …): `<sale number>-A<n>`, or `A<n>-<order id>` where that is too long.
pub fn adjustment(sale_number: &str, order_id: &str, n: u32) -> String {
    fitting([format!("{sale_number}-A{n}"), format!("A{n}-{order_id}")])
}

/// The number of a part (2, 3, …) of a document that had to be split: `<number>-2`. Part 1 keeps the number.
pub fn part(number: &str, part: u32) -> String {
    if part <= 1 { number.to_owned() } else { suffixed(number, &format!("-{part}")) }
}

/// The number of a document that replaces a voided one: `<number>-v2`, `-v3`. The first has the number itself.
pub fn replacement(number: &str, generation: u32) -> String {
    if generation <= 1 { number.to_owned() } else { suffixed(number, &format!("-v{generation}")) }
}

/// A number with a suffix. Where that is too long a credit's number loses its sale's (`R<refund id>-v2`), any other
/// becomes `X` and its fingerprint, before the same suffix.
fn suffixed(number: &str, suffix: &str) -> String {
    let refund = number.rsplit_once("-R").map(|(_, refund)| format!("R{refund}{suffix}"));
    let marked = format!("X{}{suffix}", fingerprint(number));
    fitting([format!("{number}{suffix}")].into_iter().chain(refund).chain([marked]))
}

/// The first of the forms that is short enough. None of them is only where ids are longer than Shopify's have ever been:
/// then `X` and a fingerprint of the first one.
fn fitting(forms: impl IntoIterator<Item = String>) -> String {
    let mut first = None;
    for form in forms {
        if form.len() <= LONGEST_NUMBER {
            return form;
        }
        first.get_or_insert(form);
    }
    format!("X{}", fingerprint(&first.unwrap_or_default()))
}

/// 64 bits of the text's SHA-256 as thirteen digits and small letters.
fn fingerprint(text: &str) -> String {
    let mut rest = Sha256::digest(text).iter().take(8).fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    let mut digits = [b'0'; 13];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[(rest % 36) as usize];
        rest /= 36;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn number_formats_are_frozen() {
        assert_eq!(sale("S-", "#1001", "5678901234567"), "S-1001");
        assert_eq!(sale("S-", "", "5678901234567"), "S-5678901234567");
        assert_eq!(sale("S-", "#№1001", "5678901234567"), "S-5678901234567");
        assert_eq!(sale("S-", "#AVERYLONGORDERNAME-1001", "5678901234567"), "S-5678901234567");
        assert_eq!(sale("SHOP1-", "", "820982911946154508"), "O820982911946154508");
        assert_eq!(credit("S-1001", "1234567890123"), "S-1001-R1234567890123");
        assert_eq!(credit("S-100001", "1234567890123"), "R1234567890123");
        assert_eq!(adjustment("S-1001", "5678901234567", 1), "S-1001-A1");
        assert_eq!(adjustment("S-LONGNAMEDORDER-1001", "5678901234567", 12), "A12-5678901234567");
        assert_eq!(part("S-1001", 1), "S-1001");
        assert_eq!(part("S-1001", 2), "S-1001-2");
        assert_eq!(part("S-1001-R1234567890123", 2), "R1234567890123-2");
        assert_eq!(replacement("S-1001", 1), "S-1001");
        assert_eq!(replacement("S-1001", 2), "S-1001-v2");
        assert_eq!(replacement("S-1001-2", 3), "S-1001-2-v3");
        assert_eq!(replacement("S-1001-R1234567890123", 2), "R1234567890123-v2");
        assert_eq!(replacement("S-LONGNAMEDORDER-1001", 2), "X2h2ynjflpvtlx-v2");
    }

    /// Every number that an order's documents can have.
    fn all(prefix: &str, name: &str, id: &str, refunds: &[String]) -> Vec<String> {
        let sale = sale(prefix, name, id);
        let mut documents = vec![sale.clone()];
        documents.extend(refunds.iter().map(|refund| credit(&sale, refund)));
        documents.extend((1..=3).map(|n| adjustment(&sale, id, n)));
        let parts: Vec<String> = documents.iter().flat_map(|one| (1..=3).map(|n| part(one, n))).collect();
        parts.iter().flat_map(|one| [1, 2, 3, 12].map(|n| replacement(one, n))).collect()
    }

    proptest! {
        #[test]
        fn every_number_of_two_orders_is_short_plain_and_nobody_elses(
            prefix in "[A-Z]{1,5}-",
            names in proptest::collection::btree_set("#[0-9]{1,16}|#[A-Z]{3,20}[0-9]{4}|№[0-9]{4}", 2),
            ids in proptest::collection::btree_set("[1-9][0-9]{12,19}", 8),
        ) {
            let (names, ids): (Vec<_>, Vec<_>) = (names.into_iter().collect(), ids.into_iter().collect());
            // A name that is another order's id cannot be told from it; Shopify's names are not ids.
            prop_assume!(!names.iter().any(|name| ids.iter().any(|id| name.trim_start_matches('#') == id)));
            let mut numbers = all(&prefix, &names[0], &ids[0], &ids[2..5]);
            numbers.extend(all(&prefix, &names[1], &ids[1], &ids[5..8]));
            for number in &numbers {
                prop_assert!(number.len() <= LONGEST_NUMBER, "{} is too long", number);
                prop_assert!(number.bytes().all(|byte| byte.is_ascii_graphic()), "{} is not plain", number);
            }
            let different: BTreeSet<&String> = numbers.iter().collect();
            prop_assert_eq!(different.len(), numbers.len());
        }
    }
}
