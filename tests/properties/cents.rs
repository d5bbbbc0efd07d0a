//! Lives that drawn cases found, about what converting and rounding leave: cents that are somebody's are never lost in it.

use super::lessons::{EUR, JPY, KWD, exchange, goes_right, line, of_the_delivery, one, paid, plan};
use crate::books::{COMPANIES, verdict};
use crate::orders::Currency;
use crate::orders::plan::{Discount, Event, Kind, Line, Money, Payment, Plan, Shipping, ShippingShape, Tax, Tip};
use crate::support::Company;

const USD: Currency = Currency { code: "USD", decimals: 2 };

#[test]
fn cents_beyond_the_total_are_owed_although_converted_lines_come_to_as_much() {
    let money = Money { shop: KWD, presentment: USD, rate: 306_271 };
    let goods = vec![line(100, 2, Tax::Twenty, Discount::Fixed(28))];
    let shipping = vec![Shipping { price: 1_066, tax: Tax::Mixed(129), discount: Discount::None, removed: false }];
    let plan = Plan { shipping, fees: 38, ..plan(money, false, goods, Payment::TooMuch(2), vec![]) };
    goes_right(&plan, Company::QuickBooksUs, r#"{"sale_document": "receipt"}"#);
}

#[test]
fn cents_of_goods_that_were_taken_off_are_told_although_conversion_may_leave_as_much() {
    let money = Money { shop: USD, presentment: EUR, rate: 1_093_417 };
    let of = |units| line(100, units, Tax::Twenty, Discount::None);
    let events = vec![Event::Remove { line: 0, units: 1 }];
    let plan = Plan {
        discount: Discount::Percent(92),
        tip: Tip::Total(1),
        duties: 1,
        ..plan(money, false, vec![of(1), of(1), of(2), of(1)], paid(vec![]), events)
    };
    assert_eq!(verdict(&plan, Company::QuickBooksUs, false, "{}"), Ok(()));
}

#[test]
fn a_refund_that_leaves_two_accounts_is_divided_into_amounts_that_the_ledger_keeps() {
    let goods = vec![line(1_995, 2, Tax::Twenty, Discount::None)];
    let plan = plan(one(KWD), false, goods, paid(vec![52]), vec![Event::Cancel { refund: true }]);
    goes_right(&plan, Company::QuickBooksUs, "{}");
}

#[test]
fn a_tax_that_comes_to_nothing_on_a_little_may_be_a_part_of_a_minor_unit_to_the_ledger() {
    let goods = vec![line(100, 1, Tax::Twenty, Discount::None), line(21_063, 4, Tax::Marketplace, Discount::None)];
    let events = vec![exchange(0, 1, line(999, 1, Tax::Five, Discount::None), false), Event::Cancel { refund: true }];
    let plan = plan(one(JPY), false, goods, Payment::TooMuch(1), events);
    assert_eq!(verdict(&plan, Company::QuickBooksUk, true, "{}"), Ok(()));
}

#[test]
fn what_is_kept_of_a_delivery_has_its_tax_and_not_that_of_all_its_rates_on_all_of_it() {
    let goods = vec![line(100, 1, Tax::Twenty, Discount::None)];
    let shipping = vec![Shipping { price: 490, tax: Tax::Mixed(6), discount: Discount::None, removed: false }];
    let added = Event::AddLine(line(100, 2, Tax::Twenty, Discount::None));
    let events = vec![added, of_the_delivery(vec![0], 1_000, ShippingShape::New)];
    let plan = Plan { shipping, ..plan(one(USD), false, goods, paid(vec![]), events) };
    goes_right(&plan, Company::QuickBooksUs, "{}");
}

#[test]
fn cents_of_one_currency_are_not_taken_for_as_many_units_of_the_other() {
    let money = Money { shop: JPY, presentment: USD, rate: 146_790_000 };
    let goods = vec![line(100, 2, Tax::Twenty, Discount::None)];
    let events = vec![Event::Remove { line: 0, units: 1 }, of_the_delivery(vec![99], 0, ShippingShape::New)];
    let plan = plan(money, false, goods, paid(vec![]), events);
    goes_right(&plan, Company::QuickBooksUs, r#"{"sale_document": "receipt"}"#);
}

#[test]
fn a_delivery_that_was_removed_before_it_was_heard_of_is_no_part_of_what_a_cancelled_order_kept() {
    let money = Money { shop: USD, presentment: EUR, rate: 1_093_417 };
    let ship = |removed| Shipping { price: 490, tax: Tax::Twenty, discount: Discount::None, removed };
    let of = || line(100, 1, Tax::Twenty, Discount::None);
    let events = vec![exchange(0, 1, of(), false), Event::Cancel { refund: false }];
    let plan = Plan { shipping: vec![ship(true), ship(false)], ..plan(money, true, vec![of()], paid(vec![]), events) };
    assert_eq!(verdict(&plan, Company::QuickBooksUs, false, r#"{"sale_document": "receipt"}"#), Ok(()));
}

#[test]
fn what_was_overpaid_and_given_back_is_no_part_of_what_later_exchanges_settle() {
    let goods = vec![line(999, 1, Tax::Twenty, Discount::None), line(100, 1, Tax::Twenty, Discount::None)];
    let events = vec![
        exchange(1, 1, line(100, 1, Tax::Twenty, Discount::Fixed(605)), true),
        exchange(0, 1, line(100, 1, Tax::None, Discount::None), true),
    ];
    let plan = plan(one(USD), false, goods, Payment::TooMuch(356), events);
    assert_eq!(verdict(&plan, Company::QuickBooksUs, true, "{}"), Ok(()));
}

#[test]
fn what_a_refund_settled_of_an_exchange_stays_as_it_was_settled_when_the_rate_changes() {
    let goods = vec![line(4_995, 1, Tax::Twenty, Discount::None)];
    let events = vec![exchange(0, 1, line(100, 2, Tax::None, Discount::Percent(10)), true), Event::Retax];
    let plan = plan(one(JPY), true, goods, paid(vec![]), events);
    assert_eq!(verdict(&plan, Company::XeroAu, true, "{}"), Ok(()));
}

#[test]
fn what_a_refund_settled_of_an_exchange_stays_as_it_was_settled_when_something_of_another_rate_is_exchanged() {
    let goods = vec![line(10_145, 3, Tax::Twenty, Discount::None), line(639, 2, Tax::None, Discount::None)];
    let events = vec![
        exchange(1, 2, line(100, 3, Tax::Twenty, Discount::None), true),
        exchange(0, 1, line(12_992, 2, Tax::Twenty, Discount::None), false),
        Event::PayRest,
    ];
    let plan = plan(one(USD), false, goods, paid(vec![]), events);
    assert_eq!(verdict(&plan, Company::QuickBooksUk, true, "{}"), Ok(()));
}

#[test]
fn what_another_refund_paid_of_goods_that_left_has_their_tax() {
    let goods = vec![line(100_000, 1, Tax::None, Discount::None), line(490, 1, Tax::Twenty, Discount::None)];
    let events = vec![
        exchange(0, 1, line(0, 1, Tax::None, Discount::None), true),
        exchange(1, 1, line(3_716, 1, Tax::Twenty, Discount::None), false),
        Event::PayRest,
    ];
    let plan = plan(one(USD), true, goods, paid(vec![]), events);
    assert_eq!(verdict(&plan, Company::XeroUk, true, "{}"), Ok(()));
}

#[test]
fn what_is_added_after_the_price_fell_is_booked_although_the_lower_price_was_not_refunded() {
    let goods = vec![line(10_000, 1, Tax::Twenty, Discount::None)];
    let gift = Line { kind: Kind::GiftCard, ..line(3_000, 1, Tax::None, Discount::None) };
    let events = vec![Event::Reduce(4_000), Event::AddLine(gift)];
    let plan = plan(one(USD), true, goods, paid(vec![]), events);
    for company in COMPANIES {
        goes_right(&plan, company, "{}");
    }
}

#[test]
fn all_that_goes_back_after_the_price_fell_leaves_nothing_on_any_account() {
    for tax in [Tax::None, Tax::Twenty] {
        let goods = vec![line(10_000, 1, tax, Discount::None)];
        let events = vec![Event::Reduce(400), Event::Cancel { refund: true }];
        let plan = plan(one(USD), true, goods, paid(vec![]), events);
        for company in COMPANIES {
            goes_right(&plan, company, "{}");
        }
    }
}

#[test]
fn what_a_cancellation_gives_back_of_duties_leaves_their_account() {
    let events = vec![of_the_delivery(vec![], 1_000, ShippingShape::New), Event::Cancel { refund: true }];
    let shipping = vec![Shipping { price: 490, tax: Tax::Five, discount: Discount::None, removed: false }];
    let goods = vec![line(100, 1, Tax::None, Discount::None)];
    let plan = Plan { shipping, duties: 5_483, ..plan(one(EUR), true, goods, paid(vec![]), events) };
    for company in COMPANIES {
        goes_right(&plan, company, "{}");
    }
}

#[test]
fn what_refunds_settled_has_its_tax_also_where_that_is_on_another_part_of_the_credit() {
    let into = |tax| line(100, 1, tax, Discount::None);
    let events = vec![exchange(0, 1, into(Tax::Marketplace), true), exchange(1, 1, into(Tax::None), true)];
    let goods = vec![line(999, 1, Tax::Twenty, Discount::None)];
    let plan = plan(one(USD), false, goods, paid(vec![11]), events);
    for company in COMPANIES {
        assert_eq!(verdict(&plan, company, true, r#"{"tax": "line"}"#), Ok(()), "{company:?}");
    }
}
