//! What GitHub has of a repository's runs: read once, kept, and looked at again as it was then.
//!
//! | file | what it is |
//! |---|---|
//! | `requests` | requests to GitHub, within its rate limit |
//! | `only` | of an answer, what is read of it |
//! | `cache` | answers, kept in a folder |
//! | `place` | a run's address on GitHub's pages |
//! | `reader` | an answer, from the cache or else from GitHub |
//! | `lists` | the runs of some days |
//! | `attempts` | the attempts of a run, with all that a decision on them can go by |
//! | `evidence` | what a decision asks for, as it was to be known at that time |
//! | `rates` | what re-runs of a job had come to |
//! | `bases` | how a workflow stood where a run's commits were to go |
//! | `progress` | how far the reading is |

mod attempts;
mod bases;
mod cache;
mod evidence;
mod lists;
mod only;
mod place;
mod progress;
mod rates;
mod reader;
mod requests;

pub use attempts::{PastAttempt, PastRun};
pub use bases::base_now;
pub use cache::{Cache, default_folder};
pub use evidence::{Cause, Known, Present, earlier_attempt};
pub use lists::{Counts, Outline, Window, outlines};
pub use place::RunPlace;
pub use progress::Progress;
pub use reader::Reader;
pub use requests::Requests;
