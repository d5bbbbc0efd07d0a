//! The way to the ledger. A request that left arrives, whatever becomes of who sent it: what it does there stays done.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use chrono::{DateTime, Duration, Utc};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use sandbox::{Delivery, Reply, World};

use tillproof::platform::{Http, HttpError, Request, Response};

use crate::chance::Dice;
use crate::machine::{Disk, Power};
use crate::time::Timeline;
use crate::trace::Trace;

/// The caller gives up after this long (design §4).
const DEADLINE: Duration = Duration::seconds(30);
/// Nothing is on its way for longer than this: milliseconds. Xero is looked at a minute after the last repetition.
const LONGEST_WAY: i64 = 55_000;

struct Flight {
    arrives_at: DateTime<Utc>,
    request: sandbox::Request,
    reply: Rc<RefCell<Option<Reply>>>,
}

pub struct Network {
    pub world: RefCell<World>,
    /// Nothing gets out.
    pub is_cut: Cell<bool>,
    /// So many of a hundred requests are stuck on their way until after their sender gave up, and arrive all the same.
    pub congestion: Cell<u64>,
    in_the_air: RefCell<Vec<Flight>>,
    power: Rc<Power>,
    disk: Rc<Disk>,
    timeline: Rc<Timeline>,
    trace: Rc<Trace>,
    dice: Dice,
}

impl Network {
    pub fn new(power: Rc<Power>, disk: Rc<Disk>, timeline: Rc<Timeline>, trace: Rc<Trace>, dice: Dice) -> Self {
        Self {
            world: RefCell::new(World::new()),
            is_cut: Cell::new(false),
            congestion: Cell::new(0),
            in_the_air: RefCell::default(),
            power,
            disk,
            timeline,
            trace,
            dice,
        }
    }

    /// When the next request reaches the ledger.
    pub fn next(&self) -> Option<DateTime<Utc>> {
        self.in_the_air.borrow().iter().map(|one| one.arrives_at).min()
    }

    /// What is due reaches the ledger, and is answered.
    pub fn arrive(&self, now: DateTime<Utc>) {
        let due: Vec<Flight> = self.in_the_air.borrow_mut().extract_if(.., |one| one.arrives_at <= now).collect();
        for flight in due {
            let reply = self.world.borrow_mut().handle(now, &flight.request);
            self.trace.tell(now, || {
                let Reply { status, delivery, .. } = &reply;
                format!("ledger  {} {} -> {status} {delivery:?}", flight.request.method, flight.request.path)
            });
            *flight.reply.borrow_mut() = Some(reply);
        }
    }

    /// Who sent is gone. What was still on its way out may or may not have left.
    pub fn lose_sender(&self) {
        self.in_the_air.borrow_mut().retain(|_| self.dice.percent(50));
    }

    async fn call(&self, request: Request) -> Result<Response, HttpError> {
        self.power.step();
        self.disk.breathe(0, 3).await;
        if self.is_cut.get() {
            return Err(HttpError("no way out".into()));
        }
        let is_stuck = self.congestion.get() > 0 && self.dice.percent(self.congestion.get());
        let latency = if is_stuck { self.dice.millis(31_000, LONGEST_WAY) } else { self.dice.millis(10, 250) };
        let reply = Rc::new(RefCell::new(None));
        self.in_the_air.borrow_mut().push(Flight {
            arrives_at: self.timeline.now() + latency,
            request: outward(request),
            reply: Rc::clone(&reply),
        });
        self.timeline.pause(latency.min(DEADLINE)).await;
        if is_stuck {
            self.power.step();
            return Err(HttpError("no answer in time".into()));
        }
        let reply = reply.take().expect("what left has arrived by now");
        let back = match reply.delivery {
            Delivery::Delayed(millis) => Duration::milliseconds(i64::try_from(millis).unwrap()),
            Delivery::Delivered | Delivery::Lost | Delivery::Refused => self.dice.millis(10, 250),
        };
        self.timeline.pause(back.min(DEADLINE)).await;
        self.power.step();
        match reply.delivery {
            _ if back > DEADLINE => Err(HttpError("no answer in time".into())),
            Delivery::Lost | Delivery::Refused => Err(HttpError("connection lost".into())),
            Delivery::Delivered | Delivery::Delayed(_) => Ok(inward(reply)),
        }
    }
}

impl Http for Network {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        self.call(request).boxed_local()
    }
}

fn outward(request: Request) -> sandbox::Request {
    let path = request.url.splitn(4, '/').nth(3).unwrap_or_default();
    let mut sent = sandbox::Request::new(request.method.as_str(), &format!("/{path}"));
    for (name, value) in &request.headers {
        sent = sent.with_header(name, value);
    }
    match request.body {
        Some(body) => sent.with_body(body),
        None => sent,
    }
}

fn inward(reply: Reply) -> Response {
    Response {
        status: reply.status,
        headers: reply.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect(),
        body: String::from_utf8_lossy(&reply.body).into_owned(),
    }
}
