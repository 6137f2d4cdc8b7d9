import { describe, expect, test } from "vitest";
import { collect, useProxiedDemo } from "./proxied.ts";

const { getOllama } = useProxiedDemo();

const names = async () => (await getOllama().list()).models.map(({ name }) => name);

describe("the ollama package", () => {
  test("creates a model, copies it and deletes it", async () => {
    const ollama = getOllama();
    const created = await ollama.create({
      model: "tim",
      from: "demo",
      system: "You are Tim.",
      parameters: { temperature: 0 },
      license: ["MIT"],
    });
    expect(created).toEqual({ status: "success" });
    const card = await ollama.show({ model: "tim" });
    expect(card).toMatchObject({ system: "You are Tim.", license: "MIT" });
    expect(card.parameters).toMatch(/^temperature +0$/mu);

    expect(await ollama.copy({ source: "tim", destination: "tom" })).toEqual({ status: "success" });
    expect(await ollama.delete({ model: "tim" })).toEqual({ status: "success" });
    expect(await names()).toContain("tom:latest");
    expect(await names()).not.toContain("tim:latest");
    expect(await ollama.show({ model: "tom" })).toMatchObject({ system: "You are Tim." });
  });

  test("is told how a creation goes", async () => {
    const parts = { model: "told", from: "demo", system: "Be brief.", stream: true as const };
    const statuses = (await collect(await getOllama().create(parts))).map(({ status }) => status);
    expect(statuses).toEqual([
      expect.stringMatching(/^using existing layer sha256:[0-9a-f]{64}$/u),
      expect.stringMatching(/^creating new layer sha256:[0-9a-f]{64}$/u),
      "writing manifest",
      "success",
    ]);
  });

  test("pulls what is there", async () => {
    const ollama = getOllama();
    expect(await ollama.pull({ model: "demo" })).toEqual({ status: "success" });
    const told = await collect(await ollama.pull({ model: "demo", stream: true }));
    expect(told).toEqual([{ status: "pulling manifest" }, { status: "success" }]);
  });

  test("gets an error for what can't be", async () => {
    const ollama = getOllama();
    await expect(ollama.create({ model: "x", from: "nope" })).rejects.toThrow(
      "pull model manifest: file does not exist",
    );
    await expect(ollama.create({ model: "x", from: "demo", adapters: { a: "b" } })).rejects.toThrow(
      "LoRA adapters are no longer supported",
    );
    await expect(ollama.copy({ source: "nope", destination: "x" })).rejects.toThrow(
      'model "nope" not found',
    );
    await expect(ollama.delete({ model: "demo" })).rejects.toThrow(
      `model 'demo' belongs to the backend "a" and can't be deleted here`,
    );
    await expect(ollama.pull({ model: "nope" })).rejects.toThrow("file does not exist");
    const pulling = ollama.pull({ model: "nope", stream: true }).then(collect);
    await expect(pulling).rejects.toThrow("pull model manifest: file does not exist");
    await expect(ollama.push({ model: "demo" })).rejects.toThrow("no registry to push to");
  });
});
