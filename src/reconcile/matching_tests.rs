use std::collections::BTreeMap;

use proptest::prelude::*;

use super::samples::{assign, currency, d};
use super::*;
use crate::books::document::{DocumentKey, DocumentKind};
use crate::books::listed::Listed;

fn wanted(order_id: &str, name: &str, date: &str, total: &str) -> Wanted {
    Wanted {
        order_id: order_id.into(),
        name: name.into(),
        key: DocumentKey::sale(),
        kind: DocumentKind::Invoice,
        date: date.parse().unwrap(),
        currency: currency("USD"),
        totals: vec![d(total)],
        other_total: None,
        ids: Vec::new(),
        is_called_for: true,
    }
}

fn credit(order_id: &str, name: &str, refund: &str, total: &str) -> Wanted {
    let (key, kind) = (DocumentKey::credit(refund), DocumentKind::CreditNote);
    Wanted { key, kind, ids: vec![refund.into()], ..wanted(order_id, name, "2026-11-02", total) }
}

fn document(id: &str, number: &str, note: &str, date: &str, total: &str) -> Listed {
    Listed {
        kind: DocumentKind::Invoice,
        ledger_id: id.into(),
        number: number.into(),
        note: note.into(),
        currency: Some(currency("USD")),
        total: d(total),
        tax: None,
        open: None,
        date: date.parse().ok(),
        party_id: None,
        void: false,
        draft: false,
        lines: Vec::new(),
        settles: Vec::new(),
    }
}

/// `order key: document by (extra)`.
fn assigned(orders: &[Wanted], documents: &[Listed]) -> Vec<String> {
    let one = |one: Match| {
        let extra: String = one.extra.iter().map(|(_, id)| format!(" +{id}")).collect();
        format!("{} {}: {} {}{extra}", one.order_id, one.key, one.document.1, one.by.confidence())
    };
    assign(orders, documents).into_iter().map(one).collect()
}

#[test]
fn an_id_says_more_than_a_number_a_number_more_than_an_amount_and_that_more_than_a_number_of_another_amount() {
    let orders = [wanted("5600", "#1001", "2026-11-02", "26"), wanted("5601", "#1002", "2026-11-02", "26")];
    let documents = [
        document("1", "INV-1", "shopify 5601", "2026-11-20", "99"),
        document("2", "INV-1001", "", "2026-11-24", "26"),
        document("3", "77", "", "2026-11-02", "26"),
        document("4", "INV-1001", "", "2026-11-20", "99"),
    ];
    assert_eq!(assigned(&orders, &documents[..3]), ["5600 sale: 2 0.97", "5601 sale: 1 1.00"]);
    // Where most numbers have other money than the order of that name, they are the ledger's own, and come last.
    let [id, _, amount, number] = documents;
    assert_eq!(assigned(&orders, &[number.clone(), id, amount]), ["5600 sale: 3 0.60", "5601 sale: 1 1.00"]);
    assert_eq!(assigned(&orders, &[number]), ["5600 sale: 4 0.97"]);
}

#[test]
fn of_two_documents_that_fit_alike_the_one_that_is_numbered_as_the_order_is_its_own() {
    let order = [wanted("5600", "#1001", "2026-11-02", "26")];
    let numbered = |id: &str, number: &str| document(id, number, "Shopify order #1001", "2026-11-02", "26");
    let documents = [numbered("1", "INV-1001-1"), numbered("2", "INV-1001")];
    assert_eq!(assigned(&order, &documents), ["5600 sale: 2 0.97 +1"]);
}

#[test]
fn a_number_says_nothing_where_the_note_names_another_order() {
    let order = [wanted("5600000000001", "#1001", "2026-11-02", "26")];
    let by = |note: &str, total: &str| assigned(&order, &[document("1", "1001", note, "2026-11-12", total)]);
    for note in ["#901", "Order #901, paid"] {
        assert_eq!(by(note, "26"), Vec::<String>::new(), "{note}");
    }
    // What looks like no order's name takes nothing from the number.
    let others = [
        "",
        "paid on 2026-11-02, 26.00 USD",
        "card 4242",
        "customer #C-2041",
        "#9 Main Street",
        "customer 5600000000777",
    ];
    for note in others.into_iter().chain(["#901 is #1001 now"]) {
        for total in ["26", "27"] {
            assert_eq!(by(note, total), ["5600000000001 sale: 1 0.97"], "{note}");
        }
    }
}

