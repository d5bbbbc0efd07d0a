//! Edits of a sale that money made final, where what they change is too long for one document; and orders of any lines to
//! edit.

use serde_json::{Value, json};

use super::tax_codes::by_source;
use crate::support::{Bench, Company, Story};

/// A line of the order: its amount in cents, and whether it bears 20 %.
#[derive(Clone, Copy)]
pub struct Goods {
    pub cents: u64,
    pub taxed: bool,
    /// Units that are left of it: 1, or 0 once it was removed.
    pub left: u64,
}

pub const TAXED: Goods = Goods { cents: 1_000, taxed: true, left: 1 };
pub const UNTAXED: Goods = Goods { taxed: false, ..TAXED };

pub fn amount(cents: impl Into<i128>) -> Value {
    let cents: i128 = cents.into();
    json!(format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100))
}

pub fn set(cents: u64) -> Value {
    let money = json!({"amount": amount(cents), "currency_code": "USD"});
    json!({"shop_money": money, "presentment_money": money})
}

fn total(goods: &[Goods]) -> u64 {
    goods.iter().map(|one| if one.taxed { one.cents + one.cents / 5 } else { one.cents }).sum()
}

/// The order of `simple` with these goods and no delivery, as it is on a day of November.
pub fn order(goods: &[Goods], day: u32, country: &str) -> Value {
    let mut body = Story::read("simple").deliveries[0].1.clone();
    let model = body["line_items"][0].clone();
    let line = |(at, one): (usize, &Goods)| {
        let mut line = model.clone();
        line["id"] = json!(57_000_000_000_000u64 + at as u64);
        (line["price"], line["price_set"]) = (amount(one.cents), set(one.cents));
        (line["quantity"], line["current_quantity"]) = (json!(1), json!(one.left));
        line["tax_lines"] = json!([]);
        if one.taxed {
            let tax = one.cents / 5;
            line["tax_lines"] = json!([{"title": "VAT", "rate": 0.2, "price": amount(tax), "price_set": set(tax),
                "channel_liable": false}]);
        }
        line
    };
    body["line_items"] = goods.iter().enumerate().map(line).collect();
    body["shipping_lines"] = json!([]);
    body["updated_at"] = json!(format!("2026-11-{day:02}T10:15:30-05:00"));
    for address in ["shipping_address", "billing_address"] {
        body[address]["country_code"] = json!(country);
    }
    (body["financial_status"], body["total_outstanding"]) = (json!("pending"), Value::Null);
    let left: Vec<Goods> = goods.iter().filter(|one| one.left > 0).copied().collect();
    for (field, cents) in [("total_price", total(goods)), ("current_total_price", total(&left))] {
        (body[field], body[format!("{field}_set")]) = (amount(cents), set(cents));
    }
    body
}

/// Money that came in for it.
pub fn money(id: u64, cents: u64, day: u32) -> Value {
    let mut body = Story::read("simple").deliveries[1].1.clone();
    let at = json!(format!("2026-11-{day:02}T10:15:30-05:00"));
    (body["id"], body["amount"]) = (json!(id), amount(cents));
    (body["created_at"], body["processed_at"]) = (at.clone(), at);
    body
}

/// Money that went back for it, for these lines.
pub fn refund(id: u64, cents: impl Into<i128>, day: u32, lines: &Value) -> Value {
    let at = format!("2026-11-{day:02}T09:00:00-05:00");
    json!({
        "id": id, "order_id": 5600000001001u64, "created_at": at, "processed_at": at, "order_adjustments": [],
        "refund_line_items": lines,
        "transactions": [{
            "id": id + 1, "order_id": 5600000001001u64, "kind": "refund", "status": "success", "amount": amount(cents),
            "currency": "USD", "gateway": "shopify_payments", "created_at": at, "processed_at": at,
        }],
    })
}

pub fn tell(bench: &Bench, topic: &str, body: &Value) {
    bench.deliver(topic, body);
    bench.run();
    let (state, reason) = bench.state("5600000001001");
    assert_eq!(state, "synced", "{reason}: {:?}", bench.rows("SELECT detail FROM orders"));
}

/// Key and total of every document whose key begins so.
fn documents(bench: &Bench, beginning: &str) -> Vec<(String, String)> {
    let rows = bench.journal("SELECT * FROM documents ORDER BY seq");
    assert!(rows.iter().all(|row| row["proof"] == "exact"), "{rows:?}");
    let ours = rows.iter().filter(|row| row["document_key"].starts_with(beginning));
    ours.map(|row| (row["document_key"].clone(), row["ledger_total"].clone())).collect()
}

fn shape(keys_and_totals: &[(&str, &str)]) -> Vec<(String, String)> {
    keys_and_totals.iter().map(|(key, total)| ((*key).to_owned(), (*total).to_owned())).collect()
}

