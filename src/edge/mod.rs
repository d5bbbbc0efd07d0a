//! Cloudflare: entry points, routes, the durable object, and the platform's traits on the real thing. Thin: it
//! translates and decides nothing. The only place that knows the Workers SDK; compiled for wasm32 alone.

mod alarm;
mod answers;
#[cfg(feature = "checks")]
mod checks;
mod clock;
mod companies;
mod connecting;
mod desk;
mod http;
mod journal;
mod log;
mod orders;
mod past;
mod queue;
mod reconciliations;
mod reconciling;
mod refusals;
mod routes;
mod sql;
mod variables;
mod watching;

pub use queue::LedgerQueue;

use worker::{Context, Env, Request, Response, Result, ScheduleContext, ScheduledEvent, event};

/// Every request from outside.
#[event(fetch, respond_with_errors)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    routes::route(request, &env, &context).await
}

/// Cron: wakes every set of books, so that an alarm that the platform dropped heals, and looks at the whole.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    watching::cron(&env).await;
}
