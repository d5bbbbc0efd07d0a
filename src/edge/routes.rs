//! The routes (design, section 8).

use futures_util::StreamExt;
use futures_util::future::join_all;
use serde_json::json;
use worker::{Context, Env, Headers, Method, Request, Response, Result};

use super::queue::{AFTER, Question, ask};
use super::refusals;
use super::variables;
use crate::config::{self, Connection, Variables, variable};
use crate::reception::{Admission, MOST_BYTES, admin, admit};

/// The headers of a delivery that go on to the books.
const PASSED_ON: &[&str] = &["topic", "shop-domain", "webhook-id", "event-id", "api-version", "triggered-at"];

/// Answers a request.
pub async fn route(request: Request, env: &Env, context: &Context) -> Result<Response> {
    let path = request.path();
    match (request.method(), path.as_str()) {
        (Method::Post, "/webhooks/shopify") => webhook(request, env, context).await,
        (_, "/webhooks/shopify") => {
            let response = problem(405, "method_not_allowed", "deliveries are sent with POST")?;
            response.headers().set("allow", "POST")?;
            Ok(response)
        }
        (Method::Get | Method::Head, "/health") => Response::from_json(&json!({"ok": true})),
        (method, _) => behind_the_desk(request, env, method, &path).await,
    }
}

fn problem(status: u16, code: &str, text: &str) -> Result<Response> {
    Ok(Response::from_json(&json!({"error": code, "message": text}))?.with_status(status))
}

async fn webhook(mut request: Request, env: &Env, context: &Context) -> Result<Response> {
    let header = |request: &Request, name: &str| -> String {
        let read = |name: String| request.headers().get(&name).ok().flatten();
        read(format!("x-shopify-{name}")).or_else(|| read(format!("shopify-{name}"))).unwrap_or_default()
    };
    let shop = header(&request, "shop-domain").trim().to_ascii_lowercase();
    let signature = header(&request, "hmac-sha256");
    let Some(body) = read_body(&mut request).await? else {
        refusals::count(env, context, &shop, "too_large");
        return problem(413, "too_large", "a delivery may have at most 10 MiB");
    };
    let variables = variables::read(env);
    let all = config::connections(&variables);
    match admit(&variables, &all, &shop, &body, &signature) {
        Admission::Accepted(connections) => hand_over(env, &request, &connections, &body).await,
        Admission::Forged => {
            refusals::count(env, context, &shop, "bad_signature");
            problem(401, "bad_signature", "the signature does not fit the body and this shop's secrets")
        }
        Admission::UnknownShop => {
            refusals::count(env, context, &shop, "unknown_shop");
            problem(404, "unknown_shop", "no connection is configured for this shop")
        }
        Admission::NotConfigured => {
            refusals::count(env, context, &shop, "no_secret");
            problem(503, "no_secret", "set SHOPIFY_WEBHOOK_SECRETS so that this shop's deliveries can be verified")
        }
    }
}

/// The raw bytes, or nothing if there are too many. A body without a stated length is cut off as it streams in.
async fn read_body(request: &mut Request) -> Result<Option<Vec<u8>>> {
    let stated = request.headers().get("content-length")?.and_then(|text| text.parse::<usize>().ok());
    if stated.is_some_and(|bytes| bytes > MOST_BYTES) {
        return Ok(None);
    }
    let Ok(mut stream) = request.stream() else { return Ok(Some(Vec::new())) };
    let mut body = Vec::with_capacity(stated.unwrap_or(0));
    while let Some(chunk) = stream.next().await {
        body.extend(chunk?);
        if body.len() > MOST_BYTES {
            return Ok(None);
        }
    }
    Ok(Some(body))
}

/// Hands the delivery to the books of each connection; all must have it before Shopify hears 200.
async fn hand_over(env: &Env, request: &Request, connections: &[Connection], body: &[u8]) -> Result<Response> {
    let headers = || -> Result<Headers> {
        let passed = Headers::new();
        for name in PASSED_ON {
            for name in [format!("x-shopify-{name}"), format!("shopify-{name}")] {
                if let Some(value) = request.headers().get(&name)? {
                    passed.set(&name, &value)?;
                }
            }
        }
        Ok(passed)
    };
    let deliveries = connections.iter().map(|one| async move {
        let question = Question { books: &one.books, connection: &one.id, order: "", path: "/deliver" };
        let answer = ask(env, &question, headers()?, Some(body)).await?;
        if answer.status_code() == 200 { Ok(()) } else { Err(worker::Error::RustError("not stored".into())) }
    });
    let durable = join_all(deliveries).await.into_iter().all(|stored: Result<()>| stored.is_ok());
    if durable {
        Response::from_json(&json!({"ok": true}))
    } else {
        problem(503, "not_durable", "the delivery could not be stored; please send it again")
    }
}

