//! Money that went back: for each refund whose money moved, a credit of what it takes back, to the cent of that money
//! (facts/shopify §2.5).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::adjust::delta;
use super::credit_lines::lines_of;
use super::currency::{booked_amount, conversion_bound, share};
use super::lines::sum;
use super::owed::{Owed, as_sold};
use super::payments::{note_drift, presentment_amount, state_buyers_amounts};
use super::returns::{Returned, Returns};
use super::rounding::close;
use super::sale::Target;
use super::tax::as_lines;
use super::{Case, document, notice, number, split};
use crate::books::document::{
    Cash, Content, Document, DocumentKey, DocumentKind, Itemised, Line, LineRole, Settlement,
};
use crate::books::hold::Hold;
use crate::books::rules::RefundStyle;
use crate::shopify::Transaction;
use crate::shopify::money::{Id, Side};

/// The documents of all refunds whose money has moved: those that are booked first, then the oldest. One that is not
/// `ours` makes none. `sale` has its tax on its lines; `documents_of_it` are what it is booked as, where it is ours.
pub(super) fn refunds(
    case: &mut Case<'_>,
    sale: &Itemised,
    target: &Target,
    returns: &Returns<'_>,
    lowered: Vec<Line>,
    documents_of_it: &[Document],
    ours: impl Fn(&Id) -> bool,
) -> Result<Vec<Document>, Hold> {
    let mut paid: Vec<&Returned<'_>> = returns.paid.iter().collect();
    paid.sort_by_key(|one| case.input.booked.parts_of(&key_of(one)).is_empty());
    let mut owed = Owed::new(case, sale, target, returns, lowered)?;
    let booked = as_booked(case, sale, documents_of_it)?;
    let mut documents = Vec::new();
    let mut credited: Vec<Itemised> = Vec::new();
    let (mut cumulated, mut placed) = (Decimal::ZERO, Decimal::ZERO);
    for one in paid {
        let before = placed;
        cumulated += one.money;
        let upto = share(case, target.booked, cumulated, target.presentment);
        let amount = booked_whole(case, one).unwrap_or(upto - before);
        placed += amount;
        let is_ours = ours(&one.refund.id);
        if is_ours && frozen(case, one, amount, &mut documents)? {
            let parts = case.input.booked.parts_of(&key_of(one)).into_iter().filter_map(Document::itemised);
            owed.settled(case, one, &parts.clone().flat_map(|body| &body.lines).collect::<Vec<_>>())?;
            credited.extend(parts.cloned());
            continue;
        }
        let goods = owed.claim(case, one);
        if !is_ours || amount <= Decimal::ZERO {
            continue;
        }
        let whole = before.is_zero() && cumulated == target.presentment;
        let notes = case.writer.mark();
        let mut body = if whole { sale.clone() } else { lines_of(case, sale, one, &goods, amount, &mut owed)? };
        as_lines(case, &key_of(one), &mut body)?;
        if cumulated == target.presentment
            && let Some(rest) = rest(case, &booked, &credited, &body, amount)
        {
            case.writer.back_to(notes);
            let [before, after] = [&body, &rest].map(|body| format!("tax {}", case.currency.show(tax(case, body))));
            case.writer.note(&key_of(one), "transactions", "refund_of_the_rest", &before, &after);
            body = rest;
        }
        credited.push(body.clone());
        documents.extend(one_refund(case, sale, one, body, amount)?);
    }
    if case.notice.is_none() && !documents_of_it.is_empty() && cumulated < target.presentment {
        case.notice = notice::not_refunded_yet(case, sale.tax_mode, &mut owed, target.presentment - cumulated);
    }
    Ok(documents)
}

/// What is left of the sale once everything that was received has gone back, where the lines of the last refund would leave
/// some of it in the books, on an account or as tax: that refund takes back all that the ones before it left (design, rulings).
fn rest(
    case: &Case<'_>,
    whole: &Itemised,
    credited: &[Itemised],
    body: &Itemised,
    amount: Decimal,
) -> Option<Itemised> {
    let before: Vec<Itemised> = credited.iter().map(as_sold).collect();
    let before: Vec<(&Itemised, bool)> = before.iter().map(|one| (one, false)).collect();
    let mut rest = Itemised { lines: delta(whole, &before, case.currency), ..body.clone() };
    rest.tax_total = rest.tax_of_lines();
    // Refunds that are not ours took their part of the sale elsewhere.
    let is_all = (sum(case, rest.tax_mode, &rest.lines) - amount).abs() <= conversion_bound(case);
    let leaves = || tax(case, &rest) != tax(case, body) || !is_on_the_same_accounts(case, &rest, body);
    (is_all && leaves()).then_some(rest)
}

