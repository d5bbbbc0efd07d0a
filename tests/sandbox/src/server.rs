//! The state machine behind real HTTP.
//!
//! hyper without a framework, because a service that fails closes the connection unanswered: that is how a reply gets lost.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::http::{Delivery, Reply, Request};
use crate::world::World;

/// A sandbox that is listening. Dropping it stops it.
pub struct Running {
    pub address: SocketAddr,
    pub world: Arc<Mutex<World>>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at the world, or changes it, between requests.
    pub fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs until the process ends.
    pub async fn forever(mut self) {
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens on the loopback address; port 0 takes any that is free.
pub async fn spawn(port: u16) -> io::Result<Running> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    let world = Arc::new(Mutex::new(World::new()));
    let task = tokio::spawn(accept(listener, Arc::clone(&world)));
    Ok(Running { address, world, task })
}

async fn accept(listener: TcpListener, world: Arc<Mutex<World>>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&world)));
        }
    }
}

async fn serve(stream: TcpStream, world: Arc<Mutex<World>>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&world)));
    // An error here is a connection that was meant to break, or that the client broke.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: hyper::Request<Incoming>,
    world: Arc<Mutex<World>>,
) -> io::Result<hyper::Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or("").to_owned(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: body.to_vec(),
    };
    let reply = world.lock().unwrap_or_else(PoisonError::into_inner).handle(now(), &request);
    match reply.delivery {
        Delivery::Lost | Delivery::Refused => return Err(io::Error::other("the connection closes unanswered")),
        Delivery::Delayed(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        Delivery::Delivered => {}
    }
    into_response(reply)
}

/// The one place that reads a clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the server is the edge of the sandbox; everything behind it takes the time as an argument"
)]
fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}

fn into_response(reply: Reply) -> io::Result<hyper::Response<Full<Bytes>>> {
    let mut builder = hyper::Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        builder = builder.header(name, value);
    }
    builder.body(Full::new(Bytes::from(reply.body))).map_err(io::Error::other)
}

/// A sandbox on a thread of its own, for programs that are not asynchronous. Dropping it stops it.
pub struct Background {
    pub address: SocketAddr,
    pub world: Arc<Mutex<World>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Background {
    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at the world, or changes it, between requests.
    pub fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

/// Listens on the loopback address from a thread of its own; port 0 takes any that is free.
pub fn spawn_thread(port: u16) -> io::Result<Background> {
    let (started, starting) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return started.send(Err(error)).unwrap_or_default(),
        };
        runtime.block_on(async {
            match spawn(port).await {
                Ok(running) => {
                    let _ = started.send(Ok((running.address, Arc::clone(&running.world))));
                    let _ = stopped.await;
                }
                Err(error) => started.send(Err(error)).unwrap_or_default(),
            }
        });
    });
    let (address, world) = starting.recv().map_err(|_| io::Error::other("the sandbox's thread ended"))??;
    Ok(Background { address, world, stop: Some(stop) })
}
