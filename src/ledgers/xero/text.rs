//! What Xero's text fields take (facts/xero §2). Xero's own screens strip emoji, and nothing says what its API does with
//! them today: characters above U+FFFF are kept out.

use crate::books::text::{Field, FieldRow, TextRule};

/// How many lines one document has at most. "Any number" says Xero; its body limit of 3.5 MB is reached by no order of 1,000
/// lines of 3,000 characters.
pub const MOST_LINES: usize = 1_000;

const CONTACT: &str = "Xero OpenAPI 16.1.0, Contact";

/// Refused in names, as are spaces at their ends and doubled ones.
const NAME: &[char] = &['<', '>'];

/// The row of a field.
pub const fn row(field: Field) -> FieldRow {
    match field {
        Field::PartyName => FieldRow {
            at: "Contact.Name",
            rule: TextRule::line(225).without(NAME),
            limit: Some(255),
            source: "Xero OpenAPI 16.1.0, Contact; 30 are kept for a currency and a Shopify id behind the name",
        },
        Field::GivenName => FieldRow {
            at: "Contact.FirstName",
            rule: TextRule::line(255).without(NAME),
            limit: Some(255),
            source: CONTACT,
        },
        Field::FamilyName => FieldRow {
            at: "Contact.LastName",
            rule: TextRule::line(255).without(NAME),
            limit: Some(255),
            source: CONTACT,
        },
        Field::Email => FieldRow {
            at: "Contact.EmailAddress",
            rule: TextRule::ascii(255),
            limit: Some(255),
            source: "Xero OpenAPI 16.1.0, Contact (\"umlauts not supported\"); a doubtful address is left out",
        },
        Field::LineDescription => FieldRow {
            at: "LineItem.Description",
            rule: TextRule::text(3970),
            limit: Some(4000),
            source: "Xero developer pages, Invoices; 30 are kept for a quantity before the text",
        },
        Field::DocumentNumber => FieldRow {
            at: "InvoiceNumber, CreditNoteNumber",
            rule: TextRule::ascii(21),
            limit: Some(255),
            source: "Xero OpenAPI 16.1.0, Invoice (printable ASCII); 21 so that a number is the same in both ledgers",
        },
        Field::Reference => FieldRow {
            at: "Invoice.Reference, CreditNote.Reference",
            rule: TextRule::line(255),
            limit: Some(255),
            source: "Xero developer pages, Invoices",
        },
        Field::OrderName => FieldRow {
            at: "Reference",
            rule: TextRule::line(100),
            limit: None,
            source: "our own: long enough for every name that people use",
        },
        Field::PaymentReference => FieldRow {
            at: "Payment.Reference",
            rule: TextRule::ascii(255),
            limit: None,
            source: "none stated for payments; an invoice's Reference takes 255",
        },
    }
}
