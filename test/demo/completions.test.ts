import { describe, expect, test } from "vitest";
import { useDemoBackend } from "./demo-client.ts";

const { getClient } = useDemoBackend();

const ask = { model: "demo", prompt: "Once upon" };
const answer =
  "This is the built-in demo backend, not a language model. " +
  "To connect a real one, set OPENAI_BASE_URL and OPENAI_API_KEY. You wrote: Once upon";

describe("/v1/completions", () => {
  test("answers with text", async () => {
    const { object, choices, usage } = await getClient().completions.create(ask);
    expect(object).toBe("text_completion");
    expect(choices).toEqual([{ index: 0, text: answer, logprobs: null, finish_reason: "stop" }]);
    expect(usage).toEqual({ prompt_tokens: 2, completion_tokens: 30, total_tokens: 32 });
  });

  test("streams it in pieces, then the usage", async () => {
    const stream = await getClient().completions.create({
      ...ask,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const choices = chunks.flatMap((chunk) => chunk.choices);
    expect(choices.slice(0, 3).map(({ text }) => text)).toEqual(["This", " is", " the"]);
    expect(choices.map(({ text }) => text).join("")).toBe(answer);
    expect(choices.at(-1)?.finish_reason).toBe("stop");
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 30 } });
  });

  test.for([
    { limit: { stop: "demo" }, text: "This is the built-in ", finish_reason: "stop" },
    { limit: { max_tokens: 2 }, text: "This is", finish_reason: "length" },
  ])("is cut by $limit", async ({ limit, text, finish_reason }) => {
    const { choices } = await getClient().completions.create({ ...ask, ...limit });
    expect(choices[0]).toMatchObject({ text, finish_reason });
  });

  test("mentions the suffix", async () => {
    const { choices } = await getClient().completions.create({ ...ask, suffix: "the end" });
    expect(choices[0]?.text).toBe(`${answer} Your text goes on with: the end`);
  });
});
