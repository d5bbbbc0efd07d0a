//! The questions of docs/queries.md, asked of a real D1 as they stand there.

use crate::harness::{SHOP, Stage, story};
use crate::{SOON, tell};

/// The SQL between the quotes of each line.
fn questions() -> Vec<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/queries.md")).unwrap();
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with("npx wrangler d1 execute"));
    let asked = lines.map(|line| {
        let sql = line.strip_prefix("npx wrangler d1 execute JOURNAL --remote --command \"").unwrap();
        sql.strip_suffix('"').unwrap().to_owned()
    });
    asked.collect()
}

#[test]
fn every_question_of_the_documentation_is_answered_by_a_real_journal() {
    let stage = Stage::start("queries").unwrap();
    tell(&stage, "simple", 1);
    tell(&stage, "emoji_and_long_titles", 20);
    tell(&stage, "zero_total", 40);
    // One that waits for a person, in Xero: its tax is not in the settings.
    for (number, (topic, body)) in (60..).zip(story("partial_refund")) {
        let text = String::from_utf8(body).unwrap().replace("\"rate\":0.2", "\"rate\":0.1");
        assert_eq!(stage.deliver(number, &topic, text.as_bytes()).unwrap().status, 200);
    }
    let forged =
        [("x-shopify-shop-domain", SHOP), ("x-shopify-hmac-sha256", "AAAA"), ("x-shopify-topic", "orders/create")];
    let forged = forged.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(stage.post_webhook(&forged, b"{}").unwrap().status, 401);
    stage.wait_until_quiet(SOON).unwrap();
    // Refusals are gathered for a moment.
    std::thread::sleep(std::time::Duration::from_secs(7));

    let questions = questions();
    assert_eq!(questions.len(), 15);
    let asked: Vec<&str> = questions.iter().map(String::as_str).collect();
    let answers = stage.d1_all(&asked).unwrap();
    // What has to be there after such a day; the others may well be empty.
    for at in [1, 2, 5, 6, 8, 9, 10, 15] {
        assert!(!answers[at - 1].is_empty(), "{at}: {}", questions[at - 1]);
    }
    assert_eq!(answers[1][0]["reason"], "tax_unmapped", "{:?}", answers[1]);
    assert!(answers[3].is_empty(), "nothing differs: {:?}", answers[3]);
    assert!(answers[5].iter().all(|row| row["proof"] == "exact"), "{:?}", answers[5]);
    assert_eq!(answers[14][0]["kind"], "bad_signature");
    // Lists to take along have each value under its name, in whatever order D1 gives them.
    let asked = "SELECT connection, order_id, document_key, number FROM documents WHERE kind = 'invoice' LIMIT 1";
    let row = &stage.d1_all(&[asked]).unwrap()[0][0];
    let cell = |name: &str| row[name].as_str().unwrap().to_owned();
    let path = format!("/orders/{}/{}/documents.csv", cell("connection"), cell("order_id"));
    let list = stage.get_as(&path, "text/csv").unwrap();
    assert_eq!(list.status, 200, "{}", list.body);
    let lines: Vec<Vec<&str>> = list.body.lines().map(|line| line.split(',').collect()).collect();
    let place = |name: &str| lines[0].iter().position(|one| *one == name).unwrap();
    let invoice = lines.iter().find(|line| line[place("document_key")] == cell("document_key")).unwrap();
    for name in ["connection", "order_id", "number"] {
        assert_eq!(invoice[place(name)], cell(name), "{}", list.body);
    }
}
