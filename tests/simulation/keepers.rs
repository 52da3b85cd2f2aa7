//! The Keepers of one schedule: the real state machine, the real SQL and the real way of working, on virtual time. A
//! Keeper goes away between any two effects and is started again from what it has stored.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use rerunner::github::Call;
use rerunner::hint::Hint;
use rerunner::keeper::comments::Comment;
use rerunner::keeper::machine::{LEASE, Record};
use rerunner::keeper::outbox::Notice;
use rerunner::keeper::store::StoreError;
use rerunner::keeper::summary::Summary;
use rerunner::keeper::watched::Watched;
use rerunner::keeper::work::{self, Host};
use rerunner::keeper::{Answer, Keeper};
use rerunner::names::{FilePath, RepoName, RunId};
use rerunner::policy::Rules;
use rerunner::time::{Millis, Span};

use crate::native_sql::NativeSql;
use crate::world::{Shared, World};

type Work = Pin<Box<dyn Future<Output = Result<(), StoreError>>>>;

/// The Keeper of one repository, and the machine that it runs on.
pub struct Machine {
    repository: usize,
    world: Shared,
    sql: NativeSql,
    pub keeper: Rc<Keeper<NativeSql>>,
    pub rules: Rc<Rules>,
    policy_file: Option<FilePath>,
    work: Option<Work>,
    /// An alarm that went off while the one before was still at work.
    alarm_waits: bool,
}

impl Machine {
    pub fn new(world: &Shared, repository: usize, rules: &Rc<Rules>, policy_file: Option<FilePath>) -> Self {
        let sql = NativeSql::open().expect("SQLite in memory");
        let keeper = open(&sql, policy_file.as_ref());
        Self {
            repository,
            world: Rc::clone(world),
            sql,
            keeper,
            rules: Rc::clone(rules),
            policy_file,
            work: None,
            alarm_waits: false,
        }
    }

    fn site(&self) -> Site {
        Site { world: Rc::clone(&self.world), repository: self.repository }
    }

    /// A webhook arrives. An error is a 503.
    pub fn receive(&mut self, hint: &Hint) -> Result<(), StoreError> {
        let received = {
            let site = self.site();
            let mut receive = Box::pin(work::receive(&self.keeper, &self.rules, &site, hint));
            match poll(receive.as_mut()) {
                Poll::Ready(received) => received?,
                Poll::Pending => panic!("a webhook is received in one go"),
            }
        };
        if received.overdue && self.work.is_none() {
            self.start_work();
        }
        self.check_alarm();
        Ok(())
    }

    pub fn pause(&mut self, paused: bool) {
        {
            let mut world = self.world.borrow_mut();
            let now = world.clock(self.repository);
            let done = if paused { self.keeper.pause(now) } else { self.keeper.resume(now) };
            done.expect("stored");
            if paused {
                world.paused.insert(self.repository);
                *world.faults_seen.entry("a pause").or_default() += 1;
            } else {
                world.paused.remove(&self.repository);
            }
            let due = self.keeper.next_alarm(&self.rules).expect("read");
            world.arm(self.repository, due);
            world.note(|| format!("pause      of repository {}: {paused}", self.repository));
        }
        self.check_alarm();
    }

    pub fn alarm(&mut self) {
        if self.work.is_some() {
            self.alarm_waits = true;
        } else {
            self.start_work();
        }
    }

    fn start_work(&mut self) {
        self.world.borrow_mut().requests.remove(&self.repository);
        let (keeper, rules, site) = (Rc::clone(&self.keeper), Rc::clone(&self.rules), self.site());
        self.work = Some(Box::pin(async move { work::work(&keeper, &rules, true, &site).await }));
        self.go_on();
    }

    /// Something that the work waited for may have come.
    pub fn go_on(&mut self) {
        let Some(work) = &mut self.work else { return };
        let Poll::Ready(result) = poll(work.as_mut()) else { return };
        self.work = None;
        if let Err(error) = result {
            self.world.borrow_mut().violate(format!("work ended with: {error}"));
        }
        self.check_alarm();
        if std::mem::take(&mut self.alarm_waits) {
            self.start_work();
        }
    }

    /// The machine goes away in the middle of whatever it does, and another takes over what was stored.
    pub fn crash(&mut self) {
        self.world.borrow_mut().note(|| format!("crash      of the Keeper of repository {}", self.repository));
        self.work = None;
        {
            let mut world = self.world.borrow_mut();
            let calls = world.calls.len();
            world.heard_from.insert(self.repository, calls);
        }
        self.keeper = open(&self.sql, self.policy_file.as_ref());
        let now = self.world.borrow().clock(self.repository);
        self.keeper.started(now).expect("started");
        self.check_that_there_is_an_alarm();
        // The platform does not forget an alarm that it could not deliver. The one that was at work is gone, though:
        // nothing may depend on its being tried again.
        if std::mem::take(&mut self.alarm_waits) {
            self.start_work();
        }
    }

