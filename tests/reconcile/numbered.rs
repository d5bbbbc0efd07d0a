//! Books whose documents the ledger numbered itself, in numbers that are other orders' names; and documents that name nothing
//! and are dated when the money came.

use chrono::Duration;
use serde_json::{Value, json};
use tillproof::reconcile::run::RunView;

use crate::support::reconcile::in_short;
use crate::support::trade::{self, Country, Course, Sale};
use crate::support::{Bench, Company, connected, start};

const COMPANY: Company = Company::XeroUk;

/// The shop's sales, none of them cancelled or given back.
fn sales(count: u64) -> Vec<Sale> {
    let country = Country { currency: COMPANY.home(), tax: 2_000 };
    let mut sales = trade::draw(11, count, start(), country);
    sales.iter_mut().for_each(|sale| sale.course = Course::Paid);
    sales
}

fn invoice(sale: &Sale, number: &str, note: &str, days: i64) -> Value {
    json!({"kind": "Invoice", "number": number, "reference": note, "note": note, "currency": sale.currency(),
           "total": sale.shop_total(), "open": "0", "date": (sale.at + Duration::days(days)).date_naive().to_string()})
}

/// The books are somebody else's until the end of the year.
fn audited(sales: &[Sale], documents: &[Value], asked: &Value) -> (Bench, RunView) {
    let mut settings = COMPANY.settings();
    settings["start_date"] = json!("2027-01-01");
    let bench = connected(COMPANY, settings);
    let deliveries = sales.iter().flat_map(Sale::deliveries);
    deliveries.for_each(|(topic, body)| bench.world.borrow_mut().shopify.happened(topic, &body));
    documents.iter().for_each(|one| bench.set_up("plant_sale", one));
    let view = bench.compare(asked);
    (bench, view)
}

#[test]
fn numbers_that_are_other_orders_names_make_neither_doubles_nor_losses() {
    let sales = sales(220);
    for lag in [-110, 3] {
        for note in [|sale: &Sale| format!("online shop {}", sale.id), |sale: &Sale| format!("Order {}", sale.name())] {
            let document = |sale: &Sale| {
                let number = i64::try_from(sale.number).unwrap() + lag;
                invoice(sale, &number.to_string(), &note(sale), 0)
            };
            let documents: Vec<Value> = sales.iter().map(document).collect();
            for asked in [json!({"audit": true}), json!({"audit": true, "sample": 50})] {
                let (_, view) = audited(&sales, &documents, &asked);
                let found: Vec<String> = in_short(&view).into_iter().take(5).collect();
                assert_eq!(found, Vec::<String>::new(), "lag {lag}, {}, {asked}", note(&sales[0]));
            }
        }
    }
}

#[test]
fn of_numbers_that_are_other_orders_names_and_no_notes_only_the_lost_order_is_said() {
    let sales = sales(150);
    let lost = 110;
    let documents = sales.iter().enumerate().filter(|(at, _)| *at != lost);
    let documents: Vec<Value> =
        documents.map(|(_, sale)| invoice(sale, &(sale.number - 7).to_string(), "", 0)).collect();
    let (_, view) = audited(&sales, &documents, &json!({"audit": true}));
    let found: Vec<_> = view.findings.iter().map(|one| (one.name.clone(), one.finding.class.as_str())).collect();
    assert_eq!(found, [(sales[lost].name(), "missing")], "{:?}", in_short(&view));
}

/// The sales of which one, of an amount that no other has, has that document, or none.
fn but_one(sales: &[Sale], lost: usize, instead: Option<Value>, number: impl Fn(&Sale) -> String) -> RunView {
    let others =
        sales.iter().enumerate().filter(|(at, _)| *at != lost).map(|(_, sale)| invoice(sale, &number(sale), "", 0));
    let documents: Vec<Value> = others.chain(instead).collect();
    let (_, view) = audited(sales, &documents, &json!({"audit": true}));
    view
}

/// A sale whose amount no other has.
fn rare(sales: &[Sale]) -> usize {
    let is_rare = |at: &usize| sales.iter().filter(|one| one.shop_total() == sales[*at].shop_total()).count() == 1;
    (20..sales.len()).find(is_rare).unwrap()
}

#[test]
fn what_may_be_a_document_that_does_not_say_so_is_not_posted() {
    let sales = sales(60);
    let lost = rare(&sales);
    let named = |sale: &Sale| sale.number.to_string();
    let unnamed = |sale: &Sale| format!("F-{}", 90_000 + sale.number * 7);
    let with = |key: &str, value: &str, mut document: Value| {
        document[key] = json!(value);
        Some(document)
    };
    let sale = &sales[lost];
    let late = |days: i64| invoice(sale, "T-9", "", days);
    for (instead, number, says) in [
        // Books that name their orders, and one document that names nothing.
        (Some(late(5)), &named as &dyn Fn(&Sale) -> String, Some("invoice T-9 of")),
        (Some(late(-20)), &named, Some("invoice T-9 of")),
        (with("status", "VOIDED", late(5)), &named, None),
        // Entered by hand under the ledger's next number.
        (Some(invoice(sale, "INV-0912", "", 5)), &named, Some("invoice INV-0912 of")),
        (Some(invoice(sale, "1912", "", 5)), &named, Some("invoice 1912 of")),
        // An earlier order's, of the same amount.
        (Some(invoice(sale, "0912", "", -20)), &named, None),
        (None, &named, None),
        // Books that name nothing: another amount may be its, too.
        (with("total", "1.17", invoice(sale, "F-77777", "", 0)), &unnamed, Some("invoice F-77777 of")),
        (with("total", "1.17", invoice(sale, "F-77777", "", 20)), &unnamed, None),
    ] {
        let view = but_one(&sales, lost, instead.clone(), number);
        let found: Vec<_> = view.findings.iter().filter(|one| one.finding.class.as_str() == "missing").collect();
        let [one] = &found[..] else { panic!("{instead:?}: {:?}", in_short(&view)) };
        assert_eq!(one.name, sale.name(), "{instead:?}");
        assert_eq!(view.may_be_approved, says.is_none(), "{instead:?}: {one:?}");
        let remedy = one.remedy.clone().unwrap_or_default();
        assert!(says.is_none_or(|says| remedy.contains(says)), "{instead:?}: {one:?}");
    }
}

#[test]
fn a_document_for_two_orders_is_one_orders_and_the_other_is_not_posted() {
    let sales = sales(60);
    let lost = rare(&sales);
    let both = format!("Orders {} and {}", sales[lost].name(), sales[lost + 1].name());
    let documents = sales.iter().enumerate().filter(|(at, _)| *at != lost).map(|(at, sale)| {
        let note = if at == lost + 1 { both.clone() } else { format!("Order {}", sale.name()) };
        invoice(sale, &format!("F-{}", 90_000 + at), &note, 0)
    });
    let (_, view) = audited(&sales, &documents.collect::<Vec<_>>(), &json!({"audit": true}));
    assert!(!view.may_be_approved, "{:?}", in_short(&view));
}

#[test]
fn names_of_several_numbers_are_found_among_documents_that_all_hold_the_first() {
    let mut sales = sales(120);
    sales.iter_mut().for_each(|sale| sale.prefix = "B2B-2026-");
    let documents: Vec<Value> =
        sales.iter().map(|sale| invoice(sale, sale.name().trim_start_matches('#'), "", 0)).collect();
    let (_, view) = audited(&sales, &documents, &json!({"audit": true}));
    assert_eq!((in_short(&view), view.recognised.get("number")), (Vec::new(), Some(&120)));
}
