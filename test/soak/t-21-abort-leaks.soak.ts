import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "vitest";
import { startBackend } from "./harness/backend.ts";
import { startConfiguredProxy } from "./harness/configured-proxy.ts";
import { figure, isShort, size } from "./harness/figures.ts";
import { inParallel } from "./harness/parallel.ts";
import { createProbe, type Insides } from "./harness/probe.ts";

const streamsInAll = size(50_000, 1_500);
const rounds = size(5, 3);
const perRound = streamsInAll / rounds;
const atOnce = 100;

/** Where the client leaves, by what it has read; of four, one stays to the end. */
const stages: readonly { model: string; leavesAt?: string }[] = [
  { model: "quick", leavesAt: "HTTP/1.1 200" },
  { model: "slow", leavesAt: "" },
  { model: "quick", leavesAt: "word5 " },
  { model: "quick" },
];

/** One stream, read until its client leaves or it ends; a connection of its own, as aborts make it. */
function ask(port: number, index: number): Promise<void> {
  const { model, leavesAt } = stages[index % stages.length] ?? { model: "quick" };
  // Half of the requests come by the other API, and some want their answer in one piece.
  const path = index % 8 < 4 ? "/api/chat" : "/v1/chat/completions";
  const stream = index % 5 !== 0;
  const body = JSON.stringify({ model, stream, messages: [{ role: "user", content: "hi" }] });
  const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}`;
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1").setEncoding("utf8");
    let text = "";
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.on("data", (piece: string) => {
      text += piece;
      const isEnough = leavesAt === undefined ? isOver(text) : text.includes(leavesAt);
      if (isEnough) socket.destroy();
    });
    socket.write(`${head}\r\n\r\n${body}`);
    if (leavesAt === "") setTimeout(() => socket.destroy(), 10);
  });
}

/** The last chunk of a stream, or the end of a body whose length is told. */
function isOver(text: string): boolean {
  const isWhole = /\r\ncontent-length: /i.test(text);
  return isWhole ? text.trimEnd().endsWith("}") : text.endsWith("0\r\n\r\n");
}

/** Bytes of heap for each stream, as a line through the readings has it. */
function slopeOf(readings: readonly Insides[]): number {
  const mean = (readings.length - 1) / 2;
  const sums = readings.map(({ heapUsed }, round) => (round - mean) * heapUsed);
  const squares = readings.map((_, round) => (round - mean) ** 2);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return sum(sums) / sum(squares) / perRound;
}

test("T-21 thousands of aborts leak nothing", async () => {
  const backend = await startBackend({
    quick: { words: 10, every: 1 },
    slow: { words: 1, first: 1_000 },
  });
  const probe = createProbe();
  const proxy = await startConfiguredProxy(
    {
      upstreams: [{ id: "a", base_url: backend.baseUrl, dialect: "generic" }],
      limits: { concurrent: 2 * atOnce },
      log: { level: "error", format: "json" },
    },
    probe.environment,
  );
  /** Descriptors with the connections to the backend that wait for another request. */
  const kept: number[] = [];
  const settle = async () => {
    await sleep(1_500);
    kept.push((await probe.look()).descriptors);
    await backend.hangUp();
    await sleep(500);
    return probe.look();
  };

  // What is made on first use is there before the first look.
  await inParallel(Math.min(perRound, 1_000), atOnce, (index) => ask(proxy.port, index));
  const first = await settle();
  const readings: Insides[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await inParallel(perRound, atOnce, (index) => ask(proxy.port, index));
    readings.push(await settle());
  }

  const last = readings.at(-1) ?? first;
  const kinds = new Set([first, last].flatMap(({ resources }) => Object.keys(resources)));
  const more = [...kinds].map((kind) => (last.resources[kind] ?? 0) - (first.resources[kind] ?? 0));
  const heaps = [first, ...readings].map(({ heapUsed }) => (heapUsed / 2 ** 20).toFixed(2));
  console.log(`heap, MiB, after each round: ${heaps.join(" ")}; resources`, last.resources);
  for (const warning of last.warnings) console.log(warning);
  const counts = await backend.counts();
  figure("T-21", "streams", streamsInAll, { atLeast: isShort ? 1 : 50_000 });
  figure("T-21", "of all at the backend: to their end", counts.complete);
  figure("T-21", "of all at the backend: aborted", counts.abandoned);
  figure("T-21", "still running at the backend", counts.running, { atMost: 0 });
  figure("T-21", "more file descriptors", last.descriptors - first.descriptors, { atMost: 0 });
  const connections = Math.max(...kept) - last.descriptors;
  figure("T-21", "connections kept to the backend, most", connections, { atMost: 2 * atOnce });
  figure("T-21", "more active resources", Math.max(0, ...more), { atMost: 0 });
  // A short run is all warming up.
  const limit = isShort ? {} : { atMost: 64 };
  figure("T-21", "heap, bytes a stream, last three rounds", slopeOf(readings.slice(-3)), limit);
  figure("T-21", "heap, bytes a stream, all rounds", slopeOf([first, ...readings]));
  figure("T-21", "memory of the process, MiB", last.rss / 2 ** 20);
  figure("T-21", "warnings", last.warnings.length, { atMost: 0 });
});
