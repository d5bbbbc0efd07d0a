//! The invoice is looked for, and what is found takes the money.

use chrono::Duration;
use rust_decimal::Decimal;
use sandbox::{Fault, FaultKind};
use serde_json::{Value, json};
use tillproof::platform::Clock;

use super::{detail, held, invoice, ours, paid_after, planted, refunded_after, told, untouched, with};
use crate::support::{Bench, Company, Story, one_in};

#[test]
fn money_goes_to_the_invoice_that_the_earlier_integration_made_under_any_of_its_numbers() {
    for company in Company::ALL {
        for number in ["1160", "#1160", "5600000001160"] {
            let story = paid_after();
            let bench = told(company, &story, &[invoice(number), invoice("1161"), invoice("11600")]);
            assert_eq!(bench.state(&story.order_id()).0, "synced", "{company:?} {number}: {}", detail(&bench));
            let sale = planted(&bench, company, number);
            let [payment] = &ours(&bench, company)[..] else { panic!("{:?}", bench.ledger(company)) };
            assert_eq!((payment.kind.as_str(), payment.date.as_str()), ("Payment", "2026-11-02"));
            assert_eq!(payment.reference, "6700000011600");
            assert_eq!((payment.party.as_str(), sale.balance), (sale.party.as_str(), Decimal::ZERO));
            assert_eq!(payment.links[0].1, sale.id);
            untouched(&bench);
            assert!(bench.rows("SELECT 1 FROM parties").is_empty(), "the invoice's own customer is taken");
        }
    }
}

#[test]
fn xero_is_asked_for_the_reference_too() {
    for reference in ["1160", "#1160", "5600000001160"] {
        let story = paid_after();
        let sale = with(invoice("INV-7"), "reference", reference);
        let bench = told(Company::XeroUk, &story, &[with(invoice("INV-8"), "reference", "11160"), sale]);
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{reference}: {}", detail(&bench));
        assert!(planted(&bench, Company::XeroUk, "INV-7").balance.is_zero());
        untouched(&bench);
    }
}

#[test]
fn without_an_invoice_the_money_is_held_and_goes_on_once_there_is_one() {
    for company in Company::ALL {
        let story = paid_after();
        let bench = told(company, &story, &[]);
        let text = held(&bench, &story);
        assert!(text.contains("payment:6700000011600 (65.88 USD)"), "{text}");
        assert!(text.contains("looked for its invoice as 1160, #1160, 5600000001160: the ledger has none"), "{text}");
        let remedy = &bench.journal("SELECT remedy FROM needs_attention")[0]["remedy"];
        assert!(remedy.contains("stand_alone") && remedy.contains("ignore"), "{remedy}");
        assert!(bench.ledger(company).is_empty());
        bench.set_up("plant_sale", &invoice("1160"));
        bench.release(&story.order_id());
        bench.run();
        assert_eq!(bench.state(&story.order_id()).0, "synced");
        assert!(planted(&bench, company, "1160").balance.is_zero());
    }
}

#[test]
fn several_that_fit_and_those_that_do_not_are_held_with_what_was_found() {
    let bill = with(invoice("1160"), "type", "ACCPAY");
    for (sales, says) in [
        (vec![invoice("1160"), invoice("#1160")], "several fit: invoice 1160 over 65.88 USD, invoice #1160 over"),
        (vec![with(invoice("1160"), "total", "65.87")], "found invoice 1160 over 65.87 USD; the order comes to 65.88"),
        (vec![with(invoice("1160"), "currency", "EUR")], "found invoice 1160 over 65.88 EUR; the order comes to 65.88"),
        (vec![with(invoice("1160"), "status", "DRAFT")], "found invoice 1160 over 65.88 USD, not approved; the order"),
        (vec![with(invoice("1160"), "status", "VOIDED")], "found invoice 1160 over 65.88 USD, voided; the order"),
        (vec![bill], "the ledger has none"),
    ] {
        for company in Company::ALL {
            let own = |sale: &Value| sale.get("status").is_some() || sale.get("type").is_some();
            if company != Company::XeroUk && sales.iter().any(own) {
                continue;
            }
            let story = paid_after();
            let bench = told(company, &story, &sales);
            let text = held(&bench, &story);
            assert!(text.contains(says), "{company:?}: {text}");
            assert!(ours(&bench, company).is_empty());
        }
    }
    let mut void = invoice("1160");
    void["void"] = json!(true);
    let story = paid_after();
    let text = held(&told(Company::QuickBooksUs, &story, &[void]), &story);
    assert!(text.contains("found invoice 1160 over 0.00 USD, voided"), "{text}");
}

