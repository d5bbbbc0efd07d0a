//! A shop of 400 orders, and books that another, almost working integration filled: the Worker on its real runtime audits
//! them and finds every fault, a bookkeeper puts right what is theirs to change, and what was never posted is posted. All of
//! it is counted: the program fails if a fault is missed, if there is a false alarm, or if any difference is left.
//! `make reconcile-demo` runs it and ends; with `--keep` everything stays up, to be looked at in a browser.
#![allow(clippy::disallowed_methods)] // Outside the product real time passes.

#[path = "../../tests/support/careless.rs"]
#[allow(dead_code)]
mod careless;
#[path = "../../tests/harness/mod.rs"]
mod harness;
#[path = "../../tests/support/trade.rs"]
#[allow(dead_code)]
mod trade;

mod bookkeeper;
mod verdict;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use harness::{ADMIN, QUICKBOOKS, Stage, connections, now};
use sandbox::shopify::CLIENT;
use serde_json::{Value, json};
use trade::{Country, Sale};
use verdict::Verdict;

/// How many orders the shop has, and what draws them.
const ORDERS: u64 = 400;
const SEED: u64 = 6;
const LIMIT: Duration = Duration::from_secs(240);

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

fn step(what: &str) {
    println!("==> {what}");
    let _ = io::stdout().flush();
}

/// The books are the other integration's until tomorrow: nothing that happens meanwhile is posted by us.
fn variables() -> Value {
    let mut all = connections();
    let tomorrow = (now() + chrono::Duration::days(1)).date_naive().to_string();
    for connection in all.as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        connection["start_date"] = json!(tomorrow);
    }
    all["SHOPIFY_CLIENT_ID"] = json!(CLIENT.0);
    all["SHOPIFY_CLIENT_SECRET"] = json!(CLIENT.1);
    all
}

fn run(keep: bool) -> io::Result<bool> {
    let started = Instant::now();
    step("Starting the runtime, and stand-ins for Shopify and QuickBooks Online");
    let mut stage = Stage::start_with("reconcile-demo", "build", &variables())?;
    let sales = trade::draw(SEED, ORDERS, now(), Country { currency: "USD", tax: 825 });
    let books = careless::post(SEED, &sales);
    fill(&stage, &sales, &books);
    println!("    {ORDERS} orders in Shopify; another integration made {} documents of them", books.documents.len());

    step("Auditing those books: nothing is changed");
    let from = (now() - chrono::Duration::days(33)).date_naive().to_string();
    let before = stage.documents(QUICKBOOKS);
    let asked = json!({"connection": "quickbooks", "from": from, "audit": true});
    let audit = finished(&stage, &begun(stage.post_json("/api/reconciliations", &asked)?)?)?;
    println!("\n{}", text(&stage, &audit)?);
    let mut verdict = Verdict::default();
    verdict.audited(&books, &audit, before == stage.documents(QUICKBOOKS));

    step("A bookkeeper does what the report says is to be done by hand, in QuickBooks itself");
    let steps = bookkeeper::follow(&stage, &sales, &audit)?;
    println!("    {steps} documents voided, entered or corrected");

    step("Approving the plan: audited once more, then what was never posted is posted by our own connection");
    let id = audit["id"].as_str().unwrap_or_default();
    let repair = finished(&stage, &begun(stage.post(&format!("/api/reconciliations/{id}/approve"))?)?)?;
    println!("\n{}", text(&stage, &repair)?);
    verdict.repaired(&books, &repair);

    step("The ordinary check, as it runs every week from now on");
    let check = json!({"connection": "quickbooks", "from": from});
    let check = finished(&stage, &begun(stage.post_json("/api/reconciliations", &check)?)?)?;
    println!("\n{}", text(&stage, &check)?);
    verdict.checked(&check);
    stage.wait_until_quiet(LIMIT)?;
    verdict.journal(&stage.d1("SELECT drift, drift_after FROM drift ORDER BY id")?);

    let folder = save(&stage, &[("audit", &audit), ("repair", &repair), ("check", &check)])?;
    println!("{}", verdict.table());
    println!("As pages, text and JSON: {}/audit.html, .txt, .json; the same of repair and check", folder.display());
    println!("{} s.", started.elapsed().as_secs());
    for broken in &verdict.broken {
        println!("BROKEN: {broken}");
    }
    if keep {
        stay(&mut stage, id);
    } else if !verdict.broken.is_empty() {
        println!("The runtime's log and state: {}", stage.keep().display());
    }
    Ok(verdict.broken.is_empty())
}

