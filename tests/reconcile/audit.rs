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
