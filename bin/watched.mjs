// Runs a program in the terminal for as long as whoever has started this is there: whoever ends that by its number, and does not
// press Ctrl-C, leaves nothing behind. They hold the other end of stream 3 (host.mjs).

import { spawn } from "node:child_process";
import { Socket } from "node:net";

/** Of a program that has been interrupted by the terminal as well, and is about to end. */
const PATIENCE = 5_000;

const [command, ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: "inherit" });

let patience = 0;
let isEnding = false;
function end() {
  if (isEnding) return;
  isEnding = true;
  setTimeout(() => child.kill("SIGTERM"), patience);
  setTimeout(() => child.kill("SIGKILL"), patience + 2 * PATIENCE);
}

process.on("SIGINT", () => (patience = PATIENCE));
process.on("SIGTERM", end);
process.on("SIGHUP", end);
new Socket({ fd: 3 }).on("error", end).on("close", end).resume();

child.on("error", ({ message }) => {
  console.error(`error: ${message}`);
  process.exit(127);
});
child.on("exit", (code) => process.exit(code ?? 128));
