//! The Worker on the real runtime, with the ledgers' stand-ins beside it: started, killed, started again on the same
//! state, and spoken to over HTTP as Shopify, an admin and a bookkeeper would.
#![allow(dead_code)] // Each program uses its own part.
#![allow(clippy::disallowed_methods)] // Outside the product real time passes.

mod requests;
mod settings;
mod stories;

use std::fs::File;
use std::io::{self, Read};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sandbox::Background;
use serde_json::{Value, json};

#[allow(unused_imports)]
pub use requests::Answer;
use settings::variables;
#[allow(unused_imports)]
pub use settings::{ADMIN, QUICKBOOKS, SECRET, SHOP, XERO, connections};
#[allow(unused_imports)]
pub use stories::{stories, story};

/// The Worker and its world. Dropping it leaves nothing running.
pub struct Stage {
    pub sandbox: Background,
    folder: PathBuf,
    port: u16,
    process: Option<Child>,
    keep: bool,
}

/// This moment.
pub fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl Stage {
    /// Fresh state, free ports, the release build.
    pub fn start(name: &str) -> io::Result<Self> {
        Self::start_with(name, "build", &json!({}))
    }

    /// Fresh state, another build, further variables.
    pub fn start_with(name: &str, build: &str, more: &Value) -> io::Result<Self> {
        let main = root().join(build).join("index.js");
        if !main.exists() {
            return Err(io::Error::other(format!("{} is missing: run `make build` first", main.display())));
        }
        let folder = root().join("target/stage").join(format!("{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        let sandbox = sandbox::spawn_thread(0)?;
        let mut vars = variables(&sandbox.url());
        vars.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        let config = json!({
            "name": "tillproof", "main": main, "no_bundle": true, "compatibility_date": "2026-10-23",
            "rules": [{"type": "CompiledWasm", "globs": ["**/*.wasm"], "fallthrough": false}],
            "durable_objects": {"bindings": [{"name": "LEDGER_QUEUE", "class_name": "LedgerQueue"}]},
            "migrations": [{"tag": "v1", "new_sqlite_classes": ["LedgerQueue"]}],
            "d1_databases": [{"binding": "JOURNAL", "database_name": "tillproof-journal", "database_id": "local"}],
            "triggers": {"crons": ["*/5 * * * *"]},
            "vars": vars,
        });
        std::fs::write(folder.join("wrangler.json"), config.to_string())?;
        let mut stage = Self { sandbox, folder, port: free_port()?, process: None, keep: false };
        stage.raise()?;
        Ok(stage)
    }

    fn wrangler(&self, arguments: &[&str]) -> String {
        let quote = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
        let bin = root().join("node_modules/.bin");
        let config = self.folder.join("wrangler.json");
        let state = self.folder.join("state");
        let words: Vec<String> = arguments.iter().map(|word| quote(word)).collect();
        format!(
            "PATH={bin}:$PATH {bin}/wrangler {} --local --config {} --persist-to {}",
            words.join(" "),
            quote(&config.display().to_string()),
            quote(&state.display().to_string()),
            bin = quote(&bin.display().to_string()),
        )
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).current_dir(&self.folder);
        command
            .env("WRANGLER_SEND_METRICS", "false")
            .env("CI", "true")
            .env("WRANGLER_LOG_PATH", self.folder.join("logs"));
        command
    }

    /// Starts the runtime on the state that is there. Its process group ends with this program, however that ends: the
    /// shell waits on a pipe that closes then.
    pub fn raise(&mut self) -> io::Result<()> {
        let port = self.port.to_string();
        let wrangler =
            self.wrangler(&["dev", "--port", &port, "--ip", "127.0.0.1", "--inspector-port", "0", "--test-scheduled"]);
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = self.command(&format!("{wrangler} </dev/null & cat >/dev/null; kill -9 -- -$$"));
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).process_group(0);
        self.process = Some(command.spawn()?);
        let deadline = Instant::now() + Duration::from_secs(90);
        while Instant::now() < deadline {
            if self.get("/health", None).is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let mut text = String::new();
        File::open(self.log())?.read_to_string(&mut text)?;
        Err(io::Error::other(format!("the runtime did not start:\n{text}")))
    }

    /// What the runtime printed.
    pub fn log(&self) -> PathBuf {
        self.folder.join("runtime.log")
    }

    /// The Worker's address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// SIGKILL to everything at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = Command::new("kill").args(["-9", "--", &format!("-{}", process.id())]).status();
            let _ = process.wait();
        }
    }

    /// Killed and started again on the same state.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        self.raise()
    }

    /// Every database on the runtime's disk: the objects' and D1's. Complete once the runtime is stopped.
    pub fn databases(&self) -> Vec<PathBuf> {
        let (mut folders, mut found) = (vec![self.folder.join("state")], Vec::new());
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|kind| kind == "sqlite") {
                    found.push(path);
                }
            }
        }
        found
    }

    /// Takes the journal's database away from the Worker, or gives it back; the runtime is started again.
    pub fn bind_journal(&mut self, is_bound: bool) -> io::Result<()> {
        let path = self.folder.join("wrangler.json");
        let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
        let database = json!({"binding": "JOURNAL", "database_name": "tillproof-journal", "database_id": "local"});
        config["d1_databases"] = if is_bound { json!([database]) } else { json!([]) };
        std::fs::write(path, config.to_string())?;
        self.restart()
    }

    /// Sets variables anew, as a deployment does; the runtime is started again.
    pub fn set(&mut self, more: &Value) -> io::Result<()> {
        let path = self.folder.join("wrangler.json");
        let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
        for (name, value) in more.as_object().into_iter().flatten() {
            config["vars"][name] = value.clone();
        }
        std::fs::write(path, config.to_string())?;
        self.restart()
    }

    /// Leaves the folder with state and log.
    pub fn keep(&mut self) -> &Path {
        self.keep = true;
        &self.folder
    }

    /// The figures of the status page.
    pub fn status(&self) -> io::Result<Value> {
        self.get("/api/status", Some(ADMIN)).map(|answer| answer.json())
    }

    /// Waits until nothing is due and the journal is complete.
    pub fn wait_until_quiet(&self, limit: Duration) -> io::Result<Value> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.status().unwrap_or(Value::Null);
            let books = status["books"].as_array().cloned().unwrap_or_default();
            let quiet = |one: &Value| one["next_due"].is_null() && one["journal_backlog"] == 0;
            if !books.is_empty() && books.iter().all(quiet) {
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("not quiet after {} s: {status}", limit.as_secs())));
            }
            // Cron, as often as the test looks: it heals what a crash left hanging.
            let _ = self.get("/cdn-cgi/local/scheduled", None);
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// How a user asks the journal.
    pub fn d1_command(&self, sql: &str) -> String {
        self.wrangler(&["d1", "execute", "JOURNAL", "--json", "--command", sql])
    }

    /// Rows of the journal, asked as a user asks.
    pub fn d1(&self, sql: &str) -> io::Result<Vec<Value>> {
        Ok(self.d1_all(&[sql])?.swap_remove(0))
    }

    /// The rows of several questions at once. The runtime has the file open too: while it writes, nobody else may ask.
    pub fn d1_all(&self, statements: &[&str]) -> io::Result<Vec<Vec<Value>>> {
        let ask = || self.command(&self.d1_command(&statements.join(";\n"))).stdin(Stdio::null()).output();
        let is_busy = |output: &std::process::Output| {
            [&output.stdout, &output.stderr].iter().any(|text| String::from_utf8_lossy(text).contains("SQLITE_BUSY"))
        };
        let mut output = ask()?;
        for _ in 0..10 {
            if !is_busy(&output) {
                break;
            }
            std::thread::sleep(Duration::from_millis(500));
            output = ask()?;
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let json = text.find('[').map(|start| &text[start..]).unwrap_or("");
        let answers: Vec<Value> = serde_json::from_str(json).unwrap_or_default();
        if answers.len() != statements.len() {
            return Err(io::Error::other(format!("{text}{}", String::from_utf8_lossy(&output.stderr))));
        }
        Ok(answers.iter().map(|one| one["results"].as_array().cloned().unwrap_or_default()).collect())
    }

    /// Every document that stands in a company: kind, number or reference, currency, total, status.
    pub fn documents(&self, company: &str) -> Vec<String> {
        self.sandbox.with(|world| world.document_lines(company))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.kill();
        if !self.keep && !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}
