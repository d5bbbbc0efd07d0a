//! OAuth 2 for both ledgers: consent, codes, refresh, revocation, and what an access token opens.
//!
//! QuickBooks: access 60 minutes, a refresh replaces the refresh token; the replaced one keeps working until the new pair is
//! first used, so a lost reply can be repeated but an old token cannot be kept.
//! Xero: access 30 minutes, the refresh token rotates on each use, the previous one works for 30 more minutes. Whoever
//! consents is one user, and each of that user's tokens opens every organisation that the user ever connected.

mod consent;
mod users;

pub use consent::discovery;

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use crate::http::{Reply, Request};
use crate::ids::{Ids, guid_from};
use crate::presets;
use crate::world::Ledger;
use users::event;

const QUICKBOOKS_ACCESS_SECONDS: i64 = 3600;
const QUICKBOOKS_REFRESH_SECONDS: i64 = 100 * 86_400;
const XERO_ACCESS_SECONDS: i64 = 1800;
const XERO_REFRESH_SECONDS: i64 = 60 * 86_400;
/// How long Xero accepts the previous refresh token after a rotation.
const XERO_GRACE_SECONDS: i64 = 1800;
/// A QuickBooks consent ends five years after it was given, however often its tokens are used.
const QUICKBOOKS_CONSENT_SECONDS: i64 = 5 * 365 * 86_400;
/// Xero documents five minutes for a code; the same is used for QuickBooks.
const CODE_SECONDS: i64 = 300;

/// What one consent allows.
#[derive(Clone, Debug)]
struct Grant {
    ledger: Ledger,
    /// Who consented.
    user: u64,
    at: DateTime<Utc>,
    companies: Vec<String>,
    refresh: String,
    refresh_expires: DateTime<Utc>,
    /// When the consent ends for good (QuickBooks).
    consent_ends: Option<DateTime<Utc>>,
    /// The refresh token before the current one, and until when it works (`None`: until the current pair is used).
    previous: Option<(String, Option<DateTime<Utc>>)>,
    generation: u64,
    custom: bool,
    dead: bool,
}

#[derive(Clone, Debug)]
struct Access {
    grant: usize,
    generation: u64,
    expires: DateTime<Utc>,
}

#[derive(Clone, Debug)]
struct Code {
    ledger: Ledger,
    companies: Vec<String>,
    redirect_uri: String,
    expires: DateTime<Utc>,
}

/// Why a bearer token opens nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    Unknown,
    Expired(DateTime<Utc>),
    Revoked,
}

/// What a bearer token opens.
#[derive(Clone, Debug)]
pub struct Opened {
    pub companies: Vec<String>,
    /// A Xero custom connection: it needs no tenant header.
    pub custom: bool,
}

/// Which companies the next consent is given for.
#[derive(Clone, Debug)]
pub struct Consent {
    pub quickbooks: String,
    pub xero: Vec<String>,
    pub deny: bool,
}

#[derive(Clone, Debug)]
pub struct Grants {
    grants: Vec<Grant>,
    access: HashMap<String, Access>,
    codes: HashMap<String, Code>,
    ids: Ids,
    pub consent: Consent,
    pub counters: BTreeMap<&'static str, u64>,
}

impl Default for Grants {
    fn default() -> Self {
        let far = DateTime::<Utc>::MAX_UTC;
        let at = DateTime::parse_from_rfc3339("2026-01-07T18:46:19.5165400Z").unwrap_or_default().to_utc();
        let grant = |ledger, company: &str| Grant {
            ledger,
            user: company.bytes().map(u64::from).sum(),
            at,
            companies: vec![company.to_owned()],
            refresh: presets::refresh_token(company),
            refresh_expires: far,
            consent_ends: None,
            previous: None,
            generation: 0,
            custom: false,
            dead: false,
        };
        let quickbooks = presets::QUICKBOOKS_COMPANIES.iter().map(|id| grant(Ledger::QuickBooks, id));
        let xero = presets::XERO_TENANTS.iter().map(|id| grant(Ledger::Xero, id));
        let consent =
            Consent { quickbooks: presets::QUICKBOOKS_US.into(), xero: vec![presets::XERO_UK.into()], deny: false };
        Self {
            grants: quickbooks.chain(xero).collect(),
            access: HashMap::new(),
            codes: HashMap::new(),
            ids: Ids::default(),
            consent,
            counters: BTreeMap::new(),
        }
    }
}

fn bearer(request: &Request) -> Option<&str> {
    request.header("authorization")?.strip_prefix("Bearer ")
}

/// The credentials of a token call: Basic, or (Xero's discovery document allows it) in the form.
fn credentials(request: &Request) -> Option<(String, String)> {
    if let Some(encoded) = request.header("authorization").and_then(|value| value.strip_prefix("Basic ")) {
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        return Some((id.to_owned(), secret.to_owned()));
    }
    let form: HashMap<String, String> = request.form().into_iter().collect();
    Some((form.get("client_id")?.clone(), form.get("client_secret")?.clone()))
}

