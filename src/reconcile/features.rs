//! What an order is like, in short marks: what orders that do not match may have in common. No mark is about a person.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, FixedOffset, Timelike};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::shopify::money::Side;
use crate::shopify::{Order, OrderState};

/// The length from which a text is long: what many a field of a ledger takes.
const LONG_TEXT: usize = 255;
/// From how many lines on there are many.
const MANY_LINES: usize = 10;
/// The longest name in a mark (a gateway's).
const LONGEST_NAME: usize = 40;

/// The marks without a value, and their words.
const PLAIN: &[(&str, &str)] = &[
    ("business", "of a business customer"),
    ("cancelled", "cancelled"),
    ("discount", "discounted"),
    ("edited", "edited after they were placed"),
    ("emoji", "with an emoji in a text"),
    ("foreign_currency", "in a foreign currency"),
    ("free_shipping", "delivered free of charge"),
    ("gift_card_paid", "paid with a gift card"),
    ("gift_card_sold", "of a gift card that was sold"),
    ("long_text", "with a text of more than 255 characters"),
    ("many_lines", "of more than 10 lines"),
    ("no_customer", "of no named customer"),
    ("no_tax", "without tax"),
    ("non_latin", "with a text in another script than the Latin one"),
    ("partly_refunded", "partly refunded"),
    ("refunded", "refunded"),
    ("several_lines", "of several lines"),
    ("several_tax_rates", "of several tax rates"),
    ("tax_included", "at prices that contain tax"),
    ("test", "test orders"),
    ("tip", "with a tip"),
];

/// The upper bounds of the bands of totals.
const BANDS: [i64; 5] = [10, 50, 200, 1_000, 5_000];

/// The marks of an order, sorted, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Features(BTreeSet<String>);

impl Features {
    /// What the order is like; nothing as long as it has not arrived.
    pub fn of(state: &OrderState) -> Self {
        let Some(order) = &state.snapshot else { return Self::default() };
        let mut marks = Self::default();
        money(&mut marks, order);
        contents(&mut marks, order);
        course(&mut marks, order, state);
        texts(&mut marks, order);
        marks.at(order.created_at);
        marks
    }

    /// Features read from their marks.
    pub fn from_marks<'a>(marks: impl IntoIterator<Item = &'a str>) -> Self {
        Self(marks.into_iter().map(str::to_owned).collect())
    }

    /// Every mark.
    pub fn marks(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// True if the order has that mark.
    pub fn has(&self, mark: &str) -> bool {
        self.0.contains(mark)
    }

    fn mark_if(&mut self, is_so: bool, mark: &str) {
        if is_so {
            self.0.insert(mark.to_owned());
        }
    }

    fn mark_of(&mut self, kind: &str, value: &str) {
        let value: String = value.trim().chars().filter(|letter| !letter.is_control()).take(LONGEST_NAME).collect();
        self.mark_if(!value.is_empty(), &format!("{kind}:{value}"));
    }

    /// Day and hours of the shop's own clock.
    fn at(&mut self, at: DateTime<FixedOffset>) {
        self.mark_of("weekday", &at.weekday().to_string());
        let first = at.hour() / 6 * 6;
        self.mark_of("hour", &format!("{first:02}-{:02}", first + 6));
    }
}

fn money(marks: &mut Features, order: &Order) {
    let (side, one) = (Side::Presentment, order.one_currency());
    marks.mark_if(!one, "foreign_currency");
    if !one {
        marks.mark_of("currency", order.presentment_currency().code());
    }
    marks.mark_of("size", &band(order.total(Side::Shop).unwrap_or_default()));
    marks.mark_if(order.taxes_included, "tax_included");
    let rates: BTreeSet<Decimal> =
        order.listed_taxes().filter_map(|tax| Some(tax.rate?.0.normalize())).filter(|rate| !rate.is_zero()).collect();
    marks.mark_if(rates.len() > 1, "several_tax_rates");
    marks.mark_if(order.total_tax(side).unwrap_or_default().is_zero() && rates.is_empty(), "no_tax");
    let is_some = |discount: Option<Decimal>| discount.is_some_and(|discount| discount > Decimal::ZERO);
    let goods = order.line_items.iter().any(|line| is_some(line.discount(side, one)));
    marks.mark_if(goods || order.shipping_lines.iter().any(|line| is_some(line.discount(side, one))), "discount");
    marks.mark_if(!order.tips(side).is_zero() || order.line_items.iter().any(|line| line.is_tip()), "tip");
}

