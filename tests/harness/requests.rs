//! The Worker spoken to over HTTP: as Shopify and as an admin.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use sandbox::till;
use serde_json::Value;

use super::{ADMIN, SECRET, SHOP, Stage, now};

/// An answer: status and body.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// Shopify as it delivers: again and again until it is answered 200. It outlives the runtime that it delivers to.
pub struct Deliveries {
    url: String,
}

impl Deliveries {
    /// Returns how often it was sent in vain before.
    pub fn send(&self, number: u64, topic: &str, body: &[u8]) -> u32 {
        let headers = till::Delivery::new(topic, SHOP, number, now()).headers(SECRET, body);
        let mut in_vain = 0;
        while !matches!(post_webhook(&self.url, &headers, body), Ok(Answer { status: 200, .. })) {
            in_vain += 1;
            std::thread::sleep(Duration::from_millis(150));
        }
        in_vain
    }
}

fn post_webhook(url: &str, headers: &[(String, String)], body: &[u8]) -> io::Result<Answer> {
    let mut request = Stage::agent().post(format!("{url}/webhooks/shopify"));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    Stage::read(request.send(body))
}

impl Stage {
    /// What delivers to this Worker.
    pub fn deliveries(&self) -> Deliveries {
        Deliveries { url: self.url() }
    }

    fn agent() -> ureq::Agent {
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .into()
    }

    fn read(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> io::Result<Answer> {
        let mut response = response.map_err(io::Error::other)?;
        let status = response.status().as_u16();
        let body = response.body_mut().read_to_string().map_err(io::Error::other)?;
        Ok(Answer { status, body })
    }

    /// A GET, as the admin if `token` is given.
    pub fn get(&self, path: &str, token: Option<&str>) -> io::Result<Answer> {
        let mut request = Self::agent().get(format!("{}{path}", self.url()));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        Self::read(request.call())
    }

    /// A GET as the admin, of an answer of that type.
    pub fn get_as(&self, path: &str, accept: &str) -> io::Result<Answer> {
        let request = Self::agent().get(format!("{}{path}", self.url())).header("accept", accept);
        Self::read(request.header("authorization", format!("Bearer {ADMIN}")).call())
    }

    /// A POST as the admin.
    pub fn post(&self, path: &str) -> io::Result<Answer> {
        let request = Self::agent().post(format!("{}{path}", self.url()));
        Self::read(request.header("authorization", format!("Bearer {ADMIN}")).send_empty())
    }

    /// A POST with a body as the admin.
    pub fn post_json(&self, path: &str, body: &Value) -> io::Result<Answer> {
        let request = Self::agent().post(format!("{}{path}", self.url()));
        let request = request.header("content-type", "application/json");
        Self::read(request.header("authorization", format!("Bearer {ADMIN}")).send(body.to_string()))
    }

    /// A POST to the webhook route with these headers.
    pub fn post_webhook(&self, headers: &[(String, String)], body: &[u8]) -> io::Result<Answer> {
        post_webhook(&self.url(), headers, body)
    }

    /// The first bytes of the answer to a delivery that only says how long it will be.
    pub fn announce(&self, bytes: usize) -> io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        write!(
            stream,
            "POST /webhooks/shopify HTTP/1.1\r\nHost: localhost\r\nX-Shopify-Shop-Domain: {SHOP}\r\n\
             X-Shopify-Hmac-Sha256: AAAA\r\nContent-Length: {bytes}\r\n\r\n"
        )?;
        let mut answer = [0; 64];
        let length = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    /// A genuine delivery; the same number is the same delivery.
    pub fn deliver(&self, number: u64, topic: &str, body: &[u8]) -> io::Result<Answer> {
        let delivery = till::Delivery::new(topic, SHOP, number, now());
        self.post_webhook(&delivery.headers(SECRET, body), body)
    }
}
