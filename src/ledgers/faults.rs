//! What a ledger's faults mean. Each ledger has one table of them (`quickbooks/faults.rs`, `xero/faults.rs`): how a fault is
//! recognised, what the engine does about it, and the sentence that people read. `docs/errors.md` is written from it.

use chrono::Duration;

use super::{Failure, Outcome, Refusal};
use crate::books::hold::HoldReason;
use crate::platform::Response;

/// What the engine does about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The order waits for a person.
    Refused(HoldReason),
    /// Everything that the setting concerns waits until it is put right.
    Settings(HoldReason, Concerns),
    /// Nothing was done; try again after so many seconds, or when the ledger says.
    Wait(u32),
    /// The service is away. A question is asked again as after [`Class::Wait`]; a write may have been done.
    Away(u32),
    /// The access token has ended, or is said to.
    TokenExpired,
    /// The authorisation is gone.
    Reconnect,
    /// Something with this name or number exists, or the money may have moved already: look at it.
    Exists,
    /// Somebody changed the document: read it again, then do it again.
    Stale,
    /// It may have been done.
    Unknown,
    /// It was done, and the ledger remarks on it.
    Noted,
}

/// Whom a fault of the settings concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerns {
    /// Everything that goes to the company.
    Everything,
    /// Documents in the same currency.
    Currency,
    /// Documents of the same day or an earlier one.
    Date,
    /// Documents that name the same account, item, tax code or customer, where the ledger says which; else each order finds
    /// out for itself.
    Name,
    /// Documents of the same customer.
    Party,
}

impl Concerns {
    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Concerns::Everything => "everything",
            Concerns::Currency => "every document in that currency",
            Concerns::Date => "every document of that day or an earlier one",
            Concerns::Name => "every document that names the same account, item, tax code or customer",
            Concerns::Party => "every document of that customer",
        }
    }
}

impl Class {
    /// What the engine does, for people.
    pub fn deed(self) -> String {
        match self {
            Class::Refused(_) => "Nothing is sent again; the order waits for a person, all others go on.".into(),
            Class::Settings(_, concerns) => format!(
                "Holds {} without asking again. One order is tried now and then; once it passes, all go on in their order.",
                concerns.words()
            ),
            Class::Wait(_) => {
                "Nothing was done. The connection pauses as long as the ledger asks, then sends the same again.".into()
            }
            Class::Away(_) => {
                "The connection pauses ever longer, then one order goes ahead. What was sent may have been done: it is \
                 sent again as it was, or looked for."
                    .into()
            }
            Class::TokenExpired => {
                "Renews the access token once and sends the same again; if that does not help, a person has to connect again."
                    .into()
            }
            Class::Reconnect => "Nothing was done. The connection waits for a person; no order uses up attempts.".into(),
            Class::Exists => {
                "Looks for what is there, and takes it over if number, money, currency, customer and order agree.".into()
            }
            Class::Stale => "Reads the document again, and writes what is still missing.".into(),
            Class::Unknown => "It may have been done: it is sent again as it was, or looked for, never done twice.".into(),
            Class::Noted => "It was done; the remark is kept in `attempts`.".into(),
        }
    }

    /// What the user sees.
    pub fn shown(self) -> String {
        match self {
            Class::Refused(reason) => format!("hold `{}`", reason.code()),
            Class::Settings(reason, _) => format!("hold `{}`, one alert `settings_fault`", reason.code()),
            Class::Wait(_) => "`paused_until` and the reason in the status; the orders stay `pending`".into(),
            Class::Away(_) | Class::Unknown => {
                "state `retrying`, or `paused_until` in the status; after seven days hold `retries_exhausted`".into()
            }
            Class::TokenExpired => "nothing, or the connection stands at `reconnect`".into(),
            Class::Reconnect => "the connection stands at `reconnect`, one alert `reconnect`; the orders wait".into(),
            Class::Exists => "nothing, or hold `number_taken` if it is not ours".into(),
            Class::Stale => "state `retrying` for a moment".into(),
            Class::Noted => "the remark in `attempts`".into(),
        }
    }
}

/// One row: how the fault is recognised, what is done, what is said.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// The ledger's codes for it; none where the ledger has no code.
    pub codes: &'static [&'static str],
    /// Our name for it, where the ledger has no code.
    pub name: &'static str,
    /// The HTTP statuses it comes with; none where they do not matter.
    pub statuses: &'static [u16],
    /// Words of the answer, all of them, in lower case.
    pub words: &'static [&'static str],
    /// The ledger's own words, as an example.
    pub says: &'static str,
    /// What the engine does.
    pub class: Class,
    /// What people read.
    pub message: &'static str,
}

