import * as fc from "fast-check";
import type OpenAI from "openai";
import { describe, expect, expectTypeOf, test } from "vitest";
import { dialectIds, dialects } from "../../src/dialects/dialects.ts";
import { ProxyError } from "../../src/errors.ts";
import { parseChatRequest, parseGenerateRequest } from "../../src/ollama/requests.ts";
import type {
  ChatCompletionMessage,
  ChatCompletionRequest,
  CompletionRequest,
  ContentPart,
} from "../../src/openai/requests.ts";
import type { LoweredRequest } from "../../src/translate/backend.ts";
import { toChatCompletionRequest } from "../../src/translate/chat-request.ts";
import { encodeContext } from "../../src/translate/context.ts";
import { toGenerateRequest, toMessages } from "../../src/translate/generate-request.ts";
import {
  chatCompletionRequestSchema,
  completionRequestSchema,
} from "../support/openai-request-schema.ts";

const text = fc.oneof(fc.string({ maxLength: 20 }), fc.string({ unit: "grapheme", maxLength: 9 }));
const number = fc.double({ noNaN: true, min: -3, max: 3 });
const integer = fc.integer({ min: -3, max: 5000 });
const json = fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), {
  maxKeys: 3,
});
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });

const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ";
const wav = Buffer.from("RIFF1234WAVEfmt").toString("base64");
const image = fc.constantFrom(png, `data:image/png;base64,${png}`, "/9j/AAAA", wav, "AQEB");

const options = fc.record(
  {
    temperature: maybe(number),
    top_p: number,
    top_k: integer,
    min_p: number,
    typical_p: number,
    seed: integer,
    num_predict: integer,
    num_ctx: integer,
    num_keep: integer,
    repeat_penalty: number,
    repeat_last_n: integer,
    presence_penalty: number,
    frequency_penalty: number,
    stop: maybe(fc.array(text, { maxLength: 6 })),
    mirostat: integer,
  },
  { requiredKeys: [] },
);

const inference = {
  options: maybe(options),
  think: fc.constantFrom(null, true, false, "low", "medium", "high", "max"),
  format: fc.oneof(fc.constantFrom(null, "", "json"), json),
  logprobs: maybe(fc.boolean()),
  top_logprobs: fc.integer({ min: 0, max: 20 }),
};

const toolCall = fc.record({
  id: maybe(text),
  function: fc.record({ name: text, arguments: fc.oneof(json, fc.constant(null), text) }),
});

const message = fc.record(
  {
    role: fc.constantFrom("system", "user", "assistant", "tool", "developer", ""),
    content: maybe(text),
    thinking: maybe(text),
    images: maybe(fc.array(image, { maxLength: 2 })),
    tool_calls: maybe(fc.array(toolCall, { maxLength: 3 })),
    tool_name: maybe(text),
    tool_call_id: maybe(text),
  },
  { requiredKeys: ["role"] },
);

const tool = fc.record({
  type: fc.constant("function"),
  function: fc.record(
    { name: text, description: text, parameters: maybe(json) },
    { requiredKeys: ["name"] },
  ),
});

const chatRequest = fc.record(
  {
    ...inference,
    model: fc.constant("m"),
    messages: fc.array(message, { minLength: 1, maxLength: 6 }),
    tools: maybe(fc.array(tool, { maxLength: 2 })),
  },
  { requiredKeys: ["model", "messages"] },
);

const everything = "{{ .System }}|{{ .Prompt }}|{{ .Suffix }}|{{ .Think }}{{ .IsThinkSet }}";

const generateRequest = fc.record(
  {
    ...inference,
    model: fc.constant("m"),
    prompt: text,
    suffix: text,
    system: text,
    template: fc.constantFrom("", "", everything),
    context: fc.constantFrom([], [1, 2, 3], encodeContext([{ role: "user", content: "One" }])),
    images: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(image, { maxLength: 2 })),
    raw: fc.boolean(),
  },
  { requiredKeys: ["model", "prompt"] },
);

/** Undefined where the backend does not take what is asked, which is a clear 400. */
function refusable(lower: () => LoweredRequest): LoweredRequest | undefined {
  try {
    return lower();
  } catch (error) {
    expect(error).toBeInstanceOf(ProxyError);
    expect(error).toMatchObject({ status: 400, message: expect.stringMatching(/support/) });
    return undefined;
  }
}