#[test]
fn of_several_only_one_has_to_fit() {
    for company in Company::ALL {
        let story = paid_after();
        let bench = told(company, &story, &[with(invoice("1160"), "total", "12.00"), invoice("#1160")]);
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{}", detail(&bench));
        assert!(planted(&bench, company, "#1160").balance.is_zero());
    }
}

#[test]
fn more_than_what_is_open_is_held() {
    for company in Company::ALL {
        let story = paid_after();
        let bench = told(company, &story, &[with(invoice("1160"), "open", "40.00")]);
        let text = held(&bench, &story);
        assert!(text.contains("65.88 USD) moved, which is 25.88 USD more than what is open of invoice 1160"), "{text}");
        assert!(ours(&bench, company).is_empty());
        untouched(&bench);
    }
}

#[test]
fn what_was_paid_before_the_start_date_is_not_repeated() {
    for company in Company::ALL {
        let mut story = paid_after();
        let mut first = story.deliveries[2].clone();
        first.1["id"] = json!(6700000011601u64);
        first.1["amount"] = json!("25.88");
        first.1["processed_at"] = json!("2025-12-28T10:00:00-05:00");
        story.deliveries.remove(1);
        story.deliveries[1].1["amount"] = json!("40.00");
        story.deliveries.insert(1, first);
        let bench = told(company, &story, &[with(invoice("1160"), "open", "40.00")]);
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{}", detail(&bench));
        let [payment] = &ours(&bench, company)[..] else { panic!("{:?}", bench.ledger(company)) };
        assert_eq!(payment.total, Decimal::from(40));
        assert!(planted(&bench, company, "1160").balance.is_zero());
    }
}

#[test]
fn a_sales_receipt_is_paid_already() {
    let story = paid_after();
    let receipt = with(invoice("1160"), "kind", "SalesReceipt");
    let bench = told(Company::QuickBooksUs, &story, &[receipt]);
    assert_eq!(bench.state(&story.order_id()).0, "synced", "{}", detail(&bench));
    assert!(ours(&bench, Company::QuickBooksUs).is_empty());
    let note =
        &bench.journal("SELECT document_key, \"after\" FROM adjustments WHERE rule = 'paid_by_sales_receipt'")[0];
    assert_eq!(
        (note["document_key"].as_str(), note["after"].as_str()),
        ("payment:6700000011600", "sales receipt 1160")
    );
    untouched(&bench);
}

#[test]
fn a_refund_is_ours_on_the_customer_of_the_earlier_invoice() {
    for company in Company::ALL {
        let story = refunded_after();
        let sale = json!({"kind": "Invoice", "number": "1162", "currency": "USD", "total": "60.00", "open": "0"});
        let bench = told(company, &story, &[sale]);
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{}", detail(&bench));
        let party = planted(&bench, company, "1162").party;
        let ours = ours(&bench, company);
        assert!(ours.iter().all(|one| one.total == Decimal::from(30) && one.party == party), "{ours:?}");
        let kinds: Vec<&str> = ours.iter().map(|one| one.kind.as_str()).collect();
        let expected: &[&str] =
            if company == Company::XeroUk { &["CreditNote", "Payment"] } else { &["RefundReceipt"] };
        assert_eq!(kinds, expected, "nothing was paid: the invoice says that it was");
        untouched(&bench);
    }
}

