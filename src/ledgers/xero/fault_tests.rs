//! The table of faults, row by row, with bodies of our own.

use chrono::Duration;
use serde_json::{Value, json};

use super::faults::{TABLE, judge, of_element, remark};
use crate::books::hold::HoldReason;
use crate::ledgers::faults::{Class, Said};
use crate::ledgers::{Failure, Outcome};
use crate::platform::Response;

fn answer(status: u16, body: &str) -> Response {
    Response { status, headers: Vec::new(), body: body.to_owned() }
}

fn with(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Response { status, headers, body: body.to_owned() }
}

fn judged(response: &Response, writes: bool) -> Failure {
    judge(response, serde_json::from_str(&response.body).ok().as_ref(), writes)
}

fn name(failure: &Failure) -> &'static str {
    match failure {
        Outcome::Refused(_) => "refused",
        Outcome::Settings(..) => "settings",
        Outcome::Wait { .. } => "wait",
        Outcome::TokenExpired => "token",
        Outcome::Reconnect(_) => "reconnect",
        Outcome::AlreadyExists => "exists",
        Outcome::Stale => "stale",
        Outcome::Unknown(_) => "unknown",
        Outcome::Done(never) => match *never {},
    }
}

fn expected(class: Class) -> &'static str {
    match class {
        Class::Refused(_) => "refused",
        Class::Settings(..) => "settings",
        Class::Exists => "exists",
        other => panic!("no message of an element means {other:?}"),
    }
}

/// Where a message may stand: in the element, deep inside it, in an `ApiException`, as the exception itself.
fn places(message: &str) -> Vec<(Response, Option<Value>)> {
    let errors = json!([{ "Message": message }]);
    let element = json!({"InvoiceID": "00000000-0000-0000-0000-000000000000", "HasErrors": true, "StatusAttributeString": "ERROR",
        "ValidationErrors": errors});
    let described = json!({"StatusAttributeString": "ERROR", "ValidationErrors": [{ "Description": message }]});
    let nested = json!({"HasValidationErrors": true, "Contact": {"Name": "x", "ValidationErrors": errors}});
    let exception = json!({"ErrorNumber": 10, "Type": "ValidationException", "Message": "A validation exception occurred",
        "Elements": [{"InvoiceNumber": "S-1", "ValidationErrors": errors}]});
    let plain = json!({"ErrorNumber": 14, "Type": "SomeException", "Message": message});
    let mut all: Vec<_> = [element, described, nested].into_iter().map(|one| (answer(200, ""), Some(one))).collect();
    all.extend([exception, plain].map(|body| (answer(400, &body.to_string()), None)));
    all
}

#[test]
fn every_message_is_recognised_wherever_it_stands() {
    for row in TABLE.faults {
        assert_eq!(TABLE.row(400, &Said::new("", row.says)).unwrap().name, row.name, "its own example");
        for (response, element) in places(row.says) {
            let failure = match &element {
                Some(element) => of_element(&response, element).unwrap(),
                None => judged(&response, true),
            };
            assert_eq!(name(&failure), expected(row.class), "{}: {response:?} {element:?}", row.says);
            if let Outcome::Refused(refusal) | Outcome::Settings(refusal, _) = failure {
                assert_eq!((refusal.code.as_str(), refusal.message.as_str()), (row.name, row.message));
            }
        }
    }
}

#[test]
fn a_message_that_nobody_knows_is_a_refusal_with_xeros_words_kept_inside() {
    let element = json!({"StatusAttributeString": "ERROR", "ValidationErrors": [{"Message": "The moon is full"}]});
    let Some(Outcome::Refused(refusal)) = of_element(&answer(200, ""), &element) else { panic!("refused") };
    assert_eq!((refusal.code.as_str(), refusal.ledger_says.as_str()), ("validation", "The moon is full"));
    assert_eq!(refusal.reason, HoldReason::Refused);
    // Of several the one that a row knows counts.
    let both = json!({"HasErrors": true, "ValidationErrors": [{"Message": "The moon is full"},
        {"Message": "The document date cannot be before the period lock date, currently set at 1 March 2026"}]});
    assert!(
        matches!(of_element(&answer(200, ""), &both), Some(Outcome::Settings(refusal, _)) if refusal.code == "period_locked")
    );
}

#[test]
fn an_element_that_was_stored_is_no_failure_and_its_warnings_are_kept() {
    let stored = json!({"StatusAttributeString": "OK", "HasErrors": false, "InvoiceID": "a"});
    assert_eq!((of_element(&answer(200, ""), &stored), remark(&stored)), (None, None));
    let warned = |message: &str| {
        let element =
            json!({"StatusAttributeString": "WARNING", "HasErrors": false, "Warnings": [{"Message": message}]});
        assert_eq!(of_element(&answer(200, ""), &element), None);
        remark(&element).map(|(name, _)| name)
    };
    assert_eq!(
        warned("Account code ''476'' has been removed as it does not match a recognised account."),
        Some("warning_account")
    );
    assert_eq!(warned("The currency rate for EUR is 1:1."), Some("warning_rate"));
    assert_eq!(warned("Something else"), Some("warning"));
}

