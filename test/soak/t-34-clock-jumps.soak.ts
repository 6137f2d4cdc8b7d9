import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { checkStream, parseNdjson, type JsonObject } from "../support/ndjson.ts";
import { startBackend } from "./harness/backend.ts";
import { findDebian } from "./harness/debian.ts";
import { figure, size } from "./harness/figures.ts";
import { startProxyProcess } from "./harness/proxy.ts";

const hour = 3_600;
const jumps = [
  ["+1 h", hour],
  ["-2 h", -hour],
  ["+10 y", 87_600 * hour],
] as const;

const streams = size(50, 20);
const words = size(60, 25);
const up = { m: { words, every: 100 }, slow: { first: 1_500 }, hang: { first: 60_000 } };
const failing = { ...up, down: { status: 503 } };
const well = { ...up, down: {} };

/** A clock that jumps for one process, without what measures durations. */
function fakeClock(library: string) {
  const folder = mkdtempSync(join(tmpdir(), "clock-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "offset");
  const set = (seconds: number) => {
    writeFileSync(file, `${seconds < 0 ? "" : "+"}${seconds}\n`);
  };
  set(0);
  const environment = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
  return { environment, set };
}

interface Asked {
  readonly status: number;
  readonly retryAfter: number;
  readonly lines: readonly JsonObject[];
  readonly error: string;
  readonly seconds: number;
}

async function ask(url: string, model: string): Promise<Asked> {
  const start = performance.now();
  const answer = await fetch(`${url}/api/chat`, {
    method: "POST",
    body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] }),
  });
  const text = await answer.text();
  const { status, headers } = answer;
  return {
    status,
    retryAfter: Number(headers.get("retry-after")),
    lines: status === 200 ? parseNdjson(text) : [],
    error: status === 200 ? "" : text,
    seconds: (performance.now() - start) / 1_000,
  };
}

test("T-34, F-134: the clock jumps, and nothing but the time of day changes", async ({ skip }) => {
  const machine = arch() === "arm64" ? "aarch64" : "x86_64";
  const path = `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`;
  const clock = fakeClock(findDebian(path, "faketime") ?? skip("no libfaketime here"));
  const backend = await startBackend(failing);
  const { url } = await startProxyProcess(
    {
      upstreams: [
        { id: "a", base_url: backend.baseUrl, models: ["m"] },
        { id: "b", base_url: backend.baseUrl, models: ["down"] },
        {
          id: "c",
          base_url: backend.baseUrl,
          models: ["slow", "hang"],
          timeouts: { first_byte: "3s" },
        },
      ],
      circuit: { failures: 3, open: "3s" },
      health: { interval: 0 },
    },
    { environment: clock.environment },
  );
  const anomalies: string[] = [];
  const check = (isSo: boolean, what: string) => {
    if (!isSo) anomalies.push(what);
  };
  let requests = 0;
  for (const [name, offset] of jumps) {
    await backend.play(failing);
    const running = Array.from({ length: streams }, () => ask(url, "m"));
    const waiting = [ask(url, "slow"), ask(url, "hang")] as const;
    requests += streams + 2;
    for (let failure = 0; failure < 3; failure += 1) await ask(url, "down");
    const tripped = performance.now();
    // In the place of all others one request a second may go.
    const open = await Promise.all([ask(url, "down"), ask(url, "down")]);
    const isOpen = open.some(({ error }) => error.includes("no healthy upstream"));
    check(isOpen, `${name}: the circuit is not open`);
    await fetch(`${url}/api/tags`);
    const before = await backend.counts();

    clock.set(offset);
    const now = () => Date.now() + offset * 1_000;

    // The circuit is as open as before.
    const refused = await Promise.all([ask(url, "down"), ask(url, "down"), ask(url, "down")]);
    const told = refused.filter(({ error }) => error.includes("no healthy upstream"));
    check(told.length >= 2, `${name}: ${told.length} of 3 were refused`);
    for (const { retryAfter } of told) {
      check(retryAfter >= 1 && retryAfter <= 8, `${name}: Retry-After ${retryAfter}`);
    }
    // What is cached is as fresh as before.
    const tags = await (await fetch(`${url}/api/tags`)).text();
    for (const model of ["m", "down", "slow"]) {
      check(tags.includes(`"${model}:latest"`), `${name}: ${model} is not listed`);
    }
    const { lookups } = await backend.counts();
    check(lookups === before.lookups, `${name}: ${lookups - before.lookups} lists asked for`);
    const loaded = (await (await fetch(`${url}/api/ps`)).json()) as {
      models: { model: string; expires_at: string }[];
    };
    const used = loaded.models.find(({ model }) => model === "m:latest");
    const left = (Date.parse(used?.expires_at ?? "") - now()) / 1_000;
    check(left > 200 && left < 400, `${name}: m is loaded for ${left} s more`);

    // What ran before it ends as it would have.
    const [slow, hang] = await Promise.all(waiting);
    check(slow.status === 200, `${name}: slow, ${slow.status} ${slow.error}`);
    check(hang.status === 504, `${name}: hang, ${hang.status}`);
    check(hang.seconds > 2.5 && hang.seconds < 8, `${name}: hang ended after ${hang.seconds} s`);
    for (const { status, lines, error, seconds } of await Promise.all(running)) {
      check(status === 200, `${name}: stream, ${status} ${error}`);
      check(lines.length === words + 1, `${name}: ${lines.length - 1} words`);
      const took = Number(lines.at(-1)?.["total_duration"]) / 1e9;
      check(took > 0 && took <= seconds + 0.1, `${name}: it says ${took} s, and took ${seconds} s`);
      try {
        checkStream(lines, "chat");
      } catch (problem) {
        anomalies.push(`${name}: ${(problem as Error).message}`);
      }
    }
    const fresh = await ask(url, "m");
    const created = Date.parse(fresh.lines[0]?.["created_at"] as string);
    check(Math.abs(created - now()) < 60_000, `${name}: created_at ${created - now()} ms off`);

    // The circuit closes when it would have.
    await backend.play(well);
    while ((await ask(url, "down")).status !== 200) await sleep(100);
    const closed = (performance.now() - tripped) / 1_000;
    check(closed < 20, `${name}: the circuit closed after ${closed} s`);
  }
  figure("T-34", "jumps of the clock", jumps.length);
  figure("T-34", "requests that it met", requests, { atLeast: 3 * streams });
  figure("T-34", "anomalies", anomalies.length, { atMost: 0 });
  expect(anomalies).toEqual([]);
});
