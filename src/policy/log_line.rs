//! A line of a log as its reader sees it.

use std::borrow::Cow;

/// Of a line of a log; the rest of it is not searched.
const LONGEST_LINE: usize = 2_000;

/// Without the time in front, and without colours.
pub fn text(line: &str) -> Cow<'_, str> {
    let line = match line.split_once("Z ") {
        Some((time, text)) if is_time(time) => text,
        _ => line,
    };
    if line.len() <= LONGEST_LINE && !line.contains('\u{1b}') {
        return Cow::Borrowed(line);
    }
    let mut text = String::new();
    let mut chars = line.chars().take(LONGEST_LINE);
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // ESC [ … letter
            chars.by_ref().find(|c| c.is_ascii_alphabetic());
        } else {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

/// `2026-11-24T10:00:00.1234567`.
fn is_time(text: &str) -> bool {
    (19..=30).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'.' | b'T'))
}
