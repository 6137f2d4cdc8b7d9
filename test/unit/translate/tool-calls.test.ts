import { describe, expect, test } from "vitest";
import { ToolCallAssembler } from "../../../src/translate/tool-calls.ts";

/** The calls that come of fragments, each pushed as a delta of its own. */
function assemble(...fragments: unknown[]) {
  let ids = 0;
  const assembler = new ToolCallAssembler(() => `new${(ids += 1)}`);
  for (const fragment of fragments) assembler.push([fragment]);
  return assembler.end();
}

const call = (index: number, id: string, name: string, values: object) => ({
  type: "tool-call",
  index,
  id,
  name,
  arguments: values,
});

const f = (name: string | null | undefined, text?: unknown) => ({
  function: {
    ...(name === undefined ? {} : { name }),
    ...(text === undefined ? {} : { arguments: text }),
  },
});

describe("fragments make one call", () => {
  test.each<[string, unknown[]]>([
    [
      "by index",
      [
        { index: 0, id: "a", ...f("f", "") },
        { index: 0, ...f(undefined, '{"x":') },
        { index: 0, ...f(undefined, "1}") },
      ],
    ],
    ["all in one", [{ index: 0, id: "a", ...f("f", '{"x":1}') }]],
    ["all in one without an index", [{ id: "a", ...f("f", '{"x":1}') }]],
    [
      "with an empty name later",
      [
        { index: 0, id: "a", ...f("f", "") },
        { index: 0, ...f("", '{"x":1}') },
      ],
    ],
    [
      "with a null name later",
      [
        { index: 0, id: "a", ...f("f", "") },
        { index: 0, ...f(null, '{"x":1}') },
      ],
    ],
    [
      "with an empty id later",
      [
        { index: 0, id: "a", ...f("f", '{"x"') },
        { index: 0, id: "", ...f(undefined, ":1}") },
      ],
    ],
    [
      "whose index starts at 1",
      [
        { index: 1, id: "a", ...f("f", "") },
        { index: 1, ...f(undefined, '{"x":1}') },
      ],
    ],
    [
      "by id, the index missing later",
      [
        { index: 3, id: "a", ...f("f", '{"x"') },
        { id: "a", ...f(undefined, ":1}") },
      ],
    ],
    [
      "with the name repeated",
      [
        { index: 0, id: "a", ...f("f", '{"x"') },
        { index: 0, ...f("f", ":1}") },
      ],
    ],
    [
      "with the name in pieces",
      [
        { index: 0, id: "a", function: { name: "" } },
        { index: 0, ...f("f", "") },
        { index: 0, ...f(undefined, '{"x":1}') },
      ],
    ],
    ["with neither index nor id later", [{ id: "a", ...f("f", '{"x"') }, f(undefined, ":1}")]],
    [
      "with its id after its name",
      [
        { index: 0, ...f("f", '{"x"') },
        { index: 0, id: "a", ...f(undefined, ":1}") },
      ],
    ],
    [
      "with a placeholder first",
      [
        { index: 0, id: "a", ...f("f", "{}") },
        { index: 0, ...f(undefined, '{"x":1}') },
      ],
    ],
    [
      "sent twice",
      [
        { index: 0, id: "a", ...f("f", '{"x":1}') },
        { index: 0, id: "a", ...f("f", '{"x":1}') },
      ],
    ],
    ["with arguments as an object", [{ index: 0, id: "a", ...f("f", { x: 1 }) }]],
    [
      "with an object in place of the text before it",
      [
        { index: 0, id: "a", ...f("f", "") },
        { index: 0, ...f(undefined, { x: 1 }) },
      ],
    ],
    [
      "with an object, sent twice",
      [
        { index: 0, id: "a", ...f("f", { x: 1 }) },
        { index: 0, id: "a", ...f("f", { x: 1 }) },
      ],
    ],
    [
      "with an empty object first, and the name again",
      [
        { index: 0, id: "a", ...f("f", {}) },
        { index: 0, id: "a", ...f("f", { x: 1 }) },
      ],
    ],
    [
      "with the name after every piece",
      [
        { index: 0, id: "a", ...f("f", "") },
        { index: 0, id: "a", ...f("f", '{"x"') },
        { index: 0, id: "a", ...f("f", ":1}") },
        { index: 0, id: "a", ...f("f", "") },
      ],
    ],
    [
      "of an index as text",
      [
        { index: "0", id: "a", ...f("f", '{"x"') },
        { index: 0, ...f(undefined, ":1}") },
      ],
    ],
    [
      "of an index of a billion",
      [
        { index: 1e9, id: "a", ...f("f", '{"x"') },
        { index: 1e9, ...f(undefined, ":1}") },
      ],
    ],
    [
      "of an index that is none",
      [
        { index: {}, id: "a", ...f("f", '{"x"') },
        { index: "x", ...f(undefined, ":1}") },
      ],
    ],
    ["with arguments encoded twice", [{ index: 0, id: "a", ...f("f", JSON.stringify('{"x":1}')) }]],
  ])("%s", (_, fragments) => {
    expect(assemble(...fragments)).toEqual([call(0, "a", "f", { x: 1 })]);
  });

  test("whose name comes in pieces", () => {
    expect(
      assemble({ index: 0, id: "a", ...f("get_") }, { index: 0, ...f("weather", "{}") }),
    ).toEqual([call(0, "a", "get_weather", {})]);
  });

  test.each([undefined, "", " ", "null", "{}", null, [], "[]", {}])(
    "without arguments (%j)",
    (text) => {
      expect(assemble({ index: 0, id: "a", ...f("f", text) })).toEqual([call(0, "a", "f", {})]);
    },
  );
});

