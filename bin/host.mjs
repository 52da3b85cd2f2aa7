// What the command has of the machine: for each function of src/cli/host/node.rs its other side.
//
// The command runs from its beginning to its end in one call, and each function here gives its result when it returns. What
// Node.js only does while other code runs (HTTP, a program whose output is read as it comes) is done by a thread
// (thread.mjs), which is started at the first use and waited for. Ctrl-C ends all of it at once.
//
// What goes wrong is thrown as a string: "ENOENT: no such file or directory", or a phrase.

import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import * as tty from "node:tty";
import { fileURLToPath } from "node:url";
import { MessageChannel, Worker, receiveMessageOnPort } from "node:worker_threads";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const windows = process.platform === "win32";

export const arguments_ = () => process.argv.slice(2);
export { arguments_ as arguments };
export const environment = (name) => process.env[name];
export const now = () => Date.now();
export const random = (count) => randomBytes(count);

export function exit(code) {
  process.exitCode = code;
}

const asleep = new Int32Array(new SharedArrayBuffer(4));
export function sleep(milliseconds) {
  Atomics.wait(asleep, 0, 0, milliseconds);
}

// Files.

/** The same, with its errors as strings: without the system's call and the path, which the command names itself. */
function told(does) {
  try {
    return does();
  } catch (error) {
    throw phrase(error);
  }
}

function phrase(error) {
  if (typeof error?.code !== "string") return String(error?.message ?? error);
  const said = String(error.message).replace(`${error.code}: `, "").replace(/, \w+( '.*')?$/s, "");
  return error.code.startsWith("E") && !error.code.startsWith("ERR_") ? `${error.code}: ${said}` : said;
}

export function readFile(path, most) {
  return told(() => {
    if (most !== undefined && fs.statSync(path).size > most) throw "EFBIG: file too large";
    return fs.readFileSync(path);
  });
}

let unfinished = 0;
export function putFile(path, bytes) {
  const beside = `${path}.${process.pid}-${unfinished++}.new`;
  told(() => {
    try {
      fs.rmSync(beside, { force: true });
      fs.writeFileSync(beside, bytes, { flag: "wx", mode: 0o600 });
      fs.renameSync(beside, path);
    } catch (error) {
      fs.rmSync(beside, { force: true });
      throw error;
    }
  });
}

export const overwrite = (path, bytes) => told(() => fs.writeFileSync(path, bytes));
export const makeFolder = (path) => told(() => void fs.mkdirSync(path, { recursive: true, mode: 0o700 }));
export const removeFile = (path) => told(() => fs.rmSync(path, { force: true }));
export const removeFolder = (path) => told(() => fs.rmSync(path, { recursive: true, force: true }));

export function cacheFolder() {
  const { XDG_CACHE_HOME, LOCALAPPDATA, HOME, USERPROFILE } = process.env;
  if (XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME)) return XDG_CACHE_HOME;
  if (windows && LOCALAPPDATA) return LOCALAPPDATA;
  const home = HOME || USERPROFILE;
  return home ? join(home, process.platform === "darwin" ? "Library/Caches" : ".cache") : undefined;
}

// The terminal, and what stands in its place.

/** Where a stream does not block, it is asked again until it is ready. */
function patiently(does) {
  for (;;) {
    try {
      return does();
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      sleep(5);
    }
  }
}

/** 0 at the end. */
function readInput(buffer, length) {
  try {
    return patiently(() => fs.readSync(0, buffer, 0, length, null));
  } catch (error) {
    // Windows says so of a pipe whose other end is closed.
    if (error.code === "EOF") return 0;
    throw phrase(error);
  }
}

export function input() {
  const [pieces, buffer] = [[], Buffer.alloc(65_536)];
  for (let count; (count = readInput(buffer, buffer.length)) > 0; ) pieces.push(Buffer.from(buffer.subarray(0, count)));
  return Buffer.concat(pieces);
}

/** Byte by byte: what follows the line is the next one's. */
export function line() {
  const [bytes, buffer] = [[], Buffer.alloc(1)];
  while (readInput(buffer, 1) > 0) {
    if (buffer[0] === 0x0a) return Buffer.from(bytes).toString();
    bytes.push(buffer[0]);
  }
  return bytes.length > 0 ? Buffer.from(bytes).toString() : undefined;
}

export function hiddenLine() {
  if (!tty.isatty(0)) return line();
  const terminal = new tty.ReadStream(0);
  terminal.setRawMode(true);
  try {
    return rawLine();
  } finally {
    terminal.setRawMode(false);
    terminal.destroy();
    write(1, "\n");
  }
}

const [CTRL_C, CTRL_D, BACKSPACE, LINE_FEED, RETURN, DELETE] = [3, 4, 8, 10, 13, 127];

/** Of a terminal that does nothing with what is typed. */
function rawLine() {
  const [bytes, buffer] = [[], Buffer.alloc(1)];
  while (readInput(buffer, 1) > 0) {
    const [byte] = buffer;
    if (byte === RETURN || byte === LINE_FEED) return Buffer.from(bytes).toString();
    if (byte === CTRL_C) process.exit(130);
    if (byte === CTRL_D && bytes.length === 0) return undefined;
    if (byte === BACKSPACE || byte === DELETE) bytes.splice(lastCharacter(bytes));
    else bytes.push(byte);
  }
  return undefined;
}

