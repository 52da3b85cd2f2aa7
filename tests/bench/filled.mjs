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

// What is copied for each run more, for each subject more and for each day before today: tables, and what of a row is another
// in its copy number `i`. A column that is `undefined` is left to SQLite. Tables that are not there are left out.
const OF_A_RUN = {
  tables: ["runs", "decisions", "reruns"],
  columns: { run_id: "copies.new_run", last_run: "copies.new_run", decision_id: undefined, due: "NULL", publish: "NULL" },
};
const OF_A_SUBJECT = {
  tables: ["subjects", "subject_days"],
  columns: { subject_id: "subject_id + 1000 * i", name: "name || ' ' || i" },
};
const OF_A_DAY = { tables: ["days", "subject_days", "rerun_days"], columns: { day: "day - i" } };

/** Columns of a table and what is put into them, `i` being of a copy; times are put back by `age`, if there is one. */
function copied(sql, table, { columns }, age) {
  const names = sql.exec(`SELECT * FROM ${table} LIMIT 1`).columnNames;
  const into = names.filter((name) => !(name in columns) || columns[name] !== undefined);
  const isTime = (name) => `typeof(${name}) = 'integer' AND ${name} BETWEEN 1500000000000 AND 2500000000000`;
  const back = (name) => (age ? `CASE WHEN ${isTime(name)} THEN ${name} - ${age} ELSE ${name} END` : name);
  return { into: into.join(", "), what: into.map((name) => columns[name] ?? back(name)).join(", ") };
}

function fill(sql, runs) {
  const there = new Set([...sql.exec("SELECT name FROM sqlite_schema WHERE type = 'table'")].map(({ name }) => name));
  const each = (of, copy) => of.tables.filter((table) => there.has(table)).forEach(copy);
  const numbers = (last) => `WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ${last})`;

  // The newest have the highest ids. Each is a copy of one that there was, in turns.
  const own = sql.exec("SELECT COUNT(*) AS runs FROM runs").one().runs;
  const more = runs - own;
  const age = `(${more} - i) * ${DAYS * DAY} / ${more}`;
  const known = `known AS (SELECT run_id AS old_run, ROW_NUMBER() OVER (ORDER BY run_id) - 1 AS place FROM runs WHERE run_id < ${FIRST_RUN})`;
  const copies = `copies AS (SELECT i, old_run, ${FIRST_RUN} + i AS new_run, ${age} AS age FROM numbers JOIN known ON place = i % ${own})`;
  each(OF_A_RUN, (table) => {
    const { into, what } = copied(sql, table, OF_A_RUN, "copies.age");
    sql.exec(`${numbers(more)}, ${known}, ${copies} INSERT INTO ${table} (${into}) SELECT ${what} FROM copies JOIN ${table} ON run_id = old_run`);
  });
  for (const [of, last] of [[OF_A_SUBJECT, SUBJECTS - 1], [OF_A_DAY, DAYS - 1]]) {
    each(of, (table) => {
      const { into, what } = copied(sql, table, of);
      // Of what is there now, and not of the copies.
      sql.exec(`${numbers(last)} INSERT INTO ${table} (${into}) SELECT ${what} FROM (SELECT * FROM ${table}) JOIN numbers`);
    });
  }
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
