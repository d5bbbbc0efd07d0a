//! The documents that ought to stand in a ledger, in words both ledgers share.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::money::Currency;

pub use super::key::DocumentKey;
pub use super::line::{Cash, Itemised, Line, LineRole, LineTax, TaxMode};

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

    /// True if what a document of this kind lists is taken back, and not sold.
    pub fn takes_back(self) -> bool {
        matches!(self, DocumentKind::CreditNote | DocumentKind::RefundReceipt)
    }

    /// True if a document of this kind is written anew where the ledger says something else; any other would be taken away.
    pub fn may_be_corrected(self) -> bool {
        matches!(self, DocumentKind::Invoice | DocumentKind::CreditNote)
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
    /// The ledger's own id, where the party is not ours but the customer of somebody else's invoice: it is taken as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_id: Option<String>,
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

    /// True if the two say the same of the money: total, currency, due date, each line's figures, and under which code its
    /// tax is by what Shopify says of it. Texts, accounts, and codes that are others for the same tax do not count: settings
    /// that change later do not rewrite what was booked.
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
            && !self.taxes().zip(other.taxes()).any(|(one, other)| one.has_moved_from(other))
    }

    /// The tax of each of its lines.
    fn taxes(&self) -> impl Iterator<Item = &LineTax> {
        self.itemised().into_iter().flat_map(|body| &body.lines).map(|line| &line.tax)
    }

    /// The documents that must stand in the ledger before this one can be written.
    pub fn needs(&self) -> Vec<&DocumentKey> {
        self.settlement().map_or_else(Vec::new, |body| body.from.iter().chain([&body.settles]).collect())
    }
}
