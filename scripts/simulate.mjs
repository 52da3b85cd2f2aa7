// `npm run simulate`: the simulation, optimized. With --bugs or --bug NAME, the search for deliberate bugs.

import { spawnSync } from "node:child_process";

const given = process.argv.slice(2);
const bugs = given.includes("--bugs") || given.includes("--bug");
const test = bugs ? ["--package", "deliberate-bugs", "--test", "bugs"] : ["--test", "simulation"];
const cargo = ["test", "--quiet", "--profile", "load", ...test, "--", ...given];
process.exitCode = spawnSync("cargo", cargo, { stdio: "inherit" }).status ?? 1;
