//! The documents that ought to stand in a ledger, in words both ledgers share.

use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::money::{Currency, round_half_up};

/// Which document of an order this is; frozen for ever, because it is what makes a document unique:
/// `sale`, `payment:<transaction id>`, `credit:<refund id>`, `refund:<transaction id>`, `adjustment:<n>`,
/// `apply:<key>:<key>`; further parts of one that had to be split take `/2`, `/3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DocumentKey(String);

impl DocumentKey {
    /// The sale itself.
    pub fn sale() -> Self {
        Self("sale".into())
    }
    /// Money that came in with a Shopify transaction.
    pub fn payment(transaction: &str) -> Self {
        Self(format!("payment:{transaction}"))
    }
    /// What a Shopify refund takes back.
    pub fn credit(refund: &str) -> Self {
        Self(format!("credit:{refund}"))
    }
    /// Money that went out with a Shopify transaction.
    pub fn refund(transaction: &str) -> Self {
        Self(format!("refund:{transaction}"))
    }
    /// What an order that was paid already came to beyond, or below, what was booked of it; numbered from 1.
    pub fn adjustment(number: u32) -> Self {
        Self(format!("adjustment:{number}"))
    }
    /// One document applied to another.
    pub fn apply(from: &DocumentKey, to: &DocumentKey) -> Self {
        Self(format!("apply:{from}:{to}"))
    }
    /// A further part (2, 3, …) of a document that had to be split; part 1 is the key itself.
    pub fn part(&self, part: u32) -> Self {
        if part <= 1 { self.clone() } else { Self(format!("{self}/{part}")) }
    }
    /// The key without its part: `sale` of `sale/2`.
    pub fn whole(&self) -> &str {
        if self.0.starts_with("apply:") { &self.0 } else { self.0.split('/').next().unwrap_or(&self.0) }
    }
    /// The number of an adjustment.
    pub fn adjustment_number(&self) -> Option<u32> {
        self.whole().strip_prefix("adjustment:")?.parse().ok()
    }
    /// True if the key is the sale or a part of it.
    pub fn is_sale(&self) -> bool {
        self.whole() == "sale"
    }
    /// Which part: 1 for the first or only one.
    pub fn part_number(&self) -> u32 {
        if self.0.starts_with("apply:") {
            return 1;
        }
        self.0.split_once('/').and_then(|(_, part)| part.parse().ok()).unwrap_or(1)
    }
    /// A key read back from the database.
    pub fn stored(text: String) -> Self {
        Self(text)
    }
    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of document; the order is the one in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// An invoice to the customer.
    Invoice,
    /// A sale and its payment in one document (QuickBooks sales receipt).
    SalesReceipt,
    /// Money received against an invoice.
    Payment,
    /// A credit note (credit memo): what the customer gets back or no longer owes.
    CreditNote,
    /// Goods taken back and money returned in one document (QuickBooks refund receipt).
    RefundReceipt,
    /// Money paid out against a credit note.
    RefundPayment,
    /// A credit note applied to an invoice.
    Application,
}

impl DocumentKind {
    /// The name in tables and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            DocumentKind::Invoice => "invoice",
            DocumentKind::SalesReceipt => "sales_receipt",
            DocumentKind::Payment => "payment",
            DocumentKind::CreditNote => "credit_note",
            DocumentKind::RefundReceipt => "refund_receipt",
            DocumentKind::RefundPayment => "refund_payment",
            DocumentKind::Application => "application",
        }
    }
}

/// Whether a document ought to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It ought to exist with these amounts.
    Live,
    /// It ought not to count: void it where it was posted, post nothing where it was not.
    Void,
}

/// Whose account an order goes to. The Shopify customer id plus the currency is the identity; the rest is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The Shopify customer id; none for guests, who share one customer per shop and currency.
    pub customer_id: Option<String>,
    /// The display name, already fit for the ledger.
    pub name: String,
    /// Given name, fit for the ledger; may be empty.
    pub given_name: String,
    /// Family name, fit for the ledger; may be empty.
    pub family_name: String,
    /// E-mail address, if there is a usable one.
    pub email: Option<String>,
    /// The currency that this party is billed in.
    pub currency: Currency,
}

