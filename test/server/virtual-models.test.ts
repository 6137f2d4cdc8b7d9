import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";

let upstream: ScriptedUpstream;
let proxy: StartedProxy;

beforeEach(async () => {
  upstream = await startScriptedUpstream({ models: [{ id: "base" }] });
  upstream.play(({ path }) => ({
    steps: [
      path.endsWith("/chat/completions")
        ? sse(chunk({ content: "well" }), chunk({}, "stop"), "[DONE]")
        : sse({ choices: [{ index: 0, text: "well", finish_reason: "stop" }] }, "[DONE]"),
    ],
  }));
  proxy = await startProxy({ upstreamUrl: upstream.baseUrl });
});
afterEach(async () => {
  await proxy.close();
  await upstream.close();
});

async function post(path: string, body: object): Promise<Response> {
  return fetch(`${proxy.url}${path}`, { method: "POST", body: JSON.stringify(body) });
}

async function create(model: string, fields: object): Promise<void> {
  const response = await post("/api/create", { model, from: "base", stream: false, ...fields });
  expect(await response.json()).toEqual({ status: "success" });
}

/** What the backend is asked for, and what of it the client is told it did not get. */
async function told(path: string, body: object) {
  const response = await post(path, { stream: false, ...body });
  expect(response.status, await response.clone().text()).toBe(200);
  const { path: route, body: sent = "{}" } = upstream.requests.at(-1) ?? {};
  const ignored = response.headers.get("x-proxy-ignored") ?? "";
  return { route, ignored, sent: JSON.parse(sent) as Record<string, unknown> };
}

/** What the backend is asked for. */
async function asked(path: string, body: object): Promise<Record<string, unknown>> {
  return (await told(path, body)).sent;
}

const user = { role: "user", content: "hi" };
const system = (content: string) => ({ role: "system", content });
const turns = [
  { role: "user", content: "Q" },
  { role: "assistant", content: "A" },
];

describe("a virtual model's own words", () => {
  test("come before those of a chat, and the client's system message wins", async () => {
    await create("tim", { system: "You are Tim.", messages: turns });
    expect(await asked("/api/chat", { model: "tim", messages: [user] })).toMatchObject({
      model: "base",
      messages: [system("You are Tim."), ...turns, user],
    });
    const own = system("You are Tom.");
    expect(await asked("/api/chat", { model: "tim", messages: [own, user] })).toMatchObject({
      messages: [...turns, own, user],
    });
  });

  test("come before a prompt, and the client's system text wins", async () => {
    await create("tim", { system: "You are Tim.", messages: turns });
    expect(await asked("/api/generate", { model: "tim", prompt: "hi" })).toMatchObject({
      messages: [system("You are Tim."), ...turns, user],
    });
    expect(
      await asked("/api/generate", { model: "tim", prompt: "hi", system: "You are Tom." }),
    ).toMatchObject({ messages: [system("You are Tom."), ...turns, user] });
  });

  test("come before those of /v1, too", async () => {
    await create("tim", { system: "You are Tim.", parameters: { temperature: 0.5, stop: ["x"] } });
    const body = { model: "tim", messages: [user], temperature: 1 };
    expect(await asked("/v1/chat/completions", body)).toMatchObject({
      model: "base",
      messages: [system("You are Tim."), user],
      temperature: 1,
      stop: ["x"],
    });
  });

  test("go out in a role that Ollama does not have", async () => {
    await create("tim", { messages: [{ role: "alien", content: "x" }] });
    const messages = [{ role: "alien", content: "x" }, user];
    for (const path of ["/api/chat", "/v1/chat/completions"]) {
      expect(await asked(path, { model: "tim", messages: [user] })).toMatchObject({ messages });
    }
  });

  test("are not for raw text", async () => {
    await create("tim", { system: "You are Tim.", template: "<{{ .Prompt }}>", messages: turns });
    expect(await asked("/api/generate", { model: "tim", prompt: "hi", raw: true })).toMatchObject({
      prompt: "hi",
    });
  });
});

