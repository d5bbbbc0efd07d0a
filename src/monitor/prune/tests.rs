use super::*;
use crate::monitor::gather;
use crate::monitor::tests::{done, exec, journal, noon};
use crate::platform::Sql;
use crate::platform::native::SqliteJournal;

fn count(journal: &SqliteJournal, what: &str) -> i64 {
    journal.database.exec(&format!("SELECT COUNT(*) AS n FROM {what}"), &[]).unwrap()[0].int("n").unwrap()
}

/// Order number `n` of so many days ago, as a shop's usual order leaves the journal: created, paid, a transaction, fulfilled
/// and closed; an invoice and a payment of two calls each; three texts that were changed. Every fifth is refunded.
fn order(journal: &SqliteJournal, n: i64, days: i64, state: &str) {
    let at = iso(noon() - Duration::days(days) + Duration::milliseconds(n % 50_000));
    let id = format!("{}", 5_700_000_000_000 + n);
    let source = "main:3f2a9c4be7d10586";
    exec(
        journal,
        "INSERT INTO orders (connection, order_id, name, state, reason, remedy, currency, updated_at, first_seen_at,
             synced_at, attempts, total, total_currency, source, seq)
         VALUES ('main', ?1, '#' || ?2, ?3, CASE ?3 WHEN 'held' THEN 'tax_unmapped' END, NULL, 'EUR', ?4, ?4, ?4, 0,
             printf('%d.45', ?2), 'EUR', ?5, ?2)",
        &[id.as_str().into(), n.into(), state.into(), at.as_str().into(), source.into()],
    );
    let topics = ["orders/create", "orders/paid", "order_transactions/create", "orders/fulfilled", "orders/updated"];
    let outcome = if state == "synced" { "posted" } else { state };
    for (k, topic) in (0..).zip(topics) {
        exec(
            journal,
            "INSERT INTO events (webhook_id, event_id, connection, shop, topic, api_version, order_id, triggered_at,
                 received_at, finished_at, bytes, sha256, deliveries, outcome, source, seq)
             VALUES (printf('%08x-bdd9-4b37-8a5f-%012d', ?1 * 2654435761 % 4294967296, ?1), printf('98880550-7158-44d4-b7cd-%012d', ?1), 'main',
                 'example-store.myshopify.com', ?2, '2026-10', ?3, ?4, ?4, CASE ?5 WHEN 'pending' THEN NULL ELSE ?4 END,
                 9000, printf('%064d', ?1), 1, ?5, ?6, ?1)",
            &[(n * 10 + k).into(), topic.into(), id.as_str().into(), at.as_str().into(), outcome.into(), source.into()],
        );
    }
    let refunded = n % 5 == 0;
    for (k, key) in (0..).zip(["sale", "payment:6800000000001", "credit:900000000001"]).take(2 + usize::from(refunded))
    {
        exec(
            journal,
            "INSERT INTO documents (connection, order_id, document_key, kind, ledger_id, number, currency, expected_total,
                 ledger_total, proof, state, posted_at, source, seq)
             VALUES ('main', ?1, ?2, 'invoice', printf('8f0d3a52-91c4-4be7-a3d5-%012d', ?3), 'S-' || ?3, 'EUR', '123.45',
                 '123.45', 'exact', 'posted', ?4, ?5, ?3)",
            &[id.as_str().into(), key.into(), (n * 10 + k).into(), at.as_str().into(), source.into()],
        );
    }
    for k in 0..4 {
        exec(
            journal,
            "INSERT INTO attempts (connection, order_id, document_key, operation, at, duration_ms, http_status, outcome,
                 idempotency_key, trace_id, source, seq)
             VALUES ('main', ?1, 'payment:6800000000001', 'create', ?2, 412, 200, 'done',
                 printf('%032d', ?3), printf('1-67f0c2aa-%024d', ?3), ?4, ?3)",
            &[id.as_str().into(), at.as_str().into(), (n * 10 + k).into(), source.into()],
        );
    }
    let rules = [("emoji_named", "line_items[0].name"), ("shortened", "note"), ("fx_drift", "transactions[0].amount")];
    for (k, (rule, field)) in (0..).zip(rules).take(if refunded { 3 } else { 2 }) {
        exec(
            journal,
            "INSERT INTO adjustments (connection, order_id, document_key, field, rule, before, after, at, source, seq)
             VALUES ('main', ?1, 'sale', ?2, ?3, 'Organic cotton T-shirt, size M 🚀', 'Organic cotton T-shirt, size M rocket',
                 ?4, ?5, ?6)",
            &[
                id.as_str().into(),
                field.into(),
                rule.into(),
                at.as_str().into(),
                source.into(),
                (n * 10 + k).into(),
            ],
        );
    }
}

