use chrono::{DateTime, Duration, Utc};
use futures_util::FutureExt;

use super::days::keep_days;
use super::figures::{alerts_statement, drift_statement, held_statement, refusals_statement};
use super::rates::statement;
use super::{Figures, Level, Told, gather, metrics, verdict};
use super::{Place, Search, search};
use crate::journal::migrate;
use crate::platform::native::SqliteJournal;
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Journal, Sql, Statement, Value};
use crate::posting::{BooksStatus, ConnectionStatus, HeldOrders};

pub(super) fn done<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

pub(super) fn noon() -> DateTime<Utc> {
    parse_iso("2026-11-20T12:00:00.000Z").unwrap()
}

pub(super) fn journal() -> SqliteJournal {
    let journal = SqliteJournal::in_memory().unwrap();
    done(migrate(&journal)).unwrap();
    journal
}

pub(super) fn exec(journal: &SqliteJournal, sql: &str, params: &[Value]) {
    journal.database.exec(sql, params).unwrap();
}

/// An event of `main` that came so long before noon, and took so many milliseconds if it was posted.
fn event(journal: &SqliteJournal, seq: i64, before: Duration, outcome: &str, ms: i64) {
    let received = noon() - before;
    let finished = (outcome != "pending").then(|| iso(received + Duration::milliseconds(ms)));
    exec(
        journal,
        "INSERT INTO events (webhook_id, connection, shop, topic, received_at, finished_at, bytes, sha256, deliveries,
             outcome, source, seq) VALUES (?1, 'main', 'a.myshopify.com', 'orders/create', ?2, ?3, 1, 'x', 1, ?4, 'main:1', ?5)",
        &[seq.to_string().into(), iso(received).into(), finished.into(), outcome.into(), seq.into()],
    );
}

fn order(journal: &SqliteJournal, seq: i64, state: &str, reason: Option<&str>) {
    exec(
        journal,
        "INSERT INTO orders (connection, order_id, name, state, reason, updated_at, first_seen_at, attempts, source, seq)
         VALUES ('main', ?1, '#' || ?1, ?2, ?3, ?4, ?4, 0, 'main:1', ?5)",
        &[seq.to_string().into(), state.into(), reason.into(), iso(noon()).into(), seq.into()],
    );
}

fn figures(journal: &SqliteJournal) -> Figures {
    done(gather(journal, Vec::new(), noon()))
}

#[test]
fn what_reached_the_ledger_is_counted_by_day_week_and_month() {
    let journal = journal();
    event(&journal, 1, Duration::minutes(5), "pending", 0);
    event(&journal, 2, Duration::minutes(16), "pending", 0);
    event(&journal, 3, Duration::hours(3), "posted", 1_400);
    event(&journal, 4, Duration::hours(23), "unchanged", 700);
    event(&journal, 5, Duration::days(3), "held", 5);
    event(&journal, 6, Duration::days(20), "ignored", 5);
    event(&journal, 7, Duration::days(40), "posted", 5);
    let figures = figures(&journal);
    let main = &figures.connections[0];
    let shown = |rates: &super::Rates| (rates.events, rates.synced, rates.missing(), rates.success());
    assert_eq!(shown(&main.last_day), (4, 2, 1, Some(6_666)));
    assert_eq!(shown(&main.last_week), (5, 2, 2, Some(5_000)));
    assert_eq!(shown(&main.last_month), (6, 3, 2, Some(6_000)));
    assert_eq!((main.last_day.latency.within(50), main.last_day.latency.within(95)), (Some(1_000), Some(1_400)));
    let days: Vec<String> = main.trend.iter().map(|one| one.day.to_string()).collect();
    assert_eq!(days, ["2026-10-31", "2026-11-17", "2026-11-19", "2026-11-20"]);
}

