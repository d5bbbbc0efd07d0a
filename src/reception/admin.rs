//! The door for people: the admin secret as `Authorization: Bearer …`, or as the password of Basic authentication.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The shortest admin secret that is accepted: what is shorter can be guessed.
const SHORTEST: usize = 16;

/// True if the `Authorization` header carries the admin secret. Without a secret of at least 16 characters in the
/// configuration nobody is let in.
pub fn is_admin(authorization: Option<&str>, admin_token: Option<&str>) -> bool {
    let (Some(header), Some(token)) = (authorization, admin_token) else { return false };
    if token.len() < SHORTEST {
        return false;
    }
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

/// True if a request that changes something may: it comes from our own pages, or from no browser at all.
pub fn may_change(origin: Option<&str>, has_cookie: bool, own_origin: &str) -> bool {
    match origin {
        Some(origin) => origin == own_origin,
        None => !has_cookie,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a-long-enough-secret";

    #[test]
    fn bearer_and_basic_open_the_door_and_nothing_else_does() {
        let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!("anyone:{password}")));
        assert!(is_admin(Some(&format!("Bearer {TOKEN}")), Some(TOKEN)));
        assert!(is_admin(Some(&basic(TOKEN)), Some(TOKEN)));
        for wrong in ["Bearer x", "Bearer ", "", TOKEN, &basic("x"), "Basic !!", &format!("Digest {TOKEN}")] {
            assert!(!is_admin(Some(wrong), Some(TOKEN)), "{wrong}");
        }
        assert!(!is_admin(None, Some(TOKEN)) && !is_admin(Some("Bearer "), None));
        assert!(!is_admin(Some("Bearer short"), Some("short")), "a short secret lets nobody in");
    }

    #[test]
    fn another_sites_page_cannot_change_anything() {
        assert!(may_change(Some("https://till.example"), true, "https://till.example"));
        assert!(!may_change(Some("https://evil.example"), false, "https://till.example"));
        assert!(!may_change(None, true, "https://till.example"));
        assert!(may_change(None, false, "https://till.example"));
    }
}
