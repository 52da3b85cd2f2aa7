//! Issues for flaky jobs at the end of a schedule.

use std::collections::{BTreeMap, BTreeSet};

use simulator::model::{Issue, Repository};

use super::Schedule;

const MOST_A_DAY: usize = 10;
/// A day by a clock that can be put forward meanwhile.
const A_DAY: u64 = (24 * 60 - 20) * 60_000;
const MARK: &str = "<!-- rerunner flaky job ";

impl Schedule {
    /// No job has two, there are not too many new ones in a day, and none where no policy file asks for them.
    pub fn check_issues(&self, repository: usize, wrong: &mut Vec<String>) {
        let world = self.world.borrow();
        let github = world.github.repository(self.ids[repository]);
        let ours: Vec<&Issue> = ours(github).collect();
        let mut of_jobs: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for issue in &ours {
            of_jobs.entry(mark_of(issue)).or_default().push(issue.number);
        }
        // A list that is behind by more than a lost call is waited for does not show what that has written.
        for (job, numbers) in of_jobs.iter().filter(|(_, numbers)| numbers.len() > 1 && !self.is_behind()) {
            wrong.push(format!("the issues {numbers:?} are all of one job: {job}"));
        }
        for last in &ours {
            let within =
                |issue: &&&Issue| (last.created_at.saturating_sub(A_DAY)..=last.created_at).contains(&issue.created_at);
            // One whose answer was lost, and which such a list does not show, is written once more.
            let of_jobs: BTreeSet<&str> = ours.iter().filter(within).map(|issue| mark_of(issue)).collect();
            let count = if self.is_behind() { of_jobs.len() } else { ours.iter().filter(within).count() };
            if count > MOST_A_DAY {
                wrong.push(format!("{count} new issues within a day before {}", last.created_at));
            }
        }
        if !ours.is_empty() && !self.plans(repository).any(|plan| plan.0.iter().any(|version| version.extras.issues)) {
            wrong.push(format!("{} issues, though no policy file asks for any", ours.len()));
        }
    }
}

/// Which job it is for.
fn mark_of(issue: &Issue) -> &str {
    issue.body.as_deref().and_then(|body| body.lines().next()).unwrap_or_default()
}

/// Those for flaky jobs.
pub fn ours(github: &Repository) -> impl Iterator<Item = &Issue> {
    github.issues().filter(|issue| issue.body.as_ref().is_some_and(|body| body.starts_with(MARK)))
}
