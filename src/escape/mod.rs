//! Text from outside on its way out: names of jobs, steps, branches and workflows, which whoever opens a pull request
//! chooses, GitHub's own messages, what a remote answered. One function for each place that text goes to; in what it
//! gives, such a text is seen, and does nothing: no link, no mention, no markup, no line of its own, no control of a
//! terminal, and no turning of the text around it.
//!
//! | place | function |
//! |---|---|
//! | pages, titles | [`html()`], [`bounded`] (Markup is escaped by `maud` on top) |
//! | Slack, Mattermost, Discord | [`chat()`] |
//! | comments on GitHub | [`code`] for a name, [`markdown()`] for a sentence |
//! | log lines, JSON that people read | [`json`] |
//! | a terminal | [`line`] for a value, [`terminal`] for all that is printed |
//! | Prometheus' labels | [`label`] |
//!
//! The badge takes no text from outside. The API gives names as they are, as data.

mod chat;
mod markdown;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt::Write;

use maud::Escaper;

pub use chat::chat;
pub use markdown::{code, markdown};

/// Characters of a name that are shown.
pub const NAME_CHARS: usize = 120;
/// Of a sentence that has names in it.
pub const SENTENCE_CHARS: usize = 600;

/// Whether a character can be shown where it stands: control characters cannot, and those that turn the direction of
/// text, or are not seen (Unicode's Default_Ignorable_Code_Point), would change what is read around them.
pub fn is_visible(c: char) -> bool {
    let unseen = matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !unseen
}

/// What of a text can be seen, in one line, up to a number of characters.
pub fn bounded(text: &str, chars: usize) -> Cow<'_, str> {
    let fits = text.len() <= chars || text.chars().nth(chars).is_none();
    if fits && text.chars().all(is_visible) {
        return Cow::Borrowed(text);
    }
    // However much of it is invisible, it is looked through only so far.
    let mut visible: String = text.chars().take(chars * 2).filter(|c| is_visible(*c)).take(chars).collect();
    if !fits {
        visible.push('…');
    }
    Cow::Owned(visible)
}

/// For a page: escaped, bounded, and isolated, so that what is written from right to left turns nothing around it.
pub fn html(text: &str, chars: usize, buffer: &mut String) {
    buffer.push_str("<bdi>");
    // Writing to a string cannot fail.
    let _ = Escaper::new(buffer).write_str(&bounded(text, chars));
    buffer.push_str("</bdi>");
}

/// JSON in which whatever cannot be seen stands as `\u…`. It means the same.
pub fn json(json: &str) -> Cow<'_, str> {
    // Between strings JSON has only visible characters, and line breaks where it is indented.
    escaped(
        json,
        |c| is_visible(c) || c == '\n',
        |c, text| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        },
    )
}

/// For a terminal, of what is printed as a whole: lines stay lines.
pub fn terminal(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_visible(c) || matches!(c, '\n' | '\t'), in_sight)
}

/// For a terminal, a value within a line: it begins no line of its own.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_visible, in_sight)
}

/// The value of a label of Prometheus' text format.
pub fn label(value: &str) -> Cow<'_, str> {
    escaped(
        value,
        |c| is_visible(c) && !matches!(c, '\\' | '"'),
        |c, text| match c {
            '\\' | '"' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            _ => text.push('\u{fffd}'),
        },
    )
}

/// `\u{1b}`
fn in_sight(c: char, text: &mut String) {
    match c {
        '\n' => text.push_str("\\n"),
        c => text.extend(c.escape_unicode()),
    }
}

fn escaped(text: &str, is_fine: impl Fn(char) -> bool, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if text.chars().all(&is_fine) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_fine(c) {
            out.push(c);
        } else {
            escape(c, &mut out);
        }
    }
    Cow::Owned(out)
}
