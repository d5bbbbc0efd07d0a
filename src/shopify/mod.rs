//! Shopify's own shapes: who signed a delivery, what it is about, and what it says of an order. Reads tolerantly what
//! does not matter and exactly what does. Knows nothing of ledgers; decides nothing about documents.

pub mod admin;
pub mod compliance;
pub mod delivery;
pub mod dispute;
pub mod drift;
pub mod money;
pub mod order;
pub mod refund;
mod shape;
pub mod signature;
pub mod state;
pub mod transaction;

pub use delivery::{Delivery, News, Topic, Unreadable};
pub use dispute::Dispute;
pub use order::Order;
pub use refund::Refund;
pub use state::OrderState;
pub use transaction::Transaction;