#[test]
fn figures_stay_when_their_events_are_gone() {
    let journal = journal();
    for (seq, days) in (1..).zip([1, 1, 2, 9, 29]) {
        event(&journal, seq, Duration::days(days), if seq == 2 { "held" } else { "posted" }, 900);
    }
    let before = figures(&journal);
    let health =
        |journal: &SqliteJournal| journal.database.exec("SELECT * FROM sync_health ORDER BY day", &[]).unwrap();
    let (view, _) = (health(&journal), done(keep_days(&journal, noon())).unwrap());
    assert_eq!(health(&journal), view);
    exec(&journal, "DELETE FROM events WHERE received_at < '2026-11-19' AND outcome <> 'held'", &[]);
    let (month, after) = (&before.connections[0].last_month, figures(&journal));
    assert_eq!(&after.connections[0].last_month, month);
    assert_eq!(health(&journal), view);
    // Days of which something is missing do not become smaller.
    done(keep_days(&journal, noon())).unwrap();
    assert_eq!(&figures(&journal).connections[0].last_month, month);
}

#[test]
fn what_waits_for_a_person_is_counted_by_reason() {
    let journal = journal();
    order(&journal, 1, "held", Some("tax_unmapped"));
    order(&journal, 2, "held", Some("tax_unmapped"));
    order(&journal, 3, "held", Some("number_taken"));
    order(&journal, 4, "synced", None);
    let figures = figures(&journal);
    let held: Vec<_> = figures.connections[0].held.iter().map(|one| (one.reason.as_str(), one.orders)).collect();
    assert_eq!(held, [("tax_unmapped", 2), ("number_taken", 1)]);
    let verdict = verdict(&figures, noon());
    assert_eq!((verdict.level, verdict.sentence.as_str()), (Level::Problem, "One thing needs you."));
    assert_eq!(verdict.findings[0].1, "3 orders of main wait for you.");
}

#[test]
fn all_is_well_where_everything_reached_the_ledger_and_both_sides_agree() {
    let journal = journal();
    event(&journal, 1, Duration::hours(3), "posted", 1_400);
    event(&journal, 2, Duration::hours(4), "posted", 1_400);
    exec(
        &journal,
        "INSERT INTO reconciliations (id, connection, kind, from_at, to_at, started_at, finished_at, missing, wrong, stale,
             duplicate, unexpected, drift_after, source, seq)
         VALUES ('r', 'main', 'regular', ?1, ?1, ?1, ?1, 2, 0, 0, 0, 0, 0, 'main:1', 1)",
        &[iso(noon()).into()],
    );
    let verdict = verdict(&figures(&journal), noon());
    let said = "All is well: all 2 events of the last 24 hours are in the ledger, and both sides agreed when they were last \
                compared.";
    assert_eq!((verdict.level, verdict.sentence.as_str()), (Level::Ok, said));
}

#[test]
fn a_journal_that_is_away_is_said_and_the_books_are_still_shown() {
    let journal = journal();
    journal.away.set(true);
    let told = vec![Told { books: "main".into(), status: Err("their object is asleep".into()) }];
    let figures = done(gather(&journal, told, noon()));
    let verdict = verdict(&figures, noon());
    assert_eq!(verdict.findings.len(), 2, "{verdict:?}");
    assert!(metrics(&figures, noon()).contains("tillproof_journal_up 0\n"));
}

#[test]
fn metrics_have_bounded_labels_and_every_sample_its_family() {
    let journal = journal();
    event(&journal, 1, Duration::hours(3), "posted", 1_400);
    order(&journal, 1, "held", Some("tax_\"unmapped\""));
    let text = metrics(&figures(&journal), noon());
    assert!(text.contains("tillproof_events_day{connection=\"main\",outcome=\"synced\"} 1\n"), "{text}");
    assert!(text.contains("tillproof_sync_day_seconds{connection=\"main\",quantile=\"0.95\"} 1.4\n"), "{text}");
    assert!(text.contains("reason=\"tax_\\\"unmapped\\\"\"} 1\n"), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert_eq!(text.matches(&format!("# TYPE {name} ")).count(), 1, "{line}");
    }
}

