//! The Keepers of one schedule: the real state machine, the real SQL and the real way of working, on virtual time. A
//! Keeper goes away between any two effects and is started again from what it has stored.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll, Waker};

use rerunner::keeper::Keeper;
use rerunner::keeper::context::Context;
use rerunner::keeper::step::{LEASE, Receipt, ReceiptKind};
use rerunner::keeper::store::{Sql, StoreError, Value};
use rerunner::keeper::tracked_run::{SEEN, TrackedRun};
use rerunner::keeper::work::{self, Platform};
use rerunner::keeper::{CommitStatuses, Notifications, tasks::notify::Notification};
use rerunner::names::{FilePath, RepoName, RunAttempt};
use rerunner::policy::RerunSettings;
use rerunner::settings::Settings;
use rerunner::time::{Millis, Span};
use rerunner::webhook::command::CommandEvent;
use rerunner::webhook::event::RunEvent;

use super::native_sql::NativeSql;
use super::platform::Site;
use super::world::Shared;

type Work = Pin<Box<dyn Future<Output = Result<(), StoreError>>>>;

/// What the settings come to for one repository.
#[derive(Clone)]
pub struct Config {
    pub rerun_settings: Rc<RerunSettings>,
    policy_file: Option<FilePath>,
    notices: Option<Notifications>,
    comments: Option<String>,
    commit_statuses: Option<String>,
    web_url: String,
    serves: bool,
}

impl Config {
    pub fn of(settings: &Settings, repository: &RepoName) -> Self {
        let web_url = settings.github_web_url();
        let per_hour = settings.notify_url.as_ref().map(|_| settings.notifications_per_hour);
        Self {
            rerun_settings: Rc::new(RerunSettings::from(settings)),
            policy_file: settings.policy_file.clone(),
            notices: per_hour.map(|per_hour| Notifications { per_hour, web_url: web_url.clone() }),
            comments: settings.comment_on_pull_requests.then(|| web_url.clone()),
            commit_statuses: settings.commit_status.clone().filter(|_| !settings.dry_run),
            web_url,
            serves: settings.serves(repository),
        }
    }

    fn open(&self, sql: &NativeSql) -> Rc<Keeper<NativeSql>> {
        let mut keeper = Keeper::open(sql.clone()).expect("the schema");
        keeper.policy_path.clone_from(&self.policy_file);
        keeper.notifications.clone_from(&self.notices);
        keeper.comments.clone_from(&self.comments);
        let (context, web_url) = (self.commit_statuses.clone(), self.web_url.clone());
        keeper.commit_statuses = CommitStatuses { context, web_url };
        keeper.web_url.clone_from(&self.web_url);
        Rc::new(keeper)
    }
}

/// The Keeper of one repository, and the machine that it runs on.
pub struct Machine {
    pub repository: usize,
    world: Shared,
    sql: NativeSql,
    pub keeper: Rc<Keeper<NativeSql>>,
    pub config: Config,
    work: Option<Work>,
    /// Errands being done.
    beside: Vec<Work>,
    /// An alarm that went off while the one before was still at work.
    alarm_waits: bool,
    /// Deployed with other settings while nothing was due. What they make due waits for the next webhook: a deployment
    /// wakes nobody.
    asleep: bool,
}

impl Machine {
    pub fn new(world: &Shared, repository: usize, config: Config) -> Self {
        let sql = NativeSql::open().expect("SQLite in memory");
        let keeper = config.open(&sql);
        let name = RepoName::parse(&world.borrow().repositories[repository]).expect("a name");
        keeper.set_repository(&name).expect("stored");
        let world = Rc::clone(world);
        let (work, beside, alarm_waits, asleep) = (None, vec![], false, false);
        Self { repository, world, sql, keeper, config, work, beside, alarm_waits, asleep }
    }

    fn site(&self) -> Site {
        Site { world: Rc::clone(&self.world), repository: self.repository }
    }

    /// A webhook arrives. An error is a 503.
    pub fn receive(&mut self, event: &RunEvent) -> Result<(), StoreError> {
        let before = self.keeper.store.run(event.run_id)?;
        let received = {
            let site = self.site();
            let mut receive = Box::pin(work::receive(&self.keeper, &self.config.rerun_settings, &site, event));
            match poll(receive.as_mut()) {
                Poll::Ready(received) => received?,
                Poll::Pending => panic!("a webhook is received in one go"),
            }
        };
        self.asleep = false;
        let seen = |tracked: TrackedRun| tracked.seen.contains(event.delivery.as_ref()?).then_some(());
        let is_noted = self.keeper.store.run(event.run_id)?.and_then(seen).is_some();
        let is_news = is_noted && before.and_then(seen).is_none();
        self.check_delivery(event, &received.receipt, is_news);
        if received.is_due && self.work.is_none() {
            self.start_work();
        }
        self.check_alarm();
        Ok(())
    }

