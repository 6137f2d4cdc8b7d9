import { record, type Backend, type Heard, type Json } from "./backend.ts";
import { heardThink } from "./hearing.ts";
import type { Call, Figures, Finish } from "./stream-style.ts";

/** What every backend thinks and says. */
const thoughtPieces = ["Let me", " think."];
export const textPieces = ["The", " sky", " is", " blue", " bec", "ause", " light", " scatters."];
const jsonPieces = ['{"answer"', ': "blue"', "}"];
const promptTokens = 11;

export interface Answer {
  /** As they are shown. */
  readonly thoughts: readonly string[];
  /** Whether it thought at all. */
  readonly thought: boolean;
  readonly pieces: readonly string[];
  readonly calls: readonly Call[];
  readonly finish: Finish;
  readonly figures: Figures;
}

/** What this backend answers to what it heard. */
export function answerTo(backend: Backend, heard: Heard): Answer {
  const { fields } = heard;
  const think = heardThink(fields) ?? backend.thinksByDefault === true;
  const isChat = heard.route === "chat";
  const thoughts = isChat && think !== false ? thoughtPieces : [];
  const calls = isChat && Array.isArray(fields["tools"]) ? callsFor(backend, heard) : [];
  const said = calls.length > 0 ? [] : textFor(backend, heard);
  const { pieces, finish } = cut(said, limitOf(backend, heard), fields["stop"]);
  const figures = { prompt: promptTokens, thoughts: thoughts.length, text: pieces.length };
  return {
    thought: thoughts.length > 0,
    thoughts: backend.shows?.(heard) === false ? [] : thoughts,
    pieces,
    calls,
    finish: calls.length > 0 ? "tool_calls" : finish,
    figures,
  };
}

function textFor(backend: Backend, heard: Heard): readonly string[] {
  if (heard.fields["format"] !== undefined) return jsonPieces;
  if (heard.route !== "chat" || backend.continues?.(heard) !== true) return textPieces;
  const begun = heard.messages.at(-1)?.text ?? "";
  const rest = textPieces.join("").startsWith(begun)
    ? textPieces.slice(begun.split(" ").length)
    : textPieces;
  return backend.echoes === true ? [begun, ...rest] : rest;
}

/** One call for each city that the last message of the user names. */
function callsFor(backend: Backend, { messages, fields }: Heard): Call[] {
  if (messages.at(-1)?.role !== "user") return [];
  const [tool] = fields["tools"] as readonly Json[];
  const name = String(record(tool?.["function"])["name"]);
  const cities = ["Paris", "Oslo"].filter((city) => messages.at(-1)?.text.includes(city));
  const made =
    backend.oneCall === true && fields["parallel"] !== true ? cities.slice(0, 1) : cities;
  return made.map((city, at) => ({
    id: `call_${at}`,
    name,
    arguments: JSON.stringify({ city }),
  }));
}

/** Tokens, where a piece counts as one. A small default ends an answer in the middle. */
function limitOf(backend: Backend, { route, fields }: Heard): number {
  const limit = fields["num_predict"];
  if (typeof limit === "number") return limit < 0 ? Number.POSITIVE_INFINITY : limit;
  return backend.shortByDefault?.includes(route) === true ? 2 : Number.POSITIVE_INFINITY;
}

function cut(pieces: readonly string[], limit: number, stop: unknown) {
  const whole = pieces.join("");
  const ends = (Array.isArray(stop) ? (stop as string[]) : [])
    .map((words) => whole.indexOf(words))
    .filter((at) => at >= 0);
  let room = Math.min(whole.length, ...ends);
  const kept = pieces.flatMap((piece) => {
    const rest = piece.slice(0, room);
    room -= rest.length;
    return rest === "" ? [] : [rest];
  });
  const isShort = kept.length > limit;
  return {
    pieces: isShort ? kept.slice(0, limit) : kept,
    finish: isShort ? ("length" as const) : ("stop" as const),
  };
}
