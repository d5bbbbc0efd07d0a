//! Every story of `fixtures/orders` and what each company gets of it, write by write, as reviewed snapshots in
//! `fixtures/expected`. After a change that is meant: `UPDATE_SNAPSHOTS=1 cargo test --test fixtures`, then read the
//! difference as an accountant would.

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use support::{Bench, Company, Story};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/expected").join(format!("{name}.json"))
}

/// What became of a story in all its companies. What is the same as in the first company says so instead of repeating it.
fn outcome(story: &Story) -> Value {
    let mut all = Vec::new();
    let mut first: Option<(&str, Value)> = None;
    for &company in &story.companies {
        let told = told(company, story);
        let mut shown = match &first {
            Some((label, model)) => difference(&told, model, label),
            None => told.clone(),
        };
        shown["company"] = company.label().into();
        all.push(shown);
        first.get_or_insert((company.label(), told));
    }
    json!({ "about": story.about, "companies": all })
}

fn told(company: Company, story: &Story) -> Value {
    let bench = Bench::with(company, story.settings(company));
    bench.tell(story);
    bench.run();
    let pending = bench.journal("SELECT topic FROM events WHERE outcome = 'pending'");
    assert!(pending.is_empty(), "{} in {company:?} leaves {pending:?} open", story.name);
    let order = &bench.rows("SELECT state, reason, detail FROM orders")[0];
    let text = |name: &str| order[name].as_str();
    let mut shown = json!({ "order": text("state") });
    if !text("reason").is_empty() {
        shown["order"] = format!("{}: {}", text("state"), text("reason")).into();
    }
    if !text("detail").is_empty() {
        shown["detail"] = text("detail").into();
    }
    shown["documents"] = rows(&bench.journal(
        "SELECT document_key, kind, number, currency, expected_total, ledger_total, proof, state FROM documents ORDER BY seq",
    ));
    shown["ledger"] = bench.world.borrow().documents(company.id()).iter().map(in_words).collect();
    shown["notes"] =
        rows(&bench.rows(
            "SELECT document_key, field, rule, before, after FROM adjustments ORDER BY document_key, field, rule",
        ));
    shown["writes"] = writes(&bench);
    shown
}

/// How a document stands in the ledger, as a person would see it there.
fn in_words(one: &sandbox::DocumentView) -> Value {
    let number = if one.number.is_empty() { &one.reference } else { &one.number };
    let open = if one.balance.is_zero() { String::new() } else { format!(", {:.2} open", one.balance) };
    let account = if one.account.is_empty() { String::new() } else { format!(", account {}", one.account) };
    let (date, currency) = (&one.date, &one.currency);
    format!(
        "{} {number} of {date}: {currency} {:.2}, tax {:.2}, {}{open}{account}",
        one.kind, one.total, one.tax, one.status
    )
    .into()
}

/// One row a document, its columns joined, so that a list reads like a list.
fn rows(rows: &[BTreeMap<String, String>]) -> Value {
    rows.iter()
        .map(|row| Value::Object(row.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect()))
        .collect()
}

/// The write log: what was sent of each document, whether alone or in a batch with others.
fn writes(bench: &Bench) -> Value {
    let log =
        bench.rows("SELECT document_key, operation, request, document, state, idempotency_key FROM writes ORDER BY id");
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let names = names(bench);
    let mut shown = Vec::new();
    for row in &log {
        let request = read(&row["request"]);
        let body = request["body"].as_str().map(read).unwrap_or_default();
        let path = request["path"].as_str().unwrap_or_default();
        // The key is the same for the same write, and another for every other: its value says nothing to a reader.
        let keyed =
            path.contains(&row["idempotency_key"]) || request["idempotency_key"] == row["idempotency_key"].as_str();
        let mut write = json!({
            "document": row["document_key"],
            "request": format!("{} {}", request["method"].as_str().unwrap_or_default(), place(path, &row["idempotency_key"])),
            "idempotent": keyed,
            "body": named(body, &names),
        });
        if row["operation"] != "create" {
            write["operation"] = row["operation"].as_str().into();
        }
        if row["state"] != "confirmed" {
            write["state"] = row["state"].as_str().into();
        }
        shown.push(write);
    }
    let parties = log.iter().map(|row| read(&row["document"])["party"].clone());
    if let (Some(party), Some(first)) = (parties.into_iter().next(), shown.first_mut()) {
        first["customer"] = party;
    }
    shown.into()
}

/// A path without the company in it and without the key's digits.
fn place(path: &str, key: &str) -> String {
    let path =
        path.split_once("/v3/company/").and_then(|(_, rest)| rest.split_once('/')).map_or(path, |(_, rest)| rest);
    path.replace(key, "<key>")
}

/// The ledger's ids, each with what it stands for.
fn names(bench: &Bench) -> BTreeMap<String, String> {
    let documents = bench.rows("SELECT document_key, posted FROM documents");
    let mut names: BTreeMap<String, String> = documents
        .iter()
        .map(|row| {
            let posted: Value = serde_json::from_str(&row["posted"]).unwrap();
            (posted["ledger_id"].as_str().unwrap_or_default().to_owned(), format!("<{}>", row["document_key"]))
        })
        .collect();
    let parties = bench.rows("SELECT ledger_id FROM parties WHERE ledger_id IS NOT NULL");
    names.extend(parties.iter().map(|row| (row["ledger_id"].clone(), "<customer>".to_owned())));
    names
}

