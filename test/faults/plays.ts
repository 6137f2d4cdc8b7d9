import {
  chunk,
  json,
  sse,
  type RecordedRequest,
  type Script,
  type Step,
} from "../support/scripted-upstream.ts";

/** Events that say these words, and no end. */
export function words(...texts: readonly string[]): string {
  return sse(...texts.map((content) => chunk({ content })));
}

export const role = sse(chunk({ role: "assistant", content: "" }));
export const ending = sse(chunk({}, "stop"), "[DONE]");
/** What has been sent gets a moment to arrive, since a reset may overtake it. */
export const aMoment: Step = { wait: 20 };

/** A whole good answer. */
export function says(...texts: readonly string[]): Script {
  return { steps: [words(...texts) + ending] };
}

export function refuses(status: number, headers: Record<string, string> = {}): Script {
  return json(status, { error: { message: `played ${status}`, type: "x", code: null } }, headers);
}

/** The bytes of the connection themselves. */
export function raw(...steps: readonly Step[]): Script {
  return { raw: true, steps };
}

/** What a recorded request asked for. */
export function questionIn({ body }: RecordedRequest): { model: string; prompt: string } {
  const { model, messages, prompt } = JSON.parse(body) as {
    model: string;
    messages?: readonly { content: string }[];
    prompt?: string;
  };
  return { model, prompt: messages?.at(-1)?.content ?? prompt ?? "" };
}
