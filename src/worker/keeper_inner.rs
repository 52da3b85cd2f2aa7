//! What a Keeper's Durable Object has inside: its Keeper with its SQLite, its settings and credentials, what it knows of its alarm. All
//! that it does at once shares it.

use std::cell::Cell;
use std::rc::Rc;

use worker::worker_sys::DurableObjectState;
use worker::{Env, SqlStorage, SqlStorageValue, State};

use crate::github::Credentials;
use crate::keeper::store::{Sql, StoreError, Value};
use crate::keeper::{CommitStatuses, Keeper, Notifications};
use crate::policy::RerunSettings;
use crate::settings::Settings;
use crate::time::Millis;
use crate::worker::clock::now;
use crate::worker::{env, log};

pub struct Inner {
    pub state: State,
    pub env: Env,
    keeper: Result<Keeper<ObjectSql>, StoreError>,
    pub settings: Rc<Settings>,
    pub credentials: Credentials,
    pub rerun_settings: RerunSettings,
    /// The time that the alarm is known to be set for.
    pub armed: Cell<Option<Millis>>,
    /// When a task of the work in progress last began, if there is some.
    pub working: Cell<Option<Millis>>,
    /// Whether something has become due meanwhile.
    pub is_more_due: Cell<bool>,
    /// By the storage, since this was asked last.
    pub rows_read: Rc<Cell<usize>>,
}

impl Inner {
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        let state = State::from(state);
        let settings = env::settings(&env);
        let notices = settings
            .notify_url
            .as_ref()
            .map(|_| Notifications { per_hour: settings.notifications_per_hour, web_url: settings.github_web_url() });
        let comments = settings.comment_on_pull_requests.then(|| settings.github_web_url());
        let commit_statuses = CommitStatuses {
            context: settings.commit_status.clone().filter(|_| !settings.dry_run),
            web_url: settings.github_web_url(),
        };
        let rows_read = Rc::new(Cell::new(0));
        let sql = ObjectSql { sql: state.storage().sql(), rows_read: Rc::clone(&rows_read) };
        let keeper = Keeper::open(sql).map(|mut keeper| {
            keeper.policy_path.clone_from(&settings.policy_file);
            (keeper.notifications, keeper.comments) = (notices, comments);
            keeper.commit_statuses = commit_statuses;
            keeper.web_url = settings.github_web_url();
            keeper
        });
        let rerun_settings = RerunSettings::from(&*settings);
        let credentials = Credentials::new(Rc::clone(&settings));
        if let Ok(keeper) = &keeper {
            if let Err(error) = keeper.started(now()) {
                log::fault("keeper start", &error.to_string());
            }
            if let Ok(Some(identity)) = keeper.identity() {
                credentials.set_repository(identity.id);
                if let Some(installation) = identity.installation {
                    credentials.on_installation(installation);
                }
            }
        }
        let (armed, working, is_more_due) = (Cell::new(None), Cell::new(None), Cell::new(false));
        Self { state, env, keeper, settings, credentials, rerun_settings, armed, working, is_more_due, rows_read }
    }

    pub fn keeper(&self) -> Result<&Keeper<ObjectSql>, StoreError> {
        self.keeper.as_ref().map_err(Clone::clone)
    }
}

/// Its SQLite, as the Keeper's store uses it.
pub struct ObjectSql {
    sql: SqlStorage,
    /// By all statements so far, for whoever resets it.
    rows_read: Rc<Cell<usize>>,
}

impl Sql for ObjectSql {
    fn exec(&self, statement: &str, bindings: Vec<Value>) -> Result<Vec<Vec<Value>>, StoreError> {
        let binding = |value| match value {
            Value::Null => SqlStorageValue::Null,
            Value::Integer(integer) => SqlStorageValue::Integer(integer),
            Value::Text(text) => SqlStorageValue::String(text),
        };
        let column = |value| match value {
            SqlStorageValue::Null => Ok(Value::Null),
            SqlStorageValue::Integer(integer) => Ok(Value::Integer(integer)),
            SqlStorageValue::String(text) => Ok(Value::Text(text)),
            _ => Err(StoreError("a column of an unexpected type".to_owned())),
        };
        let fault = |error: worker::Error| StoreError(error.to_string());
        let bindings = bindings.into_iter().map(binding).collect::<Vec<_>>();
        let cursor = self.sql.exec(statement, bindings).map_err(fault)?;
        let rows = cursor.raw().map(|row| row.map_err(fault)?.into_iter().map(column).collect()).collect();
        self.rows_read.set(self.rows_read.get().saturating_add(cursor.rows_read()));
        rows
    }
}
