import { beforeAll, describe, expect, test } from "vitest";
import type { Exchange } from "./request-recorder.ts";
import { expectGolden, realOllama } from "./support/golden.ts";
import { startLibraryWorld, type LibraryWorld } from "./support/library-world.ts";
import { plainLines } from "./support/masks.ts";
import { interopFile } from "./support/tools.ts";

let world: LibraryWorld;
beforeAll(async () => {
  world = await startLibraryWorld();
  return () => world.close();
});

const create = (name: string, modelfile = name) => [
  "create",
  name,
  "-f",
  interopFile(`modelfiles/${modelfile}.Modelfile`),
];

/** From first to last: each finds what those before have made. */
const session: Record<string, string[]> = {
  create: create("tim"),
  "create-from-made": create("tom"),
  "create-again": create("tim"),
  "create-without-from": create("x", "without-from"),
  "create-unknown-parameter": create("x", "unknown-parameter"),
  "create-wrong-parameter": create("x", "wrong-parameter"),
  "create-broken-template": create("x", "broken-template"),
  "create-wrong-role": create("x", "wrong-role"),
  "create-bad-name": create("a b", "bob"),
  list: ["list"],
  "list-prefix": ["ls", "ti"],
  show: ["show", "tim"],
  "show-verbose": ["show", "-v", "tim"],
  "show-license": ["show", "--license", "tim"],
  "show-modelfile": ["show", "--modelfile", "tim"],
  "show-parameters": ["show", "--parameters", "tim"],
  "show-system": ["show", "--system", "tim"],
  "show-template": ["show", "--template", "tim"],
  "show-two-flags": ["show", "--system", "--license", "tim"],
  "show-made-of-made": ["show", "tom"],
  "show-made-of-made-modelfile": ["show", "--modelfile", "tom"],
  "show-unknown": ["show", "nope"],
  run: ["run", "tim", "Who are you?"],
  ps: ["ps"],
  stop: ["stop", "tim"],
  "ps-after-stop": ["ps"],
  "stop-unknown": ["stop", "nope"],
  copy: ["cp", "tim", "tam"],
  "copy-unknown": ["cp", "nope", "x"],
  "copy-bad-name": ["cp", "tim", "a b"],
  "show-copy": ["show", "--modelfile", "tam"],
  remove: ["rm", "tam"],
  "remove-removed": ["rm", "tam"],
  "remove-unknown": ["rm", "nope"],
  "remove-one-of-two": ["rm", "tom", "nope"],
  "copy-again": ["cp", "tim", "tom"],
  "remove-two": ["rm", "tim", "tom"],
  "show-removed": ["show", "tim"],
  "list-at-the-end": ["list"],
};

describe("with models of the user's own, as with real Ollama:", () => {
  test.each(Object.entries(session))("%s", async (name, options) => {
    expectGolden(name, options, await world.ollama.run(options));
  });
});

describe.skipIf(realOllama !== undefined)("the backend is sent", () => {
  beforeAll(async () => {
    for (const name of ["bob", "tim", "tom"]) await made(name);
  });

  test("the system text, the messages, the parameters and then the question", async () => {
    expect(await sentBy(["run", "bob", "Who are you?"])).toEqual({
      path: "/v1/chat/completions",
      body: expect.objectContaining({
        model: "smol",
        messages: [
          { role: "system", content: "You are Bob." },
          { role: "user", content: "Who made you?" },
          { role: "assistant", content: "Ann did." },
          { role: "user", content: "Who are you?" },
        ],
        temperature: 0,
        max_tokens: 16,
        stop: ["END"],
      }),
    });
  });

  test("all of it in the model's own template, where it has one", async () => {
    expect(await sentBy(["run", "tim", "Who are you?"])).toEqual({
      path: "/v1/completions",
      body: expect.objectContaining({
        model: "smol",
        prompt: [
          "You are Tim.\n\n",
          "<|im_start|>user\nWho made you?<|im_end|>\n",
          "<|im_start|>assistant\nAnn did.<|im_end|>\n",
          "<|im_start|>user\nWho are you?<|im_end|>\n",
          "<|im_start|>assistant\n",
        ].join(""),
        temperature: 0,
        max_tokens: 16,
        stop: ["END", "THE END"],
      }),
    });
  });

  test("what a model has from the one that it was made of", async () => {
    expect(await sentBy(["run", "tom", "Who are you?"])).toEqual({
      path: "/v1/completions",
      body: expect.objectContaining({
        prompt: expect.stringMatching(
          /^You are Tom\.\nYou like rhymes\.\n\n<\|im_start\|>user\n.*Ann did\..*Who are you\?/s,
        ),
        seed: 1,
        temperature: 0,
        max_tokens: 16,
        stop: ["THAT IS ALL"],
      }),
    });
  });

  async function made(name: string): Promise<void> {
    const run = await world.ollama.run(create(name));
    expect(run.exitCode, run.stderr).toBe(0);
  }

  /** The one request for text. */
  async function sentBy(options: string[]): Promise<{ path: string; body: unknown }> {
    world.backend.take();
    const run = await world.ollama.run(options);
    expect(run.exitCode, run.stderr).toBe(0);
    const [asked, ...more] = world.backend.take().filter(({ method }) => method === "POST");
    expect(more).toEqual([]);
    return { path: asked?.path ?? "", body: JSON.parse(asked?.body ?? "null") as unknown };
  }
});

