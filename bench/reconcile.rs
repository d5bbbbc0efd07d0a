//! Reconciliation of a thousand, ten thousand and a hundred thousand orders: the real run over a real SQLite file, turn by
//! turn. One order is posted through the ordinary engine; in the books it is then copied as often as is wanted, and both
//! sides' lists are written out from its own row, page by page, where they are asked for: a stand-in that kept them all
//! would measure itself.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Instant;

use chrono::Duration;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use tillproof::platform::native::Sqlite;
use tillproof::platform::{Clock, Http, HttpError, Request, Response, Row, Sql};
use tillproof::reconcile::run::{self, Asked, Run, RunView};

use crate::support::trade::{self, Country};
use crate::support::{Bench, Company, SandboxHttp, connected, happened_all, start};

const COMPANY: Company = Company::QuickBooksUs;
/// The first day of the window.
const FROM: &str = "2026-10-01";

/// What of the one order's texts is another's in a copy: its id, its number, its transaction, and the ledger's ids.
struct Copies {
    words: Vec<(String, u64)>,
}

impl Copies {
    /// The texts of copy `n`; the first is the original.
    fn write(&self, text: &str, n: u64) -> String {
        if n == 0 {
            return text.to_owned();
        }
        self.words.iter().fold(text.to_owned(), |text, (word, first)| text.replace(word, &self.word(word, *first, n)))
    }

    fn word(&self, word: &str, first: u64, n: u64) -> String {
        // No copy's id is another one's original.
        let other = (if word.starts_with('"') { first * 1_000_000 + n } else { first + n }).to_string();
        word.replace(&first.to_string(), &other)
    }
}

/// Both sides' lists, as long as they are wanted; every `lost`th document is in none of them.
struct Lists<'a> {
    bench: &'a Bench,
    copies: &'a Copies,
    count: u64,
    lost: u64,
    calls: Cell<u64>,
}