#[test]
fn a_note_that_says_other_things_names_an_order_only_with_its_money() {
    let order = [wanted("5600000000001", "#1005", "2026-11-02", "60")];
    let by = |note: &str, total: &str| assigned(&order, &[document("1", "INV-7", note, "2026-11-20", total)]);
    let own = document("2", "1005", "", "2026-11-02", "60");
    for note in ["PO 1005", "PO #1005", "Purchase order #1005", "Rent 1005", "Retainer 1005"] {
        let beside = assigned(&order, &[document("1", "INV-7", note, "2026-11-20", "500"), own.clone()]);
        assert_eq!(beside, ["5600000000001 sale: 2 0.97"], "{note}");
        assert_eq!(by(note, "60"), ["5600000000001 sale: 1 0.97"], "{note}");
    }
    for note in ["#1005", "1005", "Order 1005", "Shopify Order #1005", "Bestellung 1005"] {
        assert_eq!(by(note, "500"), ["5600000000001 sale: 1 0.97"], "{note}");
    }
}

#[test]
fn numbers_count_where_most_have_their_orders_money_however_late_they_are_dated() {
    let orders: Vec<Wanted> = (0..9)
        .map(|at| wanted(&format!("560{at}"), &format!("#100{at}"), &format!("2026-11-{:02}", 1 + at), "26"))
        .collect();
    let numbered = |lag: i32, days: i32| -> Vec<Listed> {
        let one = |at: i32| {
            document(
                &at.to_string(),
                &(1000 + at + lag).to_string(),
                "",
                &format!("2026-11-{:02}", 1 + at + days),
                "26",
            )
        };
        (0..9).map(one).collect()
    };
    let wanted: Vec<String> = (0..9).map(|at| format!("560{at} sale: {at} 0.97")).collect();
    assert_eq!(assigned(&orders, &numbered(0, 5)), wanted, "each its own, five days late");
    // The ledger's own count: each order has the document of its day, by what it comes to.
    let mut orders = orders;
    let mut documents = numbered(2, 0);
    (0..9).for_each(|at| {
        orders[at].totals = vec![d(&(20 + at).to_string())];
        documents[at].total = d(&(20 + at).to_string());
    });
    let wanted: Vec<String> = (0..9).map(|at| format!("560{at} sale: {at} 0.60")).collect();
    assert_eq!(assigned(&orders, &documents), wanted);
}

#[test]
fn a_document_that_names_another_order_is_not_taken_for_its_amount_in_books_that_name_their_orders() {
    let orders = [
        wanted("5600", "#1001", "2026-11-02", "30"),
        wanted("5601", "#1002", "2026-11-02", "31"),
        wanted("5602", "#1003", "2026-11-02", "26"),
    ];
    let note = |id: &str, note: &str, total: &str| document(id, "", note, "2026-11-02", total);
    let documents = [note("1", "Order #1001", "30"), note("2", "Order #1002", "31"), note("3", "Order #1005", "26")];
    assert_eq!(assigned(&orders, &documents), ["5600 sale: 1 0.97", "5601 sale: 2 0.97"]);
    // In books that do not, it may be anything's name.
    assert_eq!(assigned(&orders[1..], &documents[2..]), ["5602 sale: 3 0.60"]);
}

#[test]
fn what_an_edit_took_away_may_be_left_out_of_the_invoice_or_stand_as_a_credit() {
    let order = [Wanted { totals: vec![d("70"), d("100")], ..wanted("5600", "#1001", "2026-11-02", "70") }];
    for total in ["70", "100"] {
        assert_eq!(assigned(&order, &[document("1", "", "", "2026-11-02", total)]), ["5600 sale: 1 0.60"], "{total}");
    }
}

#[test]
fn a_name_is_a_word_of_the_number_and_never_a_part_of_one() {
    let order = [wanted("5600", "#1001", "2026-11-02", "26")];
    let by = |number: &str, note: &str| assigned(&order, &[document("1", number, note, "2026-12-20", "30")]);
    let found = ["5600 sale: 1 0.97"];
    for number in ["1001", "#1001", "S-1001", "SHOP1001", "1001-US", "inv/1001/x"] {
        assert_eq!(by(number, ""), found, "{number}");
    }
    for note in ["#1001", "1001", "Order #1001 of 2026-11-02", "Shopify order 5600 (#1001)"] {
        let found = if note.contains("5600") { ["5600 sale: 1 1.00"] } else { found };
        assert_eq!(by("77", note), found, "{note}");
    }
    for (number, note) in
        [("11001", ""), ("10012", ""), ("2026-1001", ""), ("1001-2", ""), ("", "of 1001 mugs, 2 kinds"), ("", "#10017")]
    {
        assert_eq!(by(number, note), Vec::<String>::new(), "{number} {note}");
    }
    // A number that goes on is the order's if the money is.
    assert_eq!(assigned(&order, &[document("1", "1001-2", "", "2026-12-20", "26")]), found);
    let lettered = [wanted("1", "EU-1001", "2026-11-02", "26"), wanted("2", "US-1001", "2026-11-02", "26")];
    let documents =
        [document("1", "INV-US-1001", "", "2026-11-02", "26"), document("2", "INV-EU-1001", "", "2026-11-02", "26")];
    assert_eq!(assigned(&lettered, &documents), ["1 sale: 2 0.97", "2 sale: 1 0.97"]);
}

