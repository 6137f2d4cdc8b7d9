import type { Script, ScriptedUpstream, Step } from "../support/scripted-upstream.ts";
import { backend, says, sent } from "./backends.ts";

/** Requests that a backend has, each of which is answered when the test says so. */
export class Held {
  readonly upstream: ScriptedUpstream;
  readonly #answers: Script[] = [];
  #asked = 0;

  private constructor(upstream: ScriptedUpstream) {
    this.upstream = upstream;
  }

  static async backend(): Promise<Held> {
    const held = new Held(await backend(says("")));
    held.upstream.play(() => held.#next());
    return held;
  }

  /** The one that came first of those that wait. */
  answer(script: Script = says("well")): void {
    this.#answers.push(script);
  }

  /** What was said last in each request so far. */
  get asked(): string[] {
    return this.upstream.requests.map((_, place) => {
      return sent(this.upstream, place).messages.at(-1)?.content ?? "";
    });
  }

  #next(): Script {
    const place = this.#asked;
    this.#asked += 1;
    return { raw: true, steps: this.#steps(place) };
  }

  *#steps(place: number): Generator<Step> {
    for (;;) {
      const script = this.#answers[place];
      if (script === undefined) yield { wait: 2 };
      else {
        yield* asBytes(script);
        return;
      }
    }
  }
}

function* asBytes({ status = 200, headers, steps }: Script): Generator<Step> {
  const fields = Object.entries(headers ?? { "content-type": "text/event-stream" });
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  yield `HTTP/1.1 ${status} Scripted\r\n${lines}connection: close\r\n\r\n`;
  yield* steps;
  yield { end: true };
}
