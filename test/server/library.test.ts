import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { modelFileName, printModel } from "../../src/models/model-file.ts";
import { dataDirectory } from "../support/data-directory.ts";
import { startScriptedUpstream, type ScriptedUpstream } from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { call, type Called } from "./call.ts";

let upstream: ScriptedUpstream;
let proxy: StartedProxy;

beforeAll(async () => {
  const ids = ["m", "usual", "accounts/fast/models/odd"];
  upstream = await startScriptedUpstream({ models: ids.map((id) => ({ id })) });
  proxy = await startProxy({ upstreamUrl: upstream.baseUrl });
});
afterAll(async () => {
  expect(upstream.requests).toEqual([]);
  await proxy.close();
  await upstream.close();
});

function ask(method: string, path: string, body: unknown, { port } = proxy): Promise<Called> {
  const text = JSON.stringify(body);
  // Node sends the body of a DELETE without a length else.
  const headers = { "content-length": String(Buffer.byteLength(text)) };
  return call({ port, method, path, headers, body: text });
}
const post = (path: string, body: unknown) => ask("POST", path, body);
const remove = (model: string) => ask("DELETE", "/api/delete", { model });

/** Without a stream. */
async function create(model: string, from: string, more: object = {}): Promise<Called> {
  return post("/api/create", { model, from, stream: false, ...more });
}

async function card(model: string): Promise<Record<string, unknown>> {
  const answer = await post("/api/show", { model });
  expect(answer.status).toBe(200);
  return JSON.parse(answer.body) as Record<string, unknown>;
}

async function names(path: string): Promise<string[]> {
  const { body } = await call({ port: proxy.port, path });
  return (JSON.parse(body) as { models: { name: string }[] }).models.map(({ name }) => name);
}

const ok = { status: 200, body: '{"status":"success"}' };
const refused = (status: number, error: string) => ({ status, body: JSON.stringify({ error }) });

/** Of a stream: its lines. */
function lines({ status, body }: Called): Record<string, string>[] {
  expect(status).toBe(200);
  return body
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, string>);
}