    pub fn is_idle(&self) -> bool {
        self.work.is_none()
    }

    /// Nothing is due without an alarm that goes off in time. At no time, and not only at the end.
    fn check_alarm(&self) {
        self.check_that_there_is_an_alarm();
        let next = self.keeper.next_alarm(&self.rules).expect("read");
        let mut world = self.world.borrow_mut();
        let armed = world.alarms[self.repository].due;
        let latest = next.map(|next| next.max(world.clock(self.repository)) + LEASE);
        if self.work.is_none() && !self.alarm_waits && armed > latest.or(armed) {
            world.violate(format!("something is due at {next:?}, and the alarm is set for {armed:?}"));
        }
    }

    /// Of a machine that has only just taken over: its clock may be another, and the alarm is its predecessor's.
    fn check_that_there_is_an_alarm(&self) {
        let next = self.keeper.next_alarm(&self.rules).expect("read");
        let armed = self.world.borrow().alarms[self.repository].due;
        if next.is_some() && armed.is_none() && self.work.is_none() && !self.alarm_waits {
            self.world.borrow_mut().violate(format!("something is due at {next:?}, and there is no alarm"));
        }
    }
}

fn open(sql: &NativeSql, policy_file: Option<&FilePath>) -> Rc<Keeper<NativeSql>> {
    Rc::new(Keeper::open(sql.clone()).expect("the schema").reading(policy_file.cloned()))
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

struct Site {
    world: Shared,
    repository: usize,
}

impl Site {
    async fn returned(&self, call: usize) -> Option<Answer> {
        poll_fn(|_| {
            let mut world = self.world.borrow_mut();
            let call = &mut world.calls[call];
            if call.returned { Poll::Ready(call.answer.take()) } else { Poll::Pending }
        })
        .await
    }
}

impl Host for Site {
    fn now(&self) -> Millis {
        self.world.borrow().clock(self.repository)
    }

    fn chance(&self) -> f64 {
        self.world.borrow_mut().random.f64()
    }

    async fn arm(&self, due: Option<Millis>) -> Result<(), StoreError> {
        self.world.borrow_mut().arm(self.repository, due);
        Ok(())
    }

    async fn call(&self, call: &Call) -> Answer {
        if matches!(call, Call::Rerun { .. }) {
            let mut world = self.world.borrow_mut();
            if world.paused.contains(&self.repository) {
                world.violate(format!("{call:?} in a repository that is paused"));
            }
        }
        let index = self.world.borrow_mut().begin_call(self.repository, call);
        self.returned(index).await.expect("an answer")
    }

    async fn publish(&self, watched: &Watched) -> bool {
        let (index, written, told) = {
            let mut world = self.world.borrow_mut();
            let (fails, likelihood) = ("a failed write to KV", world.faults.kv_failure);
            let failed = world.chance(fails, likelihood);
            // It may have been written all the same.
            let written = !failed || world.random.bool();
            world.count_requests(self.repository, 1);
            (world.begin_wait(self.repository, Span::millis(30)), written, !failed)
        };
        self.returned(index).await;
        if written {
            let World { kv, .. } = &mut *self.world.borrow_mut();
            kv.insert((self.repository, watched.run_id), watched.attempts());
        }
        told
    }

    async fn summarize(&self, _: &Summary) -> bool {
        let (index, written) = {
            let mut world = self.world.borrow_mut();
            let likelihood = world.faults.kv_failure;
            let written = !world.chance("a failed write to KV", likelihood);
            (world.begin_wait(self.repository, Span::millis(30)), written)
        };
        self.returned(index).await;
        written
    }

    /// These Keepers tell nobody.
    fn notify(&self, notice: Notice) {
        self.world.borrow_mut().violate(format!("a message: {notice:?}"));
    }

    fn comment(&self, comment: Comment) {
        self.world.borrow_mut().violate(format!("a comment: {comment:?}"));
    }

    /// These repositories keep their names.
    async fn hand_over(&self, to: &RepoName, _: &Hint, _: &[Record]) -> bool {
        self.world.borrow_mut().violate(format!("handed over to {to}"));
        false
    }

    async fn credentials(&self, refusal: Option<&str>) {
        self.world.borrow_mut().note(|| format!("health     {refusal:?}"));
    }

    async fn want_cancelled(&self, wanted: bool) -> bool {
        let (index, written) = {
            let mut world = self.world.borrow_mut();
            let likelihood = world.faults.kv_failure;
            let failed = world.chance("a failed write to KV", likelihood);
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

    fn decided(&self, run_id: RunId, record: &Record) {
        self.world.borrow_mut().note(|| format!("decision   run {run_id} {:?}", record));
    }

    fn notice(&self, what: &str) {
        self.world.borrow_mut().note(|| format!("notice     {what}"));
    }
}
