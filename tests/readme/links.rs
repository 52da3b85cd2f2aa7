//! What the documents name is there: links, scripts, paths, names in the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::{CONTRIBUTING, README, root};

/// README, CONTRIBUTING, and all that is in docs.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/policies"] {
        let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(files.filter(|file| file.extension().is_some_and(|extension| extension == "md")));
    }
    pages.into_iter().map(|file| (file.clone(), fs::read_to_string(file).unwrap())).collect()
}

/// A page without its blocks of code.
fn prose(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// What GitHub makes of headings: small letters, digits, hyphens for spaces; nothing else.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.split("\n```").step_by(2).flat_map(str::lines).filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|character| character.is_alphanumeric() || [' ', '-', '_'].contains(character));
        kept.map(|character| if character == ' ' { '-' } else { character }).collect()
    };
    headings.map(anchor).collect()
}

/// Seen to fail with a heading that has another name, and with a file that is not there.
#[test]
fn every_link_leads_somewhere() {
    let (mut followed, mut lost) = (0, Vec::new());
    for (file, page) in pages() {
        for link in prose(&page).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            followed += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let there = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            let leads = there.exists()
                && (anchor.is_empty() || fs::read_to_string(&there).is_ok_and(|text| anchors(&text).contains(anchor)));
            if !leads {
                lost.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(followed > 80 && lost.is_empty(), "of {followed} links:\n{}", lost.join("\n"));
}

/// `npm run NAME` of all pages. Those of the command are in `tests/cli/main.rs`. Seen to fail with a script that is not there.
#[test]
fn every_npm_script_that_is_named() {
    let package: serde_json::Value = serde_json::from_str(include_str!("../../package.json")).unwrap();
    for (file, page) in pages() {
        for rest in page.split("npm run ").skip(1) {
            let words =
                rest.split(|character: char| !character.is_ascii_lowercase() && !['-', ':'].contains(&character));
            let name = words.into_iter().find(|word| !word.is_empty() && !word.starts_with('-')).unwrap_or_default();
            assert!(package["scripts"][name].is_string(), "{}: npm run {name}", file.display());
        }
    }
}

/// What the documents for contributors name: backquoted paths, and links.
fn paths(text: &str) -> Vec<&str> {
    const TOP: [&str; 7] = [".cargo/", ".github/", "crates/", "docs/", "scripts/", "src/", "tests/"];
    let code = text.split('`').skip(1).step_by(2).flat_map(str::split_whitespace);
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(['#', ')']).next());
    let links = links.map(|link| link.trim_start_matches("../"));
    let is_path = |path: &&str| TOP.iter().any(|top| path.starts_with(top)) && !path.contains(['*', '$', '…']);
    code.chain(links).filter(is_path).collect()
}

#[test]
fn every_path_that_contributors_are_sent_to() {
    for (name, text) in [
        ("CONTRIBUTING.md", CONTRIBUTING),
        ("docs/architecture.md", include_str!("../../docs/architecture.md")),
        ("README.md", README),
    ] {
        let paths = paths(text);
        // `.github/rerunner.yml` is in the repositories that are served.
        let missing: Vec<&&str> =
            paths.iter().filter(|path| **path != ".github/rerunner.yml" && !root().join(path).exists()).collect();
        assert!(!paths.is_empty() && missing.is_empty(), "{name} names what is not there: {missing:?}");
    }
}

/// The names that are said to be in a file: `path` (`a`, `b`), and `a` in `path`.
fn symbols(text: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = text.split('`').collect();
    let mut found = Vec::new();
    for at in (1..parts.len()).step_by(2).filter(|at| parts[*at].ends_with(".rs") || parts[*at].ends_with(".mjs")) {
        if parts[at - 1] == " in " && at > 1 {
            found.push((parts[at], parts[at - 2]));
        }
        let mut next = at + 1;
        while parts.get(next).is_some_and(|between| *between == if next == at + 1 { " (" } else { ", " }) {
            found.extend(parts.get(next + 1).map(|symbol| (parts[at], *symbol)));
            next += 2;
        }
    }
    found
}

/// Seen to fail when a function has another name, in a page that the first of these tests had nothing to say against.
#[test]
fn every_name_that_contributors_are_sent_to() {
    let text = [CONTRIBUTING, include_str!("../../docs/architecture.md")].concat();
    let named = symbols(&text);
    let is_there = |(path, symbol): &(&str, &str)| {
        let name = symbol.rsplit("::").next().unwrap_or(symbol);
        // Of a file in the folder that the page speaks of, the path is short.
        !path.contains('/') || std::fs::read_to_string(root().join(path)).is_ok_and(|code| code.contains(name))
    };
    let missing: Vec<_> = named.iter().filter(|named| !is_there(named)).collect();
    assert!(named.len() > 15 && missing.is_empty(), "of {}: {missing:?}", named.len());
}
