//! What unit tests have without Node.js, too: `files_of_tests.rs`.

use std::path::Path;

use rerunner::time::Millis;

use super::{Problem, node, problem};

pub fn environment(name: &str) -> Option<String> {
    node::environment(name)
}

pub fn now() -> Millis {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 are a whole number")]
    Millis(node::now() as i64)
}

/// A file's bytes. One that is longer than `most` is refused.
pub fn read(path: &Path, most: Option<u64>) -> Result<Vec<u8>, Problem> {
    #[expect(clippy::cast_precision_loss, reason = "no file is as long as that")]
    node::read_file(&path.to_string_lossy(), most.map(|most| most as f64)).map_err(problem)
}

/// A file in the place of another, or of none. At no time is it there with half of its content, nor may others read it.
pub fn put(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    node::put_file(&path.to_string_lossy(), bytes).map_err(problem)
}

/// With all folders that it is in; those that are made are for nobody else.
pub fn make_folder(path: &Path) -> Result<(), Problem> {
    node::make_folder(&path.to_string_lossy()).map_err(problem)
}

/// With all that is in it. None is as good.
pub fn remove_folder(path: &Path) -> Result<(), Problem> {
    node::remove_folder(&path.to_string_lossy()).map_err(problem)
}
