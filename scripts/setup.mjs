// Sets up what the project's commands need, from the package registries only, at pinned versions:
//
//   - the wasm32 target of the Rust toolchain (rustup)
//   - the npm packages of package-lock.json, among them the Node.js that wrangler needs
//   - with --tests, what the simulated GitHub is held against: the npm packages of crates/simulator
//   - wasm-bindgen, by cargo, into .tools/; with --fuzz also cargo-fuzz, with --mutants cargo-mutants
//
// Each comes with all that it depends on as a lock file has it, and no package runs a script of its own, but for the two
// that put a program in the place of their launcher.
//
// Each is checked first, by looking at files. When all is there, this prints nothing and takes a few milliseconds.
// It runs before anything is installed, and so uses nothing but Node.js itself.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tools = join(root, ".tools");
const windows = process.platform === "win32";
const exe = windows ? ".exe" : "";

const CARGO_FUZZ = "0.13.2";
const CARGO_MUTANTS = "27.1.0";
const WITH_SCRIPTS = ["esbuild", "workerd"];
const TARGET = "wasm32-unknown-unknown";

/** A tool that runs for a second at each build takes longer to optimize than it saves. */
const UNOPTIMIZED = {
  CARGO_PROFILE_RELEASE_OPT_LEVEL: "0",
  CARGO_PROFILE_RELEASE_LTO: "off",
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "256",
  CARGO_PROFILE_RELEASE_DEBUG: "0",
};

class SetupError extends Error {}

/** What is wrong, and what to do about it. */
function fail(problem, remedy) {
  throw new SetupError(`${problem}\n  ${remedy}`);
}

const text = (path) => readFileSync(join(root, path), "utf8");
const isFile = (path) => existsSync(path) && statSync(path).isFile();

/** The version of a crate in Cargo.lock, so that a tool that must be equal to it is. */
function lockedVersion(crate) {
  const found = text("Cargo.lock").match(new RegExp(`name = "${crate}"\\r?\\nversion = "([^"]+)"`));
  return found?.[1] ?? fail(`Cargo.lock names no ${crate}.`, "Restore it: git checkout Cargo.lock");
}

const stampPath = (name) => join(tools, `${name}.stamp`);
const isStamped = (name, stamp) => isFile(stampPath(name)) && readFileSync(stampPath(name), "utf8") === stamp;
function stamp(name, content) {
  mkdirSync(tools, { recursive: true });
  writeFileSync(stampPath(name), content);
}

/** Runs a command, shows that it goes on, and keeps what it prints for the case that it fails. */
function run(command, args, { environment = {}, remedy }) {
  return new Promise((resolve, reject) => {
    let output = "";
    const started = Date.now();
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      shell: windows,
    });
    const keep = (chunk) => (output = (output + chunk).slice(-20_000));
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const pulse = setInterval(() => {
      const doing = output.match(/Compiling (\S+) v\S+(?![\s\S]*Compiling)/)?.[1];
      console.log(`    ${seconds(started)} …${doing ? ` compiling ${doing}` : ""}`);
    }, 20_000);
    const end = (problem) => {
      clearInterval(pulse);
      if (problem === undefined) return resolve();
      const tail = output.trimEnd().split("\n").slice(-25).map((line) => `    | ${line}`).join("\n");
      reject(new SetupError(`${problem}\n${tail}\n  ${remedy}`));
    };
    child.on("error", (error) => end(`${command} could not be started: ${error.message}`));
    child.on("close", (code) => end(code === 0 ? undefined : `${command} ${args.join(" ")} ended with ${code}.`));
  });
}

const seconds = (since) => `${Math.round((Date.now() - since) / 1000)} s`;

const steps = [
  {
    name: "Rust",
    ready: () => isStamped("rust", rustStamp()),
    what: `the ${TARGET} target of Rust (about 10 s)`,
    async install() {
      const version = spawnSync("rustc", ["--version"], { cwd: root, encoding: "utf8", shell: windows });
      if (version.status !== 0) {
        fail("Rust is not installed.", "Install it with rustup, as rust-lang.org says (https://rustup.rs), and run this again.");
      }
      const needed = text("Cargo.toml").match(/rust-version = "([^"]+)"/)[1];
      const [, major, minor] = version.stdout.match(/(\d+)\.(\d+)/).map(Number);
      const [neededMajor, neededMinor] = needed.split(".").map(Number);
      if (major < neededMajor || (major === neededMajor && minor < neededMinor)) {
        fail(`Rust ${major}.${minor} is too old: ${needed} is needed.`, "Run: rustup update stable");
      }
      const sysroot = spawnSync("rustc", ["--print", "sysroot"], { cwd: root, encoding: "utf8", shell: windows }).stdout.trim();
      if (!existsSync(join(sysroot, "lib", "rustlib", TARGET))) {
        await run("rustup", ["target", "add", TARGET], {
          remedy: `Add the target by hand: rustup target add ${TARGET}. Without rustup, install the package of your system that has it.`,
        });
      }
      stamp("rust", rustStamp(sysroot));
    },
  },
  npmPackages({
    name: "npm",
    what: "the npm packages of package-lock.json (about 15 s)",
    shows: join("node_modules", ".bin", windows ? "wrangler.cmd" : "wrangler"),
    withScripts: WITH_SCRIPTS,
  }),
  cargoTool("wasm-bindgen-cli", () => lockedVersion("wasm-bindgen"), "about a minute on two cores, once", {
    binary: "wasm-bindgen",
    path: "scripts/wasm-bindgen",
  }),
];
if (process.argv.includes("--tests")) {
  steps.push(
    npmPackages({
      name: "npm-simulator",
      what: "GitHub's own descriptions, for the tests (about 30 s, half a gigabyte)",
      folder: join("crates", "simulator"),
      shows: join("node_modules", "@octokit", "openapi", "package.json"),
    }),
  );
}
if (process.argv.includes("--fuzz")) steps.push(cargoTool("cargo-fuzz", () => CARGO_FUZZ, "about a minute, for fuzzing"));

