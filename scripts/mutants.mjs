// Breaks the modules that decide, one small change at a time, and runs the unit tests on each. A change that no test
// notices is printed: it is to be tested, or to be stated as equivalent in .cargo/mutants.toml.
//
//   npm run mutants                             a sample of all, for about fifteen minutes
//   npm run mutants -- --minutes 60 policy      a larger one, of these modules
//   npm run mutants -- --seed 7                 the sample that was once taken
//   npm run mutants -- --all policy             every one
//
// It fails if fewer than 85 % of the viable ones were caught.
//
// cargo-mutants works in a copy of the tree in target/mutants, which stays there with its build, so that only this crate
// is built for each change.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const place = join(root, "target", "mutants");
const tree = join(place, "tree");
const MODULES = ["policy", "keeper", "webhook", "github"];
const AT_ONCE = 8;
const ENOUGH = 85;

function fail(message, status = 1) {
  console.error(message);
  process.exit(status);
}

const given = process.argv.slice(2);
function option(name, otherwise) {
  const at = given.indexOf(name);
  return at === -1 ? otherwise : Number(given.splice(at, 2)[1]);
}
const minutes = option("--minutes", 15);
const seed = option("--seed", Math.floor(Math.random() * 1_000_000));
const all = given.includes("--all");
const modules = given.filter((argument) => argument !== "--all");
if (!(minutes > 0) || !Number.isInteger(seed) || modules.some((name) => !MODULES.includes(name))) {
  fail(`usage: npm run mutants -- [--minutes N | --all] [--seed S] [${MODULES.join(" | ")}] …`, 2);
}
const chosen = modules.length > 0 ? modules : MODULES;

/** Only what has changed is copied, so that cargo builds no more than that. */
function copyTree() {
  const listed = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
  if (listed.status !== 0) fail("git could not say which files there are.");
  const files = listed.stdout.toString().split("\0").filter((file) => file !== "" && existsSync(join(root, file)));
  for (const file of files) {
    const [from, to] = [join(root, file), join(tree, file)];
    if (existsSync(to) && readFileSync(to).equals(readFileSync(from))) continue;
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
  }
  const kept = new Set(files);
  const prune = (folder) => {
    for (const name of readdirSync(join(tree, folder))) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (["target", "node_modules", "mutants.out", "mutants.out.old"].includes(path)) continue;
      if (statSync(join(tree, path)).isDirectory()) prune(path);
      else if (!kept.has(path)) rmSync(join(tree, path));
    }
  };
  prune("");
  if (!existsSync(join(tree, "node_modules"))) symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
}

function cargoMutants(args, quiet) {
  const files = chosen.flatMap((name) => ["--file", `src/${name}/**/*.rs`]);
  return spawnSync("cargo", ["mutants", "--dir", tree, "--output", place, "--colors", "never", ...files, ...args], {
    cwd: tree,
    stdio: quiet ? ["ignore", "pipe", "inherit"] : "inherit",
    maxBuffer: 64 * 1024 * 1024,
    env: {
      ...process.env,
      PATH: `${join(root, ".tools", "bin")}:${process.env.PATH}`,
      CARGO_TARGET_DIR: join(tree, "target"),
      // Neither is looked at, and both take time.
      CARGO_PROFILE_DEV_DEBUG: "0",
      RUST_BACKTRACE: "0",
    },
  });
}

/** The same for the same seed. */
function shuffled(items, seed) {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [items[last], items[other]] = [items[other], items[last]];
  }
  return items;
}

copyTree();
const listed = cargoMutants(["--list", "--json"], true);
if (listed.status !== 0) fail("cargo-mutants could not list what it would change.");
const total = JSON.parse(listed.stdout).length;
const shards = Math.max(1, Math.ceil(total / AT_ONCE));
console.log(
  all
    ? `All ${total} mutants of ${chosen.join(", ")}.`
    : `A sample of the ${total} mutants of ${chosen.join(", ")}, for about ${minutes} minutes, with --seed ${seed}.`,
);

const tried = [];
const began = Date.now();
for (const [done, shard] of shuffled([...Array(shards).keys()], seed).entries()) {
  if (!all && done > 0 && Date.now() - began > minutes * 60_000) break;
  // That the tests pass on what is unchanged is seen once, and how long they take.
  const baseline = done === 0 ? ["--baseline", "run"] : ["--baseline", "skip", "--timeout", "180"];
  const args = ["--in-place", "--shard", `${shard}/${shards}`, "--sharding", "round-robin", "--no-times", ...baseline];
  const { status } = cargoMutants(args, false);
  // 2: some were missed; 3: some took too long, which the tests have noticed too.
  if (![0, 2, 3].includes(status)) fail(`cargo-mutants ended with ${status}.`);
  const { outcomes } = JSON.parse(readFileSync(join(place, "mutants.out", "outcomes.json")));
  tried.push(...outcomes.filter(({ scenario }) => scenario !== "Baseline"));
}

const is = (...summaries) => (outcome) => summaries.includes(outcome.summary);
const missed = tried.filter(is("MissedMutant"));
const rows = [...chosen, "all"].map((name) => {
  const of = tried.filter(({ scenario }) => name === "all" || scenario.Mutant.file.startsWith(`src/${name}/`));
  const caught = of.filter(is("CaughtMutant", "Timeout")).length;
  const viable = caught + of.filter(is("MissedMutant")).length;
  const share = viable === 0 ? "" : `${((caught / viable) * 100).toFixed(1)}%`;
  return { name, tried: of.length, viable, caught, missed: viable - caught, share };
});
console.log(`\nin ${Math.round((Date.now() - began) / 60_000)} minutes:`);
for (const { name, ...row } of rows) {
  console.log(`${name.padEnd(8)} ${Object.entries(row).map(([what, value]) => `${what} ${value}`).join(", ")}`);
}
if (missed.length > 0) console.log(`\nMissed:\n${missed.map(({ scenario }) => scenario.Mutant.name).join("\n")}`);
const { viable, caught } = rows.at(-1);
if (caught * 100 < viable * ENOUGH) fail(`\nFewer than ${ENOUGH}% were caught.`);
