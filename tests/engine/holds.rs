//! What waits for a person, and goes on by itself once the cause is gone.

use serde_json::json;
use tillproof::platform::Clock;

use crate::support::{Bench, Company, Story};
use crate::told;

#[test]
fn an_unmapped_tax_is_a_hold_that_names_it_and_goes_on_once_the_settings_are_right() {
    let mut settings = Company::XeroUk.settings();
    settings["taxes"] = json!([{"rate": "0.05", "code": "RROUTPUT"}]);
    let mut bench = Bench::with(Company::XeroUk, settings);
    let story = Story::read("simple");
    bench.tell(&story);
    bench.run();
    assert_eq!(bench.state(&story.order_id()), ("held".into(), "tax_unmapped".into()));
    let row = &bench.journal("SELECT remedy FROM needs_attention")[0];
    assert!(row["remedy"].contains("\"VAT\" at rate 0.2") && row["remedy"].contains("Add the named tax"), "{row:?}");
    assert!(bench.ledger(Company::XeroUk).is_empty());
    bench.variables.insert("CONNECTION_MAIN".into(), Company::XeroUk.settings());
    bench.turn();
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
}

#[test]
fn broken_settings_hold_the_order_and_lose_nothing() {
    let mut settings = Company::XeroUk.settings();
    settings["number_prefix"] = json!("FAR-TOO-LONG");
    let mut bench = Bench::with(Company::XeroUk, settings);
    let story = Story::read("simple");
    bench.tell(&story);
    bench.run();
    assert_eq!(bench.state(&story.order_id()), ("held".into(), "settings_invalid".into()));
    bench.variables.insert("CONNECTION_MAIN".into(), Company::XeroUk.settings());
    bench.turn();
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
}

/// QuickBooks lets people use a number twice ("use it anyway"); then it takes no change of either document.
#[test]
fn an_edit_of_a_document_whose_number_somebody_used_again_is_held_and_keeps_nobody_waiting() {
    let bench = Bench::new(Company::QuickBooksUs);
    let mut story = Story::read("edited_while_unpaid");
    let edits = story.deliveries.split_off(1);
    bench.tell(&story);
    bench.run();
    let id = story.order_id();
    let number = bench.rows("SELECT json_extract(posted, '$.number') AS number FROM documents")[0]["number"].clone();
    let sale = json!({"kind": "Invoice", "number": number, "currency": "USD", "total": "12.00", "reference": "",
                      "note": "by hand", "date": "2026-11-02"});
    bench.set_up("plant_sale", &sale);
    edits.iter().for_each(|(topic, body)| bench.deliver(topic, body));
    bench.tell(&Story::read("simple"));
    bench.run_for(chrono::Duration::minutes(30));
    assert_eq!(bench.state(&id), ("held".into(), "number_taken".into()));
    let said = &bench.journal("SELECT remedy FROM needs_attention")[0]["remedy"];
    assert!(said.contains("12.00") && said.contains(&number), "{said}");
    assert_eq!(bench.state(&Story::read("simple").order_id()).0, "synced");
    let tries = bench.journal("SELECT COUNT(*) AS n FROM attempts WHERE operation = 'update'")[0]["n"].clone();
    assert_eq!(tries, "1");
}

#[test]
fn a_number_that_somebody_else_used_is_a_hold_and_nothing_is_overwritten() {
    for company in [Company::QuickBooksUs, Company::XeroUk] {
        let first = Bench::new(company);
        first.tell(&Story::read("simple"));
        first.run();
        // Other books, the same company: the number stands there, for another order.
        let mut other = Story::read("simple");
        for (_, body) in &mut other.deliveries {
            let order = if body.get("order_id").is_some() { "order_id" } else { "id" };
            body[order] = json!(5600000009999i64);
        }
        let second = Bench::new(company);
        second.take_over_the_ledgers_of(&first);
        second.tell(&other);
        second.run();
        assert_eq!(second.state("5600000009999"), ("held".into(), "number_taken".into()), "{company:?}");
        assert_eq!(second.ledger(company), first.ledger(company));
    }
}

#[test]
fn an_object_that_lost_its_memory_adopts_what_it_posted_before() {
    for company in [Company::QuickBooksUs, Company::XeroUk] {
        let story = Story::read("simple");
        let first = told(company, &story);
        let second = Bench::new(company);
        second.take_over_the_ledgers_of(&first);
        second.clock.advance(first.clock.now() - second.clock.now() + chrono::Duration::days(40));
        second.tell(&story);
        second.run();
        assert_eq!(second.ledger(company), first.ledger(company), "{company:?}");
        assert_eq!(second.state(&story.order_id()).0, "synced");
        assert_eq!(second.rows("SELECT state FROM writes")[0]["state"], "adopted");
    }
}

