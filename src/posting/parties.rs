//! The ledger's ids of customers, items and accounts, as far as they are known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::books::document::Party;
use crate::ledgers::{FoundParty, Reference, ReferenceKind};
use crate::platform::{Sql, SqlError, Value};

/// What is known of a party.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The ledger's id, once it is known.
    pub ledger_id: Option<String>,
    /// Which name is tried: 0 the plain one, 1 the one with the Shopify id, 2 the one with id and currency.
    pub variant: i64,
    /// True if the ledger said that the name is taken: look who has it.
    pub taken: bool,
    /// Counts definite failures, so that a new try has a new idempotency key.
    pub epoch: i64,
}

/// What is known of the party of that identity.
pub fn known(sql: &dyn Sql, identity: &str) -> Result<Known, SqlError> {
    let rows =
        sql.exec("SELECT ledger_id, variant, taken, epoch FROM parties WHERE identity = ?", &[identity.into()])?;
    let Some(row) = rows.first() else { return Ok(Known::default()) };
    Ok(Known {
        ledger_id: row.text_or_null("ledger_id")?,
        variant: row.int("variant")?,
        taken: row.int("taken")? != 0,
        epoch: row.int("epoch")?,
    })
}

/// Remembers what is known of a party.
pub fn remember(sql: &dyn Sql, identity: &str, known: &Known) -> Result<(), SqlError> {
    sql.exec(
        "INSERT INTO parties (identity, ledger_id, variant, taken, epoch) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (identity) DO UPDATE SET ledger_id = excluded.ledger_id, variant = excluded.variant,
             taken = excluded.taken, epoch = excluded.epoch",
        &[
            identity.into(),
            known.ledger_id.as_deref().into(),
            known.variant.into(),
            Value::Int(known.taken.into()),
            known.epoch.into(),
        ],
    )
    .map(drop)
}

/// Our own key of a party, for ledgers that keep one (Xero `ContactNumber`, ≤ 50 characters).
pub fn key(identity: &str) -> String {
    let hash: String = Sha256::digest(identity).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("shopify-{hash}")
}

/// The idempotency key of creating a party.
pub fn creation_key(company: &str, identity: &str, known: &Known) -> String {
    let text = format!("{company}|party|{identity}|{}|{}", known.variant, known.epoch);
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The last name that is tried.
pub const LAST_VARIANT: i64 = 2;

/// The party under the name that is tried now: a name that somebody else has is told apart by the Shopify id; where a
/// ledger has one party per currency of the same customer, by the currency too.
pub fn named(party: &Party, shop: &str, variant: i64) -> Party {
    let label = shop.split('.').next().unwrap_or(shop);
    let id = party.customer_id.as_deref().unwrap_or(label);
    let mark = match variant {
        0 => return party.clone(),
        1 => id.to_owned(),
        _ => format!("{id} {}", party.currency),
    };
    // The longest names that either ledger takes leave room for the mark.
    let name: String = party.name.chars().take(200).collect();
    Party { name: format!("{name} ({mark})"), ..party.clone() }
}

/// The one of `found` that is this party: ours by key, or of the same name and e-mail address, or under the name that
/// carries the Shopify id. Archived ones and those of another currency never are.
pub fn same<'a>(party: &Party, variant: i64, found: &'a [FoundParty]) -> Option<&'a FoundParty> {
    found.iter().filter(|one| one.active && one.currency.is_none_or(|currency| currency == party.currency)).find(
        |one| {
            let same_name = one.name.eq_ignore_ascii_case(&party.name);
            let same_email = match (&one.email, &party.email) {
                (Some(theirs), Some(ours)) => theirs.eq_ignore_ascii_case(ours),
                (None, None) => party.customer_id.is_none(),
                _ => false,
            };
            one.ours || (same_name && (same_email || variant > 0))
        },
    )
}

/// The ledger's ids of these names; `Err` holds the first one that is not known yet.
pub fn references(
    sql: &dyn Sql,
    wanted: &[Reference],
) -> Result<Result<BTreeMap<Reference, String>, Reference>, SqlError> {
    let mut found = BTreeMap::new();
    for reference in wanted {
        let rows = sql.exec(
            "SELECT ledger_id FROM ledger_references WHERE kind = ? AND label = ?",
            &[kind(reference.kind).into(), reference.label.as_str().into()],
        )?;
        match rows.first() {
            Some(row) => found.insert(reference.clone(), row.text("ledger_id")?),
            None => return Ok(Err(reference.clone())),
        };
    }
    Ok(Ok(found))
}

/// Remembers the ledger's id of a name.
pub fn remember_reference(sql: &dyn Sql, reference: &Reference, ledger_id: &str) -> Result<(), SqlError> {
    let statement = "INSERT OR REPLACE INTO ledger_references (kind, label, ledger_id) VALUES (?, ?, ?)";
    sql.exec(statement, &[kind(reference.kind).into(), reference.label.as_str().into(), ledger_id.into()]).map(drop)
}

fn kind(kind: ReferenceKind) -> &'static str {
    kind.as_str()
}

/// Forgets what was looked up: the settings or the ledger may have changed.
pub fn forget_references(sql: &dyn Sql) -> Result<(), SqlError> {
    sql.exec("DELETE FROM ledger_references", &[]).map(drop)
}
