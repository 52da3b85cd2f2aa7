//! What was seen from outside, in order: webhooks with their answers, API calls with theirs, attempts that ended.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::broadcast;

use crate::model::{Conclusion, Endpoint, JobId, Login, Millis, RepoName, RunId};
use crate::webhooks::{Delivery, DeliveryResult};

#[derive(Debug, Clone)]
pub enum Happening {
    Webhook(Delivery),
    Api(Call),
    AttemptEnded(AttemptEnded),
    LogRead(LogRead),
}

/// An API call as its caller saw it.
#[derive(Debug, Clone)]
pub struct Call {
    pub at: Millis,
    pub took: Duration,
    pub method: String,
    /// With its query.
    pub path: String,
    /// `None` for a path that is not modelled.
    pub endpoint: Option<Endpoint>,
    pub repository: Option<String>,
    pub run: Option<RunId>,
    /// Whose token it was, if it was good.
    pub login: Option<Login>,
    /// What the caller got; `None` if the connection was closed instead.
    pub status: Option<u16>,
    /// Of an error.
    pub message: Option<String>,
    /// The fault that was in effect.
    pub fault: Option<String>,
}

/// A run's attempt that ended.
#[derive(Debug, Clone)]
pub struct AttemptEnded {
    pub at: Millis,
    pub repository: RepoName,
    pub run: RunId,
    pub workflow: String,
    pub attempt: u32,
    pub conclusion: Conclusion,
    pub branch: String,
    pub actor: Login,
    pub triggering_actor: Login,
    /// From the attempt's start.
    pub took: Duration,
}

/// A read of a job's log, at the address that the API redirects to.
#[derive(Debug, Clone)]
pub struct LogRead {
    pub at: Millis,
    pub job: JobId,
    /// Whether `Authorization` was sent: it must not be.
    pub authorization: bool,
    pub status: u16,
}

impl Happening {
    pub fn at(&self) -> Millis {
        match self {
            Happening::Webhook(delivery) => delivery.at,
            Happening::Api(call) => call.at,
            Happening::AttemptEnded(ended) => ended.at,
            Happening::LogRead(read) => read.at,
        }
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Happening::Webhook(delivery) => {
                let action = delivery.action.as_ref().map(|action| format!(".{action}")).unwrap_or_default();
                let again = if delivery.redelivery { "redelivered " } else { "" };
                write!(f, "webhook  {again}{}{action} {}", delivery.event, delivery.repository)?;
                if let (Some(run), Some(attempt)) = (delivery.run, delivery.attempt) {
                    write!(f, " run {run} attempt {attempt}")?;
                }
                match &delivery.result {
                    DeliveryResult::Answered { status, body } => write!(f, " -> {status} {}", shortened(body)),
                    DeliveryResult::TimedOut => write!(f, " -> no answer in {:?}", delivery.took),
                    DeliveryResult::Failed(why) => write!(f, " -> not delivered: {why}"),
                    DeliveryResult::Dropped => f.write_str(" -> dropped, as asked"),
                }
            }
            Happening::Api(call) => {
                write!(f, "api      {} {}", call.method, call.path)?;
                match call.status {
                    Some(status) => write!(f, " -> {status}")?,
                    None => f.write_str(" -> connection closed")?,
                }
                if let Some(message) = &call.message {
                    write!(f, " {message:?}")?;
                }
                if call.took > Duration::from_millis(100) {
                    write!(f, " after {:?}", call.took)?;
                }
                if let Some(fault) = &call.fault {
                    write!(f, "  [fault: {fault}]")?;
                }
                Ok(())
            }
            Happening::AttemptEnded(ended) => {
                let AttemptEnded { repository, run, attempt, conclusion, workflow, .. } = ended;
                write!(f, "attempt  {repository} {workflow:?} run {run} attempt {attempt} ended: {conclusion}")
            }
            Happening::LogRead(read) => {
                let with = if read.authorization { " WITH Authorization" } else { "" };
                write!(f, "log      job {}{with} -> {}", read.job, read.status)
            }
        }
    }
}

fn shortened(body: &str) -> String {
    const MOST: usize = 240;
    let line = body.replace('\n', " ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Everything that happened, and those who listen.
#[derive(Debug)]
pub(crate) struct History {
    all: Mutex<Vec<Happening>>,
    listeners: broadcast::Sender<Happening>,
}

impl History {
    pub fn new() -> History {
        History { all: Mutex::new(vec![]), listeners: broadcast::channel(10_000).0 }
    }

    pub fn add(&self, happening: Happening) {
        self.all.lock().expect("no panic while it is held").push(happening.clone());
        // Nobody listening is fine.
        let _ = self.listeners.send(happening);
    }

    pub fn listen(&self) -> broadcast::Receiver<Happening> {
        self.listeners.subscribe()
    }

    pub fn collect<T>(&self, of: impl Fn(&Happening) -> Option<T>) -> Vec<T> {
        self.all.lock().expect("no panic while it is held").iter().filter_map(of).collect()
    }

    /// One line for each, in time order, with the time since `from`.
    pub fn text(&self, from: Millis) -> String {
        let mut all = self.collect(|happening| Some(happening.clone()));
        all.sort_by_key(Happening::at);
        if all.is_empty() {
            return "  (nothing)\n".to_owned();
        }
        let line = |happening: &Happening| {
            let since = happening.at().saturating_sub(from) as f64 / 1_000.0;
            format!("  {since:>8.3}s  {happening}\n")
        };
        const MOST: usize = 300;
        let skipped = all.len().saturating_sub(MOST);
        let more = if skipped == 0 { String::new() } else { format!("  … {skipped} earlier\n") };
        more + &all[skipped..].iter().map(line).collect::<String>()
    }
}
