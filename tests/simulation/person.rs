//! The person who looks after the integration: connects the ledger again when the books ask for it.

use chrono::{DateTime, Utc};
use sandbox::{Request, World};

use crate::support::Company;

/// Consents anew in the ledger and brings the refresh token back; `None` if the ledger is not to be reached right now.
pub fn consent(world: &mut World, now: DateTime<Utc>, company: Company) -> Option<String> {
    const BACK: &str = "https://tillproof.example/oauth";
    let (page, client, tokens) = match company {
        Company::XeroUk => ("/identity/connect/authorize", "sandbox-xero", "/connect/token"),
        _ => ("/connect/oauth2", "sandbox-quickbooks", "/oauth2/v1/tokens/bearer"),
    };
    world.grants.consent.quickbooks = company.id().into();
    world.grants.consent.xero = vec![company.id().into()];
    let ask = format!("{page}?client_id={client}&response_type=code&scope=all&redirect_uri={BACK}&state=1");
    let redirected = world.handle(now, &Request::new("GET", &ask));
    let code = redirected.header("location")?.split("code=").nth(1)?.split('&').next()?.to_owned();
    let form = format!(
        "grant_type=authorization_code&code={code}&redirect_uri={BACK}&client_id={client}&client_secret={client}-secret"
    );
    let granted = world.handle(now, &Request::new("POST", tokens).with_body(form));
    granted.value()["refresh_token"].as_str().map(str::to_owned)
}
