//! Documents for the ledgers' own tests.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Posted;
use crate::books::document::{
    Cash, Content, Document, DocumentKey, Itemised, Line, LineRole, LineTax, Party, Settlement, Standing, TaxMode,
};
use crate::books::money::Currency;

pub fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub fn usd() -> Currency {
    "USD".parse().unwrap()
}

pub fn line(quantity: &str, price: &str, discount: &str, tax: &str, rate: &str) -> Line {
    Line {
        role: LineRole::Sales,
        source: "line:1".into(),
        description: "Goods".into(),
        more: Vec::new(),
        quantity: d(quantity),
        unit_price: d(price),
        discount: d(discount),
        account: "1".into(),
        tax: LineTax {
            amount: d(tax),
            rate: d(rate),
            rates: Vec::new(),
            code: format!("code-{rate}"),
            charged: None,
            apart: Vec::new(),
            assumed: false,
        },
    }
}

pub fn itemised(lines: Vec<Line>, tax_mode: TaxMode) -> Itemised {
    let tax_total = lines.iter().map(|line| line.tax.amount).sum();
    Itemised { number: "S-1".into(), due_date: day(), tax_mode, lines, tax_total, cash: None }
}

fn day() -> NaiveDate {
    "2026-11-02".parse().unwrap()
}

pub fn invoice(lines: Vec<Line>, mode: TaxMode) -> Document {
    let body = itemised(lines, mode);
    let party = Party {
        customer_id: None,
        name: "Guest".into(),
        given_name: String::new(),
        family_name: String::new(),
        email: None,
        currency: usd(),
        ledger_id: None,
    };
    Document {
        key: DocumentKey::sale(),
        standing: Standing::Live,
        currency: usd(),
        conversion: None,
        date: day(),
        total: body.sum(usd()),
        buyer_total: None,
        party,
        order_id: "5600".into(),
        order_name: "#1".into(),
        content: Content::Invoice(body),
    }
}

pub fn sales_receipt(sale: &Document, account: &str, reference: &str) -> Document {
    let cash = Some(Cash { account: account.into(), reference: reference.into() });
    let body = Itemised { cash, ..sale.itemised().unwrap().clone() };
    Document { content: Content::SalesReceipt(body), ..sale.clone() }
}

pub fn payment(sale: &Document) -> Document {
    let settlement =
        Settlement { settles: sale.key.clone(), from: None, account: "91".into(), reference: "6700".into() };
    Document { key: DocumentKey::payment("6700"), content: Content::Payment(settlement), ..sale.clone() }
}

/// The credit of refund 8, applied to a sale.
pub fn application(sale: &Document, amount: &str) -> Document {
    let from = DocumentKey::credit("8");
    let key = DocumentKey::apply(&from, &sale.key);
    let settlement =
        Settlement { settles: sale.key.clone(), from: Some(from), account: String::new(), reference: "S-1-R8".into() };
    Document { key, total: d(amount), content: Content::Application(settlement), ..sale.clone() }
}

pub fn posted(id: &str) -> Posted {
    Posted {
        ledger_id: id.into(),
        version: "3".into(),
        number: "S-1".into(),
        total: d("10"),
        currency: Some(usd()),
        party_id: Some("7".into()),
        void: false,
        names_order: true,
        remark: None,
        room: None,
    }
}

/// The least that a connection needs.
pub fn settings(ledger: &str) -> Value {
    json!({
        "shop": "example.myshopify.com", "ledger": ledger, "number_prefix": "S-", "start_date": "2026-01-01",
        "lines": {"sales": "1"}, "payments": {"default": "91"},
    })
}