describe("POST /api/create", () => {
  test("tells of each part, under a digest that stays the same", async () => {
    const parts = { system: "You are Tim.", parameters: { seed: 1, top_k: 2 }, license: "MIT" };
    const created = lines(await post("/api/create", { model: "parts", from: "m", ...parts }));
    const [weights, system, license, parameters, ...end] = created.map(({ status }) => status);
    expect(weights).toMatch(/^using existing layer sha256:[0-9a-f]{64}$/u);
    expect(system).toBe(
      "creating new layer sha256:d3675a1475181560b15d0fb782f0791509b9c8749c8412bf757b2b02c71cd475",
    );
    expect(license).toMatch(/^creating new layer/u);
    expect(parameters).toMatch(/^creating new layer/u);
    expect(end).toEqual(["writing manifest", "success"]);

    const turned = { ...parts, parameters: { top_k: 2, seed: 1 }, messages: [{ role: "user" }] };
    const again = lines(await post("/api/create", { model: "parts2", from: "parts", ...turned }));
    const told = again.map(({ status }) => status);
    const existing = [system, license, parameters].map((status) =>
      status?.replace("creating new", "using existing"),
    );
    expect(told.slice(0, 2)).toEqual([weights, existing[0]]);
    expect(told).toContain(existing[2]);
    expect(told.at(-3)).toMatch(/^creating new layer/u);
  });

  test("makes a model that shows what it was made with", async () => {
    const parts = {
      system: "You are Tim.",
      template: "{{ .System }} {{ .Prompt }}",
      parameters: { temperature: 0.5, stop: ["a", "b"], num_ctx: null },
      messages: [{ role: "user", content: "hi", images: [], thinking: "hm" }],
      license: ["MIT", "second"],
    };
    expect(await create("Whole", "m", parts)).toMatchObject(ok);
    expect(await card("whole")).toMatchObject({
      system: parts.system,
      template: parts.template,
      messages: [{ role: "user", content: "hi" }],
      license: "MIT\nsecond",
      details: { parent_model: "m:latest" },
      parameters: expect.stringMatching(/^stop +"a"\nstop +"b"\ntemperature +0\.5$/mu) as string,
    });
    expect(await names("/api/tags")).toContain("Whole:latest");
  });

  test("goes by the spelling that there is", async () => {
    await create("Spelled:Tag", "m", { system: "one" });
    expect(await create("spelled:tag", "m", { system: "two" })).toMatchObject(ok);
    expect((await names("/api/tags")).filter((name) => /^spelled/iu.test(name))).toEqual([
      "Spelled:Tag",
    ]);
    expect(await card("spelled:tag")).toMatchObject({ system: "two" });
  });

  test("takes the card's own template for none", async () => {
    const { template } = await card("m");
    expect(await create("plain", "m", { template })).toMatchObject(ok);
    const made = await card("plain");
    expect(made["template"]).toBe(template);
    expect(made["modelfile"]).not.toMatch(/^TEMPLATE/mu);
  });

  test("heeds the capabilities of info", async () => {
    await create("able", "m", { info: { capabilities: ["completion", "vision", "magic"] } });
    // They are added to what its base can do.
    expect(await card("able")).toMatchObject({
      capabilities: ["completion", "tools", "thinking", "vision"],
    });
  });

  test("takes a base that Ollama could not name", async () => {
    expect(await create("odd", "accounts/fast/models/odd")).toMatchObject(ok);
    expect(await card("odd")).toMatchObject({ modelfile: expect.stringContaining("models/odd") });
  });

  test("over itself takes along what it was", async () => {
    await create("self", "m", { system: "kept", parameters: { seed: 1, top_k: 1 } });
    expect(await create("self", "self", { parameters: { seed: 2 } })).toMatchObject(ok);
    const { system, parameters, modelfile } = await card("self");
    expect(system).toBe("kept");
    expect(parameters).toMatch(/^seed +2\ntop_k +1$/mu);
    expect(modelfile).toMatch(/^FROM m/mu);
  });

  test("never makes a circle", async () => {
    await create("inner", "m");
    await create("outer", "inner");
    expect(await create("inner", "outer")).toMatchObject(
      refused(400, "model 'inner:latest' can't be made of 'outer', which is made of it"),
    );
    expect(await card("outer")).toMatchObject({ details: { parent_model: "inner:latest" } });
  });

  test.each<[string, object, number, string]>([
    ["no base", { model: "x" }, 400, "neither 'from' or 'files' was specified"],
    ["no name", { from: "m" }, 400, "invalid model name"],
    ["a bad name", { model: "a b!", from: "m" }, 400, "invalid model name"],
    ["a name outside", { model: "../x", from: "m" }, 400, "invalid model name"],
    ["the name of a bad base", { model: "x", from: "a b!" }, 400, "invalid model name"],
    [
      "a template with a mistake",
      { model: "x", from: "m", template: "{{ .Foo" },
      400,
      "template error: template: :1: unclosed action",
    ],
    [
      "a template without end",
      { model: "x", from: "m", template: " ".repeat(1024 * 1024 + 1) },
      400,
      "template error: template: longer than 1 MiB",
    ],
    [
      "weights",
      { model: "x", files: { "x.gguf": `sha256:${"0".repeat(64)}` } },
      400,
      "weights can't be imported: models run on the backends; use 'from'",
    ],
    [
      "an adapter",
      { model: "x", from: "m", adapters: { x: "y" } },
      400,
      "LoRA adapters are no longer supported",
    ],
    [
      "an unknown base",
      { model: "x", from: "nope" },
      500,
      "pull model manifest: file does not exist",
    ],
    ["a URL for a base", { model: "x", from: "http://m" }, 400, "invalid model name"],
    ["a wrong type", { model: "x", from: 1 }, 400, "from: expected string, received number"],
    [
      "a wrong license",
      { model: "x", from: "m", license: [1] },
      400,
      "license[0]: expected string, received number",
    ],
  ])("refuses %s", async (_, body, status, error) => {
    expect(await post("/api/create", { ...body, stream: false })).toMatchObject(
      refused(status, error),
    );
    expect(await names("/api/tags")).not.toContain("x:latest");
  });

  test("tells of an unknown base in the stream, after it was looked for", async () => {
    expect(lines(await post("/api/create", { model: "x", from: "nope" }))).toEqual([
      { status: "pulling manifest" },
      { error: "pull model manifest: file does not exist" },
    ]);
  });
});

