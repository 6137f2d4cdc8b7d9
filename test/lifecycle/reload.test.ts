import { renameSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { runCli } from "../../src/cli/cli.ts";
import type { ConfigFile } from "../../src/config/schema.ts";
import { checkStream, parseNdjson } from "../support/ndjson.ts";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
  type ScriptedUpstreamOptions,
  type Step,
} from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { serve, type Served } from "./process.ts";

const FILE = "ollama-openai-proxy.yaml";
const END = [sse(chunk({}, "stop"), "[DONE]")];

function saying(text: string): Script {
  return { steps: [sse(chunk({ content: text })), ...END] };
}

/** One word at once, the others with a pause between them. */
function* slowly(count: number, pause: number): Generator<Step> {
  for (let index = 0; index < count; index += 1) {
    yield sse(chunk({ content: `w${index} ` }));
    yield { wait: pause };
  }
  yield* END;
}

async function backend(
  text: string,
  options: ScriptedUpstreamOptions = {},
): Promise<ScriptedUpstream> {
  const upstream = await startScriptedUpstream(options);
  upstream.play(saying(text));
  onTestFinished(() => upstream.close());
  return upstream;
}

async function proxy(config: ConfigFile): Promise<StartedProxy> {
  const started = await startProxy({ config });
  onTestFinished(() => started.close());
  return started;
}

async function ask(url: string, model = "m"): Promise<Response> {
  const messages = [{ role: "user", content: "hi" }];
  return fetch(`${url}/api/chat`, { method: "POST", body: JSON.stringify({ model, messages }) });
}

