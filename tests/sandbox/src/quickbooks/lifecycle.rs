//! Voiding and deleting transactions.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::faults::{self, Checked};
use super::{Company, Context, Kind};
use crate::json::{self, Object, short_money};

impl Company {
    /// Voiding zeroes every amount and puts "Voided" before the note. What was applied to it is released.
    pub(super) fn void(&mut self, context: &Context, kind: Kind, body: &Object) -> Checked<Value> {
        let (id, old) = self.current(kind, body)?.ok_or_else(|| faults::required("Id"))?;
        self.check_open_period(json::text(&old, "TxnDate"))?;
        self.release(context.now, kind, id);
        let mut entity = old.as_object().cloned().unwrap_or_default();
        for key in ["TotalAmt", "HomeTotalAmt", "Balance", "RemainingCredit", "UnappliedAmt"] {
            if entity.contains_key(key) {
                entity.insert(key.into(), short_money(Decimal::ZERO));
            }
        }
        for line in entity.get_mut("Line").and_then(Value::as_array_mut).into_iter().flatten() {
            line["Amount"] = short_money(Decimal::ZERO);
            if line.get("SalesItemLineDetail").is_some() {
                line["SalesItemLineDetail"]["Qty"] = json!(0);
            }
        }
        if kind == Kind::Payment {
            entity.insert("Line".into(), json!([]));
        } else {
            entity.insert("TxnTaxDetail".into(), json!({ "TotalTax": short_money(Decimal::ZERO) }));
            entity.insert("LinkedTxn".into(), json!([]));
        }
        let note = entity.get("PrivateNote").and_then(Value::as_str).unwrap_or("");
        let note = if note.is_empty() { "Voided".to_owned() } else { format!("Voided - {note}") };
        entity.insert("PrivateNote".into(), json!(note));
        entity.insert("_voided".into(), json!(true));
        Ok(self.commit(context.now, kind, Some((id, old)), entity))
    }

    /// A document with something applied to it must be unlinked first (conservative for invoices).
    pub(super) fn delete(&mut self, context: &Context, kind: Kind, body: &Object) -> Checked<Value> {
        let (id, old) = self.current(kind, body)?.ok_or_else(|| faults::required("Id"))?;
        self.check_open_period(json::text(&old, "TxnDate"))?;
        if kind == Kind::Payment {
            self.release(context.now, kind, id);
        } else if !json::list(&old, "LinkedTxn").is_empty() {
            return Err(faults::business("The transaction is linked to another one. Unlink it before you delete it."));
        }
        self.remove(context.now, kind, id);
        Ok(json!({ "status": "Deleted", "domain": "QBO", "Id": id.to_string() }))
    }
}
