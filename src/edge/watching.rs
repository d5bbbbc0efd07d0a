//! Cron, and the object of the watch over the whole deployment.

use worker::{Env, Headers, Response, Result};

use super::desk;
use super::log::RuntimeLog;
use super::queue::{Question, ask, poke_all};
use super::variables;
use crate::config::Deployment;
use crate::monitor::{WATCH_OBJECT, Watch};
use crate::platform::{Log, LogLine, Platform};

/// What the watch is told every five minutes; the body says whether something before it failed.
pub const TICK: &str = "/tick";

/// One tick of cron: wakes every set of books, then has the watch look at the whole.
pub async fn cron(env: &Env) {
    let failed = !poke_all(env).await;
    let question = Question { books: WATCH_OBJECT, connection: "", order: "", path: TICK };
    let body = if failed { "failed" } else { "" };
    let problem = match ask(env, &question, Headers::new(), Some(body.as_bytes())).await {
        Ok(answer) if answer.status_code() == 200 => return,
        Ok(answer) => format!("its object answered with status {}", answer.status_code()),
        Err(error) => error.to_string(),
    };
    RuntimeLog.write(&LogLine::failed("watch", problem));
}

/// The tick, in the watch's object.
pub async fn tick(env: &Env, platform: Platform<'_>, body: &str) -> Result<Response> {
    // Two ticks at once would be one too many.
    if platform.pulse.beats(platform.clock.now()) {
        return Response::from_json(&None::<()>);
    }
    let variables = variables::read(env);
    let deployment = Deployment::of(&variables);
    let figures = desk::figures(env, &variables).await;
    let ticked = Watch { platform, deployment: &deployment }.tick(&figures, !body.is_empty()).await;
    Response::from_json(&ticked.map_err(|error| worker::Error::RustError(error.to_string()))?)
}