/** What a whole stream says. @throws when it is none, or does not end well */
async function textOf(answer: Response): Promise<string> {
  const body = await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.status}: ${body}`);
  const lines = parseNdjson(body);
  checkStream(lines, "chat");
  const last = lines.at(-1);
  if (last?.["done_reason"] !== "stop") throw new Error(JSON.stringify(last));
  return lines.map((line) => (line["message"] as { content: string }).content).join("");
}

async function said(url: string, model?: string): Promise<string> {
  return textOf(await ask(url, model));
}

/** Until it is so; a test that waits in vain says for what. */
async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await isSo()); waited += 20) {
    if (waited > 15_000) throw new Error(`in vain: ${what}`);
    await sleep(20);
  }
}

describe("another configuration", () => {
  test("may add a backend, take one away, and change one", async () => {
    const [a, b, c] = await Promise.all([
      backend("a"),
      backend("b", { models: [{ id: "n" }] }),
      backend("c"),
    ]);
    const of = (id: string, { baseUrl }: ScriptedUpstream, api_key = "k") => ({
      id,
      base_url: baseUrl,
      api_key,
    });
    const { url, reload } = await proxy({ upstreams: [of("a", a)] });
    expect(await said(url)).toBe("a");
    expect((await ask(url, "n")).status).toBe(404);

    expect(await reload({ upstreams: [of("a", a), of("b", b)] })).toEqual([]);
    const tags = (await (await fetch(`${url}/api/tags`)).json()) as { models: { name: string }[] };
    expect(tags.models.map(({ name }) => name)).toEqual(["m:latest", "n:latest"]);
    expect(await said(url, "n")).toBe("b");

    await reload({ upstreams: [of("b", b, "other"), of("a", c)] });
    expect(await said(url)).toBe("c");
    expect(await said(url, "n")).toBe("b");
    expect(b.requests.map(({ headers }) => headers["authorization"])).toEqual([
      "Bearer k",
      "Bearer other",
    ]);

    await reload({ upstreams: [of("b", b, "other")] });
    expect((await ask(url)).status).toBe(404);
    expect(await said(url, "n")).toBe("b");
    await until("connections that nobody uses are closed", () => {
      return a.openConnections() === 0 && c.openConnections() === 0;
    });
    expect(b.openConnections()).toBeGreaterThan(0);
  });

  test("leaves a backend that is the same its connections and what is known of it", async () => {
    const upstream = await backend("a");
    const upstreams = [{ id: "a", base_url: upstream.baseUrl }];
    const { url, reload } = await proxy({ upstreams });
    expect(await said(url)).toBe("a");
    const connections = upstream.openConnections();
    const lookups = upstream.lookups.length;
    await reload({ upstreams, strict: true });
    expect(await said(url)).toBe("a");
    expect(upstream.openConnections()).toBe(connections);
    expect(upstream.lookups.length).toBe(lookups);
  });

  test("of what a backend serves leaves it the same, with its slots and its circuit", async () => {
    const [failing, upstream] = await Promise.all([backend("f"), backend("a")]);
    const of = (ownOfFailing: object, own: object) => ({
      upstreams: [
        { id: "f", base_url: failing.baseUrl, models: ["m"], ...ownOfFailing },
        { id: "a", base_url: upstream.baseUrl, ...own },
      ],
      limits: { concurrent: 1, queue_timeout: 0 },
      circuit: { failures: 1, open: "1h", max_open: "1h" },
      health: { interval: 0 },
    });
    const { url, reload } = await proxy(of({}, { priority: 1 }));
    failing.play({ status: 503, steps: [] });
    expect(await said(url)).toBe("a");
    expect(failing.requests).toHaveLength(1);
    upstream.play({ steps: slowly(10, 50) });
    const running = await ask(url);

    await reload(of({ weight: 3, exclude: ["x"] }, { priority: 2, include: ["m"] }));
    const refused = await ask(url);
    expect([refused.status, await refused.text()]).toEqual([
      503,
      expect.stringContaining("server busy"),
    ]);
    expect(await textOf(running)).toMatch(/^w0 .* w9 $/);
    upstream.play(saying("a"));
    expect(await said(url)).toBe("a");
    expect(failing.requests).toHaveLength(1);
  });

  test("of what a backend serves counts all the same", async () => {
    const [first, second] = await Promise.all([
      backend("1", { models: [{ id: "m" }, { id: "n" }] }),
      backend("2"),
    ]);
    const of = (own: object) => ({
      upstreams: [
        { id: "a", base_url: first.baseUrl, ...own },
        { id: "b", base_url: second.baseUrl },
      ],
    });
    const { url, reload } = await proxy(of({}));
    const names = async () => {
      const { models } = (await (await fetch(`${url}/api/tags`)).json()) as {
        models: { name: string }[];
      };
      return models.map(({ name }) => name.replace(":latest", ""));
    };
    expect([await said(url), await names()]).toEqual(["1", ["m", "n"]]);
    await reload(of({ priority: 1 }));
    expect(await said(url)).toBe("2");
    await reload(of({ exclude: ["m"], rename: { n: "other" } }));
    expect([await said(url), await names()]).toEqual(["2", ["other", "m"]]);
    expect(await said(url, "other")).toBe("1");
    const lookups = first.lookups.length;
    await reload(of({ models: ["p"] }));
    expect([await said(url, "p"), await names()]).toEqual(["1", ["p", "m"]]);
    expect(first.lookups.length).toBe(lookups);
    await reload(of({}));
    expect([await said(url), await names()]).toEqual(["1", ["m", "n"]]);
  });

  test("counts for what comes after it; what runs ends as it began", async () => {
    const [old, young] = await Promise.all([backend("old"), backend("young")]);
    const { url, reload } = await proxy({
      api_key: "first",
      upstreams: [{ id: "a", base_url: old.baseUrl }],
    });
    const post = (key: string) =>
      fetch(`${url}/api/chat`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] }),
      });
    old.play({ steps: slowly(10, 30) });
    const running = await post("first");
    await reload({ api_key: "second", upstreams: [{ id: "a", base_url: young.baseUrl }] });
    expect((await post("first")).status).toBe(401);
    expect(await textOf(await post("second"))).toBe("young");
    expect(old.openConnections()).toBeGreaterThan(0);
    expect(await textOf(running)).toBe(Array.from({ length: 10 }, (_, at) => `w${at} `).join(""));
    await until("its connection is closed then", () => old.openConnections() === 0);
  });

  test("keeps the models that are in use listed", async () => {
    const upstream = await backend("a");
    const of = (api_key: string) => ({
      upstreams: [{ id: "a", base_url: upstream.baseUrl, api_key }],
    });
    const { url, reload } = await proxy(of("one"));
    await said(url);
    await reload(of("two"));
    const loaded = (await (await fetch(`${url}/api/ps`)).json()) as { models: { name: string }[] };
    expect(loaded.models.map(({ name }) => name)).toEqual(["m:latest"]);
  });

  test("can't change what is read at start, and that is told", async () => {
    const upstream = await backend("a");
    const upstreams = [{ id: "a", base_url: upstream.baseUrl }];
    const { url, reload } = await proxy({ upstreams });
    const later = await reload({
      upstreams,
      listen: "127.0.0.1:1",
      path_prefix: "/other",
      max_body: 10,
      data_dir: "/nowhere",
      timeouts: { request_body: "1s", idle: "9s" },
      overload: { heap: 0 },
      admin: { listen: "127.0.0.1:2" },
      log: { level: "silent" },
    });
    expect(later).toEqual([
      "listen",
      "path_prefix",
      "max_body",
      "data_dir",
      "timeouts.request_body",
      "overload",
      "admin.listen",
      "log",
    ]);
    expect(await said(url)).toBe("a");
  });

  test("that would let strangers in is refused, and nothing has changed", async () => {
    const upstream = await backend("a");
    const upstreams = [{ id: "a", base_url: upstream.baseUrl }];
    const { port, reload } = await proxy({ upstreams, listen: "0.0.0.0:0", insecure: true });
    await expect(reload({ upstreams, listen: "0.0.0.0:0" })).rejects.toThrow(
      /can be reached by other machines/,
    );
    expect(await said(`http://127.0.0.1:${port}`)).toBe("a");
  });

  test("costs no request its answer, fifty times under load", { timeout: 60_000 }, async () => {
    const shared = await Promise.all([backend("x"), backend("y"), backend("z")]);
    for (const upstream of shared) upstream.play(() => ({ steps: slowly(4, 5) }));
    /** Each time others, in another order, with another key, and some with other limits. */
    const next = (turn: number): ConfigFile => ({
      upstreams: shared
        .map(({ baseUrl }, place) => ({
          id: `u${place}`,
          base_url: baseUrl,
          api_key: `key-${turn % (place + 2)}`,
          weight: (turn + place) % 3,
        }))
        .filter((_, place) => (turn + place) % 3 !== 0),
      failover: { policy: "weighted", attempts: 1 },
      timeouts: { idle: turn % 7 === 0 ? "1m" : "2m" },
    });
    const { url, reload } = await proxy(next(0));
    const over = new AbortController();
    const failures: string[] = [];
    let answers = 0;
    const clients = Array.from({ length: 8 }, async () => {
      while (!over.signal.aborted) {
        const text = await said(url).catch((error: unknown) => String(error));
        if (text === "w0 w1 w2 w3 ") answers += 1;
        else failures.push(text);
      }
    });
    for (let turn = 1; turn <= 50; turn += 1) {
      await reload(next(turn));
      await sleep(20);
    }
    over.abort();
    await Promise.all(clients);
    expect(failures).toEqual([]);
    expect(answers).toBeGreaterThan(50);
    expect(shared.every(({ requests }) => requests.length > 0)).toBe(true);
    expect(shared.flatMap(({ requests }) => requests)).toHaveLength(answers);
    const unused = shared.filter((_, place) => (50 + place) % 3 === 0);
    await until("only the last configuration has connections", () =>
      unused.every((upstream) => upstream.openConnections() === 0),
    );
  });
});

