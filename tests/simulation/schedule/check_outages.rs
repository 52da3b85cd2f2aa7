//! While many runs fail with the same cause, one of them is tried at a time.

use std::collections::BTreeMap;

use rerunner::names::RunId;
use rerunner::policy::RunOutcome;
use rerunner::time::Millis;
use simulator::model;

use super::conversions::{from_model, run_id_of};
use super::kind::Emphasis;
use super::world::Asked;
use super::{Kind, Schedule};

/// An attempt whose re-run was held.
struct Held<'a> {
    when: Millis,
    key: &'a str,
    /// By the Keeper's clock, as is the next.
    since: Millis,
    until: Millis,
}

impl Schedule {
    /// A re-run that was held is made when it was held for long enough, or when some run has passed since, or is the only one.
    pub fn check_outages(&self, repository: usize, wrong: &mut Vec<String>) {
        // Other settings can end an outage.
        if self.emphasis != Some(Emphasis::Outages) || self.kind != Kind::Hours {
            return;
        }
        let world = self.world.borrow();
        let mut probes: BTreeMap<&str, Vec<(Held, &Asked)>> = BTreeMap::new();
        for asked in world.asked.iter().filter(|asked| asked.repository == repository) {
            let Some(held) = self.held(&world.decided, asked) else { continue };
            let passed = self.runs[repository].iter().any(|run| {
                let records = world.decided.get(&run_id_of(*run)).into_iter().flatten();
                let mut passes = records.filter(|(_, record)| record.outcome == RunOutcome::Rescued);
                passes.any(|(at, _)| (held.when..=asked.when).contains(at))
            });
            let all = probes.entry(held.key).or_default();
            let again = all.last().is_some_and(|(_, last)| is_same(last, asked));
            if asked.at < held.until && !passed && !again {
                all.push((held, asked));
            }
        }
        for (key, probes) in probes {
            for pair in probes.windows(2) {
                let [(first, before), (second, after)] = pair else { continue };
                // Another outage with the same cause.
                if second.since >= first.until {
                    continue;
                }
                let told = world.decided.get(&before.run_id).into_iter().flatten().any(|(at, record)| {
                    let later = record.run_attempt.is_some_and(|attempt| attempt.get() > before.run_attempt);
                    (before.when..=after.when).contains(at) && (later || record.outcome != RunOutcome::Rerunning)
                });
                // Or how its re-run ended was there to be read.
                let run = world.github.run(model::RunId(before.run_id.get()));
                let ended = run.attempt(before.run_attempt + 1).and_then(|attempt| attempt.completed_at);
                if !told && ended.is_none_or(|ended| from_model(ended) > after.when) {
                    let (one, other) = (before.run_id, after.run_id);
                    wrong.push(format!("{key}: run {other} was tried while run {one} was: {before:?}, {after:?}"));
                }
            }
        }
    }

    fn held<'a>(
        &self,
        decided: &'a BTreeMap<RunId, Vec<(Millis, rerunner::keeper::step::Record)>>,
        asked: &Asked,
    ) -> Option<Held<'a>> {
        let mut of_it = decided.get(&asked.run_id)?.iter().rev().filter(|(at, record)| {
            let of_attempt = record.run_attempt.is_some_and(|attempt| attempt.get() == asked.run_attempt);
            of_attempt && *at <= asked.when && record.outcome == RunOutcome::Waiting
        });
        let (when, record) = of_it.next()?;
        let (what, until) = record.reason.rsplit_once(" will be decided by ")?;
        let until = until.strip_suffix(" UTC at the latest.")?.replace(' ', "T");
        let until = Millis::from_rfc3339(&format!("{until}Z"))?;
        Some(Held { when: *when, key: what.split(". ").next()?, since: record.decided, until })
    }
}

fn is_same(one: &Asked, other: &Asked) -> bool {
    (one.run_id, one.run_attempt) == (other.run_id, other.run_attempt)
}
