//! The ledgers' arithmetic, twice: our models of it, and what the stand-ins compute by themselves of what was sent.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rust_decimal::Decimal;
use sandbox::World;
use tillproof::books::document::{Content, Document, DocumentKey, LineRole, Standing};
use tillproof::books::money::round_half_up;
use tillproof::books::{Currency, Itemised, Line, LineTax, Party, TaxMode};
use tillproof::config::{self, Settings};
use tillproof::ledgers::{self, Ledger, Operation, Outcome, WireRequest, Write};
use tillproof::platform::Response;

use crate::support::{Company, start};

/// A line as drawn: quantity, price in minor units, discount in per cent, which tax, and by how many cents Shopify's tax
/// differs from rate times amount.
type Drawn = (u32, i64, i64, usize, i64);

fn line_of(drawn: &Drawn, index: usize, mode: TaxMode, currency: Currency, taxes: &[LineTax]) -> Line {
    let (quantity, price, off, tax, cents) = *drawn;
    let quantity = Decimal::from(quantity);
    let unit_price = Decimal::new(price, currency.decimals());
    let discount = currency.round(quantity * unit_price * Decimal::new(off, 2));
    let amount = quantity * unit_price - discount;
    let tax = taxes[tax % taxes.len()].clone();
    let divisor = if mode == TaxMode::Inclusive { Decimal::ONE + tax.rate } else { Decimal::ONE };
    let exact = currency.round(amount * tax.rate / divisor);
    let drift = currency.minor_unit() * Decimal::from(cents);
    let stated = if exact.abs() > currency.minor_unit() { exact + drift } else { exact };
    Line {
        role: LineRole::Sales,
        source: format!("line:{index}"),
        description: "Goods".into(),
        more: vec!["and how they were made".into(); usize::from(index == 1)],
        quantity,
        unit_price,
        discount,
        account: if taxes[0].code.is_empty() || taxes[0].code == "23" { "1".into() } else { "200".into() },
        tax: LineTax { amount: stated, ..tax },
    }
}

/// The taxes that a company's codes stand for; the first is none.
fn taxes(company: Company) -> Vec<LineTax> {
    let tax = |code: &str, rates: &[i64]| {
        let rates: Vec<Decimal> = rates.iter().map(|per_mille| Decimal::new(*per_mille, 3)).collect();
        let rate = rates.iter().sum();
        LineTax {
            amount: Decimal::ZERO,
            rate,
            rates: if rates.len() > 1 { rates } else { Vec::new() },
            code: code.into(),
            charged: None,
            apart: Vec::new(),
            assumed: false,
        }
    };
    match company {
        Company::QuickBooksUs => vec![LineTax::none(""), tax("", &[200]), tax("", &[85])],
        Company::QuickBooksUk => vec![LineTax::none("23"), tax("20", &[200]), tax("21", &[50]), tax("24", &[150, 50])],
        _ => vec![LineTax::none("NONE"), tax("OUTPUT2", &[200]), tax("RROUTPUT", &[50])],
    }
}

fn document(lines: Vec<Line>, mode: TaxMode, currency: Currency, kind: usize) -> Document {
    let tax_total = lines.iter().map(|line| line.tax.amount).sum();
    let due_date = start().date_naive();
    let body = Itemised { number: "S-1".into(), due_date, tax_mode: mode, lines, tax_total, cash: None };
    Document {
        key: DocumentKey::sale(),
        standing: Standing::Live,
        currency,
        conversion: None,
        date: due_date,
        total: body.sum(currency),
        buyer_total: None,
        party: Party {
            customer_id: Some("8001".into()),
            name: "Jane Doe".into(),
            given_name: "Jane".into(),
            family_name: "Doe".into(),
            email: None,
            currency,
            ledger_id: None,
        },
        order_id: "5600000000001".into(),
        order_name: "#1".into(),
        content: if kind == 0 { Content::Invoice(body) } else { Content::CreditNote(body) },
    }
}

