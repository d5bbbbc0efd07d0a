//! One round of a turn: what each of many orders needs is decided, the earliest stage of it gathered into as few requests
//! as the ledger allows, written down, sent, and the answers taken in.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream;
use sha2::{Digest, Sha256};

use super::apply::{Answer, Applied, apply};
use super::books::Books;
use super::budget::{self, Cost};
use super::call::{Call, PartyCall, Purpose, Stage};
use super::next::{Action, next};
use super::orders::{self, OrderRef, OrderRow};
use super::sending::{self, Carried, Freight, PartyFreight};
use super::writes;
use crate::ledgers::{Group, Ledger, Recovery, Tries, WireRequest};
use crate::platform::{HttpError, Sql, SqlError, transaction};

/// Calls in flight at once: Xero allows five, the platform six connections.
const IN_FLIGHT: usize = 5;
/// Bytes of one request that carries several: Xero takes 3.5 MB, but a row of the object's database is 2 MB at most, and
/// there it is kept as text in text.
const REQUEST_BYTES: usize = 1_400_000;
/// Bytes of all requests that a round holds in memory, of the 128 MB that the platform gives.
const ROUND_BYTES: usize = 8_000_000;

/// A request on its way, and whose calls it carries.
pub struct Envelope {
    pub request: WireRequest,
    pub seats: Vec<Seat>,
    /// True if the request is made of several, even where some of them need no answer any more.
    pub packed: bool,
    /// What it comes to by what the ledger counts.
    cost: Cost,
    /// When room was taken for it.
    taken_at: DateTime<Utc>,
    /// What was tried of it, if it is sent again.
    tries: Option<Tries>,
}

impl Envelope {
    /// True if the ledger may have forgotten the request's key while others were waited for: then sending it again could
    /// do it twice.
    fn is_too_old(&self, ledger: &dyn Ledger, now: DateTime<Utc>) -> bool {
        self.tries.is_some_and(|tries| ledger.recovery(&tries, now) != Recovery::Replay)
    }
}

/// One call of an envelope.
pub struct Seat {
    pub row: OrderRow,
    /// Its place in the request.
    pub place: usize,
    pub call: Box<Call>,
    pub ride: Ride,
}

/// How a call came to be in an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ride {
    /// Decided upon in this round.
    Fresh,
    /// What is under way for it is repeated.
    Again,
    /// The same, and its order was not picked in this turn: a batch is repeated as a whole.
    Guest,
}

/// What the orders of a round need.
#[derive(Default)]
pub struct Needs {
    waiting: Vec<OrderRow>,
    calls: Vec<(OrderRow, Box<Call>)>,
    resends: Vec<i64>,
}

impl Needs {
    /// True if no order needs anything.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.calls.is_empty()
    }

    /// The orders that need anything.
    pub fn rows(self) -> Vec<OrderRow> {
        self.waiting.into_iter().chain(self.calls.into_iter().map(|(row, _)| row)).collect()
    }
}

/// What is left of a turn.
pub struct Allowance<'a> {
    /// Requests that may still go out in it.
    pub calls: usize,
    /// Orders whose calls go alone, because the ledger refused a whole batch with them in it.
    pub alone: &'a BTreeSet<OrderRef>,
}

/// What goes out in a round, what has to wait, and for which request there was no room.
pub struct Gathered {
    pub envelopes: Vec<Envelope>,
    pub waiting: Vec<OrderRow>,
    pub no_room_for: Option<Cost>,
}

type Parcel = Vec<(OrderRow, Box<Call>)>;

