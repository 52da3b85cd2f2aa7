//! How far the reading is: a bar on a terminal, else a line now and then, on standard error.

use rerunner::escape;
use rerunner::time::{Millis, Span};

use crate::cli::host::{self, Stream};

const WIDTH: usize = 24;
/// Between two lines where there is no terminal.
const SELDOM: Span = Span::seconds(20);
/// Between two states of the bar.
const OFTEN: Span = Span::millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Quiet,
    Lines,
    Bar,
}

pub struct Progress {
    way: Way,
    shown: Option<Millis>,
    /// Whether the bar stands in the present line.
    open: bool,
}

impl Progress {
    pub fn new(quiet: bool) -> Self {
        let way = match quiet {
            true => Way::Quiet,
            false if host::is_terminal(Stream::Error) => Way::Bar,
            false => Way::Lines,
        };
        Self { way, shown: None, open: false }
    }

    pub fn at(&mut self, what: &str, done: usize, of: usize, requests: u64) {
        let (now, last) = (host::now(), of > 0 && done >= of);
        let between = if self.way == Way::Bar { OFTEN } else { SELDOM };
        if self.way == Way::Quiet || (!last && self.shown.is_some_and(|shown| now - shown < between)) {
            return;
        }
        self.shown = Some(now);
        let text = text(what, done, of, requests);
        if self.way == Way::Lines {
            return Self::print(&format!("{text}\n"));
        }
        let bar = bar(done, of);
        // Back to the beginning of the line, and the rest of it away.
        Self::print(&format!("\r{bar}{text}\u{1b}[K{}", if last { "\n" } else { "" }));
        self.open = !last;
    }

    /// A sentence that matters more than how far it is.
    pub fn say(&mut self, what: &str) {
        if self.way == Way::Quiet {
            return;
        }
        self.close();
        Self::print(&format!("{}\n", escape::line(what)));
    }

    pub fn waits(&mut self, why: &str, until: Millis) {
        self.say(&format!("{why}: waiting until {until}. What was read is kept: you can stop it and continue later."));
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            Self::print("\n");
        }
    }

    /// Whoever does not look misses nothing.
    fn print(text: &str) {
        host::write(Stream::Error, text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.close();
    }
}

fn text(what: &str, done: usize, of: usize, requests: u64) -> String {
    let of = if of > 0 { format!(" of {of}") } else { String::new() };
    format!("{done}{of} {what}, {requests} requests")
}

fn bar(done: usize, of: usize) -> String {
    let Some(full) = (done.min(of) * WIDTH).checked_div(of) else { return String::new() };
    format!("[{}{}] ", "#".repeat(full), " ".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is() {
        assert_eq!(text("runs read", 3, 12, 40), "3 of 12 runs read, 40 requests");
        assert_eq!(text("runs listed", 300, 0, 3), "300 runs listed, 3 requests");
        assert_eq!(bar(6, 12), "[############            ] ");
        assert_eq!((bar(1, 0), bar(20, 12)), (String::new(), format!("[{}] ", "#".repeat(WIDTH))));
    }
}
