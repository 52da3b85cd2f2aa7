//! Colour, where a person reads at a terminal that has it.

use std::borrow::Cow;

use super::host::{self, Stream};

#[derive(Debug, Clone, Copy)]
pub enum Style {
    Strong,
    Error,
    Warning,
    /// What is there for the eye alone.
    Margin,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Strong => "1",
            Self::Error => "1;31",
            Self::Warning => "1;33",
            Self::Margin => "1;34",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    pub on: bool,
}

impl Paint {
    pub const PLAIN: Self = Self { on: false };

    pub fn of(stream: Stream) -> Self {
        Self { on: is_wanted(host::is_terminal(stream), host::environment) }
    }

    /// Of text in which nothing from outside is unescaped.
    pub fn paint(self, style: Style, text: &str) -> Cow<'_, str> {
        if self.on && !text.is_empty() {
            Cow::Owned(format!("\u{1b}[{}m{text}\u{1b}[0m", style.code()))
        } else {
            Cow::Borrowed(text)
        }
    }
}

/// `NO_COLOR` counts if it is not empty (no-color.org).
fn is_wanted(is_terminal: bool, environment: impl Fn(&str) -> Option<String>) -> bool {
    let forbidden = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_terminal && !forbidden && environment("TERM").as_deref() != Some("dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail when `NO_COLOR` is not asked, and when an empty one forbids.
    #[test]
    fn colour_is_for_terminals_that_want_it() {
        for (is_terminal, variables, expected) in [
            (true, &[][..], true),
            (true, &[("TERM", "xterm-256color"), ("NO_COLOR", "")], true),
            (false, &[("TERM", "xterm-256color")], false),
            (true, &[("NO_COLOR", "1")], false),
            (true, &[("TERM", "dumb")], false),
        ] {
            let environment = |name: &str| {
                let named = variables.iter().find(|(variable, _)| *variable == name);
                named.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(is_wanted(is_terminal, environment), expected, "{is_terminal} {variables:?}");
        }
    }

    /// Seen to fail when the style is not ended.
    #[test]
    fn a_style_ends_with_its_text() {
        let on = Paint { on: true };
        assert_eq!(on.paint(Style::Error, "error"), "\u{1b}[1;31merror\u{1b}[0m");
        assert_eq!((on.paint(Style::Strong, ""), Paint::PLAIN.paint(Style::Strong, "a")), ("".into(), "a".into()));
    }
}
