//! Shopify's Admin API (GraphQL) for one shop: tokens, orders with their refunds and transactions, webhook subscriptions,
//! and the cost budget. The shop knows what it was told in the webhooks' own bodies: tests deliver and ask the same thing.
//! Fields and arguments that it does not know are refused, so that no query passes here that it could not answer; that the
//! answers have the published schema's types is checked in `tests/clients`.

mod access;
mod bucket;
mod graph;
mod orders;
mod search;
mod subscriptions;
mod told;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value, json};

use crate::http::{Reply, Request};
use crate::ids::Ids;
pub use bucket::Bucket;
pub use subscriptions::Subscription;

/// The shop's own domain.
pub const DOMAIN: &str = "example.myshopify.com";
/// The app's client id and secret, for client credentials.
pub const CLIENT: (&str, &str) = ("sandbox-shopify", "sandbox-shopify-secret");
/// A permanent token of an older custom app.
pub const PERMANENT_TOKEN: &str = "shpat_sandbox";
/// The versions that are answered; an older one falls forward to the first.
const VERSIONS: [&str; 4] = ["2026-01", "2026-04", "2026-07", "2026-10"];
/// The scopes of an app that may see all that orders hold.
pub const SCOPES: [&str; 5] =
    ["read_orders", "read_all_orders", "read_customers", "read_products", "read_payment_terms"];
const TOKEN_SECONDS: i64 = 86_399;

/// One shop.
#[derive(Clone, Debug)]
pub struct Shop {
    told: BTreeMap<u64, told::Told>,
    pub subscriptions: Vec<Subscription>,
    pub bucket: Bucket,
    tokens: HashMap<String, DateTime<Utc>>,
    ids: Ids,
    /// The shop's offset from UTC today.
    pub offset_minutes: i32,
    /// Its time zone, by the tz database.
    pub time_zone: String,
    /// The shop's currency, and those that buyers may pay in.
    pub currency: String,
    pub sells_in: Vec<String>,
    /// The scopes that the app was granted.
    pub scopes: Vec<String>,
    /// Personal fields that the app was not approved for, by their names in the schema.
    pub unapproved: Vec<String>,
    /// Tokens given so far.
    pub tokens_given: u64,
    /// Orders that the app may not see, as those older than 60 days without `read_all_orders`.
    pub hidden: Vec<u64>,
    /// Pages and counts stop here.
    pub most_listed: usize,
}

impl Default for Shop {
    fn default() -> Self {
        Self {
            told: BTreeMap::new(),
            subscriptions: Vec::new(),
            bucket: Bucket::default(),
            tokens: HashMap::new(),
            ids: Ids::starting_at(9_000_000),
            offset_minutes: 0,
            time_zone: "Europe/London".into(),
            currency: "USD".into(),
            sells_in: vec!["USD".into()],
            scopes: SCOPES.map(str::to_owned).to_vec(),
            unapproved: Vec::new(),
            tokens_given: 0,
            hidden: Vec::new(),
            most_listed: 25_000,
        }
    }
}

