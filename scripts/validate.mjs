#!/usr/bin/env node
/**
 * Asks a running server, ours or a real Ollama, for each kind of object that the API has and says
 * which do not fit.
 */
import { parseArgs } from "node:util";
import { checkAnswer } from "./validate/answer.mjs";
import { readDescription } from "./validate/openapi.mjs";
import { probesFor } from "./validate/probes.mjs";

const USAGE = `npm run validate -- [options]

  --url URL      the server (http://127.0.0.1:11434)
  --spec FILE    Ollama's OpenAPI description; without it only our own schemas are used
  --model NAME   the model to ask (the first one that can chat)
  --timeout N    seconds for one answer (120)
  --help

A key in OLLAMA_API_KEY is sent as a bearer token. Exit code 1: something does not fit.`;

const { values: flags } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:11434" },
    spec: { type: "string" },
    model: { type: "string" },
    timeout: { type: "string", default: "120" },
    help: { type: "boolean", default: false },
  },
});
const key = process.env["OLLAMA_API_KEY"];

async function ask({ method, path, body }) {
  const answer = await fetch(new URL(path, flags.url), {
    method,
    headers: {
      "content-type": "application/json",
      ...(key && { authorization: `Bearer ${key}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(Number(flags.timeout) * 1000),
  });
  const contentType = answer.headers.get("content-type") ?? "";
  return { method, path, status: answer.status, contentType, text: await answer.text() };
}

async function card(model) {
  const answer = await ask({ method: "POST", path: "/api/show", body: { model } });
  if (answer.status !== 200) throw new Error(`/api/show of ${model}: ${answer.text.trim()}`);
  return { model, capabilities: JSON.parse(answer.text).capabilities ?? [] };
}

/** The named model, or the first that can chat. */
async function chooseModel() {
  if (flags.model) return card(flags.model);
  const list = JSON.parse((await ask({ method: "GET", path: "/api/tags" })).text);
  for (const { name } of list.models) {
    const known = await card(name);
    if (known.capabilities.includes("completion")) return known;
  }
  throw new Error("the server lists no model that can chat; name one with --model");
}

function isAbsent({ status, contentType }) {
  return status === 404 && contentType.startsWith("text/plain");
}

function report(probe, answer, findings) {
  const title = `${probe.method} ${probe.path}  ${probe.name}`;
  if (isAbsent(answer)) {
    console.log(`absent  ${title}`);
    return 0;
  }
  const problems = findings.flatMap(({ where, kind, problems: list }) =>
    list.map((problem) => `${where} (${kind}): ${problem}`),
  );
  if (answer.status !== probe.status) {
    problems.unshift(`status ${answer.status}, not ${probe.status}: ${answer.text.slice(0, 200)}`);
  }
  console.log(`${problems.length ? "MISFIT" : "ok    "}  ${title}  [${findings.length}]`);
  for (const problem of new Set(problems)) console.log(`        ${problem}`);
  return problems.length;
}

async function main() {
  if (flags.help) {
    console.log(USAGE);
    return 0;
  }
  const describe = flags.spec && readDescription(flags.spec);
  const known = await chooseModel();
  console.log(`${flags.url}, model ${known.model} (${known.capabilities.join(", ")})\n`);

  let objects = 0;
  let misfits = 0;
  for (const probe of probesFor(known)) {
    const answer = await ask(probe);
    const findings = isAbsent(answer) ? [] : checkAnswer(answer, describe || undefined);
    objects += findings.length;
    misfits += report(probe, answer, findings);
  }
  console.log(`\n${objects} objects checked, ${misfits} misfits`);
  return misfits === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`validate: ${error.cause?.message ?? error.message}`);
  process.exitCode = 2;
}