fn contents(marks: &mut Features, order: &Order) {
    let (side, one) = (Side::Presentment, order.one_currency());
    marks.mark_if(order.line_items.len() > 1, "several_lines");
    marks.mark_if(order.line_items.len() > MANY_LINES, "many_lines");
    marks.mark_if(order.line_items.iter().any(|line| line.gift_card), "gift_card_sold");
    let free =
        |price: Option<Decimal>, discount: Option<Decimal>| price.unwrap_or_default() == discount.unwrap_or_default();
    let mut delivery = order.shipping_lines.iter().filter(|line| !line.is_removed).peekable();
    let is_delivered = delivery.peek().is_some();
    marks.mark_if(
        is_delivered && delivery.all(|line| free(line.price(side, one), line.discount(side, one))),
        "free_shipping",
    );
    marks.mark_of("country", order.country().unwrap_or_default());
    marks.mark_if(order.customer.is_none(), "no_customer");
    marks.mark_if(order.company.is_some(), "business");
}

fn course(marks: &mut Features, order: &Order, state: &OrderState) {
    let told = state.transactions.values().filter(|one| one.is_receipt()).map(|one| one.gateway.as_str());
    for gateway in order.payment_gateway_names.iter().map(String::as_str).chain(told) {
        let gateway = gateway.trim().to_lowercase();
        marks.mark_if(gateway == "gift_card", "gift_card_paid");
        marks.mark_of("gateway", &gateway);
    }
    let returned: Decimal = state.transactions.values().filter(|one| one.is_refund()).map(|one| one.amount.0).sum();
    let total = order.total(Side::Presentment).unwrap_or_default();
    let is_refunded = returned > Decimal::ZERO && returned >= total;
    marks.mark_if(is_refunded, "refunded");
    marks.mark_if(returned > Decimal::ZERO && !is_refunded, "partly_refunded");
    marks.mark_if(order.cancelled_at.is_some(), "cancelled");
    marks.mark_if(order.test, "test");
    // An edit takes goods away by a refund of no money.
    let takes_away = state.refunds.values().any(|one| one.transactions.is_empty() && !one.refund_line_items.is_empty());
    let adds = order.current_total(Side::Presentment).is_some_and(|now| now > total);
    let removed = order.shipping_lines.iter().any(|line| line.is_removed);
    marks.mark_if((takes_away && order.cancelled_at.is_none()) || adds || removed, "edited");
}

fn texts(marks: &mut Features, order: &Order) {
    let customer = order.customer.iter().flat_map(|one| [&one.first_name, &one.last_name]).flatten();
    let goods = order.line_items.iter().map(|line| line.title());
    let delivery = order.shipping_lines.iter().map(|line| line.title.as_str());
    for text in goods.chain(delivery).chain(customer.map(String::as_str)) {
        marks.mark_if(has_emoji(text), "emoji");
        marks.mark_if(text.chars().any(is_non_latin), "non_latin");
        marks.mark_if(text.chars().count() > LONG_TEXT, "long_text");
    }
}

fn has_emoji(text: &str) -> bool {
    let is_emoji = |cluster: &str| !cluster.is_ascii() && !matches!(cluster, "©" | "®" | "™");
    !text.is_ascii() && text.graphemes(true).any(|cluster| is_emoji(cluster) && emojis::get(cluster).is_some())
}

/// A letter beyond the Latin ones of every language.
fn is_non_latin(letter: char) -> bool {
    const LATIN: [(char, char); 5] = [
        ('\0', '\u{2AF}'),
        ('\u{1D00}', '\u{1EFF}'),
        ('\u{2C60}', '\u{2C7F}'),
        ('\u{A720}', '\u{A7FF}'),
        ('\u{FB00}', '\u{FB06}'),
    ];
    letter.is_alphabetic() && !LATIN.iter().any(|(first, last)| (*first..=*last).contains(&letter))
}

/// The band of a total, in the shop's currency.
fn band(total: Decimal) -> String {
    if total.is_zero() {
        return "0".into();
    }
    let above = BANDS.iter().rev().find(|bound| total >= Decimal::from(**bound));
    let below = BANDS.iter().find(|bound| total < Decimal::from(**bound));
    let bound = |bound: Option<&i64>| bound.map(i64::to_string).unwrap_or_default();
    format!("{}-{}", bound(above), bound(below))
}

