import { Ollama } from "ollama";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { startScriptedWorld } from "../support/scripted-world.ts";
import { collect } from "./collect.mjs";

/** Every call of Ollama's own package that is about models. */
const world = await startScriptedWorld();
const { backend } = world;
const client = new Ollama({ host: world.host });
afterAll(() => world.close());

const messages = [
  { role: "user", content: "Who made you?" },
  { role: "assistant", content: "Ann did." },
];
const tim = {
  model: "tim",
  from: "m",
  system: "You are Tim.",
  parameters: { temperature: 0.5, num_predict: 16, stop: ["END", "THE END"] },
  messages,
  license: ["Free for all.", "Second licence."],
};

const names = async () => (await client.list()).models.map(({ name }) => name);

/** What was made in a test. */
afterEach(async () => {
  for (const name of await names()) if (name !== "m:latest") await client.delete({ model: name });
});

describe("create", () => {
  test("tells what it does, and ends with success", async () => {
    const statuses = await collect(await client.create({ ...tim, stream: true }));
    expect(statuses.map(({ status }) => status)).toEqual([
      ...statuses.slice(0, -2).map(() => expect.stringMatching(/ layer sha256:[0-9a-f]{64}$/)),
      "writing manifest",
      "success",
    ]);
    expect(await names()).toEqual(["tim:latest", "m:latest"]);
  });

  test("in one piece", async () => {
    expect(await client.create(tim)).toEqual({ status: "success" });
  });

  test("brings the model's own words into a chat", async () => {
    await client.create(tim);
    backend.script({ text: "Tim." });
    const question = { role: "user", content: "Who are you?" };
    const { message } = await client.chat({ model: "tim", messages: [question] });
    expect(message).toEqual({ role: "assistant", content: "Tim." });
    expect(backend.received()).toMatchObject([
      {
        path: "/v1/chat/completions",
        body: {
          model: "m",
          messages: [{ role: "system", content: "You are Tim." }, ...messages, question],
          temperature: 0.5,
          max_tokens: 16,
          stop: ["END", "THE END"],
        },
      },
    ]);
  });

  test("fills in the model's own template", async () => {
    await client.create({ model: "tom", from: "m", template: "Q: {{ .Prompt }}\nA:" });
    backend.script({ text: "Tom." });
    const { response } = await client.generate({ model: "tom", prompt: "Who are you?" });
    expect(response).toBe("Tom.");
    expect(backend.received()).toMatchObject([
      { path: "/v1/completions", body: { model: "m", prompt: "Q: Who are you?\nA:" } },
    ]);
  });

  test("of an unknown model is an error, whole and streamed", async () => {
    const unknown = { model: "x", from: "nope" };
    const words = "pull model manifest: file does not exist";
    await expect(client.create(unknown)).rejects.toThrow(words);
    const streamed = client.create({ ...unknown, stream: true }).then(collect);
    await expect(streamed).rejects.toThrow(words);
  });

  test.each([
    ["a name that can't be one", { ...tim, model: "../x" }, "invalid model name"],
    ["no base", { model: "x" }, "neither 'from' or 'files' was specified"],
    ["a broken template", { ...tim, template: "{{ .Prompt" }, "template error"],
    ["weights", { model: "x", files: { "x.gguf": `sha256:${"0".repeat(64)}` } }, "weights"],
    ["an adapter", { ...tim, adapters: { "x.gguf": `sha256:${"0".repeat(64)}` } }, "adapters"],
    ["another quantization", { ...tim, quantize: "q4_K_M" }, "quantization"],
  ])("with %s is refused", async (_, request, words) => {
    const error = await client.create(request).catch((caught) => caught);
    expect(error).toMatchObject({ status_code: 400, message: expect.stringContaining(words) });
  });
});

test("show tells what a model was created with", async () => {
  await client.create({ ...tim, template: "{{ .System }} {{ .Prompt }}" });
  const card = await client.show({ model: "tim" });
  expect(card).toMatchObject({
    system: tim.system,
    messages,
    license: tim.license.join("\n"),
    template: "{{ .System }} {{ .Prompt }}",
    details: { parent_model: "m:latest" },
    model_info: { "general.architecture": expect.any(String) },
    capabilities: expect.arrayContaining(["completion", "tools"]),
  });
  expect(card.parameters.split("\n").map((line) => line.split(/ +/))).toEqual(
    expect.arrayContaining([
      ["temperature", "0.5"],
      ["stop", '"END"'],
      ["num_predict", "16"],
    ]),
  );
  expect(Date.now() - new Date(card.modified_at).getTime()).toBeLessThan(60_000);
});

