// Puts into dist/ (or --out-dir) what is deployed: the Worker, built and bundled, a wrangler.toml that builds nothing, and
// the command. With it, `wrangler deploy --config dist/wrangler.toml` needs no Rust and runs nothing of this project, so
// that the token for Cloudflare is given to it alone (.github/workflows/deploy.yml).

import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { config, entry } from "./deployed-config.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const given = process.argv.slice(2);
const dist = given[0] === "--out-dir" ? resolve(given[1]) : join(root, "dist");
const windows = process.platform === "win32";
const text = (path) => readFileSync(join(root, path), "utf8");

rmSync(dist, { recursive: true, force: true });
// A folder of its own: wrangler uploads all modules that it finds beside the entry.
const worker = join(dist, "worker");
const { status, error } = spawnSync(
  join(root, "node_modules", ".bin", windows ? "wrangler.cmd" : "wrangler"),
  ["deploy", "--dry-run", "--outdir", worker],
  {
    cwd: root,
    stdio: "inherit",
    shell: windows,
    env: { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` },
  },
);
if (error) console.error(`wrangler could not be started: ${error.message}`);
if (status !== 0) process.exit(status ?? 1);
for (const beside of ["README.md", `${entry}.map`]) rmSync(join(worker, beside), { force: true });
writeFileSync(join(dist, "wrangler.toml"), config);

for (const part of ["bin", "build/command"]) cpSync(join(root, part), join(dist, part), { recursive: true });
rmSync(join(dist, "build/command/fingerprint"));
const { name, description, license, engines, bin, devDependencies } = JSON.parse(text("package.json"));
const version = /^version = "(.*)"$/m.exec(text("Cargo.toml"))[1];
const packed = ["bin", "build", "docs", "LICENSES.md", "worker", "wrangler.toml"];
// The wrangler that the command gets when it needs one.
const pinned = { wrangler: devDependencies.wrangler };
const manifest = { name, version, private: true, description, license, engines, bin, files: packed, config: pinned };
writeFileSync(join(dist, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
console.log(`Bundled into ${dist}. Deploy it with \`wrangler deploy --config dist/wrangler.toml\`.`);
