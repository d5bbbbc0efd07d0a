//! What a ledger's text fields take: the vocabulary. The tables stand in `ledgers/<name>/text.rs`; `docs/limits.md` is
//! written from them.

/// A text field that both ledgers have, by what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Display name of a customer or contact.
    PartyName,
    /// A person's given name.
    GivenName,
    /// A person's family name.
    FamilyName,
    /// E-mail address.
    Email,
    /// Description of a line; a longer text goes on in lines of description alone.
    LineDescription,
    /// Number of a document.
    DocumentNumber,
    /// What a document says of where it comes from: the order's id and name.
    Reference,
    /// The order's name inside that reference.
    OrderName,
    /// Reference of a payment: the Shopify transaction's id.
    PaymentReference,
}

impl Field {
    /// Every field, for tables and tests.
    pub const ALL: [Field; 9] = [
        Field::PartyName,
        Field::GivenName,
        Field::FamilyName,
        Field::Email,
        Field::LineDescription,
        Field::DocumentNumber,
        Field::Reference,
        Field::OrderName,
        Field::PaymentReference,
    ];

    /// What it is called in documents for people.
    pub fn title(self) -> &'static str {
        match self {
            Field::PartyName => "customer's name",
            Field::GivenName => "given name",
            Field::FamilyName => "family name",
            Field::Email => "e-mail address",
            Field::LineDescription => "description of a line",
            Field::DocumentNumber => "document number",
            Field::Reference => "where a document comes from",
            Field::OrderName => "the order's name therein",
            Field::PaymentReference => "payment reference",
        }
    }
}

/// What the limit of a field counts. No vendor says it; UTF-16 units are the safe reading, because they are never fewer
/// than characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LengthUnit {
    /// UTF-16 code units.
    Utf16,
}

/// What one field takes. No text begins or ends with a space or has two in a row, whatever the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextRule {
    /// The longest text.
    pub max: usize,
    /// What `max` counts.
    pub unit: LengthUnit,
    /// Characters that the field refuses.
    pub forbidden: &'static [char],
    /// Whether code points above U+FFFF are accepted.
    pub astral: bool,
    /// Whether the text may have several lines.
    pub multiline: bool,
    /// Whether only printable ASCII is accepted.
    pub ascii: bool,
}

impl TextRule {
    /// One line of at most `max` UTF-16 units: letters of every script, nothing above U+FFFF.
    pub const fn line(max: usize) -> Self {
        Self { max, unit: LengthUnit::Utf16, forbidden: &[], astral: false, multiline: false, ascii: false }
    }

    /// Several lines, else as [`TextRule::line`].
    pub const fn text(max: usize) -> Self {
        Self { multiline: true, ..Self::line(max) }
    }

    /// One line of printable ASCII.
    pub const fn ascii(max: usize) -> Self {
        Self { ascii: true, ..Self::line(max) }
    }

    /// The same without these characters.
    pub const fn without(self, forbidden: &'static [char]) -> Self {
        Self { forbidden, ..self }
    }

    /// The length of `text` as this rule counts it.
    pub fn length(&self, text: &str) -> usize {
        match self.unit {
            LengthUnit::Utf16 => text.encode_utf16().count(),
        }
    }
}

/// A row of a ledger's table: where a text goes, what fits there, and who says so.
#[derive(Debug, Clone, Copy)]
pub struct FieldRow {
    /// The field's name in the ledger's API.
    pub at: &'static str,
    /// What this program puts there.
    pub rule: TextRule,
    /// The ledger's own limit in characters, where it states one: never below `rule.max`.
    pub limit: Option<usize>,
    /// Who says so; and why ours is shorter, where it is.
    pub source: &'static str,
}