describe("a virtual model's parameters", () => {
  test("hold where the client says nothing", async () => {
    await create("tim", { parameters: { temperature: 0.5, top_p: 0.9, stop: ["a"] } });
    const body = { model: "tim", messages: [user], options: { temperature: 1, stop: ["b"] } };
    expect(await asked("/api/chat", body)).toMatchObject({
      temperature: 1,
      top_p: 0.9,
      stop: ["b"],
    });
  });

  test("that Ollama does not have are named", async () => {
    await create("tim", { parameters: { alien: 1, top_p: 0.9 } });
    for (const path of ["/api/chat", "/v1/chat/completions"]) {
      const { sent, ignored } = await told(path, { model: "tim", messages: [user] });
      expect(sent).toMatchObject({ top_p: 0.9 });
      expect(ignored).toBe("options.alien");
    }
  });
});

describe("a virtual model on /v1", () => {
  const parameters = { temperature: 0.5, top_p: 0.9, num_predict: 9, stop: ["x"], num_ctx: 512 };

  test("gives bare text its parameters, and names the rest", async () => {
    await create("tim", { system: "S", messages: turns, template: "<{{ .Prompt }}>", parameters });
    const { sent, ignored } = await told("/v1/completions", { model: "tim", prompt: "hi" });
    expect(sent).toEqual({
      model: "base",
      prompt: "hi",
      stream: false,
      temperature: 0.5,
      top_p: 0.9,
      max_tokens: 9,
      stop: ["x"],
    });
    expect(ignored).toBe("options.num_ctx, system, messages, template");
  });

  test("never gives the backend a second limit", async () => {
    await create("tim", { parameters: { num_predict: 9 } });
    const body = { model: "tim", messages: [user], max_completion_tokens: 50 };
    const { sent, ignored } = await told("/v1/chat/completions", body);
    expect(sent).toEqual({ ...body, model: "base", stream: false });
    expect(ignored).toBe("");
  });

  test("has nothing for embeddings", async () => {
    await create("tim", { system: "S", parameters });
    upstream.play(json(200, { object: "list", data: [{ index: 0, embedding: [1] }] }));
    const { sent, ignored } = await told("/v1/embeddings", { model: "tim", input: "hi" });
    expect(sent).toEqual({ model: "base", input: "hi", stream: false });
    expect(ignored).toBe("");
  });

  test.each([
    ["/v1/responses", { input: "hi" }, { instructions: "S", max_output_tokens: 9 }],
    ["/v1/messages", { messages: [user] }, { system: "S", max_tokens: 9, stop_sequences: ["x"] }],
  ])("says it in the words of %s", async (path, body, words) => {
    await create("tim", { system: "S", messages: turns, parameters });
    upstream.play(json(200, { id: "1" }));
    const { sent, ignored } = await told(path, { model: "tim", ...body });
    const both = { temperature: 0.5, top_p: 0.9 };
    expect(sent).toEqual({ model: "base", stream: false, ...body, ...both, ...words });
    expect(ignored.split(", ")).toEqual(expect.arrayContaining(["options.num_ctx", "messages"]));
  });
});

