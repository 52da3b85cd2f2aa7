//! One comment on a pull request that says what was re-run and why, and what finally failed. It is edited in place: its
//! id is kept, and after an answer that was lost it is found again, by who wrote it and a mark that readers do not see,
//! so that it is never there twice. It is written beside all else, so that no re-run waits for it.
//!
//! A run of the merge queue that fails puts its pull request out of the queue, whether it is re-run or not: that is said, too.

use crate::escape::{code, markdown};
use crate::github::calls::comments::MARK;
use crate::github::{self, Call, CommentAnswer, CommentCall, Response};
use crate::keeper::feature::Feature;
use crate::keeper::store::PullComment;
use crate::keeper::subrequests::COMMENT_PAGES;
use crate::keeper::views::OneRunView;
use crate::names::{RepoName, RunId};
use crate::policy::run::MERGE_GROUP;
use crate::policy::{Action, FailedJob, Rules, RunOutcome};
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
        let mut views = Vec::new();
        for run_id in self.store.runs_of_pull(pull, RUNS_SHOWN)? {
            let view = self.run_view(repository.clone(), run_id, Millis(0))?;
            views.extend(view.filter(|view| tells_of(view.run.reruns, view.run.event.as_deref())));
        }
        let what = match views.iter().any(|view| view.run.reruns > 0) {
            true => "had failed jobs of this pull request re-run.",
            false => "saw this pull request fail in the merge queue.",
        };
        let sections: String = views.iter().map(|view| section(view, web_url)).collect();
        Ok(cut(format!("{MARK}\n**Rerunner** {what}\n{sections}")))
    }
}

/// Whether a run of a pull request is told of: it was re-run, or the merge queue goes by it.
pub(super) fn tells_of(reruns: u32, event: Option<&str>) -> bool {
    reruns > 0 || event == Some(MERGE_GROUP)
}

pub(super) fn section(view: &OneRunView, web_url: &str) -> String {
    let run = &view.run;
    let queued = run.event.as_deref() == Some(MERGE_GROUP);
    // Not the link's text: at the beginning of a paragraph that could define what other links lead to.
    let (workflow, id) = (run.workflow.as_deref().map_or_else(|| "A workflow".to_owned(), code), run.run_id);
    let mut text = format!(
        "\n{workflow} [run {id}]({web_url}/{}/actions/runs/{id}){}: {}\n",
        view.repository,
        if queued { " in the merge queue" } else { "" },
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
    if queued {
        text.push_str(&out_of_queue(view));
    }
    for decision in &view.decisions {
        text.push_str(&format!("- {}\n", markdown(&decision.reason)));
        for job in failed(&decision.detail.jobs) {
            text.push_str(&format!("  - {}\n", place(job)));
        }
    }
    text
}

/// That it was put out of the queue, by what, and whether that was infrastructure. Which checks are required GitHub does not say.
fn out_of_queue(view: &OneRunView) -> String {
    // The first failure did it, whatever re-runs have brought.
    let first = view.decisions.iter().map(|decision| &decision.detail.jobs).find(|jobs| failed(jobs).next().is_some());
    let jobs: Vec<&FailedJob> = first.into_iter().flat_map(|jobs| failed(jobs)).collect();
    let mut text = match jobs.as_slice() {
        [] => "- This put the pull request out of the merge queue, if the check is required.\n".to_owned(),
        _ => "- Put out of the merge queue, if the check is required, by:\n".to_owned(),
    };
    for job in &jobs {
        let class = job.cause.as_ref().map(|cause| cause.class);
        let why = match class {
            Some(class) if class.is_infrastructure() => format!("infrastructure ({})", code(class.as_str())),
            Some(class) => format!("not infrastructure ({})", code(class.as_str())),
            None => "whether that was infrastructure is not known".to_owned(),
        };
        text.push_str(&format!("  - {}: {why}\n", place(job)));
    }
    let is_real = |job: &&FailedJob| job.cause.as_ref().is_some_and(|cause| !cause.class.is_infrastructure());
    text.push_str(match view.run.outcome {
        RunOutcome::Rescued => "- That it passed now does not put it back: add it to the queue again.\n",
        _ if jobs.iter().any(is_real) => {
            "- A re-run does not put it back: add it to the queue again once that is mended.\n"
        }
        _ => "- A re-run does not put it back: add it to the queue again.\n",
    });
    text
}

fn failed(jobs: &[FailedJob]) -> impl Iterator<Item = &FailedJob> {
    jobs.iter().filter(|job| job.action != Some(Action::Ignore)).take(JOBS_SHOWN)
}

fn place(job: &FailedJob) -> String {
    let step = job.step.as_deref().map_or_else(String::new, |step| format!(" at {}", code(step)));
    format!("{}{step}", code(&job.name))
}

/// Whole lines, as many as GitHub takes.
pub(in crate::keeper) fn cut(mut body: String) -> String {
    if body.len() > LONGEST {
        let end = body.char_indices().take_while(|(at, _)| *at <= LONGEST).filter(|(_, c)| *c == '\n').last();
        body.truncate(end.map_or(0, |(at, _)| at));
        body.push_str("\n\nThe rest does not fit here.\n");
    }
    body
}
