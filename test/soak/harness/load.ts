import { Pool } from "undici";
import { isObject, parseNdjson, type JsonObject } from "../../support/ndjson.ts";

/** How an answer ended; every word but the first two is a failure of somebody. */
export type Outcome =
  /** All words, in order, and one last line that says so. */
  | "complete"
  /** Refused before it began, with a status and an error in words. */
  | "refused"
  /** Broken off in words: the one last line has an error. */
  | "broken off"
  /** It just ended. */
  | "truncated"
  /** The connection failed before there was a status. */
  | "no answer"
  /** Something no answer may be. */
  | "wrong";

export interface Answer {
  readonly outcome: Outcome;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** What was wrong, or the error told. */
  readonly because: string;
  readonly milliseconds: number;
}

export interface Question {
  readonly model: string;
  /** Words that the backend says. */
  readonly words: number;
  readonly stream?: boolean;
}

export interface ClientOptions {
  /** The most at the same time. Default 1000. */
  readonly connections?: number;
  /** Default true. */
  readonly keepAlive?: boolean;
}

const patience = { headersTimeout: 120_000, bodyTimeout: 120_000 };

/** A client that holds each answer against what the backend says. */
export class Client {
  readonly #pool: Pool;

  constructor(url: string, { connections = 1000, keepAlive = true }: ClientOptions = {}) {
    this.#pool = new Pool(url, { connections, pipelining: keepAlive ? 1 : 0, ...patience });
  }

  async ask({ model, words, stream = true }: Question): Promise<Answer> {
    const start = performance.now();
    let [status, headers, text] = [0, {}, ""];
    try {
      const answer = await this.#pool.request({
        path: "/api/chat",
        method: "POST",
        body: JSON.stringify({ model, stream, messages: [{ role: "user", content: "hi" }] }),
      });
      status = answer.statusCode;
      headers = answer.headers;
      answer.body.setEncoding("utf8");
      for await (const piece of answer.body as AsyncIterable<string>) text += piece;
      return { ...judge(status, text, words), status, headers, milliseconds: since(start) };
    } catch (error) {
      const outcome = status === 0 ? "no answer" : "truncated";
      const because = error instanceof Error ? error.message : String(error);
      return { outcome, because, status, headers, milliseconds: since(start) };
    }
  }

  async get(path: string): Promise<{ status: number; text: string }> {
    const { statusCode, body } = await this.#pool.request({ path, method: "GET" });
    return { status: statusCode, text: await body.text() };
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

function since(start: number): number {
  return performance.now() - start;
}

/** Holds an answer against what its backend has said. */
export function judge(
  status: number,
  text: string,
  words: number,
): { outcome: Outcome; because: string } {
  if (status !== 200) {
    const told = errorOf(text);
    return told === undefined
      ? { outcome: "wrong", because: `${status}: ${text.slice(0, 200)}` }
      : { outcome: "refused", because: told };
  }
  let lines: JsonObject[];
  try {
    lines = parseNdjson(text.endsWith("\n") ? text : `${text}\n`);
  } catch (error) {
    return { outcome: "wrong", because: (error as Error).message };
  }
  const ends = lines.filter((line) => line["done"] === true);
  const last = lines.at(-1);
  if (last === undefined || ends.length === 0) return { outcome: "truncated", because: "no end" };
  if (ends.length > 1 || ends[0] !== last) return { outcome: "wrong", because: "two ends" };
  if (typeof last["error"] === "string") return { outcome: "broken off", because: last["error"] };
  const said = lines.map(contentOf).join("");
  const expected = Array.from({ length: words }, (_, at) => `word${at} `).join("");
  return said === expected
    ? { outcome: "complete", because: "" }
    : { outcome: "wrong", because: `it said ${JSON.stringify(said.slice(0, 200))}` };
}

function errorOf(text: string): string | undefined {
  try {
    const body: unknown = JSON.parse(text);
    const error = isObject(body) ? body["error"] : undefined;
    return typeof error === "string" && error !== "" ? error : undefined;
  } catch {
    return undefined;
  }
}

function contentOf({ message }: JsonObject): string {
  return isObject(message) && typeof message["content"] === "string" ? message["content"] : "";
}

/** Counts answers by outcome, and keeps an example of each. */
export class Tally {
  readonly #counts = new Map<Outcome, number>();
  readonly #examples = new Map<string, number>();
  readonly milliseconds: number[] = [];
  total = 0;
  /** Refused otherwise than with 503 and a number of seconds to wait. */
  impolite = 0;

  add({ outcome, status, headers, because, milliseconds }: Answer): void {
    this.total += 1;
    const isPolite = status === 503 && Number(headers["retry-after"]) >= 1;
    if (outcome === "refused" && !isPolite) this.impolite += 1;
    this.#counts.set(outcome, this.of(outcome) + 1);
    if (outcome === "complete") this.milliseconds.push(milliseconds);
    else {
      const example = `${outcome} ${status}: ${because}`;
      this.#examples.set(example, (this.#examples.get(example) ?? 0) + 1);
    }
  }

  of(outcome: Outcome): number {
    return this.#counts.get(outcome) ?? 0;
  }

  /** Answers that were not complete. */
  get failed(): number {
    return this.total - this.of("complete");
  }

  /** What went otherwise than to the end, and how often. */
  get examples(): string[] {
    return [...this.#examples].map(([example, count]) => `${count} × ${example}`);
  }
}

/** So many clients at a time, each asking again as soon as it has its answer, until told to stop. */
export async function askContinuously(
  client: Client,
  question: Question,
  options: { clients: number; tally: Tally; stopped: () => boolean },
): Promise<void> {
  const { clients, tally, stopped } = options;
  const one = async () => {
    while (!stopped()) tally.add(await client.ask(question));
  };
  await Promise.all(Array.from({ length: clients }, one));
}

/** So many requests a second, whether or not the ones before have been answered. */
export async function askAtRate(
  client: Client,
  question: Question,
  options: { perSecond: number; seconds: number; tally: Tally },
): Promise<void> {
  const { perSecond, seconds, tally } = options;
  const start = performance.now();
  const asked: Promise<void>[] = [];
  const ask = async () => tally.add(await client.ask(question));
  while (since(start) < seconds * 1000) {
    const due = Math.floor((since(start) / 1000) * perSecond);
    while (asked.length < due) asked.push(ask());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(asked);
}
