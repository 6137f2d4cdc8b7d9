import { VECTOR } from "../fronts.ts";
import { chunk, json, sse, type Script, type Step } from "../../support/scripted-upstream.ts";

/** What no output may ever hold: the keys of the backends. */
export const CANARY = "sk-CANARY-upstream";

/** A good answer from a backend. */
export const WELL = sse(chunk({ content: "well" }), chunk({}, "stop"), "[DONE]");
/** Five tokens, after which the client has text. */
export const FIVE = sse(
  chunk({ role: "assistant", content: "" }),
  ...["1", "2", "3", "4", "5"].map((content) => chunk({ content })),
);
export const END = sse(chunk({}, "stop"), "[DONE]");
/** What has been sent gets a moment to arrive, since a reset may overtake it. */
export const A_MOMENT: Step = { wait: 20 };

/** A good answer to `/embeddings`. */
export const VECTORS = json(200, {
  object: "list",
  data: [{ object: "embedding", index: 0, embedding: VECTOR }],
  usage: { prompt_tokens: 1, total_tokens: 1 },
});

/** All that is sent, the status line included. */
export function raw(...steps: Step[]): Script {
  return { raw: true, steps };
}

/** Server-Sent Events with status 200. */
export function events(...steps: Step[]): Script {
  return { steps };
}

export function html(status: number, statusText: string): Script {
  return raw(
    `HTTP/1.1 ${status} ${statusText}\r\ncontent-type: text/html\r\ncontent-length: 29\r\n\r\n`,
    "<html><h1>nginx</h1></html>\r\n",
  );
}

/** An error as OpenAI words it. */
export function message(
  status: number,
  text: string,
  headers: Record<string, string> = {},
): Script {
  return json(status, { error: { message: text, type: "x", code: null } }, headers);
}

/** A fault is played on several routes, so its steps must be there more than once. */
export function repeatable(make: () => Generator<Step>): Iterable<Step> {
  return { [Symbol.iterator]: make };
}

export function forever(step: Step, ...first: Step[]): Iterable<Step> {
  return repeatable(function* () {
    yield* first;
    for (;;) yield step;
  });
}

export function inPieces(text: string, size: number): Iterable<Step> {
  const bytes = Buffer.from(text);
  return repeatable(function* () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  });
}

/** A character every `pause` milliseconds. */
export function dripping(text: string, pause: number): Iterable<Step> {
  return Array.from(text).flatMap((character) => [character, { wait: pause }]);
}

export function pinging(text: string): Iterable<Step> {
  return repeatable(function* () {
    yield text;
    for (;;) {
      yield { wait: 50 };
      yield ": ping\n\n";
    }
  });
}

/** Error events in the four forms that backends use. */
export const errorEvents: Readonly<Record<string, (text: string, code?: number) => string>> = {
  "of OpenAI": (text, code) => sse({ error: { message: text, code } }),
  "of vLLM": (text, code) => sse({ object: "error", message: text, code }),
  "in a field of llama.cpp": (text, code) =>
    `error: ${JSON.stringify({ message: text, code })}\n\n`,
  "by its name": (text, code) =>
    `event: error\ndata: ${JSON.stringify({ message: text, code })}\n\n`,
};

/** A piece of a tool call. */
export function toolCall(values: string, index: unknown = 0): object {
  return chunk({ tool_calls: [{ index, id: "c", function: { name: "f", arguments: values } }] });
}

/** Counts how many scripts have begun and how many have been left: played out, or the peer gone. */
export function counting(script: Script, counts: { begun: number; left: number }): Script {
  counts.begun += 1;
  return { ...script, steps: counted(script.steps, () => (counts.left += 1)) };
}

function* counted(steps: Iterable<Step>, onLeft: () => void): Generator<Step> {
  try {
    yield* steps;
  } finally {
    onLeft();
  }
}
