//! What an order is like, in short marks: what orders that do not match may have in common.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::shopify::OrderState;

/// The marks of an order, sorted, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Features(BTreeSet<String>);

impl Features {
    /// What the order is like.
    pub fn of(_state: &OrderState) -> Self {
        Self::default()
    }
}
