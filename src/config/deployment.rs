//! What concerns the whole deployment: where alerts go, who is told that all went well, how long the journal is kept. The
//! two addresses are secrets: they never stand in a message.

use serde_json::Value;

use super::{ConfigError, Variables, variable};

/// For how many days the journal keeps what is bulky, unless `JOURNAL_DAYS` says otherwise: a year, and a month to look back
/// on it.
pub const JOURNAL_DAYS: i64 = 400;
/// At least so many: the figures look back a month, and its days are rolled up anew as long as they may change.
pub const LEAST_DAYS: i64 = 35;
const MOST_DAYS: i64 = 3_650;

/// The variables of the whole deployment.
#[derive(Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Where alerts are sent.
    pub alert_url: Option<String>,
    /// What is called after a tick in which nothing failed.
    pub heartbeat_url: Option<String>,
    /// The Worker's own address, without a slash at its end.
    pub public_url: Option<String>,
    /// For how many days the journal keeps what is bulky.
    pub journal_days: i64,
    /// What cannot be used.
    pub problems: Vec<ConfigError>,
}

impl Deployment {
    /// Reads them.
    pub fn of(variables: &Variables) -> Self {
        let mut problems = Vec::new();
        let mut address = |name: &str| match variable(variables, name) {
            Some(url) if is_safe(url) => Some(url.to_owned()),
            Some(_) => {
                problems.push(ConfigError::new(name, "must begin with https:// (http:// at this machine only)"));
                None
            }
            None => None,
        };
        let (alert_url, heartbeat_url) = (address("ALERT_URL"), address("HEARTBEAT_URL"));
        let journal_days = days(variables).unwrap_or_else(|problem| {
            problems.push(problem);
            JOURNAL_DAYS
        });
        let public_url = variable(variables, "PUBLIC_URL").map(|url| url.trim_end_matches('/').to_owned());
        Self { alert_url, heartbeat_url, public_url, journal_days, problems }
    }
}

impl Deployment {
    /// What the status says of them: never an address.
    pub fn shown(&self) -> Value {
        let problems: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        serde_json::json!({
            "alert_url": self.alert_url.is_some(), "heartbeat_url": self.heartbeat_url.is_some(),
            "journal_days": self.journal_days, "problems": problems,
        })
    }
}

fn days(variables: &Variables) -> Result<i64, ConfigError> {
    let text = match variables.get("JOURNAL_DAYS") {
        None | Some(Value::Null) => return Ok(JOURNAL_DAYS),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(other) => other.to_string(),
    };
    let problem = || format!("is `{text}` and must be a number of days from {LEAST_DAYS} to {MOST_DAYS}");
    let days = text.parse().ok().filter(|days| (LEAST_DAYS..=MOST_DAYS).contains(days));
    days.ok_or_else(|| ConfigError::new("JOURNAL_DAYS", problem()))
}

/// What is sent there must not be read on the way; on this machine there is no way.
fn is_safe(url: &str) -> bool {
    let local = ["http://localhost", "http://127.0.0.1"].into_iter().filter_map(|start| url.strip_prefix(start));
    let ends_there = |rest: &str| rest.is_empty() || rest.starts_with([':', '/']);
    url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        || local.into_iter().any(ends_there)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(name: &str, value: Value) -> Deployment {
        Deployment::of(&Variables::from([(name.to_owned(), value)]))
    }

    #[test]
    fn days_of_the_journal_are_a_number_that_keeps_the_months_figures_whole() {
        assert_eq!(Deployment::of(&Variables::new()).journal_days, JOURNAL_DAYS);
        assert_eq!(read("JOURNAL_DAYS", json!("35")).journal_days, 35);
        assert_eq!(read("JOURNAL_DAYS", json!(90)).journal_days, 90);
        for wrong in [json!("34"), json!("soon"), json!(0), json!("")] {
            let read = read("JOURNAL_DAYS", wrong);
            assert_eq!(read.journal_days, JOURNAL_DAYS);
            assert!(read.problems[0].to_string().contains("JOURNAL_DAYS") && read.problems[0].problem.contains("35"));
        }
    }

    #[test]
    fn nothing_is_sent_where_it_could_be_read_on_the_way_and_the_address_is_not_repeated() {
        for safe in ["https://hooks.example/s3cret", "http://localhost:8080/s3cret", "http://127.0.0.1/s3cret"] {
            assert_eq!(read("ALERT_URL", json!(safe)).alert_url.as_deref(), Some(safe));
        }
        for unsafe_one in ["http://hooks.example/s3cret", "http://localhost.example/s3cret", "hooks/s3cret", "https://"]
        {
            let read = read("ALERT_URL", json!(unsafe_one));
            assert_eq!(read.alert_url, None, "{unsafe_one}");
            assert!(!read.problems[0].to_string().contains("s3cret"));
        }
    }
}
