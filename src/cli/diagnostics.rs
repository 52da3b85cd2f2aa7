//! What is wrong with a policy file, at its place, as compilers show it.

use std::fmt::Write as _;

use rerunner::escape;
use rerunner::policy::PolicyError;

use super::paint::{Paint, Style};

/// Characters of a line that are shown.
const WIDTH: usize = 200;
/// Those before the place, where the line is longer than that.
const BEFORE: usize = 80;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Error,
    Warning,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Error => Style::Error,
            Self::Warning => Style::Warning,
        }
    }
}

/// Each in its context. The text is the file's.
pub fn all(found: &[PolicyError], level: Level, file: &str, text: &str, paint: Paint) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    found.iter().map(|one| in_context(one, level, file, text, paint)).collect()
}

pub fn not_valid(file: &str, errors: &[PolicyError]) -> String {
    let count = counted(errors.len(), "error");
    format!("{file} is not valid: {count}. While it is not, nothing is re-run.\n")
}

/// `1 error`, `2 errors`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn in_context(found: &PolicyError, level: Level, file: &str, text: &str, paint: Paint) -> String {
    let PolicyError { line, column, length, .. } = found;
    let at = paint.paint(Style::Strong, &escape::line(&format!("{file}:{line}:{column}: "))).into_owned();
    let said = paint.paint(Style::Strong, &escape::line(&format!(": {}", found.said()))).into_owned();
    let mut shown = format!("{at}{}{said}\n", paint.paint(level.style(), level.as_str()));
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let Some(source) = text.lines().nth(count(*line).saturating_sub(1)) else { return shown };

    let before = count(*column).saturating_sub(1);
    let left_out = if before > WIDTH - BEFORE { before - BEFORE } else { 0 };
    let dots = if left_out > 0 { "…" } else { "" };
    // Tabs are as wide above the mark as below.
    let indent = source.chars().take(before).skip(left_out).map(|c| if c == '\t' { '\t' } else { ' ' });
    let indent: String = dots.chars().map(|_| ' ').chain(indent).collect();
    let part = source.chars().skip(left_out).take(WIDTH);
    let marks = count(*length).min(part.clone().count().saturating_sub(before - left_out)).max(1);
    let part: String = part.filter(|c| !c.is_control() || *c == '\t').collect();
    let margin = " ".repeat(line.to_string().len());
    let bar = |of: &str| paint.paint(Style::Margin, &format!("{of} |")).into_owned();
    let marks = paint.paint(level.style(), &"^".repeat(marks)).into_owned();
    let (empty, numbered, part) = (bar(&margin), bar(&line.to_string()), escape::terminal(&part));
    let _ = writeln!(shown, "{empty}\n{numbered} {dots}{part}\n{empty} {indent}{marks}\n");
    shown
}

#[cfg(test)]
mod tests {
    use rerunner::policy::{parse, warnings};

    use super::*;

    #[track_caller]
    fn shows(text: &str, expected: &str) {
        let errors = parse(text, 10).unwrap_err();
        assert_eq!(all(&errors, Level::Error, "p.yml", text, Paint::PLAIN), expected);
    }

    /// Seen to fail when one character is marked, or what follows the value in its line as well.
    #[test]
    fn the_whole_value_is_marked() {
        shows(
            "otherwise: retry   # or not\n",
            "p.yml:1:12: error: otherwise: expected rerun, leave or ignore; found `retry`; did you mean rerun?\n  |\n\
             1 | otherwise: retry   # or not\n  |            ^^^^^\n\n",
        );
        shows(
            "max_reruns: \"3\"\n",
            "p.yml:1:13: error: max_reruns: expected a whole number from 0 to 10; found `\"3\"`\n  |\n\
             1 | max_reruns: \"3\"\n  |             ^^^\n\n",
        );
        shows(
            "delay: [1, 2] # x\n",
            "p.yml:1:8: error: delay: expected a duration such as 0s, 90s, 5m or 2h, up to 24h; found a list\n  |\n\
             1 | delay: [1, 2] # x\n  |        ^^^^^^\n\n",
        );
        shows(
            "budget: { reruns_per_hour: [1, '] #'], reruns_per_day: 2 }\n",
            "p.yml:1:28: error: budget.reruns_per_hour: expected a whole number from 0 to 1000000; found a list\n  |\n\
             1 | budget: { reruns_per_hour: [1, '] #'], reruns_per_day: 2 }\n  |                            ^^^^^^^^^^\n\n",
        );
        shows(
            "max_rerun: 3",
            "p.yml:1:1: error: max_rerun: no such key; did you mean max_reruns?\n  |\n1 | max_rerun: 3\n  | ^^^^^^^^^\n\n",
        );
        // What goes on below is marked to the end of its line.
        shows(
            "delay:\n  a: 1  \n  b: 2\n",
            "p.yml:2:3: error: delay: expected a duration such as 0s, 90s, 5m or 2h, up to 24h; found a map\n  |\n\
             2 |   a: 1  \n  |   ^^^^\n\n",
        );
        shows(
            "delay: é日\n",
            "p.yml:1:8: error: delay: expected a duration such as 0s, 90s, 5m or 2h, up to 24h; found `é日`\n  |\n\
             1 | delay: é日\n  |        ^^\n\n",
        );
    }

    /// Seen to fail when the line is cut at its 200th character, wherever the place is.
    #[test]
    fn a_long_line_is_shown_where_the_place_is() {
        let text = format!("rules: [{}]", "{ name: a, if: { job: b }, then: leave }, ".repeat(30) + "7");
        let errors = parse(&text, 10).unwrap_err();
        let last = all(&errors[errors.len() - 1..], Level::Error, "p", &text, Paint::PLAIN);
        let lines: Vec<&str> = last.lines().collect();
        assert!(lines[2].starts_with("1 | …") && lines[2].ends_with(" }, 7]"), "{last}");
        assert_eq!(lines[3].chars().position(|c| c == '^'), lines[2].chars().position(|c| c == '7'), "{last}");
    }

    /// Seen to fail when a message's text is painted without having been escaped.
    #[test]
    fn colours_are_ours_alone() {
        let text = "mixed: \"\\e[31m\"\nmax_delai: \u{9b}31m\n";
        let errors = parse(text, 10).unwrap_err();
        let shown = all(&errors, Level::Error, "p\u{1b}[5m", text, Paint { on: true });
        let codes: Vec<&str> = shown.split('\u{1b}').skip(1).map(|rest| rest.split('m').next().unwrap()).collect();
        assert!(codes.iter().all(|code| ["[0", "[1", "[1;31", "[1;34"].contains(code)), "{shown:?}");
        assert!(shown.contains("\u{1b}[1;31merror\u{1b}[0m") && !shown.contains('\u{9b}'), "{shown:?}");
        // A warning repeats what is written.
        let text = "rules: [{ name: x, then: leave, if: { event: \"\\e[31m\" } }]\n";
        let found = warnings(text, &parse(text, 10).unwrap());
        let shown = all(&found, Level::Warning, "p", text, Paint { on: true });
        assert!(shown.contains("GitHub has no event") && !shown.contains("\u{1b}[31m"), "{shown:?}");
    }
}
