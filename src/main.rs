//! The command for people: checks a policy file, explains a decision, and replays what was. It runs the Worker's own code
//! on the host; for WebAssembly there is nothing here.

#[cfg(not(target_arch = "wasm32"))]
mod cli;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    cli::main()
}

#[cfg(target_arch = "wasm32")]
fn main() {}
