// Runs the fuzzers of tests/fuzz, each for so many seconds (600 unless said otherwise), from their corpus and from
// real payloads. What they find is written into tests/fuzz/artifacts/, and is a failure.
//
//   npm run fuzz -- --seconds 60 json_payload
//
// cargo-fuzz needs flags that stable Rust takes only with RUSTC_BOOTSTRAP.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// As in src/webhook/payload.rs: the first byte of an input of json_payload says which.
const EVENTS = ["workflow_run", "workflow_job", "check_run", "issue_comment"];
const TARGETS = ["signature", "json_payload", "form_payload", "details_url"];

const given = process.argv.slice(2);
const at = given.indexOf("--seconds");
const seconds = at === -1 ? 600 : Number(given.splice(at, 2)[1]);
const unknown = given.find((target) => !TARGETS.includes(target));
if (unknown !== undefined || !(seconds > 0)) {
  console.error(`usage: npm run fuzz -- [--seconds N] [${TARGETS.join(" | ")}] …`);
  process.exit(2);
}

/** Where the fuzzers keep what they find worth keeping: the corpus that is in the repository stays small. */
const corpus = (target) => join(root, "target", "fuzz-corpus", target);

function seed(target, bytes) {
  writeFileSync(join(corpus(target), createHash("sha1").update(bytes).digest("hex")), bytes);
}

for (const target of TARGETS) {
  mkdirSync(corpus(target), { recursive: true });
  cpSync(join(root, "tests", "fuzz", "corpus", target), corpus(target), { recursive: true });
}
const examples = JSON.parse(readFileSync(join(root, "node_modules/@octokit/webhooks-examples/api.github.com/index.json")));
for (const { name, examples: payloads } of examples) {
  const event = EVENTS.indexOf(name);
  if (event === -1) continue;
  for (const payload of payloads) {
    const text = JSON.stringify(payload);
    seed("json_payload", Buffer.concat([Buffer.of(event), Buffer.from(text)]));
    seed("form_payload", Buffer.concat([Buffer.of(event), Buffer.from(new URLSearchParams({ payload: text }).toString())]));
    if (payload.check_run?.details_url) seed("details_url", Buffer.from(payload.check_run.details_url));
  }
}

for (const target of given.length > 0 ? given : TARGETS) {
  console.log(`\nFuzzing ${target} for ${seconds} s …`);
  const args = ["fuzz", "run", "--fuzz-dir", "tests/fuzz", target, corpus(target), "--"];
  const limits = [`-max_total_time=${seconds}`, "-max_len=40000", "-timeout=10", "-print_final_stats=1"];
  const { status, error } = spawnSync("cargo", [...args, ...limits], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, RUSTC_BOOTSTRAP: "1", PATH: `${join(root, ".tools", "bin")}:${process.env.PATH}` },
  });
  if (error) console.error(`cargo fuzz could not be started: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}
