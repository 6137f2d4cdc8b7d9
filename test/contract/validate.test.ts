import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { description } from "../support/contract.ts";
import {
  chunk,
  json,
  sse,
  startScriptedUpstream,
  type RecordedRequest,
  type Script,
} from "../support/scripted-upstream.ts";
import { startProxy } from "../support/start-proxy.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/validate.mjs", import.meta.url));

async function validate(url: string): Promise<{ code: number | null; output: string }> {
  const specification = description ? ["--spec", description.path] : [];
  const child = spawn(process.execPath, [SCRIPT, "--url", url, ...specification]);
  let output = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr.on("data", (data: Buffer) => (output += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, output };
}

/** Streams where a stream is asked for; calls a tool where there is one. */
function answer(request: RecordedRequest): Script {
  const asked: { stream?: boolean; tools?: unknown } = JSON.parse(request.body);
  const message = asked.tools
    ? { tool_calls: [{ index: 0, id: "1", function: { name: "f", arguments: "{}" } }] }
    : { content: "Hello", reasoning_content: "Hm" };
  if (asked.stream) return { steps: [sse(chunk(message), chunk({}, "stop"), "[DONE]")] };
  return json(200, {
    object: "chat.completion",
    choices: [{ index: 0, message, finish_reason: "stop" }],
  });
}

test("npm run validate finds nothing amiss with us", async () => {
  const upstream = await startScriptedUpstream();
  upstream.play(answer);
  const proxy = await startProxy({ upstreamUrl: upstream.baseUrl });
  try {
    const { code, output } = await validate(proxy.url);
    expect(output).toMatch(/\n\d+ objects checked, 0 misfits\n$/u);
    expect(output).toContain("ok      POST /api/chat  tools, streaming");
    expect(code).toBe(0);
  } finally {
    await proxy.close();
    await upstream.close();
  }
});

test("npm run validate names what does not fit", async () => {
  const server = createServer((request, response) => {
    const list = request.url === "/api/tags";
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify(list ? { models: [{ name: "m" }] } : { capabilities: ["completion"] }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  try {
    const { code, output } = await validate(`http://127.0.0.1:${port}`);
    expect(output).toMatch(/MISFIT {2}GET \/api\/tags .*\n\s+object \(tags\): models\.0\.\w+: /u);
    expect(output).toMatch(/status 200, not 404/u);
    expect(code).toBe(1);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test("npm run validate says when there is no server", async () => {
  const upstream = await startScriptedUpstream();
  await upstream.close();
  const { code, output } = await validate(new URL(upstream.baseUrl).origin);
  expect(output).toMatch(/^validate: .*ECONNREFUSED/u);
  expect(code).toBe(2);
});
