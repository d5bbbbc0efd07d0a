//! Lives that once went wrong, each by its rule.

use crate::books::verdict;
use crate::orders::Currency;
use crate::orders::plan::{
    Discount, Event, Kind, Line, Money, Payment, Plan, Rates, Refund, Shipping, ShippingShape, Tax, Tip,
};
use crate::support::Company;

pub const EUR: Currency = Currency { code: "EUR", decimals: 2 };
pub const GBP: Currency = Currency { code: "GBP", decimals: 2 };
pub const JPY: Currency = Currency { code: "JPY", decimals: 0 };
pub const KWD: Currency = Currency { code: "KWD", decimals: 3 };

pub fn one(currency: Currency) -> Money {
    Money { shop: currency, presentment: currency, rate: 1_000_000 }
}

pub fn line(price: i64, quantity: i64, tax: Tax, discount: Discount) -> Line {
    Line { kind: Kind::Goods, price, quantity, tax, discount }
}

pub fn plan(money: Money, taxes_included: bool, lines: Vec<Line>, payment: Payment, events: Vec<Event>) -> Plan {
    Plan {
        money,
        taxes_included,
        lines,
        discount: Discount::None,
        shipping: Vec::new(),
        tip: Tip::None,
        duties: 0,
        fees: 0,
        payment,
        has_customer: true,
        events,
        rates: Rates::British,
    }
}

fn back(units: Vec<i64>) -> Event {
    told(units, false)
}

/// Given back; `silent`ly, its lines say 0.00.
fn told(units: Vec<i64>, silent: bool) -> Event {
    let (shape, difference) = (ShippingShape::New, 0);
    Event::Refund(Refund { units, shipping: 0, shape, difference, pending: false, net: false, silent })
}

/// Given back with a part of the delivery: so many thousandths of it, told as `shape` has it.
pub fn of_the_delivery(units: Vec<i64>, shipping: i64, shape: ShippingShape) -> Event {
    Event::Refund(Refund { units, shipping, shape, difference: 0, pending: false, net: false, silent: false })
}

pub fn goes_right(plan: &Plan, company: Company, manner: &str) {
    for one_by_one in [true, false] {
        assert_eq!(verdict(plan, company, one_by_one, manner), Ok(()), "one by one: {one_by_one}");
    }
}