/// A body whose ids of documents and customers read as what they stand for.
fn named(body: Value, names: &BTreeMap<String, String>) -> Value {
    fn walk(value: Value, key: &str, names: &BTreeMap<String, String>) -> Value {
        match value {
            Value::Object(fields) => fields
                .into_iter()
                .map(|(name, inner)| {
                    let key = if name == "value" { key.to_owned() } else { name.clone() };
                    let shown = walk(inner, &key, names);
                    (name, shown)
                })
                .collect(),
            Value::Array(list) => list.into_iter().map(|inner| walk(inner, key, names)).collect(),
            Value::String(text)
                if ["Id", "TxnId", "InvoiceID", "CreditNoteID", "ContactID", "CustomerRef"].contains(&key) =>
            {
                names.get(&text).cloned().unwrap_or(text).into()
            }
            other => other,
        }
    }
    walk(body, "", names)
}

/// `told` with everything that is as in `model` replaced by saying so: whole sections, else single elements of a list.
fn difference(told: &Value, model: &Value, label: &str) -> Value {
    let same = || Value::from(format!("as in {label}"));
    let mut shown = Map::new();
    for (section, value) in told.as_object().into_iter().flatten() {
        let reduced = match (value, &model[section]) {
            (value, other) if value == other && !matches!(section.as_str(), "order") => same(),
            (Value::Array(list), Value::Array(others)) => list
                .iter()
                .enumerate()
                .map(|(n, one)| if others.get(n) == Some(one) { same() } else { one.clone() })
                .collect(),
            (value, _) => value.clone(),
        };
        shown.insert(section.clone(), reduced);
    }
    Value::Object(shown)
}

/// The lines that differ, with what stands around them.
fn differing(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    // lengths[i][j]: the longest common part of old[i..] and new[j..].
    let mut lengths = vec![vec![0u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            lengths[i][j] =
                if old[i] == new[j] { lengths[i + 1][j + 1] + 1 } else { lengths[i + 1][j].max(lengths[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && lengths[i + 1][j] >= lengths[i][j + 1]) {
            lines.push(('-', old[i]));
            i += 1;
        } else {
            lines.push(('+', new[j]));
            j += 1;
        }
    }
    let near = |at: usize| lines[at.saturating_sub(3)..(at + 4).min(lines.len())].iter().any(|(mark, _)| *mark != ' ');
    let mut text = String::new();
    for (at, (mark, line)) in lines.iter().enumerate() {
        if near(at) {
            text.push_str(&format!("{mark} {line}\n"));
        } else if !text.ends_with("…\n") {
            text.push_str("  …\n");
        }
    }
    text
}

#[test]
fn every_story_is_written_to_every_ledger_as_reviewed() {
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    let mut wrong = Vec::new();
    for story in Story::all() {
        let actual = serde_json::to_string_pretty(&outcome(&story)).unwrap() + "\n";
        let expected = std::fs::read_to_string(path(&story.name)).unwrap_or_default();
        if actual == expected {
            continue;
        }
        if update {
            std::fs::create_dir_all(path("").parent().unwrap()).unwrap();
            std::fs::write(path(&story.name), actual).unwrap();
        } else {
            wrong.push(format!("fixtures/expected/{}.json\n{}", story.name, differing(&expected, &actual)));
        }
    }
    assert!(wrong.is_empty(), "{}\nIf this is meant: UPDATE_SNAPSHOTS=1 cargo test --test fixtures", wrong.join("\n"));
}

#[test]
fn no_snapshot_is_left_of_a_story_that_is_gone() {
    let folder = path("x").parent().unwrap().to_owned();
    let stories: Vec<String> = Story::all().into_iter().map(|story| story.name).collect();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(stories.contains(&name), "fixtures/expected/{name}.json has no story");
    }
}

#[test]
fn a_difference_is_shown_with_what_stands_around_it() {
    let old: String = (1..=20).map(|n| format!("{n}\n")).collect();
    let new = old.replace("10\n", "ten\n");
    assert_eq!(differing(&old, &new), "  …\n  7\n  8\n  9\n- 10\n+ ten\n  11\n  12\n  13\n  …\n");
    assert_eq!(differing("", "a\n"), "+ a\n");
}

/// Every document that a story leaves is proven, and whatever is held or ignored says by which rule.
#[test]
fn reviewed_snapshots_hold_only_exact_proofs_and_reasons_that_are_known() {
    let reasons: Vec<&str> = tillproof::books::hold::HoldReason::ALL.iter().map(|reason| reason.code()).collect();
    for story in Story::all() {
        let text = std::fs::read_to_string(path(&story.name)).unwrap();
        assert!(!text.contains("\"proof\": \"differs\""), "{}", story.name);
        let expected: Value = serde_json::from_str(&text).unwrap();
        for company in expected["companies"].as_array().unwrap() {
            let said = company["order"].as_str().unwrap();
            if let Some(reason) = said.strip_prefix("held: ") {
                assert!(reasons.contains(&reason), "{}: {said}", story.name);
            }
        }
    }
}
