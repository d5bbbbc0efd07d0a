//! Faults are planted into books that fit: exactly those are found, each as what it is.

use chrono::Duration;
use proptest::prelude::*;

use super::samples::*;
use super::*;
use crate::books::document::{DocumentKey, DocumentKind};
use crate::books::listed::Listed;
use crate::books::rules::LedgerName;

/// What a person, a program or a crash does to one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    NeverPosted,
    Deleted,
    Voided,
    Draft,
    Total,
    Tax,
    Currency,
    Date,
    Customer,
    Text,
    Lines,
    Number,
    Balance,
    ChangedInShopify,
    Doubled,
    Strange,
}

const FAULTS: [Fault; 16] = [
    Fault::NeverPosted,
    Fault::Deleted,
    Fault::Voided,
    Fault::Draft,
    Fault::Total,
    Fault::Tax,
    Fault::Currency,
    Fault::Date,
    Fault::Customer,
    Fault::Text,
    Fault::Lines,
    Fault::Number,
    Fault::Balance,
    Fault::ChangedInShopify,
    Fault::Doubled,
    Fault::Strange,
];

/// An order, its books, and what was planted.
struct Plot {
    now: Vec<Expected>,
    written: Vec<Written>,
    ledger: Vec<Listed>,
    planted: Vec<(Class, Option<DocumentKey>, Option<Field>)>,
}

impl Plot {
    fn new(is_paid: bool, is_refunded: bool, has_application: bool) -> Self {
        let mut now = documents();
        if has_application {
            let apply = DocumentKey::apply(&DocumentKey::credit("8"), &DocumentKey::sale());
            now[1].total = d("16.00");
            now[3] = expected(apply, DocumentKind::Application, "S-1001-R8", "10.00");
        } else if !is_refunded {
            now.truncate(2);
        }
        if !is_paid {
            now.retain(|one| one.kind != DocumentKind::Payment);
        }
        let written = written(&now);
        let mut ledger = ledger(&written);
        if !is_paid {
            ledger[0].open = Some(if has_application { d("16.00") } else { d("26.00") });
        }
        Self { now, written, ledger, planted: Vec::new() }
    }

    /// What is settled by less stays open by more.
    fn open(&mut self, of: &Expected, more: rust_decimal::Decimal) {
        let key = of.settles.clone().unwrap_or_else(|| of.key.clone());
        let id = self.written.iter().find(|one| one.expected.key == key).map(|one| one.ledger_id.clone());
        for one in self.ledger.iter_mut().filter(|one| Some(&one.ledger_id) == id.as_ref()) {
            one.open = one.open.map(|open| open + more);
        }
    }

    /// Plants a fault, if the document can have it.
    fn plant(&mut self, place: usize, fault: Fault) {
        let Some(written) = self.written.get(place).cloned() else { return };
        let one = written.expected.clone();
        let Some(at) = self.ledger.iter().position(|listed| listed.ledger_id == written.ledger_id) else { return };
        let is_itemised = !one.lines.is_empty();
        let (class, field) = match fault {
            Fault::NeverPosted | Fault::Deleted => {
                if fault == Fault::NeverPosted {
                    self.written.retain(|other| other.ledger_id != written.ledger_id);
                }
                self.ledger.remove(at);
                (Class::Missing, None)
            }
            Fault::Voided => {
                self.ledger[at].void = true;
                (Class::Missing, Some(Field::Status))
            }
            Fault::Draft => {
                self.ledger[at].draft = true;
                (Class::Wrong, Some(Field::Status))
            }
            Fault::Total => {
                self.ledger[at].total += d("0.01");
                (Class::Wrong, Some(Field::Total))
            }
            Fault::Currency => {
                self.ledger[at].currency = Some(currency("EUR"));
                (Class::Wrong, Some(Field::Currency))
            }
            Fault::Date => {
                self.ledger[at].date = one.date.checked_add_signed(Duration::days(1));
                (Class::Wrong, Some(Field::Date))
            }
            Fault::Customer => {
                self.ledger[at].party_id = Some("9".into());
                (Class::Wrong, Some(Field::Customer))
            }
            Fault::Number => {
                self.ledger[at].number.push('x');
                (Class::Wrong, Some(Field::Number))
            }
            Fault::ChangedInShopify => {
                self.now[place].total += d("1");
                (Class::Stale, Some(Field::Total))
            }
            Fault::Doubled => {
                let second =
                    Listed { ledger_id: format!("{}00", written.ledger_id), open: None, ..self.ledger[at].clone() };
                self.ledger.push(second);
                (Class::Duplicate, None)
            }
            Fault::Tax if is_itemised => {
                self.ledger[at].tax = Some(d("0.99"));
                (Class::Wrong, Some(Field::Tax))
            }
            Fault::Text if is_itemised => {
                self.ledger[at].lines[0].text.truncate(4);
                (Class::Wrong, Some(Field::Text))
            }
            Fault::Lines if is_itemised => {
                self.ledger[at].lines.pop();
                (Class::Wrong, Some(Field::Lines))
            }
            Fault::Balance if is_itemised => {
                self.ledger[at].open = self.ledger[at].open.map(|open| open + d("0.50"));
                (Class::Wrong, Some(Field::Balance))
            }
            Fault::Strange if !is_itemised => {
                let (ledger_id, number) = (format!("{}01", written.ledger_id), "strange".into());
                let other = Listed { ledger_id, number, total: d("1.23"), ..self.ledger[at].clone() };
                self.ledger.push(other);
                (Class::Unexpected, None)
            }
            _ => return,
        };
        // What a payment no longer settles is open.
        match fault {
            Fault::NeverPosted | Fault::Deleted | Fault::Voided | Fault::Draft if one.settles.is_some() => {
                self.open(&one, one.total);
            }
            Fault::Total if one.settles.is_some() => self.open(&one, d("-0.01")),
            Fault::Total => self.open(&one, d("0.01")),
            _ => {}
        }
        let key = (class != Class::Unexpected).then(|| one.key.clone());
        self.planted.push((class, key, field));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exactly_what_was_planted_is_found(
        life in any::<[bool; 3]>(),
        faults in prop::collection::vec(prop::sample::select(&FAULTS[..]), 4),
        is_planted in any::<[bool; 4]>(),
    ) {
        let mut plot = Plot::new(life[0], life[1], life[2]);
        // From the last, so that places stay what they are.
        for (place, fault) in faults.iter().enumerate().rev().filter(|(place, _)| is_planted[*place]) {
            plot.plant(place, *fault);
        }
        // Nothing is open below nothing.
        plot.ledger.iter_mut().for_each(|one| one.open = one.open.map(|open| open.max(d("0"))));
        let order = order(Calls::Documents(plot.now));
        let case =
            Case { order: &order, written: &plot.written, found: &plot.ledger, hold: None, ledger: LedgerName::QuickBooks };
        let findings = compare(&case);
        let mut found: Vec<_> =
            findings.iter().map(|one| (one.class, one.document_key.clone(), one.field)).collect();
        found.sort();
        plot.planted.sort();
        prop_assert_eq!(found, plot.planted, "{:#?}", findings);
    }
}

#[test]
fn every_fault_is_planted_at_least_somewhere() {
    for fault in FAULTS {
        let mut plot = Plot::new(true, true, false);
        (0..4).rev().for_each(|place| plot.plant(place, fault));
        assert!(!plot.planted.is_empty(), "{fault:?}");
    }
}