/// A mark in words that go after "orders are".
pub fn words(mark: &str) -> String {
    if let Some((_, words)) = PLAIN.iter().find(|(plain, _)| *plain == mark) {
        return (*words).to_owned();
    }
    let Some((kind, value)) = mark.split_once(':') else { return mark.to_owned() };
    match (kind, value) {
        ("currency", code) => format!("in {code}"),
        ("gateway", name) => format!("paid through {name}"),
        ("country", code) => format!("for a customer in {code}"),
        ("weekday", day) => format!("placed on a {}", weekday(day)),
        ("hour", span) => format!("placed between {} o'clock", span.replace('-', " and ")),
        ("size", "0") => "of nothing to pay".into(),
        ("size", band) => match band.split_once('-') {
            Some(("", below)) => format!("of less than {below} in the shop's currency"),
            Some((above, "")) => format!("of {above} or more in the shop's currency"),
            Some((above, below)) => format!("of {above} to {below} in the shop's currency"),
            None => format!("of {band}"),
        },
        _ => mark.to_owned(),
    }
}

fn weekday(short: &str) -> &str {
    match short {
        "Mon" => "Monday",
        "Tue" => "Tuesday",
        "Wed" => "Wednesday",
        "Thu" => "Thursday",
        "Fri" => "Friday",
        "Sat" => "Saturday",
        "Sun" => "Sunday",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_order_is_marked_by_what_it_is_like() {
        let money = |amount: &str, code: &str| json!({"amount": amount, "currency_code": code});
        let both = |shop: &str, buyer: &str| json!({"shop_money": money(shop, "USD"), "presentment_money": money(buyer, "EUR")});
        let order = json!({
            "id": 5600, "name": "#1001", "created_at": "2026-11-02T21:30:00-05:00", "currency": "USD",
            "presentment_currency": "EUR", "total_price": "120.00", "total_price_set": both("120.00", "100.00"),
            "total_tax": "0.00", "taxes_included": true, "payment_gateway_names": ["PayPal", "gift_card"],
            "customer": {"first_name": "Łukasz", "last_name": "Ōno"}, "company": {"id": 1},
            "shipping_address": {"country_code": "DE"},
            "line_items": [
                {"id": 1, "title": "Rocket 🚀", "quantity": 1, "price": "60.00", "price_set": both("60.00", "50.00"),
                 "discount_allocations": [{"amount": "6.00", "amount_set": both("6.00", "5.00")}]},
                {"id": 2, "title": "杯子", "quantity": 1, "price": "60.00", "price_set": both("60.00", "50.00"), "gift_card": true},
            ],
            "shipping_lines": [{"title": "Post", "price": "0.00", "price_set": both("0.00", "0.00")}],
            "refunds": [{"id": 8, "transactions": [
                {"id": 9, "kind": "refund", "status": "success", "amount": "5.00", "gateway": "paypal"}]}],
        });
        let mut state = OrderState::default();
        state.add_order(serde_json::from_value(order).unwrap());
        let marks: Vec<String> = Features::of(&state).marks().map(str::to_owned).collect();
        assert_eq!(
            marks,
            [
                "business",
                "country:DE",
                "currency:EUR",
                "discount",
                "emoji",
                "foreign_currency",
                "free_shipping",
                "gateway:gift_card",
                "gateway:paypal",
                "gift_card_paid",
                "gift_card_sold",
                "hour:18-24",
                "no_tax",
                "non_latin",
                "partly_refunded",
                "several_lines",
                "size:50-200",
                "tax_included",
                "weekday:Mon",
            ]
        );
    }

    #[test]
    fn latin_letters_of_every_language_are_latin_and_signs_are_no_emoji() {
        assert!(!"Zażółć gęślą jaźń, Đặng, ﬁ, Çelik 100 % ™".chars().any(is_non_latin));
        assert!("Ω".chars().any(is_non_latin) && "Привет".chars().any(is_non_latin));
        assert!(!has_emoji("Acme™ © ®, № 1, Zażółć") && has_emoji("❤️") && has_emoji("👩‍🚀 suit"));
    }

    #[test]
    fn every_mark_has_words() {
        let said = |mark: &str| words(mark);
        assert_eq!(said("foreign_currency"), "in a foreign currency");
        assert_eq!(said("gateway:paypal"), "paid through paypal");
        assert_eq!(said("hour:18-24"), "placed between 18 and 24 o'clock");
        assert_eq!(said("weekday:Mon"), "placed on a Monday");
        let bands =
            ["0", "4.99", "10", "199", "9999"].map(|total| words(&format!("size:{}", band(total.parse().unwrap()))));
        assert_eq!(
            bands,
            [
                "of nothing to pay",
                "of less than 10 in the shop's currency",
                "of 10 to 50 in the shop's currency",
                "of 50 to 200 in the shop's currency",
                "of 5000 or more in the shop's currency"
            ]
        );
    }
}