describe("fragments make two calls", () => {
  const both = [call(0, "a", "f", { x: 1 }), call(1, "b", "g", { y: 2 })];

  test.each<[string, unknown[]]>([
    [
      "one after the other",
      [
        { index: 0, id: "a", ...f("f", '{"x":1}') },
        { index: 1, id: "b", ...f("g", '{"y":2}') },
      ],
    ],
    [
      "interleaved",
      [
        { index: 0, id: "a", ...f("f", '{"x"') },
        { index: 1, id: "b", ...f("g", '{"y"') },
        { index: 0, ...f(undefined, ":1}") },
        { index: 1, ...f(undefined, ":2}") },
      ],
    ],
    [
      "of one index but two ids",
      [
        { index: 0, id: "a", ...f("f", '{"x":1}') },
        { index: 0, id: "b", ...f("g", '{"y":2}') },
      ],
    ],
    [
      "without an index",
      [
        { id: "a", ...f("f", '{"x":1}') },
        { id: "b", ...f("g", '{"y":2}') },
      ],
    ],
    [
      "of negative indexes",
      [
        { index: -1, id: "a", ...f("f", '{"x":1}') },
        { index: -2, id: "b", ...f("g", '{"y":2}') },
      ],
    ],
  ])("%s", (_, fragments) => {
    expect(assemble(...fragments)).toEqual(both);
  });

  test.each<[string, unknown, unknown]>([
    ["text", '{"x":1}', '{"y":2}'],
    ["objects", { x: 1 }, { y: 2 }],
  ])(
    "with neither index nor id, a new name on a whole call being a new call (arguments as %s)",
    (_, first, second) => {
      expect(assemble({ id: "", ...f("f", first) }, { id: "", ...f("g", second) })).toEqual([
        call(0, "new1", "f", { x: 1 }),
        call(1, "new2", "g", { y: 2 }),
      ]);
    },
  );

  test.each<[string, unknown[]]>([
    [
      "with indexes",
      [
        { index: 0, id: "0", ...f("f", '{"x"') },
        { index: 1, id: "0", ...f("g", '{"y"') },
        { index: 0, id: "0", ...f(null, ":1}") },
        { index: 1, id: "0", ...f(null, ":2}") },
      ],
    ],
    [
      "without",
      [
        { id: "0", ...f("f", { x: 1 }) },
        { id: "0", ...f("g", { y: 2 }) },
      ],
    ],
    [
      "and of one index",
      [
        { index: 0, id: "0", ...f("f", '{"x":1}') },
        { index: 0, id: "0", ...f("g", "") },
        { index: 0, id: "0", ...f(undefined, '{"y":2}') },
      ],
    ],
  ])("of one id, %s, the second with an id of its own", (_, fragments) => {
    expect(assemble(...fragments)).toEqual([
      call(0, "0", "f", { x: 1 }),
      call(1, "new1", "g", { y: 2 }),
    ]);
  });

  test.each<[string, unknown, unknown]>([
    ["text", '{"x":1}', '{"x":2}'],
    ["objects", { x: 1 }, { x: 2 }],
  ])("of one tool and one id, by their arguments (%s)", (_, first, second) => {
    expect(assemble({ id: "0", ...f("f", first) }, { id: "0", ...f("f", second) })).toEqual([
      call(0, "0", "f", { x: 1 }),
      call(1, "new1", "f", { x: 2 }),
    ]);
  });

  test("of one tool, with neither index nor id", () => {
    expect(assemble(f("f", '{"x":1}'), f("f", '{"x":1}'))).toHaveLength(2);
  });

  test("counted from 0 whatever the backend's indexes", () => {
    const calls = assemble(
      { index: 7, id: "a", ...f("f", "{}") },
      { index: 3, id: "b", ...f("g", "{}") },
    );
    expect(calls.map(({ index, name }) => [index, name])).toEqual([
      [0, "f"],
      [1, "g"],
    ]);
  });
});

