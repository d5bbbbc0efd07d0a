//! Orders fetched through the Admin API against the same orders as the webhooks told them: whatever way an order comes, the
//! same documents follow.

use chrono::Duration;
use sandbox::World;
use serde_json::Value;
use tillproof::books::{Calendar, LedgerRules};
use tillproof::config::{self, Variables};
use tillproof::ledgers;
use tillproof::normalize::{self, Cutover, Desired, Input};
use tillproof::platform::Response;
use tillproof::shopify::admin::{self, Admin, Budget, OrderFetch, Question, Step};
use tillproof::shopify::delivery;
use tillproof::shopify::{News, OrderState};

use crate::support::{Company, SHOP, Story, start};

const TOKEN: &str = "shpat_sandbox";

/// Asks the stand-in, as often as it says that the budget is used up.
fn ask(world: &mut World, budget: &mut Budget, question: &Question) -> Value {
    let mut now = start();
    loop {
        now += budget.wait(question.operation, now);
        let request = Admin::new(SHOP, &Variables::new()).ask(question, TOKEN);
        let path = request.url.strip_prefix(&format!("https://{SHOP}")).unwrap();
        let mut sent = sandbox::http::Request::new(request.method.as_str(), path);
        for (name, value) in &request.headers {
            sent = sent.with_header(name, value);
        }
        let reply = world.handle(now, &sent.with_body(request.body.unwrap()));
        let body = String::from_utf8(reply.body).unwrap();
        let response = Response { status: reply.status, headers: Vec::new(), body };
        match admin::read(&response, question.operation, budget, now) {
            Ok(data) => return data,
            Err(admin::Trouble::Throttled(wait)) => now += wait,
            Err(other) => panic!("{}: {other}", question.operation),
        }
    }
}

fn fetch(world: &mut World, order_id: &str) -> Option<Value> {
    let mut fetch = OrderFetch::new(order_id);
    let mut budget = Budget::default();
    loop {
        match fetch.proceed() {
            Step::Ask(question) => fetch.take(&ask(world, &mut budget, &question)).unwrap(),
            Step::Done(order) => return Some(order),
            Step::Gone => return None,
        }
    }
}

fn state(bodies: &[(String, Value)]) -> OrderState {
    let mut state = OrderState::default();
    let mut newest: Option<tillproof::shopify::Order> = None;
    for (topic, body) in bodies {
        match delivery::read(topic, SHOP, body.to_string().as_bytes()).unwrap() {
            News::Order(order) if newest.as_ref().is_none_or(|known| known.updated_at <= order.updated_at) => {
                newest = Some(*order);
            }
            News::Refund(_, refund) => state.add_refund(*refund),
            News::Transaction(_, transaction) => state.add_transaction(*transaction),
            _ => {}
        }
    }
    newest.into_iter().for_each(|order| state.add_order(order));
    state
}

/// The documents and what a person is told, or why there are none.
fn documents(company: Company, state: &OrderState) -> String {
    let variables = Variables::from([("CONNECTION_MAIN".to_owned(), company.settings())]);
    let connection = config::connections(&variables).remove(0);
    let settings = connection.settings.unwrap();
    let ledger = ledgers::open(&settings, &settings.company, None, &variables);
    let rules: &dyn LedgerRules = ledger.as_ref();
    let booked = normalize::Booked::default();
    // The instants are the same; the offset that they are written in is not.
    let calendar = Calendar::new(Some("Europe/London"), None);
    let input = Input {
        state,
        settings: &settings,
        rules,
        calendar: &calendar,
        shop: SHOP,
        stamp: None,
        booked: &booked,
        may_infer: true,
        cutover: &Cutover::default(),
        set_aside: false,
    };
    match normalize::desired(&input) {
        Err(hold) => hold.to_string(),
        Ok(Desired::Ignored(ignored)) => ignored.rule().to_owned(),
        Ok(Desired::AwaitsOrder) => "the order is missing".to_owned(),
        Ok(Desired::AwaitsTransactions) => "the transactions are missing".to_owned(),
        Ok(Desired::Cutover(question)) => format!("{question:#?}"),
        Ok(Desired::Documents(documents)) => format!("{:#?}\n{:#?}", documents.documents, documents.notice),
    }
}

