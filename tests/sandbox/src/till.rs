//! Deliveries as Shopify sends them, genuine or forged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The Admin API version that the deliveries claim.
pub const API_VERSION: &str = "2026-10";

/// The signature of a body: base64 of its HMAC-SHA256 under the app's client secret.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// One webhook delivery's envelope.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// `orders/create`
    pub topic: String,
    /// `example.myshopify.com`
    pub shop: String,
    pub webhook_id: String,
    pub event_id: String,
    pub triggered_at: DateTime<Utc>,
}

impl Delivery {
    /// An envelope whose ids derive from `number`, so that the same number is the same delivery.
    pub fn new(topic: &str, shop: &str, number: u64, triggered_at: DateTime<Utc>) -> Self {
        let webhook_id = crate::ids::guid_from(number.wrapping_mul(2));
        let event_id = crate::ids::guid_from(number.wrapping_mul(2) + 1);
        Self { topic: topic.into(), shop: shop.into(), webhook_id, event_id, triggered_at }
    }

    /// Every header of a genuine delivery of `body`. Sign another body, or with another secret, for a forged one.
    pub fn headers(&self, secret: &str, body: &[u8]) -> Vec<(String, String)> {
        let triggered_at = self.triggered_at.to_rfc3339_opts(SecondsFormat::Nanos, true);
        [
            ("Content-Type", "application/json".to_owned()),
            ("User-Agent", "Shopify-Captain-Hook".to_owned()),
            ("X-Shopify-Topic", self.topic.clone()),
            ("X-Shopify-Shop-Domain", self.shop.clone()),
            ("X-Shopify-API-Version", API_VERSION.to_owned()),
            ("X-Shopify-Webhook-Id", self.webhook_id.clone()),
            ("X-Shopify-Event-Id", self.event_id.clone()),
            ("X-Shopify-Triggered-At", triggered_at),
            ("X-Shopify-Hmac-Sha256", sign(secret, body)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_hmac_sha256_in_base64() {
        // The well-known example of HMAC-SHA256, in base64.
        let signature = sign("key", b"The quick brown fox jumps over the lazy dog");
        assert_eq!(signature, "97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg=");
    }
}