fn error(status: u16, code: &str) -> Reply {
    Reply::json(status, &json!({ "error": code }))
}

impl Grants {
    fn count(&mut self, what: &'static str) {
        *self.counters.entry(what).or_default() += 1;
    }

    /// What the request's bearer token opens now. Using a new QuickBooks pair ends the life of the refresh token before it.
    pub fn open(&mut self, now: DateTime<Utc>, ledger: Ledger, request: &Request) -> Result<Opened, Denied> {
        let token = bearer(request).ok_or(Denied::Unknown)?;
        let access = self.access.get(token).ok_or(Denied::Unknown)?.clone();
        let grant = &mut self.grants[access.grant];
        if grant.ledger != ledger {
            return Err(Denied::Unknown);
        }
        if grant.dead {
            return Err(Denied::Revoked);
        }
        if access.expires <= now {
            return Err(Denied::Expired(access.expires));
        }
        if ledger == Ledger::QuickBooks && access.generation == grant.generation {
            grant.previous = None;
        }
        let custom = grant.custom;
        let companies = self.connected(access.grant).into_iter().map(|one| one.company).collect();
        Ok(Opened { companies, custom })
    }

    /// The access token of this request is worth nothing from now on.
    pub fn expire(&mut self, now: DateTime<Utc>, request: &Request) {
        if let Some(access) = bearer(request).and_then(|token| self.access.get_mut(token)) {
            access.expires = now;
        }
    }

    /// Ends the grant behind the request's access or refresh token.
    pub fn kill(&mut self, request: &Request) {
        let by_access = bearer(request).and_then(|token| self.access.get(token)).map(|access| access.grant);
        let form = request.form();
        let refresh = form.iter().find(|(key, _)| key == "refresh_token").map(|(_, value)| value.as_str());
        let by_refresh = refresh.and_then(|token| self.position(token));
        if let Some(index) = by_access.or(by_refresh) {
            self.grants[index].dead = true;
        }
    }

    /// Ends every grant for a company, as when its administrator disconnects the app.
    pub fn disconnect(&mut self, company: &str) {
        for grant in self.grants.iter_mut().filter(|grant| grant.companies.iter().any(|id| id == company)) {
            grant.dead = true;
        }
    }

    /// A valid access token for a company without going through the token endpoint: for tests of other things.
    pub fn mint(&mut self, now: DateTime<Utc>, company: &str) -> Option<String> {
        let index =
            self.grants.iter().position(|grant| !grant.dead && grant.companies.iter().any(|id| id == company))?;
        Some(self.issue_access(now, index))
    }

    fn position(&self, refresh: &str) -> Option<usize> {
        let is_previous = |grant: &Grant| grant.previous.as_ref().is_some_and(|(token, _)| token == refresh);
        self.grants.iter().position(|grant| grant.refresh == refresh || is_previous(grant))
    }

    fn issue_access(&mut self, now: DateTime<Utc>, index: usize) -> String {
        let grant = &self.grants[index];
        let (ledger, generation) = (grant.ledger, grant.generation);
        let lifetime = match ledger {
            Ledger::QuickBooks => QUICKBOOKS_ACCESS_SECONDS,
            Ledger::Xero => XERO_ACCESS_SECONDS,
        };
        let expires = now + Duration::seconds(lifetime);
        let unique = self.ids.token("access");
        let token = match ledger {
            Ledger::QuickBooks => unique,
            Ledger::Xero => jwt(grant.user, &event(index), &unique, now, expires),
        };
        self.access.insert(token.clone(), Access { grant: index, generation, expires });
        token
    }

    fn issue(&mut self, now: DateTime<Utc>, index: usize) -> Reply {
        let access = self.issue_access(now, index);
        let grant = &self.grants[index];
        let mut body = match grant.ledger {
            Ledger::QuickBooks => json!({
                "token_type": "bearer",
                "access_token": access,
                "expires_in": QUICKBOOKS_ACCESS_SECONDS,
                "x_refresh_token_expires_in": QUICKBOOKS_REFRESH_SECONDS,
            }),
            Ledger::Xero => json!({
                "token_type": "Bearer",
                "access_token": access,
                "expires_in": XERO_ACCESS_SECONDS,
                "scope": presets::XERO_SCOPES,
            }),
        };
        if !grant.custom {
            body["refresh_token"] = json!(grant.refresh);
        }
        Reply::json(200, &body)
    }

