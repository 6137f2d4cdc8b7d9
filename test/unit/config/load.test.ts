import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { afterAll, describe, expect, test } from "vitest";
import type { Environment } from "../../../src/config/environment.ts";
import { ConfigError } from "../../../src/config/config-error.ts";
import { loadConfig } from "../../../src/config/load.ts";
import type { ConfigFile } from "../../../src/config/schema.ts";
import { SourceFiles } from "../../../src/config/source-files.ts";

const folder = mkdtempSync(join(tmpdir(), "config-"));
const file = join(folder, "proxy.yaml");
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function load(yaml?: string, environment: Environment = {}, flags: ConfigFile = {}) {
  if (yaml === undefined) return loadConfig({ environment, flags });
  writeFileSync(file, yaml);
  return loadConfig({ file, environment, flags });
}

function refusal(yaml: string | undefined, environment: Environment = {}): string {
  try {
    load(yaml, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.replaceAll(file, "proxy.yaml");
    throw error;
  }
  throw new Error("it was taken");
}

describe("the configuration", () => {
  test("without any source is safe: loopback, no key, no backend", () => {
    expect(load()).toMatchObject({
      listen: "127.0.0.1:11434",
      insecure: false,
      origins: [],
      stream_format: "auto",
      upstreams: [],
      timeouts: { connect: 5_000, first_byte: 600_000, idle: 300_000, write_stall: 60_000 },
      log: { level: "info", format: "auto" },
    });
    expect(load()).not.toHaveProperty("api_key");
  });

  test("is that of an empty file too", () => {
    expect(load("")).toEqual(load());
    expect(load("# nothing\n")).toEqual(load());
  });

  test("comes from flags over environment over file", () => {
    const yaml = "listen: 127.0.0.1:1\nstream_format: sse\nlog: {level: warn, format: json}\n";
    expect(load(yaml)).toMatchObject({
      listen: "127.0.0.1:1",
      stream_format: "sse",
      log: { level: "warn" },
    });
    const environment = { OLLAMA_HOST: "127.0.0.1:2", PROXY_LOG_LEVEL: "error" };
    expect(load(yaml, environment)).toMatchObject({
      listen: "127.0.0.1:2",
      stream_format: "sse",
      log: { level: "error", format: "json" },
    });
    expect(load(yaml, environment, { listen: "127.0.0.1:3" })).toMatchObject({
      listen: "127.0.0.1:3",
      log: { level: "error", format: "json" },
    });
  });

  test("merges sections and replaces lists", () => {
    const merged = load(
      "origins: [a, b]\ntimeouts: {idle: 1m, connect: 1s}\n",
      { OLLAMA_ORIGINS: "c" },
      { timeouts: { idle: 5 } },
    );
    expect(merged.origins).toEqual(["c"]);
    expect(merged.timeouts).toMatchObject({ idle: 5_000, connect: 1_000, first_byte: 600_000 });
  });

  test.each([
    ["500ms", 500],
    ["1.5s", 1_500],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["30", 30_000],
    ["480h", 1_728_000_000],
  ])("has durations as text or as seconds: %s", (text, milliseconds) => {
    expect(load(`timeouts: {idle: ${text}}`).timeouts.idle).toBe(milliseconds);
  });

  test("takes a duration of 0 where that means never, or at once", () => {
    const yaml =
      "timeouts: {request_body: 0, after_finish: 0s}\nlimits: {queue_timeout: 0}\n" +
      "failover: {max_rest: 0}\nhealth: {interval: 0}\noverload: {event_loop_delay: 0}\n" +
      "shutdown: {drain_delay: 0, drain_timeout: 0}\ncommit_after: 0\n";
    const { timeouts, limits, failover, health, overload, shutdown, commit_after } = load(yaml);
    expect([timeouts.request_body, timeouts.after_finish, limits.queue_timeout]).toEqual([0, 0, 0]);
    expect([failover.max_rest, health.interval, overload.event_loop_delay]).toEqual([0, 0, 0]);
    expect([shutdown.drain_delay, shutdown.drain_timeout, commit_after]).toEqual([0, 0, 0]);
  });

  test("takes secrets from the environment, wherever a text may stand", () => {
    const yaml =
      "upstreams:\n  - id: a\n    base_url: https://${HOST}/v1\n    api_key: ${KEY}\n    headers: {x-team: 'team ${KEY}'}\n";
    expect(load(yaml, { HOST: "example.com", KEY: "secret" }).upstreams).toEqual([
      {
        id: "a",
        base_url: "https://example.com/v1",
        kind: "openai",
        api_key: ["secret"],
        priority: 0,
        weight: 1,
        insecure_tls: false,
        headers: { "x-team": "team secret" },
      },
    ]);
  });

  test("takes a value from the environment as it is, without looking into it", () => {
    expect(load("api_key: ${KEY}", { KEY: "${OTHER}" }).api_key).toBe("${OTHER}");
  });
});

describe("a file that the configuration names", () => {
  const named = (name: string, text: string) => writeFileSync(join(folder, name), text);
  const upstream = (settings: string) =>
    `upstreams:\n  - id: a\n    base_url: https://x/v1\n    ${settings}\n`;

  test("stands for what is in it, without the white space around, from the configuration's folder", () => {
    named("key", "\n first ${NO} ${file:none}\r\n");
    named("other", "second");
    const yaml = upstream(
      `api_key: ['\${file:key}', "\${file:${join(folder, "other")}} \${MORE}"]`,
    );
    expect(load(yaml, { MORE: "!" }).upstreams[0]?.api_key).toEqual([
      "first ${NO} ${file:none}",
      "second !",
    ]);
  });

  test.each([
    [
      "api_key: ${file:none}",
      "proxy.yaml:4: upstreams.0.api_key: ${file:none}: can't be read (no such file)",
    ],
    [
      "api_key: ${file:.}",
      "proxy.yaml:4: upstreams.0.api_key: ${file:.}: can't be read (it is a folder)",
    ],
    [
      "api_key: ${file:empty}",
      "proxy.yaml:4: upstreams.0.api_key: expected a key, got an empty text",
    ],
    [
      "ca_file: none.pem",
      "proxy.yaml:4: upstreams.0.ca_file: none.pem: can't be read (no such file)",
    ],
    ["ca_file: key", "proxy.yaml:4: upstreams.0.ca_file: key: holds no certificate as PEM"],
  ])("is told when it is no good: %s", (settings, message) => {
    named("key", "sk-CANARY");
    named("empty", " \n");
    expect(refusal(upstream(settings))).toBe(message);
  });

  test("with certificates is named in full", () => {
    named("ca.pem", `# Our own\n${rootCertificates[0]}\n${rootCertificates[1]}\n`);
    expect(load(upstream("ca_file: ca.pem")).upstreams[0]?.ca_file).toBe(join(folder, "ca.pem"));
  });

  test("is watched for, also when it was not there", async () => {
    named("key", "one");
    writeFileSync(file, upstream("api_key: ['${file:key}', '${file:late}']"));
    const files = new SourceFiles();
    expect(() => loadConfig({ file, environment: {}, files })).toThrow(/late/);
    expect(files.paths).toEqual([file, join(folder, "key"), join(folder, "late")]);
    expect(await files.haveChanged()).toBe(false);
    named("late", "two");
    expect(await files.haveChanged()).toBe(true);
    rmSync(join(folder, "late"));
    expect(await files.haveChanged()).toBe(false);
    named("key", "three");
    expect(await files.haveChanged()).toBe(true);
  });
});

describe("settings that contradict each other are refused:", () => {
  const two =
    "upstreams:\n  - {id: a, base_url: 'http://x/v1'}\n  - id: b\n    base_url: http://y/v1\n";
  const route = (text: string) => `${two}routes:\n  ${text}\n`;

  test.each([
    [
      "two backends of one name",
      two.replace("id: b", "id: a"),
      'proxy.yaml:3: upstreams.1.id: there is a backend "a" already',
    ],
    [
      "a caller's key that is asked for twice",
      `${two}    auth: client\napi_key: k\n`,
      "proxy.yaml:5: upstreams.1.auth: a caller can send one key only: it can't be both the backend's (`client`) and the proxy's own `api_key`",
    ],
    [
      "a key that is never sent",
      `${two}    auth: none\n    api_key: sk-CANARY\n`,
      "proxy.yaml:6: upstreams.1.api_key: with `auth: none` no key is sent; leave out one of the two",
    ],
    [
      "a key given twice",
      `${two}    api_key:\n      - sk-CANARY\n      - other\n      - sk-CANARY\n`,
      "proxy.yaml:8: upstreams.1.api_key.2: the same as key 1",
    ],
    [
      "a last time shorter than the first",
      `${two}circuit:\n  open: 20s\n  max_open: 10s\n`,
      "proxy.yaml:7: circuit.max_open: expected no less than `open`: 10 s is shorter than 20 s",
    ],
    [
      "a first time longer than the default of the last",
      `${two}circuit:\n  open: 2m\n`,
      "proxy.yaml:6: circuit.max_open: expected no less than `open`: 60 s is shorter than 120 s",
    ],
    [
      "a target that is no backend",
      route("m:\n    targets:\n      - {upstream: a}\n      - upstream: c"),
      'proxy.yaml:9: routes.m.targets.1.upstream: there is no backend "c"; there is "a", "b"',
    ],
    [
      "a fallback to itself",
      route("M: {fallback: [n, m:latest]}"),
      "proxy.yaml:6: routes.M.fallback.1: a model can't take its own place",
    ],
    [
      "a fallback to many",
      route("m*: {fallback: [n, 'n*']}"),
      "proxy.yaml:6: routes.m*.fallback.1: expected the name of one model; a `*` stands for nothing here",
    ],
    [
      "two stars",
      route("a*b*: {}"),
      "proxy.yaml:6: routes.a*b*: expected at most one `*` in the name of a route",
    ],
    [
      "a star that stands for nothing",
      route("m: {targets: [{upstream: a, model: 'x/*'}]}"),
      "proxy.yaml:6: routes.m.targets.0.model: a `*` stands for that of the route's name, which has none",
    ],
    [
      "two stars in a target",
      route("'x/*': {targets: [{upstream: a, model: '*/*'}]}"),
      "proxy.yaml:6: routes.x/*.targets.0.model: expected at most one `*`",
    ],
    [
      "two names of one model",
      route("m: {}\n  M:latest: {}"),
      'proxy.yaml:7: routes.M:latest: means the same models as "m"',
    ],
  ])("%s", (_, yaml, message) => {
    expect(refusal(yaml)).toBe(message);
  });

  test("but not what is right", () => {
    const yaml = route(
      "m: {targets: [{upstream: a}, {upstream: b, model: n}], fallback: [n]}\n  'x/*': {targets: [{upstream: b, model: '*'}]}",
    );
    expect(Object.keys(load(yaml).routes)).toEqual(["m", "x/*"]);
    const keys = "\n    api_key: [k, l]\n";
    const { upstreams } = load(two.replace("'}", "', api_key: k}").replace("/v1\n", `/v1${keys}`));
    expect(upstreams.map(({ api_key }) => api_key)).toEqual([["k"], ["k", "l"]]);
    expect(load("circuit: {open: 60s}").circuit.max_open).toBe(60_000);
  });

  test("nor a backend of which nothing is known yet", () => {
    const yaml = "routes: {m: {targets: [{upstream: openai}]}}";
    expect(load(yaml).routes["m"]?.targets).toEqual([{ upstream: "openai" }]);
    expect(() => load(yaml, {}, { upstreams: [{ id: "demo", base_url: "http://x/v1" }] })).toThrow(
      'there is no backend "openai"; there is "demo"',
    );
  });
});

describe("overrides of a dialect", () => {
  const yaml = (overrides: string, ofModel = "{}") =>
    `upstreams:\n  - {id: a, base_url: http://x/v1, overrides: ${overrides}}\n` +
    `models:\n  m: {overrides: ${ofModel}}\n`;

  test("are taken as they are", () => {
    const text =
      "{options: {min_p: [min_p], top_k: []}, ranges: {min_p: [0, 0], seed: null}, think: {max: null, false: {}}, images: [image/svg+xml], auth: api-key}";
    expect(load(yaml(text)).upstreams[0]?.overrides).toEqual({
      options: { min_p: ["min_p"], top_k: [] },
      ranges: { min_p: [0, 0], seed: null },
      think: { max: null, false: {} },
      images: ["image/svg+xml"],
      auth: "api-key",
    });
    const ofModel = "{think: {max: null}, max_stops: 1}";
    expect(load(yaml("{}", ofModel)).models["m"]?.overrides).toEqual({
      think: { max: null },
      max_stops: 1,
    });
  });

  test.each([
    ["{ranges: {top_k: [2, 1]}}", "ranges.top_k: expected the least value first"],
    ["{ranges: {top_k: [2]}}", "ranges.top_k: "],
    ["{ranges: {stream: [1, 2]}}", "ranges.stream: "],
    ["{images: [png]}", 'images.0: expected a media type such as "image/png"'],
    ["{images: [video/mp4]}", 'images.0: expected a media type such as "image/png"'],
    ["{options: {top_k: [top-k]}}", "options.top_k.0: expected the name of a field"],
    ["{options: {top_k: ['']}}", "options.top_k.0: expected the name of a field"],
    ["{options: {top_k: [__proto__]}}", "options.top_k.0: expected the name of a field"],
    ["{options: {top_q: [top_q]}}", "options"],
    ["{think: {much: {}}}", "think"],
    ["{max_stops: null}", "max_stops: "],
  ])("are refused: %s", (text, message) => {
    expect(refusal(yaml(text))).toMatch(/^[^\n]+$/);
    expect(refusal(yaml(text))).toContain(`proxy.yaml:2: upstreams.0.overrides.${message}`);
    expect(refusal(yaml("{}", text))).toContain(`proxy.yaml:4: models.m.overrides.${message}`);
  });

  test("send no option as what the proxy fills itself", () => {
    const own =
      "model, messages, prompt, suffix, input, tools, stream, stream_options, response_format";
    const told = refusal(yaml(`{options: {top_k: [${own}]}}`)).split("\n");
    expect(told).toHaveLength(own.split(", ").length);
    for (const line of told) {
      expect(line).toContain("expected a field that the proxy does not fill itself");
    }
  });

  test("of a model can't change how its backend gets the key", () => {
    expect(refusal(yaml("{}", "{auth: bearer}"))).toBe(
      "proxy.yaml:4: models.m.overrides.auth: there is no such setting",
    );
  });
});

test.each([
  ...["connect", "first_byte", "idle", "idle_data", "write_stall"].map((key) => `timeouts.${key}`),
  "failover.first_byte",
  "failover.deadline",
  "health.timeout",
  "circuit.open",
])("%s can't be 0", (setting) => {
  const [section = "", key = ""] = setting.split(".");
  expect(refusal(`${section}: {${key}: 0}`)).toBe(`proxy.yaml:1: ${setting}: expected more than 0`);
});

describe("a file that can't be used is refused with file, line and field:", () => {
  test.each([
    [
      "an unknown setting",
      "listen: 127.0.0.1:1\nlistne: x\n",
      "proxy.yaml:2: listne: there is no such setting",
    ],
    [
      "one in a section",
      "log:\n  level: info\n  colour: true\n",
      "proxy.yaml:3: log.colour: there is no such setting",
    ],
    [
      "one in a list",
      "upstreams:\n  - id: a\n    base_url: http://x/v1\n    key: y\n",
      "proxy.yaml:4: upstreams.0.key: there is no such setting",
    ],
    [
      "a wrong word",
      "\nstream_format: xml\n",
      /^proxy\.yaml:2: stream_format: .*"auto"\|"ndjson"\|"sse"/u,
    ],
    ["a wrong type", "insecure: sure\n", /^proxy\.yaml:1: insecure: expected boolean/u],
    ["a bad duration", "timeouts:\n  idle: soon\n", /^proxy\.yaml:2: timeouts\.idle: .*/u],
    [
      "a duration beyond what a timer can count",
      "limits:\n  queue_timeout: 1000h\n",
      "proxy.yaml:2: limits.queue_timeout: expected at most 20 days",
    ],
    [
      "no time to wait for an answer",
      "failover:\n  deadline: 0\n",
      "proxy.yaml:2: failover.deadline: expected more than 0",
    ],
    [
      "nor for the first word of one backend",
      "upstreams:\n  - id: a\n    base_url: http://x/v1\n    timeouts: {first_byte: 0ms}\n",
      "proxy.yaml:4: upstreams.0.timeouts.first_byte: expected more than 0",
    ],
    [
      "a proxy whose password can't be read",
      "upstreams:\n  - id: a\n    base_url: http://x/v1\n    proxy: http://me:50%@y:1\n",
      "proxy.yaml:4: upstreams.0.proxy: the user and the password in it can't be read; write `%25` for a `%` that stands for itself",
    ],
    [
      "a proxy that is none",
      "upstreams:\n  - id: a\n    base_url: http://x/v1\n    proxy: y:1\n",
      "proxy.yaml:4: upstreams.0.proxy: expected an http or https URL",
    ],
    [
      "a URL that is none",
      "upstreams:\n  - id: a\n    base_url: example.com\n",
      "proxy.yaml:3: upstreams.0.base_url: expected an http or https URL",
    ],
    [
      "a URL with a key in it",
      "upstreams:\n  - id: a\n    base_url: https://me:secret@x/v1\n",
      "proxy.yaml:3: upstreams.0.base_url: put the key into api_key, not into the URL",
    ],
    [
      "a missing field, at what lacks it",
      "upstreams:\n  - id: a\n",
      /^proxy\.yaml:2: upstreams\.0\.base_url: /u,
    ],
    [
      "an unknown capability",
      "models:\n  m:\n    capabilities: [chat]\n",
      /^proxy\.yaml:3: models\.m\.capabilities\.0: /u,
    ],
    [
      "a variable that is not set",
      "log: {level: info}\napi_key: ${NOWHERE}\n",
      "proxy.yaml:2: api_key: ${NOWHERE} is not set in the environment",
    ],
    [
      "one of many keys that is not set",
      "upstreams:\n  - id: a\n    base_url: http://x/v1\n    api_key:\n      - k\n      - ${NOWHERE}\n",
      "proxy.yaml:6: upstreams.0.api_key.1: ${NOWHERE} is not set in the environment",
    ],
    ["a list", "- a\n", "proxy.yaml: expected a mapping of settings"],
    ["broken YAML", "listen: [\n", /^proxy\.yaml:[12]: /u],
    ["a key given twice", "insecure: true\ninsecure: false\n", /^proxy\.yaml:[12]: /u],
  ])("%s", (_, yaml, message) => {
    const told = refusal(yaml);
    if (typeof message === "string") expect(told).toBe(message);
    else expect(told).toMatch(message);
  });

  test("all that is wrong at once", () => {
    expect(refusal("insecure: 1\nlog: {level: loud}\n").split("\n")).toHaveLength(2);
  });

  test("no such file", () => {
    expect(() => loadConfig({ file: join(folder, "none.yaml"), environment: {} })).toThrow(
      /none\.yaml: can't be read \(no such file\)$/u,
    );
  });

  test("never with a secret in the message", () => {
    expect(
      refusal("upstreams:\n  - id: a b\n    base_url: http://x/v1\n    api_key: sk-secret\n"),
    ).not.toContain("sk-secret");
  });
});

test("a variable that can't be used is named", () => {
  expect(refusal(undefined, { PROXY_STREAM_FORMAT: "xml" })).toMatch(/^PROXY_STREAM_FORMAT: /u);
  expect(refusal("log: {level: info}", { PROXY_LOG_LEVEL: "loud" })).toMatch(/^PROXY_LOG_LEVEL: /u);
  expect(refusal(undefined, { OLLAMA_CONTEXT_LENGTH: "big" })).toMatch(/^OLLAMA_CONTEXT_LENGTH: /u);
});
