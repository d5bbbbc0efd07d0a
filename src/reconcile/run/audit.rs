//! Books that somebody else filled: their documents are paired with the orders.

use super::tables::Run;
use super::{Next, Phase, Piece};
use crate::config::Connection;
use crate::posting::Books;

pub fn pair(_books: &Books<'_>, _connection: &Connection, _run: &mut Run) -> Piece {
    Ok(Next::Then(Phase::Diagnose))
}
