//! The page of all orders: looked for, narrowed down, page by page, and taken along as a list.

use askama::Template;
use chrono::{DateTime, Utc};

use super::words::{When, cut, state};
use crate::books::hold::HoldReason;
use crate::monitor::{Listed, Search};

/// The page.
#[derive(Template)]
#[template(path = "orders.html")]
pub struct OrdersPage {
    path: &'static str,
    wanted: Search,
    states: Vec<Choice>,
    connections: Vec<Choice>,
    /// Why the list cannot be had.
    problem: Option<String>,
    rows: Vec<Line>,
    /// Where the next page begins: behind the last order of this one.
    next: Option<String>,
    held: Option<Held>,
}

/// Something that can be chosen.
struct Choice {
    value: String,
    title: String,
    chosen: bool,
}

struct Line {
    connection: String,
    order_id: String,
    name: String,
    mark: &'static str,
    state: &'static str,
    reason: String,
    remedy: String,
    total: String,
    changed: When,
}

/// All of a connection that are held for one reason can be looked at again together.
struct Held {
    meaning: &'static str,
}

/// How much of what is to be done the list shows; the order's page has it whole.
const REMEDY: usize = 400;
const STATES: [&str; 5] = ["held", "retrying", "pending", "synced", "ignored"];

impl OrdersPage {
    /// The page of what was looked for. `connections` are those of the settings.
    pub fn new(wanted: Search, found: Result<Listed, String>, connections: &[String], now: DateTime<Utc>) -> Self {
        let (listed, problem) = match found {
            Ok(listed) => (listed, None),
            Err(why) => (Listed::default(), Some(why)),
        };
        let choice = |value: &str, title: &str, of: &str| Choice {
            value: value.to_owned(),
            title: title.to_owned(),
            chosen: value == of,
        };
        let states = STATES.iter().map(|one| choice(one, state(one).0, wanted.state()));
        let states = [choice("", "all", wanted.state())].into_iter().chain(states).collect();
        let each = connections.iter().map(|one| choice(one, one, &wanted.connection));
        let connections = [choice("", "all", &wanted.connection)].into_iter().chain(each).collect();
        let together = wanted.state() == "held" && !wanted.connection.is_empty();
        let reason = HoldReason::ALL.iter().find(|reason| reason.code() == wanted.reason && together);
        Self {
            path: "/orders",
            states,
            connections,
            problem,
            next: listed.orders.last().filter(|_| listed.more).map(|one| one.place().text()),
            held: reason.filter(|_| !listed.orders.is_empty()).map(|reason| Held { meaning: reason.meaning() }),
            rows: listed.orders.into_iter().map(|one| line(one, now)).collect(),
            wanted,
        }
    }
}

fn line(one: crate::monitor::Found, now: DateTime<Utc>) -> Line {
    let (text, mark) = state(&one.state);
    Line {
        changed: When::from_now(&one.updated_at, now),
        connection: one.connection,
        order_id: one.order_id,
        name: one.name,
        mark,
        state: text,
        reason: one.reason.unwrap_or_default(),
        remedy: one.remedy.map(|text| cut(&text, REMEDY)).unwrap_or_default(),
        total: one.total.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::render;
    use crate::monitor::Found;
    use crate::platform::time::parse_iso;

    fn found(name: &str) -> Found {
        Found {
            connection: "main".into(),
            order_id: "1".into(),
            name: name.into(),
            state: "held".into(),
            reason: Some("tax_unmapped".into()),
            remedy: Some("Add the named tax.".into()),
            first_seen_at: "2026-11-02T09:00:00.000Z".into(),
            updated_at: "2026-11-02T09:00:00.000Z".into(),
            total: None,
        }
    }

    fn page(wanted: Search, orders: Vec<Found>, more: bool) -> String {
        let now = parse_iso("2026-11-02T11:00:00.000Z").unwrap();
        render(&OrdersPage::new(wanted, Ok(Listed { orders, more }), &["main".into()], now))
    }

    #[test]
    fn hostile_names_and_searches_stay_text() {
        let text = "\"><script>alert(1)</script>";
        let html = page(Search { text: text.into(), ..Search::default() }, vec![found(text)], true);
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("q=%22%3E%3Cscript%3E"), "{html}");
    }

    #[test]
    fn all_that_are_held_for_one_reason_can_be_looked_at_again_and_nothing_else() {
        let of = |state: &str, connection: &str, reason: &str| Search {
            state: state.into(),
            connection: connection.into(),
            reason: reason.into(),
            ..Search::default()
        };
        let offers = |wanted: Search| page(wanted, vec![found("#1")], false).contains("action=\"/api/orders/release\"");
        assert!(offers(of("held", "main", "tax_unmapped")));
        assert!(!offers(of("held", "main", "")) && !offers(of("held", "", "tax_unmapped")));
        assert!(offers(of("", "main", "tax_unmapped")), "a reason alone is one for which orders are held");
        assert!(!offers(of("ignored", "main", "tax_unmapped")) && !offers(of("held", "main", "nonsense")));
    }

    #[test]
    fn the_next_page_begins_after_the_last_order_of_this_one() {
        assert!(!page(Search::default(), vec![found("#1")], false).contains("after="));
        let html = page(Search { state: "held".into(), ..Search::default() }, vec![found("#1")], true);
        assert!(html.contains("after=2026-11-02T09%3A00%3A00.000Z~1~main") && html.contains("state=held"), "{html}");
    }
}
