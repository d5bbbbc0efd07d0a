//! The secrets and variables beside the connections: which of them counts for which connection, and which contradict each
//! other. No value of one ever stands in a message.

use serde_json::Value;

use super::{ConfigError, Connection, Variables};

/// The value of a secret or variable, if it is set and not empty.
pub fn variable<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
    variables.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// A value for one connection: `NAME_<ID>`, else `NAME`.
pub fn variable_for<'a>(variables: &'a Variables, name: &str, connection: &str) -> Option<&'a str> {
    let suffixed = format!("{name}_{}", connection.to_ascii_uppercase());
    variable(variables, &suffixed).or_else(|| variable(variables, name))
}

/// What Shopify may sign with.
const SIGNING: [&str; 2] = ["SHOPIFY_WEBHOOK_SECRETS", "SHOPIFY_CLIENT_SECRET"];

/// The secrets that Shopify may have signed a shop's deliveries with: those of any of its connections, for what one of
/// them gets all of them get. With several shops only the suffixed names count, so that nobody who knows one shop's secret
/// can speak for another.
pub fn webhook_secrets(variables: &Variables, all: &[Connection], shop: &str) -> Vec<String> {
    let several_shops = all.iter().any(|other| other.shop != shop);
    let of_shop = all.iter().filter(|one| one.shop == shop);
    of_shop.flat_map(|one| signing_secrets(variables, &one.id, several_shops)).map(str::to_owned).collect()
}

fn signing_secrets<'a>(
    variables: &'a Variables,
    connection: &str,
    several_shops: bool,
) -> impl Iterator<Item = &'a str> {
    let found = SIGNING.into_iter().filter_map(move |name| shop_variable(variables, name, connection, several_shops));
    found.flat_map(|list| list.split(',').map(str::trim).filter(|one| !one.is_empty()))
}

/// The secret without which none of the deliveries of a connection's shop can be verified, if so: all of them are refused.
/// `of_shop` are the connections of that shop.
pub fn missing_webhook_secret<'a>(
    variables: &Variables,
    connection: &str,
    mut of_shop: impl Iterator<Item = &'a Connection>,
    several_shops: bool,
) -> Option<ConfigError> {
    if of_shop.any(|one| signing_secrets(variables, &one.id, several_shops).next().is_some()) {
        return None;
    }
    let suffix = if several_shops { format!("_{}", connection.to_ascii_uppercase()) } else { String::new() };
    let key = format!("{}{suffix}", SIGNING[0]);
    let of_one_shop: Vec<&str> = SIGNING.into_iter().filter(|name| variable(variables, name).is_some()).collect();
    let why = match of_one_shop.as_slice() {
        [] => String::new(),
        set => format!(" What is set without a connection's id ({}) counts for none of several shops.", set.join(", ")),
    };
    let problem = format!(
        "is missing, so that every delivery of this shop is refused: nobody can verify it.{why} Set it with: npx \
         wrangler secret put {key}"
    );
    Some(ConfigError::new(key, problem))
}

/// A value of a connection's shop: `NAME_<ID>`, and `NAME` where there is one shop only.
fn shop_variable<'a>(variables: &'a Variables, name: &str, connection: &str, several_shops: bool) -> Option<&'a str> {
    let suffixed = format!("{name}_{}", connection.to_ascii_uppercase());
    variable(variables, &suffixed).or_else(|| if several_shops { None } else { variable(variables, name) })
}

/// How a shop lets its Admin API be used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AdminAccess<'a> {
    /// By a permanent token of an older custom app.
    Token(&'a str),
    /// By an app's own credentials, for tokens that last a day.
    Client {
        /// `SHOPIFY_CLIENT_ID`
        id: &'a str,
        /// `SHOPIFY_CLIENT_SECRET`; while it is being replaced, the first of the list.
        secret: &'a str,
    },
}

impl<'a> AdminAccess<'a> {
    /// The access of a connection, if any is configured. With several shops only the suffixed names count.
    pub fn of(variables: &'a Variables, connection: &str, several_shops: bool) -> Option<Self> {
        let read = |name| shop_variable(variables, name, connection, several_shops);
        if let Some(token) = read("SHOPIFY_ACCESS_TOKEN") {
            return Some(AdminAccess::Token(token));
        }
        let secret = read("SHOPIFY_CLIENT_SECRET")?.split(',').next()?.trim();
        Some(AdminAccess::Client { id: read("SHOPIFY_CLIENT_ID")?, secret })
    }

    /// The name in the status.
    pub fn as_str(self) -> &'static str {
        match self {
            AdminAccess::Token(_) => "access_token",
            AdminAccess::Client { .. } => "client_credentials",
        }
    }
}

/// What the secrets of two connections of one set of books say against each other: the books have one grant, and whoever
/// asked for tokens last would begin it anew.
pub(super) fn contradiction(variables: &Variables, one: &Connection, other: &Connection) -> Option<ConfigError> {
    let (Ok(mine), Ok(theirs)) = (&one.settings, &other.settings) else { return None };
    if one.id == other.id || one.books != other.books || mine.ledger != theirs.ledger {
        return None;
    }
    let prefix = mine.ledger.as_str().to_ascii_uppercase();
    let both = |what: &str| {
        let of = |one: &Connection| named_for(variables, &format!("{prefix}_{what}"), &one.id);
        Some((of(one)?, of(other)?))
    };
    let refresh_tokens = both("REFRESH_TOKEN");
    let (clients, secrets) = (both("CLIENT_ID"), both("CLIENT_SECRET"));
    type Pair<'a> = ((String, &'a str), (String, &'a str));
    let differ = |pair: &Option<Pair<'_>>| pair.as_ref().is_some_and(|((_, mine), (_, theirs))| mine != theirs);
    let (pair, why) = if differ(&refresh_tokens) {
        (refresh_tokens, "and these books have one grant; leave one of the two")
    } else if differ(&clients) && refresh_tokens.is_some() {
        (clients, "and the one refresh token of these books belongs to one app; leave one of the two")
    } else if differ(&secrets) && !differ(&clients) {
        (secrets, "for the same client id; leave one of the two")
    } else {
        return None;
    };
    let ((mine, _), (theirs, _)) = pair?;
    Some(ConfigError::new(mine, format!("is another one than {theirs} of the connection `{}`, {why}", other.id)))
}

