//! The machine that the command runs on: files, the terminal, the network, programs, the clock. Node.js has them, and
//! `bin/host.mjs` is the other side of each function here. Nothing else of the command names any of it.

#[cfg(not(test))]
mod files;
#[cfg(test)]
#[path = "files_of_tests.rs"]
mod files;
mod node;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wasm_bindgen::JsValue;

pub use files::{environment, make_folder, now, put, read, remove_folder};
pub use node::{Child, Response};

/// Where output goes.
#[derive(Debug, Clone, Copy)]
pub enum Stream {
    Out = 1,
    Error = 2,
}

/// Why the machine did not do it: the system's name for it, and a phrase.
#[derive(Debug)]
pub struct Problem {
    code: String,
    phrase: String,
}

impl Problem {
    /// Of `ENOENT: no such file or directory`, or of a phrase alone.
    fn parse(text: &str) -> Self {
        match text.split_once(": ") {
            Some((code, phrase)) if code.starts_with('E') => Self { code: code.to_owned(), phrase: phrase.to_owned() },
            _ => Self { code: String::new(), phrase: text.to_owned() },
        }
    }

    /// There is no such file.
    pub fn is_missing(&self) -> bool {
        self.code == "ENOENT"
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.phrase)
    }
}

fn problem(thrown: JsValue) -> Problem {
    Problem::parse(&thrown.as_string().unwrap_or_else(|| "something went wrong".to_owned()))
}

/// With the command's name before them.
pub fn arguments() -> Vec<String> {
    std::iter::once("rerunner".to_owned()).chain(node::arguments()).collect()
}

/// What the command comes to.
pub fn exit(code: u8) {
    node::exit(code);
}

pub fn sleep(duration: Duration) {
    node::sleep(duration.as_secs_f64() * 1_000.0);
}

/// Random bytes that nobody can guess.
pub fn random(count: u32) -> Vec<u8> {
    node::random(count)
}

/// What a file of the user's is to hold from now on.
pub fn overwrite(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    node::overwrite(&path.to_string_lossy(), bytes).map_err(problem)
}

pub fn remove(path: &Path) -> Result<(), Problem> {
    node::remove_file(&path.to_string_lossy()).map_err(problem)
}

/// Whether this is the package, and no clone: settings are kept at Cloudflare, and not in a wrangler.toml.
pub fn is_packaged() -> bool {
    node::is_packaged()
}

/// Where programs keep what they can get again.
pub fn cache_folder() -> Option<PathBuf> {
    node::cache_folder().map(PathBuf::from)
}

/// All that comes in on standard input.
pub fn input() -> Result<Vec<u8>, Problem> {
    node::input().map_err(problem)
}

/// A line of standard input; `None` at its end.
pub fn line() -> Result<Option<String>, Problem> {
    node::line().map_err(problem)
}

/// The same; at a terminal, what is typed is not shown.
pub fn hidden_line() -> Result<Option<String>, Problem> {
    node::hidden_line().map_err(problem)
}

pub fn is_terminal(stream: Stream) -> bool {
    node::is_terminal(stream as u8)
}

/// Whether somebody reads it.
pub fn write(stream: Stream, text: &str) -> bool {
    node::write(stream as u8, text)
}

pub struct Request<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
    /// For all of it, to the end of the answer's body.
    pub within: Duration,
    /// Whether it goes by the proxy that the environment names.
    pub by_proxy: bool,
}

/// Its answer, as soon as its headers are there. No redirect is followed.
pub fn fetch(request: &Request<'_>) -> Result<Response, Problem> {
    let headers = request.headers.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]).collect();
    let within = request.within.as_secs_f64() * 1_000.0;
    node::fetch(request.method, request.url, headers, request.body, within, request.by_proxy).map_err(problem)
}

/// What a program has said, and the code with which it ended.
pub struct Output {
    pub code: u8,
    pub out: String,
    pub error: String,
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
}

/// Runs wrangler and keeps what it says.
pub fn wrangler_output(arguments: &[&str]) -> Result<Output, Problem> {
    let ended = node::wrangler_output(owned(arguments)).map_err(problem)?;
    Ok(Output { code: ended.code(), out: ended.out(), error: ended.error() })
}

/// Runs wrangler in the terminal, where it may ask, and says what it says there. With an input, it is that, and what it says is not
/// shown, but for errors.
pub fn wrangler_run(arguments: &[&str], input: Option<&str>, said: Stream) -> Result<u8, Problem> {
    node::wrangler_run(owned(arguments), input, said as u8).map_err(problem)
}

/// Starts wrangler in the terminal; what it says is read here.
pub fn wrangler_start(arguments: &[&str]) -> Result<Child, Problem> {
    node::wrangler_start(owned(arguments)).map_err(problem)
}

impl Child {
    /// What it says next; `None` when it has ended.
    pub fn said(&self) -> Result<Option<Vec<u8>>, Problem> {
        self.next().map_err(problem)
    }
}

impl Response {
    /// What comes next of the body; `None` at its end.
    pub fn piece(&self) -> Result<Option<Vec<u8>>, Problem> {
        self.next().map_err(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_a_phrase() {
        let missing = Problem::parse("ENOENT: no such file or directory");
        assert_eq!((missing.is_missing(), missing.to_string().as_str()), (true, "no such file or directory"));
        for (text, phrase) in [
            ("EACCES: permission denied", "permission denied"),
            ("no answer within 30 s", "no answer within 30 s"),
            ("a: b", "a: b"),
        ] {
            let problem = Problem::parse(text);
            assert_eq!((problem.is_missing(), problem.to_string().as_str()), (false, phrase));
        }
    }
}
