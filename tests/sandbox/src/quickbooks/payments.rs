//! Payments: money received and what it is applied to, also credit memos applied through a payment of zero.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::faults::{self, Checked};
use super::names::{merged, text_of};
use super::{Company, Context, Kind, schema};
use crate::json::{self, Object, round2, short_money};

/// One line of a payment.
struct Application {
    kind: Kind,
    id: String,
    amount: Decimal,
}

fn applications(payment: &Value) -> Vec<Application> {
    let lines = json::list(payment, "Line").iter();
    lines
        .filter_map(|line| {
            let link = json::list(line, "LinkedTxn").first()?;
            let kind = Kind::by_name(json::text(link, "TxnType"))?;
            Some(Application { kind, id: json::text(link, "TxnId").into(), amount: json::amount(line, "Amount") })
        })
        .collect()
}

impl Company {
    pub(super) fn save_payment(&mut self, context: &Context, body: &Object) -> Checked<Value> {
        schema::check(Kind::Payment, body)?;
        let before = self.current(Kind::Payment, body)?;
        let old = before.as_ref().map(|(_, old)| old);
        if old.is_some_and(|old| old.get("_voided").is_some()) {
            return Err(faults::business("A voided transaction cannot be changed."));
        }
        let mut payment = merged(old, body);
        let total = payment.get("TotalAmt").ok_or_else(|| faults::required("TotalAmt"))?;
        let total = json::decimal(total).map(round2).ok_or_else(|| faults::unsupported_property("TotalAmt"))?;
        self.check_header(context, &mut payment, old)?;
        self.check_deposit_account(context, Kind::Payment, &mut payment)?;
        let previous = old.map(applications).unwrap_or_default();
        let (lines, unapplied) = self.check_applications(context, &payment, total, &previous)?;
        let rate = payment.get("ExchangeRate").and_then(json::decimal).unwrap_or(Decimal::ONE);
        payment.insert("Line".into(), Value::Array(lines));
        payment.insert("TotalAmt".into(), short_money(total));
        payment.insert("HomeTotalAmt".into(), short_money(total * rate));
        payment.insert("UnappliedAmt".into(), short_money(unapplied));
        payment.insert("ProcessPayment".into(), json!(false));
        if let Some((id, _)) = &before {
            self.release(context.now, Kind::Payment, *id);
        }
        let stored = self.commit(context.now, Kind::Payment, before, payment);
        let id = json::text(&stored, "Id").to_owned();
        for application in applications(&stored) {
            self.apply(context.now, &application, &id);
        }
        Ok(stored)
    }

    /// Every line pays one open document of the same customer, at most what is open in it; credit memos add to what can be
    /// spent; together no more is applied than there is.
    fn check_applications(
        &self,
        context: &Context,
        payment: &Object,
        total: Decimal,
        previous: &[Application],
    ) -> Checked<(Vec<Value>, Decimal)> {
        let customer = text_of(payment, "CustomerRef.value").unwrap_or_default();
        let (mut shown, mut invoices, mut credits) = (Vec::new(), Decimal::ZERO, Decimal::ZERO);
        let mut seen: Vec<(Kind, String)> = Vec::new();
        for line in payment.get("Line").and_then(Value::as_array).into_iter().flatten() {
            let amount = line.get("Amount").and_then(json::decimal).ok_or_else(|| faults::required("Line.Amount"))?;
            let [link] = json::list(line, "LinkedTxn") else { return Err(faults::required("LinkedTxn")) };
            let name = json::text(link, "TxnType");
            let kind = match name {
                "Invoice" => Kind::Invoice,
                "CreditMemo" => Kind::CreditMemo,
                other => return Err(faults::enumeration("TxnType", other)),
            };
            let id = json::text(link, "TxnId").to_owned();
            let document = self.refer(context, kind, "Transactions", &id)?;
            let earlier: Decimal =
                previous.iter().filter(|old| old.kind == kind && old.id == id).map(|old| old.amount).sum();
            let open = json::amount(document, "Balance") + earlier;
            if json::text_at(document, "CustomerRef.value") != customer {
                return Err(faults::business("The linked transaction belongs to another customer."));
            }
            if seen.contains(&(kind, id.clone())) {
                return Err(faults::business("A transaction can be linked once only."));
            }
            if amount != round2(amount) || amount <= Decimal::ZERO || amount > open {
                return Err(faults::business(&format!(
                    "The amount applied, {amount}, must be greater than zero and no more than the open balance, {open}."
                )));
            }
            match kind {
                Kind::Invoice => invoices += amount,
                _ => credits += amount,
            }
            seen.push((kind, id.clone()));
            shown.push(json!({ "Amount": short_money(amount), "LinkedTxn": [{ "TxnId": id, "TxnType": name }] }));
        }
        let unapplied = total + credits - invoices;
        if total < Decimal::ZERO || total.is_zero() && shown.is_empty() {
            return Err(faults::business("The payment amount must be greater than zero."));
        }
        if unapplied < Decimal::ZERO || credits > invoices {
            return Err(faults::business("The amounts applied do not agree with the payment amount."));
        }
        Ok((shown, unapplied))
    }

