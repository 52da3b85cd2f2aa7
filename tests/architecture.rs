//! The layers of `src/`: each module uses only those below it in the map of `src/lib.rs`, only `src/worker/` names the
//! `worker` crate, only `src/cli/host/` of the command names the machine, and no two files use each other, directly or by way
//! of others, but for a folder's `mod.rs` and the files in it.
//!
//! The code is read with `syn`. A name that a `mod.rs` re-exports leads to the file that it comes from. Tests are left out:
//! they may use anything.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, UseTree, Visibility};

/// As many as a newcomer can hold in the head.
const ROOMS: usize = 12;
const LINES: usize = 400;
/// How the head comment of a longer file begins to say why.
const REASON: &str = "Longer than 400 lines:";

/// A path from the root of the crate: `["keeper", "store", "Sql"]`. One that leads out of the crate begins with `"::"`.
type Names = Vec<String>;

/// One file of `src/`, without its tests.
#[derive(Debug, Clone, Default)]
struct File {
    module: Names,
    uses: BTreeSet<Names>,
    /// What it re-exports: name → where it comes from.
    exports: BTreeMap<String, Names>,
    lines: usize,
    head: String,
}

/// The files by path, relative to `src/`.
#[derive(Clone)]
struct Source(BTreeMap<PathBuf, File>);

impl Source {
    fn read() -> Self {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
        let mut texts = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                let relative = path.strip_prefix(root).unwrap().to_owned();
                let is_test = relative.file_stem().is_some_and(|name| name == "tests");
                match path.extension() {
                    _ if is_test => {}
                    None => folders.push(path),
                    Some(extension) if extension == "rs" => {
                        texts.insert(relative, fs::read_to_string(&path).unwrap());
                    }
                    Some(_) => {}
                }
            }
        }
        Self::of(&texts)
    }

    fn of(texts: &BTreeMap<PathBuf, String>) -> Self {
        let modules: BTreeSet<Names> = texts.keys().map(|path| module_of(path)).collect();
        Self(texts.iter().map(|(path, text)| (path.clone(), File::read(path, text, &modules))).collect())
    }

    /// The rooms in the map of lib.rs, from the top down.
    fn map(&self) -> Vec<&str> {
        let rows = self.0[Path::new("lib.rs")].head.lines().filter_map(|line| line.strip_prefix('|'));
        rows.filter_map(|row| row.split('|').next()?.split('`').nth(1)).collect()
    }

    fn at(&self, module: &[String]) -> Option<(&PathBuf, &File)> {
        self.0.iter().find(|(_, file)| file.module == module)
    }

    /// The file that a path leads to.
    fn resolve(&self, names: &[String]) -> Option<&PathBuf> {
        let longest = (1..=names.len()).rev().find_map(|end| Some((end, self.at(&names[..end])?)));
        let (end, (path, file)) = longest?;
        match names.get(end).and_then(|name| file.exports.get(name).or_else(|| file.exports.get("*"))) {
            Some(from) => self.resolve(&[from, &names[end + 1..]].concat()).or(Some(path)),
            None => Some(path),
        }
    }

    fn arrows(&self) -> BTreeMap<&PathBuf, BTreeSet<&PathBuf>> {
        let of = |file: &File| file.uses.iter().filter_map(|names| self.resolve(names)).collect();
        self.0.iter().map(|(path, file)| (path, of(file))).collect()
    }

    /// All that is not as it should be.
    fn problems(&self) -> Vec<String> {
        [self.rooms(), self.upward_arrows(), self.circles(), self.strays(), self.machines(), self.long_files()].concat()
    }

    fn rooms(&self) -> Vec<String> {
        let map = self.map();
        let rooms: BTreeSet<&str> = self.0.values().filter_map(|file| Some(file.module.first()?.as_str())).collect();
        let listed = map.iter().copied().collect();
        let lost = rooms.symmetric_difference(&listed).map(|room| format!("{room} is not in both the map and src/"));
        let many = (map.len() > ROOMS).then(|| format!("src/ has {} rooms", map.len()));
        lost.chain(many).collect()
    }

    fn upward_arrows(&self) -> Vec<String> {
        let map = self.map();
        let height =
            |path: &Path| map.iter().position(|room| self.0[path].module.first().is_some_and(|own| own == room));
        let mut problems = Vec::new();
        for (path, used) in self.arrows() {
            for used in
                used.iter().filter(|used| height(path).zip(height(used)).is_some_and(|(own, other)| other < own))
            {
                problems.push(format!("{} uses {}, which stands above it", path.display(), used.display()));
            }
        }
        problems
    }

    /// A folder's `mod.rs` has what its files share, and calls them: from within the folder, it is not counted as used.
    fn circles(&self) -> Vec<String> {
        let all = self.arrows();
        let mut below = all.clone();
        for (path, used) in &mut below {
            used.retain(|other| {
                !(other.ends_with("mod.rs") && other.parent().is_some_and(|folder| path.starts_with(folder)))
            });
        }
        let of_folders = circles(&all).into_iter().filter(|(one, other)| one.parent() != other.parent());
        let problems: BTreeSet<_> = of_folders.chain(circles(&below)).collect();
        let text =
            |(one, other): (&PathBuf, &PathBuf)| format!("{} and {} use each other", one.display(), other.display());
        problems.into_iter().map(text).collect()
    }

    fn strays(&self) -> Vec<String> {
        let names_it =
            |file: &File| file.uses.iter().any(|names| names.starts_with(&["::".to_owned(), "worker".to_owned()]));
        let strays = self.0.iter().filter(|(path, file)| !path.starts_with("worker") && names_it(file));
        strays.map(|(path, _)| format!("{} names the worker crate", path.display())).collect()
    }

    /// In WebAssembly, what the standard library has of a machine does nothing, or panics.
    fn machines(&self) -> Vec<String> {
        let is_machine = |names: &Names| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            matches!(
                names.as_slice(),
                ["::", "std", "env" | "fs" | "io" | "net" | "process" | "thread", ..]
                    | ["::", "std", "time", "Instant" | "SystemTime", ..]
            )
        };
        let of_command = self.0.iter().filter(|(path, _)| path.starts_with("cli") && !path.starts_with("cli/host"));
        let machines = of_command.filter(|(_, file)| file.uses.iter().any(is_machine));
        machines.map(|(path, _)| format!("{} names the machine", path.display())).collect()
    }

    fn long_files(&self) -> Vec<String> {
        let long = self.0.iter().filter(|(_, file)| file.lines > LINES && !file.head.contains(REASON));
        long.map(|(path, file)| format!("{} has {} lines", path.display(), file.lines)).collect()
    }
}

