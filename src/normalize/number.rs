//! Document numbers. The formats are frozen: a document is recognised by its number years later.

/// The longest number that both ledgers take (QuickBooks `DocNumber`: 21).
pub const LONGEST_NUMBER: usize = 21;

/// The number of a sale: prefix and the order's name without `#`; prefix and the order's id where the name is not
/// printable ASCII or the number would be too long.
pub fn sale(prefix: &str, order_name: &str, order_id: &str) -> String {
    let name = order_name.trim().trim_start_matches('#');
    let number = format!("{prefix}{name}");
    let printable = name.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !name.is_empty() && printable && number.len() <= LONGEST_NUMBER { number } else { format!("{prefix}{order_id}") }
}

/// The number of a credit: `<sale number>-R<refund id>`, or `R<refund id>` where that is too long.
pub fn credit(sale_number: &str, refund_id: &str) -> String {
    let number = format!("{sale_number}-R{refund_id}");
    if number.len() <= LONGEST_NUMBER { number } else { format!("R{refund_id}") }
}

/// The number of what adjusts a sale: `<sale number>-A<n>`, or `A<n>-<order id>` where that is too long.
pub fn adjustment(sale_number: &str, order_id: &str, n: u32) -> String {
    let number = format!("{sale_number}-A{n}");
    if number.len() <= LONGEST_NUMBER { number } else { format!("A{n}-{order_id}") }
}

/// The number of a part: `<number>-2`, `-3`, …; the first part has the number itself.
pub fn part(number: &str, part: u32) -> String {
    if part <= 1 { number.to_owned() } else { format!("{number}-{part}") }
}

/// The number of a document that replaces a voided one: `<number>-v2`, `-v3`, …
pub fn replacement(number: &str, generation: u32) -> String {
    if generation <= 1 { number.to_owned() } else { format!("{number}-v{generation}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_formats_are_frozen() {
        assert_eq!(sale("S-", "#1001", "5678901234567"), "S-1001");
        assert_eq!(sale("S-", "", "5678901234567"), "S-5678901234567");
        assert_eq!(sale("S-", "#№1001", "5678901234567"), "S-5678901234567");
        assert_eq!(sale("S-", "#AVERYLONGORDERNAME-1001", "5678901234567"), "S-5678901234567");
        assert_eq!(credit("S-1001", "1234567890123"), "S-1001-R1234567890123");
        assert_eq!(credit("S-100001", "1234567890123"), "R1234567890123");
    }
}
