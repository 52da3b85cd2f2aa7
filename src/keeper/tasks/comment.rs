//! One comment on a pull request that says what was re-run and why, and what finally failed. It is edited in place: its
//! id is kept, and after an answer that was lost it is found again, by who wrote it and a mark that readers do not see,
//! so that it is never there twice. It is written beside all else, so that no re-run waits for it.
//!
//! A run of the merge queue that fails removes its pull request from the queue, whether it is re-run or not: that is said, too.

use crate::github::calls::comments::MARK;
use crate::github::{self, Call, CommentAnswer, CommentCall, Response};
use crate::keeper::due_list::{CLAIM, NOTED};
use crate::keeper::feature::Feature;
use crate::keeper::store::PullComment;
use crate::keeper::subrequests::COMMENT_PAGES;
use crate::names::{RepoName, RunId};
use crate::policy::RerunSettings;
use crate::policy::run::MERGE_GROUP;
use crate::time::{Millis, Span};

use super::comment_text::{RUNS_SHOWN, cut, section};
use super::errand_answer::Tries;
use super::{CLOCKS_APART, Context, Keeper, Sql, StoreError, TrackedRun};

/// What happens within this time is one edit.
const TOGETHER: Span = Span::seconds(5);
/// A comment that was deleted is made again once; if that is deleted too, nobody wants it for so long.
const SILENT: Span = Span::days(1);
const TRIES: Tries = Tries::FOR_A_DAY;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub pull: u64,
    pub comment_id: Option<u64>,
    /// It is not older than this.
    pub since: Millis,
    pub body: String,
}

/// Makes the calls that it takes: each is answered before the next.
pub async fn write(comment: &Comment, call: impl AsyncFn(Call) -> Response) -> Result<CommentAnswer, github::Error> {
    let ask = async |what| match call(Call::Comment(what)).await {
        Response::Comment(answer) => answer,
        _ => Err(github::Error::other_answer()),
    };
    let Comment { pull, comment_id, since, body } = comment.clone();
    let known = match comment_id {
        Some(id) => Some(id),
        None => {
            let mut found = CommentAnswer::NotThere;
            for page in 1..=COMMENT_PAGES {
                found = ask(CommentCall::Find { pull, since, page }).await?;
                if found != CommentAnswer::NotOnThisPage {
                    break;
                }
            }
            match found {
                CommentAnswer::There(id) => Some(id),
                CommentAnswer::NotThere | CommentAnswer::NotOnThisPage => None,
            }
        }
    };
    match known {
        Some(comment_id) => ask(CommentCall::Edit { comment_id, body }).await,
        None => ask(CommentCall::Create { pull, body }).await,
    }
}

impl<S: Sql> Keeper<S> {
    /// It is known now which pull request a run is of, if it is of one.
    pub(super) fn is_of_pull(&self, tracked: &mut TrackedRun, pull: Option<u64>) {
        if self.comments.is_some() {
            tracked.pull = tracked.pull.or(pull);
        }
    }

    /// Something was decided on a run: its pull request's comment is to say so. What is due is left its time: another would be
    /// a second comment. What is new is tried anew.
    pub(super) fn comment_changed(&self, tracked: &TrackedRun, now: Millis) -> Result<(), StoreError> {
        let Some(pull) = tracked.pull.filter(|_| self.comments.is_some()) else { return Ok(()) };
        let stored = self.store.pull_comment(pull)?;
        let before = stored.clone().unwrap_or_else(|| PullComment {
            pull,
            comment_id: None,
            created: now,
            due: None,
            failures: 0,
            deleted: 0,
            silent_until: None,
            runs: vec![],
        });
        let mut comment = PullComment { failures: 0, ..before };
        if !comment.runs.contains(&tracked.run_id) {
            comment.runs.push(tracked.run_id);
            comment.runs.sort_unstable_by(|one, other| other.cmp(one));
            comment.runs.truncate(RUNS_SHOWN);
        }
        if comment.silent_until > Some(now) {
            comment.due = None;
            self.pull_comments.set(pull, None);
        } else if comment.due.is_none() {
            comment = self.noted_comment(comment, now);
        }
        if stored.as_ref() == Some(&comment) { Ok(()) } else { self.store.put_pull_comment(&comment) }
    }

    fn noted_comment(&self, comment: PullComment, now: Millis) -> PullComment {
        self.pull_comments.note(comment.pull, now + TOGETHER);
        PullComment { due: Some(now + NOTED), ..comment }
    }

