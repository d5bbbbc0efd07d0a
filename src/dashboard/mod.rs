//! The pages for people, rendered from plain data: templates that are compiled into the program, one style sheet, no
//! script. Decides only how things are shown; reads no clock, asks nobody. Imports from the floors below it.

mod backfill;
mod charts;
mod connect;
mod order;
mod orders;
mod overview;
mod preview;
mod reconciliations;
mod shop;
mod words;

use askama::Template;

pub use connect::{ConnectPage, Unreadable};
pub use order::OrderPage;
pub use orders::OrdersPage;
pub use overview::OverviewPage;
pub use preview::PreviewPage;
pub use reconciliations::{OfConnection, ReconciliationPage, ReconciliationsPage};

/// A page of the navigation.
pub struct Link {
    /// Where it is.
    pub path: &'static str,
    /// What it is called.
    pub title: &'static str,
}

/// The pages, in the order of the navigation.
pub const PAGES: &[Link] = &[
    Link { path: "/", title: "Overview" },
    Link { path: "/orders", title: "Orders" },
    Link { path: "/reconciliations", title: "Reconciliations" },
    Link { path: "/connect", title: "Connect" },
];

/// The style sheet of every page, which carries it: a page is one request.
pub const STYLE: &str = include_str!("../../templates/style.css");

/// A page that says one thing: at the door, or after a step that was or was not taken.
#[derive(Template)]
#[template(path = "notice.html")]
pub struct Notice {
    title: String,
    text: Vec<String>,
    link: Option<Link>,
}

impl Notice {
    /// A page with a title and a sentence.
    pub fn new(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { title: title.into(), text: vec![text.into()], link: None }
    }

    /// A further sentence.
    #[must_use]
    pub fn and(mut self, text: impl Into<String>) -> Self {
        self.text.push(text.into());
        self
    }

    /// With a way on.
    #[must_use]
    pub fn with(mut self, path: &'static str, title: &'static str) -> Self {
        self.link = Some(Link { path, title });
        self
    }
}

/// The page as text. A template that cannot be rendered says so instead: nothing of it depends on what it shows.
pub fn render(page: &impl Template) -> String {
    page.render().unwrap_or_else(|error| format!("<!doctype html><title>Tillproof</title><p>This page failed: {error}"))
}

#[cfg(test)]
mod large_tests;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let html = render(&Notice::new("<b>", "\"><script>alert(1)</script>").with("/connect", "Back"));
        assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
        assert!(html.contains("&#60;script&#62;") && html.contains("href=\"/connect\""), "{html}");
    }

    #[test]
    fn a_page_is_one_request_without_script_and_its_style_is_the_one_that_the_policy_allows() {
        let html = render(&Notice::new("Title", "Text"));
        assert!(
            !html.contains("<script") && !html.contains("style=") && !html.contains("rel=\"stylesheet\""),
            "{html}"
        );
        assert!(html.contains(&format!("<style>{STYLE}</style>")), "{html}");
        let from_elsewhere = ["src=\"http", "src=\"/", "href=\"/icon", "url("];
        assert!(from_elsewhere.iter().all(|text| !html.contains(text)), "{html}");
    }
}