#[test]
fn no_figure_reads_a_whole_table() {
    let journal = journal();
    let of = |text: &str, state: &str| Search { text: text.into(), state: state.into(), ..Search::default() };
    let place = Place { updated_at: iso(noon()), order_id: "1".into(), connection: "main".into() };
    let searches = [
        of("", ""),
        of("", "held"),
        of("#1001", ""),
        of("12.50", "synced"),
        of("S-1001", ""),
        Search { after: Some(place.clone()), ..of("", "") },
        Search { after: Some(place), ..of("", "held") },
        Search { reason: "tax_unmapped".into(), ..of("", "held") },
        Search { connection: "main".into(), reason: "tax_unmapped".into(), ..of("", "held") },
        Search { connection: "main".into(), ..of("", "") },
        Search { connection: "main".into(), ..of("", "held") },
        Search { reason: "tax_unmapped".into(), ..of("", "") },
        of("#", "held"),
    ];
    let mut all: Vec<Statement> = vec![
        statement(noon() - Duration::days(1), noon(), noon()),
        held_statement(),
        drift_statement("main"),
        alerts_statement(),
        refusals_statement(noon()),
    ];
    all.extend([
        super::attempts("main", "1"),
        super::discrepancies("main.1").statement,
        super::alerts().statement,
        super::reconciliations().statement,
    ]);
    let of_order = ["events", "adjustments", "documents", "attempts"].map(|table| super::of_order(table, "main", "1"));
    all.extend(of_order.into_iter().map(|list| list.unwrap().statement));
    assert!(super::of_order("orders", "main", "1").is_none() && super::of_order("meta; --", "main", "1").is_none());
    all.extend(searches.iter().map(|one| super::search::statement(one, 50)));
    for one in all {
        assert!(one.sql.matches("UNION").count() < 5, "D1 takes five at most: {}", one.sql);
        let plan = Statement { sql: format!("EXPLAIN QUERY PLAN {}", one.sql), params: one.params };
        for row in done(journal.query(plan)).unwrap() {
            let detail = row.text("detail").unwrap();
            // A list in the order of an index, read as far as it is shown.
            let in_order = detail.contains(" USING INDEX ") && one.sql.contains("LIMIT");
            let of_the_statement = ["SCAN recent", "SCAN quarters", "SCAN (subquery-1)"].contains(&detail.as_str());
            assert!(!detail.starts_with("SCAN") || of_the_statement || in_order, "{detail}: {}", one.sql);
            // What is sorted is small: what is waited for, and what was looked for by name.
            let sorts = detail.contains("TEMP B-TREE FOR ORDER BY");
            assert!(!sorts || !one.sql.contains("LIMIT 51") || one.sql.contains("UNION"), "{detail}: {}", one.sql);
        }
    }
}

#[test]
fn an_order_is_found_by_whatever_a_person_has_of_it() {
    let journal = journal();
    (1_000..1_060).for_each(|seq| order(&journal, seq, if seq == 1_003 { "held" } else { "synced" }, None));
    exec(
        &journal,
        "INSERT INTO documents (connection, order_id, document_key, kind, ledger_id, number, currency, expected_total,
             ledger_total, proof, state, posted_at, source, seq)
         VALUES ('main', '1007', 'sale', 'invoice', 'L1', 'S-1007', 'EUR', '1234.50', '1234.50', 'exact', 'posted', ?1, 'm', 1)",
        &[iso(noon()).into()],
    );
    let names = |wanted: &Search| {
        let listed = done(search(&journal, wanted)).unwrap();
        (listed.orders.iter().map(|one| one.name.clone()).collect::<Vec<_>>(), listed.more)
    };
    let by = |text: &str| names(&Search { text: text.into(), ..Search::default() }).0;
    for text in ["#1007", "1007", " 1007 ", "S-1007", "1,234.5", "1234.50"] {
        assert_eq!(by(text), ["#1007"], "{text}");
    }
    // One that waits has no document yet.
    exec(&journal, "UPDATE orders SET total = '88.10', total_currency = 'EUR' WHERE order_id = '1003'", &[]);
    for text in ["88.1", "88.10"] {
        assert_eq!(by(text), ["#1003"], "{text}");
    }
    let held =
        done(search(&journal, &Search { text: "88.1".into(), state: "held".into(), ..Search::default() })).unwrap();
    assert_eq!(held.orders[0].total.as_deref(), Some("88.10 EUR"));
    assert_eq!(by("#105").len(), 10);
    assert!(by("'; DROP TABLE orders; --").is_empty());
    assert_eq!(names(&Search { state: "held".into(), ..Search::default() }).0, ["#1003"]);
    // Page by page, each order once.
    let (first, more) = names(&Search::default());
    assert!(first.len() == 50 && more && first[0] == "#1059", "{first:?}");
    let place = Place { updated_at: iso(noon()), order_id: "1010".into(), connection: "main".into() };
    assert_eq!(Place::parse(&place.text()).as_ref(), Some(&place));
    let (second, more) = names(&Search { after: Some(place.clone()), ..Search::default() });
    assert_eq!((second.len(), second[0].as_str(), more), (10, "#1009", false));
    // Two connections may keep the same order.
    exec(
        &journal,
        "UPDATE orders SET connection = 'apart', order_id = '1010', name = 'again' WHERE order_id = '1009'",
        &[],
    );
    let (second, _) = names(&Search { after: Some(place), ..Search::default() });
    assert_eq!((second.len(), second[0].as_str()), (10, "again"));
    let found = done(search(&journal, &Search { text: "1007".into(), ..Search::default() })).unwrap();
    assert_eq!(found.orders[0].total.as_deref(), Some("1234.50 EUR"));
}