#[test]
fn goods_that_come_back_partly_paid_take_their_tax_with_them_where_tax_is_a_line() {
    let goods = vec![line(2757, 1, Tax::Twenty, Discount::None)];
    let plan = Plan { duties: 52, ..plan(one(JPY), true, goods, Payment::Partly(428), vec![back(vec![1])]) };
    goes_right(&plan, Company::XeroUs, "{}");
    goes_right(&plan, Company::XeroUk, r#"{"tax": "line"}"#);
}

#[test]
fn what_left_the_sale_lends_no_tax_to_what_comes_back_later() {
    let into = line(18416, 3, Tax::None, Discount::None);
    let exchange = Event::Exchange { line: 0, units: 1, into, settles: true };
    let goods = vec![line(85, 1, Tax::Twenty, Discount::None)];
    let paid = Payment::Paid { parts: vec![], authorised: false, failed_before: false };
    let money = Money { shop: EUR, presentment: GBP, rate: 1_181_650 };
    let plan = plan(money, true, goods, paid, vec![exchange, back(vec![99, 99])]);
    goes_right(&plan, Company::QuickBooksUs, r#"{"currency": "presentment"}"#);
}

#[test]
fn a_cash_payment_is_read_as_it_was_booked_whatever_is_added_later() {
    let goods = vec![line(18228, 3, Tax::None, Discount::None)];
    let cash = Payment::Cash { rounding: -2, stated: false };
    let added = Event::AddLine(line(1995, 2, Tax::Twenty, Discount::None));
    let plan = plan(one(EUR), true, goods, cash, vec![added]);
    assert_eq!(verdict(&plan, Company::XeroUk, true, "{}"), Ok(()));
}

#[test]
fn what_is_left_of_a_line_has_no_more_decimals_than_the_ledger() {
    let goods =
        vec![line(1995, 4, Tax::Five, Discount::Fixed(307)), line(100, 2, Tax::ZeroRated, Discount::Percent(33))];
    let into = line(193_964, 1, Tax::None, Discount::None);
    let exchange = Event::Exchange { line: 0, units: 1, into, settles: true };
    let plan = plan(one(KWD), false, goods, Payment::Authorised, vec![exchange]);
    goes_right(&plan, Company::QuickBooksUk, "{}");
}

#[test]
fn a_delivery_that_is_too_small_to_tell_its_rates_apart_takes_the_codes_that_there_are() {
    let goods = vec![line(4995, 1, Tax::Five, Discount::None)];
    let small = Shipping { price: 490, tax: Tax::Mixed(934), discount: Discount::Percent(65), removed: false };
    let paid = Payment::Paid { parts: vec![], authorised: false, failed_before: false };
    let money = Money { shop: KWD, presentment: Currency { code: "USD", decimals: 2 }, rate: 306_271 };
    let plan = Plan { shipping: vec![small], ..plan(money, true, goods, paid, vec![]) };
    goes_right(&plan, Company::XeroUk, "{}");
}

#[test]
fn units_whose_refunds_say_nothing_take_exactly_the_tax_of_their_line_with_them() {
    let goods = vec![line(100, 1, Tax::Twenty, Discount::None), line(100, 4, Tax::Twenty, Discount::Percent(36))];
    let paid = Payment::Paid { parts: vec![], authorised: false, failed_before: false };
    let plan = plan(one(GBP), false, goods, paid, vec![back(vec![0, 2]), told(vec![99, 99], true)]);
    goes_right(&plan, Company::QuickBooksUs, "{}");
}

#[test]
fn a_delivery_of_two_rates_that_came_back_unpaid_needs_no_code_of_both() {
    let goods = vec![line(7554, 4, Tax::None, Discount::None)];
    let mixed = Shipping { price: 3245, tax: Tax::Mixed(168), discount: Discount::None, removed: false };
    let delivery = Event::Refund(Refund {
        units: vec![2],
        shipping: 151,
        shape: ShippingShape::Both,
        difference: 0,
        pending: true,
        net: false,
        silent: false,
    });
    let plan = Plan { shipping: vec![mixed], ..plan(one(JPY), false, goods, Payment::Partly(266), vec![delivery]) };
    goes_right(&plan, Company::QuickBooksUk, "{}");
}

#[test]
fn what_a_refund_paid_for_at_one_rate_is_not_owed_again_at_the_rates_of_a_later_exchange() {
    let goods = vec![line(36_920, 1, Tax::Twenty, Discount::None), line(100, 1, Tax::None, Discount::None)];
    let free = Line { kind: Kind::Free, ..line(0, 1, Tax::Twenty, Discount::None) };
    let exchange = |at, into| Event::Exchange { line: at, units: 1, into, settles: true };
    let events = vec![exchange(1, free), exchange(0, line(100, 1, Tax::Twenty, Discount::None))];
    let paid = Payment::Paid { parts: vec![], authorised: false, failed_before: false };
    let plan = plan(one(GBP), false, goods, paid, events);
    goes_right(&plan, Company::QuickBooksUs, "{}");
    goes_right(&plan, Company::XeroUk, "{}");
}

#[test]
fn a_refund_that_names_nothing_gives_back_what_was_overpaid_besides_the_goods_that_it_pays_for() {
    let free = line(100, 1, Tax::Twenty, Discount::Percent(100));
    let events = vec![Event::Reduce(113), Event::Exchange { line: 0, units: 1, into: free, settles: true }];
    let paid = Payment::Paid { parts: vec![], authorised: false, failed_before: false };
    let plan = plan(one(GBP), false, vec![line(100, 2, Tax::Twenty, Discount::None)], paid, events);
    goes_right(&plan, Company::QuickBooksUk, r#"{"differences_tax": "as_sold"}"#);
}

pub fn paid(parts: Vec<i64>) -> Payment {
    Payment::Paid { parts, authorised: false, failed_before: false }
}

/// Given back by a refund whose lines are without their tax, and all of the delivery.
fn net(units: Vec<i64>) -> Event {
    let shape = ShippingShape::Legacy;
    Event::Refund(Refund { units, shipping: 1_000, shape, difference: 0, pending: false, net: true, silent: false })
}

pub fn exchange(line: usize, units: i64, into: Line, settles: bool) -> Event {
    Event::Exchange { line, units, into, settles }
}

#[test]
fn what_was_overpaid_and_covers_something_dearer_bears_its_tax() {
    let goods = vec![
        Line { kind: Kind::GiftCard, ..line(4_995, 4, Tax::None, Discount::None) },
        line(285_354, 1, Tax::Twenty, Discount::None),
    ];
    let events = vec![exchange(2, 1, line(100, 2, Tax::Twenty, Discount::Fixed(397)), true)];
    let plan = plan(one(JPY), true, goods, Payment::TooMuch(144), events);
    goes_right(&plan, Company::QuickBooksUk, r#"{"tax": "line"}"#);
    goes_right(&plan, Company::XeroUk, "{}");
}

#[test]
fn cash_that_was_not_told_as_rounded_is_read_as_the_order_says_what_is_outstanding() {
    let goods = vec![line(4_995, 1, Tax::Twenty, Discount::Fixed(387))];
    let added = Event::AddLine(line(100, 2, Tax::Five, Discount::None));
    for rounding in [-1, 1] {
        for event in [vec![added.clone()], vec![added.clone(), Event::Cancel { refund: true }]] {
            let plan = plan(one(GBP), false, goods.clone(), Payment::Cash { rounding, stated: false }, event);
            goes_right(&plan, Company::XeroUk, "{}");
            goes_right(&plan, Company::QuickBooksUk, r#"{"sale_document": "receipt"}"#);
        }
    }
}

#[test]
fn the_last_of_several_refunds_leaves_no_yen_of_tax_behind() {
    let goods = vec![
        line(4_995, 2, Tax::FifteenAndFive, Discount::None),
        line(13_388, 2, Tax::Twenty, Discount::None),
        line(1_995, 1, Tax::Twenty, Discount::None),
    ];
    let ship = |price, discount| Shipping { price, tax: Tax::Twenty, discount, removed: false };
    let events = vec![
        back(vec![1, 2, 2]),
        net(vec![99; 6]),
        Event::AddLine(line(13_641, 4, Tax::Five, Discount::Fixed(546))),
        Event::Cancel { refund: true },
    ];
    let plan = Plan {
        shipping: vec![ship(490, Discount::None), ship(0, Discount::Fixed(199))],
        fees: 21,
        ..plan(one(JPY), true, goods, paid(vec![924]), events)
    };
    goes_right(&plan, Company::QuickBooksUs, r#"{"currency": "presentment"}"#);
}

#[test]
fn what_a_cancellation_gives_back_leaves_no_tax_of_an_exchange_and_of_a_tip_behind() {
    let custom = |l| Line { kind: Kind::Custom, ..l };
    let goods = vec![
        line(1_995, 2, Tax::Twenty, Discount::Percent(33)),
        custom(line(1_995, 3, Tax::Exempt, Discount::None)),
        custom(line(166, 1, Tax::Twenty, Discount::None)),
        custom(line(999, 4, Tax::Twenty, Discount::None)),
        line(999, 1, Tax::FifteenAndFive, Discount::Fixed(511)),
    ];
    let ship = vec![
        Shipping { price: 490, tax: Tax::Exempt, discount: Discount::Fixed(400), removed: false },
        Shipping { price: 1219, tax: Tax::Mixed(496), discount: Discount::Percent(100), removed: false },
    ];
    let events = vec![
        Event::PayRest,
        net(vec![0]),
        exchange(0, 1, line(4_995, 2, Tax::ZeroRated, Discount::None), false),
        Event::Cancel { refund: true },
    ];
    let usd = Currency { code: "USD", decimals: 2 };
    let plan =
        Plan { shipping: ship, tip: Tip::Total(1979), ..plan(one(usd), true, goods, Payment::Authorised, events) };
    goes_right(&plan, Company::QuickBooksUs, r#"{"sale_document": "receipt"}"#);
}

#[test]
fn what_an_exchange_settled_bore_the_tax_that_its_credit_states_where_tax_is_a_line() {
    let custom = |l| Line { kind: Kind::Custom, ..l };
    let goods = vec![
        custom(line(304_761, 2, Tax::FifteenAndFive, Discount::None)),
        line(1_995, 3, Tax::Five, Discount::None),
        line(4_995, 1, Tax::FifteenAndFive, Discount::Percent(15)),
        line(4_995, 4, Tax::Twenty, Discount::Percent(10)),
        line(413_323, 4, Tax::Twenty, Discount::None),
    ];
    let ship = vec![Shipping { price: 490, tax: Tax::Mixed(129), discount: Discount::None, removed: false }];
    let events = vec![
        exchange(2, 2, custom(line(999, 2, Tax::Five, Discount::Percent(15))), true),
        Event::PayRest,
        exchange(0, 1, line(1_995, 2, Tax::None, Discount::None), true),
    ];
    let plan = Plan {
        discount: Discount::Percent(10),
        shipping: ship,
        fees: 178,
        ..plan(one(GBP), true, goods, Payment::TooMuch(483), events)
    };
    goes_right(&plan, Company::XeroUk, r#"{"tax": "line"}"#);
}

#[test]
fn a_lower_price_that_a_refund_paid_back_is_not_taken_back_again_by_the_last_refund() {
    let shipping = Shipping { price: 1168, tax: Tax::Mixed(904), discount: Discount::None, removed: false };
    let free = line(1_995, 3, Tax::Exempt, Discount::Percent(100));
    let events = vec![Event::Reduce(348), exchange(2, 1, free, true), Event::Cancel { refund: true }];
    let goods = vec![line(5_207, 2, Tax::Twenty, Discount::None)];
    let plan = Plan { shipping: vec![shipping], ..plan(one(EUR), false, goods, paid(vec![]), events) };
    goes_right(&plan, Company::XeroAu, "{}");
    goes_right(&plan, Company::QuickBooksUk, r#"{"tax": "line"}"#);
}

#[test]
fn a_lower_price_that_a_refund_paid_back_is_not_taken_off_again_by_a_later_edit() {
    let goods = vec![line(8_236, 4, Tax::Twenty, Discount::None), line(1_995, 4, Tax::FifteenAndFive, Discount::None)];
    let more = line(999, 1, Tax::Five, Discount::None);
    let events = vec![
        Event::Reduce(193),
        exchange(1, 2, line(999, 3, Tax::Five, Discount::None), true),
        Event::AddLine(more),
        back(vec![2, 0]),
    ];
    let plan = Plan { discount: Discount::Percent(10), ..plan(one(GBP), false, goods, paid(vec![]), events) };
    for company in [Company::XeroUs, Company::QuickBooksUs, Company::QuickBooksUk, Company::XeroUk] {
        goes_right(&plan, company, "{}");
    }
    goes_right(&plan, Company::QuickBooksUk, r#"{"tax": "line"}"#);
}

#[test]
fn an_order_of_which_only_some_cents_are_left_is_booked_with_those() {
    let custom = Line { kind: Kind::Custom, ..line(100, 1, Tax::Five, Discount::Fixed(982)) };
    let added = line(331_290, 2, Tax::Five, Discount::Percent(15));
    let money = Money { shop: Currency { code: "USD", decimals: 2 }, presentment: EUR, rate: 1_093_417 };
    let events = vec![Event::AddLine(added), Event::Cancel { refund: false }];
    let plan = plan(money, true, vec![custom], paid(vec![]), events);
    goes_right(&plan, Company::XeroUk, "{}");
}

#[test]
fn parts_of_a_delivery_that_come_back_one_after_the_other_take_their_tax_with_them_to_the_cent() {
    let told = |shape, share| of_the_delivery(vec![], share, shape);
    let shipping = Shipping { price: 3436, tax: Tax::Mixed(722), discount: Discount::None, removed: false };
    let goods = vec![line(100, 1, Tax::Twenty, Discount::None)];
    let one_rate = Shipping { price: 2752, tax: Tax::Twenty, discount: Discount::None, removed: false };
    for (shipping, taxes_included, events) in [
        (shipping, true, vec![told(ShippingShape::New, 193), told(ShippingShape::New, 52)]),
        (one_rate, false, vec![told(ShippingShape::Legacy, 734), told(ShippingShape::New, 530)]),
    ] {
        let sold = plan(one(EUR), taxes_included, goods.clone(), paid(vec![]), events);
        let plan = Plan { shipping: vec![shipping], ..sold };
        for company in [Company::XeroAu, Company::QuickBooksUk, Company::QuickBooksUs] {
            goes_right(&plan, company, "{}");
        }
    }
}

#[test]
fn of_a_delivery_that_came_back_without_money_no_tax_is_left() {
    let shipping = Shipping { price: 490, tax: Tax::Twenty, discount: Discount::None, removed: false };
    let part = |shipping| of_the_delivery(vec![], shipping, ShippingShape::New);
    let dearer = exchange(0, 1, line(999, 1, Tax::Twenty, Discount::None), false);
    let cancelled = || Event::Cancel { refund: false };
    let goods = vec![line(100, 1, Tax::Twenty, Discount::None)];
    for (payment, events) in [
        (Payment::TooMuch(1), vec![dearer, part(1_000), cancelled()]),
        (Payment::Partly(1), vec![part(46), cancelled()]),
    ] {
        let plan = Plan {
            shipping: vec![shipping.clone()],
            tip: Tip::Total(1),
            ..plan(one(GBP), false, goods.clone(), payment, events)
        };
        let life = |company| verdict(&plan, company, false, "{}");
        assert_eq!((life(Company::QuickBooksUk), life(Company::XeroUk)), (Ok(()), Ok(())));
    }
}

#[test]
fn a_line_on_which_the_tax_comes_to_nothing_bears_none_either_where_tax_is_a_line() {
    let ship = |price, tax| Shipping { price, tax, discount: Discount::None, removed: false };
    let delivery = of_the_delivery(vec![], 1_000, ShippingShape::New);
    let goods = vec![line(14_425, 1, Tax::Five, Discount::None)];
    let plan = Plan {
        shipping: vec![ship(2_380, Tax::Twenty), ship(490, Tax::Five)],
        ..plan(one(JPY), false, goods, Payment::Partly(179), vec![back(vec![99]), delivery])
    };
    assert_eq!(verdict(&plan, Company::QuickBooksUk, false, r#"{"tax": "line"}"#), Ok(()));
}

#[test]
fn what_a_marketplace_remits_of_goods_that_left_has_no_more_decimals_than_the_ledger() {
    let goods = vec![line(100, 1, Tax::Marketplace, Discount::None)];
    let events = vec![exchange(0, 1, line(100, 1, Tax::Twenty, Discount::None), false)];
    let plan = Plan { discount: Discount::Percent(10), ..plan(one(KWD), false, goods, paid(vec![]), events) };
    goes_right(&plan, Company::QuickBooksUs, "{}");
}

#[test]
fn a_gift_added_to_a_converted_order_moves_nothing_when_all_comes_back() {
    const USD: Currency = Currency { code: "USD", decimals: 2 };
    let money = Money { shop: JPY, presentment: USD, rate: 146_790_000 };
    let goods = vec![line(1995, 1, Tax::FifteenAndFive, Discount::Percent(10))];
    let paid = Payment::Paid { parts: vec![], authorised: false, failed_before: false };
    let added = Event::AddLine(line(100, 1, Tax::Twenty, Discount::Fixed(925)));
    let sent = |price, tax| Shipping { price, tax, discount: Discount::None, removed: false };
    let shipping = vec![sent(4331, Tax::None), sent(0, Tax::Twenty)];
    let plan = Plan { shipping, ..plan(money, true, goods, paid, vec![added, back(vec![99; 6])]) };
    goes_right(&plan, Company::XeroUk, "{}");
}

#[test]
fn goods_and_a_part_of_the_delivery_that_come_back_partly_paid_leave_the_tax_of_the_rest_of_it() {
    let ship = |tax| Shipping { price: 490, tax, discount: Discount::None, removed: false };
    let goods = vec![line(6_044, 2, Tax::Twenty, Discount::None)];
    let events = vec![of_the_delivery(vec![99], 59, ShippingShape::Legacy)];
    let usd = Currency { code: "USD", decimals: 2 };
    let plan = Plan {
        shipping: vec![ship(Tax::None), ship(Tax::Five)],
        ..plan(one(usd), false, goods, Payment::Partly(61), events)
    };
    goes_right(&plan, Company::QuickBooksUs, "{}");
}

#[test]
fn a_refund_of_a_cent_bears_no_tax_below_zero() {
    let goods = vec![
        line(999, 1, Tax::Five, Discount::None),
        line(372, 4, Tax::Twenty, Discount::None),
        line(1_995, 1, Tax::Twenty, Discount::None),
    ];
    let plan =
        Plan { has_customer: false, ..plan(one(GBP), false, goods, Payment::Partly(714), vec![back(vec![1, 1])]) };
    goes_right(&plan, Company::QuickBooksUs, "{}");
}

#[test]
fn a_cancelled_order_that_was_partly_paid_bears_no_tax_of_what_left_it() {
    let ship = |price, tax, removed| Shipping { price, tax, discount: Discount::None, removed };
    let goods = vec![line(100, 2, Tax::Five, Discount::Percent(10))];
    let plan = Plan {
        shipping: vec![ship(2_463, Tax::Twenty, true), ship(4_776, Tax::ZeroRated, false)],
        has_customer: false,
        ..plan(one(JPY), true, goods, Payment::Partly(356), vec![Event::Cancel { refund: false }])
    };
    for company in [Company::QuickBooksUs, Company::XeroUk] {
        assert_eq!(verdict(&plan, company, false, "{}"), Ok(()));
    }
}

#[test]
fn goods_that_came_back_without_a_word_stay_at_the_rate_that_they_had_then() {
    let goods = vec![line(4995, 3, Tax::Twenty, Discount::None), line(100, 2, Tax::Exempt, Discount::Percent(10))];
    for taxes_included in [false, true] {
        let events = vec![told(vec![1, 2], true), Event::Retax];
        let plan = plan(one(GBP), taxes_included, goods.clone(), paid(vec![]), events);
        for (company, manner) in [
            (Company::QuickBooksUk, "{}"),
            (Company::QuickBooksUk, r#"{"tax": "line"}"#),
            (Company::XeroUk, "{}"),
            (Company::QuickBooksUs, "{}"),
        ] {
            assert_eq!(verdict(&plan, company, true, manner), Ok(()), "{company:?}, {taxes_included}");
        }
    }
}

#[test]
fn goods_that_were_exchanged_before_a_tax_came_on_top_left_without_it() {
    let goods = vec![line(4995, 2, Tax::ZeroRated, Discount::None), line(4995, 3, Tax::Five, Discount::None)];
    let into = line(999, 2, Tax::ZeroRated, Discount::None);
    let plan = plan(one(GBP), false, goods, paid(vec![]), vec![exchange(1, 2, into, true), Event::Retax]);
    assert_eq!(verdict(&plan, Company::XeroAu, true, "{}"), Ok(()));
    assert_eq!(verdict(&plan, Company::XeroAu, true, r#"{"tax": "line"}"#), Ok(()));
}

#[test]
fn parts_of_several_deliveries_that_are_told_twice_come_back_each_with_its_own_tax() {
    let sent = |price, tax| Shipping { price, tax, discount: Discount::None, removed: false };
    let shipping = vec![sent(997, Tax::Twenty), sent(490, Tax::FifteenAndFive)];
    let goods = vec![line(999, 1, Tax::Five, Discount::None)];
    let events = vec![of_the_delivery(vec![], 540, ShippingShape::Both)];
    let plan = Plan { shipping, ..plan(one(GBP), true, goods, paid(vec![]), events) };
    goes_right(&plan, Company::QuickBooksUk, "{}");
}

#[test]
fn cents_by_which_parts_of_a_delivery_came_back_otherwise_move_no_total_when_the_rate_changes() {
    let goods = vec![
        line(287_442, 3, Tax::Five, Discount::None),
        line(1_995, 1, Tax::Twenty, Discount::None),
        line(999, 3, Tax::Twenty, Discount::None),
    ];
    let sent = |price, tax| Shipping { price, tax, discount: Discount::None, removed: false };
    let shipping = vec![sent(4_577, Tax::Mixed(136)), sent(252, Tax::Five)];
    let all = Event::Refund(Refund {
        units: vec![99; 6],
        shipping: 0,
        shape: ShippingShape::Both,
        difference: -26,
        pending: false,
        net: true,
        silent: true,
    });
    let plan = Plan { shipping, ..plan(one(GBP), true, goods, paid(vec![]), vec![all, Event::Retax]) };
    assert_eq!(verdict(&plan, Company::XeroUs, true, "{}"), Ok(()));
}

#[test]
fn goods_that_were_exchanged_and_paid_back_do_not_come_to_less_when_the_rate_falls() {
    let goods = vec![line(100, 1, Tax::Twenty, Discount::None), line(100, 1, Tax::Twenty, Discount::None)];
    let free = Line { kind: Kind::Free, ..line(0, 1, Tax::Twenty, Discount::None) };
    let plan = plan(one(GBP), false, goods, paid(vec![]), vec![exchange(0, 1, free, true), Event::Retax]);
    for company in [Company::QuickBooksUs, Company::QuickBooksUk, Company::XeroUk, Company::XeroUs] {
        assert_eq!(verdict(&plan, company, true, "{}"), Ok(()), "{company:?}");
    }
}
