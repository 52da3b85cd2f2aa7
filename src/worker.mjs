// The Worker's entry. Webhooks are read here and judged by the built Rust; every other request is Rust's from the start;
// and around its Durable Object is one that outlives a panic.

import { DurableObject } from "cloudflare:workers";
import Rust, { Intake, KeeperObject as Keeper } from "../build/worker/shim.mjs";

// Webhooks. GitHub waits ten seconds for an answer, and has one before.

const ANSWER_WITHIN = 8_500;
const HEADERS = ["content-type", "content-length", "x-hub-signature-256", "x-github-event", "x-github-delivery"];
/** Of a Durable Object, whose requests go nowhere else. */
const HINTS = "https://keeper/hints";
const HMAC = { name: "HMAC", hash: "SHA-256" };
/** As in `handler::json`. One object for all answers: made anew, its headers cost 1 µs. */
const ANSWER_HEADERS = new Headers({ "content-type": "application/json", "cache-control": "no-store" });

/**
 * Bodies larger than this are large, and so many bytes of them are held at once: an isolate has 128 MB, and anybody can
 * send them. GitHub's are some 20 kB.
 */
const LARGE = 1024 * 1024;
const LARGE_AT_ONCE = 56 * LARGE;
const BUSY = new Error("too many large bodies at once");

let intake;
let keys;
let held = 0;

/** Whether the path is `/`. Without a URL object, which costs 2 µs. */
function isRoot(url) {
  const path = url.indexOf("/", "https://".length);
  return path + 1 === url.length || url[path + 1] === "?" || url[path + 1] === "#";
}

async function webhook(request, env) {
  let timer;
  try {
    intake ??= new Intake(env, keepers(env));
    const head = headOf(request.headers);
    const refused = intake.check(head);
    if (refused !== undefined) return answer(refused);
    const late = new Promise((resolve) => (timer = setTimeout(resolve, ANSWER_WITHIN)));
    const told = await Promise.race([judged(request, head), late]);
    return answer(told ?? intake.late(head));
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) panics += 1;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** `name:value`, a line for each header that matters and is there. */
function headOf(headers) {
  let head = "";
  for (const name of HEADERS) {
    const value = headers.get(name);
    if (value !== null) head += `${name}:${value}\n`;
  }
  return head;
}

function judged(request, head) {
  const declared = request.headers.get("content-length");
  return declared > LARGE ? judgedLarge(request, head, Number(declared)) : judgedAtOnce(request, head, declared !== null);
}

async function judgedLarge(request, head, length) {
  if (held + length > LARGE_AT_ONCE) return intake.busy(head);
  held += length;
  try {
    return await judgedAtOnce(request, head, true);
  } finally {
    held -= length;
  }
}

/** In one piece, as each asynchronous function more costs 1 µs. */
async function judgedAtOnce(request, head, declared) {
  let body;
  try {
    // A declared length has been checked, and the runtime reads no further. A stream costs 35 µs more.
    body = declared ? await request.bytes() : await readUpTo(intake.body_limit(), request.body);
  } catch (error) {
    return error === BUSY ? intake.busy(head) : intake.cut(head);
  }
  if (body === undefined) return intake.too_large(head);
  keys ??= await Promise.all(intake.secrets().map(imported));
  const mac = await crypto.subtle.sign("HMAC", keys[0], body);
  if (keys.length === 1) return intake.judge(head, new Uint8Array(mac), body);
  const macs = await Promise.all(keys.map((key) => crypto.subtle.sign("HMAC", key, body)));
  return intake.judge(head, await new Blob(macs).bytes(), body);
}

/** All of a stream; nothing if it is longer than that, of which no more is read. */
async function readUpTo(limit, stream) {
  const chunks = [];
  let [length, counted] = [0, 0];
  try {
    for await (const chunk of stream ?? []) {
      length += chunk.byteLength;
      if (length > limit) return undefined;
      if (length > LARGE) {
        if (held + length - counted > LARGE_AT_ONCE) throw BUSY;
        held += length - counted;
        counted = length;
      }
      chunks.push(chunk);
    }
    return new Blob(chunks).bytes();
  } finally {
    held -= counted;
  }
}

function imported(secret) {
  return crypto.subtle.importKey("raw", new TextEncoder().encode(secret), HMAC, false, ["sign"]);
}

/** Of what `Intake` says: three digits for the status, the body, and the line for the log. */
function answer(told) {
  const status = Number(told.slice(0, 3));
  const end = told.indexOf("\n");
  const line = told.slice(end + 1);
  if (status === 503) console.error(line);
  else console.log(line);
  return new Response(told.slice(3, end), { status, headers: ANSWER_HEADERS });
}

/** The way to the Keepers. An object that cannot be reached, or that has not stored the message, rejects. */
const keepers = (env) => ({
  async tell(name, message) {
    const response = await env.KEEPER.getByName(name).fetch(HINTS, { method: "POST", body: message });
    if (response.status !== 200) throw new Error(`the Keeper answered ${response.status}`);
    return response.text();
  },
});

export default {
  fetch(request, env, ctx) {
    if (request.method === "POST" && isRoot(request.url)) return webhook(request, env);
    return new Rust(ctx, env).fetch(request);
  },

  scheduled(event, env, ctx) {
    return new Rust(ctx, env).scheduled(event);
  },
};

// A panic ends the WebAssembly instance, and with it every promise that the instance was to settle: of the alarm that
// panicked, and of the alarms of other objects at work in the same isolate. The runtime would wait 15 minutes for
// them. Here they are given up within a second, so that the alarm which each has set beforehand goes off.
// (The crate docs say what was measured, and what else was tried.)

let panics = 0;
addEventListener("error", (event) => {
  if (event.error instanceof WebAssembly.RuntimeError) panics += 1;
});

/** Rejects when the WebAssembly instance of now has ended; `done` ends the wait. */
function endOfInstance(done) {
  const now = panics;
  return new Promise((_, reject) => {
    const timer = setInterval(() => {
      if (panics !== now) {
        clearInterval(timer);
        reject(new Error("the WebAssembly instance has ended"));
      }
    }, 500);
    done.then(
      () => clearInterval(timer),
      () => clearInterval(timer),
    );
  });
}

export class KeeperObject extends DurableObject {
  #keeper;

  constructor(state, env) {
    super(state, env);
    this.#keeper = new Keeper(state, env);
  }

  fetch(request) {
    const answer = request.url === HINTS ? this.#hear(request) : this.#keeper.fetch(request);
    return Promise.race([answer, endOfInstance(answer)]);
  }

  async #hear(request) {
    try {
      return new Response(await this.#keeper.hear(await request.text()));
    } catch (error) {
      return new Response(error.message, { status: 500 });
    }
  }

  alarm() {
    const done = this.#keeper.alarm();
    return Promise.race([done, endOfInstance(done)]);
  }
}