    /// `POST /oauth2/v1/tokens/bearer` and `POST /connect/token`.
    pub fn token(&mut self, now: DateTime<Utc>, ledger: Ledger, request: &Request) -> Reply {
        let Some((id, secret)) = credentials(request) else { return error(401, "invalid_client") };
        let custom = presets::custom_connection(&id, &secret);
        let known = match ledger {
            Ledger::QuickBooks => (id.as_str(), secret.as_str()) == presets::QUICKBOOKS_CLIENT,
            Ledger::Xero => (id.as_str(), secret.as_str()) == presets::XERO_CLIENT || custom.is_some(),
        };
        if !known {
            self.count("invalid_client");
            return error(if ledger == Ledger::Xero { 400 } else { 401 }, "invalid_client");
        }
        let form: HashMap<String, String> = request.form().into_iter().collect();
        let field = |key: &str| form.get(key).cloned().unwrap_or_default();
        let reply = match field("grant_type").as_str() {
            "refresh_token" if custom.is_none() => self.refresh(now, ledger, &field("refresh_token")),
            "authorization_code" if custom.is_none() => {
                self.exchange(now, ledger, &field("code"), &field("redirect_uri"))
            }
            "client_credentials" if custom.is_some() => self.custom(now, custom.unwrap_or_default()),
            "client_credentials" => return error(400, "unauthorized_client"),
            _ => return error(400, "unsupported_grant_type"),
        };
        let reply = reply.map(|reply| self.with_consent_end(now, ledger, request, reply));
        reply.unwrap_or_else(|| {
            self.count("invalid_grant");
            error(400, "invalid_grant")
        })
    }

    /// QuickBooks says when the consent ends to whoever asks for it by a header.
    fn with_consent_end(&self, now: DateTime<Utc>, ledger: Ledger, request: &Request, reply: Reply) -> Reply {
        let asks = request.header("x-include-refresh-token-hard-expires-in") == Some("true");
        let mut body: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        let index = body["refresh_token"].as_str().and_then(|token| self.position(token));
        let ends = index.and_then(|index| self.grants[index].consent_ends);
        match ends {
            Some(ends) if asks && ledger == Ledger::QuickBooks => {
                body["x_refresh_token_hard_expires_in"] = json!((ends - now).num_seconds());
                Reply::json(200, &body)
            }
            _ => reply,
        }
    }

    fn refresh(&mut self, now: DateTime<Utc>, ledger: Ledger, token: &str) -> Option<Reply> {
        let index = self.position(token)?;
        let fresh = self.ids.token(if ledger == Ledger::QuickBooks { "RT1" } else { "refresh" });
        let grant = &mut self.grants[index];
        let is_current = grant.refresh == token;
        let in_grace = grant.previous.as_ref().is_some_and(|(_, until)| until.is_none_or(|until| now < until));
        if grant.ledger != ledger
            || grant.dead
            || grant.refresh_expires <= now
            || grant.consent_ends.is_some_and(|ends| ends <= now)
            || !(is_current || in_grace)
        {
            return None;
        }
        let lifetime = match ledger {
            Ledger::QuickBooks => QUICKBOOKS_REFRESH_SECONDS,
            Ledger::Xero => XERO_REFRESH_SECONDS,
        };
        if is_current {
            let until = (ledger == Ledger::Xero).then(|| now + Duration::seconds(XERO_GRACE_SECONDS));
            grant.previous = Some((std::mem::replace(&mut grant.refresh, fresh), until));
            grant.generation += 1;
            grant.refresh_expires = now + Duration::seconds(lifetime);
        }
        self.count("refreshed");
        Some(self.issue(now, index))
    }

    fn exchange(&mut self, now: DateTime<Utc>, ledger: Ledger, code: &str, redirect_uri: &str) -> Option<Reply> {
        let code = self.codes.remove(code)?;
        if code.ledger != ledger || code.expires <= now || code.redirect_uri != redirect_uri {
            return None;
        }
        let index = self.consented(now, ledger, code.companies);
        self.count("exchanged");
        Some(self.issue(now, index))
    }

    fn custom(&mut self, now: DateTime<Utc>, tenant: &str) -> Option<Reply> {
        let existing = self.grants.iter().position(|grant| grant.custom && grant.companies == [tenant]);
        let index = existing.unwrap_or_else(|| {
            self.grants.push(Grant {
                ledger: Ledger::Xero,
                user: self.grants.len() as u64 + 9000,
                at: now,
                companies: vec![tenant.to_owned()],
                refresh: self.ids.token("unused"),
                refresh_expires: now,
                consent_ends: None,
                previous: None,
                generation: 0,
                custom: true,
                dead: false,
            });
            self.grants.len() - 1
        });
        if self.grants[index].dead {
            return None;
        }
        self.count("client_credentials");
        Some(self.issue(now, index))
    }
}

/// Xero's access tokens are JWTs whose expiry and scope a client may read. The signature is a placeholder.
fn jwt(user: u64, event: &str, unique: &str, now: DateTime<Utc>, expires: DateTime<Utc>) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "RS256", "typ": "JWT" }));
    let scopes: Vec<&str> = presets::XERO_SCOPES.split(' ').collect();
    let claims = part(json!({
        "nbf": now.timestamp(), "exp": expires.timestamp(), "iss": "https://identity.xero.com",
        "client_id": presets::XERO_CLIENT.0, "xero_userid": guid_from(user),
        "authentication_event_id": event, "jti": unique, "scope": scopes,
    }));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(unique))
}
