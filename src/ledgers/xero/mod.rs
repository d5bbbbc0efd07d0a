//! Xero, Accounting API 2.0 (facts/xero). Requests and answers as pure functions; the rules that normalisation asks for.

use chrono::{DateTime, Duration, Utc};

use super::{
    Counted, FoundParty, Group, Ledger, ListedPage, Outcome, Posted, RateLimit, Recovery, Reference, ReferenceKind,
    Span, Tries, WireRequest, Write,
};
use crate::books::computation::Computation;
use crate::books::document::{Document, DocumentKind, Itemised, Line, Party, TaxMode};
use crate::books::foreign::ForeignSale;
use crate::books::listed::ListedLine;
use crate::books::money::Currency;
use crate::books::rules::{LedgerName, LedgerRules, RefundStyle, TaxModel};
use crate::books::text::{Field, TextRule};
use crate::config::{Settings, TaxAmounts, Variables, variable};
use crate::ledgers::survey::Survey;
use crate::platform::{Method, Request, Response};

mod arithmetic;
mod batch;
mod documents;
#[cfg(test)]
mod fault_tests;
pub mod faults;
mod foreign;
mod listing;
#[cfg(test)]
mod listing_tests;
pub mod oauth;
mod read;
mod survey;
#[cfg(test)]
mod tests;
pub mod text;
mod zones;

/// The host of the Accounting API.
const API: &str = "https://api.xero.com";

/// How long a write may be repeated under its key: Xero forgets a key six minutes after its first use; a minute is left
/// for clocks that differ and for the call's own deadline.
const REPLAY: Duration = Duration::minutes(5);

/// A Xero organisation as one connection sees it.
pub struct Xero {
    api: String,
    tenant: String,
    tax_amounts: TaxAmounts,
    /// The currency that the books are kept in.
    home: Option<Currency>,
}

impl Xero {
    /// Opens an organisation by its tenant id.
    pub fn new(settings: &Settings, tenant: &str, home: Option<Currency>, variables: &Variables) -> Self {
        let url = |name: &str, host: &str| variable(variables, name).unwrap_or(host).trim_end_matches('/').to_owned();
        Self { api: url("XERO_API_URL", API), tenant: tenant.to_owned(), tax_amounts: settings.tax_amounts, home }
    }
}

fn get(rest: &str) -> WireRequest {
    WireRequest::get(format!("/api.xro/2.0/{rest}"))
}

impl LedgerRules for Xero {
    fn ledger(&self) -> LedgerName {
        LedgerName::Xero
    }

    fn text(&self, field: Field) -> TextRule {
        text::row(field).rule
    }

    fn most_lines(&self) -> usize {
        text::MOST_LINES
    }

    /// A discount stands on its line.
    fn rows(&self, line: &Line) -> usize {
        1 + line.more.len()
    }

    fn home(&self) -> Option<Currency> {
        self.home
    }

    fn refund_style(&self) -> RefundStyle {
        RefundStyle::CreditNoteAndPayment
    }

    fn tax_model(&self) -> TaxModel {
        TaxModel::CodePerLine
    }

    fn accepts(&self, _mode: TaxMode) -> bool {
        true
    }

    fn decimals(&self, _currency: Currency) -> u32 {
        2
    }

    fn compute(&self, document: &Itemised, currency: Currency) -> Computation {
        arithmetic::compute(document, currency, self.tax_amounts)
    }

    fn shown(&self, kind: DocumentKind, document: &Itemised, currency: Currency) -> Vec<ListedLine> {
        documents::shown(kind, document, currency)
    }
}

/// Per organisation: 60 calls a minute.
const LIMITS: &[RateLimit] = &[RateLimit { counts: Counted::Requests, most: 60, window: Duration::minutes(1) }];

