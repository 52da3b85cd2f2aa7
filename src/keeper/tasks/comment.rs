//! One comment on a pull request that says what was re-run and why, and what finally failed. It is edited in place: its
//! id is kept, and after an answer that was lost it is found again, by who wrote it and a mark that readers do not see,
//! so that it is never there twice. It is written beside all else, so that no re-run waits for it.

use crate::escape::{code, markdown};
use crate::github::calls::comments::MARK;
use crate::github::{self, Call, CommentAnswer, CommentCall, Response};
use crate::keeper::feature::Feature;
use crate::keeper::store::PullComment;
use crate::keeper::subrequests::COMMENT_PAGES;
use crate::keeper::views::OneRunView;
use crate::names::{RepoName, RunId};
use crate::policy::{Action, Rules, RunOutcome};
use crate::time::{Millis, Span};

use super::errand::Errand;
use super::{CLOCKS_APART, Context, Keeper, Sql, StoreError, Task};

/// What happens within this time is one edit.
const TOGETHER: Span = Span::seconds(5);
/// A comment that was deleted is made again once; if that is deleted too, nobody wants it for so long.
const SILENT: Span = Span::days(1);
/// Longer than finding and writing can take.
const CLAIM: Span = Span::seconds(90);
/// After that, what a lost call has written can be found.
const AGAIN: Span = Span::minutes(1);
const AGAIN_MOST: Span = Span::hours(1);
/// A comment is given up that could not be written so often in a row, which takes a day.
const FAILURES: u32 = 30;
/// Of one pull request, the newest.
pub(super) const RUNS_SHOWN: i64 = 10;
const JOBS_SHOWN: usize = 10;
/// In bytes: GitHub takes 65,536 characters.
const LONGEST: usize = 60_000;

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
        _ => Err(github::Error::inconclusive("The answer is to another call")),
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
    pub(super) fn is_of_pull(&self, run_id: RunId, pull: Option<u64>) -> Result<(), StoreError> {
        let Some(pull) = pull.filter(|_| self.comments.is_some()) else { return Ok(()) };
        self.store.add_pull_run(run_id, pull)
    }

    /// Something was decided on a run: its pull request's comment is to say so.
    pub(super) fn comment_changed(&self, run_id: RunId, now: Millis) -> Result<(), StoreError> {
        if self.comments.is_some() { self.store.pull_comment_changed(run_id, now, now + TOGETHER) } else { Ok(()) }
    }

    pub(in crate::keeper) fn comment_due(&self, _: &Rules) -> Result<Option<Millis>, StoreError> {
        let due = self.comments.as_ref().map(|_| self.store.first_pull_comment_due()).transpose()?;
        self.feature_due(Feature::Comments, due.flatten())
    }

    pub(super) fn claim_comment(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        let Some(repository) = self.repository()?.filter(|_| self.comments.is_some()) else { return Ok(None) };
        let Some(due) = self.store.next_pull_comment(cx.now)? else { return Ok(None) };
        let PullComment { pull, comment_id, created, tries, .. } = due;
        self.store.put_pull_comment(&PullComment { due: Some(cx.now + CLAIM), tries: tries + 1, ..due })?;
        let (since, body) = (created.minus(CLOCKS_APART), self.body(&repository, pull)?);
        Ok(Some(Task::Errand(Errand::Comment(Comment { pull, comment_id, since, body }))))
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
        let mut warning = None;
        match answer {
            Ok(found) => {
                self.feature_works(Feature::Comments)?;
                (stored.tries, stored.failures) = (0, 0);
                match found {
                    CommentAnswer::There(comment_id) => {
                        let more = self.body(&repository, comment.pull)? != comment.body;
                        stored.comment_id = Some(comment_id);
                        stored.due = more.then(|| now + TOGETHER);
                    }
                    // Somebody has deleted it, perhaps by mistake.
                    CommentAnswer::NotThere | CommentAnswer::NotOnThisPage if stored.deleted == 0 => {
                        (stored.comment_id, stored.deleted) = (None, 1);
                        stored.due = Some(now + TOGETHER);
                    }
                    // And again: nobody wants it, for a while.
                    CommentAnswer::NotThere | CommentAnswer::NotOnThisPage => {
                        (stored.comment_id, stored.deleted) = (None, 0);
                        (stored.due, stored.silent_until) = (None, Some(now + SILENT));
                    }
                }
            }
            Err(error) => {
                self.trip_if_limited(Some(&error), cx)?;
                warning = match &error {
                    github::Error::Credentials { .. } => self.feature_refused(Feature::Comments, &error, now)?,
                    error => Some(format!("the comment on a pull request: {error}")),
                };
                let wait = AGAIN.doubled(stored.failures, AGAIN_MOST);
                stored.failures += 1;
                stored.due = (stored.failures < FAILURES).then(|| now + wait);
            }
        }
        self.store.put_pull_comment(&stored)?;
        Ok(warning)
    }

    fn body(&self, repository: &RepoName, pull: u64) -> Result<String, StoreError> {
        let web_url = self.comments.as_deref().unwrap_or_default();
        let mut body = format!("{MARK}\n**Rerunner** had failed jobs of this pull request re-run.\n");
        for run_id in self.store.runs_of_pull(pull, RUNS_SHOWN)? {
            let view = self.run_view(repository.clone(), run_id, Millis(0))?.filter(|view| view.run.reruns > 0);
            body.push_str(&view.map_or_else(String::new, |view| section(&view, web_url)));
        }
        Ok(cut(body))
    }
}

pub(super) fn section(view: &OneRunView, web_url: &str) -> String {
    let run = &view.run;
    // Not the link's text: at the beginning of a paragraph that could define what other links lead to.
    let (workflow, id) = (run.workflow.as_deref().map_or_else(|| "A workflow".to_owned(), code), run.run_id);
    let mut text = format!(
        "\n{workflow} [run {id}]({web_url}/{}/actions/runs/{id}): {}\n",
        view.repository,
        match run.outcome {
            RunOutcome::Rescued => "passed after a re-run",
            RunOutcome::Exhausted => "failed for good",
            RunOutcome::Rerunning => "is being re-run",
            RunOutcome::Waiting => "failed, and waits for its re-run",
            RunOutcome::Left => "failed, and is left alone",
            RunOutcome::Failed => "failed, and GitHub refuses to re-run it",
            RunOutcome::Superseded => "is of an older commit",
        }
    );
    for decision in &view.decisions {
        text.push_str(&format!("- {}\n", markdown(&decision.reason)));
        let jobs = decision.detail.jobs.iter().filter(|job| job.action != Some(Action::Ignore));
        for job in jobs.take(JOBS_SHOWN) {
            let step = job.step.as_deref().map_or_else(String::new, |step| format!(" at {}", code(step)));
            text.push_str(&format!("  - {}{step}\n", code(&job.name)));
        }
    }
    text
}

/// Whole lines, as many as GitHub takes.
pub(super) fn cut(mut body: String) -> String {
    if body.len() > LONGEST {
        let end = body.char_indices().take_while(|(at, _)| *at <= LONGEST).filter(|(_, c)| *c == '\n').last();
        body.truncate(end.map_or(0, |(at, _)| at));
        body.push_str("\n\nThe rest does not fit here.\n");
    }
    body
}
