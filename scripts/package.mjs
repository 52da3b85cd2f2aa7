// Makes dist/rerunner-VERSION.tgz (or in --out-dir), with which Rerunner is deployed on a machine that has Node.js and no
// Rust: what is deployed and the command (bundle.mjs), the schema, the presets, the catalogue's table, the Grafana dashboard and
// the alert rules, a README for those who use it, and the licences of what is compiled in. The same commit makes the same bytes.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { licenses } from "./licenses.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const given = process.argv.slice(2);
const out = given[0] === "--out-dir" ? resolve(given[1]) : join(root, "dist");
const folder = join(out, "package");

function run(command, args, options = {}) {
  const windows = process.platform === "win32" && command === "npm";
  const { status, error, stdout } = spawnSync(command, args, { cwd: root, stdio: "inherit", shell: windows, ...options });
  if (error) console.error(`${command} could not be started: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
  return stdout;
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
run(process.execPath, [join(root, "scripts/bundle.mjs"), "--out-dir", folder], { stdio: ["ignore", "ignore", "inherit"] });

// Settings are kept at Cloudflare: what is not in wrangler.toml stays as it is there, and begins as the Worker has it.
const settings = join(folder, "wrangler.toml");
const config = readFileSync(settings, "utf8");
const kept = config.replace(/^\[vars\]\n[\s\S]*?(?=^\[\[rules\]\])/m, "").replace(/^main = .*$/m, "$&\nkeep_vars = true");
if (kept.includes("[vars]") || !kept.includes("keep_vars")) throw new Error("wrangler.toml has no [vars] before its [[rules]]");
writeFileSync(settings, kept);

const monitoring = ["grafana-dashboard.json", "prometheus-alerts.yml"];
const policies = readdirSync(join(root, "docs/policies")).map((name) => `policies/${name}`);
const docs = ["rerunner.schema.json", "catalogue.md", ...monitoring, ...policies];
for (const name of docs) cpSync(join(root, "docs", name), join(folder, "docs", name));
cpSync(join(root, "docs/package.md"), join(folder, "README.md"));
cpSync(join(root, "LICENSE"), join(folder, "LICENSE"));
writeFileSync(join(folder, "LICENSES.md"), licenses());

const quietly = ["--ignore-scripts", "--loglevel=error"];
const said = run("npm", ["pack", "--json", "--pack-destination", out, ...quietly], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
const [{ filename }] = JSON.parse(said);
const file = join(out, filename);
const sum = createHash("sha256").update(readFileSync(file)).digest("hex");
console.log(`${file}: ${Math.ceil(statSync(file).size / 1024)} KiB, SHA-256 ${sum}`);
