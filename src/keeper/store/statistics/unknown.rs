//! Failures that no rule and no entry of the catalogue knew, by job and step: read from what [`super::subjects`] has counted.

use crate::time::Millis;

use super::subject_days::Share;
use super::subjects::most_failed;
use super::{Sql, Store, StoreError, SubjectFigures, SubjectKind};

impl<S: Sql> Store<S> {
    /// Those that nobody knew most often. Reads all jobs that are counted, which are [`super::subjects`]' 500 at most.
    pub fn unknown_failures(&self, at_most: usize, now: Millis) -> Result<Vec<SubjectFigures>, StoreError> {
        let subjects = self.subjects_by(SubjectKind::Job, Share::Unknown, now)?;
        Ok(most_failed(subjects.into_iter().take(at_most)))
    }
}
