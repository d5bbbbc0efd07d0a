//! Preflight, run: the company is read, every connection's settings are held against it, and the result decides whether
//! anything may be posted. A connection is checked before its first write, whenever its settings change, and daily; one
//! that failed is checked again every quarter of an hour, so that its orders go on by themselves once it is fixed; one whose
//! orders wait for a tax code of another rate, every hour.
//!
//! | key in the notebook | what |
//! |---|---|
//! | `checked:<connection>` | the verdict, and the ledger's ids of what the settings name |
//! | `preflight:<connection>` | the whole report, for the page |
//! | `company_facts` | what dates and currencies need: time zone, home currency |

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::alerts;
use super::books::Books;
use super::breaker;
use super::claims;
use super::grant;
use super::known;
use super::obstacles;
use super::orders::{self, OrderRef};
use super::schema::{meta, set_meta};
use super::shop::{self, Calls, NoAnswer, SHOPIFY_CALLS};
use super::silence;
use super::tokens::{self, Refused};
use crate::books::calendar::Calendar;
use crate::books::hold::HoldReason;
use crate::books::money::Currency;
use crate::config::{ClosedPeriod, Connection, Settings};
use crate::ledgers::preflight::{Choices, Finding, Known, Mark, choices, examine};
use crate::ledgers::survey::Survey;
use crate::platform::time::iso;
use crate::platform::{Sql, SqlError, transaction};

mod asking;
mod rates;

/// A company that was found right is read again after a day: reads are metered, and what is changed there meanwhile is
/// noticed by its refusals too.
const DAILY: Duration = Duration::hours(24);
/// How often a connection that failed is looked at again.
const AGAIN: Duration = Duration::minutes(15);
/// What was read within this time is not doubted.
const FRESH: Duration = Duration::minutes(5);
/// Nor is a name within this time that the ledger refuses again and again.
const NAMES_FRESH: Duration = Duration::hours(6);
/// How long an admin who waits for the check waits for Shopify.
const SHOP_TIME: Duration = Duration::seconds(10);
/// Problems that a hold names; the page names them all.
const NAMED: usize = 3;
const FACTS: &str = "company_facts";

/// The verdict on a connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Checked {
    /// The settings that were looked at.
    version: String,
    at: DateTime<Utc>,
    /// True if the ledger contradicted it since: the company is read again before the next write.
    #[serde(default)]
    doubted: bool,
    /// The problems in one sentence; empty if there are none.
    problems: String,
    /// The ledger's ids of what the settings name, by key.
    ids: BTreeMap<String, String>,
    /// The rates that the ledger has for the codes of `taxes`, by key.
    #[serde(default)]
    rates: BTreeMap<String, Decimal>,
}

/// What dates and currencies need to know of the company.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyFacts {
    /// Its time zone, by the tz database: accounting dates are days there.
    pub time_zone: Option<String>,
    /// The currency that it keeps its books in.
    pub home_currency: Option<String>,
    /// The last day of its closed period.
    #[serde(default)]
    pub closed_until: Option<NaiveDate>,
}

impl CompanyFacts {
    /// The company's days; documents move out of its closed period where the settings say so.
    pub fn calendar(&self, settings: &Settings) -> Calendar {
        let moves = settings.closed_period == ClosedPeriod::FirstOpenDay;
        Calendar::new(self.time_zone.as_deref(), self.closed_until.filter(|_| moves))
    }
}

/// The result for one connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// The connection.
    pub connection: String,
    /// When the company was read.
    pub at: String,
    /// True if nothing stands in the way of posting.
    pub passed: bool,
    /// The company's name, as the ledger states it.
    pub company: String,
    /// What its dates and currencies are.
    pub facts: CompanyFacts,
    /// Everything that was looked at, problems first.
    pub findings: Vec<Finding>,
    /// What the settings may name.
    pub choices: Choices,
}

fn json<T: for<'a> Deserialize<'a>>(sql: &dyn Sql, key: &str) -> Result<Option<T>, SqlError> {
    Ok(meta(sql, key)?.and_then(|text| serde_json::from_str(&text).ok()))
}

fn text<T: Serialize>(value: &T) -> Result<String, SqlError> {
    serde_json::to_string(value).map_err(|error| SqlError(error.to_string()))
}

