//! What the preset tenants hold from the start, and what tests change in them.

use std::collections::HashMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{Company, Settings, Table};
use crate::ids::{Ids, guid_from};
use crate::json;
use crate::limits::{Slots, Window};
use crate::presets::{self, XERO_ACCOUNTS, XERO_CURRENCIES};

impl Company {
    pub fn preset(tenant: &str) -> Self {
        let (country, base, start) = match tenant {
            presets::XERO_AU => ("AU", "AUD", 2_000_000),
            presets::XERO_US => ("US", "USD", 3_000_000),
            _ => ("UK", "GBP", 1_000_000),
        };
        let rates = presets::xero_tax_rates(tenant);
        let sales_tax = rates[0].0;
        let no_tax = if country == "AU" { "BASEXCLUDED" } else { "NONE" };
        let accounts = XERO_ACCOUNTS.iter().enumerate().map(|(at, (code, name, kind, class, payments, system, currency))| {
            let mut account = json!({
                "AccountID": guid_from(start + 500_000 + at as u64), "Code": code, "Name": name, "Type": kind, "Class": class,
                "Status": if *code == presets::XERO_ARCHIVED { "ARCHIVED" } else { "ACTIVE" }, "EnablePaymentsToAccount": payments,
                "TaxType": if *class == "REVENUE" { sales_tax } else { no_tax }, "ShowInExpenseClaims": false,
                "UpdatedDateUTC": "/Date(1704067200000+0000)/",
            });
            if !system.is_empty() {
                account["SystemAccount"] = json!(system);
            }
            if *kind == "BANK" {
                account["CurrencyCode"] = json!(if currency.is_empty() { base } else { currency });
                account["BankAccountType"] = json!("BANK");
            }
            account
        });
        let tax_rates = rates.iter().map(|(code, name, percent, is_output)| {
            let rate = json::plain(json::parse(percent).unwrap_or_default());
            json!({
                "Name": name, "TaxType": code, "Status": "ACTIVE", "EffectiveRate": rate, "DisplayTaxRate": rate,
                "CanApplyToRevenue": is_output, "CanApplyToLiabilities": true, "CanApplyToAssets": true, "CanApplyToEquity": true,
                "CanApplyToExpenses": true, "ReportTaxType": code,
            })
        });
        Self {
            tenant: tenant.into(),
            name: presets::company_name(tenant).into(),
            base: base.into(),
            country,
            settings: Settings::default(),
            accounts: accounts.collect(),
            tax_rates: tax_rates.collect(),
            currencies: XERO_CURRENCIES.map(str::to_owned).into(),
            contacts: Table::default(),
            invoices: Table::default(),
            credit_notes: Table::default(),
            payments: Table::default(),
            items: Table { rows: Vec::new(), by_id: HashMap::new() },
            ids: Ids::starting_at(start * 1_000_000),
            numbers: 0,
            minute: Window::seconds(60),
            day: Window::seconds(86_400),
            slots: Slots::default(),
            writes: 0,
        }
    }

    /// The day's rate as Xero states it: units of `currency` for one unit of the base.
    pub(super) fn daily_rate(&self, currency: &str) -> Decimal {
        let in_dollars = |code: &str| {
            presets::QUICKBOOKS_RATES.iter().find(|(name, _)| *name == code).and_then(|(_, rate)| json::parse(rate))
        };
        match (in_dollars(&self.base), in_dollars(currency)) {
            (Some(base), Some(rate)) => (base / rate).round_dp(6),
            _ => Decimal::ONE,
        }
    }

    fn set_account(&mut self, code: &str, change: impl FnOnce(&mut Value)) -> bool {
        let found = self.accounts.iter_mut().find(|account| json::text(account, "Code") == code);
        found.map(change).is_some()
    }

    pub fn archive_account(&mut self, code: &str) -> bool {
        self.set_account(code, |account| account["Status"] = json!("ARCHIVED"))
    }

    pub fn activate_account(&mut self, code: &str) -> bool {
        self.set_account(code, |account| account["Status"] = json!("ACTIVE"))
    }

    /// Sets the status of the tax rate of that type; false if there is none.
    pub fn set_tax_rate_status(&mut self, tax_type: &str, status: &str) -> bool {
        let rate = self.tax_rates.iter_mut().find(|rate| rate["TaxType"] == tax_type);
        rate.map(|rate| rate["Status"] = json!(status)).is_some()
    }

    /// Somebody corrects a tax rate: `code`, `percent`.
    pub fn set_tax_rate(&mut self, code: &str, percent: &str) -> bool {
        let rate = json::plain(json::parse(percent).unwrap_or_default());
        let found = self.tax_rates.iter_mut().find(|one| json::text(one, "TaxType") == code);
        found.map(|one| (one["EffectiveRate"], one["DisplayTaxRate"]) = (rate.clone(), rate)).is_some()
    }

