import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "vitest";
import { startConfiguredProxy } from "../soak/harness/configured-proxy.ts";
import { figure, isShort, size } from "../soak/harness/figures.ts";
import { askAtRate, Client, Tally } from "../soak/harness/load.ts";
import { percentile } from "../soak/harness/percentile.ts";
import {
  json,
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
} from "../support/scripted-upstream.ts";
import { refuses, says } from "./plays.ts";

/** Seconds. */
const flapping = size(120, 6);
const phase = size(5, 1);
const limiting = size(60, 4);
const checkInterval = size(10, 1);
/** At the end it stays up, until it should have returned. */
const coming = checkInterval * 2;
const perSecond = 20;

const good = says("word0 ");
const isUp = (seconds: number) => seconds > flapping || Math.floor(seconds / phase) % 2 === 0;

/** One request that a flapping backend was asked, in seconds since the start. */
interface Asked {
  readonly at: number;
  readonly up: boolean;
}

/** A backend that is up and down in turns, however it is down. */
interface Flapping {
  readonly baseUrl: string;
  readonly asked: readonly Asked[];
  /** The most requests at the same time while it was down for long enough to be known as such. */
  readonly mostWhileDown: () => number;
  close(): Promise<void>;
}

/** Down, it answers 503, to health checks too. */
async function startRefusing(since: () => number): Promise<Flapping> {
  const asked: Asked[] = [];
  let running = 0;
  let most = 0;
  const list = json(200, { data: [{ id: "refusing" }] });
  const upstream = await startScriptedUpstream({
    lookups: {
      get "/v1/models"() {
        return isUp(since()) ? list : refuses(503);
      },
    },
  });
  upstream.play((): Script => {
    const at = since();
    const up = isUp(at);
    asked.push({ at, up });
    if (up) return good;
    running += 1;
    if (at % phase > phase / 2) most = Math.max(most, running);
    const refusal = refuses(503);
    return {
      ...refusal,
      steps: {
        *[Symbol.iterator]() {
          yield { wait: 50 };
          running -= 1;
          yield* refusal.steps;
        },
      },
    };
  });
  return {
    baseUrl: upstream.baseUrl,
    asked,
    mostWhileDown: () => most,
    close: () => upstream.close(),
  };
}

