//! One comment on a pull request that says what was re-run and why, and what finally failed. It is edited in place: its
//! id is kept, and after an answer that was lost it is found again, by who wrote it and a mark that readers do not see,
//! so that it is never there twice. It is written beside all else, so that no re-run waits for it.

use crate::escape::{code, markdown};
use crate::github::{Call, CommentCall, Commented, Problem};
use crate::names::{RepoName, RunId};
use crate::policy::{Action, Rules, RunOutcome};
use crate::time::{Millis, Span};

use super::super::actor::Keeper;
use super::super::answer::Answer;
use super::super::schema::row as read_row;
use super::super::state_machine::Context;
use super::super::store::{Sql, StoreError, Value};
use super::super::views::OneRunView;
use super::Task;

/// Version 5 of the schema.
pub const SCHEMA: &[&str] = &[
    "CREATE TABLE pull_runs (run_id INTEGER PRIMARY KEY, pull INTEGER NOT NULL)",
    "CREATE INDEX pull_runs_pull ON pull_runs (pull)",
    "CREATE TABLE pull_comments (
        pull INTEGER PRIMARY KEY,
        comment_id INTEGER,
        gone INTEGER NOT NULL,
        created INTEGER NOT NULL,
        due INTEGER,
        tries INTEGER NOT NULL
    )",
    "CREATE INDEX pull_comments_due ON pull_comments (due) WHERE due IS NOT NULL",
];

/// Before this version a stranger's comment could be taken for ours, and its deletion for a wish to have none. What is
/// ours is looked for anew.
pub const BY_AUTHOR: &[&str] = &[
    "ALTER TABLE pull_comments DROP COLUMN gone",
    // How often in a row it was found to be deleted.
    "ALTER TABLE pull_comments ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE pull_comments ADD COLUMN silent_until INTEGER",
    "UPDATE pull_comments SET comment_id = NULL",
];

/// Not seen by readers.
pub const MARK: &str = "<!-- rerunner -->";
/// What happens within this time is one edit.
const TOGETHER: Span = Span::seconds(5);
/// Pages on which it is looked for, of 100 comments each.
const FIND_PAGES: u32 = 3;
/// Requests that finding and writing can take: who we are, the pages, the comment itself.
pub const REQUESTS: u32 = 2 + FIND_PAGES;
/// A comment that was deleted is made again once; if that is deleted too, nobody wants it for so long.
const SILENT: Span = Span::days(1);
/// Longer than finding and writing can take.
const CLAIM: Span = Span::seconds(90);
/// After that, what a lost call has written can be found.
const AGAIN: Span = Span::minutes(1);
const AGAIN_MOST: Span = Span::hours(1);
/// About a day.
const TRIES: u32 = 30;
/// GitHub's clock and ours may differ by so much.
const CLOCKS_APART: Span = Span::minutes(10);
/// Of one pull request, the newest.
const RUNS_SHOWN: i64 = 10;
const JOBS_SHOWN: usize = 10;
/// In bytes: GitHub takes 65,536 characters.
const LONGEST: usize = 60_000;

/// A comment to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub pull: u64,
    pub comment_id: Option<u64>,
    /// It is not older than this.
    pub since: Millis,
    pub body: String,
}

/// Makes the calls that it takes: each is answered before the next.
pub async fn write(comment: &Comment, call: impl AsyncFn(Call) -> Answer) -> Commented {
    let ask = async |what| match call(Call::Comment(what)).await {
        Answer::Comment(answer) => answer,
        _ => Commented::Problem(Problem::Lost { what: "an answer to another call".to_owned() }),
    };
    let body = || comment.body.clone();
    let known = match comment.comment_id {
        Some(id) => Some(id),
        None => {
            let mut found = Commented::NotThere;
            for page in 1..=FIND_PAGES {
                found = ask(CommentCall::Find { pull: comment.pull, since: comment.since, page }).await;
                if found != Commented::NotOnThisPage {
                    break;
                }
            }
            match found {
                Commented::There(id) => Some(id),
                Commented::NotThere | Commented::NotOnThisPage => None,
                problem @ Commented::Problem(_) => return problem,
            }
        }
    };
    match known {
        Some(comment_id) => ask(CommentCall::Edit { comment_id, body: body() }).await,
        None => ask(CommentCall::Create { pull: comment.pull, body: body() }).await,
    }
}

