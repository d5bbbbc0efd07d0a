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
