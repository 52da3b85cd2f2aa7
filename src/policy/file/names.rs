use crate::policy::run::{Origin, Run};
use crate::settings::Glob;

/// Globs, any of which is enough.
#[derive(Debug, Clone)]
pub struct Names(Vec<(String, Glob)>);

impl Names {
    pub fn new(globs: impl IntoIterator<Item = String>) -> Self {
        Self(globs.into_iter().map(|text| (Glob::new(&text), text)).map(|(glob, text)| (text, glob)).collect())
    }

    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|(_, glob)| glob.matches(name))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the run's branch matches for certain.
    pub fn match_branch(&self, run: &Run) -> bool {
        run.branch().is_some_and(|branch| self.matches(&branch))
    }

    /// Whether it may: GitHub does not say whose a deleted fork was.
    pub fn may_match_branch(&self, run: &Run) -> bool {
        let of_somebody = |branch: &str| {
            let mut branches = self.texts().filter_map(|text| text.split_once(':'));
            branches.any(|(_, glob)| Glob::new(glob).matches(branch))
        };
        let unknown = run.origin == Origin::Fork(None);
        self.match_branch(run) || (unknown && run.head_branch.as_deref().is_some_and(of_somebody))
    }

    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(text, _)| text.as_str())
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.texts().eq(other.texts())
    }
}
