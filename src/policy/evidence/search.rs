//! What a policy's patterns find in the annotations and logs of failed jobs, within a budget.
//!
//! What is searched is written by others: anybody whose pull request runs a job writes its log, its annotations and its names. So a
//! decision has so much work that it may do, which is counted and not timed, so that it comes out the same on each machine,
//! and however often it is begun anew. What is beyond it is absent, like what GitHub does not give.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::names::JobId;
use crate::policy::catalogue::{Annotated, Finding, Log};
use crate::policy::file::{Patterns, Policy};
use crate::policy::log_line;
use crate::policy::patterns::{Automata, PatternSet, Search, Spent};
use crate::policy::run::Run;

use super::{Evidence, Fetched, Interruption, LogTail, name_cost};

/// Steps of matching in one decision: one for each byte that is looked at, and more where a step is a new one. On workerd it
/// is about half a second (docs/performance.md).
pub const WORK: u64 = 30_000_000;

/// What was found so far, and at what cost. It follows from the rest of the evidence and the policy.
#[derive(Debug, Clone)]
pub struct Searched {
    by: Automata,
    left: u64,
    /// Of what was spent, for names.
    on_names: u64,
    /// The first line that each pattern matches.
    lines: BTreeMap<JobId, BTreeMap<String, u64>>,
    annotations: BTreeMap<JobId, BTreeSet<String>>,
    log: Option<Search>,
    annotation: Option<Search>,
    /// What the annotations say of causes.
    annotated: BTreeMap<JobId, Annotated>,
    causes: BTreeMap<JobId, Option<Finding>>,
    /// What the annotations say that ended a job.
    interruptions: RefCell<BTreeMap<JobId, Option<Interruption>>>,
}

impl Default for Searched {
    fn default() -> Self {
        Self {
            by: Automata::default(),
            left: WORK,
            on_names: 0,
            lines: BTreeMap::new(),
            annotations: BTreeMap::new(),
            log: None,
            annotation: None,
            annotated: BTreeMap::new(),
            causes: BTreeMap::new(),
            interruptions: RefCell::default(),
        }
    }
}

impl PartialEq for Searched {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Searched {}

impl Searched {
    /// How much was done.
    pub fn work(&self) -> u64 {
        WORK - self.left
    }

    /// Whether nothing more can be searched.
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// The number of the first line of the job's log that one of the patterns matches.
    pub fn line(&self, job_id: JobId, patterns: &Patterns) -> Option<u64> {
        let found = self.lines.get(&job_id)?;
        patterns.texts().filter_map(|text| found.get(text)).min().copied()
    }

    pub fn is_annotated(&self, job_id: JobId, patterns: &Patterns) -> bool {
        self.annotations.get(&job_id).is_some_and(|found| patterns.texts().any(|text| found.contains(text)))
    }

    /// `None`: it is not known yet, and takes the log.
    pub fn cause(&self, job_id: JobId) -> Option<Option<&Finding>> {
        self.causes.get(&job_id).map(Option::as_ref)
    }

    pub fn interruption(&self, job_id: JobId, messages: &[String]) -> Option<Interruption> {
        *self.interruptions.borrow_mut().entry(job_id).or_insert_with(|| Interruption::of(messages))
    }

    fn use_up<T>(&mut self) -> Fetched<T> {
        self.left = 0;
        Fetched::Absent(beyond_budget())
    }

    fn go_by(&mut self, automata: &Automata) {
        if self.by != *automata {
            *self = Self { by: automata.clone(), left: self.left, on_names: self.on_names, ..Self::default() };
        }
    }

    /// What is reckoned for names, once.
    fn at_names(&mut self, work: u64) -> Result<(), Spent> {
        self.left = self.left.checked_sub(work.saturating_sub(self.on_names)).ok_or(Spent)?;
        self.on_names = self.on_names.max(work);
        Ok(())
    }

    fn in_annotations(&mut self, set: &Arc<PatternSet>, job_id: JobId, messages: &[String]) -> Result<(), Spent> {
        let search = self.annotation.get_or_insert_with(|| Search::new(set));
        let mut found = BTreeSet::new();
        for message in messages {
            search.run(message, &mut self.left, |pattern| {
                found.extend(set.texts.get(pattern).cloned());
            })?;
        }
        self.annotations.insert(job_id, found);
        Ok(())
    }

    fn cause_in_annotations(&mut self, job_id: JobId, messages: &[String]) -> Result<(), Spent> {
        let annotated = Annotated::of(messages, &mut self.left)?;
        self.annotated.insert(job_id, annotated);
        if let Some(certain) = annotated.certain() {
            self.causes.insert(job_id, Some(certain));
        }
        Ok(())
    }

