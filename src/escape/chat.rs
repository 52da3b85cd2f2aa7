//! For a chat: Slack's mrkdwn, Mattermost's Markdown, and Discord's, which takes Slack's form at `/slack`. One text has to do
//! for all three, and none of them has an escape that the other two know: what one of them could take for more than
//! text is replaced by what looks alike, or broken by a joiner that is not seen.

use super::{SENTENCE_CHARS, bounded};

/// Joins no words, breaks no line, and is part of no link, mention or emoji.
const JOINER: char = '\u{2060}';

/// A name, or a sentence of ours that has names in it.
pub fn chat(text: &str) -> String {
    let text = bounded(text, SENTENCE_CHARS);
    let mut plain = String::with_capacity(text.len() + 16);
    // Headings, lists and quotes are told by how a line begins.
    if text.chars().next().is_some_and(|first| !first.is_alphabetic()) {
        plain.push(JOINER);
    }
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied();
        match c {
            '<' => plain.push('‹'),
            '>' => plain.push('›'),
            '`' => plain.push('\''),
            '*' => plain.push('∗'),
            '[' => plain.push('('),
            ']' => plain.push(')'),
            '|' => plain.push('¦'),
            '~' => plain.push('∼'),
            '\\' => plain.push('＼'),
            '$' => plain.push('＄'),
            '_' if is_edge(before) || is_edge(after) => plain.push('＿'),
            // Mentions, channels, tags and issues, entities.
            '@' | '#' | '&' => plain.extend([c, JOINER]),
            // `https://`, `mailto:`, `:tada:`.
            ':' if after.is_some_and(|after| !after.is_whitespace()) => plain.extend([c, JOINER]),
            // `www.example.com`, `example.com`; not `3.12`.
            '.' | '。' | '．' | '｡' if after.is_some_and(char::is_alphabetic) => plain.extend([JOINER, c, JOINER]),
            c if c.is_whitespace() => plain.push(' '),
            c => plain.push(c),
        }
        before = Some(c);
    }
    plain
}

/// Whether an underscore beside it begins or ends something.
fn is_edge(c: Option<char>) -> bool {
    c.is_none_or(|c| !c.is_alphanumeric())
}
