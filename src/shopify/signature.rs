//! The signature of a delivery: base64 of HMAC-SHA256 over the raw bytes, keyed with a secret of the shop's.
//! Source: Shopify, "Verify webhook deliveries" (facts/shopify §1.4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// True if any of `secrets` signed exactly these bytes. The comparison takes the same time wherever two digests differ,
/// and every secret is tried, so that timing does not tell which one fits. Standard base64 alphabet only.
pub fn is_genuine(secrets: &[String], body: &[u8], signature: &str) -> bool {
    let Ok(claimed) = STANDARD.decode(signature.trim()) else { return false };
    let mut genuine = false;
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { continue };
        mac.update(body);
        genuine |= mac.verify_slice(&claimed).is_ok();
    }
    genuine
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(secret: &str, body: &[u8], signature: &str) -> bool {
        is_genuine(&[secret.to_owned()], body, signature)
    }

    fn sign(secret: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body);
        STANDARD.encode(mac.finalize().into_bytes())
    }

    #[test]
    fn published_vectors_verify() {
        for (secret, body, signature) in [
            ("test_secret_key", r#"{"foo": "bar"}"#, "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="),
            ("secret", "foo=anything", "yCGX/RrK4fcuNtr3ztk5tQGsOBjcAzHpGLdMUrbV8yI="),
            ("old_secret", "foo=anything", "XqRcjrSv57VACn6apEO9znyu/wkN1VC7QxdSPwK3Hzs="),
            ("7008c5f4da4718b9b45d26d3fcbbb157", r#"{"foo":"bar"}"#, "+R9TwYM4mbLTk3hEAOBkpA7zW2lc9vNFmVKs2u2jtyY="),
            ("00000000000000000000000000000000", "", "vhwRQys0GZozEzsl9+bjquUnCkjSE7r1YPgl9S0CY1E="),
        ] {
            assert!(check(secret, body.as_bytes(), signature), "{secret} {body}");
        }
    }

    #[test]
    fn a_changed_byte_another_encoding_and_a_short_digest_are_refused() {
        for (secret, body, signature) in [
            ("test_secret_key", r#"{"foo": "bar" }"#, "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="),
            ("test_secret_key", r#"{"foo":"bar"}"#, "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="),
            (
                "test_secret_key",
                r#"{"foo": "bar"}"#,
                "076ded5cdebcd60674a8858d46b82dcc113d5d20e8e72694bbac1f9a1bb76bb8",
            ),
            ("test_secret_key", r#"{"foo": "bar"}"#, "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3aw=="),
            ("7008c5f4da4718b9b45d26d3fcbbb157", r#"{"foo":"bar"}"#, "-R9TwYM4mbLTk3hEAOBkpA7zW2lc9vNFmVKs2u2jtyY="),
            ("test_secret_key", r#"{"foo": "bar"}"#, ""),
            ("", "", ""),
        ] {
            assert!(!check(secret, body.as_bytes(), signature), "{secret} {body} {signature}");
        }
    }

    #[test]
    fn any_configured_secret_counts_and_an_empty_one_never_does() {
        let secrets = ["new".to_owned(), "old".to_owned()];
        assert!(is_genuine(&secrets, b"{}", &sign("old", b"{}")));
        assert!(!is_genuine(&[String::new()], b"{}", &sign("", b"{}")));
        assert!(!is_genuine(&[], b"{}", &sign("old", b"{}")));
    }

    #[test]
    fn the_raw_bytes_count_escapes_multibyte_and_a_megabyte_included() {
        let escaped = br#"{"url":"https:\/\/example.com\/a","html":"\u003cb\u003e \u0026"}"#;
        assert!(check("s", escaped, &sign("s", escaped)));
        assert!(!check("s", br#"{"url":"https://example.com/a","html":"<b> &"}"#, &sign("s", escaped)));
        let multibyte = "{\"name\":\"Mănecă 猫 🚀\"}".as_bytes();
        assert!(check("s", multibyte, &sign("s", multibyte)));
        let large = vec![b'x'; 1 << 20];
        assert!(check("s", &large, &sign("s", &large)));
    }
}
