//! Pages of lists, as both ledgers answer them. A page may hold a thousand documents, and as a tree of values it takes ten
//! times the memory of its text: each document is taken out of the text, read and let go before the next.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::{ListedPage, Outcome};
use crate::books::listed::Listed;

/// The members of an object, each as it is written; `None` if the text is no object.
pub fn members(text: &str) -> Option<BTreeMap<Cow<'_, str>, &RawValue>> {
    serde_json::from_str(text).ok()
}

/// The elements of an array, each as it is written; `None` if the text is no array.
pub fn elements(text: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(text).ok()
}

/// The documents of a page. What `read` takes for none is left out; what it cannot read makes the whole page unknown,
/// because a document that is passed over would be taken for a missing one.
pub fn page(
    rows: &[&RawValue],
    more: bool,
    read: impl Fn(&Value) -> Result<Option<Listed>, String>,
) -> Outcome<ListedPage> {
    let mut documents = Vec::with_capacity(rows.len());
    for row in rows {
        let one = serde_json::from_str(row.get()).map_err(|error| error.to_string()).and_then(|row| read(&row));
        match one {
            Ok(one) => documents.extend(one),
            Err(why) => return Outcome::Unknown(why),
        }
    }
    Outcome::Done(ListedPage { documents, more })
}
