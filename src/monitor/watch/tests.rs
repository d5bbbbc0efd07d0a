//! Every kind of alert is driven to open and to close, and what is told of it arrives once, in order, whatever happens.

use chrono::Duration;
use serde_json::json;

use crate::monitor::watch::*;
use crate::platform::{Clock, Pulse};

mod house;
mod places;
mod stage;

use stage::*;

const QUARTER: Duration = Duration::minutes(20);

/// Opens once, is told once however long it lasts, and closes once.
fn opens_and_closes(stage: &Stage, kind: &str, connection: &str, begin: impl Fn(), end: impl Fn(), wait: Duration) {
    begin();
    assert_eq!(stage.hear(wait), [format!("opened {kind} {connection}")], "{kind}");
    end();
    assert_eq!(stage.hear(wait), [format!("closed {kind} {connection}")], "{kind}");
    assert_eq!(stage.hear(QUARTER), Vec::<String>::new(), "{kind}");
}

#[test]
fn every_alert_of_the_figures_opens_once_and_closes_once_and_stands_in_the_journal() {
    let stage = Stage::new();
    let begun = stage.clock.now();
    assert_eq!(stage.hear(QUARTER), Vec::<String>::new(), "all is well");
    opens_and_closes(&stage, "held", "main", || stage.hold(&[("tax_unmapped", 3)]), || stage.hold(&[]), QUARTER);
    let wait = |since| stage.change(|status| status.connections[0].oldest_waiting = since);
    opens_and_closes(&stage, "oldest_waiting", "main", || wait(Some(iso(begun - QUARTER * 9))), || wait(None), QUARTER);
    let down = |since| stage.change(|status| status.down_since = since);
    opens_and_closes(&stage, "ledger_down", "*", || down(Some(iso(stage.clock.now()))), || down(None), QUARTER * 2);
    opens_and_closes(
        &stage,
        "books_unreachable",
        "*",
        || stage.unreachable.set(true),
        || stage.unreachable.set(false),
        QUARTER,
    );
    let head = |head| stage.change(|status| (status.journal_head, status.journal_backlog) = (head, 7));
    opens_and_closes(&stage, "journal_lag", "*", || head(Some(41)), || head(None), QUARTER * 2);
    opens_and_closes(&stage, "drift", "main", || stage.compare("1", 2), || stage.compare("2", 0), QUARTER);
    for kind in ["bad_signature", "unknown_shop", "no_secret"] {
        let flood = || stage.refuse("b.myshopify.com", kind, 12);
        let passed = || stage.clock.advance(Duration::minutes(50));
        opens_and_closes(&stage, kind, "*", flood, passed, QUARTER);
    }
    let days = |text: &str| stage.variables.borrow_mut().insert("JOURNAL_DAYS".into(), text.into());
    opens_and_closes(&stage, "settings", "*", || drop(days("soon")), || drop(days("400")), QUARTER);
    let events = || stage.events(1_000, 110, "unchanged");
    opens_and_closes(
        &stage,
        "success_rate",
        "main",
        || (events(), stage.events(2_000, 5, "held")).1,
        || stage.exec("UPDATE events SET outcome = 'posted' WHERE outcome = 'held'", &[]),
        QUARTER,
    );
    let away = |away| stage.journal.away.set(away);
    opens_and_closes(&stage, "journal_away", "*", || away(true), || away(false), QUARTER);
    let told = stage.journal_alerts();
    assert!(told.len() == 12 && told.iter().all(|(_, over)| *over), "{told:?}");
}

#[test]
fn a_rate_about_the_events_that_are_needed_is_told_once() {
    let stage = Stage::new();
    stage.events(1_000, 110, "unchanged");
    stage.events(2_000, 5, "held");
    assert_eq!(stage.hear(QUARTER), ["opened success_rate main"]);
    // Less than a hundred are left of the day; of the week all are well but those.
    stage.exec("DELETE FROM events WHERE rowid <= 20", &[]);
    let week = "UPDATE events SET received_at = strftime('%Y-%m-%dT%H:%M:%fZ', received_at, '-3 days')";
    stage.events(3_000, 800, "unchanged");
    stage.exec(&format!("{week} WHERE webhook_id >= 3000 AND webhook_id < 4000"), &[]);
    assert_eq!(stage.hear(QUARTER), [""; 0], "it neither ends nor begins anew");
    stage.exec("UPDATE events SET outcome = 'posted' WHERE outcome = 'held'", &[]);
    assert_eq!(stage.hear(QUARTER), ["closed success_rate main"]);
}

