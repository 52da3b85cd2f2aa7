// The Worker's entry: what only JavaScript can do, or does for less. It carries a webhook's bytes to Rust, has the runtime
// make their HMACs, carries messages to the Durable Objects of the Keepers, and starts another instance after a panic. Rust
// decides, and handles every other request from its start.

import { DurableObject } from "cloudflare:workers";
import * as rust from "../../build/index.js";

export default {
  fetch(request, env, ctx) {
    if (request.method === "POST" && isRoot(request.url)) return webhook(request, env, ctx);
    return called(() => rust.fetch(request, env, ctx));
  },

  scheduled(event, env, ctx) {
    return called(() => rust.scheduled(event, env, ctx));
  },
};

/** Whether the path is `/`. Without a URL object, which costs 2 µs. */
function isRoot(url) {
  const path = url.indexOf("/", url.indexOf("://") + 3);
  return path + 1 === url.length || url[path + 1] === "?" || url[path + 1] === "#";
}

// A webhook: its headers, then its body, then its answer.

const HEADERS = ["content-type", "content-length", "x-hub-signature-256", "x-github-event", "x-github-delivery"];
const HMAC = { name: "HMAC", hash: "SHA-256" };
/** As in `src/web/http.rs`. One object for all answers: made anew, its headers cost 1 µs. */
const ANSWER_HEADERS = new Headers({ "content-type": "application/json", "cache-control": "no-store" });

let environment;
const intake = ofInstance(() => new rust.Intake(environment, { let_go: (id) => stops.get(id)?.("busy") }));
let answerWithin, keys, secretBlocks;
let lastBody = 0;
/** How to stop the bodies that are read block by block, by their number: with the name of what `Intake` then answers. */
const stops = new Map();

/** A delivery as GitHub writes it goes the short way, and all others the long one, on which `Intake` is asked of each step. */
function webhook(request, env, ctx) {
  environment = env;
  const { headers } = request;
  const [event, delivery] = [headers.get("x-github-event"), headers.get("x-github-delivery")];
  try {
    answerWithin ??= intake().answer_within();
    const isPlain = headers.get("content-type") === "application/json" && DELIVERY.test(delivery) && isPlainEvent(event);
    if (!isPlain || !isSmall(headers.get("content-length"))) return longWay(request, env, ctx);
    const signature = headers.get("x-hub-signature-256");
    if (signature === null) return commonAnswer(0, event, delivery);
    if (!SIGNATURE.test(signature) || !hasRoom()) return longWay(request, env, ctx);
    return shortWay(request, event, delivery, signature);
  } catch (error) {
    noticePanic(error);
    throw error;
  }
}

// The short way. It has one call into Rust, after the body: `judge`. What may be answered is at hand. For a candidate there is
// a second one, when its Keeper has stored it.

const DELIVERY = /^[0-9a-f-]{36}$/;
const SIGNATURE = /^sha256=[0-9a-f]{64}$/;
const LENGTH = /^[1-9][0-9]{0,5}$/;
/** By name, whether an event goes this way. Anybody can send names, so that they are not kept for long. */
const events = new Map();
const EVENTS_MOST = 64;
/** When bodies began that are on this way. */
const unasked = new Map();
let small, unaskedMost, common;

function isPlainEvent(event) {
  const known = events.get(event);
  if (known !== undefined || event === null || event.length > 50) return known;
  if (events.size === EVENTS_MOST) events.clear();
  events.set(event, intake().is_plain(event));
  return events.get(event);
}

function isSmall(length) {
  if (small === undefined) [small, unaskedMost] = intake().unasked();
  return LENGTH.test(length) && Number(length) <= small;
}

/** Some small bodies are read without asking. One whose sender went away may be dropped by the runtime without a word. */
function hasRoom() {
  if (unasked.size < unaskedMost) return true;
  for (const [id, since] of unasked) if (since + 2 * answerWithin < Date.now()) unasked.delete(id);
  return unasked.size < unaskedMost;
}

