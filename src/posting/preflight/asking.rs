//! The company is read: the ledger's questions, one after the other, within its limits.

use chrono::Duration;

use crate::config::{Connection, Settings};
use crate::ledgers::survey::Survey;
use crate::ledgers::{Ledger, Outcome};
use crate::platform::{Response, SqlError};
use crate::posting::books::Books;
use crate::posting::breaker::{self, Asked};
use crate::posting::budget::{self, Cost};
use crate::posting::grant;
use crate::posting::round::header;
use crate::posting::tokens::{self, Refused};

impl Books<'_> {
    pub(super) async fn survey(
        &self,
        connection: &Connection,
        ledger: &dyn Ledger,
        settings: &Settings,
    ) -> Result<Survey, Refused> {
        let mut token = tokens::access_token(self, connection, false).await?;
        let mut renewed = false;
        loop {
            let answers = self.ask_all(ledger, settings, &token).await?;
            let later = |why: String| Err(Refused::Later(format!("the company was not read: {why}")));
            return match ledger.read_survey(settings, &answers) {
                Outcome::Done(survey) => {
                    breaker::is_up(self.platform.sql)?;
                    Ok(survey)
                }
                Outcome::TokenExpired if !renewed => {
                    renewed = true;
                    token = tokens::access_token(self, connection, true).await?;
                    continue;
                }
                Outcome::TokenExpired => Err(Refused::Person("the ledger no longer accepts our access token".into())),
                Outcome::Reconnect(why) => Err(Refused::Person(why)),
                Outcome::Refused(refusal) | Outcome::Settings(refusal, _) => later(refusal.message),
                Outcome::Wait { retry_after, guess, why } => {
                    let is_there = answers.iter().any(Asked::for_fewer);
                    self.ledger_asks_to_wait(Asked { retry_after, guess, why: why.clone(), is_there })?;
                    later(why)
                }
                Outcome::Unknown(why) => later(why),
                Outcome::AlreadyExists | Outcome::Stale => later("an answer that makes no sense here".into()),
            };
        }
    }

    /// An answer for each question. After one that says that nothing more will be answered now, no other is asked: it
    /// stands for theirs too.
    async fn ask_all(&self, ledger: &dyn Ledger, settings: &Settings, token: &str) -> Result<Vec<Response>, Refused> {
        let questions = ledger.survey(settings);
        let mut answers: Vec<Response> = Vec::new();
        for question in &questions {
            let (sent_at, cost) = (self.platform.clock.now(), Cost::of(ledger.survey_elements(question)));
            if !budget::take(&self.platform, ledger.limits(), sent_at, cost)? {
                // Other calls took the room; in a moment there is some again.
                return Err(Refused::Busy);
            }
            self.still_at_work();
            let result = self.platform.http.send(ledger.address(question, token)).await;
            let received_at = self.platform.clock.now();
            if let Some(left) = header(&result, "x-daylimit-remaining") {
                budget::day_left(self.platform.sql, received_at, left)?;
            }
            let call = (sent_at, received_at, cost);
            budget::answered(&self.platform, ledger.limits(), call, header(&result, "x-minlimit-remaining"))?;
            let answer = result.map_err(|error| Refused::Later(format!("the company was not read: {error}")))?;
            let is_over = matches!(answer.status, 401 | 403 | 429);
            answers.push(answer.clone());
            if is_over {
                answers.resize(questions.len(), answer);
                break;
            }
        }
        Ok(answers)
    }

    /// The ledger does not let us in, though no order asked: it is told all the same. Tokens that cannot be opened are told
    /// of by themselves.
    pub(in crate::posting) fn was_refused(&self, connection: &Connection, why: &str) -> Result<(), SqlError> {
        let Ok(settings) = &connection.settings else { return Ok(()) };
        match grant::locked(self, settings.ledger, connection)? {
            Some(_) => Ok(()),
            None => self.wants_reconnect(why),
        }
    }

    /// The whole connection waits, as it would if an order had been told so.
    fn ledger_asks_to_wait(&self, asked: Asked) -> Result<(), SqlError> {
        let asked = Asked { guess: asked.guess.max(Duration::seconds(1)), ..asked };
        breaker::wait(self.platform.sql, self.platform.clock.now(), &asked, self.platform.random.bits()).map(drop)
    }
}
