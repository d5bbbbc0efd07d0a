//! Orders for people and programs: the pages `/orders` and `/orders/<connection>/<order id>`, what can be done with one of them,
//! and with all that wait for the same thing; and lists to take along.

use futures_util::stream;
use serde_json::{Value, json};
use worker::{Env, FormEntry, Headers, Request, Response, Result, Url};

use super::answers::{download, page, problem, see_other};
use super::clock::RuntimeClock;
use super::journal::D1Journal;
use super::past::{is_form, pass_on};
use super::queue::{Question, ask};
use crate::config::{self, Variables};
use crate::dashboard::{Notice, OrderPage, OrdersPage, PreviewPage};
use crate::journal::migrate;
use crate::monitor::{Place, Search, attempts, csv, part, search};
use crate::platform::{Clock, Journal};
use crate::posting::{How, LookedAt, OrderView, Piece};

/// Orders in one piece of a list that is taken along.
const TAKEN_ALONG: usize = 1_000;

/// What the address asks for.
fn wanted(url: &Url) -> Search {
    let field = |name: &str| {
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let after = Place::parse(&field("after"));
    Search { text: field("q"), connection: field("connection"), state: field("state"), reason: field("reason"), after }
}

/// The page of all.
pub async fn list(request: &Request, env: &Env, variables: &Variables) -> Result<Response> {
    let wanted = wanted(&request.url()?);
    let journal = D1Journal::new(env);
    // A new database has no tables yet; where it is away the page says so.
    let _ = migrate(&journal).await;
    let found = search(&journal, &wanted).await.map_err(|error| error.0);
    let connections: Vec<String> = config::connections(variables).into_iter().map(|one| one.id).collect();
    page(200, &OrdersPage::new(wanted, found, &connections, RuntimeClock.now()))
}

/// Everything that was looked for, as a list: read piece by piece while it is sent.
pub async fn taken_along(request: &Request, env: &Env) -> Result<Response> {
    let journal = D1Journal::new(env);
    let _ = migrate(&journal).await;
    let begin = Some((wanted(&request.url()?), true));
    let pieces = stream::unfold((journal, begin), |(journal, state)| async move {
        let (wanted, first) = state?;
        let (text, next) = match part(&journal, &wanted, TAKEN_ALONG).await {
            Ok(listed) => {
                let after = listed.orders.last().filter(|_| listed.more).map(|one| one.place());
                let next = after.map(|after| (Search { after: Some(after), ..wanted }, false));
                (Ok(csv::orders(&listed.orders, first)), next)
            }
            // Cut off: a list that ends too early must not look whole.
            Err(error) => (Err(worker::Error::RustError(error.to_string())), None),
        };
        Some((text.map(String::into_bytes), (journal, next)))
    });
    download(Response::from_stream(pieces)?, "orders.csv")
}

/// The page of one.
pub async fn one(env: &Env, variables: &Variables, connection: &str, order: &str) -> Result<Response> {
    let all = config::connections(variables);
    let Some(found) = all.iter().find(|one| one.id == connection) else {
        return nothing("No connection of that id is configured.");
    };
    let question = Question { books: &found.books, connection, order, path: "/order" };
    let Ok(mut answer) = ask(env, &question, Headers::new(), None).await else { return away() };
    match answer.status_code() {
        200 => {}
        404 => return nothing("Nothing was ever heard of this order."),
        _ => return away(),
    }
    let view: OrderView = answer.json().await?;
    let calls = D1Journal::new(env).query(attempts(connection, order)).await.map_err(|error| error.0);
    page(200, &OrderPage::new(view, &found.shop, calls, RuntimeClock.now()))
}

fn nothing(text: &str) -> Result<Response> {
    page(404, &Notice::new("Not found", text).with("/orders", "To the orders"))
}

/// The object of the books did not answer.
fn away() -> Result<Response> {
    let text = "The books cannot be reached just now. Nothing is lost: try again in a minute.";
    page(503, &Notice::new("Not just now", text).with("/orders", "To the orders"))
}

/// A form's field; nothing where it is empty.
async fn fields(request: &mut Request, names: &[&str]) -> Result<Value> {
    if !is_form(request)? {
        return Ok(serde_json::from_str(&request.text().await?).unwrap_or_default());
    }
    let form = request.form_data().await?;
    let mut all = json!({});
    for name in names {
        if let Some(FormEntry::Field(text)) = form.get(name)
            && !text.is_empty()
        {
            all[*name] = text.into();
        }
    }
    Ok(all)
}

/// Shows what would be written, goes through it again, or leaves it out.
pub async fn act(
    request: &mut Request,
    env: &Env,
    variables: &Variables,
    [connection, order, action]: [&str; 3],
) -> Result<Response> {
    let from_page = is_form(request)?;
    let body = fields(request, &["reason", "decision"]).await?;
    let path = format!("/{action}");
    let mut answer = pass_on(env, variables, connection, order, &path, &body).await?;
    if !from_page {
        return Ok(answer);
    }
    let status = answer.status_code();
    let told: Value = answer.json().await.unwrap_or_default();
    match (status, action) {
        (200..300, "preview") => page(200, &PreviewPage::new(&told, connection)),
        (200..300, _) => see_other(&format!("/orders/{connection}/{order}")),
        _ => {
            let why = told["message"].as_str().unwrap_or("the books cannot be reached just now");
            page(status, &Notice::new("Nothing was done", format!("{why}.")).with("/orders", "To the orders"))
        }
    }
}

/// A person's word on an order, from its page: an empty one releases it, a decision answers what it asks.
pub async fn release(
    request: &mut Request,
    env: &Env,
    variables: &Variables,
    connection: &str,
    order: &str,
) -> Result<Option<Response>> {
    if !is_form(request)? {
        return Ok(None);
    }
    let mut asked = fields(request, &["decision", "reason"]).await?;
    if asked["decision"] != "ignore"
        && let Some(fields) = asked.as_object_mut()
    {
        fields.remove("reason");
    }
    let body = if asked["decision"].is_string() { asked.to_string() } else { String::new() };
    let all = config::connections(variables);
    let Some(found) = all.iter().find(|one| one.id == connection) else {
        return nothing("No connection of that id is configured.").map(Some);
    };
    let question = Question { books: &found.books, connection, order, path: "/release" };
    let Ok(mut answer) = ask(env, &question, Headers::new(), Some(body.as_bytes())).await else {
        return away().map(Some);
    };
    match answer.status_code() {
        500.. => away(),
        200..300 => see_other(&format!("/orders/{connection}/{order}")),
        status => {
            let why = answer.text().await.unwrap_or_default();
            page(status, &Notice::new("Nothing was done", format!("{why}.")).with("/orders", "To the orders"))
        }
    }
    .map(Some)
}

/// Looks again at all orders of a connection that are held for a reason, piece by piece: what is delivered meanwhile is taken in
/// between two of them.
pub async fn all_together(request: &mut Request, env: &Env, variables: &Variables, how: How) -> Result<Response> {
    let from_page = is_form(request)?;
    let asked = fields(request, &["connection", "reason"]).await?;
    let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
    let (connection, reason) = (text("connection"), text("reason"));
    if connection.is_empty() || reason.is_empty() {
        let text = "say which: {\"connection\": \"…\", \"reason\": \"tax_unmapped\"}; the reasons are in docs/holds.md";
        return problem(400, "unclear", text);
    }
    let before = crate::platform::time::iso(RuntimeClock.now());
    let piece = serde_json::to_value(Piece { reason, how, before })?;
    let mut orders = 0;
    loop {
        let mut answer = pass_on(env, variables, &connection, "", "/together", &piece).await?;
        match answer.status_code() {
            200 => {}
            500.. if from_page => return away(),
            _ => return Ok(answer),
        }
        let done: LookedAt = answer.json().await?;
        orders += done.orders;
        if !done.more || done.orders == 0 {
            break;
        }
    }
    if !from_page {
        return Ok(Response::from_json(&json!({ "orders": orders }))?.with_status(202));
    }
    let text =
        format!("{orders} orders are looked at again now. Those that go through leave this list within minutes.");
    page(200, &Notice::new("Under way", text).with("/orders?state=held", "What still waits"))
}
