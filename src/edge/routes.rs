//! The routes (design, section 8).

use futures_util::StreamExt;
use futures_util::future::join_all;
use serde_json::json;
use worker::{Context, Env, Headers, Method, Request, Response, Result};

use super::answers::{problem, protected};
use super::journal::D1Journal;
use super::queue::{Question, ask};
use super::refusals;
use super::{desk, variables};
use crate::config::{self, Connection};
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
        refusals::count(env, context, &config::connections(&variables::read(env)), &shop, "too_large");
        return problem(413, "too_large", "a delivery may have at most 10 MiB");
    };
    let variables = variables::read(env);
    let all = config::connections(&variables);
    match admit(&variables, &all, &shop, &body, &signature) {
        Admission::Accepted(connections) => hand_over(env, &request, &connections, &body).await,
        Admission::Left(id) if asks_to_erase(&request) => erase_left(env, &request, id.as_deref(), &body).await,
        Admission::Forged => {
            refusals::count(env, context, &all, &shop, "bad_signature");
            problem(401, "bad_signature", "the signature does not fit the body and this shop's secrets")
        }
        Admission::UnknownShop | Admission::Left(_) => {
            refusals::count(env, context, &all, &shop, "unknown_shop");
            problem(404, "unknown_shop", "no connection is configured for this shop")
        }
        Admission::NotConfigured => {
            refusals::count(env, context, &all, &shop, "no_secret");
            let told = "set SHOPIFY_WEBHOOK_SECRETS (with several shops, with the connection's id behind it) so that this \
                        shop's deliveries can be verified; /connect names it";
            problem(503, "no_secret", told)
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

fn asks_to_erase(request: &Request) -> bool {
    topic(request).ends_with("/redact")
}

/// Hands the delivery to the books of each connection; all must have it before Shopify hears 200.
async fn hand_over(env: &Env, request: &Request, connections: &[Connection], body: &[u8]) -> Result<Response> {
    let deliveries = connections.iter().map(|one| async move {
        let question = Question { books: &one.books, connection: &one.id, order: "", path: "/deliver" };
        is_stored(env, request, &question, body).await
    });
    let mut durable = join_all(deliveries).await.into_iter().all(|stored| stored);
    if durable && asks_to_erase(request) {
        // What connections of the past left in other books is erased too.
        let here: Vec<&str> = connections.iter().map(|one| one.books.as_str()).collect();
        durable = is_erased_beside(env, request, &here, "", body).await;
    }
    acknowledge(durable)
}

/// A shop of which no connection is left asks to erase: what is kept of the connection `id` goes, wherever it is, or of
/// all of the shop's.
async fn erase_left(env: &Env, request: &Request, id: Option<&str>, body: &[u8]) -> Result<Response> {
    acknowledge(is_erased_beside(env, request, &[], id.unwrap_or_default(), body).await)
}

/// True if all books but those `here` took the request to erase in.
async fn is_erased_beside(env: &Env, request: &Request, here: &[&str], connection: &str, body: &[u8]) -> bool {
    let Ok(labels) = every_label(&D1Journal::new(env)).await else { return false };
    let others = labels.iter().filter(|label| !here.contains(&label.as_str()));
    let erased = others.map(|books| async move {
        is_stored(env, request, &Question { books, connection, order: "", path: "/erase" }, body).await
    });
    join_all(erased).await.into_iter().all(|stored| stored)
}

async fn is_stored(env: &Env, request: &Request, question: &Question<'_>, body: &[u8]) -> bool {
    let Ok(headers) = passed_on(request) else { return false };
    ask(env, question, headers, Some(body)).await.is_ok_and(|answer| answer.status_code() == 200)
}

fn passed_on(request: &Request) -> Result<Headers> {
    let passed = Headers::new();
    for name in PASSED_ON {
        for name in [format!("x-shopify-{name}"), format!("shopify-{name}")] {
            if let Some(value) = request.headers().get(&name)? {
                passed.set(&name, &value)?;
            }
        }
    }
    Ok(passed)
}

fn acknowledge(durable: bool) -> Result<Response> {
    if durable {
        Response::from_json(&json!({"ok": true}))
    } else {
        problem(503, "not_durable", "the delivery could not be stored; please send it again")
    }
}
