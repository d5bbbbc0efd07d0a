//! Preflight: the settings held against the ledger company as it is set up, before anything is posted. Everything that is
//! looked at becomes a finding: fine, worth knowing, or a problem with the way to fix it. Pure: `posting/` reads the
//! company and keeps the result.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::survey::{Account, Survey};
use crate::books::money::Currency;
use crate::books::rules::LedgerName;
use crate::config::Settings;
use crate::shopify::admin::ShopFacts;

mod company;
mod names;
mod shop;

/// How a finding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// As it should be.
    Ok,
    /// Worth knowing; posting goes on.
    Note,
    /// Nothing is posted before it is fixed.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The setting, or the subject in the ledger's own words.
    pub about: String,
    /// How it counts.
    pub mark: Mark,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(default)]
    pub fix: String,
}

impl Finding {
    /// As it should be.
    pub fn ok(about: impl Into<String>, found: impl Into<String>) -> Self {
        Self { about: about.into(), mark: Mark::Ok, found: found.into(), fix: String::new() }
    }

    /// Worth knowing.
    pub fn note(about: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { about: about.into(), mark: Mark::Note, found: found.into(), fix: fix.into() }
    }

    /// To be fixed.
    pub fn problem(about: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { about: about.into(), mark: Mark::Problem, found: found.into(), fix: fix.into() }
    }
}

/// Something of the ledger that settings may name: what to write, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What to write into the settings.
    pub write: String,
    /// Its name.
    pub name: String,
    /// Its type or rate.
    pub kind: String,
}

/// What to choose from, as the ledger has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    /// For `lines`.
    pub lines: Vec<Choice>,
    /// For `payments`.
    pub payments: Vec<Choice>,
    /// For `taxes` and `no_tax`.
    pub tax_codes: Vec<Choice>,
}

/// What Shopify's side says.
#[derive(Debug, Clone, Default)]
pub enum ShopSide {
    /// It cannot be asked: no credentials are set.
    #[default]
    NoAccess,
    /// It gives no answer, for this reason; what it said before.
    Unanswered(String, Option<ShopFacts>),
    /// This.
    Answered(ShopFacts),
}

impl ShopSide {
    /// What Shopify said last.
    pub fn facts(&self) -> Option<&ShopFacts> {
        match self {
            ShopSide::NoAccess => None,
            ShopSide::Unanswered(_, facts) => facts.as_ref(),
            ShopSide::Answered(facts) => Some(facts),
        }
    }
}

/// What is known here of the shop and of what was posted already.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The shop's currency, once an order told it.
    pub shop_currency: Option<Currency>,
    /// The ledger's ids of the documents that this connection posted.
    pub own_documents: BTreeSet<String>,
    /// What Shopify says of the shop.
    pub shop: ShopSide,
    /// The present day.
    pub today: NaiveDate,
}

/// The result: findings, and the ledger's ids of what the settings name, by key.
#[derive(Debug, Clone, Default)]
pub struct Examined {
    /// Everything that was looked at, problems first.
    pub findings: Vec<Finding>,
    /// For each key of the settings the id that the ledger knows it by.
    pub ids: BTreeMap<String, String>,
    /// For each code of `taxes` the rate that the ledger has for it, where it says so.
    pub rates: BTreeMap<String, Decimal>,
}

/// Holds the settings against the company.
pub fn examine(settings: &Settings, survey: &Survey, known: &Known) -> Examined {
    let mut examined = Examined { rates: company::code_rates(settings, survey), ..Examined::default() };
    for named in settings.named() {
        match names::resolve(settings, survey, &named) {
            Ok((id, finding)) => {
                examined.ids.insert(named.key.clone(), id);
                examined.findings.push(finding);
            }
            Err(finding) => examined.findings.push(finding),
        }
    }
    let findings = &mut examined.findings;
    findings.extend(company::rates(settings, survey));
    findings.extend(company::gst_free(settings, survey));
    findings.extend(company::gift_cards(settings, survey));
    findings.extend(company::unset_lines(settings));
    findings.extend(company::currency(settings, survey, known));
    findings.extend(shop::shop(settings, survey, known));
    findings.push(company::time_zone(survey, known));
    findings.push(company::closed_period(settings, survey));
    findings.push(company::numbers(settings, survey, known));
    findings.extend(survey.findings.iter().cloned());
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.mark));
    examined
}

fn percent(rate: Decimal) -> String {
    format!("{} %", (rate * Decimal::ONE_HUNDRED).normalize())
}

/// What the ledger has to choose from.
pub fn choices(ledger: LedgerName, survey: &Survey) -> Choices {
    let account = |one: &Account| Choice {
        write: if one.code.is_empty() || ledger == LedgerName::QuickBooks { one.id.clone() } else { one.code.clone() },
        name: one.name.clone(),
        kind: one.currency.map_or_else(|| one.kind.clone(), |currency| format!("{}, {currency}", one.kind)),
    };
    let accounts = |wanted: fn(&Account) -> bool| -> Vec<Choice> {
        survey.accounts.iter().filter(|one| one.active && wanted(one)).map(account).collect()
    };
    let items = survey.items.iter().filter(|one| one.active);
    let items = items.map(|one| Choice { write: one.id.clone(), name: one.name.clone(), kind: "item".into() });
    let codes = survey.tax_codes.iter().filter(|one| one.active && one.unusable.is_none());
    Choices {
        lines: match ledger {
            LedgerName::QuickBooks => items.collect(),
            LedgerName::Xero => accounts(|one| one.takes_lines && !one.code.is_empty()),
        },
        payments: accounts(|one| one.takes_payments),
        tax_codes: codes
            .map(|one| Choice {
                write: one.code.clone(),
                name: one.name.clone(),
                kind: one.rate.map(percent).unwrap_or_default(),
            })
            .collect(),
    }
}