    /// The same of a command. Whether something is to be done about it.
    pub fn receive_command(&mut self, command: &CommandEvent) -> Result<bool, StoreError> {
        let received = {
            let site = self.site();
            let mut receive =
                Box::pin(work::receive_command(&self.keeper, &self.config.rerun_settings, &site, command));
            match poll(receive.as_mut()) {
                Poll::Ready(received) => received?,
                Poll::Pending => panic!("a command is received in one go"),
            }
        };
        self.asleep = false;
        if received.is_due && self.work.is_none() {
            self.start_work();
        }
        self.check_alarm();
        Ok(received.receipt.kind != ReceiptKind::Ignored)
    }

    /// One that changed something is known for as long as GitHub repeats it.
    fn check_delivery(&self, event: &RunEvent, receipt: &Receipt, is_news: bool) {
        let mut world = self.world.borrow_mut();
        // It says nothing new: neither of its run, nor of whether anything goes on in its repository.
        if receipt.reason == "this delivery was received before" {
            if event.delivery.as_ref().is_none_or(|delivery| !world.deliveries.contains_key(delivery)) {
                world.violate(format!("{:?} is new, and was taken for a known one", event.delivery));
            }
            return;
        }
        let (noted, now) = (world.now, world.clock(self.repository));
        // One that so many have followed is judged anew, by what the run is by now.
        let mut newest = world.deliveries_of.get(&event.run_id).into_iter().flatten().rev().take(SEEN);
        let is_known = newest.any(|delivery| event.delivery.as_ref() == Some(delivery));
        let stored = event.delivery.as_ref().and_then(|delivery| world.deliveries.get(delivery).copied());
        if let Some(stored) = stored.filter(|stored| is_known && now - *stored < Span::days(3)) {
            world.violate(format!("{:?} of {stored} was taken for a new one: {}", event.delivery, receipt.reason));
        }
        world.last_webhook.insert(self.repository, noted);
        if receipt.kind == ReceiptKind::Ignored {
            return;
        }
        let of = event.run_attempt.map(RunAttempt::get);
        world.webhooks_stored.entry(event.run_id).or_default().push((noted, of));
        if let Some(delivery) = event.delivery.clone().filter(|_| is_news) {
            world.deliveries_of.entry(event.run_id).or_default().push(delivery.clone());
            world.deliveries.entry(delivery).or_insert(now);
        }
    }

    /// What became of a message.
    pub fn noticed(&mut self, notice: &Notification, taken: bool) {
        let now = self.world.borrow().clock(self.repository);
        self.keeper.finish_notification(notice, taken, now).expect("stored");
        let due = self.keeper.next_alarm(&self.config.rerun_settings).expect("read");
        self.world.borrow_mut().arm(self.repository, due);
        self.check_alarm();
    }

