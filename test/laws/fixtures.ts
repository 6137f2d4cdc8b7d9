import { readdirSync, readFileSync } from "node:fs";
import type { DecoderOptions } from "../../src/translate/chunk-events.ts";

export type Reading = Omit<DecoderOptions, "newId">;

/** A byte stream of some backend, and what an Ollama client is to see of it. */
export interface Fixture {
  readonly name: string;
  readonly bytes: Buffer;
  /** NDJSON; of an answer that broke before its first line, the one error object. */
  readonly expected: string;
  /** What has to be known of the backend or of the request to read it so. */
  readonly reading: Reading;
}

const leading: Reading = { thinkTags: "leading" };
const unopened: Reading = { thinkTags: "unopened" };

/** By the name of the fixture; nothing has to be known for the others. */
export const readings: Readonly<Record<string, Reading>> = {
  "error-lmstudio-no-room": { contextLength: 4096 },
  "gemini-thought-tags": leading,
  "mistral-prefill-echoed": { echo: "The answer is" },
  "mistral-prefill-else": { echo: "The answer is" },
  "stop-text-after-calls": { stops: ["STOP"] },
  "stop-text-almost": { stops: ["\n\nUser:", "###"] },
  "stop-text-before-call": { stops: ["STOP"] },
  "stop-text-logprobs": { stops: ["\n\n"] },
  "stop-text-split": { stops: ["\n\nUser:", "###"] },
  "stop-text-unopened": { ...unopened, stops: ["STOP"] },
  "stop-text-unopened-call": { ...unopened, stops: ["STOP"] },
  "stop-text-whole": { stops: ["STOP"] },
  "think-all-options": { ...leading, echo: "Sure:", stops: ["END"], repeatsAnswer: true },
  "think-empty": leading,
  "think-logprobs": leading,
  "think-names": leading,
  "think-never": { thinkTags: "never" },
  "think-no-closing": leading,
  "think-not-first": leading,
  "think-only-closing": unopened,
  "think-only-closing-missing": unopened,
  "think-reasoning-field": leading,
  "think-split": leading,
  "think-split-json": leading,
  "think-tool-call": leading,
  "think-unopened-opened": unopened,
  "think-whole": leading,
  "xai-repeats-answer": { repeatsAnswer: true },
};

const folder = new URL("../fixtures/", import.meta.url);

export const fixtures: readonly Fixture[] = readdirSync(folder)
  .filter((file) => file.endsWith(".sse"))
  .toSorted()
  .map((file) => file.slice(0, -".sse".length))
  .map((name) => ({
    name,
    bytes: readFileSync(new URL(`${name}.sse`, folder)),
    expected: readFileSync(new URL(`${name}.ndjson`, folder), "utf8"),
    reading: readings[name] ?? {},
  }));
