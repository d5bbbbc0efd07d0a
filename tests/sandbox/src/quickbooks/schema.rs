//! Which properties an entity has, how long its texts may be, and which characters they may hold.

use serde_json::Value;

use super::Kind;
use super::faults::{self, Checked};
use crate::json::{self, Object};

/// Properties of all sales documents.
const SALE: &str = "Id SyncToken sparse domain MetaData CustomField DocNumber TxnDate DepartmentRef CurrencyRef \
    ExchangeRate PrivateNote LinkedTxn Line TxnTaxDetail CustomerRef CustomerMemo BillAddr ShipAddr ShipFromAddr \
    FreeFormAddress ClassRef TotalAmt HomeTotalAmt HomeBalance ApplyTaxAfterDiscount PrintStatus EmailStatus BillEmail \
    Balance GlobalTaxCalculation TransactionLocationType TxnSource ProjectRef RecurDataRef DeliveryInfo \
    TaxExemptionRef ShipDate ShipMethodRef TrackingNum AutoDocNumber TxnStatus";
const INVOICE: &str = "SalesTermRef DueDate BillEmailCc BillEmailBcc Deposit DepositToAccountRef AllowIPNPayment \
    AllowOnlinePayment AllowOnlineCreditCardPayment AllowOnlineACHPayment InvoiceLink EInvoiceStatus";
const RECEIPT: &str = "PaymentMethodRef PaymentRefNum CreditCardPayment DepositToAccountRef PaymentType CheckPayment \
    BillEmailCc BillEmailBcc";
const MEMO: &str = "RemainingCredit InvoiceRef SalesTermRef PaymentMethodRef";
const PAYMENT: &str = "Id SyncToken sparse domain MetaData TxnDate CurrencyRef ExchangeRate PrivateNote Line CustomerRef \
    DepositToAccountRef ARAccountRef PaymentMethodRef PaymentRefNum TotalAmt UnappliedAmt ProcessPayment TxnSource \
    TransactionLocationType CreditCardPayment TaxExemptionRef ProjectRef LinkedTxn DocNumber";
const CUSTOMER: &str = "Id SyncToken sparse domain MetaData Title GivenName MiddleName FamilyName Suffix DisplayName \
    FullyQualifiedName CompanyName PrintOnCheckName Active PrimaryPhone AlternatePhone Mobile Fax PrimaryEmailAddr \
    WebAddr DefaultTaxCodeRef Taxable TaxExemptionReasonId BillAddr ShipAddr Notes Job BillWithParent ParentRef Level \
    SalesTermRef PaymentMethodRef Balance OpenBalanceDate BalanceWithJobs CurrencyRef PreferredDeliveryMethod ResaleNum \
    ARAccountRef Source CustomerTypeRef BusinessNumber GSTIN GSTRegistrationType IsProject PrimaryTaxIdentifier \
    SecondaryTaxIdentifier";
const ITEM: &str = "Id SyncToken sparse domain MetaData Name Description Active SubItem ParentRef Level \
    FullyQualifiedName Taxable SalesTaxIncluded UnitPrice Type IncomeAccountRef PurchaseDesc PurchaseCost \
    ExpenseAccountRef AssetAccountRef TrackQtyOnHand QtyOnHand InvStartDate Sku SalesTaxCodeRef PurchaseTaxCodeRef \
    ClassRef Source";

/// Properties inside lines and tax details.
const LINE: &str = "Id LineNum Description Amount DetailType SalesItemLineDetail DiscountLineDetail SubTotalLineDetail \
    DescriptionLineDetail GroupLineDetail LinkedTxn LineEx CustomField";
const SALES_ITEM: &str = "ItemRef ItemAccountRef ClassRef UnitPrice Qty TaxCodeRef ServiceDate TaxInclusiveAmt \
    DiscountAmt DiscountRate TaxClassificationRef MarkupInfo DeferredRevenue";
const DISCOUNT: &str = "PercentBased DiscountPercent DiscountAccountRef ClassRef TaxCodeRef DiscountRef";
const TAX_DETAIL: &str =
    "TotalTax TxnTaxCodeRef TaxLine UseAutomatedSalesTax ShippingTaxIncludedInTotalTax DefaultTaxCodeRef";
const TAX_LINE: &str = "TaxRateRef PercentBased TaxPercent NetAmountTaxable TaxInclusiveAmount OverrideDeltaAmount \
    ServiceDate";

/// Longest text by path, from the API reference. What is not listed may have 4000.
const LENGTHS: &[(&str, usize)] = &[
    ("DocNumber", 21),
    ("PrivateNote", 4000),
    ("Line.Description", 4000),
    ("CustomerMemo.value", 1000),
    ("BillEmail.Address", 100),
    ("PrimaryEmailAddr.Address", 100),
    ("DisplayName", 500),
    ("GivenName", 100),
    ("MiddleName", 100),
    ("FamilyName", 100),
    ("Title", 16),
    ("Suffix", 16),
    ("CompanyName", 100),
    ("PrintOnCheckName", 110),
    ("Notes", 2000),
    ("FreeFormNumber", 30),
    ("WebAddr.URI", 1000),
    ("ResaleNum", 16),
    ("City", 255),
    ("Country", 255),
    ("CountrySubDivisionCode", 255),
    ("PostalCode", 30),
    ("Line1", 500),
    ("Line2", 500),
    ("Line3", 500),
    ("Line4", 500),
    ("Line5", 500),
    ("Name", 100),
    ("Sku", 100),
    ("PurchaseDesc", 1000),
    ("TrackingNum", 31),
];

