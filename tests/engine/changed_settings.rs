//! Settings that change: what is paid stays as it is booked, and later news of it is booked the same way.

use serde_json::{Value, json};

use super::edits::{Goods, amount, money, order, refund, set, tell};
use super::tax_codes::{by_code, by_source, prices_by_code};
use super::tax_rates::Sale;
use crate::support::{Bench, Company};

fn change(bench: &mut Bench, setting: &str, value: Value) {
    bench.variables.get_mut("CONNECTION_MAIN").unwrap()[setting] = value;
}

fn writes(bench: &Bench) -> usize {
    bench.rows("SELECT 1 AS n FROM writes").len()
}

fn figure(cents: i64) -> String {
    amount(cents).as_str().unwrap().to_owned()
}

/// Two units at 20 %, paid.
fn paid(bench: &Bench, sale: &Sale) {
    tell(bench, "orders/create", &sale.order(20, 2, 0, 2, &[]));
    tell(bench, "order_transactions/create", &money(1, 2 * sale.unit(20) as u64, 2));
}

#[test]
fn an_order_whose_tax_is_under_codes_stays_under_them_when_taxes_become_lines() {
    for (company, code) in [(Company::QuickBooksUk, "20"), (Company::XeroUk, "OUTPUT2")] {
        for included in [false, true] {
            let case = format!("{company:?}, included: {included}");
            let sale = Sale { included };
            let mut bench = Bench::new(company);
            paid(&bench, &sale);
            let before = writes(&bench);
            change(&mut bench, "tax", json!("line"));
            tell(&bench, "orders/updated", &sale.order(20, 2, 2 * sale.unit(20), 3, &[]));
            assert_eq!(writes(&bench), before, "{case}");
            tell(&bench, "refunds/create", &sale.refund(9_200, 20, 4));
            assert_eq!(by_code(&bench), [(code.to_owned(), figure(sale.tax(20)))], "{case}");
            assert!(by_source(&bench).iter().all(|(source, _)| !source.starts_with("tax:")), "{case}");
        }
    }
}

#[test]
fn an_order_whose_taxes_are_lines_keeps_them_when_codes_are_wanted() {
    for company in [Company::QuickBooksUk, Company::XeroUk] {
        for included in [false, true] {
            let case = format!("{company:?}, included: {included}");
            let sale = Sale { included };
            let mut settings = company.settings();
            settings["tax"] = json!("line");
            let mut bench = Bench::with(company, settings);
            paid(&bench, &sale);
            let before = writes(&bench);
            change(&mut bench, "tax", json!("codes"));
            tell(&bench, "orders/updated", &sale.order(20, 2, 2 * sale.unit(20), 3, &[]));
            assert_eq!(writes(&bench), before, "{case}");
            tell(&bench, "refunds/create", &sale.refund(9_200, 20, 4));
            let left = by_source(&bench).into_iter().find(|(source, _)| source == "tax:20 %");
            assert_eq!(left, Some(("tax:20 %".to_owned(), figure(sale.tax(20)))), "{case}");
            assert_eq!(by_code(&bench), [], "{case}");
        }
    }
}

#[test]
fn a_refund_is_under_the_code_of_its_sale_whatever_code_the_tax_has_now() {
    for all in [false, true] {
        let sale = Sale { included: true };
        let mut bench = Bench::new(Company::XeroUk);
        paid(&bench, &sale);
        change(&mut bench, "taxes", json!([{"rate": "0.2", "code": "OSSOUTPUT"}]));
        tell(&bench, "refunds/create", &sale.refund(9_200, 20, 4));
        assert_eq!(by_code(&bench), [("OUTPUT2".to_owned(), figure(sale.tax(20)))]);
        if all {
            tell(&bench, "refunds/create", &sale.refund(9_300, 20, 5));
            assert_eq!(by_code(&bench), []);
        }
    }
}

/// An order of two units of 21.00 that lists a tax of 0 %, or none.
fn without_tax(day: u32, lists: bool) -> Value {
    let mut body = Sale { included: true }.order(20, 2, 0, day, &[]);
    let none = json!([{"title": "VAT", "rate": 0, "price": amount(0), "price_set": set(0), "channel_liable": false}]);
    body["line_items"][0]["tax_lines"] = if lists { none } else { json!([]) };
    for field in ["total_tax", "current_total_tax"] {
        (body[field], body[format!("{field}_set")]) = (amount(0), set(0));
    }
    body
}

