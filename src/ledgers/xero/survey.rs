//! What is asked of a Xero organisation before anything is posted to it, and how its answers read (facts/xero §1.5).

use rust_decimal::Decimal;
use serde_json::Value;

use super::read::{date, elements, text};
use super::{documents, get, zones};
use crate::books::money::parse_amount;
use crate::config::Settings;
use crate::ledgers::preflight::Finding;
use crate::ledgers::survey::{Account, LOOKED_THROUGH, Numbered, Survey, TaxCode};
use crate::ledgers::{Failure, WireRequest};
use crate::platform::Response;

/// Tax types of the United States that belong to Xero's own tax engine: documents through the API cannot carry them (§4).
const NOT_OVER_THE_API: [&str; 2] = ["AVALARA", "USSALESTAX"];

/// The questions.
pub fn questions(settings: &Settings) -> Vec<WireRequest> {
    let (prefix, notes) = (documents::encode(&settings.number_prefix), documents::encode("Type==\"ACCRECCREDIT\""));
    let page = format!("page=1&pageSize={LOOKED_THROUGH}&order=Date");
    vec![
        get("Organisation"),
        get("Organisation/Actions"),
        get("Accounts"),
        get("TaxRates"),
        get("Currencies"),
        get(&format!("Invoices?searchTerm={prefix}&summaryOnly=true&{page}")),
        // These cannot be searched.
        get(&format!("CreditNotes?where={notes}&{page}")),
    ]
}

/// The organisation, from the answers to the questions in their order.
pub fn read(answers: &[Response]) -> Result<Survey, Box<Failure>> {
    let list = |at: usize, name: &str| -> Result<Vec<Value>, Box<Failure>> {
        answers.get(at).map_or_else(|| Ok(Vec::new()), |answer| elements(answer, name, false))
    };
    let organisations = list(0, "Organisations")?;
    let organisation = organisations.first().unwrap_or(&Value::Null);
    let actions = list(1, "Actions")?;
    let currencies = list(4, "Currencies")?;
    let (invoices, notes) = (list(5, "Invoices")?, list(6, "CreditNotes")?);
    let is_cut = |(rows, kind): (&Vec<Value>, &'static str)| (rows.len() >= LOOKED_THROUGH).then_some(kind);
    let locks = ["PeriodLockDate", "EndOfYearLockDate"].map(|key| date(organisation.get(key)));
    Ok(Survey {
        name: text(organisation, "Name"),
        home: text(organisation, "BaseCurrency").parse().ok(),
        time_zone: zones::time_zone(&text(organisation, "Timezone")).map(str::to_owned),
        closed_until: locks.into_iter().flatten().max(),
        multicurrency: allowed(&actions, "UseMulticurrency") != Some(false),
        currencies: Some(currencies.iter().filter_map(|one| text(one, "Code").parse().ok()).collect()),
        accounts: list(2, "Accounts")?.iter().map(account).collect(),
        items: Vec::new(),
        tax_codes: list(3, "TaxRates")?.iter().map(tax_code).collect(),
        numbered: invoices.iter().filter_map(invoice).chain(notes.iter().filter_map(credit_note)).collect(),
        not_looked_through: [(&invoices, "invoices"), (&notes, "credit notes")]
            .into_iter()
            .filter_map(is_cut)
            .collect(),
        findings: findings(organisation, &actions),
    })
}

/// Whether an action is allowed; `None` where Xero does not list it.
fn allowed(actions: &[Value], name: &str) -> Option<bool> {
    actions.iter().find(|one| text(one, "Name") == name).map(|one| text(one, "Status") == "ALLOWED")
}

fn account(row: &Value) -> Account {
    let kind = text(row, "Type");
    let is_bank = kind == "BANK";
    let system = text(row, "SystemAccount");
    Account {
        id: text(row, "AccountID"),
        code: text(row, "Code"),
        name: text(row, "Name"),
        currency: if is_bank { text(row, "CurrencyCode").parse().ok() } else { None },
        active: text(row, "Status") == "ACTIVE",
        takes_payments: is_bank || row.get("EnablePaymentsToAccount").and_then(Value::as_bool) == Some(true),
        takes_lines: !is_bank && matches!(system.as_str(), "" | "ROUNDING"),
        kind,
    }
}

fn tax_code(row: &Value) -> TaxCode {
    let code = text(row, "TaxType");
    let percent = match row.get("EffectiveRate") {
        Some(Value::Number(number)) => parse_amount(&number.to_string()).ok(),
        Some(Value::String(text)) => parse_amount(text).ok(),
        _ => None,
    };
    let on_sales = row.get("CanApplyToRevenue").and_then(Value::as_bool) != Some(false);
    let unusable = if NOT_OVER_THE_API.contains(&code.as_str()) {
        Some("belongs to Xero's own tax engine and cannot be used through its API; with tax = \"line\" none is needed")
    } else {
        (!on_sales).then_some("is not for sales")
    };
    TaxCode {
        code,
        name: text(row, "Name"),
        rate: percent.map(|percent| percent / Decimal::ONE_HUNDRED),
        active: text(row, "Status") == "ACTIVE",
        unusable,
    }
}

fn invoice(row: &Value) -> Option<Numbered> {
    (text(row, "Type") == "ACCREC").then(|| document(row, "InvoiceID", "InvoiceNumber"))?
}

fn credit_note(row: &Value) -> Option<Numbered> {
    document(row, "CreditNoteID", "CreditNoteNumber")
}

/// A document whose number is in use; what was deleted as a draft gives its number free again.
fn document(row: &Value, id: &str, number: &str) -> Option<Numbered> {
    (text(row, "Status") != "DELETED").then(|| Numbered {
        id: text(row, id),
        number: text(row, number),
        names_an_order: text(row, "Reference").contains("Shopify order "),
    })
}

/// What only Xero has to be looked at for.
fn findings(organisation: &Value, actions: &[Value]) -> Vec<Finding> {
    let plan = text(organisation, "Class");
    let mut findings = Vec::new();
    if text(organisation, "Edition") == "PARTNER" {
        let fix = "Connect an organisation with a plan that has invoicing.";
        findings.push(Finding::problem("plan", "a partner edition, which has no invoicing", fix));
    }
    let needed = [
        ("CreateApprovedInvoice", "approve invoices"),
        ("CreateInvoicePayment", "enter payments"),
        ("CreateCreditNote", "create credit notes"),
        ("CreateContact", "create contacts"),
    ];
    let forbidden: Vec<&str> =
        needed.into_iter().filter(|(name, _)| allowed(actions, name) == Some(false)).map(|(_, what)| what).collect();
    findings.push(if forbidden.is_empty() {
        Finding::ok("plan", format!("{plan}: invoices, payments, credit notes and contacts are allowed"))
    } else {
        let found = format!("this connection may not {}", forbidden.join(", nor "));
        let fix = "Choose a Xero plan without that limit, or let somebody with the role Standard or Adviser connect.";
        Finding::problem("plan", found, fix)
    });
    if organisation.get("IsDemoCompany").and_then(Value::as_bool) == Some(true) {
        findings.push(Finding::note("organisation", "this is Xero's demo company", "It is reset every 28 days."));
    }
    findings
}
