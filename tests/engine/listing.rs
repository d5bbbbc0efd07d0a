//! What the ledger lists is what was posted, whichever way it is asked for.

use std::collections::BTreeMap;

use chrono::{Duration, NaiveDate};
use futures_util::FutureExt;
use serde_json::Value;
use tillproof::books::document::DocumentKind;
use tillproof::books::listed::Listed;
use tillproof::config;
use tillproof::ledgers::{self, Ledger, Outcome, Span, WireRequest};
use tillproof::platform::{Clock, Http, Response};

use crate::support::{Bench, Company, SandboxHttp, Story};
use crate::told;

/// Stories that make documents of every kind, voided ones among them.
const STORIES: [&str; 9] = [
    "simple",
    "sales_receipt",
    "partial_refund",
    "fully_refunded",
    "cancelled_after_posting",
    "edited_to_something_cheaper_and_refunded_later",
    "removed_while_partly_paid",
    "gift_card_and_card",
    "multi_currency_in_the_buyers_currency",
];

fn ledger(bench: &Bench) -> Box<dyn Ledger> {
    let settings = config::connections(&bench.variables).remove(0).settings.unwrap();
    ledgers::open(&settings, &settings.company, None, &bench.variables)
}

fn ask(bench: &Bench, company: Company, request: &WireRequest) -> Response {
    let token = bench.world.borrow_mut().access_token(bench.clock.now(), company.id());
    let request = ledger(bench).address(request, &token);
    SandboxHttp(bench).send(request).now_or_never().unwrap().unwrap()
}

/// Everything of a kind, page by page. Where the ledger says how many pages there are, they are of one document each.
fn listed(bench: &Bench, company: Company, kind: DocumentKind, span: &Span) -> Vec<Listed> {
    let (ledger, mut found) = (ledger(bench), Vec::new());
    for number in 1.. {
        bench.clock.advance(Duration::seconds(2));
        let mut request = ledger.list(kind, span, number);
        request.path = request.path.replace("pageSize=1000", "pageSize=1");
        let response = ask(bench, company, &request);
        let Outcome::Done(page) = ledger.read_list(kind, span, &response) else {
            panic!("{company:?}, {kind:?}, {span:?}: {} {}", response.status, response.body)
        };
        found.extend(page.documents);
        if !page.more {
            break;
        }
    }
    found
}

/// A document as both sides tell of it: kind, id, number, total, currency, date, and whether it is void.
type Told = (DocumentKind, String, String, String, String, String, bool);

fn of_ledger(one: &Listed) -> Told {
    let currency = one.currency.map(|currency| currency.to_string()).unwrap_or_default();
    let date = one.date.map(|date| date.to_string()).unwrap_or_default();
    let total = one.total.normalize().to_string();
    (one.kind, one.ledger_id.clone(), one.number.clone(), total, currency, date, one.void)
}

fn of_books(row: &BTreeMap<String, String>) -> Told {
    let json = |key: &str| -> Value { serde_json::from_str(&row[key]).unwrap() };
    let (posted, document) = (json("posted"), json("document"));
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
    let total: rust_decimal::Decimal = text(&posted["total"]).parse().unwrap();
    (
        serde_json::from_value(row["kind"].clone().into()).unwrap(),
        text(&posted["ledger_id"]),
        text(&posted["number"]),
        total.normalize().to_string(),
        row["currency"].clone(),
        text(&document["date"]),
        posted["void"] == true,
    )
}

/// What the books say ought to be listed: applications show in what is open, and QuickBooks forgets what it deletes.
fn posted(bench: &Bench, company: Company) -> Vec<Told> {
    let is_quickbooks = !company.label().starts_with("xero");
    let rows = bench.rows("SELECT kind, currency, posted, document FROM documents");
    let mut told: Vec<Told> = rows.iter().map(of_books).collect();
    let is_deleted =
        |one: &Told| is_quickbooks && one.6 && matches!(one.0, DocumentKind::CreditNote | DocumentKind::RefundReceipt);
    told.retain(|one| one.0 != DocumentKind::Application && !is_deleted(one));
    told.sort();
    told
}

fn everything(bench: &Bench, company: Company, span: &Span) -> Vec<Told> {
    let kinds = ledger(bench).listed_kinds();
    let mut told: Vec<Told> =
        kinds.iter().flat_map(|kind| listed(bench, company, *kind, span)).map(|one| of_ledger(&one)).collect();
    told.sort();
    told
}

