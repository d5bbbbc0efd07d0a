//! The table of faults, row by row, with bodies of our own.

use chrono::Duration;
use serde_json::{Value, json};

use super::faults::{TABLE, judge, said};
use crate::books::hold::HoldReason;
use crate::ledgers::faults::{Class, Said};
use crate::ledgers::{Failure, Outcome};
use crate::platform::Response;

fn answer(status: u16, body: &str) -> Response {
    Response { status, headers: Vec::new(), body: body.to_owned() }
}

fn judged(status: u16, body: &Value) -> Failure {
    judge(&answer(status, &body.to_string()), Some(body), true)
}

/// The same fault in the service's spelling and in the gateway's.
fn spellings(code: &str, text: &str) -> [Value; 2] {
    [
        json!({"Fault": {"Error": [{"Message": "Something", "Detail": text, "code": code, "element": ""}],
            "type": "ValidationFault"}, "time": "2026-01-01T00:00:00Z"}),
        json!({"warnings": null, "fault": {"error": [{"message": "something", "detail": text, "code": code}],
            "type": "SERVICE"}, "batchItemResponse": []}),
    ]
}

/// What an outcome is called, and what it says.
fn told(failure: &Failure) -> (&'static str, String) {
    match failure {
        Outcome::Refused(refusal) => ("refused", refusal.message.clone()),
        Outcome::Settings(refusal, _) => ("settings", refusal.message.clone()),
        Outcome::Wait { why, .. } => ("wait", why.clone()),
        Outcome::TokenExpired => ("token", String::new()),
        Outcome::Reconnect(why) => ("reconnect", why.clone()),
        Outcome::AlreadyExists => ("exists", String::new()),
        Outcome::Stale => ("stale", String::new()),
        Outcome::Unknown(why) => ("unknown", why.clone()),
        Outcome::Done(never) => match *never {},
    }
}

fn expected(class: Class) -> &'static str {
    match class {
        Class::Refused(_) => "refused",
        Class::Settings(..) => "settings",
        Class::Wait(_) => "wait",
        Class::TokenExpired => "token",
        Class::Reconnect => "reconnect",
        Class::Exists => "exists",
        Class::Stale => "stale",
        Class::Away(_) | Class::Unknown | Class::Noted => "unknown",
    }
}

#[test]
fn every_code_is_recognised_in_both_spellings_whatever_the_status() {
    let mut rows = 0;
    for row in TABLE.faults {
        for code in row.codes {
            for body in spellings(code, row.says) {
                for status in [200, 400, 500] {
                    let (name, text) = told(&judged(status, &body));
                    assert_eq!(name, expected(row.class), "{body}");
                    assert!(text.is_empty() || text.contains(row.message), "{body}: {text}");
                }
            }
            rows += 1;
        }
    }
    assert!(rows > 50, "{rows} codes");
}

#[test]
fn a_code_stands_in_one_row_unless_words_tell_rows_apart() {
    for (at, row) in TABLE.faults.iter().enumerate() {
        let later =
            TABLE.faults[at + 1..].iter().filter(|other| other.codes.iter().any(|code| row.codes.contains(code)));
        assert!(later.count() == 0 || !row.words.is_empty(), "{:?} hides a row", row.codes);
    }
}

#[test]
fn the_digits_of_a_business_fault_count_in_any_language() {
    let french = "Erreur de validation commerciale : Une erreur interne inattendue s'est produite. (-30003)";
    assert_eq!(told(&judged(400, &spellings("6000", french)[0])).0, "unknown");
    let other = judged(400, &spellings("6000", "Le total ne peut pas être négatif.")[0]);
    assert!(
        matches!(other, Outcome::Refused(refusal) if refusal.code == "6000" && refusal.reason == HoldReason::Refused)
    );
}

