//! Annotations and the end of a log → why the job failed.
//!
//! What counts is what the failed step ended with. A tool that could not reach something and tried again has said so
//! above, and a test may print any error there is; so the sign that is nearest to the step's end is taken, and of
//! infrastructure only what is near to it.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::policy::log_line;
use crate::policy::patterns::Spent;

use super::Class;
use super::step;
use super::table::{Entry, Listed, TABLE, Table};

/// So many lines before a step's end something of infrastructure counts. A stack trace has room.
const NEAR: usize = 60;
/// And so many anything does: a summary of a large build has room.
const FAR: usize = 200;
/// A tool says so many lines after its error at the most that it tries again.
const SOON: usize = 3;

/// The end of a job's log.
#[derive(Debug, Clone, Copy)]
pub struct Log<'a> {
    /// The number of the first of `lines`, from 1.
    pub first_line: u64,
    pub lines: &'a [String],
}

/// Why a job failed. The line itself is not kept, as it may have anything in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Of the entry. One that was stored may be of an older catalogue.
    pub id: Cow<'static, str>,
    pub class: Class,
    /// The number of the line in the log; `None`: an annotation says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    /// It may well have followed from something else.
    Follows,
    Weak,
    Sound,
    Certain,
}

#[derive(Debug, Clone, Copy)]
struct Sign {
    entry: &'static Entry,
    strength: Strength,
    line: Option<usize>,
}

/// What a job's annotations say of why it failed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Annotated(Option<Sign>);

impl Annotated {
    /// Looks within what may be spent; `left` is less by what was.
    pub fn of(annotations: &[String], left: &mut u64) -> Result<Self, Spent> {
        let mut best: Option<Sign> = None;
        for line in annotations.iter().flat_map(|message| message.lines()) {
            best = stronger(best, in_line(&TABLE, Place::Annotation, &log_line::text(line), left)?);
        }
        Ok(Self(best))
    }

    /// What holds whatever the log says.
    pub fn certain(self) -> Option<Finding> {
        self.0.filter(|sign| sign.strength == Strength::Certain).map(|sign| sign.finding(None))
    }

    pub fn with_log(self, log: Log, left: &mut u64) -> Result<Option<Finding>, Spent> {
        if let Some(certain) = self.certain() {
            return Ok(Some(certain));
        }
        // The log shows more of it.
        let sign = stronger(in_log(&TABLE, log.lines, left)?, self.0);
        Ok(sign.map(|sign| sign.finding(Some(log))))
    }
}

impl Sign {
    fn finding(self, log: Option<Log>) -> Finding {
        let line = self.line.and_then(|line| Some(log?.first_line + line as u64));
        Finding { id: Cow::Borrowed(self.entry.id), class: self.entry.class, line }
    }
}

/// Looks for the cause within what may be spent; `left` is less by what was.
pub fn find(annotations: &[String], log: Log, left: &mut u64) -> Result<Option<Finding>, Spent> {
    Annotated::of(annotations, left)?.with_log(log, left)
}

/// The first, unless the other is stronger.
fn stronger(one: Option<Sign>, other: Option<Sign>) -> Option<Sign> {
    match (one, other) {
        (Some(one), Some(other)) if other.strength > one.strength => Some(other),
        (one, other) => one.or(other),
    }
}

/// In the last failed step of which anything is known: an earlier one may have been allowed to fail.
fn in_log(table: &'static Table, lines: &[String], left: &mut u64) -> Result<Option<Sign>, Spent> {
    *left = left.checked_sub(lines.len() as u64).ok_or(Spent)?;
    let mut best = None;
    for range in step::failed_steps(lines) {
        best = stronger(best, in_step(table, lines, range, left)?);
        if best.is_some_and(|sign| sign.strength > Strength::Weak) {
            break;
        }
    }
    Ok(best)
}

/// From its end upwards, until nothing above it could count for more.
fn in_step(table: &'static Table, lines: &[String], step: Range<usize>, left: &mut u64) -> Result<Option<Sign>, Spent> {
    let lines = lines.get(..step.end).unwrap_or_default();
    let mut best: Option<Sign> = None;
    for (distance, (at, line)) in lines.iter().enumerate().skip(step.start).rev().take(FAR).enumerate() {
        let near = distance < NEAR;
        if best.is_some_and(|sign| sign.strength == Strength::Certain || (sign.strength == Strength::Sound && !near)) {
            break;
        }
        let place = if near { Place::Log } else { Place::FarUp };
        let Some(mut sign) = in_line(table, place, &log_line::text(line), left)? else { continue };
        sign.line = Some(at);
        let is_infrastructure = sign.entry.class.is_infrastructure();
        if is_infrastructure && sign.strength == Strength::Sound && is_retried(table, lines, at, left)? {
            sign.strength = Strength::Weak;
        }
        best = stronger(best, Some(sign));
    }
    Ok(best)
}

/// Whether the tool tries again after what a line says.
fn is_retried(table: &Table, lines: &[String], at: usize, left: &mut u64) -> Result<bool, Spent> {
    for line in lines.iter().skip(at).take(1 + SOON) {
        if any(&table.retrying, &log_line::text(line), left)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Near to the step's end.
    Log,
    /// Where infrastructure no longer counts.
    FarUp,
    Annotation,
}

/// The first entry that is sound, or else the first.
fn in_line(table: &'static Table, place: Place, line: &str, left: &mut u64) -> Result<Option<Sign>, Spent> {
    let mut best = None;
    let mut quoted = None;
    for at in table.prefilter.in_line(line, left)? {
        let Some(listed) = table.patterns.get(at) else { continue };
        let Some(entry) = table.entries.get(listed.entry) else { continue };
        let looked_for = match place {
            Place::Log => entry.in_log,
            Place::FarUp => entry.in_log && !entry.class.is_infrastructure(),
            Place::Annotation => entry.in_annotations,
        };
        if !looked_for || !matches(listed, line, left)? {
            continue;
        }
        let infrastructure = entry.class.is_infrastructure();
        if infrastructure {
            let quoted = match quoted {
                Some(known) => known,
                None => *quoted.insert(any(&table.quoted, line, left)?),
            };
            if quoted {
                continue;
            }
        }
        let strength = match (entry.certain, entry.weak) {
            (true, _) => Strength::Certain,
            (false, true) if !infrastructure => Strength::Follows,
            (false, true) => Strength::Weak,
            (false, false) if infrastructure && is_warning(line) => Strength::Weak,
            (false, false) => Strength::Sound,
        };
        let sign = Sign { entry, strength, line: None };
        if strength >= Strength::Sound {
            return Ok(Some(sign));
        }
        best = best.or(Some(sign));
    }
    Ok(best)
}

fn matches(listed: &Listed, line: &str, left: &mut u64) -> Result<bool, Spent> {
    listed.pattern().map_or(Ok(false), |pattern| pattern.matches(line, left))
}

fn any(patterns: &[Listed], line: &str, left: &mut u64) -> Result<bool, Spent> {
    for listed in patterns {
        if matches(listed, line, left)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The tool went on after it.
fn is_warning(line: &str) -> bool {
    let line = line.trim_start_matches(['#', '[', ' ']);
    line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("warn"))
}
