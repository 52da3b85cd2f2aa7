//! The catalogue: its data is sound, what is made of it is as committed, it finds what it should in whole logs, and takes
//! no more work than it may.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod data;
mod examples;
mod work;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use data::{Data, Entry};
use rerunner::policy::catalogue::{Finding, GRAM, Log, Pattern, entries, find};
use rerunner::policy::evidence::WORK;

fn matches(pattern: &str, line: &str) -> bool {
    Pattern::parse(pattern).is_ok_and(|pattern| pattern.matches(line, &mut WORK.clone()).unwrap())
}

fn find_in(log: &str) -> Option<Finding> {
    let lines: Vec<String> = log.lines().map(str::to_owned).collect();
    find(&[], Log { first_line: 1, lines: &lines }, &mut WORK.clone()).unwrap()
}

/// What is wrong with the data, each with its place.
fn problems(Data { entries, quoted, retrying }: &Data) -> Vec<String> {
    let mut problems = Vec::new();
    let mut ids = BTreeSet::new();
    for Entry { place, id, places, patterns, matches: good, not: bad, certain, weak, .. } in entries {
        let mut say = |what: String| problems.push(format!("{place}: {id} {what}"));
        if !ids.insert(id) {
            say("is there twice".to_owned());
        }
        if !id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') {
            say("is not made of a-z and -".to_owned());
        }
        if places.iter().any(|place| !["log", "annotation"].contains(&place.as_str())) {
            say(format!("is looked for in {places:?}"));
        }
        if *certain && *weak {
            say("is certain and weak".to_owned());
        }
        if patterns.is_empty() || good.is_empty() || bad.is_empty() {
            say("needs patterns, a line that matches and one that does not".to_owned());
        }
        for pattern in patterns {
            match Pattern::parse(pattern) {
                Err(why) => say(format!("{pattern}: {why}")),
                Ok(parsed) => {
                    let needles = parsed.needles();
                    if needles.is_empty() || needles.iter().any(|needle| needle.len() < GRAM) {
                        say(format!("{pattern}: has no text of {GRAM} bytes that each of its lines has: {needles:?}"));
                    }
                    if matches(pattern, "") {
                        say(format!("{pattern}: matches the empty line"));
                    }
                }
            }
        }
        for line in good.iter().filter(|line| !patterns.iter().any(|pattern| matches(pattern, line))) {
            say(format!("does not match: {line}"));
        }
        for line in bad {
            for pattern in patterns.iter().filter(|pattern| matches(pattern, line)) {
                say(format!("matches with {pattern}: {line}"));
            }
        }
    }
    for pattern in quoted.iter().chain(retrying) {
        if Pattern::parse(pattern).is_err() || matches(pattern, "") {
            problems.push(format!("src/policy/catalogue/{}.yml: {pattern}", data::SIGNS));
        }
    }
    problems
}

#[test]
fn the_data_is_sound() {
    let data = data::read();
    let problems = problems(&data);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let files = fs::read_dir(data::folder()).unwrap().map(|file| file.unwrap().path());
    let files: BTreeSet<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let known = data::FILES.into_iter().chain([data::SIGNS]).map(str::to_owned).collect();
    assert_eq!(files, known, "the files that are read, and those that are there");
}

type Change<'c> = &'c dyn Fn(&mut Entry);

/// Each kind of mistake is noticed, with its place.
#[test]
fn what_is_wrong_is_said() {
    let break_it = |change: Change| {
        let mut data = data::read();
        change(&mut data.entries[0]);
        problems(&data).join("\n")
    };
    let cases: [(Change, &str); 7] = [
        (&|entry| entry.id = "git-rpc-failed".to_owned(), "is there twice"),
        (&|entry| entry.id = "Lost".to_owned(), "is not made of a-z and -"),
        (&|entry| entry.patterns.push("{a".to_owned()), "has a { without its }"),
        (&|entry| entry.patterns.push("*".to_owned()), "matches the empty line"),
        (&|entry| entry.patterns.push("#abc#".to_owned()), "has no text of 4 bytes"),
        (&|entry| entry.matches.push("all is well".to_owned()), "does not match: all is well"),
        (&|entry| entry.not.push(entry.matches[0].clone()), "matches with "),
    ];
    for (change, said) in cases {
        let problems = break_it(change);
        assert!(problems.contains(said) && problems.starts_with("src/policy/catalogue/"), "{said}: {problems}");
    }
}

#[test]
fn the_table_and_the_document_are_made_of_the_data() {
    let data = data::read();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = [("src/policy/catalogue/table.txt", data::table(&data)), ("docs/catalogue.md", data::document(&data))];
    for (path, text) in made {
        if std::env::var_os("BLESS").is_some() {
            fs::write(root.join(path), &text).unwrap();
        }
        let committed = fs::read_to_string(root.join(path)).unwrap_or_default();
        assert!(committed == text, "{path} is not what the data says. Run: BLESS=1 cargo test --test catalogue");
    }
    // As the Worker understands it.
    let read: Vec<_> = entries().iter().map(|entry| (entry.id, entry.class, entry.tool)).collect();
    let written: Vec<_> = data.entries.iter().map(|entry| (&*entry.id, entry.class, &*entry.tool)).collect();
    assert_eq!(read, written);
}

/// Lines that are a sign of two entries, and the one that is found.
const OF_TWO: [(&str, &str); 6] = [
    ("registry-auth", "http-denied"),
    ("npm-publish", "http-denied"),
    ("swiftc", "c-compiler"),
    ("rust-http", "bun-deno-network"),
    ("tls", "curl"),
    ("connection-refused", "curl"),
];

/// Alone in a log, the line of an example is a sign of its own entry.
#[test]
fn every_example_is_found() {
    let data = data::read();
    let mut wrong = Vec::new();
    for entry in data.entries.iter().filter(|entry| entry.places.iter().any(|place| place == "log")) {
        for line in &entry.matches {
            let found = find_in(line);
            let is_right = |id: &str| id == entry.id || OF_TWO.contains(&(&entry.id, id));
            if !found.as_ref().is_some_and(|found| is_right(&found.id)) {
                wrong.push(format!("{}: {}: found {found:?} in {line}", entry.place, entry.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