impl Shop {
    /// Answers one request under `/admin/`.
    pub fn handle(&mut self, now: DateTime<Utc>, request: &Request) -> Reply {
        let segments = request.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["admin", "oauth", "access_token"]) => self.token(now, request),
            ("POST", ["admin", "api", version, "graphql.json"]) => {
                let known = VERSIONS.iter().find(|one| *one == version);
                let version = known.copied().unwrap_or(VERSIONS[0]);
                self.graphql(now, version, request).with_header("x-shopify-api-version", version)
            }
            _ => Reply::json(404, &json!({ "errors": "Not Found" })),
        }
    }

    fn token(&mut self, now: DateTime<Utc>, request: &Request) -> Reply {
        let form: HashMap<String, String> = request.form().into_iter().collect();
        let field = |key: &str| form.get(key).map(String::as_str).unwrap_or_default();
        if (field("client_id"), field("client_secret")) != CLIENT {
            return Reply::json(400, &json!({ "error": "invalid_client" }));
        }
        if field("grant_type") != "client_credentials" {
            return Reply::json(400, &json!({ "error": "unsupported_grant_type" }));
        }
        let token = self.ids.token("shpua");
        self.tokens.insert(token.clone(), now + Duration::seconds(TOKEN_SECONDS));
        self.tokens_given += 1;
        Reply::json(200, &json!({ "access_token": token, "scope": self.scopes.join(","), "expires_in": TOKEN_SECONDS }))
    }

    /// Ends every token that was given.
    pub fn expire_tokens(&mut self) {
        self.tokens.clear();
    }

    fn graphql(&mut self, now: DateTime<Utc>, version: &str, request: &Request) -> Reply {
        let token = request.header("x-shopify-access-token").unwrap_or_default();
        let is_good = token == PERMANENT_TOKEN || self.tokens.get(token).is_some_and(|ends| now < *ends);
        if !is_good {
            let text = "[API] Invalid API key or access token (unrecognized login or wrong password)";
            return Reply::json(401, &json!({ "errors": text }));
        }
        let body: Value = match serde_json::from_slice(&request.body) {
            Ok(body) if request.has_json_body() => body,
            _ => return Reply::json(400, &json!({ "errors": "Bad Request" })),
        };
        let text = body["query"].as_str().unwrap_or_default();
        let nothing = Map::new();
        let variables = body["variables"].as_object().unwrap_or(&nothing);
        let operation = match graph::Operation::parse(text, body["operationName"].as_str(), variables) {
            Ok(operation) => operation,
            Err(problem) => return Reply::json(200, &json!({ "errors": [problem] })),
        };
        let cost = operation.cost();
        if let Err(problem) = self.bucket.take(now, cost) {
            return Reply::json(
                200,
                &json!({ "errors": [problem], "extensions": { "cost": self.bucket.report(cost, None) } }),
            );
        }
        let mut access = access::Access::new(&self.scopes, &self.unapproved);
        let answered = operation.run(&mut access, &mut |field, arguments| self.resolve(now, version, field, arguments));
        let mut answer = match answered {
            Ok(data) if access.denied.is_empty() => json!({ "data": data }),
            Ok(data) => json!({ "data": data, "errors": access.denied }),
            Err(problem) => json!({ "errors": [problem] }),
        };
        answer["extensions"] = json!({ "cost": self.bucket.report(cost, Some(cost)) });
        Reply::json(200, &answer)
    }

    fn resolve(
        &mut self,
        now: DateTime<Utc>,
        version: &str,
        field: &str,
        arguments: &Map<String, Value>,
    ) -> graph::Resolved {
        let text = |key: &str| arguments.get(key).and_then(Value::as_str).unwrap_or_default();
        match field {
            "shop" => Ok(json!({
                "myshopifyDomain": DOMAIN, "currencyCode": self.currency,
                "enabledPresentmentCurrencies": self.sells_in, "timezoneOffsetMinutes": self.offset_minutes, "ianaTimezone": self.time_zone,
            })),
            "currentAppInstallation" => {
                let scopes: Vec<Value> = self.scopes.iter().map(|one| json!({ "handle": one })).collect();
                Ok(json!({ "accessScopes": scopes }))
            }
            "order" => Ok(self.order(text("id")).unwrap_or(Value::Null)),
            "refund" => Ok(self.refund(text("id")).unwrap_or(Value::Null)),
            "orders" => self.listed(text("query"), text("sortKey")),
            "ordersCount" => self.counted(text("query"), arguments.get("limit")),
            "webhookSubscriptions" => Ok(self.list_subscriptions()),
            "webhookSubscriptionCreate" => Ok(self.create_subscription(now, version, arguments)),
            "webhookSubscriptionDelete" => Ok(self.delete_subscription(text("id"))),
            _ => Err(graph::undefined(field, "QueryRoot")),
        }
    }
}
