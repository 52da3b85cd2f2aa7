// The Worker's entry: the built Rust, with a Durable Object around its own that outlives a panic.
//
// A panic ends the WebAssembly instance, and with it every promise that the instance was to settle: of the alarm that
// panicked, and of the alarms of other objects at work in the same isolate. The runtime would wait 15 minutes for
// them. Here they are given up within a second, so that the alarm which each has set beforehand goes off.
// (The crate docs say what was measured, and what else was tried.)

import { DurableObject } from "cloudflare:workers";
import worker, { KeeperObject as Keeper } from "../build/worker/shim.mjs";

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
    const answer = this.#keeper.fetch(request);
    return Promise.race([answer, endOfInstance(answer)]);
  }

  alarm() {
    const done = this.#keeper.alarm();
    return Promise.race([done, endOfInstance(done)]);
  }
}

export default worker;
