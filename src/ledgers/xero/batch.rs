//! Several documents in one request (facts/xero §1, §5): the elements of a PUT stand in one list, and with
//! `summarizeErrors=false` each is answered on its own. Invoices are looked up by several numbers at once.

use serde_json::{Value, json};

use super::documents::encode;
use crate::ledgers::{Group, WireRequest, nothing_said};
use crate::platform::{Method, Response};

/// Xero advises 50 elements a request; its body limit of 3.5 MB is kept by `posting`.
const MOST_ELEMENTS: usize = 50;
/// Numbers per look-up: an address must stay short (facts/xero §1, "~40 values").
const MOST_NUMBERS: usize = 40;

const BASE: &str = "/api.xro/2.0/";
const LOOK_UP: &str = "/api.xro/2.0/Invoices?InvoiceNumbers=";
const LOOK_UP_END: &str = "&page=1";

/// The lists that may be written together, each with the field by which an answer's element is recognised.
const LISTS: [(&str, &str); 4] = [
    ("Invoices", "InvoiceNumber"),
    ("CreditNotes", "CreditNoteNumber"),
    ("Payments", "Reference"),
    ("Contacts", "ContactNumber"),
];

/// The path that looks an invoice up by its number. A comma separates numbers, so that a number which holds one is asked
/// for in another way.
pub fn look_up(number: &str) -> String {
    let number_text = encode(number);
    if number.contains(',') {
        format!("Invoices/{number_text}")
    } else {
        format!("Invoices?InvoiceNumbers={number_text}{LOOK_UP_END}")
    }
}

/// Name and recognising field of the list that a request writes.
fn list(request: &WireRequest) -> Option<(&'static str, &'static str)> {
    let rest = request.path.strip_prefix(BASE)?;
    LISTS.into_iter().find(|(name, _)| rest.strip_prefix(name).is_some_and(|tail| tail.starts_with('?')))
}

/// Creations of one kind travel together, and look-ups of invoices.
pub fn group(request: &WireRequest) -> Option<Group> {
    if request.method == Method::Put && list(request).is_some() {
        return Some(Group { name: request.path.clone(), most: MOST_ELEMENTS });
    }
    let looks = request.method == Method::Get && request.path.starts_with(LOOK_UP);
    looks.then(|| Group { name: LOOK_UP.into(), most: MOST_NUMBERS })
}

/// The elements of all requests in one list, or all numbers in one question.
pub fn pack(requests: &[&WireRequest], key: &str) -> WireRequest {
    let Some(first) = requests.first() else {
        return WireRequest::get(BASE.into());
    };
    if first.method == Method::Get {
        let numbers: Vec<&str> = requests.iter().map(|request| number_of(request)).collect();
        let path = format!("{LOOK_UP}{}{LOOK_UP_END}", numbers.join(","));
        return WireRequest { path, ..(*first).clone() };
    }
    let name = list(first).map_or("", |(name, _)| name);
    let elements: Vec<Value> = requests.iter().filter_map(|request| element(request, name)).collect();
    let mut body = json!({});
    body[name] = Value::Array(elements);
    WireRequest { body: Some(body.to_string()), idempotency_key: Some(key.to_owned()), ..(*first).clone() }
}

/// The one element of a single request.
fn element(request: &WireRequest, name: &str) -> Option<Value> {
    let body: Value = serde_json::from_str(request.body.as_deref()?).ok()?;
    body.get(name)?.get(0).cloned()
}

/// The number in a look-up, still encoded.
fn number_of(request: &WireRequest) -> &str {
    request.path.strip_prefix(LOOK_UP).and_then(|rest| rest.strip_suffix(LOOK_UP_END)).unwrap_or_default()
}

