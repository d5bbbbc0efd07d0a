//! Where a browser or a client manages connections: consent, revocation, the list of tenants.
//!
//! A browser (a request that accepts HTML) gets a page with the companies and two buttons; any other client is answered
//! at once, as the test ordered it.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::{CODE_SECONDS, Code, Grant, Grants, credentials, error};
use crate::http::{Reply, Request};
use crate::ids::guid_from;
use crate::presets;
use crate::world::Ledger;

impl Grants {
    /// The authorize page: consents at once (or denies, if told so) and sends the browser back.
    pub fn authorize(&mut self, now: DateTime<Utc>, ledger: Ledger, request: &Request) -> Reply {
        let client = match ledger {
            Ledger::QuickBooks => presets::QUICKBOOKS_CLIENT.0,
            Ledger::Xero => presets::XERO_CLIENT.0,
        };
        let field = |key: &str| request.parameter(key).unwrap_or_default();
        let (redirect_uri, state) = (field("redirect_uri"), field("state"));
        let wrong = field("client_id") != client || field("response_type") != "code" || field("scope").is_empty();
        if wrong || redirect_uri.is_empty() || state.is_empty() {
            return Reply::text(400, "The request needs client_id, response_type=code, scope, redirect_uri and state.");
        }
        let is_browser = request.header("accept").is_some_and(|accept| accept.contains("text/html"));
        let decision = request.parameter("decision");
        if is_browser && decision.is_none() {
            return page(ledger, &request.query);
        }
        let chosen: Vec<String> = request.parameter("company").into_iter().collect();
        let mut answer = form_urlencoded::Serializer::new(String::new());
        if self.consent.deny || decision.as_deref() == Some("deny") {
            answer.append_pair("error", "access_denied").append_pair("state", &state);
        } else {
            let code = self.ids.token("code");
            answer.append_pair("code", &code).append_pair("state", &state);
            let companies = match ledger {
                Ledger::QuickBooks => {
                    let realm = chosen.first().unwrap_or(&self.consent.quickbooks).clone();
                    answer.append_pair("realmId", &realm);
                    vec![realm]
                }
                Ledger::Xero if chosen.is_empty() => self.consent.xero.clone(),
                Ledger::Xero => chosen,
            };
            let expires = now + Duration::seconds(CODE_SECONDS);
            self.codes.insert(code, Code { ledger, companies, redirect_uri: redirect_uri.clone(), expires });
        }
        let glue = if redirect_uri.contains('?') { '&' } else { '?' };
        Reply::empty(302).with_header("location", format!("{redirect_uri}{glue}{}", answer.finish()))
    }

    /// Revocation: QuickBooks takes JSON `{"token"}`, Xero a form `token=`. It ends the whole grant, at
    /// Xero all of the user's.
    pub fn revoke(&mut self, request: &Request) -> Reply {
        let json: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let form = request.form();
        let from_form = form.iter().find(|(key, _)| key == "token").map(|(_, value)| value.clone());
        let Some(token) = json["token"].as_str().map(str::to_owned).or(from_form) else {
            return error(400, "invalid_request");
        };
        let client = credentials(request).unwrap_or_default();
        let client = (client.0.as_str(), client.1.as_str());
        if client != presets::QUICKBOOKS_CLIENT && client != presets::XERO_CLIENT {
            return error(401, "invalid_client");
        }
        let index = self.position(&token).or_else(|| self.access.get(&token).map(|access| access.grant));
        if let Some(index) = index {
            let (ledger, user) = (self.grants[index].ledger, self.grants[index].user);
            self.grants[index].dead = true;
            let of_user = |grant: &&mut Grant| ledger == Ledger::Xero && grant.ledger == ledger && grant.user == user;
            self.grants.iter_mut().filter(of_user).for_each(|grant| grant.dead = true);
            self.count("revoked");
        }
        Reply::empty(200)
    }

    /// `GET /connections` and `DELETE /connections/{id}`.
    pub fn connections(&mut self, now: DateTime<Utc>, request: &Request) -> Reply {
        let opened = match self.open(now, Ledger::Xero, request) {
            Ok(opened) => opened,
            Err(denied) => return crate::xero::faults::denied(&denied),
        };
        if request.method == "DELETE" {
            let wanted = request.segments().get(1).cloned().unwrap_or_default();
            let Some(tenant) = opened.companies.iter().find(|tenant| connection_id(tenant) == wanted) else {
                return crate::xero::faults::not_found();
            };
            let tenant = tenant.clone();
            self.cut_off(request, &tenant);
            return Reply::empty(204);
        }
        let index = super::bearer(request).and_then(|token| self.access.get(token)).map(|access| access.grant);
        let wanted = request.parameter("authEventId");
        let connected = index.map(|index| self.connected(index)).unwrap_or_default().into_iter();
        let list: Vec<Value> = connected
            .filter(|one| wanted.as_ref().is_none_or(|event| *event == one.event))
            .map(|one| {
                let created = one.created.format("%Y-%m-%dT%H:%M:%S%.6f0").to_string();
                json!({
                    "id": connection_id(&one.company),
                    "authEventId": one.event,
                    "tenantId": one.company,
                    "tenantType": "ORGANISATION",
                    "tenantName": presets::company_name(&one.company),
                    "createdDateUtc": created,
                    "updatedDateUtc": created,
                })
            })
            .collect();
        Reply::json(200, &Value::Array(list))
    }
}

/// Xero's discovery document, as far as its client library reads it: the addresses are Xero's own.
pub fn discovery() -> Reply {
    let body = json!({
        "issuer": "https://identity.xero.com",
        "jwks_uri": "https://identity.xero.com/.well-known/openid-configuration/jwks",
        "authorization_endpoint": "https://login.xero.com/identity/connect/authorize",
        "token_endpoint": "https://identity.xero.com/connect/token",
        "userinfo_endpoint": "https://identity.xero.com/connect/userinfo",
        "end_session_endpoint": "https://identity.xero.com/connect/endsession",
        "revocation_endpoint": "https://identity.xero.com/connect/revocation",
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["plain", "S256"],
    });
    Reply::json(200, &body)
}

/// The page that a person sees. The request's own fields go along with the decision.
fn page(ledger: Ledger, query: &str) -> Reply {
    let escape =
        |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let fields: String = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| format!("<input type=hidden name=\"{}\" value=\"{}\">", escape(&name), escape(&value)))
        .collect();
    let companies: &[&str] = match ledger {
        Ledger::QuickBooks => &presets::QUICKBOOKS_COMPANIES,
        Ledger::Xero => &presets::XERO_TENANTS,
    };
    let choices: String = companies
        .iter()
        .enumerate()
        .map(|(at, id)| {
            let (name, checked) = (escape(presets::company_name(id)), if at == 0 { " checked" } else { "" });
            format!("<p><label><input type=radio name=company value=\"{id}\"{checked}> {name}</label></p>")
        })
        .collect();
    let html = format!(
        "<!doctype html><title>Allow access</title><h1>Allow access to your {} company?</h1><form>{fields}{choices}\
         <button name=decision value=allow>Allow access</button> <button name=decision value=deny>Cancel</button></form>",
        ledger.name()
    );
    Reply::text(200, &html)
}

/// The id of a connection is not the tenant's id.
fn connection_id(tenant: &str) -> String {
    guid_from(tenant.bytes().fold(17, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte)))
}
