//! What the object is asked about reconciliations: passed on, and the word passed back.

use serde_json::json;
use worker::{Request, Response, Result};

use crate::posting::Books;
use crate::reconcile::run::{self, Asked, Part, Refused, Run, RunView};

use super::answers::problem;

/// Runs that a list shows.
const LISTED: i64 = 50;

/// Answers if the question is about reconciliations. `id` is the run's.
pub async fn answer(
    books: &Books<'_>,
    path: &str,
    connection: &str,
    id: &str,
    request: &mut Request,
) -> Result<Option<Response>> {
    let sql = books.platform.sql;
    let failed = |error: crate::platform::SqlError| worker::Error::RustError(error.to_string());
    let response = match path {
        "/reconcile/start" => match serde_json::from_slice::<Asked>(&request.bytes().await?) {
            Err(error) => problem(400, "bad_request", &error.to_string()),
            Ok(asked) => match run::start(books, &asked).await {
                Ok(id) => Ok(Response::from_json(&json!({ "id": id }))?.with_status(202)),
                Err(Refused::Asked(why)) => problem(400, "bad_request", &why),
                Err(Refused::Busy(why)) => problem(409, "not_now", &why),
                Err(Refused::Sql(error)) => Err(failed(error)),
            },
        },
        "/reconcile/list" => {
            let runs = Run::all(sql, connection, LISTED).map_err(failed)?;
            let views: std::result::Result<Vec<RunView>, _> =
                runs.iter().map(|run| RunView::of(books, run, false)).collect();
            let next = run::next_at(books, connection).map_err(failed)?;
            Response::from_json(&json!({ "runs": views.map_err(failed)?, "next": next }))
        }
        "/reconcile/run" => match Run::load(sql, id).map_err(failed)? {
            Some(run) => {
                let part = serde_json::from_slice(&request.bytes().await?).unwrap_or(Part::of_api(1));
                Response::from_json(&RunView::with_part(books, &run, Some(part)).map_err(failed)?)
            }
            None => problem(404, "unknown_reconciliation", "there is no reconciliation of that id"),
        },
        "/reconcile/approve" => match run::approve(books, id).await {
            Ok(id) => Ok(Response::from_json(&json!({ "id": id }))?.with_status(202)),
            Err(Refused::Asked(why) | Refused::Busy(why)) => problem(409, "nothing_to_approve", &why),
            Err(Refused::Sql(error)) => Err(failed(error)),
        },
        "/reconcile/cancel" => match run::cancel(books, id).map_err(failed)? {
            true => Ok(Response::from_json(&json!({ "id": id }))?.with_status(202)),
            false => problem(409, "not_under_way", "it is not under way"),
        },
        _ => return Ok(None),
    };
    response.map(Some)
}
