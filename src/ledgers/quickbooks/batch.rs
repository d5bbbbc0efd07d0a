//! QuickBooks' batches (facts/quickbooks §1.11): up to 30 operations and queries in one request, each answered on its
//! own under its `bId`, in any order. An item's idempotency key is the batch's `requestid` and its `bId`, together at most
//! 50 characters: the requestid has 32, a `bId` is the item's place.

use serde_json::{Map, Value, json};

use crate::ledgers::{Group, WireRequest, nothing_said};
use crate::platform::{Method, Response};

/// Items per batch.
const MOST_ITEMS: usize = 30;

const ENTITIES: [&str; 6] = ["Invoice", "SalesReceipt", "Payment", "CreditMemo", "RefundReceipt", "Customer"];

/// What a single request is about: the last part of its path, and its parameters.
fn parts(request: &WireRequest) -> (&str, Vec<(&str, &str)>) {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let name = path.rsplit('/').next().unwrap_or_default();
    (name, query.split('&').filter_map(|pair| pair.split_once('=')).collect())
}

fn entity(name: &str) -> Option<&'static str> {
    ENTITIES.into_iter().find(|entity| entity.to_ascii_lowercase() == name)
}

/// Operations and queries of every kind travel together; a page of a list goes alone, because a whole batch gives no more
/// documents than one page.
pub fn group(request: &WireRequest) -> Option<Group> {
    let (name, _) = parts(request);
    let fits = match request.method {
        Method::Post => entity(name).is_some() && request.body.is_some(),
        Method::Get => name == "query" && !request.path.contains("maxresults"),
        _ => false,
    };
    fits.then(|| Group { name: "batch".into(), most: MOST_ITEMS })
}

/// All of them as one batch.
pub fn pack(path: &str, requests: &[&WireRequest], key: &str) -> WireRequest {
    WireRequest::post(format!("{path}?minorversion=75&requestid={key}"), items(requests.iter().copied()))
}

/// Questions as one batch, asked anew whenever it is sent: it has no idempotency key, under which an old answer would be
/// given again.
pub fn pack_questions(path: &str, questions: &[WireRequest]) -> WireRequest {
    WireRequest::post(format!("{path}?minorversion=75"), items(questions.iter()))
}

/// How many operations and questions a request carries.
pub fn elements(request: &WireRequest) -> usize {
    let body: Option<Value> = request.body.as_deref().and_then(|body| serde_json::from_str(body).ok());
    let items = body.as_ref().and_then(|body| body.get("BatchItemRequest")?.as_array());
    items.map_or(1, Vec::len)
}

fn items<'a>(requests: impl Iterator<Item = &'a WireRequest>) -> String {
    let items: Vec<Value> = requests.enumerate().map(|(place, request)| item(place, request)).collect();
    json!({ "BatchItemRequest": items }).to_string()
}

fn id(place: usize) -> String {
    (place + 1).to_string()
}

fn item(place: usize, request: &WireRequest) -> Value {
    let (name, parameters) = parts(request);
    let parameter = |name: &str| parameters.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
    let mut item = Map::from_iter([("bId".to_owned(), Value::from(id(place)))]);
    let Some(entity) = entity(name) else {
        item.insert("Query".into(), decode(parameter("query")).into());
        return Value::Object(item);
    };
    let body: Value = request.body.as_deref().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    let voids = parameter("operation") == "void" || parameter("include") == "void";
    let operation = match parameter("operation") {
        "delete" => "delete",
        _ if voids || body.get("Id").is_some() => "update",
        _ => "create",
    };
    item.insert("operation".into(), operation.into());
    if voids {
        item.insert("optionsData".into(), "void".into());
    }
    item.insert(entity.into(), body);
    Value::Object(item)
}

/// The inverse of `query::encode`.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// For each request the item that carries its `bId`. An empty list, a silent no-op, says nothing of anybody.
pub fn unpack(requests: &[(usize, &WireRequest)], response: &Response) -> Option<Vec<Response>> {
    answers(requests.iter().map(|(place, _)| *place), response)
}

/// The answers to as many questions; one that is no batch's is everybody's.
pub fn unpack_questions(count: usize, response: &Response) -> Vec<Response> {
    answers(0..count, response).unwrap_or_else(|| vec![response.clone(); count])
}

