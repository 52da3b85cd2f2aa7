//! All that names the `worker` crate, and nothing that decides.

mod backend;
mod body;
mod clock;
mod doctor_client;
mod env;
#[cfg(feature = "fault-route")]
mod faults;
mod fetch_handler;
mod github_client;
mod keeper_client;
mod keeper_object;
mod keeper_platform;
mod keeper_sql;
mod kv;
mod log;
mod notify;
mod signing;
mod webhook_entry;

use worker::{Context, Env, Request, Response, ScheduleContext, ScheduledEvent, event};

/// A panic says where it happened, in the log.
#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, _: Context) -> worker::Result<Response> {
    fetch_handler::handle(request, &env).await
}

/// By the hour, as wrangler.toml has it.
#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    fetch_handler::redeliver(&env).await;
}
