//! Signatures, against digests that another implementation computed: the raw bytes count, as they came.

use tillproof::reception::{Admission, admit};
use tillproof::shopify::{Delivery, signature::is_genuine};

const SECRET: &str = "hush-hush-a-secret";

fn genuine(body: &[u8], signature: &str) -> bool {
    is_genuine(&[SECRET.to_owned()], body, signature)
}

/// A body of exactly one megabyte.
fn megabyte() -> Vec<u8> {
    let mut body = br#"{"id":1,"note":""#.to_vec();
    body.resize((1 << 20) - 2, b'x');
    body.extend(br#""}"#);
    body
}

const SLASHES: (&str, &str) =
    (r#"{"url":"https:\/\/example.myshopify.com\/orders\/1","id":1}"#, "TCcOZ+yW+didcxjbZ+4lSLpffYPbKFhKCrMsg4d7NxA=");
const ESCAPES: (&str, &str) = (
    r#"{"note":"\u003cb\u003eTom \u0026 Jerry\u003c\/b\u003e","id":1}"#,
    "9s+xb9fyBDrqTGauK/fUXg+tB8aINY73Wbg2CZVbVCo=",
);
const MULTIBYTE: (&str, &str) =
    ("{\"name\":\"Mănecă 猫 🚀\u{2028}\",\"id\":1}", "8jBRIHCXl4Gh1IW4nie8pXsgcd1CaTYLHXsMQ0CjKas=");
const MEGABYTE: &str = "F3Exh689pfoDiubKYvV3QZ8Kvf8y6Fdcz4+obZCCAb0=";

#[test]
fn escapes_multibyte_characters_and_a_megabyte_verify_as_they_came() {
    for (body, signature) in [SLASHES, ESCAPES, MULTIBYTE] {
        assert!(genuine(body.as_bytes(), signature), "{body}");
    }
    assert_eq!(megabyte().len(), 1 << 20);
    assert!(genuine(&megabyte(), MEGABYTE));
}

#[test]
fn a_body_that_was_parsed_and_written_again_does_not_verify() {
    for (body, signature) in [SLASHES, ESCAPES] {
        let value: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(!genuine(value.to_string().as_bytes(), signature), "{body}");
    }
    let (body, signature) = MULTIBYTE;
    assert!(!genuine(String::from_utf8_lossy(&body.as_bytes()[..12]).as_bytes(), signature), "cut inside a character");
    let mut large = megabyte();
    large[900_000] ^= 1;
    assert!(!genuine(&large, MEGABYTE), "one bit of a megabyte");
    assert!(!genuine(b"{\"id\":1}\n", "xY9J2jIJ0P/Thj/jeP+8aICdGk1N6BSSWo0TZ4DmKnM="), "a line end at the end");
    assert!(genuine(b"{\"id\":1}", "xY9J2jIJ0P/Thj/jeP+8aICdGk1N6BSSWo0TZ4DmKnM="));
}

#[test]
fn what_the_same_secret_signed_for_another_purpose_is_no_delivery() {
    // A cookie `name=value`, signed as Shopify's libraries sign their session cookies.
    let cookie = "ORU+nUJrIuUCpklgIBysnYWr6rKqlgbkBOo7iJw4eHs=";
    assert!(genuine(b"shopify_app_state=1234567890", cookie));
    for body in ["{\"id\":1}", "{\"shopify_app_state\":1234567890}", "1234567890", ""] {
        assert!(!genuine(body.as_bytes(), cookie), "{body}");
    }
    // The same bytes with the same signature as a delivery: genuine, but no order; the body has the last word.
    let body = b"shopify_app_state=1234567890";
    assert!(tillproof::shopify::delivery::read("orders/create", "example.myshopify.com", body).is_err());
}

#[test]
fn spaces_around_a_signature_do_not_matter_and_its_case_does() {
    let (body, signature) = SLASHES;
    assert!(genuine(body.as_bytes(), &format!(" {signature}\r\n")));
    assert!(!genuine(body.as_bytes(), &signature.to_lowercase()));
    assert!(!genuine(body.as_bytes(), &format!("sha256={signature}")));
    assert!(!genuine(body.as_bytes(), signature.trim_end_matches('=')), "without its padding it is another text");
    assert!(!genuine(body.as_bytes(), &format!("{signature}, {signature}")), "a repeated header, joined");
}

#[test]
fn both_header_spellings_in_any_case_name_the_same_delivery() {
    for prefix in ["X-Shopify-", "x-shopify-", "X-SHOPIFY-", "Shopify-", "shopify-", "SHOPIFY-"] {
        let sent = [
            ("Topic", "orders/create"),
            ("Shop-Domain", "Example.myshopify.com"),
            ("Webhook-Id", "w-1"),
            ("Event-Id", "e-1"),
            ("API-Version", "2026-10"),
            ("Triggered-At", "2026-11-02T09:00:00Z"),
        ]
        .map(|(name, value)| (format!("{prefix}{name}"), value));
        // Headers are looked up without regard to case, as every HTTP library does.
        let header = |name: &str| {
            let found = sent.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
            found.map(|(_, value)| (*value).to_owned())
        };
        let delivery = Delivery::from_headers(header, "hash");
        let expected = Delivery {
            topic: "orders/create".into(),
            shop: "example.myshopify.com".into(),
            webhook_id: "w-1".into(),
            event_id: "e-1".into(),
            api_version: "2026-10".into(),
            triggered_at: "2026-11-02T09:00:00Z".into(),
        };
        assert_eq!(delivery, expected, "{prefix}");
    }
}

#[test]
fn during_a_rotation_both_secrets_open_the_door_and_nothing_else_does() {
    let settings = serde_json::json!({"shop": "example.myshopify.com", "ledger": "xero", "number_prefix": "S-",
        "start_date": "2026-01-01", "no_tax": "NONE", "lines": {"sales": "200"}, "payments": {"default": "090"}});
    let variables = std::collections::BTreeMap::from([
        ("CONNECTION_MAIN".to_owned(), settings),
        ("SHOPIFY_WEBHOOK_SECRETS".to_owned(), serde_json::json!("the-new-one, hush-hush-a-secret ,")),
    ]);
    let all = tillproof::config::connections(&variables);
    let (body, signature) = SLASHES;
    let admitted = |signature: &str| admit(&variables, &all, "example.myshopify.com", body.as_bytes(), signature);
    assert!(matches!(admitted(signature), Admission::Accepted(_)));
    assert!(matches!(admitted(MEGABYTE), Admission::Forged));
    assert!(matches!(admitted(""), Admission::Forged));
}

/// `VECTORS=hmac-vectors.json cargo test --test signatures -- --ignored`: a file of `valid` and `invalid` vectors, each with
/// `secret`, `hmac`, and `body` or the name of a `body_file` beside it.
#[test]
#[ignore = "needs a file of vectors"]
fn the_vectors_of_a_file_are_judged_as_it_says() {
    let path = std::path::PathBuf::from(std::env::var("VECTORS").expect("VECTORS=file"));
    let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let text = |one: &serde_json::Value, key: &str| one[key].as_str().map(str::to_owned);
    for (kind, expected) in [("valid", true), ("invalid", false)] {
        for one in vectors[kind].as_array().unwrap() {
            let body = match text(one, "body") {
                Some(body) => body.into_bytes(),
                None => std::fs::read(path.with_file_name(text(one, "body_file").unwrap())).unwrap(),
            };
            let secret = text(one, "secret").unwrap();
            assert_eq!(is_genuine(&[secret], &body, &text(one, "hmac").unwrap()), expected, "{one}");
        }
    }
}
