// The peers' Keeper: the least that a Durable Object in JavaScript can do for the same answers. A run is stored once
// for each attempt, a delivery's id is remembered, and the alarm is set for what is due first.

import { DurableObject } from "cloudflare:workers";

export class KeeperObject extends DurableObject {
  #sql;
  #alarm = null;

  constructor(state, env) {
    super(state, env);
    this.#sql = state.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS runs (run_id INTEGER PRIMARY KEY, run_attempt INTEGER, due INTEGER, reason TEXT);
      CREATE TABLE IF NOT EXISTS deliveries (delivery_id TEXT PRIMARY KEY) WITHOUT ROWID;
    `);
  }

  async fetch(request) {
    const { hint } = await request.json();
    const recorded = (reason) => Response.json({ kind: "recorded", reason, due: null });
    if (this.#sql.exec("SELECT 1 FROM deliveries WHERE delivery_id = ?", hint.delivery).toArray().length > 0) {
      return recorded("this delivery was received before");
    }
    this.#sql.exec("INSERT INTO deliveries (delivery_id) VALUES (?)", hint.delivery);
    const known = this.#sql.exec("SELECT run_attempt FROM runs WHERE run_id = ?", hint.run_id).toArray();
    if (known.length > 0 && known[0].run_attempt >= hint.run_attempt) return recorded("the run is watched");
    const due = Date.now() + 3_600_000;
    const reason = hint.news === "run_failed" ? "workflow run failed" : "workflow job failed";
    const put = "INSERT OR REPLACE INTO runs (run_id, run_attempt, due, reason) VALUES (?, ?, ?, ?)";
    this.#sql.exec(put, hint.run_id, hint.run_attempt, due, reason);
    if (this.#alarm === null) {
      this.#alarm = due;
      await this.ctx.storage.setAlarm(due);
    }
    return Response.json({ kind: "scheduled", reason, due });
  }

  alarm() {}
}
