//! What is known on this machine of the deployed Worker: its address, and the secrets that `npm run setup` made for it.
//!
//! They are in `.deployed.vars`, which git ignores and only its owner may read; the environment wins over it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use rerunner::settings::Secret;

use super::Failure;

pub const FILE: &str = ".deployed.vars";
pub const URL: &str = "RERUNNER_URL";

const HEAD: &str = "\
# The deployed Worker's address, and its secrets, as npm run setup has made them. Git ignores this file; keep it to
# yourself. npm run doctor reads it.
";

#[derive(Debug)]
pub struct Deployed {
    path: PathBuf,
    values: BTreeMap<String, String>,
}

impl Deployed {
    pub fn read() -> Result<Self, Failure> {
        Self::of(FILE)
    }

    /// What is set for `npm run dev` and `npm start`.
    pub fn local() -> Result<Self, Failure> {
        Self::of(".dev.vars")
    }

    /// No file is an empty one.
    fn of(file: &str) -> Result<Self, Failure> {
        let path = PathBuf::from(file);
        let mut values = BTreeMap::new();
        match dotenvy::from_path_iter(&path) {
            Ok(entries) => {
                for entry in entries {
                    // The line is not shown: it may hold a secret.
                    let (name, value) =
                        entry.map_err(|_| Failure(format!("{file} has a line that is not NAME=\"VALUE\"")))?;
                    values.insert(name, value);
                }
            }
            Err(dotenvy::Error::Io(error)) if error.kind() == ErrorKind::NotFound => {}
            Err(_) => return Err(Failure(format!("{file} cannot be read"))),
        }
        Ok(Self { path, values })
    }

    /// From the environment, or the file.
    pub fn get(&self, name: &str) -> Option<Secret> {
        let set = std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        set.or_else(|| self.values.get(name).cloned()).map(|value| Secret::new(value.trim()))
    }

    pub fn url(&self) -> Option<String> {
        self.get(URL).map(|url| url.reveal().to_owned())
    }

    pub fn set(&mut self, name: &str, value: &Secret) -> Result<(), Failure> {
        self.values.insert(name.to_owned(), value.reveal().to_owned());
        self.write()
    }

    pub fn remove(&mut self, name: &str) -> Result<(), Failure> {
        match self.values.remove(name) {
            Some(_) => self.write(),
            None => Ok(()),
        }
    }

    fn write(&self) -> Result<(), Failure> {
        let mut text = HEAD.to_owned();
        for (name, value) in &self.values {
            text.push_str(&format!("{name}=\"{value}\"\n"));
        }
        // Another file, put in its place: it is never there with half of its content, nor readable by others.
        let beside = self.path.with_extension("vars.new");
        let written = create(&beside).and_then(|mut file| file.write_all(text.as_bytes()));
        let written = written.and_then(|()| std::fs::rename(&beside, &self.path));
        written.map_err(|error| Failure(format!("{FILE} cannot be written: {error}")))
    }
}

#[cfg(unix)]
fn create(path: &std::path::Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let _ = std::fs::remove_file(path);
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create(path: &std::path::Path) -> std::io::Result<File> {
    let _ = std::fs::remove_file(path);
    OpenOptions::new().write(true).create_new(true).open(path)
}
