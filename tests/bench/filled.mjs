// Rerunner's bundle with a way to give a repository a past: GET /fill?repository=owner/name&runs=N copies what its Keeper has
// until there are N runs, spread over 30 days, and what Workers KV has of it until the overview has as many repositories as
// REPOSITORIES. Rows are copied by the names of their columns, so that the Keeper's tables may change.

import worker, { KeeperObject as Keeper } from "./entry.js";

const DAYS = 30;
const REPOSITORIES = 100;
/** Of each job and runner that has failed. */
const SUBJECTS = 20;
const FIRST_RUN = 100_000_000_000;
const DAY = 86_400_000;

// What is copied for each run more and for each subject more: tables, and what of a row is another in its copy number `i`.
const OF_A_RUN = {
  tables: ["runs", "run_decisions"],
  columns: { run_id: "copies.new_run", due: "NULL", publish: "NULL" },
};
const A_MONTH = `(WITH RECURSIVE back (ago) AS (SELECT ${DAYS - 1} UNION ALL SELECT ago - 1 FROM back WHERE ago > 0)
  SELECT json_group_array(json_array(unixepoch() / 86400 - ago, 1, 1, 1)) FROM back)`;
const OF_A_SUBJECT = {
  tables: ["subjects"],
  columns: { subject_id: "subject_id + 1000 * i", name: "name || ' ' || i", days: A_MONTH },
};
// What today brought stands in one row; of the days before, each has rows like it.
const FIGURES = ["rescued", "exhausted", "left", "failed", "superseded", "reruns", "runner_seconds", "saved_seconds"];
const DAYS_BEFORE = `INSERT INTO days SELECT (value ->> 'day') - i, ${FIGURES.map((name) => `value ->> '$.figures.${name}'`).join(", ")}
  FROM repository JOIN numbers WHERE name = 'ledger'`;
const RERUN_DAYS_BEFORE = `INSERT INTO rerun_days (day, policy, rules, made_1, rescued_1, wasted_1)
  SELECT (ledger.value ->> 'day') - i, of.value ->> '$[0].policy', of.value ->> '$[0].rules',
    of.value ->> '$[1][0][0]', of.value ->> '$[1][0][1]', of.value ->> '$[1][0][2]'
  FROM repository AS ledger JOIN numbers JOIN json_each(ledger.value, '$.reruns') AS of WHERE ledger.name = 'ledger'`;

/** Columns of a table and what is put into them, `i` being of a copy; times are put back by `age`, if there is one. */
function copied(sql, table, { columns }, age) {
  const names = sql.exec(`SELECT * FROM ${table} LIMIT 1`).columnNames;
  const isTime = (name) => `typeof(${name}) = 'integer' AND ${name} BETWEEN 1500000000000 AND 2500000000000`;
  const back = (name) => (age ? `CASE WHEN ${isTime(name)} THEN ${name} - ${age} ELSE ${name} END` : name);
  return { into: names.join(", "), what: names.map((name) => columns[name] ?? back(name)).join(", ") };
}

function fill(sql, runs) {
  const numbers = (last) => `WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ${last})`;

  // The newest have the highest ids. Each is a copy of one that there was, in turns.
  const own = sql.exec("SELECT COUNT(*) AS runs FROM runs WHERE run_id > 0").one().runs;
  const more = runs - own;
  const age = `(${more} - i) * ${DAYS * DAY} / ${more}`;
  const known = `known AS (SELECT run_id AS old_run, ROW_NUMBER() OVER (ORDER BY run_id) - 1 AS place FROM runs WHERE run_id BETWEEN 1 AND ${FIRST_RUN - 1})`;
  const copies = `copies AS (SELECT i, old_run, ${FIRST_RUN} + i AS new_run, ${age} AS age FROM numbers JOIN known ON place = i % ${own})`;
  OF_A_RUN.tables.forEach((table) => {
    const { into, what } = copied(sql, table, OF_A_RUN, "copies.age");
    sql.exec(`${numbers(more)}, ${known}, ${copies} INSERT INTO ${table} (${into}) SELECT ${what} FROM copies JOIN ${table} ON run_id = old_run`);
  });
  OF_A_SUBJECT.tables.forEach((table) => {
    const { into, what } = copied(sql, table, OF_A_SUBJECT);
    // Of what is there now, and not of the copies.
    sql.exec(`${numbers(SUBJECTS - 1)} INSERT INTO ${table} (${into}) SELECT ${what} FROM (SELECT * FROM ${table}) JOIN numbers`);
  });
  for (const before of [DAYS_BEFORE, RERUN_DAYS_BEFORE]) sql.exec(`${numbers(DAYS - 1)} ${before}`);
  const filled = sql.exec("SELECT COUNT(*) AS runs FROM runs").one();
  return Response.json({ ...filled, bytes: sql.databaseSize });
}

async function fillOverview(kv, repository) {
  const summary = JSON.parse(await kv.get(`repositories/${repository}`));
  for (let number = 1; number < REPOSITORIES; number += 1) {
    const metadata = { ...summary, n: `${summary.n}-${number}` };
    await kv.put(`repositories/${repository}-${number}`, JSON.stringify(metadata), { metadata });
  }
}

export class KeeperObject extends Keeper {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/fill") return fill(this.ctx.storage.sql, Number(searchParams.get("runs")));
    return super.fetch(request);
  }
}

export default {
  async fetch(request, env, ctx) {
    const { pathname, search, searchParams } = new URL(request.url);
    if (pathname !== "/fill") return worker.fetch(request, env, ctx);
    const repository = searchParams.get("repository");
    await fillOverview(env.ATTEMPTS, repository);
    return env.KEEPER.getByName(repository).fetch(`https://keeper/fill${search}`);
  },
};