#[test]
fn an_amount_is_enough_up_to_three_days_away_and_the_nearest_date_goes_first() {
    let order = [wanted("5600", "#1001", "2026-11-02", "26")];
    let by = |dates: &[&str]| {
        let one = |(at, date): (usize, &&str)| document(&at.to_string(), "", "", date, "26");
        assigned(&order, &dates.iter().enumerate().map(one).collect::<Vec<_>>())
    };
    assert_eq!(by(&["2026-11-05"]), ["5600 sale: 0 0.60"]);
    assert_eq!(by(&["2026-11-06"]), Vec::<String>::new());
    assert_eq!(by(&["2026-11-04", "2026-11-01"]), ["5600 sale: 1 0.60"]);
    let two = [wanted("5601", "#2", "2026-11-02", "26"), wanted("5600", "#1", "2026-11-02", "26")];
    let documents = [document("8", "", "", "2026-11-02", "26"), document("7", "", "", "2026-11-02", "26")];
    assert_eq!(assigned(&two, &documents), ["5600 sale: 7 0.60", "5601 sale: 8 0.60"]);
    // One document for two orders is the nearer one's.
    let two = [wanted("5600", "#1", "2026-11-01", "26"), wanted("5601", "#2", "2026-11-02", "26")];
    assert_eq!(assigned(&two, &documents[..1]), ["5601 sale: 8 0.60"]);
}

#[test]
fn amounts_are_of_one_currency_unless_the_company_has_only_one_and_the_other_side_comes_last() {
    let (eur, usd) = (currency("EUR"), currency("USD"));
    let mut order =
        Wanted { currency: eur, other_total: Some((usd, d("30"))), ..wanted("5600", "#1001", "2026-11-02", "26") };
    let shop = [document("1", "", "", "2026-11-03", "30")];
    assert_eq!(assigned(&[order.clone()], &shop), ["5600 sale: 1 0.50"]);
    assert_eq!(assigned(&[order.clone()], &[document("1", "", "", "2026-11-03", "26")]), Vec::<String>::new());
    let unsaid = Listed { currency: None, ..document("1", "", "", "2026-11-03", "26") };
    assert_eq!(assigned(&[order.clone()], &[unsaid]), ["5600 sale: 1 0.60"]);
    // Where nothing is called for, an amount says nothing.
    order.is_called_for = false;
    assert_eq!(assigned(&[order.clone()], &shop), Vec::<String>::new());
    assert_eq!(assigned(&[order], &[document("1", "1001", "", "2026-11-03", "1")]), ["5600 sale: 1 0.97"]);
}

#[test]
fn doubles_are_those_that_name_an_order_which_has_its_document() {
    let orders = [wanted("5600", "#1001", "2026-11-02", "26"), wanted("5601", "#1002", "2026-11-02", "26")];
    let mut documents = vec![
        document("1", "1001", "", "2026-11-02", "26"),
        document("2", "1001-2", "", "2026-11-02", "26"),
        document("3", "9", "#1001", "2026-11-02", "26"),
        document("4", "1001", "", "2026-11-02", "26"),
        document("5", "", "", "2026-11-02", "26"),
    ];
    documents[0].void = true;
    // The voided one counts for nothing beside those that stand.
    assert_eq!(assigned(&orders, &documents), ["5600 sale: 3 0.97 +4 +2", "5601 sale: 5 0.60"]);
    assert_eq!(assigned(&orders, &documents[..1]), ["5600 sale: 1 0.97"]);
}