/// What is open of all invoices of the order.
fn open(bench: &Bench, company: Company) -> String {
    let documents = bench.world.borrow().documents(company.id());
    let invoices = documents.iter().filter(|one| one.kind == "Invoice");
    format!("{:.2}", invoices.map(|one| one.balance).sum::<rust_decimal::Decimal>())
}

#[test]
fn a_tax_that_came_to_hundreds_of_lines_is_several_adjustments_and_its_money_is_spread_over_them() {
    let company = Company::QuickBooksUk;
    let bench = Bench::new(company);
    tell(&bench, "orders/create", &order(&[UNTAXED; 400], 2, "GB"));
    tell(&bench, "order_transactions/create", &money(1, 400_000, 2));
    tell(&bench, "orders/updated", &order(&[TAXED; 400], 3, "GB"));
    // Each line goes and comes: 800 rows. 749 are taken, one is kept for rounding; a pair is not torn apart.
    let parts = shape(&[("adjustment:1", "748.00"), ("adjustment:2", "52.00")]);
    assert_eq!(documents(&bench, "adjustment"), parts);
    assert_eq!(open(&bench, company), "800.00");
    tell(&bench, "order_transactions/create", &money(2, 80_000, 4));
    assert_eq!(documents(&bench, "payment:2"), shape(&[("payment:2", "748.00"), ("payment:2/2", "52.00")]));
    assert_eq!(open(&bench, company), "0.00");
    tell(&bench, "orders/updated", &order(&[TAXED; 400], 5, "GB"));
    assert_eq!(documents(&bench, "adjustment"), parts, "and no further ones");
}

#[test]
fn what_is_added_to_a_paid_order_is_as_many_documents_as_the_settings_want() {
    for company in Company::ALL {
        let mut settings = company.settings();
        settings["most_lines"] = json!(10);
        let bench = Bench::with(company, settings);
        tell(&bench, "orders/create", &order(&[TAXED; 2], 2, "GB"));
        tell(&bench, "order_transactions/create", &money(1, 2_400, 2));
        tell(&bench, "orders/updated", &order(&[TAXED; 14], 3, "GB"));
        let parts = shape(&[("adjustment:1", "108.00"), ("adjustment:2", "36.00")]);
        assert_eq!(documents(&bench, "adjustment"), parts, "{company:?}");
        let numbers = bench.journal("SELECT number FROM documents WHERE document_key LIKE 'adjustment%' ORDER BY seq");
        let numbers: Vec<&str> = numbers.iter().map(|row| row["number"].as_str()).collect();
        assert_eq!(numbers, ["S-1001-A1", "S-1001-A2"], "{company:?}");
        let edits = bench.rows("SELECT before, after FROM adjustments WHERE rule = 'edited' ORDER BY document_key");
        let edits: Vec<(&str, &str)> = edits.iter().map(|row| (&*row["before"], &*row["after"])).collect();
        assert_eq!(edits, [("24.00 USD", "132.00 USD"), ("132.00 USD", "168.00 USD")], "{company:?}");
        tell(&bench, "order_transactions/create", &money(2, 14_400, 4));
        assert_eq!(open(&bench, company), "0.00", "{company:?}");
        // One more: the next one, with a number of its own.
        tell(&bench, "orders/updated", &order(&[TAXED; 15], 5, "GB"));
        assert_eq!(documents(&bench, "adjustment:3"), shape(&[("adjustment:3", "12.00")]), "{company:?}");
    }
}

#[test]
fn what_is_taken_off_a_partly_paid_order_is_credited_in_parts_that_are_applied() {
    let removed = Goods { left: 0, ..TAXED };
    for company in Company::ALL {
        let mut settings = company.settings();
        settings["most_lines"] = json!(5);
        let bench = Bench::with(company, settings);
        tell(&bench, "orders/create", &order(&[TAXED; 12], 2, "GB"));
        tell(&bench, "order_transactions/create", &money(1, 1_000, 2));
        let goods = [[TAXED; 6], [removed; 6]].concat();
        tell(&bench, "orders/updated", &order(&goods, 3, "GB"));
        let parts = shape(&[("adjustment:1", "48.00"), ("adjustment:2", "24.00")]);
        assert_eq!(documents(&bench, "adjustment"), parts, "{company:?}");
        assert_eq!(open(&bench, company), "62.00", "{company:?}");
        tell(&bench, "order_transactions/create", &money(2, 6_200, 4));
        assert_eq!(open(&bench, company), "0.00", "{company:?}");
    }
}