async fn behind_the_desk(request: Request, env: &Env, method: Method, path: &str) -> Result<Response> {
    let variables = variables::read(env);
    let header = |name: &str| request.headers().get(name).ok().flatten();
    if !admin::is_admin(header("authorization").as_deref(), variable(&variables, "ADMIN_TOKEN")) {
        let response = problem(401, "admin_only", "send the admin secret: Authorization: Bearer …")?;
        response.headers().set("www-authenticate", "Basic realm=\"Tillproof\", charset=\"UTF-8\"")?;
        return Ok(response);
    }
    let url = request.url()?;
    let changes = !matches!(method, Method::Get | Method::Head);
    let own = url.origin().ascii_serialization();
    if changes && !admin::may_change(header("origin").as_deref(), header("cookie").is_some(), &own) {
        return problem(403, "foreign_origin", "changes are accepted from this site's own pages only");
    }
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (changes, parts.as_slice()) {
        (false, ["api", "status"]) => status(env, &variables).await,
        (false, ["api", "orders", connection, order]) => about(env, &variables, connection, order, "/order").await,
        (true, ["api", "orders", connection, order, "release" | "replay"]) => {
            about(env, &variables, connection, order, "/release").await
        }
        (false, ["api", "privacy", connection]) => {
            of_connection(env, &variables, connection, "", "/privacy", &url).await
        }
        (false, ["api", "privacy", connection, id]) => {
            of_connection(env, &variables, connection, id, "/privacy/answer", &url).await
        }
        (true, ["api", "privacy", connection, id, "answered"]) => {
            of_connection(env, &variables, connection, id, "/privacy/answered", &url).await
        }
        (true, ["api", "connections", connection, "resume"]) => {
            of_connection(env, &variables, connection, "", "/resume", &url).await
        }
        #[cfg(feature = "checks")]
        (true, ["checks", check]) => {
            let path = format!("/checks/{check}");
            ask(env, &Question { books: "checks", connection: "", order: "", path: &path }, Headers::new(), None).await
        }
        _ => problem(404, "not_found", "there is nothing here"),
    }
}

async fn about(env: &Env, variables: &Variables, connection: &str, order: &str, path: &str) -> Result<Response> {
    let all = config::connections(variables);
    let Some(found) = all.iter().find(|one| one.id == connection) else {
        return problem(404, "unknown_connection", "no connection of that id is configured");
    };
    let question = Question { books: &found.books, connection: &found.id, order, path };
    let mut answer = ask(env, &question, Headers::new(), None).await?;
    match answer.status_code() {
        200 => Response::from_json(&answer.json::<serde_json::Value>().await?),
        202 => Ok(Response::from_json(&json!({"ok": true}))?.with_status(202)),
        404 => problem(404, "unknown_order", "nothing was ever heard of this order"),
        _ => problem(503, "unavailable", "the books cannot be reached just now"),
    }
}

/// Asks a connection's books about something that is no order. `?after=` goes on with a long answer.
async fn of_connection(
    env: &Env,
    variables: &Variables,
    connection: &str,
    id: &str,
    path: &str,
    url: &worker::Url,
) -> Result<Response> {
    let all = config::connections(variables);
    let Some(found) = all.iter().find(|one| one.id == connection) else {
        return problem(404, "unknown_connection", "no connection of that id is configured");
    };
    let headers = Headers::new();
    if let Some((_, after)) = url.query_pairs().find(|(name, _)| name == "after") {
        headers.set(AFTER, &after)?;
    }
    let question = Question { books: &found.books, connection: &found.id, order: id, path };
    let mut answer = ask(env, &question, headers, None).await?;
    match answer.status_code() {
        200 => Response::from_json(&answer.json::<serde_json::Value>().await?),
        202 => Ok(Response::from_json(&json!({"ok": true}))?.with_status(202)),
        404 => problem(404, "not_found", &answer.text().await?),
        _ => problem(503, "unavailable", "the books cannot be reached just now"),
    }
}

async fn status(env: &Env, variables: &Variables) -> Result<Response> {
    let mut all: Vec<String> = config::connections(variables).into_iter().map(|one| one.books).collect();
    all.sort();
    all.dedup();
    let mut books = Vec::new();
    for id in &all {
        let question = Question { books: id, connection: "", order: "", path: "/status" };
        books.push(ask(env, &question, Headers::new(), None).await?.json::<serde_json::Value>().await?);
    }
    Response::from_json(&json!({"version": env!("CARGO_PKG_VERSION"), "books": books}))
}
