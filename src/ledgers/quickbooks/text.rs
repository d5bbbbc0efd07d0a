//! What QuickBooks' text fields take. Intuit does not say what its limits count, nor what becomes of characters above
//! U+FFFF and of control characters (facts/quickbooks §2): UTF-16 units, and their absence, are the safe readings.

use crate::books::text::{Field, FieldRow, TextRule};

/// How many lines one document has at most: 750 on a taxable invoice (facts/quickbooks §2), less the one for rounding.
pub const MOST_LINES: usize = 749;

const CUSTOMER: &str = "Intuit API reference, Customer";
const SALES: &str = "Intuit API reference, Invoice, SalesReceipt, CreditMemo, RefundReceipt";

/// Colon, tab and newline are refused in names (error 2040): the colon separates a customer from its sub-customer.
const NAME: &[char] = &[':'];

/// The row of a field.
pub const fn row(field: Field) -> FieldRow {
    match field {
        Field::PartyName => FieldRow {
            at: "Customer.DisplayName",
            rule: TextRule::line(470).without(NAME),
            limit: Some(500),
            source: "Intuit API reference, Customer; 30 are kept for a currency and a Shopify id behind the name",
        },
        Field::GivenName => FieldRow {
            at: "Customer.GivenName",
            rule: TextRule::line(100).without(NAME),
            limit: Some(100),
            source: CUSTOMER,
        },
        Field::FamilyName => FieldRow {
            at: "Customer.FamilyName",
            rule: TextRule::line(100).without(NAME),
            limit: Some(100),
            source: CUSTOMER,
        },
        Field::Email => FieldRow {
            at: "Customer.PrimaryEmailAddr.Address",
            rule: TextRule::ascii(100),
            limit: Some(100),
            source: "Intuit API reference, Customer (RFC 822); a doubtful address is left out",
        },
        Field::LineDescription => FieldRow {
            at: "Line.Description",
            rule: TextRule::text(3970),
            limit: Some(4000),
            source: "Intuit API reference, Line; 30 are kept for a quantity before the text",
        },
        Field::DocumentNumber => {
            FieldRow { at: "DocNumber", rule: TextRule::ascii(21), limit: Some(21), source: SALES }
        }
        Field::Reference => {
            FieldRow { at: "PrivateNote", rule: TextRule::text(4000), limit: Some(4000), source: SALES }
        }
        Field::OrderName => FieldRow {
            at: "PrivateNote",
            rule: TextRule::line(100),
            limit: None,
            source: "our own: long enough for every name that people use",
        },
        Field::PaymentReference => FieldRow {
            at: "PaymentRefNum",
            rule: TextRule::ascii(21),
            limit: Some(21),
            source: "Intuit API reference, SalesReceipt; for Payment it states none, for RefundReceipt 100",
        },
    }
}
