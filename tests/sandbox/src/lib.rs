//! Strict stand-ins for the QuickBooks Online Accounting API v3, the Xero Accounting API 2.0 and Shopify's Admin API.
//!
//! [`World`] is a pure state machine: a request and the time go in, a reply comes out. It owns no clock and does no I/O,
//! so that a simulation can drive it in virtual time; [`server`] puts it behind real HTTP. It enforces the rules that the
//! vendors document, computes their arithmetic on its own (it shares no code with what it tests), and can be told to
//! misbehave in the ways that they do ([`faults`]). Where a vendor's behaviour is not known it takes the stricter reading;
//! such places say "conservative".

pub mod control;
pub mod faults;
pub mod http;
pub mod ids;
pub mod json;
pub mod limits;
mod log;
pub mod oauth;
pub mod presets;
pub mod quickbooks;
pub mod server;
pub mod shopify;
pub mod till;
pub mod view;
pub mod world;
pub mod xero;

pub use faults::{Fault, Kind as FaultKind};
pub use http::{Delivery, Reply, Request};
pub use server::{Background, Running, spawn, spawn_thread};
pub use view::DocumentView;
pub use world::{Ledger, World};
