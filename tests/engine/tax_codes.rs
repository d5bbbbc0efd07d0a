//! The same tax under another code: an order that moves to another country takes its tax with it, in a document that
//! nothing is attached to and in one that was paid. A setting that changes moves nothing.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::edits::{Goods, TAXED, UNTAXED, money, order, refund, tell};
use crate::support::{Bench, Company, Story};

const COMPANIES: [(Company, [&str; 2]); 2] =
    [(Company::QuickBooksUk, ["20", "21"]), (Company::XeroUk, ["OUTPUT2", "OSSOUTPUT"])];

/// A company that has a code of its own for the 20 % of each of two countries.
fn two_countries(company: Company, codes: [&str; 2]) -> Bench {
    let mut settings = company.settings();
    settings["taxes"] = json!([
        {"country": "FR", "rate": "0.2", "code": codes[0]}, {"country": "AT", "rate": "0.2", "code": codes[1]},
    ]);
    let bench = Bench::with(company, settings);
    if company == Company::QuickBooksUk {
        let mut stage = Story::read("simple");
        stage.ledger.insert("tax_code_like".into(), json!({"id": "21", "like": "20"}));
        bench.set_the_stage(&stage);
    }
    bench
}

/// By code, the tax that stands in all documents that were written, as the lines of the last write of each say.
pub fn by_code(bench: &Bench) -> Vec<(String, String)> {
    sums(bench, |line| (&line["tax"]["code"], &line["tax"]["amount"]))
}

/// The same of what a unit of each line costs.
pub fn prices_by_code(bench: &Bench) -> Vec<(String, String)> {
    sums(bench, |line| (&line["tax"]["code"], &line["unit_price"]))
}

/// The same where taxes are lines of their own: by the line's source, what stands on such lines.
pub fn by_source(bench: &Bench) -> Vec<(String, String)> {
    sums(bench, |line| (&line["source"], &line["unit_price"]))
}

/// The sums of lines, each by a name and an amount that it has; none of 0.00.
fn sums(bench: &Bench, of: impl Fn(&Value) -> (&Value, &Value)) -> Vec<(String, String)> {
    let rows = bench.rows("SELECT document FROM documents WHERE state NOT IN ('voided', 'deleted')");
    let mut sums: std::collections::BTreeMap<String, Decimal> = Default::default();
    for row in rows {
        let document: Value = serde_json::from_str(&row["document"]).unwrap();
        let content = &document["content"];
        for (kind, sign) in [("invoice", 1), ("credit_note", -1), ("refund_receipt", -1)] {
            for line in content[kind]["lines"].as_array().into_iter().flatten() {
                let (name, amount) = of(line);
                let amount: Decimal = amount.as_str().unwrap().parse().unwrap();
                // What pays back a price that fell is marked so, and is of the same line.
                let name = name.as_str().unwrap().trim_start_matches("lowered:").to_owned();
                *sums.entry(name).or_default() += amount * Decimal::from(sign);
            }
        }
    }
    sums.into_iter().filter(|(_, sum)| !sum.is_zero()).map(|(name, sum)| (name, format!("{sum:.2}"))).collect()
}

fn tax(code: &str, amount: &str) -> (String, String) {
    (code.to_owned(), amount.to_owned())
}

/// What the ledger itself has of it: the codes of its lines, as the last write of a document told them.
fn told(bench: &Bench, key: &str) -> String {
    let rows = bench.rows("SELECT document_key, request FROM writes ORDER BY id");
    rows.iter().rfind(|row| row["document_key"] == key).unwrap()["request"].clone()
}

fn writes(bench: &Bench) -> usize {
    bench.rows("SELECT 1 AS n FROM writes").len()
}

