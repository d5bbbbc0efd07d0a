//! One simulated life from its first order to the last silence.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use chrono::{DateTime, Duration, Utc};
use futures_util::future::LocalBoxFuture;
use sandbox::Fault;

use tillproof::platform::SqlError;

use crate::allowed::Allowed;
use crate::chance::Dice;
use crate::life::Life;
use crate::machine::{PowerCut, downtime, rows};
use crate::object::Object;
use crate::person;
use crate::support::Company;
use crate::time::Timeline;
use crate::trace::Trace;
use crate::weather::{Mishap, Weather};

/// Cron wakes every set of books this often.
const CRON: Duration = Duration::minutes(5);
/// Longer than this after the last webhook and the last mishap nothing may take: the longest retry delay is an hour.
const PATIENCE: Duration = Duration::days(3);
/// Orders that were at work in two crashes wait for a person; nobody has to look at an order more often than this.
const RELEASES: usize = 40;
/// So many ticks of cron find out that what failed a look at the company is in order again: a day and a half, in which a
/// person has connected the ledger again where that is what it takes.
const LOOKS: usize = 36;

/// Something that happens at its time.
#[derive(Debug, Clone)]
enum Event {
    /// Shopify sends a webhook, for the n-th time.
    Delivery {
        webhook: usize,
        attempt: usize,
    },
    Mishap(usize),
    Cron,
    PowerIsBack,
}

/// Something that the object is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Doing {
    Delivery { webhook: usize, attempt: usize },
    Turn,
    Cron,
    Release,
}

struct Task<'a> {
    doing: Doing,
    work: LocalBoxFuture<'a, Result<(), SqlError>>,
}

pub struct Run<'a> {
    pub company: Company,
    pub object: &'a Object,
    pub life: &'a Life,
    pub weather: &'a Weather,
    /// The webhooks that were answered 200.
    pub acknowledged: RefCell<BTreeSet<usize>>,
    pub power_cuts: Cell<u64>,
    pub allowed: Allowed,
    dice: Dice,
    trace: Rc<Trace>,
    /// What is to happen, by time; of two at the same time the one that was planned first.
    queue: RefCell<BTreeMap<(DateTime<Utc>, u64), Event>>,
    planned: Cell<u64>,
    tasks: RefCell<Vec<Task<'a>>>,
    has_power: Cell<bool>,
    releases: Cell<usize>,
    /// Ticks of cron since anything else happened.
    ticks: Cell<usize>,
    /// The orders that a person released.
    released: RefCell<BTreeSet<String>>,
    /// Refused ones, and how often.
    refused: RefCell<BTreeMap<String, u32>>,
    reconnected_at: Cell<Option<DateTime<Utc>>>,
}

impl<'a> Run<'a> {
    pub fn new(
        company: Company,
        object: &'a Object,
        life: &'a Life,
        weather: &'a Weather,
        seed: u64,
        trace: Rc<Trace>,
    ) -> Self {
        let run = Self {
            company,
            object,
            life,
            weather,
            acknowledged: RefCell::default(),
            power_cuts: Cell::new(0),
            allowed: Allowed::default(),
            dice: Dice::new(seed, 20),
            trace,
            queue: RefCell::default(),
            planned: Cell::new(0),
            tasks: RefCell::default(),
            has_power: Cell::new(true),
            releases: Cell::new(0),
            ticks: Cell::new(0),
            released: RefCell::default(),
            refused: RefCell::default(),
            reconnected_at: Cell::new(None),
        };
        run.plan();
        run
    }

    fn timeline(&self) -> &Timeline {
        &self.object.timeline
    }

    fn now(&self) -> DateTime<Utc> {
        self.timeline().now()
    }

    fn at(&self, at: DateTime<Utc>, event: Event) {
        self.planned.set(self.planned.get() + 1);
        self.queue.borrow_mut().insert((at, self.planned.get()), event);
    }

