//! Stories: `fixtures/orders/<name>.json`.

use serde_json::Value;

use super::Company;

/// What arrives, in order, and what it is about.
///
/// `companies` are the ones it is told to where it is not the usual three; `settings` are added to each connection's own;
/// `ledger` is how the ledger company is set up; a delivery with `rest` lets the books come to rest before the next one arrives.
#[derive(Clone)]
pub struct Story {
    pub name: String,
    pub about: String,
    pub deliveries: Vec<(String, Value)>,
    /// After which deliveries the books come to rest.
    pub rests: Vec<usize>,
    pub companies: Vec<Company>,
    /// How the ledger company is set up, where that is part of the story.
    pub ledger: serde_json::Map<String, Value>,
    settings: Value,
}

/// True if every combination is wanted (`THOROUGH=1`, as `make test` sets it in the end), not one of each kind.
pub fn thorough() -> bool {
    std::env::var_os("THOROUGH").is_some()
}

/// Says yes once in `count` times, beginning with the first; always in [`thorough`] runs. A count without a factor in
/// common with the combinations' own draws some of each kind.
pub fn one_in(count: usize) -> impl FnMut() -> bool {
    let mut asked = 0;
    move || {
        asked += 1;
        thorough() || asked % count == 1
    }
}

impl Story {
    /// Reads `fixtures/orders/<name>.json`.
    pub fn read(name: &str) -> Self {
        let path = format!("{}/fixtures/orders/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let story: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let deliveries = || story["deliveries"].as_array().unwrap().iter();
        let companies = story["companies"].as_array();
        Self {
            name: name.to_owned(),
            about: story["about"].as_str().unwrap().to_owned(),
            deliveries: deliveries()
                .map(|one| (one["topic"].as_str().unwrap().to_owned(), one["body"].clone()))
                .collect(),
            rests: deliveries().enumerate().filter(|(_, one)| one["rest"] == true).map(|(index, _)| index).collect(),
            companies: companies.map_or(Company::ALL.to_vec(), |all| {
                all.iter().map(|label| Company::named(label.as_str().unwrap())).collect()
            }),
            ledger: story["ledger"].as_object().cloned().unwrap_or_default(),
            settings: story["settings"].clone(),
        }
    }

    /// Every story there is.
    pub fn all() -> Vec<Self> {
        let folder = format!("{}/fixtures/orders", env!("CARGO_MANIFEST_DIR"));
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names.iter().map(|name| Self::read(name)).collect()
    }

    /// Where a story may be cut in two: after its first delivery, before its last, after all. One of them, but for
    /// [`thorough`] runs.
    pub fn cuts(&self) -> Vec<usize> {
        let count = self.deliveries.len();
        let mut cuts = vec![1, count.saturating_sub(1).max(1), count];
        cuts.dedup();
        if thorough() { cuts } else { vec![cuts[self.name.len() % cuts.len()]] }
    }

    pub fn order_id(&self) -> String {
        let (topic, body) = &self.deliveries[0];
        let key = if topic.starts_with("orders/") { "id" } else { "order_id" };
        body[key].to_string()
    }

    /// The settings of a company's connection for this story.
    pub fn settings(&self, company: Company) -> Value {
        let mut settings = company.settings();
        settings.as_object_mut().unwrap().extend(self.settings.as_object().cloned().unwrap_or_default());
        settings
    }
}