test("list has what was created beside the backend's models, each with a digest of its own", async () => {
  await client.create(tim);
  await client.create({ ...tim, model: "tom", system: "You are Tom." });
  const { models } = await client.list();
  expect(models.map(({ name }) => name)).toEqual(["tom:latest", "tim:latest", "m:latest"]);
  expect(new Set(models.map(({ digest }) => digest)).size).toBe(3);
});

test("copy makes a model that answers as the first does", async () => {
  await client.create(tim);
  expect(await client.copy({ source: "tim", destination: "tam:v2" })).toEqual({
    status: "success",
  });
  expect(await names()).toContain("tam:v2");
  expect(await client.show({ model: "tam:v2" })).toMatchObject({ system: tim.system, messages });
  await expect(client.copy({ source: "nope", destination: "x" })).rejects.toMatchObject({
    status_code: 404,
    message: 'model "nope" not found',
  });
});

test("copy gives a backend's model another name", async () => {
  await client.copy({ source: "m", destination: "gpt-4" });
  backend.script({ text: "Hello." });
  await client.generate({ model: "gpt-4", prompt: "Hi" });
  expect(backend.received()).toMatchObject([{ body: { model: "m" } }]);
});

test("delete removes what was created, and nothing else", async () => {
  await client.create(tim);
  await client.generate({ model: "tim", prompt: "" });
  expect(await client.delete({ model: "tim" })).toEqual({ status: "success" });
  expect((await client.ps()).models.map(({ name }) => name)).not.toContain("tim:latest");
  expect(await names()).toEqual(["m:latest"]);
  await expect(client.delete({ model: "tim" })).rejects.toMatchObject({
    status_code: 404,
    message: "model 'tim' not found",
  });
  await expect(client.delete({ model: "m" })).rejects.toMatchObject({ status_code: 403 });
  expect(await names()).toEqual(["m:latest"]);
});

test("ps lists a created model under its own name, until it is unloaded", async () => {
  await client.create(tim);
  await client.generate({ model: "tim", prompt: "", keep_alive: "1h" });
  const findRunning = async () =>
    (await client.ps()).models.find(({ name }) => name === "tim:latest");
  const running = await findRunning();
  expect(running).toMatchObject({ model: "tim:latest" });
  expect(new Date(running.expires_at).getTime() - Date.now()).toBeGreaterThan(50 * 60_000);
  await client.generate({ model: "tim", prompt: "", keep_alive: 0 });
  expect(await findRunning()).toBeUndefined();
});

test("pull of a model that is there succeeds at once", async () => {
  const statuses = await collect(await client.pull({ model: "m", stream: true }));
  expect(statuses.at(-1)).toEqual({ status: "success" });
  expect(await client.pull({ model: "m" })).toEqual({ status: "success" });
});

test("pull and push of what can't be had are errors, whole and streamed", async () => {
  const words = { pull: "pull model manifest: file does not exist", push: /^.+/ };
  for (const call of ["pull", "push"]) {
    const whole = client[call]({ model: "nope" });
    await expect(whole).rejects.toThrow(words[call]);
    const streamed = client[call]({ model: "nope", stream: true }).then(collect);
    await expect(streamed).rejects.toThrow(words[call]);
  }
});

test("embed with a created model asks for its base", async () => {
  await client.create(tim);
  backend.script();
  const { embeddings, model } = await client.embed({ model: "tim", input: ["one", "two"] });
  expect(model).toBe("tim");
  expect(embeddings).toHaveLength(2);
  expect(backend.received()).toMatchObject([
    { path: "/v1/embeddings", body: { model: "m", input: ["one", "two"] } },
  ]);
  const { embedding } = await client.embeddings({ model: "tim", prompt: "one" });
  expect(embedding).toEqual([3, 2, -1]); // as the backend has it: the older route doesn't normalize
});
