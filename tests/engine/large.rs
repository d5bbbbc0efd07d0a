//! Orders that are too large for one document: they are split into documents that add up to them exactly.

use serde_json::{Value, json};

use crate::support::{Bench, Company, Story, one_in};

/// The simple order (65.76) with so many more of its first line (25.00 and 5.00 tax).
fn large(more: usize) -> Story {
    let mut story = Story::read("simple");
    let total = format!("{}.76", 65 + 30 * more);
    let set = json!({"shop_money": {"amount": total, "currency_code": "USD"},
        "presentment_money": {"amount": total, "currency_code": "USD"}});
    for (topic, body) in &mut story.deliveries {
        if topic == "orders/create" {
            let lines = body["line_items"].as_array_mut().unwrap();
            let first = lines[0].clone();
            lines.extend((0..more).map(|n| {
                let mut line = first.clone();
                line["id"] = json!(57_000_000_000_000u64 + n as u64);
                line
            }));
            for field in ["total_price", "current_total_price"] {
                body[field] = json!(total);
                body[format!("{field}_set")] = set.clone();
            }
        } else {
            body["amount"] = json!(total);
        }
    }
    story
}

fn documents(bench: &Bench) -> Vec<(String, String, String)> {
    let rows = bench.journal("SELECT * FROM documents ORDER BY document_key");
    assert!(rows.iter().all(|row| row["proof"] == "exact"), "{rows:?}");
    let field = |row: &std::collections::BTreeMap<String, String>, name: &str| row[name].clone();
    rows.iter().map(|row| (field(row, "document_key"), field(row, "number"), field(row, "ledger_total"))).collect()
}

#[test]
fn more_lines_than_quickbooks_takes_become_two_invoices_and_the_payment_is_spread_over_them() {
    for company in [Company::QuickBooksUk, Company::QuickBooksUs] {
        let story = large(797);
        let bench = Bench::new(company);
        bench.tell(&story);
        bench.run();
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{:?}", bench.rows("SELECT detail FROM orders"));
        let found = documents(&bench);
        let shape: Vec<_> = found.iter().map(|(_, number, total)| (number.as_str(), total.as_str())).collect();
        // 749 rows and 51: one is kept for rounding.
        assert_eq!(found.len(), 4, "{shape:?}");
        let sales: Vec<_> = shape.iter().filter(|(number, _)| number.starts_with("S-")).collect();
        assert_eq!(sales, [&("S-1001", "22469.88"), &("S-1001-2", "1505.88")]);
    }
}

#[test]
fn a_document_may_be_kept_shorter_by_the_settings_and_every_story_still_adds_up() {
    for company in Company::ALL {
        let mut parts = 0;
        let mut settings = company.settings();
        settings.as_object_mut().unwrap().insert("most_lines".into(), Value::from(3));
        // A part that is written anew keeps its number; which part that is differs from the whole. And no two rows above
        // zero outweigh what a cancelled order was never paid.
        let others = |story: &Story| !["edited_while_unpaid", "cancelled_partly_paid"].contains(&story.name.as_str());
        let told = |story: &Story| story.ledger.is_empty() || story.companies.contains(&company);
        let mut is_drawn = one_in(10);
        for story in Story::all().into_iter().filter(others).filter(told).filter(|_| is_drawn()) {
            let (whole, split) = (Bench::new(company), Bench::with(company, settings.clone()));
            [&whole, &split].into_iter().for_each(|bench| {
                bench.tell(&story);
                bench.run();
            });
            assert_eq!(whole.state(&story.order_id()), split.state(&story.order_id()), "{} {company:?}", story.name);
            assert_eq!(kinds(&whole), kinds(&split), "{} {company:?}", story.name);
            parts += documents(&split).len() - documents(&whole).len();
        }
        assert!(parts > 5, "{company:?} made only {parts} further documents");
    }
}

/// What the documents of each kind come to. What an edit swapped may be one document of nothing in all, or an invoice and a
/// credit that settles it: only what they come to together counts.
fn kinds(bench: &Bench) -> Vec<String> {
    documents(bench);
    let statement = "WITH counted AS (
            SELECT kind, state, ledger_total FROM documents
            WHERE document_key NOT LIKE 'adjustment:%' AND document_key NOT LIKE 'apply:adjustment:%'
            UNION ALL
            SELECT 'invoice', state, iif(kind = 'credit_note', -ledger_total, ledger_total) FROM documents
            WHERE document_key LIKE 'adjustment:%'
        )
        SELECT kind, state, CAST(round(SUM(ledger_total * 100)) AS INTEGER) AS cents FROM counted
        GROUP BY kind, state ORDER BY kind, state";
    bench.journal(statement).iter().map(|row| format!("{row:?}")).collect()
}

#[test]
fn a_refund_through_two_gateways_is_returned_from_both_accounts() {
    let mut story = Story::read("gift_card_and_card");
    let order = story.deliveries[0].1["id"].clone();
    let back = |id: u64, gateway: &str, amount: &str| {
        json!({"id": id, "order_id": order, "kind": "refund", "status": "success", "gateway": gateway, "amount": amount,
            "currency": "USD", "created_at": "2026-11-05T09:00:00-05:00", "processed_at": "2026-11-05T09:00:00-05:00"})
    };
    let refund = json!({"id": 9200000001015u64, "order_id": order, "created_at": "2026-11-05T09:00:00-05:00",
        "processed_at": "2026-11-05T09:00:00-05:00", "refund_line_items": [], "order_adjustments": [],
        "transactions": [back(6700000001115, "gift_card", "25.00"), back(6700000001116, "shopify_payments", "126.88")]});
    story.deliveries.push(("refunds/create".into(), refund));
    for company in Company::ALL {
        let bench = Bench::new(company);
        bench.tell(&story);
        bench.run();
        assert_eq!(bench.state(&story.order_id()).0, "synced", "{:?}", bench.rows("SELECT detail FROM orders"));
        let returned: Vec<String> = documents(&bench)
            .into_iter()
            .filter(|(key, ..)| {
                key.starts_with("refund:") || (key.starts_with("credit:") && company != Company::XeroUk)
            })
            .map(|(_, _, total)| total)
            .collect();
        assert_eq!(returned, ["25.00", "126.88"], "{company:?}");
    }
}
