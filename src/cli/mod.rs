//! The subcommands, one file each; [`input`] reads what they are given, and [`past`] what GitHub has of a repository's runs.
//!
//! A subcommand returns its [`Report`], as text and as JSON; what it could not even begin with is a [`Failure`]. Exit
//! codes: 0 for good news, 1 for bad (a policy file with errors), 2 for a command that could not be carried out.

mod backtest;
mod catalogue;
mod check;
mod deployed;
mod dev;
mod diagnostics;
mod dialogue;
mod doctor;
mod explain;
mod health;
pub mod host;
mod http;
mod input;
mod paint;
mod past;
mod report;
mod setup;
mod target;
mod uninstall;
mod upgrade;
mod variables;
mod versions;
mod wrangler;

use clap::{Parser, Subcommand};
use rerunner::escape;

use host::Stream;

pub use report::{Failure, Format, Report};

/// Deploys and checks Rerunner, which re-runs failed GitHub workflow runs, and tries out its policy files.
#[derive(Debug, Parser)]
#[command(name = "rerunner", version, after_help = EXAMPLES)]
struct Command {
    #[command(subcommand)]
    what: What,
}

const EXAMPLES: &str = "\
Examples:
  rerunner setup                                            from nothing to a deployed Worker
  rerunner check .github/rerunner.yml                       all errors of a policy file, and what it means
  rerunner backtest --repo octo/widgets --policy careful    what a policy would have done in the last 30 days
  rerunner explain https://github.com/OWNER/REPO/actions/runs/ID

rerunner COMMAND --help has the details.";

#[derive(Debug, Subcommand)]
enum What {
    Setup(setup::Arguments),
    Upgrade(upgrade::Arguments),
    Uninstall(uninstall::Arguments),
    Dev(dev::Arguments),
    Doctor(doctor::Arguments),
    Check(check::Arguments),
    Explain(explain::Arguments),
    Backtest(backtest::Arguments),
    Catalogue(catalogue::Arguments),
    /// Prints the JSON Schema of policy files
    Schema(Format),
}

pub fn main() {
    console_error_panic_hook::set_once();
    let code = match Command::try_parse_from(host::arguments()) {
        Ok(command) => carry_out(command.what),
        // Also what was asked to be shown: its help, its version.
        Err(said) => {
            let stream = if said.use_stderr() { Stream::Error } else { Stream::Out };
            host::write(stream, &said.render().to_string());
            u8::try_from(said.exit_code()).unwrap_or(2)
        }
    };
    host::exit(code);
}

/// The exit code.
fn carry_out(what: What) -> u8 {
    if let What::Setup(setup::Arguments { format, .. })
    | What::Upgrade(upgrade::Arguments { format, .. })
    | What::Uninstall(uninstall::Arguments { format, .. }) = &what
        && format.json
    {
        dialogue::speak_beside();
    }
    let (report, format) = match what {
        What::Setup(arguments) => (setup::setup(&arguments), arguments.format),
        What::Upgrade(arguments) => (upgrade::upgrade(&arguments), arguments.format),
        What::Uninstall(arguments) => (uninstall::uninstall(&arguments), arguments.format),
        What::Dev(arguments) => (dev::dev(&arguments), Format { json: false }),
        What::Doctor(arguments) => (doctor::doctor(&arguments), arguments.format),
        What::Check(arguments) => (check::check(&arguments), arguments.json),
        What::Explain(arguments) => (explain::explain(&arguments), arguments.format),
        What::Backtest(arguments) => (backtest::backtest(&arguments), arguments.format),
        What::Catalogue(arguments) => (catalogue::catalogue(&arguments), arguments.format().clone()),
        What::Schema(_) => {
            let json = rerunner::policy::schema();
            (Ok(Report { text: String::new(), json, good: true }), Format { json: true })
        }
    };
    match report {
        Ok(report) => report.print(&format),
        Err(Failure(why)) => {
            host::write(Stream::Error, &report::no_commands(&format!("error: {}\n", escape::terminal(&why))));
            2
        }
    }
}