impl Party {
    /// The identity under which the ledger's id of this party is remembered, one per shop and currency.
    pub fn identity(&self, shop: &str) -> String {
        format!("{shop}/{}/{}", self.customer_id.as_deref().unwrap_or("guest"), self.currency)
    }

    /// The same identity without anything about the person. Guests share a name that is nobody's.
    pub fn without_person(&self) -> Self {
        let name = self.customer_id.as_ref().map_or_else(|| self.name.clone(), |id| format!("Shopify customer {id}"));
        let (given_name, family_name) = (String::new(), String::new());
        Self { name, given_name, family_name, email: None, ..self.clone() }
    }
}

/// How a document's amounts relate to tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxMode {
    /// Line amounts are without tax; tax comes on top.
    Exclusive,
    /// Line amounts contain their tax.
    Inclusive,
}

/// What a line stands for; it decides which account or item of the settings it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineRole {
    /// Goods and services.
    Sales,
    /// Delivery to the customer.
    Shipping,
    /// Gratuities.
    Tips,
    /// Import duties.
    Duties,
    /// Shopify's additional fees.
    Fees,
    /// Gift cards sold: a liability, not income.
    GiftCards,
    /// Tax that a marketplace collects and remits itself.
    MarketplaceTax,
    /// A difference of rounding that the ledger's arithmetic makes.
    Rounding,
    /// What a refund returned beyond or below its lines.
    RefundDifferences,
    /// The tax itself, where the settings book it as a line instead of by tax codes: a liability.
    Tax,
    /// What the buyer paid beyond the order's total: a liability until it goes back.
    Overpayments,
}

impl LineRole {
    /// The key in the connection's `lines` table.
    pub fn setting(self) -> &'static str {
        match self {
            LineRole::Sales => "sales",
            LineRole::Shipping => "shipping",
            LineRole::Tips => "tips",
            LineRole::Duties => "duties",
            LineRole::Fees => "fees",
            LineRole::GiftCards => "gift_cards",
            LineRole::MarketplaceTax => "marketplace_tax",
            LineRole::Rounding => "rounding",
            LineRole::RefundDifferences => "refund_differences",
            LineRole::Tax => "tax",
            LineRole::Overpayments => "overpayments",
        }
    }
}

/// The tax of one line, as Shopify charged it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTax {
    /// The tax in the document's currency; below zero on a line that takes something back.
    pub amount: Decimal,
    /// The sum of its rates (0.2 for 20 %).
    pub rate: Decimal,
    /// The rates one by one, where there are several: some ledgers round each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<Decimal>,
    /// The ledger's tax code from the settings; empty where the ledger works the tax out itself (QuickBooks US).
    pub code: String,
}

impl LineTax {
    /// A line that bears no tax, with the ledger's code for that.
    pub fn none(code: &str) -> Self {
        Self { amount: Decimal::ZERO, rate: Decimal::ZERO, rates: Vec::new(), code: code.to_owned() }
    }

    /// The rates that a ledger computes with; none for a line without tax.
    pub fn components(&self) -> Vec<Decimal> {
        let all = if self.rates.is_empty() { vec![self.rate] } else { self.rates.clone() };
        all.into_iter().filter(|rate| !rate.is_zero()).collect()
    }
}

/// One line. Its amount is `quantity × unit_price − discount`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it stands for.
    pub role: LineRole,
    /// Which of Shopify's lines it came from (`line:<id>`, `shipping:<id>`, or the role's name): the same line of two
    /// snapshots has the same source.
    pub source: String,
    /// Text, already fit for the ledger.
    pub description: String,
    /// The rest of a text that is longer than the field: each piece becomes a line of description alone, right after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<String>,
    /// How many, > 0.
    pub quantity: Decimal,
    /// Price of one before discounts; below zero on a line that takes something back.
    pub unit_price: Decimal,
    /// Discounts on the whole line, ≥ 0.
    pub discount: Decimal,
    /// Where it goes: a QuickBooks item (name or id), a Xero account code.
    pub account: String,
    /// Its tax.
    pub tax: LineTax,
}

