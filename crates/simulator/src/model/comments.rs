//! Comments on pull requests and issues, and reactions to comments.

use std::sync::Arc;

use super::issues::LONGEST_BODY;
use super::{
    ApiError, Association, Caller, CommentAction, CommentEvent, Endpoint, GitHub, Invalid, Login, Millis, Permission,
    RepositoryId, Visibility,
};

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub id: u64,
    /// Of the pull request or the issue.
    pub number: u64,
    /// On a pull request, and not on an issue.
    pub on_pull: bool,
    pub author: Login,
    pub association: Association,
    /// The App that wrote it, by number.
    pub app: Option<u64>,
    pub body: String,
    pub reactions: Vec<Reaction>,
    pub created_at: Millis,
    pub updated_at: Millis,
    pub edits: u32,
}

/// A reaction to a comment: one of each kind by one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    pub id: u64,
    pub content: &'static str,
    pub by: Login,
    pub created_at: Millis,
}

/// All that there are.
pub(crate) const REACTIONS: [&str; 8] = ["+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket"];

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
            github.check_comments(caller, id, number, Permission::Read)?;
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
            github.check_comments(caller, id, number, Permission::Write)?;
            check_body(body)?;
            let association = Association::of_caller(app);
            Ok(github.add_comment(id, number, (author, app, association), body, now))
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
        let (by, _) = self.author_of(caller);
        self.call(caller, Endpoint::EditComment, repository, None, now, |github, id| {
            github.check_comment(caller, id, comment)?;
            check_body(body)?;
            github.change_comment(id, comment, body, by, now).ok_or_else(ApiError::not_found)
        })
    }

    /// `POST /repos/{o}/{r}/issues/comments/{id}/reactions`; and whether it is new.
    pub fn create_reaction(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        comment: u64,
        content: &str,
        now: Millis,
    ) -> Result<(Reaction, bool), ApiError> {
        let (by, _) = self.author_of(caller);
        self.call(caller, Endpoint::CreateReaction, repository, None, now, |github, id| {
            github.check_comment(caller, id, comment)?;
            let Some(content) = REACTIONS.into_iter().find(|known| *known == content) else {
                let message = format!("{content} is not a reaction");
                let wrong = Invalid { resource: "Reaction", code: "invalid", field: Some("content"), message };
                return Err(ApiError::invalid(wrong));
            };
            let repository = github.repository_mut(id);
            let number = repository.reactions_made + 1;
            let mut comments = repository.comments.iter_mut();
            let known = comments.find(|known| known.id == comment).ok_or_else(ApiError::not_found)?;
            if let Some(known) = known.reactions.iter().find(|one| one.content == content && one.by == by) {
                return Ok((known.clone(), false));
            }
            let reaction = Reaction { id: 200_000_000 + number, content, by, created_at: now };
            known.reactions.push(reaction.clone());
            repository.reactions_made = number;
            Ok((reaction, true))
        })
    }

    /// A person, or a bot, writes one.
    #[track_caller]
    pub fn comment_by(
        &mut self,
        repository: RepositoryId,
        number: u64,
        (author, association): (Login, Association),
        body: &str,
        now: Millis,
    ) -> u64 {
        let known = self.repository(repository).issue_snapshot(number);
        assert!(known.is_some(), "there is neither a pull request nor an issue {number}");
        self.add_comment(repository, number, (author, None, association), body, now).id
    }

    /// A person with the right to do so changes one.
    #[track_caller]
    pub fn edit_comment_by(&mut self, repository: RepositoryId, comment: u64, by: Login, body: &str, now: Millis) {
        let edited = self.change_comment(repository, comment, body, by, now);
        edited.unwrap_or_else(|| panic!("there is no comment {comment}"));
    }

    /// A person with the right to do so deletes one. Nothing if it is gone.
    pub fn delete_comment(&mut self, repository: RepositoryId, comment: u64, by: Login, now: Millis) {
        let comments = &mut self.repository_mut(repository).comments;
        if let Some(index) = comments.iter().position(|known| known.id == comment) {
            let comment = comments.remove(index);
            self.tell_comment(repository, CommentAction::Deleted, comment, by, now);
        }
    }

    fn add_comment(
        &mut self,
        id: RepositoryId,
        number: u64,
        (author, app, association): (Login, Option<u64>, Association),
        body: &str,
        now: Millis,
    ) -> Comment {
        let repository = self.repository_mut(id);
        repository.comments_written += 1;
        let comment = Comment {
            id: 3_000_000_000 + repository.comments_written,
            number,
            on_pull: repository.pull(number).is_some(),
            author: author.clone(),
            association,
            app,
            body: body.to_owned(),
            reactions: vec![],
            created_at: now,
            updated_at: now,
            edits: 0,
        };
        repository.comments.push(comment.clone());
        repository.touch(number, now);
        self.tell_comment(id, CommentAction::Created, comment.clone(), author, now);
        comment
    }

    /// `None` if there is no such comment.
    fn change_comment(
        &mut self,
        id: RepositoryId,
        comment: u64,
        body: &str,
        by: Login,
        now: Millis,
    ) -> Option<Comment> {
        let known = self.repository_mut(id).comments.iter_mut().find(|known| known.id == comment)?;
        let before = std::mem::replace(&mut known.body, body.to_owned());
        known.updated_at = now;
        known.edits += 1;
        let known = known.clone();
        self.repository_mut(id).touch(known.number, now);
        self.tell_comment(id, CommentAction::Edited { before }, known.clone(), by, now);
        Some(known)
    }

    fn tell_comment(&mut self, id: RepositoryId, action: CommentAction, comment: Comment, sender: Login, now: Millis) {
        let repository = self.repository(id);
        let Some(issue) = repository.issue_snapshot(comment.number).filter(|_| repository.emits.issue_comment) else {
            return;
        };
        let repository = Arc::clone(&repository.identity);
        self.out.comment_events.push(CommentEvent { at: now, sender, repository, action, comment, issue });
    }

    fn check_comment(&self, caller: Caller<'_>, id: RepositoryId, comment: u64) -> Result<(), ApiError> {
        let mut known = self.repository(id).comments.iter();
        let known = known.find(|known| known.id == comment).ok_or_else(ApiError::not_found)?;
        self.check_comments(caller, id, known.number, Permission::Write)
    }

    /// Whether the number is there and takes comments. Permission for pull requests is none for issues.
    fn check_comments(
        &self,
        caller: Caller<'_>,
        id: RepositoryId,
        number: u64,
        needed: Permission,
    ) -> Result<(), ApiError> {
        let repository = self.repository(id);
        repository.check_commentable(number)?;
        let is_open = repository.identity.visibility == Visibility::Public && needed == Permission::Read;
        if repository.pull(number).is_some() || is_open {
            return Ok(());
        }
        let grant = caller.token.and_then(|token| self.access.grant(token)).ok_or_else(ApiError::not_found)?;
        grant.refusal_without(&["issues"], needed, grant.sees(repository.name())).map_or(Ok(()), Err)
    }
}

fn check_body(body: &str) -> Result<(), ApiError> {
    let message = match body.chars().count() {
        0 => "Body cannot be blank",
        length if length > LONGEST_BODY => "Body is too long (maximum is 65536 characters)",
        _ => return Ok(()),
    };
    let (resource, code, field) = ("IssueComment", "unprocessable", Some("data"));
    Err(ApiError::invalid(Invalid { resource, code, field, message: message.to_owned() }))
}
