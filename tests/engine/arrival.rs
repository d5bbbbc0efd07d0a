//! Deliveries in any order, late, twice, under two topics: the books come out the same.

use chrono::Duration;
use sandbox::{Fault, FaultKind};
use serde_json::json;

use crate::support::{Bench, Company, Story, one_in};
use crate::told;

/// Every order of arrival of `items`.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for rest in permutations(count - 1) {
        for place in 0..=rest.len() {
            let mut one = rest.clone();
            one.insert(place, count - 1);
            all.push(one);
        }
    }
    all
}

/// Stories whose books need not come to rest between two deliveries, each with one of its companies in turn.
fn at_once() -> Vec<(Story, Company)> {
    let stories = Story::all().into_iter().filter(|story| story.rests.is_empty() && story.deliveries.len() > 1);
    stories
        .enumerate()
        .map(|(n, story)| (n % story.companies.len(), story))
        .map(|(n, story)| {
            let company = story.companies[n];
            (story, company)
        })
        .collect()
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let mut is_drawn = one_in(4);
    for (story, company) in at_once().into_iter().filter(|_| is_drawn()) {
        let expected = told(company, &story).ledger(company);
        for order in permutations(story.deliveries.len()).iter().take(24) {
            let bench = Bench::with(company, story.settings(company));
            bench.set_the_stage(&story);
            for index in order {
                let (topic, body) = &story.deliveries[*index];
                bench.deliver(topic, body);
            }
            bench.run();
            assert_eq!(bench.ledger(company), expected, "{} in {company:?} as {order:?}", story.name);
        }
    }
}

#[test]
fn news_that_arrives_one_by_one_gives_the_same_books_as_all_at_once() {
    // A payment that was inferred before its transaction arrived carries the order's id instead of its own.
    let amounts = |lines: Vec<String>| -> Vec<String> {
        let without_number = |line: String| {
            let words: Vec<&str> = line.split(' ').collect();
            if words[0].eq_ignore_ascii_case("payment") { words[2..].join(" ") } else { line }
        };
        let mut lines: Vec<String> = lines.into_iter().map(without_number).collect();
        lines.sort();
        lines
    };
    let mut is_drawn = one_in(4);
    for (story, company) in at_once().into_iter().filter(|_| is_drawn()) {
        let expected = told(company, &story).ledger(company);
        let gateways = story.deliveries[0].1["payment_gateway_names"].as_array();
        // Nothing at once: what was posted in between is voided. Two gateways: held until both transactions are there.
        // Overpaid: what was inferred is the order's total, the rest becomes an invoice of its own. Change that is told long
        // after its cash: by then the cash counts as overpaid.
        let alone = ["overpaid", "change_given_at_the_till"].contains(&story.name.as_str());
        if expected.is_empty() || alone || gateways.is_some_and(|all| all.len() > 1) {
            continue;
        }
        let bench = Bench::with(company, story.settings(company));
        bench.set_the_stage(&story);
        for (topic, body) in &story.deliveries {
            bench.deliver(topic, body);
            bench.run();
        }
        assert_eq!(amounts(bench.ledger(company)), amounts(expected), "{} in {company:?}", story.name);
    }
}

#[test]
fn a_redelivered_webhook_changes_nothing_and_is_counted() {
    let story = Story::read("simple");
    let bench = Bench::new(Company::XeroUk);
    let body = story.deliveries[0].1.to_string();
    for _ in 0..3 {
        bench.deliver_as(1, "orders/create", body.as_bytes());
        bench.run();
    }
    let events = bench.journal("SELECT deliveries, outcome FROM events");
    assert_eq!((events.len(), events[0]["deliveries"].as_str()), (1, "3"));
    assert_eq!(bench.journal("SELECT * FROM documents").len(), 2, "an invoice and its payment, once");
    // The same id with another body is another event: headers are not signed.
    bench.deliver_as(1, "orders/create", format!("{body} ").as_bytes());
    bench.run();
    assert_eq!(bench.journal("SELECT outcome FROM events ORDER BY seq")[1]["outcome"], "unchanged");
}

#[test]
fn two_topics_of_one_change_make_one_set_of_documents() {
    let story = Story::read("simple");
    for company in Company::ALL {
        let bench = Bench::new(company);
        bench.deliver("orders/create", &story.deliveries[0].1);
        bench.deliver("orders/paid", &story.deliveries[0].1);
        bench.deliver("orders/updated", &story.deliveries[0].1);
        bench.run();
        assert_eq!(bench.ledger(company).len(), 2, "{:?}", bench.ledger(company));
    }
}

