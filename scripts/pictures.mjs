// Makes the documents' pictures, docs/*.png, of the demonstration: starts it, waits until all that they show has happened,
// and opens the pages in headless Chromium.
//
//   npm run pictures

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { smaller } from "./png.mjs";
import { chromium as find } from "./setup-browser.mjs";

const docs = fileURLToPath(new URL("../docs", import.meta.url));
/** Lines of the demonstration that must have been there, each with an address. */
const TOLD = {
  overview: /the overview +(\S+)/,
  pull: /comment +rerunner +on #\d+: .*removed from the merge queue.* (\S+)$/,
  issue: /issue +#\d+ opened .* (\S+)$/,
};
/** The overview is written once a minute at most, and is to have some runs. */
const STORY_MS = 150_000;
const WIDTH = 1000;
const MARGIN = 12;

const demo = spawn("cargo", ["run", "--quiet", "--package", "demo", "--", "--simulated", "--port", "0"], {
  stdio: ["ignore", "pipe", "inherit"],
  env: { ...process.env, NO_COLOR: "1" },
});
const ended = once(demo, "exit");
const found = {};
createInterface({ input: demo.stdout }).on("line", (line) => {
  for (const [name, told] of Object.entries(TOLD)) found[name] ??= told.exec(line)?.[1];
});

try {
  console.log(`The demonstration runs for ${STORY_MS / 1000} s …`);
  await Promise.race([sleep(STORY_MS), ended.then(([code]) => { throw new Error(`it has ended: ${code}`); })]);
  const missing = Object.keys(TOLD).filter((name) => !found[name]);
  if (missing.length > 0) throw new Error(`nothing was seen of: ${missing}`);
  const { overview, pull, issue } = found;
  await take([
    { name: "pull-request", url: pull },
    { name: "flaky-issue", url: issue },
    { name: "overview", url: overview, until: "Repositories" },
    { name: "repository", url: `${overview}/acme/website`, until: "Jobs that fail most" },
  ]);
} finally {
  demo.kill("SIGINT");
  await ended;
}

/** `until`: the heading of the last section that is shown, if not all of the page is. */
async function take(pictures) {
  const browser = await chromium.launch({ executablePath: find(), args: ["--no-sandbox", "--disable-gpu"] });
  const httpCredentials = { username: "anyone", password: "demo" };
  const viewport = { width: WIDTH, height: 300 };
  const context = await browser.newContext({ httpCredentials, colorScheme: "light", viewport });
  const page = await context.newPage();
  for (const { name, url, until } of pictures) {
    const answer = await page.goto(url);
    if (answer.status() !== 200) throw new Error(`${url} answers ${answer.status()}`);
    const last = until ? page.locator("section", { has: page.getByRole("heading", { name: until, exact: true }) }) : page.locator("main");
    const { y, height } = await last.boundingBox();
    const clip = { x: 0, y: 0, width: WIDTH, height: Math.ceil(y + height + MARGIN) };
    const picture = smaller(await page.screenshot({ clip, fullPage: true }));
    writeFileSync(join(docs, `${name}.png`), picture);
    console.log(`docs/${name}.png: ${Math.ceil(picture.length / 1000)} kB`);
  }
  await browser.close();
}
