//! Comments on pull requests, which GitHub's API keeps with issues.

use super::{ApiError, Caller, Endpoint, GitHub, Login, Millis};

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub id: u64,
    /// Of the pull request.
    pub number: u64,
    pub author: Login,
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
        let author = caller.token.and_then(|token| self.login_of(token)).unwrap_or_else(|| Login::from("nobody"));
        self.call(caller, Endpoint::CreateComment, repository, None, now, |github, id| {
            let repository = github.repository_mut(id);
            let comment = Comment {
                id: 3_000_000_000 + repository.comments.len() as u64,
                number,
                author,
                body: body.to_owned(),
                created_at: now,
                updated_at: now,
                edits: 0,
            };
            repository.comments.push(comment.clone());
            Ok(comment)
        })
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
