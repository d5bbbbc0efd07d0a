//! A life on paper: its documents as they would be written one after another, and each ledger's arithmetic as our models
//! of it compute. No bench and no stand-in behind it, so that a hundred thousand lives are a matter of minutes; that the
//! models are right, and that what is sent says what is meant, the other properties show.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tillproof::books::calendar::Calendar;
use tillproof::books::document::{Content, Document, DocumentKind, Standing as Stands};
use tillproof::books::rules::TaxModel;
use tillproof::config::{self, Settings};
use tillproof::ledgers::{self, Ledger};
use tillproof::normalize::{self, Booked, BookedDocument, Cutover, Desired, Documents, Input, Stamp};
use tillproof::shopify::OrderState;
use tillproof::shopify::delivery::{self, News};

use crate::books::{COMPANIES, MANNERS, Standing, accounts, balances, codes, is_told, settings, taxes};
use crate::orders::plan::Rates;
use crate::orders::{Life, Plan};
use crate::support::{Company, SHOP};

/// A company's settings and the model of its ledger, for each manner of booking: read once, not for every life.
pub struct Desks(Vec<Vec<Desk>>);

/// One company's, booking in one manner.
struct Desk {
    settings: Settings,
    ledger: Box<dyn Ledger>,
    codes: Codes,
}

type Codes = BTreeMap<Vec<Decimal>, String>;

impl Desks {
    pub fn open() -> Self {
        let desk = |company: Company, manner: &str| {
            let variables = BTreeMap::from([("CONNECTION_MAIN".to_owned(), settings(company, manner))]);
            let settings = config::connections(&variables).remove(0).settings.unwrap();
            let home = company.home().parse().ok();
            let ledger = ledgers::open(&settings, company.id(), home, &BTreeMap::new());
            Desk { settings, ledger, codes: codes(company, manner) }
        };
        Self(COMPANIES.map(|company| MANNERS.iter().map(|manner| desk(company, manner)).collect()).into())
    }

    /// What is wrong with the books of a life; nothing, if they are right.
    pub fn verdict(&self, plan: &Plan, company: Company, one_by_one: bool, manner: usize) -> Result<(), String> {
        let at = COMPANIES.iter().position(|one| *one == company).unwrap();
        let Desk { settings, ledger, codes } = &self.0[at][manner];
        let rates = if company == Company::XeroAu { Rates::Australian } else { Rates::British };
        let life = Life::of(&Plan { rates, ..plan.clone() });
        let mut paper = Paper {
            settings,
            ledger: ledger.as_ref(),
            state: OrderState::default(),
            stamp: None,
            booked: Booked::default(),
            notice: "",
        };
        for act in &life.acts {
            act.iter().for_each(|(topic, body)| paper.hear(topic, body.to_string().as_bytes()));
            if one_by_one {
                // What is held meanwhile may come to rest with the next news.
                let _ = paper.rest();
            }
        }
        match paper.rest() {
            Err(text) if text.starts_with("too_many_lines") && MANNERS[manner].contains("most_lines") => return Ok(()),
            result => result?,
        }
        let in_the_buyers = MANNERS[manner].contains("presentment");
        let shown = |text: String| format!("{text}\n{}", paper.shown());
        balances(&life, &paper.standing(), in_the_buyers).map_err(shown)?;
        taxes(&life, paper.notice, paper.booked.standing(), in_the_buyers, codes).map_err(shown)?;
        accounts(&life, paper.booked.standing(), in_the_buyers).map_err(shown)?;
        is_told(&life, paper.notice, paper.booked.standing()).map_err(shown)
    }
}

struct Paper<'a> {
    settings: &'a Settings,
    ledger: &'a dyn Ledger,
    state: OrderState,
    stamp: Option<Stamp>,
    booked: Booked,
    /// The code of what a person is told of it.
    notice: &'static str,
}

