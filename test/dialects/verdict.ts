import type { Exchange } from "./exchange.ts";
import { usualText, type Feature } from "./features/feature.ts";
import { list, record, type Json } from "./players/backend.ts";

export type Verdict = "works" | "approximated" | "ignored" | "refused";

/** A verdict, or what is wrong. */
export type Judgement = { readonly verdict: Verdict } | { readonly problem: string };

/** Nothing may be lost without a word: a feature reaches the backend, is named, or is refused. */
export function judge(feature: Feature, exchange: Exchange): Judgement {
  const { client, sent } = exchange;
  const empty = sent.flatMap(({ body }) => emptyMembers(body));
  if (empty.length > 0) return problem(exchange, `sent empty members: ${empty.join(", ")}`);
  if (client.status !== 200) return judgeRefusal(feature, exchange);
  if (client.error !== "") return problem(exchange, `the answer broke: ${client.error}`);
  const { ignored } = client;
  const stray = ignored.filter((name) => !feature.names.includes(name));
  if (stray.length > 0) return problem(exchange, `named what was not asked: ${stray.join(", ")}`);
  if (!client.text.endsWith(feature.text ?? usualText))
    return problem(exchange, `the text is ${JSON.stringify(client.text)}`);
  const reached = feature.reached(exchange);
  const named = ignored.length > 0;
  if (reached === "works" && named)
    return problem(exchange, `works, and yet ${ignored.join(", ")} is named`);
  if (reached !== undefined) return { verdict: reached };
  return named ? { verdict: "ignored" } : problem(exchange, "lost without a word");
}

/** A refusal is the client's to understand: 4xx, and words that say what is not supported. */
function judgeRefusal(feature: Feature, exchange: Exchange): Judgement {
  const { status, error } = exchange.client;
  const isClear = /support/i.test(error) || feature.refusal?.test(error) === true;
  return status >= 400 && status < 500 && isClear
    ? { verdict: "refused" }
    : problem(exchange, `${status} ${JSON.stringify(error)}`);
}

function problem({ sent }: Exchange, words: string): Judgement {
  const tries = sent.map(({ refused, path }) =>
    refused === undefined ? path : `${path} refused: ${refused}`,
  );
  return { problem: `${words} [${tries.join(" | ") || "nothing sent"}]` };
}

/** `null`, `[]`, and empty texts where they mean nothing. */
function emptyMembers(body: Json): string[] {
  const isEmpty = (value: unknown) =>
    value === null || (Array.isArray(value) && value.length === 0);
  const named = (members: Json, path: string) =>
    Object.entries(members).flatMap(([name, value]) => (isEmpty(value) ? [`${path}${name}`] : []));
  return [
    ...named(body, ""),
    ...list(body["messages"]).flatMap((message, at) => named(record(message), `messages[${at}].`)),
  ];
}