#[test]
fn what_cannot_be_cut_into_parts_above_zero_is_an_invoice_for_what_came_and_a_credit_for_what_went() {
    let (dear, gone) = (Goods { cents: 10_000, ..TAXED }, Goods { left: 0, ..TAXED });
    for company in Company::ALL {
        let mut settings = company.settings();
        settings["most_lines"] = json!(5);
        let bench = Bench::with(company, settings);
        tell(&bench, "orders/create", &order(&[TAXED; 8], 2, "GB"));
        tell(&bench, "order_transactions/create", &money(1, 1_000, 2));
        // One dear thing comes, and eight small ones go: no four of those are above zero by themselves.
        let goods = [vec![gone; 8], vec![dear]].concat();
        tell(&bench, "orders/updated", &order(&goods, 3, "GB"));
        assert_eq!(open(&bench, company), "110.00", "{company:?}");
        tell(&bench, "order_transactions/create", &money(2, 11_000, 4));
        assert_eq!(open(&bench, company), "0.00", "{company:?}");
    }
}

#[test]
fn what_is_added_after_the_price_fell_is_booked_although_the_lower_price_waits_for_its_refund() {
    for company in [Company::QuickBooksUs, Company::QuickBooksUk, Company::XeroUk] {
        let bench = Bench::new(company);
        let goods = |cents| Goods { cents, taxed: false, left: 1 };
        tell(&bench, "orders/create", &order(&[goods(10_000)], 2, "US"));
        tell(&bench, "order_transactions/create", &money(1, 10_000, 2));
        tell(&bench, "orders/updated", &order(&[goods(6_000)], 3, "US"));
        tell(&bench, "orders/updated", &order(&[goods(6_000), goods(3_000)], 4, "US"));
        let stands = |of: &[(&str, &str)]| {
            let of: Vec<_> = of.iter().map(|(source, sum)| ((*source).to_owned(), (*sum).to_owned())).collect();
            assert_eq!(by_source(&bench), of, "{company:?}: {:?}", bench.ledger(company));
        };
        let (first, second) = ("line:57000000000000", "line:57000000000001");
        stands(&[(first, "60.00"), (second, "30.00"), ("overpayments", "10.00")]);
        tell(&bench, "refunds/create", &refund(9_200, 1_000, 5, &json!([])));
        stands(&[(first, "60.00"), (second, "30.00")]);
    }
}

#[test]
fn what_was_overpaid_is_given_back_also_by_a_refund_that_takes_goods_back() {
    for company in [Company::QuickBooksUs, Company::QuickBooksUk, Company::XeroUk] {
        let bench = Bench::new(company);
        let goods = |left| Goods { cents: 5_000, taxed: false, left };
        tell(&bench, "orders/create", &order(&[goods(1), goods(1)], 2, "US"));
        tell(&bench, "order_transactions/create", &money(1, 11_000, 2));
        let line = json!([{"id": 1, "line_item_id": 57_000_000_000_001u64, "quantity": 1, "subtotal": amount(5_000),
            "total_tax": amount(0), "restock_type": "return"}]);
        tell(&bench, "refunds/create", &refund(9_200, 6_000, 3, &line));
        let left = [("line:57000000000000".to_owned(), "50.00".to_owned())];
        assert_eq!(by_source(&bench), left, "{company:?}: {:?}", bench.ledger(company));
    }
}

#[test]
fn what_paid_back_a_lower_price_is_no_overpayment_that_a_later_refund_gives_back() {
    for company in [Company::QuickBooksUs, Company::QuickBooksUk, Company::XeroUk] {
        let goods = |cents| Goods { cents, taxed: false, left: 1 };
        let stands = |bench: &Bench, of: &[(&str, &str)]| {
            let of: Vec<_> = of.iter().map(|(source, sum)| ((*source).to_owned(), (*sum).to_owned())).collect();
            assert_eq!(by_source(bench), of, "{company:?}: {:?}", bench.ledger(company));
        };
        let (first, second) = ("line:57000000000000", "line:57000000000001");
        // Goods are added while a part of the lower price is not paid back yet.
        let bench = Bench::new(company);
        tell(&bench, "orders/create", &order(&[goods(10_000)], 2, "US"));
        tell(&bench, "order_transactions/create", &money(1, 10_000, 2));
        tell(&bench, "orders/updated", &order(&[goods(6_000)], 3, "US"));
        tell(&bench, "refunds/create", &refund(9_200, 1_500, 4, &json!([])));
        tell(&bench, "orders/updated", &order(&[goods(6_000), goods(1_000)], 5, "US"));
        tell(&bench, "refunds/create", &refund(9_300, 1_500, 6, &json!([])));
        tell(&bench, "refunds/create", &refund(9_400, 500, 7, &json!([])));
        let kept = [(first, "60.00"), (second, "10.00"), ("refund_differences", "-5.00")];
        stands(&bench, &kept);
        let mut settled = order(&[goods(6_000), goods(1_000)], 8, "US");
        (settled["current_total_price"], settled["current_total_price_set"]) = (amount(6_500), set(6_500));
        settled["total_outstanding"] = amount(0);
        tell(&bench, "orders/updated", &settled);
        stands(&bench, &kept);
        assert_eq!(bench.state("5600000001001").1, "", "{company:?}");
        // More was paid than the total, the price falls, and more goes back than both.
        let bench = Bench::new(company);
        tell(&bench, "orders/create", &order(&[goods(10_000)], 2, "US"));
        tell(&bench, "order_transactions/create", &money(1, 11_000, 2));
        tell(&bench, "orders/updated", &order(&[goods(8_000)], 3, "US"));
        tell(&bench, "refunds/create", &refund(9_200, 3_500, 4, &json!([])));
        stands(&bench, &[(first, "80.00"), ("refund_differences", "-5.00")]);
    }
}

