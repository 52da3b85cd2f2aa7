//! Copies the layers of Rerunner that the simulation drives, and puts every bug of `list.rs` into the copy.
//!
//! What a bug replaces is looked for in all of the copied code, white space aside, and must be there exactly once: who
//! changes that code is told of the bug that is to follow.

#![expect(clippy::expect_used, reason = "a build script fails by panicking")]

#[expect(dead_code, reason = "search.rs reads the rest")]
mod list;

use std::path::{Path, PathBuf};
use std::{env, fs};

use list::{BUGS, Change};

/// The Keeper and the layers below it, of the map in `src/lib.rs`.
const LAYERS: [&str; 8] = ["escape", "github", "keeper", "names", "policy", "settings", "time", "webhook"];

/// In place of `#[cfg(test)]`: the unit tests stay with the original.
const UNTESTED: &str = "#[cfg(any())]";

struct File {
    /// Its path in `src/`.
    from: String,
    to: PathBuf,
    text: String,
}

fn main() {
    let src = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("set by Cargo")).join("../../src");
    let out = PathBuf::from(env::var("OUT_DIR").expect("set by Cargo"));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=list.rs");
    let mut files = Vec::new();
    for layer in LAYERS {
        let _ = fs::remove_dir_all(out.join(layer));
        let file = format!("{layer}.rs");
        let name = if src.join(&file).exists() { file.as_str() } else { layer };
        println!("cargo::rerun-if-changed={}", src.join(name).display());
        read(&src, name, &out, &mut files);
    }
    for (number, bug) in BUGS.iter().enumerate() {
        let switch = format!("crate::switch::is_on({number} /* {} */)", bug.name);
        for change in bug.changes {
            if let Err(places) = put_in(change, &switch, &mut files) {
                let name = bug.name;
                println!("cargo::error=the bug {name} of tests/bugs/list.rs has lost its place: {places}");
            }
        }
    }
    for file in files {
        fs::create_dir_all(file.to.parent().expect("in OUT_DIR")).expect("a directory");
        fs::write(file.to, file.text).expect("written");
    }
    let modules: String = LAYERS.iter().map(|layer| format!("pub mod {layer};\n")).collect();
    fs::write(out.join("layers.rs"), modules).expect("written");
}

/// The files of `src` at this path or below, but tests.
fn read(src: &Path, path: &str, out: &Path, files: &mut Vec<File>) {
    let from = src.join(path);
    if from.is_dir() {
        for entry in fs::read_dir(from).expect("a directory") {
            let name = entry.expect("an entry").file_name().into_string().expect("a name of ours");
            if name != "tests" && name != "tests.rs" {
                read(src, &format!("{path}/{name}"), out, files);
            }
        }
    } else {
        let text = fs::read_to_string(from).expect("a source file").replace("#[cfg(test)]", UNTESTED);
        // The presets are where they are.
        let docs = src.join("../docs/");
        let text = text.replace("include_str!(\"../../../docs/", &format!("include_str!(\"{}", docs.display()));
        files.push(File { from: path.to_owned(), to: out.join(path), text });
    }
}

fn put_in(change: &Change, switch: &str, files: &mut [File]) -> Result<(), String> {
    let mut places = Vec::new();
    for (index, file) in files.iter().enumerate() {
        places.extend(find(code(&file.text), change.right).into_iter().map(|place| (index, place)));
    }
    let [(index, place)] = &places[..] else {
        let found: Vec<_> = places.iter().map(|(index, _)| files[*index].from.as_str()).collect();
        return Err(format!("`{}` must be in the code once, and is in {found:?}", change.right));
    };
    files[*index].text.replace_range(place.clone(), &change.wrong.replace("BUG", switch));
    Ok(())
}

/// All but unit tests at a file's end.
fn code(text: &str) -> &str {
    text.split_once(&format!("{UNTESTED}\nmod tests {{")).map_or(text, |(code, _)| code)
}

/// Where the words stand in the text, whatever white space is between.
fn find(text: &str, words: &str) -> Vec<std::ops::Range<usize>> {
    let squeezed = |text: &str| -> Vec<(usize, char)> {
        text.char_indices().filter(|(_, character)| !character.is_whitespace()).collect()
    };
    let (text, words) = (squeezed(text), squeezed(words));
    let is_there = |part: &&[(usize, char)]| part.iter().map(|(_, one)| one).eq(words.iter().map(|(_, one)| one));
    let range = |part: &[(usize, char)]| {
        let (last, character) = part[part.len() - 1];
        part[0].0..last + character.len_utf8()
    };
    text.windows(words.len()).filter(is_there).map(range).collect()
}