    /// What of that which people are told is still to come, by its tables.
    pub fn more_to_tell(&self, now: Millis) -> Vec<&'static str> {
        let count = |table: &str, condition: &str| {
            let rows = self.sql.exec(&format!("SELECT COUNT(*) FROM {table} WHERE {condition}"), vec![]);
            rows.expect("read").concat() != [Value::Integer(0)]
        };
        let has = |table: &str| count(table, "due IS NOT NULL");
        // Issues are edited once a day, and closed after weeks. Where they are switched off, what was due stays so.
        let soon = format!("due BETWEEN {} AND {}", now.minus(Span::hours(3)).0, (now + Span::hours(1)).0);
        let is_served = self.config.serves;
        let all = [
            ("notices", self.config.notices.is_some() && has("notices")),
            ("pull_comments", self.config.comments.is_some() && has("pull_comments")),
            // Whatever becomes of the repository, none stays pending.
            ("commit_statuses", has("commit_statuses")),
            ("commands", is_served && (has("commands") || count("commands", "reply_due IS NOT NULL"))),
            ("flaky_issues", is_served && count("flaky_issues", &soon)),
        ];
        all.into_iter().filter(|(_, is_due)| *is_due).map(|(table, _)| table).collect()
    }

    pub fn pause(&mut self, paused: bool) {
        {
            let mut world = self.world.borrow_mut();
            let now = world.clock(self.repository);
            let done = if paused { self.keeper.pause(now) } else { self.keeper.resume(now) };
            done.expect("stored");
            if paused {
                world.paused.insert(self.repository);
                world.ever_paused.insert(self.repository);
                *world.faults_seen.entry("a pause").or_default() += 1;
            } else {
                world.paused.remove(&self.repository);
            }
            let due = self.keeper.next_alarm(&self.config.rerun_settings).expect("read");
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
        if !self.config.serves {
            let site = self.site();
            let retired =
                self.keeper.retire(&Context::new(&self.config.rerun_settings, site.now(), 0.0)).expect("stored");
            for (run_id, record) in retired {
                site.log_decision(run_id, &record);
            }
        }
        let (keeper, rerun_settings, site) =
            (Rc::clone(&self.keeper), Rc::clone(&self.config.rerun_settings), self.site());
        self.work = Some(Box::pin(async move { work::work(&keeper, &rerun_settings, true, &site).await }));
        self.go_on();
    }

    /// Something that the work waited for may have come.
    pub fn go_on(&mut self) {
        let ended = self.work.as_mut().and_then(|work| match poll(work.as_mut()) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        });
        self.go_on_beside();
        if !self.keeper.store.is_flushed() {
            self.world.borrow_mut().violate("something was counted and not stored while the Keeper waits".to_owned());
        }
        let Some(result) = ended else { return };
        self.work = None;
        if let Err(error) = result {
            self.world.borrow_mut().violate(format!("work ended with: {error}"));
        }
        self.check_alarm();
        if std::mem::take(&mut self.alarm_waits) {
            self.start_work();
        }
    }

    fn go_on_beside(&mut self) {
        let begun = std::mem::take(&mut self.world.borrow_mut().errands_begun);
        for (repository, errand) in begun {
            assert_eq!(repository, self.repository, "begun by the work that was just at work");
            let (keeper, rerun_settings, site) =
                (Rc::clone(&self.keeper), Rc::clone(&self.config.rerun_settings), self.site());
            self.beside.push(Box::pin(async move {
                let finished = errand.run(async |call| site.call(&call).await).await;
                keeper.finish_errand(finished, &Context::new(&rerun_settings, site.now(), site.chance()))?;
                work::log_commands(&keeper, &site);
                site.arm(keeper.next_alarm(&rerun_settings)?).await
            }));
        }
        let beside = std::mem::take(&mut self.beside);
        self.beside =
            beside.into_iter().filter_map(|mut work| poll(work.as_mut()).is_pending().then_some(work)).collect();
    }

    /// The Worker is deployed with other settings.
    pub fn deploy(&mut self, config: Config) {
        self.asleep |= self.is_idle() && self.world.borrow().alarms[self.repository].due.is_none();
        self.config = config;
        self.crash();
    }

    /// The machine goes away in the middle of whatever it does, and another takes over what was stored.
    pub fn crash(&mut self) {
        self.world.borrow_mut().note(|| format!("crash      of the Keeper of repository {}", self.repository));
        self.work = None;
        self.beside.clear();
        {
            let mut world = self.world.borrow_mut();
            world.epochs[self.repository] += 1;
            let calls = world.calls.len();
            world.answers_from.insert(self.repository, calls);
        }
        self.keeper = self.config.open(&self.sql);
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
        self.work.is_none() && self.beside.is_empty()
    }

    /// Nothing is due without an alarm that goes off in time. At no time, and not only at the end.
    fn check_alarm(&self) {
        self.check_that_there_is_an_alarm();
        let next = self.keeper.next_alarm(&self.config.rerun_settings).expect("read");
        let mut world = self.world.borrow_mut();
        let armed = world.alarms[self.repository].due;
        let latest = next.map(|next| next.max(world.clock(self.repository)) + LEASE);
        if self.work.is_none() && !self.alarm_waits && armed > latest.or(armed) {
            world.violate(format!("something is due at {next:?}, and the alarm is set for {armed:?}"));
        }
    }

    /// Of a machine that has only just taken over: its clock may be another, and the alarm is its predecessor's.
    fn check_that_there_is_an_alarm(&self) {
        let next = self.keeper.next_alarm(&self.config.rerun_settings).expect("read");
        let armed = self.world.borrow().alarms[self.repository].due;
        if next.is_some() && armed.is_none() && self.work.is_none() && !self.alarm_waits && !self.asleep {
            self.world.borrow_mut().violate(format!("something is due at {next:?}, and there is no alarm"));
        }
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut task::Context::from_waker(Waker::noop()))
}
