//! Invoices (ACCREC) and credit notes (ACCRECCREDIT): what they share, and the rules of each.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::arithmetic::{self, AmountTypes};
use super::lines::Frame;
use super::settle::{applied, settle};
use super::{Call, Company, Outcome, Table, date_string, one, parse_date, wire_date, wire_time};
use crate::json::{self, Object, money, plain};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Invoice,
    CreditNote,
}

impl Sort {
    fn kind(self) -> &'static str {
        match self {
            Self::Invoice => "ACCREC",
            Self::CreditNote => "ACCRECCREDIT",
        }
    }

    fn id_key(self) -> &'static str {
        match self {
            Self::Invoice => "InvoiceID",
            Self::CreditNote => "CreditNoteID",
        }
    }

    fn number_key(self) -> &'static str {
        match self {
            Self::Invoice => "InvoiceNumber",
            Self::CreditNote => "CreditNoteNumber",
        }
    }

    fn duplicate(self) -> &'static str {
        match self {
            Self::Invoice => "Invoice # must be unique.",
            Self::CreditNote => "Credit Note # must be unique.",
        }
    }
}

const NOT_EDITABLE: &str = "This document cannot be edited as it has a payment or credit note allocated to it.";

/// What may still change on an invoice that has payments or credits.
const CHANGEABLE_WHEN_PAID: [&str; 13] = [
    "InvoiceID",
    "InvoiceNumber",
    "CreditNoteID",
    "CreditNoteNumber",
    "Type",
    "Reference",
    "DueDate",
    "DueDateString",
    "Url",
    "BrandingThemeID",
    "SentToContact",
    "Status",
    "Contact",
];

impl Company {
    pub(super) fn save_invoice(&mut self, call: &Call, given: &Object) -> Outcome {
        self.save_document(call, Sort::Invoice, given)
    }

    pub(super) fn save_credit_note(&mut self, call: &Call, given: &Object) -> Outcome {
        self.save_document(call, Sort::CreditNote, given)
    }

    fn table(&self, sort: Sort) -> &Table {
        match sort {
            Sort::Invoice => &self.invoices,
            Sort::CreditNote => &self.credit_notes,
        }
    }

    /// By GUID or by number. The number of a deleted draft is free again; that of a voided document is not (conservative).
    pub(super) fn find(&self, sort: Sort, key: &str) -> Option<&Value> {
        let table = self.table(sort);
        let is_numbered = |row: &&Value| {
            json::text(row, sort.number_key()).eq_ignore_ascii_case(key) && json::text(row, "Status") != "DELETED"
        };
        table.get(key).or_else(|| table.rows.iter().find(is_numbered))
    }

    /// PUT creates only. POST updates what it names by id or number, silently.
    fn save_document(&mut self, call: &Call, sort: Sort, given: &Object) -> Outcome {
        let text = |key: &str| given.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let id = call.path_id.as_deref().or(text(sort.id_key()));
        let (by_id, number) = (id.map(|id| self.find(sort, id).cloned()), text(sort.number_key()));
        let by_number = number.and_then(|number| self.find(sort, number).cloned());
        let old = match (by_id, by_number) {
            (Some(None), _) => return Err(one("The document with the supplied id was not found for this endpoint.")),
            (Some(Some(old)), holder) => {
                if holder.is_some_and(|holder| holder[sort.id_key()] != old[sort.id_key()]) {
                    return Err(one(sort.duplicate()));
                }
                Some(old)
            }
            (None, Some(_)) if call.is_put => return Err(one(sort.duplicate())),
            (None, holder) => holder,
        };
        match old {
            Some(old) => self.update(call, sort, given, &old),
            None => self.create(call, sort, given),
        }
    }

    fn create(&mut self, call: &Call, sort: Sort, given: &Object) -> Outcome {
        let mut errors = Vec::new();
        let given = Value::Object(given.clone());
        if json::text(&given, "Type") != sort.kind() {
            errors.push(format!("Type must be {}.", sort.kind()));
        }
        let status = match json::text(&given, "Status") {
            "" => "DRAFT",
            status @ ("DRAFT" | "SUBMITTED" | "AUTHORISED") => status,
            _ => {
                errors.push("Invoice not of valid status for creation".into());
                "DRAFT"
            }
        };
        if status == "AUTHORISED" && !self.settings.can_approve {
            errors.push("You have reached the limit of invoices you can approve".into());
        }
        let id = self.ids.guid();
        let mut document = json!({
            "Type": sort.kind(), "Status": status, "Payments": [], "HasAttachments": false, "SentToContact": false,
        });
        document[sort.id_key()] = json!(id);
        if sort == Sort::CreditNote {
            document["ID"] = json!(id);
            document["Allocations"] = json!([]);
        } else {
            document["CreditNotes"] = json!([]);
            document["Prepayments"] = json!([]);
            document["Overpayments"] = json!([]);
        }
        self.fill(call, sort, &given, document, errors)
    }

