//! What goes wrong, and when: decided before the simulation begins, from its seed.

use chrono::{DateTime, Duration, Utc};
use sandbox::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::chance::Dice;
use crate::support::Company;

/// One thing that goes wrong.
#[derive(Debug, Clone)]
pub enum Mishap {
    /// The ledger fails for a few calls, in one of the ways that it has.
    Fault(Fault),
    /// The ledger fails in one way until further notice.
    Outage(FaultKind),
    OutageEnds,
    /// Nothing gets out of the machine.
    CableCut(bool),
    /// So many of a hundred requests arrive only after their sender gave up on them.
    Congestion(u64),
    /// D1 cannot be reached.
    JournalAway(bool),
    /// D1 loses its answers in so many of a hundred calls.
    JournalMumbles(u64),
    /// A person in the company changes a setting of it, so that documents are refused, or puts it right again.
    Setting(&'static str, Value),
    /// The machine loses power after so many more operations.
    PowerCut(u64),
}

/// How Shopify's deliveries fare.
#[derive(Debug, Clone, Copy)]
pub struct Post {
    /// Of a hundred webhooks, so many are lost for good (if another one covers them)…
    pub lost: u64,
    /// … come twice …
    pub twice: u64,
    /// … come late by minutes …
    pub late: u64,
    /// … or by hours.
    pub very_late: u64,
}

pub struct Weather {
    pub mishaps: Vec<(DateTime<Utc>, Mishap)>,
    pub post: Post,
}

impl Weather {
    /// Fine weather, and one thing that goes wrong.
    pub fn calm_but_for(at: DateTime<Utc>, mishap: Mishap) -> Self {
        Self { mishaps: vec![(at, mishap)], post: Post { lost: 0, twice: 0, late: 0, very_late: 0 } }
    }
}

/// What people in a company do that stops documents, and how they put it right.
fn settings(company: Company) -> Vec<[(&'static str, Value); 2]> {
    let pair = |broken, cure, what: &str| [(broken, json!(what)), (cure, json!(what))];
    let switch = |key, broken: bool| [(key, json!(broken)), (key, json!(!broken))];
    let closed = [("lock_date", json!("2027-12-31")), ("lock_date", Value::Null)];
    if company == Company::XeroUk {
        return vec![
            closed,
            switch("can_approve", false),
            pair("archive_account", "activate_account", "200"),
            pair("archive_account", "activate_account", "090"),
            pair("unsubscribe_currency", "subscribe_currency", "GBP"),
            pair("unsubscribe_currency", "subscribe_currency", "EUR"),
            pair("delete_tax_rate", "restore_tax_rate", "OUTPUT2"),
            [("per_day", json!(60)), ("per_day", json!(5000))],
        ];
    }
    let mut settings = vec![
        closed,
        switch("subscription_ended", true),
        switch("multicurrency", false),
        pair("deactivate_item", "activate_item", "1"),
        pair("deactivate_account", "activate_account", "91"),
    ];
    if company == Company::QuickBooksUk {
        settings.push(pair("deactivate_tax_code", "activate_tax_code", "20"));
    }
    settings
}

/// The weather over a shop's life. One day in ten is calm.
pub fn forecast(dice: &Dice, company: Company, start: DateTime<Utc>, span: Duration) -> Weather {
    let post = Post {
        lost: *dice.pick(&[0, 5, 20, 60]),
        twice: *dice.pick(&[0, 5, 30]),
        late: *dice.pick(&[5, 20, 50]),
        very_late: *dice.pick(&[0, 5, 20]),
    };
    let mut mishaps = Vec::new();
    if dice.percent(10) {
        return Weather { mishaps, post };
    }
    let sometime = || start + dice.seconds(0, span.num_seconds());
    for _ in 0..dice.below(16) {
        mishaps.push((sometime(), Mishap::Fault(fault(dice))));
    }
    for _ in 0..*dice.pick(&[0, 0, 1, 3, 10]) {
        mishaps.push((sometime(), Mishap::PowerCut(dice.below(*dice.pick(&[30, 300, 3000])))));
    }
    let mut stretch = |begins: Mishap, ends: Mishap, longest: i64| {
        let at = sometime();
        mishaps.push((at, begins));
        mishaps.push((at + dice.seconds(10, longest), ends));
    };
    for _ in 0..*dice.pick(&[0, 0, 1, 2]) {
        stretch(Mishap::Outage(outage(dice)), Mishap::OutageEnds, 6 * 3600);
    }
    // Mostly short: every ten seconds the books try again, and that is not what is looked for here.
    let longest_away = dice.pick(&[60, 1200, 10_000]);
    for _ in 0..*dice.pick(&[0, 1, 2]) {
        stretch(Mishap::JournalAway(true), Mishap::JournalAway(false), *longest_away);
    }
    if dice.percent(30) {
        stretch(Mishap::JournalMumbles(40), Mishap::JournalMumbles(0), 24 * 3600);
    }
    // Sometimes two at a time.
    for _ in 0..*dice.pick(&[0, 0, 0, 0, 1, 2]) {
        let [broken, cure] = dice.pick(&settings(company)).clone();
        stretch(Mishap::Setting(broken.0, broken.1), Mishap::Setting(cure.0, cure.1), 12 * 3600);
    }
    if dice.percent(15) {
        stretch(Mishap::Congestion(*dice.pick(&[5, 30])), Mishap::Congestion(0), 2 * 3600);
    }
    if dice.percent(15) {
        stretch(Mishap::CableCut(true), Mishap::CableCut(false), 3600);
    }
    mishaps.sort_by_key(|(at, _)| *at);
    Weather { mishaps, post }
}

/// Every fault of a call that the stand-ins know.
fn fault(dice: &Dice) -> Fault {
    let kind = *dice.pick(&[
        FaultKind::LostReply,
        FaultKind::LostReply,
        FaultKind::RefusedConnection,
        FaultKind::Down,
        FaultKind::Error500,
        FaultKind::Error500Committed,
        FaultKind::HalfDone,
        FaultKind::HalfDone,
        FaultKind::Error502Html,
        FaultKind::RateLimited { retry_after: 40 },
        FaultKind::Slow { milliseconds: 8_000 },
        FaultKind::Slow { milliseconds: 45_000 },
        FaultKind::TokenExpired,
        FaultKind::Reconnect,
        FaultKind::Forbidden,
        FaultKind::FaultIn200,
        FaultKind::SilentNoop,
        FaultKind::Garbage,
        FaultKind::Throttled,
        FaultKind::LeftOut,
        FaultKind::Touched,
        FaultKind::Touched,
        FaultKind::Warned,
        FaultKind::Blocked,
    ]);
    let fault = Fault::next(kind).after(u32::try_from(dice.below(8)).unwrap());
    let fault = fault.repeated(u32::try_from(*dice.pick(&[1, 1, 2, 5])).unwrap());
    match dice.below(4) {
        0 => fault.on("PUT", ""),
        1 => fault.on("POST", ""),
        _ => fault,
    }
}

/// Hours in which nothing works, or everything works and no answer arrives.
fn outage(dice: &Dice) -> FaultKind {
    *dice.pick(&[
        FaultKind::Down,
        FaultKind::Error502Html,
        FaultKind::RefusedConnection,
        FaultKind::LostReply,
        FaultKind::Error500,
        FaultKind::Error500Committed,
    ])
}