#[test]
fn each_dialect_of_refused_access_is_understood() {
    let problem = |detail: &str| {
        json!({"Type": null, "Title": "Unauthorized", "Status": 401, "Detail": detail, "Extensions": {}}).to_string()
    };
    let lower = json!({"title": "Forbidden", "status": 403, "detail": "AuthenticationUnsuccessful"}).to_string();
    let scope = "Bearer error=\"insufficient_scope\"";
    for (response, expected) in [
        (answer(401, &problem("TokenExpired: token expired at 04/09/2026 05:16:59")), "token"),
        (answer(401, &problem("AuthenticationUnsuccessful")), "token"),
        (answer(401, &problem("AuthorizationUnsuccessful")), "reconnect"),
        (with(401, &[("www-authenticate", scope)], ""), "reconnect"),
        (
            with(
                401,
                &[("www-authenticate", "Bearer error=\"insufficent_scope\"")],
                &problem("AuthorizationUnsuccessful"),
            ),
            "reconnect",
        ),
        (with(403, &[("www-authenticate", scope)], ""), "reconnect"),
        (answer(401, ""), "token"),
        (answer(403, &lower), "reconnect"),
        (answer(403, "<!DOCTYPE html><HTML><head><title>Blocked</title></head></HTML>"), "refused"),
    ] {
        assert_eq!(name(&judged(&response, true)), expected, "{response:?}");
    }
    let Outcome::Reconnect(why) = judged(&with(401, &[("www-authenticate", scope)], ""), true) else { panic!() };
    assert!(why.contains("lacks a permission"), "{why}");
    let Outcome::Refused(refusal) = judged(&answer(403, "<html></html>"), true) else { panic!() };
    assert_eq!(refusal.code, "blocked");
}

#[test]
fn plain_text_outages_pause_questions_and_leave_writes_unknown() {
    for text in [
        "The Organisation is offline",
        "The Xero API is currently offline for maintenance",
        "The Xero API is temporarily unavailable",
        "",
    ] {
        assert_eq!(name(&judged(&answer(503, text), false)), "wait", "{text}");
        assert_eq!(name(&judged(&answer(503, text), true)), "unknown", "{text}");
    }
    let Outcome::Wait { guess, why, .. } = judged(&answer(503, "The Organisation is offline"), false) else { panic!() };
    assert_eq!((guess, why.as_str()), (Duration::minutes(5), "the organisation is offline (code offline)"));
}

#[test]
fn limits_say_which_they_are_and_how_long_they_last() {
    let wait = |headers: &[(&str, &str)]| match judged(&with(429, headers, ""), true) {
        Outcome::Wait { retry_after, guess, why } => (retry_after.unwrap_or(guess), why),
        other => panic!("{other:?}"),
    };
    let (length, why) = wait(&[("x-rate-limit-problem", "minute"), ("retry-after", "23")]);
    assert_eq!(
        (length, why.as_str()),
        (Duration::seconds(23), "the calls of this minute are used up (code limit_minute)")
    );
    let (length, why) = wait(&[("x-rate-limit-problem", "Daily"), ("retry-after", "66975")]);
    assert_eq!(
        (length, why.as_str()),
        (Duration::seconds(66_975), "the calls of this day are used up (code limit_day)")
    );
    assert_eq!(wait(&[("x-rate-limit-problem", "day")]).0, Duration::hours(1), "the day does not say when it ends");
    assert_eq!(wait(&[("x-rate-limit-problem", "concurrent")]).0, Duration::seconds(1));
    assert!(wait(&[("x-rate-limit-problem", "app-minute")]).1.contains("all organisations of the app"));
    assert_eq!(wait(&[]).0, Duration::minutes(1));
}

#[test]
fn what_says_nothing_is_judged_by_its_status() {
    for (status, expected) in [
        (200, "unknown"),
        (400, "refused"),
        (404, "refused"),
        (405, "refused"),
        (412, "refused"),
        (413, "refused"),
        (500, "unknown"),
        (501, "refused"),
        (502, "unknown"),
        (504, "unknown"),
        (599, "unknown"),
    ] {
        assert_eq!(
            name(&judged(&answer(status, "The resource you're looking for cannot be found"), true)),
            expected,
            "{status}"
        );
    }
    let reused = json!({"Title": "BadRequest", "Status": 400, "Detail": "Idempotency Key: abc is used with a different request."});
    let Outcome::Refused(refusal) = judged(&answer(400, &reused.to_string()), true) else { panic!() };
    assert_eq!(refusal.code, "idempotency_key");
}
