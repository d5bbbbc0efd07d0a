//! Placeholder until the text module lands.
/// policy
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmojiPolicy {
    /// n
    Name,
    /// s
    Strip,
    /// k
    Keep,
}
