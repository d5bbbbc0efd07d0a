//! What a sale that is final has become since, as documents of their own: an invoice for more, a credit for less.

use rust_decimal::Decimal;

use super::adjust::{delta, is_nothing, moved};
use super::currency::{buyers_amount, conversion_bound};
use super::differences::beyond_the_total;
use super::lines::sum;
use super::notes::note_moved;
use super::owed::{LOWERED, as_sold};
use super::payments::state_buyers_amounts;
use super::refunds::booked_refunds;
use super::returns::Returns;
use super::rounding::close;
use super::sale::Target;
use super::{Case, document, number, split};
use crate::books::document::{Content, Document, DocumentKey, DocumentKind, Itemised, Line, LineRole};
use crate::books::hold::{Hold, HoldReason};
use crate::books::rules::TaxModel;

/// What follows from a sale that is no longer what was booked.
#[derive(Default)]
pub(super) struct Adjustment {
    /// Documents that say the difference.
    pub documents: Vec<Document>,
    /// The price fell after it was paid: these lines, of a credit, wait for the refund that pays them.
    pub owed_back: Vec<Line>,
}

/// How much the sale has become more than what was booked of it; below zero: less.
#[derive(Clone, Copy)]
struct Change {
    booked: Decimal,
    /// The same in the buyer's currency, where another one is booked and the documents say what they come to in it.
    buyers: Option<Decimal>,
}

/// What the sale has become beyond, or below, what was booked.
pub(super) fn adjustment(
    case: &mut Case<'_>,
    wanted: &Itemised,
    target: &Target,
    frozen: &[Document],
    returns: &Returns<'_>,
) -> Result<Adjustment, Hold> {
    let paid_back = paid_back(case, wanted, returns)?;
    let mut bodies: Vec<(&Itemised, bool)> =
        frozen.iter().filter_map(|one| Some((one.itemised()?, one.kind() == DocumentKind::CreditNote))).collect();
    bodies.extend(paid_back.iter().map(|body| (body, true)));
    let credited: Vec<Itemised> = case.input.booked.credits().filter_map(Document::itemised).map(taken_back).collect();
    let moved = moved(wanted, &bodies, &credited, case.currency);
    let mut lines = delta(wanted, &bodies, case.currency);
    let (worth, buyers) = case.input.booked.worth();
    let buyers = buyers.filter(|_| !case.is_one_to_one()).map(|buyers| target.presentment - buyers);
    let change = Change { booked: target.booked - worth, buyers };
    let is_nothing = is_nothing(&lines, case.currency) || is_reconverted(case, change, &lines);
    if change.booked.is_zero() && (is_nothing || has_gone_back(case, worth)) {
        lines.clear();
    }
    let paid_before = paid_before(case, wanted, &lines, change).filter(|_| target.overpaid);
    let mut owed_back = Vec::new();
    if change.booked.is_zero() && target.overpaid && paid_before.is_none() {
        let lowered = || lines.iter().filter(|line| line.role != LineRole::Overpayments).cloned();
        let of_it = |line: &Line| lowered().filter(|one| one.source == line.source).collect::<Vec<_>>();
        let worth = |lines: &[Line]| sum(case, wanted.tax_mode, lines);
        // Another tax in the same price lowers nothing, and what came meanwhile waits for nothing.
        let is_more = lowered().any(|line| line.role != LineRole::Tax && worth(&of_it(&line)) > Decimal::ZERO);
        if !is_more && worth(&lowered().collect::<Vec<_>>()) < Decimal::ZERO {
            owed_back = lowered().map(|line| line.reversed(case.currency)).collect();
            lines.clear();
        }
    }
    let mut adjusting = Adjusting {
        wanted,
        sale_number: frozen.first().map_or("", |one| one.number()),
        before: worth,
        next: case.input.booked.next_adjustment(),
    };
    let mut documents = adjusting.moved(case, moved)?;
    if !lines.is_empty() {
        let changes =
            paid_before.or_else(|| in_two(case, wanted, &lines, change)).unwrap_or_else(|| vec![(lines, change)]);
        for (lines, change) in changes {
            documents.extend(adjusting.documents(case, lines, change)?);
        }
    }
    Ok(Adjustment { documents, owed_back })
}

