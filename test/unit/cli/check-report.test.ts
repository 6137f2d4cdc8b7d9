import { expect, test } from "vitest";
import type { CheckedBackend } from "../../../src/cli/check-backend.ts";
import { untried } from "../../../src/cli/check-probes.ts";
import type { Listed } from "../../../src/cli/check-routes.ts";
import { checkReport, isAllWell, isWell } from "../../../src/cli/check-report.ts";

const yes = { result: "yes" } as const;

const hosted: CheckedBackend = {
  address: "api.example.com",
  listConfigured: false,
  latency: 83.4,
  keys: ["yes", "rejected", "yes"],
  state: {
    id: "hosted",
    dialect: "openai",
    because: "its address",
    reachable: true,
    models: 87,
    lessons: [{ model: "small", what: ["left out top_k", "left out logprobs"] }],
  },
  model: "small",
  embeddingModel: "text-embedding-3-small",
  firstToken: 1234,
  findings: {
    chat: yes,
    streaming: yes,
    tools: { result: "not called", reason: 'it answered in words: "It rains."' },
    json_schema: yes,
    thinking: { result: "no", reason: "no thoughts are shown" },
    vision: { result: "no", reason: "this model does not support images" },
    embeddings: yes,
    fim: { result: "unclear", reason: "no whole answer within 30 s" },
  },
  ignored: Array.from({ length: 9 }, (_, at) => `options.number_${at}`),
  cost: { requests: 9, input: 310, output: 97 },
  served: [],
};

const own: CheckedBackend = {
  address: "127.0.0.1:8080",
  listConfigured: true,
  keys: ["unknown"],
  state: {
    id: "own",
    dialect: "llamacpp",
    because: "the configuration",
    reachable: true,
    models: 1,
    lessons: [],
  },
  model: "m",
  findings: { ...untried, chat: { result: "no", reason: "out of memory" } },
  ignored: [],
  cost: { requests: 2, input: 0, output: 0 },
  served: [],
};

test("a column for each backend, what needs more words below", () => {
  const running = {
    address: "127.0.0.1:9464",
    upstreams: [
      { id: "hosted", lessons: [{ model: "small", what: ["left out top_k", "left out seed"] }] },
      { id: "own", lessons: [] },
    ],
  };
  const routes = [
    {
      name: "smart",
      policy: "weighted" as const,
      targets: [
        { upstream: "hosted", model: "small", listed: "yes" as const },
        { upstream: "own", model: "large", listed: "no" as const },
      ],
      fallback: [{ model: "m", listed: "yes" as const }],
    },
    {
      name: "gpt-*",
      policy: "priority" as const,
      targets: [{ upstream: "hosted", model: "gpt-*", listed: 12 }],
      fallback: [],
    },
    { name: "gone", policy: "priority" as const, targets: [], fallback: [] },
  ];
  expect(checkReport({ backends: [hosted, own], routes, running })).toBe(`
  Backend      hosted                  own
  Address      api.example.com         127.0.0.1:8080
  Reachable    yes                     see below
  Latency      83 ms                   -
  Key valid    2 yes, 1 rejected       unknown
  Dialect      openai                  llamacpp
    known by   its address             the configuration
  Models       87                      1
    chats      small                   m
    embeds     text-embedding-3-small  -
  First token  1.2 s                   -
  Chat         yes                     no
  Streaming    yes                     not tried
  Tools        not called              not tried
  JSON schema  yes                     not tried
  Thinking     no                      not tried
  Vision       no                      not tried
  Embeddings   yes                     not tried
  FIM          unclear                 not tried

  hosted
    Key 1     yes
    Key 2     rejected
    Key 3     yes
    Tools     not called: it answered in words: "It rains."
    Thinking  no: no thoughts are shown
    Vision    no: this model does not support images
    FIM       unclear: no whole answer within 30 s
    Learned   left out top_k, left out logprobs
    Not told  options.number_0, options.number_1, options.number_2, options.number_3,
              options.number_4, options.number_5, options.number_6, options.number_7,
              options.number_8

  own
    Chat  no: out of memory

  Route  Policy    Target        Listed
  smart  weighted  hosted/small  yes
                   own/large     no
                   else m        yes
  gpt-*  priority  hosted/gpt-*  12 models
  gone   priority  nowhere       no

  Routes that may lead nowhere
    smart: own does not list large
    gone: no backend lists it

  Asked in 11 requests: about 310 tokens read and 97 written.

  The proxy at 127.0.0.1:9464 has learned in the last hour:
    hosted  small: left out top_k, left out seed

`);
});