#[test]
fn credits_of_an_order_are_told_apart_by_their_refund_then_by_their_amount() {
    let note = |id: &str, number: &str, note: &str, total: &str| Listed {
        kind: DocumentKind::CreditNote,
        ..document(id, number, note, "2026-11-02", total)
    };
    let orders = [credit("5600", "#1001", "81", "5"), credit("5600", "#1001", "82", "7")];
    let documents =
        [note("1", "CN-1001-R82", "", "99"), note("2", "CN-1001", "", "5"), note("3", "CN-1001-B", "", "6")];
    assert_eq!(assigned(&orders, &documents), ["5600 credit:81: 2 0.97 +3", "5600 credit:82: 1 1.00"]);
    let swapped = [note("1", "1001-R1", "", "7"), note("2", "1001-R2", "", "5")];
    assert_eq!(assigned(&orders, &swapped), ["5600 credit:81: 2 0.97", "5600 credit:82: 1 0.97"]);
}

#[test]
fn a_whole_years_equal_amounts_are_matched_in_no_time() {
    let day = |at: usize| format!("2026-{:02}-{:02}", at % 12 + 1, at % 28 + 1);
    let orders: Vec<Wanted> =
        (0..20_000).map(|at| wanted(&format!("{}", 50_000 + at), "", &day(at), "19.99")).collect();
    let documents: Vec<Listed> = (0..20_000).map(|at| document(&at.to_string(), "", "", &day(at), "19.99")).collect();
    assert_eq!(assign(&orders, &documents).len(), 20_000);
}

fn anything() -> impl Strategy<Value = (Vec<Wanted>, Vec<Listed>)> {
    let day = || (1..9u32).prop_map(|day| format!("2026-11-{day:02}"));
    let total = || prop::sample::select(vec!["10", "20", "26.00"]);
    let order = (1..12u32, day(), total(), any::<bool>(), any::<bool>()).prop_map(|(at, day, total, refund, other)| {
        let (id, name) = (format!("56{at:02}"), format!("#{}", 1000 + at));
        let one =
            if refund { credit(&id, &name, &format!("81{at:02}"), total) } else { wanted(&id, &name, &day, total) };
        Wanted { other_total: other.then(|| (currency("EUR"), d("20"))), ..one }
    });
    let listed = (1..12u32, day(), total(), 0..6u32, any::<[bool; 4]>()).prop_map(|(at, day, total, names, flags)| {
        let (number, note) = match names {
            0 => (format!("INV-{}", 1000 + at), String::new()),
            1 => (String::new(), format!("56{at:02}")),
            2 => (format!("{}-R81{at:02}", 1000 + at), String::new()),
            3 => (format!("{}-1", 1000 + at), format!("#{}", 1001 + at)),
            _ => (String::new(), String::new()),
        };
        let kind = if flags[0] { DocumentKind::CreditNote } else { DocumentKind::Invoice };
        let code = if flags[1] { "EUR" } else { "USD" };
        let currency = (!flags[2]).then(|| currency(code));
        Listed { kind, currency, void: flags[3], ..document("", &number, &note, &day, total) }
    });
    let orders = prop::collection::vec(order, 0..14).prop_map(|mut all| {
        all.sort_by(|a, b| (&a.order_id, &a.key).cmp(&(&b.order_id, &b.key)));
        all.dedup_by(|a, b| (&a.order_id, &a.key) == (&b.order_id, &b.key));
        all
    });
    let documents = prop::collection::vec(listed, 0..14).prop_map(|all: Vec<Listed>| {
        all.into_iter().enumerate().map(|(at, one)| Listed { ledger_id: at.to_string(), ..one }).collect()
    });
    (orders, documents)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn matching_is_one_to_one_and_the_order_of_the_input_does_not_matter(
        (orders, documents) in anything(),
        turn in 0..14usize,
    ) {
        let matches = assign(&orders, &documents);
        let mut used: BTreeMap<DocumentId, usize> = BTreeMap::new();
        for one in &matches {
            std::iter::once(&one.document).chain(&one.extra).for_each(|id| *used.entry(id.clone()).or_default() += 1);
        }
        prop_assert!(used.values().all(|count| *count == 1), "{:?}", matches);
        let mut keys: Vec<_> = matches.iter().map(|one| (&one.order_id, &one.key)).collect();
        keys.dedup();
        prop_assert_eq!(keys.len(), matches.len());
        let (mut orders, mut documents) = (orders, documents);
        orders.reverse();
        documents.reverse();
        let (at, by) = (turn % orders.len().max(1), turn % documents.len().max(1));
        orders.rotate_left(at);
        documents.rotate_left(by);
        prop_assert_eq!(assign(&orders, &documents), matches);
    }
}
