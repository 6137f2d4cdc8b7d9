import type { Script, Step } from "../support/scripted-upstream.ts";
import { chunk, sse } from "../support/scripted-upstream.ts";
import { recordedScripts } from "./recordings.ts";

/** Waits of the recording were there to be seen by eye. */
const WAIT_FACTOR = 1 / 50;

const TIMINGS = { cache_n: 2, prompt_n: 10, prompt_ms: 20.5, predicted_n: 5, predicted_ms: 50.25 };
const END = [chunk({}, "stop", { timings: TIMINGS }), "[DONE]"];

/** Scripts too long to keep, made again from what is known of them. */
const remade: Readonly<Record<string, () => Iterable<Step>>> = {
  "split-everywhere": () => bytewise(sse(chunk({ content: "Héllo 😀" }), ...END)),
  "big-event-9mb": () => [sse(chunk({ content: "x".repeat(9_000_000) }), ...END)],
  "slow-stream": () => [
    ...Array.from({ length: 40 }, (_, index) => sse(chunk({ content: `w${index} ` }))),
    sse(...END),
  ],
};

export function scriptOf(name: string): Script {
  const recorded = recordedScripts[name];
  if (!recorded) throw new Error(`no script ${name}`);
  const { status, headers } = recorded;
  return { status, headers, steps: recorded.steps?.map(toStep) ?? remade[name]?.() ?? [] };
}

/** The body that a script sends, for routes that hand it on as it is. */
export function bodyOf(name: string): string {
  const steps = [...scriptOf(name).steps];
  const bytes = steps.filter((step) => typeof step === "string" || Buffer.isBuffer(step));
  return Buffer.concat(bytes.map((step) => Buffer.from(step))).toString("utf8");
}

function toStep(step: NonNullable<(typeof recordedScripts)[string]["steps"]>[number]): Step {
  if (typeof step === "string") return step;
  if ("hex" in step) return Buffer.from(step.hex, "hex");
  return "wait" in step ? { wait: step.wait * WAIT_FACTOR } : step;
}

function bytewise(text: string): Buffer[] {
  return Array.from(Buffer.from(text), (byte) => Buffer.of(byte));
}
