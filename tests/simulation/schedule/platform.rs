//! What a Keeper's machine offers it, on virtual time.

use std::future::poll_fn;
use std::task::Poll;

use rerunner::github::{Call, Response};
use rerunner::keeper::HandOver;
use rerunner::keeper::command_log::CommandLine;
use rerunner::keeper::step::Record;
use rerunner::keeper::store::StoreError;
use rerunner::keeper::summary::Summary;
use rerunner::keeper::tasks::errand::Errand;
use rerunner::keeper::tasks::notify::Notification;
use rerunner::keeper::tracked_run::TrackedRun;
use rerunner::keeper::work::Platform;
use rerunner::names::RunId;
use rerunner::time::{Millis, Span};

use super::calls::is_of_errand;
use super::world::{Shared, World};

pub struct Site {
    pub world: Shared,
    pub repository: usize,
}

impl Site {
    async fn returned(&self, call: usize) -> Option<Response> {
        poll_fn(|_| {
            let mut world = self.world.borrow_mut();
            let call = &mut world.calls[call];
            if call.returned { Poll::Ready(call.response.take()) } else { Poll::Pending }
        })
        .await
    }
}

impl Platform for Site {
    fn now(&self) -> Millis {
        self.world.borrow().clock(self.repository)
    }

    fn chance(&self) -> f64 {
        self.world.borrow_mut().random.f64()
    }

    fn armed(&self) -> Option<Millis> {
        self.world.borrow().alarms[self.repository].due
    }

    async fn arm(&self, due: Option<Millis>) -> Result<(), StoreError> {
        self.world.borrow_mut().arm(self.repository, due);
        Ok(())
    }

    async fn call(&self, call: &Call) -> Response {
        {
            let mut world = self.world.borrow_mut();
            let is_rerun = matches!(call, Call::Rerun { .. });
            if is_rerun && world.paused.contains(&self.repository) {
                world.violate(format!("{call:?} in a repository that is paused"));
            }
            let settings = world.settings_at(world.now).clone();
            if is_rerun && settings.dry_run {
                world.violate(format!("{call:?} in a dry run"));
            }
            if !settings.serves(self.repository) && !is_of_errand(call) {
                world.violate(format!("{call:?} in a repository that is not served"));
            }
        }
        let index = self.world.borrow_mut().begin_call(self.repository, call);
        self.returned(index).await.expect("an answer")
    }

    async fn publish(&self, tracked: &TrackedRun) -> bool {
        let (index, written, told) = {
            let mut world = self.world.borrow_mut();
            let fails = world.kv_fails();
            let failed = fails.unwrap_or(true);
            // It may have been written all the same, unless no more was to be.
            let written = !failed || (fails.is_some() && world.random.bool());
            world.count_requests(self.repository, 1);
            let takes = Span::millis(world.random.i64(10..800));
            (world.begin_wait(self.repository, takes), written, !failed)
        };
        self.returned(index).await;
        if written {
            let World { kv, .. } = &mut *self.world.borrow_mut();
            kv.insert((self.repository, tracked.run_id), tracked.attempts());
        }
        told
    }

    async fn summarize(&self, _: &Summary) -> bool {
        let (index, written) = {
            let mut world = self.world.borrow_mut();
            let written = world.kv_fails() == Some(false);
            (world.begin_wait(self.repository, Span::millis(30)), written)
        };
        self.returned(index).await;
        written
    }

    fn notify(&self, notice: Notification) {
        self.world.borrow_mut().send(self.repository, notice);
    }

    fn errand(&self, errand: Errand) {
        let mut world = self.world.borrow_mut();
        world.check_that_it_may_call(self.repository, "an errand");
        world.note(|| format!("errand     {errand:?}"));
        let now = world.now;
        match &errand {
            Errand::Comment(comment) => world.comment_tries.push((self.repository, comment.pull, now)),
            Errand::CommitStatus(_) | Errand::FlakyIssue(_) | Errand::Command(_) | Errand::Reply(_) => {}
        }
        world.errands_begun.push((self.repository, errand));
    }

    /// These repositories keep their names.
    async fn hand_over(&self, what: &HandOver) -> bool {
        self.world.borrow_mut().violate(format!("handed over to {}", what.event.repository));
        false
    }

    async fn credentials(&self, refusal: Option<&str>) {
        self.world.borrow_mut().note(|| format!("health     {refusal:?}"));
    }

    async fn want_cancelled(&self, wanted: bool) -> bool {
        let (index, written) = {
            let mut world = self.world.borrow_mut();
            let failed = world.kv_fails() != Some(false);
            world.count_requests(self.repository, 1);
            (world.begin_wait(self.repository, Span::millis(30)), !failed)
        };
        self.returned(index).await;
        if written {
            let marked = &mut self.world.borrow_mut().wants_cancelled;
            if wanted {
                marked.insert(self.repository)
            } else {
                marked.remove(&self.repository)
            };
        }
        written
    }

    async fn wait(&self, span: Span) {
        let index = self.world.borrow_mut().begin_wait(self.repository, span);
        self.returned(index).await;
    }

    fn log_decision(&self, run_id: RunId, record: &Record) {
        let mut world = self.world.borrow_mut();
        world.note(|| format!("decision   run {run_id} {:?}", record));
        let now = world.now;
        world.decided.entry(run_id).or_default().push((now, record.clone()));
    }

    fn log_command(&self, line: &CommandLine) {
        let mut world = self.world.borrow_mut();
        world.note(|| format!("command    {line:?}"));
        let key = (self.repository, line.comment_id.get());
        world.command_lines.entry(key).or_default().push(line.clone());
    }

    fn log_warning(&self, what: &str) {
        self.world.borrow_mut().note(|| format!("notice     {what}"));
    }
}
