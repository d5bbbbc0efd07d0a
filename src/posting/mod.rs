//! The engine: takes deliveries in, decides what is to be written, writes it down before it is sent, resolves what
//! nobody answered, and keeps count. It reads no clock and opens no connection of its own, and it never alerts anybody:
//! what it finds stands in its tables and in the journal.
//!
//! One [`Books`] stands for one ledger company. Everything it knows is in the object's database, so that a new one,
//! after a crash, goes on exactly where the old one stopped.

mod alerts;
mod apply;
mod backfill;
mod beside;
mod books;
mod breaker;
mod budget;
mod bulk;
mod by_hand;
mod call;
mod changes;
pub mod claims;
mod consent;
mod cutover;
mod documents;
mod errands;
mod fetch;
mod grant;
mod inbox;
mod known;
mod leaving;
mod logging;
mod moved;
mod next;
mod notices;
mod obstacles;
mod orders;
mod parties;
mod personal;
mod plan;
mod preflight;
mod preview;
mod privacy;
mod published;
mod ranks;
mod reduce;
mod retention;
mod retrieve;
mod retry;
mod round;
mod schema;
mod sending;
mod set_aside;
mod shop;
mod shop_facts;
mod silence;
mod standing;
mod stopped;
mod subscriptions;
mod tokens;
mod trouble;
mod turn;
mod unverified;
mod view;
mod writes;

pub use alerts::OpenAlert;
pub use backfill::{Backfill, BackfillChange};
pub use beside::{Called, NoReply};
pub use books::Books;
pub use budget::CallsLeft;
pub use bulk::{How, LookedAt, Piece};
pub use by_hand::ByHand;
pub use changes::ALERT as SHOPIFY_CHANGED;
pub use consent::{Callback, Consented, Declined, connection_of};
pub use cutover::{Answer, Answered};
pub use documents::{PostedState, Record as DocumentRecord};
pub use grant::Source;
pub use inbox::{Incoming, Received};
pub use obstacles::ObstacleView;
pub use orders::OrderRef;
pub use plan::{PostedDocuments, Step, plan};
pub use preflight::{CompanyFacts, Report};
pub use preview::Preview;
pub use privacy::Request as PrivacyRequest;
pub use set_aside::LONGEST_REASON;
pub use shop::Calls;
pub use silence::Hearing;
pub use standing::{ConnectionView, Standing};
pub use subscriptions::Check;
pub use tokens::Refused;
pub use view::{BooksStatus, ConnectionStatus, HeldOrders, OrderView, ShopStatus, TokenAges};