test("a key named __proto__ is a key like any other", () => {
  const values: unknown = JSON.parse('{"__proto__":{"x":1}}');
  const [one, two] = assemble(
    { index: 0, id: "a", ...f("f", values) },
    { index: 1, id: "b", ...f("f", JSON.stringify(values)) },
  );
  for (const made of [one, two]) {
    expect(JSON.stringify(made?.arguments)).toBe('{"__proto__":{"x":1}}');
    expect(Object.getPrototypeOf(made?.arguments)).toBe(Object.prototype);
  }
});

describe("no call, but an error, comes of", () => {
  const malformed = { code: "upstream_malformed", message: "invalid response from upstream" };
  const badArguments = { code: "upstream_malformed", message: "invalid tool call arguments" };

  test.each<[string, unknown, object]>([
    ["arguments cut short", { index: 0, id: "a", ...f("f", '{"x":') }, badArguments],
    ["arguments that are a list", { index: 0, id: "a", ...f("f", "[1]") }, badArguments],
    ["arguments that are a number", { index: 0, id: "a", ...f("f", "1") }, badArguments],
    ["arguments that are no text", { index: 0, id: "a", ...f("f", 1) }, badArguments],
    ["arguments that are a list of values", { index: 0, id: "a", ...f("f", [1]) }, badArguments],
    [
      "arguments nested 300 deep",
      { index: 0, id: "a", ...f("f", `${'{"a":'.repeat(300)}1${"}".repeat(300)}`) },
      badArguments,
    ],
    ["no name", { index: 0, id: "a", ...f("", "{}") }, malformed],
    ["arguments over 1 MiB", { index: 0, ...f("f", "x".repeat(1024 * 1024 + 1)) }, malformed],
  ])("%s", (_, fragment, error) => {
    expect(() => assemble(fragment)).toThrow(expect.objectContaining(error));
  });

  test("129 calls", () => {
    const many = Array.from({ length: 129 }, (_, index) => ({
      index,
      id: `${index}`,
      ...f("f", "{}"),
    }));
    expect(assemble(...many.slice(1))).toHaveLength(128);
    expect(() => assemble(...many)).toThrow(expect.objectContaining(malformed));
  });
});

test.each([null, undefined, "x", 1, {}, [null], ["x"]])(
  "what is no list of fragments (%j) is nothing",
  (given) => {
    const assembler = new ToolCallAssembler(() => "new");
    assembler.push(given);
    expect(assembler.end()).toEqual([]);
  },
);

describe("of an answer that was stopped", () => {
  const early = (...fragments: unknown[]) => {
    const assembler = new ToolCallAssembler(() => "new");
    assembler.push(fragments);
    return assembler.endEarly();
  };

  test("whole calls are told", () => {
    expect(early({ id: "a", ...f("f", "{}") }, { id: "b", ...f("g", '"{\\"x\\":1}"') })).toEqual([
      call(0, "a", "f", {}),
      call(1, "b", "g", { x: 1 }),
    ]);
  });

  test.each([
    ["half its arguments", f("f", '{"x"')],
    ["no arguments yet", f("f", "")],
    ["no name yet", f("", '{"x":1}')],
    ["arguments that are no object", f("f", "[1]")],
  ])("one with %s is not, and the others are counted without it", (_, half) => {
    expect(early({ id: "a", ...half }, { id: "b", ...f("g", "{}") })).toEqual([
      call(0, "b", "g", {}),
    ]);
  });
});
