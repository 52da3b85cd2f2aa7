//! The command for people: checks a policy file, explains a decision, and replays what was. It runs the Worker's own code
//! in Node.js: `bin/rerunner.mjs` starts it.

#![deny(clippy::print_stderr, clippy::print_stdout, reason = "as WebAssembly it has no output but the host's")]

mod cli;

fn main() {
    cli::main();
}
