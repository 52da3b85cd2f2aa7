//! Messages to people, which get lost, or arrive although the answer that says so is lost; and comments on pull
//! requests. Each run is reported once, and none is forgotten.

use rerunner::github::calls::comments::MARK;
use rerunner::keeper::{store::notices::NoticeKind, tasks::notify::Notification};
use rerunner::names::RunId;
use rerunner::policy::RunOutcome;
use rerunner::time::{Millis, Span};
use simulator::model;

use super::Schedule;
use super::conversions::{from_model, run_id_of};
use super::event::Event;
use super::world::World;

/// A comment that could not be written for about a day is given up.
const GIVEN_UP: usize = 25;

/// A message that was sent.
#[derive(Debug, Clone)]
pub struct Post {
    pub repository: usize,
    pub notice: Notification,
    /// By the Keeper's clock.
    at: Millis,
    /// Of the machine that has sent it.
    pub epoch: u64,
    /// It has arrived.
    taken: bool,
    /// And who sent it knows.
    pub acknowledged: bool,
}

impl World {
    pub fn send(&mut self, repository: usize, notice: Notification) {
        self.note(|| format!("message    {:?}", notice.text));
        let at = self.clock(repository);
        let per_hour = self.settings_at(self.now).per_hour.unwrap_or_default() as usize;
        let within_the_hour =
            |post: &&Post| post.repository == repository && post.at <= at && at - post.at < Span::hours(1);
        if self.posts.iter().filter(within_the_hour).count() >= per_hour {
            self.violate(format!("more than {per_hour} messages within the hour before {at}"));
        }
        for about in &notice.about {
            let known = |post: &Post| post.repository == repository && post.notice.about.contains(about);
            if self.posts.iter().any(|post| post.acknowledged && known(post)) {
                self.violate(format!("people are told of {about:?} again"));
            }
        }
        let post = self.posts.len();
        let epoch = self.epochs[repository];
        self.posts.push(Post { repository, notice, at, epoch, taken: false, acknowledged: false });
        let latency = Span::millis(self.random.i64(20..800));
        self.after(latency, Event::Arrive { post });
    }

    /// It arrives, or does not; and what became of it comes back, or does not.
    pub fn arrive(&mut self, post: usize) {
        let likelihood = self.faults.message;
        let taken = !self.chance("a message that is lost", likelihood);
        let acknowledged = taken && !self.chance("a message that is taken without a word", likelihood);
        self.posts[post].taken |= taken;
        let latency = Span::millis(self.random.i64(20..800));
        self.after(latency, Event::Acknowledge { post, taken: acknowledged });
    }
}

impl Schedule {
    /// Every run that was given up was told of, and every comment says how things ended.
    pub fn check_messages(&self, repository: usize, wrong: &mut Vec<String>) {
        let world = self.world.borrow();
        let settings = world.settings_at(world.now);
        for id in &self.runs[repository] {
            let run_id = run_id_of(*id);
            let exhausted = world
                .decided
                .get(&run_id)
                .is_some_and(|decided| decided.iter().any(|(_, record)| record.outcome == RunOutcome::Exhausted));
            let told = |post: &&Post| post.taken && post.notice.about.contains(&(run_id, NoticeKind::Exhausted));
            if settings.per_hour.is_some() && exhausted && !world.posts.iter().any(|post| told(&post)) {
                wrong.push(format!("nobody was told that run {id:?} was given up"));
            }
        }
        if settings.comments {
            self.check_comment(repository, wrong);
        }
    }

    /// There is one comment on the pull request, and it is newer than all that was decided of its runs.
    fn check_comment(&self, repository: usize, wrong: &mut Vec<String>) {
        let world = self.world.borrow();
        let github = world.github.repository(self.ids[repository]);
        let ours: Vec<&model::Comment> =
            github.comments().iter().filter(|comment| comment.number == 1 && comment.body.starts_with(MARK)).collect();
        // A list that is behind by more than a lost call is waited for does not show what that has written.
        // Nor is one known any more when all of its runs are forgotten.
        if ours.len() > 1 && !self.is_behind() && !self.is_long() {
            wrong.push(format!("{} comments on one pull request", ours.len()));
        }
        let closed = github.pull(1).and_then(|pull| pull.closed_at).map(from_model);
        let of_pull = |id: &&model::RunId| world.github.run(**id).identity.pull_request == Some(1);
        let last = self.runs[repository]
            .iter()
            .filter(of_pull)
            .filter_map(|id| self.last_word_after_rerun(run_id_of(*id), closed));
        let Some(last) = last.max() else { return };
        let written = ours.iter().map(|comment| from_model(comment.updated_at)).max();
        let tries = world.comment_tries.iter().filter(|(of, pull, at)| (*of, *pull) == (repository, 1) && *at >= last);
        if written.is_none_or(|written| written < last) && tries.count() < GIVEN_UP {
            wrong.push(format!("the comment of {written:?} does not say what was decided at {last}"));
        }
    }

    /// When the last decision on a run was made that was re-run by then. Of a closed pull request GitHub says nothing in a
    /// run any more: what is read first after that has none.
    fn last_word_after_rerun(&self, run_id: RunId, closed: Option<Millis>) -> Option<Millis> {
        let world = self.world.borrow();
        let decided = world.decided.get(&run_id)?;
        let first = decided.iter().position(|(_, record)| record.outcome == RunOutcome::Rerunning)?;
        if decided.first().zip(closed).is_some_and(|((at, _), closed)| *at > closed) {
            return None;
        }
        decided[first..].iter().map(|(at, _)| *at).max()
    }
}
