//! Another rate after some of it was paid back: what a refund took back stays under the rate that it was sold at, and only
//! what is left of the sale moves to the other one.

use serde_json::{Value, json};

use super::edits::{Goods, amount, money, order, refund, set, tell};
use super::tax_codes::{by_code, by_source};
use crate::support::{Bench, Company};

/// Companies, and how their taxes of 20 % and of 5 % are told apart: by code, or by the name of a line.
const COMPANIES: [(Company, bool, [&str; 2]); 4] = [
    (Company::QuickBooksUk, false, ["20", "21"]),
    (Company::XeroUk, false, ["OUTPUT2", "RROUTPUT"]),
    (Company::QuickBooksUk, true, ["tax:20 %", "tax:5 %"]),
    (Company::XeroUk, true, ["tax:20 %", "tax:5 %"]),
];

fn company(company: Company, as_line: bool) -> Bench {
    let mut settings = company.settings();
    match as_line {
        true => settings["tax"] = json!("line"),
        false => settings["differences_tax"] = json!("as_sold"),
    }
    Bench::with(company, settings)
}

/// Two units of 20.00 without tax; where prices contain it, of 21.00 at 5 % and at 20 % alike.
pub struct Sale {
    pub included: bool,
}

impl Sale {
    pub fn unit(&self, rate: i64) -> i64 {
        if self.included { 2_100 } else { 2_000 + 20 * rate }
    }

    pub fn tax(&self, rate: i64) -> i64 {
        if self.included { 2_100 * rate / (100 + rate) } else { 20 * rate }
    }

    /// The order at a rate in percent, of which so many units are left and so much of it was kept.
    pub fn order(&self, rate: i64, left: i64, kept: i64, day: u32, refunds: &[Value]) -> Value {
        let price = if self.included { 2_100 } else { 2_000 };
        let mut body = order(&[Goods { cents: 2_000, taxed: true, left: 1 }], day, "GB");
        let line = &mut body["line_items"][0];
        (line["price"], line["price_set"]) = (amount(price), set(price as u64));
        (line["quantity"], line["current_quantity"]) = (json!(2), json!(left));
        let of_it = 2 * self.tax(rate);
        line["tax_lines"] = json!([{"title": "VAT", "rate": if rate == 20 { 0.2 } else { 0.05 }, "price": amount(of_it),
            "price_set": set(of_it as u64), "channel_liable": false}]);
        for (field, cents) in [("total_price", 2 * self.unit(rate)), ("current_total_price", left * self.unit(rate))] {
            (body[field], body[format!("{field}_set")]) = (amount(cents), set(cents as u64));
        }
        for (field, cents) in [("total_tax", of_it), ("current_total_tax", left * self.tax(rate))] {
            (body[field], body[format!("{field}_set")]) = (amount(cents), set(cents as u64));
        }
        body["taxes_included"] = json!(self.included);
        body["total_outstanding"] = amount(left * self.unit(rate) - kept);
        body["refunds"] = json!(refunds);
        body
    }

    /// A unit that comes back at a rate.
    pub fn refund(&self, id: u64, rate: i64, day: u32) -> Value {
        let subtotal = self.unit(rate) - if self.included { 0 } else { self.tax(rate) };
        refund(
            id,
            self.unit(rate),
            day,
            &json!([{"id": id, "line_item_id": 57_000_000_000_000u64, "quantity": 1,
            "subtotal": amount(subtotal), "total_tax": amount(self.tax(rate)), "restock_type": "return"}]),
        )
    }
}

/// What stands in the books of each of two taxes.
fn taxes(bench: &Bench, as_line: bool, names: [&str; 2]) -> [String; 2] {
    let sums = if as_line { by_source(bench) } else { by_code(bench) };
    names.map(|name| sums.iter().find(|(known, _)| known == name).map_or("0.00".into(), |(_, sum)| sum.clone()))
}

fn told(bench: &Bench) -> String {
    bench.rows("SELECT reason || ' ' || detail AS told FROM orders")[0]["told"].clone()
}