#[test]
fn money_made_after_an_order_said_what_was_paid_is_none_of_that() {
    // Also through another gateway: what was inferred is decided.
    for (company, gateway) in Company::ALL.into_iter().flat_map(|one| [(one, "manual"), (one, "paypal")]) {
        let story = Story::read("bank_transfer_arrives_later");
        let order = |at: &str, status: &str, outstanding: &str| {
            let mut body = story.deliveries[0].1.clone();
            body["updated_at"] = at.into();
            body["financial_status"] = status.into();
            body["total_outstanding"] = outstanding.into();
            body
        };
        let transaction = |id: u64, at: &str, amount: &str| {
            let mut body = story.deliveries[2].1.clone();
            body["id"] = id.into();
            body["created_at"] = at.into();
            body["processed_at"] = at.into();
            body["amount"] = amount.into();
            body
        };
        let (first, second) = ("2026-11-02T12:00:00-05:00", "2026-11-02T14:00:00-05:00");
        let bench = Bench::new(company);
        bench.deliver("orders/create", &order("2026-11-02T10:15:30-05:00", "pending", "65.88"));
        bench.deliver("orders/updated", &order(first, "partially_paid", "45.88"));
        bench.run();
        let payments = "SELECT document_key, ledger_total FROM documents WHERE kind = 'payment' ORDER BY rowid";
        assert_eq!(bench.journal(payments).len(), 1, "{company:?}: 20.00 that nobody told us the transaction of");
        let mut other = transaction(6_700_000_010_802, second, "45.88");
        other["gateway"] = gateway.into();
        bench.deliver("order_transactions/create", &other);
        bench.run();
        let mut paid = order(second, "paid", "0.00");
        paid["payment_gateway_names"] =
            if gateway == "manual" { json!(["manual"]) } else { json!(["manual", gateway]) };
        bench.deliver("orders/paid", &paid);
        bench.deliver("order_transactions/create", &transaction(6_700_000_010_801, first, "20.00"));
        bench.run();
        let booked: Vec<_> = bench
            .journal(payments)
            .into_iter()
            .map(|row| (row["document_key"].clone(), row["ledger_total"].clone()))
            .collect();
        assert_eq!(bench.state("5600000001080").0, "synced", "{company:?}, {gateway}");
        let expected = [("payment:inferred", "20.00"), ("payment:6700000010802", "45.88")];
        assert_eq!(booked, expected.map(|(key, total)| (key.to_owned(), total.to_owned())), "{company:?}");
    }
}

#[test]
fn money_that_only_the_order_tells_of_is_booked_each_time_that_it_tells_more() {
    for company in Company::ALL {
        let story = Story::read("bank_transfer_arrives_later");
        let bench = Bench::new(company);
        for (at, status, outstanding) in
            [("2026-11-02T12:00:00-05:00", "partially_paid", "45.88"), ("2026-11-03T12:00:00-05:00", "paid", "0.00")]
        {
            let mut body = story.deliveries[0].1.clone();
            body["updated_at"] = at.into();
            body["financial_status"] = status.into();
            body["total_outstanding"] = outstanding.into();
            bench.deliver("orders/updated", &body);
            bench.run();
        }
        let payments = "SELECT document_key, ledger_total FROM documents WHERE kind = 'payment' ORDER BY rowid";
        let booked = |bench: &Bench| -> Vec<String> {
            bench
                .journal(payments)
                .iter()
                .map(|row| format!("{} {}", row["document_key"], row["ledger_total"]))
                .collect()
        };
        let expected = ["payment:inferred 20.00", "payment:inferred/2 45.88"];
        assert_eq!(booked(&bench), expected, "{company:?}: {:?}", bench.rows("SELECT state, detail FROM orders"));
        // Each time has a note of its own, with what was inferred then.
        let notes = "SELECT document_key, after FROM adjustments WHERE rule = 'payment_inferred' ORDER BY document_key";
        let notes = bench.journal(notes).into_iter().map(|row| format!("{} {}", row["document_key"], row["after"]));
        let notes: Vec<String> = notes.collect();
        assert_eq!(
            notes,
            ["payment:inferred 20.00 USD", "payment:inferred/2 45.88 USD"],
            "{:?}",
            bench.rows("SELECT document_key, after, at FROM adjustments")
        );
        // The transactions come after all: nothing changes.
        for (id, at, amount) in [
            (6_700_000_010_802_u64, "2026-11-03T12:00:00-05:00", "45.88"),
            (6_700_000_010_801, "2026-11-02T12:00:00-05:00", "20.00"),
        ] {
            let mut body = story.deliveries[2].1.clone();
            body["id"] = id.into();
            body["created_at"] = at.into();
            body["processed_at"] = at.into();
            body["amount"] = amount.into();
            bench.deliver("order_transactions/create", &body);
            bench.run();
        }
        assert_eq!(booked(&bench), expected, "{company:?}");
    }
}