#[test]
fn of_several_faults_the_one_that_a_row_knows_counts() {
    let body = json!({"Fault": {"Error": [
        {"Message": "Unheard of", "Detail": "", "code": "77777"}, {"Message": "Closed", "Detail": "", "code": "6210"},
    ]}});
    assert!(matches!(judged(400, &body), Outcome::Settings(refusal, _) if refusal.reason == HoldReason::PeriodClosed));
    let unknown = json!({"Fault": {"Error": [{"Message": "Unheard of", "code": 77777}]}});
    let Outcome::Refused(refusal) = judged(400, &unknown) else { panic!("refused") };
    assert_eq!((refusal.code.as_str(), refusal.ledger_says.as_str()), ("77777", "Unheard of"));
    assert_eq!(told(&judged(500, &unknown)).0, "unknown");
}

#[test]
fn newer_gateways_leave_the_fault_around_it_out() {
    let body = json!({"code": "AuthenticationFailed", "type": "INPUT", "message": null, "detail": "Token expired"});
    assert_eq!(judged(401, &body), Outcome::TokenExpired);
    assert_eq!(said(&json!({"Invoice": {"Id": "1"}, "time": ""})), None);
    assert_eq!(said(&json!({"fault": null, "Invoice": {"Id": "1"}})), None);
    let empty = judged(503, &json!({"Fault": {"Error": [], "type": "SystemFault"}}));
    assert_eq!(told(&empty).0, "unknown");
}

#[test]
fn the_edge_speaks_xml_and_html() {
    let xml = |code: &str| {
        format!(
            "<?xml version=\"1.0\"?><IntuitResponse time=\"now\"><Fault type=\"SERVICE\"><Error code=\"{code}\">\
             <Message>Too many</Message><Detail>Later</Detail></Error></Fault></IntuitResponse>"
        )
    };
    let throttled = judge(&answer(429, &xml("3001")), None, true);
    assert_eq!(told(&throttled), ("wait", "too many requests (code 3001)".into()));
    assert_eq!(judge(&answer(401, &xml("3200")), None, true), Outcome::TokenExpired);
    let html = "<html><head><title>Request blocked</title></head></html>";
    assert!(matches!(judge(&answer(403, html), None, true), Outcome::Refused(refusal) if refusal.code == "blocked"));
    assert_eq!(told(&judge(&answer(502, html), None, true)).0, "unknown");
}

#[test]
fn what_says_nothing_is_judged_by_its_status() {
    for (status, writes, name) in [
        (200, true, "unknown"),
        (200, false, "unknown"),
        (400, true, "refused"),
        (401, true, "token"),
        (403, true, "reconnect"),
        (404, true, "refused"),
        (413, true, "refused"),
        (429, true, "wait"),
        (500, true, "unknown"),
        (502, false, "unknown"),
        (503, false, "wait"),
        (503, true, "unknown"),
        (504, true, "unknown"),
        (599, true, "unknown"),
    ] {
        assert_eq!(told(&judge(&answer(status, ""), None, writes)).0, name, "{status}, writes: {writes}");
    }
    // A silent no-op holds no document.
    let silent = json!({"BatchItemResponse": [], "time": ""});
    assert_eq!(told(&judged(200, &silent)).0, "unknown");
}

#[test]
fn the_wait_is_as_long_as_quickbooks_says_else_a_minute() {
    let body = spellings("3001", "")[1].to_string();
    let mut throttled = answer(429, &body);
    let wait = |response: &Response| match judge(response, serde_json::from_str(&response.body).ok().as_ref(), true) {
        Outcome::Wait { retry_after, guess, .. } => (retry_after, guess),
        other => panic!("{other:?}"),
    };
    assert_eq!(wait(&throttled), (None, Duration::minutes(1)));
    throttled.headers.push(("retry-after".into(), "17".into()));
    assert_eq!(wait(&throttled).0, Some(Duration::seconds(17)));
}

#[test]
fn every_example_is_recognised_by_its_own_row() {
    for row in TABLE.faults {
        let found = TABLE.row(400, &Said::new(row.codes[0], row.says)).unwrap();
        assert_eq!(found.message, row.message);
    }
}

#[test]
fn what_the_plan_does_not_include_is_refused_for_the_one_document_that_needs_it() {
    for code in ["5020", "5030"] {
        for body in spellings(code, "Feature not supported") {
            assert!(matches!(judged(400, &body), Outcome::Refused(one) if one.reason == HoldReason::Refused), "{code}");
        }
    }
}
