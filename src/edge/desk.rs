//! The admin's routes: pages and API behind the secret, and the consent page's way back, which its state protects.

use std::cell::RefCell;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use worker::{Env, Headers, Method, Request, Response, Result};

use super::answers::{download, page, problem, see_other};
use super::clock::RuntimeClock;
use super::journal::D1Journal;
use super::orders;
use super::past;
use super::queue::{AFTER, Question, all_books, ask, labels};
use super::reconciliations;
use super::variables;
use crate::config::{self, Connection, Variables, variable};
use crate::dashboard::{ConnectPage, Notice, OverviewPage, Unreadable};
use crate::journal::migrate;
use crate::monitor::{self, Figures, List, gather, metrics};
use crate::platform::{Clock, Journal};
use crate::posting::{BooksStatus, Callback, ConnectionView, Consented, How, connection_of};
use crate::reception::admin::{CLOSED, Entry, Guesses, Provenance, may_change};

thread_local! {
    /// Wrong secrets, as far as this isolate has seen them.
    static GUESSES: RefCell<Guesses> = const { RefCell::new(Guesses::new()) };
}

/// What a question to the books brought: their answer, or the problem as they put it.
type Told<T> = std::result::Result<T, (u16, Value)>;

/// Answers whoever knows the secret.
pub async fn answer(mut request: Request, env: &Env, method: Method, path: &str) -> Result<Response> {
    let variables = variables::read(env);
    if let Some(turned_away) = door(&request, &variables)? {
        return Ok(turned_away);
    }
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let (origin, site) = (header("origin"), header("sec-fetch-site"));
    let from = Provenance { origin: origin.as_deref(), site: site.as_deref(), cookie: header("cookie").is_some() };
    let own = request.url()?.origin().ascii_serialization();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let changes = !matches!(method, Method::Get | Method::Head);
    // A consent is begun with a link, a check spends the ledger's calls: it has to be a link of our own.
    let spends = matches!(parts.as_slice(), ["oauth", _, "start"] | ["api", "connections", _, "preflight"]);
    if (changes || spends) && !may_change(&from, &own) {
        return problem(403, "foreign_origin", "changes are accepted from this site's own pages only");
    }
    match (changes, parts.as_slice()) {
        (false, [""]) => overview(&request, env, &variables).await,
        (false, ["api", "figures"]) => Response::from_json(&figures(env, &variables).await),
        (false, ["metrics"]) => exposition(env, &variables).await,
        (false, ["connect"]) => connect(env, &variables, &own).await,
        (false, ["oauth", ledger, "start"]) => begin(&request, env, &variables, ledger, &own).await,
        (false, ["reconciliations"]) => reconciliations::overview(env, &variables).await,
        (false, ["reconciliations", id]) => reconciliations::details(&request, env, &variables, id).await,
        (false, ["orders"]) => orders::list(&request, env, &variables).await,
        (false, ["orders.csv"]) => orders::taken_along(&request, env).await,
        (false, ["orders", connection, order, list]) => {
            let table = list.strip_suffix(".csv").unwrap_or_default();
            match monitor::of_order(table, connection, &decoded(order)) {
                Some(wanted) => taken_along(env, wanted, list).await,
                None => problem(
                    404,
                    "not_found",
                    "the lists of an order are events.csv, adjustments.csv, documents.csv, attempts.csv",
                ),
            }
        }
        (false, ["orders", connection, order]) => orders::one(env, &variables, connection, &decoded(order)).await,
        (false, ["alerts.csv"]) => taken_along(env, monitor::alerts(), "alerts.csv").await,
        (false, ["reconciliations.csv"]) => taken_along(env, monitor::reconciliations(), "reconciliations.csv").await,
        (false, ["reconciliations", id, "discrepancies.csv"]) => {
            taken_along(env, monitor::discrepancies(id), "discrepancies.csv").await
        }
        (false, ["api", "reconciliations"]) => reconciliations::list(env, &variables).await,
        (true, ["api", "reconciliations"]) => reconciliations::start(&mut request, env, &variables).await,
        (false, ["api", "reconciliations", id]) => reconciliations::one(&request, env, &variables, id).await,
        (true, ["api", "reconciliations", id, action @ ("approve" | "cancel")]) => {
            reconciliations::act(&request, env, &variables, id, action).await
        }
        (false, ["api", "status"]) => status(env, &variables).await,
        (false, ["api", "orders", connection, order]) => about(env, &variables, connection, order, "/order", &[]).await,
        // The body of a release may answer what the order waits for.
        (true, ["api", "orders", connection, order, "release"]) => {
            let order = decoded(order);
            if let Some(response) = orders::release(&mut request, env, &variables, connection, &order).await? {
                return Ok(response);
            }
            let body = request.bytes().await?;
            about(env, &variables, connection, &order, "/release", &body).await
        }
        (true, ["api", "orders", connection, order, action @ ("preview" | "replay" | "ignore")]) => {
            orders::act(&mut request, env, &variables, [connection, &decoded(order), action]).await
        }
        (true, ["api", "orders", "release"]) => orders::all_together(&mut request, env, &variables, How::Release).await,
        (true, ["api", "orders", "replay"]) => orders::all_together(&mut request, env, &variables, How::Replay).await,
        (false, ["api", "backfills"]) => past::list(&request, env, &variables).await,
        (true, ["api", "backfills"]) => past::begin(&mut request, env, &variables).await,
        (false, ["api", "backfills", id]) => past::one(&request, env, &variables, id, "one").await,
        (true, ["api", "backfills", id, change @ ("pause" | "resume" | "cancel")]) => {
            past::one(&request, env, &variables, id, change).await
        }
        (false, ["api", "connections", connection, "preflight"]) => {
            act(&mut request, env, &variables, connection, "preflight").await
        }
        (true, ["api", "connections", connection, action @ ("confirm" | "decline" | "disconnect" | "preflight")]) => {
            act(&mut request, env, &variables, connection, action).await
        }
        (false, ["api", "privacy", connection]) => {
            of_connection(env, &variables, connection, "", "/privacy", &request.url()?).await
        }
        (false, ["api", "privacy", connection, id]) => {
            of_connection(env, &variables, connection, id, "/privacy/answer", &request.url()?).await
        }
        (true, ["api", "privacy", connection, id, "answered"]) => {
            of_connection(env, &variables, connection, id, "/privacy/answered", &request.url()?).await
        }
        (true, ["api", "connections", connection, "resume"]) => {
            of_connection(env, &variables, connection, "", "/resume", &request.url()?).await
        }
        #[cfg(feature = "checks")]
        (true, ["checks", check]) => {
            let path = format!("/checks/{check}");
            ask(env, &Question { books: "checks", connection: "", order: "", path: &path }, Headers::new(), None).await
        }
        _ => problem(404, "not_found", "there is nothing here"),
    }
}

