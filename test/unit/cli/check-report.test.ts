import { expect, test } from "vitest";
import type { CheckedBackend } from "../../../src/cli/check-backend.ts";
import { checkReport } from "../../../src/cli/check-report.ts";

const hosted: CheckedBackend = {
  address: "api.example.com",
  listConfigured: false,
  state: {
    id: "hosted",
    dialect: "openai",
    because: "its address",
    reachable: true,
    models: 87,
    lessons: [{ model: "small", what: ["left out top_k", "left out logprobs"] }],
  },
  request: {
    model: "small",
    milliseconds: 1234,
    ignored: Array.from({ length: 9 }, (_, at) => `options.number_${at}`),
  },
};

const own: CheckedBackend = {
  address: "127.0.0.1:8080",
  listConfigured: true,
  state: {
    id: "own",
    dialect: "llamacpp",
    because: "the configuration",
    reachable: true,
    models: 1,
    lessons: [],
  },
  request: { model: "m", milliseconds: 5, problem: "out of memory", ignored: [] },
};

test("a row for each backend, what needs more words below", () => {
  const running = {
    address: "127.0.0.1:9464",
    upstreams: [
      { id: "hosted", lessons: [{ model: "small", what: ["left out top_k", "left out seed"] }] },
      { id: "own", lessons: [] },
    ],
  };
  expect(checkReport({ backends: [hosted, own], running })).toBe(`
  Backend  Address          Reachable  Dialect                          Models  Request
  hosted   api.example.com  yes        openai (by its address)          87      small answered in 1.2 s
  own      127.0.0.1:8080   see below  llamacpp (by the configuration)  1       m failed

  hosted
    learned  left out top_k, left out logprobs
    not told options.number_0, options.number_1, options.number_2, options.number_3,
             options.number_4, options.number_5, options.number_6, options.number_7,
             options.number_8

  own
    failed   out of memory

  The proxy at 127.0.0.1:9464 has learned in the last hour:
    hosted   small: left out top_k, left out seed

`);
});

test("no control characters of a backend reach the terminal", () => {
  const evil = "\u001B[2J\u001B]0;title\u0007m\r\nall is well\u0000\u009B31m\u202E\u2028\u007F";
  const { request: asked, state } = hosted;
  const report = checkReport({
    backends: [
      {
        ...hosted,
        state: { ...state, problem: evil, lessons: [{ model: evil, what: [evil] }] },
        request: { milliseconds: 1, ...asked, model: evil, problem: evil, ignored: [evil] },
      },
    ],
    unknownModel: evil,
    running: { address: "a", upstreams: [{ id: evil, lessons: [{ model: evil, what: [evil] }] }] },
  });
  expect(report).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  expect(report.split("\n").filter((line) => /^\s*all is well/.test(line))).toEqual([]);
  expect(report).toContain("    problem  m all is well");
  expect(report).toContain("No backend lists m all is well");
  expect(report).not.toMatch(/title|\[2J|31m/);
});

test("nothing below where there is nothing to say", () => {
  const { request: _, ...unasked } = own;
  expect(checkReport({ backends: [unasked] })).toBe(`
  Backend  Address         Reachable  Dialect                          Models  Request
  own      127.0.0.1:8080  not asked  llamacpp (by the configuration)  1       none

`);
});