#[test]
fn an_unpaid_order_that_moves_to_another_country_has_its_tax_under_the_code_of_that() {
    for (company, codes) in COMPANIES {
        let bench = two_countries(company, codes);
        tell(&bench, "orders/create", &order(&[TAXED; 2], 2, "FR"));
        assert_eq!(by_code(&bench), [tax(codes[0], "4.00")], "{company:?}");
        tell(&bench, "orders/updated", &order(&[TAXED; 2], 3, "AT"));
        assert_eq!(by_code(&bench), [tax(codes[1], "4.00")], "{company:?}");
        assert!(told(&bench, "sale").contains(&format!(r#"\"{}\""#, codes[1])), "{}", told(&bench, "sale"));
        let before = writes(&bench);
        tell(&bench, "orders/updated", &order(&[TAXED; 2], 4, "AT"));
        assert_eq!(writes(&bench), before, "{company:?}");
    }
}

#[test]
fn a_paid_order_that_moves_to_another_country_and_back_is_adjusted_by_what_moved() {
    for (company, codes) in COMPANIES {
        let bench = two_countries(company, codes);
        tell(&bench, "orders/create", &order(&[TAXED; 2], 2, "FR"));
        tell(&bench, "order_transactions/create", &money(1, 2_400, 2));
        tell(&bench, "orders/updated", &order(&[TAXED; 2], 3, "AT"));
        assert_eq!(by_code(&bench), [tax(codes[1], "4.00")], "{company:?}");
        let rows = bench.journal("SELECT document_key, ledger_total, proof FROM documents ORDER BY seq DESC LIMIT 1");
        let of = |name: &str| rows[0][name].as_str();
        assert_eq!((of("document_key"), of("ledger_total"), of("proof")), ("adjustment:1", "0.00", "exact"));
        let noted = bench.rows("SELECT before, after FROM adjustments WHERE rule = 'tax_moved' ORDER BY field");
        assert_eq!(noted.len(), 1, "{company:?}: {noted:?}");
        assert!(noted[0]["before"].contains("FR") && noted[0]["after"].contains("AT"), "{noted:?}");
        let before = writes(&bench);
        tell(&bench, "orders/updated", &order(&[TAXED; 2], 4, "AT"));
        assert_eq!(writes(&bench), before, "{company:?}: once");
        // One more thing there, and then all of it back.
        tell(&bench, "orders/updated", &order(&[TAXED; 3], 5, "AT"));
        assert_eq!(by_code(&bench), [tax(codes[1], "6.00")], "{company:?}");
        tell(&bench, "orders/updated", &order(&[TAXED; 3], 6, "FR"));
        assert_eq!(by_code(&bench), [tax(codes[0], "6.00")], "{company:?}");
        tell(&bench, "order_transactions/create", &money(2, 1_200, 7));
        let open = bench.world.borrow().documents(company.id());
        assert!(open.iter().all(|one| one.balance.is_zero()), "{company:?}: {:?}", bench.ledger(company));
    }
}

/// One goes and the other comes: where the two have no room in one document nothing is written, rather than one of them.
#[test]
fn a_move_or_another_rate_that_has_no_room_in_a_document_waits_for_a_person() {
    for (company, codes) in COMPANIES {
        for (before, country) in [(TAXED, "AT"), (UNTAXED, "FR")] {
            let mut bench = two_countries(company, codes);
            bench.variables.get_mut("CONNECTION_MAIN").unwrap()["most_lines"] = json!(2);
            tell(&bench, "orders/create", &order(&[before], 2, "FR"));
            tell(&bench, "order_transactions/create", &money(1, if before.taxed { 1_200 } else { 1_000 }, 2));
            let written = writes(&bench);
            bench.deliver("orders/updated", &order(&[TAXED], 3, country));
            bench.run();
            let id = bench.rows("SELECT order_id FROM orders")[0]["order_id"].clone();
            assert_eq!(bench.state(&id), ("held".to_owned(), "too_many_lines".to_owned()), "{company:?} {country}");
            assert_eq!(writes(&bench), written, "{company:?} {country}: {:?}", bench.ledger(company));
        }
    }
}

#[test]
fn what_was_refunded_under_one_code_does_not_move_to_the_other() {
    for (company, codes) in COMPANIES {
        let bench = two_countries(company, codes);
        tell(&bench, "orders/create", &order(&[TAXED; 2], 2, "FR"));
        tell(&bench, "order_transactions/create", &money(1, 2_400, 2));
        let line = json!([{"id": 1, "line_item_id": 57_000_000_000_000u64, "quantity": 1, "subtotal": "10.00",
            "total_tax": "2.00", "restock_type": "return"}]);
        let refund = refund(9_200, 1_200, 3, &line);
        tell(&bench, "refunds/create", &refund);
        assert_eq!(by_code(&bench), [tax(codes[0], "2.00")], "{company:?}");
        let mut moved = order(&[Goods { left: 0, ..TAXED }, TAXED], 4, "AT");
        moved["refunds"] = json!([refund]);
        tell(&bench, "orders/updated", &moved);
        assert_eq!(by_code(&bench), [tax(codes[1], "2.00")], "{company:?}");
    }
}

/// It is a lower price for what was sold, wherever that is taxed.
#[test]
fn goodwill_that_bears_the_sales_tax_moves_with_the_sale() {
    for (company, codes) in COMPANIES {
        let mut bench = two_countries(company, codes);
        bench.variables.get_mut("CONNECTION_MAIN").unwrap()["differences_tax"] = json!("as_sold");
        let goods = [Goods { cents: 10_000, ..TAXED }];
        tell(&bench, "orders/create", &order(&goods, 2, "FR"));
        tell(&bench, "order_transactions/create", &money(1, 12_000, 2));
        let goodwill = refund(9_200, 1_200, 3, &json!([]));
        tell(&bench, "refunds/create", &goodwill);
        assert_eq!(by_code(&bench), [tax(codes[0], "18.00")], "{company:?}");
        let mut moved = order(&goods, 4, "AT");
        moved["refunds"] = json!([goodwill]);
        tell(&bench, "orders/updated", &moved);
        assert_eq!(by_code(&bench), [tax(codes[1], "18.00")], "{company:?}");
        let before = writes(&bench);
        moved["updated_at"] = json!("2026-11-05T10:15:30-05:00");
        tell(&bench, "orders/updated", &moved);
        assert_eq!(writes(&bench), before, "{company:?}: once");
    }
}

#[test]
fn what_a_refund_settled_of_an_exchange_does_not_move_to_the_other() {
    let mut story = Story::read("edited_to_something_cheaper_and_refunded_later");
    for (_, body) in story.deliveries.iter_mut().filter(|(topic, _)| topic.starts_with("orders/")) {
        body["shipping_address"]["country_code"] = json!("FR");
    }
    let (topic, mut moved) = story.deliveries.last().cloned().unwrap();
    moved["updated_at"] = json!("2026-11-06T09:00:00-05:00");
    moved["shipping_address"]["country_code"] = json!("AT");
    for (company, codes) in COMPANIES {
        let bench = two_countries(company, codes);
        bench.tell(&story);
        bench.run();
        assert_eq!(by_code(&bench), [tax(codes[0], "10.00")], "{company:?}");
        bench.deliver(&topic, &moved);
        bench.run();
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{:?}", bench.rows("SELECT detail FROM orders"));
        assert_eq!(by_code(&bench), [tax(codes[1], "10.00")], "{company:?}");
    }
}

#[test]
fn a_setting_that_changes_rewrites_nothing() {
    for (company, codes) in COMPANIES {
        for paid in [false, true] {
            let mut bench = two_countries(company, codes);
            tell(&bench, "orders/create", &order(&[TAXED; 2], 2, "FR"));
            if paid {
                tell(&bench, "order_transactions/create", &money(1, 2_400, 2));
            }
            let before = writes(&bench);
            bench.variables.get_mut("CONNECTION_MAIN").unwrap()["taxes"] = json!([{"rate": "0.2", "code": codes[1]}]);
            tell(&bench, "orders/updated", &order(&[TAXED; 2], 3, "FR"));
            assert_eq!(writes(&bench), before, "{company:?}, paid: {paid}");
            assert_eq!(by_code(&bench), [tax(codes[0], "4.00")], "{company:?}, paid: {paid}");
        }
    }
}

/// Documents that were written before it was kept what Shopify calls their taxes.
#[test]
fn a_document_that_does_not_say_where_its_taxes_are_from_is_left_as_it_is() {
    let (company, codes) = COMPANIES[0];
    let bench = two_countries(company, codes);
    tell(&bench, "orders/create", &order(&[TAXED; 2], 2, "FR"));
    let stored = &bench.rows("SELECT document FROM documents")[0]["document"];
    let mut older: Value = serde_json::from_str(stored).unwrap();
    for line in older["content"]["invoice"]["lines"].as_array_mut().unwrap() {
        line["tax"].as_object_mut().unwrap().remove("charged");
    }
    let statement = format!("UPDATE documents SET document = '{older}' RETURNING 1 AS n");
    assert_eq!(bench.rows(&statement).len(), 1);
    let before = writes(&bench);
    tell(&bench, "orders/updated", &order(&[TAXED; 2], 3, "FR"));
    tell(&bench, "orders/updated", &order(&[TAXED; 2], 4, "AT"));
    assert_eq!(writes(&bench), before);
}
