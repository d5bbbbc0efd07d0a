//! Tokens: what both ledgers' OAuth servers answer, and what it means.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::platform::{Method, Request, Response};

/// An app's identity with a ledger.
#[derive(Clone)]
pub struct Credentials {
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: String,
}

/// A pair of tokens, as stored (encrypted) in the object.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Opens the ledger's API, for about half an hour.
    pub access_token: String,
    /// When the access token ends.
    pub expires_at: DateTime<Utc>,
    /// Buys the next pair; rotates.
    pub refresh_token: String,
}

/// Why there are no new tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The refresh token is no longer accepted: a person has to connect again.
    #[error("the ledger no longer accepts the refresh token; connect the ledger again")]
    Dead,
    /// Client id or secret are wrong: the connection itself may be fine.
    #[error("the ledger refuses the client id or secret; check {0}_CLIENT_ID and {0}_CLIENT_SECRET")]
    Client(&'static str),
    /// Try again later; the tokens in hand are kept.
    #[error("the ledger's token service answered with status {0}")]
    Later(u16),
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: u32,
}

#[derive(Deserialize)]
struct Denied {
    error: String,
}

/// Reads the answer of a token endpoint. `sent` is the refresh token that was used: some grants do not return one.
/// `provider` is the prefix of the settings (`XERO`), for the error text.
pub fn read_tokens(
    response: &Response,
    sent: &str,
    now: DateTime<Utc>,
    provider: &'static str,
) -> Result<Tokens, TokenError> {
    if response.status == 200 {
        let granted: Granted = serde_json::from_str(&response.body).map_err(|_| TokenError::Later(200))?;
        return Ok(Tokens {
            access_token: granted.access_token,
            expires_at: now + Duration::seconds(i64::from(granted.expires_in)),
            refresh_token: granted.refresh_token.unwrap_or_else(|| sent.to_owned()),
        });
    }
    let denied = serde_json::from_str::<Denied>(&response.body).map(|denied| denied.error).unwrap_or_default();
    match denied.as_str() {
        "invalid_grant" => Err(TokenError::Dead),
        "invalid_client" | "unauthorized_client" => Err(TokenError::Client(provider)),
        _ => Err(TokenError::Later(response.status)),
    }
}

/// The request that exchanges a refresh token: Basic authentication, form body.
pub fn refresh(url: &str, credentials: &Credentials, refresh_token: &str) -> Request {
    let pair = STANDARD.encode(format!("{}:{}", credentials.client_id, credentials.client_secret));
    let header = |name: &str, value: String| (name.to_owned(), value);
    Request {
        method: Method::Post,
        url: url.to_owned(),
        headers: vec![
            header("authorization", format!("Basic {pair}")),
            header("accept", "application/json".into()),
            header("content-type", "application/x-www-form-urlencoded".into()),
            header("user-agent", super::USER_AGENT.into()),
        ],
        body: Some(format!("grant_type=refresh_token&refresh_token={}", form_encode(refresh_token))),
    }
}

fn form_encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