#[test]
fn a_code_for_what_bears_no_tax_moves_nothing_that_is_paid() {
    let mut bench = Bench::new(Company::XeroUk);
    tell(&bench, "orders/create", &without_tax(2, true));
    tell(&bench, "order_transactions/create", &money(1, 4_200, 2));
    let before = writes(&bench);
    let taxes = json!([{"rate": "0.2", "code": "OUTPUT2"}, {"rate": "0", "code": "ZERORATEDOUTPUT"}]);
    change(&mut bench, "taxes", taxes);
    tell(&bench, "orders/updated", &without_tax(3, true));
    assert_eq!(writes(&bench), before, "{:?}", bench.ledger(Company::XeroUk));
}

#[test]
fn a_sale_without_tax_keeps_its_code_when_taxes_become_lines() {
    let mut settings = Company::XeroUk.settings();
    settings["taxes"] = json!([{"rate": "0.2", "code": "OUTPUT2"}, {"rate": "0", "code": "ZERORATEDOUTPUT"}]);
    let mut bench = Bench::with(Company::XeroUk, settings);
    tell(&bench, "orders/create", &without_tax(2, true));
    tell(&bench, "order_transactions/create", &money(1, 4_200, 2));
    change(&mut bench, "tax", json!("line"));
    tell(&bench, "refunds/create", &Sale { included: true }.refund(9_200, 0, 4));
    // What a unit costs was sold, and came back, under one code.
    assert_eq!(prices_by_code(&bench), []);
}

#[test]
fn a_tax_that_prices_were_said_to_contain_stays_in_what_is_paid_when_they_contain_another_or_none() {
    for now in [json!({"rate": "0.05", "code": "RROUTPUT"}), json!(null)] {
        let mut settings = Company::XeroUk.settings();
        settings["included_tax"] = json!({"rate": "0.2", "code": "OUTPUT2"});
        let mut bench = Bench::with(Company::XeroUk, settings);
        tell(&bench, "orders/create", &without_tax(2, false));
        tell(&bench, "order_transactions/create", &money(1, 4_200, 2));
        let before = writes(&bench);
        if now.is_null() {
            let connection = bench.variables.get_mut("CONNECTION_MAIN").unwrap();
            connection.as_object_mut().unwrap().remove("included_tax");
        } else {
            change(&mut bench, "included_tax", now.clone());
        }
        tell(&bench, "orders/updated", &without_tax(3, false));
        assert_eq!(writes(&bench), before, "{now}: {:?}", bench.ledger(Company::XeroUk));
        tell(&bench, "refunds/create", &Sale { included: true }.refund(9_200, 0, 4));
        assert_eq!(by_code(&bench), [("OUTPUT2".to_owned(), "3.50".to_owned())], "{now}");
    }
}

#[test]
fn a_tax_that_prices_are_said_to_contain_since_is_not_in_what_is_paid() {
    let mut bench = Bench::new(Company::XeroUk);
    tell(&bench, "orders/create", &without_tax(2, false));
    tell(&bench, "order_transactions/create", &money(1, 4_200, 2));
    let before = writes(&bench);
    change(&mut bench, "included_tax", json!({"rate": "0.2", "code": "OUTPUT2"}));
    tell(&bench, "orders/updated", &without_tax(3, false));
    assert_eq!(writes(&bench), before, "{:?}", bench.ledger(Company::XeroUk));
    tell(&bench, "refunds/create", &Sale { included: true }.refund(9_200, 0, 4));
    assert_eq!(by_code(&bench), []);
}

/// In QuickBooks US no line says what its tax is for: that of an order which lists none any more was not assumed.
#[test]
fn a_tax_that_is_no_longer_listed_leaves_a_paid_order_of_a_company_without_codes() {
    let bench = Bench::new(Company::QuickBooksUs);
    let sale = Sale { included: true };
    paid(&bench, &sale);
    let mut body = without_tax(3, false);
    body["total_outstanding"] = amount(0);
    tell(&bench, "orders/updated", &body);
    assert_eq!(by_code(&bench), [], "{:?}", bench.ledger(Company::QuickBooksUs));
}