impl<S: Sql> Keeper<S> {
    /// The run is of this pull request.
    pub(super) fn is_of_pull(&self, run_id: RunId, pull: Option<u64>) -> Result<(), StoreError> {
        let Some(pull) = pull.filter(|_| self.comments.is_some()) else { return Ok(()) };
        let statement = "INSERT OR IGNORE INTO pull_runs (run_id, pull) VALUES (?, ?)";
        self.store.sql().exec(statement, vec![run_id.into(), number(pull)]).map(|_| ())
    }

    /// Something was decided on a run: its pull request's comment is to say so. What is being written, or was and is not
    /// known of, is left its time: another would be a second comment.
    pub(super) fn comment_changed(&self, run_id: RunId, now: Millis) -> Result<(), StoreError> {
        if self.comments.is_none() {
            return Ok(());
        }
        self.store
            .sql()
            .exec(
                "INSERT INTO pull_comments (pull, comment_id, created, due, tries)
                 SELECT pull, NULL, ?2, ?3, 0 FROM pull_runs WHERE run_id = ?1
                 ON CONFLICT (pull) DO UPDATE SET
                    due = CASE WHEN silent_until > ?2 THEN NULL
                               WHEN tries = 0 OR due IS NULL THEN MIN(IFNULL(due, ?3), ?3)
                               ELSE due END,
                    tries = CASE WHEN due IS NULL THEN 0 ELSE tries END",
                vec![run_id.into(), now.into(), (now + TOGETHER).into()],
            )
            .map(|_| ())
    }

    pub(in crate::keeper) fn comment_due(&self, _: &Rules) -> Result<Option<Millis>, StoreError> {
        if self.comments.is_none() {
            return Ok(None);
        }
        self.store.minimum("SELECT MIN(due) FROM pull_comments WHERE due IS NOT NULL")
    }

    pub(super) fn claim_comment(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        let now = cx.now;
        let Some(repository) = self.repository()?.filter(|_| self.comments.is_some()) else { return Ok(None) };
        let rows = self.store.sql().exec(
            "SELECT pull, comment_id, created FROM pull_comments WHERE due <= ? ORDER BY due LIMIT 1",
            vec![now.into()],
        )?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let mut row = read_row(row);
        let (pull, comment_id, created) = (row.amount()?, row.optional_integer()?, Millis(row.integer()?));
        let statement = "UPDATE pull_comments SET due = ?, tries = tries + 1 WHERE pull = ?";
        self.store.sql().exec(statement, vec![(now + CLAIM).into(), number(pull)])?;
        Ok(Some(Task::Comment(Comment {
            pull,
            comment_id: comment_id.and_then(|id| u64::try_from(id).ok()),
            since: Millis(created.0 - CLOCKS_APART.as_millis()),
            body: self.body(&repository, pull)?,
        })))
    }