struct Bank {
    world: RefCell<World>,
    ledger: Box<dyn Ledger>,
    token: String,
}

impl Bank {
    fn open(company: Company, by_ledger: bool) -> Self {
        let mut settings = company.settings();
        if by_ledger && company == Company::XeroUk {
            settings["tax_amounts"] = "ledger".into();
        }
        let connections = config::connections(&BTreeMap::from([("CONNECTION_MAIN".to_owned(), settings)]));
        let settings: &Settings = connections[0].settings.as_ref().unwrap();
        let ledger = ledgers::open(settings, company.id(), None, &BTreeMap::new());
        let mut world = World::new();
        let token = world.access_token(start(), company.id());
        Self { world: RefCell::new(world), ledger, token }
    }

    fn send(&self, request: &WireRequest) -> Response {
        let request = self.ledger.address(request, &self.token);
        let path = request.url.splitn(4, '/').nth(3).unwrap_or_default();
        let mut sent = sandbox::http::Request::new(request.method.as_str(), &format!("/{path}"));
        for (name, value) in &request.headers {
            sent = sent.with_header(name, value);
        }
        if let Some(body) = request.body {
            sent = sent.with_body(body);
        }
        let reply = self.world.borrow_mut().handle(start(), &sent);
        Response { status: reply.status, headers: Vec::new(), body: String::from_utf8_lossy(&reply.body).into_owned() }
    }

    /// Posts the document; the total that the ledger states.
    fn post(&self, document: &Document) -> Decimal {
        let created = self.send(&self.ledger.create_party(&document.party, "TP-8001", "customer-key"));
        let Outcome::Done(party) = self.ledger.read_created_party(&created) else { panic!("{created:?}") };
        let write = Write {
            operation: Operation::Create,
            document,
            party_id: &party,
            existing: None,
            links: &BTreeMap::new(),
            references: &BTreeMap::new(),
            key: "document-key",
        };
        let request = self.ledger.write(&write);
        let response = self.send(&request);
        match self.ledger.read_write(&write, &response) {
            Outcome::Done(posted) => posted.total,
            other => panic!("{other:?}\n{request:?}\n{}", response.body),
        }
    }
}

#[test]
fn the_models_compute_what_the_ledgers_compute() {
    let lines = prop::collection::vec((1..30u32, 1..99_999i64, 0..=100i64, 0..4usize, -1..=1i64), 1..9);
    let companies = prop::sample::select(Company::ALL.to_vec());
    let currencies = prop::sample::select(vec!["USD", "GBP", "JPY"]);
    let drawn = (lines, companies, currencies, any::<bool>(), any::<bool>(), 0..2usize);
    let mut runner = TestRunner::new(crate::cases(2_000, 1));
    let played = runner.run(&drawn, |(lines, company, currency, inclusive, by_ledger, kind)| {
        let bank = Bank::open(company, by_ledger);
        let mode =
            if inclusive && bank.ledger.accepts(TaxMode::Inclusive) { TaxMode::Inclusive } else { TaxMode::Exclusive };
        let currency: Currency = currency.parse().unwrap();
        let taxes = taxes(company);
        let lines: Vec<Line> =
            lines.iter().enumerate().map(|(index, one)| line_of(one, index, mode, currency, &taxes)).collect();
        let document = document(lines, mode, currency, kind);
        prop_assume!(document.total > Decimal::ZERO);
        let computed = bank.ledger.compute(document.itemised().unwrap(), currency);
        let total = bank.post(&document);
        prop_assert_eq!(computed.total(), total, "{}", computed.show(currency));
        let stands = bank.world.borrow().documents(company.id());
        prop_assert_eq!(round_half_up(computed.tax(), 2), stands[0].tax, "{}", computed.show(currency));
        Ok(())
    });
    played.unwrap_or_else(|error| panic!("{error}"));
}
