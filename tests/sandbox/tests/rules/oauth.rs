//! Tokens: what opens what, for how long.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sandbox::{Reply, Request, presets};

use crate::Bench;

fn token(bench: &mut Bench, path: &str, client: (&str, &str), form: &str) -> Reply {
    let basic = STANDARD.encode(format!("{}:{}", client.0, client.1));
    let request = Request::new("POST", path)
        .with_header("authorization", &format!("Basic {basic}"))
        .with_header("content-type", "application/x-www-form-urlencoded")
        .with_body(form);
    bench.send(request)
}

fn quickbooks(bench: &mut Bench, refresh: &str) -> Reply {
    let form = format!("grant_type=refresh_token&refresh_token={refresh}");
    token(bench, "/oauth2/v1/tokens/bearer", presets::QUICKBOOKS_CLIENT, &form)
}

fn xero(bench: &mut Bench, refresh: &str) -> Reply {
    let form = format!("grant_type=refresh_token&refresh_token={refresh}");
    token(bench, "/connect/token", presets::XERO_CLIENT, &form)
}

fn text(reply: &Reply, key: &str) -> String {
    reply.value()[key].as_str().unwrap_or("").to_owned()
}

fn call(bench: &mut Bench, access: &str, realm: &str) -> Reply {
    let request = Request::new("GET", &format!("/v3/company/{realm}/preferences"))
        .with_header("authorization", &format!("Bearer {access}"))
        .with_header("accept", "application/json");
    bench.send(request)
}

#[test]
fn quickbooks_keeps_the_old_refresh_token_until_the_new_pair_is_used() {
    let mut bench = Bench::new();
    let first = presets::refresh_token(presets::QUICKBOOKS_US);
    let lost = quickbooks(&mut bench, &first);
    let again = quickbooks(&mut bench, &first);
    assert_eq!((lost.status, again.status), (200, 200));
    assert_eq!(text(&lost, "refresh_token"), text(&again, "refresh_token"));
    let access = text(&again, "access_token");
    assert_eq!(call(&mut bench, &access, presets::QUICKBOOKS_US).status, 200);
    let stale = quickbooks(&mut bench, &first);
    assert_eq!((stale.status, text(&stale, "error")), (400, "invalid_grant".into()));
    let other = call(&mut bench, &access, presets::QUICKBOOKS_UK);
    assert_eq!((other.status, other.value()["fault"]["error"][0]["code"].as_str()), (403, Some("3100")));
    bench.advance(3600);
    let expired = call(&mut bench, &access, presets::QUICKBOOKS_US);
    assert_eq!((expired.status, expired.value()["fault"]["error"][0]["code"].as_str()), (401, Some("3200")));
}

#[test]
fn xero_rotates_on_each_use_with_thirty_minutes_of_grace() {
    let mut bench = Bench::new();
    let first = presets::refresh_token(presets::XERO_UK);
    let second = text(&xero(&mut bench, &first), "refresh_token");
    assert_ne!(first, second);
    bench.advance(29 * 60);
    assert_eq!(xero(&mut bench, &first).status, 200);
    bench.advance(60);
    let late = xero(&mut bench, &first);
    assert_eq!((late.status, text(&late, "error")), (400, "invalid_grant".into()));
    assert_eq!(xero(&mut bench, &second).status, 200);
}

#[test]
fn wrong_credentials_are_the_clients_fault() {
    let mut bench = Bench::new();
    let reply =
        token(&mut bench, "/connect/token", ("sandbox-xero", "wrong"), "grant_type=refresh_token&refresh_token=x");
    assert_eq!((reply.status, text(&reply, "error")), (400, "invalid_client".into()));
}

#[test]
fn consent_gives_a_code_that_works_once() {
    let mut bench = Bench::new();
    let query = "client_id=sandbox-quickbooks&response_type=code&scope=com.intuit.quickbooks.accounting&state=s1&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback";
    let page = bench.send(Request::new("GET", &format!("/connect/oauth2?{query}")));
    let location = page.header("location").unwrap().to_owned();
    assert!(location.starts_with("https://app.example/callback?code="), "{location}");
    assert!(location.contains("state=s1") && location.ends_with("realmId=1000000001"), "{location}");
    let code = location.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let form = format!("grant_type=authorization_code&code={code}&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback");
    let path = "/oauth2/v1/tokens/bearer";
    assert_eq!(token(&mut bench, path, presets::QUICKBOOKS_CLIENT, &form).status, 200);
    assert_eq!(token(&mut bench, path, presets::QUICKBOOKS_CLIENT, &form).status, 400);
}

#[test]
fn a_custom_connection_needs_no_tenant_header_but_others_do() {
    let mut bench = Bench::new();
    let custom = ("sandbox-custom-au", presets::CUSTOM_SECRET);
    let access = text(&token(&mut bench, "/connect/token", custom, "grant_type=client_credentials"), "access_token");
    let get = |access: &str| {
        Request::new("GET", "/api.xro/2.0/Organisation")
            .with_header("authorization", &format!("Bearer {access}"))
            .with_header("accept", "application/json")
    };
    let reply = bench.send(get(&access));
    assert_eq!(reply.value()["Organisations"][0]["BaseCurrency"], "AUD");
    let empty = bench.send(get(&access).with_header("xero-tenant-id", ""));
    assert_eq!(empty.value()["Organisations"][0]["BaseCurrency"], "AUD", "xero-node sends an empty header");
    let now = bench.now;
    let ordinary = bench.world.access_token(now, presets::XERO_UK);
    assert_eq!(bench.send(get(&ordinary)).status, 403);
    assert_eq!(bench.send(get(&ordinary).with_header("xero-tenant-id", "")).status, 403);
    let wrong = bench.send(get(&ordinary).with_header("xero-tenant-id", presets::XERO_AU));
    assert_eq!((wrong.status, wrong.value()["detail"].as_str()), (403, Some("AuthenticationUnsuccessful")));
    bench.advance(1800);
    let expired = bench.send(get(&ordinary).with_header("xero-tenant-id", presets::XERO_UK));
    assert!(expired.value()["Detail"].as_str().unwrap().starts_with("TokenExpired"));
}

#[test]
fn connections_list_the_tenants_and_can_be_ended() {
    let mut bench = Bench::new();
    let now = bench.now;
    let access = bench.world.access_token(now, presets::XERO_UK);
    let request =
        |method: &str, path: &str| Request::new(method, path).with_header("authorization", &format!("Bearer {access}"));
    let list = bench.send(request("GET", "/connections")).value();
    assert_eq!(list[0]["tenantId"], presets::XERO_UK);
    let id = list[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(bench.send(request("DELETE", &format!("/connections/{id}"))).status, 204);
    assert_eq!(xero(&mut bench, &presets::refresh_token(presets::XERO_UK)).status, 400);
}

#[test]
fn xeros_discovery_document_leads_to_xeros_own_addresses() {
    let mut bench = Bench::new();
    let document = bench.send(Request::new("GET", "/.well-known/openid-configuration")).value();
    for (key, address) in [
        ("authorization_endpoint", "https://login.xero.com/identity/connect/authorize"),
        ("token_endpoint", "https://identity.xero.com/connect/token"),
        ("revocation_endpoint", "https://identity.xero.com/connect/revocation"),
    ] {
        assert_eq!(document[key], address);
    }
}
