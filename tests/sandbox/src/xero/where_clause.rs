//! `where=`: comparisons joined by AND, on the fields that Xero calls optimised, or one field compared with several values,
//! joined by OR. Anything else is a QueryParseException (conservative: Xero accepts more, slowly).

use std::cmp::Ordering;

use serde_json::Value;

use crate::json;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Literal {
    Text(String),
    Number(String),
    Date(String),
    Bool(bool),
}

#[derive(Clone, Debug)]
struct Condition {
    path: &'static str,
    operator: &'static str,
    literal: Literal,
}

#[derive(Clone, Debug, Default)]
pub struct Where {
    /// One of these has to hold in full; none says nothing.
    alternatives: Vec<Vec<Condition>>,
}

/// The optimised fields by resource, as (name, where it is stored), and those by which single documents are named (several
/// payments by `PaymentID==Guid("…") OR …`: github.com/freakboy3742/pyxero/issues/260).
fn fields(resource: &str) -> &'static [(&'static str, &'static str)] {
    match resource {
        "Invoices" => &[
            ("Status", "Status"),
            ("Contact.ContactID", "Contact.ContactID"),
            ("Contact.Name", "Contact.Name"),
            ("Contact.ContactNumber", "Contact.ContactNumber"),
            ("Reference", "Reference"),
            ("InvoiceNumber", "InvoiceNumber"),
            ("InvoiceID", "InvoiceID"),
            ("Date", "DateString"),
            ("DueDate", "DueDateString"),
            ("Type", "Type"),
            ("AmountDue", "AmountDue"),
            ("AmountPaid", "AmountPaid"),
        ],
        "CreditNotes" => &[
            ("Status", "Status"),
            ("Date", "DateString"),
            ("Reference", "Reference"),
            ("Contact.ContactID", "Contact.ContactID"),
            ("Contact.Name", "Contact.Name"),
            ("Contact.ContactNumber", "Contact.ContactNumber"),
            ("Type", "Type"),
            ("CreditNoteID", "CreditNoteID"),
            ("CreditNoteNumber", "CreditNoteNumber"),
        ],
        "Payments" => &[
            ("PaymentType", "PaymentType"),
            ("Status", "Status"),
            ("Date", "DateString"),
            ("Invoice.InvoiceID", "Invoice.InvoiceID"),
            ("Reference", "Reference"),
            ("PaymentID", "PaymentID"),
        ],
        "Contacts" => &[("Name", "Name"), ("EmailAddress", "EmailAddress"), ("AccountNumber", "AccountNumber")],
        "Accounts" => &[
            ("Status", "Status"),
            ("Type", "Type"),
            ("Code", "Code"),
            ("Class", "Class"),
            ("SystemAccount", "SystemAccount"),
        ],
        "TaxRates" => &[("Status", "Status"), ("TaxType", "TaxType"), ("Name", "Name")],
        _ => &[],
    }
}

const OPERATORS: [&str; 6] = ["==", "!=", ">=", "<=", ">", "<"];

/// Splits at the joints outside of quotes.
fn split(text: &str, joints: [&str; 2]) -> Vec<String> {
    let (mut parts, mut current, mut in_quotes) = (Vec::new(), String::new(), false);
    for character in text.chars() {
        in_quotes ^= character == '"';
        current.push(character);
        if in_quotes {
            continue;
        }
        let upper = current.to_uppercase();
        let joint = joints.into_iter().find(|joint| upper.ends_with(joint));
        if let Some(joint) = joint {
            parts.push(current[..current.len() - joint.len()].to_owned());
            current.clear();
        }
    }
    parts.push(current);
    parts
}

fn literal(text: &str) -> Result<Literal, String> {
    let text = text.trim();
    let call = |name: &str| {
        let head = text.get(..name.len())?;
        let inner = head.eq_ignore_ascii_case(name).then(|| text[name.len()..].trim())?;
        inner.strip_prefix('(')?.strip_suffix(')').map(str::trim)
    };
    if let Some(inner) = call("guid") {
        return Ok(Literal::Text(inner.trim_matches('"').to_lowercase()));
    }
    if let Some(inner) = call("datetime") {
        let parts: Vec<u32> = inner.split(',').filter_map(|part| part.trim().parse().ok()).collect();
        let [year, month, day, ..] = parts[..] else { return Err("DateTime needs a year, a month and a day".into()) };
        return Ok(Literal::Date(format!("{year:04}-{month:02}-{day:02}")));
    }
    if let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        let is_safe = !inner.contains(['"', '\\']);
        return if is_safe { Ok(Literal::Text(inner.into())) } else { Err("')' or operator expected".into()) };
    }
    if text.starts_with('\'') {
        return Err("Character literal must contain exactly one character".into());
    }
    match text {
        "true" => Ok(Literal::Bool(true)),
        "false" => Ok(Literal::Bool(false)),
        _ if json::parse(text).is_some() => Ok(Literal::Number(text.into())),
        _ => Err(format!("No property or field '{text}' exists in type")),
    }
}