    /// Only what has neither payments nor credits can change its money or be voided; nothing changes in a locked period.
    fn update(&mut self, call: &Call, sort: Sort, given: &Object, old: &Value) -> Outcome {
        let was = json::text(old, "Status").to_owned();
        if matches!(was.as_str(), "VOIDED" | "DELETED") {
            return Err(one("Invoice not of valid status for modification"));
        }
        if let Some(date) = parse_date(&old["DateString"]) {
            self.check_period(date)?;
        }
        let wanted = given.get("Status").and_then(Value::as_str).unwrap_or(&was).to_owned();
        let is_settled = !applied(old).is_zero();
        if is_settled
            && (matches!(wanted.as_str(), "VOIDED" | "DELETED")
                || given.keys().any(|key| !CHANGEABLE_WHEN_PAID.contains(&key.as_str())))
        {
            return Err(one(NOT_EDITABLE));
        }
        let is_allowed = match wanted.as_str() {
            "VOIDED" if self.settings.refuse_void => false,
            "VOIDED" => was == "AUTHORISED",
            "DELETED" => matches!(was.as_str(), "DRAFT" | "SUBMITTED"),
            "PAID" => was == "PAID",
            "AUTHORISED" => true,
            "DRAFT" | "SUBMITTED" => matches!(was.as_str(), "DRAFT" | "SUBMITTED"),
            _ => false,
        };
        if !is_allowed {
            return Err(one("Invoice not of valid status for modification"));
        }
        let mut document = old.clone();
        let status = if is_settled { &was } else { &wanted };
        document["Status"] = json!(status);
        if matches!(wanted.as_str(), "VOIDED" | "DELETED") {
            document["AmountDue"] = money(Decimal::ZERO);
            if sort == Sort::CreditNote {
                document["RemainingCredit"] = money(Decimal::ZERO);
            }
            document["UpdatedDateUTC"] = wire_time(call.now);
            self.store(sort, document.clone());
            return Ok((document, Vec::new()));
        }
        self.fill(call, sort, &Value::Object(given.clone()), document, Vec::new())
    }

    /// Sets what was given on a new or old document, checks the result and stores it.
    fn fill(
        &mut self,
        call: &Call,
        sort: Sort,
        given: &Value,
        mut document: Value,
        mut errors: Vec<String>,
    ) -> Outcome {
        let is_new = document.get("Date").is_none();
        self.fill_texts(sort, given, &mut document, &mut errors);
        self.fill_dates(call, given, &mut document, &mut errors);
        match given.get("Contact") {
            Some(contact) => match self.contact_for(call, contact) {
                Ok(contact) => document["Contact"] = contact,
                Err(more) => errors.extend(more),
            },
            None if is_new => errors.push("A Contact must be specified for this type of transaction".into()),
            None => {}
        }
        let warnings = self.fill_currency(given, &mut document, &mut errors);
        if given.get("LineItems").is_some() || is_new {
            self.fill_lines(call, sort, given, &mut document, &mut errors);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        if json::text(&document, sort.number_key()).is_empty() {
            self.numbers += 1;
            let prefix = if sort == Sort::Invoice { "INV" } else { "CN" };
            document[sort.number_key()] = json!(format!("{prefix}-{:04}", self.numbers));
        }
        document["UpdatedDateUTC"] = wire_time(call.now);
        settle(sort, &mut document);
        self.store(sort, document.clone());
        Ok((document, warnings))
    }

    pub(super) fn store(&mut self, sort: Sort, document: Value) {
        let id = json::text(&document, sort.id_key()).to_owned();
        match sort {
            Sort::Invoice => self.invoices.put(&id, document),
            Sort::CreditNote => self.credit_notes.put(&id, document),
        }
    }

    fn fill_texts(&self, sort: Sort, given: &Value, document: &mut Value, errors: &mut Vec<String>) {
        for key in [sort.number_key(), "Reference", "Url", "BrandingThemeID"] {
            let Some(text) = given.get(key).and_then(Value::as_str) else { continue };
            if text.encode_utf16().count() > 255 {
                errors.push(format!("{key} exceeds the maximum length of 255 characters."));
            }
            if key == sort.number_key() && !text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
                errors.push(format!("{key} must contain printable ASCII characters only."));
            }
            let is_url = text.starts_with("https://") || text.starts_with("http://");
            if key == "Url" && (!is_url || text.contains("xero") || text.contains(' ')) {
                errors.push("Url must be a valid URL.".into());
            }
            document[key] = json!(text);
        }
    }

