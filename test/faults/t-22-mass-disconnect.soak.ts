import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { test } from "vitest";
import { startConfiguredProxy } from "../soak/harness/configured-proxy.ts";
import { figure, isShort, size } from "../soak/harness/figures.ts";
import { percentile } from "../soak/harness/percentile.ts";
import { startScriptedUpstream } from "../support/scripted-upstream.ts";
import { words } from "./plays.ts";
import { until } from "./waiting.ts";

const streams = 30;
const bytesEach = 5 * 2 ** 20;
const rounds = size(10, 2);

/** Many pieces as models say them. */
const block = Buffer.from(words(...Array.from({ length: 400 }, () => "x".repeat(64))));
const blocks = Math.ceil(bytesEach / block.length);

/** Asks for `/healthz` every 50 ms, in a thread that nothing else holds up, and tells how long it took. */
const prober = `
  const { workerData, parentPort } = require("node:worker_threads");
  const { Agent, get } = require("node:http");
  const agent = new Agent({ keepAlive: true });
  setInterval(() => {
    const start = performance.now();
    get(workerData + "/healthz", { agent }, (answer) => {
      answer.resume().on("end", () => {
        const milliseconds = performance.now() - start;
        parentPort.postMessage(answer.statusCode === 200 ? milliseconds : Infinity);
      });
    }).on("error", () => parentPort.postMessage(Infinity));
  }, 50);`;

/** Half of them want their answer in one piece, which the proxy holds until then. */
function ask(port: number, stream: boolean): { socket: Socket; bytes: () => number } {
  const body = JSON.stringify({ model: "m", stream, messages: [{ role: "user", content: "hi" }] });
  const head = ["POST /api/chat HTTP/1.1", "host: localhost", `content-length: ${body.length}`];
  const socket = connect(port, "127.0.0.1").on("error", () => {});
  let bytes = 0;
  socket.on("data", (piece) => (bytes += piece.length));
  socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  return { socket, bytes: () => bytes };
}

test("T-22 a mass disconnect does not stop the loop", async () => {
  const upstream = await startScriptedUpstream();
  upstream.play({ steps: [...Array.from({ length: blocks }, () => block), { hang: true }] });
  const proxy = await startConfiguredProxy({
    upstreams: [{ id: "a", base_url: upstream.baseUrl, models: ["m"], dialect: "generic" }],
    log: { level: "error", format: "json" },
  });
  const looks: number[] = [];
  const worker = new Worker(prober, { eval: true, workerData: proxy.url });
  worker.on("message", (milliseconds: number) => looks.push(milliseconds));
  await until("it looks", () => looks.length >= 10, 5_000);

  const delays: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = upstream.bytesSent();
    const clients = Array.from({ length: streams }, (_, index) => ask(proxy.port, index % 2 === 0));
    // Nearly all has gone through, and the last of it is still on its way.
    const nearlyAll = streams * bytesEach * 0.95;
    await until("it is said", () => upstream.bytesSent() - before > nearlyAll, 60_000);
    const left = performance.now();
    for (const { socket } of clients) socket.destroy();
    const requests = upstream.requests.slice(-streams);
    const areClosed = () => requests.every(({ closedAt }) => closedAt !== undefined);
    await until("the backend sees them leave", areClosed, 10_000);
    delays.push(...requests.map(({ closedAt = Infinity }) => closedAt - left));
    await sleep(300);
  }
  await worker.terminate();

  figure("T-22", "streams of 5 MiB dropped", delays.length, { atLeast: streams * rounds });
  figure("T-22", "looks at /healthz", looks.length, { atLeast: 20 });
  figure("T-22", "ms for /healthz, p50", percentile(looks, 0.5));
  figure("T-22", "ms for /healthz, p99", percentile(looks, 0.99), isShort ? {} : { atMost: 250 });
  figure("T-22", "ms for /healthz, max", Math.max(...looks), { atMost: 1_000 });
  figure("T-22", "ms until the backend sees it, max", Math.max(...delays));
  const lag = await proxy.metric("nodejs_eventloop_lag_max_seconds");
  figure("T-22", "ms that the loop was held up, max", lag * 1_000);
  const inFlight = await proxy.metric("ollama_proxy_requests_in_flight");
  figure("T-22", "requests that the proxy still has", inFlight, { atMost: 0 });
  await upstream.close();
});
