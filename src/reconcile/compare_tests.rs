use super::samples::*;
use super::*;
use crate::books::document::{DocumentKey, DocumentKind, Standing};
use crate::books::listed::Listed;

fn posted() -> (Expectation, Vec<Written>, Vec<Listed>) {
    let documents = documents();
    let written = written(&documents);
    let ledger = ledger(&written);
    (order(Calls::Documents(documents)), written, ledger)
}

const HAND: &str = "changed in Xero by hand after it was posted";
const SINCE: &str = "the order changed in Shopify since";

#[test]
fn books_that_fit_their_order_have_no_difference() {
    let (order, written, ledger) = posted();
    assert_eq!(found(&order, &written, &ledger, None), Vec::<String>::new());
}

#[test]
fn what_stands_nowhere_is_missing_and_says_why() {
    let (order, written, ledger) = posted();
    let text =
        |cause: &str, repair: &str| vec![format!("missing payment:6700 -: 26.00 USD | nothing | {cause} | {repair}")];
    let open = |listed: &Listed| Listed { open: listed.open.map(|_| d("26.00")), ..listed.clone() };
    let without: Vec<Listed> = vec![open(&ledger[0]), ledger[2].clone(), ledger[3].clone()];
    assert_eq!(found(&order, &written, &without, None), text("deleted in Xero by hand", "ask"));
    let never: Vec<Written> = written.iter().filter(|one| one.ledger_id != "2").cloned().collect();
    assert_eq!(found(&order, &never, &without, None), text("never posted", "post"));
    assert_eq!(found(&order, &never, &without, Some("tax_unmapped")), text("held: tax_unmapped", "ask"));
    // A notice keeps nothing back.
    assert_eq!(found(&order, &never, &without, Some("disputed")), text("never posted", "post"));
    let mut voided = ledger.clone();
    voided[1].void = true;
    voided[0].open = Some(d("26.00"));
    assert_eq!(
        found(&order, &written, &voided, None),
        ["missing payment:6700 status: 26.00 USD | void | voided in Xero by hand | ask"]
    );
}

#[test]
fn every_value_that_was_changed_by_hand_is_named_with_both_sides() {
    let check = |change: &dyn Fn(&mut Listed), says: &str| {
        let (order, written, mut ledger) = posted();
        change(&mut ledger[0]);
        assert_eq!(found(&order, &written, &ledger, None), [says], "{says}");
    };
    check(&|one| one.tax = Some(d("0")), &format!("wrong sale tax: 1.00 USD | 0.00 USD | {HAND} | correct"));
    check(&|one| one.currency = Some(currency("EUR")), &format!("wrong sale currency: USD | EUR | {HAND} | ask"));
    check(
        &|one| one.date = "2026-11-03".parse().ok(),
        &format!("wrong sale date: 2026-11-02 | 2026-11-03 | {HAND} | correct"),
    );
    check(
        &|one| one.party_id = Some("8".into()),
        &format!("wrong sale customer: [personal data] | [personal data] | {HAND} | ask"),
    );
    check(&|one| one.number = "X-1".into(), &format!("wrong sale number: S-1001 | X-1 | {HAND} | correct"));
    check(&|one| one.lines[0].text = "Mug".into(), &format!("wrong sale text: Blue mug | Mug | {HAND} | correct"));
    check(
        &|one| one.lines[1].amount = d("4"),
        &format!("wrong sale lines: 2 lines: 20.00, 5.00 | 2 lines: 20.00, 4.00 | {HAND} | correct"),
    );
    check(
        &|one| one.draft = true,
        "wrong sale status: approved | draft | it is a draft in Xero: nobody approved it, so it does not count | ask",
    );
    check(
        &|one| (one.total, one.open) = (d("27"), Some(d("1"))),
        &format!("wrong sale total: 26.00 USD | 27.00 USD | {HAND} | correct"),
    );
    check(
        &|one| one.open = Some(d("26")),
        "wrong sale balance: 0.00 USD open | 26.00 USD open | what settles it was taken off it in Xero by hand | ask",
    );
}

