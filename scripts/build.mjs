// Builds the Worker into build/, and the command into build/command/: cargo, wasm-bindgen, esbuild and wasm-opt. Run by
// wrangler before it serves or deploys, and by `npm run build`. With --quiet it shows its output only if it fails, and does
// nothing if nothing has changed. With --dev it does not optimize, which takes a fraction of the time and is for trying
// things out. --only-command leaves the Worker as it is. --out-dir and --features are as cargo's, for a Worker alone.
//
// What is built is what Cargo.lock has, and the same wherever it is built. The tools come with the project's set-up.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const windows = process.platform === "win32";
const bin = (name) => join(root, "node_modules", ".bin", windows ? `${name}.cmd` : name);
const tool = (name) => join(root, ".tools", "bin", windows ? `${name}.exe` : name);

const missing = [tool("wasm-bindgen"), bin("wasm-opt"), bin("esbuild")].find((path) => !existsSync(path));
if (missing !== undefined) {
  console.error(`${missing} is missing. Run: npm run setup:tools`);
  process.exit(1);
}

/** Changes with everything that something built is made of: all sources but for some. */
function fingerprint(except) {
  const hash = createHash("sha256");
  const add = (path) => {
    if (!existsSync(path) || except.includes(path)) return;
    if (statSync(path).isDirectory()) for (const name of readdirSync(path).sort()) add(join(path, name));
    else hash.update(path).update(readFileSync(path));
  };
  const rust = join(root, ".tools", "rust.stamp");
  for (const path of ["src", "docs/policies", "docs/openapi.json", "Cargo.toml", "Cargo.lock", "package-lock.json", "scripts/build.mjs"]) add(join(root, path));
  add(rust);
  return hash.digest("hex");
}

const given = process.argv.slice(2);
const option = (name) => (given.includes(name) ? given[given.indexOf(name) + 1] : undefined);
const quiet = given.includes("--quiet");
const optimized = !given.includes("--dev");
const features = option("--features") ?? "";
const folder = join(root, option("--out-dir") ?? "build");

/** Of what is quiet, its output is kept for the case that it fails; that it goes on is said now and then. */
function run(command, args) {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(command, args, {
      cwd: root,
      stdio: quiet ? ["ignore", "pipe", "pipe"] : "inherit",
      shell: windows && command.endsWith(".cmd"),
      // The launchers of npm's tools need a Node.js.
      env: { ...process.env, PATH: `${dirname(process.execPath)}${windows ? ";" : ":"}${process.env.PATH}` },
    });
    const keep = (chunk) => (output = (output + chunk).slice(-20_000));
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    const started = Date.now();
    const tell = () => {
      const doing = output.match(/Compiling (\S+) v\S+(?![\s\S]*Compiling)/)?.[1];
      console.log(`    ${Math.round((Date.now() - started) / 1000)} s …${doing ? ` compiling ${doing}` : ""}`);
    };
    const pulse = quiet ? setInterval(tell, 20_000) : undefined;
    const failed = (why, code) => {
      process.stderr.write(output);
      if (why !== undefined) console.error(why);
      process.exit(code);
    };
    child.on("error", (error) => failed(`${command} could not be started: ${error.message}`, 1));
    child.on("close", (code) => {
      clearInterval(pulse);
      if (code === 0) resolve();
      else failed(undefined, code ?? 1);
    });
  });
}

/** Names of folders of this machine in the place of which the built has others. */
function rustFlags() {
  const { CARGO_ENCODED_RUSTFLAGS, RUSTFLAGS, CARGO_HOME } = process.env;
  const own = CARGO_ENCODED_RUSTFLAGS?.split("\x1f") ?? RUSTFLAGS?.split(" ") ?? [];
  const places = { "/cargo": CARGO_HOME ?? join(homedir(), ".cargo"), "/rerunner": root };
  const flags = Object.entries(places).map(([name, place]) => `--remap-path-prefix=${place}=${name}`);
  return [...own.filter(Boolean), ...flags].join("\x1f");
}

const target = join(root, process.env.CARGO_TARGET_DIR ?? "target", "wasm32-unknown-unknown", optimized ? "release" : "debug");
const profile = optimized ? ["--release"] : [];
const compile = (how, ...what) => run("cargo", [how, "--locked", "--target", "wasm32-unknown-unknown", ...profile, ...what]);
const bind = (wasm, into, ...options) =>
  run(tool("wasm-bindgen"), [join(target, wasm), "--out-dir", into, "--no-typescript", ...options]);

async function optimize(wasm) {
  if (!optimized) return;
  // What rustc uses, and no more: newer encodings may not be known to workerd.
  const uses = ["mutable-globals", "sign-ext", "nontrapping-float-to-int", "bulk-memory", "multivalue", "reference-types", "exception-handling", "simd"];
  await run(bin("wasm-opt"), [wasm, "-o", wasm, "-O", ...uses.map((feature) => `--enable-${feature}`), "--debuginfo"]);
}

/** Made beside it and put in its place, so that nobody sees half of a build, not even another build. */
async function build(folder, what, make, except) {
  const state = [optimized, features, fingerprint(except.map((path) => join(root, path)))].join(" ");
  const stamp = join(folder, "fingerprint");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === state) return;
  if (quiet) console.log(`Building ${what} (some minutes the first time) …`);
  const fresh = `${folder}.${process.pid}`;
  process.once("exit", () => rmSync(fresh, { recursive: true, force: true }));
  mkdirSync(fresh, { recursive: true });
  await make(fresh);
  writeFileSync(join(fresh, "fingerprint"), state);
  const command = join(folder, "command");
  if (existsSync(command)) renameSync(command, join(fresh, "command"));
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
}

async function makeWorker(folder) {
  // Not the library beside it as well: cargo does no link-time optimization then.
  await compile("rustc", "--lib", "--crate-type", "cdylib", "--features", features);
  // After a panic the next call gets a new instance.
  const panics = ["--experimental-reset-state-function", "--force-enable-abort-handler"];
  await bind("rerunner.wasm", folder, "--target", "module", "--out-name", "index", ...panics);
  const glue = join(folder, "index.js");
  // workerd takes a module of WebAssembly by a plain import.
  writeFileSync(glue, readFileSync(glue, "utf8").replace("import source ", "import "));
  const bundled = ["--bundle", "--minify", "--format=esm", "--external:./index_bg.wasm", "--log-level=warning"];
  await run(bin("esbuild"), [glue, `--outfile=${glue}`, "--allow-overwrite", ...bundled]);
  rmSync(join(folder, "snippets"), { recursive: true, force: true });
  await optimize(join(folder, "index_bg.wasm"));
}

async function makeCommand(folder) {
  await compile("build", "--bin", "command", "--no-default-features");
  await bind("command.wasm", folder, "--target", "web");
  // As "sources" of packages are taken for CommonJS if none is named.
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  await optimize(join(folder, "command_bg.wasm"));
}

process.env.CARGO_ENCODED_RUSTFLAGS = rustFlags();
if (!given.includes("--only-command")) await build(folder, "the Worker", makeWorker, ["src/main.rs", "src/cli"]);
if (features === "" && option("--out-dir") === undefined) {
  await build(join(folder, "command"), "the command", makeCommand, ["src/worker"]);
}