/// A part of an address as it was meant: a delivery that belongs to no order has a colon in its id.
fn decoded(part: &str) -> String {
    worker::js_sys::decode_uri_component(part).map_or_else(|_| part.to_owned(), String::from)
}

/// A list of the journal to take along.
async fn taken_along(env: &Env, wanted: List, name: &str) -> Result<Response> {
    let journal = D1Journal::new(env);
    let _ = migrate(&journal).await;
    match journal.query(wanted.statement).await {
        Ok(rows) => download(Response::ok(monitor::csv::rows(&wanted.columns, &rows))?, name),
        Err(error) => problem(503, "journal_unreadable", &format!("the journal (D1) cannot be read: {}", error.0)),
    }
}

/// Turns away whoever is not the admin.
fn door(request: &Request, variables: &Variables) -> Result<Option<Response>> {
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let address = header("cf-connecting-ip").unwrap_or_default();
    let token = variable(variables, "ADMIN_TOKEN");
    let authorization = header("authorization");
    let now = RuntimeClock.now();
    let entry = GUESSES.with_borrow_mut(|guesses| guesses.enter(authorization.as_deref(), token, &address, now));
    let wants_page = header("accept").is_some_and(|accept| accept.contains("text/html"));
    let turn_away = |status: u16, code: &str, title: &str, text: &str| {
        if wants_page { page(status, &Notice::new(title, format!("{text}."))) } else { problem(status, code, text) }
    };
    let response = match entry {
        Entry::Admin => return Ok(None),
        Entry::Closed => turn_away(503, "admin_closed", "The door is closed", CLOSED)?,
        Entry::Wait(seconds) => {
            let text = "too many wrong secrets came from this address; wait a quarter of an hour";
            let response = turn_away(429, "too_many_guesses", "Please wait", text)?;
            response.headers().set("retry-after", &seconds.to_string())?;
            response
        }
        Entry::Unknown | Entry::Wrong => {
            let text = "send the admin secret: Authorization: Bearer …, or as the password of Basic with any user";
            let response = turn_away(401, "admin_only", "Who is there?", text)?;
            response.headers().set("www-authenticate", "Basic realm=\"Tillproof\", charset=\"UTF-8\"")?;
            response
        }
    };
    Ok(Some(response))
}

