// Takes wrangler's place where it would need Cloudflare. Each argument is held against what this version of wrangler says
// itself with --help; what it is told to keep is kept in the folder STAND_IN:
//
//   calls         each call's arguments, as a line of JSON
//   violations    what wrangler would not have understood
//   logged-in, refused    whether somebody is logged in; whether the token is refused
//   broken        Cloudflare does not say what is deployed
//   deployed      the variables of the last deploy, as JSON
//   secrets/      one file each
//   namespaces/   those of Workers KV: a file of the title, with the id
//
// Of the package, a deploy is also tried by wrangler itself, with --dry-run.

import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";

const { STAND_IN: folder, STAND_IN_URL: url, STAND_IN_HELP: help, STAND_IN_WRANGLER: wrangler } = process.env;
const given = process.argv.slice(2);
const place = (name) => join(folder, name);
const say = (value) => console.log(typeof value === "string" ? value : JSON.stringify(value));
const note = (name, line) => fs.appendFileSync(place(name), `${line}\n`);

function refuse(why) {
  note("violations", `${given.join(" ")}: ${why}`);
  console.error(why);
  process.exit(64);
}

/** As wrangler describes it. Its words are kept: it takes a second to say them. */
function described(command) {
  const file = join(help, `${command.replaceAll(" ", "-")}.txt`);
  if (!fs.existsSync(file)) {
    const env = { ...process.env, NO_COLOR: "1", WRANGLER_SEND_METRICS: "false" };
    const { stdout, status } = spawnSync(process.execPath, [wrangler, ...command.split(" "), "--help"], { encoding: "utf8", env });
    if (status !== 0) throw new Error(`wrangler ${command} --help ended with ${status}`);
    fs.mkdirSync(help, { recursive: true });
    fs.writeFileSync(`${file}.${process.pid}`, stdout);
    fs.renameSync(`${file}.${process.pid}`, file);
  }
  const text = fs.readFileSync(file, "utf8");
  const flags = new Map();
  for (const line of text.split("\n")) {
    const names = /^ +((?:-{1,2}[\w-]+(?:, )?)+) /.exec(line)?.[1].split(", ") ?? [];
    for (const name of names) flags.set(name, !/\[boolean\]/.test(line));
  }
  return { flags, positionals: (text.split("\n")[0].match(/[[<]/g) ?? []).length };
}

const COMMANDS = [
  "deploy", "dev", "delete", "deployments list", "secret list", "secret put", "whoami", "login", "kv namespace list", "kv namespace delete",
];

function parsed() {
  const command = COMMANDS.find((name) => given.slice(0, name.split(" ").length).join(" ") === name);
  if (command === undefined) refuse("this stand-in knows no such command");
  const { flags, positionals } = described(command);
  const [options, free] = [new Map(), []];
  const rest = given.slice(command.split(" ").length);
  while (rest.length > 0) {
    const argument = rest.shift();
    if (!argument.startsWith("-")) free.push(argument);
    else if (!flags.has(argument)) refuse(`wrangler ${command} knows no ${argument}`);
    else if (!flags.get(argument)) options.set(argument, true);
    else if (rest.length === 0) refuse(`${argument} takes a value`);
    else options.set(argument, [...(options.get(argument) ?? []), rest.shift()]);
  }
  if (free.length > positionals) refuse(`wrangler ${command} takes ${positionals} of ${free.join(" ")}`);
  return { command, options, free };
}

note("calls", JSON.stringify(given));
if (given[0] === "--version") {
  say("4.0.0");
  process.exit();
}
const { command, options, free } = parsed();
const secrets = fs.readdirSync(place("secrets"));
const answers = {
  whoami() {
    if (fs.existsSync(place("refused"))) {
      console.error("✘ [ERROR] A request to the Cloudflare API (/user) failed.\n\n  Invalid API Token [code: 1000]\n");
      process.exit(1);
    }
    const loggedIn = fs.existsSync(place("logged-in"));
    say({ loggedIn });
    process.exit(loggedIn ? 0 : 1);
  },
  dev: () => {},
  login: () => note("logged-in", ""),
  deploy() {
    const config = options.get("--config")?.[0];
    if (config !== undefined) {
      const { status, stderr, stdout } = spawnSync(process.execPath, [wrangler, ...given, "--dry-run"], { encoding: "utf8" });
      if (status !== 0) refuse(`wrangler itself: ${stdout}${stderr}`);
      note("settings", fs.readFileSync(config, "utf8"));
    }
    fs.writeFileSync(place("deployed"), JSON.stringify(options.get("--var") ?? []));
    const namespace = place(`namespaces/${options.get("--name")?.[0] ?? "rerunner"}-attempts`);
    if (!fs.existsSync(namespace)) fs.writeFileSync(namespace, "0123456789abcdef");
    say(`Deployed rerunner triggers\n  ${url}`);
  },
  "deployments list"() {
    if (fs.existsSync(place("broken"))) {
      console.error("✘ [ERROR] fetch failed");
      process.exit(1);
    }
    if (!fs.existsSync(place("deployed"))) {
      console.error("✘ [ERROR] This Worker does not exist on your account. [code: 10007]");
      process.exit(1);
    }
    const deployment = (id) => ({ id, created_on: "2026-11-29T00:00:00Z", versions: [{ version_id: `version-${id}`, percentage: 100 }] });
    say([deployment("older"), deployment("newest")]);
  },
  "secret list": () => say(secrets.map((name) => ({ name, type: "secret_text" }))),
  "secret put": () => fs.writeFileSync(place(`secrets/${free[0]}`), fs.readFileSync(0)),
  "kv namespace list"() {
    const titles = fs.readdirSync(place("namespaces"));
    say(titles.map((title) => ({ id: fs.readFileSync(place(`namespaces/${title}`), "utf8"), title, supports_url_encoding: true })));
  },
  "kv namespace delete"() {
    const id = options.get("--namespace-id")?.[0];
    const title = fs.readdirSync(place("namespaces")).find((title) => fs.readFileSync(place(`namespaces/${title}`), "utf8") === id);
    if (title === undefined || !options.get("--skip-confirmation")) refuse("there is no such namespace, or nobody to ask");
    fs.rmSync(place(`namespaces/${title}`));
  },
  delete() {
    if (!options.get("--force")) refuse("there is nobody to ask");
    fs.rmSync(place("deployed"));
  },
};
answers[command]();
