//! What QuickBooks' text fields take (facts/quickbooks §2: Intuit's API reference).

use crate::books::text::{Field, LengthUnit, TextRule};

/// The rule of a field. QuickBooks does not say what its limits count nor what becomes of characters above U+FFFF;
/// UTF-16 units and their absence are the safe readings.
pub fn rule(field: Field) -> TextRule {
    let line =
        |max| TextRule { max, unit: LengthUnit::Utf16, forbidden: &[], astral: false, multiline: false, ascii: false };
    // Colon, tab and newline are refused in names (error 2040): the colon separates a customer from its sub-customer.
    let name = |max| TextRule { forbidden: &[':'], ..line(max) };
    match field {
        Field::PartyName => name(500),  // Customer.DisplayName
        Field::GivenName => name(100),  // Customer.GivenName
        Field::FamilyName => name(100), // Customer.FamilyName
        Field::Email => line(100),      // PrimaryEmailAddr.Address
        Field::LineDescription => TextRule { multiline: true, ..line(4000) }, // Line.Description
        Field::DocumentNumber => TextRule { ascii: true, ..line(21) }, // DocNumber
        Field::Reference => line(21),   // PaymentRefNum
        Field::Note => TextRule { multiline: true, ..line(4000) }, // PrivateNote
    }
}