#[test]
fn what_a_ledger_does_not_state_is_not_compared() {
    let (order, written, mut ledger) = posted();
    let one = &mut ledger[0];
    (one.currency, one.tax, one.open, one.date, one.party_id) = (None, None, None, None, None);
    one.lines.clear();
    ledger[1].number.clear();
    assert_eq!(found(&order, &written, &ledger, None), Vec::<String>::new());
}

#[test]
fn what_changed_in_shopify_since_is_stale_unless_the_ledger_has_it_already() {
    let (_, written, mut ledger) = posted();
    let mut now = documents();
    now[0].total = d("30.00");
    ledger[0].open = None;
    let order = order(Calls::Documents(now));
    let says =
        |cause: &str, repair: &str| vec![format!("stale sale total: 30.00 USD | 26.00 USD | {cause} | {repair}")];
    assert_eq!(found(&order, &written, &ledger, None), says(SINCE, "update"));
    assert_eq!(found(&order, &written, &ledger, Some("period_closed")), says("held: period_closed", "ask"));
    ledger[0].total = d("30.00");
    assert_eq!(found(&order, &written, &ledger, None), Vec::<String>::new());
    ledger[0].total = d("31.00");
    assert_eq!(
        found(&order, &written, &ledger, None),
        [format!("wrong sale total: 30.00 USD | 31.00 USD | {HAND} | correct")]
    );
}

#[test]
fn what_is_no_longer_called_for_is_stale_until_it_is_void() {
    let (_, written, mut ledger) = posted();
    let mut now = documents();
    now[2].standing = Standing::Void;
    now.truncate(3);
    let order = order(Calls::Documents(now));
    assert_eq!(
        found(&order, &written, &ledger, None),
        [
            format!("stale credit:8 status: void | counts | {SINCE} | update"),
            format!("stale refund:6701 status: void | counts | {SINCE} | ask")
        ]
    );
    (ledger[2].void, ledger[3].void) = (true, true);
    assert_eq!(found(&order, &written, &ledger, None), Vec::<String>::new());
}

#[test]
fn a_replacement_is_no_duplicate_while_the_first_one_is_void() {
    let (_, mut written, mut ledger) = posted();
    let mut now = documents();
    now[0].number = "S-1001-v2".into();
    written[0] = Written { expected: now[0].clone(), ledger_id: "21".into(), ..written[0].clone() };
    ledger[0].void = true;
    ledger.push(listed(&now[0], "21"));
    let order = order(Calls::Documents(now));
    assert_eq!(found(&order, &written, &ledger, None), Vec::<String>::new());
    ledger[0].void = false;
    assert_eq!(
        found(&order, &written, &ledger, None),
        ["duplicate sale -: 26.00 USD | 26.00 USD | a second invoice for the order beside \
          S-1001-v2, not posted by us | ask"]
    );
}

#[test]
fn a_second_sale_is_a_duplicate_and_money_of_its_own_is_unexpected() {
    let (order, written, mut ledger) = posted();
    let mut second = listed(&documents()[0], "31");
    second.number = "INV-7".into();
    let other = Listed { total: d("3"), number: "9".into(), ..listed(&documents()[1], "32") };
    let twice = Listed { settles: vec!["1".into()], ..listed(&documents()[1], "33") };
    ledger.extend([second, other, twice]);
    assert_eq!(
        found(&order, &written, &ledger, None),
        [
            "duplicate sale -: 26.00 USD | 26.00 USD | a second invoice for the order beside \
             S-1001, not posted by us | ask",
            "unexpected - -: nothing | 3.00 USD | entered in Xero by hand or by another \
             program: no payment is called for | ask",
            "duplicate payment:6700 -: 26.00 USD | 26.00 USD | a second payment for the order beside \
             6700, not posted by us | ask",
        ]
    );
}

