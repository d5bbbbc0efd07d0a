//! The door for people: the admin secret as `Authorization: Bearer …`, or as the password of Basic authentication.
//!
//! Guesses are counted per address and an address that guesses too often has to wait, whatever it sends. Only the
//! address waits: nobody can lock the owner out from another one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The shortest admin secret that is accepted: what is shorter can be guessed.
const SHORTEST: usize = 16;

/// Wrong secrets that an address may send before it has to wait: a person mistypes a few times, and ten guesses at 16
/// characters are as good as none.
const GUESSES: u32 = 10;
/// How long an address is remembered after its first wrong secret, and how long it then waits.
const WINDOW: Duration = Duration::minutes(15);
/// Addresses that are remembered: a flood from many must not grow the memory. The one that fails longest goes first.
const ADDRESSES: usize = 1_000;

/// What a person at the door may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Come in.
    Admin,
    /// No secret was sent: ask for it.
    Unknown,
    /// A wrong secret was sent: it counts.
    Wrong,
    /// Too many wrong ones came from this address: wait for so many seconds. The secret was not looked at.
    Wait(i64),
    /// Nobody gets in: `ADMIN_TOKEN` is missing, or is too short to be safe.
    Closed,
}

/// What is said where no usable `ADMIN_TOKEN` is configured.
pub const CLOSED: &str = "nobody gets in before ADMIN_TOKEN is set, 16 characters or more: make one with \
     `openssl rand -base64 24` and run `npx wrangler secret put ADMIN_TOKEN`";

/// The wrong secrets of the last minutes, by address.
#[derive(Debug, Default)]
pub struct Guesses(BTreeMap<String, (DateTime<Utc>, u32)>);

impl Guesses {
    /// An empty list.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Decides about a request by its `Authorization` header and the address that it came from.
    pub fn enter(
        &mut self,
        authorization: Option<&str>,
        admin_token: Option<&str>,
        address: &str,
        now: DateTime<Utc>,
    ) -> Entry {
        let Some(token) = admin_token.filter(|token| token.len() >= SHORTEST) else { return Entry::Closed };
        let Some(authorization) = authorization else { return Entry::Unknown };
        let network = network(address);
        self.0.retain(|_, (began, _)| now - *began < WINDOW);
        if let Some((began, count)) = self.0.get(&network)
            && *count >= GUESSES
        {
            return Entry::Wait((*began + WINDOW - now).num_seconds().max(1));
        }
        if is_admin(authorization, token) {
            self.0.remove(&network);
            return Entry::Admin;
        }
        if self.0.len() >= ADDRESSES && !self.0.contains_key(&network) {
            let oldest = self.0.iter().min_by_key(|(_, (began, _))| *began).map(|(address, _)| address.clone());
            if let Some(address) = oldest {
                self.0.remove(&address);
            }
        }
        self.0.entry(network).or_insert((now, 0)).1 += 1;
        Entry::Wrong
    }
}

/// What counts as one address: in IPv6 the /64 that one customer has to himself.
fn network(address: &str) -> String {
    match address.trim().parse() {
        Ok(IpAddr::V6(six)) => six.segments()[..4].iter().map(|part| format!("{part:x}:")).collect(),
        _ => address.trim().to_owned(),
    }
}

/// True if the `Authorization` header carries the admin secret.
fn is_admin(header: &str, token: &str) -> bool {
    let (scheme, value) = header.split_once(' ').unwrap_or((header, ""));
    let given = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(value.trim().to_owned()),
        "basic" => STANDARD.decode(value.trim()).ok().and_then(|bytes| {
            String::from_utf8(bytes).ok().and_then(|pair| pair.split_once(':').map(|(_, password)| password.to_owned()))
        }),
        _ => None,
    };
    given.is_some_and(|given| equal(&given, token))
}

/// Compares two secrets by their keyed digests, so that neither length nor content shows in the time it takes.
fn equal(given: &str, expected: &str) -> bool {
    let digest = |text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"tillproof admin").ok()?;
        mac.update(text.as_bytes());
        Some(mac)
    };
    match (digest(given), digest(expected)) {
        (Some(given), Some(expected)) => given.verify(&expected.finalize().into_bytes()).is_ok(),
        _ => false,
    }
}

/// Where a request says that it comes from; all of it is the browser's own word, which a page cannot change.
#[derive(Debug, Clone, Copy, Default)]
pub struct Provenance<'a> {
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub site: Option<&'a str>,
    /// True if a cookie came along; this program sets none.
    pub cookie: bool,
}

