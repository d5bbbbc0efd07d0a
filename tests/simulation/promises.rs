//! The promises of the design, checked when everything has become quiet.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use sandbox::DocumentView;
use sha2::{Digest, Sha256};

use crate::allowed::Allowed;
use crate::edited;
use crate::machine::rows;
use crate::money::decimal;
use crate::object::webhook_id;
use crate::oracle::{self, Books, Side};
use crate::order::{Order, Refund};
use crate::run::Run;
use crate::support::Company;

type Broken = Result<(), String>;

/// All of them.
pub fn hold(run: &Run<'_>, company: Company, side: Side) -> Broken {
    nothing_acknowledged_is_lost(run)?;
    let documents = run.object.network.world.borrow().documents(company.id());
    for order in &run.life.orders {
        match side {
            Side::Shop => one_set_of_documents_to_the_cent(run, company, order, &documents)?,
            Side::Buyer => {
                one_set_of_documents_to_the_cent(run, company, &order.in_the_buyers_currency(), &documents)?;
            }
        }
    }
    nobody_elses(run, &documents)?;
    one_party_per_customer(run, &documents)?;
    proofs_are_exact(run)?;
    nothing_is_silent(run)?;
    the_journal_is_complete(run)
}

/// 1: every delivery that was answered 200 is known, in the object and in D1, byte for byte.
fn nothing_acknowledged_is_lost(run: &Run<'_>) -> Broken {
    let known: BTreeSet<(String, String)> = rows(&run.object.journal.database.database, "SELECT * FROM events")
        .into_iter()
        .map(|row| (row["webhook_id"].clone(), row["sha256"].clone()))
        .collect();
    for webhook in run.acknowledged.borrow().iter() {
        let sha: String =
            Sha256::digest(&run.life.webhooks[*webhook].body).iter().map(|byte| format!("{byte:02x}")).collect();
        if !known.contains(&(webhook_id(*webhook), sha)) {
            return Err(format!("1: webhook {webhook} was acknowledged and is lost"));
        }
    }
    Ok(())
}

fn is_void(one: &DocumentView) -> bool {
    matches!(one.status.as_str(), "VOIDED" | "DELETED")
}

/// What an order's documents are called: numbers by the sale's, payments by transaction or order.
fn belongs(order: &Order, one: &DocumentView) -> bool {
    let number = format!("S-{}", order.number);
    if one.number.is_empty() {
        let id = order.id.to_string();
        let applies = one.reference.starts_with(&format!("{number}-A"));
        return applies
            || one.reference == id
            || order.transactions.iter().any(|own| own.id.to_string() == one.reference);
    }
    let is_refunds_part = |refund: &Refund| one.number.starts_with(&format!("R{}-", refund.id));
    one.number == number || one.number.starts_with(&format!("{number}-")) || order.refunds.iter().any(is_refunds_part)
}

/// A payment of several that is told only after a refund became pending looks, until then, like goods that were never
/// paid: they are credited, and invoiced again once it is told. The two, of one amount, cancel each other out.
fn without_detours<'a>(number: &str, live: Vec<&'a DocumentView>) -> Vec<&'a DocumentView> {
    let adjustment = |one: &DocumentView| one.number.strip_prefix(&format!("{number}-A"))?.parse::<u32>().ok();
    let credits = live.iter().filter(|one| one.kind.starts_with("Credit"));
    let detour = credits.filter_map(|credit| {
        let next = adjustment(credit)? + 1;
        live.iter().any(|one| adjustment(one) == Some(next) && one.total == credit.total).then_some(next)
    });
    let detours: Vec<u32> = detour.flat_map(|next| [next - 1, next]).collect();
    let is_part = |one: &DocumentView| {
        let applied = one.reference.strip_prefix(&format!("{number}-A")).and_then(|text| text.parse().ok());
        adjustment(one).or(applied).is_some_and(|number: u32| detours.contains(&number))
    };
    live.into_iter().filter(|one| !is_part(one)).collect()
}

/// A sale whose goods all seemed to have left before they were paid for is voided, and written anew under a further number
/// once its payment is told. It counts under the number that it had.
fn revived<'a>(void: Vec<&'a DocumentView>, live: &[&DocumentView]) -> (Vec<&'a DocumentView>, Vec<DocumentView>) {
    let mut live: Vec<DocumentView> = live.iter().map(|one| (*one).clone()).collect();
    let mut left = Vec::new();
    for one in &void {
        let again = format!("{}-v2", one.number);
        if void.iter().any(|other| !one.number.is_empty() && other.number == again) {
            continue;
        }
        match live.iter_mut().find(|other| !one.number.is_empty() && other.number == again) {
            Some(other) => other.number.clone_from(&one.number),
            None => left.push(*one),
        }
    }
    (left, live)
}

