//! Settings that change while orders wait: nothing is left behind in silence.

use futures_util::FutureExt;
use serde_json::json;
use tillproof::books::document::DocumentKey;
use tillproof::journal;
use tillproof::posting::{ByHand, OrderRef};

use crate::support::{Bench, Company, Story};

/// Two shops in one set of books. Deliveries on the bench are the first one's.
fn two_shops(company: Company) -> Bench {
    let mut bench = Bench::new(company);
    let mut second = company.settings();
    (second["shop"], second["number_prefix"]) = (json!("second.myshopify.com"), json!("T-"));
    bench.variables.insert("CONNECTION_SECOND".into(), second);
    bench
}

#[test]
fn the_end_of_a_contradiction_releases_the_orders_of_both_connections_whichever_was_corrected() {
    let company = Company::XeroUk;
    for corrected in ["CONNECTION_MAIN", "CONNECTION_SECOND"] {
        let mut bench = two_shops(company);
        bench.tell(&Story::read("simple"));
        bench.run();
        let set_prefix = |bench: &mut Bench, connection: &str, prefix: &str| {
            bench.variables.get_mut(connection).unwrap()["number_prefix"] = json!(prefix);
        };
        set_prefix(&mut bench, "CONNECTION_SECOND", "S-");
        bench.tell(&Story::read("free_shipping"));
        bench.run();
        assert_eq!(bench.rows("SELECT reason FROM orders WHERE state = 'held'")[0]["reason"], "settings_invalid");
        set_prefix(&mut bench, corrected, "U-");
        bench.clock.advance(chrono::Duration::minutes(5));
        bench.poke();
        bench.run();
        let open = bench.rows("SELECT * FROM orders WHERE state <> 'synced'");
        assert!(open.is_empty(), "{corrected}: {open:?}");
    }
}

#[test]
fn orders_that_wait_when_their_connections_label_changes_say_where_they_are_and_go_on_when_it_is_put_back() {
    let company = Company::XeroUk;
    for (remains, is) in [(true, "keeps the books `new` now"), (false, "is no longer configured")] {
        let mut bench = Bench::new(company);
        bench.tell(&Story::read("simple"));
        bench.run();
        bench.companies.away.set(true);
        bench.forget("claim");
        bench.tell(&Story::read("free_shipping"));
        bench.turn();
        let before = bench.variables.clone();
        if remains {
            bench.variables.get_mut("CONNECTION_MAIN").unwrap()["books"] = json!("new");
        } else {
            bench.variables.remove("CONNECTION_MAIN");
        }
        bench.poke();
        bench.run();
        let attention = bench.journal("SELECT state, remedy FROM needs_attention");
        assert!(attention.len() == 1 && attention[0]["remedy"].contains(is), "{attention:?}");
        let alerts = bench.journal("SELECT message FROM alerts WHERE kind = 'connection_left'");
        assert!(alerts.len() == 1 && alerts[0]["message"].contains("books = \"main\""), "{alerts:?}");
        let status = bench.open().status().unwrap();
        assert_eq!((status.connections[0].id.as_str(), status.connections[0].orders["held"]), ("main", 1));
        assert!(status.connections[0].problems[0].contains(is), "{:?}", status.connections[0].problems);
        // Cron and the status find the books although no connection names them.
        assert_eq!(journal::waiting_labels(&bench.journal).now_or_never().unwrap().unwrap(), ["main"]);
        bench.variables = before;
        bench.companies.away.set(false);
        bench.poke();
        bench.run();
        assert!(bench.rows("SELECT * FROM orders WHERE state <> 'synced'").is_empty());
        assert!(
            bench.journal("SELECT * FROM alerts WHERE kind = 'connection_left' AND resolved_at IS NULL").is_empty()
        );
        assert_eq!(journal::waiting_labels(&bench.journal).now_or_never().unwrap().unwrap(), [""; 0]);
        assert_eq!(journal::every_label(&bench.journal).now_or_never().unwrap().unwrap(), ["main"]);
    }
}

#[test]
fn a_connection_that_left_without_anything_that_waits_is_not_mentioned() {
    let mut bench = two_shops(Company::XeroUk);
    bench.tell(&Story::read("simple"));
    bench.run();
    bench.variables.remove("CONNECTION_MAIN");
    bench.poke();
    bench.run();
    assert!(bench.journal("SELECT * FROM alerts").is_empty());
    let ids: Vec<String> = bench.open().status().unwrap().connections.into_iter().map(|one| one.id).collect();
    assert_eq!(ids, ["second"]);
}