    fn cause_in_log(&mut self, job_id: JobId, LogTail { first_line, lines }: &LogTail) -> Result<(), Spent> {
        let Some(annotated) = self.annotated.get(&job_id) else { return Ok(()) };
        let cause = annotated.with_log(Log { first_line: *first_line, lines }, &mut self.left)?;
        self.causes.insert(job_id, cause);
        Ok(())
    }

    fn in_log(&mut self, set: &Arc<PatternSet>, job_id: JobId, tail: &LogTail) -> Result<(), Spent> {
        let search = self.log.get_or_insert_with(|| Search::new(set));
        let mut found: BTreeMap<usize, u64> = BTreeMap::new();
        for (line, number) in tail.lines.iter().zip(tail.first_line..) {
            search.run(&log_line::text(line), &mut self.left, |pattern| {
                found.entry(pattern).or_insert(number);
            })?;
            if found.len() == set.texts.len() {
                break;
            }
        }
        let named = |(pattern, line): (usize, u64)| Some((set.texts.get(pattern)?.clone(), line));
        self.lines.insert(job_id, found.into_iter().filter_map(named).collect());
        Ok(())
    }
}

impl Evidence {
    /// Searches what was read and not searched yet; what is beyond the budget becomes absent.
    pub fn search(&mut self, policy: &Policy, run: &Run) {
        let automata = &policy.automata;
        let names = name_cost::work(policy, run, self);
        let searched = &mut self.searched;
        searched.go_by(automata);
        if searched.at_names(names).is_err() {
            self.jobs = searched.use_up();
        }
        for (job_id, read) in &mut self.annotations {
            if let (Some(set), Fetched::Present(messages)) = (&automata.annotation, &*read)
                && !searched.annotations.contains_key(job_id)
                && searched.in_annotations(set, *job_id, messages).is_err()
            {
                *read = searched.use_up();
            }
        }
        for (job_id, read) in &mut self.logs {
            if let (Some(set), Fetched::Present(tail)) = (&automata.log, &*read)
                && !searched.lines.contains_key(job_id)
                && searched.in_log(set, *job_id, tail).is_err()
            {
                *read = searched.use_up();
            }
        }
        if policy.goes_by_causes() {
            self.search_causes();
        }
    }

    fn search_causes(&mut self) {
        let searched = &mut self.searched;
        for (job_id, read) in &mut self.annotations {
            if let Fetched::Present(messages) = &*read
                && !searched.annotated.contains_key(job_id)
                && searched.cause_in_annotations(*job_id, messages).is_err()
            {
                *read = searched.use_up();
            }
        }
        for (job_id, read) in &mut self.logs {
            if let Fetched::Present(tail) = &*read
                && !searched.causes.contains_key(job_id)
                && searched.cause_in_log(*job_id, tail).is_err()
            {
                *read = searched.use_up();
            }
        }
    }

    /// Whether [`Evidence::search`] has nothing left to do.
    pub fn is_searched(&self, policy: &Policy, run: &Run) -> bool {
        let automata = &policy.automata;
        let Searched { by, lines, annotations, on_names, .. } = &self.searched;
        fn all<T, F>(
            set: &Option<Arc<PatternSet>>,
            read: &BTreeMap<JobId, Fetched<T>>,
            found: &BTreeMap<JobId, F>,
        ) -> bool {
            let done = |(job_id, read): (&JobId, &Fetched<T>)| {
                !matches!(read, Fetched::Present(_)) || found.contains_key(job_id)
            };
            set.is_none() || read.iter().all(done)
        }
        let are_causes_known = || {
            let is_known = |job_id: &JobId| self.searched.causes.contains_key(job_id);
            let has_annotations = |job_id: &JobId| matches!(self.annotations.get(job_id), Some(Fetched::Present(_)));
            let mut logs =
                self.logs.iter().filter(|(job_id, read)| read.present().is_some() && has_annotations(job_id));
            let mut annotations = self.annotations.iter().filter(|(_, read)| read.present().is_some());
            annotations.all(|(job_id, _)| self.searched.annotated.contains_key(job_id))
                && logs.all(|(job_id, _)| is_known(job_id))
        };
        name_cost::work(policy, run, self) <= *on_names
            && by == automata
            && all(&automata.log, &self.logs, lines)
            && all(&automata.annotation, &self.annotations, annotations)
            && (!policy.goes_by_causes() || are_causes_known())
    }
}

/// Why something is absent that is not searched.
pub fn beyond_budget() -> String {
    format!("not searched, as one decision takes at most {WORK} steps of matching")
}
