import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { json, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { checkStream, parseNdjson } from "../support/ndjson.ts";
import { run, serve, type RunOptions } from "./process.ts";

const FILE = "ollama-openai-proxy.yaml";
const KEY = "sk-CANARY-upstream";
const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { version: string };

/** Runs it to its end, which has to be soon. */
async function failed(options: RunOptions) {
  const started = run({ args: ["serve"], ...options });
  const code = await started.exit;
  return { code, stdout: started.stdout(), stderr: started.stderr() };
}

/** A port of this machine that nobody listens on, for now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function backend() {
  const upstream = await startScriptedUpstream({ models: [{ id: "m" }, { id: "org/n" }] });
  onTestFinished(() => upstream.close());
  return upstream;
}

describe("a configuration that can't be used: what, where, and no stack", () => {
  const config = (text: string) => ({ files: { [FILE]: text } });

  test.each<[string, RunOptions, RegExp]>([
    [
      "a wrong type",
      config("listen: 127.0.0.1:0\nupstreams:\n  - id: a\n    base_url: 5\n"),
      /^\.\/ollama-openai-proxy\.yaml:4: upstreams\.0\.base_url: .+\n$/,
    ],
    [
      "a wrong value",
      config("timeouts:\n  idle: soon\n"),
      /^\.\/ollama-openai-proxy\.yaml:2: timeouts\.idle: expected a duration such as .+\n$/,
    ],
    [
      "an unknown key",
      config("timeouts:\n  idle: 5s\n  idel: 5s\n"),
      /^\.\/ollama-openai-proxy\.yaml:3: timeouts\.idel: there is no such setting\n$/,
    ],
    [
      "two mistakes",
      config("lsiten: x\nmax_body: -1\n"),
      /ollama-openai-proxy\.yaml:2: max_body: .+\n.*ollama-openai-proxy\.yaml:1: lsiten: .+\n$/,
    ],
    ["no YAML", config("a: [1\nb: 2\n"), /^\.\/ollama-openai-proxy\.yaml:\d: .+\n$/],
    [
      "a list",
      config("- a\n"),
      /^\.\/ollama-openai-proxy\.yaml: expected a mapping of settings\n$/,
    ],
    [
      "a key in the URL",
      config(`upstreams:\n  - id: a\n    base_url: https://me:${KEY}@example.com/v1\n`),
      /^\.\/ollama-openai-proxy\.yaml:3: .*put the key into api_key, not into the URL\n$/,
    ],
    [
      "a variable that is not set",
      config("upstreams:\n  - id: a\n    base_url: http://127.0.0.1/v1\n    api_key: ${NO_SUCH}\n"),
      /^\.\/ollama-openai-proxy\.yaml:4: upstreams\.0\.api_key: \$\{NO_SUCH\} is not set in the environment\n$/,
    ],
    [
      "a file that is not there",
      { args: ["serve", "--config", "none.yaml"] },
      /^none\.yaml: can't be read \(no such file\)\n$/,
    ],
    [
      "a file that is not there, by PROXY_CONFIG",
      { environment: { PROXY_CONFIG: "none.yaml" } },
      /^none\.yaml: can't be read \(no such file\)\n$/,
    ],
    [
      "a wrong variable",
      { environment: { PROXY_STREAM_FORMAT: "xml" } },
      /^PROXY_STREAM_FORMAT: .+\n$/,
    ],
    [
      "no address",
      { args: ["serve", "--listen", "here"] },
      /^listen: expected host:port, got "here"\n$/,
    ],
    [
      "an open address without a key",
      { args: ["serve", "--listen", "0.0.0.0:0"] },
      /^listen: 0\.0\.0\.0:0 can be reached by other machines.+\nSet PROXY_API_KEY.+PROXY_INSECURE=true.+\n$/,
    ],
    [
      "the same by OLLAMA_HOST",
      { environment: { OLLAMA_HOST: "0.0.0.0:0" } },
      /^listen: 0\.0\.0\.0:0 can be reached by other machines/,
    ],
    [
      "an address of another machine",
      { args: ["serve", "--listen", "192.0.2.1:0"], environment: { PROXY_INSECURE: "true" } },
      /^192\.0\.2\.1:0 is no address of this machine\.\n$/,
    ],
  ])("%s", async (_, options, message) => {
    const upstream = await backend();
    const environment = { OPENAI_BASE_URL: upstream.baseUrl, ...options.environment };
    const { code, stdout, stderr } = await failed({ ...options, environment });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stderr).not.toContain("CANARY");
    expect([code, stdout]).toEqual([2, ""]);
  });

  test("a port that is taken", async () => {
    const upstream = await backend();
    const address = new URL(upstream.baseUrl).host;
    const environment = { OPENAI_BASE_URL: upstream.baseUrl, OLLAMA_HOST: address };
    const { code, stdout, stderr } = await failed({ environment });
    expect(stderr).toBe(
      `${address} is taken, perhaps by Ollama itself. Stop that, or choose another: OLLAMA_HOST=127.0.0.1:11435\n`,
    );
    expect([code, stdout]).toEqual([2, ""]);
  });

  test("an option that there is not", async () => {
    const { code, stderr } = await failed({ args: ["serve", "--lissen", "x"] });
    expect(stderr).toContain("unknown option '--lissen'");
    expect(code).toBe(1);
  });
});

describe("a backend that is no good: served all the same, and said", () => {
  test("unreachable", async () => {
    const environment = { OPENAI_BASE_URL: `http://127.0.0.1:${await freePort()}/v1` };
    const served = await serve({ environment });
    expect(served.stdout()).toContain('Models      none: upstream "openai" is unreachable');
    expect(served.stderr()).toContain('upstream \\"openai\\" is unreachable');
    const answer = await fetch(`${served.url}/api/tags`);
    expect([answer.status, await answer.json()]).toEqual([200, { models: [] }]);
    expect((await fetch(`${served.url}/readyz`)).status).toBe(503);
  });

  test("a bad key", async () => {
    const refusal = json(401, { error: { message: `Incorrect API key provided: ${KEY}` } });
    const upstream = await startScriptedUpstream({ lookups: { "/v1/models": refusal } });
    onTestFinished(() => upstream.close());
    const environment = { OPENAI_BASE_URL: upstream.baseUrl, OPENAI_API_KEY: KEY };
    const served = await serve({ environment });
    expect(served.stdout()).toContain(
      `Models      none: upstream "openai" rejected the proxy's credentials`,
    );
    expect(served.stderr()).toContain("rejected the proxy's credentials");
    expect(served.stdout() + served.stderr()).not.toContain("CANARY");
  });
});

describe("what the start-up block says", () => {
  test("where, which backend, which models; and no key", async () => {
    const upstream = await backend();
    const environment = { OPENAI_BASE_URL: upstream.baseUrl, OPENAI_API_KEY: KEY };
    const served = await serve({ environment });
    const block = served.stdout();
    expect(block).toMatch(/Listening +http:\/\/127\.0\.0\.1:\d+ +\(this machine only\)/);
    expect(block).toContain(`openai (${new URL(upstream.baseUrl).host}): OPENAI_BASE_URL`);
    expect(block).toMatch(/Models +2: m:latest, org\/n:latest/);
    expect(block).toContain(`curl ${served.url}/api/chat -d '{"model":"m",`);
    expect(block).not.toContain("CANARY");
    expect(upstream.lookups.at(-1)?.headers["authorization"]).toBe(`Bearer ${KEY}`);
  });

  test("exposed without a key", async () => {
    const upstream = await backend();
    const environment = {
      OPENAI_BASE_URL: upstream.baseUrl,
      OLLAMA_HOST: "0.0.0.0:0",
      PROXY_INSECURE: "true",
    };
    const served = await serve({ environment });
    expect(served.stdout()).toContain("EXPOSED     other machines can use your backends without");
    expect(served.stdout()).not.toContain("this machine only");
    const answer = await fetch(`${served.url}/api/version`);
    expect(answer.status).toBe(200);
  });

  test("exposed with a key", async () => {
    const upstream = await backend();
    const environment = {
      OPENAI_BASE_URL: upstream.baseUrl,
      OLLAMA_HOST: "0.0.0.0:0",
      PROXY_API_KEY: "key-of-the-clients",
    };
    const served = await serve({ environment });
    expect(served.stdout()).toContain(
      "Exposed     other machines can use your backends with the key",
    );
    expect(served.stdout()).not.toContain("key-of-the-clients");
    expect((await fetch(`${served.url}/api/version`)).status).toBe(401);
  });

  test("which file was read; flags over environment over file", async () => {
    const upstream = await backend();
    const text = [
      "listen: 127.0.0.1:1",
      "path_prefix: /file",
      "upstreams:",
      "  - id: mine",
      `    base_url: ${upstream.baseUrl}`,
      "    api_key: ${MY_KEY}",
      "",
    ].join("\n");
    const served = await serve({
      args: ["--config", "my.yaml", "--listen", "127.0.0.1:0"],
      files: { "my.yaml": text },
      environment: { MY_KEY: KEY, OLLAMA_HOST: "127.0.0.1:2", PROXY_PATH_PREFIX: "/variable" },
    });
    expect(served.stdout()).toContain(`mine (${new URL(upstream.baseUrl).host}): my.yaml`);
    expect((await fetch(`${served.url}/variable/api/version`)).status).toBe(200);
    expect((await fetch(`${served.url}/file/api/version`)).status).toBe(404);
    expect(upstream.lookups.at(-1)?.headers["authorization"]).toBe(`Bearer ${KEY}`);
  });

  test("no configuration: the demo, and a command that works", async ({ skip }) => {
    const served = await serve();
    if (served.stdout().includes("found on this machine")) skip("a model server runs here");
    expect(served.stdout()).toContain("this is a demo and no language model");
    expect(served.stdout()).toContain("Serve a real model: OPENAI_BASE_URL=");
    const command = /^ +(curl .+)$/m.exec(served.stdout())?.[1] ?? "";
    const { stdout } = await promisify(execFile)("sh", ["-c", command.replace("curl", "curl -sS")]);
    const lines = parseNdjson(stdout);
    checkStream(lines, "chat");
    expect(lines.length).toBeGreaterThan(2);
    served.signal("SIGINT");
    expect(await served.exit).toBe(0);
  });
});

describe("OLLAMA_HOST", () => {
  test("is where it listens", async () => {
    const upstream = await backend();
    const port = await freePort();
    const OLLAMA_HOST = `http://localhost:${port}/`;
    const served = await serve({ environment: { OPENAI_BASE_URL: upstream.baseUrl, OLLAMA_HOST } });
    expect(served.stdout()).toContain(`http://localhost:${port}  (this machine only)`);
    const answer = await fetch(`http://localhost:${port}/`);
    expect(await answer.text()).toBe("Ollama is running");
  });

  test.each([
    ["127.0.0.1:1234", "127.0.0.1:1234"],
    ["localhost", "localhost:11434"],
    ["0.0.0.0", "0.0.0.0:11434"],
    [":1234", "127.0.0.1:1234"],
    ["http://127.0.0.1:1234", "127.0.0.1:1234"],
    ["https://127.0.0.1:1234/path", "127.0.0.1:1234"],
    ["[::1]:1234", "[::1]:1234"],
    ["[::1]", "[::1]:11434"],
    [" 127.0.0.1:1234 ", "127.0.0.1:1234"],
    ["", "127.0.0.1:11434"],
  ])("%j means %s", (OLLAMA_HOST, listen) => {
    expect(loadConfig({ environment: { OLLAMA_HOST } }).listen).toBe(listen);
  });
});

describe("the command line", () => {
  test.each([["--help"], ["serve", "--help"]])("%s %s", async (...args) => {
    const { code, stdout, stderr } = await failed({ args });
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("Usage: ollama-openai-proxy");
    for (const word of ["OLLAMA_HOST", "OPENAI_BASE_URL", "OPENAI_API_KEY", "PROXY_API_KEY"]) {
      expect(stdout).toContain(word);
    }
  });

  test("--version", async () => {
    const answer = await failed({ args: ["--version"] });
    expect(answer).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });
});
