import { describe, test } from "vitest";
import { startConfiguredProxy } from "../soak/harness/configured-proxy.ts";
import { figure, size } from "../soak/harness/figures.ts";
import { judge, type Outcome } from "../soak/harness/load.ts";
import { inParallel } from "../soak/harness/parallel.ts";
import { sse, startScriptedUpstream, type Script } from "../support/scripted-upstream.ts";
import { ask, fronts } from "./fronts.ts";
import { aMoment, ending, questionIn, raw, refuses, role, words } from "./plays.ts";

/** What one of the backends does with one request. */
interface Fault {
  readonly script: Script;
  /** How often, beside the others. */
  readonly weight: number;
  /** It says some of the answer: that work is paid for. */
  readonly generates?: true;
  /** It says nothing, and yet may have done the work. */
  readonly ambiguous?: true;
}

/** One of the faults, at one of the backends. */
type Done = Fault & { readonly place: number };

/** Each try that was followed by another, with that one. */
function pairs(tries: readonly Done[]): [Done, Done][] {
  return tries.flatMap((done, index) => {
    const next = tries[index + 1];
    return next === undefined ? [] : [[done, next]];
  });
}

const retryAfter = { "retry-after": "1" };
const faults: readonly Fault[] = [
  { weight: 40, script: { steps: [role, words("word0 ") + ending] }, generates: true },
  { weight: 3, script: { steps: [words("wor"), aMoment, { reset: true }] }, generates: true },
  { weight: 3, script: { steps: [words("wor"), aMoment, { destroy: true }] }, generates: true },
  { weight: 3, script: { steps: [words("word0 ")] }, generates: true },
  { weight: 2, script: { steps: [words("wor"), aMoment, { hang: true }] }, generates: true },
  {
    weight: 3,
    script: { steps: [words("wor") + sse({ error: { message: "x", code: 500 } })] },
    generates: true,
  },
  { weight: 4, script: refuses(500), ambiguous: true },
  { weight: 3, script: refuses(504), ambiguous: true },
  { weight: 3, script: raw({ reset: true }), ambiguous: true },
  { weight: 3, script: raw({ end: true }), ambiguous: true },
  { weight: 2, script: { steps: [{ hang: true }] }, ambiguous: true },
  { weight: 2, script: raw({ hang: true }), ambiguous: true },
  { weight: 3, script: { steps: [role, aMoment, { reset: true }] }, ambiguous: true },
  { weight: 3, script: { steps: [] }, ambiguous: true },
  { weight: 4, script: refuses(502) },
  { weight: 4, script: refuses(503) },
  { weight: 3, script: refuses(529) },
  { weight: 3, script: refuses(429, retryAfter) },
  { weight: 1, script: refuses(401) },
  { weight: 2, script: refuses(408) },
  { weight: 2, script: refuses(400) },
  { weight: 3, script: { headers: { "content-type": "text/html" }, steps: ["<html>"] } },
  { weight: 2, script: raw("SSH-2.0-x\r\n", { hang: true }) },
];
const allWeight = faults.reduce((sum, { weight }) => sum + weight, 0);

/** @param share 0 to 1 */
function faultAt(share: number): Fault {
  let left = share * allWeight;
  const [first] = faults;
  const found = faults.find(({ weight }) => (left -= weight) < 0) ?? first;
  if (found === undefined) throw new Error("there is no fault");
  return found;
}

/** As good as `Math.random`, and the same in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

const requests = size(5_000, 300);
const ways = [fronts.chat, fronts.whole];

describe("T-11 nothing is generated twice for one request", () => {
  test.each([false, true])("failover.ambiguous: %s", async (mayAskAgain) => {
    const random = randomFrom(11);
    /** What the backends did for each request, in turn. */
    const tries = new Map<string, Done[]>();
    const backends = await Promise.all(["a", "b", "c"].map(() => startScriptedUpstream()));
    for (const [place, backend] of backends.entries()) {
      backend.play((request) => {
        const { prompt } = questionIn(request);
        const fault = faultAt(random());
        tries.set(prompt, [...(tries.get(prompt) ?? []), { ...fault, place }]);
        return fault.script;
      });
    }
    const proxy = await startConfiguredProxy({
      upstreams: backends.map(({ baseUrl }, place) => ({
        id: `upstream-${place}`,
        base_url: baseUrl,
        models: ["m"],
        dialect: "generic",
        // A rested key leaves others, so that the run goes on as it began.
        api_key: Array.from({ length: 2_000 }, (_, key) => `key-${place}-${key}`),
      })),
      timeouts: { first_byte: 0.5, idle: 0.5, idle_data: 0.5 },
      failover: { ambiguous: mayAskAgain, policy: "round-robin", first_byte: 0.5 },
      circuit: { failures: 1_000_000 },
      health: { interval: 0 },
    });

    const outcomes = new Map<Outcome, number>();
    await inParallel(requests, 50, async (index) => {
      const way = ways[index % ways.length] ?? fronts.chat;
      const { status, body } = await ask(proxy.url, way, String(index));
      const { outcome, because } = judge(status, body, 1);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (outcome === "wrong" || outcome === "truncated") console.log(`${index}: ${because}`);
    });

    const byRequest = [...tries.values()];
    const doubled = byRequest.filter(
      (done) => done.filter(({ generates }) => generates).length > 1,
    );
    const askedAgain = byRequest.flatMap(pairs).filter(([before]) => before.ambiguous);
    // A kept connection that breaks as it is used again: nothing has happened there, as a rule.
    const [renewed = 0, elsewhere = 0] = [true, false].map(
      (isSame) =>
        askedAgain.filter(([one, other]) => (one.place === other.place) === isSame).length,
    );
    const counted = await proxy.metric("ollama_proxy_ambiguous_retries_total");
    const of = (...names: Outcome[]) =>
      names.reduce((sum, outcome) => sum + (outcomes.get(outcome) ?? 0), 0);
    const setting = mayAskAgain ? "ambiguous on" : "ambiguous off";
    const print = (what: string, value: number, limit = {}) =>
      figure("T-11", `${what}, ${setting}`, value, limit);
    print("requests", requests);
    print("sent to backends", byRequest.flat().length);
    print("answers complete", of("complete"));
    print("answers refused or broken off in words", of("refused", "broken off"));
    print("answers wrong or truncated", of("wrong", "truncated", "no answer"), { atMost: 0 });
    print("double generations", doubled.length, { atMost: 0 });
    print("ambiguous retries", elsewhere, mayAskAgain ? { atLeast: 1 } : { atMost: 0 });
    print("of them not in the metric", Math.abs(elsewhere - counted), { atMost: 0 });
    print("kept connections that broke and were renewed", renewed);
    await Promise.all(backends.map((backend) => backend.close()));
  });
});
