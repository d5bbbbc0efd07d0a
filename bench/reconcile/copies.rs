//! One order as the pattern of all others: in each copy its own id, number, amounts and days stand instead of the pattern's.

/// What a text of the pattern is in a copy.
type Word = Box<dyn Fn(u64) -> String>;

/// The texts of the pattern that are another's in a copy.
#[derive(Default)]
pub struct Copies {
    words: Vec<(String, Word)>,
    order_id: u64,
}

impl Copies {
    /// Copies of the order of that id.
    pub fn of(order_id: u64) -> Self {
        Self { order_id, ..Self::default() }.counting(order_id)
    }

    /// That number is counted on from copy to copy.
    pub fn counting(self, first: u64) -> Self {
        self.with(first.to_string(), move |n| (first + n).to_string())
    }

    /// The ledger's ids are short: only as a whole text are they ids, and no copy's id is another one's original.
    pub fn with_ledger_id(self, id: &str) -> Self {
        let first: u64 = id.parse().unwrap();
        self.with(format!("\"{id}\""), move |n| match n {
            0 => format!("\"{first}\""),
            _ => format!("\"{}\"", first * 1_000_000 + n),
        })
    }

    /// That text is another one.
    pub fn with(mut self, text: impl Into<String>, word: impl Fn(u64) -> String + 'static) -> Self {
        self.words.push((text.into(), Box::new(word)));
        self
    }

    /// The texts of copy `n`.
    pub fn write(&self, text: &str, n: u64) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, of)| text.replace(word, &of(n)))
    }

    /// Which copy the order of that id is.
    pub fn place(&self, order_id: &str) -> Option<u64> {
        order_id.parse::<u64>().ok()?.checked_sub(self.order_id)
    }

    /// Shopify's id of the pattern.
    pub fn order_id(&self) -> u64 {
        self.order_id
    }
}
