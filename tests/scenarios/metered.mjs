// The Worker, with a meter on everything that Cloudflare's plans count. It is run in the place of src/worker/entry.mjs, which
// it has around it unchanged: what is metered is what the platform itself gives the Worker.
//
// GET /counts tells the counts so far. GET /fill?repository=owner/name&runs=N gives a repository's Keeper N more runs,
// copies of the oldest that has come to an end, with as many decisions.

import worker, { KeeperObject as Keeper } from "./entry.mjs";

const counts = {
  worker_requests: 0,
  object_requests: 0,
  kv_reads: 0,
  kv_writes: 0,
  alarms_set: 0,
  github_calls: 0,
};
/** Of statements. How many rows they read and wrote is known when all of their rows were taken. */
const cursors = [];

/** Has `seen` told of each call of a method, of all objects of the same kind. */
function meter(object, method, seen) {
  const kind = Object.getPrototypeOf(object);
  const original = kind[method];
  if (original.metered) return;
  kind[method] = function (...values) {
    const result = original.apply(this, values);
    seen(result, values);
    return result;
  };
  kind[method].metered = true;
}

const send = globalThis.fetch;
globalThis.fetch = (...values) => {
  counts.github_calls += 1;
  return send(...values);
};

function fill(sql, runs) {
  // One that is due stands at the negative of its id.
  const first = "FROM runs WHERE run_id = (SELECT MIN(run_id) FROM runs WHERE run_id > 0)";
  const rest = (table, but) => Object.keys(sql.exec(`SELECT * FROM ${table} LIMIT 1`).one()).filter((name) => !but.includes(name));
  const copy = (into, what, from) =>
    sql.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${runs}) INSERT INTO ${into} SELECT ${what} ${from}`);
  const run = 10_000_000_000 + sql.exec("SELECT COUNT(*) AS runs FROM runs").one().runs;
  const ofRuns = rest("runs", ["run_id", "due", "publish"]).join(", ");
  copy(`runs (run_id, ${ofRuns})`, `${run} + i, ${ofRuns}`, `FROM n, (SELECT * ${first})`);
  const ofDecisions = rest("run_decisions", ["run_id"]).join(", ");
  copy(`run_decisions (run_id, ${ofDecisions})`, `${run} + i, ${ofDecisions}`, "FROM n, (SELECT * FROM run_decisions LIMIT 1)");
  return Response.json(sql.exec("SELECT COUNT(*) AS runs FROM runs").one());
}

export class KeeperObject extends Keeper {
  constructor(state, env) {
    // wrangler's local runtime notes an object's name at each start, in a table of its own.
    meter(state.storage.sql, "exec", (cursor, [statement]) => statement.includes("__miniflare") || cursors.push(cursor));
    meter(state.storage, "setAlarm", () => (counts.alarms_set += 1));
    super(state, env);
  }

  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/fill") return fill(this.ctx.storage.sql, Number(searchParams.get("runs")));
    counts.object_requests += 1;
    return super.fetch(request);
  }

  alarm() {
    counts.object_requests += 1;
    return super.alarm();
  }
}

export default {
  fetch(request, env, ctx) {
    meter(env.ATTEMPTS, "get", () => (counts.kv_reads += 1));
    meter(env.ATTEMPTS, "put", () => (counts.kv_writes += 1));
    const { pathname, search, searchParams } = new URL(request.url);
    if (pathname === "/counts") {
      const sum = (what) => cursors.reduce((sum, cursor) => sum + cursor[what], 0);
      return Response.json({ ...counts, rows_read: sum("rowsRead"), rows_written: sum("rowsWritten") });
    }
    if (pathname === "/fill") {
      return env.KEEPER.getByName(searchParams.get("repository")).fetch(`https://keeper/fill${search}`);
    }
    counts.worker_requests += 1;
    return worker.fetch(request, env, ctx);
  },
};
