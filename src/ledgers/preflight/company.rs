//! What stands beside the names: rates, gift cards, currencies, dates, and numbers that are taken.

use std::collections::BTreeMap;

use chrono::{Months, NaiveDate};
use rust_decimal::Decimal;

use super::{Finding, Known, names, percent};
use crate::books::calendar::Calendar;
use crate::books::document::LineRole;
use crate::books::rules::LedgerName;
use crate::config::{
    ClosedPeriod, CurrencySide, ExchangeRate, Named, NamedKind, Settings, TaxBooking, TaxEntry, code_key,
};
use crate::ledgers::survey::{LOOKED_THROUGH, Numbered, Survey};

/// The rates of the codes that `taxes` names, by key.
pub fn code_rates(settings: &Settings, survey: &Survey) -> BTreeMap<String, Decimal> {
    let rate = |(at, entry): (usize, &TaxEntry)| {
        let found = names::code(survey, &entry.code, settings.ledger.title()).ok()?;
        Some((code_key(at), found.rate.filter(|_| found.unusable.is_none())?))
    };
    settings.taxes.iter().enumerate().filter_map(rate).collect()
}

/// A tax that is mapped to a code of another rate would never come to the order's total.
pub fn rates(settings: &Settings, survey: &Survey) -> Vec<Finding> {
    let title = settings.ledger.title();
    let mut wanted: Vec<(String, &str, Decimal)> = Vec::new();
    wanted.extend(settings.no_tax.as_deref().map(|code| ("no_tax".to_owned(), code, Decimal::ZERO)));
    for (at, entry) in settings.taxes.iter().enumerate() {
        let rates = entry.rates.iter().flatten().map(|rate| rate.0).reduce(|one, other| one + other);
        let (rate, condition) = match entry.untaxed {
            true => (Some(Decimal::ZERO), "untaxed"),
            false => (entry.rate.or(rates), "rate"),
        };
        wanted.extend(rate.map(|rate| (format!("taxes[{at}].{condition}"), entry.code.as_str(), rate)));
    }
    let differs = |(key, label, rate): (String, &str, Decimal)| {
        let found = names::code(survey, label, title).ok()?;
        let theirs = found.rate.filter(|theirs| *theirs != rate && found.unusable.is_none())?;
        let text =
            format!("{} is mapped to \"{}\", which is {} in {title}", percent(rate), found.name, percent(theirs));
        Some(Finding::problem(key, text, format!("Name a tax code of {}.", percent(rate))))
    };
    wanted.into_iter().filter_map(differs).collect()
}

/// Xero's tax type, in Australia, of what no activity statement counts.
const NOT_IN_THE_BAS: &str = "BASEXCLUDED";

/// In Australia what is sold without GST is a sale all the same, and stands in the activity statement: it needs a code of its
/// own.
pub fn gst_free(settings: &Settings, survey: &Survey) -> Option<Finding> {
    let excluded = settings.ledger == LedgerName::Xero && settings.tax == TaxBooking::Codes;
    let excluded = excluded && settings.no_tax.as_deref() == Some(NOT_IN_THE_BAS);
    let is_no_sale = |entry: &TaxEntry| entry.code == NOT_IN_THE_BAS;
    let of_zero = |entry: &&TaxEntry| entry.untaxed || entry.rate.is_some_and(|rate| rate.is_zero());
    let zero: Vec<&TaxEntry> = settings.taxes.iter().filter(of_zero).collect();
    let covered = zero.iter().any(|entry| entry.untaxed) && zero.iter().any(|entry| !entry.untaxed);
    if !excluded || (covered && !zero.into_iter().any(is_no_sale)) {
        return None;
    }
    let free = survey.tax_codes.iter().find(|one| one.active && one.code == "EXEMPTOUTPUT")?;
    let fix = format!(
        "Add `{{ untaxed = true, code = \"{0}\" }}` and `{{ rate = \"0\", code = \"{0}\" }}` to `taxes` ({1}); before them, with \
         another `country`, the code of exports.",
        free.code, free.name
    );
    let found = "goods without GST take the code BASEXCLUDED, which leaves them out of the activity statement (G1)";
    Some(Finding::note("taxes", found, fix))
}

