//! Where in a log a failed step ends.

use std::ops::Range;

use crate::policy::log_line;

/// The runner begins what a step prints with this.
const STEP: &str = "##[group]Run ";
/// And ends it with this, if it failed; also where a problem matcher has read an error in what it printed.
const ERROR: &str = "##[error]";
/// As GitHub's pages show it.
const ERROR_SHOWN: &str = "Error: Process completed with exit code";
/// What actions do after the job's own steps.
const AFTERWARDS: &str = "Post job cleanup.";

/// The failed steps, the last one first. An error may have several lines, so that a step goes on until the next. All of the log, if no step says that it failed.
pub fn failed_steps(lines: &[String]) -> Vec<Range<usize>> {
    let mut steps = Vec::new();
    let mut start = 0;
    let mut failed = false;
    let mut end = lines.len();
    for (at, line) in lines.iter().enumerate() {
        let text = log_line::text(line);
        if text.starts_with(STEP) {
            steps.extend(failed.then_some(start..at));
            (start, failed) = (at, false);
        } else if text.starts_with(ERROR) || text.starts_with(ERROR_SHOWN) {
            failed = true;
        } else if text.starts_with(AFTERWARDS) && (failed || !steps.is_empty()) {
            end = at;
            break;
        }
    }
    steps.extend(failed.then_some(start..end));
    if steps.is_empty() {
        steps.push(0..end);
    }
    steps.reverse();
    steps
}
