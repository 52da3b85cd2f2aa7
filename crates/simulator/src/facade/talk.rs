//! A repository: what is said in it and of it.

use super::Repository;
use crate::model::{Association, Comment, CommitStatus, Issue, Login, Reaction, Sha};

/// An administrator of every repository.
const ADMINISTRATOR: &str = "mona";

impl Repository {
    /// The comments on a pull request or an issue.
    pub fn comments(&self, number: u64) -> Vec<Comment> {
        let world = &self.github.world;
        let of_it = |comment: &&Comment| comment.number == number;
        world.model().repository(self.id).comments().iter().filter(of_it).cloned().collect()
    }

    /// A person who is nothing to the repository comments on a pull request or an issue; the comment's id.
    #[track_caller]
    pub fn comment(&self, number: u64, author: impl Into<Login>, body: &str) -> u64 {
        self.comment_as(number, author, Association::None, body)
    }

    /// A person, or a bot by a login that ends so, comments; the comment's id.
    #[track_caller]
    pub fn comment_as(&self, number: u64, author: impl Into<Login>, association: Association, body: &str) -> u64 {
        let by = (author.into(), association);
        self.github.world.change(|model, now| model.comment_by(self.id, number, by, body, now))
    }

    /// A person with the right to do so changes a comment.
    #[track_caller]
    pub fn edit_comment(&self, comment: u64, by: impl Into<Login>, body: &str) {
        let by = by.into();
        self.github.world.change(|model, now| model.edit_comment_by(self.id, comment, by, body, now));
    }

    pub fn delete_comment(&self, comment: u64) {
        let by = Login::from(ADMINISTRATOR);
        self.github.world.change(|model, now| model.delete_comment(self.id, comment, by, now));
    }

    /// To a comment, in the order in which they were made. None to one that is gone.
    pub fn reactions(&self, comment: u64) -> Vec<Reaction> {
        let model = self.github.world.model();
        let mut known = model.repository(self.id).comments().iter().filter(|known| known.id == comment);
        known.next().map_or_else(Vec::new, |comment| comment.reactions.clone())
    }

    /// By number.
    pub fn issues(&self) -> Vec<Issue> {
        self.github.world.model().repository(self.id).issues().cloned().collect()
    }

    /// A person opens an issue; its number.
    pub fn open_issue(&self, title: &str, author: impl Into<Login>) -> u64 {
        self.github.world.change(|model, now| model.open_issue(self.id, title, author, now))
    }

    #[track_caller]
    pub fn close_issue(&self, number: u64, by: impl Into<Login>) {
        self.github.world.change(|model, now| model.set_issue_open(self.id, number, false, by, now));
    }

    #[track_caller]
    pub fn reopen_issue(&self, number: u64, by: impl Into<Login>) {
        self.github.world.change(|model, now| model.set_issue_open(self.id, number, true, by, now));
    }

    /// It has none from now on.
    pub fn disable_issues(&self) {
        self.github.world.change(|model, _| model.set_has_issues(self.id, false));
    }

    /// Every status of a commit, in the order in which they were made.
    pub fn statuses(&self, commit: Sha) -> Vec<CommitStatus> {
        self.github.world.model().repository(self.id).statuses(commit).to_vec()
    }

    /// The newest status for each context of a commit.
    pub fn newest_statuses(&self, commit: Sha) -> Vec<CommitStatus> {
        let model = self.github.world.model();
        model.repository(self.id).newest_statuses(commit).into_iter().cloned().collect()
    }
}