if (process.argv.includes("--mutants")) {
  steps.push(cargoTool("cargo-mutants", () => CARGO_MUTANTS, "about two minutes, for the mutation tests"));
}

/** Changes when another toolchain comes into use or the target is removed. */
function rustStamp(sysroot = isFile(stampPath("rust")) ? readFileSync(stampPath("rust"), "utf8").split("\n")[0] : "") {
  const target = join(sysroot, "lib", "rustlib", TARGET);
  const chosen = process.env.RUSTUP_TOOLCHAIN ?? "";
  return `${sysroot}\n${chosen}\n${text("Cargo.toml").match(/rust-version = .*/)[0]}\n${existsSync(target)}`;
}

/** The npm packages of a folder's lock file; `shows` is a file that is there once they are. */
function npmPackages({ name, what, folder = ".", shows, withScripts = [] }) {
  const lockFile = () => text(join(folder, "package-lock.json"));
  const locked = () => createHash("sha256").update(lockFile()).update(process.platform + process.arch).digest("hex");
  const prefix = folder === "." ? [] : ["--prefix", folder];
  return {
    name,
    ready: () => isFile(join(root, folder, shows)) && isStamped(name, locked()),
    what,
    async install() {
      const quietly = ["--loglevel=error", "--no-audit", "--no-fund", "--engine-strict=false"];
      await run("npm", ["ci", "--ignore-scripts", ...prefix, ...quietly], {
        remedy: `Is the npm registry reachable? Run it by hand to see more: npm ${["ci", "--ignore-scripts", ...prefix].join(" ")}`,
      });
      if (withScripts.length > 0) {
        await run("npm", ["rebuild", "--loglevel=error", ...withScripts], {
          remedy: `Run it by hand to see more: npm rebuild ${withScripts.join(" ")}`,
        });
      }
      stamp(name, locked());
    },
  };
}

/** A tool from crates.io with the lock file that it comes with, or a package of ours with its own. */
function cargoTool(crate, version, duration, { binary = crate, path } = {}) {
  return {
    name: crate,
    ready: () => isFile(join(tools, "bin", binary + exe)) && isStamped(crate, version()),
    what: `${crate} (${duration})`,
    async install() {
      const what = path === undefined ? [`${crate}@${version()}`] : ["--path", join(root, path)];
      if (path !== undefined && !text(`${path}/Cargo.toml`).includes(`${crate} = { version = "=${version()}"`)) {
        fail(`${path}/Cargo.toml has another version of ${crate} than ${version()}.`, "Set it to this version, and run: cargo update");
      }
      const args = ["install", "--locked", "--root", tools, "--force", "--quiet", ...what];
      // What the environment says of builds is meant for the project, not for its tools.
      const environment = { CARGO_TARGET_DIR: join(tools, "target"), RUSTFLAGS: "", CARGO_ENCODED_RUSTFLAGS: "", ...UNOPTIMIZED };
      const remedy = `Can cargo reach its registry? Run it by hand to see more: cargo install --locked --root .tools ${what.join(" ")}`;
      if (process.env.CARGO_TERM_QUIET === undefined) args.splice(args.indexOf("--quiet"), 1);
      await run("cargo", args, { environment, remedy });
      stamp(crate, version());
    },
  };
}

/** One set-up at a time: a second waits for the first. */
async function locked(work) {
  mkdirSync(tools, { recursive: true });
  const lock = join(tools, "lock");
  for (let told = false; ; ) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      // Its owner shows every few seconds that it is alive.
      if (existsSync(lock) && Date.now() - statSync(lock).mtimeMs > 30_000) {
        rmSync(lock, { recursive: true, force: true });
        continue;
      }
      if (!told) console.log("Another set-up is running; waiting for it …");
      told = true;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  const alive = setInterval(() => utimesSync(lock, new Date(), new Date()), 5_000);
  const release = () => rmSync(lock, { recursive: true, force: true });
  const interrupted = () => {
    release();
    process.exit(130);
  };
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    return await work();
  } finally {
    clearInterval(alive);
    release();
  }
}

async function setUp() {
  if (steps.every((step) => step.ready())) return;
  await locked(async () => {
    const missing = steps.filter((step) => !step.ready());
    if (missing.length === 0) return;
    const started = Date.now();
    console.log(`Setting up ${missing.length === 1 ? "one thing" : `${missing.length} things`} that Rerunner's commands need:`);
    for (const step of missing) {
      const began = Date.now();
      console.log(`  ${step.what}`);
      await step.install();
      console.log(`    done in ${seconds(began)}`);
    }
    rmSync(join(tools, "target"), { recursive: true, force: true });
    console.log(`Set up in ${seconds(started)}.\n`);
  });
}

try {
  await setUp();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\nSet-up failed. ${error.message}`);
  process.exitCode = 1;
}