describe("a virtual model's template", () => {
  const template = "{{ .System }}[{{ .Prompt }}]{{ .Response }}";

  test("makes the text that a chat or a prompt becomes", async () => {
    await create("tim", { system: "You are Tim.", template });
    expect(await asked("/api/chat", { model: "tim", messages: [user] })).toMatchObject({
      prompt: "You are Tim.[hi]",
    });
    expect(await asked("/api/generate", { model: "tim", prompt: "hi" })).toMatchObject({
      prompt: "You are Tim.[hi]",
    });
  });

  test("gives way, and is named, where calls and images could not come back", async () => {
    await create("tim", { template });
    const tools = [{ type: "function", function: { name: "f" } }];
    const response = await post("/api/chat", { model: "tim", messages: [user], tools });
    await response.text();
    expect(response.headers.get("x-proxy-ignored")).toBe("template");
    expect(JSON.parse(upstream.requests.at(-1)?.body ?? "{}")).toMatchObject({ messages: [user] });
  });

  const refusals = [
    [404, "This is a chat model and not supported in the v1/completions endpoint."],
    [405, "Method Not Allowed"],
    [400, "The completion operation does not work with the specified model, base."],
  ] as const;

  test.each(refusals)(
    "gives way, and is named, where bare text is refused: %i",
    async (status, message) => {
      await create("tim", { system: "S", template });
      upstream.play(({ path }) =>
        path.endsWith("/chat/completions")
          ? { steps: [sse(chunk({ content: "well" }), chunk({}, "stop"), "[DONE]")] }
          : json(status, { error: { message } }),
      );
      const asChat = {
        route: "/v1/chat/completions",
        ignored: "template",
        sent: { messages: [system("S"), user] },
      };
      expect(await told("/api/generate", { model: "tim", prompt: "hi" })).toMatchObject(asChat);
      const before = upstream.requests.length;
      expect(await told("/api/chat", { model: "tim", messages: [user] })).toMatchObject(asChat);
      // Known by now.
      expect(upstream.requests).toHaveLength(before + 1);

      const refused = async (body: object) => {
        const response = await post("/api/generate", { model: "base", prompt: "hi", ...body });
        return [response.status, await response.json()];
      };
      expect(await refused({ raw: true })).toEqual([
        400,
        { error: "raw completion is not supported by this backend" },
      ]);
      expect(await refused({ model: "tim", template: "{{ .Prompt }}" })).toEqual([
        400,
        { error: "a template is not supported by this backend" },
      ]);
    },
  );

  test.each(refusals)("of the client is a clear refusal: %i", async (status, message) => {
    upstream.play(json(status, { error: { message } }));
    const body = { model: "base", prompt: "hi", template: "{{ .Prompt }}" };
    const response = await post("/api/generate", body);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      error: "a template is not supported by this backend",
    });
  });

  test("is none where it is the one that the proxy itself shows", async () => {
    const shown = (await (await post("/api/show", { model: "base" })).json()) as {
      template: string;
    };
    await create("tim", { template: shown.template });
    expect(await asked("/api/chat", { model: "tim", messages: [user] })).toMatchObject({
      messages: [user],
    });
  });
});

describe("a chain of virtual models", () => {
  test("is merged from its base up", async () => {
    await create("a", { system: "A", parameters: { temperature: 0.1, top_p: 0.1 } });
    await create("b", { from: "a", parameters: { temperature: 0.2 } });
    await create("c", { from: "b:latest", system: "C" });
    expect(await asked("/api/chat", { model: "C:latest", messages: [user] })).toMatchObject({
      model: "base",
      temperature: 0.2,
      top_p: 0.1,
      messages: [system("C"), user],
    });
  });

  test("may hide a backend's model of the same name, which it stands on", async () => {
    await create("base", { system: "Better" });
    expect(await asked("/api/chat", { model: "base", messages: [user] })).toMatchObject({
      model: "base",
      messages: [system("Better"), user],
    });
    const { models } = (await (await fetch(`${proxy.url}/api/tags`)).json()) as {
      models: { name: string }[];
    };
    expect(models.map(({ name }) => name)).toEqual(["base:latest"]);
  });
});

test("a virtual model can what its base can, whatever else it claims", async () => {
  await create("tim", { info: { capabilities: ["vision"] } });
  const shown = (await (await post("/api/show", { model: "tim" })).json()) as object;
  const base = (await (await post("/api/show", { model: "base" })).json()) as {
    capabilities: string[];
  };
  expect(shown).toMatchObject({ capabilities: [...base.capabilities, "vision"] });
  expect(await asked("/api/chat", { model: "tim", messages: [user] })).toMatchObject({
    messages: [user],
  });
});

test("a virtual model is listed and shown as what it is", async () => {
  await create("tim", {
    system: "You are Tim.",
    parameters: { temperature: 0.5, stop: ["a", "b"] },
    messages: turns,
    license: ["MIT"],
  });
  const { models } = (await (await fetch(`${proxy.url}/api/tags`)).json()) as {
    models: { name: string; digest: string; details: { parent_model: string } }[];
  };
  expect(models.map(({ name }) => name)).toEqual(["tim:latest", "base:latest"]);
  expect(models[0]?.details.parent_model).toBe("base:latest");
  expect(models[0]?.digest).not.toBe(models[1]?.digest);
  const shown = (await (await post("/api/show", { model: "tim" })).json()) as Record<
    string,
    string
  >;
  expect(shown).toMatchObject({ system: "You are Tim.", license: "MIT", messages: turns });
  expect(shown["parameters"]).toContain(`temperature                    0.5`);
  expect(shown["parameters"]).toContain(`stop                           "a"`);
  expect(shown["modelfile"]).toContain("FROM base\n");
  expect(shown["modelfile"]).toContain("SYSTEM You are Tim.\n");
  expect(shown["modelfile"]).toContain("MESSAGE assistant A\n");
});
