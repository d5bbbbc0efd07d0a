//! Documents that are written from the code: a table in `docs/` can never say anything else than the program does.

use std::fmt::Write;
use std::path::Path;

use tillproof::books::text::{Field, FieldRow, LengthUnit};
use tillproof::books::{HoldReason, LedgerName};
use tillproof::config::{Lines, Settings, TaxEntry};
use tillproof::ledgers::faults::{Fault, Table};
use tillproof::ledgers::{quickbooks, xero};
use tillproof::normalize::RULES;
use tillproof::shopify::admin::{API_VERSION, NEEDED};

/// Compares `docs/<name>` with what the code says; with `UPDATE_DOCS=1` in the environment it is written anew.
fn generated(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let standing = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        standing == text,
        "docs/{name} does not say what the code does: write it anew with `UPDATE_DOCS=1 cargo test --test docs`, and \
         read the difference before you commit it"
    );
}

/// A table with a heading.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut out = line(&head.iter().map(|cell| cell.to_string()).collect::<Vec<_>>());
    out += &line(&vec!["---".to_owned(); head.len()]);
    rows.iter().for_each(|row| out += &line(row));
    out
}

const LIMITS: &str = "# What fits where

A shop's texts are made to fit the ledger's fields before anything is sent. Nothing is altered that the field would take
as it is, and every change is written down in `adjustments`, with the text before and after it.

* Letters and their marks are composed (NFC). Control characters and invisible direction marks are taken out.
* No text begins or ends with a space or has two in a row; a text of one line has no tabs or line ends.
* Emoji become their names (`emoji = \"name\"`), go (`\"strip\"`) or stay where the field takes them (`\"keep\"`)
  and go elsewhere.
* Characters that a field refuses are replaced: `:` by `-`, `\"` by `'`, others by a space. Characters above U+FFFF are
  replaced by their plain twin, or by `?`; where only ASCII is taken, those that are none by their plain twin, or they go.
* A text that is too long is cut between characters as people see them, and ends in `…`. Only a line's description
  goes on, in further lines without an amount: up to 25 fields' length, where it is cut as well.
* A name that has nothing left falls back to the SKU and the id, a customer's to the e-mail address and the id.
* Lengths are counted in UTF-16 units: neither vendor says what it counts, and these are never fewer than characters.
";

fn limits_of(ledger: LedgerName, row: fn(Field) -> FieldRow, most_lines: usize) -> String {
    let describe = |field: Field| {
        let FieldRow { at, rule, limit, source } = row(field);
        let LengthUnit::Utf16 = rule.unit;
        let refused: Vec<String> = rule.forbidden.iter().map(|one| format!("`{one}`")).collect();
        let takes = match (rule.ascii, rule.astral) {
            (true, _) => "printable ASCII",
            (false, false) => "up to U+FFFF",
            (false, true) => "everything",
        };
        let limit = limit.map_or("not stated".to_owned(), |limit| limit.to_string());
        let lines = if rule.multiline { "several" } else { "one" };
        let cells = [field.title(), &format!("`{}`", at.replace(", ", "`, `")), &rule.max.to_string(), &limit, lines];
        let more = [takes, &refused.join(" "), source];
        cells.iter().chain(&more).map(|cell| cell.to_string()).collect()
    };
    let rows: Vec<Vec<String>> = Field::ALL.into_iter().map(describe).collect();
    let head = ["text", "field", "longest", "the ledger's limit", "lines", "characters", "refused", "source"];
    let documents = format!(
        "A document has at most {most_lines} lines, fewer if `most_lines` says so: a longer order becomes several that add \
         up exactly to it, and its payments are spread over them."
    );
    format!("\n## {}\n\n{documents}\n\n{}", ledger.title(), table(&head, &rows))
}

#[test]
fn the_limits_are_those_of_the_code() {
    let mut text = LIMITS.to_owned();
    text += &limits_of(LedgerName::QuickBooks, quickbooks::text::row, quickbooks::text::MOST_LINES);
    text += &limits_of(LedgerName::Xero, xero::text::row, xero::text::MOST_LINES);
    generated("limits.md", &text);
}

#[test]
fn nothing_longer_than_a_ledgers_own_limit_is_sent() {
    for row in [quickbooks::text::row, xero::text::row] {
        for row in Field::ALL.map(row) {
            assert!(row.limit.is_none_or(|limit| row.rule.max <= limit), "{}", row.at);
        }
        // "Shopify order <20 digits> (<name>)"
        assert!(row(Field::Reference).rule.max >= 38 + row(Field::OrderName).rule.max);
    }
}

