import { z } from "zod";
import { asArray, asObject, asText, parseJson, type JsonObject } from "../openai/json.ts";
import type { Answer } from "./check-proxy.ts";

/** What can be found out of a backend by a request. */
export const probeNames = [
  "chat",
  "streaming",
  "tools",
  "json_schema",
  "thinking",
  "vision",
  "embeddings",
  "fim",
] as const;

export type ProbeName = (typeof probeNames)[number];

/** `not called`: a model was offered a tool, and answered in words. */
type Result = "yes" | "no" | "not called" | "unclear" | "not tried";

export interface Finding {
  readonly result: Result;
  readonly reason?: string;
}

export type Findings = Readonly<Record<ProbeName, Finding>>;

export const untried = Object.fromEntries(
  probeNames.map((name) => [name, { result: "not tried" }]),
) as Findings;

/** The smallest request that shows a feature, and how its answer is read. */
export interface Probe {
  readonly path: string;
  readonly body: JsonObject;
  /** The name of what is asked, where the proxy can say that the backend can't be told. */
  readonly named?: string;
  readonly judge: (answer: Answer) => Finding;
}

const yes: Finding = { result: "yes" };

/** Enough lines to see that they come one by one. */
const streamTokens = 32;
/** A call or a short document; a model that thinks aloud before needs more than we want to pay. */
const answerTokens = 128;
const insertTokens = 16;

export const chatProbe = {
  path: "/api/chat",
  body: {
    ...question("Count from 1 to 20, in digits."),
    stream: true,
    options: { num_predict: streamTokens },
  },
} as const;

const weatherArguments = z.object({ city: z.string() });

const colours = ["blue", "green", "red"] as const;
const colourDocument = z.strictObject({ answer: z.enum(colours) });

/** 64 by 64 pixels, all of them yellow; some backends refuse smaller images. */
const yellowImage = [
  "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAATElEQVR42u3PMQkAAAwDsPo33UnoPQjEQNLmtQgICAgI",
  "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgILAcyl+HSEp61MQAAAABJRU5ErkJggg==",
].join("");

/** Those that any chat model may be asked. */
export const chatProbes: Readonly<
  Record<Exclude<ProbeName, "chat" | "streaming" | "embeddings">, Probe>
> = {
  tools: {
    path: "/api/chat",
    body: {
      ...shortAnswer("What is the weather in Paris? Call get_weather."),
      tools: [
        {
          type: "function",
          function: {
            name: "get_weather",
            description: "Tells the weather in a city.",
            parameters: {
              type: "object",
              properties: { city: { type: "string", description: "Name of the city." } },
              required: ["city"],
            },
          },
        },
      ],
    },
    judge: judgeCall,
  },
  json_schema: {
    path: "/api/chat",
    body: {
      ...shortAnswer("What colour is the sky on a clear day?"),
      format: {
        type: "object",
        properties: { answer: { type: "string", enum: colours } },
        required: ["answer"],
        additionalProperties: false,
      },
    },
    named: "format",
    judge: (answer) =>
      colourDocument.safeParse(parseJson(contentOf(answer))).success
        ? yes
        : (cutShort(answer) ?? {
            result: "no",
            reason: `does not fit the schema: ${quoted(answer)}`,
          }),
  },
  thinking: {
    path: "/api/chat",
    body: {
      ...question("What is 17 times 3?"),
      stream: false,
      think: true,
      options: { num_predict: answerTokens },
    },
    named: "think",
    judge: ({ lines }) =>
      asText(messageOf(lines)?.["thinking"]) === undefined
        ? { result: "no", reason: "no thoughts are shown" }
        : yes,
  },
  vision: {
    path: "/api/chat",
    body: shortAnswer("Which colour is this image? Answer in one word.", { images: [yellowImage] }),
    judge: (answer) =>
      /yellow/i.test(contentOf(answer))
        ? yes
        : (cutShort(answer) ?? {
            result: "unclear",
            reason: `took the image, but did not name its colour: ${quoted(answer)}`,
          }),
  },
  fim: {
    path: "/api/generate",
    body: {
      prompt: "def add(a, b):\n    return ",
      suffix: "\n\nprint(add(1, 2))\n",
      stream: false,
      options: { num_predict: insertTokens },
    },
    named: "suffix",
    judge: ({ lines }) =>
      asText(lines.at(-1)?.["response"]) === undefined
        ? { result: "unclear", reason: "the answer is empty" }
        : yes,
  },
};

