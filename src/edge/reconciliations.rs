//! Reconciliations for people and programs: `/reconciliations` and `/api/reconciliations`.

use serde::Deserialize;
use serde_json::{Value, json};
use worker::{Env, Headers, Request, Response, Result};

use super::answers::{page, problem, see_other};
use super::clock::RuntimeClock;
use super::queue::{Question, ask};
use crate::config::{self, Connection, Variables};
use crate::dashboard::{Notice, OfConnection, ReconciliationPage, ReconciliationsPage};
use crate::platform::Clock;
use crate::reconcile::report;
use crate::reconcile::run::{Part, RunView};

/// What a connection's books say of its runs.
#[derive(Deserialize)]
struct Listed {
    runs: Vec<RunView>,
    next: Option<String>,
}

async fn about(env: &Env, to: &Connection, id: &str, path: &str, body: Option<&[u8]>) -> Result<Response> {
    ask(env, &Question { books: &to.books, connection: &to.id, order: id, path }, Headers::new(), body).await
}

/// A run's id begins with its connection's.
fn connection_of<'a>(all: &'a [Connection], id: &str) -> Option<&'a Connection> {
    let (connection, _) = id.split_once('.')?;
    all.iter().find(|one| one.id == connection)
}

fn unknown() -> Result<Response> {
    problem(404, "unknown_reconciliation", "there is no reconciliation of that id")
}

/// The answer with the status that the object gave.
async fn passed_on(mut answer: Response) -> Result<Response> {
    let status = answer.status_code();
    match answer.json::<Value>().await {
        Ok(body) => Ok(Response::from_json(&body)?.with_status(status)),
        Err(_) => problem(503, "unavailable", "the books cannot be reached just now"),
    }
}

/// Begins one. A form of the page gives the same fields.
pub async fn start(request: &mut Request, env: &Env, variables: &Variables) -> Result<Response> {
    let content = request.headers().get("content-type")?.unwrap_or_default();
    let is_form = content.starts_with("application/x-www-form-urlencoded");
    let asked: Value = if is_form { form(request).await? } else { request.json().await.unwrap_or_default() };
    let all = config::connections(variables);
    let wanted = asked["connection"].as_str().unwrap_or_default();
    let Some(found) = all.iter().find(|one| one.id == wanted) else {
        return problem(400, "bad_request", "`connection` has to be the id of one that is configured");
    };
    let mut answer = about(env, found, "", "/reconcile/start", Some(asked.to_string().as_bytes())).await?;
    if !is_form {
        return passed_on(answer).await;
    }
    let status = answer.status_code();
    let body: Value = answer.json().await.unwrap_or_default();
    match body["id"].as_str() {
        Some(id) => see_other(&format!("/reconciliations/{id}")),
        None => {
            let why = body["message"].as_str().unwrap_or("the books cannot be reached just now");
            page(status, &Notice::new("Nothing was begun", format!("{why}.")).with("/reconciliations", "Back"))
        }
    }
}

async fn form(request: &mut Request) -> Result<Value> {
    let form = request.form_data().await?;
    let field = |name: &str| match form.get(name) {
        Some(worker::FormEntry::Field(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let mut asked = json!({
        "connection": field("connection"), "from": field("from"),
        "repair": field("repair").is_some(), "audit": field("audit").is_some(),
    });
    if let Some(to) = field("to") {
        asked["to"] = json!(to);
    }
    if let Some(sample) = field("sample").and_then(|text| text.parse::<i64>().ok()) {
        asked["sample"] = json!(sample);
    }
    Ok(asked)
}

/// Which of its findings are asked for, as the object reads it.
fn part_of(request: &Request, part: impl Fn(i64) -> Part) -> Result<Vec<u8>> {
    let asked = request.url()?.query_pairs().find(|(name, _)| name == "page").and_then(|(_, value)| value.parse().ok());
    Ok(serde_json::to_vec(&part(asked.unwrap_or(1)))?)
}

/// One, as JSON; as a text that can be read, if that is what is accepted.
pub async fn one(request: &Request, env: &Env, variables: &Variables, id: &str) -> Result<Response> {
    let all = config::connections(variables);
    let Some(found) = connection_of(&all, id) else { return unknown() };
    let mut answer = about(env, found, id, "/reconcile/run", Some(&part_of(request, Part::of_api)?)).await?;
    let accepts = request.headers().get("accept")?.unwrap_or_default();
    if !accepts.contains("text/plain") || answer.status_code() != 200 {
        return passed_on(answer).await;
    }
    let run: RunView = answer.json().await?;
    let response = Response::ok(report::text(&run.report()))?;
    response.headers().set("content-type", "text/plain; charset=utf-8")?;
    Ok(response)
}

/// Approves or cancels one.
pub async fn act(request: &Request, env: &Env, variables: &Variables, id: &str, action: &str) -> Result<Response> {
    let all = config::connections(variables);
    let Some(found) = connection_of(&all, id) else { return unknown() };
    let mut answer = about(env, found, id, &format!("/reconcile/{action}"), None).await?;
    let content = request.headers().get("content-type")?.unwrap_or_default();
    if !content.starts_with("application/x-www-form-urlencoded") {
        return passed_on(answer).await;
    }
    let status = answer.status_code();
    let body: Value = answer.json().await.unwrap_or_default();
    match status {
        // The plan of an audit is carried out by a run of its own.
        202 => see_other(&format!("/reconciliations/{}", body["id"].as_str().unwrap_or(id))),
        status => {
            let why = body["message"].as_str().unwrap_or("the books cannot be reached just now");
            page(status, &Notice::new("Nothing was changed", format!("{why}.")).with("/reconciliations", "Back"))
        }
    }
}

async fn listed(env: &Env, connection: &Connection) -> std::result::Result<Listed, String> {
    let mut answer = about(env, connection, "", "/reconcile/list", None).await.map_err(|error| error.to_string())?;
    answer.json().await.map_err(|_| "the books cannot be reached just now".to_owned())
}

/// Every connection's runs, as JSON.
pub async fn list(env: &Env, variables: &Variables) -> Result<Response> {
    let mut runs = Vec::new();
    for connection in &config::connections(variables) {
        runs.extend(listed(env, connection).await.map(|listed| listed.runs).unwrap_or_default());
    }
    Response::from_json(&json!({ "reconciliations": runs }))
}

/// The page of all.
pub async fn overview(env: &Env, variables: &Variables) -> Result<Response> {
    let mut all = Vec::new();
    for connection in &config::connections(variables) {
        let told = listed(env, connection).await;
        let (runs, next, unreachable) = match told {
            Ok(listed) => (listed.runs, listed.next, None),
            Err(why) => (Vec::new(), None, Some(why)),
        };
        all.push(OfConnection { id: connection.id.clone(), shop: connection.shop.clone(), runs, next, unreachable });
    }
    page(200, &ReconciliationsPage::new(all, RuntimeClock.now()))
}

/// The page of one.
pub async fn details(request: &Request, env: &Env, variables: &Variables, id: &str) -> Result<Response> {
    let all = config::connections(variables);
    let Some(found) = connection_of(&all, id) else { return nothing() };
    let mut answer = about(env, found, id, "/reconcile/run", Some(&part_of(request, Part::of_dashboard)?)).await?;
    match answer.json::<RunView>().await {
        Ok(run) => page(200, &ReconciliationPage::new(run, RuntimeClock.now())),
        Err(_) => nothing(),
    }
}

fn nothing() -> Result<Response> {
    let text = "There is no reconciliation of that id.";
    page(404, &Notice::new("Not found", text).with("/reconciliations", "To the reconciliations"))
}