#[test]
fn the_holds_are_those_of_the_code() {
    let mut text = String::from(
        "# Why an order waits\n\nAn order that cannot be booked safely is held: nothing more of it is posted until what holds \
         it is over; for most reasons, until a person has looked. The reason and the remedy stand in `GET /api/orders/<connection>/<order>` and in the view `needs_attention`; all other \
         orders go on.\n\n",
    );
    let rows = |waits: bool| -> Vec<Vec<String>> {
        let reasons = HoldReason::ALL.iter().filter(|reason| reason.waits() == waits);
        reasons.map(|one| vec![format!("`{}`", one.code()), one.meaning().into(), one.remedy().into()]).collect()
    };
    let head = ["reason", "what happened", "what to do"];
    write!(text, "{}", table(&head, &rows(true))).unwrap();
    text += "\n## What you are told although nothing waits\n\nNothing more is to be posted of these orders (state \
             `synced` or `ignored`), and a person should know something of them. They stand in `needs_attention` until it is \
             over, or until you release the order: then the same is not told again.\n\n";
    write!(text, "{}", table(&head, &rows(false))).unwrap();
    generated("holds.md", &text);
}

const ADJUSTMENTS: &str = "# What is written down

Whatever is changed or derived between an order and its documents is a row of the table `adjustments`: the document
(`document_key`), the field as Shopify calls it or the line that it became (`line:<id>`, `shipping:<id>`), the rule, and
what it was and became (`before` is empty where nothing was there). A row is written once per document, field and rule,
and again when the document is written with other values: the newest holds, and one with nothing before and nothing after
takes it back. Once money has made a sale final, what an edit changes stands with the `adjustment:<n>` that the edit makes,
as the whole order has it then. Names and addresses read `[personal data]`.

Such an adjustment is an invoice for what an edit adds or makes dearer, a credit for what it takes off before it was paid for;
what is too long for one document is several. What an edit takes off or makes cheaper after it was paid is no adjustment: the
refund that gives the money back credits it, with its tax. Until then sale and tax stand as they were paid, and the order is in
`needs_attention` as `not_refunded_yet`, with the amount. What is booked stays as it is: a refund that was booked before anyone
said which goods it paid for, or at which rate of tax, may turn out to be of another tax. Once the order is settled, the tax of
its documents is held against the one that Shopify says is left, and a difference is in `needs_attention` as `tax_differs`.

";

#[test]
fn the_rules_of_adjustments_are_those_of_the_code() {
    let rows: Vec<Vec<String>> = RULES.iter().map(|(rule, what)| vec![format!("`{rule}`"), (*what).into()]).collect();
    generated("adjustments.md", &(ADJUSTMENTS.to_owned() + &table(&["rule", "what was done"], &rows)));
}

#[test]
fn every_rule_is_documented_once() {
    let mut names: Vec<&str> = RULES.iter().map(|(rule, _)| *rule).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), RULES.len());
    for (rule, what) in RULES {
        assert!(what.ends_with('.') && !what.contains('\n') && !what.contains('|'), "{rule}: {what}");
    }
}

#[test]
fn every_reason_has_a_code_of_its_own_and_says_what_happened_and_what_to_do() {
    let mut codes: Vec<&str> = HoldReason::ALL.iter().map(|reason| reason.code()).collect();
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), HoldReason::ALL.len());
    for reason in HoldReason::ALL {
        let json = serde_json::to_string(&reason).unwrap();
        assert_eq!(json, format!("\"{}\"", reason.code()), "the stored name is the code");
        for sentence in [reason.meaning(), reason.remedy()] {
            assert!(sentence.ends_with('.') && !sentence.contains('\n') && !sentence.contains('|'), "{sentence}");
        }
    }
}

#[test]
fn the_example_of_the_apps_configuration_names_every_topic_and_the_version() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shopify.app.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let compliance = ["customers/data_request", "customers/redact", "shop/redact"];
    let topics = NEEDED.iter().map(|(_, name)| *name).chain(compliance);
    for wanted in topics.chain([API_VERSION]) {
        assert_eq!(text.matches(&format!("\"{wanted}\"")).count(), 1, "{wanted}");
    }
    for wanted in ["\"disputes/create\"", "\"disputes/update\"", "read_shopify_payments_disputes"] {
        assert!(text.contains(wanted), "{wanted}");
    }
    assert_eq!(text.matches("/webhooks/shopify").count(), 3);
}

const ERRORS: &str = "# What the ledgers' errors mean

Every answer of a ledger is looked up here, from the top; the first row that fits counts. A success counts only if what was
asked for is in it. The `code` stands in the table `attempts` and in the detail of a hold. What a hold asks for stands in
[holds.md](holds.md).