fn until_done(journal: &SqliteJournal, days: i64) {
    for _ in 0..1_000 {
        if done(prune(journal, noon(), days)).unwrap() {
            return;
        }
    }
    panic!("it never ends");
}

#[test]
fn what_is_old_goes_and_the_figures_stay() {
    let journal = journal();
    for day in 0..120 {
        order(&journal, day * 10 + 1, day, "synced");
        order(&journal, day * 10 + 5, day, "synced");
    }
    order(&journal, 9_000, 100, "held");
    order(&journal, 9_001, 101, "pending");
    order(&journal, 9_002, 102, "retrying");
    let shown = || {
        let figures = done(gather(&journal, Vec::new(), noon()));
        let health = journal.database.exec("SELECT * FROM sync_health ORDER BY day", &[]).unwrap();
        (serde_json::to_value(figures).unwrap(), health)
    };
    let (before, health) = shown();
    until_done(&journal, 40);
    let (after, health_after) = shown();
    assert_eq!(after, before);
    assert_eq!(health_after, health, "every day, though its events are gone");
    assert_eq!(count(&journal, "events WHERE received_at < '2026-10-11' AND outcome NOT IN ('held', 'pending')"), 0);
    assert_eq!(count(&journal, "events WHERE outcome IN ('held', 'pending')"), 10);
    let old = "at < '2026-10-11'";
    assert_eq!(count(&journal, &format!("attempts WHERE {old}")), 3 * 4, "of the orders that are not settled");
    assert_eq!(count(&journal, &format!("adjustments WHERE {old} AND rule <> 'fx_drift'")), 3 * 2);
    assert_eq!(count(&journal, "fx_drift"), 120 + 1, "rates that moved stay");
    assert_eq!((count(&journal, "orders"), count(&journal, "documents")), (243, 120 * 5 + 3 + 2 + 2));
    // What is settled later goes later.
    exec(&journal, "UPDATE orders SET state = 'synced'", &[]);
    exec(&journal, "UPDATE events SET outcome = 'posted'", &[]);
    until_done(&journal, 40);
    assert_eq!(
        (count(&journal, &format!("attempts WHERE {old}")), count(&journal, "events WHERE received_at < '2026-10-11'")),
        (0, 0)
    );
    assert!(done(prune(&journal, noon(), 40)).unwrap(), "and then there is nothing to do");
}

#[test]
fn a_tick_takes_away_no_more_than_a_few_pieces() {
    let journal = journal();
    (0..1_700).for_each(|n| order(&journal, n, 500, "synced"));
    let left = || [count(&journal, "events"), count(&journal, "attempts")];
    let before = left();
    assert!(!done(prune(&journal, noon(), 400)).unwrap());
    let pieces = PIECE * i64::try_from(PIECES).unwrap();
    assert_eq!(left(), [before[0] - pieces, before[1] - pieces]);
    until_done(&journal, 400);
    assert_eq!(left(), [0, 0]);
    let days = journal.database.exec("SELECT events, synced FROM days", &[]).unwrap();
    assert_eq!((days.len(), days[0].int("events").unwrap()), (1, 8_500), "rolled up before the first piece went");
}

