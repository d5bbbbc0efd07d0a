//! What is asked of a QuickBooks company before anything is posted to it, and how its answers read (facts/quickbooks
//! §1.9). Reads are metered, so it is done once and then daily.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use super::query::quote;
use super::read::{rows, text};
use super::{QuickBooks, batch, documents::TaxCodes};
use crate::books::money::parse_amount;
use crate::config::{NamedKind, Settings, TaxBooking};
use crate::ledgers::preflight::Finding;
use crate::ledgers::survey::{Account, Item, LOOKED_THROUGH, Numbered, Survey, TaxCode};
use crate::ledgers::{Failure, WireRequest};
use crate::platform::Response;

/// Account types that a payment may go to (§1.6): everything else is refused, with a misleading message.
const TAKE_PAYMENTS: [&str; 2] = ["Bank", "Other Current Asset"];

/// The kinds of documents that carry our numbers, and what they are called.
const NUMBERED: [(&str, &str); 4] = [
    ("Invoice", "invoices"),
    ("SalesReceipt", "sales receipts"),
    ("CreditMemo", "credit memos"),
    ("RefundReceipt", "refund receipts"),
];

/// The questions. Inactive entries are asked for too: to say of a name that it is inactive helps more than that it is
/// missing.
pub fn questions(ledger: &QuickBooks, settings: &Settings) -> Vec<WireRequest> {
    let any = "Active in (true, false)";
    let labels: Vec<String> =
        settings.named().into_iter().filter(|named| named.kind == NamedKind::Line).map(|named| named.label).collect();
    let (ids, names): (Vec<&String>, Vec<&String>) =
        labels.iter().partition(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    let among = |field: &str, labels: &[&String], leaf: fn(&str) -> &str| {
        let list: Vec<String> = labels.iter().map(|label| quote(leaf(label))).collect();
        (!list.is_empty())
            .then(|| format!("select * from Item where {field} in ({}) and {any} maxresults 1000", list.join(", ")))
    };
    let numbered = |entity: &str| {
        let pattern = quote(&format!("{}%", settings.number_prefix));
        format!(
            "select * from {entity} where DocNumber like {pattern} orderby MetaData.CreateTime maxresults {LOOKED_THROUGH}"
        )
    };
    let set_up = [
        "select * from CompanyInfo".to_owned(),
        "select * from Preferences".to_owned(),
        format!("select * from Account where {any} maxresults 1000"),
        format!("select * from TaxCode where {any} maxresults 1000"),
        format!("select * from TaxRate where {any} maxresults 1000"),
        "select * from Item where Type = 'Service' orderby Name maxresults 200".to_owned(),
    ];
    let named = [among("Id", &ids, |id| id), among("Name", &names, leaf)];
    let questions = set_up.iter().chain(named.iter().flatten()).map(|query| ledger.select(query));
    // In one request: QuickBooks takes ten a second.
    let numbers = NUMBERED.map(|(entity, _)| ledger.select(&numbered(entity)));
    questions.chain([batch::pack_questions(&ledger.path("batch"), &numbers)]).collect()
}

/// An item inside another is called "Parent:Child"; its own name is the last part.
fn leaf(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// The company, from the answers to the questions in their order.
pub fn read(settings: &Settings, answers: &[Response], tax: TaxCodes) -> Result<Survey, Box<Failure>> {
    let mut by_entity: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let set_up = ["CompanyInfo", "Preferences", "Account", "TaxCode", "TaxRate", "Item"];
    let (numbers, answers) = answers
        .split_last()
        .map_or((Vec::new(), answers), |(last, before)| (batch::unpack_questions(NUMBERED.len(), last), before));
    let set_up = answers.iter().enumerate().map(|(at, answer)| (set_up.get(at).copied().unwrap_or("Item"), answer));
    for (entity, answer) in set_up.chain(NUMBERED.map(|(entity, _)| entity).into_iter().zip(&numbers)) {
        by_entity.entry(entity).or_default().extend(rows(answer, entity)?);
    }
    let all = |entity: &str| by_entity.get(entity).map(Vec::as_slice).unwrap_or_default();
    let (company, preferences) = (first(all("CompanyInfo")), first(all("Preferences")));
    let at = |path: &str| preferences.pointer(path);
    let zone = text(company, "DefaultTimeZone");
    let closed = at("/AccountingInfoPrefs/BookCloseDate").and_then(Value::as_str);
    let mut items: Vec<Item> = all("Item").iter().map(item).collect();
    items.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    items.dedup_by(|one, other| one.id == other.id);
    let numbered = NUMBERED.iter().flat_map(|(entity, _)| all(entity));
    let is_cut = |entity: &str| all(entity).len() >= LOOKED_THROUGH;
    Ok(Survey {
        name: text(company, "CompanyName"),
        home: at("/CurrencyPrefs/HomeCurrency/value").and_then(Value::as_str).and_then(|code| code.parse().ok()),
        time_zone: Some(zone).filter(|zone| zone.contains('/')),
        closed_until: closed.and_then(|date| date.get(..10)?.parse().ok()),
        multicurrency: is_on(at("/CurrencyPrefs/MultiCurrencyEnabled")),
        // A currency that is new to the company is added with its first document.
        currencies: None,
        accounts: all("Account").iter().map(account).collect(),
        items,
        tax_codes: all("TaxCode").iter().map(|row| tax_code(row, all("TaxRate"))).collect(),
        numbered: numbered.map(document).collect(),
        not_looked_through: NUMBERED.iter().filter(|(entity, _)| is_cut(entity)).map(|(_, kind)| *kind).collect(),
        findings: findings(settings, company, preferences, tax),
    })
}

fn first(rows: &[Value]) -> &Value {
    rows.first().unwrap_or(&Value::Null)
}

/// A switch as QuickBooks writes it: true, or "true".
fn is_on(value: Option<&Value>) -> bool {
    value.is_some_and(|value| value.as_bool().unwrap_or_else(|| value.as_str() == Some("true")))
}

fn is_active(row: &Value) -> bool {
    row.get("Active").is_none_or(|active| is_on(Some(active)))
}

fn account(row: &Value) -> Account {
    let kind = text(row, "AccountType");
    Account {
        id: text(row, "Id"),
        code: text(row, "AcctNum"),
        name: text(row, "Name"),
        currency: row.pointer("/CurrencyRef/value").and_then(Value::as_str).and_then(|code| code.parse().ok()),
        active: is_active(row),
        takes_payments: TAKE_PAYMENTS.contains(&kind.as_str()),
        // Lines go to items here.
        takes_lines: false,
        kind,
    }
}

fn item(row: &Value) -> Item {
    let full = text(row, "FullyQualifiedName");
    Item {
        id: text(row, "Id"),
        name: if full.is_empty() { text(row, "Name") } else { full },
        active: is_active(row),
        account: row.pointer("/IncomeAccountRef/value").and_then(Value::as_str).map(str::to_owned),
    }
}

/// A code's rate is the sum of its rates on sales.
fn tax_code(row: &Value, rates: &[Value]) -> TaxCode {
    let value_of = |detail: &Value| -> Option<Decimal> {
        let id = detail.pointer("/TaxRateRef/value").and_then(Value::as_str)?;
        let rate = rates.iter().find(|rate| text(rate, "Id") == id)?;
        let percent = match rate.get("RateValue")? {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        parse_amount(&percent).ok().map(|percent| percent / Decimal::ONE_HUNDRED)
    };
    let details = row.pointer("/SalesTaxRateList/TaxRateDetail").and_then(Value::as_array);
    let rate = match details {
        Some(details) => details.iter().map(value_of).sum::<Option<Decimal>>(),
        None => None,
    };
    let taxable = row.get("Taxable").is_none_or(|taxable| is_on(Some(taxable)));
    TaxCode {
        code: text(row, "Id"),
        name: text(row, "Name"),
        rate: if taxable { rate } else { Some(Decimal::ZERO) },
        active: is_active(row) && !is_on(row.get("Hidden")),
        unusable: None,
    }
}

fn document(row: &Value) -> Numbered {
    Numbered {
        id: text(row, "Id"),
        number: text(row, "DocNumber"),
        names_an_order: text(row, "PrivateNote").contains("Shopify order "),
    }
}

/// What only QuickBooks has to be looked at for.
fn findings(settings: &Settings, company: &Value, preferences: &Value, tax: TaxCodes) -> Vec<Finding> {
    let at = |path: &str| preferences.pointer(path);
    let mut findings = Vec::new();
    findings.push(if is_on(at("/SalesFormsPrefs/CustomTxnNumbers")) {
        Finding::ok("custom transaction numbers", "switched on: documents carry the order's number")
    } else {
        let fix = "Switch on Settings → Account and settings → Sales → Custom transaction numbers in QuickBooks.";
        Finding::problem("custom transaction numbers", "switched off: QuickBooks would number documents by itself", fix)
    });
    let automatic = [("AutoApplyCredit", "credits"), ("AutoApplyPayments", "payments")];
    for (switch, what) in automatic.into_iter().filter(|(switch, _)| is_on(at(&format!("/SalesFormsPrefs/{switch}")))) {
        let found = format!("{switch} is on: QuickBooks applies {what} by itself, maybe to another order's invoice");
        let fix = "Switch it off under Settings → Account and settings → Advanced → Automation.";
        findings.push(Finding::note("automation", found, fix));
    }
    findings.push(sales_tax(settings, company, at("/TaxPrefs/UsingSalesTax"), at("/TaxPrefs/PartnerTaxEnabled"), tax));
    findings
}

/// Whether the way in which tax is told is the company's (§4).
fn sales_tax(
    settings: &Settings,
    company: &Value,
    using: Option<&Value>,
    automated: Option<&Value>,
    tax: TaxCodes,
) -> Finding {
    let country = text(company, "Country");
    let is_us = matches!(country.to_ascii_uppercase().as_str(), "US" | "USA" | "UNITED STATES");
    if is_us != (tax == TaxCodes::UnitedStates) {
        return if is_us {
            let fix = "Remove `no_tax` and `taxes`: a company in the United States takes the tax as a total.";
            Finding::problem("no_tax", "the company is in the United States, where lines carry no tax code", fix)
        } else {
            let fix = "Name the tax code of lines without tax in `no_tax`, and map the taxes in `taxes`.";
            Finding::problem("no_tax", format!("is missing, and the company is in {country}"), fix)
        };
    }
    if settings.tax == TaxBooking::Line {
        return Finding::ok("sales tax", "booked as a line, as the settings say");
    }
    match (is_on(using), automated) {
        (false, _) => {
            let fix = "Set up sales tax in QuickBooks (Taxes → Sales tax), or set tax = \"line\".";
            Finding::problem("sales tax", "not set up: QuickBooks would leave the tax out of every total", fix)
        }
        (true, Some(automated)) if is_us && !is_on(Some(automated)) => {
            let fix = "Finish it under Taxes → Sales tax in QuickBooks.";
            Finding::problem("sales tax", "automated sales tax is begun and not set up", fix)
        }
        (true, None) if is_us && settings.sales_tax_code.is_none() => Finding::problem(
            "sales_tax_code",
            "the company's sales tax is set up by hand, and no code says which tax a document's total is",
            "Name one of its tax codes in `sales_tax_code`, or set tax = \"line\".",
        ),
        _ => Finding::ok("sales tax", "set up"),
    }
}
