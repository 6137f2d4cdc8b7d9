import { describe, expect, test } from "vitest";
import { dialects } from "../../../src/dialects/dialects.ts";
import { ProxyError } from "../../../src/errors.ts";
import { KnownDialect, type ConfiguredDialect } from "../../../src/upstream/known-dialect.ts";

const own = new URL("http://127.0.0.1:8000/v1");
const hosted = new URL("https://example.com/v1");
const vllmList = { data: [{ id: "m", object: "model", max_model_len: 4096 }] };
const nimHealth = { object: "health.response", message: "Service is ready." };

function answering(bodies: Readonly<Record<string, unknown>>) {
  return (path: string) =>
    path in bodies ? Promise.resolve(bodies[path]) : Promise.reject(new Error("404"));
}

function known(config: ConfiguredDialect, url = own): KnownDialect {
  return new KnownDialect(config, url);
}

describe("a backend is recognised", () => {
  test("by a route that is surer than its list: NIM, which has that of vLLM", async () => {
    const dialect = known({});
    await dialect.recognise(vllmList, answering({ "origin:/v1/health/ready": nimHealth }));
    expect([dialect.id, dialect.because]).toEqual(["nim", "its routes"]);
  });

  test("by its list, where no surer route answers", async () => {
    const dialect = known({});
    await dialect.recognise(vllmList, answering({ "origin:/api/tags": { models: [] } }));
    expect([dialect.id, dialect.because]).toEqual(["vllm", "its model list"]);
  });

  test("only by its list, where it is another's", async () => {
    const dialect = known({}, hosted);
    const asked: string[] = [];
    await dialect.recognise(vllmList, (path) => {
      asked.push(path);
      return Promise.resolve(nimHealth);
    });
    expect([dialect.id, asked]).toEqual(["vllm", []]);
  });

  test("not where the configuration names it", async () => {
    const dialect = known({ dialect: "generic-local" });
    await dialect.recognise(vllmList, answering({ "origin:/v1/health/ready": nimHealth }));
    expect([dialect.id, dialect.because]).toEqual(["generic-local", "the configuration"]);
  });

  test("once it is there, and then no more", async () => {
    const dialect = known({});
    const gone = () => Promise.reject(new ProxyError("upstream_unreachable", "gone"));
    await dialect.recognise(undefined, gone);
    expect(dialect.id).toBe("generic-local");
    await dialect.recognise(undefined, answering({ "/models": vllmList }));
    expect(dialect.id).toBe("vllm");
    await dialect.recognise(undefined, answering({ "origin:/v1/health/ready": nimHealth }));
    expect(dialect.id).toBe("vllm");
  });

  test("never, if it was there and gave no sign", async () => {
    const dialect = known({});
    await dialect.recognise(undefined, answering({}));
    await dialect.recognise(vllmList, answering({}));
    expect([dialect.id, dialect.because]).toEqual(["generic-local", "its address alone"]);
  });
});

describe("overrides", () => {
  const base = dialects["generic-local"];

  test("of a table change the rows they name", () => {
    const dialect = known({
      overrides: {
        options: { typical_p: ["typical"], top_k: ["k"] },
        ranges: { k: [1, 50] },
        think: { max: { effort: "all" } },
      },
    }).of("m", { overrides: { ranges: { typical: [0, 1] }, think: { high: { effort: "much" } } } });
    expect(dialect).toEqual({
      ...base,
      options: { ...base.options, typical_p: ["typical"], top_k: ["k"] },
      ranges: { k: [1, 50], typical: [0, 1] },
      think: { ...base.think, max: { effort: "all" }, high: { effort: "much" } },
    });
  });

  test("take a row away: an empty list an option, `null` a range and a value of `think`", () => {
    const { options, ranges, think } = known({
      dialect: "llama-cpp-python",
      overrides: { options: { top_k: [] }, ranges: { top_k: null }, think: { low: { a: 1 } } },
    }).of("m", { overrides: { think: { low: null, false: {} } } });
    expect(dialects["llama-cpp-python"].ranges).toHaveProperty("top_k");
    expect(options).toEqual({ ...dialects["llama-cpp-python"].options, top_k: [] });
    expect(ranges).toEqual({});
    expect(think).toEqual({ false: {} });
  });

  test("of other fields replace them, the model's over its backend's", () => {
    const dialect = known({ overrides: { max_stops: 1, prefill: null, tools: false } });
    expect(dialect.of("m", { overrides: { max_stops: 2 } })).toMatchObject({
      max_stops: 2,
      prefill: null,
      tools: false,
    });
  });

  test("are laid under what was learned, which replaces whole fields", () => {
    const learned = { options: { seed: ["seed"] }, think: {} };
    const dialect = known({ overrides: { options: { seed: ["random_seed"] } } });
    expect(dialect.of("m", { overrides: { think: { true: { a: 1 } } } }, learned)).toEqual({
      ...base,
      ...learned,
    });
  });
});

test("a model's own dialect has the variants that its name tells", () => {
  const dialect = known({}, hosted);
  expect(dialect.of("gpt-5", { dialect: "openai" })).toMatchObject({
    id: "openai-reasoning",
    max_stops: 0,
    think: { false: { reasoning_effort: "minimal" } },
  });
  expect(dialect.of("gpt-4o", { dialect: "openai" }).id).toBe("openai");
  expect(dialect.of("gpt-5").id).toBe("generic");
});
