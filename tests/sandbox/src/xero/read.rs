//! Reading: by id or number, lists with filters and pages, and the view for tests.

use chrono::{DateTime, NaiveDateTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::documents::Sort;
use super::where_clause::Where;
use super::{Company, faults};
use crate::http::{Reply, Request};
use crate::json;
use crate::view::DocumentView;

/// Values of one filter, and characters of a query: "batch ~40 values per request; limited by URL length", which others met at
/// about 25 conditions on an id (conservative).
const MOST_VALUES: usize = 40;
const LONGEST_QUERY: usize = 2_048;

impl Company {
    pub(super) fn read(&mut self, now: DateTime<Utc>, request: &Request, parts: &[&str]) -> Reply {
        match parts {
            ["Organisation" | "Organisations"] => {
                let organisation = json!([self.organisation()]);
                self.envelope(now, "Organisations", organisation, None)
            }
            ["Organisation", "Actions"] => {
                let actions = self.actions();
                self.envelope(now, "Actions", actions, None)
            }
            ["Currencies"] => {
                let list = self.currencies.iter().map(|code| json!({ "Code": code, "Description": code })).collect();
                self.envelope(now, "Currencies", Value::Array(list), None)
            }
            ["CreditNotes", key, "Allocations"] => {
                let found = self.find(Sort::CreditNote, key).map(|note| note["Allocations"].clone());
                found.map_or_else(faults::not_found, |list| self.envelope(now, "Allocations", list, None))
            }
            [name] => self.list(now, request, name),
            [name, key] => match self.one_row(name, key) {
                Some(row) => self.envelope(now, name, json!([row]), None),
                None => faults::not_found(),
            },
            _ => faults::not_found(),
        }
    }

    fn rows(&self, name: &str) -> Option<&[Value]> {
        Some(match name {
            "Invoices" => &self.invoices.rows,
            "CreditNotes" => &self.credit_notes.rows,
            "Payments" => &self.payments.rows,
            "Contacts" => &self.contacts.rows,
            "Items" => &self.items.rows,
            "Accounts" => &self.accounts,
            "TaxRates" => &self.tax_rates,
            "Overpayments" | "Prepayments" => &[],
            _ => return None,
        })
    }

    fn one_row(&self, name: &str, key: &str) -> Option<Value> {
        match name {
            "Invoices" => self.find(Sort::Invoice, key).cloned(),
            "CreditNotes" => self.find(Sort::CreditNote, key).cloned(),
            _ => {
                let keys = ["PaymentID", "ContactID", "ContactNumber", "AccountID", "Code", "ItemID", "TaxType"];
                let own: &[&str] = match name {
                    "Payments" => &keys[..1],
                    "Contacts" => &keys[1..3],
                    "Accounts" => &keys[3..5],
                    "Items" => &keys[4..6],
                    _ => &keys[6..],
                };
                let is_it = |row: &&Value| own.iter().any(|own| json::text(row, own).eq_ignore_ascii_case(key));
                self.rows(name)?.iter().find(is_it).cloned()
            }
        }
    }

    /// Filters, order and pages. Without a page (or `Statuses`, or `summaryOnly`) a list of documents silently stops at 100 and has
    /// no line items.
    fn list(&mut self, now: DateTime<Utc>, request: &Request, name: &str) -> Reply {
        let names = ["IDs", "InvoiceNumbers", "ContactIDs"].map(|key| request.parameter(key).unwrap_or_default());
        if request.query.len() > LONGEST_QUERY || names.iter().any(|list| list.split(',').count() > MOST_VALUES) {
            return Reply::text(414, "URI Too Long");
        }
        let clause = request.parameter("where").map(|text| Where::parse(name, &text)).transpose();
        let clause = match clause {
            Ok(clause) => clause.unwrap_or_default(),
            Err(why) => return faults::query_parse(&why),
        };
        let since = match request
            .header("if-modified-since")
            .map(|text| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"))
        {
            Some(Err(_)) => return faults::query_parse("If-Modified-Since must be yyyy-mm-ddThh:mm:ss"),
            Some(Ok(since)) => Some(since.and_utc().timestamp_millis()),
            None => None,
        };
        let Some(rows) = self.rows(name) else { return faults::not_found() };
        let mut found: Vec<Value> = rows
            .iter()
            .filter(|row| clause.matches(row) && is_listed(request, name, row))
            .filter(|row| since.is_none_or(|since| updated(row) > since))
            .cloned()
            .collect();
        sort(request, &mut found);
        let has_lines = matches!(name, "Invoices" | "CreditNotes");
        let is_transaction = has_lines || matches!(name, "Payments" | "Contacts" | "Overpayments" | "Prepayments");
        let is_summary = request.parameter("summaryOnly").as_deref() == Some("true");
        let is_paged = ["page", "Statuses", "summaryOnly"].iter().any(|key| request.parameter(key).is_some());
        if !is_transaction {
            return self.envelope(now, name, Value::Array(found), None);
        }
        let number =
            |key: &str, default: usize| request.parameter(key).and_then(|text| text.parse().ok()).unwrap_or(default);
        let (page, size) =
            if is_paged { (number("page", 1).max(1), number("pageSize", 100).clamp(1, 1000)) } else { (1, 100) };
        let count = found.len();
        let mut shown: Vec<Value> = found.into_iter().skip((page - 1) * size).take(size).collect();
        if has_lines && (is_summary || !is_paged) {
            let dropped: &[&str] =
                if is_summary { &["LineItems", "Payments", "HasAttachments"] } else { &["LineItems"] };
            for row in shown.iter_mut().filter_map(Value::as_object_mut) {
                row.retain(|key, _| !dropped.contains(&key.as_str()));
            }
        }
        let pagination =
            json!({ "page": page, "pageSize": size, "pageCount": count.div_ceil(size), "itemCount": count });
        self.envelope(now, name, Value::Array(shown), is_paged.then_some(pagination))
    }

    fn organisation(&self) -> Value {
        let lock = |date: Option<chrono::NaiveDate>| date.map_or(Value::Null, super::wire_date);
        json!({
            "Name": self.name, "LegalName": self.name, "PaysTax": true, "Version": self.country, "OrganisationType": "COMPANY",
            "BaseCurrency": self.base, "CountryCode": if self.country == "UK" { "GB" } else { self.country },
            "IsDemoCompany": false, "OrganisationStatus": "ACTIVE", "OrganisationID": self.tenant, "Edition": "BUSINESS",
            "Class": "PREMIUM", "ShortCode": "!sAnDb", "SalesTaxBasis": "ACCRUALS", "DefaultSalesTax": "Tax Exclusive",
            "PeriodLockDate": lock(self.settings.period_lock_date), "EndOfYearLockDate": lock(self.settings.end_of_year_lock_date),
            "Timezone": match self.country { "AU" => "AUSEASTERNSTANDARDTIME", "US" => "PACIFICSTANDARDTIME", _ => "GMTSTANDARDTIME" },
        })
    }

    fn actions(&self) -> Value {
        let status = |is_allowed: bool| if is_allowed { "ALLOWED" } else { "NOT-ALLOWED" };
        json!([
            { "Name": "UseMulticurrency", "Status": status(self.settings.multicurrency) },
            { "Name": "CreateApprovedInvoice", "Status": status(self.settings.can_approve) },
            { "Name": "CreateDraftInvoice", "Status": "ALLOWED" },
            { "Name": "CreateInvoicePayment", "Status": "ALLOWED" },
            { "Name": "CreateContact", "Status": "ALLOWED" },
            { "Name": "CreateCreditNote", "Status": "ALLOWED" },
        ])
    }

    /// Every transaction as it stands, deleted and voided ones included.
    pub fn documents(&self) -> Vec<DocumentView> {
        let invoices = self.invoices.rows.iter().map(|row| document_view("Invoice", row));
        let notes = self.credit_notes.rows.iter().map(|row| document_view("CreditNote", row));
        let payments = self.payments.rows.iter().map(|row| self.payment_view(row));
        invoices.chain(notes).chain(payments).collect()
    }

    fn payment_view(&self, row: &Value) -> DocumentView {
        let (kind, document) = match row.get("Invoice") {
            Some(invoice) => ("Invoice", invoice),
            None => ("CreditNote", &row["CreditNote"]),
        };
        let link =
            (kind.to_owned(), json::text(document, &format!("{kind}ID")).to_owned(), json::amount(row, "Amount"));
        DocumentView {
            id: json::text(row, "PaymentID").into(),
            reference: json::text(row, "Reference").into(),
            party: json::text_at(document, "Contact.ContactID").into(),
            party_name: json::text_at(document, "Contact.Name").into(),
            currency: json::text(document, "CurrencyCode").into(),
            total: json::amount(row, "Amount"),
            account: json::text_at(row, "Account.Code").into(),
            links: vec![link],
            ..document_view("Payment", row)
        }
    }

    pub fn parties(&self) -> Vec<Value> {
        let rows = self.contacts.rows.iter();
        rows.map(|row| {
            json!({
                "id": row["ContactID"], "name": row["Name"], "number": row.get("ContactNumber"), "status": row["ContactStatus"],
                "email": row["EmailAddress"],
            })
        })
        .collect()
    }
}

/// The milliseconds of `UpdatedDateUTC`.
fn updated(row: &Value) -> i64 {
    let text = json::text(row, "UpdatedDateUTC").trim_start_matches("/Date(");
    text.split('+').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The explicit filters.
fn is_listed(request: &Request, name: &str, row: &Value) -> bool {
    let among = |parameter: &str, path: &str| {
        request.parameter(parameter).is_none_or(|list| {
            list.split(',').any(|wanted| json::text_at(row, path).eq_ignore_ascii_case(wanted.trim()))
        })
    };
    let has = |term: &str, keys: &[&str]| {
        keys.iter().any(|key| json::text(row, key).to_lowercase().contains(&term.to_lowercase()))
    };
    match name {
        "Invoices" => {
            among("IDs", "InvoiceID")
                && among("InvoiceNumbers", "InvoiceNumber")
                && among("ContactIDs", "Contact.ContactID")
                && among("Statuses", "Status")
                && request
                    .parameter("searchTerm")
                    .or_else(|| request.parameter("SearchTerm"))
                    .is_none_or(|term| has(&term, &["InvoiceNumber", "Reference"]))
        }
        "Contacts" => {
            let shows_archived = request.parameter("includeArchived").as_deref() == Some("true");
            among("IDs", "ContactID")
                && (shows_archived || json::text(row, "ContactStatus") == "ACTIVE")
                && request
                    .parameter("searchTerm")
                    .is_none_or(|term| has(&term, &["Name", "EmailAddress", "ContactNumber"]))
        }
        _ => true,
    }
}

/// `UpdatedDateUTC ASC` unless the request says otherwise.
fn sort(request: &Request, rows: &mut [Value]) {
    let order = request.parameter("order").unwrap_or_default();
    let (field, direction) = order.split_once(' ').unwrap_or((order.as_str(), "ASC"));
    match field {
        "Date" => rows.sort_by(|a, b| json::text(a, "DateString").cmp(json::text(b, "DateString"))),
        field if field.ends_with("ID") => rows.sort_by(|a, b| json::text(a, field).cmp(json::text(b, field))),
        _ => rows.sort_by_key(updated),
    }
    if direction.eq_ignore_ascii_case("desc") {
        rows.reverse();
    }
}

fn document_view(kind: &str, row: &Value) -> DocumentView {
    let text = |path: &str| json::text_at(row, path).to_owned();
    let links = |list: &str, linked: &str, id: &str, amount: &str| -> Vec<(String, String, Decimal)> {
        let rows = json::list(row, list).iter();
        rows.map(|row| (linked.to_owned(), json::text_at(row, id).to_owned(), json::amount(row, amount))).collect()
    };
    let mut linked = links("Payments", "Payment", "PaymentID", "Amount");
    linked.extend(links("CreditNotes", "CreditNote", "CreditNoteID", "AppliedAmount"));
    linked.extend(links("Allocations", "Invoice", "Invoice.InvoiceID", "Amount"));
    DocumentView {
        kind: kind.into(),
        id: text(&format!("{kind}ID")),
        number: text(&format!("{kind}Number")),
        reference: text("Reference"),
        note: String::new(),
        party: text("Contact.ContactID"),
        party_name: text("Contact.Name"),
        date: text("DateString").chars().take(10).collect(),
        currency: text("CurrencyCode"),
        rate: json::amount(row, "CurrencyRate"),
        total: json::amount(row, "Total"),
        tax: json::amount(row, "TotalTax"),
        balance: if kind == "CreditNote" {
            json::amount(row, "RemainingCredit")
        } else {
            json::amount(row, "AmountDue")
        },
        status: text("Status"),
        account: String::new(),
        links: linked,
    }
}
