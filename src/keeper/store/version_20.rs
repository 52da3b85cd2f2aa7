//! The step to version 20: what can be derived is not stored, and each thing is stored once.
//!
//! Nothing is copied that a repository has many of: runs stay where they are, and decisions on them are read where they are
//! until they are forgotten.

/// See [`super::migrations`].
pub const STATEMENTS: &[&str] = &[
    "ALTER TABLE runs ADD COLUMN rerunning INTEGER",
    "ALTER TABLE runs ADD COLUMN seen TEXT",
    "ALTER TABLE runs ADD COLUMN open_rerun TEXT",
    "ALTER TABLE runs ADD COLUMN reserved INTEGER",
    // A run that is due, or may be, stands at the negative of its id: so they are found without an index.
    // While it is, its outcome in the index stays the same.
    "UPDATE runs SET run_id = -run_id, rerunning = CASE outcome WHEN 'rerunning' THEN 1 END,
        outcome = CASE outcome WHEN 'rerunning' THEN 'waiting' ELSE outcome END WHERE run_id IN
        (SELECT run_id FROM runs WHERE due IS NOT NULL UNION SELECT run_id FROM runs WHERE outcome IN ('waiting', 'rerunning'))",
    "DROP INDEX runs_due",
    // A re-run whose end is awaited stands with its run.
    "UPDATE runs SET open_rerun = json_object('run_attempt', open.run_attempt, 'subjects', json(open.subjects),
            'unknown', json(IFNULL(open.unknown, '[]')), 'counted', CASE WHEN open.day IS NULL THEN NULL ELSE json_object(
                'day', open.day, 'label', json_object('policy', open.policy, 'rules', open.rules), 'ordinal', open.ordinal) END)
        FROM open_reruns AS open WHERE runs.run_id IN (open.run_id, -open.run_id)",
    "DROP TABLE open_reruns",
    // By run, so that no index has to say which are a run's.
    "CREATE TABLE run_decisions (
        run_id INTEGER NOT NULL,
        number INTEGER NOT NULL,
        run_attempt INTEGER,
        decided INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        reason TEXT NOT NULL,
        detail TEXT,
        PRIMARY KEY (run_id, number)
    ) WITHOUT ROWID",
    // What fails, with its days.
    "CREATE TABLE subjects_20 (
        kind TEXT NOT NULL,
        subject_id INTEGER NOT NULL,
        workflow_id INTEGER,
        workflow TEXT NOT NULL,
        name TEXT NOT NULL,
        step TEXT NOT NULL,
        last_seen INTEGER NOT NULL,
        own_seen INTEGER,
        last_run INTEGER NOT NULL,
        days TEXT NOT NULL,
        PRIMARY KEY (kind, subject_id)
    ) WITHOUT ROWID",
    "WITH counted AS (SELECT subject_id, json_group_array(json_array(day, failed, judged, passed, unknown, unknown_judged,
            unknown_passed, forks_failed, forks_judged, forks_passed)) AS days
        FROM (SELECT * FROM subject_days ORDER BY subject_id, day) GROUP BY subject_id)
     INSERT INTO subjects_20 SELECT kind, subjects.subject_id, workflow_id, workflow, name, step, last_seen, own_seen,
        last_run, IFNULL(days, '[]') FROM subjects LEFT JOIN counted ON counted.subject_id = subjects.subject_id",
    "DROP TABLE subjects",
    "DROP TABLE subject_days",
    "ALTER TABLE subjects_20 RENAME TO subjects",
    // What changes with nearly each step stands in one row.
    "INSERT INTO repository SELECT 'ledger', json_object(
        'totals', json(IFNULL((SELECT value FROM repository WHERE name = 'totals'), '{}')),
        'summary', json(IFNULL((SELECT value FROM repository WHERE name = 'summary'), '{}')),
        'spent', json((SELECT json_group_array(json_array(at, 1, runner_seconds)) FROM (SELECT * FROM reruns ORDER BY at))))",
    "DELETE FROM repository WHERE name IN ('totals', 'summary')",
    // What was reserved for calls on their way is taken for spent.
    "DROP TABLE reruns",
];
