//! Tillproof: Shopify's orders become accounting documents in QuickBooks Online or Xero, proven to the cent.
#![forbid(unsafe_code)]

pub mod books;
pub mod config;
pub mod journal;
pub mod ledgers;
pub mod normalize;
pub mod platform;
pub mod posting;
pub mod shopify;
