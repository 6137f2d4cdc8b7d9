import { beforeAll, describe, expect, test } from "vitest";
import type { Exchange } from "./request-recorder.ts";
import { startCommandLineWorld, type CommandLineWorld } from "./support/command-line-world.ts";
import { maskTable, plainLines } from "./support/masks.ts";
import type { CommandRun } from "./support/ollama-command.ts";
import { hasTranscripts, readTranscript, type Transcript } from "./support/transcript.ts";

let world: CommandLineWorld;
beforeAll(async () => {
  world = await startCommandLineWorld();
  return () => world.close();
});

interface Expected {
  exitCode?: number;
  requests: string[];
  output: string[][];
  errors?: string[];
}

interface Command {
  options: string[];
  /** Used before the command. */
  models?: string[];
  expected: Expected;
  transcript?: string;
}

const listing = [
  ["NAME", "ID", "SIZE", "MODIFIED"],
  ["<name>", "<id>", "<size>", "<when>"],
];
const runningHeader = ["NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"];

const commands: Record<string, Command> = {
  "--version": {
    options: ["--version"],
    expected: { requests: ["GET /api/version 200"], output: [["ollama version is 0.34.4"]] },
    transcript: "version.txt",
  },
  list: {
    options: ["list"],
    expected: { requests: ["HEAD / 200", "GET /api/tags 200"], output: listing },
    transcript: "list.txt",
  },
  "list with a filter": {
    options: ["ls", "smol-t"],
    expected: { requests: ["HEAD / 200", "GET /api/tags 200"], output: listing },
    transcript: "list-filter.txt",
  },
  "ps when nothing has run": {
    options: ["ps"],
    expected: { requests: ["HEAD / 200", "GET /api/ps 200"], output: [runningHeader] },
  },
  "show of an unknown model": {
    options: ["show", "nope"],
    expected: {
      exitCode: 1,
      requests: ["HEAD / 200", "POST /api/show 404"],
      output: [],
      errors: ["Error: model 'nope:latest' not found"],
    },
    transcript: "show-unknown.txt",
  },
  "stop of an unknown model": {
    options: ["stop", "nope"],
    expected: {
      exitCode: 1,
      requests: ["HEAD / 200", "POST /api/show 404"],
      output: [],
      errors: [`Error: couldn't find model "nope" to stop`],
    },
    transcript: "stop-unknown.txt",
  },
  "ps after a run": {
    options: ["ps"],
    models: ["smol", "smol-think"],
    expected: {
      requests: ["HEAD / 200", "GET /api/ps 200"],
      output: [runningHeader, ["<name>", "<id>", "<size>", "<processor>", "<number>", "<when>"]],
    },
    transcript: "ps.txt",
  },
  "stop of a model that runs": {
    options: ["stop", "smol"],
    models: ["smol"],
    expected: {
      requests: ["HEAD / 200", "POST /api/show 200", "POST /api/generate 200"],
      output: [],
    },
  },
};

describe.each(Object.entries(commands))("ollama %s", (_, { options, models = [], ...command }) => {
  let run: CommandRun;
  beforeAll(async () => {
    for (const model of models) await world.ollama.run(["run", model, "--think=false", "hi"]);
    run = await world.ollama.run(options);
  });

  test("prints and asks what it should", () => {
    const { exitCode = 0, requests, output, errors = [] } = command.expected;
    expect(run.exitCode, run.stderr).toBe(exitCode);
    expect(run.exchanges.map(summarize)).toEqual(requests);
    expect(maskTable(run.stdout)).toEqual(output);
    expect(plainLines(run.stderr)).toEqual(errors);
  });

  const { transcript } = command;
  if (transcript !== undefined) {
    test.skipIf(!hasTranscripts)("as with real Ollama", () => {
      expect(comparable(run)).toMatchObject(comparable(readTranscript(transcript)));
    });
  }
});

const summarize = ({ method, path, status }: Exchange) => `${method} ${path} ${status}`;

/** What doesn't depend on the models that a server has. */
function comparable({ exitCode, stdout, stderr, exchanges }: Transcript) {
  return { exitCode, stdout: maskTable(stdout), stderr: plainLines(stderr), exchanges };
}

/** The models in the table that a command prints, in its order. */
async function listNames(...options: string[]): Promise<string[]> {
  const [, ...rows] = plainLines((await world.ollama.run(options)).stdout);
  return rows.map((row) => row.split(" ")[0] ?? "");
}

test("ollama list names each model once, and with a filter only those that match", async () => {
  const names = await listNames("list");
  expect(names).toHaveLength(2);
  expect(new Set(names)).toEqual(new Set(["smol:latest", "smol-think:latest"]));
  expect(await listNames("list", "smol-t")).toEqual(["smol-think:latest"]);
});

test("ollama ps lists what ran last, and what was stopped no more", async () => {
  await world.ollama.run(["run", "smol-think", "--think=false", "--keepalive=1h", "hi"]);
  expect(await listNames("ps")).toContain("smol-think:latest");
  await world.ollama.run(["stop", "smol-think"]);
  expect(await listNames("ps")).not.toContain("smol-think:latest");
});

test("ollama show tells what the backend knows of the model", async () => {
  const run = await world.ollama.run(["show", "smol-think"]);
  expect(run.exitCode, run.stderr).toBe(0);
  expect(run.exchanges.map(summarize)).toEqual(["HEAD / 200", "POST /api/show 200"]);
  const lines = plainLines(run.stdout).map((line) => line.trim().split(/ {2,}/));
  expect(lines).toEqual(
    expect.arrayContaining([
      ["Model"],
      ["architecture", expect.stringMatching(/\S/)],
      ["parameters", "134.52M"],
      ["context length", expect.stringMatching(/^\d+$/)],
      ["embedding length", "576"],
      ["quantization", "Q4_1"],
      ["Capabilities"],
      ["completion"],
      ["tools"],
      ["thinking"],
    ]),
  );
});

describe("ollama show --modelfile", () => {
  let run: CommandRun;
  beforeAll(async () => {
    run = await world.ollama.run(["show", "--modelfile", "smol"]);
  });

  test("prints a Modelfile of that model", () => {
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.exchanges.map(summarize)).toEqual(["HEAD / 200", "POST /api/show 200"]);
    expect(head(run)).toEqual([
      '# Modelfile generated by "ollama show"',
      "# To build a new Modelfile based on this, replace FROM with:",
      "# FROM smol:latest",
      "",
      "FROM <model>",
    ]);
  });

  test.skipIf(!hasTranscripts)("as with real Ollama", () => {
    const real = readTranscript("show-modelfile.txt");
    expect({ ...run, stdout: head(run) }).toMatchObject({ ...real, stdout: head(real) });
  });

  /** What else is said before and after FROM is the model's own. */
  function head({ stdout }: Transcript): string[] {
    const lines = stdout.split("\n");
    const hasSource = lines.slice(4).some((line) => /^FROM \S+$/.test(line));
    return [...lines.slice(0, 4), hasSource ? "FROM <model>" : "no FROM"];
  }
});
