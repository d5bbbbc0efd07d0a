//! Real-shaped orders become proven documents: the Worker on its real runtime, with stand-ins for QuickBooks and Xero
//! beside it. `make demo` runs it and ends; `make dev` leaves everything running.

#[path = "../../tests/harness/mod.rs"]
mod harness;
mod report;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use harness::{ADMIN, QUICKBOOKS, SECRET, SHOP, Stage, XERO, now, story};
use report::Journal;
use sandbox::till;

/// What was sent to the Worker, and what it should have made of it.
#[derive(Default)]
struct Sent {
    orders: usize,
    genuine: usize,
    broken: Vec<String>,
}

impl Sent {
    fn expect(&mut self, status: u16, wanted: u16, what: &str) {
        if status != wanted {
            self.broken.push(format!("{what} was answered {status}, not {wanted}"));
        }
    }
}

fn main() -> ExitCode {
    let keep = std::env::args().any(|argument| argument == "--keep");
    match run(keep) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(keep: bool) -> io::Result<bool> {
    let started = now();
    step("Starting the runtime, and stand-ins for QuickBooks Online and Xero");
    let mut stage = Stage::start(if keep { "dev" } else { "demo" })?;
    step("Sending signed Shopify webhooks");
    let sent = send(&stage)?;
    step("Waiting until everything is posted and logged");
    let quiet = stage.wait_until_quiet(Duration::from_secs(180));
    let journal = Journal::read(&stage)?;
    println!("\n{}", journal.table());
    let mut broken = sent.broken;
    broken.extend(quiet.err().map(|error| error.to_string()));
    broken.extend(journal.broken_promises(sent.orders, sent.genuine));
    for (connection, company) in [("quickbooks", QUICKBOOKS), ("xero", XERO)] {
        broken.extend(journal.differs_from(connection, &stage.sandbox.with(|world| world.documents(company))));
    }
    println!("{}", journal.summary());
    println!("{} deliveries were sent to two ledgers, in {} s.", sent.genuine, (now() - started).num_seconds());
    for promise in &broken {
        println!("BROKEN: {promise}");
    }
    if keep {
        stay(&mut stage);
    } else if !broken.is_empty() {
        println!("The runtime's log and state: {}", stage.keep().display());
    }
    Ok(broken.is_empty())
}

fn step(what: &str) {
    println!("==> {what}");
    let _ = io::stdout().flush();
}

/// What the demo tells of `fixtures/orders`: a minute's worth of the ledgers' rate limits.
const STORIES: [&str; 16] = [
    "cancelled_unpaid",
    "emoji_and_long_titles",
    "forbidden_characters",
    "free_shipping",
    "fully_refunded",
    "gift_card_and_card",
    "jpy",
    "multi_currency",
    "net_terms",
    "order_discount_uneven",
    "partial_refund",
    "pos_without_customer",
    "right_to_left",
    "simple",
    "tax_included",
    "zero_total",
];

/// Every story in turn; the cancelled order's cancel comes before its create, the first order comes twice, and one
/// delivery is forged.
fn send(stage: &Stage) -> io::Result<Sent> {
    let mut sent = Sent::default();
    let mut number = 1;
    for name in STORIES {
        let mut deliveries = story(name);
        if name == "cancelled_unpaid" {
            deliveries.reverse();
        }
        for (topic, body) in &deliveries {
            let answer = stage.deliver(number, topic, body)?;
            sent.expect(answer.status, 200, &format!("{topic} of the story {name}"));
            number += 1;
            sent.genuine += 1;
        }
        sent.orders += 1;
        println!("    {name}: {} deliver{}", deliveries.len(), if deliveries.len() == 1 { "y" } else { "ies" });
    }
    let (topic, body) = story("simple").remove(0);
    let twice = number;
    for _ in 0..2 {
        sent.expect(stage.deliver(twice, &topic, &body)?.status, 200, "a delivery that comes twice");
    }
    sent.genuine += 1;
    println!("    one more delivery, sent twice");
    let forged = till::Delivery::new(&topic, SHOP, twice + 1, now());
    let answer = stage.post_webhook(&forged.headers(&format!("not {SECRET}"), &body), &body)?;
    sent.expect(answer.status, 401, "a forged delivery");
    println!("    one forged delivery: refused");
    Ok(sent)
}

/// Everything stays up until the program is interrupted.
fn stay(stage: &mut Stage) -> ! {
    let folder = stage.keep().to_owned();
    println!("\nThe Worker:       {}   (webhooks: /webhooks/shopify, secret: {SECRET})", stage.url());
    println!("Its status:       curl -H 'Authorization: Bearer {ADMIN}' {}/api/status", stage.url());
    println!("The stand-ins:    {}/_sandbox/state", stage.sandbox.url());
    println!("Its log:          {}", stage.log().display());
    println!("Its journal:      {}", stage.d1_command("SELECT * FROM sync_health"));
    println!("Its state:        {}", folder.display());
    println!("Press Ctrl-C to stop.");
    loop {
        std::thread::park();
    }
}
