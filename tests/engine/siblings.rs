//! One transaction that pays several documents is several payments of one reference: none is ever taken for another.

use chrono::Duration;
use sandbox::{Fault, FaultKind};
use serde_json::json;

use crate::support::{Bench, Company, Story};

/// Paid in part, then goods are added that come to what is still open, then one transaction pays both: two payments of
/// the same amount, order and reference. Told of order `number`.
fn order(number: u64) -> Story {
    let mut story = Story::read("added_after_payment");
    for (topic, body) in &mut story.deliveries {
        let text = body.to_string().replace("5600000001107", &format!("{}", 5_600_000_000_000 + number));
        let text = text.replace("67000000110", &format!("67{number}10")).replace("#1107", &format!("#{number}"));
        *body = serde_json::from_str(&text).unwrap();
        match (topic.as_str(), body["amount"].as_str(), body["total_price"].as_str()) {
            (_, Some("60.00"), _) => body["amount"] = json!("42.00"),
            (_, Some("18.00"), _) => body["amount"] = json!("36.00"),
            ("orders/create", ..) => {
                (body["financial_status"], body["total_outstanding"]) = (json!("partially_paid"), json!("18.00"));
            }
            ("orders/updated", ..) => body["total_outstanding"] = json!("36.00"),
            _ => {}
        }
    }
    story
}

/// Two such orders, side by side, up to where each is paid.
fn told_up_to_the_last_payment(company: Company) -> Bench {
    let bench = Bench::new(company);
    let stories = [order(2001), order(2002)];
    for index in 0..stories[0].deliveries.len() {
        stories.iter().map(|story| &story.deliveries[index]).for_each(|(topic, body)| bench.deliver(topic, body));
        if stories[0].rests.contains(&index) {
            bench.run();
        }
        if index == stories[0].rests[1] {
            break;
        }
    }
    bench
}

fn pay(bench: &Bench) {
    for story in [order(2001), order(2002)] {
        story.deliveries[4..].iter().for_each(|(topic, body)| bench.deliver(topic, body));
    }
    bench.run();
}

#[test]
fn of_a_transaction_that_pays_two_documents_each_payment_is_found_by_what_it_pays() {
    for company in Company::ALL {
        let expected = {
            let bench = told_up_to_the_last_payment(company);
            pay(&bench);
            bench.ledger(company)
        };
        assert_eq!(expected.iter().filter(|line| line.contains("Payment")).count(), 6, "{company:?}: {expected:#?}");
        let invoices = expected.iter().filter(|line| line.contains("Invoice"));
        assert!(
            invoices.clone().count() == 4 && invoices.clone().all(|line| line.contains("PAID")),
            "{company:?}: {expected:#?}"
        );
        for (kind, away) in [(FaultKind::RefusedConnection, 9), (FaultKind::SilentNoop, 0), (FaultKind::LeftOut, 0)] {
            for skip in 0..3 {
                let bench = told_up_to_the_last_payment(company);
                bench.clock.advance(Duration::minutes(1));
                bench.fail(Fault::next(kind).after(skip));
                if away > 0 {
                    bench.fail(Fault::next(FaultKind::Down).after(skip).repeated(away));
                }
                pay(&bench);
                let context = format!("{company:?}, {kind:?} at call {skip}, then away for {away}");
                assert_eq!(bench.ledger(company), expected, "{context}: {:#?}", bench.rows("SELECT * FROM writes"));
                let twice =
                    "SELECT 1 FROM documents GROUP BY kind, json_extract(posted, '$.ledger_id') HAVING COUNT(*) > 1";
                assert!(bench.rows(twice).is_empty(), "{context}");
            }
        }
    }
}

/// The first request may be on its way still when the second is answered without a word about it.
#[test]
fn what_an_answer_leaves_out_when_it_is_asked_again_is_looked_for_once_nothing_can_be_on_its_way() {
    // Xero's answers leave nothing out in silence.
    for company in [Company::QuickBooksUs, Company::QuickBooksUk] {
        let bench = told_up_to_the_last_payment(company);
        bench.clock.advance(Duration::minutes(1));
        bench.fail(Fault::next(FaultKind::RefusedConnection).on("POST", "/batch"));
        bench.fail(Fault::next(FaultKind::SilentNoop).on("POST", "/batch"));
        pay(&bench);
        let attempts = bench.journal(
            "SELECT operation, outcome, at FROM attempts WHERE document_key LIKE 'payment%' ORDER BY at, operation",
        );
        let at = |row: &std::collections::BTreeMap<String, String>| {
            row["at"].parse::<chrono::DateTime<chrono::Utc>>().unwrap()
        };
        let sent =
            attempts.iter().filter(|row| row["operation"] == "create" && row["outcome"] == "unknown").map(at).max();
        let look = attempts.iter().filter(|row| row["operation"] == "look_up").map(at).min();
        let (Some(sent), Some(look)) = (sent, look) else { panic!("{company:?}: {attempts:#?}") };
        assert!(look - sent >= Duration::seconds(60), "{company:?}: sent {sent}, looked for {look}: {attempts:#?}");
    }
}
