import { ProxyError, whileRunning } from "../../src/errors.ts";
import type { ChatResponse } from "../../src/ollama/responses.ts";
import { BodyReader } from "../../src/openai/body-reader.ts";
import { toJsonText } from "../../src/server/json-text.ts";
import { ChunkDecoder } from "../../src/translate/chunk-events.ts";
import type { CompletionEvent } from "../../src/translate/events.ts";
import { toMetrics, type Marks } from "../../src/translate/metrics.ts";
import { ChatResponseEncoder } from "../../src/translate/response-encoder.ts";
import type { Reading } from "./fixtures.ts";

export interface Translation {
  readonly lines: readonly ChatResponse[];
  /** Of an answer that broke before its first line. */
  readonly error: ProxyError | undefined;
}

/** What differs from run to run, fixed: the clock, the ids, the length of the prompt. */
export const marks: Marks = { start: 0, responseHeaders: 10, firstToken: 25, end: 100 };
export const promptEstimate = 7;
const identity = { model: "m", createdAt: "2026-01-02T03:04:05.678Z" };

/** Bytes in any pieces, through all pure steps from the backend's bytes to Ollama's objects. */
export function translate(pieces: Iterable<Buffer>, reading: Reading = {}): Translation {
  let ids = 0;
  const reader = new BodyReader();
  const decoder = new ChunkDecoder({ newId: () => `call_new${(ids += 1)}`, ...reading });
  const encoder = new ChatResponseEncoder(identity);
  const lines: ChatResponse[] = [];

  function encode(event: CompletionEvent): void {
    if (event.type !== "end") lines.push(...encoder.push(event));
    else lines.push(encoder.end(event, toMetrics(event.usage, marks, promptEstimate)));
  }

  function pushAll(events: ReturnType<BodyReader["push"]>): void {
    for (const event of events) decoder.push(event).forEach(encode);
  }

  try {
    for (const piece of pieces) {
      pushAll(reader.push(piece));
      if (decoder.progress === "complete") break;
    }
    if (decoder.progress !== "complete") pushAll(reader.end());
    decoder.end().forEach(encode);
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
    if (lines.length === 0) return { lines, error };
    lines.push(encoder.fail(whileRunning(error).message, toMetrics({}, marks, promptEstimate)));
  }
  return { lines, error: undefined };
}

export function toNdjson({ lines, error }: Translation): string {
  const objects = error === undefined ? lines : [{ error: error.message }];
  return objects.map((object) => `${toJsonText(object)}\n`).join("");
}
