//! `fetch`, with a deadline and without redirects.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use std::time::Duration;
use worker::wasm_bindgen::JsValue;
use worker::{AbortController, Delay, Fetch, Headers, Method as RuntimeMethod, RequestInit, RequestRedirect};

use crate::platform::{Http, HttpError, Method, Request, Response};

/// How long a call may take. QuickBooks' and Xero's slowest documented answers stay below; what takes longer counts as
/// an outcome that nobody knows.
const DEADLINE: Duration = Duration::from_secs(30);

/// The way out of the runtime.
pub struct RuntimeHttp;

fn build(request: &Request) -> worker::Result<worker::Request> {
    let headers = Headers::new();
    for (name, value) in &request.headers {
        headers.set(name, value)?;
    }
    let mut init = RequestInit::new();
    init.with_method(match request.method {
        Method::Get => RuntimeMethod::Get,
        Method::Post => RuntimeMethod::Post,
        Method::Put => RuntimeMethod::Put,
        Method::Delete => RuntimeMethod::Delete,
    })
    .with_headers(headers)
    .with_redirect(RequestRedirect::Manual);
    if let Some(body) = &request.body {
        init.with_body(Some(JsValue::from_str(body)));
    }
    worker::Request::new_with_init(&request.url, &init)
}

async fn exchange(request: worker::Request, controller: &AbortController) -> worker::Result<Response> {
    let mut response = Fetch::Request(request).send_with_signal(&controller.signal()).await?;
    let headers = response.headers().entries().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let status = response.status_code();
    let body = String::from_utf8_lossy(&response.bytes().await?).into_owned();
    Ok(Response { status, headers, body })
}

impl Http for RuntimeHttp {
    fn send(&self, request: Request) -> LocalBoxFuture<'_, Result<Response, HttpError>> {
        async move {
            let outgoing =
                build(&request).map_err(|error| HttpError(format!("the request cannot be built: {error}")))?;
            let controller = AbortController::default();
            let answer = {
                let call = exchange(outgoing, &controller).fuse();
                let deadline = Delay::from(DEADLINE).fuse();
                futures_util::pin_mut!(call, deadline);
                match futures_util::future::select(call, deadline).await {
                    futures_util::future::Either::Left((answer, _)) => Some(answer),
                    futures_util::future::Either::Right(_) => None,
                }
            };
            match answer {
                Some(answer) => answer.map_err(|error| HttpError(error.to_string())),
                None => {
                    controller.abort();
                    Err(HttpError(format!("no answer within {} seconds", DEADLINE.as_secs())))
                }
            }
        }
        .boxed_local()
    }
}