/// The same as [`variable_for`], with the name under which it was found.
fn named_for<'a>(variables: &'a Variables, name: &str, connection: &str) -> Option<(String, &'a str)> {
    let suffixed = format!("{name}_{}", connection.to_ascii_uppercase());
    [suffixed, name.to_owned()].into_iter().find_map(|name| {
        let value = variable(variables, &name)?;
        Some((name, value))
    })
}

/// The secrets of connections that the settings name no more, each with the connection's id. Where no connection is left
/// at all, the ones without an id too, for any of them.
pub fn left_secrets(variables: &Variables, all: &[Connection]) -> Vec<(Option<String>, String)> {
    let of = |name: &str| -> Option<Option<String>> {
        let rest = SIGNING.iter().find_map(|one| name.strip_prefix(one))?;
        match rest.strip_prefix('_').map(str::to_ascii_lowercase) {
            Some(id) if all.iter().all(|one| one.id != id) => Some(Some(id)),
            None if rest.is_empty() && all.is_empty() => Some(None),
            _ => None,
        }
    };
    let found = variables.keys().filter_map(|name| Some((of(name)?, variable(variables, name)?)));
    let listed = found.flat_map(|(id, list)| list.split(',').map(move |one| (id.clone(), one.trim().to_owned())));
    listed.filter(|(_, secret)| !secret.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::connections;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn example() -> Value {
        json!({
            "shop": "example.myshopify.com", "ledger": "xero", "number_prefix": "S-", "start_date": "2026-01-01",
            "no_tax": "NONE", "lines": {"sales": "200"}, "payments": {"default": "090"},
        })
    }

    /// Two shops, in the same books or not, with these secrets; what is wrong with each.
    fn problems(same_books: bool, secrets: &[(&str, &str)]) -> Vec<String> {
        let (mut one, mut other) = (example(), example());
        (other["shop"], other["number_prefix"]) = (json!("second.myshopify.com"), json!("T-"));
        if same_books {
            (one["books"], other["books"]) = (json!("main"), json!("main"));
        }
        let mut variables = BTreeMap::from([("CONNECTION_A".to_owned(), one), ("CONNECTION_B".to_owned(), other)]);
        variables.extend(secrets.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        let all = connections(&variables).into_iter();
        all.filter_map(|one| one.settings.err().map(|all| all[0].to_string())).collect()
    }

    #[test]
    fn connections_of_one_set_of_books_with_two_refresh_tokens_or_two_secrets_of_one_app_are_refused_by_both_names() {
        let tokens = [("XERO_REFRESH_TOKEN_A", "first"), ("XERO_REFRESH_TOKEN_B", "second")];
        let said = problems(true, &tokens);
        assert_eq!(said.len(), 2);
        assert!(said[0].starts_with("XERO_REFRESH_TOKEN_A: is another one than XERO_REFRESH_TOKEN_B"), "{said:?}");
        assert!(!said.concat().contains("first") && !said.concat().contains("second,"), "{said:?}");
        assert!(problems(false, &tokens).is_empty(), "other books have a grant of their own");
        let said = problems(true, &[("XERO_REFRESH_TOKEN", "first"), ("XERO_REFRESH_TOKEN_B", "second")]);
        assert!(said[0].starts_with("XERO_REFRESH_TOKEN: is another one than XERO_REFRESH_TOKEN_B"), "{said:?}");
        assert!(problems(true, &[("XERO_REFRESH_TOKEN_A", "first")]).is_empty(), "one grant is one grant");
        let app = [("XERO_CLIENT_ID", "app"), ("XERO_CLIENT_SECRET_A", "first"), ("XERO_CLIENT_SECRET", "second")];
        let said = problems(true, &app);
        assert!(said[0].starts_with("XERO_CLIENT_SECRET_A: is another one than XERO_CLIENT_SECRET of"), "{said:?}");
        let two_apps = [("XERO_CLIENT_ID_A", "one"), ("XERO_CLIENT_ID_B", "other"), ("XERO_CLIENT_SECRET_A", "first")];
        assert!(problems(true, &two_apps).is_empty(), "tokens remember whose they are");
        let shared: Vec<_> = two_apps.into_iter().chain([("XERO_REFRESH_TOKEN", "first")]).collect();
        assert!(problems(true, &shared)[0].starts_with("XERO_CLIENT_ID_A: is another one than XERO_CLIENT_ID_B"));
    }

    #[test]
    fn with_several_shops_only_a_shops_own_secret_counts() {
        let mut other = example();
        other["shop"] = json!("second.myshopify.com");
        other["number_prefix"] = json!("T-");
        let variables = BTreeMap::from([
            ("CONNECTION_A".to_owned(), example()),
            ("CONNECTION_B".to_owned(), other),
            ("SHOPIFY_WEBHOOK_SECRETS".to_owned(), json!("everyone")),
            ("SHOPIFY_WEBHOOK_SECRETS_A".to_owned(), json!("one, two")),
        ]);
        let all = connections(&variables);
        assert_eq!(webhook_secrets(&variables, &all, &all[0].shop), ["one", "two"]);
        assert!(webhook_secrets(&variables, &all, &all[1].shop).is_empty());
    }
}