interface Command {
  options: string[];
  exitCode?: number;
  requests: string[];
  output?: string[];
  errors?: string[];
}

/** Where there is no Ollama to compare with: it would ask its registry or its cloud, or own the model. */
const ours: Record<string, Command> = {
  "pull of a model that is there": {
    options: ["pull", "smol"],
    requests: ["HEAD / 200", "POST /api/pull 200"],
    errors: ["pulling manifest", "success"],
  },
  "pull of an unknown model": {
    options: ["pull", "nope"],
    exitCode: 1,
    // The last asks whether Ollama's cloud has it.
    requests: ["HEAD / 200", "POST /api/pull 200", "POST /api/show 404"],
    errors: ["pulling manifest", "Error: pull model manifest: file does not exist"],
  },
  "run of an unknown model": {
    options: ["run", "nope", "hi"],
    exitCode: 1,
    requests: ["HEAD / 200", "POST /api/show 404", "POST /api/pull 200", "POST /api/show 404"],
    errors: ["pulling manifest", "Error: pull model manifest: file does not exist"],
  },
  "create from an unknown model": {
    options: create("x", "unknown-from"),
    exitCode: 1,
    requests: ["HEAD / 200", "POST /api/create 200"],
    errors: [
      "gathering model components",
      "pulling manifest",
      "Error: pull model manifest: file does not exist",
    ],
  },
  "create from weights": {
    options: create("x", "weights"),
    exitCode: 1,
    requests: [
      "HEAD / 200",
      // A probe first: whether server and command line share a folder.
      expect.stringMatching(/^HEAD \/api\/blobs\/sha256:[0-9a-f]{64} 404$/),
      expect.stringMatching(/^HEAD \/api\/blobs\/sha256:[0-9a-f]{64} 404$/),
      expect.stringMatching(/^POST \/api\/blobs\/sha256:[0-9a-f]{64} 201$/),
      "POST /api/create 400",
    ],
    errors: [
      "gathering model components",
      expect.stringMatching(/^copying file sha256:/),
      expect.stringMatching(/^Error: 400 Bad Request: weights can't be imported/),
    ],
  },
  "rm of a backend's model": {
    options: ["rm", "smol"],
    exitCode: 1,
    requests: [
      "HEAD / 200",
      "POST /api/show 200",
      "POST /api/generate 200",
      "DELETE /api/delete 403",
    ],
    errors: [expect.stringMatching(/^Error: model 'smol' belongs to the backend/)],
  },
  "rm of a model that another one is made of": {
    options: ["rm", "tim"],
    exitCode: 1,
    requests: [
      "HEAD / 200",
      "POST /api/show 200",
      "POST /api/generate 200",
      "DELETE /api/delete 400",
    ],
    errors: [expect.stringMatching(/^Error: model 'tim' can't be deleted: tom:latest /)],
  },
  "push to Ollama's registry": {
    options: ["push", "me/smol"],
    requests: ["HEAD / 200", "POST /api/me 401"],
    output: ["You need to be signed in to push models to ollama.com."],
  },
  "push to a registry of one's own": {
    options: ["push", "registry.example/me/nope"],
    exitCode: 1,
    requests: ["HEAD / 200", "POST /api/push 200"],
    errors: [
      "retrieving manifest",
      "couldn't retrieve manifest",
      expect.stringMatching(/^Error: ./),
    ],
  },
  signin: {
    options: ["signin"],
    requests: ["HEAD / 200", "POST /api/me 401"],
    output: ["You need to be signed in to Ollama to run Cloud models."],
  },
  signout: {
    options: ["signout"],
    requests: ["HEAD / 200", "POST /api/signout 401"],
    output: ["You are not signed in to ollama.com"],
  },
};

test.skipIf(realOllama !== undefined).each(Object.entries(ours))(
  "ollama %s",
  async (_, { options, exitCode = 0, requests, output = [], errors = [] }) => {
    const run = await world.ollama.run(options);
    expect(plainLines(run.stderr).map((line) => line.trim())).toEqual(errors);
    expect(plainLines(run.stdout)).toEqual(output);
    expect(run.exchanges.map(summarize)).toEqual(requests);
    expect(run.exitCode).toBe(exitCode);
  },
);

const summarize = ({ method, path, status }: Exchange) => `${method} ${path} ${status}`;
