// What Prometheus' own tool says of docs/prometheus-alerts.yml, of the expressions of docs/grafana-dashboard.json, and of
// /metrics, as a unit test has written it. Needs promtool: of Debian's package prometheus, or of Prometheus' releases.
//
//   node scripts/promtool.mjs [PROMTOOL]

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const promtool = process.argv[2] ?? "promtool";
const folder = mkdtempSync(join(tmpdir(), "promtool-"));
let failed = false;

/** Shows what it says, and returns whether it is content. */
function run(what, command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: [options.input ? "pipe" : "ignore", "inherit", "inherit"], ...options });
  if (error?.code === "ENOENT") {
    console.error(`error: there is no ${command}. On Debian: apt-get install prometheus. Or: node scripts/promtool.mjs PROMTOOL`);
    process.exit(2);
  }
  if (status !== 0) console.error(`error: ${what}`);
  failed ||= status !== 0;
}

try {
  run("docs/prometheus-alerts.yml is not what Prometheus takes", promtool, ["check", "rules", "docs/prometheus-alerts.yml"]);

  // A panel's expression is checked as a recording rule's, with what Grafana would put in place of its variables.
  const dashboard = JSON.parse(readFileSync(join(root, "docs/grafana-dashboard.json"), "utf8"));
  const expressions = dashboard.panels.flatMap((panel) => panel.targets.map((target) => target.expr));
  const values = { $repository: ".*", $__range: "7d", $__rate_interval: "10m" };
  const filled = (expr) => expr.replace(/\$\w+/g, (variable) => values[variable] ?? variable);
  const rules = expressions.map((expr, at) => ({ record: `panel:${at}`, expr: filled(expr) }));
  const file = join(folder, "dashboard.yml");
  writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
  run("an expression of docs/grafana-dashboard.json is not PromQL", promtool, ["check", "rules", file]);

  const metrics = join(folder, "metrics.txt");
  const env = { ...process.env, RERUNNER_METRICS: metrics };
  run("the unit tests failed", "cargo", ["test", "--quiet", "--lib", "monitoring::"], { env });
  if (!failed) run("/metrics is not what Prometheus takes", promtool, ["check", "metrics"], { input: readFileSync(metrics) });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