impl Books<'_> {
    /// What each order needs: endings are recorded at once, calls are collected.
    pub(super) fn decide(&self, active: Vec<OrderRow>) -> Result<Needs, SqlError> {
        let mut claims = BTreeSet::new();
        let mut needs = Needs::default();
        let mut bytes = 0;
        for row in active {
            if bytes > ROUND_BYTES {
                needs.waiting.push(row);
                continue;
            }
            match next(self, &row, &mut claims)? {
                Action::End(ending, seen) => {
                    let now = self.platform.clock.now();
                    transaction(self.platform.sql, |sql| orders::end(sql, &row.at, &ending, seen, now))?;
                }
                Action::Later => needs.waiting.push(row),
                Action::Resend(id) => {
                    needs.resends.push(id);
                    needs.waiting.push(row);
                }
                Action::Call(call) => {
                    bytes += size(&call);
                    needs.calls.push((row, call));
                }
            }
        }
        Ok(needs)
    }

    /// The envelopes of a round, written down: what is unknown is repeated before anything new, and of the new the
    /// earliest stage goes first.
    pub(super) fn gather(
        &self,
        ledger: &dyn Ledger,
        needs: Needs,
        allowance: &mut Allowance<'_>,
    ) -> Result<Gathered, SqlError> {
        let Needs { mut waiting, calls, resends } = needs;
        let mut gathered = Gathered { envelopes: Vec::new(), waiting: Vec::new(), no_room_for: None };
        if !resends.is_empty() {
            waiting.extend(calls.into_iter().map(|(row, _)| row));
            for id in resends {
                let Some(mut envelope) = self.repeated(id, &mut waiting)? else { continue };
                if let Some(taken_at) = self.admit(ledger, allowance, envelope.cost)? {
                    envelope.taken_at = taken_at;
                    gathered.envelopes.push(envelope);
                } else {
                    gathered.no_room_for = Some(envelope.cost);
                    let seats = envelope.seats.into_iter().filter(|seat| seat.ride != Ride::Guest);
                    waiting.extend(seats.map(|seat| seat.row));
                }
            }
            gathered.waiting = waiting;
            return Ok(gathered);
        }
        let stage = calls.iter().map(|(_, call)| call.stage).min().unwrap_or(Stage::Refunds);
        let (now, later): (Parcel, Parcel) = calls.into_iter().partition(|(_, call)| call.stage == stage);
        waiting.extend(later.into_iter().map(|(row, _)| row));
        for parcel in parcels(ledger, now, allowance.alone) {
            let cost = Cost::of(parcel.len());
            if let Some(taken_at) = self.admit(ledger, allowance, cost)? {
                gathered.envelopes.push(self.seal(ledger, parcel, taken_at)?);
            } else {
                gathered.no_room_for = Some(cost);
                waiting.extend(parcel.into_iter().map(|(row, _)| row));
            }
        }
        gathered.waiting = waiting;
        Ok(gathered)
    }

    /// When room was taken for a request of this cost, if there was room.
    fn admit(
        &self,
        ledger: &dyn Ledger,
        allowance: &mut Allowance<'_>,
        cost: Cost,
    ) -> Result<Option<DateTime<Utc>>, SqlError> {
        let now = self.platform.clock.now();
        let fits = allowance.calls > 0 && budget::take(&self.platform, ledger.limits(), now, cost)?;
        allowance.calls -= usize::from(fits);
        Ok(fits.then_some(now))
    }

    /// What is under way, as it was sent: the orders that are at hand take their seats, the others ride as guests.
    fn repeated(&self, id: i64, waiting: &mut Vec<OrderRow>) -> Result<Option<Envelope>, SqlError> {
        let sql = self.platform.sql;
        let Some(sending) = sending::load(sql, id)? else { return Ok(None) };
        let mut seats = Vec::new();
        for part in sending::carried(sql, id)? {
            let at_hand = waiting.iter().position(|row| row.at == part.order).map(|index| waiting.remove(index));
            let ride = if at_hand.is_some() { Ride::Again } else { Ride::Guest };
            let row = at_hand.map_or_else(|| orders::load(sql, &part.order), |row| Ok(Some(row)))?;
            let Some(row) = row else { continue };
            seats.push(Seat { row, place: part.place, call: Box::new(call_again(sql, &part)?), ride });
        }
        let Some(last) = seats.last() else { return Ok(None) };
        let cost = Cost::of(last.place + 1);
        // A request that carries one call is that call's own.
        let packed = sending.request != last.call.request;
        let tries = Some(sending.tries);
        let taken_at = self.platform.clock.now();
        sending::repeated(sql, id, taken_at)?;
        Ok(Some(Envelope { request: sending.request, seats, packed, cost, taken_at, tries }))
    }

    /// Writes down what a request carries, and makes it.
    fn seal(&self, ledger: &dyn Ledger, parcel: Parcel, taken_at: DateTime<Utc>) -> Result<Envelope, SqlError> {
        let now = self.platform.clock.now();
        transaction(self.platform.sql, |sql| {
            let mut seats = Vec::new();
            let mut parts = Vec::new();
            for (place, (row, mut call)) in parcel.into_iter().enumerate() {
                call.purpose = logged(sql, &call.order, call.purpose, now)?;
                if let Some(freight) = freight(&call) {
                    if let Freight::Write(write) = &freight {
                        writes::sent(sql, *write, now)?;
                    }
                    parts.push(Carried { place, order: call.order.clone(), freight });
                }
                seats.push(Seat { row, place, call, ride: Ride::Fresh });
            }
            let packed = seats.len() > 1;
            let cost = Cost::of(seats.len());
            let requests: Vec<&WireRequest> = seats.iter().map(|seat| &seat.call.request).collect();
            let request = match requests.as_slice() {
                [one] => (*one).clone(),
                many => ledger.pack(many, &key(many)),
            };
            if !parts.is_empty() {
                sending::record(sql, &request, &parts, now)?;
            }
            Ok(Envelope { request, seats, packed, cost, taken_at, tries: None })
        })
    }

    /// What was gathered does not go out after all.
    pub(super) fn leave_unsent(&self, envelope: &Envelope) {
        budget::unsent(&self.platform, envelope.taken_at);
    }

    /// Each envelope with its answer; without one where it was too old to be sent again by the time that it could be.
    pub(super) async fn send(
        &self,
        ledger: &dyn Ledger,
        envelopes: Vec<Envelope>,
        token: &str,
    ) -> Vec<(Envelope, Option<Answer>)> {
        stream::iter(envelopes)
            .map(|envelope| async move {
                let sent_at = self.at_work();
                if envelope.is_too_old(ledger, sent_at) {
                    return (envelope, None);
                }
                let result = self.platform.http.send(ledger.address(&envelope.request, token)).await;
                (envelope, Some(Answer { result, sent_at, received_at: self.platform.clock.now() }))
            })
            .buffer_unordered(IN_FLIGHT)
            .collect()
            .await
    }

    /// Takes an answer in; what the ledger says of its limits counts from now on. What was not sent is decided upon again.
    pub(super) fn take_in(
        &self,
        ledger: &dyn Ledger,
        envelope: &Envelope,
        answer: Option<&Answer>,
    ) -> Result<Vec<Applied>, SqlError> {
        let Some(answer) = answer else {
            self.leave_unsent(envelope);
            return Ok(vec![Applied::Continue; envelope.seats.len()]);
        };
        if let Some(left) = header(&answer.result, "x-daylimit-remaining") {
            budget::day_left(self.platform.sql, self.platform.clock.now(), left)?;
        }
        let call = (envelope.taken_at, answer.received_at, envelope.cost);
        budget::answered(&self.platform, ledger.limits(), call, header(&answer.result, "x-minlimit-remaining"))?;
        apply(self, ledger, envelope, answer)
    }
}

