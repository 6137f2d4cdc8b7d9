import { describe, expect, test } from "vitest";
import { useProxiedDemo } from "./proxied.ts";

const { getOllama } = useProxiedDemo();

const details = {
  parent_model: "",
  format: "gguf",
  family: "unknown",
  families: ["unknown"],
  parameter_size: "unknown",
  quantization_level: "unknown",
};

describe("the ollama package sees", () => {
  test("a version that clients can compare", async () => {
    expect(await getOllama().version()).toEqual({ version: "0.34.4" });
  });

  test("the backend's models, tagged, each with a digest of its own", async () => {
    const { models } = await getOllama().list();
    expect(models.map(({ name }) => name)).toEqual(["demo:latest", "demo-embed:latest"]);
    for (const model of models) {
      expect(model).toMatchObject({
        model: model.name,
        details,
        size: expect.any(Number),
      });
      expect(model.digest).toMatch(/^[0-9a-f]{64}$/u);
      expect(new Date(model.modified_at).getTime()).toBe(1_764_000_000_000);
    }
    expect(new Set(models.map(({ digest }) => digest)).size).toBe(2);
  });

  test.each(["demo", "demo:latest", "DEMO"])("the card of %s", async (model) => {
    const card = await getOllama().show({ model });
    expect(card).toMatchObject({
      details,
      capabilities: ["completion", "tools", "thinking", "vision"],
      model_info: { "general.architecture": "unknown", "unknown.context_length": 8192 },
      license: "unknown",
    });
    expect(card.parameters).toMatch(/^num_ctx\s+8192$/mu);
    expect(card.template).toContain(".Tools");
    expect(card.modelfile).toContain("FROM demo");
  });

  test("a model as running after it was used, until it is unloaded", async () => {
    await getOllama().generate({ model: "demo", prompt: "", keep_alive: "1h" });
    const { models } = await getOllama().ps();
    expect(models).toHaveLength(1);
    expect(models[0]).toMatchObject({
      name: "demo:latest",
      model: "demo:latest",
      details,
      context_length: 8192,
    });
    const left = new Date(models[0]?.expires_at ?? 0).getTime() - Date.now();
    expect(left).toBeGreaterThan(59 * 60_000);
    expect(left).toBeLessThanOrEqual(60 * 60_000);
    await getOllama().generate({ model: "demo", prompt: "", keep_alive: 0 });
    expect(await getOllama().ps()).toEqual({ models: [] });
  });
});