/// Gift cards sold and redeemed go through one account, so that it clears.
pub fn gift_cards(settings: &Settings, survey: &Survey) -> Option<Finding> {
    let title = settings.ledger.title();
    let sold = settings.lines.account(LineRole::GiftCards)?;
    let named = |key: &str, label: &str| Named { key: key.into(), kind: NamedKind::Payment, label: label.into() };
    let is_of_gift_cards =
        |gateway: &str| gateway.split(':').next().is_some_and(|name| name.eq_ignore_ascii_case("gift_card"));
    let mut all = settings.payments.iter().filter(|(gateway, _)| is_of_gift_cards(gateway)).peekable();
    if all.peek().is_none() {
        let fix = "Add `gift_card` to `payments`, with the account that gift cards are sold into.";
        return Some(Finding::problem(
            "payments.gift_card",
            "gift cards are sold, and no account is named for redeeming them",
            fix,
        ));
    }
    let sold = match settings.ledger {
        LedgerName::Xero => names::account(survey, &named("", sold), title).ok()?.id.clone(),
        LedgerName::QuickBooks => names::item(survey, sold).ok()?.account.clone()?,
    };
    let mut ids = Vec::new();
    for (key, label) in all {
        ids.push(names::account(survey, &named(key, label), title).ok()?.id.clone());
    }
    if ids.iter().all(|id| *id == sold) {
        return Some(Finding::ok("gift cards", "sold and redeemed through one account, which clears"));
    }
    let fix = match settings.ledger {
        LedgerName::Xero => "Name the same liability account in `lines.gift_cards` and `payments.gift_card`.",
        LedgerName::QuickBooks => {
            "Let the gift card item's income account in QuickBooks be the account of `payments.gift_card` (type Other Current Asset)."
        }
    };
    Some(Finding::problem(
        "gift cards",
        "they are sold into one account and redeemed from another: neither ever clears",
        fix,
    ))
}

/// Kinds of lines without an account: an order that has one will be held.
pub fn unset_lines(settings: &Settings) -> Option<Finding> {
    let roles = [
        (LineRole::Tips, "tips"),
        (LineRole::Duties, "duties"),
        (LineRole::GiftCards, "gift_cards"),
        (LineRole::MarketplaceTax, "marketplace_tax"),
        (LineRole::Overpayments, "overpayments"),
    ];
    let unset: Vec<&str> =
        roles.iter().filter(|(role, _)| settings.lines.account(*role).is_none()).map(|(_, name)| *name).collect();
    let found = format!("not set: {}", unset.join(", "));
    let fix = "Orders that have such a line will be held. Set the key if the shop has them.";
    (!unset.is_empty()).then(|| Finding::note("lines", found, fix))
}

/// What the company's home currency means for this shop.
pub fn currency(settings: &Settings, survey: &Survey, known: &Known) -> Vec<Finding> {
    let title = settings.ledger.title();
    let Some(home) = survey.home else {
        return vec![Finding::note("home currency", format!("{title} does not state it"), "")];
    };
    let mut findings = Vec::new();
    let several = "Switch on multi-currency in the ledger";
    if settings.currency == CurrencySide::Presentment && !survey.multicurrency {
        let fix = format!("{several}, or set currency = \"shop\".");
        findings.push(Finding::problem("currency", format!("\"presentment\", but {title} keeps {home} only"), fix));
    }
    let Some(shop) = known.shop_currency else {
        let found = format!("{home}; the shop's currency becomes known with its first order");
        findings.push(Finding::note("home currency", found, ""));
        return findings;
    };
    if shop == home {
        findings.push(Finding::ok("home currency", format!("{home}, as the shop's")));
        return findings;
    }
    let taken = survey.multicurrency && survey.currencies.as_ref().is_none_or(|all| all.contains(&shop));
    if settings.exchange_rate == Some(ExchangeRate::Shop) {
        let fix =
            "Set exchange_rate = \"ledger\": Shopify's rates are for the shop's currency, not for this home currency.";
        findings.push(Finding::problem(
            "exchange_rate",
            format!("the shop sells in {shop}, the books are kept in {home}"),
            fix,
        ));
    }
    if taken {
        let found = format!("{home}; the shop's is {shop}, booked as a foreign currency");
        findings.push(Finding::note("home currency", found, ""));
    } else if settings.currency == CurrencySide::Shop {
        let fix = format!("{several} and add {shop}, or connect the company whose home currency is {shop}.");
        findings.push(Finding::problem(
            "home currency",
            format!("{home}, and {title} takes no documents in {shop}"),
            fix,
        ));
    }
    findings
}