    /// When each webhook comes, how often, or whether it is lost.
    fn plan(&self) {
        let post = self.weather.post;
        for (webhook, one) in self.life.webhooks.iter().enumerate() {
            let send = |delay| self.at(one.at + delay, Event::Delivery { webhook, attempt: 1 });
            let lost = one.may_be_lost && self.dice.percent(post.lost);
            self.trace.tell(one.at, || format!("shop    {}{}", self.name(webhook), if lost { ", LOST" } else { "" }));
            if lost {
                continue;
            }
            let delay = match () {
                () if self.dice.percent(post.very_late) => self.dice.seconds(3600, 10 * 3600),
                () if self.dice.percent(post.late) => self.dice.seconds(1, 1200),
                () => self.dice.millis(50, 3000),
            };
            send(delay);
            if self.dice.percent(post.twice) {
                send(delay + self.dice.millis(0, *self.dice.pick(&[1000, 60_000, 40_000_000])));
            }
        }
        for (index, (at, _)) in self.weather.mishaps.iter().enumerate() {
            self.at(*at, Event::Mishap(index));
        }
        self.at(self.now() + CRON, Event::Cron);
    }

    /// Lives on until there is nothing left to do.
    pub fn to_the_end(&self) -> Result<(), String> {
        let last = self.queue.borrow().last_key_value().map(|((at, _), _)| *at).unwrap_or_default();
        loop {
            self.wind_up_if_quiet()?;
            let Some(next) = self.next() else { return Ok(()) };
            if next > last + PATIENCE {
                return Err(format!("the books never get quiet: {:?}", self.unfinished()));
            }
            self.object.network.arrive(next.max(self.now()));
            self.timeline().advance(next);
            self.happen();
            self.ring();
            self.work();
        }
    }

    /// When the next thing happens, if anything does.
    fn next(&self) -> Option<DateTime<Utc>> {
        let planned = self.queue.borrow().first_key_value().map(|((at, _), _)| *at);
        let alarm = self.object.disk.alarm().filter(|_| self.may_ring());
        [planned, alarm, self.timeline().next(), self.object.network.next()].into_iter().flatten().min()
    }

    fn may_ring(&self) -> bool {
        self.has_power.get() && !self.tasks.borrow().iter().any(|task| task.doing == Doing::Turn)
    }

    fn due(&self) -> Option<Event> {
        let mut queue = self.queue.borrow_mut();
        let is_due = queue.first_key_value().is_some_and(|((at, _), _)| *at <= self.now());
        if is_due { queue.pop_first().map(|(_, event)| event) } else { None }
    }

    fn happen(&self) {
        while let Some(event) = self.due() {
            let is_cron = matches!(event, Event::Cron);
            self.ticks.set(if is_cron { self.ticks.get() + 1 } else { 0 });
            match event {
                Event::Delivery { webhook, attempt } if self.has_power.get() => {
                    let work = self.object.deliver(webhook, &self.life.webhooks[webhook]);
                    self.begin(Doing::Delivery { webhook, attempt }, work);
                }
                Event::Delivery { webhook, attempt } => self.send_again(webhook, attempt),
                Event::Mishap(index) => self.strike(&self.weather.mishaps[index].1),
                Event::Cron => {
                    if self.has_power.get() {
                        self.begin(Doing::Cron, self.object.poke());
                        self.a_person_looks();
                    }
                    self.at(self.now() + self.cron(), Event::Cron);
                }
                Event::PowerIsBack => {
                    self.trace.tell(self.now(), || "power   is back".into());
                    self.has_power.set(true);
                }
            }
        }
    }

    /// While nothing waits a tick does nothing: most of those are left out.
    fn cron(&self) -> Duration {
        if self.unfinished().is_empty() { CRON * 12 } else { CRON }
    }

    /// Connects the ledger again where the books ask for it, sooner or later.
    fn a_person_looks(&self) {
        let lately = self.reconnected_at.get().is_some_and(|at| self.now() - at < Duration::hours(1));
        if lately || !self.object.wants_reconnect() || self.dice.percent(70) {
            return;
        }
        let token = person::consent(&mut self.object.network.world.borrow_mut(), self.now(), self.company);
        self.trace.tell(self.now(), || format!("person  connects the ledger again: {}", token.is_some()));
        if let Some(token) = token {
            self.object.reconnect(&token);
            self.reconnected_at.set(Some(self.now()));
        }
    }

