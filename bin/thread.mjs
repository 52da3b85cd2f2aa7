// What host.mjs waits for: HTTP, and programs whose output is read as it comes. One call at a time.

import { spawn } from "node:child_process";
import * as http from "node:http";
import * as https from "node:https";
import * as net from "node:net";
import * as tls from "node:tls";
import { workerData } from "node:worker_threads";

const { port, answered } = workerData;

const open = new Map();
let last = 0;
function opened(what) {
  open.set(++last, what);
  return last;
}

/** A body that is not wanted any more is read to its end if it is no longer than this: its connection can then be kept. */
const SHORT = 65_536;

const calls = {
  /** An answer, as soon as its headers are there. */
  async request({ method, url, headers, body, within, byProxy }) {
    const proxy = byProxy ? proxyFor(new URL(url)) : undefined;
    const signal = AbortSignal.timeout(within);
    const named = { "content-length": String(body.length) };
    for (let at = 0; at < headers.length; at += 2) named[headers[at]] = headers[at + 1];
    if (method === "GET") delete named["content-length"];
    const response = await new Promise((resolve, reject) => {
      const { request } = url.startsWith("https:") ? https : http;
      const sent = request(url, { method, headers: named, signal, agent: agentFor(url, proxy) });
      sent.on("response", resolve).on("error", (error) => reject(reason(error, signal, within)));
      sent.end(body);
    });
    // It is told to whoever reads on.
    response.on("error", () => {});
    const pieces = response[Symbol.asyncIterator]();
    return { id: opened({ response, pieces, signal, within }), status: response.statusCode, headers: joined(response) };
  },

  /** What comes next of a body; nothing at its end. */
  async piece(id) {
    const { pieces, signal, within } = open.get(id);
    try {
      const { value, done } = await pieces.next();
      return done ? undefined : new Uint8Array(value);
    } catch (error) {
      throw reason(error, signal, within);
    }
  },

  close(id) {
    const { response } = open.get(id);
    open.delete(id);
    if (response.complete || Number(response.headers["content-length"]) <= SHORT) response.resume();
    else response.destroy();
  },

  async start(command, args, options) {
    const child = spawn(command, args, { ...options, stdio: ["inherit", "pipe", "inherit"] });
    // Asked for at once: what nobody waits for when the program ends is thrown away.
    const pieces = child.stdout[Symbol.asyncIterator]();
    const first = pieces.next();
    first.catch(() => {});
    const ended = new Promise((resolve) => child.on("close", (code) => resolve(code ?? 128)));
    await new Promise((resolve, reject) => child.on("spawn", resolve).on("error", reject));
    return opened({ pieces, first, ended });
  },

  async said(id) {
    const child = open.get(id);
    const { pieces, first, ended } = child;
    child.first = undefined;
    const { value, done } = await (first ?? pieces.next());
    return done ? { code: await ended } : { piece: new Uint8Array(value) };
  },
};

/** A header that is there more than once: its first. */
function joined({ headers }) {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat()[0]]));
}

function reason(error, signal, within) {
  if (signal.aborted) return new Error(`no answer within ${within / 1_000} s`);
  // Of several addresses of a name, the first one's.
  return error.errors?.[0] ?? error;
}

// Proxies, as the environment names them: all traffic through one is https, so that each is asked for a tunnel.

const agents = new Map();

/** Keeps its connections. */
function agentFor(url, proxy) {
  const key = `${url.startsWith("https:")} ${proxy ?? ""}`;
  if (!agents.has(key)) agents.set(key, newAgent(url.startsWith("https:"), proxy));
  return agents.get(key);
}

function newAgent(secure, proxy) {
  const agent = new (secure ? https : http).Agent({ keepAlive: true });
  if (proxy !== undefined) agent.createConnection = (options, done) => void tunnel(proxy, options, done);
  return agent;
}

function tunnel(proxy, options, done) {
  const target = `${net.isIPv6(options.host) ? `[${options.host}]` : options.host}:${options.port}`;
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const headers = { host: target };
  if (credentials !== ":") headers["proxy-authorization"] = `Basic ${Buffer.from(credentials).toString("base64")}`;
  const { request } = proxy.protocol === "https:" ? https : http;
  const asked = request({ host: proxy.hostname.replace(/^\[|\]$/g, ""), port: proxy.port || (proxy.protocol === "https:" ? 443 : 80), method: "CONNECT", path: target, headers, agent: false, signal: options.signal });
  asked.on("error", done).on("connect", ({ statusCode }, socket) => {
    if (statusCode === 200) return done(null, tls.connect({ ...options, socket }));
    socket.destroy();
    done(new Error(`the proxy answered ${statusCode}`));
  });
  asked.end();
}

const NAMES = ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/** The first that is an address. */
function proxyFor({ hostname, port }) {
  const proxies = NAMES.map((name) => process.env[name]).filter(Boolean);
  const urls = proxies.map((text) => (text.includes("://") ? text : `http://${text}`)).filter((text) => URL.canParse(text));
  const proxy = urls.map((text) => new URL(text)).find(({ protocol }) => protocol === "http:" || protocol === "https:");
  const without = process.env.NO_PROXY ?? process.env.no_proxy ?? "";
  const isExempt = without.split(",").map((entry) => entry.trim().toLowerCase()).some((entry) => matches(entry, hostname, port));
  return isExempt ? undefined : proxy;
}

/** `*`, `example.com` and `.example.com` with all names in it, each also with a port. */
function matches(entry, hostname, port) {
  if (entry === "" || entry === "*") return entry === "*";
  const [, name, only] = /^(.*?)(?::(\d+))?$/.exec(entry);
  const bare = name.replace(/^\*?\./, "");
  return (only === undefined || only === (port || "443")) && (hostname === bare || hostname.endsWith(`.${bare}`));
}

// One answer for each call: whoever waits for it can do nothing else.

let isWaitedFor = false;

function answer(what) {
  if (!isWaitedFor) return;
  isWaitedFor = false;
  port.postMessage(what);
  Atomics.store(answered, 0, 1);
  Atomics.notify(answered, 0);
}

const failed = (error) => answer({ error: { code: error?.code, message: error?.message || String(error?.code ?? error) } });

port.on("message", ({ name, given }) => {
  isWaitedFor = true;
  Promise.resolve()
    .then(() => calls[name](...given))
    .then((value) => answer({ value }))
    .catch(failed);
});
process.on("uncaughtException", failed);