#[test]
fn what_came_back_before_the_rate_changed_stays_under_the_rate_that_it_was_sold_at() {
    for (one, as_line, names) in COMPANIES {
        for included in [false, true] {
            for (before, after) in [(20, 5), (5, 20)] {
                let case = format!("{one:?}, as a line: {as_line}, included: {included}, {before} % to {after} %");
                let sale = Sale { included };
                let bench = company(one, as_line);
                let stand = |of_before: i64, of_after: i64| {
                    let both = if before == 20 { [of_before, of_after] } else { [of_after, of_before] };
                    let both = both.map(|cents| amount(cents).as_str().unwrap().to_owned());
                    assert_eq!(taxes(&bench, as_line, names), both, "{case}: {:?}", bench.ledger(one));
                };
                let paid = 2 * sale.unit(before);
                tell(&bench, "orders/create", &sale.order(before, 2, 0, 2, &[]));
                tell(&bench, "order_transactions/create", &money(1, paid as u64, 2));
                let first = sale.refund(9_200, before, 3);
                tell(&bench, "refunds/create", &first);
                stand(sale.tax(before), 0);
                let kept = paid - sale.unit(before);
                let body = sale.order(after, 1, kept, 4, std::slice::from_ref(&first));
                tell(&bench, "orders/updated", &body);
                let back = kept - sale.unit(after);
                // A lower price is booked once it is paid back.
                if back > 0 {
                    stand(sale.tax(before), 0)
                } else {
                    stand(0, sale.tax(after))
                }
                let said = told(&bench);
                let owed = format!("{} USD", amount(back).as_str().unwrap());
                assert_eq!(said.contains(&owed), back > 0, "{case}: {said}");
                let before_it = bench.rows("SELECT 1 AS n FROM writes").len();
                tell(&bench, "orders/updated", &sale.order(after, 1, kept, 5, std::slice::from_ref(&first)));
                assert_eq!(bench.rows("SELECT 1 AS n FROM writes").len(), before_it, "{case}: once");
                // The buyer pays what is open, or gets what is owed; then the other unit comes back as well.
                if back < 0 {
                    tell(&bench, "order_transactions/create", &money(2, -back as u64, 6));
                } else if back > 0 {
                    tell(&bench, "refunds/create", &refund(9_300, back, 6, &json!([])));
                }
                stand(0, sale.tax(after));
                assert!(!told(&bench).contains("was not refunded"), "{case}: {}", told(&bench));
                tell(&bench, "refunds/create", &sale.refund(9_400, after, 7));
                stand(0, 0);
                let open = bench.world.borrow().documents(one.id());
                assert!(open.iter().all(|one| one.balance.is_zero()), "{case}: {:?}", bench.ledger(one));
            }
        }
    }
}

/// Deliveries come in any order: the rate may change before anyone hears of a refund that was made before it, or of the order.
#[test]
fn a_refund_that_is_heard_of_after_the_rate_changed_takes_back_what_is_booked() {
    for (one, as_line, names) in COMPANIES {
        for included in [false, true] {
            for (before, after) in [(20, 5), (5, 20)] {
                for is_known in [true, false] {
                    let case = format!(
                        "{one:?}, as a line: {as_line}, included: {included}, {before} % to {after} %, known: {is_known}"
                    );
                    let sale = Sale { included };
                    let bench = company(one, as_line);
                    let paid = 2 * sale.unit(before);
                    let first = sale.refund(9_200, before, 3);
                    let kept = paid - sale.unit(before);
                    let received = money(1, paid as u64, 2);
                    if is_known {
                        tell(&bench, "orders/create", &sale.order(before, 2, 0, 2, &[]));
                        tell(&bench, "order_transactions/create", &received);
                    } else {
                        bench.deliver("order_transactions/create", &received);
                    }
                    let body = sale.order(after, 1, kept, 4, std::slice::from_ref(&first));
                    tell(&bench, "orders/updated", &body);
                    tell(&bench, "refunds/create", &first);
                    let back = kept - sale.unit(after);
                    if back < 0 {
                        tell(&bench, "order_transactions/create", &money(2, -back as u64, 6));
                    } else if back > 0 {
                        tell(&bench, "refunds/create", &refund(9_300, back, 6, &json!([])));
                    }
                    let of_after = amount(sale.tax(after)).as_str().unwrap().to_owned();
                    let of_after = if before == 20 { ["0.00".into(), of_after] } else { [of_after, "0.00".into()] };
                    assert_eq!(taxes(&bench, as_line, names), of_after, "{case}: {:?}", bench.ledger(one));
                    assert!(!told(&bench).contains("was not refunded"), "{case}: {}", told(&bench));
                    tell(&bench, "refunds/create", &sale.refund(9_400, after, 7));
                    assert_eq!(taxes(&bench, as_line, names), ["0.00", "0.00"], "{case}: {:?}", bench.ledger(one));
                }
            }
        }
    }
}

