//! One difference between the two sides: what it is, where, both values, why, and what is to be done.

use serde::{Deserialize, Serialize};

use crate::books::document::{DocumentKey, DocumentKind};

/// What stands for a value that is about a person.
pub use crate::normalize::PERSONAL;

/// What the cause says of what may be missing only because it was sold before what the ledger was asked for.
pub(super) const BEYOND: &str = "among what was listed, but it was sold before";

/// What the cause says of what may be another order's loss: a document of its amount went to that one.
pub(super) const RIVAL: &str = "or for another order of the same amount some days away";

/// What the cause says of a text that ends at one.
pub(super) const EMOJI: &str = "cut at an emoji";

/// What the cause says of a second document before it names the first one.
pub(super) const BESIDE: &str = "for the order beside";

/// What the cause says before a document that may be its after all.
pub(super) const UNLESS: &str = "unless it is";

/// What is wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// It ought to stand and does not.
    Missing,
    /// It stands, and says something else than it ought to.
    Wrong,
    /// It stands as it was written, and the order has changed since.
    Stale,
    /// It is a second one of the same order and kind.
    Duplicate,
    /// It says that it is for the order, and nothing calls for it.
    Unexpected,
}

impl Class {
    /// Every class, in the order of a report.
    pub const ALL: [Class; 5] = [Class::Missing, Class::Wrong, Class::Stale, Class::Duplicate, Class::Unexpected];

    /// The name in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Missing => "missing",
            Class::Wrong => "wrong",
            Class::Stale => "stale",
            Class::Duplicate => "duplicate",
            Class::Unexpected => "unexpected",
        }
    }

    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Class::Missing => "ought to stand in the ledger and does not",
            Class::Wrong => "stands, and says something else than it ought to",
            Class::Stale => "stands as it was written, and the order has changed since",
            Class::Duplicate => "a second one of the same order and kind",
            Class::Unexpected => "is a sale of this shop by what it says, and nothing calls for it",
        }
    }
}

/// Which value differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The total.
    Total,
    /// The tax in it.
    Tax,
    /// The currency.
    Currency,
    /// The accounting date.
    Date,
    /// Whose account it is on.
    Customer,
    /// Whether it counts.
    Status,
    /// The text of a line.
    Text,
    /// The lines and their amounts.
    Lines,
    /// What of it is not settled.
    Balance,
    /// Its number.
    Number,
}

impl Field {
    /// The name in tables and answers; the word for people too.
    pub fn as_str(self) -> &'static str {
        match self {
            Field::Total => "total",
            Field::Tax => "tax",
            Field::Currency => "currency",
            Field::Date => "date",
            Field::Customer => "customer",
            Field::Status => "status",
            Field::Text => "text",
            Field::Lines => "lines",
            Field::Balance => "balance",
            Field::Number => "number",
        }
    }
}

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// The document is posted.
    Post,
    /// The order is looked at again, which brings its documents up to date.
    Update,
    /// Ours, and changed by hand: it is written again as it was.
    Correct,
    /// A person decides.
    Ask,
    /// Nothing.
    None,
}

impl Repair {
    /// Every repair, in the order of a plan.
    pub const ALL: [Repair; 5] = [Repair::Post, Repair::Update, Repair::Correct, Repair::Ask, Repair::None];

    /// The name in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Repair::Post => "post",
            Repair::Update => "update",
            Repair::Correct => "correct",
            Repair::Ask => "ask",
            Repair::None => "none",
        }
    }

    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Repair::Post => "post what is missing",
            Repair::Update => "bring the order's documents up to date",
            Repair::Correct => "write the document again as it was booked",
            Repair::Ask => "a person decides: open the order and the document, and settle which of the two is right",
            Repair::None => "nothing is to be done",
        }
    }
}

/// A kind of document, for people.
pub fn title(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Invoice => "invoice",
        DocumentKind::SalesReceipt => "sales receipt",
        DocumentKind::Payment => "payment",
        DocumentKind::CreditNote => "credit note",
        DocumentKind::RefundReceipt => "refund receipt",
        DocumentKind::RefundPayment => "refund payment",
        DocumentKind::Application => "applied credit",
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of difference.
    pub class: Class,
    /// Which document of the order, where it is one of those that it calls for.
    pub document_key: Option<DocumentKey>,
    /// The ledger's id of the document that stands there, or stood.
    pub ledger_id: Option<String>,
    /// Its number.
    pub number: String,
    /// Which value differs; none where it is the document as a whole.
    pub field: Option<Field>,
    /// What it ought to be. Never personal data.
    pub shopify_value: String,
    /// What the ledger says. Never personal data.
    pub ledger_value: String,
    /// Why, as far as that can be told, in plain words.
    pub cause: String,
    /// What is to be done.
    pub repair: Repair,
}

