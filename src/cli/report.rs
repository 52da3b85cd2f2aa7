//! How a subcommand's result is printed, as text or JSON, and its exit code.

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
    /// What was done, as a text and as JSON.
    pub fn said(text: impl Into<String>, json: Value, good: bool) -> Self {
        Self { text: text.into(), json, good }
    }

    /// The exit code.
    pub fn print(self, format: &Format) -> u8 {
        // Names from outside, and what a remote has answered, are in both.
        let text = match format.json {
            true => escape::json(&format!("{:#}", self.json)).replace("##[", "##\\u005b") + "\n",
            false => no_commands(&escape::terminal(&self.text)),
        };
        let stream = if self.good || format.json { Stream::Out } else { Stream::Error };
        let is_read = host::write(stream, &text);
        // Where nobody reads on (`rerunner … | head`), all is well.
        u8::from(!self.good && is_read)
    }
}

/// What a text would have GitHub Actions do, if this runs there: a workflow's log is searched for commands, which texts from
/// outside (names of jobs, a policy file's) must not give.
pub fn no_commands(text: &str) -> String {
    let line = |line: &str| {
        let begins = line.trim_start().starts_with("::");
        let line = line.replace("##[", "## [");
        if begins { line.replacen("::", ": :", 1) } else { line }
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Why a command could not be carried out, as a sentence without a full stop.
#[derive(Debug)]
pub struct Failure(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_a_workflow_command() {
        let text = "a ##[error]b ##[stop-commands]c\n  ::error file=x::y\n::set-output name=a::b\nx ::y\n";
        let expected = "a ## [error]b ## [stop-commands]c\n  : :error file=x::y\n: :set-output name=a::b\nx ::y\n";
        assert_eq!(no_commands(text), expected);
    }
}