/// What refunds that stand paid back of a price that fell, as if the sale had been credited so much, and owed it to the
/// buyer as money beyond its total: that is how the sale is seen since.
fn paid_back(case: &Case<'_>, wanted: &Itemised, returns: &Returns<'_>) -> Result<Option<Itemised>, Hold> {
    let bare =
        |line: &Line| line.source.strip_prefix(LOWERED).map(|source| Line { source: source.into(), ..line.clone() });
    let credits = booked_refunds(case, returns).flat_map(|(_, credits)| credits);
    let mut lines: Vec<Line> = credits.flat_map(|body| &body.lines).filter_map(bare).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let owed = sum(case, wanted.tax_mode, &lines);
    lines.push(beyond_the_total(case, -owed)?);
    Ok(Some(Itemised { lines, ..wanted.clone() }))
}

/// What a credit took back of the sale, by the sale's names; what it paid back of a price that fell is told by [`paid_back`].
fn taken_back(credit: &Itemised) -> Itemised {
    let lines = credit.lines.iter().filter(|line| !line.source.starts_with(LOWERED)).cloned().collect();
    as_sold(&Itemised { lines, ..credit.clone() })
}

/// True if refunds took back all that is booked: then nothing is left that could move.
fn has_gone_back(case: &Case<'_>, worth: Decimal) -> bool {
    let credited: Decimal = case.input.booked.credits().map(|one| one.total).sum();
    credited == worth && !worth.is_zero()
}

/// True if to the buyer nothing changed, and the lines move no more than converting them once again may. Money that is
/// beyond the total now is no conversion.
fn is_reconverted(case: &Case<'_>, change: Change, lines: &[Line]) -> bool {
    if lines.iter().any(|line| line.role == LineRole::Overpayments) {
        return false;
    }
    let moved: Decimal = lines.iter().map(|line| (line.amount(case.currency) + line.tax.amount).abs()).sum();
    change.buyers.is_some_and(|change| change.is_zero()) && moved <= conversion_bound(case)
}

/// Something dearer that was paid for before: money beyond the total covers it. It is an invoice for what came, and a credit
/// of the overpayment that is applied to it.
fn paid_before(case: &Case<'_>, wanted: &Itemised, lines: &[Line], change: Change) -> Option<Vec<(Vec<Line>, Change)>> {
    let (overpaid, others): (Vec<Line>, Vec<Line>) =
        lines.iter().cloned().partition(|line| line.role == LineRole::Overpayments);
    let is_covered = change.booked.is_zero() && sum(case, wanted.tax_mode, &others) > Decimal::ZERO;
    (is_covered && !overpaid.is_empty()).then(|| divided(case, wanted, others, overpaid, change))
}

/// Where only a document's whole tax is told, it must not be below zero: more goods and less tax (or the other way round)
/// are an invoice for what came and a credit for what went.
fn in_two(case: &Case<'_>, wanted: &Itemised, lines: &[Line], change: Change) -> Option<Vec<(Vec<Line>, Change)>> {
    let tax: Decimal = lines.iter().map(|line| line.tax.amount).sum();
    let fits = if change.booked < Decimal::ZERO { tax <= Decimal::ZERO } else { tax >= Decimal::ZERO };
    if fits || case.input.rules.tax_model() == TaxModel::CodePerLine {
        return None;
    }
    let (gone, come) = parted(case, wanted, lines);
    Some(divided(case, wanted, come, gone, change))
}

/// What of the lines goes, and what comes.
fn parted(case: &Case<'_>, wanted: &Itemised, lines: &[Line]) -> (Vec<Line>, Vec<Line>) {
    let goes = |line: &Line| sum(case, wanted.tax_mode, std::slice::from_ref(line)) < Decimal::ZERO;
    lines.iter().cloned().partition(goes)
}

/// A change as an invoice for what came, and a credit for what went.
fn divided(
    case: &Case<'_>,
    wanted: &Itemised,
    come: Vec<Line>,
    gone: Vec<Line>,
    change: Change,
) -> Vec<(Vec<Line>, Change)> {
    let more = sum(case, wanted.tax_mode, &come);
    let buyers = change.buyers.map(|whole| (whole, buyers_amount(case, more)));
    let first = Change { booked: more, buyers: buyers.map(|(_, part)| part) };
    let second = Change { booked: change.booked - more, buyers: buyers.map(|(whole, part)| whole - part) };
    vec![(come, first), (gone, second)]
}

