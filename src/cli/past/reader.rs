//! An answer of GitHub's, from the cache or else from GitHub.

use rerunner::github::calls::annotations::{self, Annotation};
use rerunner::github::calls::pull_requests::{self, Head, PULL_PAGES};
use rerunner::github::calls::{base_runs, jobs, log, past_runs, repository, run};
use rerunner::github::http::{Reply, Request};
use rerunner::github::{Error, Page, ReplyHeaders};
use rerunner::names::{JobId, RepoName, RunAttempt, RunId, WorkflowId};
use rerunner::policy::evidence::{Fetched, Job, LogTail, Pulls};
use rerunner::policy::run::Run;
use serde_json::{Value, json};

use crate::cli::report::Failure;

use super::cache::{Cache, Kept};
use super::only;
use super::requests::{Missing, Requests, TRIES, TRIES_OF_MORE};

/// Entries of a page, and of the smaller ones that are tried where GitHub cannot give those.
const PAGES: [u32; 3] = [100, 50, 20];
/// A run has a thousand jobs at most.
pub const JOBS: usize = 1_000;
/// As many of a job as the Worker reads.
pub const ANNOTATIONS: usize = 300;
const NOT_READ: &str = "not read yet";

pub struct Reader {
    pub repository: RepoName,
    cache: Cache,
    pub requests: Requests,
    /// Why nothing more is asked for.
    pub stopped: Option<String>,
    /// Answers that were not to be had this time.
    pub not_had: u64,
    /// Whether what GitHub does not have now it will not have later: its logs are behind for some seconds.
    pub is_settled: bool,
}

impl Reader {
    pub fn new(repository: RepoName, cache: Cache, requests: Requests) -> Self {
        Self { repository, cache, requests, stopped: None, not_had: 0, is_settled: true }
    }

    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// What is kept under a key, or else what GitHub answers, which is kept.
    fn fetch(
        &mut self,
        key: &str,
        request: &Request,
        tries: u32,
        keep: impl Fn(&Reply) -> Result<Value, Error>,
    ) -> Result<Result<Kept, Missing>, Failure> {
        if let Some(kept) = self.cache.get(key) {
            return Ok(Ok(kept));
        }
        if self.stopped.is_some() {
            return Ok(Err(Missing::NotNow(NOT_READ.to_owned())));
        }
        let answer = self.requests.get(request, tries, keep);
        self.keep(key, answer)
    }

    fn keep(&mut self, key: &str, answer: Result<Value, Missing>) -> Result<Result<Kept, Missing>, Failure> {
        let kept = match answer {
            Ok(value) => Kept::Present(value),
            Err(Missing::Gone(why)) if self.is_settled => Kept::Absent(why),
            Err(missing) => {
                if let Missing::Stopped(why) = &missing {
                    self.stopped = Some(why.clone());
                }
                return Ok(Err(missing));
            }
        };
        self.cache.put(key, kept.clone())?;
        Ok(Ok(kept))
    }

    /// One of a run's attempts, as GitHub shows it.
    pub fn attempt(&mut self, run_id: RunId, attempt: RunAttempt) -> Result<Fetched<Value>, Failure> {
        let request = past_runs::attempt_request(&self.repository, run_id, attempt);
        let keep = |reply: &Reply| past_runs::read_attempt(reply).map(|run| only::run(&run));
        let kept = self.fetch(&format!("runs/{run_id}/{attempt}/run"), &request, TRIES, keep)?;
        Ok(self.fetched(kept, Ok))
    }

    /// A run as it is now, or one of its attempts.
    pub fn run(&mut self, run_id: RunId, attempt: Option<RunAttempt>) -> Result<Fetched<Value>, Failure> {
        let Some(attempt) = attempt else {
            let request = run::request(&self.repository, run_id);
            let kept = self.fetch(&format!("runs/{run_id}/now"), &request, TRIES, |reply| {
                past_runs::read_attempt(reply).map(|run| only::run(&run))
            })?;
            return Ok(self.fetched(kept, Ok));
        };
        self.attempt(run_id, attempt)
    }

    pub fn default_branch(&mut self) -> Result<Fetched<String>, Failure> {
        let request = repository::request(&self.repository);
        let keep = |reply: &Reply| repository::read_default_branch(reply).map(Value::from);
        // It can change, as the lists can.
        let kept = self.fetch("lists/default-branch", &request, TRIES, keep)?;
        Ok(self.fetched(kept, |value| value.as_str().map(str::to_owned).ok_or_else(|| "it is no name".to_owned())))
    }

