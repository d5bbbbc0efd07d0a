//! A shop's orders, drawn with a seed: in two currencies, of one line or several, with discounts, taxes, emoji and long
//! texts, paid and on account, some cancelled and some given back.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};

/// Chance that repeats: the same seed gives the same shop.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xA076_1D64_78BD_642F) ^ 0x9E37_79B9_7F4A_7C15)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `count`.
    pub fn below(&mut self, count: u64) -> u64 {
        self.bits() % count.max(1)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, cases: u64) -> bool {
        self.below(100) < cases
    }

    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

const PLAIN: [&str; 10] = [
    "Espresso cup",
    "Linen apron",
    "Olive oil soap",
    "Walnut board",
    "Enamel jug",
    "Wool blanket",
    "Beeswax candle",
    "Stoneware bowl",
    "Bread knife",
    "Tea towel",
];
const WITH_EMOJI: [&str; 4] =
    ["Sun hat ☀️ wide brim", "Birthday mug 🎂 large", "Garden set 🌱 for children", "Puzzle 🧩 500 pieces"];
const LONG: &str = "Handmade serving tray from reclaimed oak, oiled twice, with two forged iron handles, felt feet, and room for \
                    six glasses or a teapot with its cups; each one differs in grain and colour, and can be engraved on request";

pub struct Item {
    pub title: &'static str,
    /// Minor units of the buyer's currency, before discounts and taxes.
    pub price: i64,
    pub quantity: i64,
    pub discount: i64,
}

/// What a shop lives in.
#[derive(Clone, Copy)]
pub struct Country {
    pub currency: &'static str,
    /// Basis points.
    pub tax: i64,
}

/// What became of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Course {
    Paid,
    OnAccount,
    /// Cancelled before anything was paid.
    Cancelled,
    /// Paid, then cancelled and given back whole.
    GivenBack,
}

pub struct Sale {
    pub id: u64,
    /// What stands before the number in its name.
    pub prefix: &'static str,
    pub number: u64,
    pub at: DateTime<Utc>,
    pub items: Vec<Item>,
    pub shipping: i64,
    pub course: Course,
    country: Country,
    /// Basis points; nothing where goods leave the country.
    pub tax_rate: i64,
    /// The buyer's currency, and how many of the shop's units a thousand of it are.
    buyer: (&'static str, i64),
    gateway: &'static str,
    customer: u64,
}

/// So many orders, made one after the other in the thirty days before `until`.
pub fn draw(seed: u64, count: u64, until: DateTime<Utc>, country: Country) -> Vec<Sale> {
    let mut chance = Chance::new(seed);
    let begin = until - Duration::days(30);
    let step = Duration::days(29).num_seconds() / i64::try_from(count).unwrap();
    (0..count)
        .map(|at| {
            let late = i64::try_from(chance.below(step.unsigned_abs())).unwrap();
            let moment = begin + Duration::seconds(step * i64::try_from(at).unwrap() + late);
            sale(&mut chance, at, moment, country)
        })
        .collect()
}

fn sale(chance: &mut Chance, at: u64, moment: DateTime<Utc>, country: Country) -> Sale {
    let is_foreign = chance.percent(14);
    let abroad = if country.currency == "EUR" { "USD" } else { "EUR" };
    // Both are exact to the cent for amounts of whole units.
    let buyer = if is_foreign { (abroad, 1_250) } else { (country.currency, 1_000) };
    let lines = if chance.percent(30) { 2 + chance.below(3) } else { 1 };
    let unit = if is_foreign { 100 } else { 1 };
    let items = (0..lines)
        .map(|_| {
            let price = match unit {
                100 => 100 * i64::try_from(5 + chance.below(120)).unwrap(),
                _ => i64::try_from(500 + chance.below(12_000)).unwrap(),
            };
            let title = match chance.below(100) {
                0..2 => *chance.pick(&WITH_EMOJI),
                2 => LONG,
                _ => *chance.pick(&PLAIN),
            };
            let quantity = i64::try_from(1 + chance.below(3)).unwrap();
            let discount = if chance.percent(12) { (price * quantity / 10 / unit) * unit } else { 0 };
            Item { title, price, quantity, discount }
        })
        .collect();
    let course = match chance.below(100) {
        0..8 => Course::OnAccount,
        8..11 => Course::Cancelled,
        11..14 => Course::GivenBack,
        _ => Course::Paid,
    };
    Sale {
        id: 5_700_000_000_000 + at * 7 + 11,
        prefix: "",
        number: 1_001 + at,
        at: moment,
        items,
        shipping: if chance.percent(60) { 500 } else { 0 },
        course,
        country,
        tax_rate: if is_foreign || chance.percent(10) { 0 } else { country.tax },
        buyer,
        gateway: chance.pick::<&str>(&["shopify_payments", "shopify_payments", "paypal"]),
        customer: 8_200_000_000_000 + chance.below(90),
    }
}

fn text(minor: i64) -> String {
    let (sign, minor) = (if minor < 0 { "-" } else { "" }, minor.abs());
    format!("{sign}{}.{:02}", minor / 100, minor % 100)
}

impl Sale {
    /// As people know it.
    pub fn name(&self) -> String {
        format!("#{}{}", self.prefix, self.number)
    }

