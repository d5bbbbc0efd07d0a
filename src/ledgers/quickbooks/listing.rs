//! What a QuickBooks company holds, page by page (facts/quickbooks §1.10). Voided documents are listed, deleted ones
//! are told of elsewhere (`deleted`).

use rust_decimal::Decimal;
use serde_json::Value;
use serde_json::value::RawValue;

use super::documents::entity;
use super::query::quote;
use super::read::{amount, failed, is_void, nothing_said, rows, text};
use crate::books::document::DocumentKind;
use crate::books::listed::{Listed, ListedLine};
use crate::ledgers::listing::{elements, members, page};
use crate::ledgers::{Failure, ListedPage, Outcome, Span};
use crate::platform::Response;

/// Documents per page: the most that QuickBooks gives.
const PAGE: usize = 1_000;

/// The kinds that are listed. Money paid out is part of the refund receipt.
pub const KINDS: &[DocumentKind] = &[
    DocumentKind::Invoice,
    DocumentKind::SalesReceipt,
    DocumentKind::CreditNote,
    DocumentKind::RefundReceipt,
    DocumentKind::Payment,
];

fn is_payment(kind: DocumentKind) -> bool {
    entity(kind) == "Payment"
}

/// The number of a document, the reference of a payment.
fn number_field(kind: DocumentKind) -> &'static str {
    if is_payment(kind) { "PaymentRefNum" } else { "DocNumber" }
}

/// The query for a page. The order is by id, which no change moves to another page.
pub fn query(kind: DocumentKind, span: &Span, page: usize) -> String {
    let which = match span {
        Span::Dated(from, to) => format!("TxnDate >= '{from}' and TxnDate <= '{to}'"),
        Span::ChangedSince(since) => {
            format!("MetaData.LastUpdatedTime >= '{}'", since.format("%Y-%m-%dT%H:%M:%S+00:00"))
        }
        Span::Ids(ids) => among("Id", ids),
        Span::Numbers(numbers) => among(number_field(kind), numbers),
    };
    let start = page.saturating_sub(1) * PAGE + 1;
    format!("select * from {} where {which} orderby Id startposition {start} maxresults {PAGE}", entity(kind))
}

/// One of these values; of none, nothing: no document has the id 0.
fn among(field: &str, values: &[String]) -> String {
    if values.is_empty() {
        return "Id = '0'".into();
    }
    let list: Vec<String> = values.iter().map(|value| quote(value)).collect();
    format!("{field} in ({})", list.join(", "))
}

/// What a page holds.
pub fn read(kind: DocumentKind, response: &Response) -> Outcome<ListedPage> {
    match written_rows(kind, response) {
        Ok(rows) => page(&rows, rows.len() >= PAGE, |row| listed(kind, row)),
        Err(failure) => failed(*failure),
    }
}

/// The rows of the query as they are written. Whatever is no plain success is read as every other answer is.
fn written_rows(kind: DocumentKind, response: &Response) -> Result<Vec<&RawValue>, Box<Failure>> {
    let said = |one: Option<&&RawValue>| one.is_some_and(|one| one.get() != "null");
    let found = members(&response.body)
        .filter(|whole| response.status == 200 && !said(whole.get("Fault")) && !said(whole.get("fault")))
        .and_then(|whole| members(whole.get("QueryResponse")?.get()));
    // Where nothing is found the answer does not name the entity.
    let list = found.map(|found| found.get(entity(kind)).map_or(Some(Vec::new()), |list| elements(list.get())));
    list.flatten()
        .ok_or_else(|| rows(response, entity(kind)).err().unwrap_or_else(|| Box::new(nothing_said(response, false))))
}

