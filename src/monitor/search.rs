//! Orders as the journal knows them, found by whatever a person has of one: its name, its id, a document's number, an
//! amount. Every way goes through an index.

use serde::Serialize;

use crate::platform::{Journal, JournalError, Row, SqlError, Statement, Value};

/// Orders on one page.
pub const PAGE: usize = 50;

/// What is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// A name (or its beginning), an id, a document's number, an amount; empty: everything.
    pub text: String,
    /// Only orders of this connection.
    pub connection: String,
    /// Only orders that stand so: `pending`, `synced`, `retrying`, `held`, `ignored`.
    pub state: String,
    /// Only orders that are held for this reason; with the state, those that are ignored by this rule.
    pub reason: String,
    /// Only orders after this one in the list.
    pub after: Option<Place>,
}

impl Search {
    /// The state that is looked for: a reason alone is one for which orders are held.
    pub fn state(&self) -> &str {
        if self.state.is_empty() && !self.reason.is_empty() { "held" } else { &self.state }
    }
}

/// A place in the list, which begins with what changed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// When the order changed.
    pub updated_at: String,
    /// Its id.
    pub order_id: String,
    /// Its connection: two may keep the same order.
    pub connection: String,
}

impl Place {
    /// As addresses hold it.
    pub fn text(&self) -> String {
        format!("{}~{}~{}", self.updated_at, self.order_id, self.connection)
    }

    /// Reads it back; nothing if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '~').map(str::to_owned);
        Some(Self { updated_at: parts.next()?, order_id: parts.next()?, connection: parts.next()? })
    }
}

/// One order of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its connection.
    pub connection: String,
    /// Shopify's id.
    pub order_id: String,
    /// Its name, or its id where it is not known.
    pub name: String,
    /// Where it stands.
    pub state: String,
    /// Why, where a rule or a problem says so.
    pub reason: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
    /// When it was first heard of.
    pub first_seen_at: String,
    /// When it changed last.
    pub updated_at: String,
    /// What its sale came to in the ledger; before it stands there, what Shopify says that the order comes to. With its
    /// currency.
    pub total: Option<String>,
}

impl Found {
    /// Its place in the list.
    pub fn place(&self) -> Place {
        let (updated_at, order_id) = (self.updated_at.clone(), self.order_id.clone());
        Place { updated_at, order_id, connection: self.connection.clone() }
    }
}

/// A page of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What changed last comes first.
    pub orders: Vec<Found>,
    /// True if there are more.
    pub more: bool,
}

/// Looks for orders.
pub async fn search(journal: &dyn Journal, wanted: &Search) -> Result<Listed, JournalError> {
    part(journal, wanted, PAGE).await
}

/// The same, so many at a time.
pub async fn part(journal: &dyn Journal, wanted: &Search, most: usize) -> Result<Listed, JournalError> {
    let rows = journal.query(statement(wanted, most)).await?;
    let found = rows.iter().map(read).collect::<Result<Vec<_>, SqlError>>();
    let mut orders = found.map_err(|error| JournalError(error.0))?;
    let more = orders.len() > most;
    orders.truncate(most);
    Ok(Listed { orders, more })
}

/// The statement behind [`search`].
pub fn statement(wanted: &Search, most: usize) -> Statement {
    let (mut conditions, mut params): (Vec<String>, Vec<Value>) = (Vec::new(), Vec::new());
    let text = wanted.text.trim();
    // A sign alone is every order's.
    if !text.trim_start_matches('#').is_empty() {
        conditions.push(by_text(text, &mut params));
    }
    for (column, value) in
        [("connection", wanted.connection.as_str()), ("state", wanted.state()), ("reason", &wanted.reason)]
    {
        if !value.is_empty() {
            params.push(value.into());
            conditions.push(format!("{column} = ?{}", params.len()));
        }
    }
    if let Some(place) = &wanted.after {
        params.extend([&place.updated_at, &place.order_id, &place.connection].map(|one| Value::from(one.as_str())));
        let last = params.len();
        conditions.push(format!("(updated_at, order_id, connection) < (?{}, ?{}, ?{last})", last - 2, last - 1));
    }
    let conditions = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
    let sql = format!(
        "SELECT connection, order_id, name, state, reason, remedy, first_seen_at, updated_at,
             coalesce((SELECT expected_total || ' ' || currency FROM documents
              WHERE documents.connection = orders.connection AND documents.order_id = orders.order_id
                  AND document_key = 'sale'), total || ' ' || total_currency) AS total
         FROM orders WHERE {conditions} ORDER BY updated_at DESC, order_id DESC, connection DESC LIMIT {}",
        most + 1
    );
    Statement { sql, params }
}

/// Orders whose name begins so, with or without its sign; of that id; with a document of that number or amount; that come to
/// that amount. Four questions in one: D1 takes no more than five.
fn by_text(text: &str, params: &mut Vec<Value>) -> String {
    let bare = text.trim_start_matches('#');
    let mut names = Vec::new();
    for name in [format!("#{bare}"), bare.to_owned(), text.to_owned()] {
        params.extend([Value::from(name.as_str()), format!("{name}\u{10ffff}").into()]);
        names.push(format!("(name >= ?{} AND name < ?{})", params.len() - 1, params.len()));
    }
    params.push(bare.into());
    names.push(format!("order_id = ?{}", params.len()));
    let of_documents =
        "SELECT found.rowid FROM documents JOIN orders AS found ON found.connection = documents.connection
         AND found.order_id = documents.order_id WHERE documents";
    params.push(text.into());
    let mut ways = vec![
        format!("SELECT rowid FROM orders WHERE {}", names.join(" OR ")),
        format!("{of_documents}.number = ?{}", params.len()),
    ];
    let amounts = amounts(text);
    if !amounts.is_empty() {
        let places: Vec<String> = (params.len() + 1..).take(amounts.len()).map(|place| format!("?{place}")).collect();
        params.extend(amounts.into_iter().map(Value::from));
        let places = places.join(", ");
        ways.push(format!("{of_documents}.expected_total IN ({places})"));
        ways.push(format!("SELECT rowid FROM orders WHERE total IN ({places})"));
    }
    format!("rowid IN ({})", ways.join(" UNION "))
}

/// How an amount may stand in the journal: as it was written, and with the decimals of most currencies.
fn amounts(text: &str) -> Vec<String> {
    let bare = text.replace([',', ' '], "");
    let Ok(amount) = bare.parse::<rust_decimal::Decimal>() else { return Vec::new() };
    let mut all: Vec<String> = vec![amount.normalize().to_string()];
    for decimals in [0, 2, 3] {
        let mut scaled = amount.normalize();
        if scaled.scale() <= decimals {
            scaled.rescale(decimals);
            all.push(scaled.to_string());
        }
    }
    all.sort();
    all.dedup();
    all
}

fn read(row: &Row) -> Result<Found, SqlError> {
    let order_id = row.text("order_id")?;
    Ok(Found {
        connection: row.text("connection")?,
        name: row.text_or_null("name")?.filter(|name| !name.is_empty()).unwrap_or_else(|| order_id.clone()),
        order_id,
        state: row.text("state")?,
        reason: row.text_or_null("reason")?,
        remedy: row.text_or_null("remedy")?,
        first_seen_at: row.text("first_seen_at")?,
        updated_at: row.text("updated_at")?,
        total: row.text_or_null("total")?,
    })
}
