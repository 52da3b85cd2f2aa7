//! For comments on GitHub. What stands in code is only text to GitHub: no link, no mention, no reference to an issue or
//! a commit, no emoji, no mathematics (GitHub Docs, "Basic writing and formatting syntax", "Autolinked references and
//! URLs"). So names are code, and so is every word that is not just a word.

use std::borrow::Cow;

use super::{NAME_CHARS, SENTENCE_CHARS, bounded};

/// A name, as code.
pub fn code(name: &str) -> String {
    let mut text = String::new();
    push_code(&bounded(name, NAME_CHARS), &mut text);
    if text.is_empty() { "(no name)".to_owned() } else { text }
}

/// A sentence of ours. What is in quotes in it is a name.
pub fn markdown(sentence: &str) -> String {
    let sentence = bounded(sentence, SENTENCE_CHARS);
    let mut text = String::with_capacity(sentence.len() + 16);
    let mut rest = &*sentence;
    while let Some((before, name, after)) = next_quoted(rest) {
        push_words(before, &mut text);
        push_code(name, &mut text);
        rest = after;
    }
    push_words(rest, &mut text);
    text
}

fn next_quoted(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('"')?;
    let (name, after) = rest.split_once('"')?;
    Some((before, name, after))
}

fn push_words(words: &str, text: &mut String) {
    for word in words.split_inclusive(char::is_whitespace) {
        let trimmed = word.trim_end();
        let core = trimmed.trim_start_matches(['(', '[', '\'', '"']);
        let (before, _) = trimmed.split_at(trimmed.len() - core.len());
        let (core, after) =
            core.split_at(core.trim_end_matches([')', ']', '\'', '"', ',', ';', ':', '.', '!', '?', '%']).len());
        push_escaped(before, text);
        if is_plain(core) {
            text.push_str(core)
        } else {
            push_code(core, text)
        }
        push_escaped(after, text);
        if trimmed.len() < word.len() && !text.is_empty() && !text.ends_with(' ') {
            text.push(' ');
        }
    }
}

/// A word or a number, and nothing that GitHub takes for a reference: `#1`, `GH-1`, the beginning of a commit's hash.
fn is_plain(word: &str) -> bool {
    let is_inner = |c: char| c.is_alphanumeric() || matches!(c, '-' | '\'' | ',');
    let is_hash = |part: &str| part.len() >= 7 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let refers =
        word.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| is_hash(part) || part.eq_ignore_ascii_case("gh"));
    let ends = |c: Option<char>| c.is_none_or(char::is_alphanumeric);
    word.chars().all(is_inner) && ends(word.chars().next()) && ends(word.chars().next_back()) && !refers
}

fn push_escaped(punctuation: &str, text: &mut String) {
    for c in punctuation.chars() {
        text.extend(['\\', c]);
    }
}

/// Between more backquotes than are in it (CommonMark, "Code spans").
fn push_code(name: &str, text: &mut String) {
    let name: Cow<'_, str> = if name.contains(char::is_whitespace) {
        name.split_whitespace().collect::<Vec<_>>().join(" ").into()
    } else {
        name.into()
    };
    if name.is_empty() {
        return;
    }
    // Two spans that touch would be one.
    if text.ends_with('`') {
        text.push(' ');
    }
    let longest = name.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let room = if name.starts_with('`') || name.ends_with('`') { " " } else { "" };
    text.extend([&fence, room, &*name, room, &fence]);
}