impl Lists<'_> {
    fn is_listed(&self, n: u64) -> bool {
        self.lost == 0 || n % self.lost != 1
    }

    /// The original's answer, with its row copied: `from` on, at most so many.
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

    fn shop(&self, mut request: Request) -> Option<Response> {
        let body: Value = serde_json::from_str(request.body.as_deref()?).ok()?;
        if body["operationName"] != "Orders" {
            return None;
        }
        let after = body["variables"]["after"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        // Behind the end of the first list nothing is later.
        let is_end = body["variables"]["filter"].as_str().is_some_and(|filter| !filter.contains(&format!("'{FROM}")));
        let mut first = body.clone();
        first["variables"]["after"] = Value::Null;
        request.body = Some(first.to_string());
        let mut response = self.ask(request);
        let mut answer: Value = serde_json::from_str(&response.body).unwrap();
        let orders = &mut answer["data"]["orders"];
        let end = if is_end { self.count } else { self.page(&mut orders["nodes"], after, 100, true) };
        orders["pageInfo"] = json!({"hasNextPage": end < self.count, "endCursor": end.to_string()});
        response.body = answer.to_string();
        Some(response)
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

/// Books with so many orders, in a file.
fn books(folder: &Path, count: u64) -> (Bench, Copies) {
    let mut bench = connected(COMPANY, COMPANY.settings());
    bench.world.borrow_mut().shopify.bucket.resize(1_000_000_000, 1_000_000);
    let mut sale = trade::draw(4, 1, start(), Country { currency: "USD", tax: 825 }).remove(0);
    (sale.id, sale.number, sale.course) = (5_600_000_000_000, 8_000_000, trade::Course::Paid);
    happened_all(&bench, &sale.deliveries());
    sale.deliveries().iter().for_each(|(topic, body)| bench.deliver(topic, body));
    bench.run();
    let ids = bench.rows("SELECT json_extract(posted, '$.ledger_id') AS id FROM documents");
    let mut words: Vec<(String, u64)> =
        [sale.payment_id(), sale.id, sale.number].into_iter().map(|id| (id.to_string(), id)).collect();
    // The ledger's ids are short: only as a whole text are they ids.
    words.extend(ids.iter().map(|row| (format!("\"{}\"", row["id"]), row["id"].parse().unwrap())));
    let copies = Copies { words };
    let file = folder.join(format!("{count}.sqlite"));
    bench.sql.exec(&format!("VACUUM INTO '{}'", file.display()), &[]).unwrap();
    bench.sql = Sqlite::open(&file).unwrap();
    bench.sql.exec("PRAGMA journal_mode = WAL", &[]).unwrap();
    bench.sql.exec("PRAGMA synchronous = OFF", &[]).unwrap();
    for table in ["events", "event_chunks", "order_parts", "orders", "documents"] {
        multiply(&bench.sql, table, &copies, count);
    }
    (bench, copies)
}

/// Copies every row of a table; the number of an event is moved on.
fn multiply(sql: &Sqlite, table: &str, copies: &Copies, count: u64) {
    use tillproof::platform::Value as Cell;
    let rows = sql.exec(&format!("SELECT * FROM {table}"), &[]).unwrap();
    let Some(Row(first)) = rows.first() else { return };
    let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
    let marks = vec!["?"; names.len()].join(", ");
    let insert = format!("INSERT INTO {table} ({}) VALUES ({marks})", names.join(", "));
    sql.exec("BEGIN", &[]).unwrap();
    for n in 1..count {
        for Row(cells) in &rows {
            let copy = |(name, cell): &(String, Cell)| match cell {
                Cell::Int(number) if name.ends_with("seq") => Cell::Int(number + i64::try_from(n).unwrap() * 100),
                Cell::Text(text) if name == "webhook_id" => Cell::Text(format!("{text}-{n}")),
                Cell::Text(text) => Cell::Text(copies.write(text, n)),
                Cell::Blob(bytes) => Cell::Blob(copies.write(&String::from_utf8_lossy(bytes), n).into_bytes()),
                other => other.clone(),
            };
            let params: Vec<Cell> = cells.iter().map(copy).collect();
            sql.exec(&insert, &params).unwrap();
        }
    }
    sql.exec("COMMIT", &[]).unwrap();
}

/// The most memory since it was last asked, in kilobytes; nothing where the system does not say.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let peak = line.split_whitespace().nth(1)?.parse().ok();
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    peak
}

/// Seconds, kilobytes and calls of one run, and what it found.
fn measure(folder: &Path, count: u64, lost: u64) -> (f64, Option<u64>, u64, RunView) {
    let (bench, copies) = books(folder, count);
    let http = Lists { bench: &bench, copies: &copies, count, lost, calls: Cell::new(0) };
    bench.clock.advance(Duration::days(2));
    let asked: Asked = serde_json::from_value(json!({"connection": "main", "from": FROM})).unwrap();
    let id = run::start(&bench.books(&http), &asked).now_or_never().unwrap().unwrap();
    let (_, begun, before) = (peak(), Instant::now(), peak());
    loop {
        let books = bench.books(&http);
        run::turn(&books).now_or_never().unwrap();
        let run = Run::load(&bench.sql, &id).unwrap().unwrap();
        if run.due_at.is_none() {
            let took = begun.elapsed().as_secs_f64();
            let grown = peak().zip(before).map(|(after, before)| after.saturating_sub(before));
            return (took, grown, http.calls.get(), RunView::of(&books, &run, false).unwrap());
        }
        let due = bench.alarm.0.borrow_mut().take().expect("the alarm is set");
        bench.clock.advance((due - bench.clock.now()).max(Duration::zero()));
    }
}

/// The curve.
pub fn reconciliation() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench-reconcile");
    println!(
        "\nReconciliation: cost of an order beside the cost in the smallest run, and memory beyond what was there before"
    );
    println!(
        "{:>16} {:>8} {:>8} {:>12} {:>8} {:>10} {:>12}",
        "", "orders", "seconds", "ms an order", "ratio", "memory", "calls/1,000"
    );
    for (what, lost) in [("all fits", 0), ("one in ten lost", 10)] {
        let mut smallest = None;
        for count in sizes() {
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).unwrap();
            let (seconds, memory, calls, view) = measure(&folder, count, lost);
            let found = view.before.unwrap();
            assert_eq!(view.orders, i64::try_from(count).unwrap(), "{view:?}");
            // The invoice and the payment of each that is lost.
            let wanted = 2 * count.checked_div(lost).unwrap_or(0);
            assert_eq!(found.drift(), i64::try_from(wanted).unwrap(), "{found:?}");
            let each = seconds * 1_000.0 / count as f64;
            let ratio = each / *smallest.get_or_insert(each);
            let memory = memory.map_or_else(|| "unknown".into(), |kilobytes| format!("{} MB", kilobytes / 1_024));
            let calls = calls as f64 * 1_000.0 / count as f64;
            println!("{what:>16} {count:>8} {seconds:>8.1} {each:>12.2} {ratio:>8.2} {memory:>10} {calls:>12.1}");
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
}

/// A thousand, ten thousand, a hundred thousand; MOST=n leaves out what is larger.
fn sizes() -> Vec<u64> {
    let most = std::env::var("MOST").ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
    [1_000, 10_000, 100_000].into_iter().filter(|count| *count <= most).collect()
}
