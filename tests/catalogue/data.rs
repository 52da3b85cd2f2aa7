//! The catalogue's YAML files, and what is made of them: the table that the Worker has, and docs/catalogue.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use rerunner::policy::catalogue::{Class, GRAM, Pattern, around, marks};
use saphyr::{LoadableYamlNode, Yaml};

/// In the order in which entries go before others that match the same line: who knows the tool, before who knows the
/// transport; and of real failures, before infrastructure that only names a status.
pub const FILES: [&str; 12] = [
    "runner",
    "git",
    "github",
    "access",
    "containers",
    "registries",
    "cloud",
    "resources",
    "policy",
    "tests",
    "build",
    "network",
];
/// Lines that change what others mean.
pub const SIGNS: &str = "signs";
const KEYS: [&str; 10] = ["id", "class", "tool", "where", "certain", "weak", "patterns", "matches", "not", "source"];

pub struct Entry {
    /// `src/policy/catalogue/git.yml:3`.
    pub place: String,
    pub id: String,
    pub class: Class,
    pub tool: String,
    /// `log`, `annotation`.
    pub places: Vec<String>,
    pub certain: bool,
    pub weak: bool,
    pub patterns: Vec<String>,
    pub matches: Vec<String>,
    pub not: Vec<String>,
    pub source: String,
}

pub struct Data {
    pub entries: Vec<Entry>,
    pub quoted: Vec<String>,
    pub retrying: Vec<String>,
}

pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/policy/catalogue"))
}

pub fn read() -> Data {
    let entries = FILES.iter().flat_map(|name| entries(name)).collect();
    let path = folder().join(format!("{SIGNS}.yml"));
    let text = fs::read_to_string(&path).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Data { entries, quoted: texts(&documents[0], "quoted"), retrying: texts(&documents[0], "retrying") }
}

fn entries(name: &str) -> Vec<Entry> {
    let file = format!("src/policy/catalogue/{name}.yml");
    let text =
        fs::read_to_string(folder().join(format!("{name}.yml"))).unwrap_or_else(|error| panic!("{file}: {error}"));
    let documents = Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let starts = text.lines().enumerate().filter(|(_, line)| line.starts_with("- ")).map(|(at, _)| at + 1);
    let list = documents[0].as_vec().unwrap_or_else(|| panic!("{file}:1: no list"));
    list.iter().zip(starts).map(|(node, line)| entry(node, format!("{file}:{line}"))).collect()
}

fn entry(node: &Yaml, place: String) -> Entry {
    let map = node.as_mapping().unwrap_or_else(|| panic!("{place}: no entry"));
    for key in map.keys().filter_map(|key| key.as_str()) {
        assert!(KEYS.contains(&key), "{place}: {key} is not known");
    }
    let text = |key: &str| {
        let text = node.as_mapping_get(key).and_then(|value| value.as_str()).unwrap_or_default();
        assert!(!text.is_empty(), "{place}: has no {key}");
        text.to_owned()
    };
    let flag = |key: &str| node.as_mapping_get(key).is_some_and(|value| value.as_bool().expect("true or false"));
    let name = text("class");
    let mut places = texts(node, "where");
    if places.is_empty() {
        places.push("log".to_owned());
    }
    Entry {
        id: text("id"),
        class: Class::parse(&name).unwrap_or_else(|| panic!("{place}: {name} is no class")),
        tool: text("tool"),
        places,
        certain: flag("certain"),
        weak: flag("weak"),
        patterns: texts(node, "patterns"),
        matches: texts(node, "matches"),
        not: texts(node, "not"),
        source: text("source"),
        place,
    }
}

fn texts(node: &Yaml, key: &str) -> Vec<String> {
    let list = node.as_mapping_get(key).and_then(|value| value.as_vec());
    list.into_iter().flatten().map(|text| text.as_str().expect("a list of texts").to_owned()).collect()
}

