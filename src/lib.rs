//! Tillproof: Shopify's orders become accounting documents in QuickBooks Online or Xero, proven to the cent.
//!
//! The way of an order, floor by floor; a module imports only from the floors below it:
//!
//! | floor | what happens there |
//! |---|---|
//! | [`edge`](self) | Cloudflare: requests in, calls out, the durable object (wasm32 only) |
//! | [`dashboard`] | the pages, rendered from plain data |
//! | [`monitor`] | how it stands: the figures of pages, metrics and alerts |
//! | [`reception`] | is the delivery genuine, is this person the admin |
//! | [`reconcile`] | both sides record by record: what differs, what it has in common, what is to be done |
//! | [`posting`] | the engine: takes news in, plans, writes it down, sends, proves |
//! | [`ledgers`] | how QuickBooks and Xero want things said, and what their answers mean |
//! | [`journal`] | what goes to D1 for people to query |
//! | [`normalize`] | from an order's state to the documents that ought to exist |
//! | [`config`] | connections and settings |
//! | [`shopify`] | Shopify's own shapes |
//! | [`books`] | the accounting model that both ledgers share |
//! | [`platform`] | time, database, HTTP, as traits |
#![deny(unsafe_code)]

pub mod books;
pub mod config;
pub mod dashboard;
// The SDK's macros expand to code that calls into JavaScript.
#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code)]
pub mod edge;
pub mod journal;
pub mod ledgers;
pub mod monitor;
pub mod normalize;
pub mod platform;
pub mod posting;
pub mod reception;
pub mod reconcile;
pub mod shopify;