    fn strike(&self, mishap: &Mishap) {
        self.trace.tell(self.now(), || format!("mishap  {mishap:?}"));
        let network = &self.object.network;
        let mut world = network.world.borrow_mut();
        match mishap {
            Mishap::Fault(fault) => world.fail(fault.clone()),
            Mishap::Outage(kind) => world.fail(Fault::next(*kind).repeated(u32::MAX)),
            Mishap::OutageEnds => world.faults.clear(),
            Mishap::CableCut(is_cut) => network.is_cut.set(*is_cut),
            Mishap::Congestion(cases) => network.congestion.set(*cases),
            Mishap::JournalAway(is_away) => self.object.journal.database.away.set(*is_away),
            Mishap::JournalMumbles(cases) => self.object.journal.loses_answers.set(*cases),
            Mishap::Setting(key, value) => {
                let body = serde_json::json!({ *key: value }).to_string();
                let path = format!("/_sandbox/company/{}", self.company.id());
                let reply = world.handle(self.now(), &sandbox::Request::new("POST", &path).with_body(body));
                assert_eq!(reply.status, 200, "{key}");
            }
            Mishap::PowerCut(operations) => self.object.power.fail_after(*operations),
        }
    }

    fn ring(&self) {
        let due = self.object.disk.alarm().is_some_and(|at| at <= self.now());
        if due && self.may_ring() {
            self.object.disk.ring();
            self.begin(Doing::Turn, self.object.turn());
        }
    }

    fn begin(&self, doing: Doing, work: LocalBoxFuture<'a, Result<(), SqlError>>) {
        self.trace.tell(self.now(), || format!("begins  {}", self.describe(&doing)));
        self.tasks.borrow_mut().push(Task { doing, work });
    }

    /// Everything that can go on does.
    fn work(&self) {
        let mut index = 0;
        while let Some(mut task) = self.take(index) {
            let mut context = Context::from_waker(Waker::noop());
            let polled = catch_unwind(AssertUnwindSafe(|| task.work.as_mut().poll(&mut context)));
            match polled {
                Ok(Poll::Pending) => {
                    self.tasks.borrow_mut().insert(index, task);
                    index += 1;
                }
                Ok(Poll::Ready(result)) => self.finish(&task.doing, result),
                Err(reason) if reason.is::<PowerCut>() => return self.lose_power(task),
                Err(bug) => resume_unwind(bug),
            }
        }
    }

