import { describe, expect, test } from "vitest";
import { environmentUpstream, readEnvironment } from "../../../src/config/environment.ts";

describe("OLLAMA_HOST", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1:11434"],
    ["127.0.0.1:1234", "127.0.0.1:1234"],
    [":1234", "127.0.0.1:1234"],
    ["0.0.0.0", "0.0.0.0:11434"],
    ["http://localhost:1234", "localhost:1234"],
    ["https://localhost:1234/", "localhost:1234"],
    ["http://host/path", "host:11434"],
    ["[::1]", "[::1]:11434"],
    ["[::1]:1234", "[::1]:1234"],
    [" host:1 ", "host:1"],
  ])("%s means %s", (text, listen) => {
    expect(readEnvironment({ OLLAMA_HOST: text }).values.listen).toBe(listen);
  });
});

test("every variable becomes the setting that it stands for", () => {
  const { values, sources } = readEnvironment({
    OLLAMA_ORIGINS: "http://a, chrome-extension://*,",
    OLLAMA_KEEP_ALIVE: "10m",
    OLLAMA_CONTEXT_LENGTH: "8192",
    OLLAMA_DEBUG: "1",
    PROXY_API_KEY: "secret",
    PROXY_INSECURE: "TRUE",
    PROXY_STREAM_FORMAT: "sse",
    PROXY_PATH_PREFIX: "/ollama",
    PROXY_LOG_FORMAT: "json",
  });
  expect(values).toEqual({
    origins: ["http://a", "chrome-extension://*"],
    keep_alive: "10m",
    context_length: 8192,
    log: { level: "debug", format: "json" },
    api_key: "secret",
    insecure: true,
    stream_format: "sse",
    path_prefix: "/ollama",
  });
  expect(sources.get("log.format")).toBe("PROXY_LOG_FORMAT");
});

test.each([[{}], [{ OLLAMA_HOST: "", PROXY_API_KEY: "" }], [{ OLLAMA_DEBUG: "0", OTHER: "x" }]])(
  "%j says nothing",
  (environment) => {
    expect(readEnvironment(environment).values).toEqual({});
  },
);

describe("the backend of the environment, and what named it:", () => {
  const key = { OPENAI_API_KEY: "k" };

  test.each([
    [key, "OPENAI_API_KEY", { base_url: "https://api.openai.com/v1", api_key: "k" }],
    [{ OPENAI_BASE_URL: "http://x/v1" }, "OPENAI_BASE_URL", { base_url: "http://x/v1" }],
    [{ OPENAI_API_BASE_URL: "http://y/v1" }, "OPENAI_API_BASE_URL", { base_url: "http://y/v1" }],
    [
      { OPENAI_BASE_URL: "http://x/v1", OPENAI_API_BASE_URL: "http://y/v1", ...key },
      "OPENAI_BASE_URL",
      { base_url: "http://x/v1", api_key: "k" },
    ],
  ])("%j", (environment, variable, upstream) => {
    expect(environmentUpstream(environment)).toEqual({
      variable,
      upstream: { id: "openai", ...upstream },
    });
  });

  test.each([[{}], [{ OPENAI_BASE_URL: "", OPENAI_API_KEY: "" }]])("none in %j", (environment) => {
    expect(environmentUpstream(environment)).toBeUndefined();
  });
});