#[test]
fn a_lost_reply_to_any_call_never_makes_a_second_document() {
    let mut is_drawn = one_in(5);
    for company in Company::ALL {
        let refund = json!({"kind": "Invoice", "number": "1162", "currency": "USD", "total": "60.00", "open": "0"});
        for (story, sale) in [(paid_after(), invoice("#1160")), (refunded_after(), refund)] {
            let sales = [sale];
            let expected = told(company, &story, &sales).ledger(company);
            for kind in [FaultKind::LostReply, FaultKind::Error500Committed, FaultKind::Garbage, FaultKind::Error500] {
                for skip in 0..9 {
                    if !is_drawn() {
                        continue;
                    }
                    let bench = Bench::new(company);
                    bench.set_up("plant_sale", &sales[0]);
                    bench.fail(Fault::next(kind).after(skip));
                    bench.tell(&story);
                    bench.run();
                    let context = format!("{} in {company:?}, {kind:?} at call {skip}", story.name);
                    assert_eq!(bench.state(&story.order_id()).0, "synced", "{context}: {}", detail(&bench));
                    assert_eq!(bench.ledger(company), expected, "{context}");
                    untouched(&bench);
                }
            }
        }
    }
}

#[test]
fn an_object_that_lost_its_memory_applies_nothing_twice() {
    for company in Company::ALL {
        let story = paid_after();
        // More is open than was paid: a second payment would fit.
        let mut partly = story.clone();
        for (topic, body) in &mut partly.deliveries {
            if topic == "order_transactions/create" {
                body["amount"] = json!("20.00");
            }
        }
        partly.deliveries.pop();
        let first = told(company, &partly, &[invoice("1160")]);
        assert_eq!(planted(&first, company, "1160").balance.to_string(), "45.88");
        let second = Bench::new(company);
        second.take_over_the_ledgers_of(&first);
        second.clock.advance(first.clock.now() - second.clock.now() + Duration::days(2));
        second.tell(&partly);
        second.run();
        assert_eq!(second.ledger(company), first.ledger(company), "{company:?}");
        assert_eq!(second.state(&story.order_id()).0, "synced");
    }
}

#[test]
fn the_invoice_that_was_changed_since_takes_no_more_money() {
    for company in Company::ALL {
        let mut story = paid_after();
        let mut second = story.deliveries[2].clone();
        story.deliveries[2].1["amount"] = json!("20.00");
        second.1["id"] = json!(6700000011602u64);
        second.1["amount"] = json!("45.88");
        let paid = story.deliveries.pop().unwrap();
        let bench = told(company, &story, &[invoice("1160")]);
        assert_eq!(bench.state(&story.order_id()).0, "synced");
        // The order was edited: it comes to more than the invoice now.
        let mut edited = paid.1.clone();
        for field in ["total_price", "current_total_price"] {
            edited[field] = json!("75.88");
            edited[format!("{field}_set")] = json!({"shop_money": {"amount": "75.88", "currency_code": "USD"},
                "presentment_money": {"amount": "75.88", "currency_code": "USD"}});
        }
        bench.deliver("orders/updated", &edited);
        bench.deliver("order_transactions/create", &second.1);
        bench.run();
        assert_eq!(bench.state(&story.order_id()), ("held".into(), "changed_after_posting".into()));
        assert!(detail(&bench).contains("found invoice 1160 over 65.88 USD; the order comes to 75.88 USD"));
        assert_eq!(ours(&bench, company).len(), 1);
        untouched(&bench);
    }
}

