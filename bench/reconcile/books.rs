//! The books of the curve, in a file: our own, and another integration's.

use std::path::Path;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use serde_json::json;
use tillproof::platform::native::Sqlite;
use tillproof::platform::{Row, Sql, Value};

use super::FROM;
use super::copies::Copies;
use crate::support::trade::{self, Country, Course, Item, Sale};
use crate::support::{Bench, Company, connected, happened_all, start};

const COMPANY: Company = Company::QuickBooksUs;
const ORDER: u64 = 5_600_000_000_000;
const NUMBER: u64 = 8_000_000;
/// The first number of books that are numbered through.
const OWN: u64 = 3_000_000;

/// A bench whose shop may be asked as often as it takes.
fn bench(settings: serde_json::Value) -> Bench {
    let bench = connected(COMPANY, settings);
    bench.world.borrow_mut().shopify.bucket.resize(1_000_000_000, 1_000_000);
    bench
}

fn sale() -> Sale {
    let mut sale = trade::draw(4, 1, start(), Country { currency: "USD", tax: 825 }).remove(0);
    (sale.id, sale.number, sale.course) = (ORDER, NUMBER, Course::Paid);
    sale
}

/// From here on what the object keeps lies in a file.
fn put_into_a_file(bench: &mut Bench, folder: &Path) {
    let file = folder.join("books.sqlite");
    bench.sql.exec(&format!("VACUUM INTO '{}'", file.display()), &[]).unwrap();
    bench.sql = Sqlite::open(&file).unwrap();
    bench.sql.exec("PRAGMA journal_mode = WAL", &[]).unwrap();
    bench.sql.exec("PRAGMA synchronous = OFF", &[]).unwrap();
}

/// Our own books: one order is posted through the ordinary engine, and then copied.
pub fn ours(folder: &Path, count: u64) -> (Bench, Copies) {
    let mut bench = bench(COMPANY.settings());
    let sale = sale();
    happened_all(&bench, &sale.deliveries());
    sale.deliveries().iter().for_each(|(topic, body)| bench.deliver(topic, body));
    bench.run();
    let ids = bench.rows("SELECT json_extract(posted, '$.ledger_id') AS id FROM documents");
    let copies = Copies::of(ORDER).counting(sale.payment_id()).counting(NUMBER);
    let copies = ids.iter().fold(copies, |copies, row| copies.with_ledger_id(&row["id"]));
    put_into_a_file(&mut bench, folder);
    for table in ["events", "event_chunks", "order_parts", "orders", "documents"] {
        multiply(&bench.sql, table, &copies, count);
    }
    (bench, copies)
}

/// Copies every row of a table; the number of an event is moved on.
fn multiply(sql: &Sqlite, table: &str, copies: &Copies, count: u64) {
    let rows = sql.exec(&format!("SELECT * FROM {table}"), &[]).unwrap();
    let Some(Row(first)) = rows.first() else { return };
    let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
    let marks = vec!["?"; names.len()].join(", ");
    let insert = format!("INSERT INTO {table} ({}) VALUES ({marks})", names.join(", "));
    sql.exec("BEGIN", &[]).unwrap();
    for n in 1..count {
        for Row(cells) in &rows {
            let copy = |(name, cell): &(String, Value)| match cell {
                Value::Int(number) if name.ends_with("seq") => Value::Int(number + i64::try_from(n).unwrap() * 100),
                Value::Text(text) if name == "webhook_id" => Value::Text(format!("{text}-{n}")),
                Value::Text(text) => Value::Text(copies.write(text, n)),
                Value::Blob(bytes) => Value::Blob(copies.write(&String::from_utf8_lossy(bytes), n).into_bytes()),
                other => other.clone(),
            };
            let params: Vec<Value> = cells.iter().map(copy).collect();
            sql.exec(&insert, &params).unwrap();
        }
    }
    sql.exec("COMMIT", &[]).unwrap();
}

/// The days on which the shop sells.
const DAYS: u64 = 31;
/// How many different amounts its orders come to: from 5.00 to 204.99, none of them commoner than another.
const AMOUNTS: u64 = 20_000;
/// What the pattern comes to, and when it was sold: neither is any copy's.
const TOTAL: i64 = 943_157;
const SOLD: &str = "2026-10-15T12:34:56Z";

/// What copy `n` comes to.
fn total(n: u64) -> String {
    // Neighbours are far from each other, and every amount has its turn.
    let cents = 500 + n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(24) % AMOUNTS;
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// The day of copy `n`: the orders are spread evenly, and their ids follow their days.
fn day(n: u64, count: u64) -> String {
    let first: NaiveDate = FROM.parse().unwrap();
    (first + Duration::days((n * DAYS / count).cast_signed())).to_string()
}

/// Another integration's books: of each order an invoice and its payment, dated on its day. The invoice has the order's
/// number and names it in its note, or is numbered through and names nothing.
pub fn of_another(folder: &Path, count: u64, names: bool) -> (Bench, Copies) {
    let mut settings = COMPANY.settings();
    settings["start_date"] = json!("2027-01-01");
    let mut bench = bench(settings);
    let mut sale = sale();
    sale.at = SOLD.parse::<DateTime<Utc>>().unwrap();
    sale.items = vec![Item { title: "Mug", price: TOTAL, quantity: 1, discount: 0 }];
    (sale.shipping, sale.tax_rate) = (0, 0);
    happened_all(&bench, &sale.deliveries());
    let of_order = (NUMBER.to_string(), format!("Shopify order {}", sale.name()));
    let (number, note) = if names { of_order } else { (format!("F-{OWN}"), " ".into()) };
    let (day_of_all, total_of_all) = (&SOLD[..10], sale.shop_total());
    let document = |kind: &str, number: &str| {
        json!({"kind": kind, "number": number, "note": note, "currency": "USD", "total": total_of_all, "open": "0.00",
               "date": day_of_all, "lines": [{"text": "Mug", "amount": total_of_all}]})
    };
    bench.set_up("plant_sale", &document("Invoice", &number));
    bench.set_up("plant_sale", &document("Payment", ""));
    let copies = Copies::of(ORDER).counting(sale.payment_id()).counting(NUMBER).counting(OWN);
    let copies = copies.with(&total_of_all, total).with(day_of_all, move |n| day(n, count));
    let planted = bench.world.borrow().documents(COMPANY.id());
    assert_eq!(planted.len(), 2);
    let copies = planted.iter().fold(copies, |copies, one| copies.with_ledger_id(&one.id));
    put_into_a_file(&mut bench, folder);
    (bench, copies)
}
