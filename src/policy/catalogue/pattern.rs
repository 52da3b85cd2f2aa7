//! What a tool prints, with places left open.
//!
//! | in a pattern | stands for |
//! |---|---|
//! | `*` | whatever stands there, or nothing |
//! | `#` | digits, at least one |
//! | `{one\|other}` | any of them, each a pattern of its own; one may be empty |
//! | `^` as the first | the line's beginning |
//! | `$` as the last | the line's end |
//! | `\` before one of these | the character itself |
//!
//! Most of what tools print is punctuation that a regex would have to escape. And a line is matched with all its places at
//! once, so that it takes no longer than the line times the pattern, whatever stands in the two.

use std::iter::Peekable;
use std::str::Chars;

use crate::policy::patterns::Spent;

use super::prefilter::GRAM;

#[derive(Debug)]
pub struct Pattern(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(Box<str>),
    Anything,
    Digits,
    OneOf(Vec<Vec<Part>>),
    Start,
    End,
}

impl Pattern {
    /// The error is a phrase.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut chars = text.chars().peekable();
        let mut parts = Vec::new();
        if chars.next_if_eq(&'^').is_some() {
            parts.push(Part::Start);
        }
        parts.append(&mut parse(&mut chars, false)?);
        if chars.next().is_some() { Err("has a } or | without its {") } else { Ok(Self(parts)) }
    }

    /// Whether it matches anywhere in the line. Takes from `left` what it costs.
    pub fn matches(&self, line: &str, left: &mut u64) -> Result<bool, Spent> {
        Ok(!ends(&self.0, Places::From(0), line.as_bytes(), left)?.is_none())
    }

    /// Texts of which every line has one that the pattern matches; those that are found in the fewest lines.
    pub fn needles(&self) -> Vec<&str> {
        needles(&self.0).unwrap_or_default()
    }
}

fn parse(chars: &mut Peekable<Chars<'_>>, nested: bool) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let mut text = String::new();
    while let Some(&c) = chars.peek() {
        if matches!(c, '}') || (nested && c == '|') {
            break;
        }
        chars.next();
        let part = match c {
            '*' => Part::Anything,
            '#' => Part::Digits,
            '{' => Part::OneOf(alternatives(chars)?),
            '$' if chars.peek().is_none_or(|next| nested && matches!(next, '|' | '}')) => Part::End,
            '\\' => {
                text.push(chars.next().ok_or("ends with a \\")?);
                continue;
            }
            c => {
                text.push(c);
                continue;
            }
        };
        end_text(&mut text, &mut parts);
        parts.push(part);
    }
    end_text(&mut text, &mut parts);
    Ok(parts)
}

fn end_text(text: &mut String, parts: &mut Vec<Part>) {
    if !text.is_empty() {
        parts.push(Part::Text(text.as_str().into()));
        text.clear();
    }
}

fn alternatives(chars: &mut Peekable<Chars<'_>>) -> Result<Vec<Vec<Part>>, &'static str> {
    let mut all = Vec::new();
    loop {
        all.push(parse(chars, true)?);
        match chars.next() {
            Some('|') => {}
            Some(_) => return Ok(all),
            None => return Err("has a { without its }"),
        }
    }
}

/// Places in a line, before its first byte or after one.
#[derive(Debug, Clone)]
enum Places {
    /// This one and all after it.
    From(usize),
    /// In order, each once.
    These(Vec<usize>),
}

impl Places {
    fn these(mut places: Vec<usize>) -> Self {
        places.sort_unstable();
        places.dedup();
        Self::These(places)
    }

    fn is_none(&self) -> bool {
        matches!(self, Self::These(places) if places.is_empty())
    }

    fn first(&self) -> Option<usize> {
        match self {
            Self::From(first) => Some(*first),
            Self::These(places) => places.first().copied(),
        }
    }

    fn last(&self, line: &[u8]) -> Option<usize> {
        match self {
            Self::From(_) => Some(line.len()),
            Self::These(places) => places.last().copied(),
        }
    }

    fn iter(&self, line: &[u8]) -> impl Iterator<Item = usize> {
        let (all, these) = match self {
            Self::From(first) => (Some(*first..=line.len()), [].as_slice()),
            Self::These(places) => (None, places.as_slice()),
        };
        all.into_iter().flatten().chain(these.iter().copied())
    }
}

/// So many bytes of a line are gone through for a text in the time of one step of an automaton.
const BYTES: u64 = 8;

/// Where the text begins in the line.
fn everywhere<'t>(text: &'t [u8], line: &'t [u8]) -> impl Iterator<Item = usize> {
    let first = text.first();
    let begins = line.iter().enumerate().filter(move |(_, byte)| Some(*byte) == first);
    begins.map(|(at, _)| at).filter(move |at| line.get(*at..).is_some_and(|rest| rest.starts_with(text)))
}