#[test]
fn whatever_comes_first_the_books_come_out_the_same() {
    for company in Company::ALL {
        let story = paid_after();
        let expected = told(company, &story, &[invoice("1160")]).ledger(company);
        for order in [[3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
            let bench = Bench::new(company);
            bench.set_up("plant_sale", &invoice("1160"));
            for index in order {
                let (topic, body) = &story.deliveries[index];
                bench.deliver(topic, body);
                bench.run();
            }
            let lines = |lines: Vec<String>| -> Vec<String> {
                lines.into_iter().map(|line| line.replace("5600000001160", "6700000011600")).collect()
            };
            assert_eq!(lines(bench.ledger(company)), lines(expected.clone()), "{company:?} {order:?}");
            assert_eq!(bench.state(&story.order_id()).0, "synced");
        }
    }
}

/// The order of 85.78 USD that was paid with 30.00 EUR and 47.98 EUR in November, sold in the December before.
fn in_another_currency() -> Story {
    let mut story = Story::read("multi_currency_paid_in_two_parts");
    for (topic, body) in &mut story.deliveries {
        if topic.starts_with("orders/") {
            body["created_at"] = json!("2025-12-20T10:00:00-05:00");
            body["processed_at"] = json!("2025-12-20T10:00:00-05:00");
        }
    }
    story
}

#[test]
fn money_is_booked_on_the_side_that_the_invoice_is_on() {
    let sale = |currency: &str, total: &str, open: &str| {
        let mut sale = invoice("1066");
        (sale["currency"], sale["total"], sale["open"]) = (json!(currency), json!(total), json!(open));
        sale
    };
    for company in Company::ALL {
        for (currency, total, parts) in [("USD", "85.78", ["33.00", "52.78"]), ("EUR", "77.98", ["30.00", "47.98"])] {
            let story = in_another_currency();
            let bench = told(company, &story, &[sale(currency, total, total)]);
            assert_eq!(bench.state(&story.order_id()).0, "synced", "{company:?}: {}", detail(&bench));
            let payments = ours(&bench, company);
            let shown: Vec<String> = payments.iter().map(|one| format!("{:.2}", one.total)).collect();
            assert_eq!(shown, parts, "{company:?} {currency}");
            assert!(payments.iter().all(|one| one.currency == currency));
            assert!(planted(&bench, company, "1066").balance.is_zero());
            untouched(&bench);
        }
        // The first part was paid before the start date: the rest closes what the other integration left open.
        let mut story = in_another_currency();
        story.deliveries[1].1["processed_at"] = json!("2025-12-29T10:00:00-05:00");
        let bench = told(company, &story, &[sale("USD", "85.78", "52.78")]);
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{company:?}: {}", detail(&bench));
        assert!(planted(&bench, company, "1066").balance.is_zero());
        assert_eq!(ours(&bench, company).len(), 1);
    }
}

#[test]
fn a_sale_that_stands_for_another_order_is_not_taken() {
    for company in Company::ALL {
        // The prefix makes another order's number of it: `S-1160` is order #1160's, and the name of an older one.
        let mut own = Story::read("net_terms");
        own.deliveries.truncate(1);
        let total = own.deliveries[0].1["total_price"].clone();
        let name = own.deliveries[0].1["name"].as_str().unwrap().trim_start_matches('#').to_owned();
        let mut older = own.deliveries[0].1.clone();
        older["id"] = json!(5600000001177u64);
        older["name"] = json!(format!("S-{name}"));
        older["created_at"] = json!("2025-12-20T10:00:00-05:00");
        older["processed_at"] = json!("2025-12-20T10:00:00-05:00");
        let mut payment = paid_after().deliveries[2].1.clone();
        payment["order_id"] = json!(5600000001177u64);
        payment["amount"] = total;
        let bench = told(company, &own, &[]);
        bench.deliver("orders/create", &older);
        bench.deliver("order_transactions/create", &payment);
        bench.run();
        assert_eq!(bench.state("5600000001177"), ("held".into(), "before_start_date".into()), "{company:?}");
        let text = &bench.rows("SELECT detail FROM orders WHERE order_id = '5600000001177'")[0]["detail"];
        assert!(text.contains(&format!("found invoice S-{name}")) && text.contains("another order's"), "{text}");
    }
}
