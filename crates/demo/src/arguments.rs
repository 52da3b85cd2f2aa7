//! The command line.

use std::time::Duration;

use clap::Parser;

/// Runs Rerunner on this machine: the Worker on Cloudflare's runtime, and a simulated GitHub beside it, whose workflows
/// fail now and then. With GITHUB_TOKEN in .dev.vars it is the real GitHub instead.
#[derive(Debug, Parser)]
#[command(name = "start", bin_name = "npm start --")]
pub struct Arguments {
    /// Where the Worker listens; 0 for any free port
    #[arg(long, env = "PORT", hide_env_values = true, default_value_t = 8787)]
    pub port: u16,

    /// The simulated GitHub, whatever .dev.vars says
    #[arg(long)]
    pub simulated: bool,

    /// End after this many seconds
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub for_time: Option<Duration>,

    /// End as soon as a run was rescued; with exit code 1 if none was within a minute
    #[arg(long)]
    pub until_rescued: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).map_err(|_| "expected a whole number".to_owned())
}