#[test]
fn beyond_the_most_orders_the_oldest_settled_ones_go_with_their_documents() {
    let journal = journal();
    (1..=12).for_each(|n| order(&journal, n, 600 - n, if n == 3 { "held" } else { "synced" }));
    exec(&journal, "UPDATE orders SET remedy = 'look' WHERE rowid = 4", &[]);
    while !done(prune_orders(&journal, 5)).unwrap() {}
    let rows = journal.database.exec("SELECT rowid FROM orders ORDER BY rowid", &[]).unwrap();
    let left: Vec<i64> = rows.iter().map(|row| row.int("rowid").unwrap()).collect();
    assert_eq!(left, [3, 4, 8, 9, 10, 11, 12], "what needs somebody stays");
    assert_eq!(count(&journal, "documents WHERE order_id NOT IN (SELECT order_id FROM orders)"), 0);
    assert_eq!(count(&journal, "adjustments WHERE order_id NOT IN (SELECT order_id FROM orders)"), 0);
    assert!(done(prune_orders(&journal, 5)).unwrap());
}

/// A difference as an audit finds it.
fn difference(journal: &SqliteJournal, run: &str, n: i64) {
    exec(
        journal,
        "INSERT INTO discrepancies (reconciliation_id, order_id, class, document_key, number, field, shopify_value,
             ledger_value, likely_cause, repair, source, seq)
         VALUES (?1, printf('%d', 5700000000000 + ?2), 'missing', 'sale', '#' || ?2, NULL, '123.45 EUR', 'nothing',
             'no invoice in QuickBooks Online is for it, or for another order of the same amount some days away (0.60)',
             'ask', 'main:3f2a9c4be7d10586', ?2)",
        &[run.into(), n.into()],
    );
}

#[test]
fn differences_go_with_their_age_or_when_they_are_too_many_and_their_counts_stay() {
    let journal = journal();
    for (run, days) in [("old", 500), ("new", 3)] {
        let at = iso(noon() - Duration::days(days));
        exec(
            &journal,
            "INSERT INTO reconciliations (id, connection, kind, from_at, to_at, started_at, finished_at, missing, wrong, stale,
                 duplicate, unexpected, source, seq) VALUES (?1, 'main', 'regular', ?2, ?2, ?2, ?2, 40, 0, 0, 0, 0, 'm', ?3)",
            &[run.into(), at.into(), days.into()],
        );
        (1..=40).for_each(|n| difference(&journal, run, days * 100 + n));
    }
    until_done(&journal, 400);
    assert_eq!(count(&journal, "discrepancies WHERE reconciliation_id = 'old'"), 0);
    assert_eq!((count(&journal, "discrepancies"), count(&journal, "reconciliations")), (40, 2));
    done(journal.query(too_many("discrepancies", 15))).unwrap();
    assert_eq!(count(&journal, "discrepancies"), 15, "the newest");
}

#[test]
fn rows_that_are_too_many_go_from_the_oldest_day_on_and_never_those_of_a_day_that_is_not_over() {
    let journal = journal();
    (0..10).for_each(|day| order(&journal, 10 - day, 9 - day, "synced"));
    let cutoff = |most| done(beyond(&journal, noon(), "events", "received_at", most)).unwrap();
    assert_eq!(cutoff(100), DateTime::UNIX_EPOCH);
    assert_eq!(cutoff(25).date_naive().to_string(), "2026-11-15", "25 of 50 events came after");
    assert_eq!(cutoff(1), midnight(noon().date_naive() - Duration::days(1)));
}

#[test]
fn no_piece_reads_a_whole_table() {
    let journal = journal();
    let mut all = vec![oldest_event(noon()), of_day(noon().date_naive())];
    all.extend(["attempts", "adjustments"].map(|table| by_age(table, noon())));
    all.extend(small(noon()));
    all.extend([differences(noon()), too_many("discrepancies", 5), too_many("refusals", 5)]);
    all.extend(orders_beyond(5));
    all.extend(["events", "attempts", "adjustments"].map(|table| newest_beyond(table, "rowid", 5)));
    for one in all {
        let plan = Statement { sql: format!("EXPLAIN QUERY PLAN {}", one.sql), params: one.params };
        for row in done(journal.query(plan)).unwrap() {
            let detail = row.text("detail").unwrap();
            assert!(!detail.contains("SCAN") && !detail.contains("TEMP B-TREE"), "{detail}: {}", one.sql);
        }
    }
}

/// Deliveries that were turned away in a minute.
fn refusal(journal: &SqliteJournal, n: i64) {
    let minute = (noon() - Duration::minutes(n)).format("%Y-%m-%dT%H:%M:00Z").to_string();
    exec(
        journal,
        "INSERT INTO refusals (minute, shop, kind, count) VALUES (?, 'example-store.myshopify.com', 'bad_signature', 1200)",
        &[minute.into()],
    );
}

