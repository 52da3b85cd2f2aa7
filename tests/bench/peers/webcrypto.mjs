// Written by hand: what JavaScript can do on this runtime. The key is imported once for each isolate, the body is read
// and hashed as bytes, and only a verified body is parsed.

import { decide, rejected, respond, unwanted } from "./answer.mjs";
export { KeeperObject } from "./keeper.mjs";

const WANTED = new Set(["workflow_run", "workflow_job"]);
const decoder = new TextDecoder();
let key;

function secretKey(env) {
  const secret = new TextEncoder().encode(env.WEBHOOK_SECRET);
  key ??= crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  return key;
}

function bytes(hex) {
  const bytes = new Uint8Array(32);
  for (let at = 0; at < 32; at++) bytes[at] = parseInt(hex.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}

async function answerTo(request, env) {
  if (request.method !== "POST" || new URL(request.url).pathname !== "/") return rejected(404, "not here");
  const headers = request.headers;
  if (headers.get("content-type") !== "application/json") return rejected(415, "the content type must be JSON");
  const signature = headers.get("x-hub-signature-256");
  if (signature === null || !/^sha256=[0-9a-f]{64}$/i.test(signature)) return rejected(401, "the signature is missing");
  const body = await request.arrayBuffer();
  const right = await crypto.subtle.verify("HMAC", await secretKey(env), bytes(signature.slice(7)), body);
  if (!right) return rejected(401, "the signature does not match the body");
  const event = headers.get("x-github-event");
  if (!WANTED.has(event)) return unwanted();
  let payload;
  try {
    payload = JSON.parse(decoder.decode(body));
  } catch {
    return rejected(400, "not JSON");
  }
  return decide(env, event, headers.get("x-github-delivery"), payload);
}

export const answering = (silent) => ({
  async fetch(request, env) {
    return respond(request.headers, await answerTo(request, env), silent);
  },
});

export default answering(false);
