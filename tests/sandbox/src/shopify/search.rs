//! Shopify's search syntax, as far as orders are searched here: comparisons of instants, joined by AND, OR and parentheses.
//! What is not known is refused; the real API leaves such a term out, and the answer would hold too much.

use std::cmp::Ordering;

use chrono::{DateTime, FixedOffset};
use serde_json::{Value, json};

use super::graph;
use super::told::instant;

/// Which orders are meant.
#[derive(Debug, PartialEq)]
pub(super) enum Search {
    All(Vec<Search>),
    Any(Vec<Search>),
    Moment { field: &'static str, operator: String, wanted: DateTime<FixedOffset> },
}

impl Search {
    /// Reads a filter; an empty one means every order.
    pub(super) fn parse(text: &str) -> Result<Self, Value> {
        let tokens = tokens(text)?;
        if tokens.is_empty() {
            return Ok(Search::All(Vec::new()));
        }
        let mut rest = tokens.as_slice();
        let search = terms(&mut rest)?;
        if rest.is_empty() { Ok(search) } else { Err(graph::refusal("the filter closes what it did not open")) }
    }

    /// True if it means `order`.
    pub(super) fn finds(&self, order: &Value) -> bool {
        match self {
            Search::All(parts) => parts.iter().all(|part| part.finds(order)),
            Search::Any(parts) => parts.iter().any(|part| part.finds(order)),
            Search::Moment { field, operator, wanted } => {
                let ordering = instant(&order[*field]).map(|at| at.cmp(wanted));
                ordering.is_some_and(|ordering| match operator.as_str() {
                    ">=" => ordering != Ordering::Less,
                    ">" => ordering == Ordering::Greater,
                    "<=" => ordering != Ordering::Greater,
                    "<" => ordering == Ordering::Less,
                    _ => ordering == Ordering::Equal,
                })
            }
        }
    }
}

/// Parentheses and words; what stands in quotation marks belongs to its word, spaces and all.
fn tokens(text: &str) -> Result<Vec<String>, Value> {
    let (mut tokens, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in text.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => word.push(letter),
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(' | ')' | ' ') => {
                tokens.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
                tokens.extend(Some(letter.to_string()).filter(|_| letter != ' '));
            }
            (None, _) => word.push(letter),
        }
    }
    tokens.extend(Some(word).filter(|word| !word.is_empty()));
    if quote.is_some() { Err(graph::refusal("the filter leaves a quotation mark open")) } else { Ok(tokens) }
}

/// Terms up to a closing parenthesis or the end: joined by AND (which may be left out) or by OR, not by both.
fn terms(rest: &mut &[String]) -> Result<Search, Value> {
    let mut parts = vec![term(rest)?];
    let mut any = None;
    while let Some(token) = rest.first().filter(|token| *token != ")") {
        let is_or = token == "OR";
        if matches!(token.as_str(), "AND" | "OR") {
            *rest = &rest[1..];
        }
        if *any.get_or_insert(is_or) != is_or {
            return Err(graph::refusal("the filter mixes AND and OR: set parentheses"));
        }
        parts.push(term(rest)?);
    }
    Ok(if any == Some(true) { Search::Any(parts) } else { Search::All(parts) })
}

fn term(rest: &mut &[String]) -> Result<Search, Value> {
    let (token, behind) = rest.split_first().ok_or_else(|| graph::refusal("the filter ends in the middle"))?;
    *rest = behind;
    if token == "(" {
        let inside = terms(rest)?;
        let closed = rest.split_first().filter(|(token, _)| *token == ")");
        *rest = closed.ok_or_else(|| graph::refusal("the filter does not close what it opened"))?.1;
        return Ok(inside);
    }
    let (field, value) = token.split_once(':').ok_or_else(|| graph::refusal(&format!("no field in `{token}`")))?;
    let field = match field {
        "updated_at" => "updatedAt",
        "created_at" => "createdAt",
        "processed_at" => "processedAt",
        other => return Err(graph::refusal(&format!("no filter `{other}`"))),
    };
    let date = value.trim_start_matches(['<', '>', '=']);
    let operator = value[..value.len() - date.len()].to_owned();
    if !["", ">=", ">", "<=", "<"].contains(&operator.as_str()) {
        return Err(graph::refusal(&format!("no comparator `{operator}`")));
    }
    let wanted = instant(&json!(date)).ok_or_else(|| graph::refusal(&format!("`{date}` is no instant")))?;
    Ok(Search::Moment { field, operator, wanted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_joins_comparisons_and_what_it_does_not_know_is_refused() {
        let order = json!({"createdAt": "2026-11-02T09:00:00Z", "updatedAt": "2026-11-09T09:00:00Z"});
        let found = |filter: &str| Search::parse(filter).map(|search| search.finds(&order)).ok();
        assert_eq!(found(""), Some(true));
        assert_eq!(found("created_at:>='2026-11-02T09:00:00Z' created_at:<=\"2026-11-02T10:00:00+01:00\""), Some(true));
        assert_eq!(found("created_at:>'2026-11-02T09:00:00Z'"), Some(false));
        let either = "(created_at:>='2026-11-08T00:00:00Z' AND created_at:<='2026-11-10T00:00:00Z') OR \
                      (updated_at:>='2026-11-08T00:00:00Z' AND updated_at:<='2026-11-10T00:00:00Z')";
        assert_eq!(found(either), Some(true));
        assert_eq!(found(&either.replace(" OR ", " AND ")), Some(false));
        for refused in [
            "status:any",
            "created_at:>=yesterday",
            "created_at:=>'2026-11-02T09:00:00Z'",
            "(created_at:'2026-11-02T09:00:00Z'",
            "created_at:'2026-11-02T09:00:00Z')",
            "created_at:'2026-11-02T09:00:00Z",
            "created_at:'2026-11-02T09:00:00Z' OR",
            "NOT created_at:'2026-11-02T09:00:00Z'",
            "-created_at:'2026-11-02T09:00:00Z'",
            &format!("updated_at:'2026-11-02T09:00:00Z' AND {either}"),
        ] {
            assert_eq!(found(refused), None, "{refused}");
        }
    }
}