    /// It is there, or was deleted by somebody, or is tried again.
    pub fn finish_comment(&self, comment: &Comment, answer: Commented, cx: &Context) -> Result<(), StoreError> {
        let now = cx.now;
        let pull = number(comment.pull);
        let rows =
            self.store.sql().exec("SELECT tries, deleted FROM pull_comments WHERE pull = ?", vec![pull.clone()])?;
        let (Some(row), Some(repository)) = (rows.into_iter().next(), self.repository()?) else { return Ok(()) };
        let mut row = read_row(row);
        let (tries, deleted) = (row.amount()?, row.amount()?);
        let set = |what: &str, mut values: Vec<Value>| {
            values.push(pull.clone());
            self.store.sql().exec(&format!("UPDATE pull_comments SET {what} WHERE pull = ?"), values).map(|_| ())
        };
        match answer {
            Commented::There(id) => {
                let more = self.body(&repository, comment.pull)? != comment.body;
                let due = more.then(|| now + TOGETHER);
                set("comment_id = ?, tries = 0, due = ?", vec![number(id), due.into()])
            }
            // Somebody has deleted it, perhaps by mistake.
            Commented::NotThere | Commented::NotOnThisPage if deleted == 0 => {
                set("comment_id = NULL, deleted = 1, tries = 0, due = ?", vec![(now + TOGETHER).into()])
            }
            // And again: nobody wants it, for a while.
            Commented::NotThere | Commented::NotOnThisPage => {
                set("comment_id = NULL, deleted = 0, due = NULL, silent_until = ?", vec![(now + SILENT).into()])
            }
            Commented::Problem(problem) => {
                self.trip_if_limited(Some(&problem), cx)?;
                let tries = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX);
                let due = (tries < TRIES).then(|| now + AGAIN.doubled(tries, AGAIN_MOST));
                set("due = ?", vec![due.into()])
            }
        }
    }

    fn body(&self, repository: &RepoName, pull: u64) -> Result<String, StoreError> {
        let web_url = self.comments.as_deref().unwrap_or_default();
        let rows = self.store.sql().exec(
            "SELECT run_id FROM pull_runs WHERE pull = ? ORDER BY run_id DESC LIMIT ?",
            vec![number(pull), Value::Integer(RUNS_SHOWN)],
        )?;
        let mut body = format!("{MARK}\n**Rerunner** had failed jobs of this pull request re-run.\n");
        for row in rows {
            let Some(run_id) = RunId::new(read_row(row).amount()?) else { continue };
            if let Some(view) = self.run_view(repository.clone(), run_id, Millis(0))?.filter(|view| view.run.reruns > 0)
            {
                body.push_str(&section(&view, web_url));
            }
        }
        Ok(cut(body))
    }

    /// The repository is there, and its run is not: another may have its name by now, which is to be told nothing of it.
    pub(super) fn forget_pull_of(&self, run_id: RunId) -> Result<(), StoreError> {
        self.store.sql().exec("DELETE FROM pull_runs WHERE run_id = ?", vec![run_id.into()]).map(|_| ())
    }

    /// Another repository has the name now: its pull requests have the same numbers, and what was to be said of those
    /// before is not for its readers.
    pub(super) fn forget_pulls(&self) -> Result<(), StoreError> {
        for statement in ["DELETE FROM pull_runs", "DELETE FROM pull_comments"] {
            self.store.sql().exec(statement, vec![])?;
        }
        Ok(())
    }

    pub(super) fn prune_comments(&self, at_most: i64) -> Result<(), StoreError> {
        let old = "SELECT pull FROM pull_comments WHERE pull NOT IN (SELECT pull FROM pull_runs) LIMIT ?";
        let statement = format!("DELETE FROM pull_comments WHERE pull IN ({old})");
        self.store.sql().exec(&statement, vec![Value::Integer(at_most)]).map(|_| ())
    }
}

fn section(view: &OneRunView, web_url: &str) -> String {
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
        let jobs = decision.detail.jobs.iter().filter(|job| job.then != Some(Action::Ignore));
        for job in jobs.take(JOBS_SHOWN) {
            let step = job.step.as_deref().map_or_else(String::new, |step| format!(" at {}", code(step)));
            text.push_str(&format!("  - {}{step}\n", code(&job.name)));
        }
    }
    text
}

/// Whole lines, as many as GitHub takes.
fn cut(mut body: String) -> String {
    if body.len() > LONGEST {
        let end = body.char_indices().take_while(|(at, _)| *at <= LONGEST).filter(|(_, c)| *c == '\n').last();
        body.truncate(end.map_or(0, |(at, _)| at));
        body.push_str("\n\nThere is more, and no room for it.\n");
    }
    body
}

fn number(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