/** Where it begins, in UTF-8. */
function lastCharacter(bytes) {
  let at = bytes.length - 1;
  while (at > 0 && (bytes[at] & 0xc0) === 0x80) at -= 1;
  return Math.max(at, 0);
}

export const isTerminal = (stream) => tty.isatty(stream);

export function write(stream, text) {
  const bytes = Buffer.from(text);
  try {
    for (let at = 0; at < bytes.length; ) at += patiently(() => fs.writeSync(stream, bytes, at));
    return true;
  } catch {
    return false;
  }
}

// The thread.

let thread;

class Thread {
  #answered = new Int32Array(new SharedArrayBuffer(4));
  #port;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const workerData = { port: port2, answered: this.#answered };
    new Worker(new URL("./thread.mjs", import.meta.url), { workerData, transferList: [port2] }).unref();
  }

  /** What one of its functions returns. */
  call(name, ...given) {
    Atomics.store(this.#answered, 0, 0);
    this.#port.postMessage({ name, given });
    Atomics.wait(this.#answered, 0, 0);
    const { value, error } = receiveMessageOnPort(this.#port).message;
    if (error !== undefined) throw phrase(error);
    return value;
  }
}

const call = (name, ...given) => (thread ??= new Thread()).call(name, ...given);

class Response {
  #id;
  #headers;

  constructor({ id, status, headers }) {
    [this.#id, this.status, this.#headers] = [id, status, headers];
  }

  header(name) {
    return this.#headers[name];
  }

  next() {
    return call("piece", this.#id);
  }

  close() {
    call("close", this.#id);
  }
}

export function fetch(method, url, headers, body, within, byProxy) {
  return new Response(call("request", { method, url, headers, body, within, byProxy }));
}

// wrangler: in a clone the one that is pinned there, in the package the same, which npx gets when it is first needed.

const { config: packaged } = JSON.parse(fs.readFileSync(join(root, "package.json"), "utf8"));
export const isPackaged = () => packaged?.wrangler !== undefined;

let copied;
/**
 * Of the package, a copy of its configuration: wrangler writes into it what it has made at Cloudflare, and the package, which
 * another account may be set up with, stays as it is.
 */
function configuration() {
  if (copied === undefined) {
    const folder = fs.mkdtempSync(join(tmpdir(), "rerunner-"));
    process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
    const main = (_, name) => `main = ${JSON.stringify(join(root, name))}`;
    const text = fs.readFileSync(join(root, "wrangler.toml"), "utf8").replace(/^main = "(.*)"$/m, main);
    copied = join(folder, "wrangler.toml");
    fs.writeFileSync(copied, text);
  }
  return copied;
}

/** Names of files and folders, as seen from elsewhere. */
const PLACES = ["--persist-to", "--env-file"];
const seen = (args) => args.map((arg, at) => (PLACES.includes(args[at - 1]) ? resolve(arg) : arg));

function wrangler(given) {
  const [command, ...args] = isPackaged()
    ? ["npx", "--yes", `wrangler@${packaged.wrangler}`, ...seen(given), "--config", configuration()]
    : ["wrangler", ...given];
  // npx and wrangler take settings from the folder that they are started in, which may be anybody's.
  const cwd = isPackaged() ? dirname(configuration()) : undefined;
  const places = [process.env.PATH, isPackaged() ? undefined : join(root, "node_modules", ".bin")];
  const env = {
    ...process.env,
    PATH: places.filter(Boolean).join(delimiter),
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_HIDE_BANNER: "true",
  };
  return { command, args, options: { cwd, env, shell: windows } };
}

/** Of a program that a signal has ended, as shells have it. */
const codeOf = ({ status, signal }) => status ?? (signal === null ? 1 : 128);

export function wranglerOutput(given) {
  const { command, args, options } = wrangler(given);
  const stdio = ["ignore", "pipe", "pipe"];
  options.env.NO_COLOR = "1";
  const ended = spawnSync(command, args, { ...options, stdio, encoding: "utf8", maxBuffer: 16 * 1024 * 1024 });
  if (ended.error) throw phrase(ended.error);
  return { code: codeOf(ended), out: ended.stdout, error: ended.stderr };
}

export function wranglerRun(given, typed, said) {
  const { command, args, options } = wrangler(given);
  if (typed === undefined && !windows) return watched(command, args, options, said);
  const stdio = typed === undefined ? ["inherit", said, "inherit"] : ["pipe", "ignore", "inherit"];
  const ended = spawnSync(command, args, { ...options, stdio, input: typed });
  if (ended.error) throw phrase(ended.error);
  return codeOf(ended);
}

/** A signal ends this at once, as it waits: watched.mjs then ends the program. */
function watched(command, args, options, said) {
  const watch = fileURLToPath(new URL("./watched.mjs", import.meta.url));
  const stdio = ["inherit", said, "inherit", "pipe"];
  const ended = spawnSync(process.execPath, [watch, command, ...args], { ...options, stdio });
  if (ended.error) throw phrase(ended.error);
  return codeOf(ended);
}

class Child {
  #id;
  #code;

  constructor(id) {
    this.#id = id;
  }

  next() {
    const { piece, code } = call("said", this.#id);
    this.#code = code;
    return piece;
  }

  code() {
    return this.#code;
  }
}

export function wranglerStart(given) {
  const { command, args, options } = wrangler(given);
  return new Child(call("start", command, args, options));
}