/// A comparison that ended on a day of November, looked back for some days, and left so much.
fn compared(journal: &SqliteJournal, kind: &str, day: i64, back: i64, left: i64) {
    let at = |days: i64| iso(noon() - Duration::days(20 - days));
    exec(
        journal,
        "INSERT INTO reconciliations (id, connection, kind, from_at, to_at, started_at, finished_at, missing, wrong, stale,
             duplicate, unexpected, source, seq)
         VALUES (?1, 'main', ?2, ?3, ?4, ?4, ?4, 0, 0, 0, ?5, 0, 'main', 1)",
        &[format!("{day}").into(), kind.into(), at(day - back).into(), at(day).into(), left.into()],
    );
}

#[test]
fn what_a_comparison_left_is_gone_when_one_that_looked_as_far_says_so() {
    let journal = journal();
    event(&journal, 1, Duration::hours(3), "posted", 1_400);
    let left = |journal: &SqliteJournal| figures(journal).connections[0].left;
    assert_eq!(left(&journal), None);
    compared(&journal, "light", 1, 2, 1);
    compared(&journal, "light", 2, 2, 0);
    assert_eq!(left(&journal), Some(1), "the next night does not look at all of what one left");
    compared(&journal, "regular", 3, 9, 2);
    compared(&journal, "light", 4, 2, 0);
    compared(&journal, "asked", 5, 1, 0);
    assert_eq!(left(&journal), Some(2), "neither looked as far");
    compared(&journal, "light", 6, 2, 3);
    assert_eq!(left(&journal), Some(5));
    compared(&journal, "asked", 7, 30, 0);
    assert_eq!(left(&journal), Some(0));
}

#[test]
fn what_waits_is_found_among_a_hundred_thousand_orders_without_reading_them() {
    let journal = journal();
    let of = |connection: &str, state: &str, reason: &str| Search {
        connection: connection.into(),
        state: state.into(),
        reason: reason.into(),
        ..Search::default()
    };
    for (wanted, through) in [
        (of("main", "held", "tax_unmapped"), "orders_by_reason (state=? AND connection=? AND reason=?)"),
        (of("main", "", "tax_unmapped"), "orders_by_reason (state=? AND connection=? AND reason=?)"),
        (of("main", "held", ""), "orders_by_standing (connection=? AND state=?)"),
        (of("", "held", ""), "orders_by_state (state=?)"),
        (of("", "", "tax_unmapped"), "orders_by_state (state=?)"),
        (of("main", "", ""), "orders_by_connection (connection=?)"),
    ] {
        let one = super::search::statement(&wanted, 50);
        let plan = Statement { sql: format!("EXPLAIN QUERY PLAN {}", one.sql), params: one.params };
        let rows = done(journal.query(plan)).unwrap();
        let details: Vec<String> = rows.iter().map(|row| row.text("detail").unwrap()).collect();
        assert!(details[0].contains(through), "{wanted:?}: {details:?}");
        assert!(details.iter().all(|detail| !detail.contains("FOR ORDER BY")), "{wanted:?}: {details:?}");
    }
}