/// True if both come to the same on each account, but for what converting may leave.
fn is_on_the_same_accounts(case: &Case<'_>, one: &Itemised, other: &Itemised) -> bool {
    let mut accounts: BTreeMap<&str, Decimal> = BTreeMap::new();
    for (body, sign) in [(one, Decimal::ONE), (other, -Decimal::ONE)] {
        for line in body.lines.iter().filter(|line| line.role != LineRole::Rounding) {
            *accounts.entry(&line.account).or_default() += sign * line.amount(case.currency);
        }
    }
    accounts.values().all(|amount| amount.abs() <= conversion_bound(case))
}

/// The sale as its documents have it, adjustments among them; where they are not ours, as it ought to be.
fn as_booked(case: &mut Case<'_>, sale: &Itemised, documents: &[Document]) -> Result<Itemised, Hold> {
    let mut whole = sale.clone();
    if documents.is_empty() {
        let notes = case.writer.mark();
        as_lines(case, &DocumentKey::sale(), &mut whole)?;
        case.writer.back_to(notes);
        return Ok(whole);
    }
    whole.lines.clear();
    for one in documents {
        let lines = one.itemised().into_iter().flat_map(|body| body.lines.iter().cloned());
        match one.kind() {
            DocumentKind::CreditNote => whole.lines.extend(lines.map(|line| line.reversed(case.currency))),
            _ => whole.lines.extend(lines),
        }
    }
    Ok(whole)
}

/// The tax of a document, on its lines or as lines of its own.
fn tax(case: &Case<'_>, body: &Itemised) -> Decimal {
    let own = body.lines.iter().filter(|line| line.role == LineRole::Tax).map(|line| line.amount(case.currency));
    own.sum::<Decimal>() + body.tax_of_lines()
}

/// What a refund was booked as, where all of it is: what an edit, or another refund, changes later does not move it by the
/// cent that converting anew would.
fn booked_whole(case: &Case<'_>, one: &Returned<'_>) -> Option<Decimal> {
    if case.is_one_to_one() {
        return None;
    }
    let parts = case.input.booked.parts_of(&key_of(one));
    let buyers = parts.iter().map(|one| one.buyer_total).sum::<Option<Decimal>>()?;
    (!parts.is_empty() && buyers == one.money).then(|| parts.iter().map(|one| one.total).sum())
}

pub(super) fn key_of(one: &Returned<'_>) -> DocumentKey {
    DocumentKey::credit(one.refund.id.as_str())
}

/// What was booked of a refund stays as it is, if all of it stands in the books; payments that are missing yet are made. One
/// of which some parts are not booked is worked out again.
fn frozen(
    case: &mut Case<'_>,
    one: &Returned<'_>,
    amount: Decimal,
    documents: &mut Vec<Document>,
) -> Result<bool, Hold> {
    let parts: Vec<Document> = case.input.booked.parts_of(&key_of(one)).into_iter().cloned().collect();
    if !is_whole(case, one, amount) {
        return Ok(false);
    }
    let payments = one.transactions.iter().flat_map(|tx| standing_payments(case, tx)).collect::<Vec<_>>();
    let is_paid = case.input.rules.refund_style() == RefundStyle::Receipt || covers(case, one, amount, &payments);
    let payments = if is_paid {
        shares(case, one, amount)?;
        payments.into_iter().cloned().collect()
    } else {
        let moneys = moneys(case, one, amount)?;
        paid_out(case, &parts, moneys, day_of(one, case))
    };
    documents.extend(parts);
    documents.extend(payments);
    Ok(true)
}

fn standing_payments<'a>(case: &Case<'a>, tx: &Transaction) -> Vec<&'a Document> {
    case.input.booked.parts_of(&DocumentKey::refund(tx.id.as_str()))
}

/// True if all of a refund, `amount` as booked, stands in the books.
fn is_whole(case: &Case<'_>, one: &Returned<'_>, amount: Decimal) -> bool {
    let parts = case.input.booked.parts_of(&key_of(one));
    !parts.is_empty() && covers(case, one, amount, &parts)
}

/// The refunds that stand in the books as a whole, and what each is booked as.
pub(super) fn booked_refunds<'a, 'b>(
    case: &'b Case<'_>,
    returns: &'b Returns<'a>,
) -> impl Iterator<Item = (&'b Returned<'a>, Vec<&'b Itemised>)> {
    let whole = returns.paid.iter().filter(|one| is_whole(case, one, booked_amount(case, one.money)));
    let bodies = |one| case.input.booked.parts_of(&key_of(one)).into_iter().filter_map(Document::itemised).collect();
    whole.map(move |one| (one, bodies(one)))
}