/** Down, nobody listens at its port; what it was asked before that is still answered. */
async function startClosing(since: () => number): Promise<Flapping> {
  const asked: Asked[] = [];
  const event = (delta: object, finish_reason: string | null) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  const server = createServer((request, response) => {
    if (!server.listening) response.setHeader("connection", "close");
    if (request.method === "GET") {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ data: [{ id: "closing" }] }));
      return;
    }
    asked.push({ at: since(), up: server.listening });
    request.resume().on("end", () => {
      response.setHeader("content-type", "text/event-stream");
      response.end(`${event({ content: "word0 " }, null)}${event({}, "stop")}data: [DONE]\n\n`);
    });
  });
  const listen = (port: number) =>
    new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const turn = setInterval(() => {
    if (isUp(since()) === server.listening) return;
    if (server.listening) {
      server.close();
      server.closeIdleConnections();
    } else {
      void listen(address.port);
    }
  }, 10);
  return {
    baseUrl: `http://127.0.0.1:${address.port}/v1`,
    asked,
    mostWhileDown: () => 0,
    close: async () => {
      clearInterval(turn);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** For how long it was asked in each time it was down, and how soon after each it was again. */
function phasesOf(asked: readonly Asked[]): { ejected: number[]; returned: number[] } {
  const ejected: number[] = [];
  const returned: number[] = [];
  for (let down = phase; down < flapping; down += 2 * phase) {
    const up = down + phase;
    // Where it was in use until then. A probe that comes later belongs to its return.
    const inVain = [asked.findLast(({ at }) => at < down), ...asked.filter(isIn(down, up))];
    const last = inVain.findIndex(
      (one, place) => (inVain[place + 1]?.at ?? up) - (one?.at ?? 0) > 0.3,
    );
    const isInUse = (inVain[0]?.at ?? 0) > down - 0.3;
    if (isInUse) ejected.push(Math.max(0, (inVain[last]?.at ?? down) - down));
    const next = asked.find(isIn(up, up + phase));
    if (next !== undefined) returned.push(next.at - up);
  }
  return { ejected, returned };
}

function isIn(from: number, to: number): (one: Asked) => boolean {
  return ({ at }) => at >= from && at < to;
}

const downs = Math.floor(flapping / phase / 2);
const models = ["refusing", "closing", "limited", "rejected"] as const;
const settings = isShort
  ? { circuit: { failures: 3, open: 0.5, max_open: 2 }, health: { interval: checkInterval } }
  : {};

function upstreamOf(id: string, baseUrl: string, served: readonly string[], priority: number) {
  return { id, base_url: baseUrl, models: [...served], dialect: "generic" as const, priority };
}

async function startLimited(
  status: number,
  headers: Record<string, string>,
): Promise<ScriptedUpstream & { times: number[] }> {
  const times: number[] = [];
  const upstream = await startScriptedUpstream();
  upstream.play(() => {
    times.push(performance.now());
    return refuses(status, headers);
  });
  return Object.assign(upstream, { times });
}

describe("T-14 ejection and return", () => {
  test("backends that flap, limit and reject, with a healthy one beside them", async () => {
    const start = performance.now();
    const since = () => (performance.now() - start) / 1000;
    const refusing = await startRefusing(since);
    const closing = await startClosing(since);
    const retryAfter = size(3, 1);
    const limited = await startLimited(429, { "retry-after": String(retryAfter) });
    const rejected = await startLimited(401, {});
    const b = await startScriptedUpstream();
    b.play(good);
    const proxy = await startConfiguredProxy({
      upstreams: [
        upstreamOf("refusing", refusing.baseUrl, ["refusing"], 0),
        upstreamOf("closing", closing.baseUrl, ["closing"], 0),
        upstreamOf("limited", limited.baseUrl, ["limited"], 0),
        upstreamOf("rejected", rejected.baseUrl, ["rejected"], 0),
        upstreamOf("b", b.baseUrl, models, 1),
      ],
      ...settings,
    });
    const client = new Client(proxy.url);
    const tallies = new Map(models.map((model) => [model, new Tally()]));
    const load = async (model: (typeof models)[number], seconds: number) => {
      const tally = tallies.get(model);
      if (tally === undefined) return;
      await askAtRate(client, { model, words: 1 }, { perSecond, seconds, tally });
    };
    const all = flapping + coming - since();
    await Promise.all([
      load("refusing", all),
      load("closing", all),
      load("limited", limiting),
      load("rejected", limiting),
    ]);

    for (const [model, tally] of tallies) {
      for (const example of tally.examples) console.log(`${model}: ${example}`);
      figure("T-14", `requests, ${model}`, tally.total);
      figure("T-14", `client errors, ${model}`, tally.failed, { atMost: 0 });
    }
    for (const [name, { asked, mostWhileDown }] of Object.entries({ refusing, closing })) {
      const { ejected, returned } = phasesOf(asked);
      const back = asked.find(({ at, up }) => up && at >= flapping)?.at ?? Infinity;
      if (name === "refusing") {
        figure("T-14", "s until ejected, max, refusing", Math.max(...ejected), {
          atMost: phase / 2,
        });
        figure("T-14", "requests at a time while ejected, refusing", mostWhileDown(), {
          atMost: 1,
        });
      }
      figure("T-14", `times it went down, ${name}`, downs);
      figure("T-14", `of them, times it returned in ${phase} s, ${name}`, returned.length);
      figure("T-14", `s until it returned, median, ${name}`, percentile(returned, 0.5));
      figure("T-14", `s until it returned at the end, ${name}`, back - flapping, {
        atMost: coming,
      });
    }
    const [first = 0, ...later] = limited.times;
    const gaps = later.map((time, place) => time - (limited.times[place] ?? first));
    figure("T-14", "requests to the limited one", limited.times.length, {
      atLeast: 2,
      atMost: limiting / retryAfter + 1,
    });
    figure("T-14", "s between them, least", Math.min(...gaps) / 1000, { atLeast: retryAfter });
    figure("T-14", "requests to the one that rejects the key", rejected.times.length, {
      atLeast: 1,
      atMost: Math.ceil((limiting + 1) / 60),
    });
    const alarms = proxy
      .logs()
      .filter(({ upstream, level }) => upstream === "rejected" && level === "error");
    figure("T-14", "alarms for the rejected key", alarms.length, { atLeast: 1 });
    for (const upstream of ["limited", "rejected"]) {
      const opened = await proxy.metric("ollama_proxy_circuit_state", { upstream });
      figure("T-14", `circuit open, ${upstream}`, opened, { atMost: 0 });
    }
    await client.close();
    await sleep(50);
    await Promise.all(
      [refusing, closing, limited, rejected, b].map((upstream) => upstream.close()),
    );
  });
});
