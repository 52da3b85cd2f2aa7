// Builds the Worker into build/: cargo, wasm-bindgen, wasm-opt and esbuild, by way of worker-build. Run by wrangler
// before it serves or deploys, and by `npm run build`. With --quiet it shows its output only if it fails, and does
// nothing if nothing has changed. With --dev it does not optimize, which takes a fraction of the time and is for trying
// things out. Further arguments (--out-dir, --features) go to worker-build.
//
// What is built is what Cargo.lock has. worker-build downloads the tools that it is not told of; all of them come with the project's set-up instead.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const windows = process.platform === "win32";
const bin = (name) => join(root, "node_modules", ".bin", windows ? `${name}.cmd` : name);
const tool = (name) => join(root, ".tools", "bin", windows ? `${name}.exe` : name);

const missing = [tool("worker-build"), tool("wasm-bindgen"), bin("wasm-opt"), bin("esbuild")].find((path) => !existsSync(path));
if (missing !== undefined) {
  console.error(`${missing} is missing. Run: npm run setup:tools`);
  process.exit(1);
}

/** Changes with everything that the built Worker is made of. */
function fingerprint() {
  const hash = createHash("sha256");
  const add = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) for (const name of readdirSync(path).sort()) add(join(path, name));
    else hash.update(path).update(readFileSync(path));
  };
  const rust = join(root, ".tools", "rust.stamp");
  for (const path of ["src", "Cargo.toml", "Cargo.lock", "package-lock.json", "scripts/build.mjs"]) add(join(root, path));
  add(rust);
  return hash.digest("hex");
}

const quiet = process.argv.includes("--quiet");
const profile = process.argv.includes("--dev") ? "--dev" : "--release";
const passed = process.argv.slice(2).filter((argument) => !["--quiet", "--dev"].includes(argument));
const folder = passed.includes("--out-dir") ? passed[passed.indexOf("--out-dir") + 1] : "build";
const stamp = join(root, folder, "fingerprint");
const built = [profile, ...passed, fingerprint()].join(" ");
if (existsSync(stamp) && readFileSync(stamp, "utf8") === built) process.exit(0);
if (quiet) console.log("Building the Worker (about a minute the first time) …");

const { status, error, stdout, stderr } = spawnSync(tool("worker-build"), [profile, ...passed, "--locked"], {
  cwd: root,
  stdio: quiet ? "pipe" : "inherit",
  env: {
    ...process.env,
    WASM_BINDGEN_BIN: tool("wasm-bindgen"),
    WASM_OPT_BIN: bin("wasm-opt"),
    ESBUILD_BIN: bin("esbuild"),
    // esbuild's and wasm-opt's launchers need a Node.js.
    PATH: `${dirname(process.execPath)}${windows ? ";" : ":"}${process.env.PATH}`,
  },
});
if (quiet && status !== 0) process.stderr.write(Buffer.concat([stdout ?? Buffer.of(), stderr ?? Buffer.of()]));
if (status === 0) writeFileSync(stamp, built);
if (error) console.error(`worker-build could not be started: ${error.message}`);
process.exit(status ?? 1);