#[test]
fn a_bad_week_is_told_once_while_a_good_day_has_about_the_events_that_are_needed() {
    let stage = Stage::new();
    stage.events(1_000, 95, "unchanged");
    stage.events(2_000, 300, "unchanged");
    stage.events(3_000, 9, "held");
    let days_ago = "UPDATE events SET received_at = strftime('%Y-%m-%dT%H:%M:%fZ', received_at, '-3 days')";
    stage.exec(&format!("{days_ago} WHERE webhook_id >= 2000"), &[]);
    assert_eq!(stage.hear(QUARTER), ["opened success_rate main"]);
    stage.events(4_000, 10, "unchanged");
    assert_eq!(stage.hear(QUARTER), [""; 0], "a hundred events and five of a good day do not end it");
    stage.exec("DELETE FROM events WHERE webhook_id >= 4000", &[]);
    assert_eq!(stage.hear(QUARTER), [""; 0], "and less of them do not begin it anew");
    stage.events(5_000, 105, "unchanged");
    assert_eq!(stage.hear(QUARTER), ["closed success_rate main"], "a good day that says enough by itself does");
}

#[test]
fn what_the_books_say_is_told_once_per_kind_and_stays_theirs_in_the_journal() {
    let kinds = [
        "reconnect",
        "consent_ends",
        "tokens_end",
        "token_key",
        "consent_unconfirmed",
        "silence",
        "app_uninstalled",
        "shopify_admin",
        "webhook_secret",
        "subscriptions",
        "connection_left",
        "preflight_failed",
        "shopify_changed",
        "reconciliation_crashed",
    ];
    let stage = Stage::new();
    for kind in kinds {
        opens_and_closes(
            &stage,
            kind,
            "main",
            || stage.alert(kind, &["a", "b", "c"]),
            || stage.alert(kind, &[]),
            QUARTER,
        );
    }
    assert_eq!(stage.journal_alerts(), []);
}

#[test]
fn holds_of_one_reason_are_one_message_with_the_remedy_and_the_page() {
    let stage = Stage::new();
    stage.variables.borrow_mut().insert("PUBLIC_URL".into(), "https://till.example/".into());
    stage.hold(&[("tax_unmapped", 3), ("number_taken", 1)]);
    assert_eq!(stage.hear(QUARTER), ["opened held main", "opened held main"]);
    let first = stage.chat.heard.borrow()[0].clone();
    let said = first["text"].as_str().unwrap();
    assert!(said.starts_with("Tillproof: 3 orders of main are held: tax_unmapped. "), "{said}");
    assert!(said.contains(crate::books::hold::HoldReason::TaxUnmapped.remedy()), "{said}");
    let page = "See https://till.example/orders?connection=main&state=held&reason=tax_unmapped.";
    assert!(said.ends_with(page), "{said}");
    assert_eq!((&first["since"], &first["count"]), (&json!(iso(start())), &json!(3)));
    // What the ledger refuses is said by name, and once: with the orders that it holds.
    stage.hold(&[("settings_refused", 2)]);
    stage.alert("settings_fault", &["settings_refused:6000:Sales"]);
    assert_eq!(stage.hear(QUARTER), ["closed held main", "closed held main", "opened held main"]);
    let heard = stage.last();
    assert!(heard.contains("the matter with settings_fault"), "{heard}");
}

#[test]
fn what_lasts_is_told_again_when_it_is_twice_as_bad_or_a_day_later_if_it_is_worse() {
    let stage = Stage::new();
    stage.hold(&[("tax_unmapped", 10)]);
    assert_eq!(stage.hear(QUARTER), ["opened held main"]);
    stage.hold(&[("tax_unmapped", 19)]);
    assert_eq!(stage.hear(Duration::hours(23)), Vec::<String>::new());
    assert_eq!(stage.hear(Duration::hours(2)), ["updated held main"]);
    assert!(stage.last().starts_with("Tillproof, worse: 19 orders"), "{}", stage.last());
    stage.hold(&[("tax_unmapped", 38)]);
    assert_eq!(stage.hear(QUARTER), ["updated held main"]);
    stage.hold(&[("tax_unmapped", 12)]);
    assert_eq!(stage.hear(Duration::days(3)), Vec::<String>::new(), "less is no news");
    stage.hold(&[]);
    assert_eq!(stage.hear(QUARTER), ["closed held main"]);
    assert!(stage.last().starts_with("Tillproof, settled after 3 days: 12 orders of main"), "{}", stage.last());
}

