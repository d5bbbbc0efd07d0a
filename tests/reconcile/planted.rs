//! Faults of every class, planted at random into books that we filled: all of them are found, each as what it is, and
//! nothing else. The orders and who is hit are drawn with a seed; a few seeds by default, many with THOROUGH=1.

use std::collections::BTreeSet;

use serde_json::json;

use crate::bookkeeper::{Desk, enter_sale};
use crate::support::reconcile::in_short;
use crate::support::trade::{self, Chance, Country, Course, Sale};
use crate::support::{Bench, Company, connected, start, thorough};

/// What goes wrong with one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    NeverDelivered,
    Removed,
    Date,
    Text,
    Lines,
    Number,
    Customer,
    Balance,
    PaymentRemoved,
    CancelledUnheard,
    Doubled,
    Strange,
}

const FAULTS: [Fault; 12] = [
    Fault::NeverDelivered,
    Fault::Removed,
    Fault::Date,
    Fault::Text,
    Fault::Lines,
    Fault::Number,
    Fault::Customer,
    Fault::Balance,
    Fault::PaymentRemoved,
    Fault::CancelledUnheard,
    Fault::Doubled,
    Fault::Strange,
];

impl Fault {
    /// What an order has to be for it.
    fn course(self) -> Course {
        match self {
            Fault::PaymentRemoved | Fault::NeverDelivered | Fault::Doubled => Course::Paid,
            Fault::Strange => Course::Cancelled,
            _ => Course::OnAccount,
        }
    }

    /// What is found then: class, document, value.
    fn shows(self, company: Company, sale: &Sale) -> Vec<String> {
        // What is removed in Xero stays there as void.
        let removed = if company == Company::XeroUk { " status" } else { "" };
        let payment = format!("missing payment:{}", sale.payment_id());
        match self {
            Fault::NeverDelivered => vec!["missing sale".into(), payment],
            Fault::Removed => vec![format!("missing sale{removed}")],
            Fault::Date => vec!["wrong sale date".into()],
            Fault::Text => vec!["wrong sale text".into()],
            Fault::Lines => vec!["wrong sale lines".into(), "wrong sale total".into()],
            Fault::Number => vec!["wrong sale number".into()],
            Fault::Customer => vec!["wrong sale customer".into()],
            Fault::Balance => vec!["wrong sale balance".into()],
            // That the invoice is open follows from it, and is not said again.
            Fault::PaymentRemoved => vec![payment + removed],
            Fault::CancelledUnheard => vec!["stale sale status".into()],
            Fault::Doubled => vec!["duplicate sale".into()],
            Fault::Strange => vec!["unexpected".into()],
        }
    }

    fn plant(self, desk: &Desk<'_>, sale: &mut Sale) {
        let bench = desk.bench;
        let invoice = || desk.id_of(&sale.id.to_string(), "sale");
        match self {
            Fault::NeverDelivered => {}
            Fault::Removed => desk.remove_invoice(&invoice()),
            Fault::Date => desk.redate(&invoice(), "2026-10-09"),
            Fault::Text => desk.change_line(&invoice(), Some("Something else altogether"), 0),
            Fault::Lines => desk.change_line(&invoice(), None, 700),
            Fault::Number => desk.renumber(&invoice(), &format!("BY-HAND-{}", sale.number)),
            Fault::Customer => desk.change_customer(&invoice()),
            Fault::Balance => desk.pay(&invoice(), "1.00"),
            Fault::PaymentRemoved => {
                desk.remove_payment(&desk.id_of(&sale.id.to_string(), &format!("payment:{}", sale.payment_id())));
            }
            Fault::CancelledUnheard => {
                sale.course = Course::Cancelled;
                happen(bench, sale);
            }
            Fault::Doubled | Fault::Strange => {
                let note = format!("Shopify order {} ({})", sale.id, sale.name());
                let number = format!("BY-HAND-{}", sale.number);
                enter_sale(
                    bench,
                    &json!({"kind": "Invoice", "number": number, "note": note, "reference": note,
                        "total": sale.shop_total(), "date": sale.at.date_naive().to_string()}),
                );
            }
        }
    }
}

