// What the backend sends, in the form of OpenAI's own answers.
import { modelNamed, textAt } from "./models.mjs";

/** @typedef {import("./models.mjs").Model} Model */

export const created = 1_790_000_000;
// Events kept in memory for one model. A longer stream repeats them: its texts repeat as well.
const longestRun = 4000;

/**
 * @typedef {{
 *   model: Model,
 *   opening: Buffer,
 *   events: Buffer[],
 *   eventAt: (index: number) => Buffer,
 *   run: Buffer,
 *   ending: Buffer,
 * }} Stream
 */

/** @type {Map<string, Stream>} */
const streams = new Map();

/** @param {string} name */
export function streamOf(name) {
  const stream = streams.get(name) ?? makeStream(name);
  streams.set(name, stream);
  return stream;
}

/**
 * @param {string} name
 * @returns {Stream}
 */
function makeStream(name) {
  const model = modelNamed(name);
  const kept = Math.min(model.events, longestRun);
  const events = Array.from({ length: kept }, (_, index) =>
    framed(chunkOf(name, { content: textAt(model, index) })),
  );
  return {
    model,
    opening: framed(chunkOf(name, { role: "assistant", content: "" })),
    events,
    eventAt: (index) => events[index % kept] ?? Buffer.alloc(0),
    run: Buffer.concat(events),
    ending: Buffer.concat([
      framed(chunkOf(name, {}, "stop")),
      framed({ ...chunkOf(name, {}), choices: [], usage: usageOf(model) }),
      framed("[DONE]"),
    ]),
  };
}

/**
 * @param {string} name
 * @param {{ role?: string, content?: string }} delta
 * @param {string | null} finishReason
 */
function chunkOf(name, delta, finishReason = null) {
  return {
    id: "chatcmpl-CfJq2Wc1mVhX0sTz7yLkR9dEuBn4a",
    object: "chat.completion.chunk",
    created,
    model: name,
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  };
}

/** @param {string} name */
export function wholeAnswer(name) {
  const model = modelNamed(name);
  return {
    id: "chatcmpl-CfJq2Wc1mVhX0sTz7yLkR9dEuBn4a",
    object: "chat.completion",
    created,
    model: name,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: textAt(model, 0) },
        finish_reason: "stop",
      },
    ],
    usage: usageOf(model),
  };
}

/** @param {Model} model */
function usageOf({ events }) {
  return { prompt_tokens: 9, completion_tokens: events, total_tokens: events + 9 };
}

/**
 * One server-sent event in an HTTP chunk of its own.
 *
 * @param {object | string} data
 */
function framed(data) {
  const event = `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
  return Buffer.from(`${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`);
}
