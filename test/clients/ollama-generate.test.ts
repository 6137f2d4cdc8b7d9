import { describe, expect, test } from "vitest";
import { INTRODUCTION } from "../../src/demo/replies.ts";
import { collect, png, useProxiedDemo } from "./proxied.ts";

const { getOllama } = useProxiedDemo();

const request = { model: "demo", prompt: "Hello there" };

describe("the ollama package's generate", () => {
  test("streams text, ends once, and gives a context", async () => {
    const lines = await collect(await getOllama().generate({ ...request, stream: true }));
    expect(lines.map((line) => line.response).join("")).toMatch(/You wrote: Hello there$/u);
    expect(lines.filter((line) => line.done)).toHaveLength(1);
    const last = lines.at(-1);
    expect(last).toMatchObject({ response: "", done: true, done_reason: "stop" });
    expect(last?.context.every(Number.isInteger)).toBe(true);
    expect(lines.slice(0, -1).every((line) => !("context" in line))).toBe(true);
  });

  test("answers whole with the same text, context and counts", async () => {
    const lines = await collect(await getOllama().generate({ ...request, stream: true }));
    const answer = await getOllama().generate(request);
    const last = lines.at(-1);
    expect(answer.response).toBe(lines.map((line) => line.response).join(""));
    expect(answer.context).toEqual(last?.context);
    expect(answer.eval_count).toBe(last?.eval_count);
  });

  test("remembers a conversation by its context", async () => {
    const first = await getOllama().generate({ ...request, system: "Be brief", prompt: "one" });
    const second = await getOllama().generate({
      ...request,
      prompt: "two",
      context: first.context,
    });
    // The demo backend counts what it is sent: the second prompt has the first turn in it.
    expect(second.prompt_eval_count).toBeGreaterThan(first.prompt_eval_count + 10);
    expect(second.context.length).toBeGreaterThan(first.context.length);
    expect(second.response).toContain("You wrote: two");
  });

  test("tells thoughts apart from text", async () => {
    const lines = await collect(
      await getOllama().generate({ ...request, think: true, stream: true }),
    );
    const answer = await getOllama().generate({ ...request, think: true });
    expect(answer.thinking).toMatch(/^Here the thoughts/u);
    expect(lines.map((line) => line.thinking ?? "").join("")).toBe(answer.thinking);
  });

  test("continues a raw prompt as it is, without a context", async () => {
    const answer = await getOllama().generate({ model: "demo", prompt: "raw text", raw: true });
    expect(answer.response).toContain(INTRODUCTION);
    expect(answer.response).toContain("You wrote: raw text");
    expect(answer).not.toHaveProperty("context");
  });

  test("answers in a format", async () => {
    const answer = await getOllama().generate({ ...request, format: "json" });
    expect(JSON.parse(String(answer.response))).toEqual({ answer: expect.any(String) });
  });

  test("sends an image", async () => {
    const answer = await getOllama().generate({ ...request, images: [png] });
    expect(answer.response).toContain("You sent 1 image: image/png.");
  });

  test("tells log probabilities", async () => {
    const answer = await getOllama().generate({ ...request, logprobs: true });
    expect(answer.logprobs?.map(({ token }) => token).join("")).toBe(answer.response);
  });

  test.each([
    ["loads", undefined, "load"],
    ["unloads", "0s", "unload"],
  ])("%s a model when there is no prompt", async (_, keep_alive, done_reason) => {
    const answer = await getOllama().generate({
      model: "demo",
      prompt: "",
      ...(keep_alive === undefined ? {} : { keep_alive }),
    });
    expect(answer).toEqual({
      model: "demo",
      created_at: expect.any(String),
      response: "",
      done: true,
      done_reason,
    });
  });
});