fn happen(bench: &Bench, sale: &Sale) {
    for (topic, body) in sale.deliveries() {
        bench.world.borrow_mut().shopify.happened(topic, &body);
    }
}

/// Plants every fault at an order of its own. Returns the lines that are to be found.
fn plant(bench: &Bench, company: Company, seed: u64) -> BTreeSet<String> {
    let tax = if company == Company::QuickBooksUs { 825 } else { 2_000 };
    let mut sales = trade::draw(seed, 40, start(), Country { currency: company.home(), tax });
    let mut chance = Chance::new(seed ^ 0xFA17);
    let mut free: Vec<usize> = (0..sales.len()).collect();
    let mut hit: Vec<(Fault, usize)> = Vec::new();
    for fault in FAULTS {
        let at = free.swap_remove(usize::try_from(chance.below(free.len() as u64)).unwrap());
        sales[at].course = fault.course();
        // Another amount would change its tax as well.
        sales[at].tax_rate = if fault == Fault::Lines { 0 } else { sales[at].tax_rate };
        hit.push((fault, at));
    }
    for (at, sale) in sales.iter().enumerate() {
        happen(bench, sale);
        if !hit.contains(&(Fault::NeverDelivered, at)) {
            sale.deliveries().iter().for_each(|(topic, body)| bench.deliver(topic, body));
        }
    }
    bench.run();
    assert_eq!(in_short(&bench.compare(&json!({}))).len(), 2, "before it only what was never delivered is missing");
    let desk = Desk { bench, company };
    let mut wanted = BTreeSet::new();
    for (fault, at) in hit {
        let sale = &mut sales[at];
        fault.plant(&desk, sale);
        wanted.extend(fault.shows(company, sale).into_iter().map(|shown| format!("{} {shown}", sale.name())));
    }
    wanted
}

#[test]
fn of_what_was_planted_in_our_own_books_all_is_found_as_what_it_is_and_nothing_else() {
    let seeds = if thorough() { 0..6u64 } else { 0..2 };
    for seed in seeds {
        for company in Company::ALL {
            let bench = connected(company, company.settings());
            let wanted = plant(&bench, company, seed);
            let view = bench.compare(&json!({}));
            let found: BTreeSet<String> = in_short(&view).iter().map(|line| line.trim_end().to_owned()).collect();
            let missed: Vec<&String> = wanted.difference(&found).collect();
            let false_alarms: Vec<&String> = found.difference(&wanted).collect();
            // Recall and precision: 100 %.
            assert!(
                missed.is_empty() && false_alarms.is_empty(),
                "{company:?}, seed {seed}: missed {missed:#?}, false {false_alarms:#?}"
            );
            assert_eq!(view.findings.len(), wanted.len(), "{company:?}, seed {seed}: each once");
        }
    }
}

#[test]
fn what_was_planted_and_can_be_put_right_is_and_the_rest_waits_for_a_person() {
    for company in Company::ALL {
        let bench = connected(company, company.settings());
        let planted = plant(&bench, company, 11);
        let view = bench.compare(&json!({"repair": true}));
        let (before, after) = (view.before.unwrap(), view.after.unwrap());
        assert_eq!(before.drift(), i64::try_from(planted.len()).unwrap(), "{company:?}");
        // Posted: the order that was never delivered. Voided: the one whose cancellation was not heard of. Written again:
        // invoices without payments. What was removed, paid or entered by hand is a person's.
        assert_eq!(
            (after.missing, after.stale, after.duplicate, after.unexpected),
            (2, 0, 1, 1),
            "{company:?}: {view:#?}"
        );
        assert!(after.wrong < before.wrong, "{company:?}: {before:?} {after:?}");
    }
}
