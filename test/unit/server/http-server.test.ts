import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { startProxy } from "../../support/start-proxy.ts";

test(
  "a connection on which nothing was asked does not hold up the end",
  { timeout: 10_000 },
  async () => {
    const proxy = await startProxy({ upstreamUrl: "http://127.0.0.1:9/v1" });
    const socket = connect(proxy.port, "127.0.0.1");
    await once(socket, "connect");
    await fetch(`${proxy.url}/api/version`);
    const left = once(socket, "close");
    await proxy.drain(true);
    await left;
    expect(socket.destroyed).toBe(true);
  },
);
