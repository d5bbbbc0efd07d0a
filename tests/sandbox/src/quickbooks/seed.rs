//! What the preset companies hold from the start: see the tables in [`crate::presets`].

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{Company, Kind};
use crate::json;
use crate::presets::{self, ITEMS, QUICKBOOKS_ACCOUNTS, QUICKBOOKS_RATES};

/// The US company: automated sales tax.
pub fn united_states() -> Company {
    let mut company = Company::new(presets::QUICKBOOKS_US, "Tillproof Outfitters Inc.", "US", "USD");
    company.seed();
    let rate =
        json!({ "Name": "California", "RateValue": 8, "AgencyRef": { "value": "1" }, "Description": "Sales Tax" });
    company.plant(Kind::TaxRate, 3, rate);
    company.plant(Kind::TaxCode, 2, tax_code("Automated Sales Tax", &[("3", "California")]));
    company
}

/// The UK company: VAT codes on lines.
pub fn united_kingdom() -> Company {
    let mut company = Company::new(presets::QUICKBOOKS_UK, "Tillproof Outfitters Ltd", "GB", "GBP");
    company.seed();
    for (code, rate, name, percent) in presets::VAT_CODES {
        if let Some(rate) = rate {
            let percent: Value = json::plain(json::parse(percent).unwrap_or_default());
            let entity =
                json!({ "Name": format!("{name} (Sales)"), "RateValue": percent, "AgencyRef": { "value": "1" } });
            company.plant(Kind::TaxRate, rate, entity);
        }
        let id = rate.map(|rate| rate.to_string());
        let rates: Vec<(&str, &str)> = id.iter().map(|id| (id.as_str(), name)).collect();
        company.plant(Kind::TaxCode, code, tax_code(name, &rates));
    }
    company.plant_compound_code();
    company
}

fn tax_code(name: &str, rates: &[(&str, &str)]) -> Value {
    let details: Vec<Value> = rates
        .iter()
        .map(|(id, name)| json!({ "TaxRateRef": { "value": id, "name": name }, "TaxTypeApplicable": "TaxOnAmount", "TaxOrder": 0 }))
        .collect();
    json!({
        "Name": name, "Description": name, "Taxable": !rates.is_empty(), "TaxGroup": true, "Hidden": false,
        "TaxCodeConfigType": "SYSTEM_GENERATED", "SalesTaxRateList": { "TaxRateDetail": details },
        "PurchaseTaxRateList": { "TaxRateDetail": [] },
    })
}

impl Company {
    /// One code of two rates: each is computed by itself, on the sum of all lines that bear it.
    fn plant_compound_code(&mut self) {
        let (code, name, (own, title, percent), (shared, shared_title)) = presets::COMPOUND_CODE;
        let percent: Value = json::plain(json::parse(percent).unwrap_or_default());
        self.plant(Kind::TaxRate, own, json!({ "Name": title, "RateValue": percent, "AgencyRef": { "value": "1" } }));
        let (own, shared) = (own.to_string(), shared.to_string());
        self.plant(Kind::TaxCode, code, tax_code(name, &[(&own, title), (&shared, shared_title)]));
    }

    fn seed(&mut self) {
        for (id, name, kind, subtype, currency) in QUICKBOOKS_ACCOUNTS {
            let currency = if currency.is_empty() { self.home.clone() } else { currency.to_owned() };
            let classification = match kind {
                "Income" => "Revenue",
                "Other Current Liability" => "Liability",
                "Expense" => "Expense",
                _ => "Asset",
            };
            let account = json!({
                "Name": name, "FullyQualifiedName": name, "AccountType": kind, "AccountSubType": subtype,
                "Classification": classification, "CurrencyRef": { "value": currency, "name": currency },
                "CurrentBalance": 0, "SubAccount": false,
            });
            self.plant(Kind::Account, id, account);
        }
        for (id, name, account) in ITEMS {
            let item = json!({
                "Name": name, "FullyQualifiedName": name, "Type": "Service", "Taxable": true, "UnitPrice": 0,
                "IncomeAccountRef": { "value": account.to_string() }, "TrackQtyOnHand": false,
            });
            self.plant(Kind::Item, id, item);
        }
        let home = self.home.clone();
        for (position, (currency, _)) in QUICKBOOKS_RATES.iter().enumerate().filter(|(_, (code, _))| *code != home) {
            self.plant(Kind::CompanyCurrency, position as u64 + 1, json!({ "Code": currency, "Name": currency }));
        }
    }

