import { createServer } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Logger } from "../../../src/observe/logger.ts";
import { Guard } from "../../../src/server/guard.ts";
import { createHttpServer, type Route } from "../../../src/server/http-server.ts";
import { describeInternalError, logListenErrors } from "../../../src/server/internal-errors.ts";
import { until } from "../../faults/waiting.ts";

interface Line {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

function recorder(): { log: Logger; lines: Line[] } {
  const lines: Line[] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields: { ...fields }, message });
  };
  return {
    log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") },
    lines,
  };
}

const PROMPT = "CANARY prompt";

/** Handlers that fail in each way that a handler can. */
const faults: Record<string, Route["handler"]> = {
  "/throws": () => {
    throw new TypeError("no such thing");
  },
  "/rejects": () => Promise.reject(new TypeError("no such thing")),
  "/parses": () => JSON.parse(PROMPT) as object,
  "/throws-text": () => {
    // oxlint-disable-next-line typescript/only-throw-error
    throw PROMPT;
  },
};

async function startFaulty() {
  const { log, lines } = recorder();
  const routes: Route[] = Object.entries({ ...faults, "/well": () => ({ well: true }) }).map(
    ([path, handler]) => ({ methods: ["GET"], path, handler, errors: "ollama" }),
  );
  const guard = new Guard({ checkHost: false, hostname: "", origins: [], apiKey: undefined });
  const server = await createHttpServer({
    routes: [...routes, { ...routes[0], path: "/v1/throws", errors: "openai" } as Route],
    guard,
    log,
    pathPrefix: "",
    maxBody: 1024,
    requestTimeout: 1_000,
  });
  const port = await server.listen("127.0.0.1", 0);
  onTestFinished(async () => {
    server.cut();
    await server.close();
  });
  return { url: `http://127.0.0.1:${port}`, lines };
}

describe("F-116: a handler that fails by a fault of this program", () => {
  test.each([...Object.keys(faults), "/v1/throws"])("%s: only its request fails", async (path) => {
    const { url, lines } = await startFaulty();
    const [failed, ...well] = await Promise.all([
      fetch(`${url}${path}`),
      ...Array.from({ length: 5 }, () => fetch(`${url}/well`)),
    ]);
    const error = "internal error";
    const openai = { error: { message: error, type: "api_error", param: null, code: null } };
    expect(failed.status).toBe(500);
    expect(await failed.json()).toEqual(path.startsWith("/v1") ? openai : { error });
    expect(well.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: "error", fields: { method: "GET", route: path } });
    expect(JSON.stringify(lines)).not.toContain("CANARY");
  });

  test("what it was and where is logged", async () => {
    const { url, lines } = await startFaulty();
    await fetch(`${url}/throws`);
    expect(lines[0]?.fields).toMatchObject({ thrown: "TypeError", message: "no such thing" });
    expect(lines[0]?.fields["at"]).toContainEqual(expect.stringContaining("internal-errors.test"));
  });
});

test("an error of the system has its code", () => {
  const error = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
  expect(describeInternalError(error)).toMatchObject({ thrown: "Error", code: "EPIPE" });
});

test("F-119: connections that can't be taken are told once a second", async () => {
  const { log, lines } = recorder();
  const server = createServer();
  logListenErrors(server, log);
  const fail = () => server.emit("error", Object.assign(new Error("accept"), { code: "EMFILE" }));
  fail();
  expect(lines).toEqual([]);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  for (let times = 0; times < 100; times += 1) fail();
  expect(lines.map(({ fields }) => fields)).toEqual([{ cause: "EMFILE", missed: 1 }]);
  await until(
    "the next is told",
    () => {
      fail();
      return lines.length > 1;
    },
    5_000,
  );
  expect(lines[1]?.fields["missed"]).toBeGreaterThan(99);
});
