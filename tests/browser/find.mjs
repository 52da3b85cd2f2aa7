// Looks for repositories and runs in headless Chromium, without JavaScript: by the forms, and by the address alone. Prints what
// it found as JSON: {"problems": [...], "steps": n}.
//
//   node find.mjs '{"url":…,"token":…,"busy":…,"healthy":…,"folder":…}'

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { chromium as find } from "../../scripts/setup-browser.mjs";

const { url, token, busy, healthy, folder } = JSON.parse(process.argv[2]);
const problems = [];
let steps = 0;

mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: find(),
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const context = await browser.newContext({
  httpCredentials: { username: "anyone", password: token, origin: url, send: "always" },
  javaScriptEnabled: false,
  viewport: { width: 1280, height: 900 },
});
const page = await context.newPage();

async function step(what, isSo) {
  steps += 1;
  if (!(await isSo())) problems.push(`${what}, at ${page.url()}: ${(await page.locator("main").innerText()).slice(0, 2_000)}`);
}

const names = () => page.getByRole("region", { name: "Repositories" }).getByRole("rowheader").allInnerTexts();
const runs = () => page.getByRole("region", { name: "Runs, newest first" }).getByRole("rowheader").allInnerTexts();
const parameter = (name) => new URL(page.url()).searchParams.get(name);
const text = () => page.locator("body").innerText();

await page.goto(`${url}/overview`);
await step("both repositories are listed", async () => (await names()).join() === `${busy},${healthy}`);
await page.getByLabel("Name contains").fill("HAND");
await page.getByLabel("Sort by").selectOption("webhook");
await page.getByRole("button", { name: "Show" }).click();
await step("it is found by its name", async () => (await names()).join() === healthy && parameter("name") === "HAND");
await page.goto(`${url}/overview?sort=webhook`);
await step("the last webhook comes first", async () => (await names()).join() === `${healthy},${busy}`);
await page.screenshot({ path: join(folder, "find-overview.png"), fullPage: true });
await page.goto(`${url}/overview?name=nobody`);
await step("that there is none is said", async () => (await text()).includes("No repository name contains nobody"));
const refused = await page.goto(`${url}/overview?colour=red`);
await step("a wrong parameter is named", async () => refused.status() === 400 && (await text()).includes("colour"));

await page.goto(`${url}/overview/${healthy}`);
await step("what is empty says so", async () => {
  const all = await text();
  return all.includes("No run was rescued or exhausted in the last 30 days.") && all.includes("No run has failed since")
    && (await page.locator("svg.days").count()) === 0;
});
await page.screenshot({ path: join(folder, "find-empty.png"), fullPage: true });

await page.goto(`${url}/overview/${busy}`);
await step("all runs are listed", async () => (await runs()).length === 3 && (await page.locator("svg.days").count()) === 1);
await page.getByLabel("Workflow").fill("rel*");
await page.getByLabel("Failed job").fill("sign the packages");
await page.getByRole("button", { name: "Find runs" }).click();
await step("runs are found by workflow and job", async () => {
  const [run, ...others] = await runs();
  return run?.startsWith("release #") && others.length === 0 && parameter("workflow") === "rel*" && page.url().endsWith("#runs");
});
await step("how far it was looked is said", async () => (await text()).includes("Searched 3 runs, back to the oldest."));
await page.screenshot({ path: join(folder, "find-runs.png"), fullPage: true });
await page.getByRole("navigation", { name: "Runs by outcome" }).getByRole("link", { name: "exhausted" }).click();
await step("an outcome goes with the filter", async () => parameter("workflow") === "rel*" && parameter("outcome") === "exhausted"
  && (await text()).includes("No run matches."));
await page.getByRole("link", { name: "Clear" }).click();
await page.goto(`${url}/overview/${busy}?since=2020-01-01&until=2020-01-31`);
await step("a range of dates is in the address", async () => (await runs()).length === 0
  && (await page.getByLabel("From").inputValue()) === "2020-01-01");

await page.goto(`${url}/insights`);
await step("all are seen as one", async () => {
  const all = await text();
  return all.includes("sign the packages") && all.includes("1 repository") && all.includes(busy);
});
await page.screenshot({ path: join(folder, "find-insights.png"), fullPage: true });

await browser.close();
console.log(JSON.stringify({ problems, steps }));