/// Goodwill that comes with such a refund is goodwill: what the lower rate makes of the price is the buyer's besides.
#[test]
fn what_a_refund_told_at_another_rate_is_beyond_the_total_only_once() {
    for (one, as_line, _) in COMPANIES {
        let sale = Sale { included: false };
        let bench = company(one, as_line);
        let mut back = sale.refund(9_200, 20, 3);
        back["order_adjustments"] = json!([{"id": 1, "kind": "refund_discrepancy", "amount": amount(-500),
            "tax_amount": amount(0)}]);
        back["transactions"][0]["amount"] = amount(2_900);
        bench.deliver("order_transactions/create", &money(1, 4_800, 2));
        let mut body = sale.order(5, 1, 1_900, 4, std::slice::from_ref(&back));
        for field in ["current_total_price", "current_total_price_set"] {
            body[field] = if field.ends_with("set") { set(1_600) } else { amount(1_600) };
        }
        body["total_outstanding"] = amount(-300);
        tell(&bench, "orders/updated", &body);
        tell(&bench, "refunds/create", &back);
        let sums = by_source(&bench);
        let of = |source: &str| sums.iter().find(|(known, _)| known == source).map(|(_, sum)| sum.as_str());
        assert_eq!(of("overpayments"), Some("3.00"), "{one:?}, {as_line}: {sums:?}");
    }
}

/// It is a lower price for what was sold, at whatever rate.
#[test]
fn goodwill_that_bears_the_sales_tax_stays_under_the_rate_and_so_does_its_part_of_the_sale() {
    for (one, _, names) in COMPANIES.into_iter().filter(|(_, as_line, _)| !as_line) {
        let sale = Sale { included: true };
        let bench = company(one, false);
        tell(&bench, "orders/create", &sale.order(20, 2, 0, 2, &[]));
        tell(&bench, "order_transactions/create", &money(1, 4_200, 2));
        let goodwill = refund(9_200, 1_200, 3, &json!([]));
        tell(&bench, "refunds/create", &goodwill);
        assert_eq!(taxes(&bench, false, names), ["5.00", "0.00"], "{one:?}");
        for day in [4, 5] {
            tell(&bench, "orders/updated", &sale.order(5, 2, 3_000, day, std::slice::from_ref(&goodwill)));
            // 30.00 was kept, 1.43 of it is 5 %.
            assert_eq!(taxes(&bench, false, names), ["0.00", "1.43"], "{one:?}");
        }
    }
}

/// Where the tax is on top of prices it keeps what it comes to, its tax included.
#[test]
fn goodwill_that_bears_the_sales_tax_stays_under_the_rate_where_the_tax_is_on_top() {
    for (one, names) in [(Company::QuickBooksUk, ["20", "21"]), (Company::XeroUk, ["OUTPUT2", "RROUTPUT"])] {
        let mut settings = one.settings();
        settings["differences_tax"] = json!("as_sold");
        let bench = Bench::with(one, settings);
        let sale = Sale { included: false };
        tell(&bench, "orders/create", &sale.order(20, 2, 0, 2, &[]));
        tell(&bench, "order_transactions/create", &money(1, 4_800, 2));
        tell(&bench, "refunds/create", &refund(9_200, 1_200, 3, &json!([])));
        assert_eq!(taxes(&bench, false, names), ["6.00", "0.00"], "{one:?}");
        let mut body = sale.order(5, 2, 3_600, 4, &[]);
        (body["current_total_price"], body["current_total_price_set"]) = (amount(3_000), set(3_000));
        body["total_outstanding"] = amount(-600);
        tell(&bench, "orders/updated", &body);
        tell(&bench, "refunds/create", &refund(9_300, 600, 5, &json!([])));
        assert_eq!(taxes(&bench, false, names), ["0.00", "1.43"], "{one:?}: {:?}", bench.ledger(one));
        assert!(!told(&bench).contains("was not refunded"), "{one:?}: {}", told(&bench));
    }
}

/// The total stays, and so does what is the buyer's; only its tax is another one.
#[test]
fn an_overpaid_order_moves_to_another_rate_as_well() {
    for (one, as_line, names) in COMPANIES {
        let sale = Sale { included: true };
        let bench = company(one, as_line);
        tell(&bench, "orders/create", &sale.order(20, 2, 0, 2, &[]));
        tell(&bench, "order_transactions/create", &money(1, 4_400, 2));
        assert_eq!(taxes(&bench, as_line, names), ["7.00", "0.00"], "{one:?}");
        for day in [4, 5] {
            tell(&bench, "orders/updated", &sale.order(5, 2, 4_400, day, &[]));
            assert_eq!(taxes(&bench, as_line, names), ["0.00", "2.00"], "{one:?}");
        }
    }
}

