import { beforeAll, describe, expect, test } from "vitest";
import type { Exchange } from "./request-recorder.ts";
import { askBackend } from "./support/backend.ts";
import { startCommandLineWorld, type CommandLineWorld } from "./support/command-line-world.ts";
import { plainLines, statisticLabels, unwrap } from "./support/masks.ts";
import type { CommandRun } from "./support/ollama-command.ts";
import { hasTranscripts, readTranscript, type Transcript } from "./support/transcript.ts";

let world: CommandLineWorld;
beforeAll(async () => {
  world = await startCommandLineWorld();
  return () => world.close();
});

const withoutThinking = { chat_template_kwargs: { enable_thinking: false } };
const requests = ["HEAD / 200", "POST /api/show 200", "POST /api/generate 200"];
const summarize = ({ method, path, status }: Exchange) => `${method} ${path} ${status}`;

function expectGoodRun(run: CommandRun): void {
  expect(run.exitCode, run.stderr).toBe(0);
  expect(run.exchanges.map(summarize)).toEqual(requests);
  expect(run.exchanges.at(-1)?.contentType).toBe("application/x-ndjson");
  expect(run.exchanges.at(-1)?.reads).toBeGreaterThan(2);
  expect(plainLines(run.stderr)).toEqual([]);
}

interface Case {
  options: string[];
  input?: string;
  /** What the model is asked, and which of the two is asked. */
  prompt: string;
  think?: false;
  transcript: string;
}

const cases: Record<string, Case> = {
  "by a pipe": {
    options: ["run", "smol"],
    input: "Say hello in five words.\n",
    prompt: "Say hello in five words.\n",
    transcript: "run-pipe.txt",
  },
  "by an argument": {
    options: ["run", "smol", "Say hello in five words."],
    prompt: "Say hello in five words.",
    transcript: "run-tty-arg.txt",
  },
  "--nowordwrap": {
    options: ["run", "--nowordwrap", "smol", "hi"],
    prompt: "hi",
    transcript: "run-nowordwrap.txt",
  },
  "--think=false": {
    options: ["run", "--think=false", "smol-think", "hi"],
    prompt: "hi",
    think: false,
    transcript: "run-think-false.txt",
  },
  "--verbose": {
    options: ["run", "--verbose", "smol", "Say hi"],
    prompt: "Say hi",
    transcript: "run-verbose.txt",
  },
};

describe.each(Object.entries(cases))("ollama run %s", (_, { options, input, ...asked }) => {
  let run: CommandRun;
  beforeAll(async () => {
    run = await world.ollama.run(options, input);
  });

  test("prints the very text that the backend sends", async () => {
    const direct =
      asked.think === false
        ? await askBackend(world.smolThink.baseUrl, asked.prompt, withoutThinking)
        : await askBackend(world.smol.baseUrl, asked.prompt);
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.exchanges.map(summarize)).toEqual(requests);
    expect(run.exchanges.at(-1)?.reads).toBeGreaterThan(2);
    expect(unwrap(run.stdout)).toBe(`${direct.content}\n\n`);
  });

  test.skipIf(!hasTranscripts)("asks and ends as with real Ollama", () => {
    expect(comparable(run)).toMatchObject(comparable(readTranscript(asked.transcript)));
  });
});

function comparable({ exitCode, exchanges, stdout, stderr }: Transcript) {
  return { exitCode, exchanges, statistics: statisticLabels(`${stdout}\n${stderr}`) };
}

test("ollama run --verbose tells the six figures and the two rates", async () => {
  const run = await world.ollama.run(["run", "--verbose", "smol", "Say hi"]);
  expect(statisticLabels(run.stderr)).toEqual([
    "total duration",
    "load duration",
    "prompt eval count",
    "prompt eval duration",
    "prompt eval rate",
    "eval count",
    "eval duration",
    "eval rate",
  ]);
});

test("ollama run --think shows the thinking and then the answer", async () => {
  const prompt = "What is 3 plus 4?";
  const direct = await askBackend(world.smolThink.baseUrl, prompt);
  const run = await world.ollama.run(["run", "--nowordwrap", "--think", "smol-think", prompt]);
  expectGoodRun(run);
  expect(direct.thinking).not.toBe("");
  expect(run.exchanges.at(-1)?.body).toContain('"think":true');
  expect(squeeze(run.stdout)).toBe(
    squeeze(`Thinking... ${direct.thinking} ...done thinking. ${direct.content}`),
  );
});

test("ollama run --hidethinking shows the answer alone", async () => {
  const prompt = "What is 3 plus 4?";
  const direct = await askBackend(world.smolThink.baseUrl, prompt);
  const run = await world.ollama.run([
    "run",
    "--nowordwrap",
    "--hidethinking",
    "smol-think",
    prompt,
  ]);
  expectGoodRun(run);
  expect(squeeze(run.stdout)).toBe(squeeze(direct.content));
});

test("ollama run --format json prints JSON", async () => {
  const prompt = "Give me the name and the age of a dog as JSON.";
  const direct = await askBackend(world.smol.baseUrl, prompt, {
    response_format: { type: "json_object" },
  });
  const run = await world.ollama.run(["run", "--nowordwrap", "--format", "json", "smol", prompt]);
  expectGoodRun(run);
  expect(run.stdout).toBe(`${direct.content}\n\n`);
  expect(JSON.parse(run.stdout)).toBeTypeOf("object");
});

test("ollama run of an unknown model tries to pull it, and fails", async () => {
  const run = await world.ollama.run(["run", "nope", "hi"]);
  expect(run.exitCode).toBe(1);
  expect(run.exchanges.slice(0, 2).map(summarize)).toEqual(["HEAD / 200", "POST /api/show 404"]);
  expect(plainLines(run.stderr).at(-1)).toMatch(/^Error: ./);
});

/** The blanks between the parts are the command line's own. */
const squeeze = (text: string) => text.trim().split(/\s+/).join(" ");
