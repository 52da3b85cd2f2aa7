//! The tables of a repository's storage, version by version. Storage outlives the Worker's versions: what is in this list is
//! never changed, only added to.

use super::{Sql, Store, StoreError, Value};

/// Each entry brings a Keeper's storage to the next version, when the Keeper starts. Oldest first.
const MIGRATIONS: &[&[&str]] = &[
    // 1: runs, and what was decided on them.
    &[
        "CREATE TABLE runs (
            run_id INTEGER PRIMARY KEY,
            outcome TEXT NOT NULL,
            reason TEXT NOT NULL,
            run_attempt INTEGER,
            decided_attempt INTEGER,
            calling_attempt INTEGER,
            calling_since INTEGER,
            calling_again INTEGER,
            reruns INTEGER NOT NULL,
            due INTEGER,
            failed_at INTEGER NOT NULL,
            complete INTEGER NOT NULL,
            tries INTEGER NOT NULL,
            trouble_since INTEGER,
            workflow TEXT,
            created INTEGER NOT NULL,
            updated INTEGER NOT NULL,
            looked INTEGER,
            publish INTEGER,
            published INTEGER NOT NULL
        )",
        "CREATE INDEX runs_due ON runs (due) WHERE due IS NOT NULL",
        "CREATE INDEX runs_publish ON runs (publish) WHERE publish IS NOT NULL",
        "CREATE TABLE decisions (
            decision_id INTEGER PRIMARY KEY,
            run_id INTEGER NOT NULL,
            run_attempt INTEGER,
            decided INTEGER NOT NULL,
            outcome TEXT NOT NULL,
            reason TEXT NOT NULL
        )",
        "CREATE INDEX decisions_run ON decisions (run_id)",
        // By day first, so that a day's ids lie together and are forgotten without a search.
        "CREATE TABLE deliveries (day INTEGER NOT NULL, delivery_id TEXT NOT NULL, PRIMARY KEY (day, delivery_id)) WITHOUT ROWID",
        // One row for each thing the Keeper knows of its repository as a whole.
        "CREATE TABLE repository (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    ],
    // 2: policies. What decisions go by, and what a run looks like to those who look.
    &[
        "ALTER TABLE decisions ADD COLUMN detail TEXT",
        "ALTER TABLE runs ADD COLUMN detail TEXT",
        "ALTER TABLE runs ADD COLUMN event TEXT",
        "ALTER TABLE runs ADD COLUMN head_branch TEXT",
        "ALTER TABLE runs ADD COLUMN actor TEXT",
        "ALTER TABLE runs ADD COLUMN run_number INTEGER",
        "ALTER TABLE runs ADD COLUMN title TEXT",
        "ALTER TABLE runs ADD COLUMN evidence_since INTEGER",
        // What was taken from the budget. One row for an attempt, however often its re-run had to be asked for.
        "CREATE TABLE reruns (
            run_id INTEGER NOT NULL,
            run_attempt INTEGER NOT NULL,
            at INTEGER NOT NULL,
            runner_seconds INTEGER NOT NULL,
            PRIMARY KEY (run_id, run_attempt)
        ) WITHOUT ROWID",
        "CREATE INDEX reruns_at ON reruns (at)",
    ],
    // 3: statistics.
    &[
        "CREATE TABLE days (
            day INTEGER PRIMARY KEY,
            rescued INTEGER NOT NULL,
            exhausted INTEGER NOT NULL,
            left_alone INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            superseded INTEGER NOT NULL,
            reruns INTEGER NOT NULL,
            runner_seconds INTEGER NOT NULL,
            saved_seconds INTEGER NOT NULL
        )",
        // What fails: a job at a step, or a runner.
        "CREATE TABLE subjects (
            subject_id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            workflow TEXT NOT NULL,
            name TEXT NOT NULL,
            step TEXT NOT NULL,
            failed INTEGER NOT NULL,
            last_seen INTEGER NOT NULL,
            last_run INTEGER NOT NULL
        )",
        "CREATE INDEX subjects_failed ON subjects (kind, failed)",
        // By day first, so that a day's rows lie together and are forgotten without a search.
        "CREATE TABLE subject_days (
            day INTEGER NOT NULL,
            subject_id INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            judged INTEGER NOT NULL,
            passed INTEGER NOT NULL,
            PRIMARY KEY (day, subject_id)
        ) WITHOUT ROWID",
        // Re-runs whose end is awaited, with the jobs that they were for.
        "CREATE TABLE open_reruns (run_id INTEGER PRIMARY KEY, run_attempt INTEGER NOT NULL, subjects TEXT NOT NULL)",
        // The newest runs of one outcome; without an outcome, run ids alone are in order.
        "CREATE INDEX runs_outcome ON runs (outcome)",
    ],
    // 4: notifications.
    &[
        "CREATE TABLE notices (
            run_id INTEGER NOT NULL,
            kind TEXT NOT NULL,
            created INTEGER NOT NULL,
            due INTEGER,
            tries INTEGER NOT NULL,
            PRIMARY KEY (run_id, kind)
        ) WITHOUT ROWID",
        "CREATE INDEX notices_due ON notices (due) WHERE due IS NOT NULL",
    ],
    // 5: comments on pull requests.
    &[
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
    ],
    // 6: what GitHub refused for a reason that may be the run's or the account's.
    &[
        "ALTER TABLE runs ADD COLUMN refused TEXT",
        "ALTER TABLE runs ADD COLUMN refused_attempt INTEGER",
        "ALTER TABLE runs ADD COLUMN refused_since INTEGER",
        "CREATE INDEX runs_refused ON runs (refused) WHERE refused IS NOT NULL",
    ],
    // 7: a workflow is known by its id. What stands under `workflow` in a row without one is the run's own name, which
    // can be another.
    &[
        "ALTER TABLE runs ADD COLUMN workflow_id INTEGER",
        "ALTER TABLE runs ADD COLUMN workflow_path TEXT",
        "ALTER TABLE subjects ADD COLUMN workflow_id INTEGER",
    ],
    // 8: attempts to collect evidence are counted, so that what kills the object is not tried for ever.
    &["ALTER TABLE runs ADD COLUMN gathering_attempt INTEGER", "ALTER TABLE runs ADD COLUMN gathering_times INTEGER"],
    // 9: a comment is known by its author. Before, a stranger's could be taken for ours, and its deletion for a wish to
    // have none: what is ours is looked for anew.
    &[
        "ALTER TABLE pull_comments DROP COLUMN gone",
        // How often in a row it was found to be deleted.
        "ALTER TABLE pull_comments ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE pull_comments ADD COLUMN silent_until INTEGER",
        "UPDATE pull_comments SET comment_id = NULL",
    ],
    // 10: how often in a row a comment could not be written. What a crash ended does not count.
    &["ALTER TABLE pull_comments ADD COLUMN failures INTEGER NOT NULL DEFAULT 0"],
    // 11: outages: what runs fail with, and which runs are held.
    &[
        "ALTER TABLE runs ADD COLUMN held TEXT",
        "ALTER TABLE runs ADD COLUMN held_attempt INTEGER",
        "ALTER TABLE runs ADD COLUMN held_since INTEGER",
        "CREATE INDEX runs_held ON runs (held, failed_at) WHERE held IS NOT NULL",
        "CREATE TABLE outage_failures (outage TEXT PRIMARY KEY, failures TEXT NOT NULL, updated INTEGER NOT NULL) WITHOUT ROWID",
    ],
    // 12: what re-runs brought, by what they were decided by and by which of a run's re-runs they were; and failures that no
    // rule and no entry of the catalogue knew.
    &[
        // By day first, as above. `made_4` is of the fourth re-run and of all later ones.
        "CREATE TABLE rerun_days (
            day INTEGER NOT NULL,
            policy TEXT NOT NULL,
            rules TEXT NOT NULL,
            made_1 INTEGER NOT NULL DEFAULT 0,
            made_2 INTEGER NOT NULL DEFAULT 0,
            made_3 INTEGER NOT NULL DEFAULT 0,
            made_4 INTEGER NOT NULL DEFAULT 0,
            rescued_1 INTEGER NOT NULL DEFAULT 0,
            rescued_2 INTEGER NOT NULL DEFAULT 0,
            rescued_3 INTEGER NOT NULL DEFAULT 0,
            rescued_4 INTEGER NOT NULL DEFAULT 0,
            wasted_1 INTEGER NOT NULL DEFAULT 0,
            wasted_2 INTEGER NOT NULL DEFAULT 0,
            wasted_3 INTEGER NOT NULL DEFAULT 0,
            wasted_4 INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (day, policy, rules)
        ) WITHOUT ROWID",
        // Where in `rerun_days` a re-run was counted. A row without is of the version before, and is not there.
        "ALTER TABLE open_reruns ADD COLUMN day INTEGER",
        "ALTER TABLE open_reruns ADD COLUMN policy TEXT",
        "ALTER TABLE open_reruns ADD COLUMN rules TEXT",
        "ALTER TABLE open_reruns ADD COLUMN ordinal INTEGER",
        // Those of `subjects` that nobody knew.
        "ALTER TABLE open_reruns ADD COLUMN unknown TEXT",
        "ALTER TABLE subjects ADD COLUMN unknown INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE subject_days ADD COLUMN unknown INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE subject_days ADD COLUMN unknown_judged INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE subject_days ADD COLUMN unknown_passed INTEGER NOT NULL DEFAULT 0",
    ],
    // 13: commit statuses. Of a commit, one for each workflow and event: of which run it is, and what GitHub shows.
    &[
        "ALTER TABLE runs ADD COLUMN head_sha TEXT",
        "ALTER TABLE runs ADD COLUMN in_short TEXT",
        // GitHub compares contexts without regard to case. What is due is first in the key, so that it is found without an
        // index: each change is one row written.
        "CREATE TABLE commit_statuses (
            is_due INTEGER NOT NULL,
            sha TEXT NOT NULL,
            context TEXT NOT NULL COLLATE NOCASE,
            workflow TEXT NOT NULL,
            event TEXT NOT NULL,
            run_id INTEGER NOT NULL,
            due INTEGER,
            state TEXT,
            description TEXT,
            begun INTEGER NOT NULL,
            failures INTEGER NOT NULL,
            written INTEGER NOT NULL,
            PRIMARY KEY (is_due, sha, context)
        ) WITHOUT ROWID",
    ],
    // 14: commands on pull requests.
    &[
        "ALTER TABLE runs ADD COLUMN commanded TEXT",
        "CREATE TABLE commands (
            comment_id INTEGER PRIMARY KEY,
            pull INTEGER NOT NULL,
            received INTEGER NOT NULL,
            login TEXT NOT NULL,
            given_by TEXT NOT NULL,
            command TEXT NOT NULL,
            stage TEXT NOT NULL,
            due INTEGER,
            failures INTEGER NOT NULL,
            runs TEXT NOT NULL,
            reply TEXT NOT NULL,
            reply_due INTEGER,
            reply_failures INTEGER NOT NULL
        )",
        "CREATE INDEX commands_pull ON commands (pull, received)",
        "CREATE INDEX commands_received ON commands (received)",
        "CREATE INDEX commands_due ON commands (due) WHERE due IS NOT NULL",
        "CREATE INDEX commands_reply_due ON commands (reply_due) WHERE reply_due IS NOT NULL",
        "CREATE TABLE stopped_pulls (
            pull INTEGER PRIMARY KEY,
            login TEXT NOT NULL,
            since INTEGER NOT NULL,
            branch TEXT NOT NULL,
            head_repository INTEGER,
            is_own INTEGER NOT NULL,
            is_default INTEGER NOT NULL,
            given_by TEXT NOT NULL
        )",
        "CREATE INDEX stopped_pulls_branch ON stopped_pulls (branch)",
    ],
    // 15: issues for flaky jobs.
    &[
        "CREATE TABLE flaky_issues (
            job_key TEXT PRIMARY KEY,
            workflow_id INTEGER NOT NULL,
            workflow TEXT NOT NULL,
            job TEXT NOT NULL,
            issue INTEGER,
            is_open INTEGER NOT NULL,
            opened INTEGER,
            written INTEGER,
            noted INTEGER NOT NULL,
            claimed_until INTEGER,
            due INTEGER,
            failures INTEGER NOT NULL,
            silent_until INTEGER,
            updated INTEGER NOT NULL
        ) WITHOUT ROWID",
        "CREATE INDEX flaky_issues_due ON flaky_issues (due) WHERE due IS NOT NULL",
    ],
    // 16: of a pull request one row, with the runs that its comment tells of; each change of it is one row written, as of
    // commit statuses.
    &[
        "ALTER TABLE runs ADD COLUMN pull INTEGER",
        "UPDATE runs SET pull = pull_runs.pull FROM pull_runs WHERE pull_runs.run_id = runs.run_id",
        "CREATE TABLE pull_comments_16 (
            is_due INTEGER NOT NULL,
            pull INTEGER NOT NULL,
            comment_id INTEGER,
            created INTEGER NOT NULL,
            due INTEGER,
            failures INTEGER NOT NULL,
            deleted INTEGER NOT NULL,
            silent_until INTEGER,
            runs TEXT NOT NULL,
            PRIMARY KEY (is_due, pull)
        ) WITHOUT ROWID",
        "INSERT INTO pull_comments_16
         SELECT due IS NOT NULL, pull, comment_id, created, due, failures, deleted, silent_until,
            (SELECT json_group_array(run_id) FROM
                (SELECT run_id FROM pull_runs WHERE pull_runs.pull = pull_comments.pull ORDER BY run_id DESC LIMIT 10))
         FROM pull_comments",
        "DROP TABLE pull_comments",
        "DROP TABLE pull_runs",
        "ALTER TABLE pull_comments_16 RENAME TO pull_comments",
    ],
    // 17: whether something is to be done about a command is first in its key, in place of three indexes; and a run says which
    // pull request its command is of.
    &[
        "UPDATE runs SET commanded = json_set(commanded, '$.pull', IFNULL((SELECT commands.pull FROM commands
            WHERE commands.comment_id = json_extract(runs.commanded, '$.comment_id')), 0)) WHERE commanded IS NOT NULL",
        "CREATE TABLE commands_17 (
            is_due INTEGER NOT NULL,
            comment_id INTEGER NOT NULL,
            pull INTEGER NOT NULL,
            received INTEGER NOT NULL,
            login TEXT NOT NULL,
            given_by TEXT NOT NULL,
            command TEXT NOT NULL,
            stage TEXT NOT NULL,
            due INTEGER,
            failures INTEGER NOT NULL,
            runs TEXT NOT NULL,
            reply TEXT NOT NULL,
            reply_due INTEGER,
            reply_failures INTEGER NOT NULL,
            PRIMARY KEY (is_due, comment_id)
        ) WITHOUT ROWID",
        "INSERT INTO commands_17
         SELECT due IS NOT NULL OR reply_due IS NOT NULL, comment_id, pull, received, login, given_by, command, stage, due,
            failures, runs, reply, reply_due, reply_failures
         FROM commands",
        "DROP TABLE commands",
        "ALTER TABLE commands_17 RENAME TO commands",
        "CREATE INDEX commands_received ON commands (received)",
    ],
    // 18: a commit status leads to a run, which can be another than the one that is to be shown by now.
    &[
        "ALTER TABLE commit_statuses ADD COLUMN leads_to INTEGER",
        "UPDATE commit_statuses SET leads_to = run_id WHERE is_due IN (0, 1) AND state IS NOT NULL",
    ],
    // 19: of what fails, how much of it was in runs that may be forks', and when it last did in another. What was counted before
    // is taken for the repository's own.
    &[
        "ALTER TABLE subject_days ADD COLUMN forks_failed INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE subject_days ADD COLUMN forks_judged INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE subject_days ADD COLUMN forks_passed INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE subjects ADD COLUMN own_seen INTEGER",
        "UPDATE subjects SET own_seen = last_seen",
    ],
    super::version_20::STATEMENTS,
];

/// What a Keeper's storage is brought to when it starts.
pub const STORAGE_VERSION: usize = MIGRATIONS.len();

impl<S: Sql> Store<S> {
    pub(super) fn migrate(&self) -> Result<(), StoreError> {
        self.change("CREATE TABLE IF NOT EXISTS schema (version INTEGER NOT NULL)", vec![])?;
        let version = match self.first("SELECT version FROM schema", vec![])? {
            Some(mut row) => usize::try_from(row.integer()?).unwrap_or_default(),
            None => {
                self.change("INSERT INTO schema (version) VALUES (0)", vec![])?;
                0
            }
        };
        if version > MIGRATIONS.len() {
            // What is not understood is neither read nor changed: webhooks are refused, and can be sent again.
            let known = MIGRATIONS.len();
            return Err(StoreError(format!(
                "it has version {version}, and this Rerunner supports {known}: upgrade Rerunner again"
            )));
        }
        for (statements, version) in MIGRATIONS.iter().zip(1_i64..).skip(version) {
            for statement in *statements {
                self.change(statement, vec![])?;
            }
            self.change("UPDATE schema SET version = ?", vec![Value::Integer(version)])?;
        }
        Ok(())
    }
}
