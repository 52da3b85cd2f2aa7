// `npm test`: sets up, builds what is tested, and runs all tests.
//
// The Worker and the tests are built side by side: the end of a Worker's build keeps one core busy, and so do a few of the
// tests' crates.

import { spawn } from "node:child_process";

/** Runs a command; ends this program as the command has ended, if that was not well. */
function run(command, ...args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: "inherit", shell: process.platform === "win32" });
    child.on("error", (error) => {
      console.error(`${command} could not be started: ${error.message}`);
      process.exit(1);
    });
    child.on("close", (code) => (code === 0 ? resolve() : process.exit(code ?? 1)));
  });
}

async function buildWorkers() {
  await run(process.execPath, "scripts/build.mjs", "--quiet");
  await run(process.execPath, "scripts/build.mjs", "--quiet", "--out-dir", "target/fault-build", "--features", "fault-route");
}

await run("npm", "run", "--silent", "setup:tests");
await Promise.all([buildWorkers(), run("cargo", "test", "--workspace", "--no-run")]);
await run("cargo", "test", "--workspace");