#[test]
fn too_few_events_say_nothing_of_the_rate_and_a_passing_scanner_nothing_of_the_door() {
    let stage = Stage::new();
    stage.events(1, 40, "posted");
    stage.events(100, 5, "held");
    stage.refuse("b.myshopify.com", "bad_signature", 9);
    stage.refuse("(other)", "too_large", 500);
    assert_eq!(stage.hear(QUARTER), Vec::<String>::new());
}

#[test]
fn what_moves_is_not_stuck_and_one_tick_without_the_journal_is_none() {
    let stage = Stage::new();
    for head in 1..20 {
        stage.change(|status| (status.journal_head, status.journal_backlog) = (Some(head), 300));
        assert_eq!(stage.hear(Duration::minutes(10)), Vec::<String>::new());
    }
    stage.journal.away.set(true);
    stage.tick();
    stage.journal.away.set(false);
    assert_eq!(stage.hear(Duration::minutes(10)), Vec::<String>::new());
    // More than a few flushes take is told at once.
    stage.change(|status| status.journal_backlog = 9_000);
    assert_eq!(stage.hear(Duration::minutes(5)), ["opened journal_lag *"]);
}

#[test]
fn with_d1_away_alerts_are_told_all_the_same_and_stand_in_the_journal_afterwards() {
    let stage = Stage::new();
    stage.journal.away.set(true);
    stage.hold(&[("tax_unmapped", 1)]);
    assert_eq!(stage.hear(QUARTER), ["opened held main", "opened journal_away *"]);
    stage.hold(&[]);
    assert_eq!(stage.hear(QUARTER), ["closed held main"]);
    stage.journal.away.set(false);
    assert_eq!(stage.hear(QUARTER), ["closed journal_away *"]);
    assert_eq!(stage.journal_alerts(), [("held".to_owned(), true), ("journal_away".to_owned(), true)]);
    let rows = stage.journal.database.exec("SELECT outcome FROM alert_deliveries", &[]).unwrap();
    assert!(rows.len() == 4 && rows.iter().all(|row| row.text("outcome").unwrap() == "arrived"), "{rows:?}");
}

#[test]
fn what_is_out_of_sight_neither_begins_nor_ends() {
    let stage = Stage::new();
    stage.hold(&[("tax_unmapped", 1)]);
    stage.compare("1", 2);
    assert_eq!(stage.hear(QUARTER), ["opened held main", "opened drift main"]);
    stage.unreachable.set(true);
    stage.journal.away.set(true);
    let told = stage.hear(Duration::hours(1));
    assert_eq!(told, ["opened journal_away *", "opened books_unreachable *"]);
    stage.unreachable.set(false);
    stage.journal.away.set(false);
    assert_eq!(stage.hear(QUARTER), ["closed journal_away *", "closed books_unreachable *"]);
}

#[test]
fn what_does_not_arrive_is_tried_again_ever_more_rarely_and_arrives_in_order() {
    let stage = Stage::new();
    stage.chat.status.set(0);
    stage.hold(&[("tax_unmapped", 1)]);
    assert!(stage.tick().waiting == 1);
    stage.alert("reconnect", &[""]);
    let tried = stage.hear(Duration::hours(12)).len();
    assert!((12..20).contains(&tried), "{tried} attempts in twelve hours");
    stage.chat.status.set(503);
    assert!(stage.hear(Duration::hours(2)).len() <= 3);
    stage.chat.status.set(204);
    assert_eq!(stage.hear(Duration::hours(1)), ["opened held main", "opened reconnect main"]);
    let count = "SELECT outcome, COUNT(*) AS n FROM alert_deliveries GROUP BY outcome ORDER BY outcome";
    let rows = stage.journal.database.exec(count, &[]).unwrap();
    let outcomes: Vec<String> = rows.iter().map(|row| row.text("outcome").unwrap()).collect();
    assert_eq!(outcomes, ["arrived", "no_answer", "refused"]);
    assert_eq!(rows[0].int("n").unwrap(), 2);
    // What it is asked for is obeyed, within the hour.
    stage.chat.status.set(429);
    stage.chat.retry_after.set(1_800);
    stage.hold(&[]);
    assert_eq!(stage.hear(Duration::minutes(25)).len(), 1);
    // What is no span of time stops nothing.
    stage.chat.retry_after.set(i64::MAX);
    assert!(stage.hear(Duration::hours(3)).len() > 1);
    let log = stage.log.0.borrow().join("\n");
    assert!(log.contains("\"outcome\":\"opened_no_answer\"") && !log.contains("s3cret"), "{log}");
}

