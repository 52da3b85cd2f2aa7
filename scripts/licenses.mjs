// The licences of the crates that are compiled into the Worker and the command, by what cargo knows of them.

import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Under which what is compiled in may be passed on with no more than its text. A crate with another one is to be looked at. */
const KNOWN = ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "Unicode-3.0", "Unlicense", "CC0-1.0", "0BSD", "MIT-0", "BSL-1.0"];

const RUST = `Copyright (c) The Rust Project Contributors

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/** All that is compiled in of other people's, by name and version. */
function crates() {
  const platform = ["--filter-platform", "wasm32-unknown-unknown"];
  const args = ["metadata", "--locked", "--format-version", "1", ...platform];
  const { status, error, stdout } = spawnSync("cargo", args, { cwd: root, maxBuffer: 256 * 1024 * 1024, stdio: ["ignore", "pipe", "inherit"] });
  if (status !== 0) throw new Error(`cargo metadata failed${error ? `: ${error.message}` : ""}`);
  const { packages, resolve } = JSON.parse(stdout);
  const packageOf = new Map(packages.map((one) => [one.id, one]));
  const nodeOf = new Map(resolve.nodes.map((node) => [node.id, node]));
  const isMacro = (id) => packageOf.get(id).targets.some(({ kind }) => kind.includes("proc-macro"));
  const reached = new Set();
  const next = [resolve.root];
  while (next.length > 0) {
    const id = next.pop();
    if (reached.has(id)) continue;
    reached.add(id);
    const isCompiledIn = ({ pkg, dep_kinds }) => dep_kinds.some(({ kind }) => kind === null) && !isMacro(pkg);
    next.push(...nodeOf.get(id).deps.filter(isCompiledIn).map(({ pkg }) => pkg));
  }
  reached.delete(resolve.root);
  const key = ({ name, version }) => `${name} ${version}`;
  return [...reached].map((id) => packageOf.get(id)).sort((one, other) => (key(one) < key(other) ? -1 : 1));
}

/** Its texts; where one may choose, the MIT licence's alone. */
function textsOf({ name, version, license, license_file, manifest_path }) {
  const terms = (license ?? "").split(/[()\s/]+| OR | AND /).filter((term) => term !== "" && !["OR", "AND", "WITH", "LLVM-exception"].includes(term));
  const unknown = terms.filter((term) => !KNOWN.includes(term));
  if (unknown.length > 0 || (terms.length === 0 && !license_file)) throw new Error(`${name} ${version} is under ${license}: look at it`);
  const folder = dirname(manifest_path);
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|copyright|notice|unlicense)/i.test(file)).sort();
  const isChoice = / OR |\//.test(license) && !/ AND /.test(license);
  const mit = files.filter((file) => /mit/i.test(file));
  const chosen = isChoice && mit.length > 0 ? mit : files;
  return chosen.map((file) => readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim());
}

export function licenses() {
  const all = crates();
  const users = new Map([[RUST, ["Rust's standard library"]]]);
  for (const crate of all) {
    for (const text of textsOf(crate)) users.set(text, [...(users.get(text) ?? []), `${crate.name} ${crate.version}`]);
  }
  const list = all.map(({ name, version, license, repository }) => `- ${name} ${version}: ${license}${repository ? `, ${repository}` : ""}`);
  const texts = [...users].map(([text, names]) => `## ${names.join(", ")}\n\n~~~text\n${text}\n~~~\n`);
  const head = "What is compiled into the Worker and the command, and under which licences.\n";
  return `# Licences\n\n${head}\n- Rust's standard library: MIT OR Apache-2.0, https://github.com/rust-lang/rust\n${list.join("\n")}\n\n${texts.join("\n")}`;
}
