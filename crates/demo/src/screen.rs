//! Lines on the terminal: columns, colours, the time.

use std::io::{self, Stdout, Write, stdout};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use chrono::Local;
use rustix::termios::tcgetwinsize;

pub const PLAIN: Style = Style::new();
pub const BOLD: Style = Style::new().bold();
pub const DIM: Style = Style::new().dimmed();
pub const GREEN: Style = AnsiColor::Green.on_default();
pub const RED: Style = AnsiColor::Red.on_default();
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
pub const CYAN: Style = AnsiColor::Cyan.on_default();

/// Of `23:59:59  `.
const TIME_WIDTH: usize = 10;
/// Fits what comes most; a longer one moves its own line only.
const WHAT_WIDTH: usize = 12;
/// A narrower column is no column: the terminal may then break lines where it likes.
const LEAST_WIDTH: usize = 24;

/// One thing that happened.
#[derive(Debug)]
pub struct Line<'a> {
    /// The repository and run that it is about; empty if it is about none.
    pub subject: (&'a str, &'a str),
    pub what: &'a str,
    pub style: Style,
    pub more: &'a str,
    /// Of all but the time and `what`.
    pub rest: Style,
}

/// Standard output. Its errors are those of the terminal, or of what reads in its place.
#[derive(Debug)]
pub struct Screen {
    out: AutoStream<Stdout>,
    /// Of the subject's two columns: they grow when a longer name comes.
    widths: (usize, usize),
    /// Whether the last line is a blank one.
    is_blank: bool,
}

impl Screen {
    /// In colour if it is a terminal that takes it, and `NO_COLOR` is not set.
    pub fn new() -> Self {
        Self { out: AutoStream::auto(stdout()), widths: (8, 15), is_blank: false }
    }

    pub fn text(&mut self, style: Style, text: &str) -> io::Result<()> {
        writeln!(self.out, "{style}{text}{style:#}")?;
        self.is_blank = text.is_empty() || text.ends_with('\n');
        self.out.flush()
    }

    /// A blank line, unless there is one.
    pub fn gap(&mut self) -> io::Result<()> {
        if self.is_blank { Ok(()) } else { self.text(PLAIN, "") }
    }

    /// Below the columns of the time's right.
    pub fn below(&mut self, style: Style, text: &str) -> io::Result<()> {
        self.text(style, &format!("{:TIME_WIDTH$}{text}", ""))
    }

    pub fn line(&mut self, line: &Line) -> io::Result<()> {
        let Line { subject: (repository, run), what, style, more, rest } = line;
        let (wide, narrow) = self.widths;
        self.widths = (wide.max(repository.chars().count()), narrow.max(run.chars().count()));
        let (wide, narrow) = self.widths;
        let now = Local::now().format("%H:%M:%S");
        write!(self.out, "{DIM}{now}{DIM:#}  {rest}{repository:wide$}  {run:narrow$}{rest:#}  ")?;
        write!(self.out, "{style}{what:WHAT_WIDTH$}{style:#}  ")?;
        self.wrapped(*rest, more, TIME_WIDTH + wide + 2 + narrow + 2 + WHAT_WIDTH + 2)
    }

    /// A line about everything: what it is, and what it says.
    pub fn summary(&mut self, style: Style, name: &str, text: &str) -> io::Result<()> {
        let now = Local::now().format("%H:%M:%S");
        write!(self.out, "{DIM}{now}{DIM:#}  {style}{name}{style:#} ")?;
        self.wrapped(PLAIN, text, TIME_WIDTH + name.chars().count() + 1)
    }

    /// The rest of a line that has so many columns already.
    fn wrapped(&mut self, style: Style, text: &str, from: usize) -> io::Result<()> {
        let width = tcgetwinsize(stdout()).ok().map(|size| usize::from(size.ws_col)).filter(|width| *width > 0);
        let lines = wrap(text, width.map_or(usize::MAX, |width| width.saturating_sub(from)));
        let indented = format!("\n{:from$}", "");
        self.text(style, &lines.join(&indented))
    }
}

/// Lines of at most so many characters, but for longer words. Something that reads in the terminal's place gets one.
fn wrap(text: &str, width: usize) -> Vec<String> {
    if width < LEAST_WIDTH || text.chars().count() <= width {
        return vec![text.to_owned()];
    }
    let mut lines: Vec<String> = vec![];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    // Of two spaces, one may have come to the next line.
    lines.iter().map(|line| line.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail with one column more, with one less, and when lines keep the spaces between them.
    #[test]
    fn what_is_too_long_goes_on_below() {
        let text = "job \"unit\" failed at step \"Run tests\"";
        assert_eq!(wrap(text, 37), [text]);
        assert_eq!(wrap(text, 36), ["job \"unit\" failed at step \"Run", "tests\""]);
        assert_eq!(wrap(text, 30), ["job \"unit\" failed at step \"Run", "tests\""]);
        assert_eq!(wrap(text, 29), ["job \"unit\" failed at step", "\"Run tests\""]);
        assert_eq!(wrap(text, LEAST_WIDTH - 1), [text], "no column is left");
        assert_eq!(
            wrap("issue #4 was opened for it  http://127.0.0.1:8787/", 30),
            ["issue #4 was opened for it", "http://127.0.0.1:8787/"]
        );
        assert_eq!(wrap("issue #4 was opened  http://127", 27), ["issue #4 was opened", "http://127"]);
        assert_eq!(wrap("issue #14 is opened, again  http://127", 26), ["issue #14 is opened, again", "http://127"]);
        assert_eq!(wrap("http://127.0.0.1:8787/a/long/address", 30), ["http://127.0.0.1:8787/a/long/address"]);
    }
}
