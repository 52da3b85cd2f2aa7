// `npm test`: sets up, builds what is tested, and runs all tests.
//
// The Worker and the tests are built side by side: the end of a Worker's build keeps one core busy, and so do a few of the
// tests' crates. The scenarios wait more than they compute, so that all other tests run beside them; what those say is shown
// when they have ended.

import { spawn, spawnSync } from "node:child_process";

/** Runs a command. Its output is shown as it comes, or, with `quietly`, in one piece when it has ended. */
function run(command, args, quietly = false) {
  return new Promise((resolve, reject) => {
    const stdio = ["inherit", ...Array(2).fill(quietly ? "pipe" : "inherit")];
    const child = spawn(command, args, { stdio, shell: process.platform === "win32" });
    const said = [];
    for (const stream of quietly ? [child.stdout, child.stderr] : []) stream.on("data", (bytes) => said.push(bytes));
    child.on("error", (error) => reject(new Error(`${command} could not be started: ${error.message}`)));
    child.on("close", (code) => {
      process.stdout.write(Buffer.concat(said));
      if (code === 0) resolve();
      else reject(new Error(`failed: ${command} ${args.join(" ")}`));
    });
  });
}

/** Waits for all of them, so that none outlives this program, and fails if one does. */
async function all(...promises) {
  const results = await Promise.allSettled(promises);
  const failed = results.find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
}

const build = (...args) => run(process.execPath, ["scripts/build.mjs", "--quiet", ...args]);

async function buildWorkers() {
  await build();
  // What it is for is not how fast it is.
  await build("--dev", "--out-dir", "target/fault-build", "--features", "fault-route");
}

/** The names of all tests that are programs of their own. */
function programs() {
  const { stdout } = spawnSync("cargo", ["metadata", "--no-deps", "--format-version", "1"], { maxBuffer: 16 * 1024 * 1024 });
  const targets = JSON.parse(stdout).packages.flatMap((of) => of.targets);
  return targets.filter(({ kind }) => kind.includes("test")).map(({ name }) => name);
}

async function runOthers() {
  const others = programs().filter((name) => name !== "scenarios");
  await run("cargo", ["test", "--workspace", "--lib", "--bins", ...others.flatMap((name) => ["--test", name])], true);
  await run("cargo", ["test", "--workspace", "--doc"], true);
}

try {
  await run("npm", ["run", "--silent", "setup:tests"]);
  await all(buildWorkers(), run("cargo", ["test", "--workspace", "--no-run"]));
  await all(run("cargo", ["test", "--workspace", "--test", "scenarios"]), runOthers());
} catch (error) {
  console.error(error.message);
  process.exitCode = 101;
}