#[test]
fn a_code_of_another_rate_than_the_taxes_is_a_hold_that_names_both_rates() {
    for (company, code) in [(Company::XeroUk, "RROUTPUT"), (Company::QuickBooksUk, "21")] {
        let mut settings = company.settings();
        settings["taxes"] = json!([{"country": "GB", "code": code}, {"country": "US", "code": code}]);
        let story = Story::read("simple");
        let bench = Bench::with(company, settings);
        bench.tell(&story);
        bench.run();
        let rows = bench.rows("SELECT reason, detail FROM orders");
        assert_eq!(rows[0]["reason"], "tax_unmapped", "{company:?}: {rows:?}");
        let detail = &rows[0]["detail"];
        assert!(detail.contains("at rate 0.2 ") && detail.ends_with("is for the rate 0.05"), "{detail}");
        assert!(bench.ledger(company).is_empty());
    }
}

/// The tax code's rate was wrong in the ledger; somebody corrects it there.
fn correct_the_rate(bench: &Bench, company: Company) {
    match company {
        Company::XeroUk => bench.set_up("tax_rate", &json!({"code": "RROUTPUT", "percent": "20"})),
        _ => bench.set_up("tax_code_like", &json!({"id": "21", "like": "20"})),
    }
}

fn held_for_the_rate_of_its_code(company: Company, code: &str) -> Bench {
    let mut settings = company.settings();
    settings["taxes"] = json!([{"country": "GB", "code": code}]);
    let bench = Bench::with(company, settings);
    bench.tell(&Story::read("simple"));
    bench.run();
    assert_eq!(bench.rows("SELECT reason FROM orders")[0]["reason"], "tax_unmapped");
    bench
}

#[test]
fn an_order_that_waits_for_the_rate_of_a_code_goes_on_by_itself_within_the_hour() {
    for (company, code) in [(Company::XeroUk, "RROUTPUT"), (Company::QuickBooksUk, "21")] {
        let bench = held_for_the_rate_of_its_code(company, code);
        let verdict = || bench.rows("SELECT value FROM meta WHERE key = 'checked:main'");
        let before = verdict();
        bench.clock.advance(chrono::Duration::minutes(30));
        bench.poke();
        assert_eq!(verdict(), before, "{company:?}: it is read no more than once an hour");
        correct_the_rate(&bench, company);
        bench.clock.advance(chrono::Duration::minutes(31));
        bench.poke();
        bench.run();
        assert_eq!(bench.rows("SELECT state FROM orders")[0]["state"], "synced", "{company:?}");
    }
}

#[test]
fn an_order_that_is_released_after_a_rate_was_corrected_goes_on_at_once() {
    for (company, code) in [(Company::XeroUk, "RROUTPUT"), (Company::QuickBooksUk, "21")] {
        let bench = held_for_the_rate_of_its_code(company, code);
        correct_the_rate(&bench, company);
        bench.clock.advance(chrono::Duration::minutes(6));
        bench.release(&Story::read("simple").order_id());
        bench.run();
        assert_eq!(bench.rows("SELECT state FROM orders")[0]["state"], "synced", "{company:?}");
    }
}

#[test]
fn a_code_without_conditions_takes_the_taxes_of_its_own_rate() {
    for (company, code) in [(Company::XeroUk, "OUTPUT2"), (Company::QuickBooksUk, "20")] {
        let story = Story::read("simple");
        let mut settings = company.settings();
        settings["taxes"] = json!([{"code": code}]);
        let bench = Bench::with(company, settings);
        bench.tell(&story);
        bench.run();
        assert_eq!(bench.ledger(company), told(company, &story).ledger(company));
    }
}