export const embeddingProbe: Probe = {
  path: "/api/embed",
  body: { input: "hello" },
  judge: ({ lines }) =>
    asArray(asArray(lines.at(-1)?.["embeddings"])[0]).length > 0
      ? yes
      : { result: "unclear", reason: "the answer has no vector" },
};

/** Whatever the reason: without an answer there is no chat. */
export function judgeChat({ error }: Answer): Finding {
  return error === undefined ? yes : { result: "no", reason: error };
}

/** @param answer to `chatProbe`, one that did not fail */
export function judgeStreaming({ lines }: Answer): Finding {
  const texts = lines.filter((line) => {
    const message = asObject(line["message"]);
    return (asText(message?.["content"]) ?? asText(message?.["thinking"])) !== undefined;
  });
  if (texts.length > 1) return yes;
  const reason = texts.length === 1 ? "the answer came in one piece" : "no text came";
  return { result: "unclear", reason };
}

export function judge({ named, judge: read }: Probe, answer: Answer): Finding {
  const failure = failureOf(answer);
  if (failure !== undefined) return failure;
  if (named !== undefined && answer.ignored.includes(named)) {
    return { result: "no", reason: `the backend can't be told \`${named}\`` };
  }
  return read(answer);
}

/** A refusal is an answer; what is broken, late or busy says nothing of a feature. */
function failureOf({ status, error }: Answer): Finding | undefined {
  if (error === undefined) return undefined;
  const isRefusal = status !== undefined && (refusals.has(status) || status === notImplemented);
  return { result: isRefusal ? "no" : "unclear", reason: error };
}

const refusals: ReadonlySet<number> = new Set([400, 404, 405, 413, 415, 422]);
const notImplemented = 501;

function judgeCall(answer: Answer): Finding {
  const [call] = asArray(messageOf(answer.lines)?.["tool_calls"]);
  const made = asObject(asObject(call)?.["function"]);
  if (made === undefined) {
    return (
      cutShort(answer) ?? {
        result: "not called",
        reason: `it answered in words: ${quoted(answer)}`,
      }
    );
  }
  const { name, arguments: given } = made;
  return name === "get_weather" && weatherArguments.safeParse(given).success
    ? yes
    : { result: "unclear", reason: `it called ${String(name)}(${JSON.stringify(given)})` };
}

/** Not for want of a feature, if so, but of tokens. */
function cutShort({ lines }: Answer): Finding | undefined {
  return lines.at(-1)?.["done_reason"] === "length"
    ? { result: "unclear", reason: `it had not come to it after ${answerTokens} tokens` }
    : undefined;
}

function question(content: string, members: JsonObject = {}) {
  return { messages: [{ role: "user", content, ...members }] };
}

/** Without thoughts, where they can be switched off: they would be paid for, and cut. */
function shortAnswer(content: string, members: JsonObject = {}) {
  return {
    ...question(content, members),
    stream: false,
    think: false,
    options: { num_predict: answerTokens },
  };
}

function messageOf(lines: readonly JsonObject[]): JsonObject | undefined {
  return asObject(lines.at(-1)?.["message"]);
}

function contentOf({ lines }: Answer): string {
  return asText(messageOf(lines)?.["content"]) ?? "";
}

const quotedLength = 60;

function quoted(answer: Answer): string {
  const text = contentOf(answer).trim();
  return JSON.stringify(
    text.length > quotedLength ? `${text.slice(0, quotedLength).trimEnd()}…` : text,
  );
}
