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
pub struct Change;
impl Change {
    pub fn rule(&self) -> &'static str {
        ""
    }
}
pub struct Cleaned {
    pub text: String,
    pub changes: Vec<Change>,
}
pub fn clean(text: &str, _rule: &crate::books::text::TextRule, _emoji: EmojiPolicy) -> Cleaned {
    Cleaned { text: text.to_owned(), changes: vec![] }
}