/// Where the order names no country its lines do not say what their taxes are for: that they were listed they do.
#[test]
fn a_tax_that_is_no_longer_listed_leaves_a_paid_order_that_had_no_address() {
    for company in [Company::QuickBooksUk, Company::XeroUk] {
        let bench = Bench::new(company);
        let sale = Sale { included: true };
        let mut body = sale.order(20, 2, 0, 2, &[]);
        for address in ["shipping_address", "billing_address"] {
            body[address] = Value::Null;
        }
        tell(&bench, "orders/create", &body);
        tell(&bench, "order_transactions/create", &money(1, 2 * sale.unit(20) as u64, 2));
        let mut body = without_tax(3, false);
        body["shipping_address"]["country_code"] = json!("US");
        body["total_outstanding"] = amount(0);
        tell(&bench, "orders/updated", &body);
        assert_eq!(by_code(&bench), [], "{:?}", bench.ledger(company));
    }
}

#[test]
fn a_tax_that_prices_were_said_to_contain_stays_also_where_no_code_says_it() {
    for (company, line) in [(Company::XeroUk, true), (Company::QuickBooksUk, true), (Company::QuickBooksUs, false)] {
        let mut settings = company.settings();
        settings["included_tax"] = json!({"rate": "0.2"});
        if line {
            settings["tax"] = json!("line");
        }
        let mut bench = Bench::with(company, settings);
        tell(&bench, "orders/create", &without_tax(2, false));
        tell(&bench, "order_transactions/create", &money(1, 4_200, 2));
        let before = writes(&bench);
        bench.variables.get_mut("CONNECTION_MAIN").unwrap().as_object_mut().unwrap().remove("included_tax");
        tell(&bench, "orders/updated", &without_tax(3, false));
        assert_eq!(writes(&bench), before, "{company:?}: {:?}", bench.ledger(company));
    }
}

/// A gift card bears no tax: that says nothing of the goods that come to its order later.
#[test]
fn goods_that_are_added_to_a_paid_gift_card_contain_the_tax_that_prices_are_said_to_contain() {
    let mut settings = Company::XeroUk.settings();
    settings["included_tax"] = json!({"rate": "0.2", "code": "OUTPUT2"});
    let bench = Bench::with(Company::XeroUk, settings);
    let goods = |cents| Goods { cents, taxed: false, left: 1 };
    let body = |goods: &[Goods], day| {
        let mut body = order(goods, day, "GB");
        body["line_items"][0]["gift_card"] = json!(true);
        body["taxes_included"] = json!(true);
        for field in ["total_tax", "current_total_tax"] {
            (body[field], body[format!("{field}_set")]) = (amount(0), set(0));
        }
        body
    };
    tell(&bench, "orders/create", &body(&[goods(5_000)], 2));
    tell(&bench, "order_transactions/create", &money(1, 5_000, 2));
    tell(&bench, "orders/updated", &body(&[goods(5_000), goods(1_200)], 3));
    assert_eq!(by_code(&bench), [("OUTPUT2".to_owned(), "2.00".to_owned())], "{:?}", bench.ledger(Company::XeroUk));
}

#[test]
fn another_code_for_no_tax_leaves_taxes_as_lines_what_they_are() {
    let mut settings = Company::XeroUk.settings();
    settings["tax"] = json!("line");
    let mut bench = Bench::with(Company::XeroUk, settings);
    let untaxed = Goods { cents: 4_000, taxed: false, left: 1 };
    let taxed = Goods { cents: 2_000, taxed: true, left: 1 };
    tell(&bench, "orders/create", &order(&[untaxed], 2, "GB"));
    tell(&bench, "order_transactions/create", &money(1, 4_000, 2));
    change(&mut bench, "no_tax", json!("EXEMPTOUTPUT"));
    tell(&bench, "orders/updated", &order(&[untaxed, taxed], 3, "GB"));
    let tax = by_source(&bench).into_iter().find(|(source, _)| source == "tax:20 %");
    assert_eq!(tax, Some(("tax:20 %".to_owned(), "4.00".to_owned())), "{:?}", bench.ledger(Company::XeroUk));
    // What comes back leaves the code that it was sold under.
    let line = json!([{"id": 1, "line_item_id": 57_000_000_000_000u64, "quantity": 1, "subtotal": amount(4_000),
        "total_tax": amount(0), "restock_type": "return"}]);
    tell(&bench, "refunds/create", &refund(9_200, 4_000, 4, &line));
    assert!(prices_by_code(&bench).iter().all(|(code, _)| code != "NONE"), "{:?}", prices_by_code(&bench));
}
