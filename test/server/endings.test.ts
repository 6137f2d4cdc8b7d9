import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { sendRaw } from "../faults/raw-client.ts";
import { until } from "../faults/waiting.ts";
import { chunk, sse, startScriptedUpstream, type Step } from "../support/scripted-upstream.ts";
import { startProxy, type StartedProxy } from "../support/start-proxy.ts";
import { says } from "./backends.ts";

let upstream: Awaited<ReturnType<typeof startScriptedUpstream>>;

beforeEach(async () => {
  upstream = await startScriptedUpstream();
});
afterEach(() => upstream.close());

async function started(config: Parameters<typeof startProxy>[0]["config"] = {}) {
  const proxy = await startProxy({ upstreamUrl: upstream.baseUrl, config });
  onTestFinished(() => proxy.close());
  return proxy;
}

const body = JSON.stringify({
  model: "m",
  messages: [{ role: "user", content: "hi" }],
  stream: true,
});

/** Sends a question on a connection of its own, which it leaves open. */
function asked(
  port: number,
  path: string,
  headers: readonly string[] = [],
  { text = body, version = "1.1" } = {},
) {
  const socket = connect(port, "127.0.0.1");
  let received = "";
  socket.on("data", (bytes) => (received += bytes.toString()));
  socket.on("error", () => {});
  onTestFinished(() => {
    socket.destroy();
  });
  const lines = [
    `POST ${path} HTTP/${version}`,
    "host: localhost",
    `content-length: ${body.length}`,
  ];
  socket.write(`${[...lines, ...headers].join("\r\n")}\r\n\r\n${text}`);
  return { received: () => received, closed: () => socket.closed };
}

describe.each([
  ["events of /api", "/api/chat", ["accept: text/event-stream"]],
  ["lines of /api", "/api/chat", []],
  ["events of /v1", "/v1/chat/completions", []],
])("the connection of a stream: %s", (_, path, accept) => {
  const isWhole = (text: string) => /"done":true|\[DONE\]/.test(text);

  beforeEach(() => upstream.play(says("well")));

  test("is kept", async () => {
    const { port } = await started();
    const { received, closed } = asked(port, path, accept);
    await until("the end of the answer", () => received().endsWith("0\r\n\r\n"), 5_000);
    expect(received()).toMatch(/\r\nconnection: keep-alive\r\n/i);
    expect(closed()).toBe(false);
  });

  test.each([
    ["asks for that", ["connection: close"], "1.1"],
    ["speaks HTTP/1.0", [], "1.0"],
  ])("is closed for a client that %s", async (__, headers, version) => {
    const { port } = await started();
    const { received, closed } = asked(port, path, [...accept, ...headers], { version });
    await until("the connection is closed", closed, 5_000);
    expect(received()).toMatch(/\r\nconnection: close\r\n/i);
    expect(received()).toSatisfy(isWhole);
  });

  test("is closed while the proxy shuts down", async () => {
    const proxy = await started({ shutdown: { drain_delay: 10 } });
    const drained = proxy.drain();
    const { received, closed } = asked(proxy.port, path, accept);
    await until("the connection is closed", closed, 5_000);
    expect(received()).toMatch(/\r\nconnection: close\r\n/i);
    expect(received()).toSatisfy(isWhole);
    await proxy.close();
    await drained;
  });
});

describe("the log says what we ended, and that no client left", () => {
  async function lineOf({ logs }: StartedProxy): Promise<Record<string, unknown>> {
    const line = () => logs.find(({ route }) => route !== undefined);
    await until("the line", () => line() !== undefined, 10_000);
    return line() ?? {};
  }

  test.each(["/api/chat", `/api/blobs/sha256:${"0".repeat(64)}`])(
    "a body that does not come: %s",
    async (path) => {
      const proxy = await started({ timeouts: { request_body: 0.3 } });
      const { received } = asked(proxy.port, path, [], { text: "{" });
      expect(await lineOf(proxy)).toMatchObject({
        level: "info",
        status: 408,
        error: "request_timeout",
        msg: "refused",
      });
      expect(received()).toMatch(/^HTTP\/1\.1 408 /);
    },
  );

  test("an answer that is not read", async () => {
    const steps = Array<Step>(2_000).fill(sse(chunk({ content: "x".repeat(16_384) })));
    upstream.play({ steps });
    const proxy = await started({ timeouts: { write_stall: 0.3 } });
    const { socket } = sendRaw({ port: proxy.port, path: "/api/chat", body: JSON.parse(body) });
    socket.pause();
    const line = await lineOf(proxy);
    expect(line).toMatchObject({ level: "warn", status: 200, error: "write_stall" });
    expect(line["msg"]).toBe("did not answer");
    socket.destroy();
  });

  test.each([
    ["an answer that is not read", body, 200],
    ["a body that has not come", body.slice(0, 5), 503],
  ])("at the end of the process: %s", async (_, text, status) => {
    const steps = Array<Step>(2_000).fill(sse(chunk({ content: "x".repeat(16_384) })));
    upstream.play({ steps });
    const proxy = await started({ shutdown: { drain_timeout: 0.2 } });
    const { socket } = sendRaw({
      port: proxy.port,
      path: "/api/chat",
      body: JSON.parse(body),
      upTo: text.length,
    });
    socket.pause();
    if (status === 200) await until("it is asked", () => upstream.requests.length > 0, 5_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await proxy.drain(true);
    expect(await lineOf(proxy)).toMatchObject({ level: "warn", status, error: "shutting_down" });
    socket.destroy();
  });
});