/// Goods that had left already when a payment was inferred, or whose payment was told only after a refund of them, are
/// invoiced once its transaction is told: the sale then is an invoice and its adjustment, which together are what is
/// expected of it.
fn in_one(order: &Order, books: &Books, live: &[&DocumentView]) -> Option<Vec<DocumentView>> {
    let number = format!("S-{}", order.number);
    if order.refunds.is_empty() && !live.iter().any(|one| one.reference == order.id.to_string()) {
        return None;
    }
    let is_sale = |one: &&&DocumentView| one.kind == "Invoice" && one.number.starts_with(&number);
    let parts: Vec<&DocumentView> = live.iter().filter(|one| is_sale(one)).copied().collect();
    let total = parts.iter().map(|one| one.total).sum();
    let balance = parts.iter().map(|one| one.balance).sum();
    let is_expected = total == decimal(books.documents.get(&number)?.total);
    let first = parts.iter().find(|one| one.number == number).filter(|_| parts.len() > 1 && is_expected)?;
    let whole = DocumentView { total, balance, ..(*first).clone() };
    Some(live.iter().filter(|one| !is_sale(one)).map(|one| (*one).clone()).chain([whole]).collect())
}

/// What was received for a sale that came to stand in several documents is as many payments of one transaction: together
/// they are what is expected of it.
fn payments_in_one(live: Vec<DocumentView>) -> Vec<DocumentView> {
    let mut all: Vec<DocumentView> = Vec::new();
    for one in live {
        let same = |other: &&mut DocumentView| {
            one.kind == "Payment" && (&other.kind, &other.reference) == (&one.kind, &one.reference)
        };
        match all.iter_mut().find(same) {
            Some(payment) if payment.account == one.account => payment.total += one.total,
            _ => all.push(one),
        }
    }
    all
}

/// What converting one currency into another may miss.
pub fn odd_cent(order: &Order) -> Decimal {
    Decimal::new(i64::from(order.currencies.shop != order.currencies.buyer), 2)
}

/// The same of a payment that was inferred: what is outstanding is told in the shop's currency, in whatever it is booked.
pub fn inferred_cent(run: &Run<'_>, order: &Order) -> Decimal {
    run.life.orders.iter().find(|one| one.id == order.id).map_or(Decimal::ZERO, odd_cent)
}

/// 2, 3 and 5: exactly the documents that the order's end calls for, each with its exact total, balance and account.
fn one_set_of_documents_to_the_cent(
    run: &Run<'_>,
    company: Company,
    order: &Order,
    documents: &[DocumentView],
) -> Broken {
    let books = oracle::books(order, company);
    let (void, live): (Vec<_>, Vec<_>) =
        documents.iter().filter(|one| belongs(order, one)).partition(|one| is_void(one));
    let voided = void.len();
    let (void, revived) = revived(void, &live);
    if order.is_edited && !books.may_be_voided {
        let live = payments_in_one(revived);
        let said = edited::comes_to_what_is_left(run, company, order, &void, &live);
        let seen: Vec<&DocumentView> = live.iter().collect();
        return said.map_err(|text| format!("2: #{}: {text}\n{}", order.number, describe(run, order, &books, &seen)));
    }
    let live = revived.iter().collect();
    let direct = without_detours(&format!("S-{}", order.number), live);
    let whole = in_one(order, &books, &direct);
    let in_parts = whole.is_some() || direct.len() < revived.len();
    let whole = whole.unwrap_or_else(|| direct.into_iter().cloned().collect());
    let whole = if in_parts { payments_in_one(whole) } else { whole };
    if in_parts || void.len() < voided {
        Allowed::count(&run.allowed.rearranged);
    }
    let live: Vec<&DocumentView> = whole.iter().collect();
    let wrong = |text: String| Err(format!("2: #{}: {text}\n{}", order.number, describe(run, order, &books, &live)));
    if void.len() > usize::from(books.may_be_voided) {
        return wrong("a document was voided that ought to stand, or was written twice".into());
    }
    let mut seen = BTreeSet::new();
    for one in &live {
        let name = if one.number.is_empty() { &one.reference } else { &one.number };
        // What the order told of in several steps is inferred in as many parts.
        let is_inferred = *name == order.id.to_string();
        if !seen.insert((one.kind.clone(), name.clone())) && !is_inferred {
            return wrong(format!("{} {name} stands twice", one.kind));
        }
    }
    let (state, reason) = state(run, order);
    if state == "held" {
        return wrong(format!("held as {reason}"));
    }
    only_expected(run, order, &books, &live).or_else(&wrong)?;
    let booked = |of: &dyn Fn(&&&DocumentView) -> bool| live.iter().filter(of).map(|one| one.total).sum::<Decimal>();
    let received = booked(&|one| one.kind == "Payment" && !pays_out(order, one));
    let returned = booked(&|one| matches!(one.kind.as_str(), "CreditNote" | "RefundReceipt"));
    let inferred = live.iter().any(|one| one.reference == order.id.to_string());
    let odd = if inferred { inferred_cent(run, order) } else { Decimal::ZERO };
    if (received - decimal(books.received)).abs() > odd || returned != decimal(books.returned) {
        let expected = (books.received, books.returned);
        return wrong(format!("received {received} and returned {returned} are booked, expected cents: {expected:?}"));
    }
    let missing = books.documents.iter().find(|(name, expected)| {
        let covered =
            inferred && expected.kind == "Payment" && order.receipts().any(|one| one.id.to_string() == **name);
        !covered && !seen.contains(&(expected.kind.to_owned(), (*name).clone()))
    });
    match missing {
        Some((name, expected)) => wrong(format!("{} {name} is missing", expected.kind)),
        None => Ok(()),
    }
}

