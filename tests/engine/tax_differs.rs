//! What nothing said when a refund was booked is known later, and the tax in the books is another one than Shopify says is
//! left: nothing that is booked moves by a guess, and a person is told.

use serde_json::{Value, json};

use super::edits::{Goods, amount, money, order, refund, set, tell};
use crate::support::{Bench, Company, Story};

/// Two things of 100.00 with a tax on top, as the order is on a day: so many units are `left` of each, the tax is listed at
/// `rate` and charged at `charged` percent, and so much of the money was `kept`.
struct Shown<'a> {
    rate: i64,
    charged: i64,
    left: [u64; 2],
    kept: i64,
    day: u32,
    refunds: &'a [Value],
}

impl Shown<'_> {
    /// The same where an exempt order lists no tax at all.
    fn unlisted(&self) -> Value {
        let mut body = self.body();
        body["line_items"].as_array_mut().unwrap().iter_mut().for_each(|line| line["tax_lines"] = json!([]));
        body
    }

    fn body(&self) -> Value {
        let mut body = order(&self.left.map(|left| Goods { cents: 10_000, taxed: true, left }), self.day, "GB");
        let tax = 100 * self.charged;
        for line in body["line_items"].as_array_mut().unwrap() {
            line["tax_lines"] = json!([{"title": "VAT", "rate": format!("0.{:02}", self.rate), "price": amount(tax),
                "price_set": set(tax as u64), "channel_liable": false}]);
        }
        let left = self.left.iter().sum::<u64>() as i64;
        for (field, cents) in [
            ("total_price", 2 * (10_000 + tax)),
            ("current_total_price", left * (10_000 + tax)),
            ("total_tax", 2 * tax),
            ("current_total_tax", left * tax),
        ] {
            (body[field], body[format!("{field}_set")]) = (amount(cents), set(cents as u64));
        }
        body["total_outstanding"] = amount(left * (10_000 + tax) - self.kept);
        body["refunds"] = json!(self.refunds);
        body
    }
}

/// The first thing was removed, without money.
fn removed(tax: i64) -> Value {
    let mut body = refund(
        9_100,
        0,
        3,
        &json!([{"id": 1, "line_item_id": 57_000_000_000_000u64, "quantity": 1, "subtotal": amount(10_000),
            "total_tax": amount(tax), "restock_type": "cancel"}]),
    );
    body["transactions"] = json!([]);
    body
}

fn told(bench: &Bench) -> String {
    let row = bench.rows("SELECT coalesce(reason, '') AS reason, coalesce(detail, '') AS detail FROM orders").remove(0);
    format!("{} {}", row["reason"], row["detail"])
}

/// Both are paid; the first is removed, and a refund that names nothing pays it back.
fn paid_back(bench: &Bench, tax: i64) -> [Value; 2] {
    let rate = tax / 100;
    let shown = Shown { rate, charged: rate, left: [1, 1], kept: 0, day: 2, refunds: &[] };
    let each = 10_000 + tax;
    tell(bench, "orders/create", &shown.body());
    tell(bench, "order_transactions/create", &money(1, 2 * each as u64, 2));
    let refunds = [removed(tax), refund(9_200, each, 4, &json!([]))];
    let shown = Shown { left: [0, 1], kept: 2 * each, day: 3, refunds: &refunds[..1], ..shown };
    tell(bench, "orders/updated", &shown.body());
    tell(bench, "refunds/create", &refunds[1]);
    tell(bench, "orders/updated", &Shown { kept: each, day: 4, refunds: &refunds, ..shown }.body());
    assert_eq!(told(bench), " ");
    refunds
}

#[test]
fn a_rate_that_rises_after_something_was_paid_back_leaves_another_tax_and_it_is_told() {
    for company in Company::ALL {
        let bench = Bench::new(company);
        let refunds = paid_back(&bench, 500);
        let shown = Shown { rate: 20, charged: 20, left: [0, 1], kept: 10_500, day: 5, refunds: &refunds };
        tell(&bench, "orders/updated", &shown.body());
        tell(&bench, "order_transactions/create", &money(2, 1_500, 6));
        tell(&bench, "orders/updated", &Shown { kept: 12_000, day: 6, ..shown }.body());
        let expected = "tax_differs the documents come to 12.50 USD more of tax than Shopify says is left of the order";
        assert_eq!(told(&bench), expected, "{company:?}: {:?}", bench.ledger(company));
    }
}

