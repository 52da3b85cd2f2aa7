//! A pattern's text → what an automaton is made of.
//!
//! Patterns know ASCII only: `\w`, `\d`, `\s`, `\b`, `[[:alpha:]]` and `(?i)` are about ASCII letters and digits, while `.` and
//! `[^x]` take any one character. Policy files were written for that, as regex-lite has it; a test compares the two. The
//! syntax is that of Rust's regexes, parsed by `regex_syntax`, whose own meaning of it needs Unicode's tables.

use regex_syntax::ast::{
    Assertion, AssertionKind, Ast, ClassAsciiKind, ClassBracketed, ClassPerl, ClassPerlKind, ClassSet, ClassSetItem,
    Flag, Flags, FlagsItemKind, GroupKind, RepetitionKind, RepetitionRange, parse::ParserBuilder,
};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look, Repetition};

/// Parentheses and repetitions within each other; what follows recurses as deep.
const DEEPEST: u32 = 120;

/// Reads a pattern. The error is a phrase, with the place in the pattern.
pub fn parse(pattern: &str) -> Result<Hir, String> {
    let ast = ParserBuilder::new().nest_limit(DEEPEST).build().parse(pattern).map_err(|error| {
        let before = pattern.get(..error.span().start.offset).unwrap_or_default();
        format!("{} at its character {}", error.kind(), before.chars().count() + 1)
    })?;
    Reader::default().hir(&ast)
}

/// The flags where the reader is.
#[derive(Debug, Clone, Copy, Default)]
struct Reader {
    case_insensitive: bool,
    multi_line: bool,
    dot_matches_new_line: bool,
    crlf: bool,
}

impl Reader {
    fn hir(&mut self, ast: &Ast) -> Result<Hir, String> {
        Ok(match ast {
            Ast::Empty(_) => Hir::empty(),
            Ast::Flags(set) => {
                self.set(&set.flags);
                Hir::empty()
            }
            Ast::Literal(literal) => self.literal(literal.c),
            Ast::Dot(_) => class(self.dot()),
            Ast::Assertion(assertion) => Hir::look(self.look(assertion)),
            Ast::ClassUnicode(_) => return Err(unicode()),
            Ast::ClassPerl(perl) => class(self::perl(perl)),
            Ast::ClassBracketed(bracketed) => class(self.bracketed(bracketed)?),
            Ast::Repetition(repetition) => {
                let (min, max) = match &repetition.op.kind {
                    RepetitionKind::ZeroOrOne => (0, Some(1)),
                    RepetitionKind::ZeroOrMore => (0, None),
                    RepetitionKind::OneOrMore => (1, None),
                    RepetitionKind::Range(RepetitionRange::Exactly(n)) => (*n, Some(*n)),
                    RepetitionKind::Range(RepetitionRange::AtLeast(n)) => (*n, None),
                    RepetitionKind::Range(RepetitionRange::Bounded(least, most)) => (*least, Some(*most)),
                };
                repeated(self.hir(&repetition.ast)?, min, max)
            }
            Ast::Group(group) => {
                let outside = *self;
                if let GroupKind::NonCapturing(flags) = &group.kind {
                    self.set(flags);
                }
                let inside = self.hir(&group.ast);
                *self = outside;
                inside?
            }
            Ast::Concat(concat) => Hir::concat(self.all(&concat.asts)?),
            Ast::Alternation(alternation) => either(self.all(&alternation.asts)?),
        })
    }

    /// In this order, as flags hold for what comes after them.
    fn all(&mut self, asts: &[Ast]) -> Result<Vec<Hir>, String> {
        asts.iter().map(|ast| self.hir(ast)).collect()
    }

    fn set(&mut self, flags: &Flags) {
        let mut on = true;
        for item in &flags.items {
            match &item.kind {
                FlagsItemKind::Negation => on = false,
                FlagsItemKind::Flag(Flag::CaseInsensitive) => self.case_insensitive = on,
                FlagsItemKind::Flag(Flag::MultiLine) => self.multi_line = on,
                FlagsItemKind::Flag(Flag::DotMatchesNewLine) => self.dot_matches_new_line = on,
                FlagsItemKind::Flag(Flag::CRLF) => self.crlf = on,
                // Which of several matches is found does not matter here; white space is the parser's; and there is
                // nothing of Unicode to be turned on or off.
                FlagsItemKind::Flag(Flag::SwapGreed | Flag::IgnoreWhitespace | Flag::Unicode) => {}
            }
        }
    }

    fn literal(&self, c: char) -> Hir {
        if self.case_insensitive && c.is_ascii_alphabetic() {
            return class(ClassUnicode::new([c.to_ascii_lowercase(), c.to_ascii_uppercase()].map(only)));
        }
        Hir::literal(c.to_string().into_bytes())
    }

    fn dot(&self) -> ClassUnicode {
        let mut dot = match (self.dot_matches_new_line, self.crlf) {
            (true, _) => ClassUnicode::empty(),
            (false, true) => ClassUnicode::new(['\r', '\n'].map(only)),
            (false, false) => ClassUnicode::new([only('\n')]),
        };
        dot.negate();
        dot
    }

