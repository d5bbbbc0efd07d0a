//! What to do about a request of which nobody knows what became of it.

use chrono::{DateTime, Duration, Utc};

/// What was tried of a request whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// When it went out first.
    pub first: DateTime<Utc>,
    /// When it went out last.
    pub last: DateTime<Utc>,
    /// True if sending it again as it was would only bring the same answer.
    pub in_vain: bool,
}

/// How long after its last try a request may still be on its way: the deadline of a call, twice.
const ON_ITS_WAY: Duration = Duration::seconds(60);

impl Tries {
    /// For a ledger that may be sent the same again for `repeatable` after the first time: after that, or where it would be
    /// in vain, it is looked for, as soon as nothing of it can be on its way any more.
    pub fn recovery(&self, repeatable: Duration, now: DateTime<Utc>) -> Recovery {
        if !self.in_vain && now - self.first < repeatable {
            return Recovery::Replay;
        }
        let from = self.last + ON_ITS_WAY;
        if now < from { Recovery::WaitUntil(from) } else { Recovery::LookFirst }
    }
}

/// How an unknown outcome is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Send the identical request again: the ledger answers as it did, or does it now.
    Replay,
    /// Nothing before then: what was sent last may still arrive.
    WaitUntil(DateTime<Utc>),
    /// Look for the document first; if it is not there, write it under a new key.
    LookFirst,
}