#[test]
fn a_fetched_order_makes_the_same_documents_as_a_delivered_one() {
    // Deleted orders cannot be fetched, and the Admin API tells money in the order's two currencies only.
    let but = ["deleted_after_it_was_posted", "deleted_before_it_was_heard_of", "payment_in_a_third_currency"];
    let stories: Vec<Story> = Story::all().into_iter().filter(|story| !but.contains(&story.name.as_str())).collect();
    assert!(stories.len() > 10);
    for story in stories {
        let mut world = World::new();
        for (topic, body) in &story.deliveries {
            world.shopify.happened(topic, body);
        }
        let Some(fetched) = fetch(&mut world, &story.order_id()) else { panic!("{} was not found", story.name) };
        let (told, fetched) = (state(&story.deliveries), state(&[("orders/updated".to_owned(), fetched)]));
        for company in Company::ALL {
            pretty(&story.name, company, &documents(company, &told), &documents(company, &fetched));
        }
    }
}

fn pretty(story: &str, company: Company, told: &str, fetched: &str) {
    let difference = told.lines().zip(fetched.lines()).find(|(told, fetched)| told != fetched);
    assert!(
        told == fetched,
        "{story} for {company:?}: told and fetched differ: {difference:?}\n{told}\n---\n{fetched}"
    );
}

#[test]
fn an_order_of_more_lines_than_a_page_holds_comes_whole() {
    let mut story = Story::read("simple");
    let body = &mut story.deliveries[0].1;
    let line = body["line_items"][0].clone();
    let lines: Vec<Value> = (0..127u64)
        .map(|number| {
            let mut line = line.clone();
            line["id"] = (9_000_000 + number).into();
            line
        })
        .collect();
    body["line_items"] = Value::Array(lines);
    let mut world = World::new();
    world.shopify.happened("orders/create", body);
    let fetched = fetch(&mut world, &story.order_id()).unwrap();
    let ids: Vec<u64> =
        fetched["line_items"].as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (0..127).map(|number| 9_000_000 + number).collect::<Vec<u64>>());
}

#[test]
fn instants_are_in_the_shops_time_and_spelt_as_earlier_deliveries_spelt_them() {
    let mut world = World::new();
    world.shopify.offset_minutes = -300;
    let mut body = Story::read("simple").deliveries[0].1.clone();
    // Summer time, and late in the evening: another day in UTC.
    body["created_at"] = "2026-07-02T22:30:00-04:00".into();
    body["processed_at"] = "2026-07-02T22:30:00-04:00".into();
    body["updated_at"] = "2026-11-02T20:00:00-05:00".into();
    world.shopify.happened("orders/updated", &body);
    let mut fetched = fetch(&mut world, &body["id"].to_string()).unwrap();
    assert_eq!(fetched["updated_at"], "2026-11-02T20:00:00-05:00");
    assert_eq!(fetched["processed_at"], "2026-07-02T21:30:00-05:00", "today's offset, where nothing better is known");
    admin::keep_spelling(&mut fetched, &[body]);
    assert_eq!(fetched["processed_at"], "2026-07-02T22:30:00-04:00");
}

/// A shop that granted what the example of the app's configuration asks for.
fn world_of_the_example() -> World {
    let example = include_str!("../../examples/shopify.app.toml");
    let scopes = example.lines().find_map(|line| line.strip_prefix("scopes = ")).unwrap();
    let mut world = World::new();
    world.shopify.scopes = scopes.trim_matches('"').split(',').map(str::to_owned).collect();
    world
}

#[test]
fn the_scopes_of_the_example_are_enough_to_fetch_an_order() {
    let mut world = world_of_the_example();
    let body = &Story::read("simple").deliveries[0].1;
    world.shopify.happened("orders/create", body);
    let fetched = fetch(&mut world, &body["id"].to_string()).unwrap();
    assert_eq!(fetched["customer"]["id"], body["customer"]["id"]);
    assert_eq!(fetched["line_items"][0]["product_id"].is_null(), body["line_items"][0]["product_id"].is_null());
}

