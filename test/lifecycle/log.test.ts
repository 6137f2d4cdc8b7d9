import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { call } from "../server/call.ts";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
/** More lines than a pipe holds. */
const requests = 2_000;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Serves with its log where it is told, on ports that the log can't be asked for. */
async function serve(log: "pipe" | number): Promise<{ port: number; adminPort: number }> {
  const folder = mkdtempSync(join(tmpdir(), "proxy-"));
  const [port, adminPort] = [await freePort(), await freePort()];
  const config = {
    listen: `127.0.0.1:${port}`,
    admin: { listen: `127.0.0.1:${adminPort}` },
    upstreams: [{ id: "a", base_url: "http://127.0.0.1:9/v1", models: ["m"] }],
    log: { format: "json" },
  };
  // JSON is YAML.
  writeFileSync(join(folder, "ollama-openai-proxy.yaml"), JSON.stringify(config));
  const child = spawn(process.execPath, [MAIN, "serve"], {
    cwd: folder,
    env: { PATH: process.env["PATH"] },
    // Nobody listens to the pipe's data, so Node does not read it.
    stdio: ["ignore", "ignore", log],
  });
  const exit = new Promise((resolve) => child.on("exit", resolve));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exit;
    rmSync(folder, { recursive: true });
  });
  for (let tries = 0; tries < 1_000; tries += 1) {
    const answer = await call({ port, path: "/healthz" }).catch(() => undefined);
    if (answer?.status === 200) return { port, adminPort };
    await sleep(10);
  }
  throw new Error("it does not serve");
}

async function ask(port: number): Promise<void> {
  let left = requests;
  const askOn = async () => {
    while ((left -= 1) >= 0) expect((await call({ port, path: "/api/ps" })).status).toBe(200);
  };
  await Promise.all(Array.from({ length: 8 }, askOn));
}

async function dropped(adminPort: number): Promise<number> {
  const { body } = await call({ port: adminPort, path: "/metrics" });
  return Number(/^ollama_proxy_log_dropped_total (\d+)$/m.exec(body)?.[1]);
}

test("a log that nobody reads holds no request up", async () => {
  const { port, adminPort } = await serve("pipe");
  await ask(port);
  expect(await dropped(adminPort)).toBe(0);
}, 60_000);

test.skipIf(!existsSync("/dev/full"))(
  "a log on a full disk loses its lines, and no request",
  async () => {
    const disk = openSync("/dev/full", "w");
    onTestFinished(() => closeSync(disk));
    const { port, adminPort } = await serve(disk);
    await ask(port);
    expect(await dropped(adminPort)).toBeGreaterThanOrEqual(requests);
  },
  60_000,
);
