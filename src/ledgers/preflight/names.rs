//! What the settings name, looked up: each account, item and tax code exists, is active, and can do what it is named for.

use super::{Finding, percent};
use crate::books::money::Currency;
use crate::books::rules::LedgerName;
use crate::config::{Named, NamedKind, Settings};
use crate::ledgers::survey::{Account, Item, Survey, TaxCode};

/// The ledger's id of what is named, and the finding that says so; or what is wrong with it.
pub type Resolved = Result<(String, Finding), Finding>;

/// Looks one name up.
pub fn resolve(settings: &Settings, survey: &Survey, named: &Named) -> Resolved {
    let title = settings.ledger.title();
    match (named.kind, settings.ledger) {
        (NamedKind::Line, LedgerName::QuickBooks) => line_item(survey, named),
        (NamedKind::Line, LedgerName::Xero) => line_account(survey, named),
        (NamedKind::Payment, _) => payment_account(survey, named, title),
        (NamedKind::TaxCode, _) => tax_code(survey, named, title),
    }
}

/// What something is found by: its id, code and name; and whether it is active.
type Keys<'a> = (&'a str, &'a str, &'a str, bool);

fn account_keys(one: &Account) -> Keys<'_> {
    (&one.id, &one.code, &one.name, one.active)
}

fn item_keys(one: &Item) -> Keys<'_> {
    (&one.id, "", &one.name, one.active)
}

fn code_keys(one: &TaxCode) -> Keys<'_> {
    (&one.code, "", &one.name, one.active)
}

/// The one of `all` that a label means: by the id of any, else by the code of any, else by name, active ones first.
fn find<'a, T>(
    all: &'a [T],
    label: &str,
    title: &str,
    what: &str,
    keys: fn(&T) -> Keys<'_>,
) -> Result<&'a T, (String, String)> {
    let missing = || {
        let fix = format!("Create it in {title}, or write one of the {what}s listed below into the settings.");
        (format!("{title} has no {what} \"{label}\""), fix)
    };
    let by_id = all.iter().find(|one| keys(one).0 == label);
    // An account's number may well be another account's id.
    let by_code = || all.iter().find(|one| !label.is_empty() && keys(one).1 == label);
    if let Some(found) = by_id.or_else(by_code) {
        return Ok(found);
    }
    let same_name = |one: &&T| keys(one).2.eq_ignore_ascii_case(label.trim());
    let named: Vec<&T> = all.iter().filter(same_name).collect();
    let active: Vec<&T> = named.iter().copied().filter(|one| keys(one).3).collect();
    match (active.as_slice(), named.as_slice()) {
        ([one], _) | ([], [one, ..]) => Ok(one),
        ([], []) => Err(missing()),
        (several, _) => {
            let ids: Vec<&str> = several.iter().map(|one| keys(one).0).collect();
            let fix = format!("Write the id of the one that is meant: {}.", ids.join(", "));
            Err((format!("{title} has several {what}s called \"{label}\""), fix))
        }
    }
}

fn inactive(named: &Named, title: &str, name: &str) -> Finding {
    let fix = format!("Make it active again in {title}, or name another one in the settings.");
    Finding::problem(&named.key, format!("\"{name}\" is inactive or archived in {title}"), fix)
}

/// The active account that is named.
pub fn account<'a>(survey: &'a Survey, named: &Named, title: &str) -> Result<&'a Account, Finding> {
    let found = find(&survey.accounts, &named.label, title, "account", account_keys);
    let found = found.map_err(|(found, fix)| Finding::problem(&named.key, found, fix))?;
    if found.active { Ok(found) } else { Err(inactive(named, title, &found.name)) }
}

/// The item that a label means.
pub fn item<'a>(survey: &'a Survey, label: &str) -> Result<&'a Item, (String, String)> {
    find(&survey.items, label, "QuickBooks", "item", item_keys)
}

fn line_item(survey: &Survey, named: &Named) -> Resolved {
    let found = item(survey, &named.label);
    let found = found.map_err(|(found, fix)| Finding::problem(&named.key, found, fix))?;
    if !found.active {
        return Err(inactive(named, "QuickBooks", &found.name));
    }
    if found.account.is_none() {
        let fix = "Open the item in QuickBooks and choose its income account.";
        return Err(Finding::problem(&named.key, format!("the item \"{}\" has no income account", found.name), fix));
    }
    Ok((found.id.clone(), Finding::ok(&named.key, format!("item {} (id {})", found.name, found.id))))
}

