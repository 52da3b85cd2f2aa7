//! What was read of GitHub, kept in a folder: one small file for each answer, so that nothing is asked for twice.
//!
//! A file is written under another name and then renamed, and says which version of the format it has and what it is of. One
//! that is cut short, of another version or of something else is as good as none, and is read from GitHub again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rerunner::names::RepoName;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::host;
use crate::cli::http::Address;
use crate::cli::report::Failure;

const VERSION: u32 = 1;
/// A file of ours is far smaller: a log has 500 lines of 2,000 bytes.
const LARGEST: u64 = 32 * 1024 * 1024;

/// What GitHub answered, once and for all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    Present(Value),
    /// Why there is none.
    Absent(String),
}

pub enum Cache {
    Folder(PathBuf),
    /// For as long as the command runs.
    Memory(RefCell<BTreeMap<String, Kept>>),
}

impl Cache {
    /// The repository's part of a cache. Private repositories' logs are in it: nobody else may look.
    pub fn open(base: &Path, api: &Address, repository: &RepoName) -> Result<Self, Failure> {
        let host: String =
            api.as_str().chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
        let folder = base.join(format!("v{VERSION}")).join(host).join(repository.key());
        make(&folder)?;
        Ok(Self::Folder(folder))
    }

    pub fn memory() -> Self {
        Self::Memory(RefCell::default())
    }

    pub fn get(&self, key: &str) -> Option<Kept> {
        match self {
            Self::Folder(folder) => read(&path(folder, key), key),
            Self::Memory(kept) => kept.borrow().get(key).cloned(),
        }
    }

    pub fn put(&self, key: &str, kept: Kept) -> Result<(), Failure> {
        match self {
            Self::Folder(folder) => write(&path(folder, key), key, &kept),
            Self::Memory(all) => {
                all.borrow_mut().insert(key.to_owned(), kept);
                Ok(())
            }
        }
    }

    /// Whatever is under a key.
    pub fn forget(&self, key: &str) -> Result<(), Failure> {
        match self {
            Self::Folder(folder) => {
                let folder = folder.join(key);
                host::remove_folder(&folder).map_err(|problem| failure(&folder, &problem))
            }
            Self::Memory(all) => {
                all.borrow_mut().retain(|other, _| !other.starts_with(&format!("{key}/")));
                Ok(())
            }
        }
    }
}

/// Where caches are on this machine.
pub fn default_folder() -> Result<PathBuf, Failure> {
    let folder = host::cache_folder();
    let folder = folder
        .ok_or_else(|| Failure("no cache folder is known on this machine; give one with --cache DIR".to_owned()))?;
    Ok(folder.join("rerunner"))
}

#[derive(Serialize, Deserialize)]
struct Entry {
    version: u32,
    key: String,
    #[serde(flatten)]
    kept: Kept,
}

/// Keys are made of numbers and words of ours.
fn path(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.json"))
}

fn read(path: &Path, key: &str) -> Option<Kept> {
    let entry: Entry = serde_json::from_slice(&host::read(path, Some(LARGEST)).ok()?).ok()?;
    (entry.version == VERSION && entry.key == key).then_some(entry.kept)
}

fn write(path: &Path, key: &str, kept: &Kept) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    make(folder)?;
    let entry = Entry { version: VERSION, key: key.to_owned(), kept: kept.clone() };
    let bytes = serde_json::to_vec(&entry).map_err(|error| failure(path, &error))?;
    host::put(path, &bytes).map_err(|problem| failure(path, &problem))
}

fn make(folder: &Path) -> Result<(), Failure> {
    host::make_folder(folder).map_err(|problem| failure(folder, &problem))
}

fn failure(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure(format!("{} cannot be written: {error}; another folder can be given with --cache DIR", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;
    use tempfile::TempDir;

    fn open(base: &Path) -> Cache {
        let api = Address::parse("https://ghe.example/api/v3").unwrap();
        Cache::open(base, &api, &RepoName::parse("Octo/Widgets").unwrap()).unwrap()
    }

    #[test]
    fn what_was_put_is_there() {
        let base = TempDir::new().unwrap();
        for cache in [open(base.path()), Cache::memory()] {
            assert_eq!(cache.get("runs/7/1"), None);
            let (present, absent) = (Kept::Present(json!({ "id": 7 })), Kept::Absent("GitHub has none".to_owned()));
            cache.put("runs/7/1", present.clone()).unwrap();
            cache.put("lists/a", absent.clone()).unwrap();
            assert_eq!((cache.get("runs/7/1"), cache.get("lists/a")), (Some(present.clone()), Some(absent)));
            cache.forget("lists").unwrap();
            cache.forget("lists").unwrap();
            assert_eq!((cache.get("runs/7/1"), cache.get("lists/a")), (Some(present), None));
        }
        let file = base.path().join("v1/https---ghe.example-api-v3/octo/widgets/runs/7/1.json");
        assert_eq!(fs::read_to_string(file).unwrap(), r#"{"version":1,"key":"runs/7/1","present":{"id":7}}"#);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(base.path().join("v1")).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    /// A crash of the machine can leave any beginning of a file, or zeros.
    #[test]
    fn a_file_that_is_not_whole_is_none() {
        let base = TempDir::new().unwrap();
        let cache = open(base.path());
        let kept = Kept::Present(json!({ "jobs": [{ "id": 1, "name": "tést" }] }));
        cache.put("x", kept.clone()).unwrap();
        let Cache::Folder(folder) = &cache else { panic!() };
        let file = folder.join("x.json");
        let whole = fs::read(&file).unwrap();
        for cut in 0..whole.len() {
            fs::write(&file, &whole[..cut]).unwrap();
            assert_eq!(cache.get("x"), None, "{cut}");
            fs::write(&file, [&whole[..cut], &vec![0; whole.len() - cut]].concat()).unwrap();
            assert_eq!(cache.get("x"), None, "{cut} and zeros");
        }
        for other in [("\"version\":1", "\"version\":2"), ("\"key\":\"x\"", "\"key\":\"y\"")] {
            fs::write(&file, String::from_utf8(whole.clone()).unwrap().replace(other.0, other.1)).unwrap();
            assert_eq!(cache.get("x"), None, "{other:?}");
        }
        fs::write(folder.join("1-1.unfinished"), b"{").unwrap();
        cache.put("x", kept.clone()).unwrap();
        assert_eq!(cache.get("x"), Some(kept));
    }
}