/// For each request the element that answers it. Xero keeps the order; the element's own number or reference decides
/// where it has one.
pub fn unpack(requests: &[(usize, &WireRequest)], response: &Response) -> Option<Vec<Response>> {
    let (_, first) = requests.first()?;
    let looks = first.method == Method::Get;
    let (name, key) = list(first)?;
    let body: Option<Value> = serde_json::from_str(&response.body).ok();
    let elements = body.as_ref()?.get(name)?.as_array().filter(|_| response.status == 200)?;
    let said = |found: Vec<&Value>| Response { body: json!({ name: found }).to_string(), ..response.clone() };
    let text = |element: &Value| element.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let answer = |(place, request): &(usize, &WireRequest)| {
        if looks {
            let wanted = number_of(request);
            return said(elements.iter().filter(|one| encode(&text(one)).eq_ignore_ascii_case(wanted)).collect());
        }
        let sent = element(request, name).map(|sent| text(&sent)).unwrap_or_default();
        let in_place = elements.get(*place).filter(|one| text(one) == sent || text(one).is_empty());
        let found = in_place.or_else(|| elements.iter().find(|one| text(one) == sent));
        found.map_or_else(|| nothing_said(response), |found| said(vec![found]))
    };
    Some(requests.iter().map(answer).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(number: &str) -> WireRequest {
        let body = json!({ "Invoices": [{ "InvoiceNumber": number, "Total": 1 }] }).to_string();
        let path = "/api.xro/2.0/Invoices?summarizeErrors=false&unitdp=4".to_owned();
        WireRequest { method: Method::Put, idempotency_key: Some(number.into()), ..WireRequest::post(path, body) }
    }

    fn get(number: &str) -> WireRequest {
        WireRequest::get(format!("{BASE}{}", look_up(number)))
    }

    fn answer(body: Value) -> Response {
        Response { status: 200, headers: Vec::new(), body: body.to_string() }
    }

    #[test]
    fn creations_of_one_kind_become_one_list_under_one_key() {
        let requests = [put("S-1"), put("S-2")];
        assert!(group(&requests[0]).is_some_and(|one| one.most == 50 && Some(one) == group(&requests[1])));
        let packed = pack(&requests.iter().collect::<Vec<_>>(), "whole");
        let body: Value = serde_json::from_str(packed.body.as_deref().unwrap()).unwrap();
        assert_eq!(body["Invoices"][1]["InvoiceNumber"], "S-2");
        assert_eq!((packed.method, packed.idempotency_key.as_deref()), (Method::Put, Some("whole")));
        let payment = WireRequest { path: "/api.xro/2.0/Payments?summarizeErrors=false".into(), ..put("x") };
        assert_ne!(group(&payment), group(&requests[0]));
        let allocation = WireRequest { path: "/api.xro/2.0/CreditNotes/1/Allocations?x".into(), ..put("x") };
        assert_eq!(group(&allocation), None);
    }

    #[test]
    fn an_answer_goes_to_the_request_whose_number_it_carries_and_a_missing_one_says_nothing() {
        let requests = [put("S-1"), put("S-2"), put("S-3")];
        let asked: Vec<(usize, &WireRequest)> = requests.iter().enumerate().collect();
        let said = answer(json!({ "Invoices": [
            { "InvoiceNumber": "S-3", "InvoiceID": "c" }, { "InvoiceNumber": "S-1", "InvoiceID": "a" },
        ] }));
        let parts = unpack(&asked, &said).unwrap();
        assert!(parts[0].body.contains("\"a\"") && parts[2].body.contains("\"c\""));
        assert_eq!(parts[1].body, "{}");
        let whole = Response { status: 400, ..said };
        assert_eq!(unpack(&asked, &whole), None);
    }

    #[test]
    fn many_numbers_are_looked_up_in_one_question() {
        let requests = [get("S-1"), get("S/2")];
        let packed = pack(&requests.iter().collect::<Vec<_>>(), "");
        assert_eq!(packed.path, "/api.xro/2.0/Invoices?InvoiceNumbers=S-1,S%2F2&page=1");
        let asked: Vec<(usize, &WireRequest)> = requests.iter().enumerate().collect();
        let parts = unpack(&asked, &answer(json!({ "Invoices": [{ "InvoiceNumber": "S/2" }] }))).unwrap();
        assert_eq!(parts[0].body, r#"{"Invoices":[]}"#);
        assert!(parts[1].body.contains("S/2"));
        assert_eq!(group(&get("a,b")), None);
    }
}
