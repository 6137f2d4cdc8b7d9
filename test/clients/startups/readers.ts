import { expect } from "vitest";
import { z } from "zod";
import type { Answer } from "./ask.ts";

/** A member whose presence alone is a failure to the client, whatever its value. */
export const absent = z.never().optional();

/** A whole JSON document; clients in Python refuse it under another content type. */
export function json<Value>(schema: z.ZodType<Value>): (answer: Answer) => Value {
  return (answer) => {
    expectOk(answer, /^application\/json\b/u);
    return schema.parse(JSON.parse(answer.text));
  };
}

/** The names in `/api/tags`, of entries that a client reads. */
export function names<Entry extends { name?: string; model?: string }>(entry: z.ZodType<Entry>) {
  return json(
    z
      .object({ models: z.array(entry) })
      .transform(({ models }) => models.map(({ model, name }) => model ?? name)),
  );
}

export function text(answer: Answer): string {
  expectOk(answer, /^text\/plain\b/u);
  return answer.text;
}

/** What a client makes of an answer, put together. */
export interface Said {
  text: string;
  calls: { name: string; arguments: unknown }[];
  finish: string | undefined;
  /** Tokens of the prompt and of the answer. */
  usage: (number | undefined)[];
}

/** The least that is read of a line of `/api/chat`. */
interface ChatLine {
  message?: {
    content?: string | undefined;
    tool_calls?: { function: { name: string; arguments: unknown } }[] | undefined;
  };
  done?: boolean;
  done_reason?: string | undefined;
  prompt_eval_count?: number | undefined;
  eval_count?: number | undefined;
}

/** A stream of `/api/chat`, one line after the other; a blank line is a failure in most clients. */
export function chatLines(schema: z.ZodType<ChatLine>): (answer: Answer) => Said {
  return (answer) => {
    expectOk(answer, /^application\/x-ndjson$/u);
    expect(answer.text.endsWith("\n")).toBe(true);
    const lines = answer.text.slice(0, -1).split("\n");
    return summarize(lines.map((line) => schema.parse(JSON.parse(line))));
  };
}

/** The answer of `/api/chat` in one piece. */
export function wholeChat(schema: z.ZodType<ChatLine>): (answer: Answer) => Said {
  return (answer) => summarize([json(schema)(answer)]);
}

function summarize(lines: readonly ChatLine[]): Said {
  const last = lines.at(-1);
  return {
    text: lines.map(({ message }) => message?.content ?? "").join(""),
    calls: lines.flatMap(({ message }) =>
      (message?.tool_calls ?? []).map(({ function: called }) => ({ ...called })),
    ),
    finish: last?.done_reason,
    usage: [last?.prompt_eval_count, last?.eval_count],
  };
}

const completionEvent = z.object({
  choices: z.array(
    z.object({
      index: z.int(),
      delta: z.object({
        content: z.string().nullish(),
        tool_calls: z
          .array(
            z.object({
              index: z.int(),
              id: z.string().optional(),
              function: z.object({ name: z.string().optional(), arguments: z.string() }),
            }),
          )
          .optional(),
      }),
      finish_reason: z.string().nullish(),
    }),
  ),
  usage: z.object({ prompt_tokens: z.int(), completion_tokens: z.int() }).nullish(),
});

/** A stream of `/v1/chat/completions`, which must end with `[DONE]`; of calls it makes the one. */
export function chatEvents(answer: Answer): Said {
  expectOk(answer, /^text\/event-stream\b/u);
  const data = answer.text
    .split("\n\n")
    .filter((event) => event.startsWith("data: "))
    .map((event) => event.slice("data: ".length));
  expect(data.at(-1)).toBe("[DONE]");
  const events = data.slice(0, -1).map((event) => completionEvent.parse(JSON.parse(event)));
  const choices = events.flatMap((event) => event.choices);
  const pieces = choices.flatMap(({ delta }) => delta.tool_calls ?? []);
  const name = pieces.map((piece) => piece.function.name ?? "").join("");
  const written = pieces.map((piece) => piece.function.arguments).join("");
  const usage = events.findLast((event) => event.usage)?.usage;
  return {
    text: choices.map(({ delta }) => delta.content ?? "").join(""),
    calls: name === "" ? [] : [{ name, arguments: JSON.parse(written) as unknown }],
    finish: choices.findLast(({ finish_reason }) => finish_reason)?.finish_reason ?? undefined,
    usage: [usage?.prompt_tokens, usage?.completion_tokens],
  };
}

export function expectOk({ status, headers, text: body }: Answer, contentType: RegExp): void {
  expect(status, body).toBe(200);
  expect(headers["content-type"]).toMatch(contentType);
}