/// A share that was converted may come to some cents more or less once the order is edited: what it is to the buyer does
/// not.
fn covers(case: &Case<'_>, one: &Returned<'_>, amount: Decimal, documents: &[&Document]) -> bool {
    let buyers = documents.iter().map(|one| one.buyer_total).sum::<Option<Decimal>>();
    match buyers.filter(|_| !case.is_one_to_one()) {
        Some(buyers) => buyers == one.money,
        None => documents.iter().map(|one| one.total).sum::<Decimal>() >= amount,
    }
}

fn one_refund(
    case: &mut Case<'_>,
    sale: &Itemised,
    one: &Returned<'_>,
    mut body: Itemised,
    amount: Decimal,
) -> Result<Vec<Document>, Hold> {
    let key = key_of(one);
    let date = day_of(one, case);
    body.number = number::credit(&sale.number, one.refund.id.as_str());
    body.due_date = date;
    let moneys = moneys(case, one, amount)?;
    let style = case.input.rules.refund_style();
    let (shares, content): (_, fn(Itemised) -> Content) = match style {
        // One receipt for each account that the money leaves.
        RefundStyle::Receipt => {
            (by_account(&moneys).into_iter().map(|(cash, part)| (Some(cash), part)).collect(), Content::RefundReceipt)
        }
        RefundStyle::CreditNoteAndPayment => (vec![(None, amount)], Content::CreditNote),
    };
    let notes = case.writer.mark();
    let mut documents = credits(case, &key, date, divide(case, body.clone(), shares.clone())?, Vec::new(), content)?;
    state_buyers_amounts(case, one.money, &[], &mut documents);
    let standing: Vec<Document> = case.input.booked.parts_of(&key).into_iter().cloned().collect();
    if !standing.iter().all(|old| documents.iter().any(|new| new.key == old.key && new.same_money(old))) {
        case.writer.back_to(notes);
        documents = beside(case, one, body, shares, standing, content)?;
    }
    if style == RefundStyle::CreditNoteAndPayment {
        let paid_out = paid_out(case, &documents, moneys, date);
        documents.extend(paid_out);
    }
    Ok(documents)
}

/// A refund of which a part stands in the books and would be another one by what is known now: that part stays, and the
/// others say what it does not.
fn beside(
    case: &mut Case<'_>,
    one: &Returned<'_>,
    body: Itemised,
    shares: Vec<(Option<Cash>, Decimal)>,
    standing: Vec<Document>,
    content: fn(Itemised) -> Content,
) -> Result<Vec<Document>, Hold> {
    let bodies: Vec<(&Itemised, bool)> = standing.iter().filter_map(|one| Some((one.itemised()?, false))).collect();
    let mut rest = Itemised { lines: delta(&body, &bodies, case.currency), ..body };
    rest.tax_total = rest.tax_of_lines();
    let account = |cash: &Option<Cash>| cash.as_ref().map(|cash| cash.account.clone());
    let less = |(cash, amount): (Option<Cash>, Decimal)| {
        let of_it =
            standing.iter().filter(|one| one.itemised().is_some_and(|body| account(&body.cash) == account(&cash)));
        let left = amount - of_it.map(|one| one.total).sum::<Decimal>();
        (left > Decimal::ZERO).then_some((cash, left))
    };
    let shares = shares.into_iter().filter_map(less).collect();
    let (date, count) = (day_of(one, case), standing.len());
    let mut documents = credits(case, &key_of(one), date, divide(case, rest, shares)?, standing, content)?;
    let (standing, fresh) = documents.split_at_mut(count);
    state_buyers_amounts(case, one.money, &standing.iter().collect::<Vec<_>>(), fresh);
    Ok(documents)
}

/// The day of a refund.
fn day_of(one: &Returned<'_>, case: &Case<'_>) -> NaiveDate {
    one.refund.at().map_or(case.date, |at| case.day(at))
}

/// Money that left: its transaction, account and booked amount.
struct Money<'a> {
    transaction: &'a Transaction,
    account: String,
    amount: Decimal,
    /// The same in the buyer's currency.
    buyers: Decimal,
}

/// The money that leaves an account, where any does.
fn moneys<'a>(case: &mut Case<'_>, one: &Returned<'a>, total: Decimal) -> Result<Vec<Money<'a>>, Hold> {
    let shares = shares(case, one, total)?.into_iter().filter(|(_, amount, _)| *amount > Decimal::ZERO);
    let money = |(transaction, amount, buyers): (&'a Transaction, Decimal, Decimal)| {
        Ok(Money { transaction, account: case.payment_account(&transaction.gateway)?, amount, buyers })
    };
    shares.map(money).collect()
}