    /// An invoice that somebody entered by hand.
    pub fn plant_invoice(&mut self, number: &str) {
        let id = self.ids.guid();
        let row = json!({
            "Type": "ACCREC", "InvoiceID": id, "InvoiceNumber": number, "Reference": "by hand", "Status": "AUTHORISED",
            "Date": "/Date(1736899200000+0000)/", "DateString": "2025-01-15T00:00:00", "CurrencyCode": self.base,
            "Total": 10, "AmountDue": 10, "LineItems": [], "Contact": { "ContactID": id },
            "UpdatedDateUTC": "/Date(1736899200000+0000)/",
        });
        self.invoices.put(&id, row);
    }

    /// A sale that another integration posted: number, reference, currency, total, what is open of it, its status, and its
    /// lines (`text`, `amount`); a credit note where `kind` says so. Its contact is that integration's own.
    pub fn plant_sale(&mut self, sale: &Value) -> bool {
        let text = |key: &str, default: &str| match json::text(sale, key) {
            "" => default.to_owned(),
            given => given.to_owned(),
        };
        let amount = |key: &str| json::lenient_decimal(&sale[key]);
        let total = amount("total").unwrap_or_default();
        let open = amount("open").unwrap_or(total);
        let (contact, id) = (self.ids.guid(), self.ids.guid());
        let name = format!("Earlier contact {contact}");
        let row = json!({ "ContactID": contact, "Name": name, "ContactStatus": "ACTIVE", "EmailAddress": "" });
        self.contacts.put(&contact, row.clone());
        // What is paid already was paid by the earlier integration.
        let paid = json!([{ "PaymentID": self.ids.guid(), "Amount": json::money(total - open) }]);
        let usual = if open.is_zero() { "PAID" } else { "AUTHORISED" };
        let date = text("date", "2025-12-15");
        let day: Option<chrono::NaiveDate> = date.parse().ok();
        let millis = day.and_then(|day| day.and_hms_opt(0, 0, 0)).map_or(0, |at| at.and_utc().timestamp_millis());
        let row = json!({
            "Type": text("type", "ACCREC"), "InvoiceID": id, "InvoiceNumber": json::text(sale, "number"),
            "Reference": json::text(sale, "reference"), "Status": text("status", usual), "Contact": row,
            "Date": format!("/Date({millis}+0000)/"), "DateString": format!("{date}T00:00:00"),
            "CurrencyCode": text("currency", &self.base.clone()), "CurrencyRate": 1, "Total": json::money(total),
            "TotalTax": 0, "AmountDue": json::money(open), "AmountPaid": json::money(total - open), "LineItems": planted_lines(sale),
            "Payments": if total == open { json!([]) } else { paid }, "CreditNotes": [],
            "UpdatedDateUTC": "/Date(1765756800000+0000)/",
        });
        if json::text(sale, "kind") == "CreditMemo" {
            let mut credit = row;
            credit["Type"] = json!("ACCRECCREDIT");
            credit["CreditNoteID"] = json!(id);
            credit["CreditNoteNumber"] = credit["InvoiceNumber"].take();
            credit["RemainingCredit"] = credit["AmountDue"].take();
            credit["Allocations"] = json!([]);
            self.credit_notes.put(&id, credit);
            return true;
        }
        self.invoices.put(&id, row);
        true
    }

    pub fn remove_account(&mut self, code: &str) -> bool {
        let count = self.accounts.len();
        self.accounts.retain(|account| json::text(account, "Code") != code);
        self.accounts.len() < count
    }

    pub fn archive_contact(&mut self, id: &str) -> bool {
        self.contacts.get_mut(id).map(|contact| contact["ContactStatus"] = json!("ARCHIVED")).is_some()
    }

    pub fn restore_contact(&mut self, id: &str) -> bool {
        self.contacts.get_mut(id).map(|contact| contact["ContactStatus"] = json!("ACTIVE")).is_some()
    }

    pub fn subscribe(&mut self, code: &str) {
        if !self.currencies.iter().any(|known| known == code) {
            self.currencies.push(code.into());
        }
    }

    pub fn unsubscribe(&mut self, code: &str) {
        self.currencies.retain(|known| known != code);
    }
}

fn planted_lines(sale: &Value) -> Value {
    let line = |(at, one): (usize, &Value)| {
        let amount = json::money(json::lenient_decimal(&one["amount"]).unwrap_or_default());
        json!({
            "LineItemID": format!("00000000-0000-4000-a000-{at:012}"), "Description": one["text"], "Quantity": 1,
            "UnitAmount": amount, "LineAmount": amount, "TaxType": "NONE", "TaxAmount": 0, "AccountCode": "200",
        })
    };
    json::list(sale, "lines").iter().enumerate().map(line).collect()
}
