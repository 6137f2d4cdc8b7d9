import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { finishReasonOf, joinContent, reasoningOf, useDemoBackend, user } from "./demo-client.ts";

const { askChat, streamChat } = useDemoBackend();

const hello = { messages: [user("Hello there")] };
const helloAnswer =
  "This is the built-in demo backend, not a language model. " +
  "To connect a real one, set OPENAI_BASE_URL and OPENAI_API_KEY. You wrote: Hello there";

describe("text", () => {
  test("streams word by word, begins with the role and ends with a finish reason", async () => {
    const chunks = await streamChat(hello);
    const deltas = chunks.map(({ choices }) => choices[0]?.delta);
    expect(deltas[0]).toEqual({ role: "assistant", content: "" });
    expect(deltas.slice(1, 4).map((delta) => delta?.content)).toEqual(["This", " is", " the"]);
    expect(deltas.at(-1)).toEqual({});
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason).filter(Boolean)).toEqual([
      "stop",
    ]);
    expect(joinContent(chunks)).toBe(helloAnswer);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  test("is the same without streaming", async () => {
    const { choices, usage, object } = await askChat(hello);
    expect(object).toBe("chat.completion");
    expect(choices).toEqual([
      {
        index: 0,
        message: { role: "assistant", content: helloAnswer, refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ]);
    expect(usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 30, total_tokens: 32 });
  });

  test("repeats the last user message of the conversation, whatever its form", async () => {
    const { choices } = await askChat({
      messages: [
        { role: "system", content: "Be brief." },
        user("first"),
        { role: "assistant", content: "ok" },
        { role: "user", content: [{ type: "text", text: "second 👩‍👩‍👧 ünï" }] },
      ],
    });
    expect(choices[0]?.message.content).toMatch(/You wrote: second 👩‍👩‍👧 ünï$/);
  });

  test("names the images that came with the message", async () => {
    const { choices } = await askChat({
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "Look" },
            image("data:image/png;base64,AAAA"),
            image("data:image/jpeg;base64,AAAA"),
          ],
        },
      ],
    });
    expect(choices[0]?.message.content).toContain("You sent 2 images: image/png, image/jpeg.");
  });
});

describe("usage", () => {
  test("comes in a last chunk without choices, when it is asked for", async () => {
    const chunks = await streamChat({ ...hello, stream_options: { include_usage: true } });
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 2, completion_tokens: 30, total_tokens: 32 },
    });
    expect(chunks.slice(0, -1).map(({ usage }) => usage)).toEqual(chunks.slice(1).map(() => null));
  });

  test("does not come otherwise", async () => {
    const chunks = await streamChat(hello);
    expect(chunks.filter((chunk) => "usage" in chunk)).toEqual([]);
  });

  test("counts at least one", async () => {
    const { usage } = await askChat({ messages: [user("")], stop: "This" });
    expect(usage).toMatchObject({ prompt_tokens: 1, completion_tokens: 1 });
  });
});

