//! What is under way: every request that may change the ledger, byte for byte, with the writes (or the party) that it
//! carries. It is recorded before it goes over the wire and struck out when its answer has been taken in; what a crash or a
//! lost reply leaves here is unknown, and is sent again exactly as it was, or looked for.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::call::PartyCall;
use super::orders::OrderRef;
use crate::ledgers::{Tries, WireRequest};
use crate::platform::time::{iso, parse_iso};
use crate::platform::{Row, Sql, SqlError, Value};

/// A request that is under way.
#[derive(Debug, Clone)]
pub struct Sending {
    pub id: i64,
    pub request: WireRequest,
    pub tries: Tries,
}

/// What a sending carries for one order.
#[derive(Debug, Clone)]
pub enum Freight {
    /// The write of that number.
    Write(i64),
    /// A party to be created.
    Party(Box<PartyFreight>),
}

/// What of a sending is in doubt: a write by its number, a party by its identity.
pub enum Doubt<'a> {
    Write(i64),
    Party(&'a str),
}

/// A party under way, and its own request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PartyFreight {
    pub call: PartyCall,
    pub request: WireRequest,
}

/// One part of a sending.
#[derive(Debug, Clone)]
pub struct Carried {
    /// Its place in the request, from 0.
    pub place: usize,
    pub order: OrderRef,
    pub freight: Freight,
}

fn unreadable(what: &str) -> SqlError {
    SqlError(format!("sendings: {what} cannot be read"))
}

/// Records a request that is about to be sent.
pub fn record(sql: &dyn Sql, request: &WireRequest, parts: &[Carried], now: DateTime<Utc>) -> Result<i64, SqlError> {
    let json = |text: Result<String, serde_json::Error>| text.map_err(|error| SqlError(error.to_string()));
    let rows = sql.exec(
        "INSERT INTO sendings (request, first_sent_at, last_sent_at) VALUES (?1, ?2, ?2) RETURNING id",
        &[json(serde_json::to_string(request))?.into(), iso(now).into()],
    )?;
    let id = rows.first().ok_or_else(|| unreadable("the number"))?.int("id")?;
    for part in parts {
        let (write, identity, party) = match &part.freight {
            Freight::Write(write) => (Value::Int(*write), Value::Null, Value::Null),
            Freight::Party(party) => {
                let text = json(serde_json::to_string(party))?;
                (Value::Null, party.call.identity.as_str().into(), text.into())
            }
        };
        let [connection, order_id] = part.order.params();
        let place = i64::try_from(part.place).unwrap_or(i64::MAX);
        sql.exec(
            "INSERT INTO carried (sending, place, connection, order_id, write_id, identity, party)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            &[id.into(), place.into(), connection, order_id, write, identity, party],
        )?;
    }
    Ok(id)
}

fn read(row: &Row) -> Result<Sending, SqlError> {
    let instant = |name: &str| parse_iso(&row.text(name)?).ok_or_else(|| unreadable("an instant"));
    Ok(Sending {
        id: row.int("id")?,
        request: serde_json::from_str(&row.text("request")?).map_err(|_| unreadable("a request"))?,
        tries: Tries {
            first: instant("first_sent_at")?,
            last: instant("last_sent_at")?,
            in_vain: row.int("in_vain")? != 0,
        },
    })
}

/// A sending by its number.
pub fn load(sql: &dyn Sql, id: i64) -> Result<Option<Sending>, SqlError> {
    sql.exec("SELECT * FROM sendings WHERE id = ?", &[id.into()])?.first().map(read).transpose()
}

/// The sending that carries a write, if it is under way.
pub fn of_write(sql: &dyn Sql, write: i64) -> Result<Option<Sending>, SqlError> {
    let statement = "SELECT * FROM sendings WHERE id = (SELECT sending FROM carried WHERE write_id = ?)";
    sql.exec(statement, &[write.into()])?.first().map(read).transpose()
}

/// The sending that carries a party, if it is under way.
pub fn of_party(sql: &dyn Sql, identity: &str) -> Result<Option<Sending>, SqlError> {
    let statement = "SELECT * FROM sendings WHERE id = (SELECT sending FROM carried WHERE identity = ?)";
    sql.exec(statement, &[identity.into()])?.first().map(read).transpose()
}

/// A round's requests go out five at a time, eighteen at most, and whatever is not answered takes thirty seconds: so much
/// later than it was written down the last of them may leave.
const LATEST: Duration = Duration::seconds(90);

/// It goes out again, by then at the latest; [`in_doubt`] knows better when it was.
pub fn repeated(sql: &dyn Sql, id: i64, now: DateTime<Utc>) -> Result<(), SqlError> {
    sql.exec("UPDATE sendings SET last_sent_at = ? WHERE id = ?", &[iso(now + LATEST).into(), id.into()]).map(drop)
}

/// It went out then, and nobody knows what became of it. It is not sent again as it was where that would be `in_vain`.
pub fn in_doubt(sql: &dyn Sql, freight: &Doubt<'_>, sent_at: DateTime<Utc>, in_vain: bool) -> Result<(), SqlError> {
    let (column, value): (&str, Value) = match freight {
        Doubt::Write(write) => ("write_id", Value::Int(*write)),
        Doubt::Party(identity) => ("identity", (*identity).into()),
    };
    let statement = format!(
        "UPDATE sendings SET last_sent_at = ?, in_vain = ?
         WHERE id = (SELECT sending FROM carried WHERE {column} = ?)"
    );
    sql.exec(&statement, &[iso(sent_at).into(), i64::from(in_vain).into(), value]).map(drop)
}

/// Everything that a sending carries.
pub fn carried(sql: &dyn Sql, id: i64) -> Result<Vec<Carried>, SqlError> {
    let rows = sql.exec("SELECT * FROM carried WHERE sending = ? ORDER BY place", &[id.into()])?;
    rows.iter()
        .map(|row| {
            let party = row.text_or_null("party")?;
            let freight = match party {
                Some(text) => Freight::Party(Box::new(serde_json::from_str(&text).map_err(|_| unreadable("a party"))?)),
                None => Freight::Write(row.int("write_id")?),
            };
            Ok(Carried {
                place: usize::try_from(row.int("place")?).unwrap_or_default(),
                order: OrderRef { connection: row.text("connection")?, order_id: row.text("order_id")? },
                freight,
            })
        })
        .collect()
}

/// It is known what became of a write.
pub fn settle_write(sql: &dyn Sql, write: i64) -> Result<(), SqlError> {
    settled(sql, &sql.exec("DELETE FROM carried WHERE write_id = ? RETURNING sending", &[write.into()])?)
}

/// It is known what became of a party.
pub fn settle_party(sql: &dyn Sql, identity: &str) -> Result<(), SqlError> {
    settled(sql, &sql.exec("DELETE FROM carried WHERE identity = ? RETURNING sending", &[identity.into()])?)
}

/// A sending of which everything is known is forgotten: the write log keeps each write.
fn settled(sql: &dyn Sql, rows: &[Row]) -> Result<(), SqlError> {
    let statement = "DELETE FROM sendings WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM carried WHERE sending = ?1)";
    rows.iter().try_for_each(|row| sql.exec(statement, &[row.int("sending")?.into()]).map(drop))
}
