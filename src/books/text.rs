//! What a ledger's text fields take: the vocabulary. The tables stand in `ledgers/<name>/text.rs`.

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
    /// Description of a line.
    LineDescription,
    /// Number of a document.
    DocumentNumber,
    /// Reference of a document or payment.
    Reference,
    /// Note on a document.
    Note,
}

impl Field {
    /// Every field, for tables and tests.
    pub const ALL: [Field; 8] = [
        Field::PartyName,
        Field::GivenName,
        Field::FamilyName,
        Field::Email,
        Field::LineDescription,
        Field::DocumentNumber,
        Field::Reference,
        Field::Note,
    ];
}

/// What the limit of a field counts. Where a vendor does not say, UTF-16 units are the safe reading: they are never
/// fewer than characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LengthUnit {
    /// UTF-16 code units.
    Utf16,
}

/// What one field takes.
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
    /// The length of `text` as this rule counts it.
    pub fn length(&self, text: &str) -> usize {
        match self.unit {
            LengthUnit::Utf16 => text.encode_utf16().count(),
        }
    }
}