/// Names in which the reference forbids colon, tab and newline.
const NAMES: &[&str] =
    &["DisplayName", "GivenName", "MiddleName", "FamilyName", "Title", "Suffix", "PrintOnCheckName", "CompanyName"];

/// Texts that may have several lines.
const MULTILINE: &[&str] = &["Description", "PrivateNote", "CustomerMemo.value", "Notes", "PurchaseDesc"];

fn allowed(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Invoice => (SALE, INVOICE),
        Kind::SalesReceipt | Kind::RefundReceipt => (SALE, RECEIPT),
        Kind::CreditMemo => (SALE, MEMO),
        Kind::Payment => (PAYMENT, ""),
        Kind::Customer => (CUSTOMER, ""),
        _ => (ITEM, ""),
    }
}

fn known(object: Option<&Value>, lists: &[&str]) -> Checked<()> {
    let Some(object) = object.and_then(Value::as_object) else { return Ok(()) };
    let is_known = |key: &str| lists.iter().any(|list| list.split_whitespace().any(|name| name == key));
    match object.keys().find(|key| !key.starts_with('_') && !is_known(key)) {
        Some(key) => Err(faults::unsupported_property(key)),
        None => Ok(()),
    }
}

/// Code 2010 for a property that the reference does not know, 2050 and 2040 for texts.
pub fn check(kind: Kind, body: &Object) -> Checked<()> {
    let body = Value::Object(body.clone());
    let (common, own) = allowed(kind);
    known(Some(&body), &[common, own])?;
    for line in json::list(&body, "Line") {
        known(Some(line), &[LINE])?;
        known(line.get("SalesItemLineDetail"), &[SALES_ITEM])?;
        known(line.get("DiscountLineDetail"), &[DISCOUNT])?;
    }
    known(body.get("TxnTaxDetail"), &[TAX_DETAIL])?;
    for line in body.get("TxnTaxDetail").map_or(&[][..], |detail| json::list(detail, "TaxLine")) {
        known(line.get("TaxLineDetail"), &[TAX_LINE])?;
    }
    check_texts(kind, &body)
}

fn limit(kind: Kind, path: &str) -> usize {
    if path == "PaymentRefNum" {
        // The reference gives 21 for sales receipts and 100 for refund receipts; for payments 21 is the stricter reading.
        return if kind == Kind::RefundReceipt { 100 } else { 21 };
    }
    let last = path.rsplit('.').next().unwrap_or(path);
    LENGTHS.iter().find(|(name, _)| *name == path || *name == last).map_or(4000, |(_, max)| *max)
}

fn check_texts(kind: Kind, body: &Value) -> Checked<()> {
    let mut texts = Vec::new();
    json::strings(body, "", &mut texts);
    for (path, text) in &texts {
        if let Some(character) = text.chars().find(|character| *character > '\u{ffff}') {
            let detail = format!("{path}: character U+{:X}", u32::from(character));
            return Err(faults::unsupported_property(&detail));
        }
        let is_multiline =
            MULTILINE.iter().any(|name| path.ends_with(name)) && kind != Kind::Item || path == "Description";
        let has_break = text.contains(['\n', '\r', '\t']);
        if text.chars().any(json::is_doubtful) || has_break && !is_multiline {
            return Err(faults::illegal_characters(path, text));
        }
        if kind == Kind::Customer && NAMES.contains(&path.as_str()) && text.contains(':') {
            return Err(faults::illegal_characters(path, text));
        }
        if kind == Kind::Item && path == "Name" && text.contains(':') {
            return Err(faults::illegal_characters(path, text));
        }
        // The unit is not documented; UTF-16 units are the stricter of the two readings.
        let (max, supplied) = (limit(kind, path), text.encode_utf16().count());
        if supplied > max {
            return Err(faults::length(path, max, supplied));
        }
    }
    for name in ["BillAddr", "ShipAddr"] {
        let lines = (1..=5)
            .map(|n| json::text(body.get(name).unwrap_or(&Value::Null), &format!("Line{n}")).encode_utf16().count());
        let supplied = lines.sum();
        if supplied > 2000 {
            return Err(faults::length(name, 2000, supplied));
        }
    }
    for name in ["BillEmail", "PrimaryEmailAddr"] {
        let Some(address) = body.get(name).and_then(|email| email["Address"].as_str()) else { continue };
        let is_plausible = address.contains('@') && address.contains('.') && !address.contains(char::is_whitespace);
        if !is_plausible || !address.is_ascii() {
            return Err(faults::email(name));
        }
    }
    Ok(())
}