#[test]
fn personal_fields_that_the_app_was_not_approved_for_are_missing_and_nothing_else_is() {
    let mut world = world_of_the_example();
    let body = &Story::read("simple").deliveries[0].1;
    world.shopify.happened("orders/create", body);
    let whole = fetch(&mut world, &body["id"].to_string()).unwrap();
    let personal = ["email", "firstName", "lastName", "emailAddress", "address1", "address2", "zip"];
    world.shopify.unapproved = personal.map(str::to_owned).to_vec();
    let mut fetched = fetch(&mut world, &body["id"].to_string()).unwrap();
    assert!(!whole["customer"]["email"].is_null() && fetched["customer"]["email"].is_null());
    assert_eq!(fetched["customer"]["id"], whole["customer"]["id"]);
    for kept in ["total_price", "line_items", "transactions"] {
        assert_eq!(fetched[kept].take(), whole[kept]);
    }
}

#[test]
fn an_order_that_shopify_does_not_show_is_gone() {
    let mut world = World::new();
    assert_eq!(fetch(&mut world, "12345"), None);
}

#[test]
fn changed_orders_come_oldest_change_first_and_page_by_page() {
    let mut world = World::new();
    let body = Story::read("simple").deliveries[0].1.clone();
    for number in 0..120i64 {
        let mut order = body.clone();
        order["id"] = (7_000 + number).into();
        order["updated_at"] = (start() + Duration::minutes(number)).to_rfc3339().into();
        world.shopify.happened("orders/updated", &order);
    }
    let mut budget = Budget::default();
    let since = (start() + Duration::minutes(10)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let (mut ids, mut after) = (Vec::new(), None::<String>);
    loop {
        let question = admin::orders_changed_since(&since, after.as_deref());
        let (page, next) = admin::summaries(&ask(&mut world, &mut budget, &question)).unwrap();
        ids.extend(page.into_iter().map(|one| one.order_id));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(ids, (7_010..7_120).map(|id| id.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_window_holds_what_was_made_by_its_end_and_changed_since_it_began_and_says_what_was_paid_in_which_currency() {
    let mut world = World::new();
    let body = Story::read("simple").deliveries[0].1.clone();
    let moment = |day: &str| format!("2026-11-{day}T09:00:00Z");
    // Both days of the window are part of it; what changed behind it may have changed in it too.
    let orders = [("01", "03"), ("02", "20"), ("03", "11"), ("01", "30"), ("10", "10"), ("11", "11"), ("01", "02")];
    for (id, (made, changed)) in (7_000u64..).zip(orders) {
        let mut order = body.clone();
        order["id"] = id.into();
        order["created_at"] = moment(made).into();
        order["updated_at"] = moment(changed).into();
        world.shopify.happened("orders/updated", &order);
    }
    let story = Story::read("multi_currency_refunds");
    let mut foreign = story.deliveries.iter().find(|(topic, _)| topic.starts_with("orders/")).unwrap().1.clone();
    foreign["created_at"] = moment("05").into();
    foreign["updated_at"] = moment("06").into();
    foreign["cancelled_at"] = moment("06").into();
    world.shopify.happened("orders/updated", &foreign);
    let question = admin::orders_in_window(&moment("02"), &moment("10"), None, None);
    let (page, next) = admin::summaries(&ask(&mut world, &mut Budget::default(), &question)).unwrap();
    let ids: Vec<&str> = page.iter().map(|one| one.order_id.as_str()).collect();
    let foreign_id = foreign["id"].to_string();
    assert_eq!((ids, next), (vec!["7006", "7000", &foreign_id, "7004", "7002", "7001", "7003"], None));
    let one = &page[2];
    assert_eq!(one.created_at.to_rfc3339(), "2026-11-05T09:00:00+00:00");
    assert_eq!(one.cancelled_at.map(|at| at.to_rfc3339()).as_deref(), Some("2026-11-06T09:00:00+00:00"));
    assert_eq!((one.test, one.name.as_str()), (false, foreign["name"].as_str().unwrap()));
    let paid = &one.total_received;
    assert_ne!(paid.shop_money.currency_code, paid.presentment_money.currency_code);
}