fn listed(kind: DocumentKind, row: &Value) -> Result<Option<Listed>, String> {
    let ledger_id = text(row, "Id");
    let total = amount(row, "TotalAmt").filter(|_| !ledger_id.is_empty());
    let unreadable = || format!("QuickBooks lists a {} (`{ledger_id}`) that lacks its id or its total", entity(kind));
    let total = total.ok_or_else(unreadable)?;
    let (links, void) = (links(row), is_void(row, total));
    if is_payment(kind) && total.is_zero() && !void && !links.is_empty() {
        // It moves no money: it applies a credit memo.
        return Ok(None);
    }
    Ok(Some(Listed {
        kind,
        number: text(row, number_field(kind)),
        note: text(row, "PrivateNote"),
        currency: row.get("CurrencyRef").and_then(|currency| text(currency, "value").parse().ok()),
        total,
        tax: row.get("TxnTaxDetail").and_then(|detail| amount(detail, "TotalTax")),
        open: amount(row, "Balance").or_else(|| amount(row, "UnappliedAmt")),
        date: text(row, "TxnDate").get(..10).and_then(|date| date.parse().ok()),
        party_id: row.get("CustomerRef").map(|party| text(party, "value")).filter(|id| !id.is_empty()),
        // A payment of nothing that applies nothing is a voided one, in whatever language it says so.
        void: void || is_payment(kind) && total.is_zero(),
        draft: false,
        lines: if is_payment(kind) { Vec::new() } else { lines(row) },
        settles: links.into_iter().filter(|(kind, _)| kind == "Invoice").map(|(_, id)| id).collect(),
        ledger_id,
    }))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Kind and id of what the lines of a payment are applied to; the lines of other documents are applied to nothing.
fn links(row: &Value) -> Vec<(String, String)> {
    let of_line = list(row, "Line").iter().filter(|line| line.get("DetailType").is_none());
    let links = of_line.flat_map(|line| list(line, "LinkedTxn"));
    links.map(|link| (text(link, "TxnType"), text(link, "TxnId"))).filter(|(_, id)| !id.is_empty()).collect()
}

fn lines(row: &Value) -> Vec<ListedLine> {
    let shown = list(row, "Line").iter().filter(|line| text(line, "DetailType") != "SubTotalLineDetail");
    shown
        .map(|line| ListedLine {
            text: text(line, "Description"),
            amount: amount(line, "Amount").unwrap_or(Decimal::ZERO),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(body: Value) -> Response {
        Response { status: 200, headers: Vec::new(), body: body.to_string() }
    }

    fn rows(kind: DocumentKind, rows: Value) -> Outcome<ListedPage> {
        let mut found = json!({ "startPosition": 1 });
        found[entity(kind)] = rows;
        read(kind, &answer(json!({ "QueryResponse": found, "time": "x" })))
    }

    fn one(kind: DocumentKind, row: Value) -> Option<Listed> {
        match rows(kind, json!([row])) {
            Outcome::Done(page) => page.documents.into_iter().next(),
            other => panic!("{other:?}"),
        }
    }

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn a_page_is_asked_for_by_date_change_id_or_number_in_the_order_of_the_ids() {
        let day = |text: &str| text.parse().unwrap();
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let tail = "orderby Id startposition 2001 maxresults 1000";
        for (kind, span, head) in [
            (
                DocumentKind::CreditNote,
                Span::Dated(day("2026-11-01"), day("2026-11-30")),
                "select * from CreditMemo where TxnDate >= '2026-11-01' and TxnDate <= '2026-11-30'",
            ),
            (
                DocumentKind::Invoice,
                Span::ChangedSince("2026-11-02T09:00:00.999Z".parse().unwrap()),
                "select * from Invoice where MetaData.LastUpdatedTime >= '2026-11-02T09:00:00+00:00'",
            ),
            (DocumentKind::Payment, Span::Ids(texts(&["7", "8"])), "select * from Payment where Id in ('7', '8')"),
            (
                DocumentKind::SalesReceipt,
                Span::Numbers(texts(&["S-1", "Adam's"])),
                "select * from SalesReceipt where DocNumber in ('S-1', 'Adam\\'s')",
            ),
            (
                DocumentKind::Payment,
                Span::Numbers(texts(&["55"])),
                "select * from Payment where PaymentRefNum in ('55')",
            ),
            (DocumentKind::RefundReceipt, Span::Ids(Vec::new()), "select * from RefundReceipt where Id = '0'"),
        ] {
            assert_eq!(query(kind, &span, 3), format!("{head} {tail}"));
        }
    }

    #[test]
    fn a_document_is_read_with_its_lines_but_not_its_subtotal() {
        let found = one(
            DocumentKind::Invoice,
            json!({
                "Id": "12", "DocNumber": "S-1", "TxnDate": "2026-11-02", "TotalAmt": 65.76, "Balance": "5.76",
                "PrivateNote": "Shopify order 77 (#1)", "CurrencyRef": { "value": "USD" }, "CustomerRef": { "value": "5" },
                "TxnTaxDetail": { "TotalTax": 1.10 }, "LinkedTxn": [{ "TxnId": "9", "TxnType": "Payment" }],
                "Line": [
                    { "DetailType": "SalesItemLineDetail", "Description": "Tee", "Amount": 70, "SalesItemLineDetail": {} },
                    { "DetailType": "SalesItemLineDetail", "Description": "Discount", "Amount": "-4.24",
                        "LinkedTxn": [{ "TxnId": "3", "TxnType": "TimeActivity" }] },
                    { "DetailType": "DescriptionOnly", "Description": "more" },
                    { "DetailType": "DiscountLineDetail", "Amount": 1.00 },
                    { "DetailType": "SubTotalLineDetail", "Amount": 65.76 },
                ],
            }),
        )
        .unwrap();
        let line = |text: &str, amount: &str| ListedLine { text: text.into(), amount: dec(amount) };
        let expected = Listed {
            kind: DocumentKind::Invoice,
            ledger_id: "12".into(),
            number: "S-1".into(),
            note: "Shopify order 77 (#1)".into(),
            currency: Some("USD".parse().unwrap()),
            total: dec("65.76"),
            tax: Some(dec("1.10")),
            open: Some(dec("5.76")),
            date: Some("2026-11-02".parse().unwrap()),
            party_id: Some("5".into()),
            void: false,
            draft: false,
            lines: vec![line("Tee", "70"), line("Discount", "-4.24"), line("more", "0"), line("", "1.00")],
            settles: Vec::new(),
        };
        assert_eq!(found, expected);
        assert!(found.names("77"));
    }

    #[test]
    fn what_a_company_of_one_currency_leaves_out_stays_open_and_a_total_of_zero_is_no_void() {
        let found = one(DocumentKind::SalesReceipt, json!({ "Id": "1", "TotalAmt": 0 })).unwrap();
        let stated = (found.currency, found.tax, found.open, found.date, found.party_id.clone());
        assert_eq!(stated, (None, None, None, None, None));
        assert!(found.counts() && found.lines.is_empty());
        let void =
            one(DocumentKind::Invoice, json!({ "Id": "1", "TotalAmt": 0, "PrivateNote": "Voided - x" })).unwrap();
        assert!(void.void);
    }

    #[test]
    fn a_payment_says_what_it_settles_and_one_of_nothing_is_an_application_or_a_void() {
        let link = |kind: &str, id: &str| json!({ "Amount": 5, "LinkedTxn": [{ "TxnId": id, "TxnType": kind }] });
        let lines = json!([link("Invoice", "12"), link("CreditMemo", "13")]);
        let paid = json!({
            "Id": "20", "TotalAmt": 65.0, "UnappliedAmt": 10.0, "PaymentRefNum": "55", "PrivateNote": "n", "Line": lines,
        });
        let found = one(DocumentKind::Payment, paid).unwrap();
        assert_eq!((&*found.number, found.settles, found.open), ("55", vec!["12".to_owned()], Some(dec("10"))));
        assert!(found.lines.is_empty());

        let application = json!({ "Id": "21", "TotalAmt": 0, "PaymentRefNum": "a", "Line": lines });
        assert_eq!(one(DocumentKind::Payment, application), None);
        for void in [
            json!({ "Id": "22", "TotalAmt": 0, "PrivateNote": "Voided", "Line": lines }),
            json!({ "Id": "23", "TotalAmt": 0, "PrivateNote": "Annulé", "Line": [] }),
        ] {
            assert!(one(DocumentKind::Payment, void).unwrap().void);
        }
    }

    #[test]
    fn only_a_full_page_may_have_another_behind_it_whatever_is_left_out_of_it() {
        let link = json!([{ "Amount": 5, "LinkedTxn": [{ "TxnId": "1", "TxnType": "Invoice" }] }]);
        let many = |count: usize| {
            let row = |id: usize| json!({ "Id": id.to_string(), "TotalAmt": usize::from(id > 5), "Line": link });
            rows(DocumentKind::Payment, (1..=count).map(row).collect())
        };
        let (Outcome::Done(full), Outcome::Done(last)) = (many(PAGE), many(PAGE - 1)) else { panic!("it is read") };
        assert_eq!((full.documents.len(), full.more, last.more), (PAGE - 5, true, false));
        let nothing = read(DocumentKind::Payment, &answer(json!({ "QueryResponse": {}, "time": "x" })));
        assert_eq!(nothing, Outcome::Done(ListedPage::default()));
    }

    #[test]
    fn a_fault_or_a_document_that_cannot_be_told_is_never_an_empty_page() {
        let fault = json!({ "Error": [{ "code": "4001", "Message": "m", "Detail": "d" }], "type": "ValidationFault" });
        let refused = read(DocumentKind::Invoice, &answer(json!({ "Fault": fault, "QueryResponse": {} })));
        assert!(matches!(refused, Outcome::Refused(_)), "{refused:?}");
        let gateway = json!({ "fault": { "error": [{ "code": "3200" }] }, "QueryResponse": null });
        assert_eq!(read(DocumentKind::Invoice, &answer(gateway)), Outcome::TokenExpired);
        for body in [json!({}), json!({ "QueryResponse": { "Invoice": "x" } }), json!([])] {
            assert!(!matches!(read(DocumentKind::Invoice, &answer(body.clone())), Outcome::Done(_)), "{body}");
        }
        for row in [json!({ "Id": "1" }), json!({ "TotalAmt": 1 }), json!({ "Id": "1", "TotalAmt": "much" })] {
            let read = rows(DocumentKind::Invoice, json!([row]));
            assert!(matches!(&read, Outcome::Unknown(why) if why.contains("Invoice")), "{read:?}");
        }
    }
}
