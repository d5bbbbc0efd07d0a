//! What a shop says of itself: its currencies and time zone, and what it lets this app see.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Trouble;
use crate::books::money::Currency;

/// What the settings are held against on Shopify's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopFacts {
    /// The shop's own currency.
    pub currency: Currency,
    /// Every currency that buyers may pay in.
    pub sells_in: Vec<Currency>,
    /// Its time zone, by the tz database.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// The scopes that were granted to the app.
    pub scopes: Vec<String>,
}

/// Reads the answer to [`super::shop`].
pub fn shop_facts(data: &Value) -> Result<ShopFacts, Trouble> {
    let currency = |value: &Value| value.as_str()?.parse::<Currency>().ok();
    let list = |value: &Value| value.as_array().map(Vec::as_slice).unwrap_or_default().to_vec();
    let handle = |scope: &Value| scope["handle"].as_str().map(str::to_owned);
    let unreadable = || Trouble::Later("what Shopify says of the shop cannot be read".into());
    Ok(ShopFacts {
        currency: currency(&data["shop"]["currencyCode"]).ok_or_else(unreadable)?,
        sells_in: list(&data["shop"]["enabledPresentmentCurrencies"]).iter().filter_map(currency).collect(),
        time_zone: data["shop"]["ianaTimezone"].as_str().map(str::to_owned),
        scopes: list(&data["currentAppInstallation"]["accessScopes"]).iter().filter_map(handle).collect(),
    })
}
