//! The same over real sockets.

use sandbox::{Fault, FaultKind, presets};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One request on a connection of its own; an empty answer is a connection that closed without one.
async fn send(address: std::net::SocketAddr, method: &str, path: &str, token: &str, body: &Value) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = body.to_string();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n\
         Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_reply_is_lost_on_the_wire_but_not_in_the_books() {
    let running = sandbox::spawn(0).await.unwrap();
    let realm = presets::QUICKBOOKS_US;
    let fault = json!([{ "ledger": "quickbooks", "path_contains": "/customer", "kind": "lost_reply" }]);
    let ordered = send(running.address, "POST", "/_sandbox/faults", "", &fault).await;
    assert!(ordered.starts_with("HTTP/1.1 200"), "{ordered}");
    let minted = send(running.address, "POST", "/_sandbox/token", "", &json!({ "company": realm })).await;
    let minted: Value = serde_json::from_str(minted.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let token = minted["access_token"].as_str().unwrap();
    let path = format!("/v3/company/{realm}/customer?requestid=r1");
    let body = json!({ "DisplayName": "Jane" });
    assert_eq!(send(running.address, "POST", &path, token, &body).await, "");
    let replayed = send(running.address, "POST", &path, token, &body).await;
    assert!(replayed.starts_with("HTTP/1.1 200") && replayed.contains("intuit_tid"), "{replayed}");
    assert_eq!(running.with(|world| world.quickbooks[realm].parties().len()), 1);
}

#[tokio::test]
async fn a_slow_answer_holds_nobody_else_up() {
    let running = sandbox::spawn(0).await.unwrap();
    running.with(|world| world.fail(Fault::next(FaultKind::Slow { milliseconds: 30_000 })));
    let slow = tokio::spawn(send_owned(running.address));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let state = send(running.address, "GET", "/_sandbox/state", "", &json!({})).await;
    assert!(state.starts_with("HTTP/1.1 200"), "{state}");
    slow.abort();
}

async fn send_owned(address: std::net::SocketAddr) -> String {
    send(address, "GET", "/v3/company/1000000001/preferences", "none", &json!({})).await
}
