import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ConfigFile } from "../../src/config/schema.ts";
import { wellCertified } from "../faults/matrix/tls-backends.ts";
import { until } from "../faults/waiting.ts";
import { backend, chat, described, inTurn, keysOf, proxyOf, says } from "./backends.ts";

type UpstreamFile = NonNullable<ConfigFile["upstreams"]>[number];

interface ForwardProxy {
  readonly url: string;
  /** First lines of what it was asked. */
  readonly asked: string[];
  /** All that came from the client before the tunnel was there. */
  readonly heads: string[];
  readonly sockets: Set<Socket>;
  close(): Promise<void>;
}

/** Says nothing at all. */
const SILENCE = "";

/**
 * An HTTP proxy as they stand at the edge of a company's network.
 * @param refusal the status line of what it answers instead of making a tunnel
 */
async function forwardProxy(refusal?: string): Promise<ForwardProxy> {
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  const heads: string[] = [];
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer((socket) => {
    keep(socket);
    socket.once("data", (head: Buffer) => {
      const text = head.toString("latin1");
      const [, target = ""] = text.split(" ");
      asked.push(text.split("\r\n")[0] ?? "");
      heads.push(text);
      if (refusal === SILENCE) return;
      if (refusal !== undefined) {
        socket.end(`HTTP/1.1 ${refusal}\r\ncontent-length: 0\r\n\r\n`);
        return;
      }
      const { hostname, port } = new URL(`http://${target}`);
      const onward = connect(Number(port), hostname, () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        socket.pipe(onward).pipe(socket);
      });
      keep(onward);
      // A reset on one side is one on the other.
      onward.on("error", () => socket.resetAndDestroy());
      onward.on("close", () => socket.destroy());
      socket.on("close", () => onward.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, asked, heads, sockets, close };
}

const own = (through: ForwardProxy, more: Partial<UpstreamFile> = {}) => ({
  proxy: through.url,
  api_key: "its-key",
  models: ["m"],
  ...more,
});

const unreachable = { status: 502, text: 'upstream "a" is unreachable', tries: 1 };

describe("`proxy`", () => {
  test("is on the way to a backend, for its lists too, and tunnels are kept", async () => {
    const through = await forwardProxy();
    const a = await backend(says("well"));
    const more = { proxy: through.url, api_key: "its-key" };
    const proxy = await proxyOf({ upstreams: [described("a", a, more)] });
    for (let asked = 0; asked < 3; asked += 1) {
      expect(await chat(proxy)).toMatchObject({ status: 200, text: "well" });
    }
    expect(keysOf(a)).toEqual(["its-key", "its-key", "its-key"]);
    expect(a.lookups.length).toBeGreaterThan(0);
    const { host } = new URL(a.baseUrl);
    expect(new Set(through.asked)).toEqual(new Set([`CONNECT ${host} HTTP/1.1`]));
    expect(through.asked.length).toBeLessThan(3);
  });

  test("sees nothing of what is sent to a backend with TLS", async () => {
    const through = await forwardProxy();
    const a = await wellCertified();
    onTestFinished(() => a.close());
    const { caFile = "" } = a;
    const proxy = await proxyOf({
      upstreams: [described("a", a, own(through, { ca_file: caFile }))],
    });
    expect(await chat(proxy)).toMatchObject({ status: 200, text: "well" });
    expect(keysOf(a)).toEqual(["its-key"]);
    expect(through.heads.join()).not.toMatch(/its-key|authorization/i);
  });

  test("is not taken for granted: the certificate behind it must be good", async () => {
    const through = await forwardProxy();
    const a = await wellCertified();
    onTestFinished(() => a.close());
    const proxy = await proxyOf({ upstreams: [described("a", a, own(through))] });
    expect(await chat(proxy)).toMatchObject(unreachable);
    expect(a.requests).toEqual([]);
  });

  test("is its backend's alone", async () => {
    const through = await forwardProxy();
    const a = await backend(says("a"));
    const b = await backend(says("b"));
    const proxy = await proxyOf({
      upstreams: [described("a", a, own(through)), described("b", b, { models: ["m"] })],
    });
    expect(await chat(proxy, { model: "b/m" })).toMatchObject({ text: "b" });
    expect(through.asked).toEqual([]);
  });

  test.each(["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"])(
    "that answers %s leaves the next backend to answer",
    async (status) => {
      const through = await forwardProxy(status);
      const a = await backend(says("a"));
      const b = await backend(says("b"));
      const proxy = await proxyOf({
        upstreams: [described("a", a, own(through)), described("b", b, { models: ["m"] })],
      });
      expect(await chat(proxy, { model: "a/m" })).toMatchObject(unreachable);
      const causes = proxy.logs.flatMap(({ cause }) => cause ?? []);
      expect(causes).toEqual([`PROXY_${status.slice(0, 3)}`]);
      expect(await chat(proxy)).toMatchObject({ text: "b", by: "b", tries: 2 });
      expect(a.requests).toEqual([]);
      expect(through.heads.join()).not.toContain("its-key");
    },
  );

  test("that is gone leaves the next backend to answer", async () => {
    const through = await forwardProxy();
    await through.close();
    const a = await backend(says("a"));
    const b = await backend(says("b"));
    const proxy = await proxyOf({
      upstreams: [described("a", a, own(through)), described("b", b, { models: ["m"] })],
    });
    expect(await chat(proxy, { model: "a/m" })).toMatchObject(unreachable);
    expect(await chat(proxy)).toMatchObject({ text: "b", by: "b", tries: 2 });
  });

  test("that says nothing has no longer than a connection may take", async () => {
    const through = await forwardProxy(SILENCE);
    const a = await backend(says("a"));
    const b = await backend(says("b"));
    const timeouts = { connect: "100ms" };
    const proxy = await proxyOf({
      upstreams: [
        described("a", a, own(through, { timeouts })),
        described("b", b, { models: ["m"] }),
      ],
    });
    expect(await chat(proxy)).toMatchObject({ text: "b", by: "b", tries: 2 });
    await until("the connection to it is closed", () => through.sockets.size === 0);
  });

  test("is told the user that its URL names, and the backend is not", async () => {
    const through = await forwardProxy();
    const a = await backend(says("well"));
    const proxy = await proxyOf({
      upstreams: [
        described("a", a, { ...own(through), proxy: through.url.replace("//", "//user:p%40ss@") }),
      ],
    });
    expect(await chat(proxy)).toMatchObject({ status: 200 });
    const token = Buffer.from("user:p@ss").toString("base64");
    expect(through.heads[0]?.toLowerCase()).toContain(
      `proxy-authorization: basic ${token}`.toLowerCase(),
    );
    expect(JSON.stringify([a.requests, proxy.logs])).not.toMatch(/p@ss|p%40ss/);
  });
});

describe("a tunnel that breaks before the backend says anything", () => {
  test.each([{ end: true as const }, { reset: true as const }])(
    "is not made again for the same request: %j",
    async (ending) => {
      const through = await forwardProxy();
      const a = await backend({ raw: true, steps: [ending] });
      const proxy = await proxyOf({ upstreams: [described("a", a, own(through))] });
      expect(await chat(proxy)).toMatchObject({ status: 502, tries: 1 });
      expect(a.requests).toHaveLength(1);
    },
  );

  test.each([{ end: true as const }, { reset: true as const }])(
    "is made again, once, when it had been used before: %j",
    async (ending) => {
      const through = await forwardProxy();
      const a = await backend(inTurn(says("one"), { raw: true, steps: [ending] }, says("three")));
      const proxy = await proxyOf({ upstreams: [described("a", a, own(through))] });
      expect(await chat(proxy)).toMatchObject({ text: "one" });
      expect(await chat(proxy)).toMatchObject({ text: "three", tries: 1 });
      expect(a.requests).toHaveLength(3);
    },
  );
});