/// In which time zone documents are dated, and whether the shop counts other days.
pub fn time_zone(survey: &Survey, known: &Known) -> Finding {
    let Some(zone) = &survey.time_zone else {
        return Finding::note(
            "time zone",
            "the ledger does not state one",
            "Documents are dated by the shop's own time, as Shopify writes it.",
        );
    };
    let days = format!("{zone}: the dates of documents are days there");
    let shops = known.shop.facts().and_then(|facts| facts.time_zone.as_deref());
    match shops.filter(|shops| !counts_the_same_days(zone, shops, known.today)) {
        None => Finding::ok("time zone", days),
        Some(shops) => Finding::note(
            "time zone",
            format!("{days}, and the shop's time zone is {shops}"),
            "What is sold near midnight is dated on another day than in Shopify's reports. Set one time zone in both \
             where the days have to agree.",
        ),
    }
}

/// True if days begin alike in both time zones, the year round.
fn counts_the_same_days(one: &str, other: &str, today: NaiveDate) -> bool {
    let (one, other) = (Calendar::new(Some(one), None), Calendar::new(Some(other), None));
    let mut days = (0..12).filter_map(|months| today.checked_add_months(Months::new(months)));
    days.all(|day| one.begin_of(day) == other.begin_of(day))
}

/// Whether orders fall into a closed period.
pub fn closed_period(settings: &Settings, survey: &Survey) -> Finding {
    let Some(until): Option<NaiveDate> = survey.closed_until else {
        return Finding::ok("closed period", "no period is closed");
    };
    let found = format!("closed up to {until}");
    if until < settings.start_date {
        return Finding::ok("closed period", format!("{found}, before start_date"));
    }
    if settings.closed_period == ClosedPeriod::FirstOpenDay {
        return Finding::ok("closed period", format!("{found}: older documents are dated on the day after"));
    }
    Finding::note(
        "closed period",
        found,
        format!(
            "Orders dated up to then will be held. Open the period, set closed_period = \"first_open_day\", or set \
             start_date to a day after {until}."
        ),
    )
}

/// Numbers that begin as ours do and are not ours. Before the first document that is a reason to choose another prefix;
/// afterwards somebody chose a number by hand, and the one order that wants it will say so.
pub fn numbers(settings: &Settings, survey: &Survey, known: &Known) -> Finding {
    let prefix = &settings.number_prefix;
    // The ledgers look for numbers without regard to case.
    let begins = |number: &str| number.to_lowercase().starts_with(&prefix.to_lowercase());
    let of_others = |one: &&Numbered| !known.own_documents.contains(&one.id) && begins(&one.number);
    let (earlier, foreign): (Vec<&Numbered>, Vec<&Numbered>) =
        survey.numbered.iter().filter(of_others).partition(|one| one.names_an_order);
    let list = |all: &[&Numbered]| -> String {
        let shown: Vec<&str> = all.iter().take(5).map(|one| one.number.as_str()).collect();
        let more = if all.len() > shown.len() { " and others" } else { "" };
        format!("{}{more}", shown.join(", "))
    };
    let limits = match survey.not_looked_through.as_slice() {
        [] => String::new(),
        kinds => format!("; of the {} only the first {LOOKED_THROUGH} were looked through", kinds.join(" and the ")),
    };
    if foreign.is_empty() && earlier.is_empty() {
        let found = format!("no other document's number begins with \"{prefix}\"{limits}");
        if limits.is_empty() || !known.own_documents.is_empty() {
            return Finding::ok("number_prefix", found);
        }
        return Finding::note("number_prefix", found, "To be sure, choose a prefix that no other number contains.");
    }
    if foreign.is_empty() {
        let fix = "They name Shopify orders: each is looked at before its order is posted, and kept if it is right.";
        let found = format!("documents of an earlier connection: {}{limits}", list(&earlier));
        return Finding::note("number_prefix", found, fix);
    }
    let found = format!("numbers are taken: {}{limits}", list(&foreign));
    let fix = "Choose another number_prefix, so that no order meets a document of somebody else.";
    if known.own_documents.is_empty() {
        Finding::problem("number_prefix", found, fix)
    } else {
        Finding::note("number_prefix", found, "An order that needs one of them will be held.")
    }
}
