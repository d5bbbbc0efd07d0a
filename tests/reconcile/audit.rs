//! Books that another integration filled: what is wrong with them is found, and nothing is changed.

use serde_json::{Value, json};

use crate::bookkeeper::enter_sale;
use crate::support::reconcile::in_short;
use crate::support::{Bench, Company, Story, connected, happened};

fn total_of(story: &Story) -> (String, String, String) {
    let body = &story.deliveries[0].1;
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    (text("name"), text("currency"), text("total_price"))
}

/// The shop's orders, of which nothing was delivered; the company holds what the other integration made of them.
fn taken_over(company: Company, stories: &[Story], sales: &[Value]) -> Bench {
    let bench = connected(company, company.settings());
    stories.iter().for_each(|story| happened(&bench, story));
    sales.iter().for_each(|sale| enter_sale(&bench, sale));
    bench
}

#[test]
fn an_audit_names_what_the_other_integration_lost_doubled_or_got_wrong_and_changes_nothing() {
    for company in Company::ALL {
        let names = ["simple", "net_terms", "order_discount_uneven", "free_shipping"];
        let stories = names.map(Story::read);
        let sale = |story: &Story, number: &str, total: Option<&str>| {
            let (_, currency, whole) = total_of(story);
            json!({"kind": "Invoice", "number": number, "currency": currency, "total": total.unwrap_or(&whole),
                   "date": "2026-11-02"})
        };
        let number = |story: &Story| total_of(story).0.trim_start_matches('#').to_owned();
        let sales = [
            sale(&stories[0], &number(&stories[0]), None),
            sale(&stories[0], &format!("#{}", number(&stories[0])), None),
            sale(&stories[1], &number(&stories[1]), Some("1.00")),
            sale(&stories[3], &number(&stories[3]), None),
        ];
        let bench = taken_over(company, &stories, &sales);
        let before = bench.ledger(company);
        let view = bench.compare(&json!({"audit": true}));
        let found = in_short(&view);
        let has = |what: &str| found.iter().any(|line| line.contains(what));
        let name = |story: &Story| total_of(story).0;
        assert!(has(&format!("{} duplicate sale", name(&stories[0]))), "{company:?}: {found:#?}");
        assert!(has(&format!("{} wrong sale total", name(&stories[1]))), "{company:?}: {found:#?}");
        assert!(has(&format!("{} missing sale", name(&stories[2]))), "{company:?}: {found:#?}");
        assert!(!has(&format!("{} missing", name(&stories[3]))), "{company:?}: {found:#?}");
        assert_eq!(bench.ledger(company), before, "{company:?}: nothing was changed");
        // What is missing may be posted, if somebody approves it.
        assert!(view.may_be_approved && bench.rows("SELECT 1 FROM orders").is_empty(), "{company:?}");
    }
}

/// An order of the shop that was made long ago and changed on the second of November.
fn made(name: &str, day: &str) -> Story {
    let mut story = Story::read(name);
    for (_, body) in story.deliveries.iter_mut().filter(|(topic, _)| topic.starts_with("orders/")) {
        for key in ["created_at", "processed_at"] {
            if body[key].is_string() {
                body[key] = json!(format!("{day}T10:15:30-05:00"));
            }
        }
    }
    story
}

#[test]
fn an_order_that_was_sold_and_invoiced_before_the_window_and_changed_in_it_is_not_missing() {
    for company in Company::ALL {
        let story = made("simple", "2026-10-28");
        let (name, currency, total) = total_of(&story);
        let sale = json!({"kind": "Invoice", "number": name.trim_start_matches('#'), "currency": currency, "total": total,
                          "open": "0", "date": "2026-10-28"});
        let bench = taken_over(company, &[story], &[sale]);
        let view = bench.compare(&json!({"audit": true, "from": "2026-11-01"}));
        assert_eq!((in_short(&view), view.orders), (Vec::<String>::new(), 1), "{company:?}");
        assert!(!view.may_be_approved, "{company:?}");
    }
}

#[test]
fn what_was_sold_before_the_first_listed_document_is_never_posted_by_an_audit() {
    for company in Company::ALL {
        for name in ["simple", "partial_refund"] {
            // Beside one that the other integration has: of books that have nothing nobody knows what they hold.
            let (story, other) = (made(name, "2026-06-03"), made("free_line", "2026-06-03"));
            let (number, currency, total) = total_of(&other);
            let sale = json!({"kind": "Invoice", "number": number.trim_start_matches('#'), "currency": currency,
                              "total": total, "open": "0", "date": "2026-06-03"});
            let bench = taken_over(company, &[story, other], &[sale]);
            // Until the refund was made.
            bench.clock.advance(chrono::Duration::days(10));
            let view = bench.compare(&json!({"audit": true, "from": "2026-11-01"}));
            assert!(!view.findings.is_empty() && !view.may_be_approved, "{company:?}, {name}: {:?}", in_short(&view));
            for one in &view.findings {
                assert_eq!(one.finding.repair.as_str(), "ask", "{company:?}, {name}: {one:?}");
                assert!(one.finding.cause.contains("sold before"), "{company:?}, {name}: {one:?}");
                assert!(one.remedy.as_ref().unwrap().contains("earlier day"), "{company:?}, {name}: {one:?}");
            }
            // Where the window begins before the sale, it is known that nothing is there.
            let view = bench.compare(&json!({"audit": true, "from": "2026-06-01"}));
            assert!(view.may_be_approved, "{company:?}, {name}: {:?}", in_short(&view));
        }
    }
}

#[test]
fn a_company_that_was_never_read_is_read_before_its_books_are_audited() {
    for company in Company::ALL {
        let bench = connected(company, company.settings());
        let whole = bench.compare(&json!({"audit": true, "from": "2026-10-01"}));
        let bench = connected(company, company.settings());
        bench.forget("checked:main");
        bench.forget("company_facts");
        let view = bench.compare(&json!({"audit": true, "from": "2026-10-01"}));
        // Its days are the company's own from the first one on.
        assert_eq!((view.from, view.first_day.as_str()), (whole.from, "2026-10-01"), "{company:?}");
    }
}
