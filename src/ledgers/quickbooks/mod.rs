//! QuickBooks Online, Accounting API v3 (facts/quickbooks). Requests and answers as pure functions; the rules that
//! normalisation asks for.

use chrono::{DateTime, Duration, Utc};

use super::{
    Counted, Deleted, FoundParty, Group, Ledger, ListedPage, Outcome, Posted, RateLimit, Recovery, Reference,
    ReferenceKind, Span, Tries, WireRequest, Write,
};
use crate::books::computation::Computation;
use crate::books::document::{Document, DocumentKind, Itemised, Line, Party, TaxMode};
use crate::books::foreign::ForeignSale;
use crate::books::listed::ListedLine;
use crate::books::money::Currency;
use crate::books::rules::{LedgerName, LedgerRules, RefundStyle, TaxModel};
use crate::books::text::{Field, TextRule};
use crate::config::{Settings, Variables, variable};
use crate::ledgers::survey::Survey;
use crate::platform::{Request, Response};

mod arithmetic;
mod batch;
mod deleted;
mod documents;
#[cfg(test)]
mod fault_tests;
pub mod faults;
mod foreign;
mod listing;
pub mod oauth;
mod query;
mod read;
mod survey;
#[cfg(test)]
mod tests;
pub mod text;

/// The host of the Accounting API.
const API: &str = "https://quickbooks.api.intuit.com";

/// A QuickBooks company as one connection sees it.
pub struct QuickBooks {
    api: String,
    realm: String,
    tax: documents::TaxCodes,
    /// The tax code of whole documents, where sales tax is set up by hand.
    sales_tax_code: Option<String>,
    /// The currency that the books are kept in.
    home: Option<Currency>,
}

impl QuickBooks {
    /// Opens a company by its realm id. A company without a code for untaxed lines is a US one: its lines are only
    /// taxable or not, and the tax total is sent.
    pub fn new(settings: &Settings, realm: &str, home: Option<Currency>, variables: &Variables) -> Self {
        let url = |name: &str, host: &str| variable(variables, name).unwrap_or(host).trim_end_matches('/').to_owned();
        let tax = match &settings.no_tax {
            Some(_) => documents::TaxCodes::PerLine,
            None => documents::TaxCodes::UnitedStates,
        };
        Self {
            api: url("QUICKBOOKS_API_URL", API),
            realm: realm.to_owned(),
            tax,
            sales_tax_code: settings.sales_tax_code.clone(),
            home,
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v3/company/{}/{rest}", self.realm)
    }

    fn get(&self, rest: &str) -> WireRequest {
        WireRequest::get(self.path(rest))
    }

    fn select(&self, query: &str) -> WireRequest {
        self.get(&format!("query?query={}&minorversion=75", query::encode(query)))
    }
}

impl LedgerRules for QuickBooks {
    fn ledger(&self) -> LedgerName {
        LedgerName::QuickBooks
    }

    fn text(&self, field: Field) -> TextRule {
        text::row(field).rule
    }

    fn most_lines(&self) -> usize {
        text::MOST_LINES
    }

    /// A discount is a line of its own.
    fn rows(&self, line: &Line) -> usize {
        1 + line.more.len() + usize::from(!line.discount.is_zero())
    }

    fn refund_style(&self) -> RefundStyle {
        RefundStyle::Receipt
    }

    fn tax_model(&self) -> TaxModel {
        match self.tax {
            documents::TaxCodes::UnitedStates => TaxModel::TotalOnly,
            documents::TaxCodes::PerLine => TaxModel::CodePerLine,
        }
    }

    /// `GlobalTaxCalculation` does not apply in the US: prices that contain tax have to be taken apart there.
    fn accepts(&self, mode: TaxMode) -> bool {
        mode == TaxMode::Exclusive || self.tax == documents::TaxCodes::PerLine
    }

    fn home(&self) -> Option<Currency> {
        self.home
    }

    fn decimals(&self, _currency: Currency) -> u32 {
        arithmetic::DECIMALS
    }

    fn compute(&self, document: &Itemised, currency: Currency) -> Computation {
        arithmetic::compute(document, currency, self.tax)
    }

    fn shown(&self, _kind: DocumentKind, document: &Itemised, currency: Currency) -> Vec<ListedLine> {
        documents::shown(document, currency)
    }
}

/// Per company: 10 requests a second; 500 operations a minute, each item of a batch being one; 40 batches a minute (the
/// lower of the two figures that Intuit publishes).
const LIMITS: &[RateLimit] = &[
    RateLimit { counts: Counted::Requests, most: 10, window: Duration::seconds(1) },
    RateLimit { counts: Counted::Elements, most: 500, window: Duration::minutes(1) },
    RateLimit { counts: Counted::Batches, most: 40, window: Duration::minutes(1) },
];

/// How long a request is repeated as it was. The same `requestid` gets the same answer however late, but what makes
/// QuickBooks fail makes it fail each time, and a batch with it: after several repetitions each part is looked for.
const REPLAY: Duration = Duration::minutes(5);

impl Ledger for QuickBooks {
    fn limits(&self) -> &'static [RateLimit] {
        LIMITS
    }

    fn address(&self, request: &WireRequest, access_token: &str) -> Request {
        let mut headers = vec![
            ("authorization".to_owned(), format!("Bearer {access_token}")),
            ("accept".to_owned(), "application/json".to_owned()),
            ("user-agent".to_owned(), super::USER_AGENT.to_owned()),
        ];
        if request.body.is_some() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        Request {
            method: request.method,
            url: format!("{}{}", self.api, request.path),
            headers,
            body: request.body.clone(),
        }
    }