/// A tax that is listed and not charged is no other rate: each receipt of a refund that says nothing is of goods.
#[test]
fn goods_that_bear_a_tax_of_nothing_come_back_through_two_gateways_as_goods() {
    for company in [Company::QuickBooksUs, Company::QuickBooksUk] {
        let mut settings = company.settings();
        settings["payments"] = json!({"default": "91", "gift_card": "89"});
        let bench = Bench::with(company, settings);
        let goods = Goods { cents: 5_000, taxed: false, left: 1 };
        let mut body = order(&[goods; 3], 2, "GB");
        for line in body["line_items"].as_array_mut().unwrap() {
            line["tax_lines"] = json!([{"title": "VAT", "rate": 0.2, "price": amount(0), "price_set": set(0), "channel_liable": false}]);
        }
        tell(&bench, "orders/create", &body);
        tell(&bench, "order_transactions/create", &money(1, 15_000, 2));
        let line = |at: u64| {
            json!({"id": at, "line_item_id": 57_000_000_000_000u64 + at, "quantity": 1, "subtotal": amount(0),
                "total_tax": amount(0), "restock_type": "return"})
        };
        let mut back = refund(9_200, 6_000, 3, &json!([line(1), line(2)]));
        let mut other = back["transactions"][0].clone();
        (other["id"], other["amount"], other["gateway"]) = (json!(9_202), amount(4_000), json!("gift_card"));
        back["transactions"].as_array_mut().unwrap().push(other);
        tell(&bench, "refunds/create", &back);
        let left = [("line:57000000000000".to_owned(), "50.00".to_owned())];
        assert_eq!(by_source(&bench), left, "{company:?}: {:?}", bench.ledger(company));
    }
}

/// What a marketplace remits of goods that were removed is no other rate: two refunds pay for them, the second for all the rest.
#[test]
fn goods_with_a_marketplaces_tax_that_were_removed_are_paid_back_in_two_refunds() {
    for company in [Company::QuickBooksUs, Company::QuickBooksUk, Company::XeroUk] {
        let bench = Bench::new(company);
        let told = |left: u64, refunds: Value, day| {
            let goods = |left| Goods { cents: 10_000, taxed: false, left };
            let mut body = order(&[goods(left), goods(1)], day, "US");
            for line in body["line_items"].as_array_mut().unwrap() {
                line["tax_lines"] = json!([{"title": "State Tax", "rate": 0.07, "price": amount(700),
                    "price_set": set(700), "channel_liable": true}]);
            }
            for (field, cents) in [("total_price", 21_400), ("current_total_price", 10_700 * (1 + left))] {
                (body[field], body[format!("{field}_set")]) = (amount(cents), set(cents));
            }
            for (field, cents) in [("total_tax", 1_400), ("current_total_tax", 700 * (1 + left))] {
                (body[field], body[format!("{field}_set")]) = (amount(cents), set(cents));
            }
            body["refunds"] = refunds;
            body
        };
        tell(&bench, "orders/create", &told(1, json!([]), 2));
        tell(&bench, "order_transactions/create", &money(1, 21_400, 2));
        let mut removal = refund(
            9_100,
            0,
            3,
            &json!([{"id": 1, "line_item_id": 57_000_000_000_000u64, "quantity": 1, "subtotal": amount(10_000),
                "total_tax": amount(700), "restock_type": "cancel"}]),
        );
        removal["transactions"] = json!([]);
        let mut body = told(0, json!([removal]), 3);
        body["total_outstanding"] = amount(-10_700);
        tell(&bench, "orders/updated", &body);
        tell(&bench, "refunds/create", &refund(9_200, 5_000, 4, &json!([])));
        tell(&bench, "refunds/create", &refund(9_300, 5_700, 5, &json!([])));
        let left = [("line:57000000000001", "100.00"), ("marketplace_tax", "7.00")];
        assert_eq!(by_source(&bench), shape(&left), "{company:?}: {:?}", bench.ledger(company));
    }
}
