//! Lists that people take along, as CSV (RFC 4180). A cell that a spreadsheet would take for a formula begins with an
//! apostrophe.

use super::search::Found;
use crate::platform::{Row, Value};

/// Orders; with the names of the columns if it is the beginning of the list.
pub fn orders(all: &[Found], with_names: bool) -> String {
    let names = ["connection", "order_id", "name", "state", "reason", "remedy", "total", "first_seen_at", "updated_at"];
    let row = |one: &Found| {
        let may = |text: &Option<String>| text.clone().unwrap_or_default();
        [
            one.connection.clone(),
            one.order_id.clone(),
            one.name.clone(),
            one.state.clone(),
            may(&one.reason),
            may(&one.remedy),
            may(&one.total),
            one.first_seen_at.clone(),
            one.updated_at.clone(),
        ]
        .to_vec()
    };
    written(with_names.then(|| names.map(str::to_owned).to_vec()).into_iter().chain(all.iter().map(row)))
}

/// Rows of the journal under the names of their columns.
pub fn rows(columns: &[&str], all: &[Row]) -> String {
    let names = columns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    // By name: D1 gives a row's columns in an order of its own.
    let cell = |row: &Row, column: &str| match row.0.iter().find(|(name, _)| name == column) {
        Some((_, Value::Text(text))) => text.clone(),
        Some((_, Value::Int(number))) => number.to_string(),
        _ => String::new(),
    };
    let row = |row: &Row| columns.iter().map(|column| cell(row, column)).collect();
    written(std::iter::once(names).chain(all.iter().map(row)))
}

fn written(rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        // Into memory: there is nothing that could fail.
        let _ = writer.write_record(row.iter().map(|cell| harmless(cell)));
    }
    writer.into_inner().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// A number stays one; anything else that begins like a formula does not.
fn harmless(cell: &str) -> String {
    let is_number = cell.strip_prefix('-').unwrap_or(cell).bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_none_is_a_formula() {
        let row = |cells: [&str; 3]| {
            Row(["a", "b", "c"].into_iter().zip(cells).map(|(name, cell)| (name.to_owned(), cell.into())).collect())
        };
        let mut all = [row(["=HYPERLINK(\"x\")", "a,b", "-1.50"]), row(["@sum", "two\nlines", "-x"])];
        // In whatever order they come.
        all[1].0.reverse();
        assert_eq!(
            rows(&["a", "b", "c"], &all),
            "a,b,c\r\n\"'=HYPERLINK(\"\"x\"\")\",\"a,b\",-1.50\r\n'@sum,\"two\nlines\",'-x\r\n"
        );
        assert_eq!(rows(&["a", "b"], &[]), "a,b\r\n", "a list of nothing says of what");
    }
}