pub fn pays_out(order: &Order, one: &DocumentView) -> bool {
    order.transactions.iter().any(|own| own.refund.is_some() && own.id.to_string() == one.reference)
}

/// Nothing but what is expected, as it is expected. Where transactions were not told, their payments may stand as one
/// that was inferred from the order, under its id. Where currencies were converted, which of several payments or refunds
/// takes the odd cent depends on which was heard of first; together they are exact.
fn only_expected(run: &Run<'_>, order: &Order, books: &Books, live: &[&DocumentView]) -> Result<(), String> {
    let inferred = live.iter().any(|one| one.number.is_empty() && !books.documents.contains_key(&one.reference));
    let odd = odd_cent(order);
    for one in live {
        let name = if one.number.is_empty() { &one.reference } else { &one.number };
        let Some(expected) = books.documents.get(name) else {
            if one.kind == "Payment" && books.received > 0 {
                continue;
            }
            return Err(format!("{} {name} ought not to stand", one.kind));
        };
        let beside = one.total - decimal(expected.total);
        if !beside.is_zero() && beside.abs() <= odd {
            Allowed::count(&run.allowed.odd_cents);
        }
        let is_exact = one.kind == expected.kind
            && ((one.total - decimal(expected.total)).abs() <= if one.kind == "Invoice" { Decimal::ZERO } else { odd }
                || (inferred && one.kind == "Payment"))
            && (one.kind == "Payment"
                || one.balance == decimal(expected.balance)
                || (inferred && (one.balance - decimal(expected.balance)).abs() <= inferred_cent(run, order))
                || is_receipt(one))
            && (expected.account.is_empty() || one.account == expected.account);
        if !is_exact {
            let text = format!("{} {name} is {} (open {}, {})", one.kind, one.total, one.balance, one.account);
            return Err(format!("{text}, expected {expected:?}"));
        }
    }
    Ok(())
}

fn is_receipt(one: &DocumentView) -> bool {
    one.kind == "RefundReceipt"
}

pub fn state(run: &Run<'_>, order: &Order) -> (String, String) {
    let statement = format!("SELECT state, reason FROM orders WHERE order_id = '{}'", order.id);
    let row = rows(&run.object.disk.sqlite, &statement).into_iter().next().unwrap_or_default();
    let text = |name: &str| row.get(name).cloned().unwrap_or_default();
    (text("state"), text("reason"))
}

fn describe(run: &Run<'_>, order: &Order, books: &Books, live: &[&DocumentView]) -> String {
    let held = "SELECT detail, (SELECT request FROM writes w WHERE w.order_id = o.order_id AND w.state = 'refused'
            ORDER BY id DESC LIMIT 1) AS refused FROM orders o WHERE order_id =";
    let held = rows(&run.object.disk.sqlite, &format!("{held} '{}'", order.id));
    let writes = "SELECT recorded_at, document_key, operation, state FROM writes WHERE order_id =";
    let writes = rows(&run.object.disk.sqlite, &format!("{writes} '{}' ORDER BY id", order.id));
    let writes =
        writes.iter().map(|row| format!("  {:?}", row.values().collect::<Vec<_>>())).collect::<Vec<_>>().join("\n");
    let lines = live.iter().map(|one| {
        format!(
            "  {} {}{} {} open {} {} {}",
            one.kind, one.number, one.reference, one.total, one.balance, one.status, one.account
        )
    });
    format!(
        "  the books:\n{}\n  expected: {:#?}\n  {held:?}\n  what was written:\n{writes}\n  the order: total {}, received {}, returned {}, {:?}",
        lines.collect::<Vec<_>>().join("\n"),
        books.documents,
        order.total(),
        order.received(),
        order.returned(),
        order.currencies,
    )
}

