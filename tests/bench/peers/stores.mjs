// What stands beside every Worker that is measured, in the same process.
//
// As the default: Workers KV, kept in memory, by the protocol that workerd's KV binding speaks. And a Keeper that answers
// at once and stores nothing, so that a candidate's way can be measured up to it.

import { DurableObject } from "cloudflare:workers";

const values = new Map();
/** Of those that have some. It is JSON as text, and lists have it. */
const metadata = new Map();

function list(prefix) {
  const names = [...values.keys()].filter((name) => name.startsWith(prefix)).sort();
  return Response.json({ keys: names.map((name) => ({ name, metadata: metadata.get(name) })), list_complete: true });
}

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const key = decodeURIComponent(url.pathname.slice(1));
    if (key === "") return list(url.searchParams.get("prefix") ?? "");
    if (request.method === "PUT") {
      values.set(key, await request.arrayBuffer());
      if (request.headers.has("CF-KV-Metadata")) metadata.set(key, request.headers.get("CF-KV-Metadata"));
    } else if (request.method === "DELETE") values.delete(key);
    else if (values.has(key)) return new Response(values.get(key));
    return new Response(null, { status: request.method === "GET" ? 404 : 204 });
  },
};

const RECEIPT = '{"kind":"scheduled","reason":"workflow job failed","run_attempt":1,"due":1800000000000}';
/** Rerunner's Keeper has other replies as well, and says which it is. */
const REPLY = `{"receipt":${RECEIPT}}`;

export class NoKeeper extends DurableObject {
  async fetch(request) {
    await request.arrayBuffer();
    const text = request.url.endsWith("/hints") ? RECEIPT : REPLY;
    return new Response(text, { headers: { "content-type": "application/json" } });
  }
}
