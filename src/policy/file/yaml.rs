//! YAML text → a tree in which every value knows its place.
//!
//! Only what a policy needs: one document of maps, lists and scalars. Aliases and tags are refused, which leaves nothing
//! to expand; depth and size are capped.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::reader::PolicyError;

/// The largest file that is read.
pub const LARGEST_FILE: usize = 64 * 1024;
/// The format itself is five deep.
const DEEPEST: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

impl Place {
    pub fn error(self, key: impl Into<String>, message: impl Into<String>) -> PolicyError {
        PolicyError { line: self.line, column: self.column, key: key.into(), message: message.into() }
    }
}

impl From<&Marker> for Place {
    fn from(marker: &Marker) -> Self {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { line: number(marker.line()), column: number(marker.col() + 1) }
    }
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
        return Err(
            Place { line: 1, column: 1 }.error("", format!("the file is larger than {} KiB", LARGEST_FILE / 1024))
        );
    }
    let mut tree = Tree::default();
    for event in Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let (event, span) =
            event.map_err(|error| Place::from(error.marker()).error("", format!("not YAML: {}", error.info())))?;
        tree.take(event, Place::from(&span.start))?;
    }
    Ok(tree.root)
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
                Some(Open::List(place, nodes)) => self.put(Node { place, value: Value::List(nodes) }),
                Some(Open::Map(place, entries, _)) => self.put(Node { place, value: Value::Map(entries) }),
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
