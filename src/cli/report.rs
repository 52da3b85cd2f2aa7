//! What a subcommand comes to.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use rerunner::escape;
use serde_json::Value;

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
    pub fn print(self, format: &Format) -> io::Result<ExitCode> {
        // Names from outside, and what a remote has answered, are in both.
        let text = match format.json {
            true => escape::json(&format!("{:#}", self.json)).into_owned() + "\n",
            false => escape::terminal(&self.text).into_owned(),
        };
        if self.good || format.json {
            io::stdout().write_all(text.as_bytes())?;
        } else {
            io::stderr().write_all(text.as_bytes())?;
        }
        Ok(if self.good { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

/// Why a command could not be carried out, as a sentence without a full stop.
#[derive(Debug)]
pub struct Failure(pub String);