A ledger's own words may name people: they stay inside the object and are shown by `GET /api/orders/<connection>/<order>` only. The log, the
alerts and this program's own messages carry the sentence under \"meaning\".
";

fn errors_of(table: &Table, more: &[&Fault]) -> String {
    let row = |fault: &&Fault| {
        let codes = if fault.codes.is_empty() { vec![fault.name] } else { fault.codes.to_vec() };
        let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
        let statuses: Vec<String> = fault.statuses.iter().map(ToString::to_string).collect();
        let (meaning, deed) = (fault.message.to_owned(), fault.class.deed());
        vec![codes.join(", "), statuses.join(", "), fault.says.to_owned(), meaning, deed, fault.class.shown()]
    };
    let all: Vec<&Fault> = table.faults.iter().chain(table.answers).chain(more.iter().copied()).collect();
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let says = format!("{} says", table.ledger);
    let head = ["code", "HTTP", &says, "meaning", "what is done", "what you see"];
    format!("\n## {}\n\n{}", table.ledger, self::table(&head, &rows))
}

#[test]
fn the_errors_are_those_of_the_code() {
    let mut text = ERRORS.to_owned();
    text += &errors_of(&quickbooks::faults::TABLE, &[]);
    let warnings: Vec<&Fault> = xero::faults::REMARKS.faults.iter().collect();
    text += &errors_of(&xero::faults::TABLE, &warnings);
    generated("errors.md", &text);
}

#[test]
fn every_row_says_what_it_means_without_a_table_s_own_signs() {
    for table in [quickbooks::faults::TABLE, xero::faults::TABLE, xero::faults::REMARKS] {
        for row in table.faults.iter().chain(table.answers) {
            assert!(!row.codes.is_empty() || !row.name.is_empty(), "{}", row.message);
            for text in [row.message, row.says] {
                assert!(!text.contains('|') && !text.contains('\n'), "{text}");
            }
            assert!(
                row.words.iter().all(|word| *word == word.to_lowercase()),
                "{:?} is matched in lower case",
                row.words
            );
        }
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The keys that a table of the settings knows, as its own error lists them.
fn keys<T: serde::de::DeserializeOwned>() -> Vec<String> {
    let error = serde_json::from_str::<T>(r#"{"?": 0}"#).err().expect("no table knows that key").to_string();
    let listed = error.split_once("expected one of").expect("the keys are listed").1;
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_setting_is_documented() {
    let text = read("docs/settings.md");
    let all = [keys::<Settings>(), keys::<TaxEntry>(), keys::<Lines>()].concat();
    assert!(all.len() > 40, "{all:?}");
    for key in all {
        assert!(text.contains(&format!("`{key}`")), "docs/settings.md says nothing of `{key}`");
    }
}

#[test]
fn every_kind_of_alert_and_every_variable_of_the_deployment_is_documented() {
    let alerts = read("docs/alerts.md");
    for kind in tillproof::monitor::ALERT_KINDS {
        assert!(alerts.contains(&format!("`{kind}`")), "docs/alerts.md says nothing of `{kind}`");
    }
    let (settings, file) = (read("docs/settings.md"), read("wrangler.toml"));
    for name in ["ALERT_URL", "HEARTBEAT_URL", "JOURNAL_DAYS", "PUBLIC_URL"] {
        assert!(settings.contains(&format!("`{name}`")) && file.contains(name), "{name}");
    }
}

#[test]
fn the_examples_in_wrangler_toml_are_settings_that_can_be_used() {
    let text = read("wrangler.toml");
    let examples = text.split_once("# A shop whose books are in Xero.").expect("the examples").1;
    let code =
        |line: &&str| line.starts_with('[') || line.starts_with("[[") || line.split_once('=').is_some_and(is_key);
    let lines = examples.lines().filter_map(|line| line.strip_prefix("# "));
    let uncommented: Vec<&str> = lines.filter(code).collect();
    let table: toml::Table = toml::from_str(&uncommented.join("\n")).unwrap();
    let variables = serde_json::to_value(&table["vars"]).unwrap();
    let connections = tillproof::config::connections(&serde_json::from_value(variables).unwrap());
    assert_eq!(connections.len(), 3);
    for one in connections {
        assert!(one.settings.is_ok(), "{}: {:?}", one.id, one.settings);
    }
}

/// True for `key = value`, not for a sentence with an equals sign in it.
fn is_key((key, _): (&str, &str)) -> bool {
    !key.trim().is_empty() && key.trim().chars().all(|one| one.is_ascii_lowercase() || one == '_')
}