impl Fault {
    /// By the ledger's codes.
    pub const fn coded(codes: &'static [&'static str], class: Class, message: &'static str) -> Self {
        Self { codes, name: "", statuses: &[], words: &[], says: "", class, message }
    }

    /// By the ledger's words, under a name of ours.
    pub const fn said(
        name: &'static str,
        says: &'static str,
        words: &'static [&'static str],
        class: Class,
        message: &'static str,
    ) -> Self {
        Self { codes: &[], name, statuses: &[], words, says, class, message }
    }

    /// By the HTTP status alone.
    pub const fn status(name: &'static str, statuses: &'static [u16], class: Class, message: &'static str) -> Self {
        Self { codes: &[], name, statuses, words: &[], says: "", class, message }
    }

    /// The same row, for answers of these statuses only.
    pub const fn with(self, statuses: &'static [u16]) -> Self {
        Self { statuses, ..self }
    }

    /// The same row, only where the text says so.
    pub const fn saying(self, says: &'static str, words: &'static [&'static str]) -> Self {
        Self { says, words, ..self }
    }

    fn fits(&self, status: u16, said: &Said) -> bool {
        (self.codes.is_empty() || self.codes.contains(&said.code.as_str()))
            && (self.statuses.is_empty() || self.statuses.contains(&status))
            && self.words.iter().all(|word| said.lower.contains(word))
    }
}

/// Something that an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The ledger's code for it; empty if there is none.
    pub code: String,
    /// The text, in the company's language.
    pub text: String,
    lower: String,
}

impl Said {
    /// A code (or nothing) and a text.
    pub fn new(code: &str, text: &str) -> Self {
        Self { code: code.to_owned(), text: text.trim().to_owned(), lower: text.to_lowercase() }
    }
}

/// A ledger's table: the faults that it names, then what remains by HTTP status. The first row that fits counts.
pub struct Table {
    /// The ledger's name.
    pub ledger: &'static str,
    /// Faults by code or message.
    pub faults: &'static [Fault],
    /// Answers that say none of these.
    pub answers: &'static [Fault],
}

impl Table {
    /// The row for one thing that was said.
    pub fn row(&self, status: u16, said: &Said) -> Option<&'static Fault> {
        self.faults.iter().find(|row| row.fits(status, said))
    }

    /// What an answer means. `said` is everything that it says, the most telling first; `whole` is all there is to read
    /// in it; `writes` says that something may have been changed.
    pub fn judge(&self, response: &Response, said: &[Said], whole: &Said, writes: bool) -> Failure {
        let named = said.iter().find_map(|one| Some((self.row(response.status, one)?, one)));
        let by_status = || self.answers.iter().find(|row| row.fits(response.status, whole));
        match (named, by_status(), said.first()) {
            (Some((row, one)), _, _) => row.outcome(response, one, writes),
            (None, Some(row), one) => row.outcome(response, one.unwrap_or(&Said::new("", "")), writes),
            (None, None, _) => Outcome::Unknown(format!("{} answered with status {}", self.ledger, response.status)),
        }
    }
}

impl Fault {
    /// What the code is called in logs.
    fn label(&self, said: &Said) -> String {
        if said.code.is_empty() { self.name.to_owned() } else { said.code.clone() }
    }

    fn outcome(&self, response: &Response, said: &Said, writes: bool) -> Failure {
        let label = self.label(said);
        let why = || format!("{} (code {label})", self.message);
        let refusal = |reason| Refusal {
            reason,
            code: label.clone(),
            message: self.message.to_owned(),
            ledger_says: said.text.clone(),
        };
        let wait = |seconds: u32| Outcome::Wait {
            retry_after: retry_after(response),
            guess: Duration::seconds(i64::from(seconds)),
            why: why(),
        };
        match self.class {
            Class::Refused(reason) => Outcome::Refused(refusal(reason)),
            Class::Settings(reason, concerns) => Outcome::Settings(refusal(reason), concerns),
            Class::Wait(seconds) => wait(seconds),
            Class::Away(seconds) if !writes => wait(seconds),
            Class::TokenExpired => Outcome::TokenExpired,
            Class::Reconnect => Outcome::Reconnect(self.message.to_owned()),
            Class::Exists => Outcome::AlreadyExists,
            Class::Stale => Outcome::Stale,
            Class::Away(_) | Class::Unknown | Class::Noted => Outcome::Unknown(why()),
        }
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.header("retry-after")?.trim().parse::<u32>().ok()?;
    Some(Duration::seconds(i64::from(seconds)))
}