/// Each transaction's share of the refund, as booked and in the buyer's currency; together exactly the refund. What really
/// moved at another rate is written down, also where it becomes known only after the refund was booked.
fn shares<'a>(
    case: &mut Case<'_>,
    one: &Returned<'a>,
    total: Decimal,
) -> Result<Vec<(&'a Transaction, Decimal, Decimal)>, Hold> {
    let (mut cumulated, mut booked) = (Decimal::ZERO, Decimal::ZERO);
    let mut all = Vec::new();
    for transaction in &one.transactions {
        let buyers = presentment_amount(case, transaction)?;
        cumulated += buyers;
        let upto = share(case, total, cumulated, one.money);
        let amount = upto - booked;
        booked = upto;
        let moved = transaction.amount_set.map(|set| set.on(Side::Shop));
        note_drift(case, &DocumentKey::refund(transaction.id.as_str()), moved, amount);
        all.push((*transaction, amount, buyers));
    }
    Ok(all)
}

fn by_account(moneys: &[Money<'_>]) -> Vec<(Cash, Decimal)> {
    let mut all: Vec<(Cash, Decimal)> = Vec::new();
    for money in moneys {
        match all.iter_mut().find(|(cash, _)| cash.account == money.account) {
            Some((_, amount)) => *amount += money.amount,
            None => {
                let reference = money.transaction.id.0.clone();
                all.push((Cash { account: money.account.clone(), reference }, money.amount));
            }
        }
    }
    all
}

type Share = (Itemised, Option<Cash>, Decimal);

/// Divides a credit among the accounts that its money leaves: line by line, the one at the border in two.
fn divide(case: &Case<'_>, body: Itemised, shares: Vec<(Option<Cash>, Decimal)>) -> Result<Vec<Share>, Hold> {
    let mut rest = body;
    let mut all = Vec::new();
    let count = shares.len();
    for (at, (cash, amount)) in shares.into_iter().enumerate() {
        if at + 1 == count {
            all.push((rest.clone(), cash, amount));
        } else {
            let (part, left) = split::at_amount(&rest, amount, case.currency, case.decimals);
            rest = left;
            all.push((part, cash, amount));
        }
    }
    Ok(all)
}

/// Credits as documents, after those that stand; one that is too long for a document is split, its parts carry on the
/// numbers.
fn credits(
    case: &mut Case<'_>,
    key: &DocumentKey,
    date: NaiveDate,
    shares: Vec<Share>,
    standing: Vec<Document>,
    content: fn(Itemised) -> Content,
) -> Result<Vec<Document>, Hold> {
    let mut documents = standing;
    let base = shares.first().map(|(body, ..)| body.number.clone()).unwrap_or_default();
    for (body, cash, amount) in shares {
        let parts = split::parts(case, body)?;
        let totals = split::totals(&parts, amount, case.currency);
        for (mut body, total) in parts.into_iter().zip(totals) {
            let part = u32::try_from(documents.len()).unwrap_or(0) + 1;
            let key = key.part(part);
            close(case, &key, &mut body, total)?;
            body.number = number::part(&base, part);
            body.number = number::replacement(&body.number, case.input.booked.generation(&key));
            body.cash.clone_from(&cash);
            documents.push(document(case, key, date, total, content(body)));
        }
    }
    Ok(documents)
}

/// One payment out per transaction, spread over the parts of the credit note.
fn paid_out(case: &Case<'_>, credits: &[Document], moneys: Vec<Money<'_>>, date: NaiveDate) -> Vec<Document> {
    let mut open: Vec<Decimal> = credits.iter().map(|one| one.total).collect();
    let mut documents = Vec::new();
    for money in moneys {
        let (mut left, mut part) = (money.amount, 0);
        let first = documents.len();
        for (credit, open) in credits.iter().zip(&mut open) {
            let amount = left.min(*open);
            if amount <= Decimal::ZERO {
                continue;
            }
            *open -= amount;
            left -= amount;
            part += 1;
            let settlement = Settlement {
                settles: credit.key.clone(),
                from: None,
                account: money.account.clone(),
                reference: money.transaction.id.0.clone(),
            };
            let key = DocumentKey::refund(money.transaction.id.as_str()).part(part);
            let date = money.transaction.at().map_or(date, |at| case.day(at));
            documents.push(document(case, key, date, amount, Content::RefundPayment(settlement)));
        }
        state_buyers_amounts(case, money.buyers, &[], &mut documents[first..]);
    }
    documents
}