    fn look(&self, assertion: &Assertion) -> Look {
        match (&assertion.kind, self.multi_line, self.crlf) {
            (AssertionKind::StartText, ..) | (AssertionKind::StartLine, false, _) => Look::Start,
            (AssertionKind::EndText, ..) | (AssertionKind::EndLine, false, _) => Look::End,
            (AssertionKind::StartLine, true, false) => Look::StartLF,
            (AssertionKind::StartLine, true, true) => Look::StartCRLF,
            (AssertionKind::EndLine, true, false) => Look::EndLF,
            (AssertionKind::EndLine, true, true) => Look::EndCRLF,
            (AssertionKind::WordBoundary, ..) => Look::WordAscii,
            (AssertionKind::NotWordBoundary, ..) => Look::WordAsciiNegate,
            (AssertionKind::WordBoundaryStart | AssertionKind::WordBoundaryStartAngle, ..) => Look::WordStartAscii,
            (AssertionKind::WordBoundaryEnd | AssertionKind::WordBoundaryEndAngle, ..) => Look::WordEndAscii,
            (AssertionKind::WordBoundaryStartHalf, ..) => Look::WordStartHalfAscii,
            (AssertionKind::WordBoundaryEndHalf, ..) => Look::WordEndHalfAscii,
        }
    }

    fn bracketed(&self, bracketed: &ClassBracketed) -> Result<ClassUnicode, String> {
        let ClassSet::Item(item) = &bracketed.kind else {
            return Err("classes cannot be intersected or subtracted (&&, --, ~~)".to_owned());
        };
        let mut class = ClassUnicode::empty();
        add(&mut class, item)?;
        if self.case_insensitive {
            fold(&mut class);
        }
        if bracketed.negated {
            class.negate();
        }
        Ok(class)
    }
}

fn add(class: &mut ClassUnicode, item: &ClassSetItem) -> Result<(), String> {
    match item {
        ClassSetItem::Empty(_) => {}
        ClassSetItem::Literal(literal) => class.push(only(literal.c)),
        ClassSetItem::Range(range) => class.push(ClassUnicodeRange::new(range.start.c, range.end.c)),
        ClassSetItem::Ascii(named) => class.union(&ascii(&named.kind, named.negated)),
        ClassSetItem::Perl(perl) => class.union(&self::perl(perl)),
        ClassSetItem::Union(union) => union.items.iter().try_for_each(|item| add(class, item))?,
        ClassSetItem::Unicode(_) => return Err(unicode()),
        ClassSetItem::Bracketed(_) => return Err("a class in a class".to_owned()),
    }
    Ok(())
}

fn unicode() -> String {
    r"classes of Unicode (\p{…}) are not supported".to_owned()
}

fn class(class: ClassUnicode) -> Hir {
    Hir::class(Class::Unicode(class))
}

fn only(c: char) -> ClassUnicodeRange {
    ClassUnicodeRange::new(c, c)
}

/// The letters' other case, of ASCII.
fn fold(class: &mut ClassUnicode) {
    let both = |c: char| [c.to_ascii_lowercase(), c.to_ascii_uppercase()];
    let letters: Vec<char> =
        class.iter().flat_map(|range| ('A'..='z').filter(|c| (range.start()..=range.end()).contains(c))).collect();
    class.union(&ClassUnicode::new(letters.into_iter().flat_map(both).map(only)));
}

fn perl(perl: &ClassPerl) -> ClassUnicode {
    let kind = match perl.kind {
        ClassPerlKind::Digit => ClassAsciiKind::Digit,
        ClassPerlKind::Space => ClassAsciiKind::Space,
        ClassPerlKind::Word => ClassAsciiKind::Word,
    };
    ascii(&kind, perl.negated)
}

fn ascii(kind: &ClassAsciiKind, negated: bool) -> ClassUnicode {
    let ranges: &[(char, char)] = match kind {
        ClassAsciiKind::Alnum => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        ClassAsciiKind::Alpha => &[('A', 'Z'), ('a', 'z')],
        ClassAsciiKind::Ascii => &[('\0', '\x7f')],
        ClassAsciiKind::Blank => &[('\t', '\t'), (' ', ' ')],
        ClassAsciiKind::Cntrl => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        ClassAsciiKind::Digit => &[('0', '9')],
        ClassAsciiKind::Graph => &[('!', '~')],
        ClassAsciiKind::Lower => &[('a', 'z')],
        ClassAsciiKind::Print => &[(' ', '~')],
        ClassAsciiKind::Punct => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        ClassAsciiKind::Space => &[('\t', '\r'), (' ', ' ')],
        ClassAsciiKind::Upper => &[('A', 'Z')],
        ClassAsciiKind::Word => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        ClassAsciiKind::Xdigit => &[('0', '9'), ('A', 'F'), ('a', 'f')],
    };
    let mut class = ClassUnicode::new(ranges.iter().map(|&(start, end)| ClassUnicodeRange::new(start, end)));
    if negated {
        class.negate();
    }
    class
}

// What follows keeps branches without a character in proportion to those with one: what a step of the automaton costs is
// told by the latter (`Automaton::charge`).

/// `(x*)+` is `x*`, and what can only be empty is.
fn repeated(sub: Hir, min: u32, max: Option<u32>) -> Hir {
    if is_nothing(&sub) {
        return Hir::empty();
    }
    let simple = |min: u32, max: Option<u32>| min <= 1 && matches!(max, None | Some(1));
    match sub.kind() {
        HirKind::Repetition(inner) if simple(inner.min, inner.max) && simple(min, max) => {
            let (min, max) = (inner.min * min, inner.max.and(max));
            Hir::repetition(Repetition { min, max, ..inner.clone() })
        }
        _ => Hir::repetition(Repetition { min, max, greedy: true, sub: Box::new(sub) }),
    }
}

/// With one empty branch at most.
fn either(subs: Vec<Hir>) -> Hir {
    let mut some_empty = false;
    let subs = subs.into_iter().filter(|sub| !is_nothing(sub) || !std::mem::replace(&mut some_empty, true));
    Hir::alternation(subs.collect())
}

fn is_nothing(hir: &Hir) -> bool {
    hir.properties().maximum_len() == Some(0) && hir.properties().look_set().is_empty()
}
