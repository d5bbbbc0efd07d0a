//! What a run is, what it does next, and how far each of its orders is.

use serde::{Deserialize, Serialize};

use crate::platform::Value;

/// What made a run begin, and how far it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody asked for it.
    Asked,
    /// The weekly (later monthly) one.
    Regular,
    /// The nightly one, of the last 48 hours.
    Light,
    /// The books are somebody else's: what another integration filled is held against Shopify, and nothing is changed.
    Audit,
}

impl Kind {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Asked => "asked",
            Kind::Regular => "regular",
            Kind::Light => "light",
            Kind::Audit => "audit",
        }
    }

    /// The kind of that name.
    pub fn parse(text: &str) -> Self {
        [Kind::Regular, Kind::Light, Kind::Audit].into_iter().find(|kind| kind.as_str() == text).unwrap_or(Kind::Asked)
    }
}

/// What a run does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Lists Shopify's orders.
    Shop,
    /// Leaves out the orders that are not in the sample.
    Sample,
    /// Fetches the orders that the engine does not know in their present state.
    Fetch,
    /// Lists the ledger's documents.
    Ledger,
    /// Holds every order against what was listed.
    Compare,
    /// Looks up what does not fit.
    LookUp,
    /// Holds what did not fit against what was looked up.
    Judge,
    /// Takes what is left in the ledger.
    Left,
    /// Finds what the findings have in common.
    Diagnose,
    /// Tells the journal.
    Publish,
    /// The run has ended, and waits for a person to approve the repair or for none at all; its lists are forgotten.
    Done,
    /// Hands what is to be repaired to the engine.
    Repair,
    /// Waits until the engine has done it.
    Repairing,
    /// Has what was listed compared again.
    Anew,
    /// It was cancelled or given up before it was done; its lists are forgotten.
    Stopped,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Phase; 15] = [
        Phase::Shop,
        Phase::Sample,
        Phase::Fetch,
        Phase::Ledger,
        Phase::Compare,
        Phase::LookUp,
        Phase::Judge,
        Phase::Left,
        Phase::Diagnose,
        Phase::Publish,
        Phase::Done,
        Phase::Repair,
        Phase::Repairing,
        Phase::Anew,
        Phase::Stopped,
    ];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Shop => "shop",
            Phase::Sample => "sample",
            Phase::Fetch => "fetch",
            Phase::Ledger => "ledger",
            Phase::Compare => "compare",
            Phase::LookUp => "look_up",
            Phase::Judge => "judge",
            Phase::Left => "left",
            Phase::Diagnose => "diagnose",
            Phase::Publish => "publish",
            Phase::Done => "done",
            Phase::Repair => "repair",
            Phase::Repairing => "repairing",
            Phase::Anew => "anew",
            Phase::Stopped => "stopped",
        }
    }

    /// What is going on, for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Phase::Shop | Phase::Sample => "listing Shopify's orders",
            Phase::Fetch => "fetching orders from Shopify",
            Phase::Ledger => "listing the ledger's documents",
            Phase::Compare => "comparing order by order",
            Phase::LookUp | Phase::Judge => "looking up what does not fit",
            Phase::Left => "looking at what is left in the ledger",
            Phase::Diagnose | Phase::Publish => "finding what the differences have in common",
            Phase::Done => "finished",
            Phase::Repair | Phase::Repairing | Phase::Anew => "repairing",
            Phase::Stopped => "stopped",
        }
    }
}

/// How far an order of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is to be fetched from Shopify.
    Unfetched = 1,
    /// It can be compared.
    Ready = 2,
    /// It did not fit, and what belongs to it is being looked up.
    Doubtful = 3,
    /// It is done with.
    Compared = 4,
    /// In an audit: not all that it calls for has a document so far.
    Unmatched = 5,
}

impl From<Stage> for Value {
    fn from(stage: Stage) -> Self {
        Value::Int(stage as i64)
    }
}
