//! Connecting a ledger, comparing both sides and fetching the past as people do it: the real Worker, the ledgers' consent
//! pages, a headless Chromium. Needs `make build`
//! and `tests/browser/node_modules`: `make browser` does both and runs it. SHOTS=folder keeps the screenshots.

#[path = "support/careless.rs"]
#[allow(dead_code)]
mod careless;
#[path = "harness/mod.rs"]
mod harness;
#[path = "support/trade.rs"]
#[allow(dead_code)]
mod trade;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use harness::{ADMIN, QUICKBOOKS, Stage, XERO, connections, story};
use serde_json::{Value, json};

/// A turn that a slow machine makes wait for a minute is no failure.
const SOON: Duration = Duration::from_secs(150);

/// Where Chromium is unpacked: once, before any test starts it. Whoever starts a file that another one is still writing is
/// told that it is busy.
static CHROMIUM: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/chromium");
    node("chromium", &[folder.to_str().unwrap()]);
    folder
});

/// Runs a script of `tests/browser` to its end.
fn node(script: &str, given: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("tests/browser").join(format!("{script}.mjs"));
    let output = Command::new(root.join("node_modules/.bin/node")).arg(file).args(given).output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{script} {given:?}:\n{}{}", said(&output.stdout), said(&output.stderr));
}

/// Plays one scenario of `tests/browser/connect.mjs`.
fn play(stage: &Stage, scenario: &str) {
    play_of(stage, "connect", scenario);
}

/// Plays one scenario of a script.
fn play_of(stage: &Stage, script: &str, scenario: &str) {
    let given = json!({
        "worker": stage.url(), "admin": ADMIN, "folder": &*CHROMIUM, "shots": std::env::var("SHOTS").ok(),
    });
    node(script, &[scenario, &given.to_string()]);
}

/// Connections that nobody connected yet: no company in their settings, no refresh token among the secrets.
fn unconnected() -> Value {
    let mut all = connections();
    for connection in all.as_object_mut().unwrap().values_mut() {
        connection.as_object_mut().unwrap().remove("company");
    }
    all["QUICKBOOKS_REFRESH_TOKEN"] = json!("");
    all["XERO_REFRESH_TOKEN"] = json!("");
    all
}

fn tell(stage: &Stage, first: u64, name: &str) {
    for (number, (topic, body)) in (first..).zip(story(name)) {
        assert_eq!(stage.deliver(number, &topic, &body).unwrap().status, 200);
    }
}