/// Where the parts can end that begin at one of these places.
fn ends(parts: &[Part], mut places: Places, line: &[u8], left: &mut u64) -> Result<Places, Spent> {
    for part in parts {
        let tried = match (part, &places) {
            (Part::Anything | Part::Start | Part::End, _) => 0,
            (_, Places::From(first)) => (line.len() - first) as u64 / BYTES,
            (_, Places::These(places)) => places.len() as u64,
        };
        *left = left.checked_sub(1 + tried).ok_or(Spent)?;
        let rest = |place: usize| line.get(place..).unwrap_or_default();
        places = match part {
            Part::Text(text) => {
                let text = text.as_bytes();
                Places::These(match &places {
                    Places::From(first) => everywhere(text, rest(*first)).map(|at| first + at + text.len()).collect(),
                    Places::These(places) => {
                        let found = places.iter().filter(|place| rest(**place).starts_with(text));
                        found.map(|place| place + text.len()).collect()
                    }
                })
            }
            Part::Anything => places.first().map_or(Places::These(Vec::new()), Places::From),
            Part::Digits => {
                let after = |place: usize| {
                    let digits = rest(place).iter().take_while(|byte| byte.is_ascii_digit()).count();
                    place + 1..=place + digits
                };
                Places::these(places.iter(line).flat_map(after).collect())
            }
            Part::OneOf(alternatives) => {
                let mut all = Vec::new();
                for parts in alternatives {
                    all.extend(ends(parts, places.clone(), line, left)?.iter(line));
                }
                Places::these(all)
            }
            Part::Start => Places::These(places.first().filter(|place| *place == 0).into_iter().collect()),
            Part::End => Places::These(places.last(line).filter(|place| *place == line.len()).into_iter().collect()),
        };
        if places.is_none() {
            break;
        }
    }
    Ok(places)
}

/// Longer ones do not make a needle any rarer.
const LONG: usize = 10;
/// Words that stand in many lines.
const COMMON: [&str; 16] = [
    "error",
    "Error",
    "ERROR",
    "failed",
    "Failed",
    "FAILED",
    "FAIL",
    "http",
    "https",
    "status",
    "code",
    "connection",
    "timeout",
    "warning",
    "test",
    "build",
];

fn needles(parts: &[Part]) -> Option<Vec<&str>> {
    let sets = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(vec![&**text]),
        Part::OneOf(alternatives) => {
            let each: Option<Vec<_>> = alternatives.iter().map(|parts| needles(parts)).collect();
            Some(each?.concat())
        }
        Part::Anything | Part::Digits | Part::Start | Part::End => None,
    });
    // As rare as so many bytes; a common word is hardly so, and is taken before what is too short to be looked for.
    let rarity = |text: &&str| if COMMON.contains(&text.trim()) { GRAM } else { text.len().min(LONG) };
    sets.max_by_key(|set| (set.iter().map(rarity).min(), std::cmp::Reverse(set.len())))
}