impl Paper<'_> {
    fn hear(&mut self, topic: &str, body: &[u8]) {
        match delivery::read(topic, SHOP, body).unwrap() {
            News::Order(order) => self.state.add_order(*order),
            News::Refund(_, refund) => self.state.add_refund(*refund),
            News::Transaction(_, transaction) => self.state.add_transaction(*transaction),
            _ => {}
        }
    }

    fn desired(&self, may_infer: bool) -> Result<Desired, String> {
        let input = Input {
            state: &self.state,
            settings: self.settings,
            rules: self.ledger,
            calendar: &Calendar::new(Some("Europe/London"), None),
            shop: SHOP,
            stamp: self.stamp.as_ref(),
            booked: &self.booked,
            may_infer,
            cutover: &Cutover::default(),
            set_aside: false,
        };
        normalize::desired(&input).map_err(|hold| hold.to_string())
    }

    /// Writes until nothing is missing any more.
    fn rest(&mut self) -> Result<(), String> {
        for _ in 0..8 {
            let desired = match self.desired(false)? {
                Desired::Documents(documents) if documents.awaits_transactions => {
                    self.write(*documents)?;
                    self.desired(true)?
                }
                other => other,
            };
            let documents = match desired {
                Desired::Documents(documents) => *documents,
                Desired::Ignored(_) => return Ok(()),
                other => return Err(format!("waits: {other:?}")),
            };
            let unexplained = documents.unexplained.as_ref().map(ToString::to_string);
            if !self.write(documents)? {
                return unexplained.map_or(Ok(()), Err);
            }
        }
        Err(format!("not at rest: {:#?}", self.booked))
    }

    /// Writes what is missing as the plan would; whether anything was.
    fn write(&mut self, desired: Documents) -> Result<bool, String> {
        self.stamp = Some(desired.stamp);
        self.notice = desired.notice.as_ref().map_or("", |notice| notice.reason.code());
        let mut written = false;
        let gone: Vec<_> = self.booked.standing().map(|one| one.key.clone()).collect();
        for key in gone.into_iter().filter(|key| !desired.documents.iter().any(|one| one.key == *key)) {
            if self.booked.is_settled(&key) || self.booked.0[&key].document.settlement().is_some() {
                return Err(format!("posted_and_changed: {key} is no longer called for"));
            }
            self.booked.0.get_mut(&key).unwrap().stands = false;
            written = true;
        }
        for one in desired.documents {
            let stood = self.booked.0.get(&one.key).filter(|known| known.stands);
            let generation = self.booked.generation(&one.key);
            match (one.standing, stood) {
                (Stands::Void, None) => continue,
                (Stands::Void, Some(_)) => self.booked.0.get_mut(&one.key).unwrap().stands = false,
                (Stands::Live, Some(known)) if known.document.same_money(&one) => continue,
                (Stands::Live, Some(known)) if self.booked.is_settled(&one.key) || !is_invoice(&known.document) => {
                    return Err(format!("posted_and_changed: {:#?}\nis now {one:#?}", known.document));
                }
                (Stands::Live, _) => {
                    self.prove(&one)?;
                    let new = BookedDocument { document: one.clone(), stands: true, generation, room: None };
                    self.booked.0.insert(one.key.clone(), new);
                }
            }
            written = true;
        }
        Ok(written)
    }

    /// The model of the ledger's arithmetic has to reach what the till took.
    fn prove(&self, one: &Document) -> Result<(), String> {
        let Some(body) = one.itemised() else { return Ok(()) };
        // QuickBooks takes no total of taxes below zero (code 6000).
        if self.ledger.tax_model() == TaxModel::TotalOnly && body.tax_total < Decimal::ZERO {
            return Err(format!("proof: a tax below zero in {one:#?}"));
        }
        let computed = self.ledger.compute(body, one.currency);
        if computed.total() == one.total {
            return Ok(());
        }
        Err(format!("proof: {one:#?} comes to {}", computed.show(one.currency)))
    }

    /// The documents, line by line, for whoever looks for what is wrong.
    fn shown(&self) -> String {
        let mut text = String::new();
        for one in self.booked.0.values() {
            let state = if one.stands { "" } else { ", gone" };
            let document = &one.document;
            text += &format!("{} {:?} {}{state}\n", document.key, document.kind(), document.total);
            for line in document.itemised().into_iter().flat_map(|body| &body.lines) {
                let (amount, tax) = (line.amount(document.currency), line.tax.amount);
                text += &format!("    {} {} × {}: {amount}, tax {tax}\n", line.source, line.quantity, line.unit_price);
            }
        }
        text
    }

    fn standing(&self) -> Standing {
        let documents = self.booked.0.len();
        let mut found = Standing { open: Decimal::ZERO, received: Decimal::ZERO, refunded: Decimal::ZERO, documents };
        for one in self.booked.standing() {
            match one.kind() {
                DocumentKind::Invoice => found.open += one.total,
                DocumentKind::CreditNote => found.open -= one.total,
                DocumentKind::SalesReceipt => found.received += one.total,
                DocumentKind::RefundReceipt => found.refunded += one.total,
                DocumentKind::Payment => {
                    found.received += one.total;
                    found.open -= one.total;
                }
                DocumentKind::RefundPayment => {
                    found.refunded += one.total;
                    found.open += one.total;
                }
                DocumentKind::Application => {}
            }
        }
        found
    }
}

fn is_invoice(one: &Document) -> bool {
    matches!(one.content, Content::Invoice(_))
}