    fn fill_dates(&self, call: &Call, given: &Value, document: &mut Value, errors: &mut Vec<String>) {
        let is_new = document.get("Date").is_none();
        for name in ["Date", "DueDate"] {
            let string_key = format!("{name}String");
            let value = given.get(name).or_else(|| given.get(&string_key)).filter(|value| !value.is_null());
            let date = match value {
                Some(value) => match parse_date(value) {
                    Some(date) => date,
                    None => {
                        errors.push(format!("{name} is not a valid date."));
                        continue;
                    }
                },
                None if name == "Date" && is_new => call.now.date_naive(),
                None => continue,
            };
            if name == "Date"
                && let Err(more) = self.check_period(date)
            {
                errors.extend(more);
            }
            document[name] = wire_date(date);
            document[&string_key] = date_string(date);
        }
        let needs_due = json::text(document, "Type") == "ACCREC" && json::text(document, "Status") == "AUTHORISED";
        if needs_due && document.get("DueDate").is_none() {
            errors.push("Due Date is required for an approved invoice.".into());
        }
    }

    pub(super) fn check_period(&self, date: chrono::NaiveDate) -> Result<(), Vec<String>> {
        let locks = [
            ("period lock date", self.settings.period_lock_date),
            ("end of year lock date", self.settings.end_of_year_lock_date),
        ];
        for (name, lock) in locks {
            if let Some(lock) = lock.filter(|lock| date <= *lock) {
                return Err(one(format!(
                    "The document date cannot be before the {name}, currently set at {}",
                    lock.format("%-d %B %Y")
                )));
            }
        }
        Ok(())
    }

    /// CurrencyRate is document currency per base currency, six decimals. A rate of one on a foreign document, or one that looks
    /// upside down, is accepted with a warning. Without one the day's rate applies.
    fn fill_currency(&self, given: &Value, document: &mut Value, errors: &mut Vec<String>) -> Vec<String> {
        let code = match (json::text(given, "CurrencyCode"), json::text(document, "CurrencyCode")) {
            ("", "") => self.base.clone(),
            ("", old) => old.to_owned(),
            (new, _) => new.to_owned(),
        };
        if !self.currencies.contains(&code) || code != self.base && !self.settings.multicurrency {
            errors.push(format!("Organisation is not subscribed to currency {code}"));
            return Vec::new();
        }
        let is_same = json::text(document, "CurrencyCode") == code;
        document["CurrencyCode"] = json!(code);
        if code == self.base {
            document["CurrencyRate"] = json!(1);
            return Vec::new();
        }
        let daily = self.daily_rate(&code);
        let Some(rate) = given.get("CurrencyRate").and_then(json::lenient_decimal) else {
            if !is_same {
                document["CurrencyRate"] = plain(daily);
            }
            return Vec::new();
        };
        let rate = json::round(rate, 6);
        if rate <= Decimal::ZERO {
            errors.push("The currency rate must be greater than zero.".into());
            return Vec::new();
        }
        document["CurrencyRate"] = plain(rate);
        let inverse = Decimal::ONE / daily;
        if rate == Decimal::ONE {
            return vec![format!("The currency rate for {code} is 1:1.")];
        }
        if (rate - inverse).abs() < (rate - daily).abs() && (rate / daily - Decimal::ONE).abs() > Decimal::new(2, 1) {
            return vec![format!("The currency rate for {code} looks inverted.")];
        }
        Vec::new()
    }

    fn fill_lines(&mut self, call: &Call, sort: Sort, given: &Value, document: &mut Value, errors: &mut Vec<String>) {
        let types = match json::text(given, "LineAmountTypes") {
            "" => AmountTypes::parse(json::text(document, "LineAmountTypes")).unwrap_or(AmountTypes::Exclusive),
            text => match AmountTypes::parse(text) {
                Some(types) => types,
                None => {
                    errors.push(format!("LineAmountTypes '{text}' is not valid."));
                    return;
                }
            },
        };
        let frame =
            Frame { types, discounts: sort == Sort::Invoice, is_draft: json::text(document, "Status") == "DRAFT" };
        let items = json::list(given, "LineItems");
        if items.is_empty() {
            errors.push("One or more line items must be specified".into());
            return;
        }
        let (mut shown, mut priced) = (Vec::new(), Vec::new());
        for item in items {
            match self.line(call, &frame, item) {
                Ok(line) => {
                    priced.push((line.amount, line.tax));
                    shown.push(line.shown);
                }
                Err(more) => errors.extend(more),
            }
        }
        let (sub_total, tax, total) = arithmetic::totals(types, &priced);
        let total = total + self.settings.skew;
        if total < Decimal::ZERO {
            errors.push("The document total cannot be negative.".into());
        }
        document["LineAmountTypes"] = json!(types.name());
        document["LineItems"] = Value::Array(shown);
        document["SubTotal"] = money(sub_total);
        document["TotalTax"] = money(tax);
        document["Total"] = money(total);
    }
}