test.for([1, 2, 3, 4, 5, 6, 7, 13])("%i backends fit into 100 columns", (count) => {
  const long = "organisation/a-model-with-a-very-long-name-Instruct-Turbo-FP8:latest";
  const backends = Array.from({ length: count }, (_, at) => ({
    ...hosted,
    model: long,
    optionsProblem: `${"no such thing as ".repeat(20)}${"x".repeat(300)}`,
    state: { ...hosted.state, id: `backend-number-${at}-in-the-rack` },
  }));
  const lines = checkReport({ backends, routes: [] }).split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(lines.filter((line) => line.startsWith("  FIM "))).toHaveLength(Math.ceil(count / 6));
  const cells = lines.find((line) => line.startsWith("  Tools  "))?.match(/not called/g);
  expect(cells).toHaveLength(Math.ceil(count / Math.ceil(count / 6)));
});

test("no control characters of a backend reach the terminal", () => {
  const evil = "\u001B[2J\u001B]0;title\u0007m\r\nall is well\u0000\u009B31m\u202E\u2028\u007F";
  const report = checkReport({
    backends: [
      {
        ...hosted,
        model: evil,
        embeddingModel: evil,
        optionsProblem: evil,
        ignored: [evil],
        findings: { ...hosted.findings, chat: { result: "no", reason: evil } },
        card: [{ fact: evil, value: evil, source: evil }],
        state: { ...hosted.state, problem: evil, lessons: [{ model: evil, what: [evil] }] },
      },
    ],
    routes: [
      { name: evil, policy: "priority", targets: [], fallback: [{ model: evil, listed: "no" }] },
    ],
    unknownModel: evil,
    running: { address: "a", upstreams: [{ id: evil, lessons: [{ model: evil, what: [evil] }] }] },
  });
  expect(report).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  expect(report.split("\n").filter((line) => /^\s*all is well/.test(line))).toEqual([]);
  expect(report).toMatch(/Problem +m all is well/);
  expect(report).toContain("No backend lists m all is well");
  expect(report).not.toMatch(/title|\[2J|31m/);
});

test("nothing below where there is nothing to say", () => {
  const { model: _, ...unasked } = own;
  const cost = { requests: 0, input: 0, output: 0 };
  const report = checkReport({ backends: [{ ...unasked, findings: untried, cost }], routes: [] });
  expect(report).toMatch(/Reachable +not asked\n/);
  expect(report.trimEnd()).toMatch(/FIM +not tried$/);
});

test("all is well where every backend is there, takes its keys, and answers", () => {
  const well: CheckedBackend = { ...hosted, keys: ["yes", "unknown"] };
  expect(isWell(well)).toBe(true);
  expect(isWell({ ...well, findings: untried })).toBe(true);
  expect(isWell({ ...well, keys: ["yes", "rejected"] })).toBe(false);
  expect(isWell({ ...well, state: { ...well.state, problem: "is unreachable" } })).toBe(false);
  expect(isWell({ ...well, state: { ...well.state, models: 0 } })).toBe(false);
  expect(isWell({ ...well, findings: own.findings })).toBe(false);
});

test("nor is it where a route asks a backend for what that does not list", () => {
  const well: CheckedBackend = { ...hosted, keys: ["yes"] };
  const leading = (...listed: Listed[]) => {
    const targets = listed.map((each) => ({ upstream: "hosted", model: "m", listed: each }));
    const fallback = [{ model: "f", listed: "no" as const }];
    const route = { name: "r", policy: "priority" as const, targets, fallback };
    return isAllWell({ backends: [well], routes: [route] });
  };
  expect([leading("yes"), leading("unknown"), leading(2)]).toEqual([true, true, true]);
  expect([leading("yes", "no"), leading(0), leading("no such backend"), leading()]).toEqual([
    false,
    false,
    false,
    false,
  ]);
});
