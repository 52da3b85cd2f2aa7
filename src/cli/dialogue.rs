//! What is said step by step, and asked.

use std::sync::atomic::{AtomicBool, Ordering};

use rerunner::escape::terminal;
use rerunner::settings::Secret;

use super::Failure;
use super::host::{self, Problem, Stream};

/// Whether standard output is for a report as JSON alone.
static IS_BESIDE: AtomicBool = AtomicBool::new(false);

/// From now on all that is said goes to standard error.
pub fn speak_beside() {
    IS_BESIDE.store(true, Ordering::Relaxed);
}

/// Where what is said goes.
pub fn stream() -> Stream {
    if IS_BESIDE.load(Ordering::Relaxed) { Stream::Error } else { Stream::Out }
}

pub fn print(text: &str) {
    host::write(stream(), text);
}

pub fn say(what: &str) {
    print(&format!("  {}\n", terminal(what)));
}

/// The heading of a step, of so many.
pub fn step(number: u32, of: u32, what: &str) {
    print(&format!("\n{number}/{of} {what}\n"));
}

/// Whoever answers. `is_silent`: nobody, and each question takes its default.
#[derive(Debug, Clone, Copy)]
pub struct Dialogue {
    pub is_silent: bool,
}

impl Dialogue {
    pub fn confirm(self, question: &str, default: bool) -> Result<bool, Failure> {
        let choices = if default { "Y/n" } else { "y/N" };
        let answer = self.line(&format!("{question} [{choices}]"))?;
        Ok(match answer.to_ascii_lowercase().as_str() {
            "" => default,
            answer => answer.starts_with('y'),
        })
    }

    /// What is typed is not shown.
    pub fn secret(self, question: &str) -> Result<Secret, Failure> {
        if self.is_silent {
            return Err(Failure(format!("{question}: cannot ask, because of --yes")));
        }
        print(&format!("  {question}: "));
        Ok(Secret::new(answer(host::hidden_line())?.trim()))
    }

    /// Without a terminal, answers are read from standard input all the same: a script can give them.
    pub fn line(self, question: &str) -> Result<String, Failure> {
        if self.is_silent {
            return Ok(String::new());
        }
        print(&format!("  {question} "));
        Ok(answer(host::line())?.trim().to_owned())
    }
}

fn answer(line: Result<Option<String>, Problem>) -> Result<String, Failure> {
    match line {
        Ok(Some(line)) => Ok(line),
        Ok(None) => Err(Failure("no answer; run it in a terminal, or with --yes".to_owned())),
        Err(problem) => Err(Failure(format!("the answer cannot be read: {problem}"))),
    }
}
