//! YAML text → a tree in which every value knows its place.
//!
//! Only what a policy needs: one document of maps, lists and scalars. Aliases and tags are refused, which leaves nothing
//! to expand; depth and size are capped.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::error::PolicyError;

/// The largest file that is read.
pub const LARGEST_FILE: usize = 64 * 1024;
/// The format itself is five deep.
const DEEPEST: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: u32,
    pub column: u32,
    /// How many characters it has; more than its line has if it goes on in the next.
    pub length: u32,
}

impl Place {
    pub fn error(self, key: impl Into<String>, message: impl Into<String>) -> PolicyError {
        let Self { line, column, length } = self;
        PolicyError { line, column, length, key: key.into(), message: message.into() }
    }

    /// From its beginning to the end of another.
    fn up_to(self, end: Self) -> Self {
        let length = end.column.saturating_add(end.length).saturating_sub(self.column);
        Self { length: if end.line == self.line { length.max(1) } else { u32::MAX }, ..self }
    }

    /// With all that there is up to there.
    fn until(self, end: &Marker) -> Self {
        let end_column = number(end.col() + 1);
        let length = if number(end.line()) == self.line { end_column.saturating_sub(self.column) } else { u32::MAX };
        Self { length: length.max(1), ..self }
    }
}

impl From<&Marker> for Place {
    fn from(marker: &Marker) -> Self {
        Self { line: number(marker.line()), column: number(marker.col() + 1), length: 1 }
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[derive(Debug)]
pub struct Node {
    pub place: Place,
    pub value: Value,
}

#[derive(Debug)]
pub enum Value {
    Scalar {
        text: String,
        /// Without quotes: it may be a number, true, false or null.
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug)]
pub struct Entry {
    pub key: String,
    pub place: Place,
    pub value: Node,
}

/// `None` for a file without content.
pub fn read(text: &str) -> Result<Option<Node>, PolicyError> {
    if text.len() > LARGEST_FILE {
        let start = Place { line: 1, column: 1, length: 1 };
        return Err(start.error("", format!("the file is larger than {} KiB", LARGEST_FILE / 1024)));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut tree = Tree::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| not_yaml(text, Place::from(error.marker()), error.info()))?;
        tree.take(event, Place::from(&span.start).until(&span.end))?;
    }
    Ok(tree.root)
}

/// What a parser says of a tab that indents names neither it nor its place.
fn not_yaml(text: &str, place: Place, info: &str) -> PolicyError {
    let indents = |(line, number): (&str, u32)| {
        let indent = line.chars().take_while(|c| matches!(c, ' ' | '\t'));
        let column = indent.zip(1..).find(|(c, _)| *c == '\t').map(|(_, column)| column)?;
        Some(Place { line: number, column, length: 1 })
    };
    // The lines nearest to where the parser stopped, which may be at the end of the line before; the first of several.
    let last = if info.contains("tab") { place.line.saturating_add(1) } else { place.line };
    let tab = text.lines().zip(1..).take_while(|(_, number)| *number <= last).filter_map(indents);
    let tab = tab.map(|tab| (tab, tab.line)).reduce(|(first, before), (tab, line)| match line == before + 1 {
        true => (first, line),
        false => (tab, line),
    });
    match tab {
        Some((tab, _)) => tab.error("", "a tab: YAML is indented with spaces alone"),
        None if is_beside_tab(text, place) => place.error("", "a tab: put a space in its place"),
        None => place.error("", format!("not YAML: {info}")),
    }
}

fn is_beside_tab(text: &str, place: Place) -> bool {
    let (line, column) = (place.line as usize, place.column as usize);
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    line.chars().skip(column.saturating_sub(2)).take(2).any(|c| c == '\t')
}

/// What is open while the events come in.
enum Open {
    List(Place, Vec<Node>),
    Map(Place, Vec<Entry>, Option<(String, Place)>),
}

#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

impl Tree {
    fn take(&mut self, event: Event, place: Place) -> Result<(), PolicyError> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(place.error("", "a second document: a policy file has one"));
                }
            }
            Event::Alias(_) => return Err(place.error("", "aliases are not supported: write the value out")),
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(place.error("", "tags are not supported: leave out what begins with !"));
            }
            Event::Scalar(text, style, _, None) => match self.open.last_mut() {
                Some(Open::Map(_, _, key @ None)) => *key = Some((text.into_owned(), place)),
                _ => {
                    let value = Value::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                    self.put(Node { place, value });
                }
            },
            Event::SequenceStart(..) => self.enter(Open::List(place, Vec::new()), place)?,
            Event::MappingStart(..) => self.enter(Open::Map(place, Vec::new(), None), place)?,
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(start, nodes)) => {
                    self.put(Node { place: start.up_to(place), value: Value::List(nodes) });
                }
                Some(Open::Map(start, entries, _)) => {
                    self.put(Node { place: start.up_to(place), value: Value::Map(entries) });
                }
                None => {}
            },
        }
        Ok(())
    }

    fn enter(&mut self, open: Open, place: Place) -> Result<(), PolicyError> {
        if let Some(Open::Map(_, _, None)) = self.open.last() {
            return Err(place.error("", "a key must be a word"));
        }
        if self.open.len() >= DEEPEST {
            return Err(place.error("", format!("nested more than {DEEPEST} deep")));
        }
        self.open.push(open);
        Ok(())
    }

    fn put(&mut self, node: Node) {
        match self.open.last_mut() {
            None => {
                let nothing = matches!(&node.value, Value::Scalar { text, plain: true } if is_null(text));
                self.root = Some(node).filter(|_| !nothing);
            }
            Some(Open::List(_, nodes)) => nodes.push(node),
            Some(Open::Map(_, entries, key)) => {
                entries.extend(key.take().map(|(key, place)| Entry { key, place, value: node }));
            }
        }
    }
}

/// The core schema's spellings of no value.
pub fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}