impl Ledger for Xero {
    fn limits(&self) -> &'static [RateLimit] {
        LIMITS
    }

    fn address(&self, request: &WireRequest, access_token: &str) -> Request {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut headers = vec![
            header("authorization", &format!("Bearer {access_token}")),
            header("accept", "application/json"),
            header("user-agent", super::USER_AGENT),
        ];
        // A Custom Connection belongs to one organisation and names none.
        if !self.tenant.is_empty() {
            headers.push(header("xero-tenant-id", &self.tenant));
        }
        if request.body.is_some() {
            headers.push(header("content-type", "application/json"));
        }
        if let Some(key) = &request.idempotency_key {
            headers.push(header("idempotency-key", key));
        }
        if let Some(instant) = &request.modified_since {
            headers.push(header("if-modified-since", instant));
        }
        Request {
            method: request.method,
            url: format!("{}{}", self.api, request.path),
            headers,
            body: request.body.clone(),
        }
    }

    /// Line accounts are codes by definition; a payment account may be a code, an id, or a name to look up.
    fn references(&self, document: &Document) -> Vec<Reference> {
        let account = document.settlement().map(|body| &body.account).filter(|label| documents::is_name(label));
        account.map(|label| Reference { kind: ReferenceKind::Account, label: label.clone() }).into_iter().collect()
    }

    fn survey(&self, settings: &Settings) -> Vec<WireRequest> {
        survey::questions(settings)
    }

    fn read_survey(&self, _settings: &Settings, answers: &[Response]) -> Outcome<Survey> {
        survey::read(answers).map_or_else(|failure| failure.map(|never| match never {}), Outcome::Done)
    }

    fn find_reference(&self, _reference: &Reference) -> WireRequest {
        get("Accounts?where=Status%3D%3D%22ACTIVE%22")
    }

    fn read_reference(&self, reference: &Reference, response: &Response) -> Outcome<String> {
        read::account(reference, response)
    }

    fn find_party(&self, _party: &Party, key: &str) -> WireRequest {
        get(&format!("Contacts/{key}"))
    }

    fn read_parties(&self, _party: &Party, key: &str, response: &Response) -> Outcome<Vec<FoundParty>> {
        read::contacts(key, response)
    }

    fn create_party(&self, party: &Party, key: &str, idempotency: &str) -> WireRequest {
        let body = documents::contact(party, key).to_string();
        WireRequest {
            method: Method::Put,
            idempotency_key: Some(idempotency.to_owned()),
            ..WireRequest::post("/api.xro/2.0/Contacts?summarizeErrors=false".into(), body)
        }
    }

    fn read_created_party(&self, response: &Response) -> Outcome<String> {
        read::created_contact(response)
    }

    fn write(&self, write: &Write<'_>) -> WireRequest {
        documents::request(write, self.tax_amounts)
    }

    fn read_write(&self, write: &Write<'_>, response: &Response) -> Outcome<Posted> {
        read::written(write, response)
    }

    fn look(&self, write: &Write<'_>) -> WireRequest {
        let number = documents::encode(write.document.number());
        match write.document.kind() {
            DocumentKind::Invoice | DocumentKind::SalesReceipt => get(&batch::look_up(write.document.number())),
            DocumentKind::CreditNote | DocumentKind::RefundReceipt => get(&format!("CreditNotes/{number}")),
            DocumentKind::Payment | DocumentKind::RefundPayment => {
                get(&format!("Payments?where=Reference%3D%3D%22{number}%22&page=1"))
            }
            DocumentKind::Application => get(&format!("CreditNotes/{}", documents::applied_note(write))),
        }
    }

    fn read_look(&self, write: &Write<'_>, response: &Response) -> Outcome<Vec<Posted>> {
        read::looked(write, response)
    }

    fn find_foreign(&self, numbers: &[String]) -> Vec<WireRequest> {
        foreign::questions(numbers).iter().map(|question| get(question)).collect()
    }

    fn read_foreign(&self, _place: usize, response: &Response) -> Outcome<Vec<ForeignSale>> {
        foreign::read(response)
    }

    fn listed_kinds(&self) -> &'static [DocumentKind] {
        listing::KINDS
    }

    fn list(&self, kind: DocumentKind, span: &Span, page: usize) -> WireRequest {
        listing::question(kind, span, page)
    }

    fn read_list(&self, kind: DocumentKind, _span: &Span, response: &Response) -> Outcome<ListedPage> {
        listing::read(kind, response)
    }

    fn group(&self, request: &WireRequest) -> Option<Group> {
        batch::group(request)
    }

    fn pack(&self, requests: &[&WireRequest], key: &str) -> WireRequest {
        batch::pack(requests, key)
    }

    fn unpack(&self, requests: &[(usize, &WireRequest)], response: &Response) -> Option<Vec<Response>> {
        batch::unpack(requests, response)
    }

    fn recovery(&self, tries: &Tries, now: DateTime<Utc>) -> Recovery {
        tries.recovery(REPLAY, now)
    }

    fn keeps_failures(&self) -> bool {
        true
    }
}
