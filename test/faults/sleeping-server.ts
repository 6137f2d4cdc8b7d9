import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { until } from "./waiting.ts";

/**
 * A thread that listens and then sleeps. The kernel completes two connections for it; any other keeps
 * connecting until it wakes. It tells what it was sent.
 */
const program = `
  const { workerData, parentPort } = require("node:worker_threads");
  const server = require("node:net").createServer((socket) => {
    socket.on("data", (bytes) => parentPort.postMessage(bytes.toString()));
    socket.on("error", () => {});
  });
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(workerData, 0, 0);
  });`;

export interface SleepingServer {
  readonly port: number;
  /** Accepts from now on, and answers what it was sent within so many milliseconds. */
  wake(patience: number): Promise<readonly unknown[]>;
  close(): Promise<void>;
}

export async function startSleepingServer(): Promise<SleepingServer> {
  const awake = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(program, { eval: true, workerData: awake });
  const said: unknown[] = [];
  worker.on("message", (message) => said.push(message));
  await until("it listens", () => said.length > 0, 5_000);
  const port = Number(said.shift());
  const fillers = Array.from({ length: 4 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  await sleep(50);
  return {
    port,
    wake: async (patience) => {
      for (const filler of fillers) filler.destroy();
      Atomics.store(awake, 0, 1);
      Atomics.notify(awake, 0);
      await sleep(patience);
      return said;
    },
    close: async () => {
      for (const filler of fillers) filler.destroy();
      await worker.terminate();
    },
  };
}