    /// Another repository may have this one's name, and must not learn of the run.
    pub(super) fn tell_no_pull_of(&self, tracked: &mut TrackedRun) -> Result<(), StoreError> {
        let Some(pull) = tracked.pull.take() else { return Ok(()) };
        let Some(mut comment) = self.store.pull_comment(pull)? else { return Ok(()) };
        comment.runs.retain(|run_id| *run_id != tracked.run_id);
        self.store.put_pull_comment(&comment)
    }

    pub(in crate::keeper) fn comment_due(&self, _: &RerunSettings) -> Result<Option<Millis>, StoreError> {
        if self.comments.is_none() {
            return Ok(None);
        }
        let first = self.pull_comments.first(|at_most| self.store.pull_comments_due(at_most))?;
        self.feature_due(Feature::Comments, first)
    }

    pub(super) fn claim_comment(&self, cx: &Context) -> Result<Option<Comment>, StoreError> {
        let Some((pull, repository)) = self.pull_comments.next(cx.now).zip(self.repository()?) else { return Ok(None) };
        let Some(comment) = self.store.pull_comment(pull)?.filter(|comment| comment.due.is_some()) else {
            self.pull_comments.set(pull, None);
            return Ok(None);
        };
        let (since, body) = (comment.created.minus(CLOCKS_APART), self.body(&repository, &comment.runs)?);
        let comment_id = comment.comment_id;
        if self.pull_comments.is_claimed(&pull, comment.due, cx.now) {
            self.pull_comments.set(pull, comment.due);
        } else {
            let due = Some(cx.now + CLAIM);
            self.pull_comments.set(pull, due);
            self.store.put_pull_comment(&PullComment { due, ..comment })?;
        }
        Ok(Some(Comment { pull, comment_id, since, body }))
    }

    /// It is there, or was deleted by somebody, or is tried again.
    pub(in crate::keeper) fn finish_comment(
        &self,
        comment: &Comment,
        answer: Result<CommentAnswer, github::Error>,
        cx: &Context,
    ) -> Result<Option<String>, StoreError> {
        let now = cx.now;
        let stored = self.store.pull_comment(comment.pull)?;
        let Some((mut stored, repository)) = stored.zip(self.repository()?) else { return Ok(None) };
        let warning = self.note_answer(Feature::Comments, "the comment on a pull request", &answer, cx)?;
        stored.due = None;
        match answer {
            Ok(found) => {
                stored.failures = 0;
                let mut more = false;
                match found {
                    CommentAnswer::There(comment_id) => {
                        more = self.body(&repository, &stored.runs)? != comment.body;
                        stored.comment_id = Some(comment_id);
                    }
                    // Somebody has deleted it, perhaps by mistake.
                    CommentAnswer::NotThere | CommentAnswer::NotOnThisPage if stored.deleted == 0 => {
                        (stored.comment_id, stored.deleted) = (None, 1);
                        more = true;
                    }
                    // Deleted a second time: nothing is written for a while.
                    CommentAnswer::NotThere | CommentAnswer::NotOnThisPage => {
                        (stored.comment_id, stored.deleted) = (None, 0);
                        stored.silent_until = Some(now + SILENT);
                    }
                }
                self.pull_comments.set(comment.pull, None);
                if more {
                    stored = self.noted_comment(stored, now);
                }
            }
            Err(_) => {
                stored.due = TRIES.failed(&mut stored.failures, now);
                self.pull_comments.set(comment.pull, stored.due);
            }
        }
        self.store.put_pull_comment(&stored)?;
        Ok(warning)
    }

    fn body(&self, repository: &RepoName, runs: &[RunId]) -> Result<String, StoreError> {
        let web_url = self.comments.as_deref().unwrap_or_default();
        let mut views = Vec::new();
        for &run_id in runs {
            let view = self.run_view(repository.clone(), run_id, Millis(0))?;
            views.extend(view.filter(|view| tells_of(view.run.reruns, view.run.event.as_deref())));
        }
        let what = match views.iter().any(|view| view.run.reruns > 0) {
            true => "**Rerunner** re-ran failed jobs of this pull request.",
            false => "**Rerunner**: a merge-queue run of this pull request failed.",
        };
        let sections: String = views.iter().map(|view| section(view, web_url)).collect();
        Ok(cut(format!("{MARK}\n{what}\n{sections}")))
    }
}

/// Whether a run of a pull request is told of: it was re-run, or the merge queue goes by it.
pub(super) fn tells_of(reruns: u32, event: Option<&str>) -> bool {
    reruns > 0 || event == Some(MERGE_GROUP)
}
