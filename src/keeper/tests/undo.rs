//! What makes storage that of an earlier version again.

/// What makes storage that of the version before commands again.
pub const UNDO_COMMANDS: [&str; 3] =
    ["DROP TABLE commands", "DROP TABLE stopped_pulls", "ALTER TABLE runs DROP COLUMN commanded"];

/// What makes storage that of version 16 again, where each time had an index, and runs did not say whose a command was.
pub const UNDO_DUE_COMMANDS: [&str; 6] = [
    "ALTER TABLE commands RENAME TO later",
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
    "INSERT INTO commands SELECT comment_id, pull, received, login, given_by, command, stage, due, failures, runs, reply, \
     reply_due, reply_failures FROM later",
    "DROP TABLE later",
    "CREATE INDEX commands_due ON commands (due) WHERE due IS NOT NULL",
    "UPDATE runs SET commanded = json_remove(commanded, '$.pull') WHERE commanded IS NOT NULL",
];

/// What makes storage that of version 18 again, which did not tell forks' failures from others.
pub const UNDO_TO_18: [&str; 4] = [
    "ALTER TABLE subject_days DROP COLUMN forks_failed",
    "ALTER TABLE subject_days DROP COLUMN forks_judged",
    "ALTER TABLE subject_days DROP COLUMN forks_passed",
    "ALTER TABLE subjects DROP COLUMN own_seen",
];

/// What makes storage that of version 17 again, from version 18.
pub const UNDO_TO_17: &str = "ALTER TABLE commit_statuses DROP COLUMN leads_to";

/// What makes storage that of version 15 again, which had a row for each run of a pull request.
pub const UNDO_TO_15: [&str; 10] = [
    UNDO_TO_17,
    "CREATE TABLE pull_runs (run_id INTEGER PRIMARY KEY, pull INTEGER NOT NULL)",
    "CREATE INDEX pull_runs_pull ON pull_runs (pull)",
    "INSERT INTO pull_runs SELECT run_id, pull FROM runs WHERE pull IS NOT NULL",
    "ALTER TABLE runs DROP COLUMN pull",
    "ALTER TABLE pull_comments RENAME TO later",
    "CREATE TABLE pull_comments (
        pull INTEGER PRIMARY KEY,
        comment_id INTEGER,
        created INTEGER NOT NULL,
        due INTEGER,
        tries INTEGER NOT NULL,
        failures INTEGER NOT NULL DEFAULT 0,
        deleted INTEGER NOT NULL DEFAULT 0,
        silent_until INTEGER
    )",
    "CREATE INDEX pull_comments_due ON pull_comments (due) WHERE due IS NOT NULL",
    "INSERT INTO pull_comments SELECT pull, comment_id, created, due, 0, failures, deleted, silent_until FROM later",
    "DROP TABLE later",
];

/// What makes storage of version 15 that of version 10 again.
pub const UNDO_TO_10: [&str; 22] = [
    "DROP TABLE commit_statuses",
    "ALTER TABLE runs DROP COLUMN head_sha",
    "ALTER TABLE runs DROP COLUMN in_short",
    UNDO_COMMANDS[0],
    UNDO_COMMANDS[1],
    UNDO_COMMANDS[2],
    "DROP TABLE flaky_issues",
    "DROP TABLE rerun_days",
    "ALTER TABLE open_reruns DROP COLUMN day",
    "ALTER TABLE open_reruns DROP COLUMN policy",
    "ALTER TABLE open_reruns DROP COLUMN rules",
    "ALTER TABLE open_reruns DROP COLUMN ordinal",
    "ALTER TABLE open_reruns DROP COLUMN unknown",
    "ALTER TABLE subjects DROP COLUMN unknown",
    "ALTER TABLE subject_days DROP COLUMN unknown",
    "ALTER TABLE subject_days DROP COLUMN unknown_judged",
    "ALTER TABLE subject_days DROP COLUMN unknown_passed",
    "DROP INDEX runs_held",
    "ALTER TABLE runs DROP COLUMN held",
    "ALTER TABLE runs DROP COLUMN held_attempt",
    "ALTER TABLE runs DROP COLUMN held_since",
    "DROP TABLE outage_failures",
];
