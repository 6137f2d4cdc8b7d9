import { call } from "../server/call.ts";
import { list, record, text, type Backend, type Heard, type Json } from "./players/backend.ts";
import type { PlayedRequest, Player } from "./players/player.ts";
import type { Answer } from "./players/answer.ts";

/** What a client made of an answer. */
export interface ClientAnswer {
  readonly status: number;
  /** What the proxy said it could not tell the backend. */
  readonly ignored: readonly string[];
  readonly error: string;
  readonly text: string;
  readonly thinking: string;
  readonly calls: readonly { readonly name: string; readonly arguments: unknown }[];
  readonly logprobs: readonly Json[];
  /** The last object. */
  readonly last: Json;
}

/** One feature at one backend: all that a judge may look at. */
export interface Exchange {
  readonly backend: Backend;
  readonly client: ClientAnswer;
  /** What the backend was sent, refused tries among it. */
  readonly sent: readonly PlayedRequest[];
  /** What it understood in the end, and answered. */
  readonly heard: Heard | undefined;
  readonly answer: Answer | undefined;
}

/** Sends a request to the proxy in front of a player. */
export async function exchange(
  { backend, player, port }: { backend: Backend; player: Player; port: number },
  path: string,
  body: Json,
): Promise<Exchange> {
  player.reset();
  const answer = await call({
    port,
    path,
    body: JSON.stringify({ model: backend.model, ...body }),
  });
  // What is asked to know the model is no part of the answer.
  const sent = player.requests.filter((request) => request.path !== "/api/show");
  const last = sent.at(-1);
  return {
    backend,
    client: readAnswer(answer.status, answer.body, answer.headers["x-proxy-ignored"]),
    sent,
    heard: last?.heard,
    answer: last?.answer,
  };
}

function readAnswer(
  status: number,
  body: string,
  ignored: string | string[] | undefined,
): ClientAnswer {
  const lines = body
    .split("\n")
    .filter((line) => line !== "")
    .map(parseLine);
  const messages = lines.map((line) => record(line["message"]));
  const joined = (values: readonly unknown[]) => values.map(text).join("");
  return {
    status,
    ignored: text(ignored)
      .split(", ")
      .filter((name) => name !== ""),
    error: joined(lines.map((line) => line["error"])),
    text: joined([
      ...lines.map((line) => line["response"]),
      ...messages.map((one) => one["content"]),
    ]),
    thinking: joined([...lines, ...messages].map((one) => one["thinking"])),
    calls: messages.flatMap((message) =>
      list(message["tool_calls"]).map((made) => {
        const { name, arguments: given } = record(record(made)["function"]);
        return { name: text(name), arguments: given };
      }),
    ),
    logprobs: lines.flatMap((line) => list(line["logprobs"]).map(record)),
    last: lines.at(-1) ?? {},
  };
}

function parseLine(line: string): Json {
  try {
    return record(JSON.parse(line));
  } catch {
    return {};
  }
}
