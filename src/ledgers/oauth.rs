//! OAuth 2: what both ledgers' servers are asked, and what they answer. The addresses, scopes and peculiarities of each
//! stand in its own module; nothing here sends or remembers anything.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::{quickbooks, xero};
use crate::books::rules::LedgerName;
use crate::config::{Variables, variable};
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
    /// Buys the next pair; rotates. Empty for a Custom Connection, which has none.
    pub refresh_token: String,
    /// When the refresh token ends unless it is used before.
    #[serde(default)]
    pub refresh_ends_at: Option<DateTime<Utc>>,
    /// When a person has to consent again however often it is used (QuickBooks: five years after consent).
    #[serde(default)]
    pub consent_ends_at: Option<DateTime<Utc>>,
}

impl Tokens {
    /// A refresh token that was never used: there is nothing else yet.
    pub fn only_refresh(refresh_token: &str) -> Self {
        Self {
            access_token: String::new(),
            expires_at: DateTime::<Utc>::UNIX_EPOCH,
            refresh_token: refresh_token.to_owned(),
            refresh_ends_at: None,
            consent_ends_at: None,
        }
    }
}

/// A company (QuickBooks realm, Xero organisation) that a token opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    /// Realm or tenant id.
    pub id: String,
    /// Its name, as the ledger states it.
    pub name: String,
}

/// A consent as the ledger knows it: what came with it is told by this from what stood before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentEvent {
    /// The ledger's id of it.
    pub id: String,
    /// When it was begun here.
    pub began_at: DateTime<Utc>,
}

/// Why there are no new tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The refresh token (or the code) is no longer accepted: a person has to connect again.
    #[error("the ledger no longer accepts the authorisation; connect the ledger again")]
    Dead,
    /// Client id or secret are wrong: the connection itself may be fine.
    #[error("the ledger refuses the client id or secret; check {0}_CLIENT_ID and {0}_CLIENT_SECRET")]
    Client(&'static str),
    /// Try again later; the tokens in hand are kept.
    #[error("the ledger's token service answered with status {0}")]
    Later(u16),
}

/// Where a ledger's OAuth servers are and what they want.
pub struct Provider {
    pub(super) ledger: LedgerName,
    pub(super) authorize: String,
    pub(super) token: String,
    pub(super) scope: &'static str,
    pub(super) api: String,
    pub(super) revocation: String,
    /// How long a refresh token lives unused, where the answer does not say.
    pub(super) refresh_lives: Duration,
    pub(super) headers: &'static [(&'static str, &'static str)],
}

/// The servers of a ledger.
pub fn provider(ledger: LedgerName, variables: &Variables) -> Provider {
    match ledger {
        LedgerName::QuickBooks => quickbooks::oauth::provider(variables),
        LedgerName::Xero => xero::oauth::provider(variables),
    }
}

/// The prefix of a ledger's settings: `XERO` in `XERO_CLIENT_ID`.
pub fn prefix(ledger: LedgerName) -> &'static str {
    match ledger {
        LedgerName::QuickBooks => "QUICKBOOKS",
        LedgerName::Xero => "XERO",
    }
}

/// `path` at the documented host, or at the one that the setting `name` puts in its place.
pub(super) fn address(variables: &Variables, name: &str, host: &str, path: &str) -> String {
    format!("{}{path}", variable(variables, name).unwrap_or(host).trim_end_matches('/'))
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: u32,
    x_refresh_token_expires_in: Option<u32>,
    x_refresh_token_hard_expires_in: Option<u32>,
}

#[derive(Deserialize)]
struct Denied {
    error: String,
}

