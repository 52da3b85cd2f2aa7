//! The entries, from the data.
//!
//! `table.txt` is what `tests/catalogue.rs` makes of the YAML files, so that nothing here reads YAML: for each entry a line
//! with its id, its class, where it is looked for and its tool, and below it its patterns.

use std::sync::LazyLock;

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

#[derive(Debug, Default)]
pub struct Table {
    /// Of several that match a line, the first is meant.
    pub entries: Vec<Entry>,
    /// Each with its entry's place in `entries`, in order.
    pub patterns: Vec<(Pattern, usize)>,
    pub prefilter: Prefilter,
    /// Lines that speak of infrastructure and are no sign of it.
    pub quoted: Vec<Pattern>,
    /// What a tool says before it tries again.
    pub retrying: Vec<Pattern>,
}

impl Table {
    /// A test holds that all of the text is understood.
    fn read(text: &'static str) -> Self {
        let mut table = Self::default();
        for block in text.split("\n\n") {
            let mut lines = block.lines();
            let head = lines.next().unwrap_or_default();
            let patterns = lines.filter_map(|line| Pattern::parse(line).ok());
            match head {
                "quoted" => table.quoted = patterns.collect(),
                "retrying" => table.retrying = patterns.collect(),
                head => {
                    let Some(entry) = entry(head) else { continue };
                    let at = table.entries.len();
                    table.patterns.extend(patterns.map(|pattern| (pattern, at)));
                    table.entries.push(entry);
                }
            }
        }
        let patterns = table.patterns.iter().enumerate();
        let needles = patterns.flat_map(|(at, (pattern, _))| pattern.needles().into_iter().map(move |text| (text, at)));
        table.prefilter = Prefilter::new(needles);
        table
    }
}

/// `id class log,annotation,certain tool`.
fn entry(head: &'static str) -> Option<Entry> {
    let mut words = head.splitn(4, ' ');
    let (id, class, flags, tool) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let has = |name| flags.split(',').any(|flag| flag == name);
    Some(Entry {
        id,
        class: Class::from_name(class)?,
        tool,
        in_log: has("log"),
        in_annotations: has("annotation"),
        certain: has("certain"),
        weak: has("weak"),
    })
}