#[test]
fn what_was_inferred_of_several_gateways_gives_way_to_their_transactions() {
    for company in Company::ALL {
        let story = Story::read("bank_transfer_arrives_later");
        let bench = Bench::new(company);
        let at = "2026-11-02T12:00:00-05:00";
        let order = |status: &str, outstanding: &str, gateways: &[&str]| {
            let mut body = story.deliveries[0].1.clone();
            body["updated_at"] = if status == "paid" { "2026-11-02T12:00:01-05:00" } else { at }.into();
            body["financial_status"] = status.into();
            body["total_outstanding"] = outstanding.into();
            body["payment_gateway_names"] = json!(gateways);
            body
        };
        // The ledger is away: what is inferred of the first payment is not booked.
        bench.fail(Fault::next(FaultKind::Down).repeated(1000));
        bench.deliver("orders/updated", &order("partially_paid", "45.88", &["manual"]));
        bench.run_for(Duration::hours(2));
        bench.deliver("orders/updated", &order("paid", "0.00", &["manual", "paypal"]));
        bench.run_for(Duration::hours(2));
        bench.world.borrow_mut().faults.clear();
        bench.run();
        assert_eq!(bench.state("5600000001080").1, "payment_split_unknown", "{company:?}");
        for (id, gateway, amount) in
            [(6_700_000_010_801_u64, "manual", "20.00"), (6_700_000_010_802, "paypal", "45.88")]
        {
            let mut body = story.deliveries[2].1.clone();
            body["id"] = id.into();
            body["created_at"] = at.into();
            body["processed_at"] = at.into();
            body["gateway"] = gateway.into();
            body["amount"] = amount.into();
            bench.deliver("order_transactions/create", &body);
        }
        bench.run();
        assert_eq!(
            bench.state("5600000001080").0,
            "synced",
            "{company:?}: {:?}",
            bench.rows("SELECT detail FROM orders")
        );
        let payments = "SELECT document_key, ledger_total FROM documents WHERE kind = 'payment' ORDER BY rowid";
        let booked = bench.journal(payments).into_iter();
        let booked: Vec<_> = booked.map(|row| format!("{} {}", row["document_key"], row["ledger_total"])).collect();
        assert_eq!(booked, ["payment:6700000010801 20.00", "payment:6700000010802 45.88"], "{company:?}");
    }
}

/// The refund of what an edit took off says nothing of goods. Where it is credited before the books hear of the edit, the
/// credit stays as it was booked, and is still paid out.
#[test]
fn a_refund_that_was_credited_before_its_edit_was_heard_of_is_paid_out_all_the_same() {
    for company in Company::ALL {
        let story = Story::read("removed_after_payment");
        let bench = Bench::new(company);
        let last = story.deliveries.len() - 1;
        for (topic, body) in &story.deliveries[..2] {
            bench.deliver(topic, body);
        }
        bench.run();
        for credits in ["/CreditNotes", "/batch", "/refundreceipt"] {
            bench.fail(
                Fault::next(FaultKind::Error500Committed)
                    .on(if company == Company::XeroUk { "PUT" } else { "POST" }, credits)
                    .repeated(50),
            );
        }
        let (topic, body) = &story.deliveries[last - 1];
        bench.deliver(topic, body);
        bench.run_for(Duration::seconds(4));
        let credits = |line: &&String| line.starts_with("Credit") || line.starts_with("RefundReceipt");
        assert_eq!(bench.ledger(company).iter().filter(credits).count(), 1, "{company:?}");
        bench.world.borrow_mut().faults.clear();
        let (topic, body) = &story.deliveries[last];
        bench.deliver(topic, body);
        bench.run();
        assert_eq!(
            bench.state(&story.order_id()).0,
            "synced",
            "{company:?}: {:?}",
            bench.rows("SELECT detail FROM orders")
        );
        let told = told(company, &story);
        assert_eq!(bench.ledger(company), told.ledger(company), "{company:?}");
    }
}
