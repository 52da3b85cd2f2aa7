//! The command as built, for what runs it.

use std::path::PathBuf;
use std::process::Command;

/// `rerunner`, run by this machine's own Node.js.
pub fn command() -> Command {
    let mut command = Command::new(program("node"));
    command.arg(crate::root().join("bin/rerunner.mjs"));
    command
}

/// Where a program is, which is then found with any environment; its name, if it is nowhere.
pub fn program(name: &str) -> PathBuf {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&places).map(|place| place.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| PathBuf::from(name))
}
