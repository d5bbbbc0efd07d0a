//! What is outside of the books, in process: the ledgers and the shop over HTTP, and the objects of the companies.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use chrono::Duration;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use sandbox::World;
use sandbox::http::Delivery as Arrival;

use tillproof::platform::native::Sqlite;
use tillproof::platform::{Claim, Clock, Companies, Http, HttpError, Request, Response, Unasked};
use tillproof::posting::claims;

use super::{Bench, start};

/// The objects of the ledger companies, in memory; several benches may share them.
#[derive(Default, Clone)]
pub struct CompanyObjects {
    objects: Rc<RefCell<BTreeMap<String, Sqlite>>>,
    /// While true, none of them answers.
    pub away: Rc<Cell<bool>>,
    /// The books that lost their company: they are told when they are next opened.
    pub losers: Rc<RefCell<BTreeSet<String>>>,
    /// How often one of them was asked.
    pub asked: Rc<Cell<usize>>,
}

impl Companies for CompanyObjects {
    fn claim(&self, claim: Claim) -> LocalBoxFuture<'_, Result<String, Unasked>> {
        self.asked.set(self.asked.get() + 1);
        let mut objects = self.objects.borrow_mut();
        let object = objects.entry(claim.object.clone()).or_insert_with(|| Sqlite::in_memory().unwrap());
        self.losers.borrow_mut().extend(claims::loser(object, &claim).unwrap());
        let holder = claims::claim(object, &claim).unwrap();
        let answer = if self.away.get() { Err(Unasked("the object is away".into())) } else { Ok(holder) };
        async move { answer }.boxed_local()
    }
}

/// Nobody.
pub struct NoHttp;

impl Http for NoHttp {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        async move { panic!("nothing is to be asked here: {request:?}") }.boxed_local()
    }
}

/// A world beside the bench: its calls take no time.
pub struct Aside(pub RefCell<World>);

impl Http for Aside {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        let reply = self.0.borrow_mut().handle(start(), &as_sent(request));
        async move { Ok(as_received(reply)) }.boxed_local()
    }
}

fn as_sent(request: Request) -> sandbox::http::Request {
    let path = request.url.splitn(4, '/').nth(3).unwrap_or_default();
    let mut sent = sandbox::http::Request::new(request.method.as_str(), &format!("/{path}"));
    for (name, value) in &request.headers {
        sent = sent.with_header(name, value);
    }
    match request.body {
        Some(body) => sent.with_body(body),
        None => sent,
    }
}

fn as_received(reply: sandbox::http::Reply) -> Response {
    Response {
        status: reply.status,
        headers: reply.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect(),
        body: String::from_utf8_lossy(&reply.body).into_owned(),
    }
}

/// The sandbox as the outside world, called in process.
pub struct SandboxHttp<'a>(pub &'a Bench);

impl Http for SandboxHttp<'_> {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        let reply = self.0.world.borrow_mut().handle(self.0.clock.now(), &as_sent(request));
        self.0.clock.advance(Duration::milliseconds(120));
        let result = match reply.delivery {
            Arrival::Lost | Arrival::Refused => Err(HttpError("connection lost".into())),
            Arrival::Delivered | Arrival::Delayed(_) => Ok(as_received(reply)),
        };
        async move { result }.boxed_local()
    }
}
