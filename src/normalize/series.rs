//! The documents of a sale: the sale itself (in parts, where it is too long for one document), and what adjusted it after
//! money had made it final.

use rust_decimal::Decimal;

use super::adjustment::{Adjustment, adjustment};
use super::currency::buyers_amount;
use super::payments::Receipts;
use super::returns::Returns;
use super::rounding::close;
use super::sale::Target;
use super::split;
use super::{Case, document, number};
use crate::books::document::{Cash, Content, Document, DocumentKey, DocumentKind, Itemised, Line, Settlement};
use crate::books::hold::Hold;
use crate::books::rules::RefundStyle;
use crate::config::SaleDocument;

/// The documents of a sale, and how much of each is still open.
pub(super) struct Series {
    /// Invoices and sales receipts, oldest first.
    pub sales: Vec<Document>,
    /// What is open of each: its total less credits and payments.
    pub open: Vec<Decimal>,
    /// Credits that adjusted it, and their applications.
    pub credits: Vec<Document>,
    /// What was taken off the price after it was paid, as lines of the credit that pays it back: it waits for a refund.
    pub owed_back: Vec<Line>,
}

impl Series {
    /// Takes up to `amount` of what is open, document by document; `f` is told document and part.
    pub fn fill(&mut self, mut amount: Decimal, mut f: impl FnMut(&Document, Decimal)) -> Decimal {
        for (sale, open) in self.sales.iter().zip(&mut self.open) {
            let part = amount.min(*open);
            if part > Decimal::ZERO {
                f(sale, part);
                *open -= part;
                amount -= part;
            }
        }
        amount
    }

    /// Counts a settlement that stands already.
    pub fn count(&mut self, settlement: &Document) {
        let settles = settlement.settlement().map(|money| &money.settles);
        if let Some(at) = self.sales.iter().position(|sale| Some(&sale.key) == settles) {
            self.open[at] -= settlement.total;
        }
    }
}

/// The sale as documents. Nothing booked, or nothing final yet: the whole sale as it is now. Final: what was booked, and a
/// further document for the difference.
pub(super) fn series(
    case: &mut Case<'_>,
    wanted: Itemised,
    target: &Target,
    receipts: &Receipts,
    returns: &Returns<'_>,
) -> Result<Series, Hold> {
    let booked = case.input.booked;
    if !booked.is_final() {
        let sales = fresh(case, wanted, target, receipts)?;
        let open = open_amounts(&sales);
        return Ok(Series { sales, open, credits: Vec::new(), owed_back: Vec::new() });
    }
    let frozen: Vec<Document> = booked.sales().into_iter().cloned().collect();
    let (mut credits, mut sales): (Vec<Document>, Vec<Document>) =
        frozen.iter().cloned().partition(|one| one.kind() == DocumentKind::CreditNote);
    let Adjustment { documents, owed_back } = adjustment(case, &wanted, target, &frozen, returns)?;
    let (taken_off, added) = documents.into_iter().partition::<Vec<_>, _>(|one| one.kind() == DocumentKind::CreditNote);
    credits.extend(taken_off);
    sales.extend(added);
    let open = open_amounts(&sales);
    let mut series = Series { sales, open, credits, owed_back };
    let paid = booked.standing().filter(|one| one.kind() == DocumentKind::Payment);
    paid.for_each(|one| series.count(one));
    apply_credits(case, &mut series);
    Ok(series)
}

fn open_amounts(sales: &[Document]) -> Vec<Decimal> {
    let open = |one: &Document| if one.kind() == DocumentKind::SalesReceipt { Decimal::ZERO } else { one.total };
    sales.iter().map(open).collect()
}

/// The sale as if nothing were booked. A part whose earlier document was voided gets a number of its own.
fn fresh(case: &mut Case<'_>, wanted: Itemised, target: &Target, receipts: &Receipts) -> Result<Vec<Document>, Hold> {
    let parts = split::parts(case, wanted)?;
    let count = parts.len();
    let totals = split::totals(&parts, target.booked, case.currency);
    let mut buyers_left = target.presentment;
    let mut documents = Vec::new();
    for (at, (mut body, total)) in (1u32..).zip(parts.into_iter().zip(totals)) {
        let key = DocumentKey::sale().part(at);
        close(case, &key, &mut body, total)?;
        body.number = number::replacement(&body.number, case.input.booked.generation(&key));
        let content = match receipts.single(case, target, count) {
            Some(cash) => {
                body.cash = Some(cash);
                Content::SalesReceipt(body)
            }
            None => Content::Invoice(body),
        };
        let mut one = document(case, key, case.date, total, content);
        if !case.is_one_to_one() {
            let buyers = if at as usize == count { buyers_left } else { buyers_amount(case, total) };
            buyers_left -= buyers;
            one.buyer_total = Some(buyers);
        }
        documents.push(one);
    }
    Ok(documents)
}

impl Receipts {
    /// The one tender that paid a whole sale on its day, where the settings want a sales receipt for that.
    fn single(&self, case: &Case<'_>, target: &Target, parts: usize) -> Option<Cash> {
        let wanted = case.input.settings.sale_document == SaleDocument::Receipt
            && case.input.rules.refund_style() == RefundStyle::Receipt
            && parts == 1
            && case.input.booked.sales().is_empty();
        match self.list.as_slice() {
            [one] if wanted && one.amount == target.presentment && one.date == case.date => {
                let account = case.payment_account(&one.gateway).ok()?;
                Some(Cash { account, reference: one.reference.clone() })
            }
            _ => None,
        }
    }
}

/// Each credit is applied to what is open. What was applied before stays so.
fn apply_credits(case: &Case<'_>, series: &mut Series) {
    let booked: Vec<Document> =
        case.input.booked.standing().filter(|one| one.kind() == DocumentKind::Application).cloned().collect();
    booked.iter().for_each(|one| series.count(one));
    let mut applications = Vec::new();
    for credit in series.credits.clone() {
        let of_it = |one: &&Document| one.settlement().and_then(|money| money.from.as_ref()) == Some(&credit.key);
        let applied: Vec<Document> = booked.iter().filter(of_it).cloned().collect();
        let left = credit.total - applied.iter().map(|one| one.total).sum::<Decimal>();
        applications.extend(applied);
        series.fill(left, |sale, part| {
            let settlement = Settlement {
                settles: sale.key.clone(),
                from: Some(credit.key.clone()),
                account: String::new(),
                reference: credit.number().to_owned(),
            };
            let key = DocumentKey::apply(&credit.key, &sale.key);
            applications.push(document(case, key, credit.date, part, Content::Application(settlement)));
        });
    }
    series.credits.extend(applications);
}
