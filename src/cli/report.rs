//! What a subcommand comes to.

use clap::Args;
use rerunner::escape;
use serde_json::Value;

use super::host::{self, Stream};

/// What every subcommand takes.
#[derive(Debug, Clone, Args)]
pub struct Format {
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}

pub struct Report {
    pub text: String,
    pub json: Value,
    /// Whether it is what one hopes for.
    pub good: bool,
}

impl Report {
    /// The exit code.
    pub fn print(self, format: &Format) -> u8 {
        // Names from outside, and what a remote has answered, are in both.
        let text = match format.json {
            true => escape::json(&format!("{:#}", self.json)).into_owned() + "\n",
            false => escape::terminal(&self.text).into_owned(),
        };
        let stream = if self.good || format.json { Stream::Out } else { Stream::Error };
        let is_read = host::write(stream, &text);
        // Where nobody reads on (`rerunner … | head`), all is well.
        u8::from(!self.good && is_read)
    }
}

/// Why a command could not be carried out, as a sentence without a full stop.
#[derive(Debug)]
pub struct Failure(pub String);
