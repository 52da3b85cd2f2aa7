// wrangler.toml of what bundle.mjs has built: it builds nothing. Run by itself, it is printed: whoever deploys what another
// job has built takes it from here, as wrangler runs what its configuration says is to be run.

import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const settings = readFileSync(join(root, "wrangler.toml"), "utf8");

/** The Worker's entry, as built. */
export const entry = `${basename(/^main = "(.*)\.mjs"$/m.exec(settings)[1])}.js`;

/** The text with one part in the place of another, which must be there. */
function replaced(text, part, by) {
  if (!part.test(text)) throw new Error(`wrangler.toml has nothing like ${part}`);
  return text.replace(part, by);
}

const built = replaced(settings, /^\[build\]\r?\n(?:[a-z].*\r?\n)+/m, "");
const main = `main = "worker/${entry}"\nno_bundle = true\nfind_additional_modules = true`;
const rules = '\n[[rules]]\ntype = "CompiledWasm"\nglobs = ["**/*.wasm"]\nfallthrough = false\n';
export const config = replaced(built, /^main = .*$/m, main) + rules;

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(config);
