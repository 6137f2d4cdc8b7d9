import { describe, expect, test } from "vitest";
import { startupBlock } from "../../../src/cli/startup-block.ts";
import { configSchema, type ConfigFile } from "../../../src/config/schema.ts";

function block(
  config: ConfigFile = {},
  facts: { models?: string[]; problem?: string; nodeVersion?: string } = {},
): string {
  return startupBlock({
    config: configSchema.parse({
      upstreams: [{ id: "vllm", base_url: "http://127.0.0.1:8000/v1", api_key: "sk-secret" }],
      ...config,
    }),
    port: 11434,
    because: "found on this machine",
    models: facts.models ?? ["a:latest", "b:1b"],
    problem: facts.problem,
    nodeVersion: facts.nodeVersion ?? "v22.1.0",
  });
}

describe("the start-up block", () => {
  test("says where it listens, which backend and why, which models, and what to try", () => {
    expect(block()).toBe(`
  ollama-openai-proxy
  Listening   http://127.0.0.1:11434  (this machine only)
  Backend     vllm (127.0.0.1:8000): found on this machine
  Models      2: a:latest, b:1b

  Try it:
    curl http://127.0.0.1:11434/api/chat -d '{"model":"a","messages":[{"role":"user","content":"Hello!"}]}'

`);
  });

  test("never tells a key", () => {
    expect(block({ api_key: "hunter2", listen: "0.0.0.0:1" })).not.toMatch(/sk-secret|hunter2/u);
  });

  test("tells plainly what is exposed", () => {
    expect(block()).not.toMatch(/exposed/iu);
    expect(block({ listen: "0.0.0.0:1", insecure: true })).toMatch(
      /EXPOSED {5}other machines can use your backends without any key/u,
    );
    expect(block({ listen: "0.0.0.0:1", api_key: "k" })).toMatch(
      /Exposed {5}other machines can use your backends with the key/u,
    );
  });

  test("tells which backends could be anybody's", () => {
    const upstream = (id: string, insecure_tls: boolean) => ({
      id,
      base_url: "https://127.0.0.1/v1",
      insecure_tls,
    });
    expect(block()).not.toContain("INSECURE");
    expect(block({ upstreams: [upstream("a", true), upstream("b", false)] })).toContain(
      "INSECURE    any certificate is taken for that of a (insecure_tls)\n",
    );
  });

  test("tells where operators look, and who else can", () => {
    expect(block()).not.toContain("Admin");
    expect(block({ admin: { listen: "127.0.0.1:9464" } })).toContain(
      "Admin       127.0.0.1:9464/metrics, /state  (this machine only)",
    );
    expect(block({ admin: { listen: "0.0.0.0:9464" }, insecure: true })).toContain(
      "Admin       0.0.0.0:9464/metrics, /state  (EXPOSED: without any key)",
    );
  });

  test.each([
    ["0.0.0.0:1", "http://127.0.0.1:11434/api/chat"],
    ["[::1]:1", "http://[::1]:11434/api/chat"],
    ["192.168.1.5:1", "http://192.168.1.5:11434/api/chat"],
  ])("on %s gives a command that works on this machine", (listen, url) => {
    expect(block({ listen, insecure: true })).toContain(`curl ${url} `);
  });

  test("has the path under which everything is served", () => {
    expect(block({ path_prefix: "/ollama" })).toContain(
      "curl http://127.0.0.1:11434/ollama/api/chat",
    );
  });

  test("names five models of many, and says so when there is none", () => {
    expect(block({}, { models: ["a", "b", "c", "d", "e", "f"] })).toContain(
      "Models      6: a, b, c, d, e, …",
    );
    expect(block({}, { models: [] })).toContain("Models      none: the backend lists no models");
  });

  test("says why there is no model, where that is known", () => {
    const problem = 'upstream "vllm" is unreachable';
    expect(block({}, { models: [], problem })).toContain(`Models      none: ${problem}`);
    expect(block({}, { problem })).not.toContain(problem);
  });

  test("says that Node 20 is at its end, and only that", () => {
    expect(block({}, { nodeVersion: "v20.20.2" })).toContain(
      "Node v20.20.2 gets no security fixes any more",
    );
    expect(block({}, { nodeVersion: "v24.0.0" })).not.toContain("security fixes");
  });
});
