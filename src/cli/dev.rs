//! `rerunner dev`: the Worker on this machine.

use clap::Args;
use serde_json::Value;

use super::dialogue::say;
use super::wrangler::Wrangler;
use super::{Failure, Report};

/// Runs the Worker on this machine, with the settings and secrets in .dev.vars
///
/// GitHub's webhooks do not reach it by themselves, but you can send some by hand. Ctrl-C stops it. It takes no --json: it
/// has no end to report.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Where it listens
    #[arg(long, default_value_t = 8787)]
    port: u16,
}

pub fn dev(arguments: &Arguments) -> Result<Report, Failure> {
    Wrangler::version()?;
    say(&format!("http://localhost:{}/healthz says what is missing", arguments.port));
    Wrangler::dev(arguments.port)?;
    Ok(Report::said(String::new(), Value::Null, true))
}