/// What Shopify says that the buyer has to get back is told, also where the books would take it for paid.
#[test]
fn a_tax_that_is_no_longer_charged_is_owed_to_the_buyer_and_told_until_it_is_right() {
    for (company, is_listed) in Company::ALL.into_iter().flat_map(|one| [(one, true), (one, false)]) {
        let bench = Bench::new(company);
        let as_shown = |shown: &Shown<'_>| if is_listed { shown.body() } else { shown.unlisted() };
        let [first, second] = paid_back(&bench, 2_000);
        let refunds = [first.clone(), second.clone()];
        let shown = Shown { rate: 20, charged: 0, left: [0, 1], kept: 12_000, day: 5, refunds: &refunds };
        tell(&bench, "orders/updated", &as_shown(&shown));
        let said = told(&bench);
        assert!(said.starts_with("not_refunded_yet 20.00 USD"), "{company:?}, listed: {is_listed}: {said}");
        let third = refund(9_300, 2_000, 6, &json!([]));
        tell(&bench, "refunds/create", &third);
        let refunds = [first, second, third];
        tell(&bench, "orders/updated", &as_shown(&Shown { kept: 10_000, day: 6, refunds: &refunds, ..shown }));
        // Where no tax is listed any more the refund is known to pay for it.
        let expected = "tax_differs the documents come to 20.00 USD more of tax than Shopify says is left of the order";
        let expected = if is_listed { expected } else { " " };
        assert_eq!(told(&bench), expected, "{company:?}, listed: {is_listed}: {:?}", bench.ledger(company));
    }
}

/// The refund of what an edit took off says nothing of goods: heard of before its edit, it is money beyond the goods.
#[test]
fn a_refund_that_is_booked_before_its_edit_is_heard_of_leaves_another_tax_and_it_is_told() {
    for company in Company::ALL {
        let story = Story::read("removed_after_payment");
        let bench = Bench::new(company);
        let last = story.deliveries.len() - 1;
        for (topic, body) in [&story.deliveries[..2], &story.deliveries[last - 1..last]].concat() {
            bench.deliver(&topic, &body);
            bench.run();
        }
        let mut body = story.deliveries[last].1.clone();
        for field in ["current_total_tax", "current_total_tax_set"] {
            body[field] = if field.ends_with("set") { set(1_000) } else { amount(1_000) };
        }
        bench.deliver(&story.deliveries[last].0, &body);
        bench.run();
        let expected = "tax_differs the documents come to 5.00 USD more of tax than Shopify says is left of the order";
        assert_eq!(told(&bench), expected, "{company:?}: {:?}", bench.ledger(company));
        // A person moves the difference in the ledger, and says so.
        bench.release(&story.order_id());
        bench.run();
        assert_eq!(bench.state(&story.order_id()), ("synced".into(), String::new()), "{company:?}");
    }
}

/// Nothing is booked by the figure: an order waits for nothing because of it.
#[test]
fn what_tax_is_left_holds_no_order_where_it_cannot_be_read() {
    let bench = Bench::new(Company::XeroUk);
    let mut story = Story::read("simple");
    for (_, body) in story.deliveries.iter_mut().filter(|(topic, _)| topic.starts_with("orders/")) {
        body["current_total_tax"] = json!("none");
        body["current_total_tax_set"] = json!(["none"]);
    }
    bench.tell(&story);
    bench.run();
    assert_eq!(bench.state(&story.order_id()), ("synced".into(), String::new()));
}

/// Tax that is only assumed is in no figure of Shopify's.
#[test]
fn assumed_tax_is_no_difference() {
    for company in [Company::QuickBooksUk, Company::XeroUk] {
        let mut settings = company.settings();
        let code = if company == Company::XeroUk { "OUTPUT2" } else { "20" };
        settings["included_tax"] = json!({"rate": "0.2", "code": code});
        let bench = Bench::with(company, settings);
        let shown = Shown { rate: 20, charged: 0, left: [1, 1], kept: 0, day: 2, refunds: &[] };
        let untaxed = |shown: &Shown<'_>| {
            let mut body = shown.unlisted();
            body["taxes_included"] = json!(true);
            body
        };
        tell(&bench, "orders/create", &untaxed(&shown));
        tell(&bench, "order_transactions/create", &money(1, 20_000, 2));
        tell(&bench, "orders/updated", &untaxed(&Shown { kept: 20_000, day: 3, ..shown }));
        let documents = bench.rows("SELECT document FROM documents WHERE document_key = 'sale'");
        assert!(documents[0]["document"].contains("16.67"), "it is assumed: {documents:?}");
        assert_eq!(told(&bench), " ", "{company:?}");
    }
}