    fn apply(&mut self, now: DateTime<Utc>, application: &Application, payment: &str) {
        self.change_balance(now, application, -application.amount);
        if let Some(document) = self.entity_mut(application.kind, &application.id)
            && let Some(links) = document["LinkedTxn"].as_array_mut()
        {
            links.push(json!({ "TxnId": payment, "TxnType": "Payment" }));
        }
    }

    fn change_balance(&mut self, now: DateTime<Utc>, application: &Application, by: Decimal) {
        let Some(document) = self.entity_mut(application.kind, &application.id) else { return };
        let balance = json::amount(document, "Balance") + by;
        document["Balance"] = short_money(balance);
        if application.kind == Kind::CreditMemo {
            document["RemainingCredit"] = short_money(balance);
        }
        Self::touch(document, now);
    }

    fn unlink(&mut self, now: DateTime<Utc>, application: &Application, payment: &str) {
        self.change_balance(now, application, application.amount);
        if let Some(document) = self.entity_mut(application.kind, &application.id)
            && let Some(links) = document["LinkedTxn"].as_array_mut()
        {
            links.retain(|link| json::text(link, "TxnId") != payment);
        }
    }

    /// Takes a transaction out of every link it is in. A payment gives its documents their balance back. Voiding an invoice
    /// leaves its payments with that much unapplied; credit that was spent on it through them returns to its memo.
    pub(super) fn release(&mut self, now: DateTime<Utc>, kind: Kind, id: u64) {
        let id = id.to_string();
        if kind == Kind::Payment {
            let old = self.get(Kind::Payment, &id).map(applications).unwrap_or_default();
            for application in &old {
                self.unlink(now, application, &id);
            }
            return;
        }
        let links = self.get(kind, &id).map(|document| json::list(document, "LinkedTxn").to_vec()).unwrap_or_default();
        for link in links {
            self.take_out(now, json::text(&link, "TxnId"), kind, &id);
        }
    }

    /// Removes a document from a payment's lines; credit memos that then have nothing left to pay are released too.
    fn take_out(&mut self, now: DateTime<Utc>, payment: &str, kind: Kind, id: &str) {
        let Some(stored) = self.get(Kind::Payment, payment) else { return };
        let (mut kept, mut freed) = (Vec::new(), Vec::new());
        for application in applications(stored) {
            let list = if application.kind == kind && application.id == id { &mut freed } else { &mut kept };
            list.push(application);
        }
        let sum = |list: &[Application], kind: Kind| -> Decimal {
            list.iter().filter(|one| one.kind == kind).map(|one| one.amount).sum()
        };
        if sum(&kept, Kind::CreditMemo) > sum(&kept, Kind::Invoice) {
            let (memos, rest): (Vec<_>, Vec<_>) = kept.into_iter().partition(|one| one.kind == Kind::CreditMemo);
            freed.extend(memos);
            kept = rest;
        }
        for application in &freed {
            self.unlink(now, application, payment);
        }
        let (credits, invoices) = (sum(&kept, Kind::CreditMemo), sum(&kept, Kind::Invoice));
        let Some(stored) = self.entity_mut(Kind::Payment, payment) else { return };
        let unapplied = json::amount(stored, "TotalAmt") + credits - invoices;
        stored["UnappliedAmt"] = short_money(unapplied);
        let lines = kept.iter().map(|one| {
            json!({ "Amount": short_money(one.amount), "LinkedTxn": [{ "TxnId": one.id, "TxnType": one.kind.name() }] })
        });
        stored["Line"] = Value::Array(lines.collect());
        Self::touch(stored, now);
    }
}