    /// The day's rate: home units for one unit of `currency`.
    pub(super) fn daily_rate(&self, currency: &str) -> Option<Decimal> {
        let in_dollars = |code: &str| {
            QUICKBOOKS_RATES.iter().find(|(name, _)| *name == code).and_then(|(_, rate)| json::parse(rate))
        };
        Some((in_dollars(currency)? / in_dollars(&self.home)?).round_dp(6))
    }

    pub(super) fn company_info(&self) -> Value {
        let country = if self.is_us() { "US" } else { "GB" };
        let address = if self.is_us() {
            json!({ "Id": "1", "Line1": "2500 Garcia Ave", "City": "Mountain View", "CountrySubDivisionCode": "CA", "PostalCode": "94043", "Country": "USA" })
        } else {
            json!({ "Id": "1", "Line1": "1 Market Street", "City": "London", "PostalCode": "EC1A 1BB", "Country": "GBR" })
        };
        json!({
            "Id": "1", "SyncToken": "4", "domain": "QBO", "sparse": false, "CompanyName": self.name, "LegalName": self.name,
            "Country": country, "CompanyAddr": address, "LegalAddr": address, "SupportedLanguages": "en",
            "FiscalYearStartMonth": "January", "CompanyStartDate": "2024-01-01", "DefaultTimeZone": if self.is_us() { "America/Los_Angeles" } else { "Europe/London" },
            "Email": { "Address": "books@example.com" }, "NameValue": [{ "Name": "NeoEnabled", "Value": "true" }],
            "MetaData": { "CreateTime": "2024-01-01T00:00:00+00:00", "LastUpdatedTime": "2024-01-01T00:00:00+00:00" },
        })
    }

    pub(super) fn preferences(&self) -> Value {
        let mut tax = json!({ "UsingSalesTax": self.settings.using_sales_tax });
        if self.is_us() && !self.settings.manual_sales_tax {
            // True: automated sales tax is on and set up.
            tax["PartnerTaxEnabled"] = json!(self.settings.using_sales_tax);
        }
        let mut accounting = json!({ "FirstMonthOfFiscalYear": "January", "UseAccountNumbers": false, "TrackDepartments": false, "ClassTrackingPerTxn": false });
        if let Some(date) = self.settings.book_close_date {
            accounting["BookCloseDate"] = json!(date.to_string());
        }
        json!({
            "Id": "1", "SyncToken": "0", "domain": "QBO", "sparse": false, "AccountingInfoPrefs": accounting, "TaxPrefs": tax,
            "CurrencyPrefs": { "MultiCurrencyEnabled": self.settings.multicurrency, "HomeCurrency": { "value": self.home } },
            "SalesFormsPrefs": {
                "CustomTxnNumbers": self.settings.custom_txn_numbers, "AllowDiscount": true, "AllowShipping": false,
                "AllowDeposit": false, "AutoApplyCredit": false, "AutoApplyPayments": false, "AllowEstimates": true,
            },
            "OtherPrefs": { "NameValue": [{ "Name": "SalesFormsPrefs.AllowGratuity", "Value": "false" }] },
            "MetaData": { "CreateTime": "2024-01-01T00:00:00+00:00", "LastUpdatedTime": "2024-01-01T00:00:00+00:00" },
        })
    }
}