describe("POST /api/copy", () => {
  const copy = (source: string, destination: string) => post("/api/copy", { source, destination });

  test("puts a model over a backend's", async () => {
    expect(await copy("m", "copied")).toMatchObject({ status: 200, body: "" });
    expect(await card("copied")).toMatchObject({ details: { parent_model: "m:latest" } });
  });

  test("copies what a model was made with", async () => {
    await create("first", "m", { system: "same" });
    expect(await copy("first", "second:tag")).toMatchObject({ status: 200 });
    await create("first", "m", { system: "other" });
    expect(await card("second:tag")).toMatchObject({
      system: "same",
      details: { parent_model: "m:latest" },
    });
  });

  test("of one that stands over a model of its own name depends on it no more", async () => {
    await create("usual", "usual", { system: "same", license: "MIT" });
    expect(await copy("usual", "apart")).toMatchObject({ status: 200 });
    expect(await card("apart")).toMatchObject({ system: "same", license: "MIT" });
    await create("usual", "usual", { system: "other", license: "BSD" });
    expect(await card("apart")).toMatchObject({ system: "same", license: "MIT" });
    expect(await remove("usual")).toMatchObject({ status: 200 });
    expect(await card("apart")).toMatchObject({ system: "same" });
  });

  test("onto itself changes nothing", async () => {
    const before = await names("/api/tags");
    expect(await copy("M:latest", "m")).toMatchObject({ status: 200, body: "" });
    expect(await names("/api/tags")).toEqual(before);
  });

  test("onto its own base takes that one's parts along", async () => {
    await create("ground", "m", { system: "kept", parameters: { seed: 1 } });
    await create("floor", "ground", { parameters: { seed: 2 } });
    expect(await copy("floor", "ground")).toMatchObject({ status: 200 });
    const { system, parameters } = await card("ground");
    expect(system).toBe("kept");
    expect(parameters).toMatch(/^seed +2$/mu);
  });

  test.each([
    ["nope", "x", 404, 'model "nope" not found'],
    ["a b!", "x", 400, 'source "a b!" is invalid'],
    ["", "a b!", 400, 'source "" is invalid'],
    ["m", "a b!", 400, 'destination "a b!" is invalid'],
    ["nope", "", 400, 'destination "" is invalid'],
  ])("%j to %j: %i", async (source, destination, status, error) => {
    expect(await copy(source, destination)).toMatchObject(refused(status, error));
  });
});