    /// Items and accounts by name; what is all digits is an id already.
    fn references(&self, document: &Document) -> Vec<Reference> {
        let name = |kind, label: &str| {
            let is_id = label.bytes().all(|byte| byte.is_ascii_digit());
            (!is_id).then(|| Reference { kind, label: label.to_owned() })
        };
        let items = document
            .itemised()
            .into_iter()
            .flat_map(|body| &body.lines)
            .map(|line| (ReferenceKind::Item, &line.account));
        let paid_from = document.itemised().and_then(|body| body.cash.as_ref()).map(|cash| &cash.account);
        let paid_to = document.settlement().map(|body| &body.account).filter(|account| !account.is_empty());
        let accounts = paid_from.into_iter().chain(paid_to).map(|label| (ReferenceKind::Account, label));
        let mut wanted: Vec<Reference> = items.chain(accounts).filter_map(|(kind, label)| name(kind, label)).collect();
        // Without a rate QuickBooks may take 1 (§3).
        let is_foreign = self.home.is_some_and(|home| home != document.currency);
        wanted.extend((is_foreign && document.conversion.is_none()).then(|| documents::rate_of_the_day(document)));
        wanted.sort();
        wanted.dedup();
        wanted
    }

    fn survey(&self, settings: &Settings) -> Vec<WireRequest> {
        survey::questions(self, settings)
    }

    fn survey_elements(&self, question: &WireRequest) -> usize {
        batch::elements(question)
    }

    fn read_survey(&self, settings: &Settings, answers: &[Response]) -> Outcome<Survey> {
        survey::read(settings, answers, self.tax)
            .map_or_else(|failure| failure.map(|never| match never {}), Outcome::Done)
    }

    fn find_reference(&self, reference: &Reference) -> WireRequest {
        match reference.kind {
            ReferenceKind::ExchangeRate => self.get(&query::exchange_rate(&reference.label)),
            _ => self.select(&query::reference(reference)),
        }
    }

    fn read_reference(&self, reference: &Reference, response: &Response) -> Outcome<String> {
        read::reference(reference, response)
    }

    fn find_party(&self, party: &Party, _key: &str) -> WireRequest {
        self.select(&query::customer(&party.name))
    }

    fn read_parties(&self, _party: &Party, _key: &str, response: &Response) -> Outcome<Vec<FoundParty>> {
        read::parties(response)
    }

    fn create_party(&self, party: &Party, _key: &str, idempotency: &str) -> WireRequest {
        let path = self.path(&format!("customer?minorversion=75&requestid={idempotency}"));
        WireRequest::post(path, documents::customer(party).to_string())
    }

    fn read_created_party(&self, response: &Response) -> Outcome<String> {
        read::created_party(response)
    }

    fn write(&self, write: &Write<'_>) -> WireRequest {
        let (rest, mut body) = documents::request(write, self.tax);
        // Where sales tax is set up by hand the total counts only with the code that it is of (§4).
        let taxed = write.document.itemised().is_some_and(|one| !one.tax_total.is_zero());
        if let (Some(code), Some(detail), true) = (&self.sales_tax_code, body.get_mut("TxnTaxDetail"), taxed) {
            detail["TxnTaxCodeRef"] = serde_json::json!({ "value": code });
        }
        let path = self.path(&format!("{rest}minorversion=75&requestid={}", write.key));
        WireRequest::post(path, body.to_string())
    }

    fn read_write(&self, write: &Write<'_>, response: &Response) -> Outcome<Posted> {
        read::written(write, response)
    }

    fn look(&self, write: &Write<'_>) -> WireRequest {
        self.select(&query::document(write.document))
    }

    fn read_look(&self, write: &Write<'_>, response: &Response) -> Outcome<Vec<Posted>> {
        read::looked(write, response)
    }

    fn find_foreign(&self, numbers: &[String]) -> Vec<WireRequest> {
        foreign::queries(numbers).iter().map(|query| self.select(query)).collect()
    }

    fn read_foreign(&self, place: usize, response: &Response) -> Outcome<Vec<ForeignSale>> {
        foreign::read(place, response)
    }

    fn listed_kinds(&self) -> &'static [DocumentKind] {
        listing::KINDS
    }

    fn list(&self, kind: DocumentKind, span: &Span, page: usize) -> WireRequest {
        self.select(&listing::query(kind, span, page))
    }

    fn read_list(&self, kind: DocumentKind, _span: &Span, response: &Response) -> Outcome<ListedPage> {
        listing::read(kind, response)
    }

    fn list_deleted(&self, kind: DocumentKind, since: DateTime<Utc>, now: DateTime<Utc>) -> Option<WireRequest> {
        Some(self.get(&deleted::path(kind, since, now)))
    }

    fn read_deleted(&self, kind: DocumentKind, response: &Response) -> Outcome<Deleted> {
        deleted::read(kind, response)
    }

    fn group(&self, request: &WireRequest) -> Option<Group> {
        batch::group(request)
    }

    fn pack(&self, requests: &[&WireRequest], key: &str) -> WireRequest {
        batch::pack(&self.path("batch"), requests, key)
    }

    fn unpack(&self, requests: &[(usize, &WireRequest)], response: &Response) -> Option<Vec<Response>> {
        batch::unpack(requests, response)
    }

    fn recovery(&self, tries: &Tries, now: DateTime<Utc>) -> Recovery {
        tries.recovery(REPLAY, now)
    }

    fn keeps_failures(&self) -> bool {
        false
    }
}
