//! Lines on the terminal: columns, colours, the time.

use std::io::{self, Stdout, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use chrono::Local;

pub const PLAIN: Style = Style::new();
pub const BOLD: Style = Style::new().bold();
pub const DIM: Style = Style::new().dimmed();
pub const GREEN: Style = AnsiColor::Green.on_default();
pub const RED: Style = AnsiColor::Red.on_default();
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
pub const CYAN: Style = AnsiColor::Cyan.on_default();

/// One thing that happened.
#[derive(Debug)]
pub struct Line<'a> {
    /// The repository and run that it is about; empty if it is about none.
    pub subject: (&'a str, &'a str),
    /// Where it was seen: `webhook`, `decision`, …
    pub place: &'a str,
    pub what: &'a str,
    pub style: Style,
    pub more: &'a str,
}

/// Standard output. Its errors are those of the terminal, or of what reads in its place.
#[derive(Debug)]
pub struct Screen {
    out: AutoStream<Stdout>,
    /// Of the subject's two columns: they grow when a longer name comes.
    widths: (usize, usize),
}

impl Screen {
    /// In colour if it is a terminal that takes it, and `NO_COLOR` is not set.
    pub fn new() -> Self {
        Self { out: AutoStream::auto(io::stdout()), widths: (13, 15) }
    }

    pub fn text(&mut self, style: Style, text: &str) -> io::Result<()> {
        writeln!(self.out, "{style}{text}{style:#}")?;
        self.out.flush()
    }

    pub fn line(&mut self, line: &Line) -> io::Result<()> {
        let Line { subject: (repository, run), place, what, style, more } = line;
        let (wide, narrow) = self.widths;
        self.widths = (wide.max(repository.chars().count()), narrow.max(run.chars().count()));
        let (wide, narrow) = self.widths;
        let now = Local::now().format("%H:%M:%S");
        write!(self.out, "{DIM}{now}{DIM:#}  {repository:wide$}  {run:narrow$}  {place:9}  ")?;
        writeln!(self.out, "{style}{what:13}{style:#}  {more}")?;
        self.out.flush()
    }

    /// A line about everything.
    pub fn summary(&mut self, style: Style, text: &str) -> io::Result<()> {
        let now = Local::now().format("%H:%M:%S");
        self.text(style, &format!("{now}  {text}"))
    }
}