fn checked(sql: &dyn Sql, connection: &Connection) -> Result<Option<Checked>, SqlError> {
    let checked: Option<Checked> = json(sql, &format!("checked:{}", connection.id))?;
    Ok(checked.filter(|checked| checked.version == connection.version))
}

/// The problems that forbid to post, if the present settings were found to have any.
pub fn forbids(sql: &dyn Sql, connection: &Connection) -> Result<Option<String>, SqlError> {
    Ok(checked(sql, connection)?.map(|checked| checked.problems).filter(|problems| !problems.is_empty()))
}

/// The ledger contradicts what is known of the company: it is read again before the next write. False if it was read only
/// just now, or is to be read again already and could not be.
pub fn doubt(sql: &dyn Sql, connection: &Connection, now: DateTime<Utc>) -> Result<bool, SqlError> {
    doubt_older(sql, connection, now, FRESH)
}

/// The ledger refuses a name: it may be another one's by now. Probes meet the same refusal every hour; the company is read
/// again for it a few times a day.
pub fn doubt_names(sql: &dyn Sql, connection: &Connection, now: DateTime<Utc>) -> Result<(), SqlError> {
    doubt_older(sql, connection, now, NAMES_FRESH).map(drop)
}

fn doubt_older(sql: &dyn Sql, connection: &Connection, now: DateTime<Utc>, fresh: Duration) -> Result<bool, SqlError> {
    let doubtful = |checked: &Checked| !checked.doubted && now - checked.at > fresh;
    let Some(checked) = checked(sql, connection)?.filter(doubtful) else { return Ok(false) };
    let checked = Checked { doubted: true, ..checked };
    set_meta(sql, &format!("checked:{}", connection.id), &text(&checked)?).map(|()| true)
}

/// What stands in the way of one connection, or no longer does, concerns all of these books: each is checked anew.
pub fn forget_verdicts(sql: &dyn Sql) -> Result<(), SqlError> {
    sql.exec("DELETE FROM meta WHERE key LIKE 'checked:%'", &[]).map(drop)
}

/// The last report on a connection, if it is on its present settings.
pub fn report(sql: &dyn Sql, connection: &Connection) -> Result<Option<Report>, SqlError> {
    match checked(sql, connection)? {
        Some(_) => json(sql, &format!("preflight:{}", connection.id)),
        None => Ok(None),
    }
}

/// Puts the ledger's ids in the place of the names that the settings use.
pub fn resolve_names(sql: &dyn Sql, connections: &mut [Connection]) -> Result<(), SqlError> {
    for connection in connections {
        if let Some(checked) = checked(sql, connection)?
            && let Ok(settings) = &mut connection.settings
        {
            settings.resolve(&checked.ids, &checked.rates);
        }
    }
    Ok(())
}