/// Two files that use each other, directly or by way of others.
fn circles<'a>(arrows: &BTreeMap<&'a PathBuf, BTreeSet<&'a PathBuf>>) -> Vec<(&'a PathBuf, &'a PathBuf)> {
    let reached: BTreeMap<_, _> = arrows.keys().map(|path| (*path, reached(path, arrows))).collect();
    let back = |one: &&'a PathBuf, other: &&'a PathBuf| one < other && reached[*other].contains(*one);
    reached
        .iter()
        .flat_map(|(one, others)| others.iter().filter(|other| back(one, other)).map(|other| (*one, *other)))
        .collect()
}

fn reached<'a>(from: &'a PathBuf, arrows: &BTreeMap<&'a PathBuf, BTreeSet<&'a PathBuf>>) -> BTreeSet<&'a PathBuf> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(path) = next.pop() {
        next.extend(arrows[path].iter().filter(|used| reached.insert(**used)));
    }
    reached
}

/// The command is a program of its own: `main.rs` and `cli/`.
fn module_of(path: &Path) -> Names {
    let mut module: Names = path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    match module.last().map(String::as_str) {
        Some("lib" | "mod") => drop(module.pop()),
        Some("main") => module.insert(0, "cli".to_owned()),
        _ => {}
    }
    module
}

impl File {
    fn read(path: &Path, text: &str, modules: &BTreeSet<Names>) -> Self {
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let head = text.lines().map_while(|line| line.strip_prefix("//!")).map(|line| format!("{}\n", line.trim()));
        let file =
            Self { module: module_of(path), lines: text.lines().count(), head: head.collect(), ..Self::default() };
        let mut reader = Reader { file, modules };
        reader.visit_file(&parsed);
        reader.file
    }
}

/// Collects what a file names.
struct Reader<'a> {
    file: File,
    modules: &'a BTreeSet<Names>,
}

impl Reader<'_> {
    /// A path as the code has it, from the root of the crate; `None` if it begins with something of the file's own.
    fn absolute(&self, path: &[String]) -> Option<Names> {
        let first = path.first()?.as_str();
        let rest = &path[1..];
        let child = || [self.file.module.as_slice(), &path[..1]].concat();
        Some(match first {
            "crate" | "rerunner" => rest.to_vec(),
            "self" => [self.file.module.as_slice(), rest].concat(),
            "super" => {
                let ups = path.iter().take_while(|name| *name == "super").count();
                let module = self.file.module.get(..self.file.module.len().checked_sub(ups)?)?;
                [module, &path[ups..]].concat()
            }
            _ if self.modules.contains(&child()) => [self.file.module.as_slice(), path].concat(),
            "std" | "worker" => [&["::".to_owned()], path].concat(),
            _ => return None,
        })
    }

    fn uses(&mut self, path: &[String]) {
        let absolute = self.absolute(path);
        self.file.uses.extend(absolute);
    }

    /// Macros are not parsed: what looks like a path in them is taken for one.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Names = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if colons == 2 => {
                    path.push(name.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(name) => {
                    self.uses_of_tokens(&path);
                    path = vec![name.to_string()];
                    colons = 0;
                    continue;
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            self.uses_of_tokens(&path);
            path.clear();
            colons = 0;
        }
        self.uses_of_tokens(&path);
    }

    fn uses_of_tokens(&mut self, path: &[String]) {
        if path.len() > 1 {
            self.uses(path);
        }
    }
}