    /// Shopify's id of the transaction that paid it.
    pub fn payment_id(&self) -> u64 {
        self.id + 1_000_000_000_000
    }

    /// The shop's currency.
    pub fn currency(&self) -> &'static str {
        self.country.currency
    }

    pub fn is_foreign(&self) -> bool {
        self.buyer.0 != self.country.currency
    }

    pub fn tax_of(&self, net: i64) -> i64 {
        (net * self.tax_rate + 5_000) / 10_000
    }

    fn net(item: &Item) -> i64 {
        item.price * item.quantity - item.discount
    }

    fn tax(&self) -> i64 {
        self.items.iter().map(|item| self.tax_of(Self::net(item))).sum::<i64>() + self.tax_of(self.shipping)
    }

    fn subtotal(&self) -> i64 {
        self.items.iter().map(Self::net).sum()
    }

    /// In the buyer's currency.
    fn total(&self) -> i64 {
        self.subtotal() + self.shipping + self.tax()
    }

    fn shop_side(&self, minor: i64) -> i64 {
        minor * self.buyer.1 / 1_000
    }

    /// In the shop's currency, as text.
    pub fn shop_total(&self) -> String {
        text(self.shop_side(self.total()))
    }

    /// Its lines as an integration would post them in the shop's currency: text and amount, taxes and delivery last.
    pub fn shown(&self) -> Vec<(String, String)> {
        let shop = |minor: i64| text(self.shop_side(minor));
        let items = self.items.iter().map(|item| (item.title.to_owned(), shop(Self::net(item))));
        let more = [("Shipping", self.shipping), ("Sales tax", self.tax())];
        let more = more.into_iter().filter(|(_, amount)| *amount != 0);
        items.chain(more.map(|(title, amount)| (title.to_owned(), shop(amount)))).collect()
    }

    fn set(&self, minor: i64) -> Value {
        json!({
            "shop_money": {"amount": text(self.shop_side(minor)), "currency_code": self.country.currency},
            "presentment_money": {"amount": text(minor), "currency_code": self.buyer.0},
        })
    }

