//! Which books hold a company. Each company has an object of its own, named after it, that knows nothing else: asked by
//! whoever is about to post there, it answers the same to everybody, at once. The first books to ask hold it.

use crate::platform::{Sql, SqlError, transaction};

/// The name of a company's own object. No label of books can look like it.
pub fn object(ledger: &str, company: &str) -> String {
    format!("company:{ledger}:{company}")
}

/// `books` want the company. Returns who holds it now: `books` themselves, or others that had it before and are still
/// among the `configured` ones.
pub fn claim(sql: &dyn Sql, books: &str, configured: &[String]) -> Result<String, SqlError> {
    transaction(sql, |sql| {
        sql.exec(
            "CREATE TABLE IF NOT EXISTS claim (one INTEGER PRIMARY KEY CHECK (one = 1), books TEXT NOT NULL)",
            &[],
        )?;
        let rows = sql.exec("SELECT books FROM claim", &[])?;
        let holder = rows.first().map(|row| row.text("books")).transpose()?;
        if let Some(holder) = holder.filter(|holder| configured.contains(holder)) {
            return Ok(holder);
        }
        sql.exec("INSERT OR REPLACE INTO claim (one, books) VALUES (1, ?)", &[books.into()])?;
        Ok(books.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::native::Sqlite;

    #[test]
    fn the_first_books_hold_a_company_until_they_are_no_longer_configured() {
        let sql = Sqlite::in_memory().unwrap();
        let both = ["one".to_owned(), "two".to_owned()];
        assert_eq!(claim(&sql, "one", &both).unwrap(), "one");
        assert_eq!(claim(&sql, "two", &both).unwrap(), "one");
        assert_eq!(claim(&sql, "one", &both).unwrap(), "one", "asking again changes nothing");
        assert_eq!(claim(&sql, "two", &both[1..]).unwrap(), "two", "books that are gone hold nothing");
    }
}