/// True if a request that changes something may: it comes from our own pages, or from no browser at all.
pub fn may_change(from: &Provenance<'_>, own_origin: &str) -> bool {
    // `none`: a person typed the address.
    let own_site = from.site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    own_site && from.origin.map_or(!from.cookie, |origin| origin == own_origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a-long-enough-secret";

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::<Utc>::UNIX_EPOCH + Duration::minutes(minutes)
    }

    fn entry(authorization: &str) -> Entry {
        Guesses::new().enter(Some(authorization), Some(TOKEN), "192.0.2.1", at(0))
    }

    #[test]
    fn bearer_and_basic_open_the_door_and_nothing_else_does() {
        let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!("anyone:{password}")));
        assert_eq!(entry(&format!("Bearer {TOKEN}")), Entry::Admin);
        assert_eq!(entry(&format!("bearer {TOKEN}")), Entry::Admin);
        assert_eq!(entry(&basic(TOKEN)), Entry::Admin);
        for wrong in ["Bearer x", "Bearer ", "", TOKEN, &basic("x"), "Basic !!", &format!("Digest {TOKEN}")] {
            assert_eq!(entry(wrong), Entry::Wrong, "{wrong}");
        }
        assert_eq!(Guesses::new().enter(None, Some(TOKEN), "", at(0)), Entry::Unknown);
    }

    #[test]
    fn without_a_secret_or_with_a_short_one_nobody_gets_in() {
        for token in [None, Some(""), Some("fifteen-letters")] {
            let sent = format!("Bearer {}", token.unwrap_or_default());
            assert_eq!(Guesses::new().enter(Some(&sent), token, "192.0.2.1", at(0)), Entry::Closed, "{token:?}");
        }
    }

    #[test]
    fn an_address_that_guesses_waits_and_no_other_does() {
        let mut guesses = Guesses::new();
        let (right, wrong) = (format!("Bearer {TOKEN}"), "Bearer a-guess");
        for _ in 0..GUESSES {
            assert_eq!(guesses.enter(Some(wrong), Some(TOKEN), "192.0.2.66", at(0)), Entry::Wrong);
        }
        assert_eq!(
            guesses.enter(Some(&right), Some(TOKEN), "192.0.2.66", at(5)),
            Entry::Wait(600),
            "it is not looked at"
        );
        assert_eq!(
            guesses.enter(Some(&right), Some(TOKEN), "192.0.2.7", at(5)),
            Entry::Admin,
            "the owner is not locked out"
        );
        assert_eq!(guesses.enter(Some(&right), Some(TOKEN), "192.0.2.66", at(15)), Entry::Admin);
    }

    #[test]
    fn asking_without_a_secret_is_no_guess_and_a_right_one_wipes_the_slate() {
        let mut guesses = Guesses::new();
        let right = format!("Bearer {TOKEN}");
        for round in 0..i64::from(GUESSES) {
            guesses.enter(None, Some(TOKEN), "192.0.2.7", at(0));
            guesses.enter(Some("Bearer typo"), Some(TOKEN), "192.0.2.7", at(0));
            if round == 5 {
                assert_eq!(guesses.enter(Some(&right), Some(TOKEN), "192.0.2.7", at(0)), Entry::Admin);
            }
        }
        assert_eq!(guesses.enter(Some(&right), Some(TOKEN), "192.0.2.7", at(0)), Entry::Admin);
    }

    #[test]
    fn a_network_of_one_customer_is_one_address_and_many_of_them_do_not_grow_the_memory() {
        let mut guesses = Guesses::new();
        for host in 1..=GUESSES {
            guesses.enter(Some("Bearer guess"), Some(TOKEN), &format!("2001:db8:1:2::{host:x}"), at(0));
        }
        let wait = guesses.enter(Some("Bearer guess"), Some(TOKEN), "2001:db8:1:2:ffff::1", at(0));
        assert_eq!(wait, Entry::Wait(900));
        for host in 0..5_000 {
            guesses.enter(Some("Bearer guess"), Some(TOKEN), &format!("10.0.{}.{}", host / 250, host % 250), at(1));
        }
        assert_eq!(guesses.0.len(), ADDRESSES);
    }

    #[test]
    fn another_sites_page_cannot_change_anything() {
        let own = "https://till.example";
        let from = |origin, site, cookie| may_change(&Provenance { origin, site, cookie }, own);
        assert!(from(Some(own), Some("same-origin"), true));
        assert!(from(None, None, false), "no browser at all");
        assert!(!from(Some("https://evil.example"), None, false));
        assert!(!from(Some("null"), None, false), "a page that hides where it comes from");
        assert!(!from(None, None, true));
        assert!(!from(None, Some("cross-site"), false), "a link from elsewhere");
        assert!(!from(None, Some("same-site"), false), "a neighbour under the same domain");
        assert!(from(None, Some("none"), false), "typed by a person");
    }
}