impl Where {
    pub fn parse(resource: &str, text: &str) -> Result<Self, String> {
        let parts = split(text, [" OR ", "||"]);
        let alternatives = parts.iter().map(|part| conditions(resource, part)).collect::<Result<Vec<_>, _>>()?;
        let first = alternatives.first().and_then(|one| one.first()).map(|condition| condition.path);
        let names_first =
            |one: &Vec<Condition>| matches!(&one[..], [only] if only.operator == "==" && Some(only.path) == first);
        if alternatives.len() > 1 && !alternatives.iter().all(names_first) {
            return Err("OR joins values of one field only".into());
        }
        Ok(Self { alternatives })
    }

    pub fn matches(&self, row: &Value) -> bool {
        let holds = |all: &Vec<Condition>| all.iter().all(|condition| condition.holds(row));
        self.alternatives.is_empty() || self.alternatives.iter().any(holds)
    }
}

/// Comparisons joined by AND.
fn conditions(resource: &str, text: &str) -> Result<Vec<Condition>, String> {
    let mut conditions = Vec::new();
    for part in split(text, [" AND ", "&&"]) {
        let operator = OPERATORS
            .into_iter()
            .filter_map(|operator| Some((part.find(operator)?, operator)))
            .min_by_key(|(at, operator)| (*at, 9 - operator.len()));
        let (at, operator) = operator.ok_or_else(|| format!("Expression expected: {part}"))?;
        let name = part[..at].trim();
        let path = fields(resource).iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, path)| *path);
        let path = path.ok_or_else(|| format!("No property or field '{name}' exists in type '{resource}'"))?;
        conditions.push(Condition { path, operator, literal: literal(&part[at + operator.len()..])? });
    }
    Ok(conditions)
}

impl Condition {
    fn holds(&self, row: &Value) -> bool {
        let stored = json::at(row, self.path);
        let text = stored.and_then(Value::as_str).unwrap_or("");
        let order = match &self.literal {
            Literal::Text(wanted) => text.to_lowercase().cmp(&wanted.to_lowercase()),
            Literal::Date(wanted) => text.get(..10).unwrap_or("").cmp(wanted),
            Literal::Number(wanted) => {
                let stored = stored.and_then(json::lenient_decimal).unwrap_or_default();
                stored.cmp(&json::parse(wanted).unwrap_or_default())
            }
            Literal::Bool(wanted) => stored.and_then(Value::as_bool).unwrap_or(false).cmp(wanted),
        };
        match self.operator {
            "==" => order == Ordering::Equal,
            "!=" => order != Ordering::Equal,
            ">=" => order != Ordering::Less,
            "<=" => order != Ordering::Greater,
            ">" => order == Ordering::Greater,
            _ => order == Ordering::Less,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn comparisons_are_joined_by_and() {
        let row = json!({ "Type": "ACCREC", "Reference": "a AND b", "DateString": "2026-04-24T00:00:00" });
        for text in [
            r#"Type=="ACCREC" AND Reference=="a AND b""#,
            r#"Date>=DateTime(2026,04,24) && Date<DateTime(2026,5,1)"#,
            r#"Type=="accrec""#,
        ] {
            assert!(Where::parse("Invoices", text).unwrap().matches(&row), "{text}");
        }
    }

    #[test]
    fn one_field_may_be_one_of_several_values() {
        let clause = Where::parse("Payments", r#"Reference=="1" OR Reference=="a OR b""#).unwrap();
        let found = ["1", "a OR b", "a"].map(|reference| clause.matches(&json!({ "Reference": reference })));
        assert_eq!(found, [true, true, false]);
    }

    #[test]
    fn a_guid_reaches_into_a_payment() {
        let row = json!({ "Invoice": { "InvoiceID": "bd63b5f1-0000-4000-a000-000000000000" } });
        let clause = Where::parse("Payments", r#"Invoice.InvoiceId==Guid("BD63B5F1-0000-4000-a000-000000000000")"#);
        assert!(clause.unwrap().matches(&row));
    }

    #[test]
    fn what_is_not_optimised_or_not_quoted_safely_is_refused() {
        for text in [
            r#"Url=="x""#,
            r#"Reference=='x'"#,
            r#"Reference=="a\"b""#,
            r#"Type=="A" OR Reference=="B""#,
            r#"Date>=DateTime(2026,1,1) OR Date>=DateTime(2026,2,1)"#,
            r#"Type=="A" AND Reference=="B" OR Reference=="C""#,
            "Reference",
        ] {
            assert!(Where::parse("Invoices", text).is_err(), "{text}");
        }
    }
}
