import { expect, test } from "vitest";
import type { ChatResponse, GenerateResponse } from "../../../src/ollama/responses.ts";
import { joinChat, joinGenerate } from "../../../src/translate/joined-response.ts";

const begin = { model: "m", created_at: "2026-01-02T03:04:05Z" };
const last = { done: true, done_reason: "stop", total_duration: 9, eval_count: 2 } as const;
const call = { id: "call_1", function: { index: 0, name: "f", arguments: {} } };
const logprob = { token: "a", logprob: -1 };

test("the lines of a chat become one object, its members in real Ollama's order", () => {
  const line = (message: object, extra: object = {}): ChatResponse => ({
    ...begin,
    message: { role: "assistant", content: "", ...message },
    done: false,
    ...extra,
  });
  const joined = joinChat([
    line({ thinking: "Hm" }),
    line({ thinking: "." }),
    line({ content: "a" }, { logprobs: [logprob] }),
    line({ content: "b" }, { logprobs: [logprob] }),
    line({ tool_calls: [call] }),
    line({}, last),
  ]);
  expect(JSON.stringify(joined)).toBe(
    JSON.stringify({
      ...begin,
      message: { role: "assistant", content: "ab", thinking: "Hm.", tool_calls: [call] },
      ...last,
      logprobs: [logprob, logprob],
    }),
  );
});

test("the lines of a generation become one object with the context", () => {
  const joined = joinGenerate([
    { ...begin, response: "a", done: false },
    { ...begin, response: "b", done: false },
    { ...begin, response: "", ...last, context: [1, 2] },
  ] satisfies GenerateResponse[]);
  expect(joined).toEqual({ ...begin, response: "ab", ...last, context: [1, 2] });
});

test("what was not said has no member", () => {
  const joined = joinChat([{ ...begin, message: { role: "assistant", content: "" }, ...last }]);
  expect(Object.keys(joined.message)).toEqual(["role", "content"]);
  expect(joined).not.toHaveProperty("logprobs");
});
