//! The pages over the journal of a shop of a hundred thousand orders.

use chrono::Duration;
use futures_util::FutureExt;

use super::{OrdersPage, OverviewPage, render};
use crate::journal::migrate;
use crate::monitor::{Drift, Figures, OfConnection, OfDay, Rates, Search, gather, metrics, search};
use crate::platform::Sql;
use crate::platform::native::SqliteJournal;
use crate::platform::time::{iso, parse_iso};
use crate::posting::HeldOrders;

const NOW: &str = "2026-11-20T12:00:00.000Z";

/// A month of a hundred thousand orders, each an event and an invoice; two in a hundred are held, with much to say of it.
fn journal() -> SqliteJournal {
    let journal = SqliteJournal::in_memory().unwrap();
    migrate(&journal).now_or_never().unwrap().unwrap();
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000),
        one AS (SELECT i, strftime('%Y-%m-%dT%H:%M:%fZ', '2026-11-20T11:00:00', '-' || (i * 25) || ' seconds') AS at,
            CASE i % 50 WHEN 0 THEN 'held' ELSE 'synced' END AS state FROM n)";
    let long = "The tax \"VAT & duties 🚀\" at rate 0.2 has no code: name one for it in `[[taxes]]`. ".repeat(20);
    let exec = |statement: &str| journal.database.exec(&format!("{rows} {statement}"), &[]).unwrap();
    exec(&format!(
        "INSERT INTO orders (connection, order_id, name, state, reason, remedy, updated_at, first_seen_at, attempts, total,
             total_currency, source, seq)
         SELECT 'main', 5600000000000 + i, '#' || i, state, iif(state = 'held', 'tax_unmapped', NULL),
             iif(state = 'held', '{long}', NULL), at, at, 0, printf('%d.45', i), 'EUR', 'main', i FROM one"
    ));
    exec(
        "INSERT INTO documents (connection, order_id, document_key, kind, ledger_id, number, currency, expected_total,
             ledger_total, proof, state, posted_at, source, seq)
         SELECT 'main', 5600000000000 + i, 'sale', 'invoice', i, 'S-' || i, 'EUR', printf('%d.45', i), printf('%d.45', i),
             'exact', 'posted', at, 'main', i FROM one WHERE state = 'synced'",
    );
    exec(
        "INSERT INTO events (webhook_id, connection, shop, topic, order_id, received_at, finished_at, bytes, sha256,
             deliveries, outcome, reason, source, seq)
         SELECT i, 'main', 'a.myshopify.com', 'orders/create', 5600000000000 + i, at, at, 1, 'x', 1,
             iif(state = 'held', 'held', 'posted'), iif(state = 'held', 'tax_unmapped', NULL), 'main', i FROM one",
    );
    journal
}

#[test]
fn pages_over_a_hundred_thousand_orders_are_below_a_hundred_kilobytes_and_find_each_of_them() {
    let (journal, now) = (journal(), parse_iso(NOW).unwrap());
    let figures = gather(&journal, Vec::new(), now).now_or_never().unwrap();
    let page = render(&OverviewPage::new(&figures, false, now));
    assert!(page.len() < 100_000, "{} bytes", page.len());
    assert!(page.contains("2000 orders of main wait for you") && page.contains("<td>2000</td>"), "{page}");
    assert!(page.contains("reason=tax_unmapped"), "{page}");
    assert!(metrics(&figures, now).len() < 100_000);
    let orders = |wanted: Search| {
        let listed = search(&journal, &wanted).now_or_never().unwrap().unwrap();
        let count = listed.orders.len();
        let page = render(&OrdersPage::new(wanted, Ok(listed), &["main".into()], now));
        assert!(page.len() < 100_000, "{} bytes", page.len());
        (count, page)
    };
    let held = Search { state: "held".into(), ..Search::default() };
    for (wanted, count, says) in [
        (Search::default(), 50, "#1<"),
        (held.clone(), 50, "#50<"),
        (Search { text: "#99950".into(), ..held.clone() }, 1, "99950.45 EUR"),
        (Search { text: "99950.45".into(), ..held }, 1, "#99950"),
        (Search { text: "S-77777".into(), ..Search::default() }, 1, "#77777"),
        (Search { text: "5600000077777".into(), ..Search::default() }, 1, "#77777"),
    ] {
        let (found, page) = orders(wanted.clone());
        assert_eq!(found, count, "{wanted:?}");
        assert!(page.contains(says), "{wanted:?}");
    }
}

/// A connection with a month of trends, and something of everything.
fn busy(n: usize) -> OfConnection {
    let now = parse_iso(NOW).unwrap();
    let rates = Rates { events: 4_321, synced: 4_320, ..Rates::default() };
    let rates = || {
        let mut rates = rates.clone();
        rates.latency.add(4, 4_320, 61_000);
        rates
    };
    let of = |ago| OfDay { day: now.date_naive() - Duration::days(ago), rates: rates() };
    let compared = |ago| {
        let at = iso(now - Duration::days(ago));
        Drift {
            id: ago.to_string(),
            kind: "light".into(),
            from: at.clone(),
            to: at.clone(),
            at,
            found: 12,
            left: Some(3),
        }
    };
    OfConnection {
        id: format!("a-connection-with-a-long-name-{n}"),
        shop: format!("a-shop-with-a-long-name-{n}.myshopify.com"),
        last_day: rates(),
        last_week: rates(),
        last_month: rates(),
        trend: (0..30).rev().map(of).collect(),
        waiting: 12,
        oldest_waiting: Some(NOW.into()),
        held: ["tax_unmapped", "settings_invalid", "period_closed", "number_taken"]
            .map(|reason| HeldOrders { reason: reason.into(), orders: 1_234, since: NOW.into() })
            .into(),
        drift: (0..12).rev().map(compared).collect(),
        left: Some(3),
        ..OfConnection::default()
    }
}

#[test]
fn the_first_page_of_a_dozen_connections_is_below_a_hundred_kilobytes_and_shows_each_of_them() {
    let (journal, now) = (SqliteJournal::in_memory().unwrap(), parse_iso(NOW).unwrap());
    migrate(&journal).now_or_never().unwrap().unwrap();
    let figures = gather(&journal, Vec::new(), now).now_or_never().unwrap();
    let of = |count| {
        let figures = Figures { connections: (0..count).map(busy).collect(), ..figures.clone() };
        render(&OverviewPage::new(&figures, false, now))
    };
    let page = of(12);
    assert!(page.len() < 100_000, "{} bytes", page.len());
    for n in 0..12 {
        let (id, shop) = (format!("id=\"connection-{}\"", busy(n).id), busy(n).shop);
        assert!(page.contains(&id) && page.contains(&shop), "{n}");
    }
    assert!(of(1).matches("<svg").count() == 3 && page.contains("Trends are drawn"), "{page}");
}
