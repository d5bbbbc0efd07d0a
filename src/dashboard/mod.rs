//! The pages for people, rendered from plain data: templates that are compiled into the program, one style sheet, no
//! script. Decides only how things are shown; reads no clock, asks nobody. Imports from the floors below it.

mod backfill;
mod connect;
mod overview;
mod reconciliations;
mod shop;
mod words;

use askama::Template;

pub use connect::{ConnectPage, Unreadable};
pub use overview::OverviewPage;
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
    Link { path: "/reconciliations", title: "Reconciliations" },
    Link { path: "/connect", title: "Connect" },
];

/// The style sheet of every page.
pub const STYLE: &str = include_str!("../../templates/style.css");
/// The icon that browsers show beside a page's title.
pub const ICON: &str = include_str!("../../templates/icon.svg");

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
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let html = render(&Notice::new("<b>", "\"><script>alert(1)</script>").with("/connect", "Back"));
        assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
        assert!(html.contains("&#60;script&#62;") && html.contains("href=\"/connect\""), "{html}");
    }

    #[test]
    fn no_page_needs_script_or_style_of_its_own() {
        let html = render(&Notice::new("Title", "Text"));
        assert!(!html.contains("<script") && !html.contains("style=") && !html.contains("<style"), "{html}");
    }
}