describe("a file that changes while the proxy runs", () => {
  const upstreams = (upstream: ScriptedUpstream, rest = "") =>
    `upstreams:\n  - id: a\n    base_url: ${upstream.baseUrl}\n${rest}`;
  const logged = (served: Served, message: string) => () => served.stderr().includes(message);
  const start = (yaml: string, files: Readonly<Record<string, string>> = {}) =>
    serve({ files: { [FILE]: yaml, ...files } });

  test("is taken, whether it is written or put in the place of the old", async () => {
    const [first, second, third] = await Promise.all([backend("1"), backend("2"), backend("3")]);
    const served = await start(upstreams(first));
    expect(await said(served.url)).toBe("1");
    writeFileSync(join(served.folder, FILE), upstreams(second));
    await until("it is read", async () => (await said(served.url)) === "2");
    writeFileSync(join(served.folder, "new"), upstreams(third));
    renameSync(join(served.folder, "new"), join(served.folder, FILE));
    await until("it is read", async () => (await said(served.url)) === "3");
  });

  test("is taken behind links too, as Kubernetes has them", async () => {
    const [first, second] = await Promise.all([backend("1"), backend("2")]);
    const served = await start("upstreams: [{id: a, base_url: 'http://127.0.0.1:9/v1'}]");
    const path = (...names: string[]) => join(served.folder, ...names);
    const put = (name: string, text: string) => {
      mkdirSync(path(name));
      writeFileSync(path(name, FILE), text);
      symlinkSync(name, path("..data_tmp"));
      renameSync(path("..data_tmp"), path("..data"));
    };
    put("..one", upstreams(first));
    rmSync(path(FILE));
    symlinkSync(`..data/${FILE}`, path(FILE));
    await until("it is read", async () => (await ask(served.url)).status === 200);
    expect(await said(served.url)).toBe("1");
    put("..two", upstreams(second));
    await until("it is read", async () => (await said(served.url)) === "2");
  });

  test("F-123: and is no good leaves all as it was, and the log says why", async () => {
    const [first, second] = await Promise.all([backend("1"), backend("2")]);
    const served = await start(upstreams(first, "admin: {listen: 127.0.0.1:0}\n"));
    writeFileSync(join(served.folder, FILE), upstreams(second, "timeouts: {idel: 5s}\n"));
    await until("it is told", logged(served, `${FILE}:4: timeouts.idel: there is no such setting`));
    const [, admin] = /"port":(\d+),"msg":"serving metrics/.exec(served.stderr()) ?? [];
    const metrics = async () => (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
    const counted = 'ollama_proxy_config_reloads_total{result="failed"} 1';
    await until("it is counted", async () => (await metrics()).includes(counted));
    expect(served.stderr()).toMatch(/"level":"error".*the configuration stays as it was/);
    expect(await said(served.url)).toBe("1");
    writeFileSync(join(served.folder, FILE), upstreams(second));
    await until("it is read", async () => (await said(served.url)) === "2");
  });

  test("F-123: is told when it is gone, and goes on", async () => {
    const upstream = await backend("1");
    const served = await start(upstreams(upstream));
    rmSync(join(served.folder, FILE));
    await until("it is told", logged(served, "can't be read (no such file)"));
    expect(await said(served.url)).toBe("1");
  });

  test("names another one, which may come later or change", async () => {
    const upstream = await backend("1");
    const keys = () => upstream.requests.map(({ headers }) => headers["authorization"]);
    const named = upstreams(upstream, "    api_key: ${file:key}\n");
    const served = await start(named, { key: "one\n" });
    await said(served.url);
    writeFileSync(join(served.folder, "key"), "two\n");
    await until("another key", async () => {
      await said(served.url);
      return keys().at(-1) === "Bearer two";
    });
    writeFileSync(join(served.folder, FILE), named.replace("file:key", "file:late"));
    await until("it is told", logged(served, "${file:late}: can't be read (no such file)"));
    writeFileSync(join(served.folder, "late"), "three\n");
    await until("the missing one", async () => {
      await said(served.url);
      return keys().at(-1) === "Bearer three";
    });
    expect(new Set(keys())).toEqual(new Set(["Bearer one", "Bearer two", "Bearer three"]));
    expect(served.stderr()).not.toMatch(/three/);
  });

  test("has settings that want a restart, which the log names", async () => {
    const upstream = await backend("1");
    const served = await start(upstreams(upstream));
    writeFileSync(join(served.folder, FILE), upstreams(upstream, "max_body: 10\nstrict: true\n"));
    await until("it is told", logged(served, '"settings":["max_body"]'));
    expect(await said(served.url)).toBe("1");
  });
});

describe("SIGHUP", () => {
  test("has the configuration read again", async () => {
    const upstream = await backend("1");
    const served = await serve({ environment: { OPENAI_BASE_URL: upstream.baseUrl } });
    served.signal("SIGHUP");
    await until("it is told", () => served.stderr().includes("configuration reloaded"));
    expect(await said(served.url)).toBe("1");
  });

  test("while it starts is no end of it, and counts once it has started", async () => {
    const slow = json(200, { data: [{ id: "m" }] });
    const lookups = { "/v1/models": { ...slow, steps: [{ wait: 500 }, ...slow.steps] } };
    const upstream = await backend("1", { lookups });
    const served = await serve({
      environment: { OPENAI_BASE_URL: upstream.baseUrl },
      onStart: async (started) => {
        await until("it asks for models", () => upstream.lookups.length > 0);
        started.signal("SIGHUP");
      },
    });
    await until("it is told", () => served.stderr().includes("configuration reloaded"));
    expect(await said(served.url)).toBe("1");
  });

  test("because the window is closed ends it", async () => {
    const upstream = await backend("1");
    const listeners = new Map<string, () => void>();
    const output = new PassThrough();
    const ended = new Promise<number>((exit) => {
      const terminal = {
        environment: { OPENAI_BASE_URL: upstream.baseUrl, OLLAMA_HOST: "127.0.0.1:0" },
        stdout: output,
        stderr: output,
        nodeVersion: "24.0.0",
        onSignal: (signal: string, listener: () => void) => listeners.set(signal, listener),
        onFault: () => {},
        hasHungUp: () => true,
        exit,
      };
      void runCli(["serve"], terminal, "0.0.0");
    });
    await until("it serves", () => String(output.read() ?? "").includes("Try it"));
    listeners.get("SIGHUP")?.();
    expect(await ended).toBe(0);
  });
});