/// What Shopify knows, and what stands in the ledger.
fn fill(stage: &Stage, sales: &[Sale], books: &careless::Books) {
    stage.sandbox.with(|world| {
        // The shop's cost budget is not what this is about.
        world.shopify.bucket.resize(1_000_000, 100_000);
        for (topic, body) in sales.iter().flat_map(Sale::deliveries) {
            world.shopify.happened(topic, &body);
        }
        if let Some(company) = world.quickbooks.get_mut(QUICKBOOKS) {
            assert!(books.documents.iter().all(|one| company.plant_sale(one)), "the stand-in takes every document");
        }
    });
}

fn begun(answer: harness::Answer) -> io::Result<String> {
    let id = answer.json()["id"].as_str().map(str::to_owned);
    id.filter(|_| answer.status == 202).ok_or_else(|| io::Error::other(format!("not begun: {}", answer.body)))
}

/// Waits until a run has ended, and says how far it is meanwhile.
fn finished(stage: &Stage, id: &str) -> io::Result<Value> {
    let (began, mut doing) = (Instant::now(), String::new());
    loop {
        let run = stage.get(&format!("/api/reconciliations/{id}"), Some(ADMIN))?.json();
        if run["state"] == "done" {
            return Ok(run);
        }
        let now = run["doing"].as_str().unwrap_or_default();
        let now = if run["state"] == "waiting" { format!("waits: {now}") } else { now.to_owned() };
        if now != doing {
            println!("    {:>3} s  {now}", began.elapsed().as_secs());
            doing = now;
        }
        if began.elapsed() > LIMIT || run["state"] == "cancelled" {
            return Err(io::Error::other(format!("reconciliation {id} does not end: {run}")));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn address(run: &Value) -> String {
    format!("/api/reconciliations/{}", run["id"].as_str().unwrap_or_default())
}

/// The run as a text, as the Worker serves it.
fn text(stage: &Stage, run: &Value) -> io::Result<String> {
    stage.get_as(&address(run), "text/plain").map(|answer| answer.body)
}

/// The pages, the texts and the JSON.
fn save(stage: &Stage, runs: &[(&str, &Value)]) -> io::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/reconcile-demo");
    std::fs::create_dir_all(&folder)?;
    for (name, run) in runs {
        let page = stage.get(&address(run).replace("/api", ""), Some(ADMIN))?.body;
        std::fs::write(folder.join(format!("{name}.html")), page)?;
        std::fs::write(folder.join(format!("{name}.txt")), text(stage, run)?)?;
        std::fs::write(folder.join(format!("{name}.json")), serde_json::to_string_pretty(run)?)?;
    }
    Ok(folder)
}

/// Everything stays up until the program is interrupted.
fn stay(stage: &mut Stage, id: &str) -> ! {
    let folder = stage.keep().to_owned();
    println!("\nThe page:     {}/reconciliations/{id}   (any user, password: {ADMIN})", stage.url());
    println!("As JSON:      curl -H 'Authorization: Bearer {ADMIN}' {}/api/reconciliations/{id}", stage.url());
    println!("As text:      the same with -H 'Accept: text/plain'");
    println!("Its state:    {}", folder.display());
    println!("Press Ctrl-C to stop.");
    loop {
        std::thread::park();
    }
}