#[test]
fn of_what_was_turned_away_only_the_newest_rows_stay() {
    let journal = journal();
    (1..=40).rev().for_each(|n| refusal(&journal, n));
    done(journal.query(too_many("refusals", 15))).unwrap();
    assert_eq!(count(&journal, "refusals"), 15);
    let newest = (noon() - Duration::minutes(1)).format("%H:%M").to_string();
    assert_eq!(count(&journal, &format!("refusals WHERE minute LIKE '%T{newest}%'")), 1);
}

/// Bytes that a table takes with its indexes, by SQLite's own count of pages.
fn bytes(journal: &SqliteJournal, table: &str) -> i64 {
    let pages =
        "SELECT SUM(s.pgsize) AS n FROM dbstat AS s JOIN sqlite_master AS m ON m.name = s.name WHERE m.tbl_name = ?";
    journal.database.exec(pages, &[table.into()]).unwrap()[0].int("n").unwrap()
}

/// The arithmetic of `docs/journal.md`: real SQLite, 4,000 usual orders.
#[test]
fn the_journal_of_a_million_orders_a_year_stays_below_ten_gigabytes() {
    const ORDERS: i64 = 4_000;
    let journal = journal();
    (1..=ORDERS).for_each(|n| order(&journal, n, 30, "synced"));
    let per_row = |table: &str| bytes(&journal, table) / count(&journal, table);
    let per_order = |table: &str| bytes(&journal, table) / ORDERS;
    (1..=ORDERS).for_each(|n| difference(&journal, "main.20261101T030000000", n));
    (1..=ORDERS).for_each(|n| refusal(&journal, n));
    let mut total = MOST_ORDERS * (per_order("orders") + per_order("documents"));
    // Every order may have moved at another rate, and those rows stay as long as the order.
    total += MOST_ORDERS * per_row("adjustments");
    total += MOST_DIFFERENCES * per_row("discrepancies");
    total += MOST_REFUSALS * per_row("refusals");
    println!("discrepancies: {} per row", per_row("discrepancies"));
    println!("refusals: {} per row", per_row("refusals"));
    println!("rates that moved: {} at most", MOST_ORDERS * per_row("adjustments"));
    println!("orders {} documents {} per order", per_order("orders"), per_order("documents"));
    for (table, most) in MOST {
        println!("{table}: {} per row, {} per order", per_row(table), per_order(table));
        total += most * per_row(table);
    }
    println!("at most {total} bytes");
    // What the page says is what the code does.
    let page = include_str!("../../../docs/journal.md");
    let per_row = |table: &str| format!("| `{table}` | {} |", per_row(table));
    let mut says: Vec<String> =
        ["events", "attempts", "orders", "documents", "discrepancies", "refusals"].map(per_row).into();
    let tenths = |number: i64, of: i64| rust_decimal::Decimal::new((number * 10 + of / 2) / of, 1).normalize();
    let millions = |number| tenths(number, 1_000_000);
    let [events, attempts, adjustments] = MOST.map(|(_, most)| millions(most));
    says.push(format!("| {events}, {attempts} and {adjustments} million rows, the newest |"));
    says.push(format!("| {} million orders, the newest |", millions(MOST_ORDERS)));
    says.push(format!("| {} million rows, the newest |", millions(MOST_DIFFERENCES)));
    says.push(format!("| {},000 rows, the newest |", MOST_REFUSALS / 1_000));
    says.push(format!("| together | | | | | {} GB |", tenths(total, 1_000_000_000)));
    for text in says {
        assert!(page.contains(&text), "docs/journal.md does not say: {text}");
    }
    assert!(total < 9_000_000_000, "{total} bytes leave too little of ten gigabytes");
    // A shop of a million orders a year has all the days that it is promised.
    let days = MOST.map(|(table, most)| most * 365 / (1_000_000 * count(&journal, table) / ORDERS));
    println!("days of a million orders a year: {days:?}");
    assert!(days.iter().all(|days| *days >= crate::config::JOURNAL_DAYS), "{days:?}");
}
