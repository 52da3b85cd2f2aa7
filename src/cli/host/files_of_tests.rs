//! The same as in `files.rs`, for unit tests, which run without Node.js.

use std::fs;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rerunner::time::Millis;

use super::Problem;

fn problem(error: Error) -> Problem {
    let code = if error.kind() == ErrorKind::NotFound { "ENOENT" } else { "EIO" };
    Problem { code: code.to_owned(), phrase: error.to_string() }
}

pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

pub fn read(path: &Path, most: Option<u64>) -> Result<Vec<u8>, Problem> {
    let length = fs::metadata(path).map_err(problem)?.len();
    if most.is_some_and(|most| length > most) {
        return Err(Problem::parse("EFBIG: it is too long"));
    }
    fs::read(path).map_err(problem)
}

pub fn put(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let beside = path.with_extension("unfinished");
    fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path)).map_err(problem)
}

pub fn make_folder(path: &Path) -> Result<(), Problem> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(problem)
}

pub fn remove_folder(path: &Path) -> Result<(), Problem> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(problem(error)),
        _ => Ok(()),
    }
}