/// Something that holds the order for another reason, and is over again. `news` tells of the order meanwhile.
type Passing = fn(&mut Bench, news: &dyn Fn(&Bench));

const PASSING: [(&str, Passing); 3] = [
    ("the connection left its books and came back", |bench, _| {
        let before = bench.variables.clone();
        bench.variables.get_mut("CONNECTION_MAIN").unwrap()["books"] = json!("new");
        bench.poke();
        bench.run();
        bench.variables = before;
    }),
    ("the settings could not be read", |bench, news| {
        let before = bench.variables.clone();
        bench.variables.get_mut("CONNECTION_MAIN").unwrap()["taxes"] = json!("none");
        news(bench);
        bench.run();
        assert_eq!(bench.rows("SELECT reason FROM orders")[0]["reason"], "settings_invalid");
        bench.variables = before;
    }),
    ("the app was removed and installed again", |bench, news| {
        bench.deliver("app/uninstalled", &json!({"id": 1, "myshopify_domain": "example.myshopify.com"}));
        bench.run();
        news(bench);
        bench.run();
        assert!(bench.open().resume_connection("main").now_or_never().unwrap().unwrap());
    }),
];

#[test]
fn what_waits_for_a_persons_word_still_waits_when_something_else_that_held_it_is_over() {
    for company in Company::ALL {
        for (what, passing) in PASSING {
            let context = format!("{company:?}: {what}");
            let mut bench = Bench::new(company);
            let story = Story::read("net_terms");
            bench.tell(&story);
            bench.run();
            let at = OrderRef { connection: "main".into(), order_id: story.order_id() };
            bench.open().done_by_hand(&at, &DocumentKey::sale(), ByHand::Removed, "the invoice is gone").unwrap();
            bench.poke();
            bench.run();
            let waits = ("held".to_owned(), "removed_in_ledger".to_owned());
            assert_eq!(bench.state(&at.order_id), waits, "{context}");
            let before = bench.ledger(company);
            let (topic, mut body) = story.deliveries.last().cloned().unwrap();
            body["updated_at"] = json!("2026-11-05T09:00:00-05:00");
            passing(&mut bench, &|bench: &Bench| bench.deliver(&topic, &body));
            bench.clock.advance(chrono::Duration::minutes(5));
            bench.poke();
            bench.run();
            assert_eq!(bench.state(&at.order_id), waits, "{context}");
            assert_eq!(bench.ledger(company), before, "{context}: nobody said that it is to be posted again");
            bench.release(&at.order_id);
            bench.run();
            assert_eq!(bench.state(&at.order_id).0, "synced", "{context}");
        }
    }
}

#[test]
fn what_the_books_told_of_a_connection_is_over_when_it_left_them() {
    for remains in [true, false] {
        for waits in [true, false] {
            let mut bench = two_shops(Company::XeroUk);
            bench.tell(&Story::read("simple"));
            bench.run();
            if waits {
                bench.tell(&Story::read("free_shipping"));
            }
            let books = bench.open();
            ["silence", "preflight_failed"].into_iter().for_each(|kind| books.alert("main", kind, "so it is").unwrap());
            books.alert("second", "silence", "here too").unwrap();
            drop(books);
            if remains {
                bench.variables.get_mut("CONNECTION_MAIN").unwrap()["books"] = json!("new");
            } else {
                bench.variables.remove("CONNECTION_MAIN");
            }
            bench.poke();
            bench.run();
            let open =
                bench.journal("SELECT connection, kind FROM alerts WHERE resolved_at IS NULL AND kind <> 'webhook_secret' ORDER BY connection");
            let open: Vec<_> = open.iter().map(|row| (row["connection"].as_str(), row["kind"].as_str())).collect();
            let left = waits.then_some(("main", "connection_left"));
            assert_eq!(open, left.into_iter().chain([("second", "silence")]).collect::<Vec<_>>(), "{remains} {waits}");
        }
    }
}

#[test]
fn books_that_no_connection_names_any_more_are_looked_at_until_their_alerts_are_over() {
    let mut bench = Bench::new(Company::XeroUk);
    bench.tell(&Story::read("simple"));
    bench.run();
    let labels = |bench: &Bench| journal::waiting_labels(&bench.journal).now_or_never().unwrap().unwrap();
    assert_eq!(labels(&bench), [""; 0]);
    bench.open().alert("main", "silence", "so it is").unwrap();
    bench.poke();
    bench.run();
    bench.variables.remove("CONNECTION_MAIN");
    assert_eq!(labels(&bench), ["main"]);
    bench.poke();
    bench.run();
    assert_eq!(labels(&bench), [""; 0]);
}
