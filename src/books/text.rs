//! Placeholder until the text module lands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    PartyName,
    GivenName,
    FamilyName,
    Email,
    LineDescription,
    DocumentNumber,
    Reference,
    Note,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextRule {
    pub max: usize,
}
