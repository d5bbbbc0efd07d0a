//! A stand-in for both sides that writes their lists out from the pattern's own row, page by page, where they are asked for:
//! one that kept them all would measure itself.

use std::cell::{Cell, OnceCell};

use chrono::Duration;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use tillproof::platform::{Http, HttpError, Request, Response};

use super::FROM;
use super::copies::Copies;
use crate::support::{Bench, SandboxHttp};

/// Both sides' lists, as long as they are wanted; every `lost`th document is in none of them.
pub struct Lists<'a> {
    bench: &'a Bench,
    copies: &'a Copies,
    count: u64,
    lost: u64,
    /// The pattern, as Shopify shows it where it is asked for one order.
    order: OnceCell<Response>,
    pub calls: Cell<u64>,
}

impl<'a> Lists<'a> {
    pub fn new(bench: &'a Bench, copies: &'a Copies, count: u64, lost: u64) -> Self {
        Self { bench, copies, count, lost, order: OnceCell::new(), calls: Cell::new(0) }
    }

    fn is_listed(&self, n: u64) -> bool {
        self.lost == 0 || n % self.lost != 1
    }

    /// The pattern's answer, with its row copied: `from` on, at most so many.
    fn page(&self, rows: &mut Value, from: u64, most: u64, all: bool) -> u64 {
        let Some(row) = rows.as_array().and_then(|rows| rows.first()).map(Value::to_string) else { return 0 };
        let end = (from + most).min(self.count);
        // A page is full as long as there is more.
        let place = |at: u64| usize::try_from(at).unwrap();
        let listed = (0..self.count).filter(|n| all || self.is_listed(*n)).skip(place(from)).take(place(most));
        let copies = listed.map(|n| self.copies.write(&row, n));
        // As it would be received: a text.
        *rows = serde_json::from_str(&format!("[{}]", copies.collect::<Vec<_>>().join(","))).unwrap();
        end
    }

    fn shop(&self, request: Request) -> Option<Response> {
        let body: Value = serde_json::from_str(request.body.as_deref()?).ok()?;
        match body["operationName"].as_str() {
            Some("Orders") => Some(self.orders(request, body)),
            Some("Order") => self.order(request, body),
            _ => None,
        }
    }

    fn orders(&self, mut request: Request, mut body: Value) -> Response {
        let after = body["variables"]["after"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        // Behind the end of the first list nothing is later.
        let is_end = body["variables"]["filter"].as_str().is_some_and(|filter| !filter.contains(&format!("'{FROM}")));
        body["variables"]["after"] = Value::Null;
        request.body = Some(body.to_string());
        let mut response = self.ask(request);
        let mut answer: Value = serde_json::from_str(&response.body).unwrap();
        let orders = &mut answer["data"]["orders"];
        let end = if is_end { self.count } else { self.page(&mut orders["nodes"], after, 100, true) };
        orders["pageInfo"] = json!({"hasNextPage": end < self.count, "endCursor": end.to_string()});
        response.body = answer.to_string();
        response
    }

    /// One order: the stand-in is asked once, for the pattern.
    fn order(&self, mut request: Request, mut body: Value) -> Option<Response> {
        let n = self.copies.place(body["variables"]["id"].as_str()?.rsplit('/').next()?)?;
        let pattern = self.order.get_or_init(|| {
            body["variables"]["id"] = json!(format!("gid://shopify/Order/{}", self.copies.order_id()));
            request.body = Some(body.to_string());
            self.ask(request)
        });
        // A call takes its time.
        self.bench.clock.advance(Duration::milliseconds(120));
        Some(Response { body: self.copies.write(&pattern.body, n), ..pattern.clone() })
    }

    fn ledger(&self, request: Request) -> Option<Response> {
        let at = request.url.find("startposition")?;
        let digits: String = request.url[at..].chars().skip_while(|letter| !letter.is_ascii_digit()).collect();
        // `%20` stands before the number.
        let digits: String = digits.chars().skip(if digits.starts_with("20") { 2 } else { 0 }).collect();
        let from: u64 = digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()?;
        let is_look_up = request.url.contains("%20in%20");
        let url = request.url.replacen(&format!("startposition%20{from}"), "startposition%201", 1);
        let mut response = self.ask(Request { url, ..request });
        let mut answer: Value = serde_json::from_str(&response.body).unwrap();
        if !is_look_up {
            for rows in answer["QueryResponse"].as_object_mut()?.values_mut().filter(|value| value.is_array()) {
                self.page(rows, from - 1, 1_000, false);
            }
        }
        response.body = answer.to_string();
        Some(response)
    }

    fn ask(&self, request: Request) -> Response {
        SandboxHttp(self.bench).send(request).now_or_never().unwrap().unwrap()
    }
}

impl Http for Lists<'_> {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        self.calls.set(self.calls.get() + 1);
        let own = match request.url.contains("/admin/api/") {
            true => self.shop(request.clone()),
            false => self.ledger(request.clone()),
        };
        let response = own.unwrap_or_else(|| self.ask(request));
        async move { Ok(response) }.boxed_local()
    }
}