#[test]
fn a_message_that_is_refused_keeps_no_other_from_arriving() {
    let stage = Stage::new();
    stage.chat.status.set(400);
    stage.hold(&[("tax_unmapped", 1)]);
    stage.tick();
    stage.alert("reconnect", &[""]);
    stage.chat.heard.borrow_mut().clear();
    stage.chat.status.set(200);
    stage.clock.advance(Duration::minutes(5));
    assert_eq!(stage.hear(Duration::minutes(5)), ["opened reconnect main", "opened held main"]);
}

#[test]
fn what_is_over_before_anybody_heard_of_it_is_not_told() {
    let stage = Stage::new();
    stage.chat.status.set(0);
    stage.hold(&[("tax_unmapped", 1)]);
    stage.tick();
    stage.hold(&[]);
    stage.tick();
    stage.chat.status.set(200);
    assert_eq!(stage.hear(Duration::hours(2)), Vec::<String>::new());
    assert_eq!(stage.journal_alerts(), [("held".to_owned(), true)], "the journal has it");
    // What came and went again is told as it stands.
    stage.hold(&[("tax_unmapped", 1)]);
    stage.tick();
    stage.chat.status.set(0);
    stage.hold(&[("tax_unmapped", 4)]);
    stage.tick();
    stage.hold(&[]);
    stage.tick();
    stage.chat.status.set(200);
    assert_eq!(stage.hear(Duration::hours(2)), ["closed held main"]);
}

#[test]
fn a_restart_between_sending_and_noting_tells_it_again() {
    let mut stage = Stage::new();
    stage.hold(&[("tax_unmapped", 1)]);
    stage.chat.status.set(-1);
    assert!(stage.try_tick().is_none(), "it was sent, and nothing was noted");
    stage.pulse = Pulse::default();
    stage.chat.status.set(200);
    stage.tick();
    assert_eq!(stage.heard(), ["opened held main", "opened held main"]);
    assert_eq!(stage.hear(QUARTER), Vec::<String>::new());
}

#[test]
fn two_ticks_at_once_are_one() {
    let stage = Stage::new();
    stage.hold(&[("tax_unmapped", 1)]);
    stage.pulse.beat(stage.clock.now());
    assert_eq!(stage.try_tick(), None);
    assert_eq!(stage.hear(QUARTER), ["opened held main"]);
}

#[test]
fn an_address_that_is_set_later_hears_of_what_is_open_then() {
    let stage = Stage::new();
    let url = stage.variables.borrow_mut().remove("ALERT_URL").unwrap();
    stage.hold(&[("tax_unmapped", 1), ("number_taken", 1)]);
    stage.tick();
    stage.hold(&[("tax_unmapped", 1)]);
    assert!(stage.tick().whole, "nobody wants to hear of it");
    stage.variables.borrow_mut().insert("ALERT_URL".into(), url);
    assert_eq!(stage.hear(QUARTER), ["opened held main"]);
}

#[test]
fn the_heart_beats_after_every_tick_in_which_nothing_failed_and_after_no_other() {
    let stage = Stage::new();
    let beats = || {
        let (before, ticked) = (stage.chat.beats.get(), stage.tick());
        assert_eq!(stage.chat.beats.get() - before, usize::from(ticked.whole));
        ticked.whole
    };
    assert!(beats());
    stage.hold(&[("tax_unmapped", 1)]);
    assert!(beats(), "that something is told is no failure");
    stage.failed.set(true);
    assert!(!beats(), "cron could not wake all books");
    stage.failed.set(false);
    stage.unreachable.set(true);
    assert!(!beats());
    stage.unreachable.set(false);
    stage.journal.away.set(true);
    assert!(!beats());
    stage.journal.away.set(false);
    assert!(beats());
    stage.chat.status.set(500);
    stage.hold(&[]);
    assert!(!beats(), "what is to be told does not arrive");
    stage.chat.status.set(200);
    stage.clock.advance(Duration::hours(1));
    assert!(beats());
    stage.chat.status.set(500);
    stage.tick();
    let log = stage.log.0.borrow().join("\n");
    assert!(log.contains("\"event\":\"heartbeat\"") && !log.contains("s3cret"), "a ping that fails is logged: {log}");
}