describe("thinking", () => {
  test.for([
    { name: "chat_template_kwargs", switches: { chat_template_kwargs: { enable_thinking: true } } },
    { name: "reasoning_effort", switches: { reasoning_effort: "low" as const } },
  ])("streams before the text, switched on by $name", async ({ switches }) => {
    const chunks = await streamChat({ ...hello, ...switches });
    const kinds = chunks
      .slice(1, -1)
      .map(({ choices }) => (reasoningOf(choices[0]?.delta) === undefined ? "text" : "thought"));
    const thoughtCount = kinds.indexOf("text");
    expect(thoughtCount).toBeGreaterThan(5);
    expect(kinds.slice(thoughtCount)).not.toContain("thought");
    expect(joinContent(chunks)).toBe(helloAnswer);
  });

  test.for([
    {},
    { chat_template_kwargs: { enable_thinking: false } },
    { reasoning_effort: "none" as const },
  ])("stays away with %j", async (switches) => {
    const chunks = await streamChat({ ...hello, ...switches });
    expect(chunks.map(({ choices }) => reasoningOf(choices[0]?.delta)).filter(Boolean)).toEqual([]);
  });

  test("is the same without streaming", async () => {
    const request = { ...hello, reasoning_effort: "high" as const };
    const { choices, usage } = await askChat(request);
    const streamed = (await streamChat(request))
      .map((chunk) => reasoningOf(chunk.choices[0]?.delta) ?? "")
      .join("");
    expect(reasoningOf(choices[0]?.message)).toBe(streamed);
    expect(streamed).toMatch(/^\w.*\.$/);
    expect(usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(5);
  });
});

describe("limits", () => {
  test.for([
    { stop: "demo", text: "This is the built-in " },
    { stop: ["real", "demo"], text: "This is the built-in " },
    { stop: ["-in demo back"], text: "This is the built" },
  ])("stop at $stop", async ({ stop, text }) => {
    const chunks = await streamChat({ ...hello, stop });
    expect(joinContent(chunks)).toBe(text);
    expect(finishReasonOf(chunks)).toBe("stop");
  });

  test.for([{ max_tokens: 3 }, { max_completion_tokens: 3 }])("cut at %j", async (limit) => {
    const chunks = await streamChat({ ...hello, ...limit });
    expect(joinContent(chunks)).toBe("This is the");
    expect(finishReasonOf(chunks)).toBe("length");
    const { choices, usage } = await askChat({ ...hello, ...limit });
    expect(choices[0]?.finish_reason).toBe("length");
    expect(usage?.completion_tokens).toBe(3);
  });

  test("do not cut an answer that just fits", async () => {
    expect(finishReasonOf(await streamChat({ ...hello, max_tokens: 30 }))).toBe("stop");
    expect(finishReasonOf(await streamChat({ ...hello, max_tokens: 29 }))).toBe("length");
  });

  test("count thoughts as well", async () => {
    const chunks = await streamChat({ ...hello, max_tokens: 2, reasoning_effort: "low" });
    const thoughts = chunks.map(({ choices }) => reasoningOf(choices[0]?.delta)).filter(Boolean);
    expect(thoughts).toEqual(["Here", " the"]);
    expect(joinContent(chunks)).toBe("");
    expect(finishReasonOf(chunks)).toBe("length");
  });
});

describe("logprobs", () => {
  test("come with each piece of the text", async () => {
    const chunks = await streamChat({ ...hello, logprobs: true, top_logprobs: 2 });
    const pieces = chunks.filter(({ choices }) => choices[0]?.delta.content);
    expect(pieces.length).toBe(30);
    for (const { choices } of pieces) {
      const [choice] = choices;
      const [entry, ...others] = choice?.logprobs?.content ?? [];
      expect(others).toEqual([]);
      expect(entry?.token).toBe(choice?.delta.content);
      expect(Buffer.from(entry?.bytes ?? []).toString()).toBe(entry?.token);
      expect(entry?.logprob).toBeLessThan(0);
      expect(entry?.top_logprobs).toHaveLength(2);
      expect(entry?.top_logprobs[0]?.logprob).toBe(entry?.logprob);
      expect(entry?.top_logprobs[1]?.logprob).toBeLessThan(entry?.logprob ?? -Infinity);
    }
  });

  test("are the same without streaming, and on every call", async () => {
    const request = { ...hello, logprobs: true, top_logprobs: 20 };
    const streamed = (await streamChat(request)).flatMap(
      ({ choices }) => choices[0]?.logprobs?.content ?? [],
    );
    const { choices } = await askChat(request);
    expect(choices[0]?.logprobs?.content).toEqual(streamed);
    expect(streamed[0]?.top_logprobs).toHaveLength(20);
  });

  test("have no alternatives when none are asked for", async () => {
    const { choices } = await askChat({ ...hello, logprobs: true });
    expect(choices[0]?.logprobs?.content?.[0]?.top_logprobs).toEqual([]);
  });
});

describe("response_format", () => {
  test("json_object makes the answer a JSON object", async () => {
    const { choices } = await askChat({ ...hello, response_format: { type: "json_object" } });
    expect(JSON.parse(choices[0]?.message.content ?? "")).toEqual({ answer: helloAnswer });
  });

  test("json_schema makes it an instance of the schema, streamed in pieces", async () => {
    const schema = {
      type: "object",
      properties: {
        city: { type: "string" },
        inhabitants: { type: "integer" },
        kind: { enum: ["capital", "town"] },
      },
      required: ["city", "inhabitants", "kind"],
      additionalProperties: false,
    };
    const chunks = await streamChat({
      messages: [user("Tell me about Lisbon")],
      response_format: { type: "json_schema", json_schema: { name: "city", schema } },
    });
    const value: unknown = JSON.parse(joinContent(chunks));
    expect(value).toEqual({ city: "Lisbon", inhabitants: 1, kind: "capital" });
    expect(new Ajv().validate(schema, value)).toBe(true);
    expect(chunks.length).toBeGreaterThan(8);
  });
});

function image(url: string) {
  return { type: "image_url" as const, image_url: { url } };
}