/// What the documents of one adjustment have in common.
struct Adjusting<'a> {
    wanted: &'a Itemised,
    sale_number: &'a str,
    /// What is booked before the next one.
    before: Decimal,
    /// The next one's number.
    next: u32,
}

impl Adjusting<'_> {
    /// The adjustments that move tax to other codes: they come to nothing, and say what moved.
    fn moved(&mut self, case: &mut Case<'_>, lines: Vec<Line>) -> Result<Vec<Document>, Hold> {
        if lines.is_empty() {
            return Ok(Vec::new());
        }
        let nothing = Change { booked: Decimal::ZERO, buyers: (!case.is_one_to_one()).then_some(Decimal::ZERO) };
        // What goes and what comes in its place stay together: one without the other would be asked for again.
        let documents = self.in_parts(case, lines, nothing)?;
        for one in &documents {
            note_moved(case, one);
        }
        Ok(documents)
    }

    /// A change as adjustments; where it is too long for one, and what goes keeps its parts from being above zero, apart for
    /// what comes and for what goes.
    fn documents(&mut self, case: &mut Case<'_>, lines: Vec<Line>, change: Change) -> Result<Vec<Document>, Hold> {
        let (gone, come) = parted(case, self.wanted, &lines);
        // A line that is another one now, such as one of another rate, must not be taken apart.
        let is_apart = !gone.iter().any(|line| come.iter().any(|other| other.source == line.source));
        match self.in_parts(case, lines, change) {
            Err(hold)
                if hold.reason == HoldReason::TooManyLines && is_apart && !gone.is_empty() && !come.is_empty() =>
            {
                let mut documents = Vec::new();
                for (lines, change) in divided(case, self.wanted, come, gone, change) {
                    documents.extend(self.in_parts(case, lines, change)?);
                }
                Ok(documents)
            }
            ending => ending,
        }
    }

    /// A change as one adjustment, or as several where it is too long for one document: each is written by itself, and once
    /// it stands, what is left of the change is the next one.
    fn in_parts(&mut self, case: &mut Case<'_>, lines: Vec<Line>, change: Change) -> Result<Vec<Document>, Hold> {
        let credit = change.booked < Decimal::ZERO;
        let currency = case.currency;
        let lines = if credit { lines.into_iter().map(|line| line.reversed(currency)).collect() } else { lines };
        let mut body = Itemised { lines, ..self.wanted.clone() };
        body.tax_total = body.tax_of_lines();
        let parts = split::parts(case, body)?;
        let totals = split::totals(&parts, change.booked.abs(), currency);
        let mut documents = Vec::new();
        for (body, total) in parts.into_iter().zip(totals) {
            documents.push(self.document(case, body, total, credit)?);
        }
        if let Some(buyers) = change.buyers {
            state_buyers_amounts(case, buyers.abs(), &[], &mut documents);
        }
        Ok(documents)
    }

    /// One adjustment. Its day is that of the newest snapshot's last change, which is the edit's or a later one: an order's
    /// body does not say when it was edited. Once booked it keeps its day.
    fn document(
        &mut self,
        case: &mut Case<'_>,
        mut body: Itemised,
        total: Decimal,
        credit: bool,
    ) -> Result<Document, Hold> {
        let key = DocumentKey::adjustment(self.next);
        let date = case.order.updated_at.map_or(case.date, |at| case.day(at)).max(case.date);
        body.number = number::adjustment(self.sale_number, case.order.id.as_str(), self.next);
        body.due_date = date;
        close(case, &key, &mut body, total)?;
        let currency = case.currency;
        let show = |amount: Decimal| currency.show(amount);
        let after = self.before + if credit { -total } else { total };
        case.writer.note(&key, "total_price", "edited", &show(self.before), &show(after));
        (self.before, self.next) = (after, self.next + 1);
        let content = if credit { Content::CreditNote(body) } else { Content::Invoice(body) };
        Ok(document(case, key, date, total, content))
    }
}
