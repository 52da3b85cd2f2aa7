#!/usr/bin/env node
// The command `rerunner`: Rust in WebAssembly, which build/command has, with Node.js for a machine (host.mjs).

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const built = new URL("../build/command/", import.meta.url);
const program = new URL("command_bg.wasm", built);

if (existsSync(program)) {
  const { initSync } = await import(new URL("command.js", built).href);
  try {
    // Its `main` runs to its end in here.
    initSync({ module: new WebAssembly.Module(readFileSync(program)) });
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    // The message of the panic is shown already.
    console.error(`error: this is a fault of rerunner's (${error.message})`);
    process.exitCode = 2;
  }
} else {
  console.error(`error: ${fileURLToPath(built)} is missing. Run: npm run build`);
  process.exitCode = 2;
}