impl Line {
    /// What the line comes to, rounded to the minor unit; to cents where the currency has none, because ledgers have.
    pub fn amount(&self, currency: Currency) -> Decimal {
        self.gross(currency) - self.discount
    }

    /// The same before its discount.
    pub fn gross(&self, currency: Currency) -> Decimal {
        round_half_up(self.quantity * self.unit_price, currency.decimals().max(2))
    }

    /// The line as a taking back of itself.
    pub fn reversed(self, currency: Currency) -> Self {
        let tax = LineTax { amount: -self.tax.amount, ..self.tax.clone() };
        if self.discount.is_zero() {
            return Self { unit_price: -self.unit_price, tax, ..self };
        }
        self.clone().as_one(-self.amount(currency), -self.tax.amount)
    }

    /// A line of the same kind that states one amount and its tax; how many it was stays readable in the text.
    pub fn as_one(self, amount: Decimal, tax: Decimal) -> Self {
        let description = if self.quantity == Decimal::ONE {
            self.description
        } else {
            format!("{} × {}", self.quantity.normalize(), self.description)
        };
        let tax = LineTax { amount: tax, ..self.tax };
        let (quantity, discount) = (Decimal::ONE, Decimal::ZERO);
        Self { description, quantity, unit_price: amount, discount, tax, ..self }
    }
}

/// A document made of lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Itemised {
    /// The document number, ASCII, at most 21 characters.
    pub number: String,
    /// When payment is due.
    pub due_date: NaiveDate,
    /// How amounts relate to tax.
    pub tax_mode: TaxMode,
    /// The lines, at least one.
    pub lines: Vec<Line>,
    /// The tax of all lines.
    pub tax_total: Decimal,
    /// How the money moved that the document itself records; only on sales receipts and refund receipts.
    pub cash: Option<Cash>,
}

/// The money of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cash {
    /// The account that it enters (sales receipt) or leaves (refund receipt); settings: `payments`.
    pub account: String,
    /// The Shopify transaction's id, or what stands for it.
    pub reference: String,
}

impl Itemised {
    /// The sum of its lines and, where it comes on top, their tax.
    pub fn sum(&self, currency: Currency) -> Decimal {
        let lines: Decimal = self.lines.iter().map(|line| line.amount(currency)).sum();
        if self.tax_mode == TaxMode::Exclusive { lines + self.tax_total } else { lines }
    }

    /// The tax of its lines.
    pub fn tax_of_lines(&self) -> Decimal {
        self.lines.iter().map(|line| line.tax.amount).sum()
    }
}

/// Money that moved, or one document applied to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The document that it settles: an invoice, or for a refund payment the credit note.
    pub settles: DocumentKey,
    /// For an application, the credit note that is applied.
    pub from: Option<DocumentKey>,
    /// The account that receives or pays the money (settings: `payments`); empty for an application.
    pub account: String,
    /// The Shopify transaction's id, or what stands for it.
    pub reference: String,
}

/// The same amount in the document's currency and in the shop's, from which each ledger takes its exchange rate in its own
/// direction. Meant for documents in the buyer's currency in books whose home currency is the shop's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// The order's total in the document's currency, > 0.
    pub document: Decimal,
    /// The order's total in the home currency, > 0.
    pub home: Decimal,
}

impl Conversion {
    /// Home units for one unit of the document's currency (QuickBooks' `ExchangeRate`).
    pub fn home_per_document(&self) -> Decimal {
        self.home / self.document
    }

    /// Units of the document's currency for one home unit (Xero's `CurrencyRate`).
    pub fn document_per_home(&self) -> Decimal {
        self.document / self.home
    }
}

/// What a document consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Invoice.
    Invoice(Itemised),
    /// Sale and payment in one.
    SalesReceipt(Itemised),
    /// Credit note.
    CreditNote(Itemised),
    /// Refund receipt.
    RefundReceipt(Itemised),
    /// Payment of an invoice.
    Payment(Settlement),
    /// Payment out against a credit note.
    RefundPayment(Settlement),
    /// Credit applied to an invoice.
    Application(Settlement),
}

