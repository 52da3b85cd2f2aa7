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
  { name: "repository", path: `/overview/${repository}`, expected: ["Jobs that fail most", "Runs", "Pause re-runs"] },
  { name: "filtered", path: `/overview/${repository}?outcome=rescued`, expected: ["Runs", "rescued"] },
  { name: "glossary", path: "/glossary", expected: ["Glossary", "Exhausted", "Superseded"] },
  { name: "mistyped", path: `/overveiw/${repository}`, expected: ["Not found", "Did you mean"], status: 404 },
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
    // The page that is not there.
    if (message.text().includes("status of 404") && message.location().url.includes("/overveiw")) return;
    if (["error", "warning"].includes(message.type())) problems.push(`${about}: console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`${about}: ${error.message}`));
  page.on("dialog", (dialog) => problems.push(`${about}: a dialog: ${dialog.message()}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== url) problems.push(`${about}: a request to ${request.url()}`);
  });
  return page;
}

async function look(page, { name, path, expected, status = 200 }, view) {
  const about = `${name} ${view}`;
  const response = await page.goto(url + path);
  if (response.status() !== status) problems.push(`${about}: status ${response.status()}`);
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
    const cut = await page.evaluate(() =>
      [...document.querySelectorAll(".scroll")].filter((region) => region.scrollWidth > region.clientWidth).map((region) => region.ariaLabel));
    if (view.startsWith("narrow") && cut.length > 0) problems.push(`${about}: cut off: ${cut}`);
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
await page.locator("summary", { hasText: "Pause re-runs" }).click();
await page.getByText("Nothing in this repository is re-run").waitFor({ timeout: 10_000 });
if (await page.getByText("Paused since").count() > 0) problems.push("it is paused before that is confirmed");
await page.getByRole("button", { name: "Yes, pause re-runs" }).click();
await page.getByText("Paused since").waitFor({ timeout: 10_000 });
await page.getByRole("button", { name: "Resume re-runs" }).click();
await page.locator("summary", { hasText: "Pause re-runs" }).waitFor({ timeout: 10_000 });
if (await page.getByRole("checkbox").count() > 0) problems.push("without JavaScript there is a box that does nothing");
await page.getByRole("link", { name: "Reload" }).click();
await page.getByRole("navigation", { name: "Runs by outcome" }).getByRole("link", { name: "rescued" }).click();
if (!page.url().includes("outcome=rescued")) problems.push(`the filter leads to ${page.url()}`);
await page.context().close();

// Times are the reader's; the exact ones in UTC are at hand.
const abroad = await watched({ timezoneId: "Asia/Kolkata", locale: "en-GB" }, "abroad");
await abroad.goto(`${url}/overview/${repository}/runs/${run}`);
const first_time = abroad.locator("dd time.exact").first();
const [shown, titled] = [await first_time.innerText(), await first_time.getAttribute("title")];
if (!/GMT\+5:30|IST/.test(shown) || !/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/.test(titled)) {
  problems.push(`a time is "${shown}", with "${titled}"`);
}
const ago = await abroad.locator("dd time:not(.exact)").first().getAttribute("title");
if (!/(GMT\+5:30|IST) · .* UTC$/.test(ago)) problems.push(`"ago" has "${ago}"`);
await abroad.context().close();

// Refreshed by itself, if wanted: the place, what is open and what is typed stay, and so does the wish.
const refreshed = await watched({ viewport: { width: 1000, height: 400 } }, "refreshed");
await refreshed.clock.install();
await refreshed.goto(`${url}/overview/${repository}`);
await refreshed.evaluate(() => {
  const form = Object.assign(document.createElement("form"), { method: "get" });
  form.setAttribute("action", "/overview");
  form.innerHTML = '<input name="q" aria-label="Search">';
  document.querySelector("main").append(form);
  globalThis.kept = form.outerHTML;
});
// Whatever is asked for next has the same form, and one section more on top.
await refreshed.route("**/overview/**", async (route) => {
  const answer = await route.fetch();
  const form = '<form method="get" action="/overview"><input name="q" aria-label="Search"></form>';
  const body = (await answer.text())
    .replace(/(<main id="content">)/, '$1<section id="new"><h2>New</h2><p>x</p><p>x</p><p>x</p><p>x</p></section>')
    .replace("</main>", `${form}</main>`);
  await route.fulfill({ response: answer, body });
});
await refreshed.getByRole("checkbox", { name: /Refresh every/ }).check();
await refreshed.locator("#new").waitFor({ state: "attached", timeout: 10_000 });
await refreshed.locator("summary", { hasText: "Pause re-runs" }).click();
await refreshed.getByRole("textbox", { name: "Search" }).pressSequentially("flaky");
await refreshed.locator("#runs").evaluate((heading) => window.scrollTo(0, heading.getBoundingClientRect().top + scrollY - 20));
const top = () => refreshed.locator("#runs").evaluate((heading) => Math.round(heading.getBoundingClientRect().top));
const before = await top();
await refreshed.evaluate(() => document.querySelector("#new").remove());
await refreshed.evaluate(() => document.querySelector("#runs").closest("section").scrollIntoView());
await refreshed.evaluate(() => window.scrollBy(0, document.querySelector("#runs").getBoundingClientRect().top - 20));
const asked = refreshed.waitForResponse((response) => response.url().includes("/overview/"));
await refreshed.clock.runFor(15_500);
await asked;
await refreshed.locator("#new").waitFor({ state: "attached", timeout: 10_000 });
if (Math.abs(await top() - before) > 2) problems.push(`refreshed: the reader's place moved from ${before} to ${await top()}`);
const typed = await refreshed.evaluate(() => [document.querySelector("[name=q]").value, document.activeElement.name]);
if (`${typed}` !== "flaky,q") problems.push(`refreshed: what was typed is "${typed}"`);
if (!(await refreshed.locator("details.confirm").evaluate((details) => details.open))) problems.push("refreshed: what was open is closed");
await refreshed.unrouteAll({ behavior: "wait" });
await refreshed.reload();
if (!(await refreshed.getByRole("checkbox", { name: /Refresh every/ }).isChecked())) problems.push("the wish for refreshes is forgotten");
await refreshed.context().close();

// By keyboard: the first stop leads past the head of the page, and each stop can be seen.
const byKeyboard = await watched({}, "by keyboard");
await byKeyboard.goto(`${url}/overview`);
await byKeyboard.keyboard.press("Tab");
const first = await byKeyboard.evaluate(() => document.activeElement.textContent);
if (first !== "Skip to content") problems.push(`by keyboard: the first stop is "${first}"`);
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