/** Members that say nothing: null, undefined, empty lists. What the client's own JSON holds is its own. */
function emptyMembers(value: unknown, path = ""): string[] {
  if (value === null || value === undefined) return [path];
  if (Array.isArray(value)) {
    if (value.length === 0) return [path];
    return value.flatMap((item, index) => emptyMembers(item, `${path}.${index}`));
  }
  if (typeof value !== "object") return [];
  return Object.entries(value)
    .filter(([key]) => !["parameters", "schema", "json_schema", "value"].includes(key))
    .flatMap(([key, member]) => emptyMembers(member, `${path}.${key}`));
}

function checkLowered(lowered: LoweredRequest | undefined): void {
  if (lowered === undefined) return;
  const { path, body, ignored } = lowered;
  const schema = path.includes("chat") ? chatCompletionRequestSchema : completionRequestSchema;
  const result = schema.safeParse(JSON.parse(JSON.stringify(body)));
  expect(result.success ? [] : result.error.issues).toEqual([]);
  expect(emptyMembers(body).filter((member) => !member.endsWith("content"))).toEqual([]);
  expect(new Set(ignored).size).toBe(ignored.length);
}

/** As JSON. */
const saysNothing: ReadonlySet<unknown> = new Set([undefined, "null", "false", '""', "[]"]);

describe.each(dialectIds)("for %s any request is put into valid words:", (id) => {
  const backend = {
    model: "qwen2.5-coder",
    dialect: dialects[id],
    contextLength: undefined,
    imageUrls: false,
  };

  test("chat", () => {
    fc.assert(
      fc.property(chatRequest, (raw) => {
        const request = parseChatRequest(raw);
        const { messages, tools } = request;
        checkLowered(
          refusable(() =>
            toChatCompletionRequest({ request, messages, tools, ignored: [] }, backend),
          ),
        );
      }),
      { numRuns: 150 },
    );
  });

  test("generate", () => {
    fc.assert(
      fc.property(generateRequest, (raw) => {
        checkLowered(generate(raw));
      }),
      { numRuns: 100 },
    );
  });

  test.each(["system", "context", "suffix", "think", "format", "logprobs"])(
    "generate, where %s is sent in some way or named",
    (name) => {
      fc.assert(
        fc.property(generateRequest, (raw) => {
          const { [name]: value, ...others }: Record<string, unknown> = raw;
          const lowered = generate(raw);
          if (saysNothing.has(JSON.stringify(value)) || lowered === undefined) return;
          // Some think anyway.
          if (name === "think" && lowered.path.includes("chat")) return;
          const without = generate(others);
          const isSent = JSON.stringify(lowered.body) !== JSON.stringify(without?.body);
          expect(isSent || lowered.ignored.includes(name)).toBe(true);
        }),
        { numRuns: 100 },
      );
    },
  );

  function generate(raw: object): LoweredRequest | undefined {
    const request = parseGenerateRequest(raw);
    const dates = { currentDate: "2026-03-01", yesterdayDate: "2026-02-28" };
    return refusable(() => toGenerateRequest(request, toMessages(request), backend, dates));
  }
});

/** The members that a type names, without those that a dialect may add. */
type Named<T> = { [Key in keyof T as string extends Key ? never : Key]: T[Key] };

test("what is sent to every backend is of the official types", () => {
  type Official = OpenAI.ChatCompletionCreateParamsStreaming;
  type Sent = Omit<Named<ChatCompletionRequest>, "messages" | "tools" | "response_format">;
  expectTypeOf<Sent>().toExtend<
    Omit<Pick<Official, keyof Sent & keyof Official>, "logprobs" | "stream_options"> & {
      logprobs?: boolean | number | null;
    }
  >();
  expectTypeOf<Named<CompletionRequest>["prompt"]>().toExtend<
    OpenAI.CompletionCreateParamsStreaming["prompt"] | undefined
  >();
  expectTypeOf<ContentPart>().toExtend<
    | OpenAI.ChatCompletionContentPartText
    | OpenAI.ChatCompletionContentPartImage
    | (Omit<OpenAI.ChatCompletionContentPartInputAudio, "input_audio"> & {
        input_audio: { data: string; format: string };
      })
  >();
  type Calls = NonNullable<Named<ChatCompletionMessage>["tool_calls"]>[number];
  expectTypeOf<Named<Calls>>().toExtend<OpenAI.ChatCompletionMessageFunctionToolCall>();
  const request: ChatCompletionRequest = { model: "m", messages: [], stream: true };
  expect(request.stream).toBe(true);
});