    /// What a run of the same workflow on another branch is chosen from, as it is now.
    pub fn base_runs(&mut self, workflow_id: WorkflowId, branch: &str) -> Fetched<Vec<Run>> {
        let request = base_runs::request(&self.repository, workflow_id, branch, base_runs::BASE_RUNS);
        let runs = self.requests.get(&request, TRIES, base_runs::read);
        runs.map_or_else(|missing| Fetched::Absent(missing.why()), Fetched::Present)
    }

    pub fn list(&mut self, key: &str, request: &Request, tries: u32) -> Result<Result<Kept, Missing>, Failure> {
        let keep = |reply: &Reply| {
            let listed = past_runs::read(reply)?;
            let runs: Vec<Value> = listed.workflow_runs.iter().map(only::run).collect();
            Ok(json!({ "total_count": listed.total_count, "workflow_runs": runs }))
        };
        // That the repository is not to be seen is no lasting truth.
        self.is_settled = false;
        let fetched = self.fetch(key, request, tries, keep);
        self.is_settled = true;
        fetched
    }

    pub fn jobs(&mut self, run_id: RunId, attempt: RunAttempt) -> Result<Fetched<Vec<Job>>, Failure> {
        let repository = self.repository.clone();
        let request = |per_page, page| jobs::request(&repository, run_id, attempt, per_page, page);
        let keep = |reply: &Reply| {
            let body: Value = reply.ok(Error::of_optional_read)?.json("a list of jobs")?;
            let jobs =
                body.get("jobs").and_then(Value::as_array).map(|jobs| jobs.iter().map(only::job).collect::<Vec<_>>());
            Ok(json!({ "total_count": body.get("total_count"), "jobs": jobs }))
        };
        self.pages(&format!("runs/{run_id}/{attempt}/jobs"), JOBS, request, keep, jobs::read)
    }

    /// What was read of them before.
    pub fn kept_annotations(&self, job_id: JobId) -> Fetched<Vec<Annotation>> {
        let all = || {
            PAGES.into_iter().find_map(|per_page| {
                self.kept_pages(&format!("jobs/{job_id}/annotations"), per_page, annotations::read)
            })
        };
        all().unwrap_or_else(|| Fetched::Absent(NOT_READ.to_owned()))
    }

    fn kept_pages<T>(
        &self,
        key: &str,
        per_page: u32,
        read: impl Fn(&Reply, u32) -> Result<Page<T>, Error>,
    ) -> Option<Fetched<Vec<T>>> {
        let mut all = Vec::new();
        for page in 1.. {
            let body = match self.cache.get(&page_key(key, per_page, page))? {
                Kept::Present(body) => body,
                Kept::Absent(why) => return Some(Fetched::Absent(why)),
            };
            let page = read(&reply(&body), per_page).ok()?;
            all.extend(page.items);
            if !page.full || all.len() >= ANNOTATIONS {
                break;
            }
        }
        Some(Fetched::Present(all))
    }

    pub fn annotations(&mut self, job_id: JobId) -> Result<Fetched<Vec<Annotation>>, Failure> {
        let repository = self.repository.clone();
        let request = |per_page, page| annotations::request(&repository, job_id, per_page, page);
        let keep = |reply: &Reply| {
            let list: Vec<Value> = reply.ok(Error::of_optional_read)?.json("a list of annotations")?;
            Ok(Value::Array(list.iter().map(only::annotation).collect()))
        };
        self.pages(&format!("jobs/{job_id}/annotations"), ANNOTATIONS, request, keep, annotations::read)
    }

    pub fn log(&mut self, job_id: JobId) -> Result<Fetched<LogTail>, Failure> {
        let key = format!("jobs/{job_id}/log");
        let is_kept = self.cache.get(&key).is_some();
        if is_kept || self.stopped.is_some() {
            self.not_had += u64::from(!is_kept);
            return Ok(self.kept_log(job_id));
        }
        let answer = self.requests.log(&log::request(&self.repository, job_id));
        let answer = answer.map(|tail| json!({ "first_line": tail.first_line, "lines": tail.lines }));
        let kept = self.keep(&key, answer)?;
        Ok(self.fetched(kept, |value| tail(&value)))
    }