/// A figure that the ledger states in a header.
pub(super) fn header(result: &Result<crate::platform::Response, HttpError>, name: &str) -> Option<usize> {
    result.as_ref().ok()?.header(name)?.trim().parse().ok()
}

fn size(call: &Call) -> usize {
    call.request.path.len() + call.request.body.as_ref().map_or(0, String::len)
}

/// Calls that may travel together, in their order, as few requests as possible.
fn parcels(ledger: &dyn Ledger, calls: Parcel, alone: &BTreeSet<OrderRef>) -> Vec<Parcel> {
    let mut parcels: Vec<(Option<Group>, usize, Parcel)> = Vec::new();
    for (row, call) in calls {
        let group = if call.alone || alone.contains(&row.at) { None } else { ledger.group(&call.request) };
        let bytes = size(&call);
        let fits = |(other, size, parcel): &&mut (Option<Group>, usize, Parcel)| {
            let most = group.as_ref().map_or(0, |group| group.most);
            *other == group && parcel.len() < most && *size + bytes <= REQUEST_BYTES
        };
        match parcels.iter_mut().find(fits) {
            Some((_, size, parcel)) => {
                *size += bytes;
                parcel.push((row, call));
            }
            None => parcels.push((group, bytes, vec![(row, call)])),
        }
    }
    parcels.into_iter().map(|(.., parcel)| parcel).collect()
}

/// A draft gets its row in the log.
fn logged(
    sql: &dyn Sql,
    order: &OrderRef,
    purpose: Purpose,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Purpose, SqlError> {
    let Purpose::Draft(draft) = purpose else { return Ok(purpose) };
    let id = writes::record(sql, order, &draft, now)?;
    Ok(if draft.look_before { Purpose::Look(id) } else { Purpose::Write(id) })
}

/// What a call would change in the ledger; questions change nothing.
fn freight(call: &Call) -> Option<Freight> {
    match &call.purpose {
        Purpose::Write(id) => Some(Freight::Write(*id)),
        Purpose::CreateParty(party) => {
            Some(Freight::Party(Box::new(PartyFreight { call: party.clone(), request: call.request.clone() })))
        }
        Purpose::Reference(_) | Purpose::Foreign(_) | Purpose::FindParty(_) | Purpose::Look(_) | Purpose::Draft(_) => {
            None
        }
    }
}

/// The call that a part of a sending was.
fn call_again(sql: &dyn Sql, part: &Carried) -> Result<Call, SqlError> {
    let (stage, purpose, request) = match &part.freight {
        Freight::Write(id) => (Stage::Sales, Purpose::Write(*id), writes::load(sql, *id)?.request),
        Freight::Party(freight) => {
            let PartyFreight { call, request } = freight.as_ref();
            let PartyCall { party, identity, known } = call.clone();
            (Stage::Parties, Purpose::CreateParty(PartyCall { party, identity, known }), request.clone())
        }
    };
    Ok(Call { order: part.order.clone(), seen: orders::ALL_NEWS, stage, purpose, request, again: true, alone: false })
}

/// The key of several requests as one: other requests, or the same under other keys, give another.
fn key(requests: &[&WireRequest]) -> String {
    let mut hash = Sha256::new();
    for request in requests {
        for part in [Some(&request.path), request.idempotency_key.as_ref(), request.body.as_ref()] {
            hash.update(part.map_or("", String::as_str));
            hash.update([0]);
        }
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