    fn instant(&self, hours: i64) -> String {
        (self.at + Duration::hours(hours)).to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    fn taxes(&self, net: i64) -> Value {
        if self.tax_rate == 0 {
            return json!([]);
        }
        let rate: Value = serde_json::from_str(format!("0.{:04}", self.tax_rate).trim_end_matches('0')).unwrap();
        let tax = self.tax_of(net);
        json!([{"title": "Tax", "rate": rate, "channel_liable": false, "price": text(self.shop_side(tax)),
            "price_set": self.set(tax)}])
    }

    fn line(&self, at: usize, item: &Item) -> Value {
        let given_back = self.course == Course::GivenBack || self.course == Course::Cancelled;
        let allocations = match item.discount {
            0 => json!([]),
            discount => json!([{"amount": text(self.shop_side(discount)), "amount_set": self.set(discount),
                "discount_application_index": 0}]),
        };
        json!({
            "id": self.id * 10 + at as u64, "title": item.title, "name": item.title, "sku": format!("SKU-{}", item.title.len()),
            "quantity": item.quantity, "current_quantity": if given_back { 0 } else { item.quantity },
            "price": text(self.shop_side(item.price)), "price_set": self.set(item.price), "gift_card": false,
            "product_id": 7_000_000_000_001u64, "taxable": self.tax_rate > 0, "total_discount": "0.00",
            "discount_allocations": allocations, "tax_lines": self.taxes(Self::net(item)),
        })
    }

    fn transaction(&self, kind: &str, hours: i64) -> Value {
        json!({
            "id": if kind == "sale" { self.payment_id() } else { self.id + 2_000_000_000_000 }, "order_id": self.id,
            "kind": kind, "status": "success", "gateway": self.gateway, "amount": text(self.total()),
            "currency": self.buyer.0, "created_at": self.instant(hours), "processed_at": self.instant(hours), "test": false,
        })
    }

    fn refund(&self) -> Value {
        let shop = |minor: i64| -> Value { serde_json::from_str(&text(self.shop_side(minor))).unwrap() };
        let lines: Vec<Value> = self
            .items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                let (net, tax) = (Self::net(item), self.tax_of(Self::net(item)));
                json!({
                    "id": self.id * 100 + at as u64, "line_item_id": self.id * 10 + at as u64, "quantity": item.quantity,
                    "restock_type": "cancel", "subtotal": shop(net), "subtotal_set": self.set(net), "total_tax": shop(tax),
                    "total_tax_set": self.set(tax),
                })
            })
            .collect();
        let tax = self.tax_of(self.shipping);
        let shipping = match self.shipping {
            0 => json!([]),
            amount => json!([{"id": self.id + 3, "kind": "shipping_refund", "amount": text(self.shop_side(-amount)),
                "amount_set": self.set(-amount), "tax_amount": text(self.shop_side(-tax)), "tax_amount_set": self.set(-tax)}]),
        };
        json!({
            "id": self.id + 3_000_000_000_000, "order_id": self.id, "created_at": self.instant(5),
            "processed_at": self.instant(5), "refund_line_items": lines, "refund_shipping_lines": [],
            "order_adjustments": shipping, "transactions": [self.transaction("refund", 5)],
        })
    }

    /// What Shopify tells of it: topic and body of each webhook.
    pub fn deliveries(&self) -> Vec<(&'static str, Value)> {
        let paid = matches!(self.course, Course::Paid | Course::GivenBack);
        let ended = matches!(self.course, Course::Cancelled | Course::GivenBack);
        let status = match self.course {
            Course::Paid => "paid",
            Course::OnAccount => "pending",
            Course::Cancelled => "voided",
            Course::GivenBack => "refunded",
        };
        let person = json!({"id": self.customer, "first_name": "Buyer", "last_name": self.customer.to_string(),
            "email": format!("{}@example.com", self.customer)});
        let address = json!({"first_name": "Buyer", "last_name": "Somebody",
            "country_code": if self.is_foreign() { "DE" } else { "US" }});
        let refunds = if self.course == Course::GivenBack { json!([self.refund()]) } else { json!([]) };
        let mut body = json!({
            "id": self.id, "name": self.name(), "order_number": self.number, "created_at": self.instant(0),
            "processed_at": self.instant(0), "updated_at": self.instant(if ended { 6 } else { 1 }),
            "cancelled_at": if ended { json!(self.instant(5)) } else { Value::Null },
            "currency": self.country.currency, "presentment_currency": self.buyer.0, "taxes_included": false,
            "financial_status": status, "test": false, "payment_gateway_names": if paid { json!([self.gateway]) } else { json!([]) },
            "total_outstanding": if self.course == Course::OnAccount { text(self.shop_side(self.total())) } else { "0.00".into() },
            "line_items": self.items.iter().enumerate().map(|(at, item)| self.line(at, item)).collect::<Vec<_>>(),
            "shipping_lines": if self.shipping == 0 { json!([]) } else { json!([{
                "id": self.id + 9, "title": "Standard", "price": text(self.shop_side(self.shipping)),
                "price_set": self.set(self.shipping), "discounted_price": text(self.shop_side(self.shipping)),
                "discounted_price_set": self.set(self.shipping), "is_removed": false, "discount_allocations": [],
                "tax_lines": self.taxes(self.shipping)}]) },
            "refunds": refunds, "customer": person, "email": "", "billing_address": address, "shipping_address": address,
            "total_tip_received": "0.00", "original_total_duties_set": null, "original_total_additional_fees_set": null,
            "discount_applications": [],
        });
        let left = |minor: i64| if ended { 0 } else { minor };
        for (name, minor) in [
            ("total_price", self.total()),
            ("subtotal_price", self.subtotal()),
            ("total_tax", self.tax()),
            ("total_discounts", self.items.iter().map(|item| item.discount).sum()),
            ("total_line_items_price", self.items.iter().map(|item| item.price * item.quantity).sum()),
            ("current_total_price", left(self.total())),
            ("current_subtotal_price", left(self.subtotal())),
            ("current_total_tax", left(self.tax())),
        ] {
            body[name] = text(self.shop_side(minor)).into();
            body[format!("{name}_set")] = self.set(minor);
        }
        let mut told = vec![("orders/create", body)];
        if paid {
            told.push(("order_transactions/create", self.transaction("sale", 0)));
        }
        told
    }
}