function shortWay(request, event, delivery, signature) {
  const id = (lastBody = (lastBody + 1) >>> 0);
  unasked.set(id, Date.now());
  return new Promise((resolve, reject) => {
    const watch = { isLate: false };
    watch.timer = setTimeout(() => {
      watch.isLate = true;
      called(() => answer(intake().late(linesOf(request.headers), id))).then(resolve, reject);
    }, answerWithin);
    judge(request, event, delivery, signature, id, watch).then(resolve, reject);
  });
}

/** The answer, unless it is late. All in one function, as each asynchronous one costs 1 µs. */
async function judge(request, event, delivery, signature, id, watch) {
  try {
    let body;
    try {
      body = await request.bytes();
    } catch {} // It ended early.
    unasked.delete(id);
    if (watch.isLate) return undefined;
    if (body === undefined) return answer(intake().cut(linesOf(request.headers), id));
    const macs = keys?.length === 1 ? new Uint8Array(await crypto.subtle.sign("HMAC", keys[0], body)) : await macsOf(body);
    const judged = intake().judge(event, delivery, signature, macs, body);
    if (typeof judged === "number") return commonAnswer(judged, event, delivery);
    if (typeof judged === "string" && judged[0] === "{") return ignored(judged, event, delivery);
    const received = await stored(judged, `x-github-event:${event}\nx-github-delivery:${delivery}`);
    return watch.isLate ? undefined : answer(received);
  } catch (error) {
    noticePanic(error);
    throw error;
  } finally {
    clearTimeout(watch.timer);
  }
}

function commonAnswers() {
  return (common ??= intake().common_answers().map((lines) => {
    const [head, body, line] = lines.split("\n");
    const [before, between, after] = line.split(/"an_event"|"a-delivery"/);
    const init = { status: Number(head.slice(0, 3)), headers: ANSWER_HEADERS };
    return { level: head.slice(4), body, before, between, after, init };
  }));
}

function commonAnswer(number, event, delivery) {
  const { level, body, before, between, after, init } = commonAnswers()[number];
  console[level](`${before}"${event}"${between}"${delivery}"${after}`);
  return new Response(body, init);
}

/** One that is about a run. In the log it is like the last of the common ones, which is of ignored ones too. */
function ignored(body, event, delivery) {
  const { level, before, between, init } = commonAnswers().at(-1);
  console[level](`${before}"${event}"${between}"${delivery}",${body.slice(1)}`);
  return new Response(body, init);
}

// The long way.

