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

    /// Whether it matches anywhere in the line. Takes from `left` a unit for each place that it tries.
    pub fn matches(&self, line: &str, left: &mut u64) -> Result<bool, Spent> {
        let everywhere = if matches!(self.0.first(), Some(Part::Start)) { vec![0] } else { (0..=line.len()).collect() };
        Ok(!ends(&self.0, everywhere, line.as_bytes(), left)?.is_empty())
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

/// Where the parts can end that begin at one of these places. Places are in order, each once.
fn ends(parts: &[Part], mut places: Vec<usize>, line: &[u8], left: &mut u64) -> Result<Vec<usize>, Spent> {
    for part in parts {
        *left = left.checked_sub(1 + places.len() as u64).ok_or(Spent)?;
        let rest = |place: usize| line.get(place..).unwrap_or_default();
        match part {
            Part::Text(text) => {
                places.retain(|place| rest(*place).starts_with(text.as_bytes()));
                places.iter_mut().for_each(|place| *place += text.len());
            }
            Part::Anything => places = places.first().map_or_else(Vec::new, |first| (*first..=line.len()).collect()),
            Part::Digits => {
                let after = |place: usize| {
                    let digits = rest(place).iter().take_while(|byte| byte.is_ascii_digit()).count();
                    place + 1..=place + digits
                };
                places = in_order(places.iter().flat_map(|place| after(*place)).collect());
            }
            Part::OneOf(alternatives) => {
                let mut all = Vec::new();
                for parts in alternatives {
                    all.append(&mut ends(parts, places.clone(), line, left)?);
                }
                places = in_order(all);
            }
            Part::Start => places.retain(|place| *place == 0),
            Part::End => places.retain(|place| *place == line.len()),
        }
        if places.is_empty() {
            break;
        }
    }
    Ok(places)
}

fn in_order(mut places: Vec<usize>) -> Vec<usize> {
    places.sort_unstable();
    places.dedup();
    places
}

/// Longer ones do not make a needle any rarer.
const LONG: usize = 10;

fn needles(parts: &[Part]) -> Option<Vec<&str>> {
    let sets = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(vec![&**text]),
        Part::OneOf(alternatives) => {
            let each: Option<Vec<_>> = alternatives.iter().map(|parts| needles(parts)).collect();
            Some(each?.concat())
        }
        Part::Anything | Part::Digits | Part::Start | Part::End => None,
    });
    let shortest = |set: &Vec<&str>| set.iter().map(|text| text.len()).min().unwrap_or_default();
    sets.max_by_key(|set| (shortest(set).min(LONG), std::cmp::Reverse(set.len())))
}
