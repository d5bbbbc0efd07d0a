//! An alert as chat tools take it. One body does for Slack, Mattermost, Discord and whatever reads JSON: `text` and `content`
//! hold the same sentence, the fields beside them the same for programs. Google Chat refuses fields that it does not know,
//! and Teams' workflows want a card: they are known by their address.

use serde_json::{Value as Json, json};

/// The longest sentence: Discord takes 2,000 characters.
const LONGEST: usize = 1_900;

/// What is said of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It began.
    Opened,
    /// It is worse.
    Updated,
    /// It is over.
    Closed,
}

impl Status {
    /// The name in bodies and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Opened => "opened",
            Status::Updated => "updated",
            Status::Closed => "closed",
        }
    }

    /// The status of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Status::Opened, Status::Updated, Status::Closed].into_iter().find(|one| one.as_str() == text)
    }
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What is said.
    pub status: Status,
    /// The alert's kind.
    pub kind: String,
    /// The connection, or `*`.
    pub connection: String,
    /// Since when it has been so.
    pub since: String,
    /// How bad it is.
    pub count: i64,
    /// What it is, in a few words.
    pub title: String,
    /// More of it, and what to do.
    pub text: String,
    /// How long it lasted, if it is over.
    pub lasted: String,
}

impl Message {
    /// The sentence.
    pub fn sentence(&self, public_url: Option<&str>) -> String {
        let Self { title, text, lasted, .. } = self;
        let said = match self.status {
            Status::Opened => format!("Tillproof: {title}. {text}"),
            Status::Updated => format!("Tillproof, worse: {title}. {text}"),
            Status::Closed => format!("Tillproof, settled after {lasted}: {title}"),
        };
        let said = match public_url {
            Some(own) => said.replace("See /", &format!("See {own}/")),
            None => said,
        };
        let said: String = said.chars().filter_map(harmless).take(LONGEST).collect();
        if said.ends_with('.') { said } else { format!("{said}.") }
    }

    /// The body for whoever is at that address.
    pub fn body(&self, url: &str, public_url: Option<&str>) -> String {
        let text = self.sentence(public_url);
        let host = url.split('/').nth(2).and_then(|host| host.split(':').next()).unwrap_or_default();
        let is_teams = [".logic.azure.com", ".powerplatform.com"].iter().any(|end| host.ends_with(end));
        let body: Json = if host == "chat.googleapis.com" {
            json!({ "text": text })
        } else if is_teams {
            let content = json!({
                "type": "AdaptiveCard", "version": "1.4", "body": [{"type": "TextBlock", "text": text, "wrap": true}],
            });
            let card = json!({"contentType": "application/vnd.microsoft.card.adaptive", "content": content});
            json!({"type": "message", "text": text, "attachments": [card]})
        } else {
            json!({
                "text": text, "content": text, "status": self.status.as_str(), "kind": self.kind,
                "connection": self.connection, "since": self.since, "count": self.count,
                // Discord's way of calling nobody.
                "allowed_mentions": {"parse": []},
            })
        };
        body.to_string()
    }
}

/// Some of what is told was sent by strangers: it must not call a whole channel, nor be taken for a link.
fn harmless(one: char) -> Option<char> {
    match one {
        '<' => Some('‹'),
        '>' => Some('›'),
        '@' => Some('＠'),
        '\n' | '\t' => Some(' '),
        other if other.is_control() => None,
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(status: Status) -> Message {
        let text = |text: &str| text.to_owned();
        Message {
            status,
            kind: text("held"),
            connection: text("main"),
            since: text("2026-11-20T12:00:00.000Z"),
            count: 2,
            title: text("2 orders of main are held: tax_unmapped"),
            text: text("Map it. See /orders?connection=main"),
            lasted: text("2 hours"),
        }
    }

    fn sent(message: &Message, url: &str) -> Json {
        serde_json::from_str(&message.body(url, Some("https://till.example"))).unwrap()
    }

    #[test]
    fn one_body_says_the_same_to_people_and_to_programs() {
        let body = sent(&message(Status::Opened), "https://hooks.slack.com/services/T0/B0/x");
        let said = "Tillproof: 2 orders of main are held: tax_unmapped. Map it. See https://till.example/orders?connection=main.";
        assert_eq!((&body["text"], &body["content"]), (&json!(said), &json!(said)));
        assert_eq!(
            (&body["status"], &body["kind"], &body["connection"]),
            (&json!("opened"), &json!("held"), &json!("main"))
        );
        let over = message(Status::Closed).sentence(None);
        assert_eq!(over, "Tillproof, settled after 2 hours: 2 orders of main are held: tax_unmapped.");
    }

    #[test]
    fn google_chat_gets_no_field_that_it_does_not_know_and_teams_a_card() {
        let google = sent(&message(Status::Opened), "https://chat.googleapis.com/v1/spaces/a/messages?key=k");
        assert_eq!(google.as_object().unwrap().keys().collect::<Vec<_>>(), ["text"]);
        let teams = sent(&message(Status::Opened), "https://prod-1.westeurope.logic.azure.com:443/workflows/a");
        assert!(teams["attachments"][0]["content"]["body"][0]["text"].is_string(), "{teams}");
    }

    #[test]
    fn what_strangers_sent_calls_nobody_and_is_cut() {
        let hostile =
            Message { title: format!("<!channel> @everyone {}", "x".repeat(5_000)), ..message(Status::Opened) };
        let said = hostile.sentence(None);
        assert!(!said.contains(['<', '>', '@']) && said.chars().count() <= 2_000, "{said}");
    }
}