#[test]
fn an_order_that_calls_for_nothing_makes_what_stands_stale_or_unexpected() {
    let (_, written, ledger) = posted();
    let nothing = order(Calls::Nothing("zero_total".into()));
    let found_of = |written: &[Written]| found(&nothing, written, &ledger[..1], None);
    assert_eq!(found_of(&written[..1]), [format!("stale sale status: void | counts | {SINCE} | update")]);
    assert_eq!(
        found_of(&[]),
        ["unexpected - -: nothing | 26.00 USD | entered in Xero by hand or by another \
          program: no invoice is called for | ask"]
    );
}

#[test]
fn another_integrations_documents_of_an_older_order_are_right() {
    let theirs = Listed { note: "5600".into(), ..listed(&documents()[0], "1") };
    let older = order(Calls::Nothing("before_start_date".into()));
    assert_eq!(found(&older, &[], std::slice::from_ref(&theirs), None), Vec::<String>::new());
    // Money of ours is applied to it.
    let mut written = written(&documents()[..2]);
    written[0].foreign = true;
    let order = order(Calls::Documents(documents()[1..2].to_vec()));
    let payment = listed(&documents()[1], "2");
    let mut ledger = vec![theirs, payment];
    assert_eq!(found(&order, &written, &ledger, None), Vec::<String>::new());
    ledger[0].void = true;
    assert_eq!(
        found(&order, &written, &ledger, None),
        ["wrong sale status: counts | void | the invoice of another integration, to which our payments belong, was \
          changed \
          in Xero by hand | ask"]
    );
}

#[test]
fn of_a_held_order_what_was_posted_is_compared_and_the_hold_is_the_cause() {
    let (_, written, mut ledger) = posted();
    let held = order(Calls::Held { reason: "tax_unmapped".into(), detail: "VAT 20 %".into() });
    assert_eq!(found(&held, &[], &[], None), ["missing - -: 26.00 USD | nothing | held: tax_unmapped | ask"]);
    ledger[1].total = d("25.00");
    ledger[0].open = None;
    assert_eq!(
        found(&held, &written, &ledger, None),
        [
            format!("wrong payment:6700 total: 26.00 USD | 25.00 USD | {HAND} | ask"),
            "stale - -: 26.00 USD | as it was posted last | held: tax_unmapped | ask".into()
        ]
    );
    ledger[1].total = d("26.00");
    assert_eq!(found(&order(Calls::Waiting), &written, &ledger, None), Vec::<String>::new());
}

#[test]
fn what_was_not_recorded_is_found_by_its_number_or_by_the_order_that_it_names() {
    let (order, written, mut ledger) = posted();
    assert_eq!(found(&order, &written[1..], &ledger, None), Vec::<String>::new());
    ledger[0].number = "INV-7".into();
    let says =
        "wrong sale number: S-1001 | INV-7 | not posted by us, though it carries the order's number or names it | ask";
    assert_eq!(found(&order, &written[1..], &ledger, None), [says]);
}

#[test]
fn an_applied_credit_is_known_from_the_record_and_shows_in_the_balance() {
    let mut now = documents();
    now.truncate(3);
    let apply = DocumentKey::apply(&DocumentKey::credit("8"), &DocumentKey::sale());
    now.push(expected(apply, DocumentKind::Application, "S-1001-R8", "10.00"));
    now[1].total = d("16.00");
    let posted = written(&now);
    let ledger = ledger(&posted);
    let order = order(Calls::Documents(now));
    assert_eq!(found(&order, &posted, &ledger, None), Vec::<String>::new());
    let mut open = ledger.clone();
    (open[0].open, open[2].open) = (Some(d("10")), Some(d("10")));
    assert_eq!(
        found(&order, &posted[..3], &open, None),
        ["missing apply:credit:8:sale -: 10.00 USD | nothing | never posted | post"]
    );
    assert_eq!(found(&order, &posted, &open, None).len(), 2, "taken off by hand: both balances say so");
}
