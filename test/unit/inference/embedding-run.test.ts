import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { ProxyError, type ErrorCode, type Refusal } from "../../../src/errors.ts";
import { EmbeddingRun, type EmbeddingRunOptions } from "../../../src/inference/embedding-run.ts";

interface Body {
  input: string[];
  dimensions?: number;
}

function refusal(
  message: string,
  extra: Partial<Refusal> = {},
  code: ErrorCode = "upstream_rejected",
) {
  const refused = { status: 400, message, locations: [], ...extra };
  return new ProxyError(code, message, { refusal: refused });
}

/** A backend that gives the length of each text, unless it refuses. */
function backend(refuse: (body: Body) => ProxyError | undefined = () => undefined) {
  const asked: Body[] = [];
  let running = 0;
  let mostRunning = 0;
  return {
    asked,
    getMostRunning: () => mostRunning,
    ask: async (body: object): Promise<unknown> => {
      const { input } = body as Body;
      asked.push(body as Body);
      running += 1;
      mostRunning = Math.max(mostRunning, running);
      await turn();
      running -= 1;
      const refused = refuse(body as Body);
      if (refused) throw refused;
      const data = input.map((text, index) => ({ index, embedding: [text.length] }));
      return { data, usage: { prompt_tokens: input.length } };
    },
  };
}

function run(
  ask: EmbeddingRunOptions["ask"],
  { batch = 2, ...options }: Partial<EmbeddingRunOptions> & { batch?: number } = {},
): EmbeddingRun {
  return new EmbeddingRun({
    model: "m",
    dialect: { batch, dimensions: "dimensions", fields: {} },
    dimensions: 0,
    truncate: true,
    ask,
    malformed: () => new ProxyError("upstream_malformed", "malformed"),
    learned: () => {},
    ...options,
  });
}

async function embed(texts: readonly string[], ...parameters: Parameters<typeof run>) {
  const { vectors, tokens } = await run(...parameters).embed(texts);
  return { lengths: vectors.map(([length]) => length), tokens };
}

function textsOf(count: number): string[] {
  return Array.from({ length: count }, (_, length) => "x".repeat(length + 1));
}

describe("batches", () => {
  test("keep the order and sum the tokens", async () => {
    const { ask, asked } = backend();
    expect(await embed(textsOf(9), ask)).toEqual({
      lengths: [1, 2, 3, 4, 5, 6, 7, 8, 9],
      tokens: 9,
    });
    expect(asked.map(({ input }) => input.length)).toEqual([2, 2, 2, 2, 1]);
  });

  test("run side by side, four at most", async () => {
    const many = backend();
    await embed(textsOf(40), many.ask);
    expect(many.getMostRunning()).toBe(4);
    const few = backend();
    await embed(textsOf(4), few.ask);
    expect(few.getMostRunning()).toBe(2);
  });

  test("count a quarter of the characters where the backend does not count", async () => {
    const ask = async () => ({ data: [{ embedding: [1] }] });
    expect(await embed(["12345"], ask)).toEqual({ lengths: [1], tokens: 2 });
  });
});

/** A backend with a context of so many characters. */
function short(limit: number, message?: (length: number) => string) {
  return backend(({ input }) => {
    const length = Math.max(...input.map((text) => text.length));
    return length > limit ? refusal(message?.(length) ?? "too large") : undefined;
  });
}

