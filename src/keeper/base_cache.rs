//! How workflows stand on the branches that runs' commits are to go to, as it was read some minutes ago: many runs fail together
//! when a base is broken. Pure, and only ever in memory.

use std::collections::BTreeMap;

use crate::policy::BaseOf;
use crate::policy::evidence::BaseRun;
use crate::time::{Millis, Span};

const HOLDS_FOR: Span = Span::minutes(5);
/// Workflows and branches; who opens pull requests chooses their bases.
const MOST: usize = 50;

#[derive(Debug, Default)]
pub struct BaseCache {
    default_branch: Option<(String, Millis)>,
    runs: BTreeMap<BaseOf, (BaseRun, Millis)>,
}

impl BaseCache {
    pub fn default_branch(&self, now: Millis) -> Option<&str> {
        self.default_branch.as_ref().filter(|(_, read)| is_fresh(*read, now)).map(|(branch, _)| branch.as_str())
    }

    pub fn set_default_branch(&mut self, branch: &str, now: Millis) {
        if self.default_branch(now) != Some(branch) {
            self.default_branch = Some((branch.to_owned(), now));
        }
    }

    pub fn run(&self, of: &BaseOf, now: Millis) -> Option<&BaseRun> {
        self.runs.get(of).filter(|(_, read)| is_fresh(*read, now)).map(|(run, _)| run)
    }

    pub fn set_run(&mut self, of: BaseOf, run: BaseRun, now: Millis) {
        self.runs.retain(|_, (_, read)| is_fresh(*read, now));
        let oldest = self.runs.iter().min_by_key(|(_, (_, read))| *read).map(|(of, _)| of.clone());
        if let Some(oldest) = oldest.filter(|_| self.runs.len() >= MOST) {
            self.runs.remove(&oldest);
        }
        self.runs.insert(of, (run, now));
    }
}

/// A clock that was put back makes nothing hold for longer.
fn is_fresh(read: Millis, now: Millis) -> bool {
    read <= now && now - read <= HOLDS_FOR
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{RunId, WorkflowId};

    fn of(branch: usize) -> BaseOf {
        BaseOf { workflow_id: WorkflowId::new(1).unwrap(), branch: branch.to_string(), before: None }
    }

    #[test]
    fn what_was_read_holds_for_minutes() {
        let mut cache = BaseCache::default();
        let run = BaseRun { run_id: RunId::new(7), ..BaseRun::default() };
        let read = Millis(1_000_000);
        cache.set_run(of(1), run.clone(), read);
        cache.set_default_branch("trunk", read);
        for (now, holds) in [(read, true), (read + HOLDS_FOR, true), (read + HOLDS_FOR + Span::millis(1), false)] {
            assert_eq!(cache.run(&of(1), now), Some(&run).filter(|_| holds));
            assert_eq!(cache.default_branch(now), Some("trunk").filter(|_| holds));
        }
        assert_eq!(cache.run(&of(1), Millis(999_999)), None, "a clock that was put back");
        assert_eq!(cache.run(&of(2), read), None);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut cache = BaseCache::default();
        for branch in 0..1_000 {
            cache.set_run(of(branch), BaseRun::default(), Millis(branch.try_into().unwrap()));
        }
        assert_eq!(cache.runs.len(), MOST);
        assert!(cache.run(&of(999), Millis(999)).is_some() && cache.run(&of(949), Millis(999)).is_none());
    }
}
