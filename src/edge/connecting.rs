//! What the object is asked when a ledger is connected: passed on to the books, and their word passed back.

use serde::{Deserialize, Serialize};
use serde_json::json;
use worker::{Request, Response, Result};

use crate::posting::{Books, Callback, Declined, Refused, Report};

#[derive(Deserialize)]
struct Begin {
    ledger: String,
    redirect_uri: String,
}

#[derive(Deserialize)]
struct Shown {
    company: String,
}

/// Answers if the question is about connecting.
pub async fn answer(
    books: &Books<'_>,
    path: &str,
    connection: &str,
    request: &mut Request,
) -> Result<Option<Response>> {
    let response = match path {
        "/standing" => told(books.standing().map_err(Declined::from)),
        "/consent/begin" => {
            let Begin { ledger, redirect_uri } = request.json().await?;
            told(books.begin_consent(connection, &ledger, &redirect_uri).await)
        }
        "/consent/finish" => {
            let callback: Callback = request.json().await?;
            told(books.finish_consent(&callback).await)
        }
        "/confirm" => {
            let Shown { company } = request.json().await?;
            told(books.confirm(connection, &company).await)
        }
        "/decline" => {
            let Shown { company } = request.json().await?;
            told(books.decline(connection, &company).await.map(left))
        }
        "/disconnect" => told(books.disconnect(connection).await.map(left)),
        "/preflight" => checked(books.preflight(connection).await),
        _ => return Ok(None),
    };
    response.map(Some)
}

/// What was given back, and what the ledger could not be told of it.
fn left(not_told: Option<String>) -> serde_json::Value {
    json!({ "not_told": not_told })
}

/// The report, or why there is none.
fn checked(outcome: std::result::Result<Option<Report>, Refused>) -> Result<Response> {
    let (status, code, text) = match outcome {
        Ok(Some(report)) => return Response::from_json(&report),
        Ok(None) => (409, "settings_invalid", "the connection's settings cannot be read".to_owned()),
        Err(Refused::Person(why)) => (409, "not_connected", why),
        Err(Refused::Sql(error)) => (500, "database", error.to_string()),
        Err(later @ (Refused::Later(_) | Refused::Busy)) => (503, "later", later.to_string()),
    };
    super::answers::problem(status, code, &text)
}

/// What was achieved, or why not: as status, code and sentence.
pub(super) fn told<T: Serialize>(outcome: std::result::Result<T, Declined>) -> Result<Response> {
    let declined = match outcome {
        Ok(value) => return Response::from_json(&value),
        Err(declined) => declined,
    };
    let (status, code) = match &declined {
        Declined::Unclear(_) => (400, "unclear"),
        Declined::Missing(_) => (404, "nothing_there"),
        Declined::Refused(_) => (409, "refused"),
        Declined::Later(_) => (503, "later"),
        Declined::Sql(_) => (500, "database"),
    };
    super::answers::problem(status, code, &declined.to_string())
}