fn preflight(stage: &Stage, connection: &str) -> Value {
    let answer = stage.get(&format!("/api/connections/{connection}/preflight"), Some(ADMIN)).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

#[test]
fn a_person_connects_both_ledgers_in_a_browser_and_what_waited_is_posted() {
    let stage = Stage::start_with("browser", "build", &unconnected()).unwrap();
    tell(&stage, 1, "simple");
    play(&stage, "connect");
    stage.wait_until_quiet(SOON).unwrap();
    for company in [QUICKBOOKS, XERO] {
        assert_eq!(stage.documents(company).len(), 2, "{:?}", stage.documents(company));
    }
    for connection in ["quickbooks", "xero"] {
        let report = preflight(&stage, connection);
        assert!(report["passed"] == true && report["facts"]["time_zone"].is_string(), "{report}");
    }
    play(&stage, "look");
    play(&stage, "refuse");

    // The grant is revoked at the ledger while orders come in.
    stage.sandbox.with(|world| world.grants.disconnect(XERO));
    tell(&stage, 10, "free_shipping");
    let deadline = std::time::Instant::now() + SOON;
    while !stage.status().unwrap().to_string().contains("no longer accepts") {
        assert!(std::time::Instant::now() < deadline, "{}", stage.status().unwrap());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(stage.documents(XERO).len(), 2);
    play(&stage, "reconnect");
    stage.wait_until_quiet(SOON).unwrap();
    assert_eq!(stage.documents(XERO).len(), 4, "what waited was posted: {:?}", stage.documents(XERO));

    // Somebody archives the sales account.
    stage.sandbox.with(|world| world.xero.get_mut(XERO).unwrap().archive_account("200"));
    play(&stage, "broken");
    tell(&stage, 20, "order_discount_uneven");
    stage.wait_until_quiet(SOON).unwrap();
    let held = stage.d1("SELECT reason FROM needs_attention WHERE connection = 'xero'").unwrap();
    assert!(held.len() == 1 && held[0]["reason"] == "preflight_failed", "{held:?}");
    stage.sandbox.with(|world| world.xero.get_mut(XERO).unwrap().activate_account("200"));
    assert_eq!(preflight(&stage, "xero")["passed"], true);
    stage.wait_until_quiet(SOON).unwrap();
    assert_eq!(stage.documents(XERO).len(), 6, "{:?}", stage.documents(XERO));
    play(&stage, "disconnect");
}

#[test]
fn a_person_fetches_the_past_compares_audits_and_approves_in_a_browser() {
    let country = trade::Country { currency: "USD", tax: 2_000 };
    let drawn = |seed: u64| trade::draw(seed, 100, harness::now(), country);
    // A shop of which the other integration lost an order.
    let seed = (1..).find(|seed| !careless::post(*seed, &drawn(*seed)).by_kind()[0].1.is_empty()).unwrap();
    let sales = drawn(seed);
    let (known, lost) = (&sales[..12], &sales[12..16]);
    let happen = |stage: &Stage, sales: &[trade::Sale]| {
        stage.sandbox.with(|world| {
            let told = sales.iter().flat_map(trade::Sale::deliveries);
            told.for_each(|(topic, body)| world.shopify.happened(topic, &body));
        });
    };
    let budget = |stage: &Stage, points: u64, per_second: u64| {
        stage.sandbox.with(|world| world.shopify.bucket.resize(points, per_second));
    };
    // Xero's books are another integration's until tomorrow.
    let mut all = connections();
    let tomorrow = (harness::now() + chrono::Duration::days(1)).date_naive().to_string();
    all["CONNECTION_XERO"]["start_date"] = json!(tomorrow);
    all["SHOPIFY_CLIENT_ID"] = json!(sandbox::shopify::CLIENT.0);
    all["SHOPIFY_CLIENT_SECRET"] = json!(sandbox::shopify::CLIENT.1);
    let stage = Stage::start_with("browser-reconcile", "build", &all).unwrap();
    happen(&stage, known);

    // So little may be asked that there is time to pause.
    budget(&stage, 1_000, 5);
    play_of(&stage, "reconcile", "begin_backfill");
    budget(&stage, 1_000_000, 100_000);
    play_of(&stage, "reconcile", "resume_backfill");
    stage.wait_until_quiet(SOON).unwrap();
    assert!(stage.documents(QUICKBOOKS).len() >= 12, "{:?}", stage.documents(QUICKBOOKS));

    happen(&stage, lost);
    play_of(&stage, "reconcile", "repair");

    let books = careless::post(seed, &sales);
    happen(&stage, &sales[16..]);
    stage.sandbox.with(|world| {
        let company = world.xero.get_mut(XERO).unwrap();
        assert!(books.documents.iter().all(|one| company.plant_sale(one)));
    });
    let theirs = stage.documents(XERO);
    play_of(&stage, "reconcile", "audit");
    let now = stage.documents(XERO);
    assert!(theirs.iter().all(|one| now.contains(one)) && now.len() > theirs.len(), "{now:#?}");
}

/// A few hundred orders in every state: posted, held for two reasons, left out, with names that mean no good.
#[test]
fn a_person_finds_an_order_sees_what_became_of_it_and_settles_what_waits() {
    let stage = Stage::start("browser-pages").unwrap();
    let (topic, simple) = story("simple").swap_remove(0);
    let simple: Value = serde_json::from_slice(&simple).unwrap();
    let order = |number: u64, change: &dyn Fn(&mut Value)| {
        let mut body = simple.clone();
        body["id"] = json!(5_700_000_000_000 + number);
        body["name"] = json!(format!("#{number}"));
        change(&mut body);
        assert_eq!(stage.deliver(number, &topic, body.to_string().as_bytes()).unwrap().status, 200);
    };
    (1_000..1_110).for_each(|number| order(number, &|_| {}));
    let of_one = json!({"amount": "1.00", "currency_code": simple["currency"]});
    let broken = |body: &mut Value| {
        body["total_price"] = json!("1.00");
        body["total_price_set"] = json!({"shop_money": of_one, "presentment_money": of_one});
    };
    (1_110..1_114).for_each(|number| order(number, &broken));
    (1_114..1_116).for_each(|number| order(number, &|body| body["test"] = json!(true)));
    let names = ["\"><script>alert(1)</script>", "#\u{202e}drawkcab \" onload=\"x", &"x".repeat(4_000)];
    for (number, name) in (1_120..).zip(names) {
        order(number, &|body| {
            body["name"] = json!(name);
            body["line_items"][0]["title"] = json!(format!("{name} \u{1f680}"));
            body["customer"]["last_name"] = json!(name);
        });
    }
    assert_eq!(stage.deliver(2_000, &topic, b"{\"id\": 1").unwrap().status, 200);
    stage.wait_until_quiet(std::time::Duration::from_secs(180)).unwrap();
    for scenario in ["look", "search", "order", "held", "together", "hostile"] {
        play_of(&stage, "pages", scenario);
    }
    let list = stage.get("/orders.csv?state=held", Some(ADMIN)).unwrap();
    assert!(list.status == 200 && list.body.starts_with("connection,order_id,name,state,"), "{}", list.body);
    assert!(list.body.lines().count() >= 9, "{}", list.body);
}

#[test]
fn without_an_admin_secret_the_door_is_closed_and_says_how_to_open_it() {
    let stage = Stage::start_with("closed", "build", &json!({"ADMIN_TOKEN": ""})).unwrap();
    for path in ["/", "/connect", "/api/status", "/oauth/xero/start?connection=xero"] {
        for secret in [None, Some(""), Some(ADMIN)] {
            let answer = stage.get(path, secret).unwrap();
            assert_eq!(answer.status, 503, "{path}");
            assert!(answer.body.contains("wrangler secret put ADMIN_TOKEN"), "{}", answer.body);
        }
    }
    assert_eq!(stage.get("/health", None).unwrap().status, 200);
}

#[test]
fn an_address_that_guesses_has_to_wait() {
    let stage = Stage::start("guesses").unwrap();
    let codes: Vec<u16> =
        (0..12).map(|_| stage.get("/api/status", Some("a-wrong-secret-of-16+")).unwrap().status).collect();
    assert_eq!(codes[..10], [401; 10]);
    assert_eq!(codes[10..], [429; 2]);
    assert_eq!(stage.get("/api/status", Some(ADMIN)).unwrap().status, 429, "the right one is not looked at either");
    assert_eq!(stage.get("/health", None).unwrap().status, 200);
}
