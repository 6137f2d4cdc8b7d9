import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "vitest";
import { startConfiguredProxy } from "../soak/harness/configured-proxy.ts";
import { figure, size } from "../soak/harness/figures.ts";
import { Client, type Answer } from "../soak/harness/load.ts";
import { startScriptedUpstream, type ScriptedUpstream } from "../support/scripted-upstream.ts";
import { questionIn, refuses, says } from "./plays.ts";

const seconds = size(12, 2);
/** Between two requests to each model, milliseconds. */
const pause = 100;

/** A form of the header, and for how many seconds the backend must rest for it. */
interface Form {
  readonly header?: () => string;
  readonly atLeast: number;
  readonly atMost: number;
}

const httpDate = (later: number) => () => new Date(Date.now() + later * 1000).toUTCString();
const exactly = (rest: number) => ({ atLeast: rest, atMost: rest });

const forms: Readonly<Record<string, Form>> = {
  seconds: { header: () => "2", ...exactly(2) },
  // A date has whole seconds.
  date: { header: httpDate(3), atLeast: 2, atMost: 3 },
  past: { header: httpDate(-3_600), ...exactly(1) },
  negative: { header: () => "-5", ...exactly(1) },
  zero: { header: () => "0", ...exactly(1) },
  fraction: { header: () => "1.5", ...exactly(2) },
  huge: { header: () => "1000000000", ...exactly(300) },
  endless: { header: () => "9".repeat(400), ...exactly(300) },
  exponent: { header: () => "1e9", ...exactly(5) },
  garbage: { header: () => "abc", ...exactly(5) },
  absent: exactly(5),
};

/** A model of its own for every form and status: each is served by an upstream of its own. */
const cases = [429, 503].flatMap((status) =>
  Object.entries(forms)
    // A 503 that names no time only counts as a failure.
    .filter(([name]) => status === 429 || name !== "absent")
    .map(([name, form]) => ({ model: `${status}-${name}`, status, form })),
);

/** Refuses the first request for each model, and answers well from then on. */
async function startRefusing() {
  const asked = new Map<string, number[]>();
  const upstream = await startScriptedUpstream();
  upstream.play((request) => {
    const { model } = questionIn(request);
    const times = asked.get(model) ?? [];
    asked.set(model, [...times, performance.now()]);
    const refusing = cases.find((entry) => entry.model === model);
    if (times.length > 0 || refusing === undefined) return says("word0 ");
    const { status, form } = refusing;
    return refuses(status, form.header === undefined ? {} : { "retry-after": form.header() });
  });
  return { upstream, timesOf: (model: string) => asked.get(model) ?? [] };
}

function upstreamFor(model: string, { baseUrl }: ScriptedUpstream, priority: number) {
  const id = `${model}-${priority}`;
  return { id, base_url: baseUrl, models: [model], dialect: "generic" as const, priority };
}

/** Asks for every model at its pace until the time is over. */
async function askEach(url: string, hear: (model: string, answer: Answer) => void) {
  const client = new Client(url);
  const end = performance.now() + seconds * 1000;
  const askFor = async (model: string) => {
    while (performance.now() < end) {
      hear(model, await client.ask({ model, words: 1 }));
      await sleep(pause);
    }
  };
  await Promise.all(cases.map(({ model }) => askFor(model)));
  await client.close();
}

/** Requests that came while the backend was to rest, and the longest it rested beyond that. */
function rested(timesOf: (model: string) => readonly number[], restOf: (model: string) => number) {
  let early = 0;
  let late = 0;
  for (const { model } of cases) {
    const [refusedAt = Number.NaN, ...later] = timesOf(model);
    const until = refusedAt + restOf(model) * 1000;
    early += later.filter((time) => time < until).length;
    const [next] = later.filter((time) => time >= until);
    if (next !== undefined) late = Math.max(late, next - until);
    else if (restOf(model) < seconds - 1) late = Infinity;
  }
  return { early, late };
}

describe("T-15 Retry-After", () => {
  test("one backend: the client is told the same, within bounds", async () => {
    const { upstream, timesOf } = await startRefusing();
    const proxy = await startConfiguredProxy({
      upstreams: cases.map(({ model }) => upstreamFor(model, upstream, 0)),
      health: { interval: 0 },
    });
    /** What clients were told first. */
    const told = new Map<string, number>();
    let wrong = 0;
    await askEach(proxy.url, (model, { outcome, status, headers }) => {
      if (outcome === "complete") return;
      const due = cases.find((entry) => entry.model === model);
      const left = Number(headers["retry-after"]);
      const isFine = status === due?.status && Number.isInteger(left) && left >= 1 && left <= 300;
      if (!isFine || left > (told.get(model) ?? left)) {
        wrong += 1;
        console.log(`${model}: ${outcome} ${status}, Retry-After ${left}`);
      }
      if (!told.has(model)) told.set(model, left);
    });
    const unbounded = cases.filter(({ model, form }) => {
      const seen = told.get(model) ?? Number.NaN;
      const isFine = seen >= form.atLeast && seen <= form.atMost;
      if (!isFine) console.log(`${model}: the client was told ${seen} s`);
      return !isFine;
    });
    const { early, late } = rested(timesOf, (model) => told.get(model) ?? 0);
    figure("T-15", "forms of the header, one backend", cases.length);
    figure("T-15", "forms told otherwise than they should be", unbounded.length, { atMost: 0 });
    figure("T-15", "refusals that tell no time, a wrong or a growing one", wrong, { atMost: 0 });
    figure("T-15", "early requests, one backend", early, { atMost: 0 });
    figure("T-15", "ms until it is asked again, max, one backend", late, { atMost: 1_000 });
    await upstream.close();
  });

  test("two backends: the client sees nothing of it", async () => {
    const { upstream, timesOf } = await startRefusing();
    const other = await startScriptedUpstream();
    other.play(says("word0 "));
    const proxy = await startConfiguredProxy({
      upstreams: cases.flatMap(({ model }) => [
        upstreamFor(model, upstream, 0),
        upstreamFor(model, other, 1),
      ]),
      health: { interval: 0 },
    });
    let failed = 0;
    await askEach(proxy.url, (model, { outcome, status, because }) => {
      if (outcome === "complete") return;
      failed += 1;
      console.log(`${model}: ${outcome} ${status} ${because}`);
    });
    const { early, late } = rested(timesOf, (model) => {
      return cases.find((entry) => entry.model === model)?.form.atLeast ?? 0;
    });
    figure("T-15", "client errors, two backends", failed, { atMost: 0 });
    figure("T-15", "early requests, two backends", early, { atMost: 0 });
    figure("T-15", "ms until it is asked again, max, two backends", late, { atMost: 2_000 });
    await Promise.all([upstream.close(), other.close()]);
  });
});
