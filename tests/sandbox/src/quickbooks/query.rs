//! The query language: `SELECT * | COUNT(*) FROM Entity [WHERE a op v AND …] [ORDERBY f [ASC|DESC]] [STARTPOSITION n]
//! [MAXRESULTS m]`. No OR, no joins, no projections; an apostrophe is escaped by a backslash; what cannot be filtered is 4001.

use std::cmp::Ordering;

use serde_json::Value;

use super::Kind;
use super::faults::{self, Checked};
use crate::json;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Symbol(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    field: String,
    operator: String,
    values: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Query {
    pub kind: Kind,
    pub count: bool,
    conditions: Vec<Condition>,
    order: Option<(String, bool)>,
    pub start: usize,
    pub max: usize,
}

const COMMON: &str = "Id MetaData.CreateTime MetaData.LastUpdatedTime";

/// Fields that may stand in WHERE and ORDERBY. PrivateNote is in none of them.
fn filterable(kind: Kind) -> &'static str {
    match kind {
        Kind::Invoice => "DocNumber TxnDate DueDate CustomerRef TotalAmt Balance CurrencyRef",
        Kind::SalesReceipt => "DocNumber TxnDate CustomerRef TotalAmt Balance CurrencyRef PaymentRefNum",
        Kind::CreditMemo => "DocNumber TxnDate CustomerRef TotalAmt Balance CurrencyRef",
        Kind::RefundReceipt => "DocNumber TxnDate CustomerRef TotalAmt CurrencyRef",
        Kind::Payment => "PaymentRefNum TxnDate CustomerRef TotalAmt CurrencyRef",
        Kind::Customer => {
            "DisplayName GivenName MiddleName FamilyName CompanyName PrimaryEmailAddr Active FullyQualifiedName Balance \
             PrintOnCheckName"
        }
        Kind::Item => "Name Sku Type Active FullyQualifiedName",
        Kind::Account => "Name AccountType AccountSubType Classification Active AcctNum FullyQualifiedName CurrencyRef",
        Kind::TaxCode | Kind::TaxRate => "Name Active",
        Kind::CompanyCurrency => "Code Active",
        Kind::CompanyInfo | Kind::Preferences => "",
    }
}

fn tokens(text: &str) -> Checked<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(&character) = rest.peek() {
        match character {
            _ if character.is_whitespace() => {
                rest.next();
            }
            '\'' => found.push(Token::Text(quoted(&mut rest)?)),
            '(' | ')' | ',' | '*' | '=' => {
                rest.next();
                found.push(Token::Symbol(match character {
                    '(' => "(",
                    ')' => ")",
                    ',' => ",",
                    '*' => "*",
                    _ => "=",
                }));
            }
            '<' | '>' => {
                rest.next();
                let with_equals = rest.next_if_eq(&'=').is_some();
                found.push(Token::Symbol(match (character, with_equals) {
                    ('<', true) => "<=",
                    ('<', false) => "<",
                    (_, true) => ">=",
                    _ => ">",
                }));
            }
            _ if character.is_alphanumeric() || matches!(character, '.' | '_' | '-' | '%' | ':') => {
                let mut word = String::new();
                while let Some(next) = rest.next_if(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '%' | ':'))
                {
                    word.push(next);
                }
                found.push(Token::Word(word));
            }
            other => return Err(faults::query(format!("Encountered \"{other}\""))),
        }
    }
    Ok(found)
}

