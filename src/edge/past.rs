//! Orders of the past: the preview and the replay of one, leaving one out, and backfills. What is asked at the desk is passed on to the
//! books, and their word is passed back.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use worker::{Env, FormEntry, Headers, Request, Response, Result};

use super::answers::{page, problem, see_other};
use super::connecting::told;
use super::queue::{Question, ask};
use crate::config::{self, Variables};
use crate::dashboard::Notice;
use crate::posting::{BackfillChange, Books, Declined, OrderRef, Piece};

/// Backfills that a list shows.
const LISTED: i64 = 20;

#[derive(Deserialize)]
struct Window {
    from: String,
    to: String,
}

/// The object's side. Answers if the question is about the past.
pub async fn answer(books: &Books<'_>, path: &str, at: &OrderRef, request: &mut Request) -> Result<Option<Response>> {
    let number = at.order_id.parse().unwrap_or(0);
    let change = |change| books.change_backfill(&at.connection, number, change);
    let response = match path {
        "/preview" => told(books.preview(at).await),
        "/ignore" => {
            let asked: Value = request.json().await.unwrap_or_default();
            let reason = asked["reason"].as_str().unwrap_or_default();
            under_way(books.ignore(at, reason).await.map(|()| json!({"ok": true})))
        }
        "/together" => {
            let piece: Piece = request.json().await?;
            told(books.look_again_at(&at.connection, &piece).await)
        }
        "/replay" => under_way(books.replay(at).await.map(|()| json!({"ok": true}))),
        "/backfills" => told(books.backfills(&at.connection, LISTED).map_err(Declined::from)),
        "/backfills/begin" => {
            let Window { from, to } = request.json().await?;
            under_way(books.begin_backfill(&at.connection, &from, &to).await)
        }
        "/backfills/one" => told(books.backfill(&at.connection, number)),
        "/backfills/pause" => told(change(BackfillChange::Pause).await),
        "/backfills/resume" => told(change(BackfillChange::Resume).await),
        "/backfills/cancel" => told(change(BackfillChange::Cancel).await),
        _ => return Ok(None),
    };
    response.map(Some)
}

/// The answer to something that is done from now on.
fn under_way<T: Serialize>(outcome: std::result::Result<T, Declined>) -> Result<Response> {
    let done = outcome.is_ok();
    let response = told(outcome)?;
    Ok(if done { response.with_status(202) } else { response })
}

/// The desk's side: asks a connection's books about an order, or about what has that number.
pub async fn pass_on(
    env: &Env,
    variables: &Variables,
    connection: &str,
    order: &str,
    path: &str,
    body: &Value,
) -> Result<Response> {
    let all = config::connections(variables);
    let Some(found) = all.iter().find(|one| one.id == connection) else {
        return problem(404, "unknown_connection", "no connection of that id is configured");
    };
    let question = Question { books: &found.books, connection: &found.id, order, path };
    let away = || problem(503, "unavailable", "the books cannot be reached just now");
    let asked = ask(env, &question, Headers::new(), Some(body.to_string().as_bytes())).await;
    let Ok(mut answer) = asked else { return away() };
    let status = answer.status_code();
    match answer.json::<Value>().await {
        Ok(body) => Ok(Response::from_json(&body)?.with_status(status)),
        // What failed inside the object says nothing in JSON.
        Err(_) => away(),
    }
}

/// The backfills of the connection that the address names.
pub async fn list(request: &Request, env: &Env, variables: &Variables) -> Result<Response> {
    let url = request.url()?;
    let named = url.query_pairs().find(|(name, _)| name == "connection").map(|(_, id)| id.into_owned());
    match named {
        Some(connection) => pass_on(env, variables, &connection, "", "/backfills", &json!({})).await,
        None => problem(400, "unclear", "name the connection: /api/backfills?connection=…"),
    }
}

/// Begins one: a form of the page, or JSON.
pub async fn begin(request: &mut Request, env: &Env, variables: &Variables) -> Result<Response> {
    let is_form = is_form(request)?;
    let mut asked = json!({});
    if is_form {
        let form = request.form_data().await?;
        for key in ["connection", "from", "to"] {
            if let Some(FormEntry::Field(text)) = form.get(key) {
                asked[key] = text.into();
            }
        }
    } else {
        asked = serde_json::from_str(&request.text().await?).unwrap_or_default();
    }
    for key in ["connection", "from", "to"] {
        if !asked[key].is_string() {
            let text = format!(
                "`{key}` is missing: send {{\"connection\": \"…\", \"from\": \"2026-11-01\", \"to\": \"2026-11-30\"}}"
            );
            return problem(400, "unclear", &text);
        }
    }
    let connection = asked["connection"].as_str().unwrap_or_default().to_owned();
    let answer = pass_on(env, variables, &connection, "", "/backfills/begin", &asked).await?;
    for_page(answer, is_form, "The backfill was not begun").await
}

/// Shows one, or changes its course. Its id is its connection's and a number.
pub async fn one(request: &Request, env: &Env, variables: &Variables, id: &str, path: &str) -> Result<Response> {
    let Some((connection, number)) = id.rsplit_once('-') else {
        return problem(404, "nothing_there", "there is no backfill of that id");
    };
    let answer = pass_on(env, variables, connection, number, &format!("/backfills/{path}"), &json!({})).await?;
    for_page(answer, is_form(request)?, "The backfill was not changed").await
}

/// True if a page's form asks.
pub fn is_form(request: &Request) -> Result<bool> {
    let content = request.headers().get("content-type")?.unwrap_or_default();
    Ok(content.starts_with("application/x-www-form-urlencoded"))
}

/// A form's answer is a page.
async fn for_page(mut answer: Response, is_form: bool, title: &str) -> Result<Response> {
    let status = answer.status_code();
    match (is_form, status) {
        (false, _) => Ok(answer),
        (true, 200..300) => see_other("/connect"),
        (true, _) => {
            let body: Value = answer.json().await.unwrap_or_default();
            let why = body["message"].as_str().unwrap_or("the books cannot be reached just now");
            page(status, &Notice::new(title, format!("{why}.")).with("/connect", "Back to Connect"))
        }
    }
}