#[test]
fn what_was_posted_is_listed_by_date_by_change_by_id_and_by_number_and_nothing_else_is() {
    let mut kinds: BTreeMap<DocumentKind, usize> = BTreeMap::new();
    let (mut voids, mut applications) = (0, 0);
    for name in STORIES {
        let story = Story::read(name);
        for company in story.companies.clone() {
            let bench = told(company, &story);
            let expected = posted(&bench, company);
            applications += bench.rows("SELECT 1 FROM documents WHERE kind = 'application'").len();
            voids += expected.iter().filter(|one| one.6).count();
            expected.iter().for_each(|one| *kinds.entry(one.0).or_default() += 1);
            let context = format!("{company:?}, {name}");
            are_listed_by_date_and_change(&bench, company, &expected, &context);
            are_listed_by_name(&bench, company, &expected, &context);
        }
    }
    let all = [
        DocumentKind::Invoice,
        DocumentKind::SalesReceipt,
        DocumentKind::Payment,
        DocumentKind::CreditNote,
        DocumentKind::RefundReceipt,
        DocumentKind::RefundPayment,
    ];
    assert!(all.iter().all(|kind| kinds.contains_key(kind)), "every kind is among them: {kinds:?}");
    assert!(voids > 0 && applications > 0, "{voids} voided, {applications} applications");
}

fn are_listed_by_date_and_change(bench: &Bench, company: Company, expected: &[Told], context: &str) {
    let days = expected.iter().map(|one| one.5.parse::<NaiveDate>().unwrap());
    let (first, last) = (days.clone().min(), days.max());
    let (Some(first), Some(last)) = (first, last) else { panic!("{context}: nothing was posted") };
    let dated = Span::Dated(first, last);
    assert_eq!(everything(bench, company, &dated), expected, "{context}, by date");
    let before = Span::Dated(first - Duration::days(9), first - Duration::days(1));
    assert_eq!(everything(bench, company, &before), [], "{context}, before");

    let changed = Span::ChangedSince(crate::support::start());
    assert_eq!(everything(bench, company, &changed), expected, "{context}, by change");
    let later = Span::ChangedSince(bench.clock.now() + Duration::hours(1));
    assert_eq!(everything(bench, company, &later), [], "{context}, later");
}

fn are_listed_by_name(bench: &Bench, company: Company, expected: &[Told], context: &str) {
    for kind in ledger(bench).listed_kinds() {
        // Refund payments are listed with the payments.
        let is_own =
            |one: &&Told| one.0 == *kind || *kind == DocumentKind::Payment && one.0 == DocumentKind::RefundPayment;
        let own: Vec<Told> = expected.iter().filter(is_own).cloned().collect();
        let ids = Span::Ids(own.iter().map(|one| one.1.clone()).collect());
        let numbers = Span::Numbers(own.iter().map(|one| one.2.clone()).collect());
        for span in [ids, numbers] {
            let mut found: Vec<Told> = listed(bench, company, *kind, &span).iter().map(of_ledger).collect();
            found.sort();
            assert_eq!(found, own, "{context}, {span:?}");
        }
    }
}

#[test]
fn a_listed_document_names_its_order_its_customer_its_tax_and_what_is_open() {
    for company in Company::ALL {
        let story = Story::read("partly_paid");
        let bench = told(company, &story);
        let all = Span::ChangedSince(crate::support::start());
        let sales = listed(&bench, company, DocumentKind::Invoice, &all);
        let payments = listed(&bench, company, DocumentKind::Payment, &all);
        let views = bench.world.borrow().documents(company.id());
        let view = views.iter().find(|view| view.kind == "Invoice").unwrap();
        let [sale] = &sales[..] else { panic!("{company:?}: {sales:?}") };
        assert!(sale.names(&story.order_id()) && sale.counts(), "{company:?}: {sale:?}");
        assert_eq!((sale.tax, sale.open), (Some(view.tax), Some(view.balance)), "{company:?}");
        assert_eq!(sale.party_id.as_ref(), Some(&view.party), "{company:?}");
        assert!(!sale.lines.is_empty() && sale.lines.iter().all(|line| !line.text.is_empty()), "{:?}", sale.lines);
        assert!(!payments.is_empty());
        for payment in payments {
            assert_eq!(payment.settles, std::slice::from_ref(&sale.ledger_id), "{company:?}");
            assert_eq!(payment.party_id, sale.party_id, "{company:?}");
        }
    }
}
