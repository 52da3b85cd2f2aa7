//! A file for each kind of call: `request` builds it, `read` reads the answer, and the tests of both follow. The wire shapes
//! stay in their file. Another call takes a file here and its arms in [`super::call`].

pub mod annotations;
pub mod base_runs;
pub mod commands;
pub mod comments;
pub mod commit_status;
pub mod failed_runs;
pub mod issues;
pub mod jobs;
pub mod log;
pub mod past_runs;
pub mod policy_file;
pub mod pull_requests;
pub mod repository;
pub mod rerun;
pub mod run;
pub mod workflow;

use serde::Deserialize;

use super::error::{Error, message, rate_limit};
use super::http::{Method, RAW, Reply, Request};

/// Jobs, or annotations, on a page at first: the most that GitHub gives.
pub const EVIDENCE_PER_PAGE: u32 = 100;
/// The pages that are tried after one that GitHub could not give.
pub const EVIDENCE_SMALLER: [u32; 2] = [50, 20];

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Whether the page was full, so that there may be another.
    pub full: bool,
    /// How many there are on all pages, where GitHub says so.
    pub total: Option<u64>,
}

impl<T> Page<T> {
    /// Of a page that was asked for with so many entries, what is read of each.
    fn of<Wire>(list: Vec<Wire>, per_page: u32, read: impl Fn(Wire) -> Option<T>) -> Self {
        let full = list.len() >= per_page as usize;
        Self { items: list.into_iter().filter_map(read).collect(), full, total: None }
    }
}

#[derive(Deserialize)]
struct User {
    login: Option<String>,
}