/// `src/policy/catalogue/table.txt`.
pub fn table(data: &Data) -> String {
    let common = common_grams(data);
    let mut blocks = Vec::new();
    for Entry { id, class, places, certain, weak, tool, patterns, .. } in &data.entries {
        let flags = [("certain", *certain), ("weak", *weak)].into_iter().filter(|(_, is)| *is).map(|(name, _)| name);
        let flags: Vec<&str> = places.iter().map(String::as_str).chain(flags).collect();
        let patterns: Vec<String> =
            patterns.iter().map(|pattern| format!("{} {pattern}", marks(&grams_of(pattern, &common)))).collect();
        blocks.push(format!("{id} {} {} {tool}\n{}", class.as_str(), flags.join(","), patterns.join("\n")));
    }
    blocks.push(format!("quoted\n{}", data.quoted.join("\n")));
    blocks.push(format!("retrying\n{}", data.retrying.join("\n")));
    blocks.join("\n\n") + "\n"
}

/// In how many needles each four bytes are.
fn common_grams(data: &Data) -> BTreeMap<Vec<u8>, usize> {
    let mut common = BTreeMap::new();
    for pattern in data.entries.iter().flat_map(|entry| &entry.patterns) {
        for needle in Pattern::parse(pattern).unwrap().needles() {
            needle.as_bytes().windows(GRAM).for_each(|gram| *common.entry(gram.to_owned()).or_default() += 1);
        }
    }
    common
}

/// Where in the pattern the four bytes of each of its needles are. Those that the fewest needles have, as what many needles
/// have in common is also what many lines have.
fn grams_of(pattern: &str, common: &BTreeMap<Vec<u8>, usize>) -> Vec<usize> {
    let parsed = Pattern::parse(pattern).unwrap();
    let place = |needle: &str| {
        // Each line with the needle has what stands around the four bytes.
        let places = (0..pattern.len()).filter_map(|place| Some((place, around(pattern, place)?)));
        let of_needle = places.filter(|(_, (text, _))| needle.as_bytes().windows(text.len()).any(|part| part == *text));
        of_needle.min_by_key(|(_, (text, at))| common[&text[*at..*at + GRAM]]).map(|(place, _)| place)
    };
    let mut places: Vec<usize> =
        parsed.needles().iter().map(|needle| place(needle).expect("the table's test says which have none")).collect();
    places.sort_unstable();
    places.dedup();
    places
}

const HEAD: &str = "# The catalogue

What Rerunner knows failures by. For each failed job it looks for the one cause in the job's annotations and the end of its
log. This page is made from the data in [src/policy/catalogue](../src/policy/catalogue): change that, and run
`BLESS=1 cargo test --test catalogue`.

## How a cause is found

1. An annotation with which the runner or GitHub says that the job was lost, or that memory or disk were used up, decides.
2. Else the end of the failed step does: the last step with an error, without what comes after it. Of several signs the one
   that is nearest to the end is meant, and of infrastructure only what is within its last 60 lines.
3. What a tool says before it tries again, and warnings, count only if there is nothing else. So do the entries that are
   marked *weak*. Those that are marked *certain* go before others.
4. A line that quotes an assertion, a test's name or source code is no sign of infrastructure; nor is a service on
   localhost, which the job itself has started or not.

In a pattern, `*` stands for whatever is there, `#` for digits, `{one|other}` for any of them, `^` for the line's
beginning and `$` for its end. In the examples, addresses are made up.

`rerunner catalogue measure FILE` says how often it is right on failures of which you know the kind: a file with one JSON
object in each line, `{\"id\": …, \"label\": \"infra\" | \"flaky\" | \"real\", \"hard\": true | false, \"log\": …}`.
";

/// `docs/catalogue.md`.
pub fn document(data: &Data) -> String {
    let mut text = HEAD.to_owned();
    for infrastructure in [true, false] {
        let title = if infrastructure { "Infrastructure" } else { "Real failures" };
        let _ = write!(text, "\n## {title}\n");
        for class in Class::ALL.into_iter().filter(|class| class.is_infrastructure() == infrastructure) {
            let _ =
                write!(text, "\n### `{}`\n\n| id | tool | an example | from |\n|---|---|---|---|\n", class.as_str());
            for entry in data.entries.iter().filter(|entry| entry.class == class) {
                let marks = [("certain", entry.certain), ("weak", entry.weak)];
                let marks: String = marks.iter().filter(|(_, is)| *is).map(|(name, _)| format!(", *{name}*")).collect();
                let Entry { id, tool, source, .. } = entry;
                let example = code(&entry.matches[0]);
                let _ = writeln!(text, "| `{id}`{marks} | {} | {example} | {} |", cell(tool), cell(source));
            }
        }
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn code(text: &str) -> String {
    let text = text.trim().replace('|', "\\|");
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}
