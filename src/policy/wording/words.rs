//! Names from GitHub as they enter a sentence. Whoever opens a pull request chooses the names of its jobs and steps.

use std::fmt::Display;

use crate::escape::is_visible;

/// What a name may take in a reason or a record, in characters.
pub const LONGEST: usize = 100;
/// A sentence names no more than this many of a list.
const NAMED: usize = 3;

/// Bounded, in one line, and without the marks that turn the direction of what follows or hide it.
pub fn clean(name: &str) -> String {
    let mut clean = String::new();
    let is_shown = |c: &char| is_visible(*c) || matches!(c, '\n' | '\r' | '\t');
    for (count, c) in name.trim().chars().filter(is_shown).enumerate() {
        if count == LONGEST {
            clean.push('…');
            break;
        }
        clean.push(if c.is_whitespace() { ' ' } else { c });
    }
    clean
}

/// In quotes, which the name itself then has none of.
pub fn quoted(name: &str) -> String {
    let name = clean(name);
    if name.is_empty() { "without a name".to_owned() } else { format!("\"{}\"", name.replace('"', "'")) }
}

/// `job "a"`, `jobs "a" and "b"`, `jobs "a", "b", "c" and 12 more`.
pub fn list(what: &str, names: &[&str]) -> String {
    let named: Vec<_> = names.iter().take(NAMED).map(|name| quoted(name)).collect();
    match named.as_slice() {
        [] => format!("no {what}"),
        [only] => format!("{what} {only}"),
        named if names.len() > NAMED => format!("{what}s {} and {} more", named.join(", "), names.len() - NAMED),
        [most @ .., last] => format!("{what}s {} and {last}", most.join(", ")),
    }
}

/// `once`, `twice`, `3 times`.
pub fn times(n: u32) -> String {
    match n {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}

/// `1 job`, `2 jobs`.
pub fn count<N: Display + PartialEq + From<u8>>(n: N, what: &str) -> String {
    if n == N::from(1) { format!("1 {what}") } else { format!("{n} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_harmless() {
        assert_eq!(clean("  test (3.12)\n "), "test (3.12)");
        assert_eq!(clean("a\u{202e}b\u{2066}c\u{200b}d\u{0}e\tf\ng\u{85}h"), "abcde f gh");
        assert_eq!(clean(&"x".repeat(500)), format!("{}…", "x".repeat(100)));
        assert_eq!(clean(&"é".repeat(100)), "é".repeat(100));
        assert_eq!(quoted("say \"hi\""), "\"say 'hi'\"");
        assert_eq!(quoted("\u{200b} "), "without a name");
    }

    #[test]
    fn lists_are_cut() {
        let names: Vec<String> = (1..=15).map(|n| format!("j{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(list("job", &names[..1]), r#"job "j1""#);
        assert_eq!(list("job", &names[..2]), r#"jobs "j1" and "j2""#);
        assert_eq!(list("job", &names[..3]), r#"jobs "j1", "j2" and "j3""#);
        assert_eq!(list("job", &names), r#"jobs "j1", "j2", "j3" and 12 more"#);
    }
}