    fn take(&self, index: usize) -> Option<Task<'a>> {
        let mut tasks = self.tasks.borrow_mut();
        (index < tasks.len()).then(|| tasks.remove(index))
    }

    fn finish(&self, doing: &Doing, result: Result<(), SqlError>) {
        self.trace.tell(self.now(), || format!("ends    {} {result:?}", self.describe(doing)));
        match (doing, result) {
            (Doing::Delivery { webhook, .. }, Ok(())) => {
                self.acknowledged.borrow_mut().insert(*webhook);
            }
            (Doing::Delivery { webhook, attempt }, Err(_)) => self.send_again(*webhook, *attempt),
            (Doing::Turn, _) => self.object.disk.has_rung(),
            (Doing::Cron | Doing::Release, _) => {}
        }
    }

    /// Shopify sends what was not answered 2xx again, for four hours.
    fn send_again(&self, webhook: usize, attempt: usize) {
        let delays = [20, 60, 300, 600, 1800, 3600];
        let delay = delays[(attempt - 1).min(delays.len() - 1)];
        let at = self.now() + Duration::seconds(delay) + self.dice.millis(0, 5000);
        self.at(at, Event::Delivery { webhook, attempt: attempt + 1 });
    }

    fn lose_power(&self, victim: Task<'a>) {
        self.trace.tell(self.now(), || format!("POWER   lost in {}", self.describe(&victim.doing)));
        self.power_cuts.set(self.power_cuts.get() + 1);
        let mut tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        tasks.push(victim);
        for task in &tasks {
            if let Doing::Delivery { webhook, attempt } = task.doing {
                self.send_again(webhook, attempt);
            }
        }
        drop(tasks);
        self.timeline().forget();
        self.object.network.lose_sender();
        self.object.disk.lose_power();
        self.object.pulse.stop();
        if self.dice.percent(15) {
            self.trace.tell(self.now(), || "alarm   is forgotten by the platform".into());
            self.object.disk.forget_alarm();
        }
        self.has_power.set(false);
        self.at(self.now() + downtime(&self.dice), Event::PowerIsBack);
    }

    /// Once only cron is left: a person releases what two crashes or a filter held; when nothing is held so either, it is over.
    fn wind_up_if_quiet(&self) -> Result<(), String> {
        let only_cron = self.queue.borrow().values().all(|event| matches!(event, Event::Cron));
        let idle = self.tasks.borrow().is_empty() && self.object.disk.alarm().is_none();
        if !only_cron || !idle || self.object.network.next().is_some() || !self.unfinished().is_empty() {
            return Ok(());
        }
        let open = rows(&self.object.disk.sqlite, "SELECT order_id, topic FROM events WHERE outcome = 'pending'");
        if let Some(row) = open.first() {
            return Err(format!("4: nothing is due, and an event has no outcome: {row:?}"));
        }
        // What a look at the company holds ends with the next look, and cron takes that.
        let failed = rows(&self.object.disk.sqlite, "SELECT 1 FROM orders WHERE reason = 'preflight_failed'");
        if !failed.is_empty() && self.ticks.get() < LOOKS {
            return Ok(());
        }
        // An alarm that the platform forgot is set again by cron, for what is tried now and then as well.
        if !rows(&self.object.disk.sqlite, "SELECT 1 FROM obstacles").is_empty() && self.ticks.get() < 2 {
            return Ok(());
        }
        let held = "SELECT order_id, reason FROM orders WHERE reason IN ('crashed', 'refused')";
        let mut crashed = rows(&self.object.disk.sqlite, held);
        // What is refused again and again is refused for good; once is not enough, for the release may be lost with the power.
        crashed.retain(|row| {
            let mut refused = self.refused.borrow_mut();
            let times = refused.entry(row["order_id"].clone()).or_insert(0);
            *times += u32::from(row["reason"] == "refused");
            *times <= 3
        });
        if crashed.is_empty() {
            self.queue.borrow_mut().clear();
            return Ok(());
        }
        self.releases.set(self.releases.get() + crashed.len());
        let mut released = self.released.borrow_mut();
        released.extend(crashed.iter().map(|row| row["order_id"].clone()));
        self.allowed.released.set(released.len() as u64);
        if self.releases.get() > RELEASES {
            return Err("a person releases the same orders again and again".into());
        }
        // Whoever releases what a filter held has seen to the filter first.
        self.object.network.world.borrow_mut().faults = Default::default();
        for row in crashed {
            self.begin(Doing::Release, self.object.release(row["order_id"].clone()));
        }
        self.work();
        Ok(())
    }

    /// Orders that are due at some time, and records that D1 does not have.
    pub fn unfinished(&self) -> Vec<String> {
        let sql = &self.object.disk.sqlite;
        let due = "SELECT order_id || ' ' || state || ' due ' || due_at AS what FROM orders WHERE due_at IS NOT NULL
            UNION ALL SELECT 'outbox ' || seq FROM outbox";
        rows(sql, due).into_iter().map(|row| row["what"].clone()).collect()
    }

    fn describe(&self, doing: &Doing) -> String {
        match doing {
            Doing::Delivery { webhook, attempt } => format!("delivery of {} (try {attempt})", self.name(*webhook)),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    fn name(&self, webhook: usize) -> String {
        let one = &self.life.webhooks[webhook];
        format!("webhook {webhook}: #{} {}", 1001 + one.order, one.topic)
    }
}
