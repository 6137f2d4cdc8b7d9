import { expect, test } from "vitest";
import { findFreePort } from "../interop/support/child-process.ts";
import { startConfiguredProxy } from "../soak/harness/configured-proxy.ts";
import { figure, size } from "../soak/harness/figures.ts";
import { Client, type Outcome } from "../soak/harness/load.ts";
import { startScriptedUpstream, type Script } from "../support/scripted-upstream.ts";
import { questionIn, raw, role, says } from "./plays.ts";

/** Seconds that a client waits for the first word at most, and what this machine may add to them. */
const budget = size(10, 2);
const slack = 1;
/** For one backend, when another can take over. */
const patience = budget * 0.6;
const requests = size(40, 8);

const drip = Array.from("HTTP/1.1 200 OK\r\n").flatMap((letter) => [letter, { wait: 1_000 }]);

const silent = raw({ hang: true });
const dripping = raw(...drip);
const onlyHeaders: Script = { steps: [{ hang: true }] };
const onlyRole: Script = { steps: [role, { hang: true }] };
const well = says("word0 ");

interface Case {
  /** What the backends do, in the order they are asked; nobody listens where there is none. */
  readonly backends: readonly (Script | undefined)[];
  readonly expected: readonly Outcome[];
  /** Seconds, at least. */
  readonly atLeast?: number;
}

const inTime: readonly Outcome[] = ["complete"];
const refused: readonly Outcome[] = ["refused"];

const cases: Readonly<Record<string, Case>> = {
  "nobody listens, then a good one": { backends: [undefined, well], expected: inTime },
  "silent, then a good one": { backends: [silent, well], expected: inTime, atLeast: patience },
  "a status line that drips, then a good one": {
    backends: [dripping, well],
    expected: inTime,
    atLeast: patience,
  },
  // It has said something, so that `idle` counts.
  "only headers, then a good one": {
    backends: [onlyHeaders, well],
    expected: inTime,
    atLeast: patience,
  },
  "only a role, then a good one": {
    backends: [onlyRole, well],
    expected: inTime,
    atLeast: patience,
  },
  "one dead": { backends: [silent], expected: refused, atLeast: budget },
  "three dead": { backends: [silent, dripping, silent], expected: refused, atLeast: budget },
  "three that say only their role": { backends: [onlyRole, onlyRole, onlyRole], expected: refused },
};

test("T-13 the time for failing over is bounded", async () => {
  const all = Object.values(cases);
  // Each case is a model, each of its places a backend.
  const upstreams = await Promise.all([0, 1, 2].map(() => startScriptedUpstream()));
  for (const [place, upstream] of upstreams.entries()) {
    upstream.play((request) => all[Number(questionIn(request).model)]?.backends[place] ?? silent);
  }
  const nobody = `http://127.0.0.1:${await findFreePort()}/v1`;
  const proxy = await startConfiguredProxy({
    upstreams: all.flatMap(({ backends }, model) =>
      backends.map((script, place) => ({
        id: `${model}-${place}`,
        base_url: script === undefined ? nobody : (upstreams[place]?.baseUrl ?? ""),
        models: [String(model)],
        dialect: "generic" as const,
        priority: place,
      })),
    ),
    failover: { ambiguous: true, budget: 1, first_byte: patience, deadline: budget },
    // The last one gets all the time there is.
    timeouts: { first_byte: budget, idle: patience, idle_data: patience },
    circuit: { failures: 1_000_000 },
    health: { interval: 0 },
    log: { level: "error", format: "json" },
  });
  const client = new Client(proxy.url);

  await Promise.all(
    Object.entries(cases).map(async ([name, { expected, atLeast = 0 }], model) => {
      const question = { model: String(model), words: 1 };
      const answers = await Promise.all(
        Array.from({ length: requests }, () => client.ask(question)),
      );
      const wrong = answers.filter(({ outcome }) => !expected.includes(outcome));
      const [example] = wrong;
      if (example !== undefined) console.log(`${name}: ${example.outcome} ${example.because}`);
      const seconds = answers.map(({ milliseconds }) => milliseconds / 1000);
      figure("T-13", `s until the answer, p100: ${name}`, Math.max(...seconds), {
        atLeast,
        atMost: budget + slack,
      });
      expect.soft(wrong.length, name).toBe(0);
    }),
  );
  await client.close();
  await Promise.all(upstreams.map((upstream) => upstream.close()));
});
