//! Answers as people and programs want them: pages, JSON, redirects; every one with the headers that protect browsers.

use std::sync::LazyLock;

use askama::Template;
use serde_json::json;
use worker::{Response, Result};

use crate::dashboard::{STYLE, render};
use crate::reception::headers::headers;

/// The headers of every answer, made once.
static ALL: LazyLock<Vec<(&'static str, String)>> = LazyLock::new(|| headers(STYLE));

/// A problem as JSON: a stable code and a sentence.
pub fn problem(status: u16, code: &str, text: &str) -> Result<Response> {
    Ok(Response::from_json(&json!({"error": code, "message": text}))?.with_status(status))
}

/// A page.
pub fn page(status: u16, page: &impl Template) -> Result<Response> {
    Ok(Response::from_html(render(page))?.with_status(status))
}

/// A list to be taken along, under that name.
pub fn download(list: Response, name: &str) -> Result<Response> {
    list.headers().set("content-type", "text/csv; charset=utf-8")?;
    list.headers().set("content-disposition", &format!("attachment; filename=\"{name}\""))?;
    Ok(list)
}

/// Sends the browser on with a GET.
pub fn see_other(location: &str) -> Result<Response> {
    let response = Response::empty()?.with_status(303);
    response.headers().set("location", location)?;
    Ok(response)
}

/// The answer with the headers of every answer. What says nothing else about being kept is not kept.
pub fn protected(response: Response) -> Result<Response> {
    // An answer that came from elsewhere has headers that cannot be changed; a new list takes their place.
    let headers = response.headers().clone();
    for (name, value) in ALL.iter() {
        headers.set(name, value)?;
    }
    if !headers.has("cache-control")? {
        headers.set("cache-control", "no-store")?;
    }
    Ok(response.with_headers(headers))
}