/// Asks the books of a connection, with JSON and for JSON.
async fn question<T: DeserializeOwned>(env: &Env, to: &Connection, path: &str, body: &Value) -> Result<Told<T>> {
    let question = Question { books: &to.books, connection: &to.id, order: "", path };
    let mut answer = ask(env, &question, Headers::new(), Some(body.to_string().as_bytes())).await?;
    match answer.status_code() {
        200 => Ok(Ok(answer.json().await?)),
        // What failed inside the object says nothing in JSON.
        status => Ok(Err((status, answer.json().await.unwrap_or_default()))),
    }
}

/// Asks one of several sets of books, for their answer or the reason why there is none: it keeps nobody from the others.
async fn of_books<T: DeserializeOwned>(env: &Env, books: &str, path: &str) -> std::result::Result<T, String> {
    let question = Question { books, connection: "", order: "", path };
    let mut answer = ask(env, &question, Headers::new(), None).await.map_err(|error| error.to_string())?;
    match answer.status_code() {
        200 => answer.json().await.map_err(|error| error.to_string()),
        status => Err(match answer.json::<Value>().await {
            Ok(body) => message(&body).to_owned(),
            Err(_) => format!("their object answered with status {status}"),
        }),
    }
}

fn message(body: &Value) -> &str {
    body["message"].as_str().unwrap_or("the books cannot be reached just now")
}

/// All figures at this moment.
pub async fn figures(env: &Env, variables: &Variables) -> Figures {
    let mut told = Vec::new();
    for books in all_books(env, variables).await {
        let status: std::result::Result<BooksStatus, String> = of_books(env, &books, "/brief").await;
        told.push(monitor::Told { books, status });
    }
    let journal = D1Journal::new(env);
    // A new database has no tables yet; where it is away the figures say so.
    let _ = migrate(&journal).await;
    gather(&journal, told, RuntimeClock.now()).await.of(&config::Deployment::of(variables))
}

/// The first page; with `?fresh` browsers load it again every minute.
async fn overview(request: &Request, env: &Env, variables: &Variables) -> Result<Response> {
    let is_fresh = request.url()?.query_pairs().any(|(name, _)| name == "fresh");
    let response = page(200, &OverviewPage::new(&figures(env, variables).await, is_fresh, RuntimeClock.now()))?;
    if is_fresh {
        response.headers().set("refresh", "60")?;
    }
    Ok(response)
}

/// The figures as Prometheus reads them.
async fn exposition(env: &Env, variables: &Variables) -> Result<Response> {
    let response = Response::ok(metrics(&figures(env, variables).await, RuntimeClock.now()))?;
    response.headers().set("content-type", "text/plain; version=0.0.4; charset=utf-8")?;
    Ok(response)
}

async fn connect(env: &Env, variables: &Variables, own: &str) -> Result<Response> {
    let mut views = Vec::new();
    let connections = config::connections(variables);
    for books in labels(&connections) {
        let told: std::result::Result<Vec<ConnectionView>, String> = of_books(env, &books, "/standing").await;
        match told {
            Ok(of_books) => views.extend(of_books.into_iter().map(Ok)),
            Err(why) => views.extend(connections.iter().filter(|one| one.books == books).map(|one| {
                let (id, shop) = (one.id.clone(), one.shop.clone());
                Err(Unreadable { id, shop, books: books.clone(), why: why.clone() })
            })),
        }
    }
    page(200, &ConnectPage::new(views, own, RuntimeClock.now()))
}

fn redirect_uri(own: &str, ledger: &str) -> String {
    format!("{own}/oauth/{ledger}/callback")
}

async fn begin(request: &Request, env: &Env, variables: &Variables, ledger: &str, own: &str) -> Result<Response> {
    let url = request.url()?;
    let wanted = url.query_pairs().find(|(name, _)| name == "connection").map(|(_, id)| id.into_owned());
    let all = config::connections(variables);
    let Some(found) = all.iter().find(|one| Some(&one.id) == wanted.as_ref()) else {
        return page(404, &Notice::new("Unknown connection", "No connection of that id is configured."));
    };
    let body = json!({"ledger": ledger, "redirect_uri": redirect_uri(own, ledger)});
    match question(env, found, "/consent/begin", &body).await? {
        Ok(Consented::Page(address)) => see_other(&address),
        Ok(Consented::Unconfirmed(_) | Consented::Connected(_)) => see_other("/connect"),
        Err((status, body)) => page(status, &failed("The consent was not begun", message(&body))),
    }
}

fn failed(title: &str, why: &str) -> Notice {
    Notice::new(title, format!("{why}.")).with("/connect", "Back to Connect")
}