/// One document that ought to exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Which one of the order.
    pub key: DocumentKey,
    /// Whether it ought to count.
    pub standing: Standing,
    /// The currency of every amount in it.
    pub currency: Currency,
    /// The exchange rate to state, where the settings want it stated and the currency is not the home currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion: Option<Conversion>,
    /// The accounting date.
    pub date: NaiveDate,
    /// What its total ought to be.
    pub total: Decimal,
    /// What the total is in the buyer's currency, where another one is booked: what later changes are measured against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer_total: Option<Decimal>,
    /// Whose account it is on.
    pub party: Party,
    /// The Shopify order's id: every document names it, so that a person and an adoption can recognise it.
    pub order_id: String,
    /// The order's name as people know it (`#1001`), fit for the ledger.
    pub order_name: String,
    /// What it consists of.
    pub content: Content,
}

impl Document {
    /// Its kind.
    pub fn kind(&self) -> DocumentKind {
        match self.content {
            Content::Invoice(_) => DocumentKind::Invoice,
            Content::SalesReceipt(_) => DocumentKind::SalesReceipt,
            Content::CreditNote(_) => DocumentKind::CreditNote,
            Content::RefundReceipt(_) => DocumentKind::RefundReceipt,
            Content::Payment(_) => DocumentKind::Payment,
            Content::RefundPayment(_) => DocumentKind::RefundPayment,
            Content::Application(_) => DocumentKind::Application,
        }
    }

    /// Its lines' part, if it has lines.
    pub fn itemised(&self) -> Option<&Itemised> {
        match &self.content {
            Content::Invoice(body)
            | Content::SalesReceipt(body)
            | Content::CreditNote(body)
            | Content::RefundReceipt(body) => Some(body),
            _ => None,
        }
    }

    /// The same, to change it.
    pub fn itemised_mut(&mut self) -> Option<&mut Itemised> {
        match &mut self.content {
            Content::Invoice(body)
            | Content::SalesReceipt(body)
            | Content::CreditNote(body)
            | Content::RefundReceipt(body) => Some(body),
            _ => None,
        }
    }

    /// Its settlement, if it is money or an application.
    pub fn settlement(&self) -> Option<&Settlement> {
        match &self.content {
            Content::Payment(body) | Content::RefundPayment(body) | Content::Application(body) => Some(body),
            _ => None,
        }
    }

    /// Moves a due date that is before `day` to it.
    pub fn due_no_earlier(&mut self, day: NaiveDate) {
        if let Content::Invoice(body)
        | Content::SalesReceipt(body)
        | Content::CreditNote(body)
        | Content::RefundReceipt(body) = &mut self.content
        {
            body.due_date = body.due_date.max(day);
        }
    }

    /// The document number, or a payment's reference: what a person would search the ledger for.
    pub fn number(&self) -> &str {
        match (self.itemised(), self.settlement()) {
            (Some(body), _) => &body.number,
            (_, Some(body)) => &body.reference,
            _ => "",
        }
    }

    /// True if the two say the same of the money: total, currency, due date, and each line's figures. Texts, accounts and
    /// tax codes do not count: settings that change later do not rewrite what was booked.
    pub fn same_money(&self, other: &Document) -> bool {
        let figures = |document: &Document| {
            document.itemised().map(|body| {
                let lines = body.lines.iter().map(|line| {
                    (line.source.clone(), line.amount(document.currency), line.quantity.normalize(), line.tax.amount)
                });
                (body.due_date, lines.collect::<Vec<_>>())
            })
        };
        self.kind() == other.kind()
            && self.total == other.total
            && self.currency == other.currency
            && figures(self) == figures(other)
    }

    /// The documents that must stand in the ledger before this one can be written.
    pub fn needs(&self) -> Vec<&DocumentKey> {
        self.settlement().map_or_else(Vec::new, |body| body.from.iter().chain([&body.settles]).collect())
    }
}
