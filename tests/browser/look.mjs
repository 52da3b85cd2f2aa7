// Opens the pages of a running Worker in headless Chromium, as people do: wide and narrow, light and dark, with and
// without JavaScript, by mouse and by keyboard. Prints what it found as JSON: {"problems": [...], "looked": n}.
//
//   node look.mjs '{"url":…,"token":…,"repository":…,"run":…,"folder":…}'

import { createRequire } from "node:module";
import { readFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { chromium as find } from "../../scripts/setup-browser.mjs";

const { url, token, repository, run, folder } = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const problems = [];
let looked = 0;

const credentials = { username: "anyone", password: token, origin: url, send: "always" };
const views = [
  { name: "wide-light", viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  { name: "wide-dark", viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  { name: "narrow-light", viewport: { width: 390, height: 844 }, colorScheme: "light" },
  { name: "narrow-dark", viewport: { width: 390, height: 844 }, colorScheme: "dark" },
];
const pages = [
  { name: "home", path: "/", expected: ["Rerunner", "It is set up"] },
  { name: "overview", path: "/overview", expected: ["Overview", repository, "Rescued", "Waiting saved"] },
  { name: "repository", path: `/overview/${repository}`, expected: ["Flaky jobs", "Runs", "Pause re-runs"] },
  { name: "filtered", path: `/overview/${repository}?outcome=rescued`, expected: ["Runs", "rescued"] },
  { name: "run", path: `/overview/${repository}/runs/${run}`, expected: ["What happened", "Attempt 1"] },
];

mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: find(),
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});

/** A page that notes whatever a browser complains about, and whatever leaves the Worker's origin. */
async function watched(options, about) {
  const context = await browser.newContext({ httpCredentials: credentials, ...options });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`${about}: console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`${about}: ${error.message}`));
  page.on("dialog", (dialog) => problems.push(`${about}: a dialog: ${dialog.message()}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== url) problems.push(`${about}: a request to ${request.url()}`);
  });
  return page;
}

async function look(page, { name, path, expected }, view) {
  const about = `${name} ${view}`;
  const response = await page.goto(url + path);
  if (response.status() !== 200) problems.push(`${about}: status ${response.status()}`);
  const text = await page.locator("body").innerText();
  for (const words of expected) {
    if (!text.includes(words)) problems.push(`${about}: it does not say "${words}"`);
  }
  looked += 1;
  return about;
}

for (const { name: view, ...options } of views) {
  const page = await watched(options, view);
  for (const one of pages) {
    const about = await look(page, one, view);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (overflow > 0) problems.push(`${about}: it is ${overflow} px too wide`);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    for (const { id, help, nodes } of violations) {
      problems.push(`${about}: ${id}: ${help}: ${nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
    }
    await page.screenshot({ path: join(folder, `${one.name}-${view}.png`), fullPage: true });
  }
  await page.context().close();
}

// Without JavaScript nothing is missing, and the form works.
const page = await watched({ javaScriptEnabled: false }, "without JavaScript");
for (const one of pages) await look(page, one, "without JavaScript");
await page.goto(`${url}/overview/${repository}`);
await page.getByRole("button", { name: "Pause re-runs" }).click();
await page.getByText("Paused since").waitFor({ timeout: 10_000 });
await page.getByRole("button", { name: "Resume re-runs" }).click();
await page.getByRole("button", { name: "Pause re-runs" }).waitFor({ timeout: 10_000 });
await page.getByRole("navigation", { name: "Runs by outcome" }).getByRole("link", { name: "rescued" }).click();
if (!page.url().includes("outcome=rescued")) problems.push(`the filter leads to ${page.url()}`);
await page.context().close();

// By keyboard: the first stop leads past the head of the page, and each stop can be seen.
const byKeyboard = await watched({}, "by keyboard");
await byKeyboard.goto(`${url}/overview`);
await byKeyboard.keyboard.press("Tab");
const first = await byKeyboard.evaluate(() => document.activeElement.textContent);
if (first !== "Skip to the content") problems.push(`by keyboard: the first stop is "${first}"`);
for (let stop = 0; stop < 12; stop += 1) {
  await byKeyboard.keyboard.press("Tab");
  const seen = await byKeyboard.evaluate(() => {
    const element = document.activeElement;
    return element === document.body || getComputedStyle(element).outlineStyle !== "none";
  });
  if (!seen) problems.push(`by keyboard: stop ${stop + 2} cannot be seen`);
}

// A browser that knows no password is asked for one.
const stranger = await browser.newContext();
const refused = await stranger.request.get(`${url}/overview`);
if (refused.status() !== 401) problems.push(`a stranger gets ${refused.status()}`);

await browser.close();
console.log(JSON.stringify({ problems, looked }));
