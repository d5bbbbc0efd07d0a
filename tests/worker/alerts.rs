//! Alerts on the runtime: what is held is told to a chat once, and so is that it is over.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sandbox::{Fault, FaultKind, Ledger};
use serde_json::{Value, json};

use crate::harness::{ADMIN, Stage};
use crate::{SOON, numbered};

/// A chat and a dead man's switch on this machine: the bodies and the addresses that came.
struct Chat {
    url: String,
    heard: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Chat {
    fn listen() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keeps = Arc::clone(&heard);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut first, mut length) = (String::new(), 0);
                reader.read_line(&mut first).unwrap();
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) <= 2 {
                        break;
                    }
                    if let Some((name, value)) = line.split_once(':')
                        && name.eq_ignore_ascii_case("content-length")
                    {
                        length = value.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                keeps.lock().unwrap().push((path, serde_json::from_slice(&body).unwrap_or_default()));
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
            }
        });
        Self { url, heard }
    }

    /// What was told, as status, kind and connection.
    fn told(&self) -> Vec<String> {
        let word = |body: &Value, name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let heard = self.heard.lock().unwrap();
        let alerts = heard.iter().filter(|(path, _)| path == "/alerts");
        alerts.map(|(_, body)| ["status", "kind", "connection"].map(|name| word(body, name)).join(" ")).collect()
    }

    fn beats(&self) -> usize {
        self.heard.lock().unwrap().iter().filter(|(path, _)| path == "/heart").count()
    }
}

/// Cron, until that is so.
fn until(stage: &Stage, what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        let _ = stage.get("/cdn-cgi/local/scheduled", None);
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_hold_is_told_to_the_chat_once_and_its_release_too() {
    let chat = Chat::listen();
    let variables =
        json!({"ALERT_URL": format!("{}/alerts", chat.url), "HEARTBEAT_URL": format!("{}/heart", chat.url)});
    let mut stage = Stage::start_with("alerts", "build", &variables).unwrap();
    until(&stage, "the heart beats while all is well", || chat.beats() > 0);
    assert_eq!(chat.told(), Vec::<String>::new());
    let refused = Fault { body_contains: Some("S-4401".into()), ..Fault::next(FaultKind::Blocked) };
    stage.sandbox.with(|world| world.fail(refused.at(Ledger::Xero).repeated(50)));
    for (number, (topic, body)) in (1..).zip(numbered(4401)) {
        assert_eq!(stage.deliver(number, &topic, &body).unwrap().status, 200);
    }
    until(&stage, "the hold is told", || !chat.told().is_empty());
    assert_eq!(chat.told(), ["opened held xero"]);
    let said = chat.heard.lock().unwrap().iter().find(|(path, _)| path == "/alerts").unwrap().1.clone();
    assert!(said["text"].as_str().unwrap().contains("See /orders?connection=xero&state=held&reason="), "{said}");
    assert_eq!(said["text"], said["content"]);
    // What was told stands in the object, not in its memory.
    stage.restart().unwrap();
    let beats = chat.beats();
    until(&stage, "the watch goes on", || chat.beats() > beats);
    assert_eq!(chat.told(), ["opened held xero"]);
    stage.sandbox.with(|world| world.faults.clear());
    assert_eq!(stage.post("/api/orders/xero/5700000004401/release").unwrap().status, 202);
    until(&stage, "that it is over is told", || chat.told().len() > 1);
    assert_eq!(chat.told(), ["opened held xero", "closed held xero"]);
    let alerts = stage.d1("SELECT kind, resolved_at IS NOT NULL AS over FROM alerts WHERE kind = 'held'").unwrap();
    assert_eq!(alerts, [json!({"kind": "held", "over": 1})]);
    let told = stage.d1("SELECT status, outcome FROM alert_deliveries ORDER BY at").unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    let status = stage.get("/api/status", Some(ADMIN)).unwrap();
    assert_eq!(status.json()["deployment"]["alert_url"], true);
    // The runtime itself prints its variables when it starts.
    let log = std::fs::read_to_string(stage.log()).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("\"event\":")).collect();
    let any = |event: &str| lines.iter().any(|line| line.contains(&format!("\"event\":\"{event}\"")));
    assert!(any("delivery") && any("webhook") && any("document") && any("watch"), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains(&chat.url)) && !status.body.contains(&chat.url));
}
