// Octokit, GitHub's own client, does with the simulated GitHub what it does with the real one: as an App and with a token,
// over pages and redirects, through its retries and its patience with rate limits; and its webhooks' half re-runs what
// failed. It tells what it saw as lines of JSON. `main.rs` starts it, answers it with trouble, and looks at what it saw.

import { createServer } from "node:http";
import { createNodeMiddleware } from "@octokit/webhooks";
import { App, Octokit } from "octokit";

const { GITHUB, APP_ID, PRIVATE_KEY, SECRET, INSTALLATION, LIMITED_TOKEN } = process.env;
const of = { owner: "octo", repo: "widgets" };
const tell = (what, seen) => process.stdout.write(`${JSON.stringify({ what, seen })}\n`);

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** A client that waits `second` milliseconds where GitHub says a second, and tells of it. */
const client = (second) => {
  const wait = (limit) => (_retryAfter, options) => {
    tell(limit, `${options.method} ${options.url}`);
    return options.request.retryCount < 2;
  };
  return Octokit.defaults({
    baseUrl: GITHUB,
    log: quiet,
    retry: { retryAfterBaseValue: 10 },
    throttle: {
      onRateLimit: wait("rate limit"),
      onSecondaryRateLimit: wait("secondary rate limit"),
      retryAfterBaseValue: second,
    },
  });
};

const app = new App({
  appId: APP_ID,
  privateKey: PRIVATE_KEY,
  webhooks: { secret: SECRET, log: quiet },
  Octokit: client(20),
  log: quiet,
});

const webhooks = () =>
  new Promise((listening) => {
    app.webhooks.on("workflow_run.completed", async ({ octokit, payload }) => {
      const { id, conclusion, run_attempt } = payload.workflow_run;
      if (conclusion === "failure") {
        await octokit.rest.actions.reRunWorkflowFailedJobs({ ...of, run_id: id });
      }
      tell("webhook", { id, conclusion, run_attempt });
    });
    app.webhooks.onAny(({ name, payload }) => tell("event", `${name}.${payload.action ?? ""}`));
    app.webhooks.onError((error) => tell("refused", error.errors.map((one) => one.message)));
    const server = createServer(createNodeMiddleware(app.webhooks, { log: quiet }));
    server.listen(0, "127.0.0.1", () => listening(server.address().port));
  });

const calls = async () => {
  tell("app", (await app.octokit.rest.apps.getAuthenticated()).data.name);
  const { data: installation } = await app.octokit.rest.apps.getRepoInstallation(of);
  tell("installation", { id: installation.id, account: installation.account.login });

  const octokit = await app.getInstallationOctokit(Number(INSTALLATION));
  const { actions, checks } = octokit.rest;
  const runs = await octokit.paginate(actions.listWorkflowRunsForRepo, { ...of, per_page: 2, event: "push" });
  tell("runs", runs.map((run) => run.name).sort());
  const failed = runs.find((run) => run.name === "matrix");
  const run = { ...of, run_id: failed.id };
  const attempt = { ...run, attempt_number: 1, per_page: 100 };
  const jobs = await octokit.paginate(actions.listJobsForWorkflowRunAttempt, attempt);
  tell("jobs", { all: jobs.length, failed: jobs.filter((job) => job.conclusion === "failure").map((job) => job.name) });

  const job = jobs.find((job) => job.conclusion === "failure");
  const log = await actions.downloadJobLogsForWorkflowRun({ ...of, job_id: job.id });
  tell("log", log.data.includes("exit code 1"));
  const annotations = await octokit.paginate(checks.listAnnotations, { ...of, check_run_id: job.id });
  tell("annotations", annotations.map((annotation) => annotation.message));

  // The first read is answered with a 502.
  tell("run after a server's error", (await actions.getWorkflowRun(run)).data.conclusion);
  // More than may be created in a minute: the last waits.
  for (const debug of [true, false, false]) {
    const { status } = await actions.reRunWorkflow({ ...run, enable_debug_logging: debug }).catch((error) => error);
    tell("re-run", status);
  }

  return run;
};

/** As many calls as this token has in an hour, and one more. */
const limitedCalls = async (run) => {
  const limited = new (client(1))({ auth: LIMITED_TOKEN });
  for (let call = 0; call < 4; call++) {
    await limited.rest.actions.getWorkflowRun(run);
  }
  tell("calls of a limited token", 4);
};

tell("listening", await webhooks());
const run = await calls();
tell("called", true);
// The hour that passes now is also that of the App's token.
process.stdin.once("data", async () => {
  await limitedCalls(run);
  tell("done", true);
});
