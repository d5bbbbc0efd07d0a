//! Idempotency keys: six minutes from the first call, per app, errors included.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use sha2::{Digest as _, Sha256};

use super::faults;
use crate::http::{Reply, Request};

const LIFETIME_MINUTES: i64 = 6;
const MAX_LENGTH: usize = 128;

#[derive(Clone, Debug)]
struct Stored {
    fingerprint: Vec<u8>,
    reply: Reply,
    first: DateTime<Utc>,
}

/// The namespace is the app, so that tenants share it.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    stored: HashMap<String, Stored>,
}

impl Keys {
    /// Runs a request under its key. The same key with another method, URL, tenant or body is refused.
    pub fn run(&mut self, now: DateTime<Utc>, tenant: &str, request: &Request, run: impl FnOnce() -> Reply) -> Reply {
        let is_covered = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH");
        let Some(key) = request.header("idempotency-key").filter(|key| is_covered && !key.is_empty()) else {
            return run();
        };
        if key.len() > MAX_LENGTH {
            return faults::key_too_long(key);
        }
        let fingerprint = fingerprint(tenant, request);
        let lifetime = Duration::minutes(LIFETIME_MINUTES);
        self.stored.retain(|_, stored| now - stored.first < lifetime);
        if let Some(stored) = self.stored.get(key) {
            let is_same = stored.fingerprint == fingerprint;
            return if is_same { stored.reply.clone() } else { faults::key_reused(key) };
        }
        let reply = run();
        self.stored.insert(key.to_owned(), Stored { fingerprint, reply: reply.clone(), first: now });
        reply
    }
}

fn fingerprint(tenant: &str, request: &Request) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [tenant, &request.method, &request.path, &request.query] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(&request.body);
    hash.finalize().to_vec()
}