impl Provider {
    /// Where a browser goes to consent.
    pub fn consent_page(&self, client_id: &str, redirect_uri: &str, state: &str) -> String {
        let fields = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("scope", self.scope),
            ("state", state),
        ];
        format!("{}?{}", self.authorize, form(&fields))
    }

    /// The request that exchanges a code for the first tokens. `redirect_uri` is exactly the one of the consent page.
    pub fn exchange(&self, credentials: &Credentials, code: &str, redirect_uri: &str) -> Request {
        let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)];
        self.ask(&self.token, credentials, &fields)
    }

    /// The request that exchanges a refresh token.
    pub fn refresh(&self, credentials: &Credentials, refresh_token: &str) -> Request {
        self.ask(&self.token, credentials, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
    }

    /// The request that gets a token on the app's own account: a Xero Custom Connection.
    pub fn own_account(&self, credentials: &Credentials) -> Request {
        let scope = self.scope.trim_start_matches("offline_access ");
        self.ask(&self.token, credentials, &[("grant_type", "client_credentials"), ("scope", scope)])
    }

    fn ask(&self, url: &str, credentials: &Credentials, fields: &[(&str, &str)]) -> Request {
        let pair = STANDARD.encode(format!("{}:{}", credentials.client_id, credentials.client_secret));
        let mut headers = vec![
            ("authorization".to_owned(), format!("Basic {pair}")),
            ("accept".to_owned(), "application/json".to_owned()),
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("user-agent".to_owned(), super::USER_AGENT.to_owned()),
        ];
        headers.extend(self.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Request { method: Method::Post, url: url.to_owned(), headers, body: Some(form(fields)) }
    }

    /// Reads the answer of the token endpoint. `sent` is the refresh token that was used: some grants return none.
    pub fn read_tokens(&self, response: &Response, sent: &str, now: DateTime<Utc>) -> Result<Tokens, TokenError> {
        if response.status == 200 {
            let granted: Granted = serde_json::from_str(&response.body).map_err(|_| TokenError::Later(200))?;
            let after = |seconds: u32| now + Duration::seconds(i64::from(seconds));
            let refresh_token = granted.refresh_token.unwrap_or_else(|| sent.to_owned());
            return Ok(Tokens {
                access_token: granted.access_token,
                expires_at: after(granted.expires_in),
                refresh_ends_at: (!refresh_token.is_empty())
                    .then(|| granted.x_refresh_token_expires_in.map_or(now + self.refresh_lives, after)),
                refresh_token,
                consent_ends_at: granted.x_refresh_token_hard_expires_in.map(after),
            });
        }
        let denied = serde_json::from_str::<Denied>(&response.body).map(|denied| denied.error).unwrap_or_default();
        match denied.as_str() {
            "invalid_grant" => Err(TokenError::Dead),
            "invalid_client" | "unauthorized_client" => Err(TokenError::Client(prefix(self.ledger))),
            _ => Err(TokenError::Later(response.status)),
        }
    }

    /// The question which companies a token opens. QuickBooks' token opens one, which the callback names as `realm`:
    /// the token is tried on it. `None` if `realm` cannot be one.
    pub fn who(&self, access_token: &str, realm: &str) -> Option<Request> {
        match self.ledger {
            LedgerName::QuickBooks => quickbooks::oauth::who(&self.api, access_token, realm),
            LedgerName::Xero => Some(xero::oauth::who(&self.api, access_token)),
        }
    }

    /// The ledger's id of the consent that brought a token, if the token says it.
    pub fn event(&self, access_token: &str) -> Option<String> {
        match self.ledger {
            LedgerName::QuickBooks => None,
            LedgerName::Xero => xero::oauth::event(access_token),
        }
    }

    /// The companies that a consent was given for; none if its token opens nothing that this program can use.
    pub fn read_who(&self, realm: &str, event: Option<&str>, response: &Response) -> Result<Vec<Company>, TokenError> {
        match (response.status, self.ledger) {
            (200, LedgerName::QuickBooks) => Ok(quickbooks::oauth::read_who(realm, &response.body)),
            (200, LedgerName::Xero) => Ok(xero::oauth::consented(&response.body, event)),
            (401 | 403, _) => Ok(Vec::new()),
            (status, _) => Err(TokenError::Later(status)),
        }
    }

    /// True if giving an authorisation back takes an access token that is still valid; else the refresh token does.
    pub fn leaves_by_access_token(&self) -> bool {
        self.ledger == LedgerName::Xero
    }

    /// The request that gives the authorisation back (QuickBooks), or the one whose answer says what to delete (Xero,
    /// where revoking would cut off the same user's other organisations).
    pub fn leave(&self, credentials: &Credentials, tokens: &Tokens) -> Request {
        match self.ledger {
            LedgerName::QuickBooks => {
                let mut request = self.ask(&self.revocation, credentials, &[]);
                request.headers.retain(|(name, _)| name != "content-type");
                request.headers.push(("content-type".to_owned(), "application/json".to_owned()));
                request.body = Some(serde_json::json!({ "token": tokens.refresh_token }).to_string());
                request
            }
            LedgerName::Xero => xero::oauth::who(&self.api, &tokens.access_token),
        }
    }

    /// What has to be deleted after that answer, if anything: of a consent only what came with it.
    pub fn leave_further(
        &self,
        tokens: &Tokens,
        company: &str,
        consent: Option<&ConsentEvent>,
        response: &Response,
    ) -> Option<Request> {
        match self.ledger {
            LedgerName::QuickBooks => None,
            LedgerName::Xero => {
                let all = xero::oauth::read_connections(&response.body);
                let found = all.into_iter().find(|one| one.company.id == company)?;
                let goes = consent.is_none_or(|consent| found.came_with(consent));
                goes.then(|| xero::oauth::delete(&self.api, &tokens.access_token, &found.id))
            }
        }
    }

    /// True if a consent can be given back although nobody knows which companies came with it.
    pub fn leaves_as_a_whole(&self) -> bool {
        self.ledger == LedgerName::QuickBooks
    }
}

/// Fields as a form or a query.
fn form(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// Text inside a form or a query.
pub(super) fn encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// A GET with a token, for the few calls outside the accounting API.
pub(super) fn get(url: String, access_token: &str) -> Request {
    let header = |name: &str, value: String| (name.to_owned(), value);
    Request {
        method: Method::Get,
        url,
        headers: vec![
            header("authorization", format!("Bearer {access_token}")),
            header("accept", "application/json".into()),
            header("user-agent", super::USER_AGENT.into()),
        ],
        body: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Response {
        Response { status, headers: Vec::new(), body: body.to_owned() }
    }

    #[test]
    fn a_client_that_is_refused_is_no_dead_grant_and_a_service_that_is_down_neither() {
        let provider = provider(LedgerName::Xero, &Variables::new());
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let read = |status, body: &str| provider.read_tokens(&answer(status, body), "sent", now);
        assert_eq!(read(400, r#"{"error":"invalid_grant"}"#).err(), Some(TokenError::Dead));
        assert_eq!(read(400, r#"{"error":"invalid_client"}"#).err(), Some(TokenError::Client("XERO")));
        assert_eq!(read(503, "The service is down").err(), Some(TokenError::Later(503)));
        assert_eq!(read(200, "<html>").err(), Some(TokenError::Later(200)));
    }

    #[test]
    fn the_answer_says_how_long_each_token_lives() {
        let body = r#"{"access_token":"a","refresh_token":"r","expires_in":3600,"x_refresh_token_expires_in":8640000,
            "x_refresh_token_hard_expires_in":157680000}"#;
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let provider = provider(LedgerName::QuickBooks, &Variables::new());
        let tokens = provider.read_tokens(&answer(200, body), "", now).unwrap();
        assert_eq!(tokens.expires_at, now + Duration::hours(1));
        assert_eq!(tokens.refresh_ends_at, Some(now + Duration::days(100)));
        assert_eq!(tokens.consent_ends_at, Some(now + Duration::days(1825)));
    }

    #[test]
    fn the_consent_page_gets_everything_encoded() {
        let provider = provider(LedgerName::Xero, &Variables::new());
        let page = provider.consent_page("id&x", "https://till.example/oauth/xero/callback", "main.ab");
        assert!(
            page.starts_with("https://login.xero.com/identity/connect/authorize?response_type=code&client_id=id%26x&")
        );
        assert!(page.contains("redirect_uri=https%3A%2F%2Ftill.example%2Foauth%2Fxero%2Fcallback&"), "{page}");
        assert!(
            page.contains("accounting.invoices%20accounting.payments") && page.ends_with("&state=main.ab"),
            "{page}"
        );
    }
}
