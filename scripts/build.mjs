// Builds the Worker into build/: cargo, wasm-bindgen, wasm-opt and esbuild, by way of worker-build. Run by wrangler
// before it serves or deploys, and by `npm run build`. Further arguments go to cargo.
//
// worker-build downloads the tools that it is not told of; all of them come with the project's set-up instead.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
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

const { status, error } = spawnSync(tool("worker-build"), ["--release", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...process.env,
    WASM_BINDGEN_BIN: tool("wasm-bindgen"),
    WASM_OPT_BIN: bin("wasm-opt"),
    ESBUILD_BIN: bin("esbuild"),
    // esbuild's and wasm-opt's launchers need a Node.js.
    PATH: `${dirname(process.execPath)}${windows ? ";" : ":"}${process.env.PATH}`,
  },
});
if (error) console.error(`worker-build could not be started: ${error.message}`);
process.exit(status ?? 1);
