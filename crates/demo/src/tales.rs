//! What each of the demonstration's stories is about, and how it came out: a sentence each.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tale {
    Command,
    FlakyJob,
    Outage,
    Queue,
}

impl Tale {
    /// `Story 1`.
    pub fn name(self) -> String {
        format!("Story {}", self as u8 + 1)
    }

    pub fn opening(self) -> &'static str {
        match self {
            Self::Command => "A run fails that a rule leaves alone, until its author comments /rerun.",
            Self::FlakyJob => "A job fails in two runs, and passes each time that it is re-run.",
            Self::Outage => "A package registry is down: five runs fail with the same cause.",
            Self::Queue => "The network fails under a run in the merge queue.",
        }
    }

    /// What must have been there, beside the end of each run: of its kind, the first whose text has this.
    fn sign(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::FlakyJob => Some(("issue", "`search` of `end-to-end`")),
            Self::Queue => Some(("comment", "removed from the merge queue")),
            Self::Command | Self::Outage => None,
        }
    }

    fn runs(self) -> usize {
        match self {
            Self::Command | Self::Queue => 1,
            Self::FlakyJob => 2,
            Self::Outage => 5,
        }
    }
}

/// Those that were begun.
#[derive(Debug, Default)]
pub struct Tales {
    runs: BTreeMap<u64, Followed>,
    /// `#4`: where the sign of a story was seen.
    signs: BTreeMap<Tale, String>,
    begun: BTreeSet<Tale>,
    over: BTreeSet<Tale>,
}

#[derive(Debug)]
struct Followed {
    tale: Tale,
    name: String,
    reruns: usize,
    was_held: bool,
    outcome: String,
}

impl Followed {
    fn has_ended(&self) -> bool {
        let is_open = matches!(self.outcome.as_str(), "" | "waiting" | "rerunning");
        // A command is to come.
        let is_left = self.tale == Tale::Command && self.reruns == 0;
        !is_open && !is_left
    }

    fn passed(&self) -> bool {
        self.outcome == "rescued"
    }

    fn end(&self) -> &str {
        if self.passed() { "passed" } else { &self.outcome }
    }
}

impl Tales {
    /// Whether that is new.
    pub fn begin(&mut self, tale: Tale) -> bool {
        self.begun.insert(tale)
    }

    pub fn follow(&mut self, tale: Tale, run: u64, name: String) {
        let followed = Followed { tale, name, reruns: 0, was_held: false, outcome: String::new() };
        self.runs.insert(run, followed);
    }

    pub fn decided(&mut self, run: u64, outcome: &str) {
        let Some(followed) = self.runs.get_mut(&run) else { return };
        followed.reruns += usize::from(outcome == "rerunning");
        followed.was_held |= outcome == "waiting";
        outcome.clone_into(&mut followed.outcome);
    }

    /// Something that people see.
    pub fn said(&mut self, kind: &str, text: &str) {
        for tale in &self.begun {
            if tale.sign().is_some_and(|(of, part)| of == kind && text.contains(part)) {
                let number = text.split([' ', ':']).find(|word| word.starts_with('#')).unwrap_or_default();
                self.signs.entry(*tale).or_insert_with(|| number.to_owned());
            }
        }
    }

    /// Those that are over by now, each once. `is_open`: something of a run is still to be told.
    pub fn ends(&mut self, is_open: impl Fn(u64) -> bool) -> Vec<(Tale, String)> {
        let mut ends = vec![];
        for tale in self.begun.difference(&self.over) {
            let runs: Vec<_> = self.runs.iter().filter(|(_, followed)| followed.tale == *tale).collect();
            let has_sign = tale.sign().is_none() || self.signs.contains_key(tale);
            let have_ended = runs.iter().all(|(run, followed)| followed.has_ended() && !is_open(**run));
            if runs.len() == tale.runs() && have_ended && has_sign {
                let runs: Vec<_> = runs.into_iter().map(|(_, followed)| followed).collect();
                ends.push((*tale, self.sentence(*tale, &runs)));
            }
        }
        self.over.extend(ends.iter().map(|(tale, _)| *tale));
        ends
    }

    fn sentence(&self, tale: Tale, runs: &[&Followed]) -> String {
        let passed = runs.iter().filter(|followed| followed.passed()).count();
        let sign = self.signs.get(&tale).map(String::as_str).unwrap_or_default();
        let (name, end) = runs.first().map_or(("", ""), |followed| (followed.name.as_str(), followed.end()));
        let all = runs.len();
        match tale {
            Tale::Command => format!("A rule left {name} alone; re-run at its author's /rerun, it {end}."),
            Tale::FlakyJob => {
                format!("The job passed when it was re-run, in {passed} of {all} runs; issue {sign} is about it.")
            }
            Tale::Outage => {
                let held = runs.iter().filter(|followed| followed.was_held).count();
                let reruns: usize = runs.iter().map(|followed| followed.reruns).sum();
                format!(
                    "{held} runs were held until one that was tried passed; {passed} of {all} passed, by {reruns} re-runs."
                )
            }
            Tale::Queue => format!("{name} {end} when it was re-run; a comment on {sign} says why it left the queue."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail when a run that is left has ended, and without `is_open`.
    #[test]
    fn a_command_is_waited_for() {
        let mut tales = Tales::default();
        assert!(tales.begin(Tale::Command) && !tales.begin(Tale::Command));
        tales.follow(Tale::Command, 7, "preview #1".to_owned());
        for outcome in ["left", "rerunning"] {
            tales.decided(7, outcome);
            assert_eq!(tales.ends(|_| false), []);
        }
        tales.decided(7, "rescued");
        assert_eq!(tales.ends(|run| run == 7), []);
        let end = "A rule left preview #1 alone; re-run at its author's /rerun, it passed.";
        assert_eq!(tales.ends(|_| false), [(Tale::Command, end.to_owned())]);
        assert_eq!(tales.ends(|_| false), [], "once");
    }

    /// Seen to fail when any issue is the sign, and when one run is enough.
    #[test]
    fn an_issue_is_waited_for() {
        let mut tales = Tales::default();
        tales.begin(Tale::FlakyJob);
        tales.follow(Tale::FlakyJob, 1, "end-to-end #1".to_owned());
        tales.decided(1, "rescued");
        tales.said("issue", "#3 opened Flaky job: `all-green` of `tests`");
        assert_eq!(tales.ends(|_| false), []);
        tales.said("issue", "#4 opened Flaky job: `search` of `end-to-end`");
        assert_eq!(tales.ends(|_| false), []);
        tales.follow(Tale::FlakyJob, 2, "end-to-end #2".to_owned());
        tales.decided(2, "exhausted");
        let end = "The job passed when it was re-run, in 1 of 2 runs; issue #4 is about it.";
        assert_eq!(tales.ends(|_| false), [(Tale::FlakyJob, end.to_owned())]);
    }
}
