// Makes a screenshot's PNG smaller: a palette of its most frequent colours, in place of 24 or 32 bits for each pixel.

import { crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOURS = 256;
/** Bytes of a pixel by colour type: RGB and RGBA. */
const PIXEL = { 2: 3, 6: 4 };

/** Of one as browsers write it: eight bits a channel, not interlaced. What is transparent becomes opaque. */
export function smaller(png) {
  const { width, height, pixel, rows } = read(png);
  const counts = new Map();
  const colours = new Uint32Array(width * height);
  for (let at = 0; at < colours.length; at += 1) {
    const colour = rows.readUIntBE(at * pixel, 3);
    colours[at] = colour;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const palette = chosen(counts);
  const indices = new Map([...counts.keys()].map((colour) => [colour, nearest(palette, colour)]));
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) lines[y * (width + 1) + 1 + x] = indices.get(colours[y * width + x]);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const table = Buffer.from(palette.flatMap((colour) => channels(colour)));
  const data = deflateSync(lines, { level: 9 });
  return Buffer.concat([SIGNATURE, chunk("IHDR", head), chunk("PLTE", table), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

/** The most frequent ones, of those that are much alike one alone: so that what is rare and different is there. */
function chosen(counts) {
  const alike = new Map();
  for (const [colour, count] of [...counts].sort(([, a], [, b]) => b - a)) {
    const key = channels(colour).map((value) => value >> 3).join();
    const first = alike.get(key) ?? { colour, count: 0 };
    alike.set(key, { ...first, count: first.count + count });
  }
  return [...alike.values()].sort((a, b) => b.count - a.count).slice(0, COLOURS).map(({ colour }) => colour);
}

const channels = (colour) => [colour >> 16, (colour >> 8) & 255, colour & 255];

function nearest(palette, colour) {
  const of = channels(colour);
  const distance = (other) => channels(other).reduce((sum, value, at) => sum + (value - of[at]) ** 2, 0);
  return palette.reduce((best, other, at) => (distance(other) < distance(palette[best]) ? at : best), 0);
}

function chunk(type, data) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** Its pixels, row by row. */
function read(png) {
  if (!png.subarray(0, 8).equals(SIGNATURE)) throw new Error("this is no PNG");
  const parts = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const [width, height, depth, type, interlaced] = [png.readUInt32BE(16), png.readUInt32BE(20), png[24], png[25], png[28]];
  const pixel = PIXEL[type];
  if (depth !== 8 || !pixel || interlaced) throw new Error(`a PNG of depth ${depth} and type ${type} is not provided for`);
  const raw = inflateSync(Buffer.concat(parts));
  const length = width * pixel;
  const rows = Buffer.alloc(length * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (length + 1)];
    for (let x = 0; x < length; x += 1) {
      const at = y * length + x;
      const left = x < pixel ? 0 : rows[at - pixel];
      const up = y === 0 ? 0 : rows[at - length];
      const corner = x < pixel || y === 0 ? 0 : rows[at - length - pixel];
      rows[at] = raw[y * (length + 1) + 1 + x] + predicted(filter, left, up, corner);
    }
  }
  return { width, height, pixel, rows };
}

/** By the PNG specification's filters 0 to 4. */
function predicted(filter, left, up, corner) {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  if (filter !== 4) return 0;
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(left + up - corner - value));
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}
