import type OpenAI from "openai";
import { type Answer, type AnswerHead, createHead } from "./answer.ts";
import { readIncludeUsage, readMaxPieces } from "./chat-request.ts";
import { asString, asStrings, type JsonObject } from "./json-values.ts";
import { requireModel } from "./models.ts";
import { cutAtStop, splitIntoPieces, toUsage } from "./pieces.ts";
import { INTRODUCTION, INVITATION } from "./replies.ts";

interface Continuation {
  readonly pieces: readonly string[];
  readonly finishReason: "stop" | "length";
  readonly usage: OpenAI.CompletionUsage;
}

/** The older way to ask: a text to go on with, and maybe what comes after. */
export function answerCompletion(body: JsonObject): Answer {
  const head = createHead("cmpl", requireModel(body["model"], "completion"));
  const continuation = continueText(body);
  return body["stream"] === true
    ? { events: toChunks(head, continuation, readIncludeUsage(body)) }
    : { json: toCompletion(head, continuation) };
}

function continueText(body: JsonObject): Continuation {
  const prompt = asStrings(body["prompt"]).join("");
  const suffix = asString(body["suffix"]);
  const sentences = [
    INTRODUCTION,
    INVITATION,
    ...(prompt === "" ? [] : [`You wrote: ${prompt}`]),
    ...(suffix === "" ? [] : [`Your text goes on with: ${suffix}`]),
  ];
  const text = cutAtStop(sentences.join(" "), asStrings(body["stop"]));
  const all = splitIntoPieces(text);
  const pieces = all.slice(0, readMaxPieces(body));
  return {
    pieces,
    finishReason: pieces.length < all.length ? "length" : "stop",
    usage: toUsage(splitIntoPieces(prompt + suffix).length, pieces.length),
  };
}

function* toChunks(
  head: AnswerHead,
  { pieces, finishReason, usage }: Continuation,
  includeUsage: boolean,
): Generator<object> {
  const unknownUsage = includeUsage ? { usage: null } : {};
  for (const piece of pieces) yield { ...toObject(head, piece, null), ...unknownUsage };
  yield { ...toObject(head, "", finishReason), ...unknownUsage };
  if (includeUsage) yield { ...toObject(head, "", null), choices: [], usage };
}

function toCompletion(head: AnswerHead, { pieces, finishReason, usage }: Continuation): object {
  return { ...toObject(head, pieces.join(""), finishReason), usage };
}

function toObject(head: AnswerHead, text: string, finish_reason: string | null) {
  return {
    ...head,
    object: "text_completion",
    choices: [{ index: 0, text, logprobs: null, finish_reason }],
  };
}
