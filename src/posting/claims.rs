//! Which books hold a company. Each company has an object of its own, named after it, that knows nothing else: asked by
//! whoever is about to post there, it answers the same to everybody, at once. The first books to ask hold it.
//!
//! It is asked when a company is confirmed or connected again, whenever the settings are held against the ledger, and when
//! the labels in the settings change; what it said is kept in the books' notebook under `claim`. Books that lose a company
//! because the settings know them no more are told before others get it: they may come back, and must not go on then.

use serde::{Deserialize, Serialize};

use super::books::Books;
use super::preflight;
use super::schema::{clear_meta, meta, set_meta};
use super::tokens::Refused;
use crate::books::rules::LedgerName;
use crate::config::Connection;
use crate::platform::{Claim, Sql, SqlError, Unasked, transaction};

const CLAIM: &str = "claim";

/// What the company's object said last.
#[derive(Serialize, Deserialize)]
struct Answer {
    /// To which question: another company, or other labels in the settings, may have another answer.
    claim: Claim,
    holder: String,
}

/// The name of a company's own object. No label of books can look like it.
pub fn object(ledger: &str, company: &str) -> String {
    format!("company:{ledger}:{company}")
}

/// Why books are refused a company that others hold.
pub fn taken(other: &str) -> String {
    format!("the books `{other}` hold this company already; two sets of books for one company would post twice")
}

impl Books<'_> {
    fn claim_of(&self, ledger: LedgerName, company: &str) -> Claim {
        // Whose settings cannot be read keep what they hold.
        let may_hold = |one: &&Connection| one.settings.as_ref().map_or(true, |settings| settings.ledger == ledger);
        let all = self.connections.iter().chain(&self.others);
        let mut configured: Vec<String> = all.filter(may_hold).map(|one| one.books.clone()).collect();
        configured.sort();
        configured.dedup();
        Claim { object: object(ledger.as_str(), company), books: self.id.to_owned(), configured }
    }

    /// The books that hold the company, these or others; empty if none do. Nothing is claimed.
    pub(super) async fn who_holds(&self, ledger: LedgerName, company: &str) -> Result<String, Unasked> {
        let only_asks = Claim { books: String::new(), ..self.claim_of(ledger, company) };
        self.platform.companies.claim(only_asks).await
    }

    fn last_answer(&self) -> Result<Option<Answer>, SqlError> {
        Ok(meta(self.platform.sql, CLAIM)?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// True if the company's object was asked under the present settings, whatever it said.
    pub(super) fn was_asked_who_holds(&self, ledger: LedgerName, company: &str) -> Result<bool, SqlError> {
        let claim = self.claim_of(ledger, company);
        Ok(self.last_answer()?.is_some_and(|answer| answer.claim == claim))
    }

    /// The other books that hold the company, if any do; else these hold it from now on. Asks nobody where that is known
    /// already.
    pub(super) async fn other_holder(&self, ledger: LedgerName, company: &str) -> Result<Option<String>, Refused> {
        let claim = self.claim_of(ledger, company);
        match self.last_answer()? {
            Some(answer) if answer.claim == claim && answer.holder == self.id => Ok(None),
            _ => self.ask_who_holds(ledger, company).await,
        }
    }

    /// The same, asked in any case.
    pub(super) async fn ask_who_holds(&self, ledger: LedgerName, company: &str) -> Result<Option<String>, Refused> {
        let claim = self.claim_of(ledger, company);
        let asked = self.platform.companies.claim(claim.clone()).await;
        let holder = asked.map_err(|unasked| Refused::Later(unasked.to_string()))?;
        transaction(self.platform.sql, |sql| {
            let before = self.last_answer()?.map_or_else(|| self.id.to_owned(), |answer| answer.holder);
            if before != holder {
                // It is the same for every connection of these books.
                preflight::forget_verdicts(sql)?;
            }
            let answer = Answer { claim, holder: holder.clone() };
            set_meta(sql, CLAIM, &serde_json::to_string(&answer).map_err(|error| SqlError(error.to_string()))?)
        })?;
        Ok(Some(holder).filter(|holder| holder != self.id))
    }
}

/// What the company's object knows.
fn recorded(sql: &dyn Sql) -> Result<Option<String>, SqlError> {
    sql.exec("CREATE TABLE IF NOT EXISTS claim (one INTEGER PRIMARY KEY CHECK (one = 1), books TEXT NOT NULL)", &[])?;
    sql.exec("SELECT books FROM claim", &[])?.first().map(|row| row.text("books")).transpose()
}

/// The books that lose the company to `claim`: they are to be told ([`lost`]) before it is carried out.
pub fn loser(sql: &dyn Sql, claim: &Claim) -> Result<Option<String>, SqlError> {
    let loses = |holder: &String| !claim.books.is_empty() && !claim.configured.contains(holder);
    Ok(recorded(sql)?.filter(loses).filter(|holder| *holder != claim.books))
}

/// These books lost their company while the settings did not know them: who holds it is to be asked anew.
pub fn lost(sql: &dyn Sql) -> Result<(), SqlError> {
    clear_meta(sql, CLAIM)
}

/// Books want the company. Returns who holds it now: they themselves, or others that had it before and are still among
/// the configured ones. A claim that names no books only asks.
pub fn claim(sql: &dyn Sql, claim: &Claim) -> Result<String, SqlError> {
    transaction(sql, |sql| {
        if let Some(holder) = recorded(sql)?.filter(|holder| claim.configured.contains(holder)) {
            return Ok(holder);
        }
        if !claim.books.is_empty() {
            let statement = "INSERT OR REPLACE INTO claim (one, books) VALUES (1, ?)";
            sql.exec(statement, &[claim.books.as_str().into()])?;
        }
        Ok(claim.books.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::native::Sqlite;

    #[test]
    fn the_first_books_hold_a_company_until_they_are_no_longer_configured() {
        let sql = Sqlite::in_memory().unwrap();
        let wanted = |books: &str, configured: &[&str]| {
            let configured = configured.iter().map(|one| (*one).to_owned()).collect();
            let wanted = Claim { object: String::new(), books: books.to_owned(), configured };
            (loser(&sql, &wanted).unwrap(), claim(&sql, &wanted).unwrap())
        };
        let holds = |books: &str| (None, books.to_owned());
        assert_eq!(wanted("", &["one", "two"]), holds(""), "only asking claims nothing");
        assert_eq!(wanted("one", &["one", "two"]), holds("one"));
        assert_eq!(wanted("two", &["one", "two"]), holds("one"));
        assert_eq!(wanted("one", &["one", "two"]), holds("one"), "asking again changes nothing");
        assert_eq!(wanted("", &["one", "two"]), holds("one"));
        assert_eq!(wanted("", &["two"]), holds(""), "books that are gone hold nothing");
        assert_eq!(wanted("two", &["two"]), (Some("one".to_owned()), "two".to_owned()), "and hear of it");
        assert_eq!(wanted("two", &["two"]), holds("two"), "once");
    }
}
