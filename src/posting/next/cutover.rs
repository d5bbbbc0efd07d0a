//! An order that is older than the start date, and whose money moved since: the ledger is asked for the invoice that another
//! integration made, and where there is none a person is.

use std::collections::BTreeSet;

use super::{Action, Desk, next};
use crate::books::foreign::ForeignStanding;
use crate::books::hold::Hold;
use crate::ledgers::Posted;
use crate::normalize::cutover::{Adopted, adopt, numbers};
use crate::normalize::{Input, Question};
use crate::platform::{SqlError, transaction};
use crate::posting::call::{Purpose, Stage};
use crate::posting::orders::{self, Ending};
use crate::posting::{cutover, documents};

impl Desk<'_> {
    /// The ledger is asked question by question; what it found is taken, or a person is asked.
    pub(super) fn cutover(
        &self,
        input: &Input<'_>,
        question: &Question,
        claims: &mut BTreeSet<String>,
    ) -> Result<Action, SqlError> {
        let (sql, at) = (self.books.platform.sql, &self.row.at);
        if let Some(hold) = &question.hold {
            return self.ask(question, hold.clone());
        }
        if let Some(hold) = self.forbidden()? {
            return self.end(Ending::Held(hold));
        }
        let Some(order) = &self.state.snapshot else { return self.end(Ending::Later(self.now())) };
        let look = cutover::look(sql, at, self.seen)?;
        let questions = self.ledger.find_foreign(&numbers(order));
        if let Some(request) = questions.get(look.asked) {
            return Ok(self.call(Stage::References, Purpose::Foreign(look.asked), request.clone()));
        }
        let mut found = look.found;
        for sale in &mut found {
            if documents::is_of_another(sql, at, sale)? {
                sale.standing = ForeignStanding::Taken;
            }
        }
        match adopt(input, order, question, &found) {
            Ok(adopted) => {
                self.take(&adopted)?;
                // With the invoice among its documents the order is decided upon again.
                let row = orders::load(sql, at)?.unwrap_or_else(|| self.row.clone());
                next(self.books, &row, claims)
            }
            Err(hold) => self.ask(question, hold),
        }
    }

    fn take(&self, adopted: &Adopted) -> Result<(), SqlError> {
        let sale = &adopted.sale;
        let posted = Posted {
            ledger_id: sale.ledger_id.clone(),
            version: String::new(),
            number: sale.number.clone(),
            total: sale.total,
            currency: sale.currency,
            party_id: Some(sale.party_id.clone()),
            void: false,
            names_order: false,
            remark: None,
            room: Some(adopted.room),
        };
        let (at, document) = (&self.row.at, &adopted.document);
        transaction(self.books.platform.sql, |sql| {
            documents::adopt(sql, at, document, &posted, self.now())?;
            orders::stamp(sql, at, &adopted.stamp, Some(document.currency.code()))?;
            cutover::taken(sql, at)
        })
    }

    fn ask(&self, question: &Question, hold: Hold) -> Result<Action, SqlError> {
        transaction(self.books.platform.sql, |sql| cutover::ask(sql, &self.row.at, &question.money))?;
        self.end(Ending::Held(hold))
    }
}
