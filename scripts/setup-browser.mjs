// Sets up the browser that the tests of the pages use: Debian's chromium, if there is none yet and this may install it.
// Without one those tests are skipped, and say so; everything else runs all the same.

import { spawnSync } from "node:child_process";
import { pathToFileURL } from "node:url";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The path of a Chromium: that in the environment, or one that is installed. */
export function chromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const paths = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function install() {
  if (process.getuid?.() !== 0 || spawnSync("apt-get", ["--version"]).status !== 0) return "";
  console.log("Installing Debian's chromium for the browser tests …");
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const run = (...args) => spawnSync("apt-get", args, { encoding: "utf8", env: environment });
  const packages = ["install", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core", "fonts-noto-color-emoji"];
  let result = run(...packages);
  if (result.status !== 0) {
    run("update");
    result = run(...packages);
  }
  return result.status === 0 ? "" : ` (apt-get: ${result.stderr.trim().split("\n").at(-1)})`;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href && !chromium()) {
  const problem = install();
  if (!chromium()) {
    console.log(`No Chromium was found${problem}, so the browser tests are skipped. To use your own, set CHROMIUM to its path.`);
  }
}