describe("DELETE /api/delete", () => {
  test("takes a model out of every list", async () => {
    await create("gone", "m");
    await post("/api/generate", { model: "gone" });
    expect(await names("/api/ps")).toContain("gone:latest");
    expect(await ask("DELETE", "/api/delete", { name: "GONE" })).toMatchObject({
      status: 200,
      body: "",
    });
    expect(await names("/api/tags")).not.toContain("gone:latest");
    expect(await names("/api/ps")).not.toContain("gone:latest");
    expect(await remove("gone")).toMatchObject(refused(404, "model 'gone' not found"));
  });

  test("leaves a backend's model alone", async () => {
    const told = `model 'm' belongs to the backend "a" and can't be deleted here`;
    expect(await remove("m")).toMatchObject(refused(403, told));
    expect(await names("/api/tags")).toContain("m:latest");
  });

  test("names those that would be without a base", async () => {
    await create("base", "m");
    await create("user1", "base");
    await create("user2", "base:latest");
    const answer = await remove("base");
    expect(answer.status).toBe(400);
    expect(answer.body).toMatch(/'base' can't be deleted: user\d:latest, user\d:latest would be/u);
    await remove("user1");
    await remove("user2");
    expect(await remove("base")).toMatchObject({ status: 200 });
  });

  test("uncovers a backend's model, whoever is made of it", async () => {
    await create("over", "usual");
    await create("usual", "m", { system: "hides it" });
    expect(await remove("usual")).toMatchObject({ status: 200 });
    expect(await card("over")).not.toHaveProperty("system");
  });

  test("takes what leads into a circle, which only files can make", async () => {
    const data_dir = dataDirectory();
    mkdirSync(join(data_dir, "models"));
    for (const [name, from] of [
      ["x", "y"],
      ["y", "x"],
      ["z", "x"],
    ] as const) {
      const model = { name: `${name}:latest`, from, modified_at: "2026-01-02T03:04:05Z" };
      writeFileSync(join(data_dir, "models", modelFileName(name)), printModel(model));
    }
    const other = await startProxy({ upstreamUrl: upstream.baseUrl, config: { data_dir } });
    onTestFinished(() => other.close());
    const removed = (model: string) => ask("DELETE", "/api/delete", { model }, other);
    expect(await removed("z")).toMatchObject({ status: 200 });
    expect(await removed("x")).toMatchObject(
      refused(400, "model 'x' can't be deleted: y:latest would be without a base"),
    );
  });

  test.each([
    ["", 400, "model is required"],
    ["nope", 404, "model 'nope' not found"],
    ["a b!", 400, 'name "a b!" is invalid'],
    ["../../etc/passwd", 400, 'name "../../etc/passwd" is invalid'],
  ])("%j: %i", async (model, status, error) => {
    expect(await remove(model)).toMatchObject(refused(status, error));
  });
});

describe("POST /api/pull", () => {
  test.each(["m", "m:latest", "accounts/fast/models/odd"])("has %s already", async (model) => {
    const success = [{ status: "pulling manifest" }, { status: "success" }];
    expect(lines(await post("/api/pull", { model }))).toEqual(success);
    expect(lines(await post("/api/pull", { name: model, model: "" }))).toEqual(success);
    expect(await post("/api/pull", { model, stream: false })).toMatchObject(ok);
  });

  test.each(["nope", "me/x", "http://localhost:1/me/x"])("does not know %s", async (model) => {
    const error = "pull model manifest: file does not exist";
    expect(lines(await post("/api/pull", { model }))).toEqual([
      { status: "pulling manifest" },
      { error },
    ]);
    expect(await post("/api/pull", { model, stream: false })).toMatchObject(refused(500, error));
  });

  test.each(["", "a b!", "../x"])("refuses %j", async (model) => {
    expect(await post("/api/pull", { model })).toMatchObject(refused(400, "invalid model name"));
  });
});

describe("POST /api/push", () => {
  const nowhere = "this server has no registry to push to: its models run on the backends";

  test.each([
    ["m", ["retrieving manifest"], nowhere],
    ["nope", ["retrieving manifest", "couldn't retrieve manifest"], "model 'nope' not found"],
    [
      "a b!",
      ["retrieving manifest", "couldn't retrieve manifest"],
      "unqualified name: registry.ollama.ai/library/a b!:latest",
    ],
  ])("%s", async (model, told, error) => {
    expect(lines(await post("/api/push", { model }))).toEqual([
      ...told.map((status) => ({ status })),
      { error },
    ]);
    expect(await post("/api/push", { model, stream: false })).toMatchObject(refused(500, error));
  });

  test("asks for a name", async () => {
    expect(await post("/api/push", {})).toMatchObject(refused(400, "model is required"));
  });
});

test.each(["POST /api/create", "POST /api/copy", "DELETE /api/delete", "POST /api/pull"])(
  "%s wants JSON",
  async (route) => {
    const [method = "", path = ""] = route.split(" ");
    const send = (body: string) => {
      const headers = { "content-length": String(body.length) };
      return call({ port: proxy.port, method, path, headers, body });
    };
    expect(await send("")).toMatchObject(refused(400, "missing request body"));
    expect(await send("{bad")).toMatchObject(refused(400, "unexpected EOF"));
    expect(await send("[]")).toMatchObject(
      refused(400, "request body: expected object, received array"),
    );
  },
);