/// The consent page's way back. Open to everybody, for the person who consents need not be the admin.
pub async fn callback(request: &Request, env: &Env, ledger: &str) -> Result<Response> {
    let url = request.url()?;
    let field = |name: &str| {
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let callback = Callback {
        ledger: ledger.to_owned(),
        state: field("state"),
        code: field("code"),
        realm: field("realmId"),
        error: field("error"),
        redirect_uri: redirect_uri(&url.origin().ascii_serialization(), ledger),
    };
    let refused = |status, why: &str| page(status, &failed("Nothing was connected", why));
    let all = config::connections(&variables::read(env));
    let Some(found) = all.iter().find(|one| one.id == connection_of(&callback.state)) else {
        return refused(409, "this consent was not begun here; begin again");
    };
    match question(env, found, "/consent/finish", &serde_json::to_value(&callback)?).await? {
        Ok(Consented::Connected(company)) => {
            let text = format!("The books are connected to {} again. What waited is sent now.", company.name);
            page(200, &Notice::new("Connected", text).with("/connect", "To Connect"))
        }
        Ok(_) => {
            let text = "Thank you: the consent has arrived. Nothing is posted before an admin has confirmed the company on the page Connect.";
            page(200, &Notice::new("One more step", text).with("/connect", "To Connect"))
        }
        Err((status, body)) => refused(status, message(&body)),
    }
}

/// A button of the page, or the same over the API.
async fn act(
    request: &mut Request,
    env: &Env,
    variables: &Variables,
    connection: &str,
    action: &str,
) -> Result<Response> {
    let content = request.headers().get("content-type")?.unwrap_or_default();
    let is_form = content.starts_with("application/x-www-form-urlencoded");
    let company =
        if matches!(action, "confirm" | "decline") { company(request, is_form).await? } else { String::new() };
    let all = config::connections(variables);
    let Some(found) = all.iter().find(|one| one.id == connection) else {
        return problem(404, "unknown_connection", "no connection of that id is configured");
    };
    let told: Told<Value> = question(env, found, &format!("/{action}"), &json!({"company": company})).await?;
    match (told, is_form) {
        (Ok(body), true) => match body["not_told"].as_str() {
            Some(why) => page(200, &failed("Given up here only", why)),
            None => see_other("/connect"),
        },
        (Ok(body), false) => Response::from_json(&body),
        (Err((status, body)), true) if action == "preflight" => {
            page(status, &failed("The settings were not checked", message(&body)))
        }
        (Err((status, body)), true) => page(status, &failed("Nothing was changed", message(&body))),
        (Err((status, body)), false) => Ok(Response::from_json(&body)?.with_status(status)),
    }
}

async fn company(request: &mut Request, is_form: bool) -> Result<String> {
    if is_form {
        return Ok(match request.form_data().await?.get("company") {
            Some(worker::FormEntry::Field(id)) => id,
            _ => String::new(),
        });
    }
    let body: Value = serde_json::from_str(&request.text().await?).unwrap_or_default();
    Ok(body["company"].as_str().unwrap_or_default().to_owned())
}

async fn about(
    env: &Env,
    variables: &Variables,
    connection: &str,
    order: &str,
    path: &str,
    body: &[u8],
) -> Result<Response> {
    let all = config::connections(variables);
    let Some(found) = all.iter().find(|one| one.id == connection) else {
        return problem(404, "unknown_connection", "no connection of that id is configured");
    };
    let question = Question { books: &found.books, connection: &found.id, order, path };
    let mut answer = ask(env, &question, Headers::new(), Some(body)).await?;
    match answer.status_code() {
        200 => Response::from_json(&answer.json::<Value>().await?),
        202 => Ok(Response::from_json(&json!({"ok": true}))?.with_status(202)),
        400 => problem(400, "bad_answer", &answer.text().await?),
        409 => problem(409, "nothing_asked", &answer.text().await?),
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
        200 => Response::from_json(&answer.json::<Value>().await?),
        202 => Ok(Response::from_json(&json!({"ok": true}))?.with_status(202)),
        404 => problem(404, "not_found", &answer.text().await?),
        _ => problem(503, "unavailable", "the books cannot be reached just now"),
    }
}

async fn status(env: &Env, variables: &Variables) -> Result<Response> {
    let mut books = Vec::new();
    for id in all_books(env, variables).await {
        let told: std::result::Result<Value, String> = of_books(env, &id, "/status").await;
        books.push(told.unwrap_or_else(|why| json!({"books": id, "unreachable": why})));
    }
    let deployment = config::Deployment::of(variables).shown();
    Response::from_json(&json!({"version": env!("CARGO_PKG_VERSION"), "books": books, "deployment": deployment}))
}
