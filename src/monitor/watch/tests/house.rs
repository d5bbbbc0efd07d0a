//! What the watch does once a day: it goes on whatever the figures come to, and says why where it does not.

use super::*;
use crate::platform::Sql;

fn days(stage: &Stage) -> Vec<i64> {
    let rows = stage.journal.database.exec("SELECT latency_max_ms FROM days WHERE latency_max_ms > 0", &[]).unwrap();
    rows.iter().map(|row| row.int("latency_max_ms").unwrap()).collect()
}

#[test]
fn an_order_that_was_held_for_a_month_is_rolled_up_and_the_heart_goes_on() {
    let stage = Stage::new();
    let (came, posted) = (iso(start() - Duration::days(30)), iso(start()));
    stage.exec(
        "INSERT INTO events (webhook_id, connection, shop, topic, received_at, finished_at, bytes, sha256, deliveries, outcome,
             source, seq)
         VALUES (1, 'main', 'a.myshopify.com', 'orders/create', ?1, ?2, 1, 'x', 1, 'posted', 'main:1', 1)",
        &[came.into(), posted.into()],
    );
    assert!(stage.tick().whole);
    assert_eq!(days(&stage), [30 * 86_400_000], "more than 32 bits hold");
    assert_eq!(stage.chat.beats.get(), 1);
}

#[test]
fn what_keeps_the_house_from_being_kept_stands_in_the_log() {
    for (table, verb, event) in [("days", "INSERT", "roll_up"), ("refusals", "DELETE", "prune")] {
        let stage = Stage::new();
        stage.events(1, 3, "posted");
        stage.clock.advance(Duration::days(1));
        stage.exec(
            "INSERT INTO refusals (minute, shop, kind, count) VALUES ('2020-01-01T00:00:00Z', 'another shop', 'no_secret', 1)",
            &[],
        );
        stage.exec(
            &format!("CREATE TRIGGER full BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'disk full'); END"),
            &[],
        );
        assert!(!stage.tick().whole, "{event}");
        let log = stage.log.0.borrow().join("\n");
        assert!(log.contains(&format!("\"event\":\"{event}\"")) && log.contains("disk full"), "{log}");
    }
}