#[test]
fn what_is_on_its_way_or_turned_away_is_not_said_to_be_well() {
    let journal = journal();
    (1..=200).for_each(|seq| event(&journal, seq, Duration::hours(3), "posted", 1_400));
    event(&journal, 201, Duration::minutes(40), "pending", 0);
    let mut figures = figures(&journal);
    let said = |figures: &super::Figures| {
        let verdict = verdict(figures, noon());
        (verdict.level, verdict.sentence, verdict.findings.into_iter().map(|(_, text)| text).collect::<Vec<_>>())
    };
    let (level, sentence, _) = said(&figures);
    assert_eq!(level, Level::Ok);
    assert!(sentence.starts_with("Nothing needs you just now: 200 of 201 events"), "{sentence}");
    figures.refusals.push(super::Refused {
        shop: "a.myshopify.com".into(),
        kind: "bad_signature".into(),
        most: 400,
        count: 400,
    });
    let (level, sentence, findings) = said(&figures);
    assert_eq!((level, sentence.as_str()), (Level::Problem, "One thing needs you."));
    assert!(findings[0].contains("400"), "{findings:?}");
}

#[test]
fn a_variable_that_cannot_be_used_needs_somebody_and_is_among_the_figures() {
    let journal = journal();
    let bad = [("ALERT_URL", "http://hooks.example/s3cret"), ("JOURNAL_DAYS", "soon")];
    let variables = bad.map(|(name, text)| (name.to_owned(), text.into())).into();
    let figures = figures(&journal).of(&crate::config::Deployment::of(&variables));
    let verdict = verdict(&figures, noon());
    assert_eq!((verdict.level, verdict.sentence.as_str()), (Level::Problem, "2 things need you."));
    assert!(verdict.findings[0].1.starts_with("The variable ALERT_URL cannot be used. It must begin"), "{verdict:?}");
    let page = crate::dashboard::render(&crate::dashboard::OverviewPage::new(&figures, false, noon()));
    assert!(page.contains("The variable JOURNAL_DAYS cannot be used"), "{page}");
    let json = serde_json::to_value(&figures).unwrap();
    assert_eq!(json["settings"][0]["key"], "ALERT_URL");
    assert!(!json.to_string().contains("s3cret") && !page.contains("s3cret"));
}

#[test]
fn what_a_connection_left_behind_in_other_books_is_counted_with_what_it_has() {
    let journal = journal();
    event(&journal, 1, Duration::hours(3), "posted", 1_400);
    let hours = |hours: i64| iso(noon() - Duration::hours(hours));
    let group = |reason: &str, orders, since| HeldOrders { reason: reason.into(), orders, since: hours(since) };
    let books = |label: &str, shop: &str, problems: &[&str], pending: i64, since: i64, held: Vec<HeldOrders>| {
        let one = ConnectionStatus {
            id: "main".into(),
            shop: shop.into(),
            problems: problems.iter().map(|text| (*text).to_owned()).collect(),
            orders: [("pending".to_owned(), pending)].into(),
            oldest_waiting: Some(hours(since)),
            held,
            ..ConnectionStatus::default()
        };
        let status = BooksStatus { books: label.into(), connections: vec![one], ..BooksStatus::default() };
        Told { books: label.into(), status: Ok(status) }
    };
    let old =
        || books("before", "", &["left behind"], 2, 50, vec![group("tax_unmapped", 3, 60), group("crashed", 1, 70)]);
    let new = || books("now", "a.myshopify.com", &[], 5, 1, vec![group("tax_unmapped", 4, 2)]);
    for told in [vec![old(), new()], vec![new(), old()]] {
        let figures = done(gather(&journal, told, noon()));
        let [main] = figures.connections.as_slice() else { panic!("{figures:?}") };
        assert_eq!((main.books.as_str(), main.shop.as_str()), ("now", "a.myshopify.com"));
        assert_eq!((main.waiting, main.oldest_waiting.as_deref()), (7, Some(hours(50).as_str())));
        let mut held = main.held.clone();
        held.sort_by(|one, other| one.reason.cmp(&other.reason));
        assert_eq!(held, [group("crashed", 1, 70), group("tax_unmapped", 7, 60)]);
        assert_eq!((main.problems.as_slice(), main.last_day.events), (["left behind".to_owned()].as_slice(), 1));
    }
}
