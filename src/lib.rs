//! Tillproof: Shopify's orders become accounting documents in QuickBooks Online or Xero, proven to the cent.
#![forbid(unsafe_code)]

pub mod platform;
