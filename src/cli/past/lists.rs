//! The runs of some days: GitHub lists a thousand at the most, so that the time is halved until there are fewer.

use rerunner::github::calls::past_runs::{self, MOST_LISTED};
use rerunner::names::{Conclusion, RunAttempt};
use rerunner::policy::run::Run;
use rerunner::time::{Millis, Span};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cli::report::Failure;

use super::cache::Kept;
use super::reader::Reader;
use super::requests::{Missing, TRIES, TRIES_OF_MORE};

/// Runs on a page, and where GitHub cannot give so many.
const PAGES: [u32; 3] = [100, 25, 5];
/// For so long the lists that are kept are the present ones. Later, runs may have been re-run.
const PRESENT: Span = Span::hours(1);
/// Runs of one call, so that memory has a bound.
const MOST: usize = 200_000;

/// The days that are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    days: u32,
    pub from: Millis,
    pub to: Millis,
}

/// A run as a list has it: with its newest attempt.
#[derive(Debug, Clone)]
pub struct Outline {
    pub run: Run,
    pub started: Option<Millis>,
    /// For one that has ended: about when.
    pub updated: Option<Millis>,
}

/// What the lists have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub listed: u64,
    /// Not over, in whatever attempt.
    pub running: u64,
    /// Passed at the first attempt.
    pub passed: u64,
    /// The newest attempt failed.
    pub failed: u64,
    /// There was more than one attempt.
    pub reran: u64,
    /// Cancelled, skipped and the like, at the first attempt.
    pub others: u64,
}

impl Window {
    /// The same as at the last call, if that was not long ago: so that one that was stopped goes on where it was.
    pub fn of(reader: &Reader, days: u32, now: Millis) -> Result<Self, Failure> {
        let kept = match reader.cache().get("window") {
            Some(Kept::Present(value)) => serde_json::from_value::<Self>(value).ok(),
            _ => None,
        };
        let is_present = |window: &Self| window.days == days && window.to <= now && now - window.to < PRESENT;
        if let Some(window) = kept.filter(is_present) {
            return Ok(window);
        }
        let to = Millis(now.0 - now.0.rem_euclid(1_000));
        let window = Self { days, from: to.minus(Span::days(days.into())), to };
        reader.cache().forget("lists")?;
        reader.cache().put("window", Kept::Present(json!(window)))?;
        Ok(window)
    }
}

impl Outline {
    pub fn read(run: &Value) -> Option<Self> {
        let time = |key| run.get(key).and_then(Value::as_str).and_then(Millis::from_rfc3339);
        let read = Run::from_json(run.to_string().as_bytes()).ok()?;
        Some(Self { run: read, started: time("run_started_at"), updated: time("updated_at") })
    }

    /// Whether one of these attempts can have been re-run.
    pub fn matters(&self, conclusions: &[Conclusion]) -> bool {
        self.run.run_attempt > RunAttempt::FIRST || self.run.conclusion.is_some_and(|is| conclusions.contains(&is))
    }
}

impl Counts {
    pub fn of(outlines: &[Outline]) -> Self {
        let mut counts = Self { listed: outlines.len() as u64, ..Self::default() };
        for Outline { run, .. } in outlines {
            let reran = run.run_attempt > RunAttempt::FIRST;
            counts.reran += u64::from(reran);
            match run.conclusion {
                None => counts.running += 1,
                Some(Conclusion::Failure | Conclusion::TimedOut) => counts.failed += 1,
                Some(Conclusion::Success) if !reran => counts.passed += 1,
                Some(_) if !reran => counts.others += 1,
                Some(_) => {}
            }
        }
        counts
    }
}

/// All runs that were created in that time, newest first.
pub fn outlines(reader: &mut Reader, window: Window) -> Result<Vec<Outline>, Failure> {
    let mut all = Vec::new();
    // The newest part is on top.
    let mut parts = vec![(window.from, window.to)];
    while let Some((from, to)) = parts.pop() {
        if all.len() >= MOST {
            return Err(Failure(format!("there are more than {MOST} runs; ask for fewer --days")));
        }
        match part(reader, from, to, all.len())? {
            Part::Runs(runs) => all.extend(runs),
            Part::TooMany => {
                let middle = Millis(from.0 + (to.0 - from.0) / 2_000 * 1_000);
                parts.extend([(from, middle), (Millis(middle.0 + 1_000), to)]);
            }
        }
    }
    all.sort_by_key(|outline| std::cmp::Reverse((outline.run.created, outline.run.run_id)));
    all.dedup_by_key(|outline| outline.run.run_id);
    Ok(all)
}

enum Part {
    Runs(Vec<Outline>),
    TooMany,
}

fn part(reader: &mut Reader, from: Millis, to: Millis, before: usize) -> Result<Part, Failure> {
    let mut why = String::new();
    for per_page in PAGES {
        match pages(reader, from, to, per_page, before)? {
            Ok(part) => return Ok(part),
            Err(Missing::NotNow(not_now)) if reader.stopped.is_none() => why = not_now,
            // Without the list there is nothing to tell.
            Err(Missing::Gone(why) | Missing::NotNow(why) | Missing::Stopped(why)) => {
                return Err(Failure(format!(
                    "the runs of {} cannot be listed: {why}; is the name right, and may the token see it?",
                    reader.repository
                )));
            }
        }
    }
    Err(Failure(format!(
        "the runs of {} cannot be listed: {why}; is the name right, and may the token see it?",
        reader.repository
    )))
}

fn pages(
    reader: &mut Reader,
    from: Millis,
    to: Millis,
    per_page: u32,
    before: usize,
) -> Result<Result<Part, Missing>, Failure> {
    let mut runs = Vec::new();
    let [.., smallest] = PAGES;
    let tries = if per_page == smallest { TRIES } else { TRIES_OF_MORE };
    for page in 1.. {
        let key = format!("lists/{}-{}-{per_page}-{page}", from.0, to.0);
        let request = past_runs::request(&reader.repository, from, to, per_page, page);
        let list = match reader.list(&key, &request, tries)? {
            Ok(Kept::Present(list)) => list,
            Ok(Kept::Absent(why)) => return Ok(Err(Missing::Gone(why))),
            Err(missing) => return Ok(Err(missing)),
        };
        let total = list.get("total_count").and_then(Value::as_u64).unwrap_or_default();
        let listed = list.get("workflow_runs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        // Those of one second cannot be told apart by time.
        if total >= MOST_LISTED && (to - from).as_millis() >= 1_000 {
            return Ok(Ok(Part::TooMany));
        }
        runs.extend(listed.iter().filter_map(Outline::read));
        let requests = reader.requests.made;
        reader.requests.progress.at("runs listed", before + runs.len(), 0, requests);
        if listed.len() < per_page as usize || u64::from(page) * u64::from(per_page) >= MOST_LISTED {
            break;
        }
    }
    Ok(Ok(Part::Runs(runs)))
}
