// A Worker on @octokit/webhooks, by its own documentation: handlers for the events that are wanted, and
// `verifyAndReceive` with the request's text.

import { Webhooks } from "@octokit/webhooks";

import { decide, rejected, respond, unwanted } from "./answer.mjs";
export { KeeperObject } from "./keeper.mjs";

/** What the handlers came to, by delivery: `verifyAndReceive` itself tells nothing. */
const answers = new Map();
let webhooks;

function receiver(env) {
  if (webhooks !== undefined) return webhooks;
  webhooks = new Webhooks({ secret: env.WEBHOOK_SECRET, log: { debug() {}, info() {}, warn() {}, error() {} } });
  for (const event of ["workflow_run", "workflow_job"]) {
    webhooks.on(event, ({ id, payload }) => void answers.set(id, decide(env, event, id, payload)));
  }
  return webhooks;
}

async function answerTo(request, env) {
  if (request.method !== "POST" || new URL(request.url).pathname !== "/") return rejected(404, "not here");
  const headers = request.headers;
  if (headers.get("content-type") !== "application/json") return rejected(415, "the content type must be JSON");
  const signature = headers.get("x-hub-signature-256");
  if (signature === null) return rejected(401, "the signature is missing");
  const id = headers.get("x-github-delivery");
  try {
    const payload = await request.text();
    await receiver(env).verifyAndReceive({ id, name: headers.get("x-github-event"), signature, payload });
  } catch (error) {
    const [cause] = error.errors ?? [error];
    return cause.message.includes("signature") ? rejected(401, cause.message) : rejected(400, cause.message);
  }
  const answer = answers.get(id);
  answers.delete(id);
  return answer ?? unwanted();
}

export default {
  async fetch(request, env) {
    return respond(request.headers, await answerTo(request, env), false);
  },
};