/// Two lines of what [`Sale`] has one of.
fn twice(mut body: Value) -> Value {
    let mut line = body["line_items"][0].clone();
    line["id"] = json!(57_000_000_000_001u64);
    body["line_items"].as_array_mut().unwrap().push(line);
    for field in ["total_price", "current_total_price", "total_tax", "current_total_tax"] {
        let cents: i64 = body[field].as_str().unwrap().replace('.', "").parse().unwrap();
        (body[field], body[format!("{field}_set")]) = (amount(2 * cents), set(2 * cents as u64));
    }
    body["total_outstanding"] = json!("0.00");
    body
}

/// Whichever of two refunds came first.
#[test]
fn goods_that_came_back_after_goodwill_stay_under_their_rate_too() {
    for (one, _, names) in COMPANIES.into_iter().filter(|(_, as_line, _)| !as_line) {
        let sale = Sale { included: true };
        let bench = company(one, false);
        tell(&bench, "orders/create", &twice(sale.order(20, 2, 0, 2, &[])));
        tell(&bench, "order_transactions/create", &money(1, 8_400, 2));
        let refunds = [refund(9_200, 120, 3, &json!([])), sale.refund(9_300, 20, 4), sale.refund(9_400, 20, 5)];
        for one in &refunds {
            tell(&bench, "refunds/create", one);
        }
        assert_eq!(taxes(&bench, false, names), ["6.80", "0.00"], "{one:?}");
        let mut moved = twice(sale.order(5, 2, 0, 6, &refunds));
        moved["line_items"][0]["current_quantity"] = json!(0);
        (moved["current_total_price"], moved["current_total_price_set"]) = (amount(4_080), set(4_080));
        tell(&bench, "orders/updated", &moved);
        // 40.80 was kept.
        assert_eq!(taxes(&bench, false, names), ["0.00", "1.94"], "{one:?}");
    }
}

/// Untaxed goods of 10.00 and a delivery of 12.00 with its tax in it, at rates in percent and what each comes to.
fn delivered(day: u32, taxes: &[(i64, u64)], outstanding: i64, refunds: &[Value]) -> Value {
    let mut body = order(&[Goods { cents: 1_000, taxed: false, left: 1 }], day, "GB");
    let tax_line = |(rate, cents): &(i64, u64)| {
        json!({"title": "VAT", "rate": if *rate == 20 { 0.2 } else { 0.05 }, "price": amount(*cents), "price_set": set(*cents),
            "channel_liable": false})
    };
    body["shipping_lines"] = json!([{"id": 1, "title": "Standard", "price": amount(1_200), "price_set": set(1_200),
        "discounted_price": amount(1_200), "discounted_price_set": set(1_200), "discount_allocations": [],
        "is_removed": false, "tax_lines": taxes.iter().map(tax_line).collect::<Vec<_>>()}]);
    for field in ["total_price", "current_total_price"] {
        (body[field], body[format!("{field}_set")]) = (amount(2_200), set(2_200));
    }
    let tax: u64 = taxes.iter().map(|(_, cents)| cents).sum();
    for field in ["total_tax", "current_total_tax"] {
        (body[field], body[format!("{field}_set")]) = (amount(tax), set(tax));
    }
    body["total_shipping_price_set"] = set(1_200);
    body["taxes_included"] = json!(true);
    body["total_outstanding"] = amount(outstanding);
    body["refunds"] = json!(refunds);
    body
}

#[test]
fn what_came_back_of_a_delivery_stays_at_its_rates_when_the_delivery_is_divided_in_another_way() {
    const DIVIDED: &[(i64, u64)] = &[(20, 100), (5, 29)];
    const ELSE: &[(i64, u64)] = &[(20, 133), (5, 19)];
    const ONE: &[(i64, u64)] = &[(20, 200)];
    // What came back of it and of its tax, and what of both taxes stands in the books afterwards.
    for (before, after, back, tax, left) in [
        (DIVIDED, ONE, 1_200, 129, ["0.00", "0.00"]),
        (ONE, DIVIDED, 1_200, 200, ["0.00", "0.00"]),
        (DIVIDED, ELSE, 1_200, 129, ["0.00", "0.00"]),
        (DIVIDED, ONE, 600, 64, ["1.00", "0.00"]),
    ] {
        for (one, as_line, names) in COMPANIES {
            let case = format!("{one:?}, as a line: {as_line}, {before:?} to {after:?}, {back} back");
            let bench = company(one, as_line);
            tell(&bench, "orders/create", &delivered(2, before, 2_200, &[]));
            tell(&bench, "order_transactions/create", &money(1, 2_200, 2));
            let mut returned = refund(9_200, back, 3, &json!([]));
            returned["order_adjustments"] = json!([{"id": 1, "kind": "shipping_refund", "reason": "Shipping refund",
                "amount": amount(tax - back), "tax_amount": amount(-tax)}]);
            tell(&bench, "refunds/create", &returned);
            let body = delivered(4, after, 0, std::slice::from_ref(&returned));
            let mut body = body;
            let kept = (2_200 - back) as u64;
            (body["current_total_price"], body["current_total_price_set"]) = (amount(kept), set(kept));
            tell(&bench, "orders/updated", &body);
            assert_eq!(taxes(&bench, as_line, names), left.map(str::to_owned), "{case}: {:?}", bench.ledger(one));
            let writes = || bench.rows("SELECT 1 AS n FROM writes").len();
            let before_it = writes();
            body["updated_at"] = json!("2026-11-05T10:15:30-05:00");
            tell(&bench, "orders/updated", &body);
            assert_eq!(writes(), before_it, "{case}: once");
        }
    }
}