fn answers(places: impl Iterator<Item = usize>, response: &Response) -> Option<Vec<Response>> {
    let body: Value = serde_json::from_str(&response.body).ok()?;
    let items = body.get("BatchItemResponse")?.as_array()?;
    let answer = |place: usize| {
        let found = items.iter().find(|item| item.get("bId").and_then(Value::as_str) == Some(&id(place)));
        let Some(found) = found else { return nothing_said(response) };
        let refused = found.get("Fault").or_else(|| found.get("fault")).is_some_and(|fault| !fault.is_null());
        Response { status: if refused { 400 } else { 200 }, headers: response.headers.clone(), body: found.to_string() }
    };
    Some(places.map(answer).collect())
}

#[cfg(test)]
mod tests {
    use super::super::query;
    use super::*;

    fn post(rest: &str, body: Value) -> WireRequest {
        let path = format!("/v3/company/1/{rest}minorversion=75&requestid=0123456789abcdef0123456789abcdef");
        WireRequest::post(path, body.to_string())
    }

    #[test]
    fn a_page_of_a_list_goes_alone() {
        let page = query::encode("select * from Invoice where Id in ('1') orderby Id startposition 1 maxresults 1000");
        assert_eq!(group(&WireRequest::get(format!("/v3/company/1/query?query={page}&minorversion=75"))), None);
    }

    #[test]
    fn operations_and_queries_become_items_under_one_requestid() {
        let look = query::encode("select * from Customer where DisplayName = 'Adam\\'s Ω'");
        let path = format!("/v3/company/1/query?query={look}&minorversion=75");
        let find = WireRequest::get(path);
        let requests = [
            post("invoice?", json!({ "DocNumber": "S-1" })),
            post("invoice?", json!({ "Id": "7", "SyncToken": "0" })),
            post("invoice?operation=void&", json!({ "Id": "7" })),
            post("payment?operation=update&include=void&", json!({ "Id": "8" })),
            post("creditmemo?operation=delete&", json!({ "Id": "9" })),
            find,
        ];
        assert!(requests.iter().all(|request| group(request).is_some_and(|group| group.most == 30)));
        let packed = pack("/v3/company/1/batch", &requests.iter().collect::<Vec<_>>(), "whole");
        assert_eq!(packed.path, "/v3/company/1/batch?minorversion=75&requestid=whole");
        let body: Value = serde_json::from_str(packed.body.as_deref().unwrap()).unwrap();
        let items = body["BatchItemRequest"].as_array().unwrap();
        let operations: Vec<&str> = items.iter().filter_map(|item| item["operation"].as_str()).collect();
        assert_eq!(operations, ["create", "update", "update", "update", "delete"]);
        assert_eq!((items[2]["optionsData"].as_str(), items[0].get("optionsData")), (Some("void"), None));
        assert_eq!((items[4]["CreditMemo"]["Id"].as_str(), items[4]["bId"].as_str()), (Some("9"), Some("5")));
        assert_eq!(items[5]["Query"], "select * from Customer where DisplayName = 'Adam\\'s Ω'");
    }

    #[test]
    fn answers_find_their_items_in_any_order_and_a_silent_no_op_says_nothing() {
        let requests = [post("invoice?", json!({})), post("payment?", json!({})), post("payment?", json!({}))];
        let asked: Vec<(usize, &WireRequest)> = requests.iter().enumerate().collect();
        let answer = |body: Value| Response { status: 200, headers: Vec::new(), body: body.to_string() };
        let said = answer(json!({ "BatchItemResponse": [
            { "bId": "2", "Fault": { "Error": [{ "code": "6140" }] } }, { "bId": "1", "Invoice": { "Id": "7" } },
        ] }));
        let parts = unpack(&asked, &said).unwrap();
        assert_eq!(parts.iter().map(|part| part.status).collect::<Vec<_>>(), [200, 400, 200]);
        assert!(parts[0].body.contains("Invoice") && parts[1].body.contains("6140"));
        assert_eq!(parts[2].body, "{}");
        let silent = unpack(&asked, &answer(json!({ "BatchItemResponse": [], "time": "" }))).unwrap();
        assert!(silent.iter().all(|part| part.body == "{}"));
        assert_eq!(unpack(&asked, &answer(json!({ "Fault": {} }))), None);
    }
}