/// A value in apostrophes; a backslash takes the next character as it is.
fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Checked<String> {
    rest.next();
    let mut text = String::new();
    loop {
        match rest.next() {
            Some('\\') => text.extend(rest.next()),
            Some('\'') => return Ok(text),
            Some(character) => text.push(character),
            None => return Err(faults::query("Lexical error: a string is not closed")),
        }
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

impl Parser {
    fn is_keyword(&mut self, keyword: &str) -> bool {
        let is_next = matches!(self.tokens.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        if is_next {
            self.tokens.next();
        }
        is_next
    }

    fn expect(&mut self, keyword: &str) -> Checked<()> {
        if self.is_keyword(keyword) { Ok(()) } else { Err(faults::query(format!("expected {keyword}"))) }
    }

    fn symbol(&mut self, symbol: &'static str) -> bool {
        self.tokens.next_if_eq(&Token::Symbol(symbol)).is_some()
    }

    fn word(&mut self) -> Checked<String> {
        match self.tokens.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(faults::query(format!("unexpected {other:?}"))),
        }
    }

    fn value(&mut self) -> Checked<String> {
        match self.tokens.next() {
            Some(Token::Text(text) | Token::Word(text)) => Ok(text),
            other => Err(faults::query(format!("a value was expected, found {other:?}"))),
        }
    }

    fn number(&mut self) -> Checked<usize> {
        let word = self.word()?;
        word.parse().map_err(|_| faults::query(format!("{word} is not a number")))
    }

    fn condition(&mut self, kind: Kind) -> Checked<Condition> {
        let field = field(kind, &self.word()?)?;
        let (operator, values) = match self.tokens.next() {
            Some(Token::Symbol(symbol @ ("=" | "<" | ">" | "<=" | ">="))) => (symbol.to_owned(), vec![self.value()?]),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("like") => ("like".to_owned(), vec![self.value()?]),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("in") => {
                if !self.symbol("(") {
                    return Err(faults::query("IN needs a list"));
                }
                let mut values = vec![self.value()?];
                while self.symbol(",") {
                    values.push(self.value()?);
                }
                if !self.symbol(")") {
                    return Err(faults::query("the list is not closed"));
                }
                ("in".to_owned(), values)
            }
            other => return Err(faults::query(format!("operator {other:?} is not supported"))),
        };
        if field == "Id" && !matches!(operator.as_str(), "=" | "in") {
            return Err(faults::query("property Id can only be compared with = or IN"));
        }
        Ok(Condition { field, operator, values })
    }
}

/// The canonical spelling of a filterable field.
fn field(kind: Kind, name: &str) -> Checked<String> {
    let mut fields = COMMON.split(' ').chain(filterable(kind).split_whitespace());
    let found = fields.find(|field| field.eq_ignore_ascii_case(name));
    found.map(str::to_owned).ok_or_else(|| faults::query(format!("property '{name}' is not queryable")))
}

impl Query {
    pub fn parse(text: &str) -> Checked<Self> {
        let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable() };
        parser.expect("select")?;
        let count = parser.is_keyword("count");
        let is_all =
            if count { parser.symbol("(") && parser.symbol("*") && parser.symbol(")") } else { parser.symbol("*") };
        if !is_all {
            return Err(faults::query("projections are not supported"));
        }
        parser.expect("from")?;
        let name = parser.word()?;
        let kind = Kind::by_path(&name.to_lowercase())
            .ok_or_else(|| faults::query(format!("Metadata not found for Entity: {name}")))?;
        let mut query = Self { kind, count, conditions: Vec::new(), order: None, start: 1, max: 100 };
        if parser.is_keyword("where") {
            query.conditions.push(parser.condition(kind)?);
            while parser.is_keyword("and") {
                query.conditions.push(parser.condition(kind)?);
            }
        }
        if parser.is_keyword("orderby") {
            let name = field(kind, &parser.word()?)?;
            let descending = parser.is_keyword("desc");
            if !descending {
                parser.is_keyword("asc");
            }
            query.order = Some((name, descending));
        }
        if parser.is_keyword("startposition") {
            query.start = parser.number()?;
        }
        if parser.is_keyword("maxresults") {
            query.max = parser.number()?;
        }
        if let Some(token) = parser.tokens.next() {
            return Err(faults::query(format!("Encountered {token:?}")));
        }
        if query.start == 0 || query.max > 1000 {
            return Err(faults::query("STARTPOSITION begins at 1 and MAXRESULTS ends at 1000"));
        }
        Ok(query)
    }

    /// Lists of names show active ones unless the query asks otherwise.
    fn shows_inactive(&self) -> bool {
        self.conditions.iter().any(|condition| condition.field == "Active")
    }

    pub fn matches(&self, entity: &Value) -> bool {
        let is_shown = self.shows_inactive() || entity.get("Active").is_none_or(|active| active != &Value::Bool(false));
        is_shown && self.conditions.iter().all(|condition| condition.holds(entity))
    }

    pub fn sort(&self, entities: &mut [Value]) {
        let Some((name, descending)) = &self.order else { return };
        entities.sort_by(|a, b| {
            let order = compare(name, &field_text(a, name), &field_text(b, name));
            if *descending { order.reverse() } else { order }
        });
    }
}

/// The comparable text of a field: a reference's value, an address, a number's digits.
fn field_text(entity: &Value, name: &str) -> String {
    match json::at(entity, name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(object)) => {
            object.get("value").or(object.get("Address")).and_then(Value::as_str).unwrap_or("").to_owned()
        }
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// Instants by time, amounts by value, everything else as text without regard to case.
fn compare(name: &str, a: &str, b: &str) -> Ordering {
    let instant = |text: &str| chrono::DateTime::parse_from_rfc3339(text).ok();
    if let (Some(a), Some(b)) = (instant(a), instant(b)) {
        return a.cmp(&b);
    }
    if name.ends_with("Amt") || name == "Balance" {
        let (a, b) = (json::parse(a).unwrap_or_default(), json::parse(b).unwrap_or_default());
        return a.cmp(&b);
    }
    a.to_lowercase().cmp(&b.to_lowercase())
}

impl Condition {
    fn holds(&self, entity: &Value) -> bool {
        let text = field_text(entity, &self.field);
        let against = |value: &String| compare(&self.field, &text, value);
        match self.operator.as_str() {
            "=" | "in" => self.values.iter().any(|value| against(value).is_eq()),
            "like" => like(&text.to_lowercase(), &self.values[0].to_lowercase()),
            "<" => against(&self.values[0]).is_lt(),
            ">" => against(&self.values[0]).is_gt(),
            "<=" => against(&self.values[0]).is_le(),
            _ => against(&self.values[0]).is_ge(),
        }
    }
}

/// Only `%` is a wildcard.
fn like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('%') {
        None => text == pattern,
        Some((head, tail)) => {
            let Some(rest) = text.strip_prefix(head) else { return false };
            rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| like(&rest[at..], tail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_apostrophe_is_escaped_by_a_backslash() {
        let query = Query::parse(r"select * from Customer where DisplayName = 'Adam\'s'").unwrap();
        assert!(query.matches(&json!({ "DisplayName": "adam's", "Active": true })));
        assert!(!query.matches(&json!({ "DisplayName": "Adam's", "Active": false })));
        assert!(Query::parse("select * from Customer where DisplayName = 'Adam''s'").is_err());
    }

    #[test]
    fn what_cannot_be_queried_is_4001() {
        for text in [
            "select * from Invoice where PrivateNote = 'x'",
            "select Id from Invoice",
            "select * from Invoice where DocNumber = 'a' or DocNumber = 'b'",
            "select * from Invoice maxresults 1001",
            "select * from Invoice where Id > '3'",
            "select * from Nothing",
        ] {
            assert_eq!(Query::parse(text).unwrap_err().code, "4001", "{text}");
        }
    }

    #[test]
    fn lists_wildcards_and_amounts_compare() {
        let invoice =
            json!({ "Id": "7", "DocNumber": "S-1001", "TotalAmt": json::money(json::parse("300.5").unwrap()) });
        for text in [
            "select * from Invoice where DocNumber in ('S-1000', 'S-1001')",
            "select * from Invoice where DocNumber like 'S-1%'",
            "SELECT * FROM Invoice WHERE TotalAmt > '300.00' AND Id = '7' ORDERBY TxnDate DESC STARTPOSITION 1 MAXRESULTS 5",
        ] {
            assert!(Query::parse(text).unwrap().matches(&invoice), "{text}");
        }
    }
}