/// How a refund of a delivery divides it among its rates may be a cent off the delivery's own lines.
#[test]
fn a_cent_by_which_the_parts_of_a_delivery_came_back_otherwise_moves_nothing() {
    for (one, as_line, _) in COMPANIES {
        let case = format!("{one:?}, as a line: {as_line}");
        let bench = company(one, as_line);
        let told = |day, outstanding, refunds: &[Value]| {
            let mut body = delivered(day, &[(20, 100), (5, 33)], outstanding, refunds);
            let shipping = &mut body["shipping_lines"][0];
            for field in ["price", "discounted_price"] {
                (shipping[field], shipping[format!("{field}_set")]) = (amount(1_149), set(1_149));
            }
            for field in ["total_price", "current_total_price"] {
                (body[field], body[format!("{field}_set")]) = (amount(2_282), set(2_282));
            }
            body["total_shipping_price_set"] = set(1_149);
            body["taxes_included"] = json!(false);
            body
        };
        tell(&bench, "orders/create", &told(2, 2_282, &[]));
        tell(&bench, "order_transactions/create", &money(1, 2_282, 2));
        let mut returned = refund(9_200, 1_282, 3, &json!([]));
        returned["order_adjustments"] = json!([{"id": 1, "kind": "shipping_refund", "reason": "Shipping refund",
            "amount": amount(-1_149), "tax_amount": amount(-133)}]);
        tell(&bench, "refunds/create", &returned);
        let mut body = told(4, 0, std::slice::from_ref(&returned));
        (body["current_total_price"], body["current_total_price_set"]) = (amount(1_000), set(1_000));
        tell(&bench, "orders/updated", &body);
        let ledger = bench.ledger(one);
        assert!(ledger.iter().all(|one| !one.contains("-A1")), "{case}: {ledger:?}");
    }
}

/// Each part of a removed delivery is paid back at its own rate, and nothing of it is left for a later refund.
#[test]
fn a_removed_delivery_of_two_rates_on_top_of_its_price_is_paid_back_once() {
    for one in [Company::QuickBooksUk, Company::XeroUk] {
        let bench = company(one, false);
        let told = |day, removed: bool, refunds: &[Value]| {
            let mut body = delivered(day, &[(20, 120), (5, 20)], if removed { -1_140 } else { 0 }, refunds);
            let shipping = &mut body["shipping_lines"][0];
            for field in ["price", "discounted_price"] {
                (shipping[field], shipping[format!("{field}_set")]) = (amount(1_000), set(1_000));
            }
            shipping["is_removed"] = json!(removed);
            (body["total_price"], body["total_price_set"]) = (amount(2_140), set(2_140));
            let current = if removed { 1_000 } else { 2_140 };
            (body["current_total_price"], body["current_total_price_set"]) = (amount(current), set(current));
            body["total_shipping_price_set"] = set(1_000);
            body["taxes_included"] = json!(false);
            body
        };
        tell(&bench, "orders/create", &told(2, false, &[]));
        tell(&bench, "order_transactions/create", &money(1, 2_140, 2));
        tell(&bench, "orders/updated", &told(3, true, &[]));
        tell(&bench, "refunds/create", &refund(9_200, 1_140, 4, &json!([])));
        tell(&bench, "refunds/create", &refund(9_300, 500, 5, &json!([])));
        let ledger = bench.ledger(one);
        let left = by_source(&bench);
        assert!(left.iter().all(|(source, _)| !source.starts_with("shipping")), "{one:?}: {left:?} {ledger:?}");
    }
}