/// A story that is held, its reason, and what the hold has to say of it and of what to do.
#[test]
fn figures_that_cannot_be_booked_are_holds_that_show_the_arithmetic_and_the_remedy() {
    let xero_uk = "sale ought to come to 23.50 USD, Xero would compute 1 line 20.00 + tax 4.00 (20 % of 20.00) = 24.00 \
                   USD; rounding explains at most 0.01 USD";
    let one_cent_more = "QuickBooks would compute 4 lines 34.90 + tax 6.00 (20 % of 30.00) = 40.90 USD; rounding \
                         explains at most 0.03 USD";
    for (company, story, reason, detail, remedy) in [
        (Company::XeroUk, "tax_that_its_rate_does_not_give_in_xero", "total_mismatch", xero_uk, "set `tax = \"line\"`"),
        (
            Company::QuickBooksUk,
            "a_cent_more_than_for_each_taxed_line",
            "total_mismatch",
            one_cent_more,
            "the order goes on by itself",
        ),
        (
            Company::XeroUk,
            "gift_card_without_an_account",
            "account_unmapped",
            "payments.gift_card is missing: the account that a payment by `gift_card` goes to",
            "Add the named key to `lines` or `payments`",
        ),
        (
            Company::QuickBooksUs,
            "payment_in_a_third_currency",
            "currency_unusable",
            "transaction 6700000012360 is in CHF, the order in USD and USD",
            "No setting can book it",
        ),
    ] {
        let story = Story::read(story);
        let bench = told(company, &story);
        assert_eq!(bench.state(&story.order_id()), ("held".into(), reason.into()), "{}", story.name);
        let rows = bench.journal("SELECT reason, remedy FROM needs_attention");
        let said = &rows[0]["remedy"];
        assert!(
            rows[0]["reason"] == reason && said.contains(detail) && said.contains(remedy),
            "{}: {said}",
            story.name
        );
        assert!(bench.ledger(company).is_empty(), "{}", story.name);
    }
}

#[test]
fn a_kind_of_line_without_an_account_is_a_hold_that_names_its_key_and_goes_on_once_it_is_there() {
    let mut settings = Company::XeroUk.settings();
    settings["lines"].as_object_mut().unwrap().remove("tips");
    let mut bench = Bench::with(Company::XeroUk, settings);
    let story = Story::read("tip_as_a_line");
    bench.tell(&story);
    bench.run();
    assert_eq!(bench.state(&story.order_id()), ("held".into(), "account_unmapped".into()));
    let detail = &bench.rows("SELECT detail FROM orders")[0]["detail"];
    assert_eq!(detail, "lines.tips is missing, and this order has such a line");
    bench.variables.insert("CONNECTION_MAIN".into(), Company::XeroUk.settings());
    bench.turn();
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced");
}

#[test]
fn a_total_that_the_ledger_cannot_reach_goes_on_once_tax_is_a_line() {
    let story = Story::read("tax_that_its_rate_does_not_give");
    let mut bench = told(Company::QuickBooksUk, &story);
    assert_eq!(bench.state(&story.order_id()), ("held".into(), "total_mismatch".into()));
    let mut settings = Company::QuickBooksUk.settings();
    settings["tax"] = json!("line");
    bench.variables.insert("CONNECTION_MAIN".into(), settings);
    bench.turn();
    bench.run();
    assert_eq!(bench.state(&story.order_id()).0, "synced", "{:?}", bench.rows("SELECT * FROM orders"));
}

/// A paid order of so many lines, each taxed a cent higher than its rate gives.
fn a_cent_on_each_of(count: i64) -> Story {
    let mut story = Story::read("a_cent_for_each_taxed_line");
    let amount = |cents: i64| json!(format!("{}.{:02}", cents / 100, cents % 100));
    let body = &mut story.deliveries[0].1;
    let line = body["line_items"][0].clone();
    let lines = (0..count).map(|at| {
        let mut line = line.clone();
        line["id"] = json!(56_000_000_012_321i64 + at);
        line
    });
    body["line_items"] = lines.collect();
    body["shipping_lines"] = json!([]);
    let (goods, tax) = (1_000 * count, 201 * count);
    for (name, cents) in [
        ("subtotal_price", goods),
        ("total_line_items_price", goods),
        ("total_tax", tax),
        ("total_price", goods + tax),
        ("current_total_price", goods + tax),
    ] {
        body[name] = amount(cents);
        for side in ["shop_money", "presentment_money"] {
            body[format!("{name}_set")][side]["amount"] = amount(cents);
        }
    }
    story.deliveries[1].1["amount"] = amount(goods + tax);
    story
}

#[test]
fn a_rounding_line_is_never_above_half_a_unit_however_many_lines_are_taxed() {
    let most = told(Company::QuickBooksUk, &a_cent_on_each_of(50));
    let rounding = most.rows("SELECT rule, before, after FROM adjustments WHERE rule = 'ledger_rounding'");
    assert_eq!((rounding[0]["before"].as_str(), rounding[0]["after"].as_str()), ("600.00 USD", "600.50 USD"));
    let more = told(Company::QuickBooksUk, &a_cent_on_each_of(51));
    let held = &more.rows("SELECT reason, detail FROM orders")[0];
    assert_eq!(held["reason"], "total_mismatch");
    assert!(held["detail"].ends_with("= 612.00 USD; rounding explains at most 0.50 USD"), "{}", held["detail"]);
}