describe("a text that is too long", () => {
  test("is found among the others, which stay whole, and is cut", async () => {
    const { ask, asked } = short(10);
    const texts = ["a", "bb", "c".repeat(16), "dddd", "e".repeat(10)];
    expect(await embed(texts, ask, { batch: 5 })).toEqual({ lengths: [1, 2, 8, 4, 10], tokens: 5 });
    expect(asked.map(({ input }) => input.map((text) => text.length))).toEqual([
      [1, 2, 16, 4, 10],
      [1, 2, 16],
      [1, 2],
      [16],
      [8],
      [4, 10],
    ]);
  });

  test("is cut by the figures of the refusal", async () => {
    const { ask, asked } = short(
      100,
      (length) => `input (${length} tokens) is too large (current batch size: 100)`,
    );
    expect(await embed(["x".repeat(2000)], ask)).toEqual({ lengths: [95], tokens: 1 });
    expect(asked).toHaveLength(2);
  });

  test("is cut four times at most", async () => {
    const sixteenth = short(100);
    expect(await embed(["x".repeat(1600)], sixteenth.ask)).toEqual({ lengths: [100], tokens: 1 });
    expect(sixteenth.asked).toHaveLength(5);
    const hopeless = short(99);
    await expect(embed(["x".repeat(1600)], hopeless.ask)).rejects.toMatchObject({
      code: "context_overflow",
      status: 400,
      message: "the input length exceeds the context length",
    });
    expect(hopeless.asked).toHaveLength(5);
  });

  test("is refused where it may not be cut, with as many requests as it takes to know", async () => {
    const { ask, asked } = short(10);
    await expect(embed(["x".repeat(11)], ask, { truncate: false })).rejects.toMatchObject({
      status: 400,
      message: "the input length exceeds the context length",
    });
    expect(asked).toHaveLength(1);
  });

  test("is not seen in a limit of the rate", async () => {
    const { ask, asked } = backend(() => refusal("too large", {}, "upstream_overloaded"));
    await expect(embed(["a", "b"], ask)).rejects.toMatchObject({ status: 503 });
    expect(asked).toHaveLength(1);
  });
});

test("too many texts are asked for in halves, also where they may not be cut", async () => {
  const { ask, asked } = backend(({ input }) =>
    input.length > 2 ? refusal("batch size 5 > maximum allowed batch size 2") : undefined,
  );
  const five = await embed(textsOf(5), ask, { batch: 5, truncate: false });
  expect(five).toEqual({ lengths: [1, 2, 3, 4, 5], tokens: 5 });
  expect(asked.map(({ input }) => input.length)).toEqual([5, 3, 2, 1, 2]);
});

describe("dimensions", () => {
  const inWords = refusal("This model does not support specifying dimensions.");
  const refusals: [form: string, refused: ProxyError][] = [
    ["in words", inWords],
    ["as a parameter", refusal("not permitted", { param: "dimensions" })],
    ["in a list", refusal("Extra inputs are not permitted", { locations: ["dimensions"] })],
  ];

  test.each(refusals)("refused %s are not asked for again", async (_form, refused) => {
    const { ask, asked } = backend(({ dimensions }) => (dimensions === 1 ? refused : undefined));
    const learned = vi.fn<EmbeddingRunOptions["learned"]>();
    const six = await embed(textsOf(6), ask, { batch: 1, dimensions: 1, learned });
    expect(six.lengths).toEqual([1, 2, 3, 4, 5, 6]);
    expect(asked.filter(({ dimensions }) => dimensions === 1)).toHaveLength(4);
    expect(asked).toHaveLength(10);
    expect(learned.mock.calls).toEqual([[{ batch: 1, dimensions: null, fields: {} }]]);
  });

  test("that were not asked for are no reason to ask again", async () => {
    const { ask, asked } = backend(() => inWords);
    await expect(embed(["a"], ask)).rejects.toThrow("specifying dimensions");
    expect(asked).toHaveLength(1);
  });
});

test.each<[answer: string, data: unknown]>([
  ["fewer vectors than texts", [{ embedding: [1] }]],
  ["more", [{ embedding: [1] }, { embedding: [1] }, { embedding: [1] }]],
  ["something that is no vector", [{ embedding: [1] }, { embedding: [null] }]],
])("%s is no answer", async (_answer, data) => {
  await expect(embed(["a", "b"], async () => ({ data }))).rejects.toMatchObject({
    code: "upstream_malformed",
  });
});

test("once a request has failed none follows, those that run are stopped, and all are waited for", async () => {
  const failure = new ProxyError("upstream_failed", "the first");
  let [asked, over] = [0, 0];
  const ask: EmbeddingRunOptions["ask"] = async (_, signal) => {
    asked += 1;
    if (asked === 2) throw failure;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    // A request may take a moment to end.
    await turn();
    over += 1;
    throw new ProxyError("client_closed", "a later one");
  };
  await expect(embed(textsOf(40), ask)).rejects.toBe(failure);
  expect([asked, over]).toEqual([4, 3]);
});
