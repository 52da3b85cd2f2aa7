//! Comments on pull requests, which GitHub's API keeps with issues.

use super::{ApiError, Caller, Endpoint, GitHub, Login, Millis, RepositoryId};

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub id: u64,
    /// Of the pull request.
    pub number: u64,
    pub author: Login,
    /// The App that wrote it, by number.
    pub app: Option<u64>,
    pub body: String,
    pub created_at: Millis,
    pub updated_at: Millis,
    pub edits: u32,
}

impl GitHub {
    /// `GET /repos/{o}/{r}/issues/{number}/comments`, those that changed at `since` or later.
    pub fn list_comments(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        number: u64,
        since: Millis,
        now: Millis,
    ) -> Result<Vec<Comment>, ApiError> {
        let at = now - caller.stale_by;
        self.call(caller, Endpoint::ListComments, repository, None, now, |github, id| {
            let comments = github.repository(id).comments.iter();
            let there = |comment: &&Comment| comment.number == number && comment.created_at <= at;
            Ok(comments.filter(there).filter(|comment| comment.updated_at >= since).cloned().collect())
        })
    }

    /// `POST /repos/{o}/{r}/issues/{number}/comments`
    pub fn create_comment(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        number: u64,
        body: &str,
        now: Millis,
    ) -> Result<Comment, ApiError> {
        let (author, app) = self.author_of(caller);
        self.call(caller, Endpoint::CreateComment, repository, None, now, |github, id| {
            Ok(github.add_comment(id, number, author, app, body, now))
        })
    }

    fn add_comment(
        &mut self,
        repository: RepositoryId,
        number: u64,
        author: Login,
        app: Option<u64>,
        body: &str,
        now: Millis,
    ) -> Comment {
        let repository = self.repository_mut(repository);
        repository.comments_written += 1;
        let comment = Comment {
            id: 3_000_000_000 + repository.comments_written,
            number,
            author,
            app,
            body: body.to_owned(),
            created_at: now,
            updated_at: now,
            edits: 0,
        };
        repository.comments.push(comment.clone());
        comment
    }

    /// A person writes one.
    pub fn comment_by(&mut self, repository: RepositoryId, number: u64, author: Login, body: &str, now: Millis) -> u64 {
        self.add_comment(repository, number, author, None, body, now).id
    }

    /// A person with the right to do so deletes one.
    pub fn delete_comment(&mut self, repository: RepositoryId, comment: u64) {
        self.repository_mut(repository).comments.retain(|known| known.id != comment);
    }

    /// `PATCH /repos/{o}/{r}/issues/comments/{id}`
    pub fn edit_comment(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        comment: u64,
        body: &str,
        now: Millis,
    ) -> Result<Comment, ApiError> {
        self.call(caller, Endpoint::EditComment, repository, None, now, |github, id| {
            let mut comments = github.repository_mut(id).comments.iter_mut();
            let known = comments.find(|known| known.id == comment).ok_or_else(ApiError::not_found)?;
            body.clone_into(&mut known.body);
            known.updated_at = now;
            known.edits += 1;
            Ok(known.clone())
        })
    }
}
