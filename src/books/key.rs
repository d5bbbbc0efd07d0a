//! Which document of an order a document is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which document of an order this is; frozen for ever, because it is what makes a document unique:
/// `sale`, `payment:<transaction id>`, `credit:<refund id>`, `refund:<transaction id>`, `adjustment:<n>`,
/// `apply:<key>:<key>`; further parts of one that had to be split take `/2`, `/3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DocumentKey(String);

impl DocumentKey {
    /// The sale itself.
    pub fn sale() -> Self {
        Self("sale".into())
    }
    /// Money that came in with a Shopify transaction.
    pub fn payment(transaction: &str) -> Self {
        Self(format!("payment:{transaction}"))
    }
    /// What a Shopify refund takes back.
    pub fn credit(refund: &str) -> Self {
        Self(format!("credit:{refund}"))
    }
    /// Money that went out with a Shopify transaction.
    pub fn refund(transaction: &str) -> Self {
        Self(format!("refund:{transaction}"))
    }
    /// What an order that was paid already came to beyond, or below, what was booked of it; numbered from 1.
    pub fn adjustment(number: u32) -> Self {
        Self(format!("adjustment:{number}"))
    }
    /// One document applied to another.
    pub fn apply(from: &DocumentKey, to: &DocumentKey) -> Self {
        Self(format!("apply:{from}:{to}"))
    }
    /// A further part (2, 3, …) of a document that had to be split; part 1 is the key itself.
    pub fn part(&self, part: u32) -> Self {
        if part <= 1 { self.clone() } else { Self(format!("{self}/{part}")) }
    }
    /// The key without its part: `sale` of `sale/2`.
    pub fn whole(&self) -> &str {
        if self.0.starts_with("apply:") { &self.0 } else { self.0.split('/').next().unwrap_or(&self.0) }
    }
    /// The number of an adjustment.
    pub fn adjustment_number(&self) -> Option<u32> {
        self.whole().strip_prefix("adjustment:")?.parse().ok()
    }
    /// True if the key is the sale or a part of it.
    pub fn is_sale(&self) -> bool {
        self.whole() == "sale"
    }
    /// True if the key is what a refund takes back, or a part of it.
    pub fn is_credit(&self) -> bool {
        self.0.starts_with("credit:")
    }
    /// Which part: 1 for the first or only one.
    pub fn part_number(&self) -> u32 {
        if self.0.starts_with("apply:") {
            return 1;
        }
        self.0.split_once('/').and_then(|(_, part)| part.parse().ok()).unwrap_or(1)
    }
    /// A key read back from the database.
    pub fn stored(text: String) -> Self {
        Self(text)
    }
    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