fn line_account(survey: &Survey, named: &Named) -> Resolved {
    let found = account(survey, named, "Xero")?;
    let shown = shown(found);
    if !found.takes_lines {
        let fix = "Name a revenue, expense or liability account; Xero takes no bank or system account on a line.";
        return Err(Finding::problem(&named.key, format!("{shown} cannot stand on an invoice's line"), fix));
    }
    if found.code.is_empty() {
        let fix = "Give the account a code in Xero (Accounting → Chart of accounts).";
        return Err(Finding::problem(&named.key, format!("{shown} has no code"), fix));
    }
    Ok((found.code.clone(), Finding::ok(&named.key, shown)))
}

fn payment_account(survey: &Survey, named: &Named, title: &str) -> Resolved {
    let found = account(survey, named, title)?;
    let shown = shown(found);
    let problem = |found: String, fix: String| Err(Finding::problem(&named.key, found, fix));
    if !found.takes_payments {
        let fix = match title {
            "QuickBooks" => {
                "QuickBooks takes payments into accounts of the type Bank or Other Current Asset only: name one of those."
            }
            _ => "Switch on \"Enable payments to this account\" in Xero's chart of accounts, or name a bank account.",
        };
        return problem(format!("{shown} takes no payments"), fix.into());
    }
    let foreign = found.currency.filter(|currency| survey.home.is_some_and(|home| home != *currency));
    let wanted: Option<Currency> = named.key.split_once(':').and_then(|(_, code)| code.parse().ok());
    if let Some(wanted) = wanted
        && let Some(known) = &survey.currencies
        && !known.contains(&wanted)
    {
        return problem(
            format!("{title} has no currency {wanted}"),
            format!("Add {wanted} under Currencies in {title}."),
        );
    }
    match (foreign, wanted) {
        (Some(own), Some(wanted)) if own != wanted => problem(
            format!("{shown} is in {own}"),
            format!("Name an account in {wanted} or in the home currency, or correct the key."),
        ),
        (Some(own), None) => {
            let fix = format!(
                "Write the key with its currency behind (\"{}:{own}\") and name another account for the rest.",
                named.key.trim_start_matches("payments.")
            );
            problem(format!("{shown} is in {own} and can receive nothing else"), fix)
        }
        _ => {
            let id = if found.code.is_empty() || title == "QuickBooks" { &found.id } else { &found.code };
            Ok((id.clone(), Finding::ok(&named.key, shown)))
        }
    }
}

fn tax_code(survey: &Survey, named: &Named, title: &str) -> Resolved {
    let found = code(survey, &named.label, title).map_err(|(found, fix)| Finding::problem(&named.key, found, fix))?;
    if !found.active {
        return Err(inactive(named, title, &found.name));
    }
    if let Some(why) = found.unusable {
        let fix = "Name another tax code, one of those listed below.";
        return Err(Finding::problem(&named.key, format!("\"{}\" {why}", found.name), fix));
    }
    let rate = found.rate.map(|rate| format!(", {}", percent(rate))).unwrap_or_default();
    Ok((found.code.clone(), Finding::ok(&named.key, format!("tax code {} ({}{rate})", found.name, found.code))))
}

/// The tax code that a label means.
pub fn code<'a>(survey: &'a Survey, label: &str, title: &str) -> Result<&'a TaxCode, (String, String)> {
    find(&survey.tax_codes, label, title, "tax code", code_keys)
}

fn shown(account: &Account) -> String {
    let code = if account.code.is_empty() { &account.id } else { &account.code };
    format!("account {} ({code}, {})", account.name, account.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_looked_for_among_all_before_any_code_and_a_code_before_any_name() {
        let account = |id: &str, code: &str, name: &str| Account {
            id: id.into(),
            code: code.into(),
            name: name.into(),
            kind: "Bank".into(),
            currency: None,
            active: true,
            takes_payments: true,
            takes_lines: false,
        };
        let accounts = [account("12", "91", "400"), account("35", "400", "35"), account("91", "12", "Clearing")];
        let found =
            |label: &str| find(&accounts, label, "QuickBooks", "account", account_keys).map(|one| one.id.as_str());
        assert_eq!([found("91"), found("12"), found("35")], [Ok("91"), Ok("12"), Ok("35")], "another one's number");
        assert_eq!([found("400"), found("clearing")], [Ok("35"), Ok("91")]);
    }
}