async function longWay(request, env, ctx) {
  let timer;
  try {
    const headers = linesOf(request.headers);
    const id = (lastBody = (lastBody + 1) >>> 0);
    const atOnce = intake().check(headers, id, Date.now());
    if (typeof atOnce === "string") return answer(atOnce);
    let stop;
    const stopped = new Promise((resolve) => (stop = resolve)).then((why) => intake()[why](headers, id));
    timer = setTimeout(stop, answerWithin, "late");
    const received = atOnce ? receive(request, headers, id) : receiveBlocks(request, headers, id, stop, stopped, ctx);
    return answer(await Promise.race([received, stopped]));
  } catch (error) {
    noticePanic(error);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** What `Intake` has said, or promises to say; but for a candidate what it says when the Keeper has been told. */
async function stored(said, headers) {
  const received = typeof said === "string" ? said : await said;
  if (!received.startsWith("tell\n")) return received;
  const [, keeper, message, about] = received.split("\n");
  let reply;
  try {
    reply = await tellKeeper(environment, keeper, message);
  } catch (fault) {
    return intake().not_stored(headers, about, fault.message);
  }
  return intake().told(headers, about, reply);
}

/** `name:value`, a line for each header that matters and is there. */
function linesOf(headers) {
  let lines = "";
  for (const name of HEADERS) {
    const value = headers.get(name);
    if (value !== null) lines += `${name}:${value}\n`;
  }
  return lines;
}

/** Of what `Intake` says: the status and the console's function, the body, and the line for the log. */
function answer(lines) {
  const [status, body, line] = lines.split("\n");
  console[status.slice(4)](line);
  return new Response(body, { status: Number(status.slice(0, 3)), headers: ANSWER_HEADERS });
}

/** The body in one piece. A stream costs 35 µs more. */
async function receive(request, headers, id) {
  let body;
  try {
    // Its length is declared and has been checked, and the runtime reads no further.
    body = await request.bytes();
  } catch {
    return intake().cut(headers, id);
  }
  return stored(intake().receive(headers, id, await macsOf(body), body), headers);
}

/** One after the other, as Rust takes them. */
async function macsOf(body) {
  const imported = (secret) => crypto.subtle.importKey("raw", new TextEncoder().encode(secret), HMAC, false, ["sign"]);
  keys ??= await Promise.all(intake().secrets().map(imported));
  return joined(await Promise.all(keys.map((key) => crypto.subtle.sign("HMAC", key, body))));
}

/**
 * The body block by block, of as many as `Intake` has room for, with the HMACs made meanwhile. It ends early when it is
 * stopped; and it runs to its end when its sender goes away, which the runtime would else drop it for with what it holds.
 */
function receiveBlocks(request, headers, id, stop, stopped, ctx) {
  const blocks = new Blocks();
  const received = readBlocks(request, headers, id, blocks, stopped).finally(() => {
    stops.delete(id);
    blocks.clear();
  });
  stops.set(id, stop);
  ctx.waitUntil(received.catch(() => {}));
  return received;
}

async function readBlocks(request, headers, id, blocks, stopped) {
  const limit = intake().body_limit();
  const reader = request.body?.getReader({ mode: "byob" });
  const macs = streamedMacs();
  stopped.then(() => reader?.cancel()).catch(() => {});
  let length = 0;
  try {
    while (reader !== undefined) {
      const rest = blocks.rest(() => intake().room(id, Date.now()));
      if (rest === undefined) return intake().busy(headers, id);
      const { value, done } = await reader.read(rest);
      if (value !== undefined) blocks.filled(value);
      if (done) break;
      length += value.byteLength;
      if (length > limit) return intake().too_large(headers, id);
      // Before the next read, for which the runtime takes the buffer away.
      for (const mac of macs) await mac.writer.write(value);
    }
  } catch {
    return intake().cut(headers, id);
  } finally {
    reader?.cancel().catch(() => {});
  }
  const all = joined(await Promise.all(macs.map(madeOf)));
  return stored(intake().receive_blocks(headers, id, all, blocks, length), headers);
}

/** What is held of a body. */
class Blocks {
  #full = [];
  #buffer;
  #used = 0;
  #given;

  /** Where the next bytes go. `room` says how many a new block may hold; if none, the last block is filled again. */
  rest(room) {
    if (this.#used === (this.#buffer?.byteLength ?? 0)) {
      const bytes = room();
      if (bytes === undefined) return undefined;
      if (bytes > 0) {
        if (this.#buffer !== undefined) this.#full.push(this.#buffer);
        this.#buffer = new ArrayBuffer(bytes);
      }
      this.#used = 0;
    }
    return new Uint8Array(this.#buffer, this.#used);
  }

  /** The runtime gives the buffer that it was given back as another; at the end with nothing in it, at any place. */
  filled(part) {
    this.#buffer = part.buffer;
    if (part.byteLength > 0) this.#used = part.byteOffset + part.byteLength;
  }

  /** For `Intake`: the next block, and the end of the one before it. */
  next() {
    this.#given?.transfer(0);
    this.#given = this.#full.shift();
    if (this.#given !== undefined) return new Uint8Array(this.#given);
    [this.#given, this.#buffer] = [this.#buffer, undefined];
    return this.#given && new Uint8Array(this.#given, 0, this.#used);
  }

  /** Memory is given back now, and not when garbage is collected. */
  clear() {
    for (const buffer of [...this.#full.splice(0), this.#buffer]) if (buffer?.detached === false) buffer.transfer(0);
  }
}

/** For each secret an HMAC of what is written to it: the runtime's own takes a message in one piece. */
function streamedMacs() {
  secretBlocks ??= intake().secret_blocks();
  const macs = [];
  for (let at = 0; at < secretBlocks.length; at += 128) {
    const stream = new crypto.DigestStream("SHA-256");
    const writer = stream.getWriter();
    writer.write(secretBlocks.subarray(at, at + 64));
    macs.push({ stream, writer, outer: secretBlocks.subarray(at + 64, at + 128) });
  }
  return macs;
}

async function madeOf({ stream, writer, outer }) {
  await writer.close();
  return crypto.subtle.digest("SHA-256", joined([outer, await stream.digest]));
}

/** Of some short ones. */
function joined(parts) {
  return new Uint8Array(parts.flatMap((part) => [...new Uint8Array(part)]));
}

// The Keepers: one Durable Object for each repository, which takes messages and its alarm.

/** Sends a message to the Keeper of this name. One that it cannot be sent to, or that has not stored it, rejects. */
async function tellKeeper(env, name, message) {
  const response = await env.KEEPER.getByName(name).fetch("https://keeper/", { method: "POST", body: message });
  if (response.status !== 200) throw new Error(`the Keeper answered ${response.status}`);
  return response.text();
}

globalThis.tellKeeper = tellKeeper; // For Rust.

export class KeeperObject extends DurableObject {
  #keeper;

  constructor(state, env) {
    super(state, env);
    this.#keeper = ofInstance(() => new rust.KeeperObject(state, env));
    this.#keeper();
  }

  async fetch(request) {
    const message = await request.text();
    try {
      const reply = this.#keeper().answer(message);
      return new Response(typeof reply === "string" ? reply : await untilPanic(reply));
    } catch (error) {
      noticePanic(error);
      return new Response(error.message, { status: 500 });
    }
  }

  alarm() {
    return untilPanic(called(() => this.#keeper().alarm()));
  }
}

// A panic ends the WebAssembly instance. The next call from here starts another, and what was made of the old one is made
// anew. Every promise that the old one was to settle stays open: of the alarm that panicked, and of the alarms of other
// objects at work in the same isolate. The runtime would wait 15 minutes for them. Here they are given up within a second,
// so that the alarm which each has set beforehand goes off. (The crate docs say what was measured, and what else was tried.)

const state = rust.__worker_init_state();
let panics = 0;
let instances = 0;
let startedAfter = 0;
addEventListener("error", (event) => noticePanic(event.error));

function noticePanic(error) {
  if (error instanceof WebAssembly.RuntimeError) panics += 1;
}

/** The number of the instance that is called now. To be asked before each call. */
function instance() {
  if (panics !== startedAfter || state.criticalError) {
    rust.__wbg_reset_state();
    state.criticalError = false;
    startedAfter = panics;
    instances += 1;
  }
  return instances;
}

/** Makes something of the instance of now, and once more whenever there is another. */
function ofInstance(make) {
  let made;
  let of;
  return () => {
    const now = instance();
    if (of !== now) [made, of] = [make(), now];
    return made;
  };
}

/** A call into Rust that is not awaited here. */
async function called(call) {
  try {
    instance();
    return await call();
  } catch (error) {
    noticePanic(error);
    throw error;
  }
}

/** The same promise, or a rejection when the WebAssembly instance of now has ended. */
function untilPanic(promise) {
  const now = panics;
  let timer;
  const ended = new Promise((_, reject) => {
    timer = setInterval(() => {
      if (panics !== now) reject(new Error("the WebAssembly instance has ended"));
    }, 500);
  });
  return Promise.race([promise, ended]).finally(() => clearInterval(timer));
}
