//! What Xero's text fields take (facts/xero §2: OpenAPI 16.1.0 and the developer pages).

use crate::books::text::{Field, LengthUnit, TextRule};

/// The rule of a field. Xero's own screens strip emoji, and nothing says what its API does with them today: characters
/// above U+FFFF are kept out.
pub fn rule(field: Field) -> TextRule {
    let line =
        |max| TextRule { max, unit: LengthUnit::Utf16, forbidden: &[], astral: false, multiline: false, ascii: false };
    match field {
        // `<` and `>` are refused in names, as are spaces at the ends or doubled.
        Field::PartyName => TextRule { forbidden: &['<', '>'], ..line(255) },
        Field::GivenName | Field::FamilyName => TextRule { forbidden: &['<', '>'], ..line(255) },
        Field::Email => line(255),
        Field::LineDescription => TextRule { multiline: true, ..line(4000) },
        Field::DocumentNumber => TextRule { ascii: true, ..line(21) }, // 255 in Xero; one number for both ledgers
        Field::Reference => line(255),
        Field::Note => TextRule { multiline: true, ..line(2500) }, // History
    }
}
