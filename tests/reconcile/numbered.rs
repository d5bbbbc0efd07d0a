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

fn audited(sales: &[Sale], documents: &[Value], asked: &Value) -> (Bench, RunView) {
    audited_in(COMPANY, sales, documents, asked)
}

/// The books are somebody else's until the end of the year.
fn audited_in(company: Company, sales: &[Sale], documents: &[Value], asked: &Value) -> (Bench, RunView) {
    let mut settings = company.settings();
    settings["start_date"] = json!("2027-01-01");
    let bench = connected(company, settings);
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

/// What was paid stands in QuickBooks on its own, because its invoice was deleted or never entered: with an invoice and a
/// payment of ours the money would be in the books twice.
#[test]
fn an_order_whose_money_is_applied_to_nothing_is_not_posted() {
    let company = Company::QuickBooksUk;
    let country = Country { currency: company.home(), tax: 2_000 };
    let mut sales = trade::draw(11, 60, start(), country);
    sales.iter_mut().for_each(|sale| sale.course = Course::Paid);
    let lost = rare(&sales);
    let sale = &sales[lost];
    let payment = |total: String, open: String, note: String, days: i64| {
        let date = (sale.at + Duration::days(days)).date_naive().to_string();
        json!({"kind": "Payment", "number": "P-7", "note": note, "currency": sale.currency(), "total": total, "open": open,
               "date": date})
    };
    let total = || sale.shop_total();
    for (paid, is_posted) in [
        (payment(total(), total(), String::new(), 9), false),
        (payment("1.17".into(), "1.17".into(), format!("Order {}", sale.name()), 9), false),
        // Applied to another invoice; and another order's, by what it says.
        (payment(total(), "0".into(), String::new(), 9), true),
        (payment(total(), total(), format!("Order {}", sales[lost + 1].name()), 9), true),
    ] {
        let others = sales.iter().enumerate().filter(|(at, _)| *at != lost);
        let others = others.map(|(_, sale)| invoice(sale, &sale.number.to_string(), &sale.name(), 0));
        let documents: Vec<Value> = others.chain([paid.clone()]).collect();
        let (_, view) = audited_in(company, &sales, &documents, &json!({"audit": true}));
        let missing: Vec<_> = view.findings.iter().filter(|one| one.finding.class.as_str() == "missing").collect();
        let [one] = &missing[..] else { panic!("{paid}: {:?}", in_short(&view)) };
        assert_eq!((one.name.clone(), view.may_be_approved), (sale.name(), is_posted), "{paid}: {one:?}");
        let remedy = one.remedy.clone().unwrap_or_default();
        assert_eq!(remedy.contains("payment P-7 of"), !is_posted, "{paid}: {one:?}");
    }
}

/// Another integration enters one invoice for a month, and every order by itself is missing.
#[test]
fn of_books_that_hold_sales_in_sums_nothing_is_posted() {
    let sales = sales(60);
    let total: rust_decimal::Decimal =
        sales.iter().map(|sale| sale.shop_total().parse::<rust_decimal::Decimal>().unwrap()).sum();
    let month = json!({"kind": "Invoice", "number": "SUM-10", "reference": "", "note": "October", "open": "0",
        "currency": sales[0].currency(), "total": total.to_string(),
        "date": (sales[0].at + Duration::days(40)).date_naive().to_string()});
    let few = sales.iter().take(20).map(|sale| invoice(sale, &sale.number.to_string(), &sale.name(), 0));
    for documents in [vec![month.clone()], few.chain([month]).collect(), Vec::new()] {
        let (_, view) = audited(&sales, &documents, &json!({"audit": true}));
        assert!(!view.may_be_approved, "{:?}", in_short(&view));
        let missing = view.findings.iter().filter(|one| one.finding.class.as_str() == "missing");
        let remedies: Vec<String> = missing.filter_map(|one| one.remedy.clone()).collect();
        assert!(remedies.iter().all(|one| one.contains("another entry")), "{remedies:?}");
        assert_eq!(remedies.len(), 60 - documents.len().saturating_sub(1).min(20), "{remedies:?}");
    }
}
