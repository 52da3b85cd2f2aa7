//! The entries, from the data.
//!
//! `table.txt` is what `tests/catalogue` makes of the YAML files, so that nothing here reads YAML, and that little has to be
//! worked out before the first line can be looked at. It has for each entry a line with its id, its class, where it is looked
//! for and its tool, and below it its patterns, each after the marks of its needles.

use std::sync::{LazyLock, OnceLock};

use super::Class;
use super::pattern::Pattern;
use super::prefilter::Prefilter;

/// Known at its first use.
pub static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("table.txt")));

/// One reason for which jobs fail, and how it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub id: &'static str,
    pub class: Class,
    /// Whose messages they are.
    pub tool: &'static str,
    pub in_log: bool,
    pub in_annotations: bool,
    /// Holds whatever else the step's end says.
    pub certain: bool,
    /// Holds only where nothing else is found.
    pub weak: bool,
}

/// A pattern of the table. Few of them are ever needed, so that each is read when it is.
#[derive(Debug)]
pub struct Listed {
    text: &'static str,
    /// Its entry's place in the table.
    pub entry: usize,
    pattern: OnceLock<Option<Pattern>>,
}

impl Listed {
    const fn new(text: &'static str, entry: usize) -> Self {
        Self { text, entry, pattern: OnceLock::new() }
    }

    /// A test holds that there is none that cannot be read.
    pub fn pattern(&self) -> Option<&Pattern> {
        self.pattern.get_or_init(|| Pattern::parse(self.text).ok()).as_ref()
    }
}

#[derive(Debug)]
pub struct Table {
    /// Of several that match a line, the first is meant.
    pub entries: Vec<Entry>,
    /// In the order of their entries.
    pub patterns: Vec<Listed>,
    pub prefilter: Prefilter,
    /// Lines that speak of infrastructure and are no sign of it.
    pub quoted: Vec<Listed>,
    /// What a tool says before it tries again.
    pub retrying: Vec<Listed>,
}

impl Table {
    fn read(table: &'static str) -> Self {
        let (mut entries, mut patterns, mut quoted, mut retrying) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut marked = Vec::new();
        let mut lines = table.lines();
        while let Some(head) = lines.next() {
            let below = lines.by_ref().take_while(|line| !line.is_empty());
            match head {
                "quoted" => quoted.extend(below.map(|text| Listed::new(text, 0))),
                "retrying" => retrying.extend(below.map(|text| Listed::new(text, 0))),
                head => {
                    for (marks, text) in below.filter_map(|line| line.split_once(' ')) {
                        marked.push((marks, text));
                        patterns.push(Listed::new(text, entries.len()));
                    }
                    entries.extend(entry(head));
                }
            }
        }
        Self { entries, patterns, prefilter: Prefilter::new(marked.into_iter()), quoted, retrying }
    }
}

/// `id class log,annotation,certain tool`.
fn entry(head: &'static str) -> Option<Entry> {
    let mut words = head.splitn(4, ' ');
    let (id, class, flags, tool) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let has = |name| flags.split(',').any(|flag| flag == name);
    Some(Entry {
        id,
        class: Class::parse(class)?,
        tool,
        in_log: has("log"),
        in_annotations: has("annotation"),
        certain: has("certain"),
        weak: has("weak"),
    })
}
