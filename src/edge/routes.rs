//! The routes (design, section 8).

use futures_util::StreamExt;
use futures_util::future::join_all;
use serde_json::json;
use worker::{Context, Env, Headers, Method, Request, Response, Result};

use super::answers::{file, problem, protected};
use super::journal::D1Journal;
use super::queue::{Question, ask};
use super::refusals;
use super::{desk, variables};
use crate::config::{self, Connection};
use crate::dashboard;
use crate::journal::every_label;
use crate::reception::{Admission, MOST_BYTES, admit};

/// The headers of a delivery that go on to the books.
const PASSED_ON: &[&str] = &["topic", "shop-domain", "webhook-id", "event-id", "api-version", "triggered-at"];

/// Answers a request.
pub async fn route(request: Request, env: &Env, context: &Context) -> Result<Response> {
    protected(answer(request, env, context).await?)
}

async fn answer(request: Request, env: &Env, context: &Context) -> Result<Response> {
    let path = request.path();
    match (request.method(), path.as_str()) {
        (Method::Post, "/webhooks/shopify") => webhook(request, env, context).await,
        (_, "/webhooks/shopify") => {
            let response = problem(405, "method_not_allowed", "deliveries are sent with POST")?;
            response.headers().set("allow", "POST")?;
            Ok(response)
        }
        (Method::Get | Method::Head, "/health") => Response::from_json(&json!({"ok": true})),
        (Method::Get | Method::Head, "/style.css") => file(dashboard::STYLE, "text/css; charset=utf-8"),
        (Method::Get | Method::Head, "/icon.svg") => file(dashboard::ICON, "image/svg+xml"),
        (Method::Get, "/oauth/quickbooks/callback") => desk::callback(&request, env, "quickbooks").await,
        (Method::Get, "/oauth/xero/callback") => desk::callback(&request, env, "xero").await,
        (method, _) => desk::answer(request, env, method, &path).await,
    }
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
    // What is stated is not believed: nobody has shown a signature yet.
    let mut body = Vec::with_capacity(stated.unwrap_or(0).min(64 << 10));
    while let Some(chunk) = stream.next().await {
        body.extend(chunk?);
        if body.len() > MOST_BYTES {
            return Ok(None);
        }
    }
    Ok(Some(body))
}

fn topic(request: &Request) -> String {
    let read = |name: &str| request.headers().get(name).ok().flatten();
    read("x-shopify-topic").or_else(|| read("shopify-topic")).unwrap_or_default().trim().to_ascii_lowercase()
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
    let store = &async |question: Question<'_>| -> Result<()> {
        let answer = ask(env, &question, headers()?, Some(body)).await?;
        if answer.status_code() == 200 { Ok(()) } else { Err(worker::Error::RustError("not stored".into())) }
    };
    let deliveries = connections.iter().map(|one| async move {
        store(Question { books: &one.books, connection: &one.id, order: "", path: "/deliver" }).await
    });
    let stored = |all: Vec<Result<()>>| all.into_iter().all(|one| one.is_ok());
    let mut durable = stored(join_all(deliveries).await);
    if durable && topic(request).ends_with("/redact") {
        // What connections of the past left in other books is erased too.
        match every_label(&D1Journal::new(env)).await {
            Ok(labels) => {
                let others = labels.iter().filter(|label| connections.iter().all(|one| one.books != **label));
                let erased = others.map(|books| async move {
                    store(Question { books, connection: "", order: "", path: "/erase" }).await
                });
                durable = stored(join_all(erased).await);
            }
            Err(_) => durable = false,
        }
    }
    if durable {
        Response::from_json(&json!({"ok": true}))
    } else {
        problem(503, "not_durable", "the delivery could not be stored; please send it again")
    }
}
