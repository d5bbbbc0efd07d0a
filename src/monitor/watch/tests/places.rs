//! What is seen in several places is one thing, and keeps nothing else from being told.

use super::*;
use crate::config::{Variables, connections};
use crate::platform::Sql;
use crate::posting::{BooksStatus, ConnectionStatus, OpenAlert};
use crate::reception::Refusals;

#[test]
fn differences_of_which_the_books_and_the_journal_tell_are_one_alert() {
    let stage = Stage::new();
    stage.alert("drift", &[""]);
    assert_eq!(stage.hear(QUARTER), ["opened drift main"], "the books alone");
    stage.compare("1", 3);
    stage.hold(&[("tax_unmapped", 1)]);
    assert_eq!(stage.hear(QUARTER), ["updated drift main", "opened held main"]);
    let said = stage.chat.heard.borrow()[0]["text"].as_str().unwrap().to_owned();
    assert!(said.contains("the last comparisons of main left 3 differences"), "{said}");
    // Where the journal cannot be read, what the books say counts.
    stage.journal.away.set(true);
    stage.tick();
    stage.journal.away.set(false);
    assert_eq!(stage.hear(QUARTER), Vec::<String>::new());
    stage.change(|status| status.alerts.clear());
    assert_eq!(stage.hear(QUARTER), Vec::<String>::new(), "the journal still says so");
    stage.compare("2", 0);
    assert_eq!(stage.hear(QUARTER), ["closed drift main"]);
}

#[test]
fn a_connection_of_which_two_sets_of_books_tell_the_same_is_told_of_once() {
    let stage = Stage::new();
    stage.alert("preflight_failed", &[""]);
    let left = ConnectionStatus { id: "main".into(), ..Default::default() };
    let alerts = stage.status.borrow().alerts.clone();
    let old = BooksStatus { books: "before".into(), connections: vec![left], alerts, ..Default::default() };
    *stage.other.borrow_mut() = Some(old);
    assert_eq!(stage.hear(QUARTER), ["opened preflight_failed main"]);
    stage.change(|status| status.alerts.clear());
    assert_eq!(stage.hear(QUARTER), Vec::<String>::new(), "the others still say so");
    stage.other.borrow_mut().as_mut().unwrap().alerts.clear();
    assert_eq!(stage.hear(QUARTER), ["closed preflight_failed main"]);
}

#[test]
fn no_two_conditions_can_keep_the_others_from_being_told() {
    let stage = Stage::new();
    stage.tick();
    let alert = OpenAlert {
        connection: "main".into(),
        kind: "silence".into(),
        about: String::new(),
        at: iso(start()),
        message: "Something.".into(),
    };
    stage.change(|status| status.alerts = vec![alert]);
    let told = vec![crate::monitor::Told { books: "main".into(), status: Ok(stage.status.borrow().clone()) }];
    let figures = futures_util::FutureExt::now_or_never(crate::monitor::gather(&stage.journal, told, start())).unwrap();
    let mut twice = conditions(&figures, start());
    twice.extend(twice.clone());
    twice.push(Condition { kind: "reconnect".into(), ..twice[0].clone() });
    for _ in 0..2 {
        standing::take(&stage.sql, stage.clock.now(), &twice, |_| false).unwrap();
        let open = stage.sql.exec("SELECT 1 FROM watched WHERE closed_at IS NULL AND wants = 'opened'", &[]).unwrap();
        assert_eq!(open.len(), 2);
    }
}

#[test]
fn a_journal_that_becomes_unreadable_settles_nothing_that_it_lags_behind_with() {
    let stage = Stage::new();
    stage.change(|status| (status.journal_head, status.journal_backlog) = (Some(41), 7));
    assert_eq!(stage.hear(QUARTER * 2), ["opened journal_lag *"]);
    stage.journal.away.set(true);
    assert_eq!(stage.hear(QUARTER * 2), ["opened journal_away *"]);
    stage.journal.away.set(false);
    // From stuck to far behind.
    stage.change(|status| (status.journal_head, status.journal_backlog) = (Some(50), 9_000));
    assert_eq!(stage.hear(QUARTER), ["updated journal_lag *", "closed journal_away *"]);
    stage.change(|status| (status.journal_head, status.journal_backlog) = (None, 0));
    assert_eq!(stage.hear(QUARTER), ["closed journal_lag *"]);
}

#[test]
fn a_flood_under_invented_names_is_told_of_by_no_name_and_beside_the_shops_own() {
    let stage = Stage::new();
    let settings = json!({"shop": "a.myshopify.com", "ledger": "xero", "number_prefix": "A-"});
    let all = connections(&Variables::from([("CONNECTION_MAIN".to_owned(), settings)]));
    let mut refusals = Refusals::new();
    let minute = stage.clock.now().format("%Y-%m-%dT%H:%M:00Z").to_string();
    for n in 0..500 {
        refusals.count(&all, minute.clone(), &format!("call-555-{n}.myshopify.com"), "bad_signature");
    }
    for _ in 0..12 {
        refusals.count(&all, minute.clone(), "a.myshopify.com", "bad_signature");
    }
    refusals.take().iter().for_each(|row| stage.exec(&row.sql, &row.params));
    assert_eq!(stage.hear(QUARTER), ["opened bad_signature *", "opened bad_signature *"]);
    let heard = stage.chat.heard.borrow();
    let said = |n: usize| heard[n]["text"].as_str().unwrap().to_owned();
    assert!(said(0).contains("500 requests within an hour were forged (another shop)"), "{}", said(0));
    assert!(said(1).contains("12 requests within an hour were forged (a.myshopify.com)"), "{}", said(1));
    assert!(!said(0).contains("555"), "{}", said(0));
}

#[test]
fn orders_that_wait_because_the_ledger_takes_no_more_calls_say_so() {
    let stage = Stage::new();
    stage.change(|status| {
        status.paused_until = Some(iso(start() + Duration::hours(9)));
        status.pause_reason = Some("the calls of this day are used up".into());
        status.connections[0].orders = [("pending".to_owned(), 1)].into();
        status.connections[0].oldest_waiting = Some(iso(start() - Duration::hours(3)));
    });
    assert_eq!(stage.hear(QUARTER), ["opened oldest_waiting main"]);
    let said = "Nothing is sent for now: the calls of this day are used up. 1 order waits. See";
    assert!(stage.last().contains(said), "{}", stage.last());
    assert!(stage.last().contains("state=pending") && stage.last().contains("state=retrying"), "{}", stage.last());
}