impl Finding {
    /// True if both are of the same value of the same document, and of the same sort.
    pub fn is_of_the_same(&self, other: &Finding) -> bool {
        let of = |one: &Finding| (one.class, one.document_key.clone(), one.ledger_id.clone(), one.field);
        of(self) == of(other)
    }

    /// What was changed or removed by hand, in one sentence that names nobody.
    pub fn by_hand(&self) -> String {
        let key = self.document_key.as_ref().map(ToString::to_string).unwrap_or_default();
        let field = self.field.map(|field| format!("{}: ", field.as_str())).unwrap_or_default();
        let values = if self.ledger_value.is_empty() {
            self.shopify_value.clone()
        } else {
            format!("{} expected, the ledger says {}", self.shopify_value, self.ledger_value)
        };
        format!("{key} {}: {field}{values} ({})", self.number, self.cause)
    }

    /// True if all that keeps it from being put right is the order's hold.
    pub fn is_held(&self) -> bool {
        self.cause.starts_with("held: ")
    }

    /// Which document it is about, for people.
    pub fn document(&self) -> String {
        let key = self.document_key.as_ref().map(ToString::to_string).unwrap_or_default();
        let number = &self.number;
        match key.split(':').next().unwrap_or_default() {
            "payment" => format!("payment {number}"),
            // What is missing has no number yet: it goes by its order's name.
            "credit" | "refund" if number.starts_with('#') => format!("refund of {number}"),
            "" if number.is_empty() => "the order".into(),
            _ if number.is_empty() => key,
            _ => number.clone(),
        }
    }

    /// What a person does about it in the ledger, where the books are somebody else's and we change nothing.
    pub fn remedy(&self, ledger: &str) -> Option<String> {
        let Finding { number, shopify_value: ours, ledger_value: theirs, .. } = self;
        let is_credit = self.document_key.as_ref().is_some_and(|key| !key.is_sale());
        Some(match (self.class, self.field) {
            _ if self.repair != Repair::Ask => return None,
            (Class::Missing, _) if self.cause.contains(BEYOND) => {
                format!("look for {number} in {ledger} before anything is entered, or audit again from an earlier day")
            }
            (Class::Missing, _) if self.cause.contains(RIVAL) => {
                format!("find out which order of {ours} around that day is not in {ledger}, and enter that one")
            }
            (Class::Missing, _) if self.cause.contains(UNLESS) => {
                let found = self.cause.split_once(UNLESS).map_or("", |(_, rest)| rest.trim_start());
                let found = found.split_once(": ").map_or(found, |(document, _)| document);
                format!("look whether {found} is for {number}: if not, enter it in {ledger}")
            }
            (Class::Missing, _) if is_credit => format!("enter the refund of {ours} for {number}"),
            (Class::Missing, _) => format!("enter it in {ledger}, or have what holds it put right and audit again"),
            (Class::Duplicate, _) => {
                let first = self.cause.split_once(BESIDE).map_or("another document", |(_, first)| first.trim_start());
                format!("void {number} ({theirs}): {first} is for the same order")
            }
            (Class::Unexpected, _) => format!("look what {number} ({theirs}) is for, and void it if it is for nothing"),
            (_, Some(Field::Status)) if theirs == "counts" => {
                format!("void {number}; where its period is closed, set it off with a credit note")
            }
            (_, Some(Field::Status)) if theirs == "draft" => format!("approve {number}"),
            (_, Some(Field::Status)) => format!("enter {number} again: its order stands"),
            (_, Some(Field::Text)) => {
                // What is too long is not shown whole, and what the ledger does not take is shown in words.
                let from = if ours.contains('…') { " from Shopify" } else { "" };
                let how = if self.cause.contains(EMOJI) { ", emoji in words" } else { "" };
                format!("write the whole text{from} into {number}{how}: {ours}")
            }
            (_, Some(Field::Currency)) => format!("void {number} ({theirs}) and enter it again as {ours}"),
            (_, Some(Field::Total)) => format!("change {number} from {theirs} to {ours}"),
            (_, Some(Field::Date)) => format!("date {number} on {ours}"),
            (_, Some(Field::Balance)) => format!("apply what was paid or given back to {number}: {ours}, not {theirs}"),
            _ => format!("compare {number} with the order, and correct it"),
        })
    }
}
