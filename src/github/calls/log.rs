//! "Download job logs for a workflow run": the end of a log, kept while the log streams by: so many lines, of so many bytes, whatever its length.

use std::collections::VecDeque;

use crate::names::{JobId, RepoName};
use crate::policy::evidence::LogTail;

use super::{Error, Reply, Request};

/// "The last 500 lines."
const LINES: usize = 500;
/// A line is cut at this.
const LINE_BYTES: usize = 2_000;
/// `2026-11-23T15:04:05.1234567Z `, with which the runner begins each line.
const TIME_BYTES: usize = 29;

pub fn request(repository: &RepoName, job_id: JobId) -> Request {
    Request::get(format!("/repos/{repository}/actions/jobs/{job_id}/logs"))
}

/// Reads a whole log at once.
pub fn read(reply: &Reply) -> Result<LogTail, Error> {
    let mut tail = Tail::default();
    tail.push(&reply.ok(Error::of_optional_read)?.body);
    Ok(tail.finish())
}

#[derive(Debug, Default)]
pub struct Tail {
    lines: VecDeque<Vec<u8>>,
    /// How many lines have gone by, with those that are kept.
    seen: u64,
    /// Whether the last line goes on.
    open: bool,
}

impl Tail {
    /// The next piece of the log, of any length.
    pub fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.open {
                self.begin_line();
            }
            let (text, ended) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            self.open = !ended;
            if let Some(line) = self.lines.back_mut() {
                let room = (LINE_BYTES + TIME_BYTES).saturating_sub(line.len());
                line.extend_from_slice(text.get(..room).unwrap_or(text));
            }
        }
    }

    fn begin_line(&mut self) {
        // The oldest one's memory is used again.
        let mut line = if self.lines.len() < LINES { None } else { self.lines.pop_front() }.unwrap_or_default();
        line.clear();
        self.lines.push_back(line);
        self.seen += 1;
    }

    pub fn finish(self) -> LogTail {
        let first_line = self.seen - self.lines.len() as u64 + 1;
        let lines = self.lines.iter().map(|line| text_of(line)).collect();
        LogTail { first_line, lines }
    }
}

/// Without the time that the runner puts before it, so that a pattern can say `^`.
fn text_of(line: &[u8]) -> String {
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = match line.split_at_checked(TIME_BYTES) {
        Some((time, rest)) if is_time(time) => rest,
        _ => line,
    };
    String::from_utf8_lossy(line.get(..LINE_BYTES).unwrap_or(line)).into_owned()
}

fn is_time(text: &[u8]) -> bool {
    let shape = b"0000-00-00T00:00:00.0000000Z ";
    text.iter().zip(shape).all(|(byte, form)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(pieces: &[&[u8]]) -> LogTail {
        let mut tail = Tail::default();
        pieces.iter().for_each(|piece| tail.push(piece));
        tail.finish()
    }

    fn is(tail: LogTail, first_line: u64, lines: &[&str]) {
        assert_eq!(
            (tail.first_line, tail.lines.iter().map(String::as_str).collect::<Vec<_>>()),
            (first_line, lines.to_vec())
        );
    }

    #[test]
    fn what_is_asked_for() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let request = request(&repository, JobId::new(9).unwrap()).in_short();
        assert_eq!(request, "Get /repos/octo/widgets/actions/jobs/9/logs");
    }

    #[test]
    fn lines_however_they_are_cut_into_pieces() {
        let text = "\u{feff}2026-11-23T15:04:05.1234567Z first\r\n\nthird\n2026-11-23 last".as_bytes();
        for size in 1..=text.len() {
            let pieces: Vec<&[u8]> = text.chunks(size).collect();
            is(tail(&pieces), 1, &["first", "", "third", "2026-11-23 last"]);
        }
        is(tail(&[]), 1, &[]);
    }

    #[test]
    fn only_the_end_is_kept() {
        let text: String = (1..=1_234).map(|n| format!("line {n}\n")).collect();
        let tail = tail(&[text.as_bytes()]);
        assert_eq!((tail.first_line, tail.lines.len()), (735, 500));
        assert_eq!(
            (tail.lines.first().unwrap().as_str(), tail.lines.last().unwrap().as_str()),
            ("line 735", "line 1234")
        );
    }

    #[test]
    fn a_long_line_is_cut() {
        let long = "ü".repeat(1_000_000);
        let tail = tail(&[long.as_bytes(), b"\nshort\n"]);
        assert_eq!(tail.lines.first().unwrap().chars().count(), 1_000);
        assert_eq!(tail.lines.last().unwrap(), "short");
    }
}