fn leaves(tree: &UseTree, before: &[String]) -> Vec<(Names, String)> {
    let with = |name: &dyn ToString| [before, &[name.to_string()]].concat();
    match tree {
        UseTree::Path(path) => leaves(&path.tree, &with(&path.ident)),
        UseTree::Name(name) if name.ident == "self" => {
            vec![(before.to_vec(), before.last().cloned().unwrap_or_default())]
        }
        UseTree::Name(name) => vec![(with(&name.ident), name.ident.to_string())],
        UseTree::Rename(name) => vec![(with(&name.ident), name.rename.to_string())],
        UseTree::Glob(_) => vec![(before.to_vec(), "*".to_owned())],
        UseTree::Group(group) => group.items.iter().flat_map(|tree| leaves(tree, before)).collect(),
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    let says_test = |attribute: &Attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        syn::Meta::Path(_) | syn::Meta::NameValue(_) => false,
    };
    attributes.iter().any(says_test)
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::ExternCrate(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for (path, name) in leaves(&item.tree, &[]) {
            let Some(absolute) = self.absolute(&path) else { continue };
            match item.vis {
                Visibility::Inherited => drop(self.file.uses.insert(absolute)),
                Visibility::Public(_) | Visibility::Restricted(_) => drop(self.file.exports.insert(name, absolute)),
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 {
            self.uses(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

#[test]
fn the_code_is_as_the_map_says() {
    let problems = Source::read().problems();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Breaks the order in each way, and sees that it is noticed.
#[test]
fn each_break_is_noticed() {
    let file = |path: &str, text: &str| (PathBuf::from(path), text.to_owned());
    let sound = BTreeMap::from([
        file(
            "lib.rs",
            "//! | [`cli`] | x |\n//! | [`upper`] | x |\n//! | [`lower`] | x |\npub mod lower; pub mod upper;",
        ),
        file("cli/mod.rs", "use std::time::Duration; #[cfg(test)] mod tests { use std::fs; }"),
        file("cli/host/mod.rs", "use std::fs;"),
        file("upper/mod.rs", "mod part; pub use part::Part; pub fn f() {}"),
        file("upper/part.rs", "use crate::lower; use super::f; pub struct Part; fn g() { lower::h(); }"),
        file("upper/other.rs", "use super::part::Part; pub fn x() {}"),
        file("upper/inner/mod.rs", "use crate::upper::Part;"),
        file("lower.rs", "pub fn h() {} #[cfg(test)] mod tests { use crate::upper::f; }"),
    ]);
    assert_eq!(Source::of(&sound).problems(), Vec::<String>::new());
    let upward = "lower.rs uses upper/mod.rs, which stands above it";
    for (path, text, problem) in [
        ("lower.rs", "use crate::upper::f;", upward),
        ("lower.rs", "fn h() { crate::upper::f(); }", upward),
        ("lower.rs", "fn h() { vec![1, crate::upper::f()]; }", upward),
        ("lower.rs", "use super::upper::Part;", "lower.rs uses upper/part.rs, which stands above it"),
        (
            "upper/part.rs",
            "use super::inner::x; pub struct Part;",
            "upper/inner/mod.rs and upper/part.rs use each other",
        ),
        (
            "upper/part.rs",
            "pub struct Part; fn g() { super::other::x(); }",
            "upper/other.rs and upper/part.rs use each other",
        ),
        ("upper/part.rs", "use worker::Env;", "upper/part.rs names the worker crate"),
        ("upper/part.rs", "fn g(env: worker::Env) {}", "upper/part.rs names the worker crate"),
        ("upper/part.rs", "fn g() { format!(\"{}\", worker::now()); }", "upper/part.rs names the worker crate"),
        ("cli/mod.rs", "use std::{fmt, fs};", "cli/mod.rs names the machine"),
        ("cli/mod.rs", "fn f() { std::thread::sleep(LONG); }", "cli/mod.rs names the machine"),
        ("cli/mod.rs", "use std::time::Instant;", "cli/mod.rs names the machine"),
        ("new.rs", "", "new is not in both the map and src/"),
        ("lower.rs", &"//\n".repeat(401), "lower.rs has 401 lines"),
    ] {
        let mut broken = sound.clone();
        broken.insert(PathBuf::from(path), text.to_owned());
        let problems = Source::of(&broken).problems();
        assert!(problems.iter().any(|one| one == problem), "{text}: {problems:?}");
    }
}