impl Books<'_> {
    /// What is known of the company's dates and currencies; nothing before the first preflight.
    pub fn company_facts(&self) -> Result<CompanyFacts, SqlError> {
        Ok(json(self.platform.sql, FACTS)?.unwrap_or_default())
    }

    /// An admin asks: reads the company and the shop now and checks a connection against them. `None` if its settings cannot be read.
    pub async fn preflight(&self, id: &str) -> Result<Option<Report>, Refused> {
        let Some(connection) = self.connection(id).filter(|one| one.settings.is_ok()) else { return Ok(None) };
        self.ask_shop(connection).await?;
        match self.check(connection).await {
            // Somebody else is asking, or has just asked: what is known counts.
            Err(Refused::Busy) if self.has_verdict(connection)? => {}
            Err(Refused::Person(why)) => {
                self.was_refused(connection, &why)?;
                return Err(Refused::Person(why));
            }
            checked => checked?,
        }
        self.arm(Some(self.platform.clock.now())).await?;
        Ok(report(self.platform.sql, connection)?)
    }

    /// Asks Shopify for an admin who waits: what the shop says, and its webhook subscriptions. What it does not answer is
    /// among the findings.
    async fn ask_shop(&self, connection: &Connection) -> Result<(), SqlError> {
        let calls = Calls::new(SHOPIFY_CALLS, self.platform.clock.now() + SHOP_TIME);
        shop::put_right(self.platform.sql, &connection.id)?;
        let asked = match self.read_shop(connection, &calls).await {
            Ok(()) => self.check_now(connection, &calls).await,
            failed => failed,
        };
        match asked {
            Err(NoAnswer::Sql(error)) => Err(error),
            Ok(()) | Err(NoAnswer::NoCallsLeft | NoAnswer::Paused(..)) => Ok(()),
        }
    }

    /// A connection that was never checked with its present settings; or, if `daily`, not for a day.
    pub(super) fn unchecked(&self, daily: bool) -> Result<Option<&Connection>, SqlError> {
        let now = self.platform.clock.now();
        for connection in &self.connections {
            if !self.knows_who_holds(connection)? {
                return Ok(Some(connection));
            }
        }
        self.first(|checked| checked.is_none_or(|checked| daily && (checked.doubted || now - checked.at > DAILY)))
    }

    /// True if there is a verdict on its present settings.
    pub fn has_verdict(&self, connection: &Connection) -> Result<bool, SqlError> {
        Ok(checked(self.platform.sql, connection)?.is_some() && self.knows_who_holds(connection)?)
    }

    fn knows_who_holds(&self, connection: &Connection) -> Result<bool, SqlError> {
        match &connection.settings {
            Ok(settings) => self.was_asked_who_holds(settings.ledger, &settings.company),
            Err(_) => Ok(true),
        }
    }

    /// Cron: what failed is looked at again, what was never looked at too. Without tokens there is nobody to ask.
    pub(super) async fn check_again(&self) -> Result<(), SqlError> {
        let now = self.platform.clock.now();
        let failed = self
            .first(|checked| checked.is_none_or(|checked| !checked.problems.is_empty() && now - checked.at >= AGAIN))?;
        let due = match failed {
            None => self.waits_for_a_rate(now)?,
            failed => failed,
        };
        let Some(connection) = due else { return Ok(()) };
        let sql = self.platform.sql;
        let at_hand = tokens::at_hand(self, connection)? || grant::reconnect(sql)?.is_some();
        if !at_hand || breaker::health(sql)?.is_paused(now) {
            return Ok(());
        }
        match self.check(connection).await {
            Err(Refused::Sql(error)) => Err(error),
            Ok(()) => self.arm(Some(now)).await,
            Err(Refused::Person(why)) => self.was_refused(connection, &why),
            // Without an answer the verdict stays; the next tick asks again.
            Err(_) => Ok(()),
        }
    }

    fn first(&self, wanted: impl Fn(Option<&Checked>) -> bool) -> Result<Option<&Connection>, SqlError> {
        for connection in self.connections.iter().filter(|one| one.settings.is_ok()) {
            if wanted(checked(self.platform.sql, connection)?.as_ref()) {
                return Ok(Some(connection));
            }
        }
        Ok(None)
    }

    /// Reads the company and holds the connection's settings against it. Returns nothing: the verdict is kept.
    pub(super) async fn check(&self, connection: &Connection) -> Result<(), Refused> {
        let Some(ledger) = self.ledger(connection) else { return Ok(()) };
        let Some(written) = self.as_written(connection) else { return Ok(()) };
        let pulse = self.platform.pulse;
        if !pulse.begin_survey(self.platform.clock.now()) {
            return Err(Refused::Busy);
        }
        let survey = self.survey(connection, ledger.as_ref(), &written).await;
        pulse.end_survey();
        let survey = survey?;
        grant::works(self)?;
        // The ledger answered for this company: it is not claimed by whoever only wrote down its id.
        let company = connection.settings.as_ref().map(|settings| settings.company.as_str()).unwrap_or_default();
        let other = self.ask_who_holds(written.ledger, company).await?;
        let of_others = other.map(|other| {
            let fix = format!("Set books = \"{other}\" here too, or connect a company of its own.");
            Finding::problem("books", claims::taken(&other), fix)
        });
        Ok(self.judge(connection, &written, &survey, of_others)?)
    }

    /// The settings as a person wrote them: those at hand have the ledger's ids in the place of names already.
    fn as_written(&self, connection: &Connection) -> Option<Settings> {
        let all = crate::config::connections(self.variables);
        all.into_iter().find(|one| one.id == connection.id)?.settings.ok()
    }

    /// Keeps the verdict; what was held because of the one before goes on.
    fn judge(
        &self,
        connection: &Connection,
        written: &Settings,
        survey: &Survey,
        of_others: Option<Finding>,
    ) -> Result<(), SqlError> {
        let sql = self.platform.sql;
        let now = self.platform.clock.now();
        let before = checked(sql, connection)?;
        let shop = self.shop_side(connection)?;
        // The shop itself knows best; else the newest order does.
        let shop_currency = match shop.facts() {
            Some(facts) => Some(facts.currency),
            None => shop_currency(sql, connection)?,
        };
        let known = Known { shop_currency, own_documents: own(sql, connection)?, shop, today: now.date_naive() };
        let mut examined = examine(written, survey, &known);
        examined.findings.splice(..0, of_others);
        let problems: Vec<&Finding> =
            examined.findings.iter().filter(|finding| finding.mark == Mark::Problem).collect();
        // What an obstacle holds the orders that it concerns for already is told once, and stops no others.
        let obstacles = obstacles::all(sql)?;
        let is_known = |one: &&Finding| {
            let id = examined.ids.get(&one.about).or_else(|| before.as_ref()?.ids.get(&one.about));
            obstacles.iter().any(|obstacle| obstacle.is_about(&one.about, &one.found, id.map(String::as_str)))
        };
        let passed = problems.is_empty();
        let problems: Vec<&Finding> = problems.into_iter().filter(|one| !is_known(one)).collect();
        let mut named: Vec<String> =
            problems.iter().take(NAMED).map(|one| format!("{}: {}", one.about, one.found)).collect();
        if problems.len() > NAMED {
            named.push(format!("{} more", problems.len() - NAMED));
        }
        let facts = CompanyFacts {
            time_zone: survey.time_zone.clone(),
            home_currency: survey.home.map(|home| home.code().to_owned()),
            closed_until: survey.closed_until,
        };
        let report = Report {
            connection: connection.id.clone(),
            at: iso(now),
            passed,
            company: survey.name.clone(),
            facts: facts.clone(),
            choices: choices(written.ledger, survey),
            findings: examined.findings.clone(),
        };
        // What cannot be found any more keeps the id that it had: the ledger says the same of it as before.
        for (key, id) in before.map(|before| before.ids).unwrap_or_default() {
            examined.ids.entry(key).or_insert(id);
        }
        let checked = Checked {
            version: connection.version.clone(),
            at: now,
            doubted: false,
            problems: named.join("; "),
            ids: examined.ids,
            rates: examined.rates,
        };
        let before = self::checked(sql, connection)?;
        let has_other_rates = before.is_none_or(|before| before.rates != checked.rates);
        transaction(sql, |sql| {
            set_meta(sql, FACTS, &text(&facts)?)?;
            set_meta(sql, &format!("checked:{}", connection.id), &text(&checked)?)?;
            set_meta(sql, &format!("preflight:{}", connection.id), &text(&report)?)?;
            if has_other_rates {
                orders::release_held(sql, &connection.id, HoldReason::TaxUnmapped, now)?;
            }
            if checked.problems.is_empty() {
                silence::expect(sql, now, &connection.id)?;
                alerts::close(sql, now, &connection.id, HoldReason::PreflightFailed.code())?;
                orders::release_held(sql, &connection.id, HoldReason::PreflightFailed, now)?;
            } else {
                alerts::open(sql, now, &connection.id, HoldReason::PreflightFailed.code(), &checked.problems)?;
            }
            Ok(())
        })
    }
}

/// The ledger's ids of what this connection posted.
fn own(sql: &dyn Sql, connection: &Connection) -> Result<BTreeSet<String>, SqlError> {
    let statement = "SELECT id FROM (
             SELECT json_extract(posted, '$.ledger_id') AS id, row_number() OVER (PARTITION BY kind ORDER BY posted_at) AS place
             FROM documents
             WHERE connection = ? AND kind IN ('invoice', 'sales_receipt', 'credit_note', 'refund_receipt')
         ) WHERE place <= 500";
    let rows = sql.exec(statement, &[connection.id.as_str().into()])?;
    rows.iter().map(|row| row.text("id")).collect()
}

/// The shop's currency, as the newest order told it.
fn shop_currency(sql: &dyn Sql, connection: &Connection) -> Result<Option<Currency>, SqlError> {
    let statement = "SELECT order_id FROM orders WHERE connection = ? AND order_id NOT LIKE 'event:%'
         ORDER BY updated_at DESC LIMIT 1";
    let rows = sql.exec(statement, &[connection.id.as_str().into()])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let at = OrderRef { connection: connection.id.clone(), order_id: row.text("order_id")? };
    let state = known::state_of(sql, connection, &at)?.state;
    Ok(state.snapshot.map(|order| order.currency))
}
