//! What somebody does with an order. Plain data, so that proptest can make it smaller.

use proptest::prelude::*;

use super::Currency;

#[derive(Debug, Clone)]
pub struct Plan {
    pub money: Money,
    pub taxes_included: bool,
    pub lines: Vec<Line>,
    pub discount: Discount,
    pub shipping: Vec<Shipping>,
    pub tip: Tip,
    /// Minor units.
    pub duties: i64,
    pub fees: i64,
    pub payment: Payment,
    pub has_customer: bool,
    pub events: Vec<Event>,
    pub rates: Rates,
}

/// The rates of the country that the order is taxed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rates {
    British,
    /// One rate of 10 %, and what bears none.
    Australian,
}

/// Shop's and buyer's currency, and shop units for one of the buyer's.
#[derive(Debug, Clone, Copy)]
pub struct Money {
    pub shop: Currency,
    pub presentment: Currency,
    /// In millionths.
    pub rate: i64,
}

#[derive(Debug, Clone)]
pub struct Line {
    pub kind: Kind,
    /// Minor units, of one.
    pub price: i64,
    pub quantity: i64,
    pub tax: Tax,
    pub discount: Discount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Goods,
    /// No product behind it.
    Custom,
    /// Costs nothing.
    Free,
    GiftCard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tax {
    None,
    /// A tax line of rate 0 and amount 0.
    ZeroRated,
    /// A rate, but nothing was charged.
    Exempt,
    Twenty,
    Five,
    /// Two taxes at once.
    FifteenAndFive,
    /// The marketplace remits it.
    Marketplace,
    /// Of a delivery: the full rate on so many thousandths of it, the reduced one on the rest (§3.5).
    Mixed(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discount {
    None,
    /// Per cent of each line.
    Percent(i64),
    /// An amount, as thousandths of what it applies to.
    Fixed(i64),
}

#[derive(Debug, Clone)]
pub struct Shipping {
    pub price: i64,
    pub tax: Tax,
    pub discount: Discount,
    /// Taken away by an edit before anything was delivered here.
    pub removed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tip {
    None,
    /// Only in `total_tip_received`.
    Total(i64),
    /// There, and as a line with the mark of a tip.
    Line(i64),
}

#[derive(Debug, Clone)]
pub enum Payment {
    Unpaid,
    NetTerms,
    /// Everything; each part by its own gateway, in thousandths of what is left.
    Paid {
        parts: Vec<i64>,
        authorised: bool,
        failed_before: bool,
    },
    /// Thousandths of the total.
    Partly(i64),
    Authorised,
    /// In cash, with this rounding, in minor units; the transaction's amount states it or not.
    Cash {
        rounding: i64,
        stated: bool,
    },
    /// More than the total, by so many minor units.
    TooMuch(i64),
}

#[derive(Debug, Clone)]
pub enum Event {
    PayRest,
    Refund(Refund),
    /// The last refund of those that wait comes to this end.
    Settle {
        succeeds: bool,
    },
    AddLine(Line),
    /// Takes units of a line out of the order.
    Remove {
        line: usize,
        units: i64,
    },
    /// Units come back and something else goes out; what it is cheaper is given back at once, or not yet.
    Exchange {
        line: usize,
        units: i64,
        into: Line,
        settles: bool,
    },
    /// Another discount on everything, in thousandths.
    Reduce(i64),
    /// The order moves to where the full rate is charged on what bore the reduced one, and the other way round. Where prices
    /// contain the tax its total stays.
    Retax,
    Cancel {
        refund: bool,
    },
}

#[derive(Debug, Clone)]
pub struct Refund {
    /// Units per line, by position; more than are left means all of them.
    pub units: Vec<i64>,
    /// Thousandths of the delivery.
    pub shipping: i64,
    pub shape: ShippingShape,
    /// Thousandths of the goods: below zero it is kept (restocking), above it is given on top.
    pub difference: i64,
    pub pending: bool,
    /// `subtotal` is without tax, even where prices contain it.
    pub net: bool,
    /// Lines say 0.00 although they are refunded (§0.3).
    pub silent: bool,
}

/// Where a refund tells of its delivery (§2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShippingShape {
    New,
    Legacy,
    Both,
}

const fn currency(code: &'static str, decimals: u32) -> Currency {
    Currency { code, decimals }
}

const USD: Currency = currency("USD", 2);
const GBP: Currency = currency("GBP", 2);
const EUR: Currency = currency("EUR", 2);
const JPY: Currency = currency("JPY", 0);
const KWD: Currency = currency("KWD", 3);

fn money() -> impl Strategy<Value = Money> {
    let two = |shop, presentment, rate| Just(Money { shop, presentment, rate });
    let one = |currency| two(currency, currency, 1_000_000);
    prop_oneof![
        6 => one(USD),
        4 => one(GBP),
        2 => one(EUR),
        2 => one(JPY),
        3 => two(USD, EUR, 1_093_417),
        2 => two(GBP, USD, 787_303),
        2 => two(USD, JPY, 6_812),
        1 => two(JPY, USD, 146_790_000),
        1 => two(EUR, GBP, 1_181_650),
        1 => one(KWD),
        1 => two(KWD, USD, 306_271),
    ]
}

fn tax() -> impl Strategy<Value = Tax> {
    prop_oneof![
        6 => Just(Tax::Twenty),
        3 => Just(Tax::Five),
        2 => Just(Tax::FifteenAndFive),
        2 => Just(Tax::None),
        1 => Just(Tax::ZeroRated),
        1 => Just(Tax::Exempt),
        1 => Just(Tax::Marketplace),
    ]
}

fn discount() -> impl Strategy<Value = Discount> {
    prop_oneof![
        5 => Just(Discount::None),
        2 => prop_oneof![Just(10), Just(15), Just(33), Just(100), 1..100i64].prop_map(Discount::Percent),
        2 => (1..1000i64).prop_map(Discount::Fixed),
    ]
}

fn price() -> impl Strategy<Value = i64> {
    prop_oneof![Just(100), Just(999), Just(1995), Just(4995), 1..20_000i64, 1..500_000i64]
}

fn line() -> impl Strategy<Value = Line> {
    let kind =
        prop_oneof![10 => Just(Kind::Goods), 2 => Just(Kind::Custom), 1 => Just(Kind::Free), 1 => Just(Kind::GiftCard)];
    (kind, price(), 1..5i64, tax(), discount()).prop_map(|(kind, price, quantity, tax, discount)| match kind {
        Kind::GiftCard => Line { kind, price, quantity, tax: Tax::None, discount: Discount::None },
        Kind::Free => Line { kind, price: 0, quantity, tax, discount: Discount::None },
        _ => Line { kind, price, quantity, tax, discount },
    })
}

fn shipping() -> impl Strategy<Value = Shipping> {
    let free = prop_oneof![4 => Just(Discount::None), 1 => Just(Discount::Percent(100)), 1 => discount()];
    let removed = prop_oneof![9 => Just(false), 1 => Just(true)];
    let taxes = prop_oneof![3 => tax(), 1 => (1..1000i64).prop_map(Tax::Mixed)];
    (prop_oneof![Just(0), Just(490), 1..5_000i64], taxes, free, removed)
        .prop_map(|(price, tax, discount, removed)| Shipping { price, tax, discount, removed })
}

fn tip() -> impl Strategy<Value = Tip> {
    prop_oneof![8 => Just(Tip::None), 1 => (1..2_000i64).prop_map(Tip::Total), 1 => (1..2_000i64).prop_map(Tip::Line)]
}

fn payment() -> impl Strategy<Value = Payment> {
    let parts = prop_oneof![4 => Just(vec![]), 2 => prop::collection::vec(1..999i64, 1..3)];
    let paid = (parts, any::<bool>(), any::<bool>()).prop_map(|(parts, authorised, failed_before)| Payment::Paid {
        parts,
        authorised,
        failed_before,
    });
    prop_oneof![
        10 => paid,
        2 => Just(Payment::Unpaid),
        1 => Just(Payment::NetTerms),
        3 => (1..999i64).prop_map(Payment::Partly),
        1 => Just(Payment::Authorised),
        1 => (-2..=2i64, any::<bool>()).prop_map(|(rounding, stated)| Payment::Cash { rounding, stated }),
        1 => (1..500i64).prop_map(Payment::TooMuch),
    ]
}

fn refund() -> impl Strategy<Value = Refund> {
    let units = prop_oneof![
        2 => Just(vec![]),
        2 => Just(vec![99; 6]),
        4 => prop::collection::vec(0..3i64, 1..5),
    ];
    let shipping = prop_oneof![3 => Just(0), 2 => Just(1000), 1 => 1..1000i64];
    let shape = prop_oneof![Just(ShippingShape::New), Just(ShippingShape::Legacy), Just(ShippingShape::Both)];
    let difference = prop_oneof![5 => Just(0), 2 => -300..0i64, 1 => 1..300i64];
    let rare = || prop_oneof![5 => Just(false), 1 => Just(true)];
    (units, shipping, shape, difference, rare(), any::<bool>(), rare()).prop_map(
        |(units, shipping, shape, difference, pending, net, silent)| Refund {
            units,
            shipping,
            shape,
            difference,
            pending,
            net,
            silent,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => Just(Event::PayRest),
        6 => refund().prop_map(Event::Refund),
        2 => any::<bool>().prop_map(|succeeds| Event::Settle { succeeds }),
        2 => line().prop_map(Event::AddLine),
        2 => (0..4usize, 1..3i64).prop_map(|(line, units)| Event::Remove { line, units }),
        2 => (0..4usize, 1..3i64, line(), any::<bool>())
            .prop_map(|(line, units, into, settles)| Event::Exchange { line, units, into, settles }),
        1 => (1..400i64).prop_map(Event::Reduce),
        1 => Just(Event::Retax),
        2 => any::<bool>().prop_map(|refund| Event::Cancel { refund }),
    ]
}

/// Plans; `with_events` says whether anything happens after the sale.
pub fn plans(with_events: bool) -> impl Strategy<Value = Plan> {
    let most = if with_events { 5 } else { 1 };
    let parts = (
        money(),
        any::<bool>(),
        prop::collection::vec(line(), 1..6),
        discount(),
        prop::collection::vec(shipping(), 0..3),
        tip(),
        prop_oneof![9 => Just(0), 1 => 1..9_000i64],
        prop_oneof![9 => Just(0), 1 => 1..900i64],
        payment(),
        any::<bool>(),
        prop::collection::vec(event(), 0..most),
    );
    parts.prop_map(
        |(money, taxes_included, lines, discount, shipping, tip, duties, fees, payment, has_customer, events)| Plan {
            money,
            taxes_included,
            lines,
            discount,
            shipping,
            tip,
            duties,
            fees,
            payment,
            has_customer,
            events,
            rates: Rates::British,
        },
    )
}

impl Plan {
    pub fn payment_is_authorised(&self) -> bool {
        matches!(self.payment, Payment::Authorised | Payment::Paid { authorised: true, .. })
    }
}