/// 2: nothing stands in the company that is no order's.
fn nobody_elses(run: &Run<'_>, documents: &[DocumentView]) -> Broken {
    match documents.iter().find(|one| !run.life.orders.iter().any(|order| belongs(order, one))) {
        Some(stray) => Err(format!("2: a document that belongs to no order: {stray:?}")),
        None => Ok(()),
    }
}

/// 2: a customer is one customer in the ledger, however often creating it went wrong.
fn one_party_per_customer(run: &Run<'_>, documents: &[DocumentView]) -> Broken {
    let mut parties: BTreeMap<(u64, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut customers: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for order in &run.life.orders {
        let customer = order.customer.as_ref().map_or(0, |one| one.id);
        let own = documents.iter().filter(|one| belongs(order, one) && one.kind == "Invoice");
        for one in own {
            parties.entry((customer, &one.currency)).or_default().insert(&one.party);
            customers.entry(&one.party).or_default().insert(customer);
        }
    }
    if let Some((party, several)) = customers.iter().find(|(_, all)| all.len() > 1) {
        return Err(format!("2: the ledger's customer {party} is several in the shop: {several:?}"));
    }
    match parties.iter().find(|(_, ledger)| ledger.len() > 1) {
        Some((customer, several)) => Err(format!("2: customer {customer:?} is several in the ledger: {several:?}")),
        None => Ok(()),
    }
}

/// 3: what the object recorded of each document is what it expected.
fn proofs_are_exact(run: &Run<'_>) -> Broken {
    let wrong = "SELECT * FROM documents WHERE proof <> 'exact' OR expected_total <> ledger_total";
    match rows(&run.object.disk.sqlite, wrong).first() {
        Some(row) => Err(format!("3: a proof that is not exact: {row:?}")),
        None => Ok(()),
    }
}

/// 4: every event has an ending, and every order a state that says so.
fn nothing_is_silent(run: &Run<'_>) -> Broken {
    let open = rows(&run.object.disk.sqlite, "SELECT seq, order_id, topic FROM events WHERE outcome = 'pending'");
    if let Some(row) = open.first() {
        return Err(format!("4: an event without an outcome: {row:?}"));
    }
    let open = "SELECT * FROM orders WHERE state NOT IN ('synced', 'ignored', 'held')";
    match rows(&run.object.disk.sqlite, open).first() {
        Some(row) => Err(format!("4: an order without an ending: {row:?}")),
        None => Ok(()),
    }
}

const NEWEST_NOTES: &str = "FROM adjustments AS a WHERE NOT (before = '' AND after = '') AND NOT EXISTS (
    SELECT 1 FROM adjustments AS b WHERE b.connection = a.connection AND b.order_id = a.order_id
        AND b.document_key = a.document_key AND b.field = a.field AND b.rule = a.rule AND b.seq > a.seq)";

/// 4: D1 holds exactly what the object holds.
fn the_journal_is_complete(run: &Run<'_>) -> Broken {
    for (table, columns) in [
        (
            "events",
            "webhook_id, sha256, connection, topic, order_id, received_at, finished_at, deliveries, outcome, reason",
        ),
        ("orders", "connection, order_id, name, state, reason, currency, first_seen_at, synced_at, attempts"),
        (
            "documents",
            "connection, order_id, document_key, kind, currency, expected_total, ledger_total, proof, state, posted_at",
        ),
        ("adjustments", "connection, order_id, document_key, field, rule, at"),
    ] {
        let statement = format!("SELECT {columns} FROM {table} ORDER BY {columns}");
        let own = rows(&run.object.disk.sqlite, &statement);
        // Nothing is struck out there: of notes the newest holds, and one that says nothing takes back.
        let told = match table {
            "adjustments" => statement.replace("FROM adjustments", NEWEST_NOTES),
            _ => statement,
        };
        let told = rows(&run.object.journal.database.database, &told);
        if own != told {
            let missing = own.iter().find(|row| !told.contains(row));
            let surplus = told.iter().find(|row| !own.contains(row));
            return Err(format!("4: D1 differs in {table}:\n  only here {missing:?}\n  only in D1 {surplus:?}"));
        }
    }
    Ok(())
}