    /// What was read of it before.
    pub fn kept_log(&self, job_id: JobId) -> Fetched<LogTail> {
        match self.cache.get(&format!("jobs/{job_id}/log")) {
            Some(Kept::Present(value)) => tail(&value).map_or_else(Fetched::Absent, Fetched::Present),
            Some(Kept::Absent(why)) => Fetched::Absent(why),
            None => Fetched::Absent(NOT_READ.to_owned()),
        }
    }

    /// The pull requests from a run's branch, as they are now.
    pub fn pulls(&mut self, run: &Run) -> Fetched<Pulls> {
        let head = match Head::of(run) {
            Ok(head) => head,
            Err(why) => return Fetched::Absent(why.to_owned()),
        };
        let mut all = Vec::new();
        for page in 1..=PULL_PAGES {
            let request = pull_requests::request(&self.repository, &head, page);
            match self.requests.get(&request, TRIES, pull_requests::read) {
                Ok(page) => {
                    all.extend(page.items);
                    if !page.full {
                        return Fetched::Present(Pulls { all, complete: true });
                    }
                }
                Err(missing) => return Fetched::Absent(missing.why()),
            }
        }
        Fetched::Present(Pulls { all, complete: false })
    }

    /// A list's pages, smaller ones where GitHub cannot give large ones.
    fn pages<T>(
        &mut self,
        key: &str,
        most: usize,
        request: impl Fn(u32, u32) -> Request,
        keep: impl Fn(&Reply) -> Result<Value, Error> + Copy,
        read: impl Fn(&Reply, u32) -> Result<Page<T>, Error>,
    ) -> Result<Fetched<Vec<T>>, Failure> {
        // What was begun in smaller pages goes on in them.
        let begun = PAGES.iter().position(|per_page| self.cache.get(&page_key(key, *per_page, 1)).is_some());
        let mut why = NOT_READ.to_owned();
        let [.., smallest] = PAGES;
        'sizes: for per_page in PAGES.into_iter().skip(begun.unwrap_or_default()) {
            let mut all = Vec::new();
            let tries = if per_page == smallest { TRIES } else { TRIES_OF_MORE };
            for page in 1.. {
                let body = match self.fetch(&page_key(key, per_page, page), &request(per_page, page), tries, keep)? {
                    Ok(Kept::Present(body)) => body,
                    Ok(Kept::Absent(why)) => return Ok(Fetched::Absent(why)),
                    Err(Missing::NotNow(not_now)) if self.stopped.is_none() => {
                        why = not_now;
                        continue 'sizes;
                    }
                    Err(missing) => return Ok(self.fetched(Err(missing), |_| Err(String::new()))),
                };
                let Ok(page) = read(&reply(&body), per_page) else {
                    return Ok(Fetched::Absent("GitHub's answer cannot be read".to_owned()));
                };
                all.extend(page.items);
                if !page.full || all.len() >= most {
                    return Ok(Fetched::Present(all));
                }
            }
        }
        self.not_had += 1;
        Ok(Fetched::Absent(why))
    }

    pub fn fetched<T>(
        &mut self,
        kept: Result<Kept, Missing>,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Fetched<T> {
        match kept {
            Ok(Kept::Present(value)) => read(value).map_or_else(Fetched::Absent, Fetched::Present),
            Ok(Kept::Absent(why)) => Fetched::Absent(why),
            Err(Missing::Gone(why)) => Fetched::Absent(why),
            Err(Missing::NotNow(why) | Missing::Stopped(why)) => {
                self.not_had += 1;
                Fetched::Absent(why)
            }
        }
    }
}

fn page_key(key: &str, per_page: u32, page: u32) -> String {
    format!("{key}-{per_page}-{page}")
}

/// What was kept, as if GitHub answered it again.
fn reply(body: &Value) -> Reply {
    Reply { status: 200, headers: ReplyHeaders::default(), body: body.to_string().into_bytes() }
}

fn tail(value: &Value) -> Result<LogTail, String> {
    let lines = value.get("lines").and_then(Value::as_array).into_iter().flatten();
    let lines = lines.filter_map(Value::as_str).map(str::to_owned).collect();
    let first_line = value.get("first_line").and_then(Value::as_u64).ok_or("what was kept cannot be read")?;
    Ok(LogTail { first_line, lines })
}
